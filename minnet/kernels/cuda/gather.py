"""Gathering on the device: some rows of an array, in any order, into a new one."""

from __future__ import annotations

import numpy as np

from minnet.kernels import contiguous
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import THREADS, blocks, cuda, kernel
from minnet.kernels.cuda.indexing import check, take


@kernel
def _scaled(x, indices, mean, std, out):
    """x: (n, size) in uint8; out: (rows, size)"""
    i = cuda.grid(1)
    if i < out.size:
        row, column = i // out.shape[1], i % out.shape[1]
        own = indices[row]
        value = np.float32(x[own + (x.shape[0] if own < 0 else 0), column])
        out[row, column] = (value / np.float32(255) - mean) / std


def rows(x: Array, indices: Array) -> Array:
    """Return a copy of some rows, x[indices], for int64 indices in one dim.

    Raises:
        IndexError: if an index is out of range.
    """
    return take(x, indices, 0)


def scaled_rows(x: Array, indices: Array, mean: float, std: float) -> Array:
    """Return (x[indices] / 255 - mean) / std in float32, for uint8 x and int64 indices in one dim.

    Each operation is rounded to float32, as it is where it stands alone.

    Raises:
        IndexError: if an index is out of range.
    """
    indices = contiguous(indices)
    check(indices, 0, len(x))
    out = empty((len(indices), *x.shape[1:]), np.float32)
    if out.size:
        source = contiguous(x).reshape(len(x), -1)
        target = out.reshape(len(indices), -1)
        numbers = np.float32(mean), np.float32(std)
        run = _scaled[blocks(out.size), THREADS]
        run(source.memory, indices.memory, *numbers, target.memory)
    return out
