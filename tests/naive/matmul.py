"""Matrix products, one fma after the other: the twin of `minnet.kernels.cpu.matmul`."""

import numpy as np

from naive.fma import fma32, fma64


def matmul(a, b, bias=None):
    """Return a @ b + bias with each element the chain of fmas over k from +0, then the bias."""
    (m, depth), n = a.shape, b.shape[1]
    out = np.zeros((m, n), a.dtype)
    for k in range(depth):
        if a.dtype == np.float32:
            out = fma32(a[:, k : k + 1], b[k : k + 1], out).reshape(m, n)
        else:
            out = np.array(
                [[fma64(a[i, k], b[k, j], out[i, j]) for j in range(n)] for i in range(m)]
            ).reshape(m, n)
    return out if bias is None else out + bias
