"""Elementary functions and activations of whole arrays, and the activations' derivatives.

float32 and float64 of any shape and strides; the result is a new C-contiguous array. A `_backward`
takes the gradient of the result first, then the input `x` or the result `y`, whichever is cheaper.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from minnet.kernels import activations, numeric
from minnet.kernels.activations import SELU_ALPHA, SELU_SCALE
from minnet.kernels.buffers import empty
from minnet.kernels.jit import kernel
from minnet.kernels.numeric import like

# Single-threaded nanoseconds for each byte of input: arithmetic is bound by memory, the rest by the
# polynomials.
MOVING = 0.05
COMPUTING = 0.15

BLOCK = 1024


def _map(function: Any, cost: float, x: np.ndarray, *scalars: float) -> np.ndarray:
    out = empty(x.shape, x.dtype)
    function.over(cost * x.nbytes)(x.ravel(), *scalars, out.reshape(-1))
    return out


def _map2(function: Any, cost: float, dy: np.ndarray, x: np.ndarray, *scalars: float) -> np.ndarray:
    out = empty(x.shape, x.dtype)
    function.over(cost * x.nbytes)(dy.ravel(), x.ravel(), *scalars, out.reshape(-1))
    return out


# Elementary functions


@kernel(parallel=True)
def _exp(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.exp(x[i])


@kernel(parallel=True)
def _expm1(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.expm1(x[i])


@kernel(parallel=True)
def _log(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.log(x[i])


@kernel(parallel=True)
def _log1p(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.log1p(x[i])


@kernel(parallel=True)
def _erf(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.erf(x[i])


@kernel(parallel=True)
def _sincos(x: Any, cosine: Any, out: Any) -> None:
    # In blocks: a loop that vectorises, then, if need be, one over what is too large for it.
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        xs = x[block * BLOCK : (block + 1) * BLOCK]
        outs = out[block * BLOCK : (block + 1) * BLOCK]
        large = 0
        for i in range(xs.size):
            s, c = numeric.sincos(xs[i])
            outs[i] = c if cosine else s
            large |= abs(xs[i]) > like(xs[i], numeric.SINCOS_LIMIT)
        if large:
            for i in range(xs.size):
                if like(xs[i], numeric.SINCOS_LIMIT) < abs(xs[i]) < like(xs[i], np.inf):
                    sine, cosine_ = numeric.sincos_large(np.float64(xs[i]))
                    outs[i] = cosine_ if cosine else sine


def exp(x: np.ndarray) -> np.ndarray:
    """Return e**x."""
    return _map(_exp, COMPUTING, x)


def expm1(x: np.ndarray) -> np.ndarray:
    """Return e**x - 1, accurate near 0."""
    return _map(_expm1, COMPUTING, x)


def log(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm: -inf at 0, NaN below."""
    return _map(_log, COMPUTING, x)


def log1p(x: np.ndarray) -> np.ndarray:
    """Return log(1 + x), accurate near 0."""
    return _map(_log1p, COMPUTING, x)


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function."""
    return _map(_erf, COMPUTING, x)


def sin(x: np.ndarray) -> np.ndarray:
    """Return the sine; beyond 1e5 accurate as well, and ten times slower."""
    return _map(_sincos, COMPUTING, x, False)


def cos(x: np.ndarray) -> np.ndarray:
    """Return the cosine; beyond 1e5 accurate as well, and ten times slower."""
    return _map(_sincos, COMPUTING, x, True)


# tanh and sigmoid


@kernel(parallel=True)
def _tanh(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.tanh(x[i])


@kernel(parallel=True)
def _tanh_backward(dy: Any, y: Any, out: Any) -> None:
    for i in prange(y.size):
        out[i] = activations.tanh_backward(dy[i], y[i])


@kernel(parallel=True)
def _sigmoid(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.sigmoid(x[i])


@kernel(parallel=True)
def _sigmoid_backward(dy: Any, y: Any, out: Any) -> None:
    for i in prange(y.size):
        out[i] = activations.sigmoid_backward(dy[i], y[i])


@kernel(parallel=True)
def _logsigmoid(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.logsigmoid(x[i])


@kernel(parallel=True)
def _logsigmoid_backward(dy: Any, x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.logsigmoid_backward(dy[i], x[i])


def tanh(x: np.ndarray) -> np.ndarray:
    """Return the hyperbolic tangent."""
    return _map(_tanh, COMPUTING, x)


def tanh_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _map2(_tanh_backward, MOVING, dy, y)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e**-x)."""
    return _map(_sigmoid, COMPUTING, x)


def sigmoid_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _map2(_sigmoid_backward, MOVING, dy, y)


def logsigmoid(x: np.ndarray) -> np.ndarray:
    """Return log(sigmoid(x)), which never overflows."""
    return _map(_logsigmoid, 2 * COMPUTING, x)


def logsigmoid_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    return _map2(_logsigmoid_backward, COMPUTING, dy, x)


# Rectifiers


@kernel(parallel=True)
def _relu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.relu(x[i])


@kernel(parallel=True)
def _relu_backward(dy: Any, y: Any, out: Any) -> None:
    for i in prange(y.size):
        out[i] = activations.relu_backward(dy[i], y[i])


@kernel(parallel=True)
def _leaky_relu(x: Any, slope: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.leaky_relu(x[i], slope)


@kernel(parallel=True)
def _leaky_relu_backward(dy: Any, x: Any, slope: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.leaky_relu_backward(dy[i], x[i], slope)


@kernel(parallel=True)
def _hardtanh(x: Any, low: Any, high: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.hardtanh(x[i], low, high)


@kernel(parallel=True)
def _hardtanh_backward(dy: Any, x: Any, low: Any, high: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.hardtanh_backward(dy[i], x[i], low, high)


def relu(x: np.ndarray) -> np.ndarray:
    """Return the larger of x and 0; NaN stays NaN."""
    return _map(_relu, MOVING, x)


def relu_backward(dy: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return dy where y > 0. The derivative at 0 is 0."""
    return _map2(_relu_backward, MOVING, dy, y)


def leaky_relu(x: np.ndarray, negative_slope: float) -> np.ndarray:
    """Return x where x > 0, else negative_slope x."""
    return _map(_leaky_relu, MOVING, x, float(negative_slope))


def leaky_relu_backward(dy: np.ndarray, x: np.ndarray, negative_slope: float) -> np.ndarray:
    """Return dy where x > 0, else negative_slope dy. The derivative at 0 is negative_slope."""
    return _map2(_leaky_relu_backward, MOVING, dy, x, float(negative_slope))


def hardtanh(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return x held within [low, high]."""
    return _map(_hardtanh, MOVING, x, float(low), float(high))


def hardtanh_backward(dy: np.ndarray, x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return dy where low < x < high. The derivative at both ends is 0."""
    return _map2(_hardtanh_backward, MOVING, dy, x, float(low), float(high))


# Exponential units


@kernel(parallel=True)
def _elu(x: Any, left: Any, right: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.elu(x[i], left, right)


@kernel(parallel=True)
def _elu_backward(dy: Any, x: Any, left: Any, right: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.elu_backward(dy[i], x[i], left, right)


@kernel(parallel=True)
def _softplus(x: Any, beta: Any, threshold: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.softplus(x[i], beta, threshold)


@kernel(parallel=True)
def _softplus_backward(dy: Any, x: Any, beta: Any, threshold: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.softplus_backward(dy[i], x[i], beta, threshold)


def elu(x: np.ndarray, alpha: float) -> np.ndarray:
    """Return x where x > 0, else alpha (e**x - 1)."""
    return _map(_elu, COMPUTING, x, float(alpha), 1.0)


def elu_backward(dy: np.ndarray, x: np.ndarray, alpha: float) -> np.ndarray:
    """Return dy where x > 0, else dy alpha e**x. The derivative at 0 is alpha."""
    return _map2(_elu_backward, COMPUTING, dy, x, float(alpha), 1.0)


def selu(x: np.ndarray) -> np.ndarray:
    """Return SELU_SCALE elu(x, SELU_ALPHA)."""
    return _map(_elu, COMPUTING, x, SELU_ALPHA * SELU_SCALE, SELU_SCALE)


def selu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return dy times SELU_SCALE elu'(x, SELU_ALPHA)."""
    return _map2(_elu_backward, COMPUTING, dy, x, SELU_ALPHA * SELU_SCALE, SELU_SCALE)


def softplus(x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """Return log(1 + e**(beta x)) / beta, and x itself where beta x > threshold."""
    return _map(_softplus, 2 * COMPUTING, x, float(beta), float(threshold))


def softplus_backward(dy: np.ndarray, x: np.ndarray, beta: float, threshold: float) -> np.ndarray:
    """Return dy sigmoid(beta x), and dy itself where beta x > threshold."""
    return _map2(_softplus_backward, COMPUTING, dy, x, float(beta), float(threshold))


# Units weighted by a distribution function


@kernel(parallel=True)
def _gelu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.gelu(x[i])


@kernel(parallel=True)
def _gelu_backward(dy: Any, x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.gelu_backward(dy[i], x[i])


@kernel(parallel=True)
def _gelu_tanh(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.gelu_tanh(x[i])


@kernel(parallel=True)
def _gelu_tanh_backward(dy: Any, x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.gelu_tanh_backward(dy[i], x[i])


@kernel(parallel=True)
def _silu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.silu(x[i])


@kernel(parallel=True)
def _silu_backward(dy: Any, x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = activations.silu_backward(dy[i], x[i])


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    """Return x times the normal distribution function of x, by erf ("none") or by tanh ("tanh")."""
    return _map(_gelu_tanh if approximate == "tanh" else _gelu, COMPUTING, x)


def gelu_backward(dy: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    """Return dy times the derivative of `gelu` with the same `approximate`."""
    function = _gelu_tanh_backward if approximate == "tanh" else _gelu_backward
    return _map2(function, 2 * COMPUTING, dy, x)


def silu(x: np.ndarray) -> np.ndarray:
    """Return x sigmoid(x)."""
    return _map(_silu, COMPUTING, x)


def silu_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return dy times the derivative of `silu`."""
    return _map2(_silu_backward, COMPUTING, dy, x)
