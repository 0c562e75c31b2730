"""Derivatives of functions: products with Jacobians and Hessians, and these themselves.

A function takes one tensor or several and returns one tensor or several. `create_graph` keeps the
history, so that the results can be differentiated; `strict` refuses a result that does not depend
on an input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minnet.backward import grad
from minnet.creation import zeros_like
from minnet.functional.shape import cat, reshape, stack
from minnet.mode import enable_grad
from minnet.variable import Variable


def _tuple(x: Any, name: str) -> tuple[tuple[Any, ...], bool]:
    """Return tensors as a tuple, and whether they came as one.

    Raises:
        TypeError: if they are no tensors.
    """
    several = isinstance(x, tuple)
    found = x if several else (x,)
    for i, element in enumerate(found):
        if not isinstance(element, Variable):
            raise TypeError(
                f"The {name} given must be either a Tensor or a tuple of Tensors but the value at "
                f"index {i} has type {type(element)}."
            )
    return tuple(found), several


def _prepared(inputs: Sequence[Any], create_graph: bool) -> tuple[Any, ...]:
    """Return the inputs with a history of their own to differentiate by."""
    if create_graph:
        return tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs
        )
    return tuple(x.detach().requires_grad_() for x in inputs)


def _given(v: Any, like: Sequence[Any], several: bool, name: str) -> tuple[Any, ...]:
    """Return the checked vectors of a product, by default 1 for a single element.

    Raises:
        RuntimeError: if they do not fit.
    """
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {name} is a single Tensor with a single "
                "element."
            )
        return (like[0].detach().new_ones(like[0].shape),)
    found, _ = _tuple(v, "v")
    if len(found) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}."
        )
    for i, (a, b) in enumerate(zip(found, like, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(
                f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}."
            )
    return found


def _gradients(
    outputs: Sequence[Any], inputs: Sequence[Any], vectors: Any, create_graph: bool, strict: bool
) -> tuple[Any, ...]:
    """Return the gradients by the inputs, zeros where there is none."""
    flowing = [(y, v) for y, v in zip(outputs, vectors, strict=True) if y.requires_grad]
    found: Any = (None,) * len(inputs)
    if flowing:
        ys, vs = zip(*flowing, strict=True)
        found = grad(ys, inputs, vs, True, create_graph, allow_unused=True)
    if strict:
        for i, g in enumerate(found):
            if g is None or (create_graph and not g.requires_grad):
                raise RuntimeError(
                    f"The output of the user-provided function is independent of input {i}"
                    f"{'' if g is None else ' up to the order asked for'}. This is not allowed in "
                    "strict mode."
                )
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def _finished(tensors: Sequence[Any], several: bool, create_graph: bool) -> Any:
    found = tuple(x if create_graph else x.detach() for x in tensors)
    return found if several else found[0]


def _double(
    outputs: Sequence[Any], inputs: Sequence[Any], v: Sequence[Any], create_graph: bool,
    strict: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """Return J v: the gradient by u of the gradient uᵀJ, which is linear in u."""
    us = tuple(zeros_like(y).requires_grad_() for y in outputs)
    back = _gradients(outputs, inputs, us, True, strict)
    return _gradients(back, us, v, create_graph, False)


def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """Return `func(*inputs)` and vᵀJ, the product of a vector with its Jacobian.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0])
        >>> minnet.autograd.functional.vjp(lambda x: x**2, x, minnet.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        given, several = _tuple(inputs, "inputs")
        xs = _prepared(given, create_graph)
        ys, many = _tuple(func(*xs), "outputs of the user-provided function")
        vs = _given(v, ys, many, "output")
        found = _gradients(ys, xs, vs, create_graph, strict)
    return _finished(ys, many, create_graph), _finished(found, several, create_graph)


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """Return `func(*inputs)` and J v, the product of its Jacobian with a vector.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0])
        >>> minnet.autograd.functional.jvp(lambda x: x**2, x, minnet.tensor([1.0, 0.0]))
        (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        given, _ = _tuple(inputs, "inputs")
        xs = _prepared(given, create_graph)
        vs = _given(v, xs, False, "input")
        ys, many = _tuple(func(*xs), "outputs of the user-provided function")
        found = _double(ys, xs, vs, create_graph, strict)
    return _finished(ys, many, create_graph), _finished(found, many, create_graph)


def _scalar(y: Any) -> Any:
    """Return a function's one result.

    Raises:
        RuntimeError: if it is not a single element.
    """
    ys, several = _tuple(y, "outputs of the user-provided function")
    if several or ys[0].numel() != 1:
        raise RuntimeError(
            "The function given to hessian, hvp or vhp should return a single Tensor with a single "
            "element."
        )
    return ys[0]


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """Return `func(*inputs)` and vᵀH, the product of a vector with its Hessian.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0])
        >>> minnet.autograd.functional.vhp(lambda x: (x**3).sum(), x, minnet.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        given, several = _tuple(inputs, "inputs")
        xs = _prepared(given, create_graph)
        vs = _given(v, xs, several, "input")
        y = _scalar(func(*xs))
        slopes = _gradients((y,), xs, (None,), True, strict)
        found = _gradients(slopes, xs, vs, create_graph, strict)
    return _finished((y,), False, create_graph), _finished(found, several, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> Any:
    """Return `func(*inputs)` and H v, the product of its Hessian with a vector.

    The Hessian is symmetric, so this is `vhp`.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0])
        >>> minnet.autograd.functional.hvp(lambda x: (x**3).sum(), x, minnet.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)


def _rows(ys: Sequence[Any], xs: Sequence[Any], create_graph: bool, strict: bool) -> Any:
    """Return the Jacobian as a tuple by results of tuples by inputs."""
    jacobian = []
    for y in ys:
        rows = []
        for i in range(y.numel()):
            v = zeros_like(y.detach())
            v.array.reshape(-1)[i] = 1
            rows.append(_gradients((y,), xs, (v,), create_graph, strict))
        columns = []
        for j, x in enumerate(xs):
            shape = (*y.shape, *x.shape)
            flat = [reshape(row[j], -1) for row in rows]
            columns.append(reshape(stack(flat) if flat else cat([x.new_zeros(0)]), *shape))
        jacobian.append(tuple(columns))
    return tuple(jacobian)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of a function: for each result and input, of both their shapes.

    `vectorize` and `strategy` are torch's; they change nothing here.

    Example:
        >>> import minnet
        >>> minnet.autograd.functional.jacobian(lambda x: x**2, minnet.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    with enable_grad():
        given, several = _tuple(inputs, "inputs")
        xs = _prepared(given, create_graph)
        ys, many = _tuple(func(*xs), "outputs of the user-provided function")
        found = _rows(ys, xs, create_graph, strict)
    columns = tuple(_finished(row, several, create_graph) for row in found)
    return columns if many else columns[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function with one element: for each two inputs, of both their shapes.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0])
        >>> minnet.autograd.functional.hessian(lambda x: (x**3).sum(), x)
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    given, several = _tuple(inputs, "inputs")

    def slopes(*xs: Any) -> tuple[Any, ...]:
        return _gradients((_scalar(func(*xs)),), xs, (None,), True, strict)

    found = jacobian(slopes, given, create_graph, strict)
    return found if several else found[0][0]


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
