"""Run one program with minnet and with torch, and compare all that can be seen of the results."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from fuzz.strategies import Recipe, viewed
from hypothesis import HealthCheck, given, settings

import minnet

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

tried: Counter[str] = Counter()  # inputs, by surface: the summary prints them

# A default run tries few inputs, the same ones every time.
ASKED = int(os.environ.get("MINNET_FUZZ", "0"))

ERRORS = (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError)

Program = Callable[..., Any]


def fuzzed(*strategies: Any, examples: int = 60) -> Callable[[Program], Any]:
    """Run a test with many drawn inputs; how many, `MINNET_FUZZ` says, or else `examples`."""
    budget = settings(
        max_examples=ASKED or examples,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: budget(given(*strategies)(test))


class Outcome:
    """What a program came to: tensors and their gradients, or an error."""

    def __init__(self, library: Any, program: Program, recipes: Sequence[Recipe], grad: bool):
        self.error: Exception | None = None
        self.values: list[Any] = []
        self.gradients: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            built = [r.build(library, grad) for r in recipes]
            try:
                results = program(library, *(x for _, x in built))
            except ERRORS as error:
                self.error = error
                return
            self.values = list(results) if isinstance(results, tuple | list) else [results]
            if grad:
                self._backward(library, [leaf for leaf, _ in built])

    # Some derivatives torch lacks, or fails at: `differentiated` says whether there are any.
    differentiated = True

    def _backward(self, library: Any, leaves: Sequence[Any]) -> None:
        outs = [y for y in self.values if getattr(y, "requires_grad", False)]
        for i, y in enumerate(outs):
            n = int(np.prod(tuple(y.shape)))
            v = (np.arange(n) % 5 - 2.0).reshape(tuple(y.shape)) / 4
            try:
                y.backward(library.tensor(v, dtype=y.dtype), retain_graph=i + 1 < len(outs))
            except RuntimeError:
                if library is minnet:
                    raise
                self.differentiated = False
        self.gradients = [leaf.grad for leaf in leaves]


def described(x: Any) -> str:
    return f"{x.dtype} {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__


def _same(got: Any, expected: Any, what: str, rtol: float, atol: float) -> None:
    if got is None or expected is None:
        assert got is None and expected is None, f"{what}: {got!r}, torch has {expected!r}"
    elif hasattr(expected, "detach"):
        assert described(got) == described(expected), what
        if expected.is_contiguous():
            assert got.is_contiguous(), f"{what}: strides {got.stride()}, torch's are contiguous"
        a, b = got.detach().numpy(), expected.detach().numpy()
        if b.dtype.kind == "f":
            scale = 1e-6 if b.dtype == np.float32 else 1e-14
            np.testing.assert_allclose(
                a, b, rtol=rtol * scale, atol=atol * scale, err_msg=what, strict=True
            )
        else:
            np.testing.assert_array_equal(a, b, err_msg=what, strict=True)
    else:
        assert type(got).__name__ == type(expected).__name__ and (
            got == expected or (got != got and expected != expected)
        ), f"{what}: {got!r}, torch has {expected!r}"


def check(
    surface: str,
    program: Program,
    *recipes: Recipe,
    grad: bool = True,
    rtol: float = 4.0,
    atol: float = 4.0,
    numpy: Program | None = None,
) -> None:
    """Compare a program's results and gradients with torch's.

    `rtol` and `atol` count in 1e-6 for float32, and in 1e-14 for float64. Without torch, values are
    compared with those of a NumPy function, where there is one, and in any case with those of the
    same tensors in contiguous memory.
    """
    tried[surface] += 1
    ours = Outcome(minnet, program, recipes, grad)
    if torch is None:
        _without_torch(ours, program, recipes, numpy, rtol, atol)
        return
    theirs = Outcome(torch, program, recipes, grad)
    if theirs.error is not None or ours.error is not None:
        assert type(ours.error) is type(theirs.error) or _both(ours.error, theirs.error), (
            f"{ours.error!r} here, {theirs.error!r} in torch: {ours.values}, {theirs.values}"
        )
        return
    assert len(ours.values) == len(theirs.values)
    for a, b in zip(ours.values, theirs.values, strict=True):
        _same(a, b, "value", rtol, atol)
    for a, b in zip(ours.gradients, theirs.gradients, strict=True):
        if theirs.differentiated:
            _same(a, b, "gradient", rtol, atol)


def _both(ours: Exception | None, theirs: Exception | None) -> bool:
    """Whether two errors mean the same: torch has many a RuntimeError where Python has another."""
    return ours is not None and theirs is not None


def _without_torch(
    ours: Outcome,
    program: Program,
    recipes: Sequence[Recipe],
    numpy: Program | None,
    rtol: float,
    atol: float,
) -> None:
    again = Outcome(minnet, program, [r.dense() for r in recipes], False)
    assert type(again.error) is type(ours.error), (ours.error, again.error)
    for a, b in zip(ours.values, again.values, strict=True):
        if hasattr(a, "detach"):
            assert described(a) == described(b)
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    if numpy is not None and ours.error is None:
        with np.errstate(all="ignore"):
            expected = numpy(*(viewed(r) for r in recipes))
        a = ours.values[0].detach().numpy()
        scale = 1e-6 if a.dtype == np.float32 else 1e-14
        np.testing.assert_allclose(a, expected, rtol=rtol * scale, atol=atol * scale)
