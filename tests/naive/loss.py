"""Fused losses in plain NumPy. The twin of `minnet.kernels.cpu.loss`."""

import numpy as np

from naive.reduce import fma, row_sum, shifted, total


def cross_entropy(x, target, ignore, exp, log):
    """(N, C) and (N,) -> the loss of each row"""
    loss = np.zeros(len(x), x.dtype)
    for r, t in enumerate(target):
        if t != ignore:
            s = row_sum(shifted(x[r], exp))
            loss[r] = log(np.array([s]))[0] - np.float64(x[r, t] - np.fmax.reduce(x[r]))
    return loss


def cross_entropy_backward(dy, x, target, ignore, exp):
    """dy (N,) -> the gradient (N, C)"""
    dx = np.zeros_like(x)
    for r, t in enumerate(target):
        if t != ignore:
            e = shifted(x[r], exp)
            share = x.dtype.type(np.float64(dy[r]) * (1.0 / row_sum(e)))
            dx[r] = e * share
            dx[r, t] = fma(e[t], share, -dy[r])
    return dx


def bce_with_logits(x, target, weight, positive, exp, log1p):
    log_sigmoid = np.minimum(x, x.dtype.type(0)) - log1p(exp(-np.abs(x)))
    factor = fma(positive - 1, target, np.ones_like(x))
    return weight * fma(1 - target, x, -(log_sigmoid * factor))


def bce_with_logits_backward(dy, x, target, weight, positive, sigmoid):
    pt = positive * target
    return dy * (weight * fma(pt + 1 - target, sigmoid(x), -pt))


def squared_error(x, y, divisor):
    """The sum of (x - y)² -> ()"""
    squares = np.square(x - y).reshape(1, -1, 1)
    return total(squares, divisor).reshape(())
