"""`addresses`: how a kernel gets any number of arrays, in a table that one compilation serves for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.kernels.jit import kernel

TOGETHER = 8  # arrays whose addresses are taken in one call


@kernel
def _locate(arrays: Any, table: Any, start: Any) -> int:
    """Write the addresses and sizes of some arrays into the table from row `start` on.

    Returns the sum of the sizes.
    """
    total = 0
    for i in range(TOGETHER):
        table[start + i, 0], table[start + i, 1] = arrays[i].ctypes.data, arrays[i].size
        total += arrays[i].size
    return total


def addresses(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
    """Return the addresses and sizes of contiguous arrays of one dtype, and the sum of the sizes.

    The table has a row (address, size) for each; the rows after them stand for no array. An address
    is good as long as someone holds the array.
    """
    flat = [x.ravel() for x in arrays]  # views, as they are contiguous
    flat += [flat[0][:0]] * (-len(flat) % TOGETHER)
    table = np.empty((len(flat), 2), np.int64)
    total = 0
    for i in range(0, len(flat), TOGETHER):
        total += _locate.serial(tuple(flat[i : i + TOGETHER]), table, i)
    return table, total
