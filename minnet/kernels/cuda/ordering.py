"""Sums of whole numbers, and the places of largest and smallest elements, on the device.

An axis is cut into spans that a thread each goes through, and what these give is reduced again by
the same rule, until one is left.
"""

from __future__ import annotations

import math

import numpy as np

from minnet import kernels
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import SIMULATED, THREADS, blocks, cuda

SPAN = 8 if SIMULATED else 256  # elements of the axis that one thread goes through
MOST_BLOCKS = 1 if SIMULATED else 4096


@cuda.jit
def _total(x, span, out):
    """x: (outer, n, inner)  out: (outer, parts, inner)"""
    n, parts, inner = x.shape[1], out.shape[1], x.shape[2]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        o, part, j = i // (parts * inner), i // inner % parts, i % inner
        total = np.int64(0)
        for k in range(part * span, min(part * span + span, n)):
            total += np.int64(x[o, k, j])
        out[o, part, j] = total


@cuda.jit
def _extreme(x, largest, first, candidates, span, out):
    """x: (outer, n, inner)  candidates: (outer, m, inner), the indices that are left; first: all.

    The first of equals counts, and a NaN before all.
    """
    parts, inner = out.shape[1], x.shape[2]
    m = x.shape[1] if first else candidates.shape[1]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        o, part, j = i // (parts * inner), i // inner % parts, i % inner
        start = part * span
        best = np.int64(start) if first else candidates[o, start, j]
        for c in range(start + 1, min(start + span, m)):
            at = np.int64(c) if first else candidates[o, c, j]
            new, old = x[o, at, j], x[o, best, j]
            if old == old and (new != new or (new > old if largest else new < old)):
                best = at
        out[o, part, j] = best


@cuda.jit
def _along(x, indices, values, put):
    """Copy elements of x (outer, n, inner) to `values`, or `values` there.

    indices, values: (outer, m, inner)
    """
    m, inner = values.shape[1], values.shape[2]
    for i in range(cuda.grid(1), values.size, cuda.gridsize(1)):
        o, k, j = i // (m * inner), i // inner % m, i % inner
        if put:
            x[o, indices[o, k, j], j] = values[o, k, j]
        else:
            values[o, k, j] = x[o, indices[o, k, j], j]


def _grid(out: Array) -> tuple[int, int]:
    return min(blocks(out.size), MOST_BLOCKS), THREADS


def _split(x: Array, axis: int) -> Array:
    """Return a contiguous array as (outer, n, inner) around an axis."""
    shape = x.shape
    return x.reshape(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def total(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """Return the sum of whole numbers or bools over some axes, in int64."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    shape = kept if keepdims else tuple(n for a, n in enumerate(x.shape) if a not in axes)
    moved = x.transpose([*(a for a in range(x.ndim) if a not in axes), *axes])
    outer = math.prod(shape)
    part = moved.reshape(outer, x.size // outer if outer else 0, 1)
    if not x.size:
        return kernels.moved(np.zeros(shape, np.int64), x.device)
    while True:
        n = part.shape[1]
        out = empty((outer, -(-n // SPAN), 1), np.int64)
        _total[_grid(out)](part.memory, SPAN, out.memory)
        if out.shape[1] == 1:
            return out.reshape(shape)
        part = out


def extreme(
    x: Array, axis: int | None = None, out: None = None, *, keepdims: bool = False, largest: bool
) -> Array:
    """Return the index of the largest or smallest element along an axis, or of all in row order."""
    shape = x.shape
    if axis is None:
        result = (1,) * len(shape) if keepdims else ()
        x, axis = x.reshape(-1), 0
    else:
        axis %= len(shape)
        result = (*shape[:axis], *((1,) if keepdims else ()), *shape[axis + 1 :])
    if not x.shape[axis]:
        raise ValueError("attempt to get the place of an extreme of an empty sequence")
    x = _split(x, axis)
    candidates = empty((1, 1, 1), np.int64)  # anything: not read at first
    first = True
    left = x.shape[1]
    while True:
        left = -(-left // SPAN)
        found = empty((x.shape[0], left, x.shape[2]), np.int64)
        if found.size:
            _extreme[_grid(found)](x.memory, largest, first, candidates.memory, SPAN, found.memory)
        if left == 1:
            return found.reshape(result)
        candidates, first = found, False


def along(x: Array, indices: Array, axis: int = -1) -> Array:
    """Return the elements at the indices of an axis, which has been looked up before."""
    kernels.one_device((x, indices))
    out = empty(indices.shape, x.dtype)
    _copy_along(x, indices, out, axis, False)
    return out


def put_along(x: Array, indices: Array, values: Array, axis: int) -> None:
    """Write values at the indices of an axis into a contiguous array."""
    kernels.one_device((x, indices, values))
    spread = kernels.contiguous(np.broadcast_to(values, indices.shape))
    _copy_along(x, indices, spread, axis, True)


def _copy_along(x: Array, indices: Array, values: Array, axis: int, put: bool) -> None:
    if values.size:
        cubes = [_split(array, axis % x.ndim).memory for array in (x, indices, values)]
        _along[_grid(values)](*cubes, put)
