"""The old recorders, until the last operation is declared anew. Temporary."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy as np

from minnet import kernels, operation
from minnet.graph import Node, backward, grad  # noqa: F401
from minnet.mode import enable_grad, is_grad_enabled, mode, no_grad, set_grad_enabled  # noqa: F401
from minnet.operation import in_place  # noqa: F401
from minnet.variable import (  # noqa: F401
    Variable,
    described,
    register_tensor,
    viewed,
    wrap,
    writable,
)
from minnet.variable import edge as edge_of

VJP = JointVJP = Any


def by_position(vjps):
    return lambda dy, wanted: {p: vjps[p](dy) for p in wanted}


def old_node(name, sends, joint, saved):
    def run(V, dy, wanted, kept):
        if V is operation.tensors:
            raise NotImplementedError(f"{name} is not yet declared anew")
        return joint(dy, wanted)

    declared = SimpleNamespace(
        joints=((run, lambda values: values[-1:]),) * 2,
        quiet=False,
        keeps=None,
        fills=True,
        same=operation.Operation.same,
    )
    arrays = [array for *_, array in saved]
    node = Node(declared, name, sends, [*arrays, None, None, joint], ())
    node.saved = [(c, v, i, True) for i, (c, v, _) in enumerate(saved)]
    return node


def snapshot(x: Variable) -> Any:
    """Return what `Node.saved` has for a tensor that a VJP reads."""
    counter = x._counter or x.counter()
    return counter, counter[0], x.array


def senders(inputs: Iterable[Any]) -> Any:
    """Return what `Node.sends` has for those inputs of a joint VJP that need a gradient."""
    found: Any = []
    if mode.enabled:
        for position, x in enumerate(inputs):
            if isinstance(x, Variable):
                edge = edge_of(x)
                if edge is not None:
                    found.append(
                        (edge, x._slot if x._node else 0, position, x.array.shape, x.array.dtype)
                    )
    return found


def joined(
    name: str, result: np.ndarray, sends: Any, joint: JointVJP, read: Iterable[Variable]
) -> Any:
    """Return a tensor around a result, whose inputs' gradients are computed together.

    That spares calls, and work where the gradients have some in common. If there are `sends`, those
    of `senders`, a node is recorded. `joint` is its VJP: from the gradient of the result and the
    positions of some inputs to all gradients by position, of which those at the others are not
    read. They are new and contiguous, and of the inputs' shapes and dtypes. `read` has the tensors
    that it reads; one that is changed in place makes backward refuse.
    """
    out = wrap(result)
    if sends:
        out._node, out._slot = old_node(name, sends, joint, [snapshot(x) for x in read]), 0
    return out


def record(name: str, inputs: Sequence[Any], out: Variable, vjps: Sequence[VJP | None]) -> None:
    """Make `out` the result of the node `name` with one VJP for each input."""
    sends = []
    for position, (x, vjp) in enumerate(zip(inputs, vjps, strict=True)):
        if vjp is not None and isinstance(x, Variable):
            edge = edge_of(x)
            if edge is not None:  # a gradient nobody needs is never computed
                sends.append(
                    (edge, x._slot if x._node else 0, position, x.array.shape, x.array.dtype)
                )
    out._node, out._slot = old_node(name, sends, by_position(vjps), ()), 0


def differentiable(name: str, tensors: int = 1, view: bool = False) -> Callable[[Any], Any]:
    """Lift an operation from arrays to tensors; `name` is what its `grad_fn` prints.

    The lifted function's first `tensors` parameters are tensors (or None, where annotated so); it
    receives their arrays and returns its result and a VJP for each, or None for one that is not
    differentiable. Where there are several, a Python number may stand for one; it arrives as it is.

    A VJP returns the gradient in the broadcast shape and any dtype: the engine sums and casts it to
    the input's. A VJP that reads an input or the result again does so under the parameter's name,
    or under `result`: these names are how a later change in place is noticed.

    With `view=True` the result may share the first input's memory, and then its version counter. An
    operation with a parameter `inplace` need not look at it: where it is true, the first input
    takes over the result.
    """

    def lift(function: Any) -> Any:
        all_names = list(inspect.signature(function).parameters)
        inplace_at = all_names.index("inplace") if "inplace" in all_names else None
        parameters = list(inspect.signature(function).parameters.values())[:tensors]
        names = [p.name for p in parameters]
        positions = range(tensors)
        optional = [p.default is None or "None" in str(p.annotation) for p in parameters]
        # Which of [*inputs, result] a VJP reads, by the id of its code, since codes hash slowly.
        # `codes` keeps them, so that no other takes an id over.
        reads: dict[int, list[int]] = {}
        codes: list[Any] = []

        def learn(vjp: Any) -> list[int]:
            code = vjp.__code__
            codes.append(code)
            order = [*names, "result"]
            reads[id(code)] = [order.index(v) for v in code.co_freevars if v in order]
            return reads[id(code)]

        def recorded(
            args: Sequence[Any], out: Variable, sends: Any, found: Sequence[Any], inplace: bool
        ) -> None:
            vjps = found[1]
            needed: list[Any] = []
            saved: list[Any] = []
            for send in sends:
                vjp = vjps[send[2]]
                if vjp is None:
                    continue
                needed.append(send)
                read = reads.get(id(vjp.__code__))
                for index in learn(vjp) if read is None else read:
                    x = out if index == tensors else args[index]
                    # The VJPs of an operation in place read a copy of the first input.
                    if isinstance(x, Variable) and not (inplace and index == 0):
                        saved.append(snapshot(x))
            out._node, out._slot = old_node(name, needed, by_position(vjps), saved), 0

        @wraps(function)
        def operation(*args: Any, **kwargs: Any) -> Any:
            if len(args) < tensors:  # some tensors are given by name, or left out
                args = args + tuple(
                    kwargs.pop(n) if n in kwargs else _missing(function, n)
                    for n in names[len(args) :]
                )
            arrays = list(args)
            sends: list[Any] = []  # of the inputs that need a gradient
            for position in positions:
                x = args[position]
                if isinstance(x, Variable):
                    array = arrays[position] = x.array
                    edge = edge_of(x)
                    if edge is not None:
                        sends.append(
                            (edge, x._slot if x._node else 0, position, array.shape, array.dtype)
                        )
                elif not (
                    (tensors > 1 and type(x) in (float, int, bool))
                    or (x is None and optional[position])
                ):
                    raise TypeError(
                        f"{function.__name__.lstrip('_')}(): argument '{names[position]}' "
                        f"(position {position + 1}) must be Tensor, not {type(x).__name__}"
                    )
            inplace = False
            if inplace_at is not None:
                inplace = (
                    args[inplace_at] if len(args) > inplace_at else kwargs.get("inplace", False)
                )
            if inplace and sends:
                arrays[0] = arrays[0].copy()  # what the VJPs read must outlive the change
            try:
                found = function(*arrays, **kwargs) if kwargs else function(*arrays)
            except Exception:
                kernels.one_device(arrays[:tensors])  # whatever a mixture of devices raised
                raise
            out = wrap(found[0])
            if view and np.may_share_memory(out.array, arrays[0]):
                viewed(out, args[0], operation, args[1:], "")
            if sends and mode.enabled and out.array.dtype.kind == "f":
                recorded(args, out, sends, found, inplace)
            return in_place(args[0], out) if inplace else out

        return operation

    return lift


def _missing(function: Any, name: str) -> Any:
    default = inspect.signature(function).parameters[name].default
    if default is inspect.Parameter.empty:
        raise TypeError(f"{function.__name__.lstrip('_')}() missing required argument: '{name}'")
    return default
