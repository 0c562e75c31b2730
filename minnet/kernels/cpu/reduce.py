"""Reductions: sum, mean, softmax and its relatives.

The order of every sum is part of the contract. It depends on the shape alone, never on the SIMD
width, the number of threads or the machine:

- The reduced axes are flattened into one of n elements, which is cut into blocks of 4096. A block's
  sum is a float64; the sums of the blocks are summed again by the same rules.
- Within a block whose elements are adjacent in memory, element i of the first n - n % 64 elements
  goes to lane i % 64. The 64 lanes are added by halves (0 + 32, 1 + 33, ...; 0 + 16, ...), and the
  remaining n % 64 elements are added to that one after the other.
- Within a block whose elements are not adjacent (a sum over rows), they are added one by one.
- The result is rounded once, to the type of the input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from minnet.kernels.cpu.lanes import LANES, lanes_dot, lanes_max, lanes_sum
from minnet.kernels.jit import block, device, kernel
from minnet.kernels.numeric import exp, log
from minnet.kernels.simd import flat, fma

BLOCK = 4096  # elements of a reduced axis that one thread adds up, at most
COLUMNS = 1024  # columns that are added side by side: 8 KiB of float64, which stay in the L1 cache
CHUNK = 2048  # elements whose exponentials are taken in one flat loop, however short the rows are

Axes = int | Sequence[int] | None


@device
def row_sum(x: Any) -> Any:
    """Return the sum of a block of adjacent elements as a float64."""
    laps = x.size // LANES
    total = lanes_sum(x.dtype.type(0), x.ctypes.data, laps) if laps else 0.0
    for i in range(laps * LANES, x.size):
        total += x[i]
    return total


@block
def line_sum(x):
    """Return `row_sum`, compiled once for all that call it."""
    return row_sum(x)


@device
def whole_sum(x: Any) -> Any:
    """Return the sum of adjacent elements, however many, as a float64."""
    if x.size <= BLOCK:
        return line_sum(x)
    sums = np.empty((x.size + BLOCK - 1) // BLOCK)
    for i in range(sums.size):
        sums[i] = line_sum(x[i * BLOCK : (i + 1) * BLOCK])
    while sums.size > 1:
        blocks = (sums.size + BLOCK - 1) // BLOCK
        for i in range(blocks):
            sums[i] = line_sum(sums[i * BLOCK : (i + 1) * BLOCK])
        sums = sums[:blocks]
    return sums[0]


@device
def row_dot(x: Any, y: Any) -> Any:
    """Return the sum of x * y in the order of `row_sum`; a product of two float32 is exact."""
    laps = x.size // LANES
    total = lanes_dot(x.dtype.type(0), x.ctypes.data, y.ctypes.data, laps) if laps else 0.0
    for i in range(laps * LANES, x.size):
        total += np.float64(x[i]) * np.float64(y[i])
    return total


@device
def row_max(x: Any) -> Any:
    """Return the largest element that is not NaN; -inf where there is none."""
    laps = x.size // LANES
    best = x.dtype.type(-np.inf)
    if laps:
        best = lanes_max(best, x.ctypes.data, laps)
    for i in range(laps * LANES, x.size):
        best = x[i] if x[i] > best else best
    return best


@kernel(parallel=True)
def _sum_rows(x, divisor, out):
    """x: (rows, n) -> out: (rows, blocks)"""
    rows, n = x.shape
    blocks = out.shape[1]
    for task in prange(rows * blocks):
        row, block = task // blocks, task % blocks
        part = x[row, block * BLOCK : min(block * BLOCK + BLOCK, n)]
        out[row, block] = line_sum(part) / divisor


@kernel(parallel=True)
def _sum_columns(x, divisor, out):
    """x: (outer, n, inner) -> out: (outer, blocks, inner)"""
    outer, n, inner = x.shape
    blocks = out.shape[1]
    strips = (inner + COLUMNS - 1) // COLUMNS
    for task in prange(outer * blocks * strips):
        o, block, strip = task // (blocks * strips), task // strips % blocks, task % strips
        first = strip * COLUMNS
        width = min(COLUMNS, inner - first)
        total = np.zeros(width)
        for i in range(block * BLOCK, min(block * BLOCK + BLOCK, n)):
            part = x[o, i, first : first + width]
            for j in range(width):
                total[j] += part[j]
        result = out[o, block, first : first + width]
        for j in range(width):
            result[j] = total[j] / divisor


@device
def shifted(x: Any, first: Any, last: Any, out: Any) -> None:
    """Write exp(x - max(x)) for the rows from first to last."""
    for row in range(first, last):
        high = row_max(x[row])
        source, part = x[row], out[row]
        for i in range(part.size):
            part[i] = source[i] - high
    line = flat(out[first:last])
    for i in range(line.size):
        line[i] = exp(line[i])


@kernel(parallel=True)
def _softmax(x, out):
    rows, n = x.shape
    height = max(1, CHUNK // n)
    for task in prange((rows + height - 1) // height):
        first, last = task * height, min(task * height + height, rows)
        shifted(x, first, last, out)
        for row in range(first, last):
            part = out[row]
            total = x.dtype.type(row_sum(part))
            for i in range(part.size):
                part[i] = part[i] / total


@kernel(parallel=True)
def _log_softmax(x, out):
    rows, n = x.shape
    height = max(1, CHUNK // n)
    for task in prange((rows + height - 1) // height):
        first, last = task * height, min(task * height + height, rows)
        shifted(x, first, last, out)
        for row in range(first, last):
            source, part = x[row], out[row]
            high, total = row_max(source), x.dtype.type(log(row_sum(part)))
            for i in range(part.size):
                part[i] = (source[i] - high) - total


@kernel(parallel=True)
def _softmax_backward(dy, y, out):
    for row in prange(y.shape[0]):
        left, right, part = dy[row], y[row], out[row]
        total = y.dtype.type(row_dot(left, right))
        for i in range(part.size):
            part[i] = (left[i] - total) * right[i]


@kernel(parallel=True)
def _log_softmax_backward(dy, y, out):
    rows, n = y.shape
    height = max(1, CHUNK // n)
    for task in prange((rows + height - 1) // height):
        first, last = task * height, min(task * height + height, rows)
        source, line = flat(y[first:last]), flat(out[first:last])
        for i in range(line.size):
            line[i] = exp(source[i])
        for row in range(first, last):
            left, part = dy[row], out[row]
            total = y.dtype.type(row_sum(left))
            for i in range(part.size):
                part[i] = fma(-part[i], total, left[i])


@kernel(parallel=True)
def _logsumexp(x, out):
    for row in prange(x.shape[0]):
        source = x[row]
        high = row_max(source)
        if abs(high) == np.inf:
            high = x.dtype.type(0)
        part = np.empty_like(source)
        for i in range(part.size):
            part[i] = source[i] - high
        for i in range(part.size):
            part[i] = exp(part[i])
        out[row] = log(row_sum(part)) + high


def normalized(axes: Axes, ndim: int) -> tuple[int, ...]:
    """Return the axes in rising order, counted from the first."""
    if axes is None:
        return tuple(range(ndim))
    if isinstance(axes, (int, np.integer)):
        axes = (axes,)
    return tuple(sorted(axis + ndim if axis < 0 else axis for axis in axes))


def outer_n_inner(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return x as (outer, n, inner), n over the reduced axes; a copy where it must be."""
    adjacent = not axes or axes[-1] - axes[0] == len(axes) - 1
    if not adjacent:
        x = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
        axes = tuple(range(x.ndim - len(axes), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    shape = x.shape
    view = (math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:]))
    return np.ascontiguousarray(x).reshape(view)


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> list[int]:
    if keepdims:
        return [1 if axis in axes else n for axis, n in enumerate(shape)]
    return [n for axis, n in enumerate(shape) if axis not in axes]


def total(x: np.ndarray, divisor: float) -> np.ndarray:
    """Return the sum of (outer, n, inner) over n, divided, rounded once: (outer, inner)."""
    outer, n, inner = x.shape
    dtype = x.dtype
    if x.size == 0:
        with np.errstate(invalid="ignore"):
            return np.full((outer, inner), np.float64(0) / divisor, dtype)
    while True:
        last = n <= BLOCK
        blocks = -(-n // BLOCK)
        out = np.empty((outer, blocks, inner), dtype if last else np.float64)
        scale = float(divisor if last else 1)
        if inner == 1:
            rows, result = x.reshape(outer, n), out.reshape(outer, blocks)
            _sum_rows.over(0.15 * x.size)(rows, scale, result)
        else:
            _sum_columns.over(0.2 * x.size)(x, scale, out)
        if last:
            return out.reshape(outer, inner)
        x, n = out, blocks


def sum(x: np.ndarray, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """Return the sum over some axes, or all. Integers and booleans add up in int64."""
    axes = normalized(axes, x.ndim)
    if x.dtype.kind in "biu":
        return np.asarray(np.sum(x, axis=axes, dtype=np.int64, keepdims=keepdims))
    return total(outer_n_inner(x, axes), 1).reshape(reduced_shape(x.shape, axes, keepdims))


def mean(x: np.ndarray, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """Return the mean over some axes, or all: the float64 sum, divided, rounded once."""
    axes = normalized(axes, x.ndim)
    view = outer_n_inner(x, axes)
    return total(view, view.shape[1]).reshape(reduced_shape(x.shape, axes, keepdims))


def sum_rows(dy: np.ndarray) -> np.ndarray:
    """Return the sum of the rows of a matrix, (N, O) -> (O,): the gradient of a bias."""
    return sum(dy, 0)


def rows_of(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return x as (rows, n), where n runs over the given axes; a copy unless they are the last."""
    k = x.ndim - len(axes)
    moved = x if axes[:1] == (k,) else np.moveaxis(x, axes, range(k, x.ndim))
    n = math.prod(moved.shape[k:])
    return np.ascontiguousarray(moved).reshape(-1 if n else 0, n)


def _along(run: Any, axes: Axes, *arrays: np.ndarray, cost: float) -> np.ndarray:
    """Run a kernel on arrays of one shape as (rows, n); return its result in their shape."""
    x = arrays[0]
    axes = normalized(axes, x.ndim)
    if x.size == 0:
        return np.empty(x.shape, x.dtype)
    rows = [rows_of(array, axes) for array in arrays]
    result = np.empty_like(rows[0])
    run.over(cost * x.size)(*rows, result)
    if axes[:1] == (x.ndim - len(axes),):
        return result.reshape(x.shape)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    out = np.empty(x.shape, x.dtype)
    moved = out.transpose(*kept, *axes)
    moved[...] = result.reshape(moved.shape)
    return out


def softmax(x: np.ndarray, axis: Axes) -> np.ndarray:
    """Return exp(x - m) / sum(exp(x - m)) along an axis, where m is the maximum."""
    return _along(_softmax, axis, x, cost=1.5)


def log_softmax(x: np.ndarray, axis: Axes) -> np.ndarray:
    """Return (x - m) - log(sum(exp(x - m))) along an axis, where m is the maximum."""
    return _along(_log_softmax, axis, x, cost=1.5)


def softmax_backward(dy: np.ndarray, y: np.ndarray, axis: Axes) -> np.ndarray:
    """Return (dy - sum(dy * y)) * y, where y is the result of `softmax`."""
    return _along(_softmax_backward, axis, dy, y, cost=0.5)


def log_softmax_backward(dy: np.ndarray, y: np.ndarray, axis: Axes) -> np.ndarray:
    """Return dy - exp(y) * sum(dy), where y is the result of `log_softmax`."""
    return _along(_log_softmax_backward, axis, dy, y, cost=1.0)


def logsumexp(x: np.ndarray, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """Return log(sum(exp(x - m))) + m over some axes, or all, where m is the maximum."""
    axes = normalized(axes, x.ndim)
    shape = reduced_shape(x.shape, axes, keepdims)
    rows = rows_of(x, axes)
    if x.size == 0:
        return np.full(shape, -np.inf, x.dtype)
    out = np.empty(len(rows), rows.dtype)
    _logsumexp.over(1.5 * x.size)(rows, out)
    return out.reshape(shape)
