"""Reductions on the device, in the order that the CPU's `reduce.py` lays down: the same bits.

Adjacent elements are added up by a block of 32 threads, each of which keeps two of the 64 lanes.
Elements that are not adjacent are added one by one for each column by one thread, which reads them
from shared memory: to there they come side by side.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.kernels.cpu.reduce import BLOCK, LANES, Axes, normalized, reduced_shape
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import (
    SIMULATED,
    blocks,
    cuda,
    fma,
    function,
    kernel,
    product,
    types,
)
from minnet.kernels.numeric import exp, log

HALF = LANES // 2  # threads of a row
# A block that adds up `WIDE` columns: `TALL` threads for each fetch `DEEP` elements at a time.
WIDE, TALL, DEEP = (4, 4, 8) if SIMULATED else (32, 8, 64)


@function
def joined(low, high, lanes):
    """Return the sum of all 64 lanes, of which each thread has two: by halves."""
    t = cuda.threadIdx.x
    lanes[t] = low + high
    cuda.syncthreads()
    half = HALF // 2
    while half > 0:
        if t < half:
            lanes[t] += lanes[t + half]
        cuda.syncthreads()
        half //= 2
    return lanes[0]


@function
def row_max(x, row, lanes):
    """Return the largest element of a row that is not NaN, as a float64, or -inf."""
    t = cuda.threadIdx.x
    best = -math.inf
    for i in range(t, x.shape[1], HALF):
        value = np.float64(x[row, i])
        best = value if value > best else best
    lanes[t] = best
    cuda.syncthreads()
    for i in range(HALF):
        best = lanes[i] if lanes[i] > best else best
    cuda.syncthreads()
    return best


@function
def row_sum(x, row, first, last, lanes):
    """Return the sum of x[row, first:last] as a float64, in the order of adjacent elements."""
    t = cuda.threadIdx.x
    laps = (last - first) // LANES
    low, high = 0.0, 0.0
    for lap in range(laps):
        i = first + lap * LANES + t
        low += np.float64(x[row, i])
        high += np.float64(x[row, i + HALF])
    total = joined(low, high, lanes) if laps > 0 else 0.0
    for i in range(first + laps * LANES, last):
        total += np.float64(x[row, i])
    return total


@function
def row_dot(x, y, row, lanes):
    """Return the sum of x * y over a row, in the order of `row_sum`."""
    t = cuda.threadIdx.x
    n = x.shape[1]
    laps = n // LANES
    low, high = 0.0, 0.0
    for lap in range(laps):
        i = lap * LANES + t
        low += product(np.float64(x[row, i]), np.float64(y[row, i]))
        high += product(np.float64(x[row, i + HALF]), np.float64(y[row, i + HALF]))
    total = joined(low, high, lanes) if laps > 0 else 0.0
    for i in range(laps * LANES, n):
        total += product(np.float64(x[row, i]), np.float64(y[row, i]))
    return total


@kernel
def _sum_rows(x, divisor, out):
    """x: (rows, n) -> out: (rows, blocks)"""
    lanes = cuda.shared.array(HALF, types.float64)
    count = out.shape[1]
    row, block = cuda.blockIdx.x // count, cuda.blockIdx.x % count
    total = row_sum(x, row, block * BLOCK, min(block * BLOCK + BLOCK, x.shape[1]), lanes)
    if cuda.threadIdx.x == 0:
        out[row, block] = total / divisor[0]


@kernel
def _sum_columns(x, divisor, out):
    """x: (outer, n, inner) -> out: (outer, blocks, inner)"""
    held = cuda.shared.array((DEEP, WIDE), types.float64)
    j, own = cuda.threadIdx.x, cuda.threadIdx.y
    n, inner, count = x.shape[1], x.shape[2], out.shape[1]
    strips = (inner + WIDE - 1) // WIDE
    task = cuda.blockIdx.x
    o, block = task // strips // count, task // strips % count
    column = task % strips * WIDE + j
    last = min(block * BLOCK + BLOCK, n)
    total = 0.0
    for first in range(block * BLOCK, last, DEEP):
        rows = min(DEEP, last - first)
        if column < inner:
            for i in range(own, rows, TALL):
                held[i, j] = np.float64(x[o, first + i, column])
        cuda.syncthreads()
        if own == 0:
            for i in range(rows):
                total += held[i, j]
        cuda.syncthreads()
    if own == 0 and column < inner:
        out[o, block, column] = total / divisor[0]


@kernel
def _softmax(x, out):
    lanes = cuda.shared.array(HALF, types.float64)
    row, n = cuda.blockIdx.x, x.shape[1]
    high = x.dtype.type(row_max(x, row, lanes))
    for i in range(cuda.threadIdx.x, n, HALF):
        out[row, i] = exp(x[row, i] - high)
    cuda.syncthreads()
    total = x.dtype.type(row_sum(out, row, 0, n, lanes))
    cuda.syncthreads()
    for i in range(cuda.threadIdx.x, n, HALF):
        out[row, i] = out[row, i] / total


@kernel
def _log_softmax(x, out):
    lanes = cuda.shared.array(HALF, types.float64)
    row, n = cuda.blockIdx.x, x.shape[1]
    high = x.dtype.type(row_max(x, row, lanes))
    for i in range(cuda.threadIdx.x, n, HALF):
        out[row, i] = exp(x[row, i] - high)
    cuda.syncthreads()
    total = x.dtype.type(log(row_sum(out, row, 0, n, lanes)))
    cuda.syncthreads()
    for i in range(cuda.threadIdx.x, n, HALF):
        out[row, i] = (x[row, i] - high) - total


@kernel
def _softmax_backward(dy, y, out):
    lanes = cuda.shared.array(HALF, types.float64)
    row = cuda.blockIdx.x
    total = y.dtype.type(row_dot(dy, y, row, lanes))
    for i in range(cuda.threadIdx.x, y.shape[1], HALF):
        out[row, i] = (dy[row, i] - total) * y[row, i]


@kernel
def _log_softmax_backward(dy, y, out):
    lanes = cuda.shared.array(HALF, types.float64)
    row, n = cuda.blockIdx.x, y.shape[1]
    total = y.dtype.type(row_sum(dy, row, 0, n, lanes))
    for i in range(cuda.threadIdx.x, n, HALF):
        out[row, i] = fma(-exp(y[row, i]), total, dy[row, i])


@kernel
def _logsumexp(x, e, out):
    """`e` is memory of x's shape, for the exponentials."""
    lanes = cuda.shared.array(HALF, types.float64)
    row, n = cuda.blockIdx.x, x.shape[1]
    high = x.dtype.type(row_max(x, row, lanes))
    if abs(high) == math.inf:
        high = x.dtype.type(0)
    for i in range(cuda.threadIdx.x, n, HALF):
        e[row, i] = exp(x[row, i] - high)
    cuda.syncthreads()
    total = row_sum(e, row, 0, n, lanes)
    if cuda.threadIdx.x == 0:
        out[row] = log(total) + np.float64(high)


def outer_n_inner(x: Array, axes: tuple[int, ...]) -> Array:
    """Return x as (outer, n, inner), n over the reduced axes; a copy where it must be."""
    if axes and axes[-1] - axes[0] != len(axes) - 1:
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        x = x.transpose(*kept, *axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    shape = x.shape
    view = (math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:]))
    return contiguous(x).reshape(view)


def contiguous(x: Array) -> Array:
    """Return x, or a copy in row order."""
    return x if x.flags.c_contiguous else x.copy()


def total(x: Array, divisor: Any) -> Array:
    """Return the sum of (outer, n, inner) over n, divided, rounded once: (outer, inner).

    The divisor is a number, or a float64 on the device.
    """
    by = divisor.reshape(1).memory if isinstance(divisor, Array) else (float(divisor),)
    outer, n, inner = x.shape
    dtype = x.dtype
    if x.size == 0:
        out = empty((outer, inner), dtype)
        out[...] = 0
        return np.true_divide(out, divisor, dtype=dtype)
    while True:
        last = n <= BLOCK
        count = -(-n // BLOCK)
        out = empty((outer, count, inner), dtype if last else np.float64)
        scale = by if last else (1.0,)
        if inner == 1:
            rows, result = contiguous(x).reshape(outer, n), out.reshape(outer, count)
            _sum_rows[outer * count, HALF](rows.memory, scale, result.memory)
        else:
            grid = blocks(inner, WIDE) * outer * count
            _sum_columns[grid, (WIDE, TALL)](contiguous(x).memory, scale, out.memory)
        if last:
            return out.reshape(outer, inner)
        x, n = out, count


def sum(x: Array, axes: Axes = None, keepdims: bool = False) -> Array:
    """Return the sum over some axes, or all. Integers and booleans add up in int64."""
    if x.dtype.kind in "biu":
        whole: Any = np.sum(x, axis=axes, dtype=np.int64, keepdims=keepdims)
        return whole
    axes = normalized(axes, x.ndim)
    return total(outer_n_inner(x, axes), 1).reshape(reduced_shape(x.shape, axes, keepdims))


def mean(x: Array, axes: Axes = None, keepdims: bool = False) -> Array:
    """Return the mean over some axes, or all: the float64 sum, divided, rounded once."""
    axes = normalized(axes, x.ndim)
    view = outer_n_inner(x, axes)
    return total(view, view.shape[1]).reshape(reduced_shape(x.shape, axes, keepdims))


def sum_rows(dy: Array) -> Array:
    """Return the sum of the rows of a matrix, (N, O) -> (O,): the gradient of a bias."""
    return sum(dy, 0)


def _along(run: Any, axes: Axes, *arrays: Array) -> Array:
    """Run a kernel on arrays of one shape as (rows, n); return its result in their shape."""
    x = arrays[0]
    axes = normalized(axes, x.ndim)
    if x.size == 0:
        return empty(x.shape, x.dtype)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    order = (*kept, *axes)
    moved = [array.transpose(*order) for array in arrays]
    n = math.prod(x.shape[axis] for axis in axes)
    rows = [contiguous(array).reshape(-1, n) for array in moved]
    result = empty(rows[0].shape, x.dtype)
    run[len(result), HALF](*(array.memory for array in rows), result.memory)
    back = result.reshape(moved[0].shape)
    return contiguous(back.transpose(*(order.index(axis) for axis in range(x.ndim))))


def softmax(x: Array, axis: Axes) -> Array:
    """Return exp(x - m) / sum(exp(x - m)) along an axis, where m is the maximum."""
    return _along(_softmax, axis, x)


def log_softmax(x: Array, axis: Axes) -> Array:
    """Return (x - m) - log(sum(exp(x - m))) along an axis, where m is the maximum."""
    return _along(_log_softmax, axis, x)


def softmax_backward(dy: Array, y: Array, axis: Axes) -> Array:
    """Return (dy - sum(dy * y)) * y, where y is the result of `softmax`."""
    return _along(_softmax_backward, axis, dy, y)


def log_softmax_backward(dy: Array, y: Array, axis: Axes) -> Array:
    """Return dy - exp(y) * sum(dy), where y is the result of `log_softmax`."""
    return _along(_log_softmax_backward, axis, dy, y)


def logsumexp(x: Array, axes: Axes = None, keepdims: bool = False) -> Array:
    """Return log(sum(exp(x - m))) + m over some axes, or all, where m is the maximum."""
    axes = normalized(axes, x.ndim)
    shape = reduced_shape(x.shape, axes, keepdims)
    if x.size == 0:
        out = empty(shape, x.dtype)
        out[...] = x.dtype.type(-np.inf)
        return out
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    n = math.prod(x.shape[axis] for axis in axes)
    rows = contiguous(x.transpose(*kept, *axes)).reshape(-1, n)
    out = empty(len(rows), x.dtype)
    e = empty(rows.shape, x.dtype)
    _logsumexp[len(rows), HALF](rows.memory, e.memory, out.memory)
    return out.reshape(shape)
