"""Pointwise functions of whole arrays on the device, made from the table of formulas.

The arguments, the results and their bits are those of the CPU's kernels, as the formulas are. A
thread takes four adjacent elements, in float32 by one load of 16 bytes.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import THREADS, aligned, blocks, cuda, kernel, load4, store4
from minnet.kernels.formulas import FORMULAS, Formula

FOUR = 4  # elements of a thread


def _kernels_of(formula: Formula) -> dict[int, Any]:
    """Return the kernels that apply a formula to each element, by the elements' size."""
    f = formula.function

    def one4(x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        if whole and i + FOUR <= out.size:
            a, b, c, d = load4(x, i)
            store4(out, i, f(a, *numbers), f(b, *numbers), f(c, *numbers), f(d, *numbers))
        else:
            for j in range(i, min(i + FOUR, out.size)):
                out[j] = f(x[j], *numbers)

    def one8(x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        for j in range(i, min(i + FOUR, out.size)):
            out[j] = f(x[j], *numbers)

    def two4(dy, x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        if whole and i + FOUR <= out.size:
            d0, d1, d2, d3 = load4(dy, i)
            x0, x1, x2, x3 = load4(x, i)
            y0, y1 = f(d0, x0, *numbers), f(d1, x1, *numbers)
            store4(out, i, y0, y1, f(d2, x2, *numbers), f(d3, x3, *numbers))
        else:
            for j in range(i, min(i + FOUR, out.size)):
                out[j] = f(dy[j], x[j], *numbers)

    def two8(dy, x, numbers, whole, out):
        i = FOUR * cuda.grid(1)
        for j in range(i, min(i + FOUR, out.size)):
            out[j] = f(dy[j], x[j], *numbers)

    four, eight = (one4, one8) if len(formula.arrays) == 1 else (two4, two8)
    return {4: kernel(four), 8: kernel(eight)}


KERNELS = {name: _kernels_of(formula) for name, formula in FORMULAS.items()}


def _function(name: str, formula: Formula) -> Any:
    """Return the function of arrays that applies a formula to each element."""
    kernels, n = KERNELS[name], len(formula.arrays)

    def function(*args: Any) -> Array:
        out = empty(args[0].shape, args[0].dtype)
        if out.size:
            flat = [x.reshape(-1) for x in (*args[:n], out)]
            *sources, target = (x.memory for x in flat)
            numbers = tuple(map(float, args[n:]))
            grid = blocks(blocks(out.size, FOUR), THREADS)
            kernels[out.itemsize][grid, THREADS](*sources, numbers, aligned(*flat), target)
        return out

    return update_wrapper(function, formula.function.py_func)


FUNCTIONS = {name: _function(name, formula) for name, formula in FORMULAS.items()}
globals().update(FUNCTIONS)


def __getattr__(name: str) -> Any:  # what a type checker asks
    raise AttributeError(f"there is no pointwise function {name!r}")
