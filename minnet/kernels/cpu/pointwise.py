"""Pointwise functions of whole arrays, and their derivatives, made from the table of formulas.

float32 and float64 of any shape and strides; the result is a new C-contiguous array.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

import numpy as np
from numba import prange

from minnet.kernels import numeric
from minnet.kernels.buffers import empty
from minnet.kernels.formulas import FORMULAS, Formula
from minnet.kernels.jit import kernel, named
from minnet.kernels.numeric import like

BLOCK = 1024


@kernel(parallel=True)
def _sincos(x: Any, cosine: Any, out: Any) -> None:
    # In blocks: a loop that vectorises, then, if need be, one over what is too large for it.
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        xs = x[block * BLOCK : (block + 1) * BLOCK]
        outs = out[block * BLOCK : (block + 1) * BLOCK]
        large = 0
        for i in range(xs.size):
            s, c = numeric.sincos(xs[i])
            outs[i] = c if cosine else s
            large |= abs(xs[i]) > like(xs[i], numeric.SINCOS_LIMIT)
        if large:
            for i in range(xs.size):
                if like(xs[i], numeric.SINCOS_LIMIT) < abs(xs[i]) < like(xs[i], np.inf):
                    sine, cosine_ = numeric.sincos_large(np.float64(xs[i]))
                    outs[i] = cosine_ if cosine else sine


# Functions with a loop of their own, for large arguments, and its further argument
LARGE = {"sin": False, "cos": True}


def _loops(f: Any) -> dict[tuple[int, int], Any]:
    """Return a loop over one or two arrays, with up to two numbers, by how many of each.

    (Numba is slower to take numbers as a tuple, by a sixth of a small array's time.)
    """

    def one(x, out):
        for i in prange(out.size):
            out[i] = f(x[i])

    def one1(x, a, out):
        for i in prange(out.size):
            out[i] = f(x[i], a)

    def one2(x, a, b, out):
        for i in prange(out.size):
            out[i] = f(x[i], a, b)

    def two(dy, x, out):
        for i in prange(out.size):
            out[i] = f(dy[i], x[i])

    def two1(dy, x, a, out):
        for i in prange(out.size):
            out[i] = f(dy[i], x[i], a)

    def two2(dy, x, a, b, out):
        for i in prange(out.size):
            out[i] = f(dy[i], x[i], a, b)

    return {(1, 0): one, (1, 1): one1, (1, 2): one2, (2, 0): two, (2, 1): two1, (2, 2): two2}


def _function(name: str, formula: Formula) -> Any:
    """Return the function of arrays that applies a formula to each element."""
    many, cost = len(formula.arrays), formula.cost
    if name in LARGE:
        loop, further = _sincos, [LARGE[name]]
    else:
        body = _loops(formula.function)[many, len(formula.numbers)]
        loop, further = kernel(named(body, name), parallel=True), []

    def one(x: Any, *numbers: float) -> Any:
        out = empty(x.shape, x.dtype)
        loop.over(cost * x.nbytes)(x.ravel(), *map(float, numbers), *further, out.reshape(-1))
        return out

    def two(dy: Any, x: Any, *numbers: float) -> Any:
        out = empty(x.shape, x.dtype)
        loop.over(cost * x.nbytes)(dy.ravel(), x.ravel(), *map(float, numbers), out.reshape(-1))
        return out

    return update_wrapper(one if many == 1 else two, formula.function.py_func)


FUNCTIONS = {name: _function(name, formula) for name, formula in FORMULAS.items()}
globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:  # what a type checker asks
    raise AttributeError(f"there is no pointwise function {name!r}")
