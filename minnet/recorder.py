"""The recorder: computes an operation, and records a node if a gradient is to flow.

All operations are called here, in place and `out=` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.graph import Node, alias_node, packed
from minnet.mode import Mode, mode
from minnet.variable import Variable, ambiguous, edge, refresh, renew, viewed, wrap, writable
from minnet.vocabulary import tensors, zero

PLAIN = (int, float, bool, type(None))  # what stands for a tensor and cannot change
BEFORE, SHAPES, RESULT, KEPT = -3, -3, -2, -1  # the last places of a node's values


def apply(
    operation: Any, inputs: Sequence[Any], constants: tuple[Any, ...], into: Any = None
) -> Any:
    """Compute an operation, and record a node if a gradient is to flow to an input.

    Args:
        inputs: the tensors, or what stands for one.
        constants: the further arguments of the operation's value.
        into: the first input, if it is to take the value and its history.
    """
    found: list[Any] = []
    sends: list[Any] = []  # of the inputs that need a gradient
    needs = position = 0
    for x in inputs:
        if isinstance(x, Variable):
            array = x.array
            if x._view is not None:
                refresh(x)
            if x._node is not None:
                sends.append((x._node, x._slot, position, array.shape, array.dtype))
                needs |= 1 << position
            elif x._requires_grad:
                sends.append((x, 0, position, array.shape, array.dtype))
                needs |= 1 << position
            found.append(array)
        elif x is None and position in operation.optional:
            found.append(None)
        else:
            found.append(operation.operand(x, position))
        position += 1
    if sends:
        if not mode.enabled:
            sends = []
        elif needs & operation.blocked:
            sends = [send for send in sends if operation.flows[send[2]]]
    if into is not None or operation.writes:
        if into is None:
            found[0] = found[0].copy()
        elif operation.writes:
            writable(into)
        elif sends and 0 not in operation.saving(needs, len(found), ())[0]:
            found[0] = found[0].copy()  # what the derivatives read must outlive the change
    kept = None
    try:
        given = (found,) if operation.variadic else found
        if operation.keeps is None:
            result = operation.run(*given, *constants)
        else:
            result, kept = operation.run(*given, *constants, keep=bool(sends))
    except Exception:
        operation.explain(found, constants)
        raise
    if operation.several:
        return _several(operation, inputs, found, constants, sends, needs, result, kept)
    if into is None:
        out = wrap(result)
        if operation.view and (operation.view is True or _is_view(out.array, found[0])):
            made = "" if mode.enabled else mode.name()
            if constants:
                constants = fixed(constants)
            viewed(out, inputs[0], operation.function, constants, made)
    else:
        out = into
    node, packs = None, Mode.watched and mode.saving
    if sends and out.array.dtype.kind == "f":
        node, reads_result = _recorded(
            operation, inputs, found, constants, sends, needs, kept, into is not None
        )
        if packs:  # before anything has changed, since a hook may raise
            if reads_result:
                node.saved.append((out.counter(), 0, RESULT, True))
                node.values[RESULT] = kernels.as_array(result)
            _pack(node)
    if into is not None:
        if operation.writes:
            into.bump()
        else:
            overwrite(into, kernels.as_array(result))
    if node is not None:
        if reads_result and not packs:
            counter = out._counter or out.counter()
            node.saved.append((counter, counter[0], RESULT, True))
            node.values[RESULT] = out.array
        if into is None:
            out._node, out._slot = node, 0
        else:
            if into._view is not None and operation.writes and operation.derivatives[0][0] is zero:
                node.sends = [send for send in sends if send[2]]  # the base has the other zeros
            take_history(into, node)
    return out


def fixed(constants: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return constants that the user cannot change any more: a list becomes a tuple."""
    if list in map(type, constants):
        return tuple([tuple(c) if type(c) is list else c for c in constants])
    return constants


def _is_view(array: Any, of: Any) -> bool:
    base = array.base
    return base is not None and (base is of or base is of.base)


def _recorded(
    operation: Any, inputs: Sequence[Any], found: list[Any], constants: tuple[Any, ...],
    sends: list[Any], needs: int, kept: Any, in_place: bool,
) -> Any:  # fmt: skip
    """Return the node of a call, which has saved what its derivatives read of the inputs.

    And whether they read the result.
    """
    shapes = None
    if operation.reads_shapes:  # not of a generator, which is slow
        shapes = tuple([getattr(x, "shape", ()) for x in found])
    if constants:
        constants = fixed(constants)
    values = [*found, *constants, shapes, None, kept]
    name = operation.label
    if operation.node_reads is not None:
        name = operation.node(*operation.node_reads(values))
    node = Node(operation, name, sends, values, constants)
    saved: list[Any] = []
    saving = None if operation.variadic else operation.known.get(needs)
    if saving is None:
        saving = operation.saving(needs, len(found), constants)
    dropped, read, reads_result = saving
    for i in dropped:
        values[i] = None
    for i, always in read:
        x = inputs[i]
        if isinstance(x, Variable):
            if not (in_place and i == 0):
                counter = x._counter or x.counter()
                saved.append((counter, counter[0], i, always))
        elif type(x) not in PLAIN and kernels.is_array(x):
            values[i] = found[i].copy()  # nothing tells when the user changes it
    node.saved = saved
    return node, reads_result


def _several(
    operation: Any, inputs: Sequence[Any], found: list[Any], constants: tuple[Any, ...],
    sends: list[Any], needs: int, results: Any, kept: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Return the results of an operation that has several, each of which is one of its node's."""
    out = tuple(map(wrap, results))
    if operation.view:
        made = "several" if mode.enabled else mode.name()
        for x, (function, given) in zip(out, operation.parts(found[0], *constants), strict=True):
            viewed(x, inputs[0], function, given, made)
    floating = [x.array.dtype.kind == "f" for x in out]
    if sends and any(floating):
        node, _ = _recorded(operation, inputs, found, constants, sends, needs, kept, False)
        node.results = [
            (x.array.shape, x.array.dtype) if f else None
            for x, f in zip(out, floating, strict=True)
        ]
        if Mode.watched and mode.saving:
            _pack(node)
        for slot, x in enumerate(out):
            if floating[slot]:
                x._node, x._slot = node, slot
    return type(results)(*out) if hasattr(results, "_fields") else out


def overwrite(x: Any, array: Any) -> None:
    """Set a tensor's elements to those of an array.

    Raises:
        RuntimeError: if the tensor may not be changed, or the array does not fit it.
    """
    writable(x)
    target = x.array
    if array.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(array.shape)}"
        )
    castable(array, target)
    with np.errstate(all="ignore"):
        target[...] = array
    x.bump()


def castable(array: Any, target: Any) -> None:
    """Check that a result may be written into an array of another dtype.

    Raises:
        RuntimeError: if its category is higher, as floats are above integers.
    """
    if dtypes.of(array).category > dtypes.of(target).category:
        raise RuntimeError(
            f"result type {dtypes.of(array).tensor_type} can't be cast to the desired output "
            f"type {dtypes.of(target).tensor_type}"
        )


def take_history(x: Any, node: Node, slot: int = 0) -> None:
    """Make a node's result the history of a tensor whose elements it has just computed.

    If the tensor is a view, its base's history changes, and by that its own.
    """
    view = x._view
    if view is None:
        renew(x, node, slot)
    else:
        base, old = view.base, edge(view.base)
        a, part = base.array, x.array
        sends: list[Any] = [(node, slot, 1, part.shape, part.dtype)]
        if old is not None:
            sends.insert(0, (old, base._slot if old is not base else 0, 0, a.shape, a.dtype))
        copied = tensors.copied_slices.operation
        path = view.steps()
        node = Node(copied, copied.node, sends, [None, None, path, None, None, None], (path,))
        renew(base, node, 0)
        refresh(x)


def in_place(x: Any, out: Any) -> Any:
    """Give tensor `x` the value and the history of `out`, and return `x`.

    Raises:
        RuntimeError: if `x` may not be changed, or `out` does not fit its shape or dtype.
    """
    if x._view is not None:
        check_in_place(x, out._node is not None)
    overwrite(x, out.array)
    if out._node is not None and mode.enabled:
        take_history(x, alias_node(out._node, out._slot, x.array))
    return x


def check_in_place(x: Any, recorded: bool) -> None:
    """Check that a change may be recorded on a view.

    Raises:
        RuntimeError: for one of several views that one operation returned, and for a view that was
            made without a history.
    """
    view = x._view
    if not view.made or not mode.enabled:
        return
    if not (recorded or x.requires_grad or view.base.requires_grad):
        return
    if view.made in ("no_grad", "inference_mode"):
        raise ambiguous(view, "is being")
    if x._node is None:  # as torch says it, whatever the mode was
        text = (
            "A view was created in no_grad mode and is being modified inplace with grad mode "
            "enabled. "
        )
    else:
        name = x._node.name().split("Backward")[0]
        text = f"Output {x._slot} of {name} is a view and is being modified inplace. "
    if view.made == "custom":
        raise RuntimeError(
            f"{text}This view was created inside a custom Function (or because an input was "
            "returned as-is) and the autograd logic to handle view+inplace would override the "
            "custom backward associated with the custom Function, leading to incorrect gradients. "
            "This behavior is forbidden. You can fix this by cloning the output of the custom "
            "Function."
        )
    raise RuntimeError(
        f"{text}This view is the output of a function that returns multiple views. Such functions "
        "do not allow the output views to be modified inplace. You should replace the inplace "
        "operation by an out-of-place one."
    )


def _pack(node: Node) -> None:
    node.packed = True
    for _, _, place, _ in node.saved:
        node.values[place] = packed(node.values[place])  # type: ignore[index]
