"""Rows of an array, one after the other: the twin of `minnet.kernels.cpu.gather`."""

import numpy as np


def rows(x, indices):
    """Return x[indices]."""
    out = np.empty((len(indices), *x.shape[1:]), x.dtype)
    for i, index in enumerate(indices):
        out[i] = x[index]
    return out


def scaled_rows(x, indices, mean, std):
    """Return (x[indices] / 255 - mean) / std, each operation rounded to float32."""
    single = np.float32
    return (rows(x, indices).astype(single) / single(255) - single(mean)) / single(std)
