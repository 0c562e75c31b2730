"""Optimizer steps in place, one pass over the memory for each parameter.

The formulas are torch's (single-tensor form), in its order of operations, in the parameter's own
precision. Where torch's vector path fuses a multiply and an add, so does this: float32 SGD takes
torch's steps bit for bit, and Adam would, were torch's square root correctly rounded. Every fma is
written out and nothing else is ever contracted. A hyperparameter is combined in float64 (1 - beta,
the bias corrections) and rounded once to the parameter's type.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import prange

from minnet.kernels.jit import kernel
from minnet.kernels.simd import fma


@kernel(parallel=True)
def _sgd(p, g, lr, weight_decay, sign):
    number = p.dtype.type
    down, decay, sign = number(-lr), number(weight_decay), number(sign)
    for i in prange(p.size):
        d = sign * g[i]
        if decay != number(0):
            d = fma(decay, p[i], d)
        p[i] = fma(down, d, p[i])


@kernel(parallel=True)
def _sgd_momentum(p, g, buf, lr, momentum, share, weight_decay, nesterov, first, sign):
    number = p.dtype.type
    down, decay, sign = number(-lr), number(weight_decay), number(sign)
    momentum, share = number(momentum), number(share)
    for i in prange(p.size):
        d = sign * g[i]
        if decay != number(0):
            d = fma(decay, p[i], d)
        b = d if first else fma(share, d, momentum * buf[i])
        buf[i] = b
        d = fma(momentum, b, d) if nesterov else b
        p[i] = fma(down, d, p[i])


@kernel(parallel=True)
def _adam(p, g, m, v, highest, amsgrad, factors):
    number = p.dtype.type
    share1, beta2, share2 = number(factors[0]), number(factors[1]), number(factors[2])
    root, eps, step = number(factors[3]), number(factors[4]), number(factors[5])
    decay, shrink, sign = number(factors[6]), number(factors[7]), number(factors[8])
    near, rest = share1 < number(0.5), number(1) - share1
    for i in prange(p.size):
        w = p[i] * shrink
        d = sign * g[i]
        if decay != number(0):
            d = fma(decay, w, d)
        a = m[i]
        # torch's lerp takes the end that is nearer, so that it is exact at both
        a = fma(share1, d - a, a) if near else fma(-(d - a), rest, d)
        b = fma(share2 * d, d, beta2 * v[i])
        m[i] = a
        v[i] = b
        if amsgrad:
            h = highest[i]
            b = b if (b > h) | (b != b) else h
            highest[i] = b
        p[i] = w + step * a / (np.sqrt(b) / root + eps)


def sgd_step(
    p: np.ndarray,
    g: np.ndarray,
    buf: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    maximize: bool = False,
) -> None:
    """Update p, and buf where there is momentum, by one step of stochastic gradient descent.

        d = ±g + weight_decay p
        buf = d at the first step, then momentum buf + (1 - dampening) d
        p = p - lr (d without momentum, d + momentum buf with Nesterov's, buf otherwise)

    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning" (2013). Arrays are contiguous and of one dtype.
    """
    p, g = p.reshape(-1), g.reshape(-1)
    lr, weight_decay, sign = float(lr), float(weight_decay), -1.0 if maximize else 1.0
    if momentum == 0:
        _sgd.over(0.3 * p.size)(p, g, lr, weight_decay, sign)
        return
    assert buf is not None
    share = 1.0 - dampening
    _sgd_momentum.over(0.4 * p.size)(
        p, g, buf.reshape(-1), lr, float(momentum), share, weight_decay, nesterov, first, sign
    )


def adam_step(
    p: np.ndarray,
    g: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    max_exp_avg_sq: np.ndarray | None,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """Update p and its moments by the given step (1, 2, ...) of Adam, AdamW or AMSGrad.

        p = (1 - lr weight_decay) p if decoupled, otherwise d = ±g + weight_decay p
        exp_avg = exp_avg + (1 - beta1) (d - exp_avg)
        exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) d²
        p = p - lr / (1 - beta1^step) exp_avg / (sqrt(exp_avg_sq) / sqrt(1 - beta2^step) + eps)

    With `max_exp_avg_sq` its running maximum stands for exp_avg_sq in the last line. Kingma and Ba,
    "Adam: a method for stochastic optimization" (2015); Loshchilov and Hutter, "Decoupled weight
    decay regularization" (2019); Reddi, Kale and Kumar, "On the convergence of Adam and beyond"
    (2018). Arrays are contiguous and of one dtype.
    """
    v = exp_avg_sq.reshape(-1)
    amsgrad = max_exp_avg_sq is not None
    highest = max_exp_avg_sq.reshape(-1) if max_exp_avg_sq is not None else v
    factors = _factors(lr, beta1, beta2, eps, weight_decay, step, decoupled, maximize)
    _adam.over(0.6 * p.size)(
        p.reshape(-1), g.reshape(-1), exp_avg.reshape(-1), v, highest, amsgrad, factors
    )


@lru_cache(maxsize=16)  # the parameters of a group share them
def _factors(
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: float,
    decoupled: bool,
    maximize: bool,
) -> np.ndarray:
    size = lr / (1 - beta1**step)
    root = math.sqrt(1 - beta2**step)
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    sign = -1.0 if maximize else 1.0
    return np.array(
        [1 - beta1, beta2, 1 - beta2, root, eps, -size, decay, shrink, sign], np.float64
    )
