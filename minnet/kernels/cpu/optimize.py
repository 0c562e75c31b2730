"""Optimizer steps in place: one pass over the memory of all parameters in one call.

A kernel gets the addresses of all arrays in a table, and the work is cut into blocks of fixed size,
each of one parameter. The step of one number is that of `updates.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray, prange

from minnet.kernels import updates
from minnet.kernels.jit import Kernel, block, device, kernel, named
from minnet.kernels.numeric import all_like
from minnet.kernels.simd import address, pointer

BLOCK = 2048  # elements that one thread takes at a time: small, so that threads get equal shares
TOGETHER = 8  # arrays whose addresses are taken in one call


@device
def _write(table: Any, row: Any, array: Any) -> Any:
    table[row, 0], table[row, 1] = address(array), array.size
    return array.size


@kernel
def _locate(table, row, a, b, c, d, e, f, g, h):
    # Numba takes longer to look into a tuple.
    total = _write(table, row, a) + _write(table, row + 1, b)
    total += _write(table, row + 2, c) + _write(table, row + 3, d)
    total += _write(table, row + 4, e) + _write(table, row + 5, f)
    return total + _write(table, row + 6, g) + _write(table, row + 7, h)


@device
def _cut(table: Any, width: Any, itemsize: Any, start: Any, ends: Any) -> Any:
    """Cut the parameters from `start` on into blocks, as far as no two of them share memory.

    Returns where that ends. Parameter i has its arrays in the `width` rows of the table from
    i * width on, and its last block before `ends[i]`.
    """
    blocks = 0
    for i in range(start, ends.size):
        first, size = table[i * width, 0], table[i * width, 1] * itemsize
        for j in range(start, i):
            other = table[j * width, 0]
            if first < other + table[j * width, 1] * itemsize and other < first + size:
                return i
        blocks += (table[i * width, 1] + BLOCK - 1) // BLOCK
        ends[i] = blocks
    return ends.size


@device
def _place(table: Any, width: Any, start: Any, stop: Any, ends: Any, task: Any) -> Any:
    """Return the row of a block's parameter, its first element, and how many it has."""
    low, high = start, stop - 1
    while low < high:
        middle = (low + high) // 2
        if ends[middle] <= task:
            low = middle + 1
        else:
            high = middle
    first = (task - (ends[low - 1] if low > start else 0)) * BLOCK
    return low * width, first, min(BLOCK, table[low * width, 1] - first)


@device
def _part(like, table, row, first, n):
    """Return n elements, from the `first` one on, of the array in a row of the table."""
    return carray(pointer(like.dtype.type(0), table[row, 0] + first * like.itemsize), n)


# Blocks of n elements of the parameter whose arrays the table has from `row` on. `like` is an array
# of the parameters' type, in which the step is computed.


@block
def _sgd_block(like, table, row, first, n, numbers):
    p, g = _part(like, table, row, first, n), _part(like, table, row + 1, first, n)
    own = all_like(like.dtype.type(0), numbers)
    for i in range(n):
        p[i] = updates.sgd(p[i], g[i], *own)


def _block_of(name: str) -> Any:
    """Return the block of a formula, with just the arrays it keeps: so LLVM vectorises it."""
    formula, kept, _ = updates.FORMULAS[name]

    def one(like, table, row, first, n, numbers):
        p, g = _part(like, table, row, first, n), _part(like, table, row + 1, first, n)
        a = _part(like, table, row + 2, first, n)
        own = all_like(like.dtype.type(0), numbers)
        for i in range(n):
            p[i], a[i] = formula(p[i], g[i], a[i], *own)

    def two(like, table, row, first, n, numbers):
        p, g = _part(like, table, row, first, n), _part(like, table, row + 1, first, n)
        a, b = _part(like, table, row + 2, first, n), _part(like, table, row + 3, first, n)
        own = all_like(like.dtype.type(0), numbers)
        for i in range(n):
            p[i], a[i], b[i] = formula(p[i], g[i], a[i], b[i], *own)

    def three(like, table, row, first, n, numbers):
        p, g = _part(like, table, row, first, n), _part(like, table, row + 1, first, n)
        a, b = _part(like, table, row + 2, first, n), _part(like, table, row + 3, first, n)
        c = _part(like, table, row + 4, first, n)
        own = all_like(like.dtype.type(0), numbers)
        for i in range(n):
            p[i], a[i], b[i], c[i] = formula(p[i], g[i], a[i], b[i], c[i], *own)

    return block(named((one, two, three)[kept - 1], f"_{name}_block"))


def _over_parameters(run: Any, name: str) -> Kernel:
    """Return the kernel that updates the parameters from `start` on as far as `_cut` goes.

    It returns where it ended.
    """

    def every(like, table, width, start, ends, *numbers):
        stop = _cut(table, width, like.itemsize, start, ends)
        for task in prange(ends[stop - 1]):
            row, first, n = _place(table, width, start, stop, ends, task)
            run(like, table, row, first, n, numbers)
        return stop

    return kernel(named(every, name), parallel=True)


# By the name that `updates.py` knows, with the nanoseconds of one thread for an element.
KERNELS = {"sgd": (_over_parameters(_sgd_block, "_sgd"), 0.2)} | {
    name: (_over_parameters(_block_of(name), f"_{name}"), cost)
    for name, (_, _, cost) in updates.FORMULAS.items()
}


def update(name: str, rows: Sequence[updates.Row], *numbers: float) -> None:
    """Update parameters by a kernel; a row has the arrays of one.

    One call is enough, unless parameters share memory: these are updated one after the other, as
    each has to see what the one before it did.
    """
    run, cost = KERNELS[name]
    width = len(rows[0])
    # Views, as they are contiguous. A bias is one already, and `ravel` takes 0.1 us.
    flat = [x if x.ndim == 1 else x.ravel() for row in rows for x in row]
    more = -len(flat) % TOGETHER
    total = -more * flat[0].size
    flat += flat[:1] * more
    table = np.empty((len(flat), 2), np.int64)
    for i in range(0, len(flat), TOGETHER):
        total += _locate.serial(table, i, *flat[i : i + TOGETHER])
    ends = np.empty(len(rows), np.int64)
    step = run.over(cost * total / width)
    start = 0
    while start < len(rows):
        start = step(flat[0], table, width, start, ends, *numbers)
