"""Formats of memory, by torch's names. All tensors are in row order, so they change nothing."""

from __future__ import annotations

from typing import Any


class memory_format:
    """A format of memory, such as `minnet.contiguous_format`. It prints as torch's does."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # pickled by reference


preserve_format = memory_format("preserve_format")
contiguous_format = memory_format("contiguous_format")


def check(given: Any) -> None:
    """Check that something given as a format is one.

    Raises:
        TypeError: if it is not.
    """
    if given is not None and not isinstance(given, memory_format):
        raise TypeError(f"memory_format must be torch.memory_format, not {type(given).__name__}")
