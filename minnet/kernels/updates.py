"""One parameter's step of each optimizer: one source for CPU and CUDA.

The formulas are torch's (single-tensor form), in its order of operations. Where torch's vector path
fuses a multiply and an add, so does this, and nothing else is ever contracted. All numbers have the
type of the parameter.
"""

from __future__ import annotations

import math
from typing import Any

from minnet.kernels.jit import device
from minnet.kernels.numeric import like, product
from minnet.kernels.simd import fma


@device
def direction(p: Any, g: Any, decay: Any, sign: Any) -> Any:
    """Return the gradient that is followed: ±g + decay p."""
    d = sign * g
    return fma(decay, p, d) if decay != like(p, 0.0) else d


@device
def sgd(p: Any, g: Any, down: Any, decay: Any, sign: Any) -> Any:
    """Return the parameter after a step; `down` is -lr."""
    return fma(down, direction(p, g, decay, sign), p)


@device
def momentum(
    p: Any, g: Any, buf: Any, down: Any, keep: Any, share: Any, decay: Any, nesterov: Any,
    first: Any, sign: Any,
) -> Any:  # fmt: skip
    """Return the parameter and its buffer after a step with momentum `keep`."""
    d = direction(p, g, decay, sign)
    b = d if first else fma(share, d, product(keep, buf))
    d = fma(keep, b, d) if nesterov else b
    return fma(down, d, p), b


@device
def adam(
    p: Any, g: Any, m: Any, v: Any, highest: Any, share1: Any, beta2: Any, share2: Any,
    root: Any, eps: Any, step: Any, decay: Any, shrink: Any, sign: Any, amsgrad: Any,
) -> Any:  # fmt: skip
    """Return the parameter, both moments and the highest second one after a step."""
    w = product(p, shrink)
    d = direction(w, g, decay, sign)
    # torch's lerp takes the end that is nearer, so that it is exact at both
    rest = like(p, 1.0) - share1
    a = fma(share1, d - m, m) if share1 < like(p, 0.5) else fma(-(d - m), rest, d)
    b = fma(share2 * d, d, product(beta2, v))
    high = (b if (b > highest) | (b != b) else highest) if amsgrad else b
    return w + step * a / (math.sqrt(high) / root + eps), a, b, high
