"""Python numbers where they enter: what counts as one, and whether it fits a dtype.

All that writes a number into an array asks here, so that the same number fits, or does not,
wherever it comes in. What fits is cast: 1.7 is 1 in an integer dtype. As in torch, a negative int
wraps around in an unsigned dtype that holds its absolute value, and a bool holds any number.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from typing import Any

import numpy as np


def number(x: Any, what: str) -> Any:
    """Return a bool, an int or a float: itself, one of NumPy's, or the element of a 0-d tensor.

    Raises:
        TypeError: if it is none; it names `what` was to be a number.
    """
    if type(x) is float or type(x) is int:  # as nearly always
        return x
    found = x
    if getattr(x, "ndim", None) == 0 and hasattr(x, "item"):  # of any library
        plain = not isinstance(x, np.generic | np.ndarray) or x.dtype.kind in "biuf"
        found = x.item() if plain else None  # a time's item is an int too
    if isinstance(found, float | int):
        return found
    raise TypeError(f"{what} must be Number, not {type(x).__name__}")


def real(x: Any, what: str) -> float:
    """Return a number as a float.

    Raises:
        TypeError: if it is no number.
    """
    return x if type(x) is float else float(number(x, what))


def check(value: Any, dtype: np.dtype) -> None:
    """Check that a Python number fits a dtype.

    Raises:
        RuntimeError: if it does not: it lies outside of the range, or it is an infinity or NaN and
            the dtype is an integer's.
        OverflowError: for an int of more than 64 bits.
    """
    if 0 <= value <= 127:  # as nearly always: every dtype holds it
        return
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise OverflowError(f"int too big to convert: {value} has more than 64 bits")
    low, high = _range(dtype)
    if low == 0 and isinstance(value, int):
        low = -high
    if low <= value <= high:
        return
    if dtype.kind == "b" or (dtype.kind not in "iu" and not math.isfinite(value)):
        return
    raise RuntimeError(
        f"value cannot be converted to type {dtype} without overflow: {value!r} is not within "
        f"[{low}, {high}]"
    )


@cache
def _range(dtype: np.dtype) -> tuple[Any, Any]:
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    high = 1 if dtype.kind == "b" else float(finfo(dtype).max)
    return -high, high


def check_all(values: np.ndarray, dtype: np.dtype) -> None:
    """Check that the numbers in an array fit a dtype."""
    if values.size:
        check(values.min().item(), dtype)  # NaN, if there is one
        check(values.max().item(), dtype)


def fitted(value: Any, dtype: np.dtype) -> np.ndarray:
    """Return a Python number in a dtype that it fits, as an array of no dims; see `check`."""
    check(value, dtype)
    return np.asarray(value).astype(dtype)


def finfo(dtype: np.dtype) -> Any:
    """Return the limits of a floating point dtype, of bfloat16 too."""
    if dtype.kind in "fc":
        return np.finfo(dtype)
    return sys.modules[dtype.type.__module__].finfo(dtype)  # ml_dtypes
