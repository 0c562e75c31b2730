"""Mean-field theory: what a wide layer does to the second moments of signals and gradients.

In a wide network with independent zero-mean weights the pre-activations of a layer are normal, so
one number says all about them: q = E[z²]. Poole et al. (2016), "Exponential expressivity in deep
neural networks through transient chaos"; Schoenholz et al. (2017), "Deep information propagation".
Throughout, `weight` is σw² = fan_in · E[w²], `bias` is σb² = E[b²], and f is the activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from minnet.nn.init.quadrature import expectation

Function = Callable[[np.ndarray], np.ndarray]

LARGEST = 1e12  # beyond this, or below its reciprocal, a q counts as infinite or 0


def second_moment(f: Function, q: float) -> float:
    """Return E[f(z)²] for z ~ N(0, q)."""
    if q == 0:
        return float(f(np.zeros(1))[0]) ** 2
    return expectation(f, 2, std=math.sqrt(q))


def slope_moment(f: Function, q: float) -> float:
    """Return E[f'(z)²] for z ~ N(0, q), q above 0."""
    return expectation(f, 2, std=math.sqrt(q), derivative=True)


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
    return weight * slope_moment(f, q)


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
    in the direction of the first step, which is bracketed by doubling and found by bisection.

    Example:
        >>> import numpy as np
        >>> fixed_point(np.tanh, weight=0.9)
        0.0
        >>> round(fixed_point(np.tanh, weight=2.0), 4)
        0.618
    """

    def step(q: float) -> float:
        return variance_map(f, q, weight, bias) / q - 1

    first = step(start)
    if abs(first) < 1e-8:  # such as any q of ReLU with weight 2
        return start
    factor = 2.0 if first > 0 else 0.5
    near, far = start, start * factor
    while step(far) * first > 0:
        near, far = far, far * factor
        if not 1 / LARGEST < far < LARGEST:
            return math.inf if first > 0 else 0.0
    for _ in range(26):  # to a part in 10⁸
        middle = math.sqrt(near * far)
        near, far = (middle, far) if step(middle) * first > 0 else (near, middle)
    return math.sqrt(near * far)
