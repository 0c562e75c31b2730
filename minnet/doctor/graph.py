"""Graph: which functions stand between two modules, read off what differentiation records.

A `forward` may call functions (`F.relu`) and add tensors, and no module shows it. The recorded
operations do, by names that minnet and torch share and with what they were called with. What was
read counts only if it gives the values that came: a name or a number may have changed since.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minnet.nn.init.elementwise import Function, of_arrays

# They hand elements on, in the same order.
HANDED_ON = set("Alias Clone ReshapeAlias Squeeze ToCopy UnsafeView Unsqueeze View".split())
PLAIN = "Abs Cos Erf Exp LogSigmoid Mish Relu Sigmoid Silu Sin Tanh"
# By the node's name: the function's in `nn.functional` or the library itself, and its parameters'.
FUNCTIONS = {
    **{name: name.lower() for name in PLAIN.split()},
    "Clamp": "clamp min max",
    "ClampMin": "clamp min",
    "Elu": "elu alpha",
    "Gelu": "gelu approximate",
    "Hardtanh": "hardtanh min_val max_val",
    "LeakyRelu": "leaky_relu negative_slope",
    "Softplus": "softplus beta threshold",
}
# What a call with some numbers is known as.
KNOWN: dict[tuple[Any, ...], str] = {
    ("clamp", 0): "relu",
    ("clamp", 0, None): "relu",
    ("clamp", -1, 1): "hardtanh",
    ("clamp", 0, 6): "relu6",
    ("hardtanh", 0, 6): "relu6",
    ("elu", None): "selu",  # of minnet
    ("elu", 1.6732632423543772): "selu",  # of torch
}
STEPS = 16  # of functions between two modules, at most


class Read(NamedTuple):
    """What an operation is.

    Attributes:
        name: the function's name; "+" for a sum, "×" for a product with a number, "" for what
            hands its input on.
        sources: the nodes that its inputs come from.
        function: of arrays; None for the others.
        scale: by what it multiplies its input; None for functions and sums.
    """

    name: str
    sources: list[Any]
    function: Function | None = None
    scale: float | None = None

    def of(self, x: np.ndarray, *others: np.ndarray) -> np.ndarray | None:
        """Return what it makes of its inputs, or None if terms do not have the same elements."""
        if self.function is not None:
            return self.function(x.ravel()).reshape(x.shape)
        if self.scale is not None:
            return x * self.scale if self.name else x
        (y,) = others
        return x + y.reshape(x.shape) if x.size == y.size else None


def operation(node: Any) -> str:
    """Return what a node is named, without what all are: "Relu" for ReluBackward0."""
    return re.sub(r"Backward\d*$", "", node.name())


def beneath(node: Any) -> dict[int, Any]:
    """Return by the input's position what a node's gradients go to: a node, or a leaf's."""
    return {i: edge for i, (edge, _) in enumerate(node.next_functions) if edge is not None}


def is_operation(node: Any) -> bool:
    """Return whether a node is a recorded operation, and no leaf."""
    return hasattr(node, "next_functions") and bool(node.next_functions)


def read(
    library: Any, node: Any, given: Callable[[Any], np.ndarray | None], came: np.ndarray
) -> dict[Any, tuple[Read, np.ndarray]] | None:
    """Return the operations that lead from what is known to a node, or None if not all are known.

    Args:
        library: minnet or torch.
        node: the last of the operations.
        given: returns a node's values where they are known.
        came: the last one's values.

    Returns:
        What each node is and gives, sources first.
    """
    steps: dict[Any, tuple[Read, np.ndarray]] = {}
    pending = [node]
    while pending:
        each = pending[-1]
        found = _read(library, each, given)
        if found is None or len(steps) + len(pending) > STEPS:
            return None
        inputs = [steps[s][1] if s in steps else given(s) for s in found.sources]
        if any(values is None for values in inputs):
            pending += [s for s, v in zip(found.sources, inputs, strict=True) if v is None]
            continue
        values = found.of(*inputs)  # type: ignore[arg-type]
        if values is None:
            return None
        steps[pending.pop()] = found, values
    last, values = steps[node]
    if values.size != came.size:
        return None
    if not _largest(values.ravel() - came.ravel()) <= 1e-3 * _largest(came):
        return None
    return steps | {node: (last, came)}


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max(initial=0.0))


def _read(library: Any, node: Any, given: Callable[[Any], Any]) -> Read | None:
    """Return what a node is, or None if that is not known."""
    if not is_operation(node):
        return None
    name, edges = operation(node), beneath(node)
    if name in ("Mul", "Div") and len(edges) == 2:  # one may be for a parameter
        edges = {i: e for i, e in edges.items() if is_operation(e) or given(e) is not None}
    sources = list(edges.values())
    if name == "Add" and len(sources) == 2 and sources[0] is not sources[1]:
        return Read("+", sources) if _parameter(node, "alpha") == 1 else None
    if len(sources) != 1:
        return None
    if name in HANDED_ON:
        return Read("", sources, scale=1.0)
    if name in ("Mul", "Div"):
        number = _number(_parameter(node, "input" if 1 in edges else "other"))
        if name == "Div":
            number = 1 / number if number and 0 in edges else None
        return None if number is None else Read("×", sources, scale=number)
    function, *parameters = FUNCTIONS.get(name, "").split(" ")
    arguments = tuple((each, _parameter(node, each)) for each in parameters)
    values = tuple(value for _, value in arguments)
    if any(hasattr(value, "shape") for value in values):
        return None
    known = KNOWN.get((function, *values))
    if known:
        function, arguments = known, ()
    call = getattr(library.nn.functional, function, None) or getattr(library, function, None)
    return None if call is None else Read(function, sources, as_function(call, arguments))


def _parameter(node: Any, name: str) -> Any:
    """Return what an operation was called with, or None if its node does not hold it."""
    if hasattr(node, "operation"):
        return dict(zip(node.operation.names, node.values or (), strict=False)).get(name)
    return getattr(node, f"_saved_{'self' if name == 'input' else name}", None)


def _number(value: Any) -> float | None:
    """Return a number, or the element of a tensor or an array that has one; else None."""
    try:
        number = float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):
        return None
    return number if math.isfinite(number) else None


@functools.cache
def as_function(function: Any, arguments: tuple[tuple[str, Any], ...] = ()) -> Function:
    """Return a library's function as one of arrays: the same object each time."""
    return of_arrays(functools.partial(function, **dict(arguments)), function.__name__)
