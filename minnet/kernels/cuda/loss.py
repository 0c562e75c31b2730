"""Losses on the device: cross-entropy and binary cross-entropy from logits, the squared error.

The same sums in the same order as on the CPU: the same bits. Targets are checked by a kernel of
their own, and how many of them count stays on the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.kernels import formulas
from minnet.kernels.cuda import faults
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import SIMULATED, THREADS, blocks, cuda, fma, kernel, types
from minnet.kernels.cuda.reduce import HALF, contiguous, row_max, row_sum, total
from minnet.kernels.numeric import exp, log

CHECKING = 16 if SIMULATED else 512  # threads that check all targets


@kernel
def _check(target, classes, ignore, fault, counted):
    """Note the first target out of range, and write how many count. One block."""
    places = cuda.shared.array(CHECKING, types.int64)
    counts = cuda.shared.array(CHECKING, types.int64)
    t = cuda.threadIdx.x
    place, count = target.size, 0
    for i in range(t, target.size, CHECKING):
        own = target[i]
        if own != ignore:
            count += 1
            if own < 0 or own >= classes:
                place = min(place, i)
    places[t], counts[t] = place, count
    cuda.syncthreads()
    if t == 0:
        for i in range(1, CHECKING):
            place = min(place, places[i])
            count += counts[i]
        if place < target.size and fault[0] == 0:
            fault[0], fault[1] = faults.TARGET, target[place]
        counted[0] = count


@kernel
def _cross_entropy(x, target, ignore, e, inverse, loss):
    """x, e: (N, C); target, inverse, loss: (N,)"""
    lanes = cuda.shared.array(HALF, types.float64)
    row, n = cuda.blockIdx.x, x.shape[1]
    own = target[row]
    high = x.dtype.type(row_max(x, row, lanes))
    for i in range(cuda.threadIdx.x, n, HALF):
        e[row, i] = exp(x[row, i] - high)
    cuda.syncthreads()
    total = row_sum(e, row, 0, n, lanes)
    if cuda.threadIdx.x == 0:
        inverse[row] = 1.0 / total
        counts = own != ignore and 0 <= own < n
        loss[row] = log(total) - np.float64(x[row, own] - high) if counts else 0.0


@kernel
def _cross_entropy_backward(dy, e, inverse, target, ignore, dx):
    """dy: (N,) or (1,); e, dx: (N, C); inverse, target: (N,)"""
    i = cuda.grid(1)
    if i >= e.size:
        return
    row, column = i // e.shape[1], i % e.shape[1]
    scale = dy[row] if dy.size > 1 else dy[0]
    share = e.dtype.type(np.float64(scale) * inverse[row])
    own = target[row]
    if own == ignore:
        dx[row, column] = e.dtype.type(0)
    elif own == column:
        dx[row, column] = fma(e[row, column], share, -scale)
    else:
        dx[row, column] = e[row, column] * share


@kernel
def _bce_with_logits(x, target, weight, positive, out):
    i = cuda.grid(1)
    if i < x.size:
        p = positive[i] if positive.size > 1 else positive[0]
        w = weight[i] if weight.size > 1 else weight[0]
        out[i] = formulas.bce_with_logits(x[i], target[i], w, p)


@kernel
def _bce_with_logits_backward(dy, x, target, weight, positive, out):
    i = cuda.grid(1)
    if i < x.size:
        p = positive[i] if positive.size > 1 else positive[0]
        w = weight[i] if weight.size > 1 else weight[0]
        d = dy[i] if dy.size > 1 else dy[0]
        out[i] = formulas.bce_with_logits_backward(d, x[i], target[i], w, p)


def check_target(target: Array, classes: int, ignore: int) -> Array:
    """Return how many targets are not `ignore`, as a float64 on the device.

    One of the others that is not in [0, classes) is noted as a fault.
    """
    counted = empty(1, np.float64)
    _check[1, CHECKING](contiguous(target).memory, classes, ignore, faults.notes(), counted.memory)
    return counted.reshape(())


def cross_entropy(
    x: Array, target: Array, ignore: int = -100, reduction: str = "none"
) -> tuple[Array, tuple[Array, Array], Array]:
    """Return -log softmax(x)[target], what backward needs, and how many rows count.

    x is (N, C) in float32 or float64; target (N,) in int64. The loss is that of each row, (N,), or
    their "sum" or the "mean" of those that count, (). What is saved is e = exp(x - max(x)) and the
    inverse of its sums in float64. A row whose target is `ignore` has the loss 0, and so has one
    whose target is not in [0, C), which is noted as a fault.
    """
    x, target = contiguous(x), contiguous(target)
    rows = len(x)
    e, inverse, loss = empty(x.shape, x.dtype), empty(rows, np.float64), empty(rows, x.dtype)
    if x.size:
        run = _cross_entropy[rows, HALF]
        run(x.memory, target.memory, ignore, e.memory, inverse.memory, loss.memory)
    else:
        loss[...] = 0
    count = check_target(target, x.shape[1], ignore)
    if reduction != "none":
        divisor = count if reduction == "mean" else 1.0
        loss = total(loss.reshape(1, -1, 1), divisor).reshape(())
    return loss, (e, inverse), count


def cross_entropy_backward(
    dy: Array,
    saved: tuple[Array, Array],
    target: Array,
    ignore: int = -100,
    divisor: float | Array = 1.0,
) -> Array:
    """Return (softmax(x) - onehot(target)) * dy / divisor in one pass.

    dy has an element for each row, or one for all. The divisor is of the precision of dy.
    """
    e, inverse = saved
    dx = empty(e.shape, e.dtype)
    if e.size:
        dy = contiguous(dy).reshape(-1)
        if isinstance(divisor, Array) or divisor != 1:  # else a launch for nothing
            dy = np.true_divide(dy, divisor, dtype=dy.dtype)  # type: ignore[assignment]
        arrays = (dy, e, inverse, contiguous(target))
        run = _cross_entropy_backward[blocks(e.size), THREADS]
        run(*(x.memory for x in arrays), ignore, dx.memory)
    return dx


def _elementwise(run: Any, *arrays: Array, like: Array) -> Array:
    flat = [contiguous(x).reshape(-1) for x in arrays]
    out = empty(like.shape, like.dtype)
    if out.size:
        run[blocks(out.size), THREADS](*(x.memory for x in flat), out.reshape(-1).memory)
    return out


def bce_with_logits(x: Array, target: Array, weight: Array, positive: Array) -> Array:
    """Return weight * ((1 - t) x - (1 + (positive - 1) t) log(sigmoid(x))) for each element.

    weight and positive have x's size, or one element for all.
    """
    return _elementwise(_bce_with_logits, x, target, weight, positive, like=x)


def bce_with_logits_backward(
    dy: Array, x: Array, target: Array, weight: Array, positive: Array
) -> Array:
    """Return the gradient of `bce_with_logits` for x; dy may have one element for all."""
    return _elementwise(_bce_with_logits_backward, dy, x, target, weight, positive, like=x)


def squared_error(x: Array, y: Array, divisor: float) -> Array:
    """Return the sum of (x - y)², divided: (). The arrays have one shape and dtype."""
    difference = x - y
    return total((difference * difference).reshape(1, -1, 1), divisor).reshape(())


def squared_error_backward(dy: Array, x: Array, y: Array, divisor: float) -> Array:
    """Return the gradient of `squared_error` for x; dy is ()."""
    difference = x - y
    return dy / x.dtype.type(divisor) * (difference + difference)
