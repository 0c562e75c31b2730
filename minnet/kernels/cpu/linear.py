"""A linear layer, y = x Wᵀ + b: forward and backward, each in one call.

It is an `mlp` of one layer, which a layer that is worth a launch goes to. What is smaller has a
call of its own, which takes the arrays themselves and not a table: 1 us less.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.kernels import contiguous
from minnet.kernels.buffers import empty
from minnet.kernels.cpu.layer import NONE, layer_backward_block, layer_block
from minnet.kernels.cpu.matmul import FMAS_A_NANOSECOND, matmul
from minnet.kernels.cpu.mlp import NOTHING, _kept_of, mlp, mlp_backward
from minnet.kernels.cpu.reduce import BLOCK
from minnet.kernels.engine import get_matmul
from minnet.kernels.jit import kernel, least_work
from minnet.kernels.reductions import sum_rows
from minnet.kernels.simd import address


@kernel
def _linear(x, w, bias, y):
    """x: (N, I); w: (O, I); y: (N, O), all contiguous."""
    samples, inputs = x.shape
    layer_block(
        0, 1, 1, samples, inputs, y.shape[1], address(x), address(w), bias, address(y), NONE
    )


@kernel
def _linear_backward(dy, x, w, dx, dw, db, no_bias):
    """Compute what is not empty of dx, dw and db."""
    samples, inputs = x.shape
    layer_backward_block(
        0, 1, 1, 1, 1, 1,
        samples, inputs, dy.shape[1], address(x), address(w), address(dy),
        address(dx) if dx.size else 0, address(dw) if dw.size else 0, db, NONE, no_bias,
    )  # fmt: skip


def linear(x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return x wᵀ + bias for x (N, I), w (O, I) and bias (O,) of one dtype."""
    samples, inputs = x.shape
    outputs = len(w)
    fmas = samples * inputs * outputs
    here = x.flags.c_contiguous and w.flags.c_contiguous
    if not (fmas and here) or get_matmul() == "blas":
        return matmul(x, w.T, bias)
    bias = contiguous(bias)
    if fmas / FMAS_A_NANOSECOND >= least_work():
        found = mlp([x, w, bias], (None,), False)
        return matmul(x, w.T, bias) if found is None else found[0]
    y = empty((samples, outputs), x.dtype)
    _linear.serial(x, w, bias, y)
    return y


def linear_backward(
    dy: np.ndarray, x: Any, w: Any, need_dx: bool, need_dw: bool, need_db: bool
) -> tuple[Any, Any, Any]:
    """Return dx = dy w, dw = dyᵀ x and db = the sum of dy's rows; None for what is not needed.

    x may be None where dw is not needed, and w where dx is not.
    """
    samples, outputs = dy.shape
    like = w if x is None else x
    inputs = 0 if like is None else like.shape[1]
    fmas = samples * inputs * outputs
    if not fmas or get_matmul() == "blas":
        return (
            matmul(dy, w) if need_dx else None,
            matmul(dy.T, x) if need_dw else None,
            sum_rows(dy) if need_db else None,
        )
    dtype = dy.dtype
    x = empty((samples, inputs), dtype) if x is None else x
    w = empty((outputs, inputs), dtype) if w is None else w
    if not (dy.flags.c_contiguous and x.flags.c_contiguous and w.flags.c_contiguous):
        dy, x, w = contiguous(dy), contiguous(x), contiguous(w)
    here = samples <= BLOCK  # else its sum is of another order
    no_matrix, no_bias = NOTHING[dtype]
    if (need_dx + need_dw) * fmas / FMAS_A_NANOSECOND >= least_work():
        needs = need_dx, need_dw, need_db and here
        dx, dw, db = mlp_backward(dy, _kept_of(x, w), [i for i in range(3) if needs[i]])
    else:
        dx = empty((samples, inputs), dtype) if need_dx else no_matrix
        dw = empty((outputs, inputs), dtype) if need_dw else no_matrix
        db = empty((outputs,), dtype) if need_db and here else no_bias
        _linear_backward.serial(dy, x, w, dx, dw, db, no_bias)
    if need_db and not here:
        db = sum_rows(dy)
    return dx if need_dx else None, dw if need_dw else None, db if need_db else None
