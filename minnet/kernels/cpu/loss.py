"""Fused losses: cross-entropy and binary cross-entropy from logits, and the squared error.

Sums follow the order that `reduce.py` lays down. A row's loss is rounded once, to the logits' type.
"""

from __future__ import annotations

from builtins import max as larger
from builtins import min as smaller

import numpy as np
from numba import prange

from minnet.kernels import formulas
from minnet.kernels.buffers import empty
from minnet.kernels.cpu.reduce import BLOCK, CHUNK, row_max, row_sum, total, whole_sum
from minnet.kernels.jit import device, kernel
from minnet.kernels.numeric import exp, log
from minnet.kernels.simd import flat, fma

REDUCTIONS = {"none": 0, "sum": 1, "mean": 2}
MEAN = REDUCTIONS["mean"]


@device
def _counted(target, classes, ignore):
    """Return the first target out of range (or `ignore`, if all are right) and how many count."""
    count = 0
    for i in range(target.size):
        t = target[i]
        if t != ignore:
            if t < 0 or t >= classes:
                return t, 0
            count += 1
    return ignore, count


@kernel
def _check(target, classes, ignore):
    return _counted(target, classes, ignore)


@kernel(parallel=True)
def _cross_entropy(x, target, ignore, reduction, e, inverse, loss, value):
    """x, e: (N, C); target, inverse, loss: (N,); value: (1,). Returns what `_counted` returns."""
    rows, n = x.shape
    wrong, count = _counted(target, n, ignore)
    if wrong != ignore:
        return wrong, count
    height = larger(1, CHUNK // n)
    for task in prange((rows + height - 1) // height):
        first, last = task * height, smaller(task * height + height, rows)
        for row in range(first, last):
            source, part = x[row], e[row]
            high = row_max(source)
            for i in range(n):
                part[i] = source[i] - high
            loss[row] = part[target[row]] if target[row] != ignore else x.dtype.type(0)
        line = flat(e[first:last])
        for i in range(line.size):
            line[i] = exp(line[i])
        for row in range(first, last):
            total = row_sum(e[row])
            inverse[row] = 1.0 / total
            if target[row] != ignore:
                loss[row] = log(total) - loss[row]
    if reduction:
        value[0] = whole_sum(loss) / (count if reduction == MEAN else 1)
    return ignore, count


@kernel(parallel=True)
def _cross_entropy_backward(dy, divisor, e, inverse, target, ignore, dx):
    """dy: (N,) or (1,); e, dx: (N, C); inverse, target: (N,)"""
    rows, n = e.shape
    divisor = e.dtype.type(divisor)
    for row in prange(rows):
        source, part = e[row], dx[row]
        if target[row] == ignore:
            for i in range(n):
                part[i] = 0
        else:
            scale = (dy[row] if dy.size > 1 else dy[0]) / divisor
            share = e.dtype.type(scale * inverse[row])
            for i in range(n):
                part[i] = source[i] * share
            part[target[row]] = fma(source[target[row]], share, -scale)


@kernel(parallel=True)
def _bce_with_logits(x, target, weight, positive, out):
    for i in prange(x.size):
        p = positive[i] if positive.size > 1 else positive[0]
        w = weight[i] if weight.size > 1 else weight[0]
        out[i] = formulas.bce_with_logits(x[i], target[i], w, p)


@kernel(parallel=True)
def _bce_with_logits_backward(dy, x, target, weight, positive, out):
    for i in prange(x.size):
        p = positive[i] if positive.size > 1 else positive[0]
        w = weight[i] if weight.size > 1 else weight[0]
        d = dy[i] if dy.size > 1 else dy[0]
        out[i] = formulas.bce_with_logits_backward(d, x[i], target[i], w, p)


@kernel(parallel=True)
def _squared_error(x, y, divisor, out):
    """x, y: (n,) -> out: (blocks,)"""
    for block in prange(out.size):
        left, right = x[block * BLOCK : (block + 1) * BLOCK], y[block * BLOCK : (block + 1) * BLOCK]
        squares = np.empty(left.size, x.dtype)
        for i in range(left.size):
            difference = left[i] - right[i]
            squares[i] = difference * difference
        out[block] = row_sum(squares) / divisor


@kernel(parallel=True)
def _squared_error_backward(dy, x, y, divisor, out):
    """dy: (1,); x, y, out: (n,)"""
    share = dy[0] / x.dtype.type(divisor)
    for i in prange(x.size):
        difference = x[i] - y[i]
        out[i] = share * (difference + difference)


def check_target(target: np.ndarray, classes: int, ignore: int) -> int:
    """Return how many targets are not `ignore`.

    Raises:
        IndexError: if one of the others is not in [0, classes).
    """
    wrong, count = _check(target, classes, ignore)
    return _in_bounds(wrong, count, ignore)


def _in_bounds(wrong: int, count: int, ignore: int) -> int:
    if wrong != ignore:
        raise IndexError(f"Target {wrong} is out of bounds.")
    return count


def cross_entropy(
    x: np.ndarray, target: np.ndarray, ignore: int = -100, reduction: str = "none"
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], int]:
    """Return -log softmax(x)[target], what backward needs, and how many rows count.

    x is (N, C) in float32 or float64; target (N,) in int64. The loss is that of each row, (N,), or
    their "sum" or the "mean" of those that count, (). What is saved is e = exp(x - max(x)) and the
    inverse of its sums in float64: no softmax is ever divided out. A row whose target is `ignore`
    has the loss 0.

    Raises:
        IndexError: if a target is neither in [0, C) nor `ignore`; nothing is computed then.
    """
    rows, size, code = len(x), x.size, REDUCTIONS[reduction]
    e, inverse, loss = np.empty(x.shape, x.dtype), np.empty(rows), np.empty(rows, x.dtype)
    value = np.empty(1, x.dtype)
    if size:
        run = _cross_entropy.over(1.5 * size)
        wrong, count = run(x, target, ignore, code, e, inverse, loss, value)
    else:
        loss.fill(0)
        wrong, count = _check(target, x.shape[1], ignore)
        if code:
            value = total(loss.reshape(1, -1, 1), count if code == MEAN else 1.0)
    return value.reshape(()) if code else loss, (e, inverse), _in_bounds(wrong, count, ignore)


def cross_entropy_backward(
    dy: np.ndarray,
    saved: tuple[np.ndarray, np.ndarray],
    target: np.ndarray,
    ignore: int = -100,
    divisor: float = 1.0,
) -> np.ndarray:
    """Return (softmax(x) - onehot(target)) * dy / divisor in one pass.

    dy has an element for each row, or one for all. The divisor is of the precision of dy.
    """
    e, inverse = saved
    dx = np.empty_like(e)
    if e.size:
        run = _cross_entropy_backward.over(0.3 * e.size)
        run(dy.ravel(), float(divisor), e, inverse, target, ignore, dx)
    return dx


def bce_with_logits(
    x: np.ndarray, target: np.ndarray, weight: np.ndarray, positive: np.ndarray
) -> np.ndarray:
    """Return weight * ((1 - t) x - (1 + (positive - 1) t) log(sigmoid(x))) for each element.

    weight and positive have x's size, or one element for all.
    """
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (x, target, weight, positive)]
    out = np.empty_like(flat[0])
    _bce_with_logits.over(2 * x.size)(*flat, out)
    return out.reshape(x.shape)


def bce_with_logits_backward(
    dy: np.ndarray, x: np.ndarray, target: np.ndarray, weight: np.ndarray, positive: np.ndarray
) -> np.ndarray:
    """Return the gradient of `bce_with_logits` for x; dy may have one element for all."""
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (dy, x, target, weight, positive)]
    out = np.empty_like(flat[1])
    _bce_with_logits_backward.over(2 * x.size)(*flat, out)
    return out.reshape(x.shape)


def squared_error(x: np.ndarray, y: np.ndarray, divisor: float) -> np.ndarray:
    """Return the sum of (x - y)², divided: (). The arrays have one shape and dtype."""
    size, dtype = x.size, x.dtype
    blocks = -(-size // BLOCK)
    out = np.empty(blocks, dtype if blocks == 1 else np.float64)
    run = _squared_error.over(0.3 * size)
    run(x.ravel(), y.ravel(), float(divisor if blocks == 1 else 1), out)
    if blocks != 1:
        out = total(out.reshape(1, -1, 1), divisor).astype(dtype)
    return out.reshape(())


def squared_error_backward(
    dy: np.ndarray, x: np.ndarray, y: np.ndarray, divisor: float
) -> np.ndarray:
    """Return the gradient of `squared_error` for x; dy is ()."""
    out = empty(x.shape, x.dtype)
    run = _squared_error_backward.over(0.2 * x.size)
    run(dy.reshape(1), x.ravel(), y.ravel(), float(divisor), out.reshape(-1))
    return out
