"""Formulas of pointwise functions and their derivatives: one source for CPU and CUDA.

A formula is a function of one number. `@formula` enters it into `FORMULAS`, the table that loops
over arrays are made from, on the CPU and on CUDA. Its first parameter is an element of the array
`x`, in float32 or float64; the rest are numbers, the same for all elements, and rounded to its
type. A derivative, `name_backward`, takes the gradient `dy` of the result first, then `x` or the
result `y`, whichever is cheaper.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from minnet.kernels import numeric
from minnet.kernels.constants import (
    DENSITY,
    SELU_ALPHA,
    SELU_SCALE,
    SQRT_HALF,
    TANH_CUBIC,
    TANH_SLOPE,
)  # fmt: skip
from minnet.kernels.jit import device
from minnet.kernels.numeric import erf, exp, expm1, like, log1p, product, sigmoid, tanh
from minnet.kernels.simd import fma

# Single-threaded nanoseconds for each byte of x: arithmetic is bound by memory, the rest by the
# polynomials.
MOVING = 0.05
COMPUTING = 0.15


class Formula(NamedTuple):
    """A function of one number, and what a loop over it has to know."""

    function: Any
    arrays: tuple[str, ...]  # the parameters that are elements of arrays: x, or dy and x or y
    numbers: tuple[str, ...]  # the others
    cost: float


FORMULAS: dict[str, Formula] = {}


def formula(cost: float) -> Callable[[Any], Any]:
    """Enter a function of one number into the table."""

    def enter(function: Any) -> Any:
        scalar = function if hasattr(function, "py_func") else device(function)
        names = tuple(inspect.signature(scalar.py_func).parameters)
        first = 2 if names[0] == "dy" else 1
        FORMULAS[scalar.__name__] = Formula(scalar, names[:first], names[first:], cost)
        return scalar

    return enter


# Elementary functions

for function in (exp, expm1, numeric.log, log1p, erf, tanh, sigmoid):
    formula(COMPUTING)(function)


@formula(COMPUTING)
def sin(x: Any) -> Any:
    """Return the sine; beyond 1e5 accurate as well, and ten times slower."""
    return numeric.sincos_any(x)[0]


@formula(COMPUTING)
def cos(x: Any) -> Any:
    """Return the cosine; beyond 1e5 accurate as well, and ten times slower."""
    return numeric.sincos_any(x)[1]


@formula(MOVING)
def tanh_backward(dy: Any, y: Any) -> Any:
    return dy * (like(y, 1.0) - product(y, y))


@formula(MOVING)
def sigmoid_backward(dy: Any, y: Any) -> Any:
    return dy * ((like(y, 1.0) - y) * y)


@formula(2 * COMPUTING)
def logsigmoid(x: Any) -> Any:
    """Return log(sigmoid(x)), which never overflows."""
    below = like(x, 0.0) if x > like(x, 0.0) else x
    return below - log1p(exp(-abs(x)))


@formula(COMPUTING)
def logsigmoid_backward(dy: Any, x: Any) -> Any:
    return dy * sigmoid(-x)


# Rectifiers


@formula(MOVING)
def relu(x: Any) -> Any:
    """Return the larger of x and 0; NaN stays NaN."""
    return like(x, 0.0) if x <= like(x, 0.0) else x


@formula(MOVING)
def relu_backward(dy: Any, y: Any) -> Any:
    """Return dy where y > 0. The derivative at 0 is 0."""
    return like(dy, 0.0) if y <= like(y, 0.0) else dy


@formula(MOVING)
def leaky_relu(x: Any, negative_slope: Any) -> Any:
    """Return x where x > 0, else negative_slope x."""
    return x if x > like(x, 0.0) else x * like(x, negative_slope)


@formula(MOVING)
def leaky_relu_backward(dy: Any, x: Any, negative_slope: Any) -> Any:
    """Return dy where x > 0, else negative_slope dy. The derivative at 0 is negative_slope."""
    return dy if x > like(x, 0.0) else dy * like(x, negative_slope)


@device
def held(x: Any, low: Any, high: Any) -> Any:
    """Return x held within [low, high]; NaN stays NaN."""
    below = like(x, high) if x > like(x, high) else x
    return like(x, low) if x < like(x, low) else below


@formula(MOVING)
def hardtanh(x: Any, low: Any, high: Any) -> Any:
    """Return x held within [low, high]."""
    return held(x, low, high)


@formula(MOVING)
def hardtanh_backward(dy: Any, x: Any, low: Any, high: Any) -> Any:
    """Return dy where low < x < high. The derivative at both ends is 0."""
    return like(x, 0.0) if (x <= like(x, low)) | (x >= like(x, high)) else dy


@formula(MOVING)
def hardswish(x: Any) -> Any:
    """Return x times x + 3 held within [0, 6], divided by 6."""
    return x * held(x + like(x, 3.0), 0.0, 6.0) / like(x, 6.0)


@formula(MOVING)
def hardswish_backward(dy: Any, x: Any) -> Any:
    """Return dy times the slope: 0 at -3 and below, 1 at 3 and above."""
    three = like(x, 3.0)
    inner = dy * (x / three + like(x, 0.5))
    above = inner if x < three else dy
    return like(x, 0.0) if x <= -three else above


@formula(MOVING)
def hardsigmoid(x: Any) -> Any:
    """Return x + 3 held within [0, 6], divided by 6."""
    return held(x + like(x, 3.0), 0.0, 6.0) / like(x, 6.0)


@formula(MOVING)
def hardsigmoid_backward(dy: Any, x: Any) -> Any:
    """Return dy / 6 where -3 < x < 3. The derivative at both ends is 0."""
    return dy * like(x, 1 / 6) if abs(x) < like(x, 3.0) else like(x, 0.0)


# Exponential units


@formula(COMPUTING)
def elu(x: Any, alpha: Any) -> Any:
    """Return x where x > 0, else alpha (e**x - 1)."""
    below = expm1(x) * like(x, alpha)
    return below if x <= like(x, 0.0) else x


@formula(COMPUTING)
def elu_backward(dy: Any, x: Any, alpha: Any) -> Any:
    """Return dy where x > 0, else dy alpha e**x. The derivative at 0 is alpha."""
    below = exp(x) * like(x, alpha)
    return dy * (below if x <= like(x, 0.0) else like(x, 1.0))


@formula(COMPUTING)
def celu(x: Any, alpha: Any) -> Any:
    """Return x where x > 0, else alpha (e**(x / alpha) - 1)."""
    below = like(x, alpha) * expm1(x / like(x, alpha))
    return below if x <= like(x, 0.0) else x


@formula(COMPUTING)
def celu_backward(dy: Any, x: Any, alpha: Any) -> Any:
    """Return dy where x > 0, else dy e**(x / alpha)."""
    below = exp(x / like(x, alpha))
    return dy * (below if x <= like(x, 0.0) else like(x, 1.0))


SELU_LEFT = SELU_ALPHA * SELU_SCALE


@formula(COMPUTING)
def selu(x: Any) -> Any:
    """Return SELU_SCALE elu(x, SELU_ALPHA)."""
    below = expm1(x) * like(x, SELU_LEFT)
    return below if x <= like(x, 0.0) else x * like(x, SELU_SCALE)


@formula(COMPUTING)
def selu_backward(dy: Any, x: Any) -> Any:
    below = exp(x) * like(x, SELU_LEFT)
    return dy * (below if x <= like(x, 0.0) else like(x, SELU_SCALE))


@formula(2 * COMPUTING)
def softplus(x: Any, beta: Any, threshold: Any) -> Any:
    """Return log(1 + e**(beta x)) / beta, and x itself where beta x > threshold."""
    z = x * like(x, beta)
    curved = log1p(exp(z)) / like(x, beta)
    return x if z > like(x, threshold) else curved


@formula(COMPUTING)
def softplus_backward(dy: Any, x: Any, beta: Any, threshold: Any) -> Any:
    z = x * like(x, beta)
    return dy if z > like(x, threshold) else dy * sigmoid(z)


# Units weighted by a distribution function


@formula(COMPUTING)
def gelu(x: Any) -> Any:
    """Return x times the normal distribution function of x."""
    z = erf(x * like(x, SQRT_HALF))
    return x * like(x, 0.5) * (like(x, 1.0) + z)


@formula(2 * COMPUTING)
def gelu_backward(dy: Any, x: Any) -> Any:
    half, one = like(x, 0.5), like(x, 1.0)
    weight = product(half, one + erf(x * like(x, SQRT_HALF)))
    density = like(x, DENSITY) * exp(-half * x * x)
    return dy * (weight + product(x, density))


@formula(COMPUTING)
def gelu_tanh(x: Any) -> Any:
    """Return x times a normal distribution function that is made of tanh."""
    half, one = like(x, 0.5), like(x, 1.0)
    cube = x * x * x
    t = tanh(like(x, TANH_SLOPE) * (x + product(like(x, TANH_CUBIC), cube)))
    return half * x * (one + t)


@formula(2 * COMPUTING)
def gelu_tanh_backward(dy: Any, x: Any) -> Any:
    half, one = like(x, 0.5), like(x, 1.0)
    square = x * x
    slope, cubic = like(x, TANH_SLOPE), like(x, TANH_CUBIC)
    t = tanh(slope * (x + product(cubic, square * x)))
    inner = slope * (one + product(like(x, 3.0) * cubic, square))
    bend = half * x * (one - product(t, t))
    return dy * (product(half, one + t) + product(bend, inner))


@formula(COMPUTING)
def silu(x: Any) -> Any:
    """Return x sigmoid(x)."""
    return x * sigmoid(x)


@formula(COMPUTING)
def silu_backward(dy: Any, x: Any) -> Any:
    one = like(x, 1.0)
    s = sigmoid(x)
    return dy * s * (one + product(x, one - s))


MISH_ONE = 22.0  # above, the tanh of `mish` and its slope are 1


@formula(2 * COMPUTING)
def mish(x: Any) -> Any:
    """Return x tanh(log(1 + e**x))."""
    two = like(x, 2.0)
    e = exp(like(x, MISH_ONE) if x > like(x, MISH_ONE) else x)
    n = product(e, e + two)
    return x * (n / (n + two))


@formula(2 * COMPUTING)
def mish_backward(dy: Any, x: Any) -> Any:
    one, two = like(x, 1.0), like(x, 2.0)
    low = like(x, MISH_ONE) if x > like(x, MISH_ONE) else x
    e = exp(low)
    n = product(e, e + two)
    below = n + two
    share = like(x, 4.0) * (e * (one + e) / below / below)
    return dy * (n / below + product(low, share))


# Losses: all arguments are float32, or all are float64.


@device
def bce_with_logits(x: Any, target: Any, weight: Any, positive: Any) -> Any:
    one, zero = like(x, 1.0), like(x, 0.0)
    log_sigmoid = (zero if x > zero else x) - log1p(exp(-abs(x)))
    scaled = log_sigmoid * fma(positive - one, target, one)
    return weight * fma(one - target, x, -scaled)


@device
def bce_with_logits_backward(dy: Any, x: Any, target: Any, weight: Any, positive: Any) -> Any:
    one = like(x, 1.0)
    share = product(positive, target)
    return dy * (weight * fma(share + one - target, sigmoid(x), -share))
