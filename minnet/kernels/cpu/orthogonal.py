"""Orthonormal rows from normals, by Householder reflections applied in blocks, without LAPACK.

The reflection H = I - 2 vᵀ v, v a row of norm 1 along x + sign(x₁) |x| e₁, takes the row x to
-sign(x₁) |x| e₁. Two ways to use reflections on X, n rows of m >= n standard normals:

- `random_rows`: H_i is that of the last m - i elements of row i. The first n rows of H_n … H_1 are
  uniformly distributed over all systems of n orthonormal rows (Stewart, 1980), once row i is
  multiplied by -sign(x_ii) (Mezzadri, 2007). 4/3 n³ flops for a square.
- `gram_schmidt_rows`: H_i is applied to the rows of X below before the next one is taken, which is
  the LQ decomposition. The rows are those that Gram and Schmidt make of X, at 8/3 n³ flops.

Nearly all flops are in matrix products: H_1 … H_k = I - Vᵀ T V with rows V, and no recurrence is
needed for T, as T⁻¹ + T⁻ᵀ = V Vᵀ (Puglisi, 1992). H_k … H_1 has Tᵀ.

The order contract: |x|² is summed as `reduce` sums a block, in double precision; products are
matmul's chains; T is made row by row, each element a chain of fmas. So the bits depend on X alone.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.kernels.cpu.matmul import _ordered as matmul
from minnet.kernels.cpu.reduce import row_dot
from minnet.kernels.jit import kernel
from minnet.kernels.simd import fma

# Reflections that are applied together. Fewer, and products are too thin; more, and the work within
# a block outweighs it (measured from 32 to 128). Changing either number changes bits.
BLOCK = 64
FEW = 16  # that are applied one by one within a block


@kernel
def _reflectors(x, apply, signs):
    """Replace the part of x from its diagonal on by reflectors, and what is before it by zeros.

    With `apply` each is applied to the rows below it first. signs[i] is the sign of the element to
    which H_i takes the row.
    """
    one = x.dtype.type(1)
    rows = x.shape[0]
    for i in range(rows):
        v = x[i, i:]
        norm = math.sqrt(row_dot(v, v))
        head = math.fabs(v[0])
        if norm == 0:  # any direction is as good
            v[0] = norm = head = one
        signs[i] = math.copysign(one, -v[0])
        v[0] = math.copysign(head + norm, v[0])
        length = x.dtype.type(math.sqrt(2 * norm * (norm + head)))
        for k in range(v.size):
            v[k] /= length
        for k in range(i):
            x[i, k] = 0
        if apply:
            for r in range(i + 1, rows):
                row = x[r, i:]
                minus = x.dtype.type(-2 * row_dot(row, v))
                for k in range(v.size):
                    row[k] = fma(minus, v[k], row[k])


@kernel
def _transposed_t(gram, out):
    """Write Tᵀ = 2 (I + 2 L)⁻¹ to `out`, where L is what V Vᵀ = `gram` has below its diagonal."""
    two = gram.dtype.type(2)
    for i in range(gram.shape[0]):
        row = out[i]
        row[:] = 0
        for k in range(i):
            minus, above = -two * gram[i, k], out[k]
            for j in range(k + 1):
                row[j] = fma(minus, above[j], row[j])
        row[i] = two


def _reflect(x: np.ndarray, v: np.ndarray, reverse: bool) -> None:
    """Multiply x by H_1 … H_k from the right, or by H_k … H_1 with `reverse`, in place."""
    gram = matmul(v, v.T)
    t = np.empty_like(gram)
    _transposed_t(gram, t)
    if not reverse:
        t = t.T
    matmul(matmul(x, v.T), -matmul(t, v), out=x, accumulate=True)


def _decompose(x: np.ndarray, signs: np.ndarray, size: int = BLOCK) -> None:
    """Replace x by the reflectors of its LQ decomposition, `size` rows and then `FEW` at a time."""
    for j in range(0, len(x), size):
        block, rest = x[j : j + size, j:], x[j + size :, j:]
        if size == FEW:
            _reflectors(block, True, signs[j : j + size])
        else:
            _decompose(block, signs[j : j + size], FEW)
        if len(rest):
            _reflect(rest, block, reverse=False)
            rest[:, :size] = 0


def _product(x: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Return the first n rows of H_n … H_1 times their signs, for the reflectors x (n, m)."""
    n, m = x.shape
    rows = np.eye(n, m, dtype=x.dtype)
    # From the last block back, the rows above a block and the columns before it are still those of
    # the identity and stay so.
    for j in reversed(range(0, n, BLOCK)):
        _reflect(rows[j:, j:], x[j : j + BLOCK, j:], reverse=True)
    rows *= signs[:, np.newaxis]
    return rows


def random_rows(x: np.ndarray) -> np.ndarray:
    """Return n orthonormal rows of m elements, uniformly distributed if x (n, m) is of normals.

    n <= m, float32 or float64, C-contiguous; x is overwritten.
    """
    signs = np.empty(len(x), x.dtype)
    _reflectors(x, False, signs)
    return _product(x, signs)


def gram_schmidt_rows(x: np.ndarray) -> np.ndarray:
    """Return the rows Q that Gram and Schmidt make of x (n, m): x = L Q, L's diagonal positive.

    n <= m, float32 or float64, C-contiguous; x is overwritten.
    """
    signs = np.empty(len(x), x.dtype)
    _decompose(x, signs)
    return _product(x, signs)
