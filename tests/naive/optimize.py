"""Optimizer steps in plain NumPy. The twin of `minnet.kernels.cpu.optimize`."""

import numpy as np

from naive.reduce import fma


def full(value, like):
    return np.full(like.shape, value, like.dtype)


def sgd_step(p, g, buf, lr, momentum, dampening, weight_decay, nesterov, first, maximize):
    """Return the new p and buf."""
    d = -g if maximize else g
    if weight_decay:
        d = fma(full(weight_decay, p), p, d)
    if momentum:
        buf = d if first else fma(full(1 - dampening, p), d, full(momentum, p) * buf)
        d = fma(full(momentum, p), buf, d) if nesterov else buf
    return fma(full(-lr, p), d, p), buf


def adam_step(p, g, m, v, highest, lr, beta1, beta2, eps, weight_decay, step, decoupled, maximize):
    """Return the new p, m, v and highest."""
    d = -g if maximize else g
    if decoupled:
        p = p * full(1 - lr * weight_decay, p)
    elif weight_decay:
        d = fma(full(weight_decay, p), p, d)
    share = full(1 - beta1, p)
    if p.dtype.type(1 - beta1) < 0.5:
        m = fma(share, d - m, m)
    else:
        m = fma(-(d - m), full(1, p) - share, d)
    v = fma(full(1 - beta2, p) * d, d, full(beta2, p) * v)
    largest = v
    if highest is not None:
        largest = highest = np.where((v > highest) | np.isnan(v), v, highest)
    divisor = np.sqrt(largest) / full(np.sqrt(1 - beta2**step), p) + full(eps, p)
    return p + full(-lr / (1 - beta1**step), p) * m / divisor, m, v, highest
