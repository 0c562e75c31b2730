"""Optimizer steps on the device, in place: one launch for all parameters of a group.

The kernels get the addresses of all arrays in a table. It is kept on the device, and sent there
again only where an address has changed. The step of one number is compiled from the CPU's source.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minnet.kernels import updates
from minnet.kernels.cuda.array import Array, from_host
from minnet.kernels.cuda.driver import THREADS, cuda, function, kernel
from minnet.kernels.jit import device
from minnet.kernels.simd import load, store

BLOCK = 8 * THREADS  # elements of one parameter that a block of threads updates
TABLES = 64  # that are kept

Row = tuple[Array, ...]

_tables: OrderedDict[bytes, Array] = OrderedDict()

# The step of the number at an address. `zero` has the parameter's type.


@device
def _sgd_at(zero, p, g, numbers):
    down, decay, sign = numbers
    store(p, updates.sgd(load(zero, p), load(zero, g), down, decay, sign))


@device
def _momentum_at(zero, p, g, buf, numbers, nesterov, first):
    down, keep, share, decay, sign = numbers
    new, b = updates.momentum(
        load(zero, p), load(zero, g), load(zero, buf),
        down, keep, share, decay, nesterov, first, sign,
    )  # fmt: skip
    store(buf, b)
    store(p, new)


@device
def _adam_at(zero, p, g, m, v, highest, numbers, amsgrad):
    share1, beta2, share2, root, eps, step, decay, shrink, sign = numbers
    new, a, b, high = updates.adam(
        load(zero, p), load(zero, g), load(zero, m), load(zero, v), load(zero, highest),
        share1, beta2, share2, root, eps, step, decay, shrink, sign, amsgrad,
    )  # fmt: skip
    store(m, a)
    store(v, b)
    if amsgrad:
        store(highest, high)
    store(p, new)


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


@kernel
def _sgd(zero, itemsize, table, numbers):
    row, first, last = _place(table)
    for i in range(first + cuda.threadIdx.x, last, THREADS):
        at = i * itemsize
        _sgd_at(zero, table[row, 0] + at, table[row, 1] + at, numbers)


@kernel
def _sgd_momentum(zero, itemsize, table, numbers, nesterov, initial):
    row, first, last = _place(table)
    for i in range(first + cuda.threadIdx.x, last, THREADS):
        at = i * itemsize
        p, g, buf = table[row, 0] + at, table[row, 1] + at, table[row, 2] + at
        _momentum_at(zero, p, g, buf, numbers, nesterov, initial)


@kernel
def _adam(zero, itemsize, table, numbers, amsgrad):
    row, first, last = _place(table)
    for i in range(first + cuda.threadIdx.x, last, THREADS):
        at = i * itemsize
        p, g = table[row, 0] + at, table[row, 1] + at
        m, v = table[row, 2] + at, table[row, 3] + at
        highest = table[row, table.shape[1] - 3] + at  # without amsgrad another one, not used
        _adam_at(zero, p, g, m, v, highest, numbers, amsgrad)


def _table(rows: Sequence[Row]) -> tuple[Array, int]:
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


def _share_memory(rows: Sequence[Row]) -> bool:
    """Return whether two parameters do: each then has to see what the one before it did."""
    spans = sorted((row[0].ctypes.data, row[0].nbytes) for row in rows)
    return any(a + size > b for (a, size), (b, _) in pairwise(spans))


def _step(run: Any, rows: Sequence[Row], numbers: tuple[float, ...], *flags: bool) -> None:
    dtype = rows[0][0].dtype
    zero, numbers = dtype.type(0), tuple(dtype.type(x) for x in numbers)
    rows = [row for row in rows if row[0].size]
    for part in [[row] for row in rows] if _share_memory(rows) else [rows]:
        if part:
            table, count = _table(part)
            run[count, THREADS](zero, dtype.itemsize, table.memory, numbers, *flags)


def sgd_step(
    rows: Sequence[Row],
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    maximize: bool = False,
) -> None:
    """Update each p, and buf where there is momentum, by one step of stochastic gradient descent.

    The rows and the formulas are those of the CPU's `sgd_step`.
    """
    if not rows:
        return
    decay, sign = weight_decay, -1.0 if maximize else 1.0
    if momentum == 0:
        _step(_sgd, rows, (-lr, decay, sign))
    else:
        numbers = -lr, momentum, 1.0 - dampening, decay, sign
        _step(_sgd_momentum, rows, numbers, nesterov, first)


def adam_step(
    rows: Sequence[Row],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: float,
    amsgrad: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """Update each p and its moments by the given step (1, 2, ...) of Adam, AdamW or AMSGrad.

    The rows and the formulas are those of the CPU's `adam_step`.
    """
    if not rows:
        return
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    root, size = math.sqrt(1 - beta2**step), -lr / (1 - beta1**step)
    sign = -1.0 if maximize else 1.0
    numbers = 1 - beta1, beta2, 1 - beta2, root, eps, size, decay, shrink, sign
    _step(_adam, rows, numbers, amsgrad)
