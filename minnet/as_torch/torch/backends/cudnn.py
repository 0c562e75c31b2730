"""torch.backends.cudnn: switches that programs set for reproducible bits, which minnet's are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = allow_tf32 = True
benchmark = deterministic = False


def is_available() -> bool:
    """Return False."""
    return False


def version() -> None:
    """Return None."""
    return None


@contextmanager
def flags(*args: Any, **switches: Any) -> Iterator[None]:
    """Let the block run as without it."""
    yield
