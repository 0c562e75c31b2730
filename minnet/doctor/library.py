"""The library that a network is of. minnet has PyTorch's names, so one examination serves both."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def library_of(net: Any) -> Any:
    """Return the package that a network's class comes from: minnet, or torch, never imported here.

    Raises:
        TypeError: it is no network of either.
    """
    for cls in type(net).__mro__:
        package = cls.__module__.partition(".")[0]
        if cls.__name__ == "Module" and package in ("minnet", "torch"):
            return sys.modules[package]
    raise TypeError(
        f"expected a network, an nn.Module of minnet or torch, but got {type(net).__name__}"
        + (": an instance, not the class" if isinstance(net, type) else "")
    )


def to_tensor(library: Any, values: Any) -> Any:
    """Return a tensor as it is, and one around an array."""
    if not isinstance(values, np.ndarray):
        return values
    return library.from_numpy(np.ascontiguousarray(values))


def to_array(tensor: Any) -> np.ndarray:
    """Return a tensor's values as they are now: a copy in double precision, on the CPU."""
    values = tensor.detach().cpu()
    try:
        array = values.numpy()
    except TypeError:  # torch's bfloat16
        array = values.float().numpy()
    return array.astype(np.float64)
