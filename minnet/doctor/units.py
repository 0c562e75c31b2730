"""Units: which of an activation's are dead, flat or constant on a batch, and how many by chance.

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

from minnet.nn.init.elementwise import Function

FLAT = 0.05  # of the steepest slope
OFF = 1e-6


@cache
def normal_values(count: int = 400) -> np.ndarray:
    """Return values of a standard normal variable, of equal probability."""
    return np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)])


class Units(NamedTuple):
    """What shares of an activation's units are dead and of its outputs flat.

    Attributes:
        units: their number.
        dead: the share of units with no slope for any sample.
        dead_by_chance: the share that the weights' chance makes so.
        flat: the share of all outputs whose slope is below a twentieth of the steepest.
        flat_predicted: that share for z ~ N(0, q), q as the theory predicts it; None without one.
        flat_at_unit_variance: that share for z ~ N(0, 1), which is what the activation is made for.
        constant: the share of units that give the same for every sample: the dead ones, and those
            for which the samples are all alike. None if they are alike from the start.
    """

    units: int
    dead: float
    dead_by_chance: float
    flat: float
    flat_predicted: float | None
    flat_at_unit_variance: float
    constant: float | None

    @property
    def too_many_dead(self) -> bool:
        """Whether far more are dead than chance makes: by a twentieth and five standard errors."""
        p = self.dead_by_chance
        return self.dead > p + 5 * math.sqrt(p * (1 - p) / self.units) + 0.05


def _slope(f: Function, z: np.ndarray) -> np.ndarray:
    # Small beside z: a ReLU's kink is not to be stepped over where the signal has faded.
    scale = min(max(math.sqrt(np.mean(z**2)), 1e-6), 1.0) if z.size else 1.0
    step = 1e-5 * (scale + np.abs(z))
    return np.abs(f((z + step).ravel()) - f((z - step).ravel())).reshape(z.shape) / (2 * step)


def steepness(f: Function) -> Function:
    """Return |f'|, by differences, relative to the steepest slope between -10 and 10."""
    steepest = float(_slope(f, np.linspace(-10, 10, 401)).max())
    return lambda z: _slope(f, z) / steepest if steepest > 0 else np.zeros(z.shape)


def examine_units(
    f: Function,
    z: np.ndarray,
    outputs: np.ndarray,
    bias: np.ndarray | None = None,
    q: float | None = None,
) -> Units:
    """Return what is dead, flat and constant among an activation's units.

    Chance is that of the weights: `bias`, which z contains, has no part in it.

    Args:
        f: the activation.
        z: its inputs, (..., units).
        outputs: its outputs.
        bias: what the layer before has added to z, (units,).
        q: the second moment that theory predicts for z.
    """
    z, outputs = z.reshape(-1, z.shape[-1]), outputs.reshape(-1, z.shape[-1])
    relative = steepness(f)
    measured = relative(z)
    return Units(
        z.shape[1],
        float((measured < OFF).all(axis=0).mean()),
        _dead_by_chance(relative, z if bias is None else z - bias),
        float((measured < FLAT).mean()),
        None if q is None else _flat_share(relative, q),
        _flat_share(relative, 1.0),
        float((outputs == outputs[:1]).all(axis=0).mean()),
    )


def _flat_share(steepness: Function, q: float) -> float:
    return float((steepness(math.sqrt(q) * normal_values()) < FLAT).mean())


def _dead_by_chance(steepness: Function, z: np.ndarray) -> float:
    """Return how likely no sample of a unit has a slope, if z is normal, with mean 0 in the end.

    A unit's values for different samples are correlated: z = √q (√ρ u + √(1-ρ) v), with one u for
    the unit and one v for each sample. ρ is estimated from the units' means.
    """
    samples, q = len(z), float(np.mean(z**2))
    if q == 0:
        return float((steepness(np.zeros(1)) < OFF)[0])
    rho = 1.0
    if samples > 1:
        # Of samples made equally large: their sizes differ, in deep networks much, but do not
        # decide on which side of 0 a z lies.
        sizes = np.sqrt(np.mean(z**2, axis=1, keepdims=True))
        between = float(np.mean((z / np.where(sizes > 0, sizes, 1)).mean(axis=0) ** 2))
        rho = min(max((samples * between - 1) / (samples - 1), 0.0), 1.0)
    z = math.sqrt(q) * np.linspace(-12, 12, 2401)
    off = steepness(z) < OFF
    if not off.any():
        return 0.0
    # P(off | u) from the ends of the ranges of z without a slope.
    ends = np.flatnonzero(np.diff(off.astype(np.int8)))
    edges = (z[ends] + z[ends + 1]) / 2
    signs = np.where(off[ends], 1, -1)
    own = max(math.sqrt(q * (1 - rho)), 1e-9 * math.sqrt(q))
    u = math.sqrt(q * rho) * normal_values()
    below = _normal_cdf((edges - u[:, np.newaxis]) / own) @ signs
    return float(np.mean(np.clip(below + float(off[-1]), 0, 1) ** samples))


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-9, 9, 4001)
    return x, np.array([NormalDist().cdf(each) for each in x])


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Return P(z < x) for a standard normal z, to 1e-6."""
    return np.interp(x, *_table())
