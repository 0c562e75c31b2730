"""Indexing by arrays on the device: rows by their numbers, and elements chosen by a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.kernels.cuda import elementwise
from minnet.kernels.cuda.array import Array, empty, from_host, unsupported
from minnet.kernels.cuda.driver import THREADS, blocks, cuda

_ARRAYS = (Array, np.ndarray, list, range)


def selects(parts: tuple[Any, ...]) -> bool:
    """Say whether an index selects by an array, and is not a view by integers and slices."""
    return any(isinstance(part, _ARRAYS) for part in parts)


def _rest_is_whole(parts: tuple[Any, ...]) -> bool:
    return all(part is Ellipsis or part == slice(None) for part in parts)


def selected(array: Array, parts: tuple[Any, ...]) -> Array:
    """Return a copy of the elements at an index with an array in it.

    Raises:
        NotImplementedError: unless the array is int64 and alone.
        IndexError: if an index is out of range.
    """
    at = [d for d, part in enumerate(parts) if isinstance(part, _ARRAYS)]
    others = parts[: at[0]] + parts[at[0] + 1 :]
    if len(at) > 1 or any(part is Ellipsis for part in parts[: at[0]]):
        raise unsupported("indexing by several arrays")
    if not all(isinstance(p, slice) or p is Ellipsis for p in others) or not _rest_is_whole(others):
        raise unsupported("indexing by an array beside other indices")
    return take(array, parts[at[0]], at[0])


def _indices(given: Any) -> Array:
    """Return indices in int64 on the device."""
    if not isinstance(given, Array):
        given = np.asarray(np.asarray(given), like=empty(0, np.int64))
    if given.dtype == bool:
        raise unsupported("selection by a mask, whose result has a size that depends on the data,")
    return given.astype(np.int64, copy=False)


@cuda.jit
def _rows(x, indices, out, wrong):
    """x: (outer, n, inner)  indices: (m,)  out: (outer, m, inner)"""
    n, m, inner = x.shape[1], indices.size, x.shape[2]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        j = i // inner % m
        k = indices[j]
        if k < 0:
            k += n
        if k < 0 or k >= n:
            wrong[0] = indices[j]
            wrong[1] = 1
        else:
            out[i // (inner * m), j, i % inner] = x[i // (inner * m), k, i % inner]


def take(array: Array, indices: Any, axis: int) -> Array:
    """Return a copy of the elements at the indices of an axis.

    Raises:
        IndexError: if an index is out of range.
    """
    shape = array.shape
    axis %= max(array.ndim, 1)
    if not isinstance(indices, Array):
        host = np.asarray(indices)
        n = shape[axis]
        bad = host[(host < -n) | (host >= n)] if host.dtype.kind in "iu" else host[:0]
        if bad.size:
            raise _out_of_bounds(bad.flat[0], axis, n)
    at = _indices(indices)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    out = empty((*shape[:axis], *at.shape, *shape[axis + 1 :]), array.dtype)
    if not out.size:
        return out
    wrong = from_host(np.zeros(2, np.int64))
    source = array.reshape(outer, shape[axis], inner)
    target = out.reshape(outer, at.size, inner)
    grid = min(blocks(out.size), elementwise.MOST_BLOCKS)
    _rows[grid, THREADS](source.memory, at.reshape(-1).memory, target.memory, wrong.memory)
    if isinstance(indices, Array):  # those of the host have been looked at
        index, found = wrong.tolist()
        if found:
            raise _out_of_bounds(index, axis, shape[axis])
    return out


def _out_of_bounds(index: int, axis: int, n: int) -> IndexError:
    return IndexError(f"index {index} is out of bounds for axis {axis} with size {n}")


def put(array: Array, parts: tuple[Any, ...], value: Any) -> None:
    """Write a number where a mask of the array's shape is true.

    Raises:
        NotImplementedError: for other indices, or values of several elements.
    """
    mask = parts[0]
    alone = isinstance(mask, Array) and mask.dtype == bool and _rest_is_whole(parts[1:])
    if not alone or mask.shape != array.shape or getattr(value, "size", 1) != 1:
        raise unsupported("writing to the elements at an array of indices")
    if isinstance(value, Array):
        value = value.reshape(())
    elementwise.copy(array, elementwise.where(mask, value, array))
