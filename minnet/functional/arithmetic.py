"""Arithmetic, comparison and logic, element by element, with broadcasting.

`+ - * / sqrt` and comparisons are IEEE-exact, so NumPy computes them: their bits are the same on
every machine.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minnet import dtypes, kernels, scalar
from minnet.operation import _NUMBERS, Number, Tensor, composite, operation
from minnet.variable import Variable, wrap
from minnet.vocabulary import zero

Operand = Any  # an array or a Python number
OPERANDS = (Variable, float, int, np.ndarray, np.generic)  # what may stand beside a tensor


def promoted(x: Operand, y: Operand, floating: bool = False) -> tuple[Operand, Operand]:
    """Return two operands in their common dtype; integers become floats if `floating`.

    A Python number stays one where NumPy's own rule for it gives that dtype.
    """
    if type(x) not in _NUMBERS and x.dtype.kind == "f":
        if type(y) in _NUMBERS or y.dtype == x.dtype:
            return x, y
    elif type(x) in _NUMBERS and type(y) not in _NUMBERS and y.dtype.kind == "f":
        return x, y
    dtype = dtypes.common(x, y)
    if floating and dtype.kind != "f":
        dtype = dtypes.get_default_dtype().numpy
    # In two steps, since a number that does not fit wraps around here and is an error there.
    return _in_dtype(kernels.as_array(x), dtype), _in_dtype(kernels.as_array(y), dtype)


def _in_dtype(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array in a dtype: itself, or a copy in row order, also of an expanded array."""
    return array if array.dtype == dtype else array.astype(dtype, order="C")


def floating(array: np.ndarray) -> np.ndarray:
    """Return an array as floating point: integers and bools become the default dtype."""
    return array if array.dtype.kind == "f" else _in_dtype(array, dtypes.get_default_dtype().numpy)


def only_floating(array: np.ndarray, name: str) -> None:
    """Check that an array is floating point.

    Raises:
        NotImplementedError: a RuntimeError, if it is not.
    """
    if array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{dtypes.of(array).tensor_type}': expected a "
            "floating point tensor; convert it with .float()"
        )


def no_bool(dtype: np.dtype, name: str) -> None:
    if dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'; convert with .int()")


def check_tensors(function: str, optional: str = "", **arguments: Any) -> None:
    """Check the types of a function's first arguments.

    Raises:
        TypeError: if one is no tensor; those that are `optional` may be None.
    """
    for position, (name, x) in enumerate(arguments.items(), 1):
        if not (isinstance(x, Variable) or (x is None and name in optional.split())):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be Tensor, not "
                f"{type(x).__name__}"
            )


def apply(ufunc: Any, x: Operand, y: Operand) -> Any:
    """Return `ufunc(x, y)`.

    Raises:
        RuntimeError: if the shapes do not broadcast.
    """
    try:
        return ufunc(x, y)
    except ValueError:
        a, b = np.shape(x), np.shape(y)
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                raise RuntimeError(
                    f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                    f"non-singleton dimension {max(len(a), len(b)) - i}"
                ) from None
        raise


@operation("FillBackward0", zero, where="")
def filled(input: Tensor, value: Number) -> Tensor:
    """Return a tensor like `input`, of one value, that passes no gradient on."""
    return np.full_like(input, value)


# Arithmetic


def _times_alpha(V: Any, dy: Any, alpha: Number) -> Any:
    return dy if alpha == 1 else V.mul(dy, alpha)


def _minus_alpha(V: Any, dy: Any, alpha: Number) -> Any:
    return V.neg(_times_alpha(V, dy, alpha))


@operation(
    "AddBackward0",
    lambda V, dy: dy,
    _times_alpha,
    operators="__add__ __radd__ __iadd__",
    named="alpha",
    inplace=True,
)
def add(input: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    """Return `input + alpha * other`.

    Example:
        >>> import minnet
        >>> minnet.add(minnet.tensor([1.0, 2.0]), 10)
        tensor([11., 12.])
    """
    return apply(np.add, *promoted(input, _scaled(other, alpha)))


def _scaled(x: Operand, alpha: float) -> Operand:
    if alpha == 1:
        return x
    alpha = scalar.number(alpha, "add(): argument 'alpha'")
    if type(x) not in _NUMBERS:
        if isinstance(alpha, float) and x.dtype.kind != "f":
            raise RuntimeError(
                "For integral input tensors, argument alpha must not be a floating point number."
            )
        scalar.check(alpha, x.dtype)
        alpha = bool(alpha) if x.dtype.kind == "b" else alpha
    return mul.operation.value(x, alpha)


@operation(
    "SubBackward0",
    lambda V, dy: dy,
    _minus_alpha,
    aliases="subtract",
    operators="__sub__ __isub__",
    named="alpha",
    inplace=True,
)
def sub(input: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    """Return `input - alpha * other`.

    Raises:
        RuntimeError: for bool tensors.

    Example:
        >>> import minnet
        >>> minnet.sub(minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 1.0]), alpha=2)
        tensor([-5.,  0.])
    """
    for x in (input, other):
        if isinstance(x, bool) or (type(x) not in _NUMBERS and x.dtype.kind == "b"):
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
                "trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )
    return apply(np.subtract, *promoted(input, _scaled(other, alpha)))


@operation("RsubBackward1", _minus_alpha, lambda V, dy: dy, operators="__rsub__", named="alpha")
def rsub(input: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    """Return `other - alpha * input`: what `number - tensor` is.

    Example:
        >>> import minnet
        >>> minnet.rsub(minnet.tensor([1.0, 2.0]), 10)
        tensor([9., 8.])
    """
    return sub.operation.value(other, input, alpha)


@operation(
    "MulBackward0",
    lambda V, dy, other: V.mul(dy, other),
    lambda V, dy, input: V.mul(dy, input),
    aliases="multiply",
    operators="__mul__ __rmul__ __imul__",
    inplace=True,
)
def mul(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return `input * other`.

    Example:
        >>> import minnet
        >>> minnet.mul(minnet.tensor([1.0, 2.0]), minnet.tensor([[3.0], [4.0]]))
        tensor([[3., 6.],
                [4., 8.]])
    """
    return apply(np.multiply, *promoted(input, other))


def _by_divisor(V: Any, dy: Any, input: Any, other: Any, rounding_mode: Any) -> Any:
    return zero(V, dy) if rounding_mode else V.div(V.mul(V.neg(dy), V.div(input, other)), other)


@operation(
    lambda rounding_mode: "DivBackward0" if rounding_mode is None else "DivBackward2",
    lambda V, dy, other, rounding_mode: zero(V, dy) if rounding_mode else V.div(dy, other),
    _by_divisor,
    aliases="divide true_divide",
    operators="__truediv__ __rtruediv__ __itruediv__",
    named="rounding_mode",
    inplace=True,
)
def div(input: Tensor | Number, other: Tensor | Number, rounding_mode: str | None = None) -> Tensor:
    """Return `input / other`: true division, or rounded with "trunc" or "floor".

    Raises:
        RuntimeError: for another `rounding_mode`, and for an integer by 0 if it rounds.

    Example:
        >>> import minnet
        >>> minnet.div(minnet.tensor([7, -7]), 2, rounding_mode="floor")
        tensor([ 3, -4])
    """
    if rounding_mode is None:
        return apply(np.true_divide, *promoted(input, other, floating=True))
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    x, y = promoted(input, other)
    dtype = _rounding(f"div_{rounding_mode}_cpu", x, y)
    if rounding_mode == "floor":
        result = apply(np.floor_divide, x, y)
    elif dtype.kind in "iu":
        result = np.sign(x) * np.sign(y) * apply(np.floor_divide, np.abs(x), np.abs(y))
    else:
        result = np.trunc(apply(np.true_divide, x, y))
    return result.astype(dtype, copy=False)


def _rounding(name: str, x: Any, y: Any) -> np.dtype:
    """Return the dtype of a quotient that is rounded, and check that there is one."""
    dtype = np.result_type(x, y)
    no_bool(dtype, name)
    if dtype.kind in "iu" and x.size and not np.all(y):
        raise RuntimeError("ZeroDivisionError")
    return dtype


@composite(operators="__floordiv__ __rfloordiv__ __ifloordiv__", inplace=True, out="cast")
def floor_divide(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return `floor(input / other)`.

    Example:
        >>> import minnet
        >>> minnet.floor_divide(minnet.tensor([7.0, -7.0]), 2)
        tensor([ 3., -4.])
    """
    return div(input, other, rounding_mode="floor")


@operation(
    lambda other: "RemainderBackward" + ("0" if type(other) in _NUMBERS else "1"),
    lambda V, dy: dy,
    lambda V, dy, input, other: V.mul(V.neg(dy), V.div(input, other, rounding_mode="floor")),
    operators="__mod__ __rmod__ __imod__",
    inplace=True,
)
def remainder(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return the remainder of `input / other`, with the sign of `other`.

    Raises:
        RuntimeError: for an integer by 0.

    Example:
        >>> import minnet
        >>> minnet.remainder(minnet.tensor([7.0, -7.0]), 4)
        tensor([3., 1.])
    """
    input, other = promoted(input, other)
    _rounding("remainder_cpu", input, other)
    return apply(np.remainder, input, other)


@operation(
    "NegBackward0", lambda V, dy: V.neg(dy), aliases="negative", operators="__neg__", inplace=True
)
def neg(input: Tensor) -> Tensor:
    """Return `-input`.

    Raises:
        RuntimeError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.neg(minnet.tensor([1.0, -2.0]))
        tensor([-1.,  2.])
    """
    if input.dtype == bool:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return np.negative(input)


@composite(operators="__pos__")
def positive(input: Tensor) -> Tensor:
    """Return `input` itself.

    Example:
        >>> import minnet
        >>> minnet.positive(minnet.tensor([1.0, -2.0]))
        tensor([ 1., -2.])
    """
    return input


@operation(
    "AbsBackward0",
    lambda V, dy, input: V.mul(dy, V.sign(input)),
    aliases="absolute",
    operators="__abs__",
    inplace=True,
)
def abs(input: Tensor) -> Tensor:
    """Return the absolute value. Its derivative at 0 is 0.

    Raises:
        NotImplementedError: for a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.abs(minnet.tensor([-1.5, 2.0]))
        tensor([1.5000, 2.0000])
    """
    if input.dtype == bool:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'; it is as it is")
    return np.abs(input)


@operation("SignBackward0", zero, aliases="sgn", inplace=True)
def sign(input: Tensor) -> Tensor:
    """Return -1, 0 or 1 by the sign of each element, and 0 for NaN. Its derivative is 0.

    Example:
        >>> import minnet
        >>> minnet.sign(minnet.tensor([-2.0, 0.0, 3.0]))
        tensor([-1.,  0.,  1.])
    """
    # torch's sign of NaN is 0; NumPy's is NaN, and it has none for bools.
    if input.dtype == bool:
        return input.copy()
    return np.subtract(input > 0, input < 0, dtype=input.dtype)


# Powers and roots


@operation(
    "SqrtBackward0", lambda V, dy, result: V.div(dy, V.mul(result, 2)), inplace=True, out="cast"
)
def sqrt(input: Tensor) -> Tensor:
    """Return the square root.

    Example:
        >>> import minnet
        >>> minnet.sqrt(minnet.tensor([4.0, 2.0]))
        tensor([2.0000, 1.4142])
    """
    return np.sqrt(floating(input))


def _rsqrt_slope(V: Any, dy: Any, result: Any) -> Any:
    return V.mul(V.mul(dy, V.mul(V.mul(result, result), result)), -0.5)


@operation("RsqrtBackward0", _rsqrt_slope, inplace=True, out="cast")
def rsqrt(input: Tensor) -> Tensor:
    """Return 1 / sqrt(input).

    Example:
        >>> import minnet
        >>> minnet.rsqrt(minnet.tensor([4.0, 1.0]))
        tensor([0.5000, 1.0000])
    """
    return 1 / np.sqrt(floating(input))


@operation(
    "ReciprocalBackward0",
    lambda V, dy, result: V.mul(V.neg(dy), V.mul(result, result)),
    inplace=True,
    out="cast",
)
def reciprocal(input: Tensor) -> Tensor:
    """Return 1 / input.

    Example:
        >>> import minnet
        >>> minnet.reciprocal(minnet.tensor([4.0, 1.0]))
        tensor([0.2500, 1.0000])
    """
    return 1 / floating(input)


_EXACT_POWERS: dict[float, Any] = {
    -1: lambda x: 1 / x, 0.5: np.sqrt, 1: lambda x: x * 1, 2: lambda x: x * x,
    3: lambda x: x * x * x,
}  # fmt: skip


def _power(base: Operand, exponent: Operand) -> Any:
    exact = _EXACT_POWERS.get(exponent) if type(exponent) in _NUMBERS else None
    return np.power(base, exponent) if exact is None else exact(base)


def _power_node(input: Operand, exponent: Operand) -> str:
    if type(exponent) in _NUMBERS:
        return "PowBackward0"
    return "PowBackward2" if type(input) in _NUMBERS else "PowBackward1"


def _power_by_base(V: Any, dy: Any, input: Any, exponent: Any) -> Any:
    if type(exponent) in _NUMBERS and exponent == 0:
        return V.filled(dy, 0)
    slope = V.mul(dy, V.mul(exponent, V.pow(input, V.sub(exponent, 1))))
    return slope if type(exponent) in _NUMBERS else V.ifelse(V.eq(exponent, 0), 0.0, slope)


def _power_by_exponent(V: Any, dy: Any, input: Any, exponent: Any) -> Any:
    base = V.filled(dy, input) if type(input) in _NUMBERS else input
    slope = V.mul(V.mul(dy, V.pow(base, exponent)), V.log(base))
    return V.ifelse(V.logical_and(V.eq(base, 0), V.ge(exponent, 0)), 0.0, slope)


@operation(
    _power_node,
    _power_by_base,
    _power_by_exponent,
    operators="__pow__ __rpow__ __ipow__",
    inplace=True,
)
def pow(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """Return `input ** exponent`.

    Exponents -1, 0.5, 1, 2 and 3 are exact roots, quotients and products. Others go through the C
    library's `pow`, whose last bit may differ between machines.

    Raises:
        RuntimeError: for an integer to a negative integer power, or to one that its dtype has not.

    Example:
        >>> import minnet
        >>> minnet.pow(minnet.tensor([1.0, 2.0, 3.0]), 2)
        tensor([1., 4., 9.])
    """
    given = exponent
    input, exponent = promoted(input, exponent)
    dtype = np.result_type(input, exponent)
    if dtype.kind in "iu":
        if np.any(given < 0):
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if type(given) in _NUMBERS:
            scalar.check(given, dtype)
    elif dtype.kind == "b":
        return input | ~exponent
    return apply(_power, input, exponent)


@composite(inplace=True, out="cast")
def square(input: Tensor) -> Tensor:
    """Return `input * input`.

    Example:
        >>> import minnet
        >>> minnet.square(minnet.tensor([1.0, -3.0]))
        tensor([1., 9.])
    """
    return pow(input, 2)


# Choice


def _to_the_winner(lost: str) -> Any:
    """Return the two derivatives of a choice: 0 where an operand `lost`, half where both are equal.

    Where one is NaN, so is the result, and both take all of the gradient.
    """

    def share(V: Any, dy: Any, x: Any, y: Any) -> Any:
        won = V.ifelse(getattr(V, lost)(x, y), 0.0, dy)
        return V.ifelse(V.eq(x, y), V.div(dy, 2), won)

    return (
        lambda V, dy, input, other: share(V, dy, input, other),
        lambda V, dy, input, other: share(V, dy, other, input),
    )


@operation("MaximumBackward0", *_to_the_winner("lt"), numbers=False, out="cast")
def maximum(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of two tensors' elements. Equal elements share the gradient.

    Example:
        >>> import minnet
        >>> minnet.maximum(minnet.tensor([1.0, 5.0]), minnet.tensor([3.0, 2.0]))
        tensor([3., 5.])
    """
    return apply(np.maximum, *promoted(input, other))


@operation("MinimumBackward0", *_to_the_winner("gt"), numbers=False, out="cast")
def minimum(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of two tensors' elements. Equal elements share the gradient.

    Example:
        >>> import minnet
        >>> minnet.minimum(minnet.tensor([1.0, 5.0]), minnet.tensor([3.0, 2.0]))
        tensor([1., 2.])
    """
    return apply(np.minimum, *promoted(input, other))


def _both(V: Any, a: Any, b: Any) -> Any:
    return b if a is True else a if b is True else V.logical_and(a, b)


def _inside(V: Any, dy: Any, input: Any, min: Any, max: Any) -> Any:
    above, below = min is None or V.ge(input, min), max is None or V.le(input, max)
    return V.ifelse(_both(V, above, below), dy, 0.0)


def _below(V: Any, dy: Any, input: Any, min: Any, max: Any) -> Any:
    return V.ifelse(_both(V, V.lt(input, min), max is None or V.lt(min, max)), dy, 0.0)


def _above(V: Any, dy: Any, input: Any, min: Any, max: Any) -> Any:
    crossed = min is not None and V.lt(max, min)
    return V.ifelse(V.logical_or(V.gt(input, max), crossed), dy, 0.0)


@operation(
    lambda min, max: f"ClampBackward{0 if kernels.is_array(min) or kernels.is_array(max) else 1}",
    _inside,
    _below,
    _above,
    optional="min max",
    aliases="clip",
    inplace="Tensor minnet",
    out="exact",
)
def clamp(
    input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None
) -> Tensor:
    """Return `input` with elements below `min` raised to it and above `max` lowered to it.

    The bounds are numbers or tensors. The gradient passes where the element lies inside, bounds
    included.

    Raises:
        RuntimeError: if both bounds are None.
        TypeError: if a bound is neither a number nor a tensor.

    Example:
        >>> import minnet
        >>> minnet.clamp(minnet.tensor([-2.0, 0.5, 2.0]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    dtype = dtypes.common(*(x for x in (input, min, max) if x is not None))
    no_bool(dtype, "clamp_cpu")
    result = _in_dtype(input, dtype)
    for ufunc, bound in ((np.maximum, min), (np.minimum, max)):
        if bound is not None:
            if type(bound) in _NUMBERS and dtype.kind != "f":  # a float beyond all is infinite
                scalar.check(bound, dtype)
            result = apply(ufunc, result, _in_dtype(kernels.as_array(bound), dtype))
    return kernels.contiguous(result)


@operation(
    "WhereBackward0",
    None,
    lambda V, dy, condition: V.ifelse(condition, dy, 0.0),
    lambda V, dy, condition: V.ifelse(condition, 0.0, dy),
    where="",
)
def ifelse(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return `input` where `condition` is true and `other` elsewhere."""
    dtype = dtypes.common(input, other)
    x, y = (
        scalar.fitted(v, dtype) if type(v) in _NUMBERS else _in_dtype(v, dtype)
        for v in (input, other)
    )
    try:
        return kernels.contiguous(np.where(condition, x, y))
    except ValueError:
        raise RuntimeError(
            f"where expects shapes that broadcast, got {condition.shape}, {x.shape} and {y.shape}"
        ) from None


@composite(where="minnet", out=True)
def where(
    condition: Tensor, input: Tensor | Number | None = None, other: Tensor | Number | None = None
) -> Any:
    """Return `input` where `condition` is true and `other` elsewhere; alone, the indices of true.

    Raises:
        RuntimeError: if `condition` is not a bool tensor, or one of uint8, which warns.

    Example:
        >>> import minnet
        >>> minnet.where(minnet.tensor([True, False]), minnet.tensor([1, 2]), 0)
        tensor([1, 0])
    """
    if input is None and other is None:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(condition.array)))
    if isinstance(condition, Variable) and condition.array.dtype == np.uint8:
        warnings.warn(
            "where received a uint8 condition tensor, which is deprecated; use a bool one.",
            stacklevel=3,
        )
        condition = wrap(condition.array != 0)
    if not isinstance(condition, Variable) or condition.array.dtype != bool:
        is_tensor = isinstance(condition, Variable)
        got = condition.describe() if is_tensor else type(condition).__name__
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {got}")
    return ifelse(condition, input, other)


# Comparison and logic


def _comparison(name: str, **options: Any) -> Any:
    # A node is recorded where the result is floating point: in place.
    def node(other: Operand) -> str:
        return f"{name}Backward{1 if kernels.is_array(other) else 0}"

    return operation(node, zero, zero, inplace=True, **options)


def _compare(ufunc: Any, input: Operand, other: Operand) -> Any:
    return apply(ufunc, *promoted(input, other))


@_comparison("Eq")
def eq(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input == other`.

    Example:
        >>> import minnet
        >>> minnet.eq(minnet.tensor([1.0, 2.0]), 2)
        tensor([False,  True])
    """
    return _compare(np.equal, input, other)


@_comparison("Ne", aliases="not_equal")
def ne(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input != other`.

    Example:
        >>> import minnet
        >>> minnet.ne(minnet.tensor([1.0, 2.0]), 2)
        tensor([ True, False])
    """
    return _compare(np.not_equal, input, other)


@_comparison("Lt", aliases="less", operators="__lt__")
def lt(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input < other`.

    Example:
        >>> import minnet
        >>> minnet.lt(minnet.tensor([1.0, 2.0]), 2)
        tensor([ True, False])
    """
    return _compare(np.less, input, other)


@_comparison("Le", aliases="less_equal", operators="__le__")
def le(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input <= other`.

    Example:
        >>> import minnet
        >>> minnet.le(minnet.tensor([1.0, 2.0]), 2)
        tensor([True, True])
    """
    return _compare(np.less_equal, input, other)


@_comparison("Gt", aliases="greater", operators="__gt__")
def gt(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input > other`.

    Example:
        >>> import minnet
        >>> minnet.gt(minnet.tensor([1.0, 2.0]), 2)
        tensor([False, False])
    """
    return _compare(np.greater, input, other)


@_comparison("Ge", aliases="greater_equal", operators="__ge__")
def ge(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return where `input >= other`.

    Example:
        >>> import minnet
        >>> minnet.ge(minnet.tensor([1.0, 2.0]), 2)
        tensor([False,  True])
    """
    return _compare(np.greater_equal, input, other)


def _bitwise(ufunc: Any, input: Operand, other: Operand) -> Any:
    x, y = promoted(input, other)
    if np.result_type(x, y).kind == "f":
        raise NotImplementedError(
            f'"{ufunc.__name__}" is not implemented for floating point tensors'
        )
    return apply(ufunc, x, y)


@operation("", tensors=2, operators="__and__ __rand__ __iand__", inplace=True)
def bitwise_and(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return `input & other` of bool or integer tensors.

    Raises:
        NotImplementedError: for floating point tensors.

    Example:
        >>> import minnet
        >>> minnet.bitwise_and(minnet.tensor([3, 5]), minnet.tensor([2, 2]))
        tensor([2, 0])
    """
    return _bitwise(np.bitwise_and, input, other)


@operation("", tensors=2, operators="__or__ __ror__ __ior__", inplace=True)
def bitwise_or(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return `input | other` of bool or integer tensors.

    Raises:
        NotImplementedError: for floating point tensors.

    Example:
        >>> import minnet
        >>> minnet.bitwise_or(minnet.tensor([3, 5]), minnet.tensor([2, 2]))
        tensor([3, 7])
    """
    return _bitwise(np.bitwise_or, input, other)


@operation("", tensors=2, operators="__xor__ __rxor__ __ixor__", inplace=True)
def bitwise_xor(input: Tensor, other: Tensor | Number) -> Tensor:
    """Return `input ^ other` of bool or integer tensors.

    Raises:
        NotImplementedError: for floating point tensors.

    Example:
        >>> import minnet
        >>> minnet.bitwise_xor(minnet.tensor([3, 5]), minnet.tensor([2, 2]))
        tensor([1, 7])
    """
    return _bitwise(np.bitwise_xor, input, other)


def of_integers(ufunc: Any, input: Operand, other: Operand) -> Any:
    """Return `ufunc(x, y)` of integers, which is not for others."""
    x, y = promoted(input, other)
    if np.result_type(x, y).kind not in "iu":
        name = dtypes.OF_NUMPY[np.result_type(x, y)].tensor_type
        raise NotImplementedError(f"\"{ufunc.__name__}\" not implemented for '{name}'")
    return apply(ufunc, x, y)


@operation(
    "", tensors=2, operators="__lshift__ __rlshift__ __ilshift__", inplace="Tensor", out="cast"
)
def bitwise_left_shift(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return `input << other` of integers.

    Example:
        >>> import minnet
        >>> minnet.bitwise_left_shift(minnet.tensor([1, 3]), 2)
        tensor([ 4, 12])
    """
    return of_integers(np.left_shift, input, other)


@operation(
    "", tensors=2, operators="__rshift__ __rrshift__ __irshift__", inplace="Tensor", out="cast"
)
def bitwise_right_shift(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """Return `input >> other` of integers.

    Example:
        >>> import minnet
        >>> minnet.bitwise_right_shift(minnet.tensor([4, 12]), 2)
        tensor([1, 3])
    """
    return of_integers(np.right_shift, input, other)


@operation("", operators="__invert__", inplace=True)
def bitwise_not(input: Tensor) -> Tensor:
    """Return `~input` of a bool or integer tensor.

    Raises:
        TypeError: for a floating point tensor.

    Example:
        >>> import minnet
        >>> minnet.bitwise_not(minnet.tensor([True, False]))
        tensor([False,  True])
    """
    if input.dtype.kind == "f":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return np.invert(input)


@operation("", tensors=2, numbers=False, inplace=True, out="cast")
def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Return where both are nonzero.

    Example:
        >>> import minnet
        >>> minnet.logical_and(minnet.tensor([2, 0]), minnet.tensor([1, 3]))
        tensor([ True, False])
    """
    return apply(np.logical_and, input, other)


@operation("", tensors=2, numbers=False, inplace=True, out="cast")
def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Return where either is nonzero.

    Example:
        >>> import minnet
        >>> minnet.logical_or(minnet.tensor([2, 0]), minnet.tensor([1, 3]))
        tensor([True, True])
    """
    return apply(np.logical_or, input, other)


@operation("", tensors=2, numbers=False, inplace=True, out="cast")
def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Return where one of the two is nonzero.

    Example:
        >>> import minnet
        >>> minnet.logical_xor(minnet.tensor([2, 0]), minnet.tensor([1, 3]))
        tensor([False,  True])
    """
    return apply(np.logical_xor, input, other)


@operation("", inplace=True, out="cast")
def logical_not(input: Tensor) -> Tensor:
    """Return where the input is zero.

    Example:
        >>> import minnet
        >>> minnet.logical_not(minnet.tensor([2, 0]))
        tensor([False,  True])
    """
    return np.logical_not(input)


@operation("", out=False)
def isnan(input: Tensor) -> Tensor:
    """Return where the input is NaN.

    Example:
        >>> import minnet
        >>> minnet.isnan(minnet.tensor([1.0, float("nan")]))
        tensor([False,  True])
    """
    return np.isnan(input)


@operation("", out=False)
def isinf(input: Tensor) -> Tensor:
    """Return where the input is infinite.

    Example:
        >>> import minnet
        >>> minnet.isinf(minnet.tensor([1.0, float("inf")]))
        tensor([False,  True])
    """
    return np.isinf(input)


@operation("", out=False)
def isfinite(input: Tensor) -> Tensor:
    """Return where the input is neither NaN nor infinite.

    Example:
        >>> import minnet
        >>> minnet.isfinite(minnet.tensor([1.0, float("inf")]))
        tensor([ True, False])
    """
    return np.isfinite(input)


@composite
def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Tensor:
    """Return where |input - other| <= atol + rtol * |other|.

    Raises:
        RuntimeError: if the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.isclose(minnet.tensor([1.0, 2.0]), minnet.tensor([1.0 + 1e-6, 2.1]))
        tensor([ True, False])
    """
    if input.array.dtype != other.array.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    with np.errstate(all="ignore"):
        return wrap(np.isclose(input.array, other.array, rtol, atol, equal_nan))


@composite
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Return whether all elements satisfy |input - other| <= atol + rtol * |other|.

    Raises:
        RuntimeError: if the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.allclose(minnet.tensor([1.0]), minnet.tensor([1.0 + 1e-6]))
        True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


@composite
def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and elements.

    Example:
        >>> import minnet
        >>> minnet.equal(minnet.tensor([1, 2]), minnet.tensor([1, 2]))
        True
    """
    return bool(np.array_equal(input.array, other.array))


# Rounding


def _rounded(ufunc: Any, input: np.ndarray) -> Any:
    if input.dtype == bool:
        raise NotImplementedError(f'"{ufunc.__name__}" is not implemented for bool tensors')
    return ufunc(input) if input.dtype.kind == "f" else input.copy()


@operation("FloorBackward0", zero, inplace=True)
def floor(input: Tensor) -> Tensor:
    """Return the largest integer not above each element. Its derivative is 0.

    Example:
        >>> import minnet
        >>> minnet.floor(minnet.tensor([1.7, -1.7]))
        tensor([ 1., -2.])
    """
    return _rounded(np.floor, input)


@operation("CeilBackward0", zero, inplace=True)
def ceil(input: Tensor) -> Tensor:
    """Return the smallest integer not below each element. Its derivative is 0.

    Example:
        >>> import minnet
        >>> minnet.ceil(minnet.tensor([1.7, -1.7]))
        tensor([ 2., -1.])
    """
    return _rounded(np.ceil, input)


@operation("RoundBackward0", zero, inplace="Tensor minnet", named="decimals")
def round(input: Tensor, decimals: int = 0) -> Tensor:
    """Return the nearest integer, or multiple of 10**-decimals, halves to even. Its slope is 0.

    Raises:
        NotImplementedError: for a bool tensor, or `decimals` for one that is not floating point.

    Example:
        >>> import minnet
        >>> minnet.round(minnet.tensor([1.7, -1.7]))
        tensor([ 2., -2.])
        >>> minnet.round(minnet.tensor([17.26]), decimals=1)
        tensor([17.3000])
    """
    if decimals == 0:
        return _rounded(np.round, input)
    only_floating(input, "round")
    scale = float(np.power(10.0, decimals if decimals > 0 else -decimals))
    return np.round(input * scale) / scale if decimals > 0 else np.round(input / scale) * scale


@operation("TruncBackward0", zero, aliases="fix", inplace=True)
def trunc(input: Tensor) -> Tensor:
    """Return each element without its fraction. Its derivative is 0.

    Example:
        >>> import minnet
        >>> minnet.trunc(minnet.tensor([1.7, -1.7]))
        tensor([ 1., -1.])
    """
    return _rounded(np.trunc, input)
