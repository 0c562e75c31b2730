"""A multilayer perceptron: layers x Wᵀ + b, each with an activation or none, in one call a way.

A small network's time goes to calls, not to arithmetic. Here a call goes through all layers,
forward or backward: one that is worth it is shared by the threads, in one launch with its bias and
its activation; the others are computed by the thread that called.

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
from minnet.kernels.cpu import pointwise
from minnet.kernels.cpu.layer import CODES, NONE, layer_backward_block, layer_block
from minnet.kernels.cpu.matmul import FMAS_A_NANOSECOND, NO_BIAS, grid
from minnet.kernels.cpu.reduce import BLOCK
from minnet.kernels.engine import get_matmul
from minnet.kernels.jit import NotAccepted, block, device, kernel, least_work
from minnet.kernels.simd import address, pointer
from minnet.kernels.threads import get_num_threads

# What stands for no matrix and no bias.
NOTHING = {dtype: [np.empty((0, 0), dtype), NO_BIAS[dtype]] for dtype in NO_BIAS}

# The ways through the layers. Only FORWARD keeps what it gets on the way, the outputs of all
# layers; the others need no more than two layers' outputs, or gradients, at a time.
INFERENCE, FORWARD, BACKWARD, BACKWARD_TO_INPUT = range(4)

# A step is a layer's row of these numbers. First what its shape tells. The activation is that after
# the layer, or on the way back that before it; PLACE is where among the others its outputs begin,
# or on the way back the gradient of its input; a grid is two, (blocks of rows, of columns).
WAY, SAMPLES, INPUTS, OUTPUTS, ACTIVATION, PLACE, TASKS, GRID, DW_GRID = 0, 1, 2, 3, 4, 5, 6, 7, 9
# Then addresses, 0 for what is not wanted. On the way back Y is dy, and BIAS is db.
X, W, Y, DX, DW, BIAS, BIAS_SIZE, COLUMNS = 11, 12, 13, 14, 15, 16, 17, 18
TOGETHER = 4  # layers whose addresses are taken in one call

Sizes = tuple[int, ...]
Names = tuple[str | None, ...]
Kept = tuple[Any, ...]


def _accepts(steps: np.ndarray, layer: int, x: np.ndarray, *others: Any) -> bool:
    return all(
        type(array) is np.ndarray
        and (array.dtype, array.ndim) == (x.dtype, ndim)
        and array.flags.c_contiguous
        for array, ndim in zip((x, *others), (2, 1, 2, 1, *(2, 1) * TOGETHER), strict=True)
    )


@device
def _set(steps, layer, x, hidden, y, none, w, bias):
    if layer >= steps.shape[0]:
        return True
    step = steps[layer]
    if w.shape[0] != step[OUTPUTS] or w.shape[1] != step[INPUTS]:
        return False
    if bias.size != step[OUTPUTS] and address(bias) != address(none):
        return False
    step[X], step[W], step[Y] = address(x), address(w), address(y)
    step[BIAS], step[BIAS_SIZE] = address(bias), bias.size
    if layer > 0:
        step[X] = address(hidden) + steps[layer - 1, PLACE] * hidden.itemsize
    if layer < steps.shape[0] - 1:
        step[Y] = address(hidden) + step[PLACE] * hidden.itemsize
    return True


@kernel(accepts=_accepts)
def _set_forward(steps, layer, x, hidden, y, none, w0, b0, w1, b1, w2, b2, w3, b3):
    """Write the addresses of up to four layers from `layer` on, each of (W, bias).

    What the layers before the last one give goes into `hidden`; `none` is what stands for no bias.
    Returns whether the shapes are those of the layers. (Numba looks longer into a tuple.)
    """
    return (
        _set(steps, layer, x, hidden, y, none, w0, b0)
        and _set(steps, layer + 1, x, hidden, y, none, w1, b1)
        and _set(steps, layer + 2, x, hidden, y, none, w2, b2)
        and _set(steps, layer + 3, x, hidden, y, none, w3, b3)
    )


@device
def _set_back(steps, forward, layer, dx, between, dy, dw, db):
    last = forward.shape[0] - 1
    if layer > last or last - layer >= steps.shape[0]:
        return
    step = steps[last - layer]
    step[X], step[W], step[Y] = forward[layer, X], forward[layer, W], address(dy)
    step[BIAS], step[BIAS_SIZE] = address(db), db.size
    step[DW] = address(dw) if dw.size else 0
    if layer < last:
        step[Y] = address(between) + steps[last - layer - 1, PLACE] * between.itemsize
    if layer == 0:
        step[DX] = address(dx) if dx.size else 0
    elif last - layer < steps.shape[0] - 1:
        step[DX] = address(between) + step[PLACE] * between.itemsize


@kernel
def _set_backward(steps, forward, layer, dx, between, dy, w0, b0, w1, b1, w2, b2, w3, b3):
    """Write the addresses of up to four layers from `layer` on, each of (dW, db), the last first.

    dy is the gradient of what is put into the last activation, if there is one. Those of what is
    put into the others go into `between`.
    """
    _set_back(steps, forward, layer, dx, between, dy, w0, b0)
    _set_back(steps, forward, layer + 1, dx, between, dy, w1, b1)
    _set_back(steps, forward, layer + 2, dx, between, dy, w2, b2)
    _set_back(steps, forward, layer + 3, dx, between, dy, w3, b3)


@block
def _step(task, step, no_bias):
    """Compute block `task` of a step."""
    bias = carray(pointer(no_bias.dtype.type(0), step[BIAS]), step[BIAS_SIZE])
    if step[WAY] < BACKWARD:
        layer_block(
            task, step[GRID], step[GRID + 1], step[SAMPLES], step[INPUTS], step[OUTPUTS],
            step[X], step[W], bias, step[Y], step[ACTIVATION],
        )  # fmt: skip
    else:
        layer_backward_block(
            task, step[GRID], step[GRID + 1], step[DW_GRID], step[DW_GRID + 1], step[TASKS],
            step[SAMPLES], step[INPUTS], step[OUTPUTS],
            step[X], step[W], step[Y], step[DX], step[DW], bias, step[ACTIVATION], no_bias,
        )  # fmt: skip


@kernel(parallel=True)
def _run(steps, no_bias):
    for i in range(steps.shape[0]):
        if steps[i, TASKS] == 1:
            _step(0, steps[i], no_bias)
        else:
            for task in prange(steps[i, TASKS]):
                _step(int64(task), steps[i], no_bias)


@lru_cache(256)
def _plan(
    way: int, samples: int, sizes: Sizes, names: Names, least: float, threads: int
) -> tuple[np.ndarray, bool, int]:
    """Return the steps without addresses, whether the threads share any, and how much they keep.

    `sizes` are the inputs, and the outputs of each layer. A layer of `least` nanoseconds of work
    and more is shared by the threads.
    """
    steps = np.zeros((len(names), COLUMNS), np.int64)
    codes = [NONE, *[CODES[name] for name in names]]
    half = max(sizes[1:-1], default=0)
    shared, end = False, 0
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        if way < BACKWARD:
            products, columns, activation = 1, outputs, codes[layer + 1]
            kept = outputs if layer < len(names) - 1 else 0
        else:
            products, columns, activation = 2, inputs, codes[layer]
            kept = inputs if layer else 0
            if layer == 0 and way == BACKWARD:
                products = 1
        place = sum(sizes[1 : layer + 1]) if way == FORWARD else layer % 2 * half
        end = max(end, place + kept)
        tasks = 1
        if products * samples * inputs * outputs / FMAS_A_NANOSECOND >= least:
            tasks, shared = threads, True
        steps[layer, :GRID] = way, samples, inputs, outputs, activation, samples * place, tasks
        steps[layer, GRID:X] = *grid(samples, columns, tasks), *grid(outputs, inputs, tasks)
    return steps if way < BACKWARD else steps[::-1].copy(), shared, samples * end


def mlp(arrays: Sequence[Any], names: Names, keep: bool) -> tuple[np.ndarray, Kept] | None:
    """Return the last layer's output, and if it is to `keep` it what `mlp_backward` reads.

    Args:
        arrays: x, (N, I) with N from 1 to BLOCK, and of each layer W, (O, I), and the bias, (O,) or
            None. All are contiguous, of no size 0, and of one dtype, float32 or float64. For
            others, and where a BLAS multiplies, None is returned.
        names: the activations', "relu", "tanh", "sigmoid" or None.
    """
    x, *parameters = arrays
    if type(x) is not np.ndarray or x.ndim != 2 or not 0 < len(x) <= BLOCK:
        return None
    dtype = x.dtype
    if dtype not in NOTHING or get_matmul() == "blas":
        return None
    none = NOTHING[dtype]
    parameters = [none[1] if array is None else array for array in parameters]
    weights = parameters[::2]
    sizes = x.shape[1], *[len(w) if type(w) is np.ndarray and w.ndim else 0 for w in weights]
    if not all(sizes):
        return None
    samples = len(x)
    way = FORWARD if keep else INFERENCE
    plan, shared, size = _plan(way, samples, sizes, names, least_work(), get_num_threads())
    steps, hidden, y = plan.copy(), empty((size,), dtype), empty((samples, sizes[-1]), dtype)
    padded = parameters + none * (-len(names) % TOGETHER)
    for layer in range(0, len(names), TOGETHER):
        some = padded[2 * layer : 2 * (layer + TOGETHER)]
        try:
            if not _set_forward.serial(steps, layer, x, hidden, y, none[1], *some):
                return None
        except NotAccepted:
            return None
    (_run.parallel if shared else _run.serial)(steps, none[1])
    return y, ([x, *parameters], steps, sizes, names, hidden, y)


def _kept_of(x: np.ndarray, w: np.ndarray) -> Kept:
    """Return what `mlp_backward` reads of one layer without an activation."""
    steps = np.zeros((1, COLUMNS), np.int64)
    steps[0, X], steps[0, W] = x.ctypes.data, w.ctypes.data
    return [x, w, w[:, 0]], steps, (w.shape[1], len(w)), (None,), None, None


def mlp_backward(dy: np.ndarray, kept: Kept, wanted: Sequence[int]) -> list[np.ndarray]:
    """Return the gradients of x, and of W and the bias of each layer.

    Those at other positions than `wanted` are empty.
    """
    arrays, forward, sizes, names, _, y = kept  # _ and the arrays have what the steps point to
    x = arrays[0]
    none = NOTHING[x.dtype]
    gradients = none[:1] + none * len(names)
    for position in wanted:
        gradients[position] = empty(arrays[position].shape, x.dtype)
    way = BACKWARD_TO_INPUT if 0 in wanted else BACKWARD
    plan, shared, size = _plan(way, len(x), sizes, names, least_work(), get_num_threads())
    if names[-1] is not None:
        dy = pointwise.FUNCTIONS[f"{names[-1]}_backward"](dy, y)
    elif not dy.flags.carray:
        dy = dy.copy()
    first = max(min(wanted) - 1, 0) // 2
    steps, between = plan[: len(names) - first].copy(), empty((size,), x.dtype)
    padded = gradients + none * (-len(names) % TOGETHER)
    for layer in range(0, len(names), TOGETHER):
        some = padded[2 * layer + 1 : 2 * (layer + TOGETHER) + 1]
        _set_backward.serial(steps, forward, layer, gradients[0], between, dy, *some)
    (_run.parallel if shared else _run.serial)(steps, none[1])
    return gradients
