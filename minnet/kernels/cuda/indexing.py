"""Indexing by arrays on the device: rows by their numbers, and elements chosen by a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.kernels.cuda import elementwise
from minnet.kernels.cuda.array import Array, empty, from_host, unsupported
from minnet.kernels.cuda.driver import SIMULATED, THREADS, blocks, cuda, kernel, types

CHECKING = 16 if SIMULATED else 512  # threads that check all indices

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


@kernel
def _check(indices, n, found):
    """Write the first index out of range, and that there is one. One block."""
    places = cuda.shared.array(CHECKING, types.int64)
    t = cuda.threadIdx.x
    place = indices.size
    for i in range(t, indices.size, CHECKING):
        if indices[i] >= n or indices[i] < -n:
            place = min(place, i)
    places[t] = place
    cuda.syncthreads()
    if t == 0:
        for i in range(1, CHECKING):
            place = min(place, places[i])
        if place < indices.size:
            found[0], found[1] = indices[place], 1


@kernel
def _rows(x, indices, out):
    """x: (outer, n, inner); indices: (m,), within bounds; out: (outer, m, inner)"""
    n, m, inner = x.shape[1], indices.size, x.shape[2]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        o, j, column = i // (inner * m), i // inner % m, i % inner
        row = indices[j]
        out[o, j, column] = x[o, row + (n if row < 0 else 0), column]


def check(indices: Array, axis: int, n: int) -> None:
    """Check that indices of the device, contiguous and in int64, are within an axis of size n.

    Raises:
        IndexError: if one is not: the first.
    """
    if indices.size:
        found = from_host(np.zeros(2, np.int64))
        _check[1, CHECKING](indices.memory, n, found.memory)
        index, wrong = found.tolist()
        if wrong:
            raise _out_of_bounds(index, axis, n)


def take(array: Array, indices: Any, axis: int) -> Array:
    """Return a copy of the elements at the indices of an axis.

    Raises:
        IndexError: if an index is out of range.
    """
    shape = array.shape
    axis %= max(array.ndim, 1)
    at = _indices(indices)
    flat = at.reshape(-1)
    if isinstance(indices, Array):
        check(flat, axis, shape[axis])
    else:  # told without asking the device
        host = np.asarray(indices).reshape(-1)
        for index in host[(host < -shape[axis]) | (host >= shape[axis])][:1]:
            raise _out_of_bounds(index, axis, shape[axis])
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    out = empty((*shape[:axis], *at.shape, *shape[axis + 1 :]), array.dtype)
    if out.size:
        source = array.reshape(outer, shape[axis], inner)
        target = out.reshape(outer, at.size, inner)
        grid = min(blocks(out.size), elementwise.MOST_BLOCKS)
        _rows[grid, THREADS](source.memory, flat.memory, target.memory)
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
