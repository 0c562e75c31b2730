"""Losses that are a negative log-likelihood of some distribution, or a divergence."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional import arithmetic
from minnet.functional.arithmetic import only_floating, promoted
from minnet.functional.loss.reduction import (
    checked,
    each,
    in_dtype,
    reduced,
    scalar_type,
    shape_reduced,
)
from minnet.functional.shape import reshape
from minnet.operation import Tensor, composite, operation
from minnet.size import Size

# Binary classification, by logits


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
    dy = each(V, dy, reduction, input.shape)
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
    shape=shape_reduced,
)
def bce_loss(input: Tensor, target: Tensor, weight: Any, pos_weight: Any, reduction: str) -> Tensor:
    """loss = weight ((1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x))"""
    x, t = promoted(input, target)
    loss = kernels.of(x).bce_with_logits(x, t, _factor(weight, x), _factor(pos_weight, x))
    return reduced(loss, reduction, x.shape)


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
    reduction = checked(
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
            f"result type {scalar_type(x)} can't be cast to the desired output type "
            f"{scalar_type(t)}; convert the target with .to(input.dtype)"
        )
    dtype = dtypes.common(x, t)
    factors = [in_dtype(w, dtype) for w in (weight, pos_weight)]
    for i, w in enumerate(factors):
        if w is not None and w.array.ndim > x.ndim and w.array.size == 1:  # one for all
            factors[i] = reshape(w, ())
    return bce_loss(input, target, *factors, reduction)
