"""Activations and elementary functions, element by element.

The formulas of their values and slopes are in `minnet/kernels/formulas.py`. Here is what the
derivative of a slope is, which is computed by operations.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minnet import devices, dtypes, kernels, random, scalar
from minnet.functional.arithmetic import (
    abs,
    add,
    check_tensors,
    div,
    floating,
    mul,
    neg,
    no_bool,
    only_floating,
    sub,
)
from minnet.functional.shape import narrow, reshape
from minnet.functional.softmax import softmax
from minnet.kernels.constants import DENSITY, TANH_CUBIC, TANH_SLOPE, TWO_BY_SQRT_PI
from minnet.operation import Tensor, composite, operation
from minnet.recorder import in_place
from minnet.size import axis
from minnet.variable import wrap
from minnet.vocabulary import zero


def _kernels(array: np.ndarray, name: str) -> Any:
    """Return the kernels of a floating point array's device."""
    only_floating(array, name)
    return kernels.of(array)


def pointwise(
    node: str, bend: Any = None, reads: str = "input", slope: Any = None, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Declare a function whose derivative is a kernel, and this kernel, which is linear in `dy`.

    Args:
        node: torch's name of its nodes.
        bend: `bend(V, dy, x, *constants)` returns `dy` times the derivative of the slope, 0 unless
            given. `x` is what the slope reads.
        reads: "input", or "result" where that is cheaper.
        slope: `slope(dy, x, *constants)` returns `dy` times the slope; unless given, the kernel of
            the function's name and `_backward`.
        options: those of `operation`.
    """

    def declare(value: Callable[..., Any]) -> Any:
        constants = list(inspect.signature(value).parameters)[1:]
        name = f"{value.__name__}_backward"

        def backward(dy: Any, x: Any, *numbers: Any) -> Any:
            return getattr(kernels.of(x), name)(dy, x, *numbers)

        def dx(*names: str) -> Any:
            return _taking(lambda V, dy, *read: getattr(V, name)(dy, *read), "V", "dy", *names)

        def ddx(V: Any, ddy: Any, dy: Any, x: Any, *numbers: Any) -> Any:
            return bend(V, V.mul(ddy, dy), x, *numbers)

        backward = _taking(slope or backward, "dy", "x", *constants)
        backward.__name__ = name
        operation(
            node.replace("Backward0", "BackwardBackward0"),
            dx("x", *constants),
            zero if bend is None else _taking(ddx, "V", "ddy", "dy", "x", *constants),
            where="",
        )(backward)
        return operation(node, dx(reads, *constants), quiet=True, **options)(value)

    return declare


def _taking(function: Any, *names: str) -> Any:
    """Give a function the signature that tells which values it takes."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    return function


# Elementary functions: integers become floating point. The kernels make NumPy warn of nothing, as
# products in derivatives do.

elementary = partial(operation, inplace="minnet Tensor", out="cast", quiet="value")


@elementary("ExpBackward0", lambda V, dy, result: V.mul(dy, result))
def exp(input: Tensor) -> Tensor:
    """Return e to the power of each element.

    Example:
        >>> import minnet
        >>> minnet.exp(minnet.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    return kernels.of(input).exp(floating(input))


@elementary("Expm1Backward0", lambda V, dy, result: V.mul(dy, V.add(result, 1)))
def expm1(input: Tensor) -> Tensor:
    """Return e**x - 1 of each element, accurate near 0.

    Example:
        >>> import minnet
        >>> minnet.expm1(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    return kernels.of(input).expm1(floating(input))


@elementary("LogBackward0", lambda V, dy, input: V.div(dy, input))
def log(input: Tensor) -> Tensor:
    """Return the natural logarithm: -inf at 0, NaN below.

    Example:
        >>> import minnet
        >>> minnet.log(minnet.tensor([1.0, 2.0, 0.0]))
        tensor([0.0000, 0.6931,   -inf])
    """
    return kernels.of(input).log(floating(input))


@elementary("Log1PBackward0", lambda V, dy, input: V.div(dy, V.add(input, 1)))
def log1p(input: Tensor) -> Tensor:
    """Return log(1 + x) of each element, accurate near 0.

    Example:
        >>> import minnet
        >>> minnet.log1p(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    return kernels.of(input).log1p(floating(input))


@elementary("SinBackward0", lambda V, dy, input: V.mul(dy, V.cos(input)))
def sin(input: Tensor) -> Tensor:
    """Return the sine of each element, an angle in radians.

    Example:
        >>> import minnet
        >>> minnet.sin(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """
    return kernels.of(input).sin(floating(input))


@elementary("CosBackward0", lambda V, dy, input: V.mul(dy, V.neg(V.sin(input))))
def cos(input: Tensor) -> Tensor:
    """Return the cosine of each element, an angle in radians.

    Example:
        >>> import minnet
        >>> minnet.cos(minnet.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """
    return kernels.of(input).cos(floating(input))


def _erf_slope(V: Any, dy: Any, input: Any) -> Any:
    return V.mul(dy, V.mul(V.exp(V.neg(V.mul(input, input))), TWO_BY_SQRT_PI))


@elementary("ErfBackward0", _erf_slope)
def erf(input: Tensor) -> Tensor:
    """Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to each element.

    Example:
        >>> import minnet
        >>> minnet.erf(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """
    return kernels.of(input).erf(floating(input))


@pointwise(
    "TanhBackward0",
    lambda V, dy, y: V.mul(V.mul(dy, y), -2),
    reads="result",
    where="minnet Tensor F",
    inplace="minnet Tensor",
    out="cast",
)
def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent.

    Example:
        >>> import minnet
        >>> minnet.tanh(minnet.tensor([-1.0, 0.0, 1.0]))
        tensor([-0.7616,  0.0000,  0.7616])
    """
    return kernels.of(input).tanh(floating(input))


@pointwise(
    "SigmoidBackward0",
    lambda V, dy, y: V.mul(dy, V.rsub(V.mul(y, 2), 1)),
    reads="result",
    where="minnet Tensor F",
    inplace="minnet Tensor",
    out="cast",
)
def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + e**-x).

    Example:
        >>> import minnet
        >>> minnet.sigmoid(minnet.tensor([-1.0, 0.0, 1.0]))
        tensor([0.2689, 0.5000, 0.7311])
    """
    return kernels.of(input).sigmoid(floating(input))


# Rectifiers


@pointwise(
    "ReluBackward0", reads="result", where="minnet Tensor F", inplace="minnet Tensor F", out=False
)
def relu(input: Tensor) -> Tensor:
    """Return the larger of each element and 0. The derivative at 0 is 0.

    Integers stay integers.

    Raises:
        RuntimeError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.relu(minnet.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """
    if input.dtype.kind == "f":
        return kernels.of(input).relu(input)
    if input.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu; convert the tensor first")
    return np.maximum(input, 0)


@pointwise("LeakyReluBackward0", where="F", inplace=True)
def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where x > 0, else `negative_slope` x. The derivative at 0 is `negative_slope`.

    Maas, Hannun, Ng 2013, "Rectifier nonlinearities improve neural network acoustic models".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.leaky_relu(minnet.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """
    return _kernels(input, "leaky_relu_cpu").leaky_relu(input, negative_slope)


@pointwise("HardtanhBackward0", where="F", inplace=True)
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
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
    if input.dtype.kind == "f":
        return kernels.of(input).hardtanh(input, min_val, max_val)
    if input.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh; convert the tensor first")
    return np.clip(input.astype(np.int64), int(min_val), int(max_val)).astype(input.dtype)


@composite(where="F")
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element held within [0, 6].

    Example:
        >>> import minnet
        >>> minnet.nn.functional.relu6(minnet.tensor([-1.0, 3.0, 8.0]))
        tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, True) if inplace else hardtanh(input, 0.0, 6.0)


@pointwise(
    "HardswishBackward0",
    lambda V, dy, x: V.ifelse(V.lt(V.abs(x), 3), V.div(dy, 3), 0.0),
    where="F",
    inplace=True,
)
def hardswish(input: Tensor) -> Tensor:
    """Return x relu6(x + 3) / 6. The derivative is 0 at -3 and 1 at 3.

    Howard and others 2019, "Searching for MobileNetV3".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.hardswish(minnet.tensor([-1.0, 2.0]))
        tensor([-0.3333,  1.6667])
    """
    return _kernels(input, "hardswish_cpu").hardswish(input)


@pointwise("HardsigmoidBackward0", where="F", inplace=True)
def hardsigmoid(input: Tensor) -> Tensor:
    """Return relu6(x + 3) / 6. The derivative at -3 and at 3 is 0.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.hardsigmoid(minnet.tensor([-1.0, 2.0]))
        tensor([0.3333, 0.8333])
    """
    return _kernels(input, "hardsigmoid_cpu").hardsigmoid(input)


# Smooth activations


@pointwise(
    "EluBackward0",
    lambda V, dy, x, alpha: V.ifelse(V.lt(x, 0), V.elu_backward(dy, x, alpha), 0.0),
    where="F",
    inplace=True,
)
def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
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
    return _kernels(input, "elu_cpu").elu(input, alpha)


def _celu_bend(V: Any, dy: Any, x: Any, alpha: float) -> Any:
    return V.ifelse(V.lt(x, 0), V.celu_backward(V.div(dy, alpha), x, alpha), 0.0)


@pointwise("CeluBackward0", _celu_bend, where="minnet F", inplace="minnet F", out=False)
def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where x > 0, else `alpha` (e**(x / `alpha`) - 1), whose slope at 0 is 1.

    Barron 2017, "Continuously differentiable exponential linear units".

    Raises:
        RuntimeError: if `alpha` is 0.
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.celu(minnet.tensor([-1.0, 2.0]), 2.0)
        tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _kernels(input, "elu_cpu").celu(input, alpha)


@pointwise(
    "EluBackward0",
    lambda V, dy, x: V.ifelse(V.lt(x, 0), V.selu_backward(dy, x), 0.0),
    where="minnet F",
    inplace="minnet F",
    out=False,
)
def selu(input: Tensor) -> Tensor:
    """Return 1.0507 elu(x, alpha=1.6733), which keeps mean 0 and variance 1 from layer to layer.

    Klambauer, Unterthiner, Mayr, Hochreiter 2017, "Self-normalizing neural networks".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.selu(minnet.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    return _kernels(input, "elu_cpu").selu(input)


def _gelu_slope(dy: Any, x: Any, approximate: str) -> Any:
    k = kernels.of(x)
    return (k.gelu_tanh_backward if approximate == "tanh" else k.gelu_backward)(dy, x)


def _gelu_bend(V: Any, dy: Any, x: Any, approximate: str) -> Any:
    square = V.mul(x, x)
    if approximate == "none":
        density = V.mul(V.exp(V.mul(square, -0.5)), DENSITY)
        return V.mul(dy, V.mul(density, V.rsub(square, 2)))
    cubic = V.mul(square, TANH_SLOPE * TANH_CUBIC)
    t = V.tanh(V.mul(x, V.add(cubic, TANH_SLOPE)))
    inner = V.add(V.mul(cubic, 3), TANH_SLOPE)
    rest = V.sub(V.add(inner, V.mul(cubic, 3)), V.mul(V.mul(x, t), V.mul(inner, inner)))
    return V.mul(V.tanh_backward(dy, t), rest)


@pointwise("GeluBackward0", _gelu_bend, slope=_gelu_slope, where="F")
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
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
    k = _kernels(input, "GeluKernelImpl")
    return (k.gelu_tanh if approximate == "tanh" else k.gelu)(input)


def _silu_bend(V: Any, dy: Any, x: Any) -> Any:
    s = V.sigmoid(x)
    return V.mul(V.sigmoid_backward(dy, s), V.add(V.mul(x, V.rsub(V.mul(s, 2), 1)), 2))


@pointwise("SiluBackward0", _silu_bend, where="F", inplace=True)
def silu(input: Tensor) -> Tensor:
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
    return _kernels(input, "silu_cpu").silu(input)


def _softplus_bend(V: Any, dy: Any, x: Any, beta: float, threshold: float) -> Any:
    z = V.mul(x, beta)
    curved = V.mul(V.sigmoid_backward(dy, V.sigmoid(z)), beta)
    return V.ifelse(V.gt(z, threshold), 0.0, curved)


@pointwise("SoftplusBackward0", _softplus_bend, where="F")
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + e**(`beta` x)) / `beta`, and x itself where `beta` x > `threshold`.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.softplus(minnet.tensor([-1.0, 2.0]))
        tensor([0.3133, 2.1269])
    """
    return _kernels(input, "softplus_cpu").softplus(input, beta, threshold)


@pointwise(
    "LogSigmoidBackward0", lambda V, dy, x: V.neg(V.sigmoid_backward(dy, V.sigmoid(x))), where="F"
)
def logsigmoid(input: Tensor) -> Tensor:
    """Return log(sigmoid(x)) without overflow.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.logsigmoid(minnet.tensor([-1.0, 2.0]))
        tensor([-1.3133, -0.1269])
    """
    return _kernels(input, "log_sigmoid_cpu").logsigmoid(input)


def _mish_bend(V: Any, dy: Any, x: Any) -> Any:
    t, s = V.tanh(V.softplus(x)), V.sigmoid(x)
    rest = V.mul(x, V.rsub(V.mul(s, V.add(V.mul(t, 2), 1)), 1))
    return V.mul(V.mul(V.tanh_backward(dy, t), s), V.add(rest, 2))


@pointwise("MishBackward0", _mish_bend, where="F", inplace=True)
def mish(input: Tensor) -> Tensor:
    """Return x tanh(softplus(x)).

    Misra 2019, "Mish: a self regularized non-monotonic activation function".

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.mish(minnet.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """
    return _kernels(input, "mish_cpu").mish(input)


@composite(where="F")
def softsign(input: Tensor) -> Tensor:
    """Return x / (1 + |x|).

    Example:
        >>> import minnet
        >>> minnet.nn.functional.softsign(minnet.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """
    return div(input, add(abs(input), 1))


# Rectifiers with a threshold, or with slopes that are learned or drawn


@operation(
    "ThresholdBackward0",
    lambda V, dy, input, threshold: V.ifelse(V.le(input, threshold), 0.0, dy),
    where="minnet F",
    inplace="minnet F",
    out="cast",
)
def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """Return each element that is greater than `threshold`, and `value` for the others.

    Raises:
        NotImplementedError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.threshold(minnet.tensor([0.0, 1.0, 2.0]), 1.0, -5.0)
        tensor([-5., -5.,  2.])
    """
    no_bool(input.dtype, "threshold_cpu")
    return np.where(input <= threshold, scalar.fitted(value, input.dtype), input)


@operation(
    "HardshrinkBackward0",
    lambda V, dy, input, lambd: V.ifelse(V.le(V.abs(input), lambd), 0.0, dy),
    where="minnet Tensor F",
)
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return each element whose absolute value is greater than `lambd`, and 0 for the others.

    Raises:
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.hardshrink(minnet.tensor([-1.0, 0.3, 2.0]))
        tensor([-1.,  0.,  2.])
    """
    only_floating(input, "hardshrink_cpu")
    return np.where(np.abs(input) <= lambd, input.dtype.type(0), input)


@operation(
    "SoftshrinkBackward0",
    lambda V, dy, input, lambd: V.ifelse(V.le(V.abs(input), lambd), 0.0, dy),
    where="F",
)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return each element moved by `lambd` towards 0, and 0 for those that are not as far from it.

    Raises:
        RuntimeError: if `lambd` is negative.
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.softshrink(minnet.tensor([-1.0, 0.3, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])
    """
    only_floating(input, "softshrink_check")
    if not 0 <= lambd <= np.finfo(input.dtype).max:
        raise RuntimeError(
            f"lambda must be in range [0, {np.finfo(input.dtype).max:g}] for input dtype "
            f"{dtypes.of(input).tensor_type}, but found {lambd:g}"
        )
    moved = np.where(input > 0, input - lambd, input + lambd)
    return np.where(np.abs(input) <= lambd, input * 0, moved)


@composite(where="F")
def tanhshrink(input: Tensor) -> Tensor:
    """Return x - tanh(x).

    Example:
        >>> import minnet
        >>> minnet.nn.functional.tanhshrink(minnet.tensor([0.0, 2.0]))
        tensor([0.0000, 1.0360])
    """
    return sub(input, tanh(input))


@operation(
    "PreluKernelBackward0",
    lambda V, dy, input, weight: V.ifelse(V.gt(input, 0), dy, V.mul(dy, weight)),
    lambda V, dy, input: V.ifelse(V.gt(input, 0), 0.0, V.mul(dy, input)),
    where="",
    numbers=False,
)
def _prelu(input: Tensor, weight: Tensor) -> Tensor:
    return np.where(input > 0, input, weight * input)


@composite(where="minnet Tensor F")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where x > 0, else `weight` x: a slope for all, or one for each channel.

    He, Zhang, Ren, Sun (2015), "Delving deep into rectifiers: surpassing human-level performance on
    ImageNet classification".

    Args:
        input: (N, C, ...), or of any shape for one slope.
        weight: (C,), (1,) or ().

    Raises:
        RuntimeError: if the slopes are not as many as the channels, or the dtypes differ.
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.prelu(minnet.tensor([-1.0, 2.0]), minnet.tensor([0.25]))
        tensor([-0.2500,  2.0000])
    """
    check_tensors("prelu", input=input, weight=weight)
    x, w = input.array, weight.array
    if x.dtype != w.dtype:
        names = f"Got {dtypes.of(x).tensor_type} and {dtypes.of(w).tensor_type}"
        raise RuntimeError(f"prelu: Type promoting not supported. {names}")
    only_floating(x, "prelu_cpu")
    if w.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}"
        )
    if w.size != 1:
        if not x.ndim:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.size:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{w.size} and channel size = {channels}."
            )
    shape = (-1, *(1,) * (x.ndim - 2)) if w.size != 1 else (1,) * min(x.ndim, 1)
    return _prelu(input, weight if len(shape) == w.ndim else reshape(weight, shape))


@composite(where="minnet F", inplace="minnet F")
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Tensor:
    """Return x where x > 0, else x times a slope: drawn from U(lower, upper), or their mean.

    Xu, Wang, Chen, Li (2015), "Empirical evaluation of rectified activations in convolution
    network".

    Args:
        training: whether a slope is drawn for each element.
        generator: of the slopes; by default the default generator.

    Raises:
        RuntimeError: if `lower` is greater than `upper`.
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.rrelu(minnet.tensor([-1.0, 2.0]), 0.1, 0.3)
        tensor([-0.2000,  2.0000])
    """
    check_tensors("rrelu", input=input)
    if not lower <= upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    only_floating(input.array, "rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    bent = kernels.moved(input.array, devices.CPU) <= 0
    factor = np.ones(bent.shape, input.array.dtype)
    slopes = np.empty(np.count_nonzero(bent))  # drawn one after the other, as by torch
    random.resolve(generator).uniform(slopes)
    low, high = (float(factor.dtype.type(bound)) for bound in (lower, upper))
    factor[bent] = slopes * (high - low) + low
    out = mul(input, wrap(kernels.moved(factor, kernels.device_of(input.array))))
    return in_place(input, out) if inplace else out


@composite(where="F")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return a sigmoid(b), where a and b are the two halves of a dim.

    Dauphin, Fan, Auli, Grangier (2017), "Language modeling with gated convolutional networks".

    Raises:
        RuntimeError: if the dim cannot be halved.
        NotImplementedError: if `input` is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.glu(minnet.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """
    check_tensors("glu", input=input)
    shape = input.array.shape
    if not shape:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    size = shape[axis(dim, len(shape))]
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % len(shape)} is size {size}"
        )
    only_floating(input.array, "glu_cpu")
    a, b = (narrow(input, dim, start, size // 2) for start in (0, size // 2))
    return mul(a, sigmoid(b))


# What softmax makes


@composite(where="F")
def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Return softmax(-x) along a dim.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.softmin(minnet.tensor([0.0, 100.0]), dim=0)
        tensor([1.0000e+00, 3.7835e-44])
    """
    return softmax(neg(input), dim, dtype=dtype)


@composite(where="F")
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return a sample from softmax(logits) along a dim, made smooth: softmax((logits + g) / tau).

    Jang, Gu, Poole (2017), "Categorical reparameterization with Gumbel-softmax". g is drawn from
    the Gumbel distribution, by the default generator.

    Args:
        logits: floating point.
        tau: the smaller, the nearer is the sample to a 1 among zeros.
        hard: return that 1 among zeros, with the gradients of the smooth sample.
        eps: has no effect.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.gumbel_softmax(minnet.zeros(2, 3), hard=True).sum(1)
        tensor([1., 1.])
    """
    check_tensors("gumbel_softmax", logits=logits)
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    draws = np.empty_like(logits.array, order="C")
    if draws.dtype.kind != "f":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of(draws).tensor_type}"
        )
    random.default_generator().exponential(draws)
    soft = softmax(div(sub(logits, log(wrap(draws))), tau), dim)
    if not hard or not draws.ndim:
        return soft
    chosen = kernels.zeros(draws.shape, draws)
    np.put_along_axis(chosen, np.argmax(soft.array, dim, keepdims=True), 1, dim)
    return add(soft, wrap(chosen - soft.array))
