"""Numba kernels: arrays in, arrays out. They know nothing of tensors.

An array is a NumPy array, or one of another device that behaves like it. `of` tells them apart by
their type, and is the one place that does.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np

from minnet import devices
from minnet.kernels import availability, forks
from minnet.kernels.signals import deferred

# By the type of array. A device's own type adds itself when it is first imported.
_modules: dict[type, Any] = {}


def of(array: Any) -> Any:
    """Return the module of kernels for an array's device. Numba is imported on first use only."""
    try:
        return _modules[type(array)]
    except KeyError:  # the first time, or no array: None stands for the CPU
        _modules[np.ndarray] = load("cpu")
        return _modules[np.ndarray]


@cache  # neither lock nor handlers are touched once it is there
def load(name: str) -> Any:
    """Import a module of kernels, Numba with the first; neither a fork nor Ctrl-C disturbs it."""
    with forks.loading, deferred():
        return import_module(f"minnet.kernels.{name}")


def functions_of(*modules: Any) -> dict[str, Any]:
    """Return the public functions that modules define: what a device's package has of them."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def register(kind: type, module: Any) -> None:
    """Name the kernels for a type of array."""
    _modules[kind] = module


def device_of(array: Any) -> devices.device:
    """Return where the elements of an array are."""
    return devices.CPU if isinstance(array, np.ndarray) else array.device


def checked(device: Any) -> devices.device:
    """Return a device that can be used: the CPU for None, and "cuda" with its index.

    Raises:
        RuntimeError: if it cannot be used.
    """
    return devices.CPU if like(device) is None else devices.CUDA


def like(device: Any) -> Any:
    """Return what NumPy's functions take as `like=` to make an array on a device: None on the CPU.

    Raises:
        RuntimeError: if the device cannot be used.
    """
    if device is None or device is devices.CPU:
        return None
    place = devices.device(device)
    if place.type == "cpu":
        return None
    availability.require()
    if place.index:
        raise RuntimeError(
            f"cannot use device {str(place)!r}: minnet computes on one GPU, cuda:0; choose which "
            f"one that is by the environment variable CUDA_VISIBLE_DEVICES={place.index}"
        )
    return load("cuda.array").PROTOTYPE


def moved(array: Any, device: Any) -> Any:
    """Return an array on a device: itself where it is there, or for None, else a copy.

    Raises:
        RuntimeError: if the device cannot be used.
    """
    if device is None:
        return array
    prototype = like(device)
    if isinstance(array, np.ndarray):
        return array if prototype is None else np.asarray(array, like=prototype)
    return array.to_host() if prototype is None else array


def foreign(holder: Any) -> Any:
    """Return an array on the memory of another library's array on the GPU, without a copy.

    Raises:
        RuntimeError: if CUDA is not available.
        TypeError, ValueError: if it cannot be read.
    """
    availability.require()
    return load("cuda.array").as_array(holder)


def on_host(array: Any) -> np.ndarray:
    """Return an array that is a NumPy array.

    Raises:
        TypeError: if it is on another device.
    """
    return array if isinstance(array, np.ndarray) else array.__array__()


def staged(array: Any) -> np.ndarray:
    """Return an array of the CPU itself; for another device's an unset one, to be copied to it."""
    return array if isinstance(array, np.ndarray) else np.empty(array.shape, array.dtype)


def as_array(value: Any) -> Any:
    """Return a result of NumPy's as an array: it returns scalars where no dimension is left."""
    if isinstance(value, np.generic | np.ndarray) or type(value) not in _modules:
        return np.asarray(value)
    return value


def is_array(x: Any) -> bool:
    """Return whether `x` is an array of a device."""
    return isinstance(x, np.ndarray) or type(x) in _modules


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Return zeros in the dtype and on the device of an array, or in the dtype of a scalar."""
    if isinstance(like, np.ndarray | np.generic):
        return np.zeros(shape, like.dtype)
    return np.zeros(shape, like.dtype, like=like)


def contiguous(array: Any) -> Any:
    """Return an array in row order: itself where it is that, else a copy."""
    return array if array.flags.c_contiguous else array.copy(order="C")


def one_device(arrays: Any) -> None:
    """Check that arrays are on one device. What is no array does not count.

    Raises:
        RuntimeError: if they are not.
    """
    places = {str(x.device) for x in arrays if hasattr(x, "device")}
    if len(places) > 1:
        raise mixed(places)


def mixed(places: Any) -> RuntimeError:
    """Return the error for arrays on several devices."""
    names = " and ".join(sorted(places, reverse=True))
    return RuntimeError(
        "Expected all tensors to be on the same device, but found at least two devices, "
        f"{names}! Move one with .to(device), .cpu() or .cuda()"
    )
