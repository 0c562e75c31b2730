"""Operations: declared once, called in one way, recorded by one recorder.

    @operation("TanhBackward0", lambda V, dy, result: V.tanh_backward(dy, result), inplace=True)
    def tanh(input: Tensor) -> Tensor:
        return kernels.of(input).tanh(floating(input))

The function under the decorator is the *value*: it takes arrays and returns an array. From the
declaration come the function on tensors, the method, the in-place and `out=` forms, the names that
`minnet`, `nn.functional` and `Tensor` export, and the signature.

A *derivative* is a function (V, dy, ...) that returns the gradient for one input, in its broadcast
shape and any dtype. By the names of its further parameters it says what it reads: inputs, constants
(the parameters that are no tensors), `shapes` (of all inputs), `result`, or `kept`. What is read is saved, and
backward refuses if it was changed in place meanwhile; what is not is let go. V holds functions: on
arrays, or on tensors where gradients are to be differentiated. So a derivative calls nothing but V,
and does not branch on values.

Gradients that have work in common are computed by one *joint* derivative (V, dy, wanted, ...), which
returns them by position; beside derivatives for each input, it is what arrays take. An operation
that `keeps` an intermediate for its derivative returns it beside its result; `kept` is None where
gradients are recorded, and the derivative computes it again from the inputs (named in `remade`, if
nothing else reads them).

An operation that is a *fusion* of others names what it computes as a composition of them,
`fused=lambda V, <inputs>, <constants>: ...`: what it has no derivatives for, and what is recorded,
are the gradients of that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minnet import dtypes, graph, kernels
from minnet.graph import Node
from minnet.mode import Mode, enable_grad, mode
from minnet.size import ints
from minnet.variable import Variable, edge, refresh, renew, viewed, wrap, writable

Tensor: TypeAlias = Any  # in a value, an array; in what the declaration makes of it, a tensor
Number: TypeAlias = Any

arrays = SimpleNamespace()  # the vocabulary of derivatives: functions on arrays by name,
tensors = SimpleNamespace()  # and those on tensors
graph.use_vocabularies(arrays, tensors)

# As torch, every function takes NumPy's names for these parameters.
SPELLINGS = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other",
    "from": "a", "to": "b",
}  # fmt: skip

_NUMBERS = (float, int, bool)


COPY_SLICES = "torch::autograd::CopySlices"
BEFORE, SHAPES, RESULT, KEPT = -3, -3, -2, -1  # the last places of a node's values


class Operation:
    """What is declared of an operation, and what follows from it."""

    same: Operation  # the identity
    function: Callable[..., Any]

    def __init__(
        self,
        value: Callable[..., Any],
        node: str | Callable[..., str],
        derivatives: Sequence[Any],
        joint: Any = None,
        fused: Any = None,
        reads: Any = None,
        tensors: int | None = None,
        variadic: bool = False,
        numbers: bool | None = None,
        optional: str = "",
        star: str | None = None,
        view: bool | str = False,
        parts: Any = None,
        fills: bool = True,
        several: bool = False,
        keeps: str | None = None,
        remade: str = "",
        quiet: bool | str = False,
        fits: bool = False,
        draws: bool = False,
        dynamic: bool = False,
        shape: Any = None,
        named: str = "",
    ):
        """Check a declaration; see `operation` for the arguments.

        Raises:
            TypeError: if a derivative reads what the value does not have.
        """
        self.value, self.fused = value, fused
        # Infinities and NaN pass in silence, as in torch.
        self.run = value if quiet else np.errstate(all="ignore")(value)
        self.name = value.__name__
        parameters = [p for p in inspect.signature(value).parameters.values() if p.name != "keep"]
        self.names = [p.name for p in parameters]
        self.defaults = tuple(p.default for p in parameters if p.default is not p.empty)
        if tensors is None:
            tensors = max(len(derivatives), 1 if reads is None or callable(reads) else len(reads))
        self.tensors = 1 if variadic else tensors
        self.variadic, self.several, self.view, self.star = variadic, several, view, star
        self.numbers = self.tensors > 1 if numbers is None else numbers
        self.optional = {self.names.index(name) for name in optional.split()}
        self.parts, self.fills, self.keeps, self.quiet = parts, fills, keeps, quiet
        self.fits = fits
        self.draws, self.dynamic, self.shape = draws, dynamic, shape
        self.frees = keeps == "intermediate"
        self.writes = self.name.endswith("_")
        constants = self.names[self.tensors :]
        inputs: dict[str, Any] = {name: i for i, name in enumerate(self.names[: self.tensors])}
        if variadic:
            inputs = {self.names[0]: slice(None, BEFORE - len(constants))}
        places = {"shapes": SHAPES, "result": RESULT, "kept": KEPT, **inputs}
        places |= {name: BEFORE + i - len(constants) for i, name in enumerate(constants)}

        def read(function: Any, skip: int) -> tuple[Any, ...]:
            wanted = list(inspect.signature(function).parameters)[skip:]
            for name in wanted:
                if name not in places:
                    raise TypeError(f"the derivative of {self.name} reads {name}: no such name")
            return tuple(places[name] for name in wanted)

        own = [() if d is None else read(d, 2) for d in derivatives]
        shared = () if joint is None else read(joint, 3)
        everything = (*inputs.values(), *range(BEFORE - len(constants), BEFORE))
        # A derivative goes with what picks the values that it reads.
        self.derivatives = [
            None if d is None else (d, _picking(places))
            for d, places in zip(derivatives, own, strict=True)
        ]
        together = None if joint is None else (joint, _picking(shared))
        whole = None if fused is None else (self.differentiated, _picking(everything))
        # The derivative for all inputs, on arrays and recorded; None where each has its own.
        self.joints = (
            whole if together is None and not derivatives else together,
            together if whole is None and not derivatives else whole,
        )
        if self.joints[0] is whole is not None:
            shared = everything
        self.reads_shapes = SHAPES in {i for places in (*own, shared) for i in places}
        # A node's name, and what it is found from: inputs, or constants alone.
        self.node, reads_of_name = node, read(node, 0) if callable(node) else ()
        fixed = (isinstance(place, int) and place < BEFORE for place in reads_of_name)
        by_constants = all(fixed) and reads_of_name
        self.node_reads = None if by_constants or not callable(node) else _picking(reads_of_name)
        self.named_by = [place - BEFORE for place in by_constants or ()]
        self.positional = len(self.names) - len(named.split())
        # By position, what is read for an input's gradient.
        self._reads: Any = reads
        if variadic:
            self.reads_inputs = any(isinstance(i, slice) for i in shared)
        elif reads is not None:
            self._reads = [{places[name] for name in names.split()} for names in reads]
        else:
            self._reads = [set(places) for places in own] or [set(shared)] * self.tensors
        self._remade = {inputs[name] for name in remade.split()}
        # Which inputs gradients flow to.
        self.flows = [d is not None for d in derivatives]
        if not derivatives and (joint or fused):
            self.flows = [True] * (0 if variadic else len(self._reads))
        self.flows += [False] * (self.tensors - len(self.flows))
        self.blocked = 0 if variadic else sum((not flow) << i for i, flow in enumerate(self.flows))
        self.savings: dict[Any, Any] = {}

    def saving(self, needs: int, count: int, constants: Any) -> tuple[Any, Any, Any, bool]:
        """Return what a node saves for the gradients of the inputs whose bits are set in `needs`.

        The places of the inputs that are dropped, of those that are read, and of those that only a
        recorded derivative reads; and whether the result is read.
        """
        positions = [i for i in range(count) if needs >> i & 1]
        if not self.variadic:
            read = set().union(*(self._reads[i] for i in positions if self.flows[i]))
        elif self._reads is not None:
            read = self._reads(positions, *constants)
        else:
            read = range(count) if self.reads_inputs else ()
        remade = self._remade
        if self.fused is not None:
            remade = remade | {i for i in range(count) if i not in read}
        if len(self.savings) > 1000:
            self.savings.clear()
        found = self.savings[(needs, count, constants) if self.variadic else needs] = (
            [i for i in range(count) if i not in read and i not in remade],
            [i for i in range(count) if i in read and i not in remade],
            sorted(remade),
            RESULT in read,
        )
        return found

    def differentiated(self, V: Any, dy: Any, wanted: Sequence[int], *given: Any) -> dict[int, Any]:
        """Return the gradients, by position, of the composition that the operation is a fusion of."""
        recorded = V is tensors
        inputs = list(given[0] if self.variadic else given[: self.tensors])
        constants = given[1 if self.variadic else self.tensors :]
        with enable_grad():
            if recorded:
                # Others than those of the graph: the same tensor may stand at two positions.
                for i in wanted:
                    inputs[i] = V.alias(inputs[i])
            else:
                inputs = [wrap(x) if kernels.is_array(x) else x for x in inputs]
                dy = wrap(dy)
                for i in wanted:
                    inputs[i]._requires_grad = True
            result = self.fused(tensors, *((inputs,) if self.variadic else inputs), *constants)
        leaves = [inputs[i] for i in wanted]
        found = graph.grad(result, leaves, dy, create_graph=recorded, allow_unused=True)
        if not recorded:
            found = tuple(None if g is None else g.array for g in found)
        return dict(zip(wanted, found, strict=True))

    def result_shape(self, shapes: list[tuple[int, ...]], constants: tuple[Any, ...]) -> Any:
        """Return the shape of the result, or those of several, by what the declaration says.

        Where it says nothing, a change in place keeps the shape, a constant named `shape` is it,
        and a view is tried on an array without memory.
        """
        given = dict(zip(self.names[self.tensors :], constants, strict=True), shapes=shapes)
        if self.shape is not None:
            return self.shape(*[given[name] for name in inspect.signature(self.shape).parameters])
        if self.view:
            found = self.value(np.broadcast_to(0, shapes[0]), *constants)
            return tuple(x.shape for x in found) if self.several else found.shape
        if self.writes:
            return shapes[0]
        return given["shape"] if "shape" in given else np.broadcast_shapes(*shapes)

    def operand(self, x: Any, position: int) -> Any:
        """Return what a value takes for an argument that is no tensor.

        Raises:
            TypeError: if it cannot stand for a tensor.
        """
        if self.numbers and type(x) in _NUMBERS:
            return x
        if x is None and (0 if self.variadic else position) in self.optional:
            return x
        if self.numbers and isinstance(x, np.ndarray | np.generic):
            array = np.asarray(x)
            dtypes.of(array)
            return array
        if self.numbers and kernels.is_array(x):
            return x
        if self.variadic:
            raise TypeError(
                f"expected Tensor as element {position} in argument 0, but got {type(x).__name__}"
            )
        raise TypeError(
            f"{self.name.lstrip('_')}(): argument '{self.names[position]}' "
            f"(position {position + 1}) must be Tensor, not {type(x).__name__}"
        )

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return all arguments in the order of the value's parameters.

        Raises:
            TypeError: if one is missing, unknown or given twice.
        """
        names, given = self.names, respelled(kwargs, self.names)
        if self.star is not None:
            n = names.index(self.star)
            given_by_name = next((name for name in (self.star, "size") if name in given), None)
            if given_by_name is None:
                args = (*args[:n], ints(args[n:]))
            else:
                given[self.star] = ints((given.pop(given_by_name),))
        if len(args) > self.positional:
            raise TypeError(
                f"{self.name}() takes {self.positional} positional arguments but {len(args)} were given"
            )
        found = list(args)
        optional = len(names) - len(self.defaults)
        for i in range(len(args), len(names)):
            if names[i] in given:
                found.append(given.pop(names[i]))
            elif i >= optional:
                found.append(self.defaults[i - optional])
            else:
                missing = [n for n in names[i:optional] if n not in given]
                raise TypeError(
                    f"{self.name}() missing {len(missing)} required positional arguments: "
                    + ", ".join(f'"{n}"' for n in missing)
                )
        for name in given:
            twice = name in names
            raise TypeError(
                f"{self.name}() got "
                + (f"multiple values for argument '{name}'" if twice else
                   f"an unexpected keyword argument '{name}'")
            )  # fmt: skip
        return tuple(found)


def _picking(places: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a function that gives the values at some places, for one call less than a loop."""
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return itemgetter(slice(0))
    (place,) = places
    if isinstance(place, slice):
        return lambda values: (values[place],)
    return itemgetter(slice(place, place + 1 or None))


def respelled(kwargs: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return keyword arguments with NumPy's names replaced by torch's."""
    return {
        SPELLINGS[name] if name not in names and SPELLINGS.get(name) in names else name: value
        for name, value in kwargs.items()
    }


# The recorder


def apply(
    operation: Operation, inputs: Sequence[Any], constants: tuple[Any, ...], into: Any = None
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
        if (
            into is not None
            and not operation.writes
            and 0 in operation.saving(needs, len(found), ())[1]
        ):
            found[0] = found[0].copy()  # what the derivatives read must outlive the change
    if operation.writes:
        if into is None:
            found[0] = found[0].copy()
        else:
            writable(into)
    kept = None
    try:
        given = (found,) if operation.variadic else found
        if operation.keeps is None:
            result = operation.run(*given, *constants)
        else:
            result, kept = operation.run(*given, *constants, keep=bool(sends))
    except Exception:
        kernels.one_device(found)  # whatever a mixture of devices raised
        raise
    if operation.several:
        return _several(operation, inputs, found, constants, sends, needs, result, kept)
    if into is None:
        out = wrap(result)
        if operation.view and (operation.view is True or _is_view(out.array, found[0])):
            made = "" if mode.enabled else "no_grad"
            viewed(out, inputs[0], operation.function, constants, made)
    else:
        out = into
    node = None
    if sends and out.array.dtype.kind == "f":
        node, reads_result = _recorded(
            operation, inputs, found, constants, sends, needs, kept, into is not None
        )
    if operation.writes and into is not None:
        into.bump()
    elif into is not None:
        _overwrite(into, kernels.as_array(result))
    if node is not None:
        if reads_result:
            counter = out._counter or out.counter()
            node.saved.append((counter, counter[0], RESULT, True))
            node.values[RESULT] = out.array
        if Mode.watched and mode.saving:
            _pack(node)
        if into is None:
            out._node, out._slot = node, 0
        else:
            if into._view is not None and operation.writes and operation.derivatives[0][0] is zero:
                node.sends = [send for send in sends if send[2]]  # the base has the other zeros
            take_history(into, node)
    return out


def _is_view(array: Any, of: Any) -> bool:
    base = array.base
    return base is not None and (base is of or base is of.base)


def _recorded(
    operation: Operation, inputs: Sequence[Any], found: list[Any], constants: tuple[Any, ...],
    sends: list[Any], needs: int, kept: Any, in_place: bool,
) -> Any:  # fmt: skip
    """Return the node of a call, which has saved what its derivatives read of the inputs.

    And whether they read the result.
    """
    shapes = None
    if operation.reads_shapes:  # not of a generator, which is slow
        shapes = tuple([getattr(x, "shape", ()) for x in found])
    values = [*found, *constants, shapes, None, kept]
    name: Any = operation.node
    if operation.node_reads is not None:
        name = name(*operation.node_reads(values))
    elif operation.named_by:
        name = None  # until somebody asks
    node = Node(operation, name, sends, values, constants)
    saved: list[Any] = []
    key = (needs, len(found), constants) if operation.variadic else needs
    saving = operation.savings.get(key) or operation.saving(needs, len(found), constants)
    dropped, read, remade, reads_result = saving
    for i in dropped:
        values[i] = None
    for i in read:
        x = inputs[i]
        if isinstance(x, Variable) and not (in_place and i == 0):
            counter = x._counter or x.counter()
            saved.append((counter, counter[0], i, True))
    for i in remade:
        x = inputs[i]
        if isinstance(x, Variable):
            counter = x._counter or x.counter()
            saved.append((counter, counter[0], i, False))
    node.saved = saved
    return node, reads_result


def _several(
    operation: Operation, inputs: Sequence[Any], found: list[Any], constants: tuple[Any, ...],
    sends: list[Any], needs: int, results: Sequence[Any], kept: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Return the results of an operation that has several, each of which is one of its node's."""
    out = tuple(map(wrap, results))
    if operation.view:
        made = "several" if mode.enabled else "no_grad"
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


def _overwrite(x: Any, array: Any) -> None:
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
    if dtypes.of(array).category > dtypes.of(target).category:
        raise RuntimeError(
            f"result type {dtypes.of(array).tensor_type} can't be cast to the desired output "
            f"type {dtypes.of(target).tensor_type}"
        )
    with np.errstate(all="ignore"):
        target[...] = array
    x.bump()


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
        sends = [(node, slot, 1, part.shape, part.dtype)]
        if old is not None:
            sends.insert(0, (old, base._slot if old is not base else 0, 0, a.shape, a.dtype))
        copied = tensors.copied_slices.operation
        node = Node(
            copied, copied.node, sends, [None, None, view.path, None, None, None], (view.path,)
        )
        renew(base, node, 0)
        refresh(x)


def in_place(x: Any, out: Any) -> Any:
    """Give tensor `x` the value and the history of `out`, and return `x`.

    Raises:
        RuntimeError: if `x` may not be changed, or `out` does not fit its shape or dtype.
    """
    if x._view is not None:
        _check_in_place(x, out._node is not None)
    _overwrite(x, out.array)
    if out._node is not None and mode.enabled:
        array = x.array
        send = out._node, out._slot, 0, array.shape, array.dtype
        take_history(x, out._node if out._slot == 0 and out._node.results is None
                      and out.array.dtype == array.dtype
                      else Node(Operation.same, "AliasBackward0", [send], [None] * 4, ()))  # fmt: skip
    return x


def _check_in_place(x: Any, recorded: bool) -> None:
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
    text = (
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
        if x._node is None
        else f"Output {x._slot} of {x._node.name().split('Backward')[0]} is a view and is being "
        "modified inplace. "
    )
    if view.made == "several":
        raise RuntimeError(
            f"{text}This view is the output of a function that returns multiple views. Such "
            "functions do not allow the output views to be modified inplace. You should replace the "
            "inplace operation by an out-of-place one."
        )
    raise RuntimeError(
        f"{text}Given that this use case is ambiguous and error-prone, it is forbidden. You can "
        "clarify your code by moving both the view and the inplace either both inside the no_grad "
        "block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
    )


class Packed(NamedTuple):
    """A saved array in the keeping of `saved_tensors_hooks`."""

    content: Any
    unpack: Callable[[Any], Any]


def packed(array: Any) -> Any:
    """Return what a node saves for an array: itself, or what `saved_tensors_hooks` makes of it."""
    if not mode.saving:
        return array
    pack, unpack = mode.saving[-1]
    return Packed(pack(wrap(array)), unpack)


def _pack(node: Node) -> None:
    node.packed = True
    for _, _, place, _ in node.saved:
        node.values[place] = packed(node.values[place])  # type: ignore[index]


# The declaration


class Declared(NamedTuple):
    """A public function: its names, and where it is found."""

    name: str
    function: Callable[..., Any]
    where: frozenset[str]
    aliases: tuple[str, ...]
    operators: tuple[str, ...]
    in_place: Callable[..., Any] | None
    forms: frozenset[str]  # where the in-place form is found


DECLARED: dict[str, Declared] = {}


def operation(
    node: str | Callable[..., str],
    *derivatives: Any,
    where: str = "minnet Tensor",
    aliases: str = "",
    operators: str = "",
    inplace: bool | str = False,
    out: bool = True,
    **options: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an operation by its value; see the file's first lines.

    A value whose name ends in "_" writes into its first input, and returns it: so does the function.
    V has its form that writes into a copy, under the name without "_".

    Args:
        node: torch's name of its nodes, or a function that gives it and says by its parameters' names
            which inputs and constants it reads.
        derivatives: for each input, or None.
        where: the places that export it: "minnet", "Tensor" (as a method), "F" (nn.functional).
        aliases: other names.
        operators: the methods of `Tensor` that Python's operators call; one such as `__iadd__` is
            the in-place form.
        inplace: whether there is an in-place form, `name_`, or which places export it: `Tensor` and
            `nn.functional`, unless said. In the latter the function takes `inplace=`, too.
        out: whether the function takes `out=`.
        options: `joint`, a derivative for all inputs; `reads`, by position the names that it then
            needs (of a `variadic` one, a function of the positions and the constants that gives the
            places); `fused`, the composition that it is a fusion of; `tensors`, how many of the
            parameters are tensors, unless one for each derivative;
            `variadic`, the first parameter is a sequence of them; `numbers`, a Python number or a
            NumPy array may stand for one; `optional`, the names that may be None; `star`, the
            parameter that takes all further arguments; `view`, the result shares the first input's
            memory ("maybe" where it may be a copy); `several`, there are several results, and `parts(input, *constants)` yields the
            function and constants of each that is a view; `fills`, whether gradients that have not
            arrived are zeros for the derivative; `keeps`, "intermediate" or "constant": what the
            value returns beside the result; `remade`; `quiet`, neither the value nor the derivatives
            make NumPy warn ("value": the value does not); `fits`, a joint derivative's arrays are
            new and of the inputs' shapes and dtypes; `draws`, it takes random numbers;
            `dynamic`, its shape depends on more than shapes; `shape`, a function of `shapes`, the
            inputs', and the constants that gives the result's, see `result_shape`; `named`, the
            constants that are given by name only.
    """

    def declare(value: Callable[..., Any]) -> Any:
        declared = Operation(value, node, derivatives, **options)
        places = frozenset(where.split())
        with_flag = "F" in _forms(inplace) & places
        takes_out = out and "minnet" in places and not declared.view
        function = declared.function = _function_of(declared, takes_out, with_flag)
        if declared.writes:
            setattr(arrays, declared.name[:-1], lambda x, *rest: value(x.copy(), *rest))
            setattr(tensors, declared.name[:-1], function)
            function = _in_place_of(declared)
            publish(function, places, aliases, operators, None)
            return function
        setattr(arrays, declared.name, value)
        setattr(tensors, declared.name, function)
        form = _in_place_of(declared) if inplace else None
        publish(function, places, aliases, operators, form, _forms(inplace))
        return function

    return declare


def _forms(inplace: bool | str) -> frozenset[str]:
    """Return the places that export an in-place form."""
    return frozenset(inplace.split() if isinstance(inplace, str) else ("Tensor", "F") * inplace)


def _function_of(declared: Operation, takes_out: bool, with_flag: bool) -> Callable[..., Any]:
    """Return the function on tensors of an operation."""
    value, n = declared.value, declared.tensors
    total = len(declared.names)
    required = total - len(declared.defaults)
    positional = declared.positional
    defaults = declared.defaults
    star = declared.star

    def call(*args: Any, **kwargs: Any) -> Any:
        given = len(args)
        target = None
        if star is not None and given > n and not kwargs:
            args = (*args[:n], ints(args[n:]))
        elif kwargs or not required <= given <= positional:
            if takes_out and "out" in kwargs:
                target = kwargs.pop("out")
            if with_flag:
                flag = kwargs.pop("inplace", False)
                if given == positional + 1:
                    *args, flag = args  # type: ignore[assignment]
                if flag:
                    args = declared.bound(tuple(args), kwargs)
                    return in_place_form(args[0], *args[1:])
            args = declared.bound(tuple(args), kwargs)
        elif given < total:
            args += defaults[given - total :]
        if declared.variadic:
            tensors = args[0] if isinstance(args[0], list | tuple) else tuple(args[0])
            found = apply(declared, tensors, args[1:])
        else:
            found = apply(declared, args[:n], args[n:])
        return found if target is None else _into(declared.name, found, target)

    in_place_form = _in_place_of(declared) if with_flag else None
    _dress(call, value)
    call.operation = declared  # type: ignore[attr-defined]
    extra = []
    if with_flag:
        extra.append(inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD,
                                       default=False, annotation="bool"))  # fmt: skip
    call.__signature__ = _signature(value, star, extra, takes_out)  # type: ignore[attr-defined]
    return call


def _dress(function: Any, like: Any) -> None:
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(function, name, getattr(like, name))


def _signature(
    like: Any, star: str | None, extra: Sequence[inspect.Parameter], takes_out: bool
) -> inspect.Signature:
    """Return the signature of the function that users call."""
    signature = inspect.signature(like)
    found = []
    for p in signature.parameters.values():
        if p.name == "keep":
            continue
        kind = p.VAR_POSITIONAL if p.name == star else p.kind
        found.append(p.replace(kind=kind, default=p.empty if p.name == star else p.default))
    positional = [p for p in found if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    named = [p for p in found if p not in positional]
    if takes_out:
        named.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None,
                                       annotation="Tensor | None"))  # fmt: skip
    return signature.replace(parameters=[*positional, *extra, *named])


def _in_place_of(declared: Operation) -> Callable[..., Any]:
    """Return the in-place form of an operation."""
    n, total, defaults = declared.tensors, len(declared.names), declared.defaults
    required = total - len(defaults)

    def call(*args: Any, **kwargs: Any) -> Any:
        given = len(args)
        if kwargs or declared.star is not None or not required <= given <= declared.positional:
            args = declared.bound(args, kwargs)
        elif given < total:
            args += defaults[given - total :]
        x = args[0]
        if x._view is not None:
            _check_in_place(x, any(isinstance(y, Variable) and y.requires_grad for y in args[:n]))
        return apply(declared, args[:n], args[n:], into=x)

    _dress(call, declared.value)
    call.operation = declared  # type: ignore[attr-defined]
    if not declared.writes:
        call.__name__ = call.__qualname__ = f"{declared.name}_"
        call.__doc__ = f"Set the tensor to the value of `{declared.name}`, and return it."
    call.__signature__ = _signature(declared.value, declared.star, (), False)  # type: ignore[attr-defined]
    return call


def composite(
    function: Callable[..., Any] | None = None,
    *,
    where: str = "minnet Tensor",
    aliases: str = "",
    operators: str = "",
    inplace: bool | str = False,
    out: bool = False,
) -> Any:
    """Declare a function that is made of operations: it takes tensors, and has no node of its own.

    The arguments are those of `operation`.
    """
    if function is None:
        return lambda function: composite(
            function, where=where, aliases=aliases, operators=operators, inplace=inplace, out=out
        )
    parameters = inspect.signature(function).parameters
    names = list(parameters)
    star = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    plain = parameters.keys() - {star}
    called: Any = function
    respells = where != "F" and not {"dim", "keepdim", "input", "other"}.isdisjoint(names)
    if where and (out or star or respells):  # torch's own functions in Python take no such names

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            if not kwargs:
                return function(*args)
            target = kwargs.pop("out", None) if out else None
            if target is not None and "requires_grad" in plain:  # it makes a tensor like `out`
                kwargs = {"dtype": target.dtype, "device": target.device, **kwargs}
            if not kwargs.keys() <= plain:
                kwargs = respelled(kwargs, names)
                for name in {star, "size"}.intersection(kwargs) if star else ():
                    args = (*args, kwargs.pop(name))
            found = function(*args, **kwargs)
            return found if target is None else _into(function.__name__, found, target)

        called.__signature__ = _signature(function, None, (), out)
    form = None
    if inplace:

        @wraps(function)
        def form(self: Any, *args: Any, **kwargs: Any) -> Any:
            before = self
            if mode.enabled and any(
                isinstance(x, Variable) and x.requires_grad for x in (self, *args)
            ):
                # A derivative may read the value that is about to be overwritten.
                before = wrap(self.array.copy())
                before._node, before._slot = self.grad_fn, self._slot if self._node else 0
                before._requires_grad = self._requires_grad
            return in_place(self, called(before, *args, **kwargs))

        form.__name__ = form.__qualname__ = f"{function.__name__}_"
        form.__doc__ = f"Set the tensor to the value of `{function.__name__}`, and return it."
    setattr(tensors, function.__name__, called)
    publish(called, frozenset(where.split()), aliases, operators, form, _forms(inplace))
    return called


def publish(
    function: Any,
    where: frozenset[str],
    aliases: str,
    operators: str,
    in_place: Any,
    forms: frozenset[str] = frozenset(),
) -> None:
    """Enter a function among the public ones."""
    name = function.__name__
    DECLARED[f"{function.__module__}.{name}"] = Declared(
        name, function, where, tuple(aliases.split()), tuple(operators.split()), in_place, forms
    )


def exported(where: str) -> dict[str, Any]:
    """Return the functions that a place exports, by all their names."""
    found: dict[str, Any] = {}
    for declared in DECLARED.values():
        for name in (declared.name, *declared.aliases) if where in declared.where else ():
            found[name] = declared.function
            if where in declared.forms:
                found[f"{name}_"] = declared.in_place
        if where == "Tensor":
            for name in declared.operators:
                is_in_place = name.startswith("__i") and name not in ("__invert__",)
                found[name] = declared.in_place if is_in_place else declared.function
    return found


def _into(name: str, found: Any, target: Any) -> Any:
    """Write results into the tensors given as `out=`, and return these."""
    if isinstance(found, tuple):
        for x, y in zip(found, target, strict=True):
            _into(name, x, y)
        return type(found)(*target) if hasattr(found, "_fields") else tuple(target)
    if not isinstance(target, Variable):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
    if mode.enabled and (found.requires_grad or target.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if target.array.shape != found.array.shape:
        _resize(target, found.array)
    _overwrite(target, found.array)
    return target


def _resize(target: Any, like: Any) -> None:
    if target.array.size:
        raise RuntimeError(
            f"the tensor given as out= has shape {list(target.array.shape)}, but the result has "
            f"shape {list(like.shape)}; give one of that shape, or an empty one"
        )
    target.array = np.empty(like.shape, target.array.dtype, like=target.array)
    target._counter = target._view = None


@operation("AliasBackward0", lambda V, dy: dy, where="", quiet=True)
def alias(input: Tensor) -> Tensor:
    return input.view()


Operation.same = alias.operation


def zero(V: Any, dy: Any) -> Any:
    """The derivative of what does not depend on its input."""
    return V.filled(dy, 0)


def _unsliced(V: Any, dy: Any, path: Any) -> Any:
    return V.cleared(dy, path)


@operation(
    COPY_SLICES, _unsliced, lambda V, dy, path: V.taken(dy, path), where="", quiet=True,
    shape=lambda shapes: shapes[0],
)  # fmt: skip
def copied_slices(input: Tensor, part: Tensor, path: Any) -> Tensor:
    """Return `input` with `part` where the functions of `path` lead."""
    result = input.copy()
    _follow(result, path)[...] = part
    return result


@operation(
    COPY_SLICES, lambda V, dy, path, shapes: V.put_back(dy, path, shapes[0]), where="", quiet=True,
    shape=lambda shapes, path: _follow(np.broadcast_to(0, shapes[0]), path).shape,
)  # fmt: skip
def taken(input: Tensor, path: Any) -> Tensor:
    """Return the part of `input` that the functions of `path` lead to."""
    return _follow(input, path).copy()


@operation(COPY_SLICES, lambda V, dy, path: V.taken(dy, path), where="", quiet=True)
def put_back(input: Tensor, path: Any, shape: Any) -> Tensor:
    """Return zeros of a shape with `input` where the functions of `path` lead."""
    result = kernels.zeros(shape, input)
    _follow(result, path)[...] = input
    return result


@operation(COPY_SLICES, _unsliced, where="", quiet=True)
def cleared(input: Tensor, path: Any) -> Tensor:
    """Return `input` with zeros where the functions of `path` lead."""
    result = input.copy()
    _follow(result, path)[...] = 0
    return result


def _follow(array: Any, path: Any) -> Any:
    for function, constants in path:
        array = function.operation.value(array, *constants)
    return array
