"""ASGD: stochastic gradient descent that also averages the parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from minnet.optim.counted import Counted, numbers, sign
from minnet.optim.optimizer import Group, finite, options


class ASGD(Counted):
    """Averaged stochastic gradient descent. The average of parameter p is `state[p]["ax"]`.

    With gradient g (negated for `maximize`), and t the number of the step:

        g = g + weight_decay p
        p = (1 - lambd eta) p - eta g
        ax = ax + mu (p - ax)
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)          for the next step

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the first rate.
        lambd: the decay of rate and parameter.
        alpha: the exponent of the rate.
        t0: the step that the average begins at.
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
        >>> optimizer = minnet.optim.ASGD([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000, 1.6000])
    """

    COUNTERS: ClassVar[dict[str, float]] = {"step": 0.0, "eta": 0.0, "mu": 1.0}
    MOMENTS = ("ax",)
    REQUIRED = ("step", "eta", "mu", "ax")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def check(self, group: Group) -> None:
        super().check(group)
        finite({name: group[name] for name in ("lambd", "t0")}, least=-np.inf)

    def begin(self, group: Group, name: str) -> float:
        return float(group["lr"]) if name == "eta" else super().begin(group, name)

    def plan(self, group: Group, *counters: float) -> Any:
        step, eta, mu = counters
        t = step + 1
        lr, lambd, alpha, t0, decay = numbers(group, "lr", "lambd", "alpha", "t0", "weight_decay")
        after = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
        return "asgd", (t, *after), (-eta, 1 - lambd * eta, mu, decay, sign(group))
