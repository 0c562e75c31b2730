"""Losses, and the softmax family they are made from. Each is one node."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional import arithmetic
from minnet.functional.arithmetic import (
    check_tensors,
    div,
    floating,
    mul,
    only_floating,
    promoted,
    sub,
)
from minnet.functional.reduce import axes_of, shape_over, sum
from minnet.functional.shape import cast, reshape
from minnet.operation import Tensor, composite, operation
from minnet.recorder import apply
from minnet.size import Size, axis
from minnet.variable import wrap
from minnet.vocabulary import arrays


def _checked(
    function: str, reduction: str, size_average: Any = None, reduce: Any = None, **inputs: Any
) -> str:
    """Return the reduction; torch's two old flags overrule it, with a warning.

    Raises:
        TypeError: if an input is no tensor; a weight may be None.
        ValueError: if there is no such reduction.
    """
    check_tensors(function, "weight pos_weight", **inputs)
    if size_average is not None or reduce is not None:
        average = size_average is None or size_average
        reduction = ("mean" if average else "sum") if reduce is None or reduce else "none"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'"
        )
    return reduction


def _scalar_type(array: np.ndarray) -> str:
    return dtypes.of(array).tensor_type


def _reduced(values: Any, reduction: str, shape: Any, divisor: Any = None) -> np.ndarray:
    """Return losses in a shape, or their sum, or that divided: by their number, if not given."""
    values = kernels.as_array(values)
    if reduction == "none":
        return values.reshape(shape)
    divisor = (values.size if divisor is None else divisor) if reduction == "mean" else 1
    return kernels.of(values).total(values.reshape(1, -1, 1), divisor).reshape(())


def _each(V: Any, dy: Any, reduction: str, shape: Sequence[int]) -> Any:
    """Return the gradient of each element of a shape that was reduced: one for all, or for each."""
    return V.div(dy, max(math.prod(shape), 1)) if reduction == "mean" else dy


def _shape_reduced(shapes: Sequence[tuple[int, ...]], reduction: str) -> tuple[int, ...]:
    return np.broadcast_shapes(*shapes) if reduction == "none" else ()


def _cast(x: Any, dtype: np.dtype) -> Any:
    return x if x is None or x.array.dtype == dtype else cast(x, dtype)


# Softmax


_internal = partial(operation, where="", quiet=True)


@_internal(
    "SoftmaxBackwardDataBackward0",
    fused=lambda V, dy, y, axes: V.mul(V.sub(dy, V.sum(V.mul(dy, y), axes, True)), y),
    tensors=2,
)
def softmax_backward(dy: Tensor, y: Tensor, axes: Any) -> Tensor:
    """Return the gradient of `_softmax`, which gave y."""
    found = kernels.of(dy).softmax_backward(np.atleast_1d(dy), np.atleast_1d(y), axes)
    return found.reshape(y.shape)


@_internal(
    "LogSoftmaxBackwardDataBackward0",
    fused=lambda V, dy, y, dim: V.sub(dy, V.mul(V.exp(y), V.sum(dy, dim, True))),
    tensors=2,
)
def log_softmax_backward(dy: Tensor, y: Tensor, dim: int) -> Tensor:
    """Return the gradient of `_log_softmax`, which gave y."""
    found = kernels.of(dy).log_softmax_backward(np.atleast_1d(dy), np.atleast_1d(y), dim)
    return found.reshape(y.shape)


@_internal("SoftmaxBackward0", lambda V, dy, result, axes: V.softmax_backward(dy, result, axes))
def _softmax(input: Tensor, axes: Any) -> Tensor:
    return kernels.of(input).softmax(np.atleast_1d(input), axes).reshape(input.shape)


@_internal(
    "LogSoftmaxBackward0", lambda V, dy, result, dim: V.log_softmax_backward(dy, result, dim)
)
def _log_softmax(input: Tensor, dim: int) -> Tensor:
    return kernels.of(input).log_softmax(np.atleast_1d(input), dim).reshape(input.shape)


def _along(function: Any, input: Any, dim: Any, dtype: Any) -> Any:
    """Apply one of the two along a dim, or along torch's choice for None, with a warning."""
    name = function.operation.name.lstrip("_")
    _checked(name, "none", input=input)
    input = input if dtype is None else input.to(dtype)
    ndim = input.array.ndim
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to "
            "include dim=X as an argument.",
            stacklevel=4,
        )
        dim = 0 if ndim in (0, 1, 3) else 1
    elif isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(
            f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    only_floating(input.array, f"{name}_kernel")
    return function(input, axis(dim, ndim))


@composite(where="minnet F Tensor", out=True)
def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along a dim: positive numbers that sum to 1.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.softmax(minnet.tensor([[0.0, 0.0], [0.0, 100.0]]), dim=1)
        tensor([[5.0000e-01, 5.0000e-01],
                [3.7835e-44, 1.0000e+00]])
    """
    return _along(_softmax, input, dim, dtype)


@composite(where="minnet F Tensor", out=True)
def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Return x - log(sum(exp(x))) along a dim, without overflow or loss of small probabilities.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.log_softmax(minnet.tensor([0.0, 0.0, 1000.0]), dim=0)
        tensor([-1000., -1000.,     0.])
    """
    return _along(_log_softmax, input, dim, dtype)


def _spread_softmax(V: Any, dy: Any, input: Any, dim: Any) -> Any:
    axes = axes_of(dim, len(input.shape))
    if not axes:
        return dy
    dy = V.reshape(dy, tuple(1 if i in axes else n for i, n in enumerate(input.shape)))
    return V.mul(dy, V._softmax(input, axes))


@operation("LogsumexpBackward0", _spread_softmax, shape=shape_over, out="cast")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Return log(sum(exp(x))) over one or several dims, without overflow. Integers become floats.

    Raises:
        IndexError: if a dim is out of range.

    Example:
        >>> import minnet
        >>> minnet.logsumexp(minnet.tensor([[200.0, 200.0], [0.0, 0.0]]), 1)
        tensor([200.6931,   0.6931])
    """
    input = floating(input)
    return kernels.of(input).logsumexp(input, axes_of(dim, input.ndim), keepdim)


# Classification, by the index of the class


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
            f"expected target dtype to be Long or Byte, but got {_scalar_type(target)}; class "
            "indices are int64, and class probabilities have the shape of the input"
        )
    if weight is not None:
        _class_weights(weight, shape[min(1, ndim - 1)])
        if weight.dtype != input.dtype:
            raise RuntimeError(
                f"expected scalar type {_scalar_type(input)} but found {_scalar_type(weight)} for "
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
    return _reduced(loss, how[1], target.shape if input.ndim > 1 else (), divisor)


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
        value = _reduced(loss * share, reduction, shape, divisor)
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


# Classification, by the probability of each class


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
    return _reduced(loss, reduction, _without_classes(input.shape), divisor), (q, log_p)


def _by_probability(input: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    """Return the loss of targets that are probabilities."""
    given = input, target, weight
    dtype = dtypes.common(*(x.array for x in given if x is not None))
    input, target, weight = (_cast(x, dtype) for x in given)
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
    reduction = _checked(
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
                f"{_scalar_type(t)}"
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
    reduction = _checked(
        "nll_loss_nd", reduction, size_average, reduce, input=input, target=target, weight=weight
    )
    only_floating(input.array, "nll_loss_out_frame")
    return nll_loss_nd(input, target, weight, (ignore_index, reduction))


# Regression: losses of the difference of two tensors


def _smooth_l1(d: np.ndarray, beta: float) -> np.ndarray:
    away = np.abs(d)
    return np.where(away < beta, 0.5 * away * away / beta, away - 0.5 * beta)


def _huber(d: np.ndarray, delta: float) -> np.ndarray:
    away = np.abs(d)
    return np.where(away <= delta, 0.5 * away * away, delta * (away - 0.5 * delta))


# By torch's name, the loss of a difference and an option, and its derivative in V.
_PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "Mse": (lambda d, _: d * d, lambda V, d, _: V.add(d, d)),
    "L1": (lambda d, _: np.abs(d), lambda V, d, _: V.sign(d)),
    "SmoothL1": (_smooth_l1, lambda V, d, beta: V.hardtanh(V.div(d, beta), -1, 1)),
    "Huber": (_huber, lambda V, d, delta: V.hardtanh(d, -delta, delta)),
}


def _pair_gradients(
    V: Any, dy: Any, wanted: Any, input: Any, target: Any, name: str, reduction: str, option: float
) -> Any:
    d = V.sub(input, target)
    dx = V.mul(_each(V, dy, reduction, d.shape), _PAIRS[name][1](V, d, option))
    return dx, V.neg(dx) if 1 in wanted else None


@operation(
    lambda name: f"{name}LossBackward0",
    joint=_pair_gradients,
    tensors=2,
    numbers=False,
    where="",
    shape=_shape_reduced,
)
def pair_loss(
    input: Tensor, target: Tensor, name: str, reduction: str, option: float = 0.0
) -> Tensor:
    d = kernels.as_array(sub.operation.value(input, target))
    return _reduced(_PAIRS[name][0](d, option), reduction, d.shape)


def _squared_backward(
    V: Any, dy: Any, wanted: Sequence[int], input: Any, target: Any, divisor: int
) -> Any:
    dx = kernels.of(dy).squared_error_backward(dy, input, target, divisor)
    return dx, -dx if 1 in wanted else None


@_internal(
    "MseLossBackward0",
    joint=_squared_backward,
    fused=lambda V, x, y, divisor: V.div(V.sum(V.pow(V.sub(x, y), 2)), divisor),
    tensors=2,
    numbers=False,
    fits=True,
    shape=lambda: (),
)
def squared_error(input: Tensor, target: Tensor, divisor: int) -> Tensor:
    """loss = sum((input - target)²) / divisor, of two tensors alike"""
    return kernels.of(input).squared_error(input, target, divisor)


def _checked_pair(
    name: str, input: Any, target: Any, reduction: str, size_average: Any = None, reduce: Any = None
) -> str:
    """Return the checked reduction; warn if the shapes differ."""
    reduction = _checked(name, reduction, size_average, reduce, input=input, target=target)
    x, t = input.array, target.array
    if x.shape != t.shape:
        warnings.warn(
            f"Using a target size ({Size(t.shape)}) that is different to the input size "
            f"({Size(x.shape)}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
    if t.dtype.kind != "f":
        only_floating(x, name)
    return reduction


def _weighted(losses: Any, weight: Any, input: Any, reduction: str) -> Any:
    """Return losses times weights, or their sum, or that divided by the sum of the weights."""
    if weight.array.shape != input.array.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = mul(losses, weight)
    if reduction == "none":
        return losses
    return sum(losses) if reduction == "sum" else div(sum(losses), sum(weight))


@composite(where="F")
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the squared difference (input - target)², its mean by default, that with weights.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if the shapes do not broadcast.
        ValueError: if the weights have not the input's shape.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.mse_loss(minnet.tensor([1.0, 2.0]), minnet.tensor([1.0, 4.0]))
        tensor(2.)
    """
    reduction = _checked_pair("mse_loss", input, target, reduction, size_average, reduce)
    if weight is not None:
        return _weighted(pair_loss(input, target, "Mse", "none"), weight, input, reduction)
    x, y = input.array, target.array
    if reduction == "none" or x.shape != y.shape or x.dtype is not y.dtype:
        return pair_loss(input, target, "Mse", reduction)
    divisor = x.size if reduction == "mean" else 1
    return apply(squared_error.operation, (input, target), (divisor,))


@composite(where="F")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the absolute difference |input - target|, its mean by default, that with weights.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if the shapes do not broadcast.
        ValueError: if the weights have not the input's shape.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.l1_loss(minnet.tensor([1.0, 2.0]), minnet.tensor([1.0, 4.0]))
        tensor(1.)
    """
    reduction = _checked_pair("l1_loss", input, target, reduction, size_average, reduce)
    if weight is not None:
        return _weighted(pair_loss(input, target, "L1", "none"), weight, input, reduction)
    return pair_loss(input, target, "L1", reduction)


@composite(where="F")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return d² / (2 beta) where d = |input - target| is below beta, else d - beta / 2.

    Girshick, "Fast R-CNN" (2015). With beta = 0 it is `l1_loss`.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if beta is negative, or the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([0.5, 3.0]), minnet.zeros(2)
        >>> minnet.nn.functional.smooth_l1_loss(x, y, reduction="none")
        tensor([0.1250, 2.5000])
    """
    reduction = _checked_pair("smooth_l1_loss", input, target, reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. Got: {beta}")
    return pair_loss(input, target, "SmoothL1" if beta else "L1", reduction, float(beta))


@composite(where="F")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return d² / 2 where d = |input - target| is at most delta, else delta (d - delta / 2).

    Huber, "Robust estimation of a location parameter" (1964). The mean of what is weighted is, as
    torch's, over the number of elements.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if delta is not positive, or the shapes do not broadcast.
        ValueError: if the weights have not the input's shape.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([0.5, 3.0]), minnet.zeros(2)
        >>> minnet.nn.functional.huber_loss(x, y, reduction="none", delta=2.0)
        tensor([0.1250, 4.0000])
    """
    reduction = _checked_pair("huber_loss", input, target, reduction)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta. Got: {delta}"
        )
    if weight is not None:
        losses = pair_loss(input, target, "Huber", "none", float(delta))
        found = _weighted(losses, weight, input, "none" if reduction == "none" else "sum")
        return div(found, losses.array.size) if reduction == "mean" else found
    return pair_loss(input, target, "Huber", reduction, float(delta))


# Binary classification


def _factor(factor: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Return a factor for each element of `like`, or one for all."""
    if factor is None or factor.size == 1:
        return np.full(1, 1 if factor is None else factor.item(), like.dtype, like=like)
    # Raises torch's error unless they broadcast.
    if arithmetic.apply(np.add, like, factor).shape != like.shape:
        raise RuntimeError(
            f"a weight of shape {list(factor.shape)} does not broadcast to the input's shape "
            f"{list(like.shape)}"
        )
    return np.broadcast_to(factor, like.shape)


def _times(V: Any, x: Any, factor: Any) -> Any:
    return x if factor is None else V.mul(factor, x)


def _bce_slope(V: Any, dy: Any, input: Any, target: Any, weight: Any, pos_weight: Any) -> Any:
    share = _times(V, target, pos_weight)
    slope = V.sub(V.mul(V.sub(V.add(share, 1), target), V.sigmoid(input)), share)
    return V.mul(dy, _times(V, slope, weight))


_weighed = partial(operation, optional="weight pos_weight", where="")


@_weighed("BinaryCrossEntropyWithLogitsBackwardBackward0", fused=_bce_slope, tensors=5)
def bce_backward(dy: Tensor, input: Tensor, target: Tensor, weight: Any, pos_weight: Any) -> Tensor:
    """Return the gradient for the logits, from one for each loss or one for all."""
    x, t = promoted(input, target)
    factors = _factor(weight, x), _factor(pos_weight, x)
    return kernels.of(x).bce_with_logits_backward(kernels.as_array(dy), x, t, *factors)


def _bce_gradients(
    V: Any,
    dy: Any,
    wanted: Any,
    input: Any,
    target: Any,
    weight: Any,
    pos_weight: Any,
    reduction: str,
) -> Any:
    dy = _each(V, dy, reduction, input.shape)
    dx = dt = dw = dp = None
    if 0 in wanted:
        dx = V.bce_backward(dy, input, target, weight, pos_weight)
    if pos_weight is not None and (1 in wanted or 3 in wanted):
        minus_log_sigmoid = V.bce_loss(input, V.filled(input, 1), None, None, "none")
    if 1 in wanted:
        slope = V.rsub(input, 0.0)
        if pos_weight is not None:
            slope = V.sub(V.mul(minus_log_sigmoid, V.sub(pos_weight, 1)), input)
        dt = V.mul(dy, _times(V, slope, weight))
    if 2 in wanted:
        dw = V.mul(dy, V.bce_loss(input, target, None, pos_weight, "none"))
    if 3 in wanted:
        dp = V.mul(dy, _times(V, V.mul(target, minus_log_sigmoid), weight))
    return dx, dt, dw, dp


@_weighed(
    "BinaryCrossEntropyWithLogitsBackward0",
    joint=_bce_gradients,
    tensors=4,
    numbers=False,
    shape=_shape_reduced,
)
def bce_loss(input: Tensor, target: Tensor, weight: Any, pos_weight: Any, reduction: str) -> Tensor:
    """loss = weight ((1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x))"""
    x, t = promoted(input, target)
    loss = kernels.of(x).bce_with_logits(x, t, _factor(weight, x), _factor(pos_weight, x))
    return _reduced(loss, reduction, x.shape)


@composite(where="F")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), for logits x and targets t in [0, 1].

    Args:
        weight: a factor for each element; it broadcasts to the input.
        pos_weight: a factor for the first term alone; it broadcasts to the input.

    Raises:
        ValueError: if the shapes of input and target differ.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([0.0, 2.0]), minnet.tensor([1.0, 0.0])
        >>> minnet.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
        tensor([0.6931, 2.1269])
    """
    reduction = _checked(
        "binary_cross_entropy_with_logits",
        reduction,
        size_average,
        reduce,
        input=input,
        target=target,
        weight=weight,
        pos_weight=pos_weight,
    )
    x, t = input.array, target.array
    if x.shape != t.shape:
        raise ValueError(
            f"Target size ({Size(t.shape)}) must be the same as input size ({Size(x.shape)})"
        )
    only_floating(x, "log_sigmoid")
    if t.dtype.kind != "f":
        raise RuntimeError(
            f"result type {_scalar_type(x)} can't be cast to the desired output type "
            f"{_scalar_type(t)}; convert the target with .to(input.dtype)"
        )
    dtype = dtypes.common(x, t)
    factors = [_cast(w, dtype) for w in (weight, pos_weight)]
    for i, w in enumerate(factors):
        if w is not None and w.array.ndim > x.ndim and w.array.size == 1:  # one for all
            factors[i] = reshape(w, ())
    return bce_loss(input, target, *factors, reduction)
