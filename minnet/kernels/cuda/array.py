"""`Array`: a NumPy-like array on the device.

It knows its memory, its layout and how to be copied. What is computed on it is elsewhere, and
NumPy's own functions find their way there: ufuncs by `__array_ufunc__` (elementwise.py), others by
`__array_function__` (numpy_functions.py). What the device has no kernel for is an error that says
so, and never a silent copy to the host.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from minnet import devices, kernels
from minnet.kernels import availability
from minnet.kernels.cuda import memory


class Flags(NamedTuple):
    """What `flags` of an array tells."""

    c_contiguous: bool
    f_contiguous: bool
    writeable: bool

    @property
    def carray(self) -> bool:
        """Whether a kernel may run over the memory and write to it."""
        return self.c_contiguous and self.writeable


class Array(NDArrayOperatorsMixin):
    """An array of the device, as NumPy's: shape, dtype, strides in bytes, views and operators.

    Args:
        block: the memory.
        layout: a NumPy array with the shape, the strides, the dtype and the device's address. It
            computes views; its elements are not the host's to read.
        base: the array that this one is a view of.
    """

    __slots__ = ("__weakref__", "_memory", "base", "block", "dtype", "layout")
    __hash__ = object.__hash__

    def __init__(self, block: memory.Block, layout: np.ndarray, base: Array | None = None):
        self.block = block
        self.layout = layout
        self.dtype = layout.dtype
        self.base = base
        self._memory: Any = None

    @property
    def memory(self) -> Any:
        """Numba's array: what kernels are launched with."""
        if availability.forked:
            raise RuntimeError(availability.FORKED)
        if self._memory is None:
            self._memory = memory.numba_array(self.block, self.layout)
        return self._memory

    @property
    def device(self) -> devices.device:
        """Where the elements are."""
        return devices.CUDA

    shape = property(attrgetter("layout.shape"))
    strides = property(attrgetter("layout.strides"))
    ndim = property(attrgetter("layout.ndim"))
    size = property(attrgetter("layout.size"))
    itemsize = property(attrgetter("layout.itemsize"))
    nbytes = property(attrgetter("layout.nbytes"))
    ctypes = property(attrgetter("layout.ctypes"), doc="What has the address as `.data`.")

    @property
    def flags(self) -> Flags:
        flags = self.layout.flags
        return Flags(flags.c_contiguous, flags.f_contiguous, flags.writeable)

    def __len__(self) -> int:
        return len(self.layout)

    def __repr__(self) -> str:
        return f"Array(shape={self.shape}, dtype={self.dtype}, device='{self.device}')"

    # Views

    def _view(self, layout: np.ndarray) -> Array:
        return Array(self.block, layout, self if self.base is None else self.base)

    def __getitem__(self, key: Any) -> Array:
        from minnet.kernels.cuda import indexing

        parts = key if isinstance(key, tuple) else (key,)
        if indexing.selects(parts):
            return indexing.selected(self, parts)
        return self._view(self.layout[_as_view(parts)])

    def __setitem__(self, key: Any, value: Any) -> None:
        from minnet.kernels.cuda import elementwise, indexing

        parts = key if isinstance(key, tuple) else (key,)
        if indexing.selects(parts):
            indexing.put(self, parts, value)
        else:
            elementwise.copy(self._view(self.layout[_as_view(parts)]), value)

    @property
    def T(self) -> Array:
        return self._view(self.layout.T)

    def transpose(self, *axes: Any) -> Array:
        return self._view(self.layout.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> Array:
        return self._view(self.layout.swapaxes(a, b))

    def squeeze(self, axis: Any = None) -> Array:
        return self._view(self.layout.squeeze(axis))

    def view(self, dtype: Any = None) -> Array:
        """Return the same bytes in another dtype."""
        return self._view(self.layout.view() if dtype is None else self.layout.view(dtype))

    def reshape(self, *shape: Any) -> Array:
        """Return the elements in another shape: a view where that can be, else a copy."""
        try:
            return self._view(self.layout.reshape(*shape, copy=False))
        except ValueError:
            if self.layout.flags.c_contiguous:  # so the shape is wrong
                raise
        return self.copy().reshape(*shape)

    def ravel(self) -> Array:
        return self.reshape(-1)

    # Copies

    def copy(self, order: str = "C") -> Array:
        out = empty(self.shape, self.dtype)
        out[...] = self
        return out

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Array:
        dtype = np.dtype(dtype)
        if dtype == self.dtype and not copy:
            return self
        out = empty(self.shape, dtype)
        out[...] = self
        return out

    def fill(self, value: Any) -> None:
        self[...] = value

    def to_host(self) -> np.ndarray:
        """Return a NumPy array with a copy of the elements. Waits for all work on the device.

        Raises:
            IndexError: if a kernel has found a wrong index meanwhile: see faults.py.
        """
        from minnet.kernels.cuda import faults

        faults.look()
        source = self if self.layout.flags.c_contiguous else self.copy()
        if not source.size:
            return np.empty(self.shape, self.dtype)
        bits = source.memory.copy_to_host()
        return bits if bits.dtype == self.dtype else bits.view(self.dtype)

    def item(self) -> Any:
        """Return the one element as a Python number."""
        return self.to_host().item()

    def tolist(self) -> Any:
        return self.to_host().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy "
            "the tensor to host memory first."
        )

    def _number(self) -> Any:
        if self.size != 1:
            raise TypeError("only arrays of one element can be converted to a number")
        return self.item()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        return operator.index(self._number())

    def __reduce__(self) -> Any:
        return from_host, (self.to_host(),)

    def __deepcopy__(self, memo: Any) -> Array:
        return self.copy()

    # NumPy's functions

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from minnet.kernels.cuda import elementwise

        if method != "__call__":
            raise unsupported(f"{ufunc.__name__}.{method}")
        return elementwise.apply(ufunc, inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from minnet.kernels.cuda import numpy_functions

        return numpy_functions.call(function, args, kwargs)

    sum, all, any = np.sum, np.all, np.any
    argmax, argmin, take = np.argmax, np.argmin, np.take

    # Other libraries

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """What CuPy, torch and Numba read an array from without a copy (version 3)."""
        if self.dtype.kind == "V":
            raise AttributeError("bfloat16 has no name in the CUDA array interface")
        return {
            "shape": self.shape,
            "strides": None if self.layout.flags.c_contiguous else self.strides,
            "typestr": self.dtype.str,
            "data": (self.layout.ctypes.data if self.size else 0, not self.flags.writeable),
            "version": 3,
            "stream": 1,  # the default stream, where all work is queued
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        from minnet.kernels.cuda import dlpack

        return dlpack.CUDA, 0

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Any:
        from minnet.kernels.cuda import dlpack

        if dl_device not in (None, self.__dlpack_device__()):
            raise BufferError(f"the array is on {self.device}, and moves by .cpu() only")
        return dlpack.capsule(self.copy() if copy else self, stream)


def _as_view(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    # With an ellipsis NumPy returns a view, even of no dims, and never reads an element.
    return parts if any(part is Ellipsis for part in parts) else (*parts, ...)


def empty(shape: int | Sequence[int], dtype: Any) -> Array:
    """Return an array whose elements are anything.

    Raises:
        minnet.OutOfMemoryError: if the device has not enough memory left.
    """
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size = dtype.itemsize * math.prod(shape)
    block = memory.take(size)
    return Array(block, block.layout[:size].view(dtype).reshape(shape))


def from_host(array: np.ndarray) -> Array:
    """Return a copy of a NumPy array on the device."""
    out = empty(array.shape, array.dtype)
    upload(array, out)
    return out


def upload(array: np.ndarray, target: Array) -> None:
    """Copy a NumPy array into a contiguous array of its shape and dtype."""
    if array.size:
        bits = np.ascontiguousarray(array).reshape(target.shape)
        target.memory.copy_to_device(bits.view(np.uint16) if bits.dtype.kind == "V" else bits)


def to_host(array: Array) -> np.ndarray:
    """Return a copy of an array as a NumPy array."""
    return array.to_host()


def as_array(holder: Any) -> Array:
    """Return an array on the memory of another library's device array, without a copy.

    Raises:
        TypeError: if it has neither the CUDA array interface nor DLPack.
        ValueError: if it has a mask, or a dtype that NumPy lacks.
    """
    if isinstance(holder, Array):
        return holder
    interface = getattr(holder, "__cuda_array_interface__", None)
    if interface is None:
        from minnet.kernels.cuda import dlpack

        return dlpack.read(holder)
    if interface.get("mask") is not None:
        raise ValueError("an array with a mask cannot be read: fill what it hides")
    address, read_only = interface["data"]
    stream = interface.get("stream")
    if stream not in (None, 1):  # another order of work than ours: wait until it is through
        memory.wait_for(stream)
    shape, strides = interface["shape"], interface.get("strides")
    return of_memory(holder, address, shape, strides, interface["typestr"], read_only)


def of_memory(
    owner: Any,
    address: int,
    shape: Sequence[int],
    strides: Sequence[int] | None,
    dtype: Any,
    read_only: bool = False,
) -> Array:
    """Return an array on memory that `owner` has. Strides are in bytes; None is row order."""
    dtype = np.dtype(dtype)
    low, size = 0, dtype.itemsize * math.prod(shape)
    if size and strides is not None:
        reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
        low = sum(r for r in reach if r < 0)
        size = sum(abs(r) for r in reach) + dtype.itemsize
    block = memory.foreign(address + low, size, owner)
    layout = np.ndarray(shape, dtype, block.layout, -low, strides)
    if read_only:
        layout.flags.writeable = False
    return Array(block, layout)


def unsupported(name: str) -> NotImplementedError:
    """Return the error for what the device has no kernel for."""
    return NotImplementedError(
        f"{name} is not supported on {devices.CUDA}: move the tensor to the CPU with .cpu(), and "
        "the result back with .cuda()"
    )


# What NumPy's `like=` takes. It has no memory, so that this file is imported without a GPU too.
PROTOTYPE = Array(memory.Block(None, 0, 0, owner=True), np.empty(0, np.float32))
kernels.register(Array, sys.modules[__package__])
