"""NumPy's functions on arrays of the device: what `__array_function__` looks up.

Views are computed by NumPy itself, on the layout; the rest by kernels. What is not in the table is
refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minnet import kernels
from minnet.kernels.cuda import elementwise, indexing, ordering
from minnet.kernels.cuda.array import Array, empty, from_host, unsupported

_table: dict[Any, Callable[..., Any]] = {}


def call(function: Any, args: Any, kwargs: Any) -> Any:
    """Return a NumPy function of arrays, of which one at least is an array of the device.

    Raises:
        NotImplementedError: if there is nothing in its place.
    """
    ours = _table.get(function)
    if ours is None:
        raise unsupported(f"np.{function.__name__}")
    return ours(*args, **kwargs)


def _in_place_of(function: Any) -> Callable[[Any], Any]:
    def add(ours: Any) -> Any:
        _table[function] = ours
        return ours

    return add


# Making: `like=` has led here. The options left over are NumPy's own, such as its `device`.


@_in_place_of(np.full)
def _full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **options: Any
) -> Array:
    out = empty(shape, np.asarray(fill_value).dtype if dtype is None else dtype)
    out.fill(fill_value)
    return out


@_in_place_of(np.array)
def _array(data: Any, dtype: Any = None, copy: Any = True, order: str = "K", **options: Any) -> Any:
    array = _asarray(data, dtype)
    return array.copy() if array is data and copy else array


@_in_place_of(np.asarray)
def _asarray(data: Any, dtype: Any = None, order: Any = None, **options: Any) -> Array:
    if isinstance(data, Array):
        return data if dtype is None else data.astype(dtype, copy=False)
    return from_host(np.asarray(data, dtype))


@_in_place_of(np.empty_like)
def _empty_like(like: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Array:
    return empty(like.shape if shape is None else shape, dtype or like.dtype)


@_in_place_of(np.full_like)
def _full_like(array: Any, value: Any, dtype: Any = None, **options: Any) -> Array:
    return _full(array.shape, value, array.dtype if dtype is None else dtype)


# What an array is


@_in_place_of(np.result_type)
def _result_type(*values: Any) -> np.dtype:
    return np.result_type(*(x.dtype if isinstance(x, Array) else x for x in values))


@_in_place_of(np.may_share_memory)
def _may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    both = isinstance(a, Array) and isinstance(b, Array)
    return both and np.may_share_memory(a.layout, b.layout)


# Views


def _viewing(function: Any) -> None:
    """Let a NumPy function that returns a view of its first argument do it on the layout."""

    def view(array: Array, *args: Any, **kwargs: Any) -> Array:
        return array._view(function(array.layout, *args, **kwargs))

    _table[function] = view


for _function in (
    np.broadcast_to, np.expand_dims, np.moveaxis, np.flip, np.diagonal, np.atleast_1d, np.atleast_2d
):  # fmt: skip
    _viewing(_function)


# Elements


@_in_place_of(np.where)
def _where(condition: Any, *choices: Any) -> Array:
    if not choices:
        raise unsupported("np.where without choices, whose result's size depends on the data,")
    return elementwise.where(condition, *choices)


@_in_place_of(np.round)
def _round(x: Any, decimals: int = 0) -> Array:
    if decimals:
        raise unsupported("np.round to decimals")
    return np.rint(x)


@_in_place_of(np.isclose)
def _isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    finite = np.isfinite(a) & np.isfinite(b)
    near = np.where(finite, np.abs(a - b) <= atol + rtol * np.abs(b), a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@_in_place_of(np.array_equal)
def _array_equal(a: Any, b: Any, equal_nan: bool = False) -> bool:
    elementwise.operands((a, b))
    if a.shape != b.shape:
        return False
    same = a == b
    return bool(np.all(same | ((a != a) & (b != b)) if equal_nan else same))


@_in_place_of(np.concatenate)
def _concatenate(
    arrays: Any, axis: int = 0, out: Any = None, dtype: Any = None, casting: str = "same_kind"
) -> Array:
    arrays = list(arrays)
    kernels.one_device(arrays)
    axis %= arrays[0].ndim
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    joined = empty(shape, _result_type(*arrays) if dtype is None else dtype)
    start = 0
    for x in arrays:
        joined[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)] = x
        start += x.shape[axis]
    return joined


@_in_place_of(np.stack)
def _stack(
    arrays: Any, axis: int = 0, out: Any = None, dtype: Any = None, casting: str = "same_kind"
) -> Array:
    return _concatenate([np.expand_dims(x, axis) for x in arrays], axis, dtype=dtype)


@_in_place_of(np.take)
def _take(array: Any, indices: Any, axis: int | None = None, **options: Any) -> Array:
    if not isinstance(array, Array):
        raise kernels.mixed({"cpu", "cuda:0"})
    if axis is None:
        array, axis = array.reshape(-1), 0
    one = isinstance(indices, int)
    taken = indexing.take(array, [indices] if one else indices, axis)
    return taken.squeeze(axis) if one else taken


def _triangle(array: Array, k: int, lower: bool) -> Array:
    rows, columns = array.shape[-2:]
    kept = from_host(np.tri(rows, columns, k if lower else k - 1, bool))
    nothing = array.dtype.type(0)
    first, second = (array, nothing) if lower else (nothing, array)
    return elementwise.where(kept, first, second)


# Reductions. Sums of floats have kernels of their own, in a documented order.


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


@_in_place_of(np.sum)
def _sum(
    array: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Array:
    axes = _axes(axis, array.ndim)
    if array.dtype.kind == "f":
        array = array if dtype is None else array.astype(dtype, copy=False)
        return kernels.of(array).sum(array, axes, keepdims)
    total = ordering.total(array, axes, keepdims)
    return total if dtype is None else total.astype(dtype, copy=False)


@_in_place_of(np.count_nonzero)
def _count_nonzero(array: Any, axis: Any = None, *, keepdims: bool = False) -> Array:
    return ordering.total(array != 0, _axes(axis, array.ndim), keepdims)


@_in_place_of(np.all)
def _all(array: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Array:
    n = math.prod(array.shape[a] for a in _axes(axis, array.ndim))
    return _count_nonzero(array, axis, keepdims=keepdims) == n


_table |= {
    np.empty: lambda shape, dtype=float, order="C", **options: empty(shape, dtype),
    np.eye: lambda N, M=None, k=0, dtype=float, **options: from_host(np.eye(N, M, k, dtype)),
    np.arange: lambda *args, dtype=None, **options: from_host(np.arange(*args, dtype=dtype)),
    np.zeros: lambda shape, dtype=float, order="C", **options: _full(shape, 0, dtype),
    np.ones: lambda shape, dtype=float, order="C", **options: _full(shape, 1, dtype),
    np.zeros_like: lambda like, dtype=None, **options: _full_like(like, 0, dtype),
    np.ones_like: lambda like, dtype=None, **options: _full_like(like, 1, dtype),
    np.shape: lambda array: array.shape,
    np.ndim: lambda array: array.ndim,
    np.clip: elementwise.clip,
    np.tril: lambda array, k=0: _triangle(array, k, lower=True),
    np.triu: lambda array, k=0: _triangle(array, k, lower=False),
    np.any: lambda array, axis=None, **options: _count_nonzero(array, axis, **options) > 0,
    np.take_along_axis: ordering.along,
    np.put_along_axis: ordering.put_along,
    np.argmax: partial(ordering.extreme, largest=True),
    np.argmin: partial(ordering.extreme, largest=False),
}
