"""Activations and elementary functions, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import differentiable
from minnet.functional.arithmetic import apply, floating

TWO_BY_SQRT_PI = 1.1283791670955126


def _refuse(array: np.ndarray, kernel: str) -> None:
    """Raise NotImplementedError, a RuntimeError, for an array that is not floating point."""
    if array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{dtypes.of(array).tensor_type}': expected a "
            "floating point tensor; convert it with .float()"
        )


def _times(dy: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return apply(np.multiply, dy, slope)


# Elementary functions: integers become floating point.


@differentiable("ExpBackward0")
def exp(input: np.ndarray) -> Any:
    """Return e to the power of each element.

    Example:
        >>> import minnet
        >>> minnet.exp(minnet.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    input = floating(input)
    result = kernels.of(input).exp(input)
    return result, (lambda dy: _times(dy, result),)


@differentiable("Expm1Backward0")
def expm1(input: np.ndarray) -> Any:
    """Return e**x - 1 of each element, accurate near 0.

    Example:
        >>> import minnet
        >>> minnet.expm1(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    input = floating(input)
    result = kernels.of(input).expm1(input)
    return result, (lambda dy: _times(dy, result + 1),)


@differentiable("LogBackward0")
def log(input: np.ndarray) -> Any:
    """Return the natural logarithm: -inf at 0, NaN below.

    Example:
        >>> import minnet
        >>> minnet.log(minnet.tensor([1.0, 2.0, 0.0]))
        tensor([0.0000, 0.6931,   -inf])
    """
    input = floating(input)

    def dx(dy: np.ndarray) -> np.ndarray:
        return apply(np.true_divide, dy, input)

    return kernels.of(input).log(input), (dx,)


@differentiable("Log1PBackward0")
def log1p(input: np.ndarray) -> Any:
    """Return log(1 + x) of each element, accurate near 0.

    Example:
        >>> import minnet
        >>> minnet.log1p(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    input = floating(input)

    def dx(dy: np.ndarray) -> np.ndarray:
        return apply(np.true_divide, dy, input + 1)

    return kernels.of(input).log1p(input), (dx,)


@differentiable("SinBackward0")
def sin(input: np.ndarray) -> Any:
    """Return the sine of each element, an angle in radians.

    Example:
        >>> import minnet
        >>> minnet.sin(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """
    input = floating(input)
    k = kernels.of(input)
    return k.sin(input), (lambda dy: _times(dy, k.cos(input)),)


@differentiable("CosBackward0")
def cos(input: np.ndarray) -> Any:
    """Return the cosine of each element, an angle in radians.

    Example:
        >>> import minnet
        >>> minnet.cos(minnet.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """
    input = floating(input)
    k = kernels.of(input)
    return k.cos(input), (lambda dy: _times(dy, -k.sin(input)),)


@differentiable("ErfBackward0")
def erf(input: np.ndarray) -> Any:
    """Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to each element.

    Example:
        >>> import minnet
        >>> minnet.erf(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """
    input = floating(input)
    k = kernels.of(input)

    def dx(dy: np.ndarray) -> np.ndarray:
        return _times(dy, k.exp(-_times(input, input)) * TWO_BY_SQRT_PI)

    return k.erf(input), (dx,)


@differentiable("TanhBackward0")
def tanh(input: np.ndarray) -> Any:
    """Return the hyperbolic tangent.

    Example:
        >>> import minnet
        >>> minnet.tanh(minnet.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.7616,  0.0000,  0.7616])
    """
    input = floating(input)
    k = kernels.of(input)
    result = k.tanh(input)
    return result, (lambda dy: k.tanh_backward(dy, result),)


@differentiable("SigmoidBackward0")
def sigmoid(input: np.ndarray) -> Any:
    """Return 1 / (1 + e**-x).

    Example:
        >>> import minnet
        >>> minnet.sigmoid(minnet.tensor([-1.0, 0.0, 1.0]))
        tensor([0.2689, 0.5000, 0.7311])
    """
    input = floating(input)
    k = kernels.of(input)
    result = k.sigmoid(input)
    return result, (lambda dy: k.sigmoid_backward(dy, result),)


# Rectifiers


@differentiable("ReluBackward0")
def relu(input: np.ndarray, inplace: bool = False) -> Any:
    """Return the larger of each element and 0. The derivative at 0 is 0.

    Integers stay integers.

    Raises:
        RuntimeError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.relu(minnet.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """
    if input.dtype.kind != "f":
        if input.dtype.kind == "b":
            raise RuntimeError("Boolean inputs not supported for relu; convert the tensor first")
        return np.maximum(input, 0), (None,)
    k = kernels.of(input)
    result = k.relu(input)
    return result, (lambda dy: k.relu_backward(dy, result),)


@differentiable("LeakyReluBackward0")
def leaky_relu(input: np.ndarray, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Return x where x > 0, else `negative_slope` x. The derivative at 0 is `negative_slope`.

    Maas, Hannun, Ng 2013, "Rectifier nonlinearities improve neural network acoustic models".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.leaky_relu(minnet.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """
    _refuse(input, "leaky_relu_cpu")
    k = kernels.of(input)
    return (
        k.leaky_relu(input, negative_slope),
        (lambda dy: k.leaky_relu_backward(dy, input, negative_slope),),
    )


@differentiable("HardtanhBackward0")
def hardtanh(
    input: np.ndarray, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Any:
    """Return each element held within [`min_val`, `max_val`]. The derivative at both ends is 0.

    Raises:
        ValueError: if `min_val` is greater than `max_val`.
        RuntimeError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.hardtanh(minnet.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError(
            f"min_val cannot be greater than max_val: got min_val={min_val}, max_val={max_val}"
        )
    if input.dtype.kind != "f":
        if input.dtype.kind == "b":
            raise RuntimeError("Bool inputs not supported for hardtanh; convert the tensor first")
        return np.clip(input.astype(np.int64), int(min_val), int(max_val)).astype(input.dtype), (
            None,
        )
    k = kernels.of(input)
    return (
        k.hardtanh(input, min_val, max_val),
        (lambda dy: k.hardtanh_backward(dy, input, min_val, max_val),),
    )


def relu6(input: Any, inplace: bool = False) -> Any:
    """Return each element held within [0, 6].

    Example:
        >>> import minnet
        >>> minnet.nn.functional.relu6(minnet.tensor([-1.0, 3.0, 8.0]))
        tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


# Smooth activations


@differentiable("EluBackward0")
def elu(input: np.ndarray, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return x where x > 0, else `alpha` (e**x - 1). The derivative at 0 is `alpha`.

    Clevert, Unterthiner, Hochreiter 2015, "Fast and accurate deep network learning by exponential
    linear units (ELUs)".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.elu(minnet.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    _refuse(input, "elu_cpu")
    k = kernels.of(input)
    return k.elu(input, alpha), (lambda dy: k.elu_backward(dy, input, alpha),)


@differentiable("EluBackward0")
def selu(input: np.ndarray, inplace: bool = False) -> Any:
    """Return 1.0507 elu(x, alpha=1.6733), which keeps mean 0 and variance 1 from layer to layer.

    Klambauer, Unterthiner, Mayr, Hochreiter 2017, "Self-normalizing neural networks".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.selu(minnet.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    _refuse(input, "elu_cpu")
    k = kernels.of(input)
    return k.selu(input), (lambda dy: k.selu_backward(dy, input),)


@differentiable("GeluBackward0")
def gelu(input: np.ndarray, approximate: str = "none") -> Any:
    """Return x Phi(x), where Phi is the distribution function of the standard normal.

    With `approximate="tanh"` Phi(x) is taken as (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
    Hendrycks, Gimpel 2016, "Gaussian error linear units (GELUs)".

    Raises:
        RuntimeError: if `approximate` is neither "none" nor "tanh".
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.gelu(minnet.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    _refuse(input, "GeluKernelImpl")
    k = kernels.of(input)
    return k.gelu(input, approximate), (lambda dy: k.gelu_backward(dy, input, approximate),)


@differentiable("SiluBackward0")
def silu(input: np.ndarray, inplace: bool = False) -> Any:
    """Return x sigmoid(x).

    Elfwing, Uchibe, Doya 2017, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.silu(minnet.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    _refuse(input, "silu_cpu")
    k = kernels.of(input)
    return k.silu(input), (lambda dy: k.silu_backward(dy, input),)


@differentiable("SoftplusBackward0")
def softplus(input: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return log(1 + e**(`beta` x)) / `beta`, and x itself where `beta` x > `threshold`.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.softplus(minnet.tensor([-1.0, 2.0]))
        tensor([0.3133, 2.1269])
    """
    _refuse(input, "softplus_cpu")
    k = kernels.of(input)
    return (
        k.softplus(input, beta, threshold),
        (lambda dy: k.softplus_backward(dy, input, beta, threshold),),
    )


@differentiable("LogSigmoidBackward0")
def logsigmoid(input: np.ndarray) -> Any:
    """Return log(sigmoid(x)) without overflow.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.logsigmoid(minnet.tensor([-1.0, 2.0]))
        tensor([-1.3133, -0.1269])
    """
    _refuse(input, "log_sigmoid_cpu")
    k = kernels.of(input)
    return k.logsigmoid(input), (lambda dy: k.logsigmoid_backward(dy, input),)
