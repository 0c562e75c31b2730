"""`Variable`: what differentiation knows of a tensor: its history, its versions, its views."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from minnet import dtypes, kernels
from minnet.mode import INFERRING, enable_grad, mode

if TYPE_CHECKING:
    from minnet.graph import Node


class Variable:
    """An array with a history. `minnet.Tensor` is the one subclass.

    A variable is the result `_slot` of the node `_node`, or a leaf, whose `_node` is None.
    """

    # Slots: an attribute with a default in the class takes Python three times as long to read.
    __slots__ = (
        "__weakref__", "_counter", "_grad", "_hooks", "_node", "_requires_grad", "_slot", "_view",
        "array",
    )  # fmt: skip
    array: np.ndarray
    _node: Node | None
    _slot: int
    _requires_grad: bool  # of a leaf
    _grad: Any
    _counter: list[int] | None  # one counter, shared by all who share the memory
    _view: View | None
    _hooks: Hooks | None  # of a leaf

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self._node = self._grad = self._counter = self._view = self._hooks = None
        if INFERRING and mode.inference:
            self._counter = UNTRACKED
        self._slot = 0
        self._requires_grad = False
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that this tensor is a result of; None for a leaf."""
        if self._view is not None:
            refresh(self)
        return None if self._node is None else self._node.shown()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self._view is not None:
            refresh(self)
        return self._node is not None or self._requires_grad

    @property
    def _base(self) -> Any:
        """The tensor whose memory this one is a view of, or None."""
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def output_nr(self) -> int:
        """Which of its node's results this tensor is."""
        return 0 if self.grad_fn is None else self._slot

    @property
    def _version(self) -> int:
        """How often this tensor's memory was changed in place."""
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return self.counter()[0]

    def is_inference(self) -> bool:
        """Return whether this tensor, or what it is a view of, was made in `inference_mode`."""
        return (self._counter or self.counter()) is UNTRACKED

    def counter(self) -> list[int]:
        """Return the version counter of this tensor's memory."""
        if self._counter is None:
            self._counter = [0] if self._view is None else self._view.base.counter()
        return self._counter

    def bump(self) -> None:
        """Note that the array was changed in place, so that a backward that needs it can refuse."""
        counter = self._counter or self.counter()
        if counter is not UNTRACKED:
            counter[0] += 1

    def describe(self) -> str:
        """Return the tensor's type and shape as torch's messages give them."""
        return described(self.array.shape, self.array.dtype)


class _Untracked(list[int]):
    """The version counter of inference tensors, which cannot be read: nothing may save them."""

    def __getitem__(self, place: Any) -> Any:
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
            "inference mode in computation tracked by autograd. To work around this, you can make "
            "a clone to get a normal tensor and use it in autograd, or use `minnet.no_grad()` "
            "instead of `minnet.inference_mode()`."
        )


UNTRACKED = _Untracked([0])


class View:
    """How a tensor is a view: functions that lead to it from the tensor whose memory it is.

    `origin` is what the base was when the view's history was made. If the base has another history
    since, by a change in place or by `requires_grad_`, then the view's is made again.
    """

    __slots__ = ("base", "made", "origin", "path")
    base: Variable
    path: Any  # (the path before or None, the last function, its constants): see `steps`
    # "several" by an operation with several results, "custom" by a function of the user's own,
    # "no_grad" and "inference_mode" without a history, or "".
    made: str
    origin: Node | Variable | None

    def steps(self) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
        """Return the functions and their constants, in order."""
        found, path = [], self.path
        while path is not None:
            path, *step = path
            found.append(tuple(step))
        return tuple(reversed(found))


class Hooks:
    """The functions that are called before and after a leaf's gradient is added to `.grad`."""

    __slots__ = ("accumulator", "after", "before", "node")

    def __init__(self) -> None:
        self.before: OrderedDict[int, Any] = OrderedDict()
        self.after: OrderedDict[int, Any] = OrderedDict()
        # Those of the node that stands for the leaf, as a node has them, and that node.
        self.node: Any = {}, OrderedDict(), OrderedDict()
        self.accumulator: Any = None


def edge(x: Variable) -> Node | Variable | None:
    """Return where a gradient of `x` goes: its node, `x` itself if it is a leaf, or nowhere."""
    if x._view is not None:
        refresh(x)
    return x._node or (x if x._requires_grad else None)


def refresh(x: Variable) -> None:
    """Make a view's history again if its base has another one since."""
    view: Any = x._view
    base = view.base
    origin = base._node or (base if base._requires_grad else None)
    if origin is view.origin or origin is None:
        return
    if view.made in ("no_grad", "inference_mode"):
        if mode.enabled and base._node is not None:
            raise ambiguous(view, "its base or another view of its base has been")
        return
    with enable_grad():
        y = base
        for function, constants in view.steps():
            y = function(y, *constants)
    if y._node is not None:
        y._node.label = "AsStridedBackward0"  # as torch, whatever the path
    renew(x, y._node, y._slot)
    view.origin = origin


def ambiguous(view: View, modified: str) -> RuntimeError:
    """Return the error for a change beside or through a view that was made without a history."""
    return RuntimeError(
        f"A view was created in {view.made.removesuffix('_mode')} mode and {modified} modified "
        f"inplace {'with grad mode enabled' if view.made == 'no_grad' else 'in normal mode'}. "
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
        f"your code by moving both the view and the inplace either both inside the {view.made} "
        "block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
    )


def renew(x: Variable, node: Any, slot: int) -> None:
    """Give a tensor another history. If it retains its gradient, it is now the new value's."""
    before = x._node
    x._node, x._slot, x._requires_grad = node, slot, False
    if before is None or not before.retain or node is None:
        return
    for old, reference in tuple(before.retain.items()):
        if reference() is x:
            del before.retain[old]
            node.retain = {**(node.retain or {}), slot: reference}


def viewed(out: Variable, source: Variable, function: Any, constants: tuple[Any, ...],
           made: str) -> None:  # fmt: skip
    """Note that `out` shares the memory of `source`, by `function(source, *constants)`."""
    # As `wrap`, without another call. The version counter is the base's, when somebody asks.
    out._view = view = _allocate(View)
    parent = source._view
    if parent is None:
        view.base, view.path, view.made = source, (None, function, constants), made
    else:
        view.base, view.path = parent.base, (parent.path, function, constants)
        view.made = made or parent.made
    base = view.base
    view.origin = base._node or (base if base._requires_grad else None)
    out._counter = None  # if it was made in inference mode


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
    tensor._node = tensor._grad = tensor._counter = tensor._view = tensor._hooks = None
    tensor._requires_grad = False
    if INFERRING and mode.inference:
        tensor._counter = UNTRACKED
    # NumPy returns scalars where an array would have no dimension.
    tensor.array = array if type(array) is np.ndarray else kernels.as_array(array)
    return tensor


def read_only(what: str = "the tensor") -> RuntimeError:
    """Return the error for memory that may not be written to."""
    return RuntimeError(
        f"unsupported operation: {what} cannot be written to, since it is expanded or read-only. "
        "Please clone() the tensor before performing the operation."
    )


def writable(x: Any) -> None:
    """Check that a tensor may be changed in place.

    Raises:
        RuntimeError: for a leaf that requires grad while operations are recorded, or a view of it,
            for memory that is expanded or read-only, and for an inference tensor, outside.
    """
    if mode.enabled:
        if x._requires_grad and x.grad_fn is None:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
        base = x._base
        if base is not None and base._requires_grad and base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
    if not x.array.flags.writeable:
        raise read_only()
    if x.is_inference() and not mode.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make "
            "a clone to get a normal tensor before doing inplace update."
        )
