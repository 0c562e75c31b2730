"""The graph: what an operation leaves behind.

A `Node` is data: the operation, where gradients go, and the arrays that its derivatives read.
"""

from __future__ import annotations

import traceback
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from minnet import kernels
from minnet.mode import Mode, mode
from minnet.variable import Variable, described, wrap
from minnet.vocabulary import tensors

_hook_ids = count()


class RemovableHook:
    """What registers a hook returns: `remove()` takes the hook away."""

    def __init__(self, hooks: dict[int, Any], hook: Any):
        self._hooks = hooks
        self.id = next(_hook_ids)
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away. A second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHook:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


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

    def __repr__(self) -> str:
        return f"<{self.name().removeprefix('torch::autograd::')} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradients go to, by input, each with the number of its result."""
        found: list[tuple[Any, int]] = [(None, 0)] * self.arity
        for target, slot, position, *_ in self.sends:
            found[position] = target if isinstance(target, Node) else AccumulateGrad(target), slot
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
            self.hooks = {}, {}, {}
        return self.hooks

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> RemovableHook:
        """Call `hook(grad_inputs, grad_outputs)` after the node; it may return other inputs."""
        return RemovableHook(self._hooked()[1], hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> RemovableHook:
        """Call `hook(grad_outputs)` before the node; it may return others."""
        return RemovableHook(self._hooked()[2], hook)

    def on_result(self, slot: int, hook: Callable[[Any], Any]) -> RemovableHook:
        """Call `hook(gradient)` of one result before the node; it may return another."""
        return RemovableHook(self._hooked()[0].setdefault(slot, {}), hook)

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


class AccumulateGrad:
    """Where a gradient ends: what stands in `next_functions` for a leaf."""

    def __init__(self, variable: Variable):
        self.variable = variable
        self.next_functions = ()

    def name(self) -> str:
        """Return "torch::autograd::AccumulateGrad"."""
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return hash((AccumulateGrad, id(self.variable)))


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
