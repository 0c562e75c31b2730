"""Layers that change the shape alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minnet.functional.shape import flatten, unflatten
from minnet.nn.module import Module


class Flatten(Module):
    """Make the dims from `start_dim` to `end_dim` one: by default all but the batch.

    Shape:
        input (N, d1, …, dk), output (N, d1 · … · dk).

    Example:
        >>> import minnet
        >>> minnet.nn.Flatten()(minnet.zeros(32, 1, 28, 28)).shape
        torch.Size([32, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split the dimension `dim` into several, of the sizes `unflattened_size`.

    Raises:
        TypeError: if `unflattened_size` is not a tuple of ints.

    Example:
        >>> import minnet
        >>> minnet.nn.Unflatten(1, (1, 28, 28))(minnet.zeros(32, 784)).shape
        torch.Size([32, 1, 28, 28])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        super().__init__()
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                "unflattened_size must be a tuple of ints, but found type "
                f"{type(unflattened_size).__name__}"
            )
        for i, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(size).__name__} at pos {i}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Any) -> Any:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
