"""A layer, y = activation(x Wᵀ + b): one block of it forward, and one backward.

The products keep the order contract of `matmul.py`, the sum for the bias that of `reduce.py`, and
an activation is that of `pointwise.py`. So the bits are those of the operations one by one.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from minnet.kernels import formulas
from minnet.kernels.cpu.matmul import block_of, product_block
from minnet.kernels.cpu.reduce import line_sum
from minnet.kernels.jit import block, device
from minnet.kernels.numeric import sigmoid, tanh
from minnet.kernels.simd import pointer

NONE, RELU, TANH, SIGMOID = range(4)  # activations
CODES = {None: NONE, "relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}


@block
def _activate(activation, x):
    """Apply an activation in place."""
    if activation == RELU:
        for i in range(x.size):
            x[i] = formulas.relu(x[i])
    elif activation == TANH:
        for i in range(x.size):
            x[i] = tanh(x[i])
    elif activation == SIGMOID:
        for i in range(x.size):
            x[i] = sigmoid(x[i])


@block
def _activate_backward(activation, dy, y):
    """Make an activation's gradient that of its input, in place."""
    if activation == RELU:
        for i in range(dy.size):
            dy[i] = formulas.relu_backward(dy[i], y[i])
    elif activation == TANH:
        for i in range(dy.size):
            dy[i] = formulas.tanh_backward(dy[i], y[i])
    elif activation == SIGMOID:
        for i in range(dy.size):
            dy[i] = formulas.sigmoid_backward(dy[i], y[i])


@device
def _lines(task, tall, wide, rows, columns, size):
    """Return the places of a block's rows, from the first to before the last, and their length."""
    i, m, j, n = block_of(task, tall, wide, rows, columns, size)
    if n == columns:
        m, n = 1, m * n  # short rows are none of their own
    first = i * columns + j
    return first, first + m * columns, n


@block
def layer_block(task, tall, wide, samples, inputs, outputs, x, w, bias, y, activation):
    """Compute a block of y = activation(x Wᵀ + bias); `x`, `w` and `y` are addresses."""
    size, zero = bias.itemsize, bias.dtype.type(0)
    product_block(
        task, tall, wide, samples, inputs, outputs,
        x, inputs * size, size, w, size, inputs * size, bias, y, outputs * size, 0,
    )  # fmt: skip
    if activation:
        first, last, n = _lines(task, tall, wide, samples, outputs, size)
        for at in range(first, last, outputs):
            _activate(activation, carray(pointer(zero, y + at * size), n))


@block
def _bias_sums(task, tasks, rows, dy, out):
    """Write the sums of a task's columns of dy, an address, for up to BLOCK rows."""
    size, zero = out.itemsize, out.dtype.type(0)
    first, last = task * out.size // tasks, (task + 1) * out.size // tasks
    if out.size == 1:
        if last > first:
            out[0] = line_sum(carray(pointer(zero, dy), rows))
        return
    total = np.zeros(last - first)
    for i in range(rows):
        part = carray(pointer(zero, dy + (i * out.size + first) * size), total.size)
        for j in range(total.size):
            total[j] += part[j]
    for j in range(total.size):
        out[first + j] = total[j]


@block
def layer_backward_block(
    task, tall, wide, dw_tall, dw_wide, tasks,
    samples, inputs, outputs, x, w, dy, dx, dw, db, below, no_bias,
):  # fmt: skip
    """Compute a block of dw = dyᵀ x, of db, and of dx = dy W.

    An address of 0, and an empty db, is not wanted. dx goes on as the gradient of what was put into
    the activation `below`, which gave x.
    """
    size, zero = db.itemsize, db.dtype.type(0)
    row, wide_row = outputs * size, inputs * size
    if dw:
        product_block(
            task, dw_tall, dw_wide, outputs, samples, inputs,
            dy, size, row, x, wide_row, size, no_bias, dw, wide_row, 0,
        )  # fmt: skip
    if db.size:
        _bias_sums(task, tasks, samples, dy, db)
    if dx:
        product_block(
            task, tall, wide, samples, outputs, inputs,
            dy, row, size, w, wide_row, size, no_bias, dx, wide_row, 0,
        )  # fmt: skip
        if below:
            first, last, n = _lines(task, tall, wide, samples, inputs, size)
            for at in range(first, last, inputs):
                part = carray(pointer(zero, dx + at * size), n)
                _activate_backward(below, part, carray(pointer(zero, x + at * size), n))
