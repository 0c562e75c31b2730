"""Data of Python and of other libraries, read as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import reduce
from typing import Any

import numpy as np

from minnet import dtypes, kernels, scalar
from minnet.variable import Variable


def read(data: Any, dtype: Any = None) -> Any:
    """Return data as an array in the dtype that torch would read; a copy only where it must be.

    An array of any library keeps its dtype, unless another is given. Python's numbers in nested
    sequences are of the default dtype, int64 or bool, and combine with what stands beside them.

    Raises:
        TypeError, ValueError: for what are no numbers, and for sequences of unequal lengths.
        RuntimeError: if a number does not fit the dtype, or is none and no dtype is given.
    """
    wanted = None if dtype is None else dtypes.numpy_of(dtype)
    array = _array(data)
    if array is None:
        array = _of_numbers(data, wanted)
    elif wanted is not None:
        with np.errstate(invalid="ignore", over="ignore"):
            array = array.astype(wanted, copy=False)
    dtypes.of(array)
    return array


def _array(data: Any) -> Any:
    """Return an array or a tensor of any library as an array of numbers; None for all else."""
    if isinstance(data, Variable):
        return data.array
    if hasattr(data, "__cuda_array_interface__"):
        return kernels.foreign(data)
    if isinstance(data, np.generic) or not hasattr(data, "__array__"):
        return None
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        dtypes.of(array)  # which raises
    return array


def _of_numbers(data: Any, wanted: np.dtype | None) -> np.ndarray:
    """Return a number, or nested sequences of numbers, as an array."""
    found: set[np.dtype] = set()
    (data,) = _nested([data], found, wanted is None)
    default = dtypes.get_default_dtype().numpy
    dtype = wanted or (reduce(dtypes.promote, found) if found else default)
    whole = dtype.kind in "iu"
    try:
        if whole and any(d.kind == "f" for d in found):
            scalar.check_all(np.asarray(data, np.float64), dtype)
        values = np.asarray(data, np.int64 if whole else np.float64)
    except OverflowError as error:
        if not whole:
            raise
        raise ValueError(f"Overflow when unpacking long long: {error}") from None
    except ValueError as error:
        raise ValueError(f"expected sequences of equal length at every depth: {error}") from None
    if whole:
        scalar.check_all(values, dtype)
    with np.errstate(over="ignore"):  # a float that is too large is infinite
        return values.astype(dtype, copy=False)


def _nested(data: Any, found: set[np.dtype], infers: bool) -> Any:
    """Return nested sequences with arrays for tensors, and add the dtypes of what is in them."""
    deeper = False
    for kind in set(map(type, data)):  # of which there are few, however many the numbers
        if issubclass(kind, np.generic) and np.dtype(kind).kind in "biuf":
            found.add(np.dtype(kind))
        elif issubclass(kind, bool):
            found.add(dtypes.bool_.numpy)
        elif issubclass(kind, int):
            found.add(dtypes.int64.numpy)
        elif issubclass(kind, float):
            found.add(dtypes.get_default_dtype().numpy)
        elif issubclass(kind, str | bytes | complex | np.generic):
            raise TypeError(f"new(): invalid data type '{kind.__name__}'")
        else:
            deeper = True
    if not deeper:
        return data
    numbers = isinstance(data[0], Variable) or not hasattr(data[0], "__len__")
    return [_inner(x, found, infers, numbers) for x in data]


def _inner(x: Any, found: set[np.dtype], infers: bool, numbers: bool) -> Any:
    """Return what stands in a sequence: a number as it is, and what is more as in `_nested`.

    Where the sequence is one of numbers, which is so if the first one is, a tensor is its element.

    Raises:
        TypeError: if it is neither; RuntimeError, as in torch, where its dtype is asked for.
        ValueError: for a tensor of another number of elements than one.
    """
    if isinstance(x, int | float | np.generic):
        return x
    array = _array(x)
    if array is not None:
        found.add(array.dtype)
        array = kernels.moved(array, "cpu")
        if not numbers or not isinstance(x, Variable):
            return array
        if array.size != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, got one of shape "
                f"{list(array.shape)}; minnet.stack makes one tensor of several"
            )
        return array.reshape(())
    if hasattr(x, "__len__") and hasattr(x, "__getitem__") and not isinstance(x, Mapping | Set):
        return _nested(x if isinstance(x, list | tuple) else list(x), found, infers)
    name = type(x).__name__
    raise (
        RuntimeError(f"Could not infer dtype of {name}")
        if infers
        else TypeError(f"expected a number or a sequence of them, got {name}")
    )
