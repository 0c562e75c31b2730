"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from minnet.optim.counted import Counted, decays, numbers, sign
from minnet.optim.optimizer import Group, counter, options


class NAdam(Counted):
    """NAdam: Adam whose average gradient is taken where the momentum leads to.

    With gradient g (negated for `maximize`), parameter p, and t the number of the step:

        g = g + weight_decay p                  (if decoupled, p = (1 - lr weight_decay) p instead)
        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        mu[t] = beta1 (1 - 0.96^(t momentum_decay) / 2)
        d = mu[t + 1] m / (1 - mu[1] ... mu[t + 1]) + (1 - mu[t]) g / (1 - mu[1] ... mu[t])
        p = p - lr d / (sqrt(v / (1 - beta2^t)) + eps)

    Dozat, "Incorporating Nesterov momentum into Adam" (2016).

    Args:
        params: tensors, (name, tensor) pairs, or dicts that describe groups.
        lr: the learning rate.
        betas: beta1 and beta2.
        eps: keeps the divisor from zero.
        weight_decay: the factor of the decay.
        momentum_decay: how fast mu comes to beta1.
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
        >>> optimizer = minnet.optim.NAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8944, 1.8944])
    """

    COUNTERS: ClassVar[dict[str, float]] = {"step": 0.0, "mu_product": 1.0}
    MOMENTS = ("exp_avg", "exp_avg_sq")
    REQUIRED = ("step", "mu_product", "exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        lr, eps, rise = numbers(group, "lr", "eps", "momentum_decay")
        mu, after = (beta1 * (1.0 - 0.5 * 0.96 ** (n * rise)) for n in (t, t + 1))
        # Both rounded as the state is, where the next step finds the product.
        so_far = counter(counters[1] * counter(mu).item()).item()
        by_d, by_m = -lr * (1.0 - mu) / (1.0 - so_far), -lr * after / (1.0 - so_far * after)
        fixed = 1 - beta1, beta2, 1 - beta2, 1 - beta2**t, eps
        return "nadam", (t, so_far), (*fixed, by_d, by_m, *decays(group), sign(group))
