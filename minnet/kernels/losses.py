"""Binary cross-entropy of one logit, and its derivative: one source for CPU and CUDA.

All arguments are float32, or all are float64.
"""

from __future__ import annotations

from typing import Any

from minnet.kernels.jit import device
from minnet.kernels.numeric import exp, like, log1p, product, sigmoid
from minnet.kernels.simd import fma


@device
def bce_with_logits(x: Any, target: Any, weight: Any, positive: Any) -> Any:
    one, zero = like(x, 1.0), like(x, 0.0)
    log_sigmoid = (zero if x > zero else x) - log1p(exp(-abs(x)))
    scaled = log_sigmoid * fma(positive - one, target, one)
    return weight * fma(one - target, x, -scaled)


@device
def bce_with_logits_backward(dy: Any, x: Any, target: Any, weight: Any, positive: Any) -> Any:
    one = like(x, 1.0)
    share = product(positive, target)
    return dy * (weight * fma(share + one - target, sigmoid(x), -share))
