"""A multilayer perceptron: layers x Wᵀ + b, each with an activation or none, in one call a way.

A small network's time goes to calls, not to arithmetic. Here a call computes all layers, forward or
backward, one after the other: one that is worth it is shared by the threads, in one launch with
its bias and activation; the others are computed by the thread that called.

The bits are those of the layers one by one: of `linear.py` and of `pointwise.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numba import carray, int64, prange

from minnet.kernels.buffers import empty
from minnet.kernels.cpu.addresses import addresses
from minnet.kernels.cpu.layer import NONE, RELU, SIGMOID, TANH, layer_backward_block, layer_block
from minnet.kernels.cpu.matmul import FMAS_A_NANOSECOND, NO_BIAS, grid
from minnet.kernels.cpu.pointwise import relu_backward, sigmoid_backward, tanh_backward
from minnet.kernels.cpu.reduce import BLOCK
from minnet.kernels.engine import get_matmul
from minnet.kernels.jit import kernel, least_work
from minnet.kernels.simd import address, pointer
from minnet.kernels.threads import get_num_threads

CODES = {None: NONE, "relu": RELU, "tanh": TANH, "sigmoid": SIGMOID}
BACKWARD_OF = {"relu": relu_backward, "tanh": tanh_backward, "sigmoid": sigmoid_backward}

# A plan has a row for each layer, with these columns. PLACE is where in `hidden` or `between` the
# layer's outputs or their gradients begin; a grid is two, (blocks of rows, of columns).
OUTPUTS, ACTIVATION, PLACE, TASKS, GRID, DW_GRID = 0, 1, 2, 3, 4, 6
COLUMNS = 8

# What a plan is for. Inference keeps no more than two layers' outputs at a time.
INFERENCE, FORWARD, BACKWARD, BACKWARD_TO_INPUT = range(4)

# What stands for no matrix and no bias.
NOTHING = {dtype: [np.empty((0, 0), dtype), NO_BIAS[dtype]] for dtype in NO_BIAS}

Names = tuple[str | None, ...]
Kept = tuple[Any, ...]


@kernel(parallel=True)
def _mlp(x, parameters, plan, hidden, y):
    """x: (N, I); parameters: the addresses of (W, bias) of each layer; y: (N, O).

    What the layers before the last one give, (N, O) each, is written into `hidden`.
    """
    size, zero = x.itemsize, x.dtype.type(0)
    samples, inputs = x.shape
    source = address(x)
    for layer in range(plan.shape[0]):
        outputs, activation = plan[layer, OUTPUTS], plan[layer, ACTIVATION]
        tasks = plan[layer, TASKS]
        tall, wide = plan[layer, GRID], plan[layer, GRID + 1]
        w = parameters[2 * layer, 0]
        bias = carray(pointer(zero, parameters[2 * layer + 1, 0]), parameters[2 * layer + 1, 1])
        target = address(hidden) + plan[layer, PLACE] * size
        if layer == plan.shape[0] - 1:
            target = address(y)
        if tasks == 1:
            layer_block(0, 1, 1, samples, inputs, outputs, source, w, bias, target, activation)
        else:
            for task in prange(tasks):
                layer_block(
                    int64(task), tall, wide, samples, inputs, outputs,
                    source, w, bias, target, activation,
                )  # fmt: skip
        source, inputs = target, outputs


@kernel(parallel=True)
def _mlp_backward(dy, x, parameters, plan, hidden, between, first, dx, gradients, no_bias):
    """Go from the last layer to `first`, and on to dx if that is not empty.

    dy is the gradient of what is put into the last activation, if there is one, and `gradients` has
    the addresses of (dW, db) of each layer, of size 0 if not wanted. The gradients of what is put
    into the other activations are written into `between`, at the places that `hidden` has for what
    comes out of them.
    """
    size, zero = x.itemsize, x.dtype.type(0)
    samples = x.shape[0]
    last = plan.shape[0] - 1
    gradient = address(dy)
    for layer in range(last, first - 1, -1):
        outputs, tasks = plan[layer, OUTPUTS], plan[layer, TASKS]
        tall, wide = plan[layer, GRID], plan[layer, GRID + 1]
        dw_tall, dw_wide = plan[layer, DW_GRID], plan[layer, DW_GRID + 1]
        w = parameters[2 * layer, 0]
        dw = gradients[2 * layer, 0] if gradients[2 * layer, 1] else 0
        db = carray(pointer(zero, gradients[2 * layer + 1, 0]), gradients[2 * layer + 1, 1])
        if layer > 0:
            inputs, below = plan[layer - 1, OUTPUTS], plan[layer - 1, ACTIVATION]
            place = plan[layer - 1, PLACE] * size
            source = address(hidden) + place
            target = address(between) + place if layer > first else 0
        else:
            inputs, below = x.shape[1], 0
            source = address(x)
            target = address(dx) if dx.size else 0
        if tasks == 1:
            layer_backward_block(
                0, 1, 1, 1, 1, 1,
                samples, inputs, outputs, source, w, gradient, target, dw, db, below, no_bias,
            )  # fmt: skip
        else:
            for task in prange(tasks):
                layer_backward_block(
                    int64(task), tall, wide, dw_tall, dw_wide, tasks,
                    samples, inputs, outputs, source, w, gradient, target, dw, db, below, no_bias,
                )  # fmt: skip
        gradient = target


@lru_cache(256)
def _plan(
    way: int, samples: int, sizes: tuple[int, ...], names: Names, least: float, threads: int
) -> tuple[np.ndarray, bool, int]:
    """Return a plan, whether the threads share any layer, and the size of `hidden` or `between`.

    `sizes` are the inputs, and the outputs of each layer. A layer of `least` nanoseconds of work
    and more is shared by the threads.
    """
    plan = np.ones((len(names), COLUMNS), np.int64)
    halves = [0, max(sizes[1:-1], default=0)]
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        alone = way < BACKWARD or (way == BACKWARD and layer == 0)
        plan[layer, OUTPUTS], plan[layer, ACTIVATION] = outputs, CODES[names[layer]]
        before = halves[layer % 2] if way == INFERENCE else sum(sizes[1 : layer + 1])
        plan[layer, PLACE] = samples * before
        if (1 if alone else 2) * samples * inputs * outputs / FMAS_A_NANOSECOND >= least:
            plan[layer, TASKS] = threads
            columns = outputs if way < BACKWARD else inputs
            plan[layer, GRID:DW_GRID] = grid(samples, columns, threads)
            plan[layer, DW_GRID:] = grid(outputs, inputs, threads)
    end = (plan[:-1, PLACE] + samples * plan[:-1, OUTPUTS]).max(initial=0)
    return plan, bool((plan[:, TASKS] > 1).any()), int(end)


def mlp_takes(arrays: Sequence[Any]) -> bool:
    """Return whether `mlp` can be called with these: x, and W and the bias of each layer.

    x: (N, I) with N from 1 to BLOCK; W: (O, I); the bias: (O,) or None; no dim of size 0. All are
    contiguous, writable, and of one dtype, float32 or float64; and minnet multiplies.
    """
    x = arrays[0]
    if type(x) is not np.ndarray or x.ndim != 2 or not 0 < len(x) <= BLOCK:
        return False
    dtype, inputs = x.dtype, x.shape[1]
    if dtype not in NO_BIAS or not x.flags.carray or get_matmul() == "blas":
        return False
    for i in range(1, len(arrays), 2):
        w, bias = arrays[i], arrays[i + 1]
        if type(w) is not np.ndarray or w.dtype is not dtype or not w.flags.carray:
            return False
        if w.ndim != 2 or w.shape[1] != inputs or not inputs:
            return False
        inputs = len(w)
        if bias is not None:
            if type(bias) is not np.ndarray or bias.dtype is not dtype or not bias.flags.carray:
                return False
            if bias.shape != (inputs,):
                return False
    return inputs > 0


def mlp(arrays: Sequence[Any], names: Names, keep: bool) -> tuple[np.ndarray, Kept]:
    """Return the last layer's output, and if it is to `keep` it what `mlp_backward` reads.

    The arrays are what `mlp_takes`; names are the activations', "relu", "tanh", "sigmoid" or None.
    """
    x, *parameters = arrays
    none = NOTHING[x.dtype]
    parameters = [none[1] if array is None else array for array in parameters]
    samples, inputs = x.shape
    sizes = inputs, *[len(w) for w in parameters[::2]]
    way = FORWARD if keep else INFERENCE
    plan, shared, size = _plan(way, samples, sizes, names, least_work(), get_num_threads())
    located, _ = addresses(parameters, none)
    hidden = empty((size,), x.dtype)
    y = empty((samples, sizes[-1]), x.dtype)
    (_mlp.parallel if shared else _mlp.serial)(x, located, plan, hidden, y)
    return y, (x, parameters, located, sizes, names, hidden, y)


def mlp_backward(dy: np.ndarray, kept: Kept, wanted: Sequence[int]) -> list[np.ndarray]:
    """Return the gradients of x, and of W and the bias of each layer.

    Those at other positions than `wanted` are empty.
    """
    x, _, located, sizes, names, hidden, y = kept  # _ has what `located` points to
    none = NOTHING[x.dtype]
    gradients = none[:1] + none * len(names)
    for position in wanted:
        after = (position + 1) // 2  # the layer, counted from 1
        shape = (sizes[after],) if position % 2 == 0 else (sizes[after], sizes[after - 1])
        gradients[position] = empty(shape if position else x.shape, x.dtype)
    first = max(min(wanted) - 1, 0) // 2
    way = BACKWARD_TO_INPUT if 0 in wanted else BACKWARD
    plan, shared, size = _plan(way, len(x), sizes, names, least_work(), get_num_threads())
    if names[-1] is not None:
        dy = BACKWARD_OF[names[-1]](dy, y)
    between = empty((size,), x.dtype)
    targets, _ = addresses(gradients[1:], none)
    (_mlp_backward.parallel if shared else _mlp_backward.serial)(
        dy if dy.flags.carray else dy.copy(),
        x, located, plan, hidden, between, first, gradients[0], targets, none[1],
    )  # fmt: skip
    return gradients
