"""Forks: what has to be at rest when the process forks, so that a child can go on.

A child has no thread but the one that forked. A lock that another thread held stays locked in it
forever, and what that thread was at stays half done. So a fork waits until nobody loads or compiles
kernels, and holds these locks until both processes go on.
"""

from __future__ import annotations

import logging  # noqa: F401 - see below
import os
import threading
from contextlib import AbstractContextManager
from typing import Any

loading = threading.RLock()  # held while the kernels are being imported

_locks: list[AbstractContextManager[Any]] = [loading]


def wait_for(lock: AbstractContextManager[Any]) -> None:
    """Let forks wait for a reentrant lock. Locks are registered in the order they are taken in."""
    _locks.append(lock)


def _before() -> None:
    for lock in _locks:
        lock.__enter__()


def _after() -> None:
    for lock in reversed(_locks):
        lock.__exit__(None, None, None)


# What is registered first is called last: logging, which Numba imports, has to take its lock behind
# ours, or a fork holds that lock while it waits for who imports Numba, who waits for the lock.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
