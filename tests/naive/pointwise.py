"""Pointwise functions in plain NumPy: the twin of `minnet.kernels.formulas`.

The defaults of their numbers are those that tests take.
"""

from math import pi, sqrt

import numpy as np

from naive import numeric
from naive.numeric import erf, exp, expm1, log, log1p, sigmoid, tanh

__all__ = ["erf", "exp", "expm1", "log", "log1p", "sigmoid", "tanh"]

SQRT_HALF = sqrt(0.5)
DENSITY = 1 / sqrt(2 * pi)
TANH_SLOPE = sqrt(2 / pi)
TANH_CUBIC = 0.044715
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def _sincos(x, which):
    out = numeric.sincos(x)[which]
    large = np.isfinite(x) & (abs(x) > x.dtype.type(numeric.tables.SINCOS_LIMIT))
    out[large] = [numeric.sincos_large(np.float64(v))[which] for v in x[large]]
    return out


def sin(x):
    return _sincos(x, 0)


def cos(x):
    return _sincos(x, 1)


def tanh_backward(dy, y):
    return dy * (1 - y * y)


def sigmoid_backward(dy, y):
    return dy * ((1 - y) * y)


def logsigmoid(x):
    return np.where(x > 0, x.dtype.type(0), x) - log1p(exp(-abs(x)))


def logsigmoid_backward(dy, x):
    return dy * sigmoid(-x)


def relu(x):
    return np.where(x <= 0, x.dtype.type(0), x)


def relu_backward(dy, y):
    return np.where(y <= 0, y.dtype.type(0), dy)


def leaky_relu(x, slope=0.1):
    return np.where(x > 0, x, x * slope)


def leaky_relu_backward(dy, x, slope=0.1):
    return np.where(x > 0, dy, dy * slope)


def hardtanh(x, low=-1.0, high=2.0):
    return np.clip(x, low, high)


def hardtanh_backward(dy, x, low=-1.0, high=2.0):
    return np.where((x <= low) | (x >= high), x.dtype.type(0), dy)


def elu(x, alpha=1.5, scale=1.0):
    return np.where(x <= 0, expm1(x) * x.dtype.type(alpha * scale), x * scale)


def elu_backward(dy, x, alpha=1.5, scale=1.0):
    slope = np.where(x <= 0, exp(x) * x.dtype.type(alpha * scale), x.dtype.type(scale))
    return dy * slope


def selu(x):
    return elu(x, SELU_ALPHA, SELU_SCALE)


def selu_backward(dy, x):
    return elu_backward(dy, x, SELU_ALPHA, SELU_SCALE)


def softplus(x, beta=0.7, threshold=3.0):
    z = x * beta
    return np.where(z > threshold, x, log1p(exp(z)) / x.dtype.type(beta))


def softplus_backward(dy, x, beta=0.7, threshold=3.0):
    z = x * beta
    return np.where(z > threshold, dy, dy * sigmoid(z))


def gelu(x):
    return x * 0.5 * (1 + erf(x * SQRT_HALF))


def gelu_backward(dy, x):
    weight = 0.5 * (1 + erf(x * SQRT_HALF))
    density = DENSITY * exp(-0.5 * x * x)
    return dy * (weight + x * density)


def gelu_tanh(x):
    t = tanh(TANH_SLOPE * (x + TANH_CUBIC * (x * x * x)))
    return 0.5 * x * (1 + t)


def gelu_tanh_backward(dy, x):
    square = x * x
    slope, cubic = x.dtype.type(TANH_SLOPE), x.dtype.type(TANH_CUBIC)
    t = tanh(slope * (x + cubic * (square * x)))
    inner = slope * (1 + 3 * cubic * square)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


def silu(x):
    return x * sigmoid(x)


def silu_backward(dy, x):
    s = sigmoid(x)
    return dy * s * (1 + x * (1 - s))


def mish(x):
    e = exp(np.where(x > 22, x.dtype.type(22), x))
    n = e * (e + 2)
    return x * (n / (n + 2))


def mish_backward(dy, x):
    low = np.where(x > 22, x.dtype.type(22), x)
    e = exp(low)
    n = e * (e + 2)
    share = 4 * (e * (1 + e) / (n + 2) / (n + 2))
    return dy * (n / (n + 2) + low * share)


def hardswish(x):
    return x * np.clip(x + 3, 0, 6) / 6


def hardswish_backward(dy, x):
    slope = np.where(x < 3, x / 3 + x.dtype.type(0.5), x.dtype.type(1))
    return np.where(x <= -3, x.dtype.type(0), dy * slope)


def hardsigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def hardsigmoid_backward(dy, x):
    return np.where(abs(x) < 3, dy * x.dtype.type(1 / 6), x.dtype.type(0))


def celu(x, alpha=1.5):
    return np.where(x <= 0, x.dtype.type(alpha) * expm1(x / x.dtype.type(alpha)), x)


def celu_backward(dy, x, alpha=1.5):
    return dy * np.where(x <= 0, exp(x / x.dtype.type(alpha)), x.dtype.type(1))
