"""The graph: what an operation leaves behind.

A `Node` is data: the operation, where gradients go, and the arrays that its derivatives read.
"""

from __future__ import annotations

import traceback
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from minnet import kernels
from minnet.mode import Mode, mode
from minnet.variable import Hooks, Variable, described, wrap
from minnet.vocabulary import tensors


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook off, as does the end of a `with`.

    Example:
        >>> from minnet import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: print("called"))
        >>> handle.remove()
    """

    next_id = 0

    def __init__(self, hooks: OrderedDict[int, Any]):
        # Weak, so that a handle that is kept keeps neither a module nor a graph.
        self._hooks = weakref.ref(hooks)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        """Take the hook off. Doing it again, or after its owner has gone, does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()

    def __getstate__(self) -> Any:
        return self._hooks(), self.id

    def __setstate__(self, state: Any) -> None:
        hooks, self.id = state
        self._hooks = weakref.ref(OrderedDict() if hooks is None else hooks)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)


def register(hooks: OrderedDict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Add a hook behind the others, or before them."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


NODES: set[type] = set()  # the classes of nodes: to look here is faster than `isinstance`


class Node:
    """One recorded operation: what `grad_fn` is. It holds arrays, never its own results."""

    __slots__ = (
        "__weakref__",
        "_metadata",
        "constants",
        "hooks",
        "label",
        "number",
        "operation",
        "packed",
        "results",
        "retain",
        "saved",
        "sends",
        "trace",
        "values",
    )  # fmt: skip
    operation: Any
    label: str | None  # torch's name; None until somebody asks, if it depends on constants alone
    number: int  # counts down: the nodes that a node sends to are older, and have larger ones
    # For each input that needs a gradient: where it goes (a node or a leaf) and to which result of
    # that node, the input's position, and the shape and dtype that the gradient is brought to.
    sends: list[tuple[Node | Variable, int, int, Any, Any]]
    # The inputs' arrays, the constants, the inputs' shapes, the result's array and what the
    # operation kept; None for what no derivative reads. None once freed.
    values: list[Any] | None
    constants: tuple[Any, ...]
    # Of the tensors that derivatives read: the counter, the version then, the place in `values`,
    # and whether it is read by any derivative or only by a recorded one.
    saved: Sequence[tuple[list[int], int, int, bool]]
    results: list[tuple[Any, Any] | None] | None  # shape and dtype of each, where there are several
    hooks: Any  # before the derivatives, by result; after them; before all
    retain: dict[int, weakref.ref[Variable]] | None
    trace: list[str] | None
    _metadata: dict[Any, Any] | None
    named = False  # whether the class has torch's name: it is given when somebody looks

    def __init_subclass__(cls) -> None:
        NODES.add(cls)

    def __init__(
        self,
        operation: Any,
        label: str | None,
        sends: Any,
        values: list[Any],
        constants: tuple[Any, ...],
    ):
        self.operation, self.label, self.sends = operation, label, sends
        self.values, self.constants = values, constants
        self.number = next(_numbers)
        self.saved = ()
        self.packed = False
        self.results = self.hooks = self.retain = self.trace = self._metadata = None
        if Mode.watched and mode.anomaly:
            self.trace = traceback.format_stack()[:-2]

    def name(self) -> str:
        """Return torch's name for the node, such as "AddBackward0"."""
        if self.label is None:
            operation = self.operation
            self.label = operation.node(*[self.constants[i] for i in operation.named_by])
        return self.label

    def shown(self) -> Node:
        """Return the node in a class of its name, as torch has one for each."""
        if not self.named:
            base: Any = type(self)
            self.__class__ = _class_of(base, self.name().removeprefix("torch::autograd::"))
        return self

    def __repr__(self) -> str:
        return f"<{self.name().removeprefix('torch::autograd::')} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradients go to, by input, each with the number of its result."""
        found: list[tuple[Any, int]] = [(None, 0)] * self.arity
        for target, slot, position, *_ in self.sends:
            found[position] = shown(target), slot
        return tuple(found)

    @property
    def arity(self) -> int:
        """The number of inputs."""
        most = max((send[2] + 1 for send in self.sends), default=0)
        return max(most, getattr(self.operation, "tensors", 0))

    @property
    def metadata(self) -> dict[Any, Any]:
        """What a user keeps with the node."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    def _hooked(self) -> Any:
        if self.hooks is None:
            self.hooks = {}, OrderedDict(), OrderedDict()
        return self.hooks

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after the node; it may return other inputs."""
        return register(self._hooked()[1], hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before the node; it may return others."""
        return register(self._hooked()[2], hook)

    def on_result(self, slot: int, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(gradient)` of one result before the node; it may return another."""
        return register(self._hooked()[0].setdefault(slot, OrderedDict()), hook)

    def unpacked(self) -> list[Any]:
        """Return `values` with what `saved_tensors_hooks` gives for what they took.

        Raises:
            TypeError: if that is no tensor.
        """
        values = list(self.values or ())
        for place, value in enumerate(values):
            if isinstance(value, Packed):
                values[place] = value.array()
        return values

    def revived(self, values: list[Any]) -> list[Any]:
        """Return `values` with tensors in place of arrays, with their histories, for recording."""
        values = list(values)
        targets = {send[2]: send[:2] for send in self.sends}
        counters = {place: counter for counter, _, place, _ in self.saved}
        for place in range(len(values) - len(self.constants) - 3):
            array = values[place]
            if not kernels.is_array(array):
                continue
            target, slot = targets.get(place, (None, 0))
            values[place] = restored(array, target, slot, counters.get(place))
        if kernels.is_array(values[-2]):
            values[-2] = restored(values[-2], self, 0, counters.get(-2))
        if self.operation.keeps == "intermediate":
            values[-1] = None  # a recorded derivative computes it again
        return values


def alias_node(target: Any, slot: int, array: Any) -> Node:
    """Return the node of an identity, which sends the gradient of `array` on to a target."""
    send = target, slot, 0, array.shape, array.dtype
    return Node(tensors.alias.operation, "AliasBackward0", [send], [None] * 4, ())


def restored(array: Any, target: Any, slot: int, counter: list[int] | None) -> Any:
    """Return a tensor around a saved array again, whose gradient goes to a node, a leaf or None."""
    if isinstance(target, Variable):
        if target.array is array:
            return target
        target, slot = alias_node(target, 0, array), 0  # a leaf that has another array since
    tensor = wrap(array)
    tensor._node, tensor._slot, tensor._counter = target, slot, counter
    return tensor


NODES.add(Node)


@cache
def _class_of(base: Any, name: str) -> type:
    return type(name, (base,), {"__slots__": (), "named": True})


class AccumulateGrad(Node):
    """Where a gradient ends: what stands in `next_functions` for a leaf, and has its hooks."""

    __slots__ = ("variable",)
    named = True

    def __init__(self, variable: Variable):
        super().__init__(None, "torch::autograd::AccumulateGrad", (), [], ())
        self.variable, self.hooks = variable, hooks_of(variable).node


def hooks_of(leaf: Variable) -> Hooks:
    """Return what holds the hooks of a leaf."""
    if leaf._hooks is None:
        leaf._hooks = Hooks()
    return leaf._hooks


def shown(target: Node | Variable) -> Node:
    """Return what users see of where a gradient goes: a node, the same one for a leaf if held."""
    if isinstance(target, Node):
        return target.shown()
    hooks = hooks_of(target)
    node = None if hooks.accumulator is None else hooks.accumulator()
    if node is None:
        node = AccumulateGrad(target)
        hooks.accumulator = weakref.ref(node)
    return node


class GradientEdge(NamedTuple):
    """Where a gradient goes: a result of a node. `backward` and `grad` take it for a tensor."""

    node: Any
    output_nr: int
    ownership_token: Any = None  # a tensor of the same shape that takes no memory


def tensor_of(x: Any, gradient: Any = None) -> Any:
    """Return a tensor for a gradient edge: a leaf, or a stand-in that is like the gradient."""
    if not isinstance(x, GradientEdge):
        return x
    if isinstance(x.node, AccumulateGrad):
        return x.node.variable
    if x.ownership_token is not None:
        return x.ownership_token
    tensor = wrap(gradient.array if isinstance(gradient, Variable) else np.zeros(()))
    tensor._node, tensor._slot = x.node, x.output_nr
    return tensor


class Run:
    """One walk backward, for hooks that wait for each other."""

    __slots__ = ("kept", "roots", "useful")

    def __init__(self, roots: Sequence[Any], useful: set[Any] | None):
        self.roots, self.useful = roots, useful
        self.kept: dict[Any, Any] = {}  # what hooks keep

    def reached(self) -> set[Any]:
        """Return the nodes and the leaves that gradients come to."""
        order = list(dict.fromkeys(self.roots))
        seen = set(order)
        for target in order:  # which grows meanwhile
            for below, *_ in target.sends if isinstance(target, Node) else ():
                if below not in seen and (self.useful is None or below in self.useful):
                    seen.add(below)
                    order.append(below)
        return seen


_numbers = count(0, -1)


def modified(array: Any, source: str | None, version: int, expected: int) -> RuntimeError:
    """Return the error for a saved array that was changed in place."""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{described(array.shape, array.dtype)}]"
        f"{'' if source is None else f', which is output 0 of {source},'} is at version {version}; "
        f"expected version {expected} instead. Hint: clone() the tensor before you change it, or "
        "change it after backward()."
    )


class Packed(NamedTuple):
    """A saved array in the keeping of `saved_tensors_hooks`."""

    content: Any
    unpack: Callable[[Any], Any]

    def array(self) -> Any:
        """Return the array of the tensor that the hook gives back.

        Raises:
            TypeError: if it gives no tensor.
        """
        tensor = self.unpack(self.content)
        if not isinstance(tensor, Variable):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor.array


def packed(array: Any) -> Any:
    """Return what a node saves for an array: itself, or what `saved_tensors_hooks` makes of it."""
    if not mode.saving:
        return array
    pack, unpack = mode.saving[-1]
    return Packed(pack(wrap(array)), unpack)
