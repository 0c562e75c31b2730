"""Gathering: some rows of an array, in any order, into a new one. What a batch is made by."""

from __future__ import annotations

import numpy as np
from numba import int64, prange

from minnet.kernels.buffers import empty
from minnet.kernels.jit import block, device, kernel
from minnet.kernels.simd import LINE, address, copy, prefetch

ROWS = 8  # that one thread copies at a time
# Bytes below which NumPy is quicker, as it needs no call of a kernel.
SMALL = 16 << 10
# Nanoseconds of one thread for a byte: rows come from anywhere in memory.
BYTE_NS = 0.12
SCALE_NS = 0.6  # for an element
AHEAD = 2  # rows that are on their way from memory while one is worked on
FETCHED = 1 << 14  # bytes of a row; the processor itself goes on where it sees a line after line


@device
def _wrong(indices, n):
    """Return the first index out of range, and 0 where there is none."""
    for i in range(indices.size):
        if indices[i] >= n or indices[i] < -n:
            return indices[i]  # never 0, as there are rows
    return 0


@device
def _fetch(x, size, n, indices, i):
    """Begin to read row indices[i], which is anywhere in memory."""
    if i < indices.size:
        start = address(x) + (indices[i] + (n if indices[i] < 0 else 0)) * size
        for line in range(0, min(size, FETCHED), LINE):
            prefetch(start + line)


@kernel(parallel=True)
def _rows(x, n, size, indices, out):
    """Copy rows of `size` bytes; return what `_wrong` returns."""
    wrong = _wrong(indices, n)
    if wrong:
        return wrong
    for task in prange((indices.size + ROWS - 1) // ROWS):
        for i in range(task * ROWS, min(task * ROWS + ROWS, indices.size)):
            _fetch(x, size, n, indices, i + AHEAD)
            row = indices[i] + (n if indices[i] < 0 else 0)
            copy(address(out) + i * size, address(x) + row * size, size)
    return wrong


@block
def _scale(task, x, indices, mean, std, out):
    whole = np.float32(255)
    n, size = x.shape
    for i in range(task * ROWS, min(task * ROWS + ROWS, indices.size)):
        _fetch(x, size, n, indices, i + AHEAD)
        source, part = x[indices[i] + (n if indices[i] < 0 else 0)], out[i]
        for j in range(size):
            part[j] = (np.float32(source[j]) / whole - mean) / std


@kernel(parallel=True)
def _scaled(x, indices, mean, std, out):
    """x: (n, size) in uint8; out: (rows, size)"""
    wrong = _wrong(indices, x.shape[0])
    if wrong:
        return wrong
    for task in prange((indices.size + ROWS - 1) // ROWS):
        _scale(int64(task), x, indices, mean, std, out)
    return wrong


def rows(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return a copy of some rows, x[indices], for int64 indices in one dim.

    Raises:
        IndexError: if an index is out of range.
    """
    shape = (len(indices), *x.shape[1:])
    if len(x) == 0 or not x.flags.c_contiguous or len(indices) * (x.nbytes // len(x)) < SMALL:
        return x.take(indices, 0)
    out = empty(shape, x.dtype)
    # As bytes, so that all dtypes share one compilation.
    source, target = x.reshape(-1).view(np.uint8), out.reshape(-1).view(np.uint8)
    size = source.size // len(x)
    wrong = _rows.over(BYTE_NS * out.nbytes)(source, len(x), size, indices, target)
    _in_bounds(wrong, len(x))
    return out


def scaled_rows(x: np.ndarray, indices: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Return (x[indices] / 255 - mean) / std in float32, for uint8 x and int64 indices in one dim.

    Each operation is rounded to float32, as it is where it stands alone.

    Raises:
        IndexError: if an index is out of range.
    """
    numbers = np.float32(mean), np.float32(std)
    if x.size == 0 or not x.flags.c_contiguous:
        return (x.take(indices, 0) / np.float32(255) - numbers[0]) / numbers[1]
    out = empty((len(indices), *x.shape[1:]), numbers[0].dtype)
    source = x.reshape(len(x), -1)
    target = out.reshape(len(indices), source.shape[1])
    wrong = _scaled.over(SCALE_NS * out.size)(source, indices, *numbers, target)
    _in_bounds(wrong, len(x))
    return out


def _in_bounds(wrong: int, n: int) -> None:
    if wrong:
        raise IndexError(f"index {wrong} is out of bounds for axis 0 with size {n}")
