"""Losses that want a margin: between scores of classes, or between distances of embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.functional.activation import logsigmoid
from minnet.functional.arithmetic import (
    add,
    clamp,
    div,
    eq,
    minimum,
    mul,
    ne,
    neg,
    only_floating,
    rsub,
    sqrt,
    sub,
    where,
)
from minnet.functional.distance import pairwise_distance
from minnet.functional.loss.reduction import checked, one_node, reduce_losses, scalar_type
from minnet.functional.reduce import sum
from minnet.functional.shape import reshape
from minnet.operation import Tensor, composite
from minnet.size import Size
from minnet.variable import wrap


def _above_zero(x: Any) -> Any:
    return clamp(x, min=0)


# Between two classes, -1 and 1


@one_node("SoftMarginLossBackward0", 2)
def soft_margin(V: Any, input: Tensor, target: Tensor) -> Any:
    return V.neg(V.logsigmoid(V.mul(input, target)))


@composite(where="F")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return log(1 + exp(-t x)), for scores x and targets t of -1 or 1. It does not overflow.

    Raises:
        RuntimeError: if the shapes do not broadcast, or the input is not floating point.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([2.0, 0.0]), minnet.tensor([1.0, -1.0])
        >>> minnet.nn.functional.soft_margin_loss(x, t, reduction="none")
        tensor([0.1269, 0.6931])
    """
    reduction = checked(
        "soft_margin_loss", reduction, size_average, reduce, input=input, target=target
    )
    only_floating(input.array, "soft_margin_loss")
    return soft_margin(input, target, reduction)


@composite(where="F")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return x where the target is 1, and max(0, margin - x) where it is -1, for distances x.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([0.5, 0.25]), minnet.tensor([1, -1])
        >>> minnet.nn.functional.hinge_embedding_loss(x, t, reduction="none")
        tensor([0.5000, 0.7500])
    """
    reduction = checked(
        "hinge_embedding_loss", reduction, size_average, reduce, input=input, target=target
    )
    apart = where(ne(target, 1), _above_zero(rsub(input, margin)), 0)
    together = where(ne(target, -1), input, 0)
    return reduce_losses(add(apart, together), reduction)


@composite(where="F")
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return -t log sigmoid(x) - (1 - t) log sigmoid(-x), a mean over the classes.

    Args:
        input: scores (C,) or (N, C).
        target: 0 or 1 for each class.
        weight: a factor for each class.

    Raises:
        RuntimeError: if the shapes do not broadcast.
        NotImplementedError: if the input is not floating point.

    Example:
        >>> import minnet
        >>> x, t = minnet.tensor([[2.0, 0.0]]), minnet.tensor([[1.0, 0.0]])
        >>> minnet.nn.functional.multilabel_soft_margin_loss(x, t)
        tensor(0.4100)
    """
    reduction = checked(
        "multilabel_soft_margin_loss",
        reduction,
        size_average,
        reduce,
        input=input,
        target=target,
        weight=weight,
    )
    loss = neg(add(mul(target, logsigmoid(input)), mul(rsub(target, 1), logsigmoid(neg(input)))))
    if weight is not None:
        loss = mul(loss, weight)
    return reduce_losses(div(sum(loss, -1), input.array.shape[-1]), reduction)


# Between the scores of classes


def _rows(shape: tuple[int, ...], reduction: str) -> tuple[int, ...]:
    return shape[:-1] if reduction == "none" else ()


def _batch(name: str, input: Any) -> tuple[int, int]:
    """Return the number of rows and of classes, of scores (C,) or (N, C).

    Raises:
        RuntimeError: if they have another shape.
    """
    shape = input.array.shape
    if len(shape) > 2 or (shape and not shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(shape)}"
        )
    only_floating(input.array, name)
    return (shape[0] if len(shape) == 2 else 1), (shape[-1] if shape else 1)


def _long(target: np.ndarray) -> None:
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_type(target)}")


@one_node("MultiMarginLossBackward0", 4, lambda shapes, reduction: _rows(shapes[3], reduction))
def multi_margin(
    V: Any, input: Tensor, target: Tensor, weight: Any, own: Tensor, p: int, margin: float
) -> Any:
    rows = V.reshape(input, own.shape)
    short = V.sub(V.add(rows, margin), V.gathered(rows, target, 1))
    short = V.ifelse(own, 0.0, V.clamp(short, 0, None))
    short = V.mul(short, short) if p == 2 else short
    return V.div(V.sum(V.mul(short, weight), 1), own.shape[1])


@composite(where="F")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return weight[y] sum_i max(0, margin - x[y] + x[i])^p / C, over the classes i other than y.

    Args:
        input: scores x, (N, C) or (C,).
        target: the classes y, (N,) or () int64.
        p: 1 or 2.
        weight: a factor for each class, (C,).

    Raises:
        ValueError: if p is neither 1 nor 2, or `weight` has not one dim.
        RuntimeError: if shapes or dtypes do not fit together, or a class is out of range.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> minnet.nn.functional.multi_margin_loss(x, minnet.tensor([3]))
        tensor(0.3250)
    """
    reduction = checked(
        "multi_margin_loss",
        reduction,
        size_average,
        reduce,
        input=input,
        target=target,
        weight=weight,
    )
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.array.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    n, classes = _batch("multi_margin_loss", input)
    y = target.array
    if y.ndim > 1 or y.size != n:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{n}], but got {list(y.shape)}. Input has "
            f"shape {list(input.array.shape)}."
        )
    _long(y)
    shape, y = y.shape, y.reshape(n, 1)
    if ((y < 0) | (y >= classes)).any():
        raise RuntimeError(f"target out of range: expected classes from 0 to {classes - 1}")
    factors = np.ones(1, input.array.dtype, like=input.array)
    if weight is not None:
        if weight.array.size != classes:
            raise RuntimeError(
                f"inconsistent weight size, expected {classes} but got {list(weight.array.shape)}"
            )
        if weight.array.dtype != input.array.dtype:
            raise RuntimeError(
                f"expected scalar type {scalar_type(input.array)} but found "
                f"{scalar_type(weight.array)}"
            )
        factors = weight.array[y]
    own = y == np.arange(classes, like=y)
    given = wrap(y), wrap(factors), wrap(own)
    loss = multi_margin(input, *given, p, float(margin), reduction)
    return reshape(loss, shape) if reduction == "none" and shape != (n,) else loss


@one_node("MultilabelMarginLossBackward0", 4, lambda shapes, reduction: _rows(shapes[0], reduction))
def multilabel_margin(V: Any, input: Tensor, places: Tensor, labels: Tensor, own: Tensor) -> Any:
    rows = V.reshape(input, own.shape)
    scores = V.unsqueeze(V.gathered(rows, places, 1), 2)
    short = V.clamp(V.sub(V.add(V.unsqueeze(rows, 1), 1.0), scores), 0, None)
    short = V.ifelse(V.unsqueeze(own, 1), 0.0, V.mul(short, V.unsqueeze(labels, 2)))
    return V.reshape(V.div(V.sum(short, (1, 2)), own.shape[1]), input.shape[:-1])


@composite(where="F")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return sum_ij max(0, 1 - x[y_j] + x[i]) / C, over labels y_j and the classes i that are none.

    Args:
        input: scores x, (N, C) or (C,).
        target: of the input's shape, int64: the labels, ended by -1 where they are fewer than C.

    Raises:
        RuntimeError: if shapes or dtypes do not fit together, or a label is out of range.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[0.1, 0.2, 0.4, 0.8]]), minnet.tensor([[3, 0, -1, 1]])
        >>> minnet.nn.functional.multilabel_margin_loss(x, y)
        tensor(0.8500)
    """
    reduction = checked(
        "multilabel_margin_loss", reduction, size_average, reduce, input=input, target=target
    )
    n, classes = _batch("multilabel_margin_loss", input)
    y = target.array
    if y.shape != input.array.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(y.shape)} for input of size: "
            f"{list(input.array.shape)}"
        )
    _long(y)
    if ((y < -1) | (y >= classes)).any():
        raise RuntimeError(
            f"argument #2 'target' is out of range: expected labels from 0 to {classes - 1}, or -1"
        )
    y = y.reshape(n, classes)
    some = np.logical_and.accumulate(y >= 0, 1)
    own = ((y[:, :, None] == np.arange(classes, like=y)) & some[:, :, None]).any(1)
    places, labels = np.where(some, y, 0), some.astype(input.array.dtype)
    return multilabel_margin(input, wrap(places), wrap(labels), wrap(own), reduction)


# Between embeddings


@composite(where="F")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin - t (x1 - x2)), for targets t of 1 where x1 is to be greater, else -1.

    Raises:
        RuntimeError: if the inputs have different numbers of dims, or do not broadcast.

    Example:
        >>> import minnet
        >>> x, y, t = minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 1.0]), minnet.tensor([1, 1])
        >>> minnet.nn.functional.margin_ranking_loss(x, y, t, reduction="none")
        tensor([2., 0.])
    """
    reduction = checked(
        "margin_ranking_loss",
        reduction,
        size_average,
        reduce,
        input1=input1,
        input2=input2,
        target=target,
    )
    sizes = [x.array.shape for x in (input1, input2, target)]
    if len({len(size) for size in sizes}) > 1:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            + ", ".join(
                f"{name}: {Size(size)}"
                for name, size in zip(("input1", "input2", "target"), sizes, strict=True)
            )
        )
    return reduce_losses(_above_zero(add(mul(neg(target), sub(input1, input2)), margin)), reduction)


@composite(where="F")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Args:
        input1: vectors (N, D) or (D,).
        input2: others of that shape.
        target: (N,) or ().

    Raises:
        RuntimeError: if the shapes do not fit together.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[1.0, 0.0]]), minnet.tensor([[3.0, 4.0]])
        >>> minnet.nn.functional.cosine_embedding_loss(x, y, minnet.tensor([1]))
        tensor(0.4000)
    """
    reduction = checked(
        "cosine_embedding_loss",
        reduction,
        size_average,
        reduce,
        input1=input1,
        input2=input2,
        target=target,
    )
    ndim, shapes = target.array.ndim, [x.array.shape for x in (input1, input2)]
    if ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if any(len(shape) != ndim + 1 for shape in shapes):
        raise RuntimeError(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(shapes[0])} and {list(shapes[1])}."
        )
    lengths = (add(sum(mul(x, x), -1), 1e-12) for x in (input1, input2))
    cosine = div(sum(mul(input1, input2), -1), sqrt(mul(*lengths)))
    together, apart = rsub(cosine, 1), _above_zero(sub(cosine, margin))
    loss = add(where(eq(target, 1), together, 0), where(eq(target, -1), apart, 0))
    return reduce_losses(loss, reduction)


def _triplet(
    of: Callable[[Any, Any], Any],
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    """Return the loss of triplets by a distance.

    Raises:
        ValueError: if the margin is not positive.
        RuntimeError: if the three have different numbers of dims.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = [x.array.ndim for x in (anchor, positive, negative)]
    if len(set(dims)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D "
            "inputs"
        )
    near, far = of(anchor, positive), of(anchor, negative)
    if swap:
        far = minimum(far, of(positive, negative))
    return reduce_losses(_above_zero(sub(add(near, margin), far)), reduction)


@composite(where="F")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin + |anchor - positive| - |anchor - negative|), by p-norms.

    Balntas, Riba, Ponsa, Mikolajczyk, "Learning local feature descriptors with triplets and shallow
    convolutional neural networks" (2016).

    Args:
        anchor: vectors (N, D) or (D,).
        positive: others, that are to be nearer to them
        negative: than these.
        eps: what is added to each difference; see `pairwise_distance`.
        swap: whether the negative's distance is that to the nearer of anchor and positive.

    Raises:
        ValueError: if the margin is not positive.
        RuntimeError: if the shapes do not fit together.

    Example:
        >>> import minnet
        >>> a, b, c = minnet.zeros(1, 2), minnet.tensor([[3.0, 4.0]]), minnet.tensor([[0.0, 2.0]])
        >>> minnet.nn.functional.triplet_margin_loss(a, b, c)
        tensor(4.0000)
    """
    reduction = checked(
        "triplet_margin_loss",
        reduction,
        size_average,
        reduce,
        anchor=anchor,
        positive=positive,
        negative=negative,
    )
    return _triplet(
        lambda x, y: pairwise_distance(x, y, p, eps),
        anchor,
        positive,
        negative,
        margin,
        swap,
        reduction,
    )


@composite(where="F")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin + d(anchor, positive) - d(anchor, negative)), by any distance d.

    Args:
        distance_function: d; `pairwise_distance` unless given.
        swap: whether the negative's distance is that to the nearer of anchor and positive.

    Raises:
        ValueError: if the margin is not positive.
        RuntimeError: if the shapes do not fit together.

    Example:
        >>> import minnet
        >>> a, b, c = minnet.zeros(1, 2), minnet.tensor([[3.0, 4.0]]), minnet.tensor([[0.0, 2.0]])
        >>> minnet.nn.functional.triplet_margin_with_distance_loss(
        ...     a, b, c, distance_function=lambda x, y: (x - y).abs().amax(1)
        ... )
        tensor(3.)
    """
    reduction = checked(
        "triplet_margin_with_distance_loss",
        reduction,
        anchor=anchor,
        positive=positive,
        negative=negative,
    )
    of = pairwise_distance if distance_function is None else distance_function
    return _triplet(of, anchor, positive, negative, margin, swap, reduction)
