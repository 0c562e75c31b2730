"""A product and a sum rounded once, by NumPy alone, on any processor.

Boldo, Melquiond (2008), "Emulation of a FMA and correctly rounded sums: proved algorithms using
rounding to odd".
"""

from __future__ import annotations

from typing import Any

import numpy as np

_HALF = 2.0**27 + 1  # cuts a float64 into two numbers of 26 bits, whose products are exact


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a + b and what its rounding lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _odd_sum(a: Any, b: Any) -> Any:
    """Return a + b rounded to the neighbour whose last bit is 1, which may be rounded again."""
    total, lost = _sum(a, b)
    even = (total.view(np.int64) & 1) == 0
    return np.where(even & (lost != 0), np.nextafter(total, np.copysign(np.inf, lost)), total)


def _halves(a: Any) -> tuple[Any, Any]:
    scaled = a * _HALF
    high = scaled - (scaled - a)
    return high, a - high


@np.errstate(all="ignore")
def fused(a: Any, b: Any, c: Any, dtype: Any) -> Any:
    """Return a b + c as an array of float32 or float64, rounded once.

    Args:
        a, b, c: arrays or numbers that the dtype has, of shapes that broadcast.

    Example:
        >>> from minnet.kernels.fused import fused
        >>> float(fused(0.1, 10.0, -1.0, "float64"))
        5.551115123125783e-17
    """
    a, b, c = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, c)))
    product = a * b
    if np.dtype(dtype) == np.float32:  # the product is exact
        exact = _odd_sum(product, c)
    else:
        (a1, a2), (b1, b2) = _halves(a), _halves(b)
        lost = a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)
        small, smaller = _sum(c, lost)
        large, less = _sum(product, small)
        exact = large + _odd_sum(less, smaller)
    return np.where(np.isfinite(exact), exact, product + c).astype(dtype)
