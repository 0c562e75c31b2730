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

from typing import Any

import numpy as np
from numba import prange

from minnet.kernels.cpu.lanes import LANES, lanes_dot, lanes_max, lanes_sum
from minnet.kernels.jit import Kernel, block, device, kernel, named
from minnet.kernels.numeric import exp, log
from minnet.kernels.simd import flat, fma

BLOCK = 4096  # elements of a reduced axis that one thread adds up, at most
COLUMNS = 1024  # columns that are added side by side: 8 KiB of float64, which stay in the L1 cache
CHUNK = 2048  # elements whose exponentials are taken in one flat loop, however short the rows are


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


def _softmax_of(logarithm: bool, name: str) -> Kernel:
    def run(x, out):
        rows, n = x.shape
        height = max(1, CHUNK // n)
        for task in prange((rows + height - 1) // height):
            first, last = task * height, min(task * height + height, rows)
            shifted(x, first, last, out)
            for row in range(first, last):
                source, part = x[row], out[row]
                total = row_sum(part)
                if logarithm:
                    high, lowered = row_max(source), x.dtype.type(log(total))
                    for i in range(part.size):
                        part[i] = (source[i] - high) - lowered
                else:
                    divisor = x.dtype.type(total)
                    for i in range(part.size):
                        part[i] = part[i] / divisor

    return kernel(named(run, name), parallel=True)


_softmax, _log_softmax = _softmax_of(False, "_softmax"), _softmax_of(True, "_log_softmax")


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


# By the name that `reductions.py` knows, with the nanoseconds of one thread for an element.
KERNELS = {
    "softmax": (_softmax, 1.5),
    "log_softmax": (_log_softmax, 1.5),
    "softmax_backward": (_softmax_backward, 0.5),
    "log_softmax_backward": (_log_softmax_backward, 1.0),
    "logsumexp": (_logsumexp, 1.5),
}


def reduce_rows(name: str, x: np.ndarray, *others: np.ndarray) -> None:
    """Run a kernel on arrays of (rows, n), of which the last is the result."""
    run, cost = KERNELS[name]
    run.over(cost * x.size)(x, *others)


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
