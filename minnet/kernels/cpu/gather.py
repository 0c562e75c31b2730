"""Gathering: some rows of an array, in any order, into a new one. What a batch is made by."""

from __future__ import annotations

import numpy as np
from numba import prange

from minnet.kernels.buffers import empty
from minnet.kernels.jit import kernel
from minnet.kernels.simd import copy

ROWS = 8  # that one thread copies at a time
# Bytes below which NumPy is quicker, as it needs no call of a kernel.
SMALL = 16 << 10
# Nanoseconds of one thread for a byte: rows come from anywhere in memory.
BYTE_NS = 0.12


@kernel(parallel=True)
def _rows(x, n, size, indices, out):
    """Copy rows of `size` bytes; return the first index out of range, and 0 where there is none."""
    for i in range(indices.size):
        if indices[i] >= n or indices[i] < -n:
            return indices[i]  # never 0, as there are rows
    for task in prange((indices.size + ROWS - 1) // ROWS):
        for i in range(task * ROWS, min(task * ROWS + ROWS, indices.size)):
            row = indices[i] + (n if indices[i] < 0 else 0)
            copy(out.ctypes.data + i * size, x.ctypes.data + row * size, size)
    return 0


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
    if wrong:
        raise IndexError(f"index {wrong} is out of bounds for axis 0 with size {len(x)}")
    return out
