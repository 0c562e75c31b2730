"""The one place that imports Numba's CUDA: what kernels are written with, and their launch.

Numba's CUDA is numba-cuda, which takes the place of the `numba.cuda` that came with Numba. The
scalar functions of `philox`, `draws`, `numeric` and `formulas` are compiled for the device from
the very source that is compiled for the CPU. Under Numba's simulator (NUMBA_ENABLE_CUDASIM=1) a
kernel runs as Python, and these functions run as compiled for the CPU.

Numba's CUDA compiler contracts a product and the sum it goes into to an fma, which Numba on the CPU
never does. Where a product is summed and bits count, it is written `fma` or `product`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import config, cuda, types
from numba.extending import intrinsic

from minnet.kernels import numeric, simd
from minnet.kernels.jit import device

SIMULATED = bool(config.ENABLE_CUDASIM)

# Threads of a block in kernels over elements. The simulator starts an operating system's thread for
# each, so it gets few.
THREADS = 16 if SIMULATED else 256

# Without link-time optimization, so that what runs is the PTX that the tests look at.
OPTIONS = {} if SIMULATED else {"lto": False}


@device
def fma(x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, rounded once. All three float32 or all three float64."""
    return simd.fma(x, y, z)


@device
def product(x: Any, y: Any) -> Any:
    """Return x * y rounded on its own, whatever it is added to."""
    return numeric.product(x, y)


def kernel(function: Callable[..., Any], bounds: tuple[int, int] | None = None) -> Any:
    """Mark a kernel: it is compiled when it is first launched, for each combination of types.

    `bounds` are the threads of a block, and how many blocks a processor is to have room for.
    """
    options = {} if SIMULATED or bounds is None else {"launch_bounds": bounds}
    return cuda.jit(function, **OPTIONS, **options)


def function(function: Callable[..., Any]) -> Any:
    """Mark what kernels call and what uses the device's own: its arrays, threads or memory."""
    return cuda.jit(function, device=True, **OPTIONS)


def blocks(size: int, threads: int = THREADS) -> int:
    """Return how many blocks of threads have one thread for each of `size` elements."""
    return -(-size // threads)


def aligned(*arrays: Any) -> bool:
    """Return whether all arrays start at multiples of 16 bytes."""
    return all(x.ctypes.data % 16 == 0 for x in arrays)


@cache
def multiprocessors() -> int:
    """Return how many blocks of threads the device runs side by side, at least."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


# Loads and stores of 16 bytes, which Numba never makes of single elements. `i` is the index of the
# first of four float32 in a one-dimensional array, and a multiple of 4 from an address that is one
# of 16 bytes.


if SIMULATED:

    def load4(x: Any, i: Any) -> Any:
        """Return four elements."""
        return x[i], x[i + 1], x[i + 2], x[i + 3]

    def store4(x: Any, i: Any, a: Any, b: Any, c: Any, d: Any) -> None:
        """Write four elements."""
        x[i], x[i + 1], x[i + 2], x[i + 3] = a, b, c, d

else:
    _FOUR = ir.VectorType(ir.FloatType(), 4)

    def _address(context: Any, builder: Any, kind: Any, x: Any, i: Any) -> Any:
        array = context.make_array(kind)(context, builder, x)
        element = builder.gep(array.data, [i])
        space = element.type.addrspace
        return builder.bitcast(element, ir.PointerType(_FOUR, space))

    @intrinsic
    def load4(typingctx: Any, x: Any, i: Any) -> Any:
        """Return four elements."""
        if x.dtype != types.float32:
            raise TypeError(f"load4 expects an array of float32, got {x}")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector = builder.load(_address(context, builder, x, *args))
            vector.align = 16
            elements = [builder.extract_element(vector, ir.IntType(32)(n)) for n in range(4)]
            return context.make_tuple(builder, signature.return_type, elements)

        return types.UniTuple(types.float32, 4)(x, types.intp), codegen

    @intrinsic
    def store4(typingctx: Any, x: Any, i: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        """Write four elements."""
        if x.dtype != types.float32:
            raise TypeError(f"store4 expects an array of float32, got {x}")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array, index, *elements = args
            vector = ir.Constant(_FOUR, ir.Undefined)
            for n, element in enumerate(elements):
                vector = builder.insert_element(vector, element, ir.IntType(32)(n))
            builder.store(vector, _address(context, builder, x, array, index)).align = 16
            return context.get_dummy_value()

        return types.void(x, types.intp, *[types.float32] * 4), codegen
