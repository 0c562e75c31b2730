"""Fans: how many inputs reach one output of a layer, and how many outputs one input reaches."""

from __future__ import annotations

import math
from typing import Any


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight laid out (out, in, *kernel), as torch's layers are.

    fan_in = size(1) · ∏ kernel and fan_out = size(0) · ∏ kernel. Groups and strides are not
    known to a tensor and do not count. A weight used as ``x @ w``, laid out (in, out), has its
    fans swapped: pass ``w.T``.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init._calculate_fan_in_and_fan_out(minnet.empty(16, 3, 5, 5))
        (75, 400)
    """
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    fan_out, fan_in, *kernel = tensor.shape
    receptive_field = math.prod(kernel)
    return fan_in * receptive_field, fan_out * receptive_field


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    """Return the fan that `mode`, "fan_in" or "fan_out" in any case, names.

    Raises:
        ValueError: another mode, or a tensor with fewer than two dimensions.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init._calculate_correct_fan(minnet.empty(10, 784), "fan_out")
        10
    """
    mode = str(mode).lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode)]
