"""Optimizer steps on the device, in place: one launch for all parameters of a group.

The kernels get the addresses of all arrays in a table. It is kept on the device, and sent there
again only where an address has changed. The step of one number is that of `updates.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minnet.kernels import updates
from minnet.kernels.cuda.array import Array, from_host
from minnet.kernels.cuda.driver import THREADS, cuda, function, kernel
from minnet.kernels.jit import device, named
from minnet.kernels.simd import load, store

BLOCK = 8 * THREADS  # elements of one parameter that a block of threads updates
TABLES = 64  # that are kept

_tables: OrderedDict[bytes, Array] = OrderedDict()

# The step of the number at an address; `zero` has the parameter's type. Each takes as many as the
# longest row has arrays.


@device
def _sgd_at(zero, p, g, unused, unused_too, last, numbers):
    store(p, updates.sgd(load(zero, p), load(zero, g), *numbers))


def _at_of(name: str) -> Any:
    """Return the step of a formula at an address."""
    formula, kept, _ = updates.FORMULAS[name]

    def one(zero, p, g, a, unused, last, numbers):
        new, x = formula(load(zero, p), load(zero, g), load(zero, a), *numbers)
        store(a, x)
        store(p, new)

    def two(zero, p, g, a, b, last, numbers):
        w, d = load(zero, p), load(zero, g)
        new, x, y = formula(w, d, load(zero, a), load(zero, b), *numbers)
        store(a, x)
        store(b, y)
        store(p, new)

    def three(zero, p, g, a, b, last, numbers):
        w, d, z = load(zero, p), load(zero, g), load(zero, last)
        new, x, y, z = formula(w, d, load(zero, a), load(zero, b), z, *numbers)
        store(a, x)
        store(b, y)
        store(last, z)
        store(p, new)

    return device((one, two, three)[kept - 1])


@function
def _place(table):
    """Return the row of this block's parameter, and its first element and the one after its last.

    A row has the addresses of the parameter's arrays, their size, and the block after its last.
    """
    size, end = table.shape[1] - 2, table.shape[1] - 1
    row = 0
    while table[row, end] <= cuda.blockIdx.x:
        row += 1
    first = (cuda.blockIdx.x - (table[row - 1, end] if row > 0 else 0)) * BLOCK
    return row, first, min(first + BLOCK, table[row, size])


def _over_parameters(step: Any, name: str) -> Any:
    def run(zero, itemsize, table, numbers):
        row, first, end = _place(table)
        last = table.shape[1] - 3
        for i in range(first + cuda.threadIdx.x, end, THREADS):
            at = i * itemsize
            p, g = table[row, 0] + at, table[row, 1] + at
            step(zero, p, g, table[row, 2] + at, table[row, 3] + at, table[row, last] + at, numbers)

    return kernel(named(run, name))


KERNELS = {"sgd": _over_parameters(_sgd_at, "sgd")} | {
    name: _over_parameters(_at_of(name), name) for name in updates.FORMULAS
}


def _table(rows: Sequence[updates.Row]) -> tuple[Array, int]:
    """Return the table of some parameters on the device, and how many blocks update them."""
    addresses = np.array([[x.ctypes.data for x in row] for row in rows], np.int64)
    sizes = np.array([row[0].size for row in rows], np.int64)
    ends = np.cumsum(-(-sizes // BLOCK))
    table = np.column_stack((addresses, sizes, ends))
    key = table.tobytes()
    if key not in _tables:
        _tables[key] = from_host(table)
        if len(_tables) > TABLES:
            _tables.popitem(last=False)
    _tables.move_to_end(key)
    return _tables[key], int(ends[-1])


def _share_memory(rows: Sequence[updates.Row]) -> bool:
    """Return whether two parameters do: each then has to see what the one before it did."""
    spans = sorted((row[0].ctypes.data, row[0].nbytes) for row in rows)
    return any(a + size > b for (a, size), (b, _) in pairwise(spans))


def update(name: str, rows: Sequence[updates.Row], *numbers: float) -> None:
    """Update parameters by a kernel; a row has the arrays of one."""
    dtype = rows[0][0].dtype
    own = tuple(map(dtype.type, numbers))
    rows = [row for row in rows if row[0].size]
    for part in [[row] for row in rows] if _share_memory(rows) else [rows]:
        if part:
            table, count = _table(part)
            KERNELS[name][count, THREADS](dtype.type(0), dtype.itemsize, table.memory, own)
