"""Losses of a class among several: each is one node."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.arithmetic import check_tensors, only_floating
from minnet.functional.linear import linear
from minnet.functional.loss.reduction import checked, in_dtype, reduced, scalar_type
from minnet.functional.shape import reshape
from minnet.functional.softmax import _log_softmax  # noqa: F401 - V has it
from minnet.operation import Tensor, composite, operation
from minnet.recorder import apply
from minnet.variable import wrap
from minnet.vocabulary import arrays

# By the index of the class


def _by_class(array: np.ndarray) -> np.ndarray:
    """Return (C,), (N, C) or (N, C, d1, ...) as a matrix with one row for each target."""
    if array.ndim == 2 and array.flags.c_contiguous:
        return array
    moved = np.moveaxis(array, 1, -1) if array.ndim > 2 else array
    rows = math.prod(moved.shape[:-1]), moved.shape[-1]
    return kernels.contiguous(moved).reshape(rows)


def _by_shape(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the rows of `_by_class` in the shape that they came from."""
    if len(shape) > 2:
        return kernels.contiguous(np.moveaxis(rows.reshape(shape[0], *shape[2:], shape[1]), -1, 1))
    return rows.reshape(shape)


def _class_dim(shape: Sequence[int]) -> int:
    return 1 if len(shape) > 1 else 0


def _without_classes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def _indices(input: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the checked class indices, (N,) in int64, that belong to the rows of an input."""
    shape = input.shape
    ndim = len(shape)
    if target.shape != shape[:1] + shape[2:] if ndim > 1 else not ndim or target.size != 1:
        raise _misfit(shape, target.shape)
    if target.dtype not in (np.int64, np.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_type(target)}; class "
            "indices are int64, and class probabilities have the shape of the input"
        )
    if weight is not None:
        _class_weights(weight, shape[min(1, ndim - 1)])
        if weight.dtype != input.dtype:
            raise RuntimeError(
                f"expected scalar type {scalar_type(input)} but found {scalar_type(weight)} for "
                "the weight"
            )
    return target.reshape(-1).astype(np.int64, copy=False)


def _misfit(input: tuple[int, ...], target: tuple[int, ...]) -> Exception:
    """Return the error for class indices whose shape does not fit the input's."""
    if not input:
        return ValueError("Expected 1 or more dimensions (got 0)")
    if len(input) == 1:
        size = math.prod(target)
        return ValueError(f"For 1D input, 1D target must have size 1, but got target size: {size}")
    if target[:1] != input[:1]:
        got = target[0] if target else 1
        return ValueError(
            f"Expected input batch_size ({input[0]}) to match target batch_size ({got})."
        )
    if len(input) == 2:
        return RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported; got a target of shape "
            f"{list(target)}"
        )
    return RuntimeError(f"Expected target size {[input[0], *input[2:]]}, got {list(target)}")


def _class_weights(weight: np.ndarray | None, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )


def _counted(
    indices: np.ndarray, weight: Any, ignore_index: int, classes: int, like: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the weight of each target, 0 of one that does not count, and their sum.

    Raises:
        IndexError: if one that counts is out of range.
    """
    k = kernels.of(like)
    count = k.check_target(indices, classes, ignore_index)
    counts = indices != ignore_index
    if weight is None:
        return counts.astype(like.dtype), float(count)
    share = np.where(counts, weight[np.where(counts, indices, 0)], weight.dtype.type(0))
    return share, float(k.sum(share))


def _of_rows(dy: np.ndarray, reduction: str, divisor: Any) -> np.ndarray:
    """Return what a gradient is for each row: (N,), or (1,) for all."""
    if reduction == "none":
        return kernels.contiguous(dy).reshape(-1)
    # Not the quotient's `reshape`: of a scalar's, CPython's cache of attributes keeps the name that
    # NumPy makes anew for each call, up to 4096 of them.
    return np.true_divide(dy.reshape(1), divisor if reduction == "mean" else 1.0, dtype=dy.dtype)


def _shape_by_index(shapes: Sequence[tuple[int, ...]], how: Any) -> tuple[int, ...]:
    return shapes[1] if how[1] == "none" and len(shapes[0]) > 1 else ()


def _node_by_index(input: Any) -> str:
    return "NllLossBackward0" if input.ndim < 3 else "NllLoss2DBackward0"


_by_index = partial(operation, tensors=3, numbers=False, optional="weight", where="")


@_by_index(
    _node_by_index,
    lambda V, dy, target, weight, how, shapes: V.nll_backward(dy, target, weight, how, shapes[0]),
    shape=_shape_by_index,
)
def nll_loss_nd(input: Tensor, target: Tensor, weight: Any, how: tuple[int, str]) -> Tensor:
    """loss = -weight[target] input[target]    how: the index to ignore, the reduction"""
    indices, rows = _indices(input, target, weight), _by_class(input)
    share, divisor = _counted(indices, weight, how[0], rows.shape[1], input)
    places = np.flatnonzero(indices != how[0])
    loss = kernels.zeros(indices.shape, input)
    loss[places] = -(rows[places, indices[places]] * share[places])
    return reduced(loss, how[1], target.shape if input.ndim > 1 else (), divisor)


@_by_index(
    "NllLossBackwardBackward0",
    lambda V, dy, target, weight, how: V.nll_loss_nd(dy, target, weight, how),
)
def nll_backward(dy: Tensor, target: Tensor, weight: Any, how: Any, shape: Any) -> Tensor:
    """Return the gradient of `nll_loss_nd` for an input of a shape. Each is the other's adjoint."""
    indices = target.reshape(-1).astype(np.int64, copy=False)
    classes = shape[_class_dim(shape)]
    share, divisor = _counted(indices, weight, how[0], classes, dy)
    places = np.flatnonzero(indices != how[0])
    gradient = kernels.zeros((len(indices), classes), dy)
    gradient[places, indices[places]] = -(_of_rows(dy, how[1], divisor) * share)[places]
    return _by_shape(gradient, shape)


def _from_kept(V: Any, dy: Any, input: Any, target: Any, weight: Any, how: Any, kept: Any) -> Any:
    return V.cross_entropy_backward(dy, input, target, weight, how, kept)


@_by_index(
    _node_by_index,
    _from_kept,
    keeps="intermediate",
    remade="input weight",
    quiet=True,
    shape=_shape_by_index,
)
def cross_entropy_loss(
    input: Tensor, target: Tensor, weight: Any, how: tuple[int, str], keep: bool = True
) -> Any:
    """loss = -weight[target] log softmax(input)[target]; a mean is weighted, too."""
    if type(input) is not type(target):
        kernels.one_device((input, target))
    k, (ignore_index, reduction) = kernels.of(input), how
    indices, rows = _indices(input, target, weight), _by_class(input)
    shape = target.shape if input.ndim > 1 else ()
    if weight is None:
        value, saved, divisor = k.cross_entropy(rows, indices, ignore_index, reduction)
        value = value.reshape(shape) if reduction == "none" else value
        return value, (saved, indices, None, divisor)
    share, divisor = _counted(indices, weight, ignore_index, rows.shape[1], input)
    loss, saved, _ = k.cross_entropy(rows, indices, ignore_index)
    with np.errstate(all="ignore"):
        value = reduced(loss * share, reduction, shape, divisor)
    return value, (saved, indices, share, divisor)


def _layered(V: Any, dy: Any, input: Any, target: Any, weight: Any, how: Any, _: Any) -> Any:
    """Return the gradient of nll_loss(log_softmax(input), ...)."""
    dim = _class_dim(input.shape)
    dy = V.nll_backward(dy, target, weight, how, input.shape)
    return V.log_softmax_backward(dy, V._log_softmax(input, dim), dim)


@_by_index(
    "NllLossBackwardBackward0",
    fused=_layered,
    tensors=4,
    quiet=True,
    shape=lambda shapes: shapes[1],
)
def cross_entropy_backward(
    dy: Tensor, input: Tensor, target: Tensor, weight: Any, how: Any, kept: Any
) -> Tensor:
    """Return the gradient of `cross_entropy_loss`, from what it kept or all anew."""
    if kept is None:
        kept = cross_entropy_loss.operation.value(input, target, weight, how)[1]
    saved, indices, share, divisor = kept
    divisor = divisor if how[1] == "mean" else 1.0
    if share is not None:
        with np.errstate(all="ignore"):
            dy, divisor = _of_rows(dy, how[1], divisor) * share, 1.0
    gradient = kernels.of(dy).cross_entropy_backward(dy, saved, indices, how[0], divisor)
    return _by_shape(gradient, input.shape)


# By the probability of each class


def _smoothed(V: Any, target: Any, smoothing: float, dim: int) -> Any:
    if not smoothing:
        return target
    return V.add(V.mul(target, 1 - smoothing), smoothing / max(target.shape[dim], 1))


def _q_and_log_p(V: Any, input: Any, target: Any, weight: Any, smoothing: float) -> Any:
    """Return the target's probabilities, smoothed and weighted, and the logarithm of softmax."""
    dim = _class_dim(input.shape)
    q = _smoothed(V, target, smoothing, dim)
    return q if weight is None else V.mul(q, weight), V._log_softmax(input, dim)


def _soft_gradients(
    V: Any,
    dy: Any,
    wanted: Any,
    input: Any,
    target: Any,
    weight: Any,
    ignored: Any,
    how: Any,
    kept: Any,
) -> Any:
    (reduction, smoothing, divisor), shape = how, input.shape
    dim = _class_dim(shape)
    q, log_p = kept or _q_and_log_p(V, input, target, weight, smoothing)
    if reduction == "none":
        dy = V.reshape(dy, (*shape[:dim], 1, *shape[dim + 1 :]))
    dy = V.neg(V.div(dy, divisor) if reduction == "mean" else dy)
    dx = dt = dw = None
    if 0 in wanted:
        dx = V.mul(q, dy)
        if ignored is not None:  # 0 also where nothing counts, and a mean of it is 0 / 0
            dx = V.ifelse(ignored, 0.0, dx)
        dx = V.log_softmax_backward(dx, log_p, dim)
    if 1 in wanted:
        dt = V.mul(log_p, V.mul(dy, 1 - smoothing))
        dt = dt if weight is None else V.mul(dt, weight)
    if 2 in wanted:
        dw = V.mul(V.mul(log_p, dy), _smoothed(V, target, smoothing, dim))
    return dx, dt, dw


@operation(
    "CrossEntropyBackward0",
    joint=_soft_gradients,
    tensors=4,
    optional="weight ignored",
    keeps="intermediate",
    remade="input",
    where="",
    shape=lambda shapes, how: _without_classes(shapes[0]) if how[0] == "none" else (),
)
def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Any, ignored: Any, how: Any, keep: bool = False
) -> Any:
    """loss = -sum(q weight log softmax(input)), q the target's probabilities, smoothed.

    how: the reduction, the smoothing, what a mean divides by
    """
    reduction, smoothing, divisor = how
    q, log_p = _q_and_log_p(arrays, input, target, weight, smoothing)
    terms = q * log_p
    if ignored is not None:
        terms = np.where(ignored, input.dtype.type(0), terms)
    loss = -kernels.of(input).sum(_by_class(terms), 1)
    return reduced(loss, reduction, _without_classes(input.shape), divisor), (q, log_p)


def _by_probability(input: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    """Return the loss of targets that are probabilities."""
    given = input, target, weight
    dtype = dtypes.common(*(x.array for x in given if x is not None))
    input, target, weight = (in_dtype(x, dtype) for x in given)
    shape = input.array.shape
    if weight is not None and len(shape) > 2:
        weight = reshape(weight, -1, *[1] * (len(shape) - 2))
    divisor = float(math.prod(shape) // max(shape[_class_dim(shape)], 1))
    return _soft_cross_entropy(input, target, weight, None, (reduction, smoothing, divisor))


def _smoothed_by_index(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """Return the smoothed loss of targets that are indices."""
    x, w = input.array, None if weight is None else weight.array
    indices, shape = _indices(x, target.array, w), x.shape
    classes = shape[_class_dim(shape)]
    divisor = _counted(indices, w, ignore_index, classes, x)[1]
    ignored = indices == ignore_index
    places = np.flatnonzero(~ignored)
    q = kernels.zeros((len(indices), classes), x)
    q[places, indices[places]] = 1
    # torch weights a hard target by its own class, and the smoothing by each class's.
    q = _smoothed(arrays, q, smoothing, 1)
    q = q if w is None else q * w
    q = _by_shape(np.where(ignored[:, None], x.dtype.type(0), q), shape)
    ignored = ignored.reshape((shape[0], 1, *shape[2:]) if len(shape) > 1 else (1,))
    how = reduction, 0.0, divisor
    return _soft_cross_entropy(input, wrap(q), None, wrap(ignored), how)


@composite(where="F")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy between logits and targets: -log softmax(input)[target].

    Args:
        input: logits (C,), (N, C) or (N, C, d1, ...), floating point.
        target: class indices in int64 of shape (), (N,) or (N, d1, ...), or class probabilities of
            the input's shape.
        weight: a factor for each class, (C,). The mean is weighted by it (for class indices).
        ignore_index: the class index that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: how much of each target's probability is spread over all classes (Szegedy,
            Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception architecture", 2016).

    Raises:
        IndexError: if a class index is out of range.
        ValueError, RuntimeError: if shapes or dtypes do not fit together.

    Example:
        >>> import minnet
        >>> logits = minnet.tensor([[2.0, 0.0], [0.0, 3.0]])
        >>> minnet.nn.functional.cross_entropy(logits, minnet.tensor([0, 1]))
        tensor(0.0878)
    """
    reduction = checked(
        "cross_entropy_loss",
        reduction,
        size_average,
        reduce,
        input=input,
        target=target,
        weight=weight,
    )
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    x, t = input.array, target.array
    by_probability = x.shape == t.shape
    if by_probability:
        if t.dtype.kind != "f":
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{scalar_type(t)}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        if weight is not None and x.ndim:
            _class_weights(weight.array, x.shape[_class_dim(x.shape)])
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    only_floating(x, "log_softmax_kernel")
    if by_probability:
        return _by_probability(input, target, weight, reduction, float(label_smoothing))
    if label_smoothing:
        return _smoothed_by_index(
            input, target, weight, ignore_index, reduction, float(label_smoothing)
        )
    declared = cross_entropy_loss.operation
    return apply(declared, (input, target, weight), ((ignore_index, reduction),))


@composite(where="F")
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """Return the cross-entropy of the logits linear(input, linear_weight, linear_bias).

    Args:
        input: (N, D) or (D,).
        linear_weight: (C, D), or (C, d1, ..., D) for logits (N, C, d1, ...).
        target: as in `cross_entropy`.
        options: None; there is no computation in chunks.

    Raises:
        RuntimeError: if the shapes do not fit together.

    Example:
        >>> import minnet
        >>> x, w = minnet.ones(2, 3), minnet.zeros(4, 3)
        >>> minnet.nn.functional.linear_cross_entropy(x, w, minnet.tensor([0, 3]))
        tensor(1.3863)
    """
    if options is not None:
        raise NotImplementedError("linear_cross_entropy does not compute in chunks: options=None")
    check_tensors("linear_cross_entropy", input=input, linear_weight=linear_weight)
    x, w = input.array.shape, linear_weight.array.shape
    if len(x) not in (1, 2) or len(w) < 2 or x[-1] != w[-1] or (len(w) > 2 and len(x) < 2):
        raise RuntimeError(
            "expected an input (N, D) or (D,), and linear_weight (C, D), or for the former (C, d1, "
            f"..., D); got {list(x)} and {list(w)}"
        )
    if linear_bias is not None:
        if linear_bias.array.shape != w[:-1]:
            raise RuntimeError(
                f"expected linear_bias shape {w[:-1]}, got {linear_bias.array.shape}"
            )
        linear_bias = reshape(linear_bias, -1)
    logits = linear(input, reshape(linear_weight, -1, w[-1]), linear_bias)
    return cross_entropy(
        reshape(logits, *x[:-1], *w[:-1]),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


@composite(where="F")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood -input[target] of log-probabilities; see `cross_entropy`.

    Raises:
        IndexError: if a class index is out of range.
        ValueError, RuntimeError: if shapes or dtypes do not fit together.

    Example:
        >>> import minnet
        >>> log_p = minnet.log_softmax(minnet.tensor([[2.0, 0.0], [0.0, 3.0]]), dim=1)
        >>> minnet.nn.functional.nll_loss(log_p, minnet.tensor([0, 1]))
        tensor(0.0878)
    """
    reduction = checked(
        "nll_loss_nd", reduction, size_average, reduce, input=input, target=target, weight=weight
    )
    only_floating(input.array, "nll_loss_out_frame")
    return nll_loss_nd(input, target, weight, (ignore_index, reduction))
