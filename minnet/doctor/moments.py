"""Moments: the mean and the mean square of many numbers, which single precision may not hold."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

# Of single precision numbers so many are summed as such, and the sums in double precision.
BLOCK, LONG = 1 << 10, 1 << 16


class Moments(NamedTuple):
    """The mean, the second moment, and how far chance moves the latter.

    `noise` is the relative standard error of the second moment as an estimate of that of infinitely
    many units: the units (the last dimension) count as independent, the samples do not.
    """

    mean: float
    second: float
    noise: float

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(max(self.second - self.mean**2, 0.0))


def moments(array: np.ndarray) -> Moments:
    """Return the moments of an array of shape (..., units), to about six digits."""
    values = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    samples, units = values.shape
    if not values.size:
        return Moments(math.nan, math.nan, math.inf)
    with np.errstate(all="ignore"):
        blocks = [values[i : i + BLOCK] for i in range(0, samples, BLOCK)]
        of_units = sum(np.einsum("su,su->u", b, b).astype(np.float64) for b in blocks) / samples
        second = float(of_units.sum()) / units
        if _is_narrow(array, second):
            return moments(array.astype(np.float64))
        mean = sum(float(b.sum()) for b in blocks) / values.size
        noise = math.inf
        if units > 1 and 0 < second < math.inf:
            noise = math.sqrt(mean_square(of_units / second - 1) / (units - 1))
        return Moments(mean, second, noise)


def mean_square(array: np.ndarray) -> float:
    """Return the mean of an array's squares, to about six digits; 0 if it is empty."""
    values = array.ravel()
    blocks = [values[i : i + LONG] for i in range(0, values.size, LONG)]
    with np.errstate(all="ignore"):
        mean = sum(float(np.dot(b, b)) for b in blocks) / max(values.size, 1)
        return mean_square(array.astype(np.float64)) if _is_narrow(array, mean) else mean


def _is_narrow(array: np.ndarray, square: float) -> bool:
    """Return whether an array's squares may leave the range of its single precision."""
    return array.dtype != np.float64 and array.size > 0 and not 1e-28 < square < 1e28
