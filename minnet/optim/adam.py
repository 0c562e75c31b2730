"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.optim.optimizer import Group, Optimizer, not_negative, options, row, trained, written
from minnet.tensor import Tensor
from minnet.variable import wrap


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
        foreach, capturable, differentiable, fused: accepted for torch's sake, as their defaults.

    Raises:
        ValueError: if an option is out of range.

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
        defaults = options(locals()) | {"betas": tuple(betas)}
        not_negative({"learning rate": lr, "epsilon value": eps})
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        not_negative({"weight_decay value": weight_decay})
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for values in self.state.values():
            if values and not isinstance(values["step"], Tensor):  # a number, in old files
                values["step"] = _counter(float(values["step"]))

    def update(self, group: Group) -> None:
        lr, (beta1, beta2) = float(group["lr"]), map(float, group["betas"])
        eps, decay = float(group["eps"]), float(group["weight_decay"])
        decoupled, maximize = group["decoupled_weight_decay"], group["maximize"]
        found = trained(group)
        names = self.MOMENTS if group["amsgrad"] else self.MOMENTS[:2]
        # By device, by dtype, and by the number of the step.
        rows: dict[tuple[type, np.dtype, float], list[Any]] = {}
        steps = []
        for p, w, g in found:
            state = self.state[p]
            if not state:
                state["step"] = _counter(0.0)
            step = state["step"].array
            t = step.item() + 1
            steps.append((step, t))
            rows.setdefault((type(w), w.dtype, t), []).append(row(w, g, state, names))
        for (_, _, t), alike in rows.items():
            kernels.of(alike[0][0]).adam_step(
                *(alike, lr, beta1, beta2, eps, decay, t, group["amsgrad"], decoupled, maximize)
            )
        for step, t in steps:
            step.fill(t)
        written(found)


class AdamW(Adam):
    """Adam with decoupled weight decay: p = (1 - lr weight_decay) p before each of `Adam`'s steps.

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). The options are `Adam`'s,
    and the decay is 0.01 unless given.

    Raises:
        ValueError: if an option is out of range.

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


def _counter(value: float) -> Tensor:
    return wrap(np.array(value, dtypes.get_default_dtype().numpy))
