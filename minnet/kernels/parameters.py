"""What the kernels of a fill take, of what a user gives: the numbers of a distribution, rounded.

The same for CPU and CUDA.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from minnet.kernels.draws import UNIT


def computing(dtype: np.dtype) -> Any:
    """Return the type in which a fill is computed: half types are, in float32, rounded once."""
    return np.float64 if dtype == np.float64 else np.float32


@lru_cache(maxsize=256)
def uniform(dtype: np.dtype, low: float, high: float) -> tuple[Any, ...]:
    """Return low, the scale of `whole`, and the last number below high, in the computing type."""
    own, real = dtype.type, computing(dtype)
    first, end = real(low), real(high)
    last = own(high)
    if real(last) >= end > first:
        last = np.nextafter(last, own(low))
    if first == end:
        last = end
    return first, (end - first) * real(UNIT[real is np.float64]), min(real(last), end)


def truncated(
    dtype: np.dtype, mean: float, std: float, a: float, b: float
) -> tuple[bool, tuple[Any, ...]]:
    """Return whether normals are proposed for N(mean, std²) in [a, b], and the kernel's numbers.

    These are mean, std, a and b; and for another proposal low, high, scale and rate of it. The
    proposal is the one that accepts most often: the normal itself, a uniform (rate 0), or an
    exponential in the tail (Robert 1995, "Simulation of truncated normal variables"). At least a
    quarter of the proposals is accepted wherever [a, b] lies.
    """
    own, real = dtype.type, computing(dtype)
    low, high = (a - mean) / std, (b - mean) / std
    with np.errstate(over="ignore"):
        bounds = (real(own(a)), real(own(b)))
    if _mass(low, high) > 0.25:
        return True, (real(mean), real(std), *bounds)
    if high <= 0:  # the left tail is the right one, mirrored
        low, high, std = -high, -low, -std
    rate = 0.0
    if low > 0:
        best = (low + math.sqrt(low * low + 4)) / 2
        # The uniform accepts less often than the exponential once the interval is long.
        if high - low > 1 / best * math.exp(min((low * low - low * best) / 2 + 0.5, 700.0)):
            rate = best
    scale = (real(high) - real(low)) * real(UNIT[real is np.float64]) if rate == 0 else real(0)
    return False, (real(mean), real(std), *bounds, real(low), real(high), scale, real(rate))


def _mass(low: float, high: float) -> float:
    """Return the probability that N(0, 1) lies in [low, high]."""
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


def bernoulli(p: float) -> tuple[Any, ...]:
    """Return the last word that gives 1; nothing if none does."""
    ones = round(p * 2**32)
    return (np.uint32(ones - 1),) if ones else ()


def integers(low: int, high: int) -> tuple[Any, ...]:
    """Return low, the span (0 for 2**64), and the least rest of a product that is kept."""
    span = high - low
    least = (1 << 64) % span
    return np.uint64(low % (1 << 64)), np.uint64(span % (1 << 64)), np.uint64(least)
