"""Standardizing: mean 0 and variance 1 over some axes, in one pass for each channel.

The order of every sum, and every rounding, is that of `reductions.standardize`, which computes the
same out of a dozen passes: the bits are the same.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from minnet.kernels import contiguous, reductions
from minnet.kernels.cpu.reduce import BLOCK, CHUNK, COLUMNS, whole_sum
from minnet.kernels.jit import device, kernel

COST = 1.5  # nanoseconds of one thread for an element


@device
def _gather(x, channel, out):
    n = x.shape[2]
    for a in range(x.shape[0]):
        source, part = x[a, channel], out[a * n : a * n + n]
        for i in range(n):  # of a short row, an assignment would take as long as all the rest
            part[i] = source[i]


@kernel(parallel=True)
def _rows(x, eps, y, scale, middle, variance):
    """x, y: (outer, channels, inner); the others: (channels,)"""
    outer, channels, inner = x.shape
    n = outer * inner
    height = max(1, CHUNK // n)
    for task in prange((channels + height - 1) // height):
        part, squares = np.empty(n, x.dtype), np.empty(n, x.dtype)
        for c in range(task * height, min(task * height + height, channels)):
            _gather(x, c, part)
            middle[c] = whole_sum(part) / n
            for i in range(n):
                part[i] -= middle[c]
                squares[i] = part[i] * part[i]
            variance[c] = whole_sum(squares) / n
            scale[c] = x.dtype.type(1) / np.sqrt(variance[c] + eps)
            for a in range(outer):
                source, target = part[a * inner : a * inner + inner], y[a, c]
                for i in range(inner):
                    target[i] = source[i] * scale[c]


@kernel(parallel=True)
def _rows_backward(dy, y, scale, dx):
    outer, channels, inner = y.shape
    n = outer * inner
    height = max(1, CHUNK // n)
    for task in prange((channels + height - 1) // height):
        part, products = np.empty(n, y.dtype), np.empty(n, y.dtype)
        for c in range(task * height, min(task * height + height, channels)):
            _gather(dy, c, part)
            _gather(y, c, products)
            for i in range(n):
                products[i] *= part[i]
            middle = y.dtype.type(whole_sum(part) / n)
            slope = y.dtype.type(whole_sum(products) / n)
            for a in range(outer):
                left, right, target = part[a * inner : a * inner + inner], y[a, c], dx[a, c]
                for i in range(inner):
                    target[i] = ((left[i] - middle) - right[i] * slope) * scale[c]


@device
def _add(block, total):
    """Add the sums of a block to those of the blocks before it, and clear them."""
    for j in range(block.size):
        total[j] += block[j]
        block[j] = 0


@kernel(parallel=True)
def _columns(x, eps, y, scale, middle, variance):
    """x, y: (n, channels); the others: (channels,)"""
    n, channels = x.shape
    for strip in prange((channels + COLUMNS - 1) // COLUMNS):
        first, last = strip * COLUMNS, min(strip * COLUMNS + COLUMNS, channels)
        m, v, s = middle[first:last], variance[first:last], scale[first:last]
        width = last - first
        block, total = np.zeros(width), np.zeros(width)
        for i in range(n):
            source = x[i, first:last]
            for j in range(width):
                block[j] += source[j]
            if i % BLOCK == BLOCK - 1 or i == n - 1:
                _add(block, total)
        for j in range(width):
            m[j] = total[j] / n
            total[j] = 0
        for i in range(n):
            source, part = x[i, first:last], y[i, first:last]
            for j in range(width):
                part[j] = source[j] - m[j]
                block[j] += part[j] * part[j]
            if i % BLOCK == BLOCK - 1 or i == n - 1:
                _add(block, total)
        for j in range(width):
            v[j] = total[j] / n
            s[j] = x.dtype.type(1) / np.sqrt(v[j] + eps)
        for i in range(n):
            part = y[i, first:last]
            for j in range(width):
                part[j] *= s[j]


@kernel(parallel=True)
def _columns_backward(dy, y, scale, dx):
    n, channels = y.shape
    for strip in prange((channels + COLUMNS - 1) // COLUMNS):
        first, last = strip * COLUMNS, min(strip * COLUMNS + COLUMNS, channels)
        s, width = scale[first:last], last - first
        sums, products = np.zeros(width), np.zeros(width)
        middle, slope = np.zeros(width), np.zeros(width)
        for i in range(n):
            left, right = dy[i, first:last], y[i, first:last]
            for j in range(width):
                sums[j] += left[j]
                products[j] += left[j] * right[j]
            if i % BLOCK == BLOCK - 1 or i == n - 1:
                _add(sums, middle)
                _add(products, slope)
        a, b = np.empty(width, y.dtype), np.empty(width, y.dtype)
        for j in range(width):
            a[j], b[j] = middle[j] / n, slope[j] / n
        for i in range(n):
            left, right, part = dy[i, first:last], y[i, first:last], dx[i, first:last]
            for j in range(width):
                part[j] = ((left[j] - a[j]) - right[j] * b[j]) * s[j]


def _layout(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a shape as (outer, channels, inner), channels over the axes that are left.

    Those lie side by side.
    """
    left = [i for i in range(len(shape)) if i not in axes]
    first, last = (left[0], left[-1] + 1) if left else (0, 0)
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def _is_by_column(shape: tuple[int, ...], axes: tuple[int, ...], channels: int) -> bool:
    """Return whether the axes are the first ones: then each sum is one of elements far apart."""
    return channels > 1 and len(axes) < len(shape) and axes == tuple(range(len(axes)))


def standardize(x: np.ndarray, axes: tuple[int, ...], eps: float) -> tuple[np.ndarray, ...]:
    """Return what `reductions.standardize` does."""
    if x.size == 0:
        return reductions.standardize(x, axes, eps)
    x = contiguous(x)
    y = np.empty_like(x)
    outer, channels, inner = _layout(x.shape, axes)
    found = tuple(np.empty(channels, x.dtype) for _ in range(3))
    by_column = _is_by_column(x.shape, axes, channels)
    view = (outer, channels) if by_column else (outer, channels, inner)
    run = (_columns if by_column else _rows).over(COST * x.size)
    run(x.reshape(view), x.dtype.type(eps), y.reshape(view), *found)
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]
    return (y, *[z.reshape(kept) for z in found])


def standardize_backward(
    dy: np.ndarray, y: np.ndarray, scale: np.ndarray, axes: tuple[int, ...]
) -> np.ndarray:
    """Return what `reductions.standardize_backward` does."""
    if y.size == 0:
        return reductions.standardize_backward(dy, y, scale, axes)
    dx = np.empty_like(y)
    outer, channels, inner = _layout(y.shape, axes)
    by_column = _is_by_column(y.shape, axes, channels)
    view = (outer, channels) if by_column else (outer, channels, inner)
    run = (_columns_backward if by_column else _rows_backward).over(COST * y.size)
    run(contiguous(dy).reshape(view), y.reshape(view), scale.reshape(-1), dx.reshape(view))
    return dx
