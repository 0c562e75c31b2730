"""Losses, and the softmax family they are made from. Each is one node."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import Variable, differentiable, joined, senders
from minnet.functional.arithmetic import apply, promoted
from minnet.operation import arrays
from minnet.functional.reduce import axes_of
from minnet.size import Size, axis

# Reductions


def _reduction(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """Return the checked reduction; torch's two old flags overrule it, with a warning."""
    if size_average is not None or reduce is not None:
        average = size_average is None or size_average
        reduction = ("mean" if average else "sum") if reduce is None or reduce else "none"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=4,
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'"
        )
    return reduction


def _reduced(values: Any, reduction: str) -> np.ndarray:
    values = kernels.as_array(values)
    if reduction == "none":
        return values
    divisor = values.size if reduction == "mean" else 1
    return kernels.of(values).total(values.reshape(1, -1, 1), divisor).reshape(())


def _each(dy: np.ndarray, n: int, reduction: str) -> np.ndarray:
    """Return the gradient of each of n elements that were reduced: one for all, unless "none"."""
    return dy / dy.dtype.type(max(n, 1)) if reduction == "mean" else dy


def _floating(name: str, *arrays: np.ndarray) -> None:
    for array in arrays:
        if array.dtype.kind != "f":
            tensor_type = dtypes.of(array).tensor_type
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{tensor_type}'; convert the tensor with .float()"
            )


def _tensors(function: str, *arguments: tuple[str, Any]) -> None:
    for position, (name, value) in enumerate(arguments, 1):
        if not isinstance(value, Variable):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be Tensor, "
                f"not {type(value).__name__}"
            )


# Softmax


def _implicit(name: str, ndim: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to "
        "include dim=X as an argument.",
        stacklevel=4,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _dim(name: str, input: Any, dim: int | None) -> int:
    ndim = input.array.ndim
    if dim is None:
        dim = _implicit(name, ndim)
    elif isinstance(dim, bool) or not isinstance(dim, int | np.integer):
        raise TypeError(
            f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    _floating(f"{name}_kernel", input.array)
    return axis(int(dim), ndim)


@differentiable("SoftmaxBackward0")
def _softmax(input: np.ndarray, dim: int) -> Any:
    k = kernels.of(input)
    result = k.softmax(np.atleast_1d(input), dim)

    def dx(dy: np.ndarray) -> np.ndarray:
        return k.softmax_backward(dy.reshape(result.shape), result, dim)

    return result.reshape(input.shape), (dx,)


@differentiable("LogSoftmaxBackward0")
def _log_softmax(input: np.ndarray, dim: int) -> Any:
    k = kernels.of(input)
    result = k.log_softmax(np.atleast_1d(input), dim)

    def dx(dy: np.ndarray) -> np.ndarray:
        return k.log_softmax_backward(dy.reshape(result.shape), result, dim)

    return result.reshape(input.shape), (dx,)


def softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
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
    _tensors("softmax", ("input", input))
    input = input if dtype is None else input.to(dtype)
    return _softmax(input, _dim("softmax", input, dim))


def log_softmax(input: Any, dim: int | None = None, *, dtype: Any = None) -> Any:
    """Return x - log(sum(exp(x))) along a dim, without overflow or loss of small probabilities.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.log_softmax(minnet.tensor([0.0, 0.0, 1000.0]), dim=0)
        tensor([-1000., -1000.,     0.])
    """
    _tensors("log_softmax", ("input", input))
    input = input if dtype is None else input.to(dtype)
    return _log_softmax(input, _dim("log_softmax", input, dim))


@differentiable("LogsumexpBackward0")
def _logsumexp(input: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
    k = kernels.of(input)
    result = k.logsumexp(input, axes, keepdim)

    def dx(dy: np.ndarray) -> np.ndarray:
        dy = dy if keepdim or not axes else np.expand_dims(dy, axes)
        return dy * k.softmax(input, axes) if axes else dy

    return result, (dx,)


def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """Return log(sum(exp(x))) over one or several dims, without overflow. Integers become floats.

    Raises:
        IndexError: if a dim is out of range.

    Example:
        >>> import minnet
        >>> minnet.logsumexp(minnet.tensor([[200.0, 200.0], [0.0, 0.0]]), 1)
        tensor([200.6931,   0.6931])
    """
    _tensors("logsumexp", ("input", input))
    if input.array.dtype.kind != "f":
        input = input.to(dtypes.get_default_dtype())
    return _logsumexp(input, axes_of(dim, input.array.ndim), keepdim)


# Classification


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


def _indices(input: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the checked class indices, (N,) in int64, that belong to the rows of an input."""
    shape = input.shape
    ndim = len(shape)
    if target.shape != shape[:1] + shape[2:] if ndim > 1 else not ndim or target.size != 1:
        raise _misfit(shape, target.shape)
    if target.dtype not in (np.int64, np.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {dtypes.of(target).tensor_type}; "
            "class indices are int64, and class probabilities have the shape of the input"
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


def _scalar_type(array: np.ndarray) -> str:
    return dtypes.of(array).tensor_type


def _class_weights(weight: np.ndarray | None, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes "
            f"but got weight tensor of shape: {list(weight.shape)}"
        )


def _averaged(
    loss: np.ndarray, shape: tuple[int, ...], reduction: str, divisor: Any
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the rows' reduced loss, and how a gradient of it spreads: (N,), or (1,) for all."""
    if reduction == "none":
        return loss.reshape(shape), lambda dy: kernels.contiguous(dy).reshape(-1)
    divisor = divisor if reduction == "mean" else 1.0
    value = kernels.of(loss).total(loss.reshape(1, -1, 1), divisor).reshape(())

    def spread(dy: np.ndarray) -> np.ndarray:
        # Not the quotient's `reshape`: of a scalar's, CPython's cache of attributes keeps the name
        # that NumPy makes anew for each call, up to 4096 of them.
        return np.true_divide(dy.reshape(1), divisor, dtype=dy.dtype)

    return value, spread


def _row_weights(weight: np.ndarray, target: np.ndarray, ignore_index: int) -> np.ndarray:
    kept = target != ignore_index
    return np.where(kept, weight[np.where(kept, target, 0)], weight.dtype.type(0))


def _cross_entropy(input: Any, target: Any, ignore_index: int, reduction: str) -> Any:
    """loss = -log softmax(input)[target], from class indices."""
    x, t = input.array, target.array
    if type(x) is not type(t):
        kernels.one_device((x, t))
    k = kernels.of(x)
    shape = x.shape
    indices = _indices(x, t)
    value, saved, count = k.cross_entropy(_by_class(x), indices, ignore_index, reduction)
    if reduction == "none":
        value = value.reshape(t.shape if len(shape) > 1 else ())
    divisor = count if reduction == "mean" else 1.0

    def joint(dy: np.ndarray, wanted: Sequence[int]) -> Sequence[np.ndarray]:
        gradient = k.cross_entropy_backward(dy, saved, indices, ignore_index, divisor)
        return (_by_shape(gradient, shape),)

    name = "NllLossBackward0" if len(shape) < 3 else "NllLoss2DBackward0"
    return joined(name, value, senders((input,)), joint, (target,))


def _weighted_cross_entropy(
    input: np.ndarray, target: np.ndarray, weight: np.ndarray, ignore_index: int, reduction: str
) -> Any:
    """loss = -weight[target] log softmax(input)[target]; a mean is weighted, too."""
    k = kernels.of(input)
    shape, outer = input.shape, target.shape
    target = _indices(input, target, weight)
    loss, saved, _ = k.cross_entropy(_by_class(input), target, ignore_index)
    share = _row_weights(weight, target, ignore_index)
    outer = outer if len(shape) > 1 else ()
    value, spread = _averaged(loss * share, outer, reduction, float(k.sum(share)))

    def dx(dy: np.ndarray) -> np.ndarray:
        each = spread(dy) * share
        return _by_shape(k.cross_entropy_backward(each, saved, target, ignore_index), shape)

    return value, (dx, None, None)


_weighted_1d = differentiable("NllLossBackward0", tensors=3)(_weighted_cross_entropy)
_weighted_2d = differentiable("NllLoss2DBackward0", tensors=3)(_weighted_cross_entropy)


@differentiable("CrossEntropyBackward0", tensors=3)
def _soft_cross_entropy(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """loss = -sum(q weight log softmax(input)), q the target's probabilities, smoothed."""
    k = kernels.of(input)
    shape, classes = input.shape, input.shape[min(1, input.ndim - 1)]
    uniform = label_smoothing / max(classes, 1)
    by_index = target.dtype.kind != "f"
    ignored = None
    if by_index:
        outer = target.shape if input.ndim > 1 else ()
        rows = _indices(input, target, weight)
        divisor = float(k.check_target(rows, classes, ignore_index))
        ignored = rows == ignore_index
        q = np.zeros((len(rows), classes), input.dtype)
        q[np.arange(len(rows))[~ignored], rows[~ignored]] = 1
        if weight is not None:
            divisor = float(k.sum(_row_weights(weight, rows, ignore_index)))
    else:
        input, target = promoted(input, target)
        if weight is not None:
            input, weight = promoted(input, weight)
            target = target.astype(input.dtype, copy=False)
        outer = (shape[0], *shape[2:]) if len(shape) > 1 else ()
        q = _by_class(target)
        divisor = float(len(q))
    keep = input.dtype.type(1 - label_smoothing)
    q = q * keep + input.dtype.type(uniform) if label_smoothing else q
    if weight is not None:
        # torch weights a hard target by its own class, and the smoothing by each class's
        q = q * weight
    log_p = k.log_softmax(_by_class(input), 1)
    with np.errstate(all="ignore"):
        terms = q * log_p
    if ignored is not None:
        q[ignored] = terms[ignored] = 0
    value, spread = _averaged(-k.sum(terms, 1), outer, reduction, divisor)
    target = q  # by this name, because it may share the target's memory

    def dx(dy: np.ndarray) -> np.ndarray:
        scaled = target * -spread(dy)[:, None]
        if ignored is not None:
            scaled[ignored] = 0  # also where nothing counts, and a mean of it is 0 / 0
        gradient = k.log_softmax_backward(scaled, log_p, 1)
        return _by_shape(gradient, shape)

    def dtarget(dy: np.ndarray) -> np.ndarray:
        gradient = log_p * -(spread(dy)[:, None] * keep)
        return _by_shape(gradient if weight is None else gradient * weight, shape)

    return value, (dx, None if by_index else dtarget, None)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
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
    if not (isinstance(input, Variable) and isinstance(target, Variable)):
        _tensors("cross_entropy_loss", ("input", input), ("target", target))
    if weight is not None:
        _tensors("cross_entropy_loss", ("input", input), ("target", target), ("weight", weight))
    reduction = _reduction(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    x, t = input.array, target.array
    if x.shape == t.shape:
        if t.dtype.kind != "f":
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{_scalar_type(t)}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        if weight is not None and x.ndim:
            _class_weights(weight.array, x.shape[min(1, x.ndim - 1)])
    if x.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    _floating("log_softmax_kernel", x)
    if x.shape == t.shape or label_smoothing:
        return _soft_cross_entropy(
            input, target, weight, ignore_index, reduction, float(label_smoothing)
        )
    if weight is None:
        return _cross_entropy(input, target, ignore_index, reduction)
    weighted = _weighted_1d if x.ndim < 3 else _weighted_2d
    return weighted(input, target, weight, ignore_index, reduction)


def _nll(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """loss = -weight[target] input[target]"""
    k = kernels.of(input)
    shape, outer = input.shape, target.shape
    target = _indices(input, target, weight)
    rows = _by_class(input)
    divisor = float(k.check_target(target, rows.shape[1], ignore_index))
    kept = np.flatnonzero(target != ignore_index)
    share = np.zeros(len(rows), input.dtype)
    share[kept] = 1 if weight is None else weight[target[kept]]
    loss = np.zeros(len(rows), input.dtype)
    loss[kept] = -(rows[kept, target[kept]] * share[kept])
    if weight is not None:
        divisor = float(k.sum(share))
    value, spread = _averaged(loss, outer if len(shape) > 1 else (), reduction, divisor)

    def dx(dy: np.ndarray) -> np.ndarray:
        gradient = np.zeros(rows.shape, dy.dtype)
        gradient[kept, target[kept]] = -(spread(dy) * share)[kept]
        return _by_shape(gradient, shape)

    return value, (dx, None, None)


_nll_1d = differentiable("NllLossBackward0", tensors=3)(_nll)
_nll_2d = differentiable("NllLoss2DBackward0", tensors=3)(_nll)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
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
    arguments = (("input", input), ("target", target))
    _tensors("nll_loss_nd", *arguments, *((("weight", weight),) if weight is not None else ()))
    reduction = _reduction(reduction, size_average, reduce)
    _floating("nll_loss_out_frame", input.array)
    operation = _nll_1d if input.array.ndim < 3 else _nll_2d
    return operation(input, target, weight, ignore_index, reduction)


# Regression


def _difference(input: np.ndarray, target: np.ndarray) -> np.ndarray:
    x, y = promoted(input, target)
    return kernels.as_array(x - y if x.shape == y.shape else apply(np.subtract, x, y))


def _pair(values: Callable[..., Any], slope: Callable[..., Any]) -> Any:
    """Return an operation on the difference of two tensors, from a loss and its derivative."""

    def pairwise(input: np.ndarray, target: np.ndarray, reduction: str, *options: float) -> Any:
        def gradient(dy: np.ndarray, input: np.ndarray, target: np.ndarray) -> np.ndarray:
            difference = _difference(input, target)
            return _each(dy, difference.size, reduction) * slope(difference, *options)

        with np.errstate(all="ignore"):
            loss = values(_difference(input, target), *options)
        return _reduced(loss, reduction), (
            lambda dy: gradient(dy, input, target),
            lambda dy: -gradient(dy, input, target),
        )

    return pairwise


def _smooth_l1_values(d: np.ndarray, beta: float) -> np.ndarray:
    away = np.abs(d)
    return np.where(away < beta, 0.5 * away * away / beta, away - 0.5 * beta)


def _huber_values(d: np.ndarray, delta: float) -> np.ndarray:
    away = np.abs(d)
    return np.where(away <= delta, 0.5 * away * away, delta * (away - 0.5 * delta))


_mse_of_any = differentiable("MseLossBackward0", tensors=2)(_pair(lambda d: d * d, lambda d: d + d))


def _mse(input: Any, target: Any, reduction: str) -> Any:
    """loss = (input - target)²"""
    x, y = input.array, target.array
    alike = type(x) is type(y) and x.shape == y.shape and x.dtype is y.dtype
    if reduction == "none" or not alike:
        return _mse_of_any(input, target, reduction)
    k, divisor = kernels.of(x), x.size if reduction == "mean" else 1

    def joint(dy: np.ndarray, wanted: Sequence[int]) -> Sequence[np.ndarray]:
        dx = k.squared_error_backward(dy, x, y, divisor)
        return dx, -dx if 1 in wanted else dx

    sends = senders((input, target))
    result = k.squared_error(x, y, divisor)
    return joined("MseLossBackward0", result, sends, joint, (input, target))


_l1 = differentiable("L1LossBackward0", tensors=2)(_pair(np.abs, lambda d: arrays.sign(d)))
_smooth_l1 = differentiable("SmoothL1LossBackward0", tensors=2)(
    _pair(_smooth_l1_values, lambda d, beta: np.clip(d / beta, -1, 1))
)
_huber = differentiable("HuberLossBackward0", tensors=2)(
    _pair(_huber_values, lambda d, delta: np.clip(d, -delta, delta))
)


def _check_pair(name: str, input: Any, target: Any) -> None:
    _tensors(name, ("input", input), ("target", target))
    x, t = input.array, target.array
    if x.shape != t.shape:
        warnings.warn(
            f"Using a target size ({Size(t.shape)}) that is different to the input size "
            f"({Size(x.shape)}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
    if t.dtype.kind != "f":
        _floating(name, x)


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Return the squared difference (input - target)², its mean by default.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.mse_loss(minnet.tensor([1.0, 2.0]), minnet.tensor([1.0, 4.0]))
        tensor(2.)
    """
    _check_pair("mse_loss", input, target)
    return _mse(input, target, _reduction(reduction, size_average, reduce))


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Return the absolute difference |input - target|, its mean by default.

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.l1_loss(minnet.tensor([1.0, 2.0]), minnet.tensor([1.0, 4.0]))
        tensor(1.)
    """
    _check_pair("l1_loss", input, target)
    return _l1(input, target, _reduction(reduction, size_average, reduce))


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
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
    _check_pair("smooth_l1_loss", input, target)
    reduction = _reduction(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. Got: {beta}")
    if beta == 0:
        return _l1(input, target, reduction)
    return _smooth_l1(input, target, reduction, float(beta))


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Return d² / 2 where d = |input - target| is at most delta, else delta (d - delta / 2).

    Huber, "Robust estimation of a location parameter" (1964).

    Warns:
        UserWarning: if the shapes differ.

    Raises:
        RuntimeError: if delta is not positive, or the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([0.5, 3.0]), minnet.zeros(2)
        >>> minnet.nn.functional.huber_loss(x, y, reduction="none", delta=2.0)
        tensor([0.1250, 4.0000])
    """
    _check_pair("huber_loss", input, target)
    reduction = _reduction(reduction)
    if delta <= 0:
        raise RuntimeError(
            f"huber_loss does not support non-positive values for delta. Got: {delta}"
        )
    return _huber(input, target, reduction, float(delta))


# Binary classification


def _factor(factor: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Return a factor for each element of `like`, or one for all."""
    if factor is None or factor.size == 1:
        return np.full(1, 1 if factor is None else factor.item(), like.dtype, like=like)
    if (
        apply(np.add, like, factor).shape != like.shape
    ):  # raises torch's error unless they broadcast
        raise RuntimeError(
            f"a weight of shape {list(factor.shape)} does not broadcast to the input's shape "
            f"{list(like.shape)}"
        )
    return np.broadcast_to(factor.astype(like.dtype, copy=False), like.shape)


@differentiable("BinaryCrossEntropyWithLogitsBackward0", tensors=4)
def _bce_with_logits(
    input: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    pos_weight: np.ndarray | None = None,
    reduction: str = "mean",
) -> Any:
    """loss = weight ((1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x))"""
    k = kernels.of(input)
    input, target = promoted(input, target)
    each, positive = _factor(weight, input), _factor(pos_weight, input)
    loss = k.bce_with_logits(input, target, each, positive)

    def dx(dy: np.ndarray) -> np.ndarray:
        dy = _each(dy, input.size, reduction).reshape(-1)
        return k.bce_with_logits_backward(dy, input, target, each, positive)

    def dtarget(dy: np.ndarray) -> np.ndarray:
        one = np.ones(1, input.dtype, like=input)
        minus_log_sigmoid = k.bce_with_logits(input, np.ones_like(input), one, one)
        slope = minus_log_sigmoid * (positive - one) - input
        return _each(dy, input.size, reduction) * (each * slope)

    return _reduced(loss, reduction), (dx, dtarget, None, None)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
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
    name = "binary_cross_entropy_with_logits"
    _tensors(name, ("input", input), ("target", target))
    reduction = _reduction(reduction, size_average, reduce)
    x, t = input.array, target.array
    if x.shape != t.shape:
        raise ValueError(
            f"Target size ({Size(t.shape)}) must be the same as input size ({Size(x.shape)})"
        )
    _floating("log_sigmoid", x)
    if t.dtype.kind != "f":
        raise RuntimeError(
            f"result type {_scalar_type(x)} can't be cast to the desired output type "
            f"{_scalar_type(t)}; convert the target with .to(input.dtype)"
        )
    return _bce_with_logits(input, target, weight, pos_weight, reduction)
