"""Losses that are a negative log-likelihood of some distribution, or a divergence."""

from __future__ import annotations

import builtins
import math
import warnings
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional import arithmetic
from minnet.functional.activation import exp, log
from minnet.functional.arithmetic import (
    add,
    check_tensors,
    div,
    le,
    mul,
    only_floating,
    promoted,
    square,
    sub,
)
from minnet.functional.loss.reduction import (
    checked,
    each,
    in_dtype,
    reduce_losses,
    reduced,
    scalar_type,
    shape_reduced,
)
from minnet.functional.shape import clone, masked_fill, reshape, unsqueeze
from minnet.operation import Tensor, composite, operation
from minnet.recorder import overwrite
from minnet.size import Size
from minnet.variable import wrap


def _factor(factor: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Return a factor for each element of `like`, or one for all."""
    if factor is None or factor.size == 1:
        return np.full(1, 1 if factor is None else factor.item(), like.dtype, like=like)
    # Raises torch's error unless they broadcast.
    if arithmetic.apply(np.equal, like, factor).shape != like.shape:
        raise RuntimeError(
            f"a weight of shape {list(factor.shape)} does not broadcast to the input's shape "
            f"{list(like.shape)}"
        )
    return np.broadcast_to(factor, like.shape)


def _times(V: Any, x: Any, factor: Any) -> Any:
    return x if factor is None else V.mul(factor, x)


# Binary classification, by probabilities


def _bce_gradients(
    V: Any, dy: Any, wanted: Any, input: Any, target: Any, weight: Any, reduction: str
) -> Any:
    dy = each(V, dy, reduction, input.shape)
    dx = dt = dw = None
    if 2 in wanted:
        dw = V.mul(dy, V.bce(input, target, None, "none"))
    dy = _times(V, dy, weight)
    if 0 in wanted:
        spread = V.clamp(V.mul(V.rsub(input, 1), input), 1e-12, None)
        dx = V.div(V.mul(dy, V.sub(input, target)), spread)
    if 1 in wanted:
        dt = V.mul(dy, V.sub(V.log1p(V.neg(input)), V.log(input)))
    return dx, dt, dw


@operation(
    "BinaryCrossEntropyBackward0",
    joint=_bce_gradients,
    tensors=3,
    optional="weight",
    where="",
    numbers=False,
    shape=lambda shapes, reduction: shapes[0] if reduction == "none" else (),
)
def bce(input: Tensor, target: Tensor, weight: Any, reduction: str) -> Tensor:
    """loss = -weight (t log x + (1 - t) log(1 - x)), a logarithm being -100 at least"""
    k, low = kernels.of(input), input.dtype.type(-100)
    loss = (target - input.dtype.type(1)) * np.maximum(k.log1p(-input), low)
    loss = loss - target * np.maximum(k.log(input), low)
    return reduced(loss if weight is None else loss * weight, reduction, input.shape)


def _chances(name: str, array: np.ndarray) -> None:
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise RuntimeError(
            f"all elements of {name} should be between 0 and 1, got {array.min():g} to "
            f"{array.max():g}"
        )


@composite(where="F")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -t log x - (1 - t) log(1 - x), for probabilities x and targets t in [0, 1].

    A logarithm is -100 at least. Of logits, `binary_cross_entropy_with_logits` is more accurate.

    Args:
        weight: a factor for each element; it broadcasts to the input.

    Raises:
        ValueError: if the shapes of input and target differ.
        RuntimeError: if an element is not in [0, 1], or dtypes or shapes do not fit together.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([0.5, 0.25]), minnet.tensor([1.0, 0.0])
        >>> minnet.nn.functional.binary_cross_entropy(x, t, reduction="none")
        tensor([0.6931, 0.2877])
    """
    reduction = checked(
        "binary_cross_entropy",
        reduction,
        size_average,
        reduce,
        input=input,
        target=target,
        weight=weight,
    )
    x, t = input.array, target.array
    if x.shape != t.shape:
        raise ValueError(
            f"Using a target size ({Size(t.shape)}) that is different to the input size "
            f"({Size(x.shape)}) is deprecated. Please ensure they have the same size."
        )
    only_floating(x, "binary_cross_entropy")
    if t.dtype != x.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_type(t)} but expected {scalar_type(x)}; convert the target with "
            ".to(input.dtype)"
        )
    if weight is not None:
        _factor(weight.array, x)
        weight = in_dtype(weight, x.dtype)
    _chances("input", x)
    _chances("target", t)
    return bce(input, target, weight, reduction)


# Binary classification, by logits


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


def _bce_logits_gradients(
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
    joint=_bce_logits_gradients,
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


# Counts, numbers of unknown variance, and distributions


@composite(where="F")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return rate - target log(rate), for counts from Poisson distributions.

    Args:
        input: the rate's logarithm, or the rate itself unless `log_input`.
        full: whether log(target!) is added, by Stirling's formula, where the target exceeds 1.
        eps: what is added to a rate before its logarithm is taken.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.poisson_nll_loss(minnet.zeros(2), minnet.tensor([1.0, 2.0]))
        tensor(1.)
    """
    reduction = checked(
        "poisson_nll_loss", reduction, size_average, reduce, input=input, target=target
    )
    if log_input:
        loss = sub(exp(input), mul(target, input))
    else:
        loss = sub(input, mul(target, log(add(input, eps))))
    if full:
        stirling = add(
            sub(mul(target, log(target)), target), mul(log(mul(target, 2 * math.pi)), 0.5)
        )
        loss = add(loss, masked_fill(stirling, le(target, 1), 0))
    return reduce_losses(loss, reduction)


@composite(where="F")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return (log(var) + (input - target)² / var) / 2, for means and variances of a network.

    Nix, Weigend, "Estimating the mean and variance of the target probability distribution" (1994).

    Args:
        input: the means.
        var: the variances, of the input's shape, or of one in which the last dim, or one dim, is
            left out or 1; or a number.
        full: whether log(2 π) / 2 is added.
        eps: what a variance is at least. Gradients do not see that.

    Raises:
        ValueError: if a variance is negative, or their shape does not fit.

    Example:
        >>> import minnet
        >>> x, y, v = minnet.zeros(2), minnet.tensor([1.0, 2.0]), minnet.ones(2)
        >>> minnet.nn.functional.gaussian_nll_loss(x, y, v, reduction="none")
        tensor([0.5000, 2.0000])
    """
    if isinstance(var, float):
        check_tensors("gaussian_nll_loss", input=input)
        var = wrap(np.full_like(input.array, var))
    reduction = checked("gaussian_nll_loss", reduction, input=input, target=target, var=var)
    if (var.array < 0).any():
        raise ValueError("var has negative entry/entries")
    shape, size = input.array.shape, var.array.shape
    if size != shape:
        if size == shape[:-1]:
            var = unsqueeze(var, -1)
        elif (
            len(size) != len(shape)
            or builtins.sum(m for n, m in zip(shape, size, strict=True) if n != m) != 1
        ):
            raise ValueError(
                f"var is of incorrect size: {list(size)} for an input of {list(shape)}"
            )
    var = clone(var)
    overwrite(var, np.maximum(var.array, var.array.dtype.type(eps)))
    loss = mul(add(log(var), div(square(sub(input, target)), var)), 0.5)
    return reduce_losses(add(loss, 0.5 * math.log(2 * math.pi)) if full else loss, reduction)


@composite(where="F")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return t (log t - x), Kullback and Leibler's divergence of exp(x) from t, element by element.

    Args:
        input: log-probabilities x.
        target: probabilities t, or their logarithms with `log_target`.
        reduction: "mean", "sum", "none", or "batchmean": the sum over the number of rows.

    Warns:
        UserWarning: if the reduction is "mean", which is no divergence.

    Raises:
        RuntimeError: if the shapes do not broadcast, or one is not floating point.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([[0.5, 0.5]]).log(), minnet.tensor([[0.25, 0.75]])
        >>> minnet.nn.functional.kl_div(x, t, reduction="batchmean")
        tensor(0.1308)
    """
    flagged = size_average is not None or reduce is not None
    if reduction == "mean" and not flagged:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    batch = reduction == "batchmean"
    reduction = checked(
        "kl_div",
        "sum" if batch else reduction,
        size_average,
        reduce,
        input=input,
        target=target,
    )
    if input.array.dtype.kind != "f" or target.array.dtype.kind != "f":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        loss = mul(exp(target), sub(target, input))
    else:
        from minnet.functional.elementary import xlogy  # loaded on first use

        loss = sub(xlogy(target, target), mul(target, input))
    found = reduce_losses(loss, reduction)
    return div(found, input.array.shape[0]) if batch and input.array.ndim else found
