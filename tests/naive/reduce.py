"""Reductions in plain NumPy, one addition at a time. The twin of `minnet.kernels.cpu.reduce`."""

import numpy as np

from naive.fma import fma32, fma64


def row_sum(x):
    """A block of adjacent elements: 64 lanes, added by halves, then the rest one by one."""
    x = np.asarray(x, np.float64)
    whole = len(x) - len(x) % 64
    total = np.float64(0)
    if whole:
        lanes = np.zeros(64)
        for lap in x[:whole].reshape(-1, 64):
            lanes = lanes + lap
        while len(lanes) > 1:
            lanes = lanes[: len(lanes) // 2] + lanes[len(lanes) // 2 :]
        total = lanes[0]
    for v in x[whole:]:
        total = total + v
    return total


def total(x, divisor=1.0):
    """(outer, n, inner) -> (outer, inner)"""
    outer, _, inner = x.shape
    out = np.empty((outer, inner), x.dtype)
    for o in range(outer):
        y = x[o].astype(np.float64)
        while True:
            blocks = [y[i : i + 4096] for i in range(0, len(y), 4096)]
            if inner == 1:
                sums = [[row_sum(block[:, 0])] for block in blocks]
            else:
                sums = []
                for block in blocks:
                    s = np.zeros(inner)
                    for row in block:
                        s = s + row
                    sums.append(s)
            y = np.array(sums)
            if len(y) == 1:
                break
        out[o] = y[0] / divisor
    return out


def extreme(x, largest):
    """(outer, n, inner) -> values and first indices; a NaN beats everything"""
    outer, n, inner = x.shape
    values, indices = np.empty((outer, inner), x.dtype), np.empty((outer, inner), np.int64)
    for o in range(outer):
        for j in range(inner):
            place = 0
            for i in range(1, n):
                v, best = x[o, i, j], x[o, place, j]
                if best == best and (v != v or (v > best if largest else v < best)):
                    place = i
            values[o, j], indices[o, j] = x[o, place, j], place
    return values, indices


def shifted(x, exp):
    """exp(x - max(x)) of a row"""
    return exp(x - np.fmax.reduce(x))


def softmax(x, exp):
    """(rows, n) -> (rows, n)"""
    out = np.empty_like(x)
    for r, row in enumerate(x):
        e = shifted(row, exp)
        out[r] = e / x.dtype.type(row_sum(e))
    return out


def log_softmax(x, exp, log):
    out = np.empty_like(x)
    for r, row in enumerate(x):
        s = row_sum(shifted(row, exp))
        out[r] = (row - np.fmax.reduce(row)) - x.dtype.type(log(np.array([s]))[0])
    return out


def softmax_backward(dy, y):
    out = np.empty_like(y)
    for r in range(len(y)):
        s = y.dtype.type(row_sum(dy[r].astype(np.float64) * y[r].astype(np.float64)))
        out[r] = (dy[r] - s) * y[r]
    return out


def log_softmax_backward(dy, y, exp):
    out = np.empty_like(y)
    for r in range(len(y)):
        out[r] = fma(-exp(y[r]), y.dtype.type(row_sum(dy[r])), dy[r])
    return out


def logsumexp(x, exp, log):
    out = np.empty(len(x), x.dtype)
    for r, row in enumerate(x):
        high = np.fmax.reduce(row)
        high = x.dtype.type(0) if np.isinf(high) else high
        out[r] = log(np.array([row_sum(exp(row - high))]))[0] + high
    return out


def fma(x, y, z):
    """x * y + z, rounded once, in the type of x: exact, element by element."""
    if np.asarray(x).dtype == np.float32:
        return fma32(x, y, z)
    x, y, z = np.broadcast_arrays(x, y, z)
    flat = [fma64(*each) for each in zip(x.flat, y.flat, z.flat, strict=True)]
    return np.array(flat, np.float64).reshape(x.shape)[()]
