"""Graph: which functions stand between two modules, read off what differentiation records.

A `forward` may call functions (`F.relu`) and add tensors, and no module shows it. The recorded
operations do, by names that minnet and torch share. A name alone does not tell a function's
parameters, so what was read counts only if it gives the values that came.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minnet.nn.init.elementwise import Function, of_arrays

ADDED = {"Add"}
SCALED = {"Div", "Mul"}  # by a number, as in x + 0.1 * f(x)
# They hand elements on, in the same order.
HANDED_ON = set("Alias Clone ReshapeAlias Squeeze ToCopy UnsafeView Unsqueeze View".split())
PLAIN = "Abs Cos Erf Exp LogSigmoid Mish Relu Sigmoid Silu Sin Softplus Tanh"
# What a recorded name may stand for, by the name in `nn.functional` or in the library itself.
FUNCTIONS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    **{name: [(name.lower(), {})] for name in PLAIN.split()},
    "ClampMin": [("relu", {})],
    "Clamp": [("relu", {}), ("hardtanh", {}), ("relu6", {})],
    "Elu": [("elu", {}), ("selu", {})],
    "Gelu": [("gelu", {}), ("gelu", {"approximate": "tanh"})],
    "Hardtanh": [("hardtanh", {}), ("relu6", {})],
    "LeakyRelu": [("leaky_relu", {"negative_slope": s}) for s in (0.01, 0.2, 0.1, 0.3, 0.05)],
}
STEPS = 16  # of functions between two modules, at most


class Step(NamedTuple):
    """One operation between modules.

    Attributes:
        node: what stands for it in the graph.
        name: the function's name; "+" for a sum, "×" for a product with a number, "" for what
            hands its input on.
        function: of arrays; None for the others.
        scale: by what it multiplies its input; None for functions and sums.
        sources: the nodes that its inputs come from.
        values: what it gives.
    """

    node: Any
    name: str
    function: Function | None
    scale: float | None
    sources: list[Any]
    values: np.ndarray


def operation(node: Any) -> str:
    """Return what a node is named, without what all are: "Relu" for ReluBackward0."""
    name = node.name() if callable(node.name) else node.name
    return re.sub(r"Backward\d*$", "", name)


def beneath(node: Any) -> list[Any]:
    """Return what a node's gradients go to: nodes, and leaves or torch's stand-ins for them."""
    return [edge for edge, _ in node.next_functions if edge is not None]


def is_operation(node: Any) -> bool:
    """Return whether a node is a recorded operation, and no leaf."""
    return hasattr(node, "next_functions") and bool(node.next_functions)


def read(
    library: Any, node: Any, given: Callable[[Any], np.ndarray | None], came: np.ndarray
) -> list[Step] | None:
    """Return the operations that lead from what is known to a node, or None if not all are known.

    Args:
        library: minnet or torch.
        node: the last of the operations.
        given: returns a node's values where they are known.
        came: the last one's values.
    """
    nodes = _between(node, given)
    if nodes is None:
        return None
    choices = [_choices(library, each, given) for each in nodes]
    if not all(choices):
        return None
    best, least = None, math.inf
    for choice in itertools.islice(itertools.product(*choices), 64):
        steps = _steps(nodes, choice, given)
        if steps is None or steps[-1].values.size != came.size:
            continue
        tolerance = 1e-3 * _largest(came)
        if any(name == "×" for name, _ in choice):
            without = _steps(nodes, choice, given, 0.0)
            if without is None:
                continue
            scale, tolerance = _fitted(without[-1].values, steps[-1].values, came)
            steps = _steps(nodes, choice, given, scale) or steps
        off = _largest(steps[-1].values.ravel() - came.ravel())
        if off <= tolerance and off < least:  # of equals the first
            best, least = steps, off
    if best is None:
        return None
    return [*best[:-1], best[-1]._replace(values=came)]


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _fitted(at_0: np.ndarray, at_1: np.ndarray, came: np.ndarray) -> tuple[float, float]:
    """Return the number that a product is with, and how far what it gives may be from what came.

    What comes of the product is to be linear in the number: two of its values tell it.
    """
    part = at_1.ravel().astype(np.float64) - at_0.ravel()
    square = float(np.dot(part, part))
    scale = float(np.dot(came.ravel() - at_0.ravel(), part)) / square if square else 0.0
    scale = float(f"{scale:.6g}") if math.isfinite(scale) else 0.0
    return scale, max(1e-3 * abs(scale) * _largest(part), 1e-6 * _largest(came))


def _between(node: Any, given: Callable[[Any], Any]) -> list[Any] | None:
    """Return the nodes from what is given to a node, sources first."""
    order: dict[Any, None] = {}
    pending = [(node, False)]
    while pending:
        each, ready = pending.pop()
        if ready:
            order[each] = None
        elif each not in order and given(each) is None:
            if not is_operation(each) or len(order) + len(pending) > STEPS:
                return None
            pending.append((each, True))
            pending += [(edge, False) for edge in _sources(each, given)]
    return list(order)


def _sources(node: Any, given: Callable[[Any], Any]) -> list[Any]:
    """Return what a node's inputs come from, but for a parameter that another is multiplied by."""
    edges = beneath(node)
    if operation(node) in SCALED and len(edges) == 2:
        return [edge for edge in edges if is_operation(edge) or given(edge) is not None]
    return edges


Choice = tuple[str, Function | None]


def _choices(library: Any, node: Any, given: Callable[[Any], Any]) -> list[Choice]:
    """Return what a node may be."""
    name, edges = operation(node), _sources(node, given)
    if name in ADDED and len(edges) == 2 and edges[0] is not edges[1]:
        return [("+", None)]
    if len(edges) != 1:
        return []
    if name in HANDED_ON:
        return [("", None)]
    if name in SCALED:
        return [("×", None)]
    return list(_functions(library, FUNCTIONS.get(name, [])))


def _functions(library: Any, calls: list[tuple[str, dict[str, Any]]]) -> Iterator[Choice]:
    for name, arguments in calls:
        function = getattr(library.nn.functional, name, None) or getattr(library, name, None)
        if function is not None:
            yield name, as_function(function, tuple(arguments.items()))


@functools.cache
def as_function(function: Any, arguments: tuple[tuple[str, Any], ...] = ()) -> Function:
    """Return a library's function as one of arrays: the same object each time."""
    return of_arrays(functools.partial(function, **dict(arguments)), function.__name__)


def _steps(
    nodes: list[Any],
    choice: tuple[Choice, ...],
    given: Callable[[Any], np.ndarray | None],
    scale: float = 1.0,
) -> list[Step] | None:
    """Return what the nodes give if they are what was chosen, with a number for all products."""
    values: dict[Any, np.ndarray] = {}
    steps = []
    for node, (name, function) in zip(nodes, choice, strict=True):
        edges = _sources(node, given)
        inputs = [values[edge] if edge in values else given(edge) for edge in edges]
        if any(each is None for each in inputs):
            return None
        if name == "+":
            if inputs[0].size != inputs[1].size:  # type: ignore[union-attr]
                return None
            values[node] = inputs[0] + inputs[1].reshape(inputs[0].shape)  # type: ignore
        elif function is None:
            values[node] = inputs[0] * scale if name == "×" else inputs[0]  # type: ignore
        else:
            flat = function(inputs[0].ravel())  # type: ignore[union-attr]
            values[node] = flat.reshape(inputs[0].shape)  # type: ignore[union-attr]
        by = {"+": None, "×": scale}.get(name, None if function else 1.0)
        steps.append(Step(node, name, function, by, edges, values[node]))
    return steps
