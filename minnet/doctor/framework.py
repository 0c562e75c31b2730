"""The library that a network is of. minnet has PyTorch's names, so one examination serves both."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def framework_of(net: Any) -> Any:
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
    """Return a tensor as it is, one around an array, and None for None.

    Raises:
        TypeError: it is none of these.
    """
    if values is None or isinstance(values, library.Tensor):
        return values
    if isinstance(values, np.ndarray):
        return library.from_numpy(np.ascontiguousarray(values))
    raise TypeError(
        f"expected a {library.__name__} tensor or a NumPy array, but got {type(values).__name__}"
    )


def to_array(tensor: Any) -> np.ndarray:
    """Return a tensor's values on the CPU, in single or double precision.

    They are the tensor's own where they can be: copy what is to outlast a change in place.
    """
    values = tensor.detach()
    if values.device.type != "cpu":
        values = values.cpu()
    if not values.is_floating_point():
        values = values.double()
    elif values.element_size() < 4:
        values = values.float()
    return values.numpy()
