"""Derivatives held against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet.backward import grad
from minnet.variable import Variable, wrap


class GradcheckError(RuntimeError):
    """A derivative that is not what finite differences say."""


def _differentiable(xs: Sequence[Any]) -> list[Any]:
    return [x for x in xs if isinstance(x, Variable) and x.requires_grad]


def _outputs(y: Any) -> list[Any]:
    return [
        t for t in (y if isinstance(y, tuple | list) else (y,))
        if isinstance(t, Variable) and t.array.dtype.kind == "f"
    ]  # fmt: skip


def _prepared(inputs: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return the inputs as a tuple, and those that are to be checked.

    Raises:
        ValueError: if no input requires grad.
        RuntimeError: if one cannot be moved element by element.
    """
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    wanted = _differentiable(given)
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them do."
        )
    for i, x in enumerate(given):
        if isinstance(x, Variable) and x.requires_grad and not x.array.flags.writeable:
            raise RuntimeError(
                f"The {i}th input is expanded or read-only: gradcheck moves each element in place. "
                "Call .contiguous() on the input before passing it to gradcheck."
            )
    return given, wanted


def _numeric(func: Callable[..., Any], inputs: Sequence[Any], x: Any, eps: float) -> list[Any]:
    """Return for each result the matrix of its derivatives by x, (elements of x, of the result)."""
    columns: list[list[Any]] = []
    values = x.array

    def at_value(value: Any) -> list[Any]:
        before = values[at].copy()
        values[at] = value
        try:
            return [np.array(y.array) for y in _outputs(func(*inputs))]
        finally:
            values[at] = before

    for at in np.ndindex(values.shape):
        above, below = at_value(values[at] + eps), at_value(values[at] - eps)
        columns.append([(a - b).reshape(-1) / (2 * eps) for a, b in zip(above, below, strict=True)])
    n = len(_outputs(func(*inputs)))
    return [np.array([column[i] for column in columns]) for i in range(n)]


def _analytic(y: Any, x: Any) -> np.ndarray:
    columns = []
    for i in range(y.array.size):
        v = np.zeros(y.array.shape, y.array.dtype)
        v.reshape(-1)[i] = 1
        found = None
        if y.requires_grad:
            (found,) = grad(y, x, wrap(v), retain_graph=True, allow_unused=True)
        columns.append(np.zeros(x.array.size) if found is None else found.array.reshape(-1))
    return np.array(columns).T.reshape(x.array.size, y.array.size)


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Check the gradients of a function against central differences, element by element.

    Args:
        func: takes the inputs; returns a tensor or several.
        inputs: a tensor or a tuple; those that require grad are checked, in float64 reasonably.
        eps: how far the inputs are moved.
        atol, rtol: how far the derivatives may differ.
        raise_exception: raise where they do, in place of returning False.
        nondet_tol: how far the gradients of two runs may differ.

    Raises:
        GradcheckError: if a derivative is wrong.
        ValueError: if no input requires grad.
        RuntimeError: if an input is expanded or read-only.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([0.5, -1.0], dtype=minnet.float64, requires_grad=True)
        >>> minnet.autograd.gradcheck(minnet.tanh, x)
        True
    """
    given, wanted = _prepared(inputs)
    try:
        _check(func, given, wanted, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(
    func: Any, given: Any, wanted: Any, eps: float, atol: float, rtol: float, nondet_tol: float
) -> None:
    numbers = {id(x): i for i, x in enumerate(given)}
    for x in wanted:
        numeric = _numeric(func, given, x, eps)
        for j, (y, again) in enumerate(
            zip(_outputs(func(*given)), _outputs(func(*given)), strict=True)
        ):
            analytic = _analytic(y, x)
            if not np.allclose(analytic, _analytic(again, x), rtol=0, atol=nondet_tol):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values"
                )
            if not np.allclose(analytic, numeric[j], rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {numbers[id(x)]},\n"
                    f"numerical:{wrap(numeric[j])!r}\nanalytical:{wrap(analytic)!r}\n"
                )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Check the second derivatives of a function: `gradcheck` of its gradients.

    Args:
        grad_outputs: the gradients of the results; random ones, with a fixed seed, unless given.

    Raises:
        GradcheckError: if a derivative is wrong.
        ValueError: if no input or no result requires grad.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([0.5, -1.0], dtype=minnet.float64, requires_grad=True)
        >>> minnet.autograd.gradgradcheck(minnet.tanh, x)
        True
    """
    given, _ = _prepared(inputs)
    outputs = _differentiable(_outputs(func(*given)))
    if not outputs:
        raise ValueError(
            "gradgradcheck expects at least one output to require gradient, but none of them do."
        )
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        vs = []
        for y in outputs:
            v = wrap(rng.standard_normal(y.array.shape).astype(y.array.dtype))
            v._requires_grad = True
            vs.append(v)
    else:
        vs = list(grad_outputs) if isinstance(grad_outputs, tuple | list) else [grad_outputs]

    def gradients(*args: Any) -> tuple[Any, ...]:
        xs, us = args[: len(given)], args[len(given) :]
        ys = _differentiable(_outputs(func(*xs)))
        found = grad(ys, _differentiable(xs), us, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients, (*given, *vs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )  # fmt: skip
