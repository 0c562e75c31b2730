"""Losses of the difference of two tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet import kernels
from minnet.functional.arithmetic import div, mul, only_floating, sub
from minnet.functional.loss.reduction import checked, each, reduced, shape_reduced
from minnet.functional.reduce import sum
from minnet.operation import Tensor, composite, operation
from minnet.recorder import apply
from minnet.size import Size


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
    dx = V.mul(each(V, dy, reduction, d.shape), _PAIRS[name][1](V, d, option))
    return dx, V.neg(dx) if 1 in wanted else None


@operation(
    lambda name: f"{name}LossBackward0",
    joint=_pair_gradients,
    tensors=2,
    numbers=False,
    where="",
    shape=shape_reduced,
)
def pair_loss(
    input: Tensor, target: Tensor, name: str, reduction: str, option: float = 0.0
) -> Tensor:
    d = kernels.as_array(sub.operation.value(input, target))
    return reduced(_PAIRS[name][0](d, option), reduction, d.shape)


def _squared_backward(
    V: Any, dy: Any, wanted: Sequence[int], input: Any, target: Any, divisor: int
) -> Any:
    dx = kernels.of(dy).squared_error_backward(dy, input, target, divisor)
    return dx, -dx if 1 in wanted else None


@operation(
    "MseLossBackward0",
    joint=_squared_backward,
    fused=lambda V, x, y, divisor: V.div(V.sum(V.pow(V.sub(x, y), 2)), divisor),
    tensors=2,
    numbers=False,
    fits=True,
    where="",
    quiet=True,
    shape=lambda: (),
)
def squared_error(input: Tensor, target: Tensor, divisor: int) -> Tensor:
    """loss = sum((input - target)²) / divisor, of two tensors alike"""
    return kernels.of(input).squared_error(input, target, divisor)


def _checked_pair(
    name: str, input: Any, target: Any, reduction: str, size_average: Any = None, reduce: Any = None
) -> str:
    """Return the checked reduction; warn if the shapes differ."""
    reduction = checked(name, reduction, size_average, reduce, 4, input=input, target=target)
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
