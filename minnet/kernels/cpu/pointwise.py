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
from minnet.kernels.jit import kernel
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


# Functions with a loop of their own, for large arguments: its further arguments
LARGE = {"sin": ["False"], "cos": ["True"]}

# As `namedtuple` makes its methods: loops with any number of arguments, and the quickest calls.
SOURCE = """
def {name}({parameters}, out):
    for i in prange(out.size):
        out[i] = formula({elements})

def function({parameters}):
    out = empty(x.shape, x.dtype)
    loop.over(cost * x.nbytes)({arguments}, out.reshape(-1))
    return out
"""


def _function(name: str, formula: Formula) -> Any:
    """Return the function of arrays that applies a formula to each element."""
    arrays = ["dy", "x"][-len(formula.arrays) :]
    arguments = [*(f"{a}.ravel()" for a in arrays), *(f"float({n})" for n in formula.numbers)]
    source = SOURCE.format(
        name=name,
        parameters=", ".join([*arrays, *formula.numbers]),
        elements=", ".join([*(f"{a}[i]" for a in arrays), *formula.numbers]),
        arguments=", ".join(arguments + LARGE.get(name, [])),
    )
    found = {"__name__": __name__, "prange": prange, "empty": empty}
    found |= {"formula": formula.function, "cost": formula.cost}
    exec(source, found)
    found["loop"] = _sincos if name in LARGE else kernel(found[name], parallel=True)
    return update_wrapper(found["function"], formula.function.py_func)


FUNCTIONS = {name: _function(name, formula) for name, formula in FORMULAS.items()}
globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:  # what a type checker asks
    raise AttributeError(f"there is no pointwise function {name!r}")
