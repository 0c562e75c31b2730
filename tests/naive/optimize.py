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


def lerp(start, end, share):
    """Return the point at a share of the way, counted from the nearer end."""
    if start.dtype.type(share) < 0.5:
        return fma(full(share, start), end - start, start)
    return fma(-(end - start), full(1, start) - full(share, start), end)


def squares(v, d, keep, share):
    return fma(full(share, v) * d, d, full(keep, v) * v)


def direction(p, g, decay, sign):
    d = full(sign, p) * g
    return fma(full(decay, p), p, d) if decay else d


def moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign):
    w = p * full(shrink, p)
    d = direction(w, g, decay, sign)
    return w, d, lerp(m, d, share1), squares(v, d, beta2, share2)


def nadam(p, g, m, v, share1, beta2, share2, rest, eps, by_d, by_m, *decays):
    w, d, m, v = moments(p, g, m, v, share1, beta2, share2, *decays)
    root = np.sqrt(v / full(rest, p)) + full(eps, p)
    w = w + full(by_d, p) * d / root
    return w + full(by_m, p) * m / root, m, v


def radam(p, g, m, v, share1, beta2, share2, rest, lr, root, eps, rectified, *decays):
    w, _, m, v = moments(p, g, m, v, share1, beta2, share2, *decays)
    step = m / full(rest, p) * full(lr, p)
    if rectified:
        step = step * (full(1, p) / (np.sqrt(v) + full(eps, p)) * full(root, p))
        step = step * full(rectified, p)
    return w - step, m, v


def adamax(p, g, m, u, down, share, beta2, eps, decay, sign):
    d = direction(p, g, decay, sign)
    m, u = lerp(m, d, share), np.maximum(np.abs(d) + full(eps, p), full(beta2, p) * u)
    return p + full(down, p) * m / u, m, u


def adagrad(p, g, total, down, eps, decay, sign):
    d = direction(p, g, decay, sign)
    total = fma(d, d, total)
    return p + full(down, p) * d / (np.sqrt(total) + full(eps, p)), total


def adadelta(p, g, v, u, down, rho, share, eps, decay, sign):
    d = direction(p, g, decay, sign)
    v = squares(v, d, rho, share)
    step = np.sqrt(u + full(eps, p)) / np.sqrt(v + full(eps, p)) * d
    return fma(full(down, p), step, p), v, squares(u, step, rho, share)


def rmsprop_step(p, g, v, mean, buf, down, alpha, share, eps, keep, decay, sign):
    """Return the parameter, and those of the three averages that there are."""
    d = direction(p, g, decay, sign)
    v = variance = squares(v, d, alpha, share)
    if mean is not None:
        mean = lerp(mean, d, share)
        variance = fma(-mean, mean, v)
    step = np.sqrt(variance) + full(eps, p)
    if buf is None:
        p = p + full(down, p) * d / step
    else:
        buf = full(keep, p) * buf + d / step
        p = fma(full(down, p), buf, p)
    return tuple(x for x in (p, v, mean, buf) if x is not None)


def rprop(p, g, before, size, minus, plus, least, most, sign):
    d = full(sign, p) * g
    turn = d * before
    factor = np.where(turn < 0, full(minus, p), np.where(turn > 0, full(plus, p), full(1, p)))
    size = np.clip(size * factor, full(least, p), full(most, p))
    d = np.where(turn < 0, full(0, p), d)
    return p - np.sign(d) * size, d, size


def asgd(p, g, mean, down, shrink, share, decay, sign):
    p = fma(full(down, p), direction(p, g, decay, sign), p * full(shrink, p))
    return p, p if share == 1 else mean + (p - mean) * full(share, p)


ADAM = (0.1, 0.99, 0.01)
DECAYS = [(0.0, 1.0, 1.0), (0.1, 1.0, -1.0), (0.0, 0.9, 1.0)]
RMSPROP = [(-0.01, 0.9, 0.1, 1e-8, 0.5, decay, sign) for decay, sign in ((0.0, 1.0), (0.1, -1.0))]
# By a formula's name: the twin, how many arrays are kept, and numbers to try.
TWINS = {
    "nadam": (nadam, 2, [(*ADAM, 0.2, 1e-8, -0.01, -0.02, *last) for last in DECAYS]),
    "radam": (
        radam, 2, [(*ADAM, 0.3, 0.01, 0.2, 1e-8, r, *last) for last in DECAYS for r in (0.0, 0.7)]
    ),
    "adamax": (adamax, 2, [(-0.01, 0.1, 0.9, 1e-8, 0.1, -1.0), (-0.01, 0.7, 0.9, 0.0, 0.0, 1.0)]),
    "adagrad": (adagrad, 1, [(-0.01, 1e-8, 0.1, -1.0), (-0.01, 1e-8, 0.0, 1.0)]),
    "adadelta": (adadelta, 2, [(-1.0, 0.9, 0.1, 1e-6, 0.1, -1.0), (-0.5, 0.9, 0.1, 0.1, 0.0, 1.0)]),
    "rmsprop": (lambda p, g, v, *n: rmsprop_step(p, g, v, None, None, *n), 1, RMSPROP),
    "rmsprop_momentum": (lambda p, g, v, b, *n: rmsprop_step(p, g, v, None, b, *n), 2, RMSPROP),
    "rmsprop_centered": (lambda p, g, v, a, *n: rmsprop_step(p, g, v, a, None, *n), 2, RMSPROP),
    "rmsprop_both": (rmsprop_step, 3, RMSPROP),
    "rprop": (rprop, 2, [(0.5, 1.2, 1e-6, 50.0, 1.0), (0.5, 1.2, 0.4, 0.6, -1.0)]),
    "asgd": (asgd, 1, [(-0.1, 0.99, 1.0, 0.1, -1.0), (-0.1, 1.0, 0.25, 0.0, 1.0)]),
}  # fmt: skip
