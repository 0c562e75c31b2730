"""Sizes and dims: `Size`, the shape of a tensor, and how arguments that give them are read."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any


class Size(tuple[int, ...]):
    """A shape: a tuple of ints that prints as torch's does.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 3).shape
        torch.Size([2, 3])
        >>> minnet.Size([2, 3]).numel()
        6
    """

    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self)

    def __getitem__(self, key: Any) -> Any:
        part = tuple.__getitem__(self, key)
        return Size(part) if isinstance(key, slice) else part

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other))

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"


def ints(values: Sequence[Any]) -> tuple[int, ...]:
    """Return sizes or dims given either as separate arguments or as one sequence."""
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = values[0]
    try:
        if bool not in map(type, values):
            return tuple(map(operator.index, values))
    except TypeError:
        pass
    raise TypeError(f"expected integers, got {tuple(values)!r}")


def integer(x: Any) -> int:
    """Return an integer of Python's or NumPy's, or a tensor of one, as an int.

    Raises:
        TypeError: if it is none; a bool is none.
    """
    if type(x) is int:  # as nearly always
        return x
    if isinstance(x, bool) or not hasattr(x, "__index__"):
        raise TypeError(f"expected an integer, got {type(x).__name__}")
    return operator.index(x)


def axis(dim: Any, ndim: int) -> int:
    """Return a dim counted from the front.

    Raises:
        IndexError: if it is out of range. A 0-dimensional tensor counts as one with one dim.
        TypeError: if it is no integer.
    """
    n = max(ndim, 1)
    if type(dim) is not int:
        dim = integer(dim)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim % n
