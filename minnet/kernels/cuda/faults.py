"""Faults that kernels find in data: noted on the device, told when the host next waits for it.

To ask at once would let the device run dry at every step. So a wrong class index is an error of the
first call that copies anything to the host, such as `loss.item()`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.kernels.cuda.array import Array, from_host

TARGET = 1  # a class index out of range
MESSAGES = {TARGET: "Target {} is out of bounds."}

_noted: Array | None = None  # the first fault: its kind, and the number that is wrong
_looked = True  # whether nothing can have been noted since


def notes() -> Any:
    """Return the memory in which a kernel notes a fault, where none is noted yet."""
    global _noted, _looked
    if _noted is None:
        _noted = from_host(np.zeros(2, np.int64))
    _looked = False
    return _noted.memory


def look() -> None:
    """Raise the fault that was noted, and forget it.

    Raises:
        IndexError: if there is one.
    """
    global _looked
    if _looked or _noted is None:
        return
    _looked = True
    kind, number = _noted.memory.copy_to_host().tolist()
    if kind:
        _noted.fill(0)
        raise IndexError(MESSAGES[kind].format(number))
