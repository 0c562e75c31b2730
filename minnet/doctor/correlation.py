"""Correlation: how alike two inputs still are after many wide layers, and how fast that is lost.

For two inputs with E[z²] = q and correlation c the next layer's correlation is

    C(c) = (σw² E[f(u) f(v)] + σb²) / q,   u, v ~ N(0, q) with correlation c.

In Hermite polynomials h_k of unit norm under the normal density, E[f(u) f(v)] = Σ a_k² c^k with
a_k = E[f(√q x) h_k(x)] (Mehler's formula; Daniely et al., 2016). So f is integrated once, C is a
power series with no negative coefficient, and its slope is χ of a pair of inputs.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.polynomial import Polynomial

from minnet.doctor.mean_field import Function, depth_scale, fixed_point, susceptibility

TERMS = 100
REACH = 24  # standard deviations on each side: beyond the last zero of h_99, at 19


@cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes x, and for each k < TERMS the weights that integrate against h_k's density.

    Gauss-Legendre panels of half a standard deviation, so that a kink at 0 lies between two.
    """
    nodes, weights = np.polynomial.legendre.leggauss(16)
    left = np.arange(-REACH, REACH, 0.5)
    x = (left[:, np.newaxis] + (1 + nodes) / 4).ravel()
    weights = np.tile(weights / 4, len(left))
    # √φ h_k, by its recurrence: neither factor alone stays in range.
    h = [np.exp(-(x**2) / 4) / (2 * math.pi) ** 0.25]
    h.append(x * h[0])
    for k in range(2, TERMS):
        h.append((x * h[k - 1] - math.sqrt(k - 1) * h[k - 2]) / math.sqrt(k))
    return x, weights * h[0] * np.array(h)


def correlation_map(f: Function, q: float, weight: float, bias: float = 0.0) -> Polynomial:
    """Return C, the next layer's correlation as a polynomial in this one's, at a fixed q.

    `weight` is σw² and `bias` σb², and q the fixed point that they lead to. Its derivative,
    ``C.deriv()(c)``, is the factor on a small change of the correlation; at c = 1 it is χ. C(1) is
    1 but for what a hundred terms leave out: nothing for a smooth f, 1e-5 for tanh at σw² = 10,
    1e-4 for a kink, and less by c^100 at a smaller c.

    Example:
        >>> import numpy as np
        >>> q = fixed_point(np.tanh, weight=2.5, bias=0.05)
        >>> C = correlation_map(np.tanh, q, weight=2.5, bias=0.05)
        >>> round(float(C(0.9)), 2)  # chaotic: the two become less alike
        0.89
    """
    x, weights = _rule()
    coefficients = weights @ np.asarray(f(math.sqrt(q) * x), np.float64)
    series = weight * coefficients**2 / q
    series[0] += bias / q
    return Polynomial(series)


def correlation_limit(f: Function, q: float, weight: float, bias: float = 0.0) -> float:
    """Return c*, the correlation that two different inputs approach with depth.

    It is 1 in the ordered phase, where a deep network tells no two inputs apart, and below 1 in the
    chaotic phase, where it takes inputs apart however alike they are (Poole et al., 2016).
    """
    change = correlation_map(f, q, weight, bias) - Polynomial([0, 1])
    low, high = 0.0, 1 - 1e-6
    if susceptibility(f, q, weight) <= 1 or change(high) >= 0:
        return 1.0
    for _ in range(40):  # C is convex, so it comes down through c once below 1
        middle = (low + high) / 2
        low, high = (middle, high) if change(middle) > 0 else (low, middle)
    return high


def correlation_depth(f: Function, weight: float, bias: float = 0.0) -> float:
    """Return ξ_c, the number of layers over which what two inputs differ by changes e-fold.

    Schoenholz et al. (2017) find that networks train to a depth of about 6 ξ_c. It is
    1/|ln C'(c*)|, with C' the slope of the correlation map: in the ordered phase that is χ.

    Args:
        f: the activation.
        weight: σw² = fan_in · E[w²].
        bias: σb² = E[b²].

    Raises:
        ValueError: E[z²] grows without bound, or goes to 0: there is no fixed point.

    Example:
        >>> import numpy as np
        >>> round(correlation_depth(np.tanh, weight=1.0, bias=0.05), 2)
        3.63
    """
    q = fixed_point(f, weight, bias)
    if not 0 < q < math.inf:
        raise ValueError(f"E[z²] goes to {q:g} with depth for σw² = {weight:g}, σb² = {bias:g}")
    limit = correlation_limit(f, q, weight, bias)
    if limit == 1:
        return depth_scale(susceptibility(f, q, weight))
    return depth_scale(float(correlation_map(f, q, weight, bias).deriv()(limit)))
