"""Reductions of either device, over some axes of an array: sum, mean, softmax and its relatives.

They are brought to reductions over one dim here. Those, and the order of every sum, are in
`cpu/reduce.py` and `cuda/reduce.py`: `total`, and `reduce_rows` by a kernel's name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.kernels import as_array, of, zeros

Axes = int | Sequence[int] | None


def _normalized(axes: Axes, ndim: int) -> tuple[int, ...]:
    """Return the axes in rising order, counted from the first."""
    if axes is None:
        return tuple(range(ndim))
    if isinstance(axes, (int, np.integer)):
        return (axes + ndim if axes < 0 else axes,)
    return tuple(sorted(axis + ndim if axis < 0 else axis for axis in axes))


def _outer_n_inner(x: Any, axes: tuple[int, ...]) -> Any:
    """Return x as (outer, n, inner), n over the reduced axes; a copy where it must be."""
    if axes and axes[-1] - axes[0] != len(axes) - 1:  # not adjacent
        x = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
        axes = tuple(range(x.ndim - len(axes), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    shape = x.shape
    view = (math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:]))
    return (x if x.flags.c_contiguous else x.copy()).reshape(view)


def _reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> list[int]:
    if keepdims:
        return [1 if axis in axes else n for axis, n in enumerate(shape)]
    return [n for axis, n in enumerate(shape) if axis not in axes]


def sum(x: Any, axes: Axes = None, keepdims: bool = False) -> Any:
    """Return the sum over some axes, or all. Integers and booleans add up in int64."""
    axes = _normalized(axes, x.ndim)
    if x.dtype.kind in "biu":
        return as_array(np.sum(x, axis=axes, dtype=np.int64, keepdims=keepdims))
    view = _outer_n_inner(x, axes)
    return of(x).total(view, 1).reshape(_reduced_shape(x.shape, axes, keepdims))


def mean(x: Any, axes: Axes = None, keepdims: bool = False) -> Any:
    """Return the mean over some axes, or all: the float64 sum, divided, rounded once."""
    axes = _normalized(axes, x.ndim)
    view = _outer_n_inner(x, axes)
    return of(x).total(view, view.shape[1]).reshape(_reduced_shape(x.shape, axes, keepdims))


def sum_rows(dy: Any) -> Any:
    """Return the sum of the rows of a matrix, (N, O) -> (O,): the gradient of a bias."""
    return sum(dy, 0)


def _rows_of(x: Any, axes: tuple[int, ...]) -> Any:
    """Return x as (rows, n), where n runs over the given axes; a copy unless they are the last."""
    k = x.ndim - len(axes)
    moved = x if axes[:1] == (k,) else np.moveaxis(x, axes, range(k, x.ndim))
    n = math.prod(moved.shape[k:])
    return (moved if moved.flags.c_contiguous else moved.copy()).reshape(-1 if n else 0, n)


def _along(name: str, axes: Axes, *arrays: Any) -> Any:
    """Run a kernel on arrays of one shape as (rows, n); return its result in their shape."""
    x = arrays[0]
    axes = _normalized(axes, x.ndim)
    if x.size == 0:
        return np.empty_like(x)
    rows = [_rows_of(array, axes) for array in arrays]
    result = np.empty_like(rows[0])
    of(x).reduce_rows(name, *rows, result)
    if axes[:1] == (x.ndim - len(axes),):
        return result.reshape(x.shape)
    out = np.empty_like(x, order="C")
    moved = np.moveaxis(out, axes, range(x.ndim - len(axes), x.ndim))
    moved[...] = result.reshape(moved.shape)
    return out


def softmax(x: Any, axis: Axes) -> Any:
    """Return exp(x - m) / sum(exp(x - m)) along an axis, where m is the maximum."""
    return _along("softmax", axis, x)


def log_softmax(x: Any, axis: Axes) -> Any:
    """Return (x - m) - log(sum(exp(x - m))) along an axis, where m is the maximum."""
    return _along("log_softmax", axis, x)


def softmax_backward(dy: Any, y: Any, axis: Axes) -> Any:
    """Return (dy - sum(dy * y)) * y, where y is the result of `softmax`."""
    return _along("softmax_backward", axis, dy, y)


def log_softmax_backward(dy: Any, y: Any, axis: Axes) -> Any:
    """Return dy - exp(y) * sum(dy), where y is the result of `log_softmax`."""
    return _along("log_softmax_backward", axis, dy, y)


def logsumexp(x: Any, axes: Axes = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x - m))) + m over some axes, or all, where m is the maximum."""
    axes = _normalized(axes, x.ndim)
    shape = _reduced_shape(x.shape, axes, keepdims)
    if x.size == 0:
        return as_array(zeros(tuple(shape), x) - x.dtype.type(np.inf))
    rows = _rows_of(x, axes)
    out = np.empty_like(rows, shape=len(rows))
    of(x).reduce_rows("logsumexp", rows, out)
    return out.reshape(shape)


def standardize(x: Any, axes: Sequence[int], eps: float) -> tuple[Any, ...]:
    """Return x with mean 0 and variance 1 over some axes, what it was scaled by, and both.

    The axes are in rising order; those that are left lie side by side.
    """
    middle = mean(x, axes, True)
    x = x - middle
    variance = mean(x * x, axes, True)
    scale = 1 / np.sqrt(variance + eps)
    return x * scale, scale, middle, variance


def standardize_backward(dy: Any, y: Any, scale: Any, axes: Sequence[int]) -> Any:
    """Return the gradient of `standardize` for x, where y and `scale` are what it returned."""
    return ((dy - mean(dy, axes, True)) - y * mean(dy * y, axes, True)) * scale
