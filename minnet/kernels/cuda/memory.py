"""Device memory: blocks that are kept and taken again, and the figures of what is in use.

The driver takes memory slowly, and waits for the whole device when it gives it back, and a training
step takes and drops dozens of arrays. All work is queued in one order, so a block whose array is
gone can be taken by the next array at once, while a kernel that reads the old one is on its way.
"""

from __future__ import annotations

import os
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np

from minnet.devices import OutOfMemoryError
from minnet.kernels import availability
from minnet.kernels.cuda.driver import SIMULATED, cuda

OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY of cuda.h
LEAST = 512  # bytes; also what a block starts at a multiple of

_kept: defaultdict[int, list[Any]] = defaultdict(list)  # Numba's memory that is free, by size
allocated = 0  # bytes in use
reserved = 0  # bytes taken from the driver
most_allocated = 0


class Block:
    """A piece of device memory. It goes back to the kept ones with the last array on it.

    `layout` is a NumPy array of its bytes whose address is the device's: NumPy computes views by
    it, and nobody may look at its elements.
    """

    __slots__ = ("layout", "memory", "owner", "size")

    def __init__(self, memory: Any, size: int, address: int, owner: Any = None):
        self.memory = memory
        self.size = size
        self.layout = _at(address, size)
        self.owner = owner

    def __del__(self) -> None:
        global allocated
        if self.owner is None:
            allocated -= self.size
            _kept[self.size].append(self.memory)


def _described(address: int, size: int) -> dict[str, Any]:
    """Return what libraries make an array of bytes of."""
    return {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}


def _at(address: int, size: int) -> np.ndarray:
    return np.asarray(SimpleNamespace(__array_interface__=_described(address, size)))


def _rounded(size: int) -> int:
    """Return a size in bytes, rounded up by an eighth at most, so that blocks fit more often."""
    size = max(size, 1)
    step = max(LEAST, 1 << size.bit_length() - 4 if size >= 16 else 1)
    return -(-size // step) * step


def take(size: int) -> Block:
    """Return a block of at least `size` bytes, whose contents are anything.

    Raises:
        OutOfMemoryError: if the device has not so much left.
        RuntimeError: in a process that was forked after CUDA was used.
    """
    global allocated, reserved, most_allocated
    if availability.forked:
        raise RuntimeError(availability.FORKED)
    size = _rounded(size)
    kept = _kept.get(size)
    if kept:
        memory = kept.pop()
    else:
        memory = _from_driver(size)
        reserved += size
    block = Block(memory, size, address_of(memory))
    allocated += size
    most_allocated = max(most_allocated, allocated)
    return block


def _from_driver(size: int) -> Any:
    availability.note_use()
    for _ in range(2):
        try:
            return _allocate(size)
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
        give_back()
    free, total = mem_get_info()
    raise OutOfMemoryError(
        f"CUDA out of memory. Tried to allocate {_named(size)}. GPU 0 has a total capacity of "
        f"{_named(total)}, of which {_named(free)} is free; minnet's arrays take "
        f"{_named(allocated)}. Take smaller batches, or drop tensors that are no longer needed"
    )


def _allocate(size: int) -> Any:
    return cuda.device_array(size, np.uint8)


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or getattr(error, "code", None) == OUT_OF_MEMORY


def _named(size: int) -> str:
    for unit, bits in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >> bits:
            return f"{size / (1 << bits):.2f} {unit}"
    return f"{size} bytes"


def give_back() -> None:
    """Give the memory that is kept and not in use back to the driver."""
    global reserved
    for size, kept in _kept.items():
        reserved -= size * len(kept)
    _kept.clear()
    if not SIMULATED:
        cuda.current_context().deallocations.clear()


def mem_get_info() -> tuple[int, int]:
    """Return how many bytes of the device are free, and how many it has."""
    if SIMULATED:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")
    free, total = cuda.current_context().get_memory_info()
    return int(free), int(total)


def wait_for(stream: int) -> None:
    """Wait until the work that another library has queued in a stream is done."""
    if not SIMULATED:
        cuda.external_stream(stream).synchronize()


def synchronize() -> None:
    """Wait until all work is done."""
    cuda.synchronize()


def reset_peak() -> None:
    """Let the peak be what is in use now."""
    global most_allocated
    most_allocated = allocated


def device_name() -> str:
    """Return the name of the GPU."""
    if SIMULATED:
        return "Numba's simulator"
    name = cuda.current_context().device.name
    return name.decode() if isinstance(name, bytes) else name


def compute_capability() -> tuple[int, int]:
    """Return the compute capability of the GPU."""
    major, minor = cuda.current_context().device.compute_capability
    return int(major), int(minor)


def address_of(memory: Any) -> int:
    """Return the address of Numba's array: the device's, or the host's under the simulator."""
    if SIMULATED:
        return memory._ary.ctypes.data
    return memory.device_ctypes_pointer.value or 0


def foreign(address: int, size: int, owner: Any) -> Block:
    """Return the block of memory that `owner` has and keeps as long as the block lives."""
    availability.note_use()
    if SIMULATED:
        memory = type(cuda.device_array(0, np.uint8))(_at(address, size))
    else:
        memory = cuda.from_cuda_array_interface(_described(address, size), owner=owner, sync=False)
    return Block(memory, size, address, owner)


def numba_array(block: Block, layout: np.ndarray) -> Any:
    """Return what kernels are launched with: Numba's array of a layout within a block."""
    shape, strides, dtype = layout.shape, layout.strides, layout.dtype
    if dtype.kind == "V":  # bfloat16, which Numba has no type for
        dtype = np.dtype(np.uint16)
    if layout.size == 0:
        return cuda.device_array(shape, dtype)
    start = layout.ctypes.data - block.layout.ctypes.data
    if SIMULATED:
        host = np.ndarray(shape, dtype, block.memory._ary, start, strides)
        return type(block.memory)(host)
    stop = start + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + dtype.itemsize
    data = block.memory.gpu_data.view(start, stop)
    return type(block.memory)(shape=shape, strides=strides, dtype=dtype, gpu_data=data)
