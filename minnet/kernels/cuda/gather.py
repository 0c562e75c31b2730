"""Gathering on the device: some rows of an array, in any order, into a new one.

An index out of range is found by the kernel, and told to the host by one number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.kernels.cpu.gather import in_bounds
from minnet.kernels.cuda.array import Array, empty, to_host
from minnet.kernels.cuda.driver import SIMULATED, THREADS, blocks, cuda, kernel, types
from minnet.kernels.cuda.reduce import contiguous

CHECKING = 16 if SIMULATED else 512  # threads that check all indices


@kernel
def _check(indices, n, found):
    """Write the first index out of range, or 0 where there is none. One block."""
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
        found[0] = indices[place] if place < indices.size else 0


@kernel
def _rows(x, indices, out):
    """x: (n, size); out: (rows, size)"""
    i = cuda.grid(1)
    if i < out.size:
        row, column = i // out.shape[1], i % out.shape[1]
        own = indices[row]
        out[row, column] = x[own + (x.shape[0] if own < 0 else 0), column]


@kernel
def _scaled(x, indices, mean, std, out):
    """x: (n, size) in uint8; out: (rows, size)"""
    i = cuda.grid(1)
    if i < out.size:
        row, column = i // out.shape[1], i % out.shape[1]
        own = indices[row]
        value = np.float32(x[own + (x.shape[0] if own < 0 else 0), column])
        out[row, column] = (value / np.float32(255) - mean) / std


def _gathered(run: Any, x: Array, indices: Array, dtype: Any, *numbers: Any) -> Array:
    out = empty((len(indices), *x.shape[1:]), dtype)
    n, size = len(x), math.prod(x.shape[1:])
    indices = contiguous(indices)
    if len(indices):
        found = empty(1, np.int64)
        _check[1, CHECKING](indices.memory, n, found.memory)
        in_bounds(int(to_host(found)[0]), n)
    if out.size:
        source, target = contiguous(x).reshape(n, size), out.reshape(len(indices), size)
        grid = blocks(out.size)
        run[grid, THREADS](source.memory, indices.memory, *numbers, target.memory)
    return out


def rows(x: Array, indices: Array) -> Array:
    """Return a copy of some rows, x[indices], for int64 indices in one dim.

    Raises:
        IndexError: if an index is out of range.
    """
    return _gathered(_rows, x, indices, x.dtype)


def scaled_rows(x: Array, indices: Array, mean: float, std: float) -> Array:
    """Return (x[indices] / 255 - mean) / std in float32, for uint8 x and int64 indices in one dim.

    Each operation is rounded to float32, as it is where it stands alone.

    Raises:
        IndexError: if an index is out of range.
    """
    return _gathered(_scaled, x, indices, np.float32, np.float32(mean), np.float32(std))
