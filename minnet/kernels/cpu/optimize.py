"""Optimizer steps in place: one pass over the memory of all parameters in one call.

The formulas are torch's (single-tensor form), in its order of operations, in the parameter's own
precision. Where torch's vector path fuses a multiply and an add, so does this: float32 SGD takes
torch's steps bit for bit, and Adam would, were torch's square root correctly rounded. Every fma is
written out and nothing else is ever contracted. A hyperparameter is combined in float64 (1 - beta,
the bias corrections) and rounded once to the parameter's type.

A kernel gets the addresses of all arrays in a table, and the work is cut into blocks of fixed size,
each of one parameter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray, prange

from minnet.kernels import updates
from minnet.kernels.jit import Kernel, block, device, kernel, named
from minnet.kernels.simd import address, pointer

BLOCK = 2048  # elements that one thread takes at a time: small, so that threads get equal shares
TOGETHER = 8  # arrays whose addresses are taken in one call

# Nanoseconds of one thread for an element.
SGD_NS, MOMENTUM_NS, ADAM_NS = 0.2, 0.25, 0.4

Row = tuple[np.ndarray, ...]


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


@block
def _sgd_block(like, n, p, g, lr, weight_decay, sign):
    p, g = carray(pointer(like, p), n), carray(pointer(like, g), n)
    number = p.dtype.type
    down, decay, sign = number(-lr), number(weight_decay), number(sign)
    for i in range(n):
        p[i] = updates.sgd(p[i], g[i], down, decay, sign)


@block
def _momentum_block(like, n, p, g, buf, lr, momentum, share, weight_decay, nesterov, first, sign):
    p, g = carray(pointer(like, p), n), carray(pointer(like, g), n)
    buf = carray(pointer(like, buf), n)
    number = p.dtype.type
    down, decay, sign = number(-lr), number(weight_decay), number(sign)
    momentum, share = number(momentum), number(share)
    for i in range(n):
        p[i], buf[i] = updates.momentum(
            p[i], g[i], buf[i], down, momentum, share, decay, nesterov, first, sign
        )


# A kernel updates the parameters from `start` on as far as `_cut` goes, and returns where it ended.
# `like` is an array of the parameters' type.


@kernel(parallel=True)
def _sgd(like, table, width, start, ends, lr, weight_decay, sign):
    zero, size = like.dtype.type(0), like.itemsize
    stop = _cut(table, width, size, start, ends)
    for task in prange(ends[stop - 1]):
        row, first, n = _place(table, width, start, stop, ends, task)
        p, g = table[row, 0] + first * size, table[row + 1, 0] + first * size
        _sgd_block(zero, n, p, g, lr, weight_decay, sign)
    return stop


@kernel(parallel=True)
def _sgd_momentum(
    like, table, width, start, ends,
    lr, momentum, share, weight_decay, nesterov, initial, sign,
):  # fmt: skip
    zero, size = like.dtype.type(0), like.itemsize
    stop = _cut(table, width, size, start, ends)
    for task in prange(ends[stop - 1]):
        row, first, n = _place(table, width, start, stop, ends, task)
        p, g = table[row, 0] + first * size, table[row + 1, 0] + first * size
        _momentum_block(
            zero, n, p, g, table[row + 2, 0] + first * size,
            lr, momentum, share, weight_decay, nesterov, initial, sign,
        )  # fmt: skip
    return stop


def _adam_of(amsgrad: bool, name: str) -> Kernel:
    """Return the kernel with AMSGrad or without: of a loop that may do both LLVM vectorises one."""

    def each(
        like, n, p, g, m, v, highest, share1, beta2, share2, root, eps, step, decay, shrink, sign
    ):
        p, g = carray(pointer(like, p), n), carray(pointer(like, g), n)
        m, v = carray(pointer(like, m), n), carray(pointer(like, v), n)
        highest = carray(pointer(like, highest), n)
        number = p.dtype.type
        share1, beta2, share2 = number(share1), number(beta2), number(share2)
        root, eps, step = number(root), number(eps), number(step)
        decay, shrink, sign = number(decay), number(shrink), number(sign)
        for i in range(n):
            high = highest[i] if amsgrad else number(0)
            p[i], m[i], v[i], high = updates.adam(
                p[i], g[i], m[i], v[i], high,
                share1, beta2, share2, root, eps, step, decay, shrink, sign, amsgrad,
            )  # fmt: skip
            if amsgrad:
                highest[i] = high

    run = block(named(each, f"{name}_block"))

    def every(
        like, table, width, start, ends,
        share1, beta2, share2, root, eps, step, decay, shrink, sign,
    ):  # fmt: skip
        zero, size = like.dtype.type(0), like.itemsize
        stop = _cut(table, width, size, start, ends)
        for task in prange(ends[stop - 1]):
            row, first, n = _place(table, width, start, stop, ends, task)
            p, g = table[row, 0] + first * size, table[row + 1, 0] + first * size
            m, v = table[row + 2, 0] + first * size, table[row + 3, 0] + first * size
            highest = table[row + width - 1, 0] + first * size  # without amsgrad v, and not used
            run(
                zero, n, p, g, m, v, highest,
                share1, beta2, share2, root, eps, step, decay, shrink, sign,
            )  # fmt: skip
        return stop

    return kernel(named(every, name), parallel=True)


_adam = _adam_of(False, "_adam")
_amsgrad = _adam_of(True, "_amsgrad")


def _update(run: Kernel, cost: float, rows: Sequence[Row], *numbers: Any) -> None:
    """Run a kernel on some parameters; `cost` is the nanoseconds of an element.

    One call is enough, unless parameters share memory: these are updated one after the other, as
    each has to see what the one before it did.
    """
    width = len(rows[0])
    flat = [x.ravel() for row in rows for x in row]  # views, as they are contiguous
    if len(flat) % TOGETHER:
        flat += [flat[0][:0]] * (-len(flat) % TOGETHER)
    table = np.empty((len(flat), 2), np.int64)
    total = 0
    for i in range(0, len(flat), TOGETHER):
        total += _locate.serial(table, i, *flat[i : i + TOGETHER])
    ends = np.empty(len(rows), np.int64)
    step = run.over(cost * total / width)
    start = 0
    while start < len(rows):
        start = step(flat[0], table, width, start, ends, *numbers)


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

        d = ±g + weight_decay p
        buf = d at the first step, then momentum buf + (1 - dampening) d
        p = p - lr (d without momentum, d + momentum buf with Nesterov's, buf otherwise)

    A row is (p, g), or with momentum (p, g, buf): contiguous arrays of one dtype, which all rows
    share, and of one size.

    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning" (2013).
    """
    if not rows:
        return
    decay, sign = float(weight_decay), -1.0 if maximize else 1.0
    if momentum == 0:
        _update(_sgd, SGD_NS, rows, float(lr), decay, sign)
    else:
        numbers = float(lr), float(momentum), 1.0 - dampening, decay
        _update(_sgd_momentum, MOMENTUM_NS, rows, *numbers, nesterov, first, sign)


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

        p = (1 - lr weight_decay) p if decoupled, otherwise d = ±g + weight_decay p
        exp_avg = exp_avg + (1 - beta1) (d - exp_avg)
        exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) d²
        p = p - lr / (1 - beta1^step) exp_avg / (sqrt(exp_avg_sq) / sqrt(1 - beta2^step) + eps)

    A row is (p, g, exp_avg, exp_avg_sq), and with `amsgrad` the maximum of exp_avg_sq so far, which
    stands for it in the last line: contiguous arrays of one dtype, which all rows share, and of one
    size.

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015); Loshchilov and Hutter,
    "Decoupled weight decay regularization" (2019); Reddi, Kale and Kumar, "On the convergence of
    Adam and beyond" (2018).
    """
    if not rows:
        return
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (float(weight_decay), 1.0)
    root, size = math.sqrt(1 - beta2**step), -lr / (1 - beta1**step)
    sign = -1.0 if maximize else 1.0
    numbers = 1 - beta1, beta2, 1 - beta2, root, float(eps), size, decay, shrink, sign
    _update(_amsgrad if amsgrad else _adam, ADAM_NS, rows, *numbers)
