"""`Counted`: what most optimizers do, which keep a parameter's number of steps and run a kernel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from minnet import kernels
from minnet.optim.optimizer import Group, Optimizer, counter, finite, flags, row, trained, written
from minnet.tensor import Tensor
from minnet.variable import read_only, wrap


class Counted(Optimizer):
    """The base of optimizers whose step is a formula of `kernels/updates.py`.

    A subclass gives `plan`, and says in `COUNTERS` with which numbers a parameter's state begins,
    and in `MOMENTS` which arrays the formula takes.
    """

    COUNTERS: ClassVar[dict[str, float]] = {"step": 0.0}

    def __init__(self, params: Any, defaults: dict[str, Any]):
        if "betas" in defaults:
            defaults["betas"] = tuple(defaults["betas"])
        super().__init__(params, defaults)

    def check(self, group: Group) -> None:
        names = {"lr": "learning rate", "eps": "epsilon value"}
        names |= {n: f"{n} value" for n in ("weight_decay", "momentum", "lr_decay")}
        names |= {"momentum_decay": "momentum_decay value", "alpha": "alpha value"}
        finite({name: group[key] for key, name in names.items() if key in group})
        if "betas" in group:
            if len(group["betas"]) != 2:
                raise ValueError(f"Invalid betas: expected two, got {group['betas']}")
            betas = {f"beta parameter at index {i}": b for i, b in enumerate(group["betas"])}
            finite(betas, end=1.0)
        flags(group, *({"maximize", "centered", "decoupled_weight_decay"} & group.keys()))

    def kept(self, group: Group) -> tuple[str, ...]:
        """Return the arrays that the formula takes with a group's options."""
        return self.MOMENTS

    def begin(self, group: Group, name: str) -> float:
        """Return the number that a counter or an array of a parameter's state begins with."""
        return self.COUNTERS.get(name, 0.0)

    def plan(
        self, group: Group, *counters: float
    ) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
        """Return the formula of a step, the new counters, and the formula's numbers."""
        raise NotImplementedError

    def new_state(self, group: Group, p: np.ndarray) -> dict[str, Tensor]:
        """Return what is kept of a parameter before its first step."""
        state = {name: counter(self.begin(group, name)) for name in self.COUNTERS}
        for name in self.kept(group):
            array = np.zeros_like(p, order="C")
            if self.begin(group, name):
                array.fill(self.begin(group, name))
            state[name] = wrap(array)
        return state

    def update(self, group: Group) -> Iterator[None]:
        names, found = self.kept(group), trained(group)
        fresh: dict[Tensor, dict[str, Any]] = {}
        # By device, by dtype, and by the counters.
        alike: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for p, w, g in found:
            state = self.state.get(p) or fresh.get(p)
            if not state:
                state = fresh[p] = self.new_state(group, w)
            counters = [state[name].array for name in self.COUNTERS]
            for array in counters:
                if not array.flags.writeable:
                    raise read_only("the state of a parameter")
            key = type(w), w.dtype, *[array.item() for array in counters]
            alike[key].append((row(p, w, g, state, fresh, names), counters))
        plans = [(self.plan(group, *key[2:]), steps) for key, steps in alike.items()]
        yield
        for p, new in fresh.items():
            self.state[p].update(new)
        for (formula, new_counters, numbers), steps in plans:
            rows = [arrays for arrays, _ in steps]
            kernels.of(rows[0][0]).update(formula, rows, *numbers)
            for _, counters in steps:
                for array, value in zip(counters, new_counters, strict=True):
                    array[()] = value
        written(found)


def numbers(group: Group, *names: str) -> list[float]:
    """Return options as floats.

    Raises:
        TypeError: if one is no number.
    """
    return [float(0.0 + group[name]) for name in names]


def sign(group: Group) -> float:
    """Return the factor of the gradient: -1 to go up."""
    return -1.0 if group["maximize"] else 1.0


def decays(group: Group) -> tuple[float, float]:
    """Return how much of the parameter joins the gradient, and the factor of the parameter."""
    lr, decay = numbers(group, "lr", "weight_decay")
    return (0.0, 1 - lr * decay) if group["decoupled_weight_decay"] else (decay, 1.0)
