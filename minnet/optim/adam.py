"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from minnet import kernels
from minnet.optim.optimizer import (
    Group,
    Optimizer,
    counter,
    finite,
    flags,
    options,
    row,
    trained,
    written,
)
from minnet.tensor import Tensor
from minnet.variable import read_only


class Adam(Optimizer):
    """Adam: each element's step is its average gradient over the root of its average square.

    With gradient g (negated for `maximize`), parameter p, and t the number of the step:

        g = g + weight_decay p                  (if decoupled, p = (1 - lr weight_decay) p instead)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015). With `amsgrad` the largest v
    so far stands for v: Reddi, Kale and Kumar, "On the convergence of Adam and beyond" (2018).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        betas: beta1 and beta2.
        eps: keeps the divisor from zero.
        weight_decay: the factor of the decay.
        amsgrad: divide by the largest v so far.
        maximize: ascend.
        decoupled_weight_decay: decay the parameter itself, as `AdamW`.
        foreach, capturable, fused: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.Adam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000, 1.9000])
    """

    MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    REQUIRED = ("step", "exp_avg", "exp_avg_sq")
    COUNTERS: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(params, options(locals()) | {"betas": tuple(betas)})

    def check(self, group: Group) -> None:
        finite({"learning rate": group["lr"], "epsilon value": group["eps"]})
        if len(group["betas"]) != 2:
            raise ValueError(f"Invalid betas: expected two, got {group['betas']}")
        betas = {f"beta parameter at index {i}": beta for i, beta in enumerate(group["betas"])}
        finite(betas, end=1.0)
        finite({"weight_decay value": group["weight_decay"]})
        flags(group, "amsgrad", "maximize", "decoupled_weight_decay")

    def update(self, group: Group) -> Iterator[None]:
        (beta1, beta2), decoupled = group["betas"], group["decoupled_weight_decay"]
        lr, eps, decay = group["lr"], group["eps"], group["weight_decay"]
        float(0.0 + lr + beta1 + beta2 + eps + decay)  # refuses what is no number
        found = trained(group)
        fresh: dict[Tensor, dict[str, Any]] = {}
        names = self.MOMENTS if group["amsgrad"] else self.MOMENTS[:2]
        # By device, by dtype, and by the number of the step.
        rows: defaultdict[tuple[type, np.dtype, float], list[Any]] = defaultdict(list)
        steps = []
        for p, w, g in found:
            state = self.state.get(p) or fresh.setdefault(p, {"step": counter(0.0)})
            step = state["step"].array
            if not step.flags.writeable:
                raise read_only("the step of a parameter")
            t = step.item() + 1
            steps.append((step, t))
            rows[type(w), w.dtype, t].append(row(p, w, g, state, fresh, names))
        yield
        for p, new in fresh.items():
            self.state[p].update(new)
        amsgrad, maximize = group["amsgrad"], group["maximize"]
        for (_, _, t), alike in rows.items():
            kernels.of(alike[0][0]).adam_step(
                *(alike, lr, beta1, beta2, eps, decay, t, amsgrad, decoupled, maximize)
            )
        for step, t in steps:
            step[()] = t  # in a third of the time that `fill` takes
        written(found)


class AdamW(Adam):
    """Adam with decoupled weight decay: p = (1 - lr weight_decay) p before each of `Adam`'s steps.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). The options are `Adam`'s,
    and the decay is 0.01 unless given.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.AdamW([p], lr=0.1, weight_decay=0.5)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8500, 1.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **more: Any,
    ):
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, **more, decoupled_weight_decay=True
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # whatever was loaded, as torch
            group["decoupled_weight_decay"] = True
