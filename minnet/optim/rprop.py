"""Rprop: steps that know the sign of the gradient only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, sign
from minnet.optim.optimizer import Group, finite, options


class Rprop(Counted):
    """Rprop: each element's step grows while its gradient keeps its sign, and shrinks when not.

    With gradient g (negated for `maximize`), the one before, g', and step size s:

        s = s etas[1] if g g' > 0, s etas[0] if g g' < 0, both within `step_sizes`
        g = 0 if g g' < 0
        p = p - sign(g) s

    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm" (1993). It is for gradients of all data, not of batches.

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the first step.
        etas: the factors of a step that shrinks and of one that grows.
        step_sizes: the least step and the largest one.
        maximize: ascend.
        capturable, foreach: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, -2.0]))
        >>> optimizer = minnet.optim.Rprop([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([ 0.9000, -1.9000])
    """

    MOMENTS = ("prev", "step_size")
    REQUIRED = ("step", "prev", "step_size")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def check(self, group: Group) -> None:
        super().check(group)
        (minus, plus), (least, most) = group["etas"], group["step_sizes"]
        if not 0.0 < minus < 1.0 < plus:
            raise ValueError(f"Invalid eta values: {minus}, {plus}")
        finite({"step size": least, "largest step size": most})

    def begin(self, group: Group, name: str) -> float:
        return float(group["lr"]) if name == "step_size" else 0.0

    def plan(self, group: Group, *counters: float) -> Any:
        limits = (*group["etas"], *group["step_sizes"])
        return "rprop", (counters[0] + 1,), (*map(float, limits), sign(group))
