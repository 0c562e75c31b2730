"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

import numpy as np

from minnet import kernels
from minnet.optim.optimizer import Group, Optimizer, finite, flags, options, row, trained, written
from minnet.tensor import Tensor

_options = itemgetter("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    With gradient g (negated for `maximize`), parameter p and buffer b:

        d = g + weight_decay p
        b = d in the first step, then momentum b + (1 - dampening) d
        p = p - lr (d + momentum b  with `nesterov`,  b  with momentum,  else d)

    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning" (2013).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        momentum: the factor of the buffer; 0 keeps none.
        dampening: how much of the gradient is held back from the buffer.
        weight_decay: the factor of the L2 penalty's gradient.
        nesterov: take Nesterov's momentum.
        maximize: ascend.
        foreach, fused: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.SGD([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000, 1.6000])
    """

    MOMENTS = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, options(locals()))

    def check(self, group: Group) -> None:
        lr, momentum, dampening, decay, nesterov, _ = _options(group)
        finite({"learning rate": lr, "momentum value": momentum, "weight_decay value": decay})
        finite({"dampening": dampening}, least=-math.inf)
        flags(group, "nesterov", "maximize")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def update(self, group: Group) -> Iterator[None]:
        lr, momentum, dampening, decay, nesterov, maximize = _options(group)
        float(0.0 + lr + momentum + dampening + decay)  # refuses what is no number
        found = trained(group)
        fresh: dict[Tensor, dict[str, Any]] = {}
        # By device, by dtype, and by whether it is the buffer's first step.
        rows: defaultdict[tuple[type, np.dtype, bool], list[Any]] = defaultdict(list)
        for p, w, g in found:
            if not momentum:
                rows[type(w), w.dtype, False].append((w, g))
                continue
            state = self.state.get(p, {})
            first = state.get("momentum_buffer") is None and p not in fresh
            rows[type(w), w.dtype, first].append(row(p, w, g, state, fresh, self.MOMENTS))
        yield
        for p, new in fresh.items():
            self.state[p].update(new)
        for (_, _, first), alike in rows.items():
            kernels.of(alike[0][0]).sgd_step(
                *(alike, lr, momentum, dampening, decay, nesterov, first, maximize)
            )
        written(found)
