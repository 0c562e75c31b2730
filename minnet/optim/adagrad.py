"""Adagrad: steps scaled by the sum of all squares of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, numbers, sign
from minnet.optim.optimizer import Group, finite, options


class Adagrad(Counted):
    """Adagrad: each element's step is its gradient over the root of the sum of its squares.

    With gradient g (negated for `maximize`), parameter p, and t the number of the step:

        g = g + weight_decay p
        s = s + g²
        p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization" (2011).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        lr_decay: how much the rate falls with the number of steps.
        weight_decay: the factor of the L2 penalty's gradient.
        initial_accumulator_value: what the sum begins with.
        eps: keeps the divisor from zero.
        maximize: ascend.
        foreach, fused: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.Adagrad([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000, 1.9000])
    """

    MOMENTS = ("sum",)
    REQUIRED = ("step", "sum")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, options(locals()))
        for group in self.param_groups:  # as torch: the state is there before the first step
            for p in group["params"]:
                self.state[p].update(self.new_state(group, p.array))

    def check(self, group: Group) -> None:
        super().check(group)
        finite({"initial_accumulator_value value": group["initial_accumulator_value"]})

    def begin(self, group: Group, name: str) -> float:
        return float(group["initial_accumulator_value"]) if name == "sum" else 0.0

    def plan(self, group: Group, *counters: float) -> Any:
        (step,) = counters
        lr, fall, decay, eps = numbers(group, "lr", "lr_decay", "weight_decay", "eps")
        rate = lr / (1 + step * fall)
        return "adagrad", (step + 1,), (-rate, eps, decay, sign(group))
