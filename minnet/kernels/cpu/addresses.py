"""`addresses`: how a kernel takes any number of arrays, in a table, with one compilation."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.kernels.jit import device, kernel
from minnet.kernels.simd import address

TOGETHER = 8  # arrays whose addresses are taken in one call


@device
def _write(table: Any, row: Any, array: Any) -> Any:
    table[row, 0], table[row, 1] = address(array), array.size
    return array.size


@kernel
def _locate(table, row, a, b, c, d, e, f, g, h):
    # Numba takes longer to look into a tuple.
    total = _write(table, row, a) + _write(table, row + 1, b)
    total += _write(table, row + 2, c) + _write(table, row + 3, d)
    total += _write(table, row + 4, e) + _write(table, row + 5, f)
    return total + _write(table, row + 6, g) + _write(table, row + 7, h)


def addresses(arrays: list[Any], none: list[Any]) -> tuple[np.ndarray, int]:
    """Return the addresses and sizes of contiguous arrays, and the sum of the sizes.

    The table has a row (address, size) for each, and after the last one for some of `none`: one
    array or two, with no elements, that continue the order of dims. Each order takes a compilation.
    An address is good as long as someone holds the array.
    """
    missing = -len(arrays) % TOGETHER
    if missing:
        arrays = arrays + none * (missing // len(none))
    table = np.empty((len(arrays), 2), np.int64)
    total = 0
    for row in range(0, len(arrays), TOGETHER):
        total += _locate.serial(table, row, *arrays[row : row + TOGETHER])
    return table, total
