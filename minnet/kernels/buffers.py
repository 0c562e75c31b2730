"""`empty`: large arrays are taken again once nobody holds them.

The system gives fresh memory page by page, and a page fault for every 4 KiB costs more than what a
small kernel does with them: a third of a training step with weights of a few MB (measured).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

# Bytes. What is smaller the allocator keeps by itself; from here on it maps memory afresh, or gives
# it back as soon as there is more (glibc; a layer's backward with 600 kB of results then took 330
# us in place of 120).
LARGE = 1 << 17
MOST = 1 << 26  # bytes kept in all

# Without the interpreter's lock a count of references says nothing.
_counts_are_exact = getattr(sys, "_is_gil_enabled", lambda: True)()
# By shape and dtype, of each the oldest first.
_kept: dict[tuple[tuple[int, ...], Any], list[np.ndarray]] = {}


def _counted(arrays: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each array of a list after the number of references to it."""
    for array in arrays:
        yield sys.getrefcount(array), array


# The list, the loop, and up to Python 3.13 the call, which only borrows its arguments since.
FREE = next(_counted([np.empty(0)]))[0]


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array whose elements are anything, as `np.empty`.

    A tensor, a view, a kernel at work and whoever else uses an array's memory all hold a reference
    to the array. One that only the list of kept ones refers to is free.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE or size > MOST // 4 or not _counts_are_exact:
        return np.empty(shape, dtype)
    for references, array in _counted(_kept.get((shape, dtype), ())):
        if references == FREE and array.shape == shape and array.dtype == dtype:
            if array.flags.c_contiguous and array.flags.writeable:
                return array
    array = np.empty(shape, dtype)
    _keep(array)
    return array


def _keep(array: np.ndarray) -> None:
    # Into another dict and another list: a thread may be counting the references in these.
    global _kept
    kept = dict(_kept)
    size = array.nbytes + sum(other.nbytes for same in kept.values() for other in same)
    while size > MOST:
        key = next(iter(kept))
        oldest, *rest = kept.pop(key)
        if rest:
            kept[key] = rest
        size -= oldest.nbytes
    key = array.shape, array.dtype
    kept[key] = [*kept.get(key, ()), array]
    _kept = kept
