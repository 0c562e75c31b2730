"""What cutting a normal's tails leaves of its standard deviation, and how to make up for it."""

from __future__ import annotations

import math


def std_left(a: float, b: float) -> float:
    """Return the std of N(0, 1) cut at a and b (Johnson, Kotz and Balakrishnan, 1994, 13.10).

    It is a difference of nearly equal terms where little is left between a and b: then NaN.

    Example:
        >>> from minnet.nn.init.truncation import std_left
        >>> round(std_left(-2, 2), 12)
        0.879625661034
    """
    if a > 0:  # the left tail has the digits: on the right the mass is a difference from 1
        a, b = -b, -a
    mass = (math.erfc(-b / math.sqrt(2)) - math.erfc(-a / math.sqrt(2))) / 2
    at_a, at_b = (math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (a, b))
    if mass < 1e-6 or b - a < 1e-3:
        return math.nan
    mean = (at_a - at_b) / mass
    slope = (a * at_a if at_a else 0.0) - (b * at_b if at_b else 0.0)  # 0 at infinite bounds
    return math.sqrt(1 + slope / mass - mean**2)


def std_before(std: float, a: float, b: float) -> float:
    """Return the s for which N(0, s²) cut at a and b is left with `std`.

    Raises:
        ValueError: there is none. Even a uniform distribution has only (b - a)/√12.

    Example:
        >>> from minnet.nn.init.truncation import std_before
        >>> round(std_before(0.02, -0.04, 0.04), 6)
        0.027558
    """
    # What is left grows with s, towards the uniform's.
    low, high = std, min(100 * (b - a), 1000 * std)
    if not high * std_left(a / high, b / high) >= std:
        raise ValueError(
            f"no normal cut at {a:g} and {b:g} from its mean is left with a std of {std:g}; a "
            f"uniform distribution between them has {(b - a) / math.sqrt(12):g}"
        )
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return high
        if middle * std_left(a / middle, b / middle) < std:
            low = middle
        else:
            high = middle
