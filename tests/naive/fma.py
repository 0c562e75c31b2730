"""Exact fused multiply-add in plain NumPy and Python: the twin of `minnet.kernels.simd.fma`."""

from fractions import Fraction

import numpy as np


def fma32(x, y, z):
    """Return x * y + z in float32, rounded once. Arrays or scalars of finite float32."""
    x, y, z = (np.asarray(v, np.float32).astype(np.float64) for v in (x, y, z))
    product = x * y  # exact: 24 + 24 bits fit into 53
    total = product + z
    back = total - product
    error = (product - (total - back)) + (z - back)  # two-sum: total + error is the exact sum
    # Round to odd: a float64 that stands for an inexact sum must not look like a float32 tie.
    bits = np.atleast_1d(total).view(np.int64)
    inexact_even = (np.atleast_1d(error) != 0) & (bits & 1 == 0)
    outward = np.atleast_1d((error > 0) == (total > 0))
    odd = np.where(inexact_even, np.where(outward, bits + 1, bits - 1), bits).view(np.float64)
    return odd.reshape(np.shape(total)).astype(np.float32)[()]


def fma64(x, y, z):
    """Return x * y + z in float64, rounded once. Three finite floats."""
    x, y, z = float(x), float(y), float(z)
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return np.float64(x * y + z)  # the sign of zero
    return np.float64(float(exact))
