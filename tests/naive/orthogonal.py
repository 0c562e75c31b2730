"""Orthonormal rows from reflections: the twin of `minnet.kernels.cpu.orthogonal`."""

import math

import numpy as np

from naive.fma import fma32, fma64
from naive.matmul import matmul
from naive.reduce import row_sum


def fma(x, y, z):
    return (fma32 if np.asarray(z).dtype == np.float32 else np.vectorize(fma64))(x, y, z)


def dot(x, y):
    return row_sum(x.astype(np.float64) * y.astype(np.float64))


def reflector(x):
    """Return v of norm 1, and the sign with which I - 2 vᵀ v takes x to sign |x| e₁."""
    v = x.copy()
    norm = np.float64(math.sqrt(dot(v, v)))
    if norm == 0:
        v[0] = norm = np.float64(1)
    head = np.float64(abs(v[0]))
    sign = -math.copysign(1, v[0])
    v[0] = math.copysign(head + norm, v[0])
    return v / x.dtype.type(math.sqrt(2 * norm * (norm + head))), sign


def transposed_t(gram):
    """2 (I + 2 L)⁻¹ for the part L of the matrix below its diagonal, row by row."""
    out = np.zeros_like(gram)
    for i in range(len(gram)):
        for k in range(i):
            out[i, : k + 1] = fma(-2 * gram[i, k], out[k, : k + 1], out[i, : k + 1])
        out[i, i] = 2
    return out


def reflect(x, v, reverse):
    t = transposed_t(matmul(v, v.T))
    u = -matmul(t if reverse else t.T, v)
    y = matmul(x, v.T)
    for k in range(len(v)):  # the chain goes on from x
        x = fma(y[:, k : k + 1], u[k : k + 1], x).reshape(x.shape)
    return x


def random_rows(x, block):
    """The rows of H_n … H_1, `block` reflections at a time, with signs."""
    n, m = x.shape
    v, signs = np.zeros_like(x), np.empty((n, 1), x.dtype)
    for i in range(n):
        v[i, i:], signs[i] = reflector(x[i, i:])
    rows = np.eye(n, m, dtype=x.dtype)
    for j in reversed(range(0, n, block)):
        rows[j:, j:] = reflect(rows[j:, j:], v[j : j + block, j:], True)
    return rows * signs


def gram_schmidt_rows(x):
    """Gram and Schmidt's rows, twice for the precision's sake."""
    q = x.astype(np.longdouble)
    for i in range(len(q)):
        for _ in range(2):
            for j in range(i):
                q[i] -= (q[j] @ q[i]) * q[j]
        q[i] /= np.sqrt(q[i] @ q[i])
    return q.astype(x.dtype)
