"""Arithmetic, comparison and logic, element by element, with broadcasting.

`+ - * / sqrt` and comparisons are IEEE-exact, so NumPy computes them: their bits are the same on
every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import Variable, differentiable, wrap

Operand = Any  # an array or a Python number
_ARRAYS = (np.ndarray, np.generic)
_NUMBERS = (int, float)


def promoted(x: Operand, y: Operand, floating: bool = False) -> tuple[Operand, Operand]:
    """Return two operands in their common dtype; integers become floats if `floating`.

    A Python number stays one where NumPy's own rule for it gives that dtype.
    """
    if not isinstance(x, _NUMBERS) and x.dtype.kind == "f":
        if isinstance(y, _NUMBERS) or y.dtype == x.dtype:
            return x, y
    elif isinstance(x, _NUMBERS) and not isinstance(y, _NUMBERS) and y.dtype.kind == "f":
        return x, y
    dtype = dtypes.common(x, y)
    if floating and dtype.kind != "f":
        dtype = dtypes.get_default_dtype().numpy
    # In two steps, since a number that does not fit wraps around here and is an error there.
    return _in_dtype(kernels.as_array(x), dtype), _in_dtype(kernels.as_array(y), dtype)


def _in_dtype(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array in a dtype: itself, or a copy in row order, also of an expanded array."""
    return array if array.dtype == dtype else array.astype(dtype, order="C")


def apply(ufunc: Any, x: Operand, y: Operand) -> Any:
    """Return `ufunc(x, y)`, silent about infinities and NaN as torch is.

    Raises:
        RuntimeError: if the shapes do not broadcast.
    """
    try:
        with np.errstate(all="ignore"):
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


def _zero(dy: np.ndarray) -> np.ndarray:
    return np.zeros_like(dy)


def operand(x: Any) -> Any:
    """Return what an arithmetic operation takes: an array becomes a tensor, the rest stays."""
    if not isinstance(x, Variable) and isinstance(x, _ARRAYS):
        dtypes.of(np.asarray(x))
        return wrap(np.asarray(x))
    return x


@differentiable("AddBackward0", tensors=2)
def _add(input: Operand, other: Operand) -> Any:
    x, y = promoted(input, other)
    return apply(np.add, x, y), (lambda dy: dy, lambda dy: dy)


def _subtract(input: Operand, other: Operand) -> Any:
    for x in (input, other):
        if isinstance(x, bool) or (not isinstance(x, _NUMBERS) and x.dtype.kind == "b"):
            raise RuntimeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
                "trying "
                "to invert a mask, use the `~` or `logical_not()` operator instead."
            )
    return apply(np.subtract, *promoted(input, other)), (lambda dy: dy, lambda dy: -dy)


_sub = differentiable("SubBackward0", tensors=2)(_subtract)
_rsub = differentiable("RsubBackward1", tensors=2)(_subtract)


@differentiable("MulBackward0", tensors=2)
def _mul(input: Operand, other: Operand) -> Any:
    input, other = promoted(input, other)

    def dx(dy: np.ndarray) -> np.ndarray:
        return dy * other

    def dother(dy: np.ndarray) -> np.ndarray:
        return dy * input

    return apply(np.multiply, input, other), (dx, dother)


@differentiable("DivBackward0", tensors=2)
def _div(input: Operand, other: Operand) -> Any:
    input, other = promoted(input, other, floating=True)

    def dx(dy: np.ndarray) -> np.ndarray:
        return dy / other

    def dother(dy: np.ndarray) -> np.ndarray:
        return -dy * (input / other) / other

    return apply(np.true_divide, input, other), (dx, dother)


def _scaled(x: Any, alpha: float) -> Any:
    if alpha == 1:
        return x
    if isinstance(alpha, float) and isinstance(x, Variable) and x.array.dtype.kind != "f":
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return _mul(x, alpha)


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Return `input + alpha * other`.

    Example:
        >>> import minnet
        >>> minnet.add(minnet.tensor([1.0, 2.0]), 10)
        tensor([11., 12.])
    """
    return _add(operand(input), _scaled(operand(other), alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Return `input - alpha * other`."""
    return _sub(operand(input), _scaled(operand(other), alpha))


def rsub(input: Any, other: Any) -> Any:
    """Return `other - input`: what `number - tensor` is."""
    return _rsub(operand(other), operand(input))


def mul(input: Any, other: Any) -> Any:
    """Return `input * other`."""
    return _mul(operand(input), operand(other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Return `input / other`: true division, or rounded with "trunc" or "floor".

    Raises:
        RuntimeError: for another `rounding_mode`.

    Example:
        >>> import minnet
        >>> minnet.div(minnet.tensor([7, -7]), 2, rounding_mode="floor")
        tensor([ 3, -4])
    """
    if rounding_mode is None:
        return _div(operand(input), operand(other))
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"{rounding_mode!r}"
        )
    return _round_div(operand(input), operand(other), rounding_mode == "floor")


def _no_integer_by_zero(dtype: np.dtype, x: Any, y: Any) -> None:
    if dtype.kind in "iu" and x.size and not np.all(y):
        raise RuntimeError("ZeroDivisionError")


@differentiable("DivBackward2", tensors=2)
def _round_div(input: Operand, other: Operand, floor: bool) -> Any:
    x, y = promoted(input, other)
    dtype = np.result_type(x, y)
    if dtype.kind == "b":
        name = "div_floor_cpu" if floor else "div_trunc_cpu"
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'; convert with .int()")
    _no_integer_by_zero(dtype, x, y)
    if floor:
        result = apply(np.floor_divide, x, y)
    elif dtype.kind in "iu":
        result = np.sign(x) * np.sign(y) * apply(np.floor_divide, np.abs(x), np.abs(y))
    else:
        result = np.trunc(apply(np.true_divide, x, y))
    return result.astype(dtype, copy=False), (_zero, _zero)


def floor_divide(input: Any, other: Any) -> Any:
    """Return `floor(input / other)`."""
    return _round_div(operand(input), operand(other), True)


def _remainder(input: Operand, other: Operand) -> Any:
    input, other = promoted(input, other)
    dtype = np.result_type(input, other)
    if dtype.kind == "b":
        raise NotImplementedError(
            "\"remainder_cpu\" not implemented for 'Bool'; convert with .int()"
        )
    _no_integer_by_zero(dtype, input, other)

    def dother(dy: np.ndarray) -> np.ndarray:
        return -dy * apply(np.floor_divide, input, other)

    return apply(np.remainder, input, other), (lambda dy: dy, dother)


_remainder_by_number = differentiable("RemainderBackward0", tensors=2)(_remainder)
_remainder_by_tensor = differentiable("RemainderBackward1", tensors=2)(_remainder)


def remainder(input: Any, other: Any) -> Any:
    """Return the remainder of `input / other`, with the sign of `other`."""
    by = _remainder_by_tensor if isinstance(other, Variable) else _remainder_by_number
    return by(operand(input), operand(other))


@differentiable("NegBackward0")
def neg(input: np.ndarray) -> Any:
    """Return `-input`."""
    if input.dtype == bool:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert "
            "a mask, use the `~` or `logical_not()` operator instead."
        )
    return np.negative(input), (lambda dy: -dy,)


def positive(input: Any) -> Any:
    """Return `input` itself."""
    return input


def sign_of(array: np.ndarray) -> np.ndarray:
    # torch's sign of NaN is 0; NumPy's is NaN, and it has none for bools.
    return (
        np.subtract(array > 0, array < 0, dtype=array.dtype)
        if array.dtype != bool
        else array.copy()
    )


@differentiable("AbsBackward0")
def abs(input: np.ndarray) -> Any:
    """Return the absolute value. Its derivative at 0 is 0.

    Example:
        >>> import minnet
        >>> minnet.abs(minnet.tensor([-1.5, 2.0]))
        tensor([1.5000, 2.0000])
    """
    if input.dtype == bool:
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'; it is as it is")
    return np.abs(input), (lambda dy: dy * sign_of(input),)


@differentiable("SignBackward0")
def sign(input: np.ndarray) -> Any:
    """Return -1, 0 or 1 by the sign of each element, and 0 for NaN. Its derivative is 0."""
    return sign_of(input), (_zero,)


def floating(array: np.ndarray) -> np.ndarray:
    """Return an array as floating point: integers and bools become the default dtype."""
    return array if array.dtype.kind == "f" else array.astype(dtypes.get_default_dtype().numpy)


@differentiable("SqrtBackward0")
def sqrt(input: np.ndarray) -> Any:
    """Return the square root.

    Example:
        >>> import minnet
        >>> minnet.sqrt(minnet.tensor([4.0, 2.0]))
        tensor([2.0000, 1.4142])
    """
    with np.errstate(all="ignore"):
        result = np.sqrt(floating(input))

    def dx(dy: np.ndarray) -> np.ndarray:
        return dy / (2 * result)

    return result, (dx,)


@differentiable("RsqrtBackward0")
def rsqrt(input: np.ndarray) -> Any:
    """Return 1 / sqrt(input)."""
    with np.errstate(all="ignore"):
        result = kernels.as_array(1 / np.sqrt(floating(input)))

    def dx(dy: np.ndarray) -> np.ndarray:
        return dy * (result * result * result) * -0.5

    return result, (dx,)


@differentiable("ReciprocalBackward0")
def reciprocal(input: np.ndarray) -> Any:
    """Return 1 / input."""
    with np.errstate(all="ignore"):
        result = kernels.as_array(1 / floating(input))

    def dx(dy: np.ndarray) -> np.ndarray:
        return -dy * (result * result)

    return result, (dx,)


def _power(base: Operand, exponent: Operand) -> Any:
    if isinstance(exponent, _NUMBERS):
        if exponent == 2:
            return base * base
        if exponent == 3:
            return base * base * base
        if exponent == 1:
            return base * 1
        if exponent == 0.5:
            return np.sqrt(base)
        if exponent == -1:
            return 1 / base
    return np.power(base, exponent)


def _pow(input: Operand, other: Operand) -> Any:
    input, other = promoted(input, other)
    dtype = np.result_type(input, other)
    if dtype.kind in "iu":
        if np.any(other < 0):
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    elif dtype.kind == "b":
        return input | ~other, (None, None)

    def dx(dy: np.ndarray) -> np.ndarray:
        if isinstance(other, _NUMBERS):
            return np.zeros_like(dy) if other == 0 else dy * (other * _power(input, other - 1))
        return np.where(other == 0, other.dtype.type(0), dy * (other * _power(input, other - 1)))

    def dother(dy: np.ndarray) -> np.ndarray:
        base = np.asarray(input, dy.dtype)
        with np.errstate(all="ignore"):
            gradient = dy * np.power(base, other) * np.log(base)
            return np.where((base == 0) & (np.asarray(other) >= 0), dy.dtype.type(0), gradient)

    return apply(_power, input, other), (dx, dother)


_pow_number = differentiable("PowBackward0", tensors=2)(_pow)
_pow_tensor = differentiable("PowBackward1", tensors=2)(_pow)
_pow_of_number = differentiable("PowBackward2", tensors=2)(_pow)


def pow(input: Any, exponent: Any) -> Any:
    """Return `input ** exponent`.

    Exponents -1, 0.5, 1, 2 and 3 are exact roots, quotients and products. Others go through the C
    library's `pow`, whose last bit may differ between machines.

    Raises:
        RuntimeError: for an integer to a negative integer power.

    Example:
        >>> import minnet
        >>> minnet.pow(minnet.tensor([1.0, 2.0, 3.0]), 2)
        tensor([1., 4., 9.])
    """
    base, power = operand(input), operand(exponent)
    if not isinstance(power, Variable):
        return _pow_number(base, power)
    return (_pow_tensor if isinstance(base, Variable) else _pow_of_number)(base, power)


def square(input: Any) -> Any:
    """Return `input * input`."""
    return pow(input, 2)


def _share(dy: np.ndarray, lost: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """Return the gradient, 0 where the other operand was chosen, half where both were equal.

    Where one is NaN, so is the result, and both take all of the gradient.
    """
    return np.where(tied, dy / 2, np.where(lost, dy.dtype.type(0), dy))


@differentiable("MaximumBackward0", tensors=2)
def maximum(input: np.ndarray, other: np.ndarray) -> Any:
    """Return the larger of two tensors' elements. Equal elements share the gradient."""
    input, other = promoted(input, other)
    return apply(np.maximum, input, other), (
        lambda dy: _share(dy, input < other, input == other),
        lambda dy: _share(dy, other < input, input == other),
    )


@differentiable("MinimumBackward0", tensors=2)
def minimum(input: np.ndarray, other: np.ndarray) -> Any:
    """Return the smaller of two tensors' elements. Equal elements share the gradient."""
    input, other = promoted(input, other)
    return apply(np.minimum, input, other), (
        lambda dy: _share(dy, input > other, input == other),
        lambda dy: _share(dy, other > input, input == other),
    )


def _clamp(input: np.ndarray, min: Operand | None, max: Operand | None) -> Any:
    dtype = dtypes.common(*(x for x in (input, min, max) if x is not None))
    if dtype.kind == "b":
        raise NotImplementedError("\"clamp_cpu\" not implemented for 'Bool'; convert with .int()")
    result = input = _in_dtype(input, dtype)
    if min is not None:
        min = _in_dtype(kernels.as_array(min), dtype)
        result = apply(np.maximum, result, min)
    if max is not None:
        max = _in_dtype(kernels.as_array(max), dtype)
        result = apply(np.minimum, result, max)
    result = kernels.contiguous(result)
    min = -np.inf if min is None else min
    max = np.inf if max is None else max
    return result, (
        lambda dy: np.where((input >= min) & (input <= max), dy, dy.dtype.type(0)),
        lambda dy: np.where((input < min) & (min < max), dy, dy.dtype.type(0)),
        lambda dy: np.where((input > max) | (max < min), dy, dy.dtype.type(0)),
    )


_clamp_to_tensors = differentiable("ClampBackward0", tensors=3)(_clamp)
_clamp_to_numbers = differentiable("ClampBackward1", tensors=3)(_clamp)


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
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
    by_tensor = isinstance(min, Variable) or isinstance(max, Variable)
    return (_clamp_to_tensors if by_tensor else _clamp_to_numbers)(
        input, operand(min), operand(max)
    )


@differentiable("WhereBackward0", tensors=3)
def _where(condition: Any, input: Operand, other: Operand) -> Any:
    dtype = dtypes.common(input, other)
    x, y = (_in_dtype(kernels.as_array(v), dtype) for v in (input, other))
    try:
        result = kernels.contiguous(np.where(condition, x, y))
    except ValueError:
        raise RuntimeError(
            f"where expects shapes that broadcast, got {condition.shape}, {x.shape} and {y.shape}"
        ) from None
    return result, (
        None,
        lambda dy: np.where(condition, dy, dy.dtype.type(0)),
        lambda dy: np.where(condition, dy.dtype.type(0), dy),
    )


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Return `input` where `condition` is true and `other` elsewhere; alone, the indices of true.

    Raises:
        RuntimeError: if `condition` is not a bool tensor.

    Example:
        >>> import minnet
        >>> minnet.where(minnet.tensor([True, False]), minnet.tensor([1, 2]), 0)
        tensor([1, 0])
    """
    if input is None and other is None:
        return tuple(wrap(i) for i in np.nonzero(np.atleast_1d(condition.array)))
    if not isinstance(condition, Variable) or condition.array.dtype != bool:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got "
            + (
                condition.describe()
                if isinstance(condition, Variable)
                else type(condition).__name__
            )
        )
    return _where(condition, operand(input), operand(other))


# Comparison and logic: no gradient


def _array(x: Any) -> Any:
    x = operand(x)
    if isinstance(x, Variable):
        return x.array
    if isinstance(x, _NUMBERS):
        return x
    raise TypeError(f"expected a Tensor or a number, got {type(x).__name__}")


def _compare(ufunc: Any, input: Any, other: Any) -> Any:
    return wrap(apply(ufunc, *promoted(_array(input), _array(other))))


def eq(input: Any, other: Any) -> Any:
    """Return where `input == other`."""
    return _compare(np.equal, input, other)


def ne(input: Any, other: Any) -> Any:
    """Return where `input != other`."""
    return _compare(np.not_equal, input, other)


def lt(input: Any, other: Any) -> Any:
    """Return where `input < other`."""
    return _compare(np.less, input, other)


def le(input: Any, other: Any) -> Any:
    """Return where `input <= other`."""
    return _compare(np.less_equal, input, other)


def gt(input: Any, other: Any) -> Any:
    """Return where `input > other`."""
    return _compare(np.greater, input, other)


def ge(input: Any, other: Any) -> Any:
    """Return where `input >= other`."""
    return _compare(np.greater_equal, input, other)


def _bitwise(ufunc: Any, input: Any, other: Any) -> Any:
    x, y = promoted(_array(input), _array(other))
    if np.result_type(x, y).kind == "f":
        raise NotImplementedError(
            f'"{ufunc.__name__}" is not implemented for floating point tensors'
        )
    return wrap(apply(ufunc, x, y))


def bitwise_and(input: Any, other: Any) -> Any:
    """Return `input & other` of bool or integer tensors."""
    return _bitwise(np.bitwise_and, input, other)


def bitwise_or(input: Any, other: Any) -> Any:
    """Return `input | other` of bool or integer tensors."""
    return _bitwise(np.bitwise_or, input, other)


def bitwise_xor(input: Any, other: Any) -> Any:
    """Return `input ^ other` of bool or integer tensors."""
    return _bitwise(np.bitwise_xor, input, other)


def bitwise_not(input: Any) -> Any:
    """Return `~input` of a bool or integer tensor."""
    if input.array.dtype.kind == "f":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return wrap(np.invert(input.array))


def logical_and(input: Any, other: Any) -> Any:
    """Return where both are nonzero."""
    return wrap(apply(np.logical_and, _array(input), _array(other)))


def logical_or(input: Any, other: Any) -> Any:
    """Return where either is nonzero."""
    return wrap(apply(np.logical_or, _array(input), _array(other)))


def logical_not(input: Any) -> Any:
    """Return where the input is zero."""
    return wrap(np.logical_not(_array(input)))


def isnan(input: Any) -> Any:
    """Return where the input is NaN."""
    return wrap(np.isnan(input.array))


def isinf(input: Any) -> Any:
    """Return where the input is infinite."""
    return wrap(np.isinf(input.array))


def isfinite(input: Any) -> Any:
    """Return where the input is neither NaN nor infinite."""
    return wrap(np.isfinite(input.array))


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Return where |input - other| <= atol + rtol * |other|.

    Raises:
        RuntimeError: if the dtypes differ.
    """
    if input.array.dtype != other.array.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    with np.errstate(all="ignore"):
        return wrap(np.isclose(input.array, other.array, rtol, atol, equal_nan))


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
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


def equal(input: Any, other: Any) -> bool:
    """Return whether two tensors have the same shape and elements.

    Example:
        >>> import minnet
        >>> minnet.equal(minnet.tensor([1, 2]), minnet.tensor([1, 2]))
        True
    """
    return bool(np.array_equal(input.array, other.array))


def _rounding(ufunc: Any, input: np.ndarray) -> Any:
    if input.dtype == bool:
        raise NotImplementedError(f'"{ufunc.__name__}" is not implemented for bool tensors')
    return (ufunc(input) if input.dtype.kind == "f" else input.copy()), (_zero,)


@differentiable("FloorBackward0")
def floor(input: np.ndarray) -> Any:
    """Return the largest integer not above each element. Its derivative is 0."""
    return _rounding(np.floor, input)


@differentiable("CeilBackward0")
def ceil(input: np.ndarray) -> Any:
    """Return the smallest integer not below each element. Its derivative is 0."""
    return _rounding(np.ceil, input)


@differentiable("RoundBackward0")
def round(input: np.ndarray) -> Any:
    """Return the nearest integer, halves to even. Its derivative is 0."""
    return _rounding(np.round, input)


@differentiable("TruncBackward0")
def trunc(input: np.ndarray) -> Any:
    """Return each element without its fraction. Its derivative is 0."""
    return _rounding(np.trunc, input)
