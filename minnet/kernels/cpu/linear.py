"""A linear layer, y = x Wᵀ + b: forward and backward, each in one launch.

The products keep the order contract of `matmul.py`, the sum for the bias that of `reduce.py`. So
the bits are those of the products one by one; there are fewer launches, and the threads share the
work of all products evenly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, prange

from minnet.kernels.buffers import empty
from minnet.kernels.cpu.matmul import FMAS_A_NANOSECOND, NO_BIAS, grid, matmul, product_block
from minnet.kernels.cpu.reduce import BLOCK, line_sum, sum_rows
from minnet.kernels.engine import get_matmul
from minnet.kernels.jit import block, kernel
from minnet.kernels.simd import address, flat
from minnet.kernels.threads import get_num_threads

ONE = 1, 1  # block: a grid
NOTHING = {dtype: np.empty((0, 0), dtype) for dtype in NO_BIAS}


@block
def bias_sums(task, tasks, dy, out):
    """Write the sums of a task's columns, for up to BLOCK rows."""
    first, last = task * out.size // tasks, (task + 1) * out.size // tasks
    if out.size == 1:
        if last > first:
            out[0] = line_sum(flat(dy))
        return
    total = np.zeros(last - first)
    for i in range(dy.shape[0]):
        part = dy[i, first:last]
        for j in range(part.size):
            total[j] += part[j]
    for j in range(total.size):
        out[first + j] = total[j]


@block
def _products(task, x, w, bias, y, forward, dx, dw, y_grid, dx_grid, dw_grid):
    """Compute block `task` of each product that is wanted.

    There is one call for all of them, as it is most of what there is to compile.
    """
    size = y.itemsize
    samples, inputs = x.shape
    outputs = w.shape[0]
    x_at, w_at, y_at = address(x), address(w), address(y)
    wide, narrow = inputs * size, outputs * size  # bytes of a row of x, w, dx, dw, and of y
    for product in range(3):
        if product == 0:  # y = x Wᵀ
            wanted, cut = forward, y_grid
            rows, depth, columns = samples, inputs, outputs
            a, a_row, a_k, b, b_k, b_column = x_at, wide, size, w_at, size, wide
            c, c_row = y_at, narrow
        elif product == 1:  # dw = dyᵀ x
            wanted, cut = dw.size > 0, dw_grid
            rows, depth, columns = outputs, samples, inputs
            a, a_row, a_k, b, b_k, b_column = y_at, size, narrow, x_at, wide, size
            c, c_row = address(dw), wide
        else:  # dx = dy W
            wanted, cut = dx.size > 0, dx_grid
            rows, depth, columns = samples, outputs, inputs
            a, a_row, a_k, b, b_k, b_column = y_at, narrow, size, w_at, wide, size
            c, c_row = address(dx), wide
        if wanted:
            product_block(
                task, cut[0], cut[1], rows, depth, columns,
                a, a_row, a_k, b, b_k, b_column, bias, c, c_row, 0,
            )  # fmt: skip


@kernel(parallel=True)
def _linear(x, w, bias, y, forward, dx, dw, db, tasks, y_grid, dx_grid, dw_grid):
    """y = x Wᵀ + bias if `forward`; else y is dy, and dx, dw, db are computed if not empty.

    x: (N, I); w: (O, I); y: (N, O), all contiguous. A grid is (blocks of rows, of columns), of
    which there are `tasks`.
    """
    for task in prange(tasks):
        _products(int64(task), x, w, bias, y, forward, dx, dw, y_grid, dx_grid, dw_grid)
        if db.size:
            bias_sums(int64(task), tasks, y, db)


def _contiguous(x: np.ndarray) -> np.ndarray:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def linear(x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return x wᵀ + bias for x (N, I), w (O, I) and bias (O,) of one dtype."""
    samples, inputs = x.shape
    outputs = len(w)
    fmas = samples * inputs * outputs
    here = x.flags.c_contiguous and w.flags.c_contiguous
    if not (fmas and here) or get_matmul() == "blas":
        return matmul(x, w.T, bias)
    dtype = x.dtype
    y = empty((samples, outputs), dtype)
    run = _linear.over(fmas / FMAS_A_NANOSECOND)
    tasks, cut = 1, ONE
    if run is not _linear.serial:
        tasks = get_num_threads()
        cut = grid(samples, outputs, tasks)
    nothing = NOTHING[dtype]
    run(x, w, _contiguous(bias), y, True, nothing, nothing, NO_BIAS[dtype], tasks, cut, cut, cut)
    return y


def linear_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, need_dx: bool, need_dw: bool, need_db: bool
) -> tuple[Any, Any, Any]:
    """Return dx = dy w, dw = dyᵀ x and db = the sum of dy's rows; None for what is not needed."""
    samples, inputs = x.shape
    outputs = len(w)
    fmas = samples * inputs * outputs
    if not fmas or get_matmul() == "blas":
        return (
            matmul(dy, w) if need_dx else None,
            matmul(dy.T, x) if need_dw else None,
            sum_rows(dy) if need_db else None,
        )
    dtype = dy.dtype
    if not (dy.flags.c_contiguous and x.flags.c_contiguous and w.flags.c_contiguous):
        dy, x, w = _contiguous(dy), _contiguous(x), _contiguous(w)
    here = samples <= BLOCK  # else its sum is of another order
    dx = empty((samples, inputs), dtype) if need_dx else NOTHING[dtype]
    dw = empty((outputs, inputs), dtype) if need_dw else NOTHING[dtype]
    db = np.empty(outputs, dtype) if need_db and here else NO_BIAS[dtype]
    run = _linear.over((need_dx + need_dw) * fmas / FMAS_A_NANOSECOND)
    tasks, dx_grid, dw_grid = 1, ONE, ONE
    if run is not _linear.serial:
        tasks = get_num_threads()
        dx_grid, dw_grid = grid(samples, inputs, tasks), grid(outputs, inputs, tasks)
    run(x, w, NO_BIAS[dtype], dy, False, dx, dw, db, tasks, ONE, dx_grid, dw_grid)
    if need_db and not here:
        db = sum_rows(dy)
    return dx if need_dx else None, dw if need_dw else None, db if need_db else None
