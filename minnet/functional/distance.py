"""Distances and angles between vectors."""

from __future__ import annotations

import numpy as np

from minnet import dtypes
from minnet.functional.arithmetic import add, apply, check_tensors, div, mul, sub
from minnet.functional.reduce import norm, sum
from minnet.functional.shape import cast, clone, expand
from minnet.operation import Tensor, composite
from minnet.recorder import overwrite


@composite(where="minnet F")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along a dim: x1·x2 / (|x1| |x2|).

    Args:
        x1: the vectors; at least one of the two is floating point.
        x2: others, of a shape that broadcasts with it.
        eps: what a length is at least.

    Raises:
        RuntimeError: if the shapes do not broadcast, or neither is floating point.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[1.0, 0.0]]), minnet.tensor([[3.0, 4.0]])
        >>> minnet.cosine_similarity(x, y)
        tensor([0.6000])
    """
    check_tensors("cosine_similarity", x1=x1, x2=x2)
    dtype = dtypes.common(x1.array, x2.array)
    if dtype.kind != "f":
        raise RuntimeError(
            "expected common dtype to be floating point, yet common dtype is "
            f"{dtypes.OF_NUMPY[dtype].tensor_type}"
        )
    shapes = x1.array.shape, x2.array.shape
    if shapes[0] != shapes[1]:
        shape = apply(np.add, *(np.broadcast_to(False, shape) for shape in shapes)).shape
        x1, x2 = expand(x1, shape), expand(x2, shape)
    units = []
    for x in (x1, x2):
        x = x if x.array.dtype == dtype else cast(x, dtype)
        length = clone(norm(x, 2, dim, True))
        overwrite(length, np.maximum(length.array, eps))  # as torch, which hides it from gradients
        units.append(div(x, length))
    return sum(mul(*units), dim)


@composite(where="minnet F")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return the p-norm of x1 - x2 + `eps` over the last dim.

    Raises:
        RuntimeError: if the shapes do not broadcast.

    Example:
        >>> import minnet
        >>> minnet.pairwise_distance(minnet.tensor([[3.0, 4.0]]), minnet.zeros(1, 2))
        tensor([5.0000])
    """
    check_tensors("pairwise_distance", x1=x1, x2=x2)
    return norm(add(sub(x1, x2), eps), p, -1, keepdim)
