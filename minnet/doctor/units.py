"""Units: which of an activation's are dead, flat or constant on a batch, and how many by chance.

Where an activation's slope is 0 no gradient passes. A unit is dead if that is so for every sample.
It need not be for good: with few samples, or samples that a layer hardly tells apart, chance alone
makes dead units.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from minnet.doctor.moments import mean_square
from minnet.nn.init.elementwise import Function

FLAT = 0.05  # of the steepest slope
OFF = 1e-6
NEAREST = 1e-4  # that an end is to 0: a signal may fade, and kinks are at 0 exactly
Ranges = list[tuple[float, float]]


@cache
def normal_values(count: int) -> np.ndarray:
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
    off, flat = ranges_below(f, OFF), ranges_below(f, FLAT)
    return Units(
        z.shape[1],
        float(_within(off, z).all(axis=0).mean()),
        _dead_by_chance(off, z if bias is None else z - bias),
        float(_within(flat, z).mean()),
        None if q is None else _normal_share(flat, q),
        _normal_share(flat, 1.0),
        float((outputs == outputs[:1]).all(axis=0).mean()),
    )


@lru_cache(maxsize=64)
def ranges_below(f: Function, share: float) -> Ranges:
    """Return the ranges of z in which |f'| is below a share of its steepest between -10 and 10.

    They are looked for between points that lie 1% apart, from 1e-4 to 1e8 and likewise below 0, and
    their ends found by bisection. Beyond, a range goes on; an end within 1e-4 of 0 is at 0.

    Example:
        >>> import numpy as np
        >>> ranges_below(lambda z: np.maximum(z, 0), 0.05)
        [(-inf, 0.0)]
        >>> [[round(end, 3) for end in ends] for ends in ranges_below(np.tanh, 0.05)]
        [[-inf, -2.178], [2.178, inf]]
    """
    with np.errstate(all="ignore"):
        steepest = float(_slope(f, np.linspace(-10, 10, 401)).max())
        positive = np.geomspace(NEAREST, 1e8, 2800)
        z = np.concatenate([-positive[::-1], positive])
        below = _slope(f, z) < share * steepest
        turns = np.flatnonzero(below[1:] != below[:-1])
        low, high, falling = z[turns], z[turns + 1], below[turns + 1]
        for _ in range(30):
            middle = (low + high) / 2
            after = (_slope(f, middle) < share * steepest) == falling
            low, high = np.where(after, low, middle), np.where(after, middle, high)
    ends = np.where(np.abs(high) < NEAREST, 0.0, high).tolist()
    ends = [-math.inf] * bool(below[0]) + ends + [math.inf] * bool(below[-1])
    return list(zip(ends[::2], ends[1::2], strict=True))


def _slope(f: Function, z: np.ndarray) -> np.ndarray:
    step = 1e-5 * (1 + np.abs(z))
    return np.abs(f(z + step) - f(z - step)) / (2 * step)


def _within(ranges: Ranges, z: np.ndarray) -> np.ndarray:
    """Return where z lies in one of the ranges, ends not included."""
    found = np.zeros(z.shape, np.bool_)
    for low, high in ranges:
        found |= z < high if low == -math.inf else (low < z) & (z < high)
    return found


def _normal_share(ranges: Ranges, q: float) -> float:
    """Return how likely z ~ N(0, q) lies in one of the ranges."""
    if q == 0:
        return float(_within(ranges, np.zeros(1))[0])
    normal = NormalDist(0, math.sqrt(q))
    return sum(normal.cdf(high) - normal.cdf(low) for low, high in ranges)


def _dead_by_chance(off: Ranges, z: np.ndarray) -> float:
    """Return how likely all samples of a unit lie in `off`, if z is normal with mean 0 in the end.

    A unit's values for different samples are correlated: z = √q (√ρ u + √(1-ρ) v), with one u for
    the unit and one v for each sample. ρ is estimated from the units' means.
    """
    samples, q = len(z), mean_square(z)
    if q == 0 or not off:
        return _normal_share(off, q)
    rho = 1.0
    if samples > 1:
        # Of samples made equally large: their sizes differ, in deep networks much, but do not
        # decide on which side of 0 a z lies.
        z = z / math.sqrt(q)
        sizes = np.sqrt(np.einsum("su,su->s", z, z) / z.shape[1])
        between = mean_square((1 / np.where(sizes > 0, sizes, 1)) @ z / samples)
        rho = min(max((samples * between - 1) / (samples - 1), 0.0), 1.0)
    own = max(math.sqrt(q * (1 - rho)), 1e-9 * math.sqrt(q))
    u = math.sqrt(q * rho) * normal_values(400)
    share = sum(_normal_cdf((high - u) / own) - _normal_cdf((low - u) / own) for low, high in off)
    return float(np.mean(np.clip(share, 0, 1) ** samples))


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-9, 9, 4001)
    return x, np.array([NormalDist().cdf(each) for each in x])


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    """Return P(z < x) for a standard normal z, to 1e-6."""
    return np.interp(x, *_table())
