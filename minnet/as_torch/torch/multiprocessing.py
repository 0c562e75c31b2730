"""torch.multiprocessing: Python's. A tensor is sent to another process as a copy."""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403

__all__ = [
    *multiprocessing.__all__, "get_all_sharing_strategies", "get_sharing_strategy",
    "set_sharing_strategy",
]  # fmt: skip


def get_all_sharing_strategies() -> set[str]:
    """Return the one way in which tensors are sent."""
    return {"copy"}


def get_sharing_strategy() -> str:
    """Return the one way in which tensors are sent."""
    return "copy"


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing."""
