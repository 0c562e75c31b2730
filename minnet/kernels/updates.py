"""The steps of optimizers, of either device: one parameter's step, and the numbers that it takes.

The formulas are torch's (single-tensor form), in its order of operations, in the parameter's own
precision. Where torch's vector path fuses a multiply and an add, so does this, and nothing else is
ever contracted: float32 SGD takes torch's steps bit for bit, and Adam would, were torch's square
root correctly rounded. A hyperparameter is combined in float64 (1 - beta, the bias corrections) and
rounded once to the parameter's type.

A formula takes the parameter, its gradient, what is kept of it, and numbers; it returns the new
parameter and what is kept. `FORMULAS` lists them by name, and `cpu/optimize.py` and
`cuda/optimize.py` make their kernels of it, which run by `update`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minnet.kernels import of
from minnet.kernels.jit import device
from minnet.kernels.numeric import like, product
from minnet.kernels.simd import fma

Row = tuple[Any, ...]


@device
def direction(p: Any, g: Any, decay: Any, sign: Any) -> Any:
    """Return the gradient that is followed: ±g + decay p."""
    d = sign * g
    return fma(decay, p, d) if decay != like(p, 0.0) else d


@device
def sgd(p: Any, g: Any, down: Any, decay: Any, sign: Any) -> Any:
    """Return the parameter after a step; `down` is -lr."""
    return fma(down, direction(p, g, decay, sign), p)


@device
def momentum(p, g, buf, down, keep, share, decay, nesterov, first, sign):
    """Return the parameter and its buffer after a step with momentum `keep`."""
    d = direction(p, g, decay, sign)
    b = d if first else fma(share, d, product(keep, buf))
    d = fma(keep, b, d) if nesterov else b
    return fma(down, d, p), b


@device
def lerp(start, end, share):
    """Return start + share (end - start), as torch from the end that is nearer, exact at both."""
    rest = like(start, 1.0) - share
    way = end - start
    return fma(share, way, start) if share < like(start, 0.5) else fma(-way, rest, end)


@device
def squares(v, d, keep, share):
    """Return keep v + share d²: a running average of squares after a step."""
    return fma(share * d, d, product(keep, v))


@device
def moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign):
    """Return the decayed parameter, the direction, and Adam's two running averages."""
    w = product(p, shrink)
    d = direction(w, g, decay, sign)
    return w, d, lerp(m, d, share1), squares(v, d, beta2, share2)


@device
def adam(p, g, m, v, share1, beta2, share2, root, eps, step, decay, shrink, sign):
    """Return the parameter and both moments after a step."""
    w, _, a, b = moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign)
    return w + step * a / (math.sqrt(b) / root + eps), a, b


@device
def amsgrad(p, g, m, v, highest, share1, beta2, share2, root, eps, step, decay, shrink, sign):
    """Return the parameter, both moments and the highest second one after a step."""
    w, _, a, b = moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign)
    high = larger(b, highest)
    return w + step * a / (math.sqrt(high) / root + eps), a, b, high


@device
def larger(x, y):
    """Return the larger number, or NaN where one is."""
    return x if (x > y) | (x != x) else y


@device
def nadam(p, g, m, v, share1, beta2, share2, rest, eps, by_d, by_m, decay, shrink, sign):
    """Return the parameter and both moments; `rest` is 1 - beta2^t."""
    w, d, a, b = moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign)
    root = math.sqrt(b / rest) + eps
    return (w + by_d * d / root) + by_m * a / root, a, b


@device
def radam(
    p, g, m, v, share1, beta2, share2, rest, lr, root, eps, rectified, decay, shrink, sign
):  # fmt: skip
    """Return the parameter and both moments; `rectified` is 0 while the variance is unknown."""
    w, _, a, b = moments(p, g, m, v, share1, beta2, share2, decay, shrink, sign)
    step, one = a / rest * lr, like(p, 1.0)
    if rectified > like(p, 0.0):
        return w - product(step * (one / (math.sqrt(b) + eps) * root), rectified), a, b
    return w - product(step, one), a, b


@device
def adamax(p, g, m, u, down, share, beta2, eps, decay, sign):
    """Return the parameter, its average and the decayed largest size of the direction."""
    d = direction(p, g, decay, sign)
    a, top = lerp(m, d, share), larger(abs(d) + eps, product(beta2, u))
    return p + down * a / top, a, top


@device
def adagrad(p, g, total, down, eps, decay, sign):
    """Return the parameter and the sum of all squares."""
    d = direction(p, g, decay, sign)
    t = fma(d, d, total)
    return p + down * d / (math.sqrt(t) + eps), t


@device
def adadelta(p, g, v, u, down, rho, share, eps, decay, sign):
    """Return the parameter, and the averages of the squares of directions and of steps."""
    d = direction(p, g, decay, sign)
    b = squares(v, d, rho, share)
    step = math.sqrt(u + eps) / math.sqrt(b + eps) * d
    return fma(down, step, p), b, squares(u, step, rho, share)


@device
def rmsprop(p, g, v, down, alpha, share, eps, keep, decay, sign):
    """Return the parameter and the average of squares."""
    d = direction(p, g, decay, sign)
    b = squares(v, d, alpha, share)
    return p + down * d / (math.sqrt(b) + eps), b


@device
def rmsprop_momentum(p, g, v, buf, down, alpha, share, eps, keep, decay, sign):
    """Return the parameter, the average of squares and the buffer."""
    d = direction(p, g, decay, sign)
    b = squares(v, d, alpha, share)
    new = product(keep, buf) + d / (math.sqrt(b) + eps)
    return fma(down, new, p), b, new


@device
def rmsprop_centered(p, g, v, mean, down, alpha, share, eps, keep, decay, sign):
    """Return the parameter, and the averages of squares and of directions."""
    d = direction(p, g, decay, sign)
    b, a = squares(v, d, alpha, share), lerp(mean, d, share)
    return p + down * d / (math.sqrt(fma(-a, a, b)) + eps), b, a


@device
def rmsprop_both(p, g, v, mean, buf, down, alpha, share, eps, keep, decay, sign):
    """Return the parameter, the averages of squares and of directions, and the buffer."""
    d = direction(p, g, decay, sign)
    b, a = squares(v, d, alpha, share), lerp(mean, d, share)
    new = product(keep, buf) + d / (math.sqrt(fma(-a, a, b)) + eps)
    return fma(down, new, p), b, a, new


@device
def rprop(p, g, before, size, minus, plus, least, most, sign):
    """Return the parameter, the direction that was followed, and the size of each step."""
    d, none = sign * g, like(p, 0.0)
    turn = d * before
    back = turn < none
    s = size * (minus if back else plus if turn > none else like(p, 1.0))
    s = least if s < least else most if s > most else s
    d = none if back else d
    return p - (s if d > none else -s if d < none else none * s), d, s


@device
def asgd(p, g, mean, down, shrink, share, decay, sign):
    """Return the parameter and the average of all parameters."""
    new = fma(down, direction(p, g, decay, sign), product(p, shrink))
    return new, (new if share == like(p, 1.0) else mean + product(new - mean, share))


# By name: the formula, how many arrays are kept of a parameter, and the nanoseconds that one thread
# takes for an element.
FORMULAS: dict[str, tuple[Any, int, float]] = {
    "momentum": (momentum, 1, 0.25),
    "adam": (adam, 2, 0.4),
    "amsgrad": (amsgrad, 3, 0.4),
    "nadam": (nadam, 2, 0.6),
    "radam": (radam, 2, 0.6),
    "adamax": (adamax, 2, 0.4),
    "adagrad": (adagrad, 1, 0.4),
    "adadelta": (adadelta, 2, 0.8),
    "rmsprop": (rmsprop, 1, 0.4),
    "rmsprop_momentum": (rmsprop_momentum, 2, 0.4),
    "rmsprop_centered": (rmsprop_centered, 2, 0.4),
    "rmsprop_both": (rmsprop_both, 3, 0.5),
    "rprop": (rprop, 2, 0.5),
    "asgd": (asgd, 1, 0.3),
}


def sgd_step(
    rows: Sequence[Row],
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    maximize: bool = False,
) -> None:
    """Update each p, and buf where there is momentum, by one step of stochastic gradient descent.

        d = ±g + weight_decay p
        buf = d at the first step, then momentum buf + (1 - dampening) d
        p = p - lr (d without momentum, d + momentum buf with Nesterov's, buf otherwise)

    A row is (p, g), or with momentum (p, g, buf): contiguous arrays of one dtype, which all rows
    share, and of one size.

    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning" (2013).
    """
    if not rows:
        return
    update, down, decay = of(rows[0][0]).update, -float(lr), float(weight_decay)
    sign = -1.0 if maximize else 1.0
    if momentum == 0:
        update("sgd", rows, down, decay, sign)
    else:
        keep, share = float(momentum), 1.0 - float(dampening)
        numbers = down, keep, share, decay, bool(nesterov), first, sign
        update("momentum", rows, *numbers)


def adam_step(
    rows: Sequence[Row],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: float,
    amsgrad: bool = False,
    decoupled: bool = False,
    maximize: bool = False,
) -> None:
    """Update each p and its moments by the given step (1, 2, ...) of Adam, AdamW or AMSGrad.

        p = (1 - lr weight_decay) p if decoupled, otherwise d = ±g + weight_decay p
        exp_avg = exp_avg + (1 - beta1) (d - exp_avg)
        exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) d²
        p = p - lr / (1 - beta1^step) exp_avg / (sqrt(exp_avg_sq) / sqrt(1 - beta2^step) + eps)

    A row is (p, g, exp_avg, exp_avg_sq), and with `amsgrad` the maximum of exp_avg_sq so far, which
    stands for it in the last line: contiguous arrays of one dtype, which all rows share, and of one
    size.

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015); Loshchilov and Hutter,
    "Decoupled weight decay regularization" (2019); Reddi, Kale and Kumar, "On the convergence of
    Adam and beyond" (2018).
    """
    if not rows:
        return
    lr, beta1, beta2, weight_decay = float(lr), float(beta1), float(beta2), float(weight_decay)
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    root, size = math.sqrt(1 - beta2**step), -lr / (1 - beta1**step)
    sign = -1.0 if maximize else 1.0
    numbers = 1 - beta1, beta2, 1 - beta2, root, float(eps), size, decay, shrink, sign
    of(rows[0][0]).update("amsgrad" if amsgrad else "adam", rows, *numbers)
