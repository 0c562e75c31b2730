"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import numpy as np

from minnet import kernels
from minnet.optim.optimizer import Group, Optimizer, not_negative, options, row, trained, written
from minnet.variable import wrap

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
        foreach, differentiable, fused: accepted for torch's sake, as their defaults.

    Raises:
        ValueError: if an option is out of range.

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
        defaults = options(locals())
        checked = {"learning rate": lr, "momentum value": momentum}
        not_negative({**checked, "weight_decay value": weight_decay})
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    def update(self, group: Group) -> None:
        lr, momentum, dampening, decay, nesterov, maximize = _options(group)
        found = trained(group)
        # By device, by dtype, and by whether it is the buffer's first step.
        rows: dict[tuple[type, np.dtype, bool], list[Any]] = {}
        for p, w, g in found:
            if not momentum:
                rows.setdefault((type(w), w.dtype, False), []).append((w, g))
                continue
            state = self.state[p]
            first = state.get("momentum_buffer") is None
            if first:
                state["momentum_buffer"] = wrap(np.empty_like(w, order="C"))
            rows.setdefault((type(w), w.dtype, first), []).append(row(w, g, state, self.MOMENTS))
        for (_, _, first), alike in rows.items():
            k = kernels.of(alike[0][0])
            k.sgd_step(
                *(alike, float(lr), momentum, dampening, float(decay), nesterov, first, maximize)
            )
        written(found)
