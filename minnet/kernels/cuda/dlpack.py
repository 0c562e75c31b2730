"""DLPack: the C structure by which libraries hand arrays to each other, written and read.

A capsule holds a DLManagedTensor (version 0 of dlpack.h, which every library reads). Whoever takes
it over calls its deleter when done; where nobody does, the capsule's end gives the memory back.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from minnet.kernels.cuda import array as arrays
from minnet.kernels.cuda import memory

CUDA = 2  # kDLCUDA
KINDS = {"i": 0, "u": 1, "f": 2, "V": 4, "b": 6}  # DLDataTypeCode; NumPy has bfloat16 as a void
CODES = {code: kind for kind, code in KINDS.items()}
NAME, USED = b"dltensor", b"used_dltensor"


class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("index", ctypes.c_int32))


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", _Device),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),  # in elements; null is row order
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    pass


_Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Managed))
_Managed._fields_ = (
    ("tensor", _Tensor),
    ("context", ctypes.c_void_p),
    ("deleter", _Deleter),
)

_Destructor = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _python(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of Python's C interface, of these types."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_NAMED = ctypes.c_void_p, ctypes.c_char_p
_new_capsule = _python("PyCapsule_New", ctypes.py_object, *_NAMED, _Destructor)
_pointer_of = _python("PyCapsule_GetPointer", ctypes.c_void_p, *_NAMED)
_is_named = _python("PyCapsule_IsValid", ctypes.c_int, *_NAMED)
_set_name = _python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)

# What has been handed out and not yet given back: the structures, and the arrays on whose memory
# they are.
_handed_out: dict[int, Any] = {}


@_Deleter
def _give_back(managed: Any) -> None:
    _handed_out.pop(ctypes.addressof(managed.contents), None)


@_Destructor
def _end(capsule: Any) -> None:
    if _is_named(capsule, NAME):  # nobody has taken it over
        _handed_out.pop(_pointer_of(capsule, NAME), None)


def capsule(array: Any, stream: Any = None) -> Any:
    """Return a capsule with an array for a reader that works in a stream (-1: it sees to order)."""
    if not array.flags.writeable:
        raise BufferError("a read-only array cannot be handed out by DLPack: copy it")
    if stream not in (None, -1, 0, 1):  # not the order that our work is queued in
        memory.wait_for(1)
    ndim, itemsize = array.ndim, array.itemsize
    sizes = (ctypes.c_int64 * ndim)(*array.shape)
    steps = (ctypes.c_int64 * ndim)(*(s // itemsize for s in array.strides))
    address = array.ctypes.data if array.size else None
    kind = _DataType(KINDS[array.dtype.kind], 8 * itemsize, 1)
    tensor = _Tensor(address, _Device(CUDA, 0), ndim, kind, sizes, steps, 0)
    managed = _Managed(tensor, None, _give_back)
    key = ctypes.addressof(managed)
    _handed_out[key] = managed, array, sizes, steps
    return _new_capsule(key, NAME, _end)


def read(holder: Any) -> Any:
    """Return an array on the memory of an object that speaks DLPack, without a copy.

    Raises:
        TypeError: if it does not, is not on the device, or has a dtype that NumPy lacks.
    """
    if not hasattr(holder, "__dlpack__") or not hasattr(holder, "__dlpack_device__"):
        raise TypeError(
            "expected an array on the GPU, with __cuda_array_interface__ or DLPack, got "
            f"{type(holder).__name__}"
        )
    kind, index = holder.__dlpack_device__()
    if int(kind) != CUDA:
        raise TypeError(f"expected an array on the GPU, got one on DLPack's device {int(kind)}")
    if index:
        raise RuntimeError(f"minnet computes on one GPU, cuda:0, but the array is on cuda:{index}")
    handed = holder.__dlpack__(stream=1)
    if not _is_named(id(handed), NAME):
        raise TypeError(f"{type(holder).__name__}.__dlpack__ returned no fresh DLPack capsule")
    address = _pointer_of(id(handed), NAME)
    tensor = _Managed.from_address(address).tensor
    dtype = _dtype(tensor.dtype)
    shape = tuple(tensor.shape[d] for d in range(tensor.ndim))
    steps = tensor.strides
    strides = tuple(steps[d] * dtype.itemsize for d in range(tensor.ndim)) if steps else None
    _set_name(handed, USED)  # it is ours now
    owner = _Taken(address, handed)
    data = (tensor.data or 0) + tensor.byte_offset
    return arrays.of_memory(owner, data, shape, strides, dtype)


class _Taken:
    """What was taken over from another library, which is told when it is no longer needed."""

    def __init__(self, address: int, handed: Any):
        self._address = address
        self._capsule = handed

    def __del__(self) -> None:
        managed = _Managed.from_address(self._address)
        if managed.deleter:
            managed.deleter(ctypes.byref(managed))


def _dtype(kind: Any) -> np.dtype:
    name = CODES.get(kind.code)
    if name is None or kind.lanes != 1:
        raise TypeError(f"DLPack's dtype {kind.code} with {kind.bits} bits is none that NumPy has")
    if name == "V":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(f"{name}{kind.bits // 8}")
