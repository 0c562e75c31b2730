"""Vector IR: what Numba's Python cannot say. Fused multiply-add, and the SIMD width of the target."""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, rounded once. All three float32 or all three float64.

    Numba on the CPU never contracts a multiply and an add, on CUDA it always does: where the bits
    matter, the fma is written out.
    """
    if not (x == y == z and x in (types.float32, types.float64)):
        raise TypeError(f"fma expects three float32 or three float64, got {x}, {y}, {z}")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = args[0].type
        name = "llvm.fma.f32" if isinstance(scalar, ir.FloatType) else "llvm.fma.f64"
        kind = ir.FunctionType(scalar, [scalar] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return x(x, x, x), codegen


@cache
def vector_bytes() -> int:
    """Return the width of the target's vector registers: 64 (AVX-512), 32 (AVX) or 16 bytes."""
    features = cpu_target.target_context.codegen()._tm_features.split(",")
    return 64 if "+avx512f" in features else 32 if "+avx" in features else 16
