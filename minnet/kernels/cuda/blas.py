"""Products on the device by cuBLAS, through nvmath-python where it is installed."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

# To cuBLAS, memory in row order is the transpose: it computes Cᵀ = Bᵀ Aᵀ.
PLAIN, TRANSPOSED = 0, 1  # cublasOperation_t
NO_TF32 = 0  # cublasMath_t: CUBLAS_DEFAULT_MATH


@cache
def bindings() -> Any:
    """Return the bindings of cuBLAS and a handle, or None where nvmath-python is not installed."""
    try:
        from nvmath.bindings import cublas
    except ImportError:
        warnings.warn(
            "nvmath-python is not installed, so minnet's own kernels multiply matrices on the GPU: "
            "pip install 'nvmath-python[cu13]'",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    handle = cublas.create()
    cublas.set_math_mode(handle, NO_TF32)
    return cublas, handle


def product(x: Any, a_by_k: bool, y: Any, b_by_k: bool, k: int, out: Any, add: bool) -> None:
    """Write A B to `out`, or add it to it. All are in row order.

    x is A (M, K), or its transpose without `a_by_k`; y is the transpose of B with `b_by_k`, or B.
    """
    cublas, handle = bindings()
    m, n = out.shape
    real = out.dtype.type
    one, kept = np.array(1, real), np.array(add, real)
    run = cublas.sgemm if real is np.float32 else cublas.dgemm
    first, second = (y.ctypes.data, y.shape[1]), (x.ctypes.data, x.shape[1])
    forms = TRANSPOSED if b_by_k else PLAIN, PLAIN if a_by_k else TRANSPOSED
    result = kept.ctypes.data, out.ctypes.data, n
    run(handle, *forms, n, m, k, one.ctypes.data, *first, *second, *result)
