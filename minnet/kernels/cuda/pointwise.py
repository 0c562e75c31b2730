"""Elementary functions and activations of whole arrays on the device, and their derivatives.

The arguments, the results and their bits are those of the CPU's kernels, as the source for one
number is. A thread takes four adjacent elements, in float32 by one load of 16 bytes.
"""

from __future__ import annotations

from typing import Any

from minnet.kernels import activations, numeric
from minnet.kernels.activations import SELU_ALPHA, SELU_SCALE
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import THREADS, aligned, blocks, cuda, kernel, load4, store4
from minnet.kernels.jit import device

FOUR = 4  # elements of a thread


def _kernels_of(f: Any, arrays: int = 1) -> dict[int, Any]:
    """Return the kernels of a function of elements of one or two arrays, by the elements' size.

    `numbers` are further arguments, the same for all elements.
    """

    def one4(x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        if whole and i + FOUR <= out.size:
            a, b, c, d = load4(x, i)
            store4(out, i, f(a, *numbers), f(b, *numbers), f(c, *numbers), f(d, *numbers))
        else:
            for j in range(i, min(i + FOUR, out.size)):
                out[j] = f(x[j], *numbers)

    def one8(x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        for j in range(i, min(i + FOUR, out.size)):
            out[j] = f(x[j], *numbers)

    def two4(dy, x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        if whole and i + FOUR <= out.size:
            d0, d1, d2, d3 = load4(dy, i)
            x0, x1, x2, x3 = load4(x, i)
            y0, y1 = f(d0, x0, *numbers), f(d1, x1, *numbers)
            store4(out, i, y0, y1, f(d2, x2, *numbers), f(d3, x3, *numbers))
        else:
            for j in range(i, min(i + FOUR, out.size)):
                out[j] = f(dy[j], x[j], *numbers)

    def two8(dy, x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        for j in range(i, min(i + FOUR, out.size)):
            out[j] = f(dy[j], x[j], *numbers)

    return {4: kernel(one4 if arrays == 1 else two4), 8: kernel(one8 if arrays == 1 else two8)}


def _map(kernels: dict[int, Any], arrays: tuple[Array, ...], *numbers: float) -> Array:
    """Run a kernel on one or two arrays of one shape and dtype."""
    out = empty(arrays[0].shape, arrays[0].dtype)
    if out.size:
        flat = [x.reshape(-1) for x in (*arrays, out)]
        *sources, target = (x.memory for x in flat)
        threads = blocks(out.size, FOUR)
        grid = blocks(threads, THREADS)
        kernels[out.itemsize][grid, THREADS](*sources, numbers, aligned(*flat), target)
    return out


@device
def _sine(x):
    return numeric.sincos_any(x)[0]


@device
def _cosine(x):
    return numeric.sincos_any(x)[1]


_EXP = _kernels_of(numeric.exp)
_EXPM1 = _kernels_of(numeric.expm1)
_LOG = _kernels_of(numeric.log)
_LOG1P = _kernels_of(numeric.log1p)
_ERF = _kernels_of(numeric.erf)
_SINE = _kernels_of(_sine)
_COSINE = _kernels_of(_cosine)
_TANH = _kernels_of(numeric.tanh)
_SIGMOID = _kernels_of(numeric.sigmoid)
_LOGSIGMOID = _kernels_of(activations.logsigmoid)
_RELU = _kernels_of(activations.relu)
_LEAKY_RELU = _kernels_of(activations.leaky_relu)
_HARDTANH = _kernels_of(activations.hardtanh)
_ELU = _kernels_of(activations.elu)
_SOFTPLUS = _kernels_of(activations.softplus)
_GELU = _kernels_of(activations.gelu)
_GELU_TANH = _kernels_of(activations.gelu_tanh)
_SILU = _kernels_of(activations.silu)

_TANH_BACKWARD = _kernels_of(activations.tanh_backward, 2)
_SIGMOID_BACKWARD = _kernels_of(activations.sigmoid_backward, 2)
_LOGSIGMOID_BACKWARD = _kernels_of(activations.logsigmoid_backward, 2)
_RELU_BACKWARD = _kernels_of(activations.relu_backward, 2)
_LEAKY_RELU_BACKWARD = _kernels_of(activations.leaky_relu_backward, 2)
_HARDTANH_BACKWARD = _kernels_of(activations.hardtanh_backward, 2)
_ELU_BACKWARD = _kernels_of(activations.elu_backward, 2)
_SOFTPLUS_BACKWARD = _kernels_of(activations.softplus_backward, 2)
_GELU_BACKWARD = _kernels_of(activations.gelu_backward, 2)
_GELU_TANH_BACKWARD = _kernels_of(activations.gelu_tanh_backward, 2)
_SILU_BACKWARD = _kernels_of(activations.silu_backward, 2)


def exp(x: Array) -> Array:
    """Return e**x."""
    return _map(_EXP, (x,))


def expm1(x: Array) -> Array:
    """Return e**x - 1, accurate near 0."""
    return _map(_EXPM1, (x,))


def log(x: Array) -> Array:
    """Return the natural logarithm: -inf at 0, NaN below."""
    return _map(_LOG, (x,))


def log1p(x: Array) -> Array:
    """Return log(1 + x), accurate near 0."""
    return _map(_LOG1P, (x,))


def erf(x: Array) -> Array:
    """Return the error function."""
    return _map(_ERF, (x,))


def sin(x: Array) -> Array:
    """Return the sine; beyond 1e5 accurate as well, and ten times slower."""
    return _map(_SINE, (x,))


def cos(x: Array) -> Array:
    """Return the cosine; beyond 1e5 accurate as well, and ten times slower."""
    return _map(_COSINE, (x,))


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return _map(_TANH, (x,))


def tanh_backward(dy: Array, y: Array) -> Array:
    return _map(_TANH_BACKWARD, (dy, y))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e**-x)."""
    return _map(_SIGMOID, (x,))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    return _map(_SIGMOID_BACKWARD, (dy, y))


def logsigmoid(x: Array) -> Array:
    """Return log(sigmoid(x)), which never overflows."""
    return _map(_LOGSIGMOID, (x,))


def logsigmoid_backward(dy: Array, x: Array) -> Array:
    return _map(_LOGSIGMOID_BACKWARD, (dy, x))


def relu(x: Array) -> Array:
    """Return the larger of x and 0; NaN stays NaN."""
    return _map(_RELU, (x,))


def relu_backward(dy: Array, y: Array) -> Array:
    """Return dy where y > 0. The derivative at 0 is 0."""
    return _map(_RELU_BACKWARD, (dy, y))


def leaky_relu(x: Array, negative_slope: float) -> Array:
    """Return x where x > 0, else negative_slope x."""
    return _map(_LEAKY_RELU, (x,), negative_slope)


def leaky_relu_backward(dy: Array, x: Array, negative_slope: float) -> Array:
    """Return dy where x > 0, else negative_slope dy. The derivative at 0 is negative_slope."""
    return _map(_LEAKY_RELU_BACKWARD, (dy, x), negative_slope)


def hardtanh(x: Array, low: float, high: float) -> Array:
    """Return x held within [low, high]."""
    return _map(_HARDTANH, (x,), low, high)


def hardtanh_backward(dy: Array, x: Array, low: float, high: float) -> Array:
    """Return dy where low < x < high. The derivative at both ends is 0."""
    return _map(_HARDTANH_BACKWARD, (dy, x), low, high)


def elu(x: Array, alpha: float) -> Array:
    """Return x where x > 0, else alpha (e**x - 1)."""
    return _map(_ELU, (x,), alpha, 1.0)


def elu_backward(dy: Array, x: Array, alpha: float) -> Array:
    """Return dy where x > 0, else dy alpha e**x. The derivative at 0 is alpha."""
    return _map(_ELU_BACKWARD, (dy, x), alpha, 1.0)


def selu(x: Array) -> Array:
    """Return SELU_SCALE elu(x, SELU_ALPHA)."""
    return _map(_ELU, (x,), SELU_ALPHA * SELU_SCALE, SELU_SCALE)


def selu_backward(dy: Array, x: Array) -> Array:
    """Return dy times SELU_SCALE elu'(x, SELU_ALPHA)."""
    return _map(_ELU_BACKWARD, (dy, x), SELU_ALPHA * SELU_SCALE, SELU_SCALE)


def softplus(x: Array, beta: float, threshold: float) -> Array:
    """Return log(1 + e**(beta x)) / beta, and x itself where beta x > threshold."""
    return _map(_SOFTPLUS, (x,), beta, threshold)


def softplus_backward(dy: Array, x: Array, beta: float, threshold: float) -> Array:
    """Return dy sigmoid(beta x), and dy itself where beta x > threshold."""
    return _map(_SOFTPLUS_BACKWARD, (dy, x), beta, threshold)


def gelu(x: Array, approximate: str) -> Array:
    """Return x times the normal distribution function of x, by erf ("none") or by tanh ("tanh")."""
    return _map(_GELU_TANH if approximate == "tanh" else _GELU, (x,))


def gelu_backward(dy: Array, x: Array, approximate: str) -> Array:
    """Return dy times the derivative of `gelu` with the same `approximate`."""
    kernels = _GELU_TANH_BACKWARD if approximate == "tanh" else _GELU_BACKWARD
    return _map(kernels, (dy, x))


def silu(x: Array) -> Array:
    """Return x sigmoid(x)."""
    return _map(_SILU, (x,))


def silu_backward(dy: Array, x: Array) -> Array:
    """Return dy times the derivative of `silu`."""
    return _map(_SILU_BACKWARD, (dy, x))
