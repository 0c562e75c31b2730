"""RMSprop: steps scaled by a running average of the gradient's square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, numbers, sign
from minnet.optim.optimizer import Group, options


class RMSprop(Counted):
    """RMSprop: each element's step is its gradient over the root of its average square.

    With gradient g (negated for `maximize`) and parameter p:

        g = g + weight_decay p
        v = alpha v + (1 - alpha) g²
        d = g / (sqrt(v) + eps), or with `centered` g / (sqrt(v - a²) + eps), a the average of g
        b = momentum b + d
        p = p - lr (b with momentum, else d)

    Hinton, "Neural networks for machine learning", lecture 6 (2012); centered: Graves, "Generating
    sequences with recurrent neural networks" (2013).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        alpha: how much of the average is kept.
        eps: keeps the divisor from zero.
        weight_decay: the factor of the L2 penalty's gradient.
        momentum: the factor of the buffer; 0 keeps none.
        centered: divide by the standard deviation.
        maximize: ascend.
        capturable, foreach: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.RMSprop([p], lr=0.05)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.5000, 1.5000])
    """

    MOMENTS = ("square_avg", "grad_avg", "momentum_buffer")
    REQUIRED = ("step", "square_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def kept(self, group: Group) -> tuple[str, ...]:
        with_mean = ("grad_avg",) if group["centered"] else ()
        with_buffer = ("momentum_buffer",) if group["momentum"] else ()
        return ("square_avg", *with_mean, *with_buffer)

    def plan(self, group: Group, *counters: float) -> Any:
        (step,) = counters
        names = "lr", "alpha", "eps", "weight_decay", "momentum"
        lr, alpha, eps, decay, keep = numbers(group, *names)
        name = {1: "rmsprop", 3: "rmsprop_both"}.get(len(self.kept(group)))
        name = name or ("rmsprop_centered" if group["centered"] else "rmsprop_momentum")
        return name, (step + 1,), (-lr, alpha, 1 - alpha, eps, keep, decay, sign(group))
