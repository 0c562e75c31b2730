"""Activations of one number, and their derivatives: one source for CPU and CUDA.

float32 or float64; other numbers are rounded to the type of the first. A `_backward` takes the
gradient of the result first, then the input `x` or the result `y`, whichever is cheaper.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from minnet.kernels.jit import device
from minnet.kernels.numeric import erf, exp, expm1, like, log1p, product, sigmoid, tanh

# tanh and sigmoid


@device
def tanh_backward(dy: Any, y: Any) -> Any:
    return dy * (like(y, 1.0) - product(y, y))


@device
def sigmoid_backward(dy: Any, y: Any) -> Any:
    return dy * ((like(y, 1.0) - y) * y)


@device
def logsigmoid(x: Any) -> Any:
    below = like(x, 0.0) if x > like(x, 0.0) else x
    return below - log1p(exp(-abs(x)))


@device
def logsigmoid_backward(dy: Any, x: Any) -> Any:
    return dy * sigmoid(-x)


# Rectifiers


@device
def relu(x: Any) -> Any:
    return like(x, 0.0) if x <= like(x, 0.0) else x  # NaN stays


@device
def relu_backward(dy: Any, y: Any) -> Any:
    return like(dy, 0.0) if y <= like(y, 0.0) else dy


@device
def leaky_relu(x: Any, slope: Any) -> Any:
    return x if x > like(x, 0.0) else x * like(x, slope)


@device
def leaky_relu_backward(dy: Any, x: Any, slope: Any) -> Any:
    return dy if x > like(x, 0.0) else dy * like(x, slope)


@device
def hardtanh(x: Any, low: Any, high: Any) -> Any:
    below = like(x, high) if x > like(x, high) else x
    return like(x, low) if x < like(x, low) else below


@device
def hardtanh_backward(dy: Any, x: Any, low: Any, high: Any) -> Any:
    return like(x, 0.0) if (x <= like(x, low)) | (x >= like(x, high)) else dy


# Exponential units


@device
def elu(x: Any, left: Any, right: Any) -> Any:
    """`left` is the slope at 0 from below, and `right` that above."""
    below = expm1(x) * like(x, left)
    return below if x <= like(x, 0.0) else x * like(x, right)


@device
def elu_backward(dy: Any, x: Any, left: Any, right: Any) -> Any:
    below = exp(x) * like(x, left)
    return dy * (below if x <= like(x, 0.0) else like(x, right))


@device
def softplus(x: Any, beta: Any, threshold: Any) -> Any:
    z = x * like(x, beta)
    curved = log1p(exp(z)) / like(x, beta)
    return x if z > like(x, threshold) else curved


@device
def softplus_backward(dy: Any, x: Any, beta: Any, threshold: Any) -> Any:
    z = x * like(x, beta)
    return dy if z > like(x, threshold) else dy * sigmoid(z)


# Klambauer, Unterthiner, Mayr, Hochreiter 2017, "Self-normalizing neural networks"
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# Units weighted by a distribution function

SQRT_HALF = sqrt(0.5)
DENSITY = 1 / sqrt(2 * pi)  # of the normal distribution at 0
TANH_SLOPE = sqrt(2 / pi)
TANH_CUBIC = 0.044715


@device
def gelu(x: Any) -> Any:
    z = erf(x * like(x, SQRT_HALF))
    return x * like(x, 0.5) * (like(x, 1.0) + z)


@device
def gelu_backward(dy: Any, x: Any) -> Any:
    half, one = like(x, 0.5), like(x, 1.0)
    weight = product(half, one + erf(x * like(x, SQRT_HALF)))
    density = like(x, DENSITY) * exp(-half * x * x)
    return dy * (weight + product(x, density))


@device
def gelu_tanh(x: Any) -> Any:
    half, one = like(x, 0.5), like(x, 1.0)
    cube = x * x * x
    t = tanh(like(x, TANH_SLOPE) * (x + product(like(x, TANH_CUBIC), cube)))
    return half * x * (one + t)


@device
def gelu_tanh_backward(dy: Any, x: Any) -> Any:
    half, one = like(x, 0.5), like(x, 1.0)
    square = x * x
    slope, cubic = like(x, TANH_SLOPE), like(x, TANH_CUBIC)
    t = tanh(slope * (x + product(cubic, square * x)))
    inner = slope * (one + product(like(x, 3.0) * cubic, square))
    bend = half * x * (one - product(t, t))
    return dy * (product(half, one + t) + product(bend, inner))


@device
def silu(x: Any) -> Any:
    return x * sigmoid(x)


@device
def silu_backward(dy: Any, x: Any) -> Any:
    one = like(x, 1.0)
    s = sigmoid(x)
    return dy * s * (one + product(x, one - s))
