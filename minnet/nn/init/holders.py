"""Holders: the array on the memory of a tensor, an array or a buffer of any library."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import numpy as np

from minnet import kernels
from minnet.variable import Variable, read_only

_DLPACK_CPU = 1  # kDLCPU of dlpack.h
_DLPACK_CUDA = 2  # kDLCUDA
_DLPACK_DEVICES = {7: "Vulkan", 8: "Metal", 10: "ROCm", 14: "oneAPI"}


def array_of(holder: Any) -> np.ndarray:
    """Return an array on the memory of `holder`: what is written to it, `holder` shows.

    A minnet or PyTorch tensor, a NumPy array (a memmap too), and whatever speaks the buffer
    protocol, the array interface of the CPU or of CUDA, or DLPack. Nothing is copied: what could
    only be read through a copy, such as a list, is refused.

    Raises:
        TypeError: if it holds no array, or one that has no NumPy dtype.
        RuntimeError: if its elements are neither on the CPU nor on a GPU that can be used, not
            strided, or share memory.
    """
    if isinstance(holder, Variable):
        return holder.array
    torch = sys.modules.get("torch")  # a tensor of torch's exists only once it is imported
    if isinstance(holder, np.ndarray):
        array = holder.view(np.ndarray)  # a memmap is one, a masked array too
    elif torch is not None and isinstance(holder, torch.Tensor):
        array = _array_of_torch(holder)
    elif _on_gpu(holder):
        array = kernels.foreign(holder)
    else:
        array = _array_of_buffer(holder)
    if array.dtype.kind in "OSUMm" or array.dtype.names:
        raise TypeError(f"expected an array of numbers, but got one of {array.dtype}")
    if (
        0 in array.strides
        and array.size
        and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))
    ):
        raise RuntimeError(
            f"cannot initialize the {_name(holder)}: it is expanded, so that several of its "
            "elements are one in memory; initialize a copy"
        )
    return array


def array_to_fill(holder: Any) -> np.ndarray:
    """Return an array on the memory of what is to be filled.

    Raises:
        TypeError, RuntimeError: as `array_of`; and for a tensor that torch has computed from
            others, as a parametrized weight is at each access: filling it would change nothing.
    """
    if isinstance(holder, Variable):
        return holder.array
    base = getattr(holder, "_base", None)
    if getattr(holder if base is None else base, "grad_fn", None) is not None:
        raise RuntimeError(
            f"cannot initialize the {_name(holder)}: it is no parameter but computed from others, "
            "by a parametrization perhaps; initialize the layer by init.scheme, which sets it "
            "through its parametrization, or a parameter itself"
        )
    return array_of(holder)


def _array_of_torch(tensor: Any) -> np.ndarray:
    torch = sys.modules["torch"]
    if tensor.is_cuda:
        return kernels.foreign(tensor.detach())
    if not tensor.is_cpu:
        if tensor.is_meta:
            raise RuntimeError(
                "cannot initialize a tensor on the meta device, which has no memory; give it some "
                "first: module.to_empty(device='cpu')"
            )
        raise _elsewhere(tensor, str(tensor.device))
    if tensor.layout is not torch.strided:
        raise RuntimeError(f"cannot initialize a tensor of layout {tensor.layout}; make it dense")
    values = tensor.detach()
    if values.dtype is not torch.bfloat16:
        return values.numpy()
    try:
        import ml_dtypes
    except ImportError:
        raise RuntimeError(
            "NumPy has no bfloat16 of its own, so a bfloat16 tensor of torch needs ml_dtypes: "
            "python -m pip install ml_dtypes"
        ) from None
    return values.view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def _on_gpu(holder: Any) -> bool:
    if hasattr(holder, "__cuda_array_interface__"):
        return True
    if not hasattr(holder, "__dlpack_device__"):
        return False
    return int(holder.__dlpack_device__()[0]) == _DLPACK_CUDA


def _array_of_buffer(holder: Any) -> np.ndarray:
    # NumPy would read any other object, a list for one, into a copy.
    if hasattr(holder, "__array_interface__") and not isinstance(holder, np.generic):
        return np.asarray(holder)
    with suppress(TypeError, ValueError, BufferError):
        if not isinstance(holder, np.generic):  # a buffer, but of a copy
            return np.asarray(memoryview(holder))
    if not hasattr(holder, "__dlpack_device__"):
        raise TypeError(
            "expected something that holds an array: a tensor of minnet or torch, a NumPy array, "
            f"a buffer, or an object with DLPack, but got {_name(holder)}"
        )
    kind = int(holder.__dlpack_device__()[0])
    if kind != _DLPACK_CPU:
        raise _elsewhere(holder, _DLPACK_DEVICES.get(kind, f"DLPack device {kind}"))
    try:
        return np.from_dlpack(holder)
    except (BufferError, RuntimeError) as error:  # a dtype that NumPy does not have, for one
        raise TypeError(f"cannot read the {_name(holder)} as a NumPy array: {error}") from error


def not_writable(holder: Any) -> str:
    """Return what to tell the user whose object cannot be written to."""
    if isinstance(holder, Variable):
        return str(read_only())
    return (
        f"the {_name(holder)} is read-only, and an initializer fills in place; initialize a NumPy "
        "array, np.empty(shape, np.float32), and convert it"
    )


def changed(holder: Any) -> None:
    """Raise the version of a tensor, by which a backward sees that its elements have changed."""
    if isinstance(holder, Variable):
        holder.bump()
    elif not isinstance(holder, np.ndarray) and hasattr(holder, "_version"):
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(holder, torch.Tensor):
            torch.autograd.graph.increment_version(holder)


def version(holder: Any) -> int | None:
    """Return how often a tensor was changed in place, or None where nobody counts."""
    if isinstance(holder, Variable):
        return None if holder.is_inference() else holder.counter()[0]
    return getattr(holder, "_version", None)


def _elsewhere(holder: Any, place: str) -> RuntimeError:
    return RuntimeError(
        f"cannot initialize the {_name(holder)} on {place}: minnet fills memory of the CPU and of "
        "CUDA; initialize it on the CPU, then move it"
    )


def _name(holder: Any) -> str:
    cls = type(holder)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"
