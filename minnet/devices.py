"""`device`: where a tensor lives."""

from __future__ import annotations

import re
from typing import Any


class device:
    """A place for tensors, such as `minnet.device("cpu")`.

    Raises:
        RuntimeError: if the name is not "cpu" or "cuda", with or without an index.

    Example:
        >>> import minnet
        >>> minnet.device("cpu")
        device(type='cpu')
        >>> minnet.device("cuda:1").index
        1
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None):
        name = str(type) if isinstance(type, device) else type
        if not isinstance(name, str):
            raise TypeError(f"device expects a name such as 'cpu', got {type!r}")
        match = re.fullmatch(r"(cpu|cuda)(?::(\d+))?", name)
        if match is None:
            raise RuntimeError(
                f"Expected one of cpu, cuda device type at start of device string: {type}"
            )
        self.type = match[1]
        self.index = int(match[2]) if match[2] else index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)


CPU = device("cpu")
CUDA = device("cuda", 0)  # the one GPU that is computed on


class OutOfMemoryError(RuntimeError):
    """A device has not enough memory left. The process, and what it holds there, go on."""
