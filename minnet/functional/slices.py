"""What a change in place of a view is to its base: parts taken, put back and cleared."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import kernels
from minnet.operation import Tensor, operation

COPY_SLICES = "torch::autograd::CopySlices"


@operation("AliasBackward0", lambda V, dy: dy, where="", quiet=True)
def alias(input: Tensor) -> Tensor:
    return input.view()


def _follow(array: Any, path: Any) -> Any:
    for function, constants in path:
        array = function.operation.value(array, *constants)
    return array


def _written(array: Any, path: Any, part: Any) -> Any:
    """Write a part into an array, where the functions of a path lead, and return the array."""
    target = _follow(array, path)
    if np.may_share_memory(target, array):
        target[...] = part
    else:  # laid out otherwise, a reshape is a copy: write by the elements' numbers
        at = _follow(np.arange(array.size).reshape(array.shape), path)
        array.reshape(-1)[at] = part
    return array


@operation(
    COPY_SLICES,
    lambda V, dy, path: V.cleared(dy, path),
    lambda V, dy, path: V.taken(dy, path),
    where="",
    quiet=True,
)
def copied_slices(input: Tensor, part: Tensor, path: Any) -> Tensor:
    """Return `input` with `part` where the functions of `path` lead."""
    return _written(input.copy(), path, part)


@operation(
    COPY_SLICES,
    lambda V, dy, path, shapes: V.put_back(dy, path, shapes[0]),
    where="",
    quiet=True,
    shape=lambda shapes, path: _follow(np.broadcast_to(0, shapes[0]), path).shape,
)
def taken(input: Tensor, path: Any) -> Tensor:
    """Return the part of `input` that the functions of `path` lead to."""
    return _follow(input, path).copy()


@operation(COPY_SLICES, lambda V, dy, path: V.taken(dy, path), where="", quiet=True)
def put_back(input: Tensor, path: Any, shape: Any) -> Tensor:
    """Return zeros of a shape with `input` where the functions of `path` lead."""
    return _written(kernels.zeros(shape, input), path, input)


@operation(COPY_SLICES, lambda V, dy, path: V.cleared(dy, path), where="", quiet=True)
def cleared(input: Tensor, path: Any) -> Tensor:
    """Return `input` with zeros where the functions of `path` lead."""
    return _written(input.copy(), path, 0)
