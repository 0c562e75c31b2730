"""How many threads kernels may use. Results do not depend on it, only speed does."""

from __future__ import annotations

import os


def available() -> int:
    """Return how many threads this process can run at once.

    It is NUMBA_NUM_THREADS if that is set, or else OMP_NUM_THREADS: the first number there, where
    several say how many threads each of those starts in turn.
    """
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        chosen = os.environ.get(variable, "").partition(",")[0].strip()
        if chosen.isdecimal() and int(chosen):
            return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_threads = available()


def set_num_threads(n: int) -> None:
    """Set how many threads kernels may use. A number above the machine's is lowered to it.

    Raises:
        RuntimeError: if `n` is not a positive int.

    Example:
        >>> import minnet
        >>> before = minnet.get_num_threads()
        >>> minnet.set_num_threads(1)
        >>> minnet.get_num_threads()
        1
        >>> minnet.set_num_threads(before)
    """
    global _threads
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {n!r}")
    _threads = min(n, available())


def get_num_threads() -> int:
    """Return how many threads kernels may use."""
    return _threads
