"""The element types, their categories, and how two of them combine."""

from __future__ import annotations

from typing import Any

import numpy as np

BOOL, INTEGER, FLOAT = range(3)
CATEGORY = {"b": BOOL, "i": INTEGER, "u": INTEGER, "f": FLOAT}


class dtype:
    """An element type, such as `minnet.float32`. It prints as torch's does.

    Example:
        >>> import minnet
        >>> minnet.zeros(2).dtype
        torch.float32
        >>> minnet.float32.is_floating_point, minnet.int64.itemsize
        (True, 8)
    """

    def __init__(self, name: str, kind: type[np.generic], tensor_type: str):
        self.name = name
        self.numpy = np.dtype(kind)
        self.itemsize = self.numpy.itemsize
        self.category = CATEGORY[self.numpy.kind]
        self.is_floating_point = self.category == FLOAT
        self.is_complex = False
        self.is_signed = self.numpy.kind in "if"
        self.tensor_type = tensor_type  # torch's name for the type in messages

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name + "_" if self.name == "bool" else self.name  # pickled by reference


float32 = dtype("float32", np.float32, "Float")
float64 = dtype("float64", np.float64, "Double")
int8 = dtype("int8", np.int8, "Char")
int16 = dtype("int16", np.int16, "Short")
int32 = dtype("int32", np.int32, "Int")
int64 = dtype("int64", np.int64, "Long")
uint8 = dtype("uint8", np.uint8, "Byte")
bool_ = dtype("bool", np.bool_, "Bool")

ALL = (float32, float64, int8, int16, int32, int64, uint8, bool_)
OF_NUMPY = {d.numpy: d for d in ALL}
OF_PYTHON: dict[Any, dtype] = {float: float64, int: int64, bool: bool_}

_default = float32


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of new floating point tensors: `float32` (the default) or `float64`.

    Raises:
        TypeError: if `d` is not a floating point dtype.

    Example:
        >>> import minnet
        >>> minnet.set_default_dtype(minnet.float64)
        >>> minnet.zeros(1).dtype
        torch.float64
        >>> minnet.set_default_dtype(minnet.float32)
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"set_default_dtype expects minnet.float32 or minnet.float64, got {d!r}")
    _default = d


def get_default_dtype() -> dtype:
    """Return the dtype of new floating point tensors."""
    return _default


def of(array: np.ndarray) -> dtype:
    """Return the dtype of an array.

    Raises:
        TypeError: if minnet has no such dtype.
    """
    try:
        return OF_NUMPY[array.dtype]
    except KeyError:
        names = ", ".join(d.name for d in ALL)
        raise TypeError(
            f"can't convert a NumPy array of dtype {array.dtype} to a tensor; "
            f"the supported dtypes are: {names}"
        ) from None


def numpy_of(d: Any) -> np.dtype:
    """Return the NumPy dtype of a minnet dtype, or of Python's float, int or bool as torch does.

    Raises:
        TypeError: if `d` is neither.
    """
    if not isinstance(d, dtype):
        try:
            d = OF_PYTHON[d]
        except (KeyError, TypeError):
            raise TypeError(
                f"dtype must be a minnet dtype such as minnet.float32, got {d!r}"
            ) from None
    return d.numpy


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """Return the dtype in which two arrays combine: the higher category, then the wider type."""
    if a == b:
        return a
    rank_a, rank_b = CATEGORY[a.kind], CATEGORY[b.kind]
    if rank_a != rank_b:
        return a if rank_a > rank_b else b
    return np.promote_types(a, b)


def common(*operands: Any) -> np.dtype:
    """Return the dtype in which operands combine, by torch's rules.

    An operand is an array, one of NumPy's scalars (as a 0-dimensional array), or a Python number.
    Arrays with dimensions decide before 0-dimensional arrays, and those before numbers; a lower
    class has a say only where its category is higher.
    """
    levels: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        if hasattr(operand, "dtype"):
            level, d = (0, operand.dtype) if operand.ndim else (1, operand.dtype)
        elif isinstance(operand, bool):
            level, d = 2, bool_.numpy
        else:
            level, d = 2, (int64 if isinstance(operand, int) else _default).numpy
        seen = levels[level]
        levels[level] = d if seen is None else promote(seen, d)
    result: np.dtype | None = None
    for d in levels:
        if d is not None and (result is None or CATEGORY[d.kind] > CATEGORY[result.kind]):
            result = d
    assert result is not None
    return result


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the dtype in which tensors of two dtypes combine.

    Example:
        >>> import minnet
        >>> minnet.promote_types(minnet.uint8, minnet.int8)
        torch.int16
    """
    return OF_NUMPY[promote(numpy_of(type1), numpy_of(type2))]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Return whether a result of one dtype may be written into a tensor of another.

    Example:
        >>> import minnet
        >>> minnet.can_cast(minnet.float64, minnet.float32)
        True
        >>> minnet.can_cast(minnet.float32, minnet.int64)
        False
    """
    return from_.category <= to.category


class finfo:
    """What a floating point dtype can hold; the default dtype, unless one is given.

    Raises:
        TypeError: for another dtype.

    Example:
        >>> import minnet
        >>> minnet.finfo(minnet.float32).eps
        1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None):
        d = _default if type is None else type
        if not isinstance(d, dtype) or not d.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                "'torch.finfo'"
            )
        found = np.finfo(d.numpy)
        self.bits, self.dtype = found.bits, d.name
        self.max, self.min = float(found.max), float(found.min)
        self.eps, self.resolution = float(found.eps), float(f"1e-{found.precision}")
        self.tiny = self.smallest_normal = float(found.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """What an integer dtype can hold.

    Raises:
        TypeError: for another dtype.

    Example:
        >>> import minnet
        >>> minnet.iinfo(minnet.int8)
        iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: dtype):
        if not isinstance(type, dtype) or type.category != INTEGER:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                "'torch.iinfo'"
            )
        found = np.iinfo(type.numpy)
        self.bits, self.dtype = found.bits, type.name
        self.max, self.min = int(found.max), int(found.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
