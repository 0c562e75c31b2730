"""Reverse-mode differentiation: closures inside, tensors outside.

An operation is one function on arrays that returns its value and, for each tensor input, one
vector-Jacobian product (VJP): a closure from the gradient of the result to the gradient of that
input. `differentiable` lifts it to tensors and records a `Node`, which is what `grad_fn` prints.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import ContextDecorator
from functools import wraps
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

import numpy as np

from minnet import dtypes, kernels
from minnet.size import Size

VJP = Callable[[np.ndarray], np.ndarray]
JointVJP = Callable[[np.ndarray, Sequence[int]], Sequence[np.ndarray]]
F = TypeVar("F", bound=Callable[..., Any])


class Variable:
    """What differentiation knows of a tensor. `minnet.Tensor` is the one subclass."""

    # Slots: an attribute with a default in the class takes Python three times as long to read.
    __slots__ = (
        "__weakref__", "_base", "_grad", "_hooks", "_requires_grad", "_version", "_viewed", "array",
        "grad_fn",
    )  # fmt: skip
    array: np.ndarray
    grad_fn: Node | None
    _requires_grad: bool
    _grad: Any
    _version: list[int] | None  # one counter, shared by all views of an array
    _base: Variable | None  # the tensor whose memory this one is a view of
    _viewed: bool  # whether a recorded view of this tensor was ever made
    _hooks: dict[int, Callable[[Any], Any]] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self.grad_fn = self._grad = self._version = self._base = self._hooks = None
        self._requires_grad = self._viewed = False
        return self

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return self.grad_fn is not None or self._requires_grad

    def counter(self) -> list[int]:
        """Return the version counter of this tensor's memory."""
        if self._version is None:
            self._version = [0] if self._base is None else self._base.counter()
        return self._version

    def bump(self) -> None:
        """Note that the array was changed in place, so that a backward that needs it can refuse."""
        (self._version or self.counter())[0] += 1

    def describe(self) -> str:
        """Return the tensor's type and shape as torch's messages give them."""
        return described(self.array.shape, self.array.dtype)


def described(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Return a type and shape as torch's messages give them."""
    return f"torch.{dtypes.OF_NUMPY[dtype].tensor_type}Tensor {list(shape)}"


_tensor_class: type[Variable] = Variable
_allocate = object.__new__


def register_tensor(cls: type[Variable]) -> None:
    """Name the class of results. Called once, by `tensor.py`: the one reference upward."""
    global _tensor_class
    _tensor_class = cls


def wrap(array: Any) -> Any:
    """Return a tensor around an array, without a copy and without a graph."""
    # As `Variable.__new__`, without another call: nearly all tensors are made here.
    tensor = _allocate(_tensor_class)
    tensor.grad_fn = tensor._grad = tensor._version = tensor._base = tensor._hooks = None
    tensor._requires_grad = tensor._viewed = False
    # NumPy returns scalars where an array would have no dimension.
    tensor.array = array if type(array) is np.ndarray else kernels.as_array(array)
    return tensor


# Grad mode


class _Mode(threading.local):
    enabled = True


_mode = _Mode()


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded."""
    return _mode.enabled


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off: at once, and as a context manager until the block ends.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.set_grad_enabled(False):
        ...     (x * 2).requires_grad
        False
    """

    def __init__(self, mode: bool):
        self._target = bool(mode)
        self._previous = [_mode.enabled]
        _mode.enabled = self._target
        self._fresh = True

    def __enter__(self) -> None:
        if not self._fresh:  # entered again
            self._previous.append(_mode.enabled)
            _mode.enabled = self._target
        self._fresh = False

    def __exit__(self, *exception: Any) -> None:
        _mode.enabled = self._previous.pop()


class no_grad(ContextDecorator):
    """Stop recording: a context manager and a decorator, with or without parentheses.

    Example:
        >>> import minnet
        >>> x = minnet.ones(1, requires_grad=True)
        >>> with minnet.no_grad():
        ...     (x * 2).requires_grad
        False
    """

    _target = False

    def __new__(cls, function: F | None = None) -> Any:
        self = super().__new__(cls)
        self._previous = []
        return self if function is None else self(function)

    def __init__(self, function: Any = None):
        self._previous: list[bool] = []

    def _recreate_cm(self) -> Any:
        return type(self)()

    def __enter__(self) -> None:
        self._previous.append(_mode.enabled)
        _mode.enabled = self._target

    def __exit__(self, *exception: Any) -> None:
        _mode.enabled = self._previous.pop()


class enable_grad(no_grad):
    """Record again inside a `no_grad` block: a context manager and a decorator."""

    _target = True


# The graph


class Node:
    """One recorded operation: what `grad_fn` is."""

    __slots__ = (
        "__weakref__", "hooks", "joint", "name", "number", "retain", "saved", "sends", "vjps",
    )  # fmt: skip
    name: str
    number: int  # counts down: the nodes that a node sends to are older, and have larger ones
    # For each input that needs a gradient: where it goes (a node or a leaf), the input's position,
    # and the shape and dtype that what a VJP returns is brought to.
    sends: list[tuple[Node | Variable, int, Any, Any]]
    vjps: Sequence[VJP | None] | None  # by position; None once freed
    joint: JointVJP | None
    # What the VJPs read: counter, version then, array, and the name of the node it came from.
    saved: Sequence[tuple[list[int], int, np.ndarray, str | None]]
    hooks: dict[int, Callable[[Any], Any]] | None
    retain: weakref.ref[Variable] | None

    def __init__(
        self, name: str, sends: Any, vjps: Sequence[VJP | None], joint: JointVJP | None = None
    ):
        self.name, self.sends, self.vjps, self.joint = name, sends, vjps, joint
        self.number = next(_numbers)
        self.saved = ()
        self.hooks = self.retain = None

    def __repr__(self) -> str:
        return f"<{self.name} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradients go to; a leaf stands for torch's AccumulateGrad."""
        return tuple((edge, 0) for edge, *_ in self.sends)


_numbers = count(0, -1)


def snapshot(x: Variable) -> tuple[list[int], int, np.ndarray, str | None]:
    """Return what `Node.saved` has for a tensor that a VJP reads."""
    counter = x._version or x.counter()
    source = x.grad_fn
    return counter, counter[0], x.array, None if source is None else source.name


def senders(inputs: Iterable[Any]) -> list[tuple[Any, int, None, None]]:
    """Return what `Node.sends` has for those inputs of a joint VJP that need a gradient."""
    found: list[tuple[Any, int, None, None]] = []
    if _mode.enabled:
        for position, x in enumerate(inputs):
            if isinstance(x, Variable):
                edge = x.grad_fn or (x if x._requires_grad else None)
                if edge is not None:
                    found.append((edge, position, None, None))
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
        out.grad_fn = node = Node(name, sends, (), joint)
        node.saved = [snapshot(x) for x in read]
    return out


def record(name: str, inputs: Sequence[Any], out: Variable, vjps: Sequence[VJP | None]) -> None:
    """Make `out` the result of the node `name` with one VJP for each input."""
    sends = []
    for position, (x, vjp) in enumerate(zip(inputs, vjps, strict=True)):
        if vjp is not None and isinstance(x, Variable):
            edge = x.grad_fn or (x if x._requires_grad else None)
            if edge is not None:  # a gradient nobody needs is never computed
                sends.append((edge, position, x.array.shape, x.array.dtype))
    out.grad_fn = Node(name, sends, vjps)


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
            node = out.grad_fn = Node(name, needed, vjps)
            saved: list[Any] = []
            for send in sends:
                vjp = vjps[send[1]]
                if vjp is None:
                    continue
                needed.append(send)
                read = reads.get(id(vjp.__code__))
                for index in learn(vjp) if read is None else read:
                    x = out if index == tensors else args[index]
                    # The VJPs of an operation in place read a copy of the first input.
                    if isinstance(x, Variable) and not (inplace and index == 0):
                        saved.append(snapshot(x))
            node.saved = saved

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
                    edge = x.grad_fn or (x if x._requires_grad else None)
                    if edge is not None:
                        sends.append((edge, position, array.shape, array.dtype))
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
                source = args[0]
                out._base = source if source._base is None else source._base
                out._version = source.counter()
            if sends and _mode.enabled and out.array.dtype.kind == "f":
                recorded(args, out, sends, found, inplace)
                if out._base is not None:
                    out._base._viewed = True
            return in_place(args[0], out) if inplace else out

        return operation

    return lift


def _missing(function: Any, name: str) -> Any:
    default = inspect.signature(function).parameters[name].default
    if default is inspect.Parameter.empty:
        raise TypeError(f"{function.__name__.lstrip('_')}() missing required argument: '{name}'")
    return default


def writable(x: Variable) -> None:
    """Check that a tensor may be changed in place.

    Raises:
        RuntimeError: for a leaf that requires grad (or a view of one) while recording, and for an
            expanded tensor, whose elements share memory.
    """
    if _mode.enabled:
        if x._requires_grad and x.grad_fn is None:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
        if x._base is not None and x._base._requires_grad and x._base.grad_fn is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
    if not x.array.flags.writeable:
        raise RuntimeError(
            "unsupported operation: the tensor cannot be written to, since it is expanded or "
            "read-only. Please clone() the tensor before performing the operation."
        )


def in_place(x: Any, out: Any) -> Any:
    """Give tensor `x` the value and the history of `out`, and return `x`.

    Raises:
        RuntimeError: if `x` may not be changed, or `out` does not fit its shape or dtype.
    """
    writable(x)
    if out.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape "
            f"{list(out.array.shape)}"
        )
    if dtypes.of(out.array).category > dtypes.of(x.array).category:
        raise RuntimeError(
            f"result type {dtypes.of(out.array).tensor_type} can't be cast to the desired output "
            f"type {dtypes.of(x.array).tensor_type}"
        )
    if out.grad_fn is not None and (x._base is not None or x._viewed):
        raise RuntimeError(
            "in-place operations that need a gradient are not supported on a tensor that shares "
            "its memory with a view; use the out-of-place operation, or clone() first"
        )
    with np.errstate(all="ignore"):
        x.array[...] = out.array
    x.bump()
    if out.grad_fn is not None:
        x.grad_fn, x._requires_grad = out.grad_fn, False
    return x


# Backward


def fit(gradient: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a gradient in its input's shape and dtype: the adjoint of broadcasting is a sum."""
    if gradient.shape != shape:
        extra = gradient.ndim - len(shape)
        axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1))
        axes = tuple(a for a in axes if gradient.shape[a] != 1 or a < extra)
        gradient = kernels.of(gradient).sum(gradient, axes, True).reshape(shape)
    return gradient if gradient.dtype == dtype else gradient.astype(dtype)


def _above(roots: Iterable[Node], wanted: set[Any]) -> set[Any]:
    """Return what is wanted and all nodes that have something wanted below."""
    order = list(dict.fromkeys(roots))
    seen = set(order)
    for node in order:  # which grows meanwhile
        for edge, *_ in node.sends:
            if type(edge) is Node and edge not in seen:
                seen.add(edge)
                order.append(edge)
    useful = set(wanted)
    for node in sorted(order, key=lambda node: node.number, reverse=True):
        if any(edge in useful for edge, *_ in node.sends):
            useful.add(node)
    return useful


FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def _modified(version: int, expected: int, array: np.ndarray, origin: str | None) -> RuntimeError:
    source = "" if origin is None else f", which is output 0 of {origin},"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{described(array.shape, array.dtype)}]{source} is at version {version}; "
        f"expected version {expected} instead. Hint: clone() the tensor before you change it, or "
        "change it after backward()."
    )


def _hooked(hooks: dict[int, Callable[[Any], Any]], gradient: np.ndarray) -> np.ndarray:
    for hook in tuple(hooks.values()):
        replaced = hook(wrap(gradient))
        if replaced is not None:
            if not isinstance(replaced, Variable) or replaced.array.shape != gradient.shape:
                raise RuntimeError(
                    "a gradient hook must return None or a tensor of the gradient's shape "
                    f"{Size(gradient.shape)}, got {replaced!r}"
                )
            gradient = replaced.array
    return gradient


def _backward(
    roots: Sequence[tuple[Variable, np.ndarray]],
    retain_graph: bool,
    inputs: Sequence[Variable] | None,
    accumulate: bool,
) -> dict[Any, np.ndarray]:
    """Send gradients from the roots down, and return those that reach `inputs`, by edge.

    With `accumulate`, leaves (or the given inputs) add them to `.grad`, after all nodes, so that a
    backward that fails leaves all `.grad` as they were.
    """
    wanted, useful = set(), None
    if inputs is not None:
        wanted = {x.grad_fn or x for x in inputs}
        useful = _above([x.grad_fn for x, _ in roots if x.grad_fn is not None], wanted)
    gradients: dict[Any, np.ndarray] = {}
    for x, gradient in roots:
        edge = x.grad_fn or x
        if useful is None or edge in useful:
            known = gradients.get(edge)
            gradients[edge] = gradient if known is None else _added(known, gradient)
    shared = set(gradients)
    captured, retained = _sent(gradients, shared, wanted, useful, retain_graph)
    for leaf, gradient in gradients.items():
        if leaf._hooks:
            gradients[leaf] = _hooked(leaf._hooks, gradient)
            shared.add(leaf)
    if accumulate:
        for leaf, gradient in gradients.items():
            if leaf._grad is None and leaf not in shared:  # as nearly always
                leaf._grad = wrap(gradient)
            else:
                _accumulate(leaf, gradient, leaf not in shared)
        for x in inputs or ():
            if x.grad_fn is not None and x.grad_fn in captured:
                _accumulate(x, captured[x.grad_fn], False)
    for tensor, gradient in retained:
        _accumulate(tensor, gradient, False)
    captured.update(gradients)
    return captured


def _sent(
    gradients: dict[Any, np.ndarray],
    shared: set[Any],
    wanted: set[Any],
    useful: set[Any] | None,
    retain_graph: bool,
) -> tuple[dict[Any, np.ndarray], list[tuple[Variable, np.ndarray]]]:
    """Send `gradients`, which are by edge, through all nodes; those of the leaves are left in it.

    The latest node is the first, as in torch: where several gradients meet, they are added in this
    order. Those whose array others may see are noted in `shared`.

    Returns:
        The gradients of the wanted nodes, and those of tensors that retain theirs.
    """
    ready: list[tuple[int, Node]] = []  # a heap of the nodes whose gradient has begun to arrive
    for edge in gradients:
        if type(edge) is Node:
            heappush(ready, (edge.number, edge))
    captured: dict[Any, np.ndarray] = {}
    retained: list[tuple[Variable, np.ndarray]] = []
    quiet: Any = None  # begins with the first VJP that may use NumPy, as it takes a microsecond
    try:
        while ready:
            node = heappop(ready)[1]
            dy = gradients.pop(node)
            if node.hooks:
                dy = _hooked(node.hooks, dy)
            if node.retain is not None:
                tensor = node.retain()
                if tensor is not None:
                    retained.append((tensor, dy))
            sends = node.sends
            if useful is not None:
                if node in wanted:
                    captured[node] = dy
                sends = [send for send in sends if send[0] in useful]
                if not sends:
                    continue
            vjps, joint = node.vjps, node.joint
            if vjps is None:
                raise RuntimeError(FREED)
            for counter, version, array, origin in node.saved:
                if counter[0] != version:
                    raise _modified(counter[0], version, array, origin)
            found: Any = None
            if joint is not None:
                found = joint(dy, [send[1] for send in sends])
            elif quiet is None:
                quiet = np.errstate(all="ignore")  # infinities and NaN pass in silence, as in torch
                quiet.__enter__()
            for edge, position, shape, dtype in sends:
                if found is not None:
                    gradient = found[position]
                else:
                    gradient = vjps[position](dy)  # type: ignore[misc]
                    if gradient.shape != shape or gradient.dtype is not dtype:
                        gradient = fit(gradient, shape, dtype)
                known = gradients.get(edge)
                if known is not None:
                    gradient = _added(known, gradient)
                else:
                    if type(edge) is Node:
                        heappush(ready, (edge.number, edge))
                    if found is None and (gradient is dy or gradient.base is not None):
                        shared.add(edge)
                gradients[edge] = gradient
            if node.saved and not retain_graph:
                node.saved, node.vjps, node.joint = (), None, None
    finally:
        if quiet is not None:
            quiet.__exit__(None, None, None)
    return captured, retained


@np.errstate(all="ignore")
def _added(x: np.ndarray, y: np.ndarray, out: Any = None) -> np.ndarray:
    return np.add(x, y, out=out)


def _accumulate(x: Variable, gradient: np.ndarray, owned: bool) -> None:
    before = x._grad  # which another thread may set to None
    if before is None:
        x._grad = wrap(gradient if owned else gradient.copy())
    else:
        _added(before.array, gradient, before.array)
        before.bump()


def _roots(tensors: Any, gradients: Any) -> list[tuple[Variable, np.ndarray]]:
    if gradients is None and isinstance(tensors, Variable):  # a loss, as nearly always
        return [(tensors, _root(0, tensors, None))]
    tensors = [tensors] if isinstance(tensors, Variable) else list(tensors)
    if gradients is None or isinstance(gradients, Variable):
        gradients = [gradients] * (1 if gradients is not None else len(tensors))
    gradients = list(gradients)
    if len(tensors) != len(gradients):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    pairs = zip(tensors, gradients, strict=True)
    return [(x, _root(i, x, gradient)) for i, (x, gradient) in enumerate(pairs)]


def _root(i: int, x: Variable, gradient: Any) -> np.ndarray:
    """Return the gradient that tensor i starts from."""
    if not x.requires_grad:
        raise RuntimeError(
            f"element {i} of tensors does not require grad and does not have a grad_fn"
        )
    if gradient is None:
        if x.array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        one = x.array.copy()
        one.fill(1)  # in half of the time that `np.ones_like` takes
        return one
    if not isinstance(gradient, Variable):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient.array.shape != x.array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {Size(gradient.array.shape)} "
            f"and output[{i}] has a shape of {Size(x.array.shape)}."
        )
    kernels.one_device((x.array, gradient.array))
    return gradient.array.astype(x.array.dtype, copy=False)


def _first_order_only(create_graph: bool) -> None:
    if create_graph:
        raise NotImplementedError(
            "create_graph=True is not supported: minnet's derivatives are functions on arrays and "
            "are not recorded themselves, so there are no second derivatives"
        )


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves (or of `inputs`).

    Args:
        tensors: a tensor or a sequence of them; those with more than one element need a gradient.
        grad_tensors: the gradients with respect to `tensors`, of the same shapes.
        retain_graph: keep what the graph has saved, so that backward can be called again.
        inputs: the tensors to accumulate into, in place of all leaves.

    Raises:
        RuntimeError: if a tensor does not require grad, the graph was freed, or a saved tensor was
            changed in place. No `.grad` has changed then.
        NotImplementedError: for `create_graph=True`.
    """
    _first_order_only(create_graph)
    given = [inputs] if isinstance(inputs, Variable) else inputs
    if given is not None:
        given = list(given)
        if not given:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        for i, x in enumerate(given):
            if not x.requires_grad:
                raise RuntimeError(
                    f"One of the differentiated Tensors does not require grad: input {i}"
                )
    _backward(_roots(tensors, grad_tensors), bool(retain_graph), given, accumulate=True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to each of `inputs`, and change no `.grad`.

    Raises:
        RuntimeError: as `backward`; and if an input does not require grad, or was not used and
            `allow_unused` is False (else its gradient is None).

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0], requires_grad=True)
        >>> minnet.autograd.grad((x * x).sum(), x)
        (tensor([2., 4.]),)
    """
    _first_order_only(create_graph)
    inputs = [inputs] if isinstance(inputs, Variable) else list(inputs)
    if not all(x.requires_grad for x in inputs):
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    captured = _backward(
        _roots(outputs, grad_outputs), bool(retain_graph), inputs, accumulate=False
    )
    results = []
    for x in inputs:
        gradient = captured.get(x.grad_fn or x)
        if gradient is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        results.append(None if gradient is None else wrap(gradient.copy()))
    return tuple(results)
