"""Adadelta: steps scaled by the average of past steps over that of past gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, numbers, sign
from minnet.optim.optimizer import Group, finite, options


class Adadelta(Counted):
    """Adadelta: each element's step has the size of its past steps.

    With gradient g (negated for `maximize`) and parameter p:

        g = g + weight_decay p
        v = rho v + (1 - rho) g²
        d = sqrt(u + eps) / sqrt(v + eps) g
        u = rho u + (1 - rho) d²
        p = p - lr d

    Zeiler, "ADADELTA: an adaptive learning rate method" (2012).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the factor of the steps.
        rho: how much of the averages is kept, in [0, 1].
        eps: what the averages begin with, and keeps the divisor from zero.
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
        >>> optimizer = minnet.optim.Adadelta([p], eps=0.01)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.6877, 1.6848])
    """

    MOMENTS = ("square_avg", "acc_delta")
    REQUIRED = ("step", "square_avg", "acc_delta")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def check(self, group: Group) -> None:
        super().check(group)
        finite({"rho value": group["rho"]})
        if group["rho"] > 1:
            raise ValueError(f"Invalid rho value: {group['rho']}")

    def plan(self, group: Group, *counters: float) -> Any:
        (step,) = counters
        lr, rho, eps, decay = numbers(group, "lr", "rho", "eps", "weight_decay")
        return "adadelta", (step + 1,), (-lr, rho, 1 - rho, eps, decay, sign(group))
