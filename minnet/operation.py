"""Operations: declared once, called in one way, recorded by one recorder.

    @operation("TanhBackward0", lambda V, dy, result: V.tanh_backward(dy, result), inplace=True)
    def tanh(input: Tensor) -> Tensor:
        return kernels.of(input).tanh(floating(input))

The function under the decorator is the *value*: it takes arrays and returns an array. From the
declaration come the function on tensors, the method, the in-place and `out=` forms, the names that
`minnet`, `nn.functional` and `Tensor` export, and the signature.

A *derivative* is a function (V, dy, ...) that returns the gradient for one input, in its broadcast
shape and any dtype. By the names of its further parameters it says what it reads: inputs, constants
(the parameters that are no tensors), `shapes` (of all inputs), `result`, or `kept`. What is read is
saved, and backward refuses if it was changed in place meanwhile; what is not is let go. V holds
functions: on arrays, or on tensors where gradients are to be differentiated. So a derivative calls
nothing but V, and does not branch on values.

Gradients that have work in common are computed by one *joint* derivative (V, dy, wanted, ...); it
returns them by position. An operation that `keeps` an intermediate for its derivative returns it
beside its result; `kept` is None where gradients are recorded, and the derivative computes it again
from the inputs (named in `remade`, if nothing else reads them).

An operation may be a *fusion* of others, which computes what a composition of them does, `fused`:
(V, all inputs, all constants). Its gradients are those of the composition. Beside such, and beside
derivatives for each input, a joint derivative is for arrays alone, and may call a kernel.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minnet import backward, dtypes, kernels, scalar
from minnet.mode import enable_grad, mode
from minnet.recorder import (
    BEFORE,
    KEPT,
    RESULT,
    SHAPES,
    apply,
    castable,
    check_in_place,
    in_place,
    overwrite,
)  # fmt: skip
from minnet.size import ints
from minnet.variable import Variable, wrap, writable
from minnet.vocabulary import arrays, tensors

Tensor: TypeAlias = Any  # in a value, an array; in what the declaration makes of it, a tensor
Number: TypeAlias = Any

# As torch, every function takes NumPy's names for these parameters; and some have two in torch.
SPELLINGS = {
    "axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other",
    "from": "a", "to": "b", "axis0": "dim0", "axis1": "dim1", "train": "training",
    "split_size": "split_size_or_sections", "ndarray": "array",
}  # fmt: skip

_NUMBERS = (float, int, bool)


class Operation:
    """What is declared of an operation, and what follows from it."""

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
        foreign: bool = False,
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
        self.scalars = {p.name for p in parameters if p.annotation in ("Number", "float")}
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
        self.frees = keeps is not None
        self.foreign = foreign
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
        self.label = None if callable(node) else node  # None until somebody asks
        self.named_by = [place - BEFORE for place in by_constants or ()]
        self.named = named.split()
        self.positional = len(self.names) - len(self.named)
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
        self.known: dict[Any, Any] = {}

    def saving(self, needs: int, count: int, constants: Any) -> tuple[Any, Any, bool]:
        """Return what a node saves for the gradients of the inputs whose bits are set in `needs`.

        The places of the inputs that are dropped; those of the others, each with whether it is read
        always or only by a recorded derivative; and whether the result is read.
        """
        key = needs if not self.variadic else (needs, count, constants if self._reads else ())
        known = self.known.get(key)
        if known is not None:
            return known
        positions = [i for i in range(count) if needs >> i & 1]
        if not self.variadic:
            read: Any = set().union(*(self._reads[i] for i in positions if self.flows[i]))
        elif self._reads is not None:
            read = self._reads(positions, *constants)
        else:
            read = range(count) if self.reads_inputs else ()
        remade = self._remade
        if self.fused is not None:
            remade = remade | {i for i in range(count) if i not in read}
        if len(self.known) > 1000:
            self.known.clear()
        found = self.known[key] = (
            [i for i in range(count) if i not in read and i not in remade],
            [(i, i not in remade) for i in range(count) if i in read or i in remade],
            RESULT in read,
        )
        return found

    def differentiated(self, V: Any, dy: Any, wanted: Sequence[int], *given: Any) -> dict[int, Any]:
        """Return the gradients, by position, of what the operation is a fusion of."""
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
        found = backward.grad(result, leaves, dy, create_graph=recorded, allow_unused=True)
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
        if self.numbers and isinstance(x, np.generic | float | int):  # as Python's numbers
            return scalar.number(x, f"{self.name}(): argument '{self.names[position]}'")
        if self.numbers and not self.writes and kernels.is_array(x):
            dtypes.of(x)
            return x
        if self.variadic:
            raise TypeError(
                f"expected Tensor as element {position} in argument 0, but got {type(x).__name__}"
            )
        raise _no_tensor(self.name, self.names[position], position, x)

    def explain(self, found: Any, constants: Sequence[Any]) -> None:
        """Raise why a value may have raised: for two devices, or a constant that is no number."""
        kernels.one_device(found)
        for name, x in zip(self.names[self.tensors :], constants, strict=True):
            if name in self.scalars and not isinstance(x, float | int | np.generic):
                raise _no_tensor(self.name, name, self.names.index(name), x, "Number")

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
                args = (*args[:n], ints(args[n:])) if len(args) > n else args
            else:
                given[self.star] = ints((given.pop(given_by_name),))
        if len(args) > self.positional:
            raise TypeError(
                f"{self.name}() takes {self.positional} positional arguments but {len(args)} were "
                "given"
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


def _no_tensor(
    function: str, name: str, position: int, x: Any, expected: str = "Tensor"
) -> TypeError:
    """Return the error for an argument of the wrong type."""
    return TypeError(
        f"{function.lstrip('_')}(): argument '{name}' (position {position + 1}) must be "
        f"{expected}, not {type(x).__name__}"
    )


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
    found: dict[str, Any] = {}
    for name, value in kwargs.items():
        ours = SPELLINGS[name] if name not in names and SPELLINGS.get(name) in names else name
        if ours in found:
            raise TypeError(f"got multiple values for argument '{ours}'")
        found[ours] = value
    return found


class Declared(NamedTuple):
    """A public function: its names, and where it is found."""

    name: str
    function: Callable[..., Any]
    where: frozenset[str]
    aliases: tuple[str, ...]
    operators: tuple[str, ...]
    in_place: Callable[..., Any] | None
    forms: frozenset[str]  # where the in-place form is found
    method: Callable[..., Any]  # as torch's, it takes neither `out=` nor `inplace=`


DECLARED: dict[str, Declared] = {}


def operation(
    node: str | Callable[..., str],
    *derivatives: Any,
    where: str = "minnet Tensor",
    aliases: str = "",
    operators: str = "",
    inplace: bool | str = False,
    out: bool | str = True,
    **options: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an operation by its value; see the file's first lines.

    A value whose name ends in "_" writes into its first input, and returns it: so does the
    function. V has its form that writes into a copy, under the name without "_".

    Args:
        node: torch's name of its nodes, or a function that gives it and says by its parameters'
            names which inputs and constants it reads.
        derivatives: for each input, or None.
        where: the places that export it: "minnet", "Tensor" (as a method), "F" (nn.functional).
        aliases: other names.
        operators: the methods of `Tensor` that Python's operators call; one such as `__iadd__` is
            the in-place form.
        inplace: whether there is an in-place form, `name_`, or which places export it: `Tensor`,
            `nn.functional`, and `minnet` if it takes nothing besides, unless said. In
            `nn.functional` the function takes `inplace=`, too.
        out: whether the function takes `out=`. With "cast" its dtype may be any of the result's
            category or above; that is so where numbers may stand for tensors, unless "exact". A
            function with `dtype=` computes in it then.
        joint: a derivative for all inputs; with derivatives for each, it is what arrays take.
        fused: the composition that the operation is a fusion of.
        reads: by position, the names that a joint derivative needs for an input's gradient; of a
            variadic operation, a function (positions, *constants) that gives the places.
        tensors: how many of the parameters are tensors, unless one for each derivative.
        variadic: the first parameter is a sequence of tensors.
        numbers: a Python number or a NumPy array may stand for a tensor; unless given, where there
            are several tensors.
        optional: the names of tensors that may be None.
        star: the parameter that takes all further arguments, as in `reshape(input, *shape)`.
        named: the constants that are given by name only.
        view: the result shares the first input's memory ("maybe" where it may be a copy).
        several: there are several results; if they are views, `parts(input, *constants)` yields the
            function and the constants that make each.
        fills: gradients of several results that have not come are zeros for the derivative.
        keeps: what the value returns beside the result: an "intermediate", or a "constant".
        remade: the inputs that only a recorded derivative reads.
        quiet: neither the value nor the derivatives make NumPy warn ("value": the value does not).
        fits: a joint derivative's arrays are new and of the inputs' shapes and dtypes.
        foreign: the derivative's arrays have been seen by the user's own code.
        draws: it takes random numbers.
        dynamic: the result's shape depends on more than shapes.
        shape: a function of `shapes`, the inputs', and constants, by name, that gives the result's.
    """

    def declare(value: Callable[..., Any]) -> Any:
        declared = Operation(value, node, derivatives, **options)
        places = frozenset(where.split())
        forms = _forms(inplace, declared.names)
        with_flag = "F" in forms & places
        takes = out if out and "minnet" in places and not declared.view else ""
        if takes is True:
            takes = "cast" if declared.numbers else "exact"
        function = declared.function = _function_of(declared, takes, with_flag)
        if declared.writes:
            setattr(arrays, declared.name[:-1], lambda x, *rest: value(x.copy(), *rest))
            setattr(tensors, declared.name[:-1], function)
            function = _in_place_of(declared)
            publish(function, places, aliases, operators, None)
            return function
        setattr(arrays, declared.name, value)
        setattr(tensors, declared.name, function)
        form = _in_place_of(declared) if inplace else None
        is_method = (takes or with_flag) and "Tensor" in places
        method = _function_of(declared, "", False) if is_method else function
        publish(function, places, aliases, operators, form, forms, method)
        return function

    return declare


def _forms(inplace: bool | str, names: Sequence[str]) -> frozenset[str]:
    """Return the places that export an in-place form."""
    if isinstance(inplace, str):
        return frozenset(inplace.split())
    return frozenset(("Tensor", "F", *("minnet",) * (len(names) == 1)) * inplace)


def _function_of(declared: Operation, takes_out: str, with_flag: bool) -> Callable[..., Any]:
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
                target = _target(declared.name, kwargs, declared.names, takes_out)
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
            if not isinstance(args[0], list | tuple):
                raise _no_tensor(declared.name, declared.names[0], 0, args[0], "tuple of Tensors")
            found = apply(declared, args[0], args[1:])
        else:
            found = apply(declared, args[:n], args[n:])
        return found if target is None else _into(declared.name, found, target, takes_out)

    in_place_form: Any = _in_place_of(declared) if with_flag else None
    _dress(call, value)
    call.operation = declared  # type: ignore[attr-defined]
    extra = []
    if with_flag:
        extra.append(inspect.Parameter("inplace", inspect.Parameter.POSITIONAL_OR_KEYWORD,
                                       default=False, annotation="bool"))  # fmt: skip
    call.__signature__ = _signature(value, star, extra, bool(takes_out), declared.named)  # type: ignore[attr-defined]
    return call


def _dress(function: Any, like: Any) -> None:
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(function, name, getattr(like, name))


def _signature(
    like: Any,
    star: str | None,
    extra: Sequence[inspect.Parameter],
    takes_out: bool,
    named: Sequence[str] = (),
) -> inspect.Signature:
    """Return the signature of the function that users call."""
    signature = inspect.signature(like)
    found = []
    for p in signature.parameters.values():
        if p.name == "keep":
            continue
        kind = p.VAR_POSITIONAL if p.name == star else p.kind
        kind = p.KEYWORD_ONLY if p.name in named else kind
        found.append(p.replace(kind=kind, default=p.empty if p.name == star else p.default))
    positional = [p for p in found if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    others = [p for p in found if p not in positional]
    if takes_out:
        others.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None,
                                       annotation="Tensor | None"))  # fmt: skip
    return signature.replace(parameters=[*positional, *extra, *others])


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
            check_in_place(x, any(isinstance(y, Variable) and y.requires_grad for y in args[:n]))
        return apply(declared, args[:n], args[n:], into=x)

    _dress(call, declared.value)
    call.operation = declared  # type: ignore[attr-defined]
    if not declared.writes:
        call.__name__ = call.__qualname__ = f"{declared.name}_"
        call.__doc__ = f"Set the tensor to the value of `{declared.name}`, and return it."
    call.__signature__ = _signature(declared.value, declared.star, (), False, declared.named)  # type: ignore[attr-defined]
    return call


def composite(
    function: Callable[..., Any] | None = None,
    *,
    where: str = "minnet Tensor",
    aliases: str = "",
    operators: str = "",
    inplace: bool | str = False,
    out: bool | str = False,
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
    method = called = function
    respells = where != "F" and not {"dim", "keepdim", "input", "other"}.isdisjoint(names)
    if where and (out or star or respells):  # torch's own functions in Python take no such names

        def taking(out: str) -> Any:
            @wraps(function)
            def called(*args: Any, **kwargs: Any) -> Any:
                if not kwargs:
                    try:
                        return function(*args)
                    except Exception:
                        _check_tensors(function, args, kwargs)
                        raise
                target = None
                if out and "out" in kwargs:
                    target = _target(function.__name__, kwargs, names, out)
                if not kwargs.keys() <= plain:
                    kwargs = respelled(kwargs, names)
                    for name in {star, "size"}.intersection(kwargs) if star else ():
                        args = (*args, kwargs.pop(name))
                try:
                    found = function(*args, **kwargs)
                except Exception:
                    _check_tensors(function, args, kwargs)
                    raise
                return found if target is None else _into(function.__name__, found, target, out)

            called.__signature__ = _signature(function, None, (), bool(out))  # type: ignore[attr-defined]
            return called

        method = taking("")
        called = taking("exact" if out is True else out) if out else method
    form: Any = None
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
    places = frozenset(where.split())
    publish(called, places, aliases, operators, form, _forms(inplace, names), method)
    return called


def _check_tensors(function: Any, args: Any, kwargs: Any) -> None:
    """Check the tensors of a function that has raised.

    Raises:
        TypeError: if one is none; else what has been raised says what is wrong.
    """
    for i, p in enumerate(inspect.signature(function).parameters.values()):
        x = args[i] if i < len(args) else kwargs.get(p.name, p.default)
        if p.annotation == "Tensor" and not isinstance(x, Variable) and x is not p.empty:
            raise _no_tensor(function.__name__, p.name, i, x) from None


def publish(
    function: Any,
    where: frozenset[str],
    aliases: str,
    operators: str,
    in_place: Any,
    forms: frozenset[str] = frozenset(),
    method: Any = None,
) -> None:
    """Enter a function among the public ones."""
    name = function.__name__
    DECLARED[f"{function.__module__}.{name}"] = Declared(
        name, function, where, tuple(aliases.split()), tuple(operators.split()), in_place, forms,
        method or function,
    )  # fmt: skip


def exported(where: str) -> dict[str, Any]:
    """Return the functions that a place exports, by all their names."""
    found: dict[str, Any] = {}
    for declared in DECLARED.values():
        function = declared.method if where == "Tensor" else declared.function
        for name in (declared.name, *declared.aliases) if where in declared.where else ():
            found[name] = function
            if where in declared.forms:
                found[f"{name}_"] = declared.in_place
        if where == "Tensor":
            for name in declared.operators:
                is_in_place = name.startswith("__i") and name not in ("__invert__",)
                found[name] = declared.in_place if is_in_place else function
    return found


def _target(name: str, kwargs: dict[str, Any], names: Sequence[str], kind: str) -> Any:
    """Take `out=` from keyword arguments. Where a function can choose its dtype, it is `out`'s.

    Raises:
        TypeError: if it is no tensor.
    """
    target = kwargs.pop("out")
    for y in target if isinstance(target, tuple | list) else (target,):
        if y is not None and not isinstance(y, Variable):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(y).__name__}")
    if isinstance(target, Variable):
        makes = "requires_grad" in names  # a new tensor
        if (makes or (kind == "cast" and "dtype" in names)) and kwargs.get("dtype") is None:
            kwargs["dtype"] = dtypes.of(target.array)
        if makes and kwargs.get("device") is None:
            kwargs["device"] = kernels.device_of(target.array)
    return target


def _into(name: str, found: Any, target: Any, kind: str) -> Any:
    """Write results into the tensors given as `out=`, and return these."""
    several = isinstance(found, tuple)
    given = tuple(target) if isinstance(target, tuple | list) else (target,)
    results = found if several else (found,)
    if len(results) != len(given):
        raise TypeError(
            f"{name}(): argument 'out' must be {len(results)} tensors, not {len(given)}"
        )
    for x, y in zip(results, given, strict=True):
        _check_out(name, x, y, kind)
    for x, y in zip(results, given, strict=True):
        if y.array.shape != x.array.shape:
            y.array = np.empty(x.array.shape, y.array.dtype, like=y.array)
            y._counter = y._view = None
        overwrite(y, x.array)
    if several:
        return type(found)(*given) if hasattr(found, "_fields") else given
    return target


def _check_out(name: str, x: Any, target: Any, kind: str) -> None:
    """Check that a result can be written into a tensor given as `out=`.

    Raises:
        RuntimeError: if it cannot.
    """
    if mode.enabled and (x.requires_grad or target.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if kind == "cast":
        castable(x.array, target.array)
    elif x.array.dtype != target.array.dtype:
        raise RuntimeError(
            f"{name}(): Expected out tensor to have dtype {dtypes.of(x.array)}, but got "
            f"{dtypes.of(target.array)} instead"
        )
    if target.array.size and target.array.shape != x.array.shape:
        raise RuntimeError(
            f"the tensor given as out= has shape {list(target.array.shape)}, but the result has "
            f"shape {list(x.array.shape)}; give one of that shape, or an empty one"
        )
    writable(target)
