"""The steps of optimizers, of either device: one parameter's step, and the numbers that it takes.

The formulas are torch's (single-tensor form), in its order of operations, in the parameter's own
precision. Where torch's vector path fuses a multiply and an add, so does this, and nothing else is
ever contracted: float32 SGD takes torch's steps bit for bit, and Adam would, were torch's square
root correctly rounded. A hyperparameter is combined in float64 (1 - beta, the bias corrections) and
rounded once to the parameter's type.

All that a row of arrays needs is found by a kernel's name: in `update` of `cpu/optimize.py` and
`cuda/optimize.py`.
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
def adam(
    p, g, m, v, highest, amsgrad, share1, beta2, share2, root, eps, step, decay, shrink, sign
):  # fmt: skip
    """Return the parameter, both moments and the highest second one after a step."""
    w = product(p, shrink)
    d = direction(w, g, decay, sign)
    # torch's lerp takes the end that is nearer, so that it is exact at both
    rest = like(p, 1.0) - share1
    a = fma(share1, d - m, m) if share1 < like(p, 0.5) else fma(-(d - m), rest, d)
    b = fma(share2 * d, d, product(beta2, v))
    high = (b if (b > highest) | (b != b) else highest) if amsgrad else b
    return w + step * a / (math.sqrt(high) / root + eps), a, b, high


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
