"""Adamax: Adam, scaled by the largest gradients so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, numbers, sign
from minnet.optim.optimizer import Group, options


class Adamax(Counted):
    """Adamax: each element's step is its average gradient over its largest one, which decays.

    With gradient g (negated for `maximize`), parameter p, and t the number of the step:

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g
        u = max(beta2 u, |g| + eps)
        p = p - lr / (1 - beta1^t) m / u

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), section 7.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        betas: beta1 and beta2.
        eps: keeps the divisor from zero.
        weight_decay: the factor of the L2 penalty's gradient.
        maximize: ascend.
        foreach, capturable: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.Adamax([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000, 1.9000])
    """

    MOMENTS = ("exp_avg", "exp_inf")
    REQUIRED = ("step", "exp_avg", "exp_inf")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def plan(self, group: Group, *counters: float) -> Any:
        t, (beta1, beta2) = counters[0] + 1, group["betas"]
        lr, eps, decay = numbers(group, "lr", "eps", "weight_decay")
        rate = lr / (1 - beta1**t)
        return "adamax", (t,), (-rate, 1 - beta1, beta2, eps, decay, sign(group))
