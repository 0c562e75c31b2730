"""`Size`: the shape of a tensor."""

from __future__ import annotations

import math
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
