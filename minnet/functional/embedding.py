"""Rows by their numbers: `embedding`, and `one_hot`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import devices, dtypes, kernels
from minnet.functional.arithmetic import add, check_tensors, div, eq, gt, ifelse, mul
from minnet.functional.reduce import norm
from minnet.functional.shape import cast, selected, unsqueeze
from minnet.mode import mode, no_grad
from minnet.operation import Tensor, composite, operation
from minnet.size import integer
from minnet.variable import wrap


@operation(
    "EmbeddingBackward0",
    lambda V, dy, indices, share, shapes: V.scattered(
        dy if share is None else V.mul(dy, share), (indices,), shapes[0]
    ),
    where="",
    quiet=True,
    shape=lambda shapes, indices: (*indices.shape, shapes[0][1]),
)
def embedded(input: Tensor, indices: Any, share: Any) -> Tensor:
    """Return the rows at some indices; in the gradient each counts by its share."""
    return selected.operation.value(input, (indices,))


def padding(index: int | None, rows: int) -> int | None:
    """Return the index of a row, counted from the first, or None.

    Raises:
        AssertionError: if there is no such row.
    """
    if index is not None and not -rows <= index < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return index if index is None else index % rows


@composite(where="F")
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of `weight` whose numbers are in `input`.

    Args:
        input: int64 or int32, of any shape.
        weight: (rows, features).
        padding_idx: a row that no gradient goes to.
        max_norm: first the rows that are longer are scaled to this length, in place.
        norm_type: of which norm the length is.
        scale_grad_by_freq: divide the gradient of a row by how often it is in `input`.
        sparse: torch's sparse gradients, which there are none of here.

    Returns:
        (*input.shape, features).

    Raises:
        IndexError: if there is no such row.
        AssertionError: if `padding_idx` is none.
        RuntimeError: if `input` holds no indices, or `weight` is no matrix.
        NotImplementedError: if `sparse` is asked for.

    Example:
        >>> import minnet
        >>> rows = minnet.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        >>> minnet.nn.functional.embedding(minnet.tensor([2, 0]), rows)
        tensor([[4., 5.],
                [0., 1.]])
    """
    check_tensors("embedding", weight=weight, indices=input)
    if sparse:
        raise NotImplementedError("there are no sparse gradients: use sparse=False")
    at, rows = input.array, weight.array.shape[0] if weight.array.ndim else 0
    padding_idx = padding(padding_idx, rows)
    if weight.array.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got {weight.array.ndim} dimensions")
    if at.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{dtypes.of(at).tensor_type}Tensor instead (while checking "
            "arguments for embedding)"
        )
    host = kernels.moved(at, devices.CPU)
    if host.size and not 0 <= host.min() <= host.max() < rows:
        raise IndexError(
            f"index out of range in self: expected indices from 0 to {rows - 1}, got "
            f"{host.min()} to {host.max()}"
        )
    if max_norm is not None:
        _shorten(weight, np.unique(host), max_norm, norm_type)
    recorded = mode.enabled and weight.requires_grad
    share = None
    if recorded and (padding_idx is not None or scale_grad_by_freq):
        share = _shares(host, padding_idx, scale_grad_by_freq).astype(weight.array.dtype)
        share = kernels.moved(share, kernels.device_of(at))
    # A copy of the indices, since the user may change them before backward reads them.
    return embedded(weight, at.copy() if recorded else at, share)


def _shorten(weight: Any, indices: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scale the rows at some indices to a length of `max_norm` at most, in place."""
    with no_grad():
        rows = weight[indices]
        length = norm(rows, norm_type, 1, True)
        shorter = mul(rows, div(max_norm, add(length, 1e-7)))
        weight[indices] = ifelse(gt(length, max_norm), shorter, rows)


def _shares(indices: np.ndarray, padding_idx: int | None, by_frequency: bool) -> np.ndarray:
    """Return the share of each index in a gradient, (*indices.shape, 1)."""
    share = np.ones(indices.shape)
    if by_frequency:
        _, place, count = np.unique(indices, return_inverse=True, return_counts=True)
        share /= count[place].reshape(indices.shape)
    if padding_idx is not None:
        share[indices == padding_idx] = 0
    return share[..., None]


@composite(where="F")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return a 1 at each class and 0 elsewhere, along a new last dim, in int64.

    Args:
        tensor: classes, int64.
        num_classes: the new dim's size; -1 for one more than the largest class.

    Raises:
        RuntimeError: if a class is out of range or the dtype is not int64.
        TypeError: if `num_classes` is no integer.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.one_hot(minnet.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    check_tensors("one_hot", tensor=tensor)
    num_classes = integer(num_classes)
    classes = kernels.moved(tensor.array, devices.CPU)
    if classes.dtype != np.int64:
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor; convert with .long()"
        )
    if not classes.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    largest = int(classes.max()) if classes.size else -1
    if classes.size and int(classes.min()) < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = largest + 1
    if largest >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes. Got {largest} of {num_classes} classes"
        )
    every = kernels.moved(np.arange(num_classes), kernels.device_of(tensor.array))
    return cast(eq(unsqueeze(tensor, -1), wrap(every)), np.dtype(np.int64))
