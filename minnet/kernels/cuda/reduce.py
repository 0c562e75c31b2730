"""Reductions on the device, in the order that the CPU's `reduce.py` lays down: the same bits.

Adjacent elements are added up by a block of 32 threads, each of which keeps two of the 64 lanes.
Elements that are not adjacent are added one by one for each column by one thread, which reads them
from shared memory: to there they come side by side.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.kernels import contiguous
from minnet.kernels.cpu.reduce import BLOCK, LANES
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
from minnet.kernels.jit import named
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


def _softmax_of(logarithm: bool, name: str) -> Any:
    def run(x, out):
        lanes = cuda.shared.array(HALF, types.float64)
        row, n = cuda.blockIdx.x, x.shape[1]
        high = x.dtype.type(row_max(x, row, lanes))
        for i in range(cuda.threadIdx.x, n, HALF):
            out[row, i] = exp(x[row, i] - high)
        cuda.syncthreads()
        whole = row_sum(out, row, 0, n, lanes)
        total = x.dtype.type(log(whole) if logarithm else whole)
        cuda.syncthreads()
        for i in range(cuda.threadIdx.x, n, HALF):
            out[row, i] = (x[row, i] - high) - total if logarithm else out[row, i] / total

    return kernel(named(run, name))


_softmax, _log_softmax = _softmax_of(False, "_softmax"), _softmax_of(True, "_log_softmax")


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


# By the name that `reductions.py` knows.
KERNELS = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "softmax_backward": _softmax_backward,
    "log_softmax_backward": _log_softmax_backward,
}


def reduce_rows(name: str, x: Array, *others: Array) -> None:
    """Run a kernel on arrays of (rows, n), of which the last is the result."""
    if name == "logsumexp":
        run, others = _logsumexp, (empty(x.shape, x.dtype), *others)
    else:
        run = KERNELS[name]
    run[len(x), HALF](x.memory, *(array.memory for array in others))


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
