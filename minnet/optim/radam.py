"""RAdam: Adam that waits until it knows the variance of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minnet.optim.counted import Counted, decays, numbers, sign
from minnet.optim.optimizer import Group, options


class RAdam(Counted):
    """RAdam: Adam, rectified for the few squares that its first steps are scaled by.

    With m and v as `Adam`'s, t the number of the step, r = 2 / (1 - beta2) - 1 and
    r[t] = r - 2 t beta2^t / (1 - beta2^t):

        d = m / (1 - beta1^t)
        p = p - lr d                                                         while r[t] <= 5, and
        p = p - lr d sqrt(1 - beta2^t) / (sqrt(v) + eps)
              sqrt((r[t] - 4) (r[t] - 2) r / ((r - 4) (r - 2) r[t]))         later

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        betas: beta1 and beta2.
        eps: keeps the divisor from zero.
        weight_decay: the factor of the decay.
        decoupled_weight_decay: decay the parameter itself, as `AdamW`.
        maximize: ascend.
        foreach, capturable: change nothing.
        differentiable: False.

    Raises:
        TypeError: if an option is of a wrong type.
        ValueError: if one is out of range.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        >>> optimizer = minnet.optim.RAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000, 1.6000])
    """

    MOMENTS = ("exp_avg", "exp_avg_sq")
    REQUIRED = ("step", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, options(locals()))

    def plan(self, group: Group, *counters: float) -> Any:
        t, (beta1, beta2) = counters[0] + 1, group["betas"]
        lr, eps = numbers(group, "lr", "eps")
        left = 1 - beta2**t
        r = 2 / (1 - beta2) - 1
        now = r - 2 * t * beta2**t / left
        share = ((now - 4) * (now - 2) * r / ((r - 4) * (r - 2) * now)) if now > 5.0 else 0.0
        fixed = 1 - beta1, beta2, 1 - beta2, 1 - beta1**t, lr, math.sqrt(left), eps
        return "radam", (t,), (*fixed, math.sqrt(share), *decays(group), sign(group))
