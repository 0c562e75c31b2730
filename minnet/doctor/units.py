"""Units: which of an activation's are dead or flat on a batch, and how many chance would make so.

Where an activation's slope is 0 no gradient passes. A unit is dead if that is so for every sample.
It need not be for good: with few samples, or samples that a layer hardly tells apart, chance alone
makes dead units.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from minnet.doctor.mean_field import Function

FLAT = 0.05  # of the steepest slope
OFF = 1e-6


@cache
def _normal() -> np.ndarray:
    """Return 400 values of a standard normal variable, of equal probability."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / 400) for k in range(400)])


class Units(NamedTuple):
    """What shares of an activation's units are dead and of its outputs flat.

    Attributes:
        units: their number.
        dead: the share of units with no slope for any sample.
        dead_by_chance: the share that the weights' chance makes so.
        flat: the share of all outputs whose slope is below a twentieth of the steepest.
        flat_at_unit_variance: that share for z ~ N(0, 1), which is what the activation is made for.
    """

    units: int
    dead: float
    dead_by_chance: float
    flat: float
    flat_at_unit_variance: float

    @property
    def too_many_dead(self) -> bool:
        """Whether far more are dead than chance makes: by a twentieth and five standard errors."""
        p = self.dead_by_chance
        return self.dead > p + 5 * math.sqrt(p * (1 - p) / self.units) + 0.05


def steepness(f: Function, z: np.ndarray) -> np.ndarray:
    """Return |f'(z)|, by differences, relative to the steepest slope between -10 and 10."""

    def slope(z: np.ndarray) -> np.ndarray:
        step = 1e-5 * (1 + np.abs(z))
        return np.abs(f((z + step).ravel()) - f((z - step).ravel())).reshape(z.shape) / (2 * step)

    steepest = slope(np.linspace(-10, 10, 401)).max()
    return slope(z) / steepest if steepest > 0 else np.zeros(z.shape)


def examine_units(f: Function, z: np.ndarray, bias: np.ndarray | None = None) -> Units:
    """Return what is dead and flat behind an activation's inputs, of shape (..., units).

    Chance is that of the weights: `bias`, which z contains, has no part in it.
    """
    z = z.reshape(-1, z.shape[-1]).astype(np.float64)
    measured = steepness(f, z)
    return Units(
        z.shape[1],
        float((measured < OFF).all(axis=0).mean()),
        _dead_by_chance(f, z if bias is None else z - bias),
        float((measured < FLAT).mean()),
        float((steepness(f, _normal()) < FLAT).mean()),
    )


def _dead_by_chance(f: Function, z: np.ndarray) -> float:
    """Return how likely no sample of a unit has a slope, if z is normal, with mean 0 in the end.

    A unit's values for different samples are correlated: z = √q (√ρ u + √(1-ρ) v), with one u for
    the unit and one v for each sample. ρ is estimated from the units' means.
    """
    samples, q = len(z), float(np.mean(z**2))
    if q == 0:
        return float((steepness(f, np.zeros(1)) < OFF)[0])
    rho = 1.0
    if samples > 1:
        between = float(np.mean(z.mean(axis=0) ** 2)) / q
        rho = min(max((samples * between - 1) / (samples - 1), 0.0), 1.0)
    z = math.sqrt(q) * np.linspace(-12, 12, 2401)
    off = steepness(f, z) < OFF
    if not off.any():
        return 0.0
    # P(off | u) from the ends of the ranges of z without a slope.
    ends = np.flatnonzero(np.diff(off.astype(np.int8)))
    edges = ((z[ends] + z[ends + 1]) / 2).tolist()
    signs = np.where(off[ends], 1, -1).tolist()
    own = max(math.sqrt(q * (1 - rho)), 1e-9 * math.sqrt(q)) * math.sqrt(2)
    total = 0.0
    for u in (math.sqrt(q * rho) * _normal()).tolist():
        shares = [(1 + math.erf((edge - u) / own)) / 2 for edge in edges]  # below each edge
        below = math.fsum(sign * share for sign, share in zip(signs, shares, strict=True))
        total += min(max(below + float(off[-1]), 0.0), 1.0) ** samples
    return total / len(_normal())
