"""Mean-field theory: what a wide layer does to the second moments of signals and gradients.

In a wide network with independent zero-mean weights the pre-activations of a layer are normal, so
one number says all about them: q = E[z²]. Poole et al. (2016), "Exponential expressivity in deep
neural networks through transient chaos"; Schoenholz et al. (2017), "Deep information propagation".
Throughout, `weight` is σw² = fan_in · E[w²], `bias` is σb² = E[b²], and f is the activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from minnet.nn.init.elementwise import Function
from minnet.nn.init.quadrature import expectations

LARGEST = 1e12  # beyond this, or below its reciprocal, a q counts as infinite or 0
TOLERANCE = 1e-9  # of the integrals


class Means(NamedTuple):
    """What an activation does to z ~ N(0, q).

    Attributes:
        mean: E[f(z)].
        second: E[f(z)²].
        second_by_q: d ln E[f(z)²] / d ln q.
        slope: E[f'(z)²].
        slope_by_q: d ln E[f'(z)²] / d ln q.
        slope_fourth: E[f'(z)⁴].
    """

    mean: float
    second: float
    second_by_q: float
    slope: float
    slope_by_q: float
    slope_fourth: float

    @property
    def is_homogeneous(self) -> bool:
        """Whether the slope's mean square is the same whatever q, as for ReLU."""
        return abs(self.slope_by_q) < 1e-6


_known: WeakKeyDictionary[Function, dict[float, Means]] = WeakKeyDictionary()


def means(f: Function, q: float) -> Means:
    """Return the means of an activation and its slope for z ~ N(0, q), q above 0.

    They are integrated together, and kept for as long as f lives.

    Raises:
        ValueError: they are not finite, or f jumps.

    Example:
        >>> import numpy as np
        >>> found = means(lambda z: np.maximum(z, 0), 4.0)
        >>> round(found.second, 6), round(found.slope, 6), round(found.second_by_q, 6)
        (2.0, 0.5, 1.0)
    """
    try:
        known = _known.setdefault(f, {})
    except TypeError:  # one of NumPy's own functions
        known = {}
    if q in known:
        return known[q]
    if q != 1 and is_homogeneous(f):
        at_1 = means(f, 1.0)
        found = at_1._replace(mean=at_1.mean * math.sqrt(q), second=at_1.second * q)
    else:
        found = _integrated(f, q)
    known[q] = found
    return found


@lru_cache(maxsize=64)
def is_homogeneous(f: Function) -> bool:
    """Return whether f(az) = a f(z) for positive a, as for ReLU."""
    z = np.array([-3.0, -1.0, -0.25, 0.25, 1.0, 3.0])
    return np.array_equal(f(8 * z), 8 * f(z))


def _integrated(f: Function, q: float) -> Means:
    def integrand(z: np.ndarray, y: np.ndarray, slope: Callable[[], np.ndarray]) -> Any:
        # The derivative by ln q of the mean of any g(√q z) is the mean of g · (z² - 1) / 2.
        by_q, y2, slope2 = (z**2 - 1) / 2, y**2, slope() ** 2
        return [y, y2, y2 * by_q, slope2, slope2 * by_q, slope2**2]

    found = expectations(f, integrand, std=math.sqrt(q), tolerance=TOLERANCE)
    mean, second, second_by_q, slope, slope_by_q, fourth = found.tolist()
    second_by_q = second_by_q / second if second else 0.0
    slope_by_q = slope_by_q / slope if slope else 0.0
    return Means(mean, second, second_by_q, slope, slope_by_q, fourth)


def second_moment(f: Function, q: float) -> float:
    """Return E[f(z)²] for z ~ N(0, q)."""
    if q == 0:
        return float(f(np.zeros(1))[0]) ** 2
    return means(f, q).second


def variance_map(f: Function, q: float, weight: float, bias: float = 0.0) -> float:
    """Return the next layer's q: σw² E[f(z)²] + σb², z ~ N(0, q).

    Example:
        >>> import numpy as np
        >>> round(variance_map(lambda z: np.maximum(z, 0), 3.0, weight=2.0), 9)  # He et al., 2015
        3.0
    """
    return weight * second_moment(f, q) + bias


def susceptibility(f: Function, q: float, weight: float) -> float:
    """Return χ = σw² E[f'(z)²], z ~ N(0, q).

    It is the factor on a gradient's second moment from one layer to the one before it, for layers
    of equal width, and on a small difference between two inputs from one layer to the next. Below
    1 the network is ordered, at 1 critical, above 1 chaotic.
    """
    return weight * means(f, q).slope


def depth_scale(chi: float) -> float:
    """Return ξ = 1/|ln χ|, the number of layers over which χ makes a factor of e.

    Signals and gradients reach through a few ξ layers (Schoenholz et al., 2017). It is infinite at
    χ = 1.

    Example:
        >>> round(depth_scale(0.5), 3), depth_scale(1.0)
        (1.443, inf)
    """
    if chi <= 0:
        return 0.0
    rate = abs(math.log(chi))
    return 1 / rate if rate > 1e-9 else math.inf  # χ is integrated to about nine digits


def fixed_point(f: Function, weight: float, bias: float = 0.0, start: float = 1.0) -> float:
    """Return the q that the variance map leads to from `start`: 0 and infinity are possible.

    The map rises for most activations. Then repeating it leads to the first fixed point that lies
    in the direction of the first step. It is bracketed, and found by Newton's steps in ln q.

    Example:
        >>> import numpy as np
        >>> fixed_point(np.tanh, weight=0.9)
        0.0
        >>> round(fixed_point(np.tanh, weight=2.0), 4)
        0.618
    """

    def step(q: float) -> tuple[float, float]:
        """Return by how much ln q changes, and the derivative of that by ln q."""
        found = means(f, q)
        after = weight * found.second + bias
        if after <= 0:
            return -math.inf, 0.0
        return math.log(after / q), weight * found.second * found.second_by_q / after - 1

    first, _ = step(start)
    if abs(first) < 1e-8:  # such as any q of ReLU with weight 2
        return start
    near, far, factor = start, start, 2.0 if first > 0 else 0.5
    while step(far)[0] * first > 0:
        near, far = far, far * factor
        if not 1 / LARGEST < far < LARGEST:
            return math.inf if first > 0 else 0.0
        factor *= factor
    q = math.sqrt(near * far)
    for _ in range(60):
        change, by_q = step(q)
        if abs(change) < 1e-10:
            break
        near, far = (q, far) if change * first > 0 else (near, q)
        q *= math.exp(-change / by_q) if by_q else 1
        if not min(near, far) < q < max(near, far):
            q = math.sqrt(near * far)
    return q
