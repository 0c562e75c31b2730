"""Further elementary functions: trigonometric, hyperbolic, logarithms, error and gamma functions.

What is not made of other operations is computed in double precision by the C library, and rounded
once: in float64 its last bit may differ between machines.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minnet import kernels
from minnet.functional import arithmetic
from minnet.functional.activation import log, sin
from minnet.functional.arithmetic import (
    Operand,
    add,
    clamp,
    div,
    eq,
    floating,
    gt,
    ifelse,
    isinf,
    isnan,
    lt,
    mul,
    of_integers,
    only_floating,
    pow,
    promoted,
    rsub,
    sub,
    trunc,
)
from minnet.functional.shape import cast
from minnet.kernels.constants import TWO_BY_SQRT_PI
from minnet.operation import _NUMBERS, Number, Tensor, composite, operation
from minnet.variable import Variable
from minnet.vocabulary import zero

LN_2, LN_10 = math.log(2), math.log(10)

_elementary = partial(operation, inplace="minnet Tensor", out="cast")


def _in_double(function: Callable[..., Any], *operands: Operand) -> Any:
    """Return a function's value, computed in float64 and rounded to the operands' dtype."""
    x, *others = operands
    if others:
        operands = promoted(x, others[0], floating=True)
    else:
        operands = (floating(x),)
    dtype = np.result_type(*operands)
    wide = [kernels.as_array(x).astype(np.float64, copy=False) for x in operands]
    result = arithmetic.apply(function, *wide) if others else function(*wide)
    return kernels.as_array(result).astype(dtype, copy=False)


def _by(V: Any, dy: Any, slope: Any) -> Any:
    return V.mul(dy, V.rsqrt(slope))


def _square(V: Any, x: Any) -> Any:
    return V.mul(x, x)


def _of_floats(name: str, function: Callable[..., Any], x: Operand, y: Operand) -> Any:
    x, y = promoted(x, y)
    only_floating(x, name)
    return _in_double(function, x, y)


# Trigonometric functions


@_elementary("TanBackward0", lambda V, dy, result: V.mul(dy, V.add(_square(V, result), 1)))
def tan(input: Tensor) -> Tensor:
    """Return the tangent of each element, an angle in radians.

    Example:
        >>> import minnet
        >>> minnet.tan(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """
    return _in_double(np.tan, input)


@_elementary(
    "AsinBackward0",
    lambda V, dy, input: _by(V, dy, V.rsub(_square(V, input), 1)),
    aliases="arcsin",
)
def asin(input: Tensor) -> Tensor:
    """Return the angle in radians whose sine is each element; NaN outside [-1, 1].

    Example:
        >>> import minnet
        >>> minnet.asin(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """
    return _in_double(np.arcsin, input)


@_elementary(
    "AcosBackward0",
    lambda V, dy, input: V.neg(_by(V, dy, V.rsub(_square(V, input), 1))),
    aliases="arccos",
)
def acos(input: Tensor) -> Tensor:
    """Return the angle in radians whose cosine is each element; NaN outside [-1, 1].

    Example:
        >>> import minnet
        >>> minnet.acos(minnet.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0000])
    """
    return _in_double(np.arccos, input)


@_elementary(
    "AtanBackward0",
    lambda V, dy, input: V.div(dy, V.add(_square(V, input), 1)),
    aliases="arctan",
)
def atan(input: Tensor) -> Tensor:
    """Return the angle in radians whose tangent is each element.

    Example:
        >>> import minnet
        >>> minnet.atan(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """
    return _in_double(np.arctan, input)


def _part_of_angle(V: Any, dy: Any, x: Any, y: Any) -> Any:
    total = V.add(_square(V, x), _square(V, y))
    origin = V.eq(total, 0)  # where there is no angle, torch has no slope
    return V.ifelse(origin, 0.0, V.mul(dy, V.div(x, V.ifelse(origin, 1.0, total))))


@operation(
    "Atan2Backward0",
    lambda V, dy, input, other: _part_of_angle(V, dy, other, input),
    lambda V, dy, input, other: V.neg(_part_of_angle(V, dy, input, other)),
    aliases="arctan2",
    inplace="Tensor",
    numbers=False,
    out="cast",
)
def atan2(input: Tensor, other: Tensor) -> Tensor:
    """Return the angle of the point (other, input) in the plane, between -pi and pi.

    Example:
        >>> import minnet
        >>> minnet.atan2(minnet.tensor([1.0, -1.0]), minnet.tensor([0.0, -1.0]))
        tensor([ 1.5708, -2.3562])
    """
    return _in_double(np.arctan2, input, other)


@operation(
    "HypotBackward0",
    lambda V, dy, input, result: V.mul(dy, V.div(input, result)),
    lambda V, dy, other, result: V.mul(dy, V.div(other, result)),
    inplace="Tensor",
    numbers=False,
    out="cast",
)
def hypot(input: Tensor, other: Tensor) -> Tensor:
    """Return sqrt(input² + other²).

    Example:
        >>> import minnet
        >>> minnet.hypot(minnet.tensor([3.0]), minnet.tensor([4.0]))
        tensor([5.])
    """
    return _of_floats("hypot_cpu", np.hypot, input, other)


@composite(inplace=True, out="cast")
def deg2rad(input: Tensor) -> Tensor:
    """Return angles in radians that are given in degrees.

    Example:
        >>> import minnet
        >>> minnet.deg2rad(minnet.tensor([180.0]))
        tensor([3.1416])
    """
    return mul(input, math.pi / 180)


@composite(inplace=True, out="cast")
def rad2deg(input: Tensor) -> Tensor:
    """Return angles in degrees that are given in radians.

    Example:
        >>> import minnet
        >>> minnet.rad2deg(minnet.tensor([1.0]))
        tensor([57.2958])
    """
    return mul(input, 180 / math.pi)


@composite(inplace=True, out="cast")
def sinc(input: Tensor) -> Tensor:
    """Return sin(pi x) / (pi x), and 1 at 0.

    Example:
        >>> import minnet
        >>> minnet.sinc(minnet.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """
    angle = mul(input, math.pi)
    origin = eq(angle, 0)
    return ifelse(origin, 1.0, div(sin(angle), ifelse(origin, 1.0, angle)))


# Hyperbolic functions


@_elementary("SinhBackward0", lambda V, dy, input: V.mul(dy, V.cosh(input)))
def sinh(input: Tensor) -> Tensor:
    """Return the hyperbolic sine.

    Example:
        >>> import minnet
        >>> minnet.sinh(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """
    return _in_double(np.sinh, input)


@_elementary("CoshBackward0", lambda V, dy, input: V.mul(dy, V.sinh(input)))
def cosh(input: Tensor) -> Tensor:
    """Return the hyperbolic cosine.

    Example:
        >>> import minnet
        >>> minnet.cosh(minnet.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """
    return _in_double(np.cosh, input)


@_elementary(
    "AsinhBackward0",
    lambda V, dy, input: _by(V, dy, V.add(_square(V, input), 1)),
    aliases="arcsinh",
)
def asinh(input: Tensor) -> Tensor:
    """Return the number whose hyperbolic sine is each element.

    Example:
        >>> import minnet
        >>> minnet.asinh(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """
    return _in_double(np.arcsinh, input)


@_elementary(
    "AcoshBackward0",
    lambda V, dy, input: _by(V, dy, V.sub(_square(V, input), 1)),
    aliases="arccosh",
)
def acosh(input: Tensor) -> Tensor:
    """Return the number, not negative, whose hyperbolic cosine is each element; NaN below 1.

    Example:
        >>> import minnet
        >>> minnet.acosh(minnet.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """
    return _in_double(np.arccosh, input)


@_elementary(
    "AtanhBackward0",
    lambda V, dy, input: V.div(dy, V.rsub(_square(V, input), 1)),
    aliases="arctanh",
)
def atanh(input: Tensor) -> Tensor:
    """Return the number whose hyperbolic tangent is each element; NaN outside [-1, 1].

    Example:
        >>> import minnet
        >>> minnet.atanh(minnet.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """
    return _in_double(np.arctanh, input)


# Exponentials and logarithms


@_elementary("Exp2Backward0", lambda V, dy, result: V.mul(dy, V.mul(result, LN_2)))
def exp2(input: Tensor) -> Tensor:
    """Return 2 to the power of each element.

    Example:
        >>> import minnet
        >>> minnet.exp2(minnet.tensor([0.0, 3.0]))
        tensor([1., 8.])
    """
    return _in_double(np.exp2, input)


@_elementary("Log2Backward0", lambda V, dy, input: V.div(dy, V.mul(input, LN_2)))
def log2(input: Tensor) -> Tensor:
    """Return the logarithm to base 2.

    Example:
        >>> import minnet
        >>> minnet.log2(minnet.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """
    return _in_double(np.log2, input)


@_elementary("Log10Backward0", lambda V, dy, input: V.div(dy, V.mul(input, LN_10)))
def log10(input: Tensor) -> Tensor:
    """Return the logarithm to base 10.

    Example:
        >>> import minnet
        >>> minnet.log10(minnet.tensor([1.0, 1000.0]))
        tensor([0., 3.])
    """
    return _in_double(np.log10, input)


def _shares(base: float) -> Any:
    """Return the derivatives of log(b**x + b**y) to a base b: what each has of the sum."""

    def share(V: Any, dy: Any, x: Any, y: Any) -> Any:
        # Where both are the same infinity, their difference is NaN.
        gap = V.ifelse(V.eq(x, y), 0.0, V.sub(x, y))
        return V.mul(dy, V.sigmoid(V.mul(gap, math.log(base))))

    return (
        lambda V, dy, input, other: share(V, dy, input, other),
        lambda V, dy, input, other: share(V, dy, other, input),
    )


@operation("LogaddexpBackward0", *_shares(math.e), numbers=False, out="cast")
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """Return log(exp(input) + exp(other)), which does not overflow.

    Example:
        >>> import minnet
        >>> minnet.logaddexp(minnet.tensor([1000.0]), minnet.tensor([1000.0]))
        tensor([1000.6932])
    """
    return _of_floats("logaddexp_cpu", np.logaddexp, input, other)


@operation("Logaddexp2Backward0", *_shares(2), numbers=False, out="cast")
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """Return the logarithm to base 2 of 2**input + 2**other, which does not overflow.

    Example:
        >>> import minnet
        >>> minnet.logaddexp2(minnet.tensor([1000.0]), minnet.tensor([1000.0]))
        tensor([1001.])
    """
    return _of_floats("logaddexp2_cpu", np.logaddexp2, input, other)


def _xlogy(x: Operand, y: Operand) -> Any:
    return np.where((x == 0) & (y == y), 0.0, x * np.log(y))


@operation(
    "XlogyBackward0",
    lambda V, dy, input, other: V.mul(dy, V.xlogy(V.ne(input, 0), other)),
    lambda V, dy, input, other: V.mul(dy, V.div(input, other)),
    inplace="Tensor minnet",
)
def xlogy(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return `input * log(other)`, and 0 where `input` is 0 and `other` is not NaN.

    Example:
        >>> import minnet
        >>> minnet.xlogy(minnet.tensor([0.0, 2.0]), minnet.tensor([0.0, 1.0]))
        tensor([0., 0.])
    """
    return _in_double(_xlogy, input, other)


@composite(inplace="Tensor minnet", out="cast")
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return log(x / (1 - x)), the inverse of `sigmoid`.

    Args:
        eps: x is first clamped to [eps, 1 - eps].

    Example:
        >>> import minnet
        >>> minnet.logit(minnet.tensor([0.5, 0.9]))
        tensor([0.0000, 2.1972])
    """
    x = mul(input, 1.0) if eps is None else clamp(input, eps, 1 - eps)
    return log(div(x, rsub(x, 1.0)))


@composite(inplace="Tensor minnet", out="cast")
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """Return `input * 2**other`.

    Example:
        >>> import minnet
        >>> minnet.ldexp(minnet.tensor([1.5]), minnet.tensor([3]))
        tensor([12.])
    """
    return mul(input, pow(2.0, other))


@composite(inplace="Tensor", out="exact")
def float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """Return `input ** exponent` in float64.

    Example:
        >>> import minnet
        >>> minnet.float_power(minnet.tensor([2]), -1)
        tensor([0.5000], dtype=torch.float64)
    """

    def wide(x: Any) -> Any:
        return cast(x, np.dtype(np.float64)) if isinstance(x, Variable) else float(x)

    return pow(wide(input), wide(exponent))


# Error and gamma functions


def _each(function: Callable[[float], float]) -> Callable[..., Any]:
    return np.vectorize(function, otypes=[np.float64])


def _erfinv(y: np.ndarray) -> np.ndarray:
    # Winitzki's formula, mended by Halley's rule, which makes three times as many digits each time.
    size = np.abs(y)
    a, narrow = 0.147, np.log1p(-size * size)
    b = 2 / (math.pi * a) + narrow / 2
    x = np.sqrt(np.sqrt(b * b - narrow / a) - b)
    inside = size < 1
    for _ in range(2):
        at = np.where(inside, x, 0.0)
        off = np.where(size > 0.5, (1 - size) - _each(math.erfc)(at), _each(math.erf)(at) - size)
        step = off / (TWO_BY_SQRT_PI * np.exp(-at * at))
        x = np.where(inside, at - step / (1 + at * step), x)
    return np.copysign(np.where(size == 1, np.inf, x), y)


def _erfc_slope(V: Any, dy: Any, input: Any) -> Any:
    return V.mul(dy, V.mul(V.exp(V.neg(_square(V, input))), -TWO_BY_SQRT_PI))


@_elementary("ErfcBackward0", _erfc_slope)
def erfc(input: Tensor) -> Tensor:
    """Return 1 - erf(x), accurate also where it is small.

    Example:
        >>> import minnet
        >>> minnet.erfc(minnet.tensor([0.0, 5.0]))
        tensor([1.0000e+00, 1.5375e-12])
    """
    return _in_double(_each(math.erfc), input)


@operation(
    "ErfinvBackward0",
    lambda V, dy, result: V.mul(dy, V.div(V.exp(_square(V, result)), TWO_BY_SQRT_PI)),
    inplace="Tensor",
    out="cast",
)
def erfinv(input: Tensor) -> Tensor:
    """Return the inverse of `erf`; NaN outside [-1, 1].

    Winitzki (2008), "A handy approximation for the error function and its inverse", is where its
    iteration starts.

    Example:
        >>> import minnet
        >>> minnet.erfinv(minnet.tensor([0.0, 0.5, 1.0]))
        tensor([0.0000, 0.4769,    inf])
    """
    return _in_double(_erfinv, input)


def _log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except ValueError:  # a pole
        return math.inf


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)  # of index 2, 4, ...
_FAR = 10  # from where on the asymptotic series are exact to the last bit or so


def _digamma(x: np.ndarray) -> np.ndarray:
    reflected = x < 0
    pole = x == 0
    y = np.where(reflected, 1 - x, np.where(pole, 1.0, x))
    result = np.zeros_like(y)
    for _ in range(_FAR):
        result -= np.where(y < _FAR, 1 / y, 0.0)
        y = np.where(y < _FAR, y + 1, y)
    result += np.log(y) - 0.5 / y
    for k, b in enumerate(_BERNOULLI, 1):
        result -= b / (2 * k * y ** (2 * k))
    angle = math.pi * np.where(reflected, x - np.trunc(x), 0.5)
    result = np.where(reflected, result - math.pi / np.tan(angle), result)
    whole = reflected & (x == np.trunc(x))
    return np.where(pole, -np.copysign(np.inf, x), np.where(whole, np.nan, result))


def _polygamma(n: int, x: np.ndarray) -> np.ndarray:
    """Return the n-th derivative of digamma: n! times Hurwitz's zeta(n + 1, x), by Euler's sum."""
    s, y, total = n + 1, np.where(x < -1e4, np.nan, x), np.zeros_like(x)
    while (y < _FAR).any():
        near = y < _FAR
        total += np.where(near, y**-s, 0.0)
        y = np.where(near, y + 1, y)
    total += y ** (1 - s) / (s - 1) + 0.5 * y**-s
    rising = float(s)
    for k, b in enumerate(_BERNOULLI, 1):
        total += b * rising / math.factorial(2 * k) * y ** (1 - s - 2 * k)
        rising *= (s + 2 * k - 1) * (s + 2 * k)
    return (-1) ** (n + 1) * math.factorial(n) * total


@_elementary("LgammaBackward0", lambda V, dy, input: V.mul(dy, V.digamma(input)))
def lgamma(input: Tensor) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function.

    Example:
        >>> import minnet
        >>> minnet.lgamma(minnet.tensor([1.0, 5.0]))
        tensor([0.0000, 3.1781])
    """
    return _in_double(_each(_log_gamma), input)


@_elementary("DigammaBackward0", lambda V, dy, input: V.mul(dy, V.derivative_of_digamma(input, 1)))
def digamma(input: Tensor) -> Tensor:
    """Return the derivative of `lgamma`.

    Example:
        >>> import minnet
        >>> minnet.digamma(minnet.tensor([1.0, 5.0]))
        tensor([-0.5772,  1.5061])
    """
    return _in_double(_digamma, input)


@operation(
    "PolygammaBackward0",
    lambda V, dy, input, n: V.mul(dy, V.derivative_of_digamma(input, n + 1)),
    where="",
)
def derivative_of_digamma(input: Tensor, n: int) -> Tensor:
    """Return the n-th derivative of `digamma`."""
    return _in_double(_digamma if n == 0 else partial(_polygamma, n), input)


@composite(where="minnet", out="cast")
def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the n-th derivative of `digamma`, for x > 0.

    Raises:
        RuntimeError: if n is negative.

    Example:
        >>> import minnet
        >>> minnet.polygamma(1, minnet.tensor([1.0]))
        tensor([1.6449])
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return derivative_of_digamma(input, n)


# Remainders, choices and signs


@operation(
    lambda other: "FmodBackward" + ("0" if type(other) in _NUMBERS else "1"),
    lambda V, dy: dy,
    lambda V, dy, input, other: V.mul(V.neg(dy), V.div(input, other, rounding_mode="trunc")),
    inplace="Tensor",
)
def fmod(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return the remainder of `input / other`, with the sign of `input`.

    Raises:
        RuntimeError: for an integer by 0.

    Example:
        >>> import minnet
        >>> minnet.fmod(minnet.tensor([7.0, -7.0]), 4)
        tensor([ 3., -3.])
    """
    input, other = promoted(input, other)
    arithmetic._rounding("fmod_cpu", input, other)
    return arithmetic.apply(np.fmod, input, other)


@composite(inplace=True, out="exact")
def frac(input: Tensor) -> Tensor:
    """Return the fraction of each element, with its sign.

    Raises:
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.frac(minnet.tensor([1.5, -2.25]))
        tensor([ 0.5000, -0.2500])
    """
    only_floating(input.array, "frac")
    return sub(input, trunc(input))


def _beside_nan(name: str) -> Any:
    """Return the derivatives of a choice that leaves NaN out; the first of equals takes all."""

    def first(V: Any, input: Any, other: Any) -> Any:
        return V.logical_or(getattr(V, name)(input, other), V.isnan(other))

    return (
        lambda V, dy, input, other: V.ifelse(first(V, input, other), dy, 0.0),
        lambda V, dy, input, other: V.ifelse(first(V, input, other), 0.0, dy),
    )


@operation("FmaxBackward0", *_beside_nan("ge"), numbers=False, out="cast")
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two tensors' elements; beside NaN the other one.

    Example:
        >>> import minnet
        >>> minnet.fmax(minnet.tensor([1.0, float("nan")]), minnet.tensor([3.0, 2.0]))
        tensor([3., 2.])
    """
    return arithmetic.apply(np.fmax, *promoted(input, other))


@operation("FminBackward0", *_beside_nan("le"), numbers=False, out="cast")
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of two tensors' elements; beside NaN the other one.

    Example:
        >>> import minnet
        >>> minnet.fmin(minnet.tensor([1.0, float("nan")]), minnet.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    return arithmetic.apply(np.fmin, *promoted(input, other))


@composite(inplace="Tensor minnet", out="exact")
def clamp_min(input: Tensor, min: Tensor | Number) -> Tensor:
    """Return `input` with elements below `min` raised to it; see `clamp`.

    Example:
        >>> import minnet
        >>> minnet.clamp_min(minnet.tensor([-2.0, 2.0]), 0)
        tensor([0., 2.])
    """
    return clamp(input, min)


@composite(inplace="Tensor minnet", out="exact")
def clamp_max(input: Tensor, max: Tensor | Number) -> Tensor:
    """Return `input` with elements above `max` lowered to it; see `clamp`.

    Example:
        >>> import minnet
        >>> minnet.clamp_max(minnet.tensor([-2.0, 2.0]), 0)
        tensor([-2.,  0.])
    """
    return clamp(input, None, max)


@composite(inplace="Tensor minnet", out="exact")
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return `input` with NaN and infinities replaced: by 0 and the largest numbers, unless given.

    Example:
        >>> import minnet
        >>> minnet.nan_to_num(minnet.tensor([float("nan"), 1.0]), nan=2.0)
        tensor([2., 1.])
    """
    dtype = input.array.dtype
    if dtype.kind != "f":
        return arithmetic.positive(input).clone()
    largest = float(np.finfo(dtype).max)
    out = ifelse(isnan(input), nan or 0.0, input)
    out = ifelse(isposinf(input), largest if posinf is None else posinf, out)
    return ifelse(isneginf(input), -largest if neginf is None else neginf, out)


@composite(out="exact")
def isposinf(input: Tensor) -> Tensor:
    """Return where the input is +inf.

    Example:
        >>> import minnet
        >>> minnet.isposinf(minnet.tensor([1.0, float("inf")]))
        tensor([False,  True])
    """
    return arithmetic.logical_and(isinf(input), gt(input, 0))


@composite(out="exact")
def isneginf(input: Tensor) -> Tensor:
    """Return where the input is -inf.

    Example:
        >>> import minnet
        >>> minnet.isneginf(minnet.tensor([1.0, -float("inf")]))
        tensor([False,  True])
    """
    return arithmetic.logical_and(isinf(input), lt(input, 0))


@composite
def isreal(input: Tensor) -> Tensor:
    """Return True for every element, as there are no complex tensors.

    Example:
        >>> import minnet
        >>> minnet.isreal(minnet.tensor([1.0]))
        tensor([True])
    """
    return eq(isnan(input), isnan(input))


@operation("", out="exact")
def signbit(input: Tensor) -> Tensor:
    """Return where the sign is minus, also that of -0.0.

    Example:
        >>> import minnet
        >>> minnet.signbit(minnet.tensor([-0.0, 1.0]))
        tensor([ True, False])
    """
    return np.signbit(input) if input.dtype.kind == "f" else input < 0


@operation(
    lambda other: f"CopysignBackward{1 if kernels.is_array(other) else 0}",
    lambda V, dy, input, result: V.mul(dy, V.mul(V.sign(input), V.sign(result))),
    zero,
    inplace="Tensor",
)
def copysign(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return the size of `input` with the sign of `other`.

    Example:
        >>> import minnet
        >>> minnet.copysign(minnet.tensor([1.0, -2.0]), -0.0)
        tensor([-1., -2.])
    """
    return arithmetic.apply(np.copysign, *promoted(input, other, floating=True))


@operation("HeavisideBackward0", zero, zero, inplace="Tensor", numbers=False, out="exact")
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 where `input` is negative, 1 where it is positive, and `values` where it is 0.

    Raises:
        RuntimeError: if the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.heaviside(minnet.tensor([-1.0, 0.0, 2.0]), minnet.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    wide = (x.astype(np.float64) for x in (input, values))
    return arithmetic.apply(np.heaviside, *wide).astype(input.dtype)


@operation("NextafterBackward0", tensors=2, inplace="Tensor", numbers=False, out="cast")
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """Return the next floating point number after `input` on the way to `other`.

    Example:
        >>> import minnet
        >>> minnet.nextafter(minnet.tensor([1.0]), minnet.tensor([2.0])) - 1
        tensor([1.1921e-07])
    """
    only_floating(input, "nextafter_cpu")
    return arithmetic.apply(np.nextafter, *promoted(input, other))


# Interpolation


@composite(inplace="Tensor", out="cast")
def lerp(input: Tensor, end: Tensor, weight: Tensor | Number) -> Tensor:
    """Return `input + weight * (end - input)`: `end`, to the bit, where the weight is 1.

    Raises:
        RuntimeError: if the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.lerp(minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 6.0]), 0.5)
        tensor([2., 4.])
    """
    only_floating(input.array, "lerp_kernel")
    if input.array.dtype != end.array.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    gap = sub(end, input)
    if not isinstance(weight, Variable):
        near = builtins.abs(weight) < 0.5
        return add(input, mul(gap, weight)) if near else sub(end, mul(gap, 1 - weight))
    far = sub(end, mul(gap, rsub(weight, 1)))
    return ifelse(lt(arithmetic.abs(weight), 0.5), add(input, mul(gap, weight)), far)


@composite(inplace="Tensor", out="cast")
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return `input + value * tensor1 * tensor2`.

    Example:
        >>> import minnet
        >>> minnet.addcmul(minnet.ones(2), minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 4.0]))
        tensor([4., 9.])
    """
    return add(input, mul(tensor1 if value == 1 else mul(tensor1, value), tensor2))


@composite(inplace="Tensor", out="cast")
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1) -> Tensor:
    """Return `input + value * tensor1 / tensor2`.

    Raises:
        RuntimeError: if both `tensor1` and `tensor2` are of integers.

    Example:
        >>> import minnet
        >>> minnet.addcdiv(minnet.ones(2), minnet.tensor([1.0, 2.0]), minnet.tensor([2.0, 4.0]))
        tensor([1.5000, 1.5000])
    """
    if tensor1.array.dtype.kind != "f" and tensor2.array.dtype.kind != "f":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported; convert a tensor with .float()"
        )
    return add(input, div(tensor1 if value == 1 else mul(tensor1, value), tensor2))


# Whole numbers


@operation("", tensors=2, numbers=False, inplace="Tensor minnet", out="cast")
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """Return the greatest common divisor of integers.

    Example:
        >>> import minnet
        >>> minnet.gcd(minnet.tensor([12]), minnet.tensor([18]))
        tensor([6])
    """
    return of_integers(np.gcd, input, other)


@operation("", tensors=2, numbers=False, inplace="Tensor minnet", out="cast")
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """Return the least common multiple of integers.

    Example:
        >>> import minnet
        >>> minnet.lcm(minnet.tensor([4]), minnet.tensor([6]))
        tensor([12])
    """
    return of_integers(np.lcm, input, other)
