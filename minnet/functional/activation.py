"""Activations and elementary functions, element by element.

The formulas of their values and slopes are in `minnet/kernels/formulas.py`. Here is what the
derivative of a slope is, which is computed by operations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minnet import kernels
from minnet.functional.arithmetic import abs, add, div, floating, only_floating
from minnet.kernels.constants import DENSITY, TANH_CUBIC, TANH_SLOPE, TWO_BY_SQRT_PI
from minnet.operation import Tensor, composite, operation
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
