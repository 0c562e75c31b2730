"""`Function`: an operation of the user's own, with a backward written by hand."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from minnet.backward import FREED
from minnet.graph import Node, Packed, modified, packed, restored
from minnet.mode import mode, no_grad
from minnet.recorder import check_in_place, take_history
from minnet.variable import Variable, edge, viewed, wrap, writable
from minnet.vocabulary import tensors


class Saved:
    """A tensor that a context has saved: its array, its version, and where its gradients go."""

    __slots__ = ("array", "counter", "source", "version")

    def __init__(self, x: Variable, outputs: Sequence[Any], flowing: Sequence[bool]):
        self.counter, self.version = x.counter(), x.counter()[0]
        slot = next((i for i, y in enumerate(outputs) if y is x and flowing[i]), None)
        # A result is named by its number, since its history is the node that holds this.
        self.source: Any = slot if slot is not None else (edge(x), x._slot if x._node else 0)
        self.array: Any = packed(x.array)

    def tensor(self, node: Node) -> Any:
        """Return the tensor again, with its history."""
        array = self.array
        if isinstance(array, Packed):
            array = array.array()
        elif self.counter[0] != self.version:
            raise modified(array, None, self.counter[0], self.version)
        target, slot = (node, self.source) if isinstance(self.source, int) else self.source
        return restored(array, target, slot, self.counter if array is self.array else None)


class FunctionCtx:
    """What `forward` leaves for `backward`; `ctx` there. Attributes of one's own are kept."""

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._without: tuple[Any, ...] = ()
        self._materialize = True
        self._node: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Save inputs, results or other tensors, so that a change in place is noticed.

        Raises:
            TypeError: if one is neither a tensor nor None.
        """
        for x in tensors:
            if x is not None and not isinstance(x, Variable):
                raise TypeError(
                    "save_for_backward can only save variables, but argument is of type "
                    f"{type(x).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Do nothing: there is no forward-mode differentiation."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Name the inputs that `forward` changed in place, which are results as well."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Name the results that no gradient flows through."""
        self._without = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Set whether a gradient that has not come is zeros for `backward` (True) or None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` took.

        Raises:
            RuntimeError: if one was changed in place since, or the graph has been freed.
        """
        if self._node is None:  # still in forward, or nothing is recorded
            return self._to_save
        node = self._node()
        if node is None or node.values is None:
            raise RuntimeError(FREED)
        return tuple(None if s is None else s.tensor(node) for s in node.values[0])


class FunctionNode(Node):
    """The node of a `Function`, which has the attributes of its context, and sets them."""

    saved_tensors = FunctionCtx.saved_tensors


class _Custom:
    """What a node asks of its operation, for a `Function`."""

    quiet, keeps, fits, foreign = False, "context", False, True

    def __init__(self, cls: Any, arguments: int, fills: bool, frees: bool):
        self.cls, self.arguments, self.fills, self.frees = cls, arguments, fills, frees
        self.joints = ((self.joint, lambda values: values[-1:]),) * 2  # which read the context

    def joint(self, V: Any, dy: Any, wanted: Sequence[int], ctx: FunctionCtx) -> dict[int, Any]:
        node = ctx._node()
        given = [
            g if g is None or isinstance(g, Variable) else wrap(g)
            for g in (dy if node.results is not None else [dy])
        ]
        found = self.backward()(ctx, *given)
        found = list(found) if isinstance(found, tuple | list) else [found]
        expected = self.arguments
        if len(found) < expected or any(g is not None for g in found[expected:]):
            raise RuntimeError(
                f"function {node.name()} returned an incorrect number of gradients (expected "
                f"{expected}, got {len(found)})"
            )
        shapes = {send[2]: send[3] for send in node.sends}
        gradients: dict[int, Any] = {}
        for position in wanted:
            g = found[position]
            if g is not None:
                if not isinstance(g, Variable):
                    raise TypeError(
                        f"function {node.name()}: expected Tensor or None for gradient {position}, "
                        f"got {type(g).__name__}"
                    )
                if not _expands(shapes[position], g.array.shape):
                    raise RuntimeError(
                        f"Function {node.name()} returned an invalid gradient at index {position} "
                        f"- got {list(g.array.shape)} but expected shape compatible with "
                        f"{list(shapes[position])}"
                    )
                g = g if V is tensors else g.array
            gradients[position] = g
        return gradients

    def backward(self) -> Callable[..., Any]:
        """Return the class's own `backward`, by either of its names.

        Raises:
            RuntimeError: if it has both.
        """
        cls = self.cls
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        return cls.vjp


def _expands(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


class Function:
    """An operation with a `forward` and a `backward` of one's own, called by `apply`.

    `forward(ctx, *args)` computes with tensors and is not recorded; `backward(ctx, *gradients)`
    takes a gradient for each result and returns one for each argument, or None. With a
    `setup_context(ctx, inputs, output)`, `forward` takes no `ctx`. What `backward` does with
    tensors is recorded where `create_graph=True`, so second derivatives are right.

    Example:
        >>> import minnet
        >>> class Cube(minnet.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     def backward(ctx, dy):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * dy
        >>> x = minnet.tensor([2.0], requires_grad=True)
        >>> y = Cube.apply(x)
        >>> y
        tensor([8.], grad_fn=<CubeBackward>)
        >>> y.backward()
        >>> x.grad
        tensor([12.])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are "
            f"all static, so you should invoke them on the class itself: {type(self).__name__}."
            "apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results."""
        raise NotImplementedError("You must implement the forward function for custom Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Save what `backward` needs, where `forward` takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients of the arguments."""
        raise NotImplementedError(
            "You must implement the backward method for your custom Function."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call `forward`, and record a node if a gradient is to flow to an argument.

        A result that shares an argument's memory is a view of it, which cannot be changed in place:
        the change would have to be differentiated without `backward`. Gradients flow to tensors
        that are returned as such or in a tuple.

        Raises:
            RuntimeError: if a leaf that requires grad was changed in place, or what was changed is
                not returned, or is a view beside other results.
        """
        needs = tuple(isinstance(x, Variable) and x.requires_grad for x in args)
        recorded = mode.enabled and any(needs)
        ctx = FunctionCtx(needs)
        apart = cls.setup_context is not Function.setup_context
        sends = _sends(args) if recorded else []
        with no_grad():
            returned = cls.forward(*args) if apart else cls.forward(ctx, *args)
            if apart:
                cls.setup_context(ctx, args, returned)
        outputs = list(returned) if isinstance(returned, tuple) else [returned]
        _check_dirty(ctx, args, outputs, recorded)
        flowing = [
            recorded
            and isinstance(y, Variable)
            and y.array.dtype.kind == "f"
            and not _is_in(y, ctx._without)
            for y in outputs
        ]
        outputs = [
            _result(y, flows, _is_in(y, args), _is_in(y, ctx._dirty))
            if isinstance(y, Variable)
            else y
            for y, flows in zip(outputs, flowing, strict=True)
        ]
        if recorded:
            _record(cls, ctx, sends, outputs, flowing, len(args))
        return tuple(outputs) if isinstance(returned, tuple) else outputs[0]


def _sends(args: Sequence[Any]) -> list[Any]:
    """Return where a node sends the gradients of those arguments that need one."""
    return [
        (edge(x), x._slot if x._node is not None else 0, i, x.array.shape, x.array.dtype)
        for i, x in enumerate(args)
        if isinstance(x, Variable) and x.requires_grad
    ]


def wrap_again(x: Any) -> Any:
    """Return another tensor on the same memory."""
    again = wrap(x.array)
    again._counter = x.counter()
    return again


def _is_in(x: Any, others: Sequence[Any]) -> bool:
    return any(x is y for y in others)


def _check_dirty(ctx: FunctionCtx, args: Any, outputs: list[Any], recorded: bool) -> None:
    """Note that the inputs marked as dirty have changed, if they may."""
    for x in ctx._dirty:
        if not _is_in(x, args):
            warnings.warn(
                "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an "
                "input, there is no need to pass it to mark_dirty().",
                stacklevel=3,
            )
        elif not _is_in(x, outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )
    ctx._dirty = tuple(x for x in ctx._dirty if _is_in(x, args))
    for x in ctx._dirty:
        x.bump()
        if not recorded:
            continue
        writable(x)
        if x._view is None:
            continue
        check_in_place(x, True)
        if sum(isinstance(y, Variable) for y in outputs) > 1:
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your "
                "Function cannot return more than one Tensor. You should either make sure the "
                "input is not a view (using .clone() for example) or make your Function only "
                "return one Tensor."
            )


def _result(y: Any, flows: bool, is_input: bool, dirty: bool) -> Any:
    """Return the tensor to give for a result: an input only if that was changed in place."""
    if is_input and (not dirty or (y.requires_grad and not flows)):
        again = wrap_again(y)
        if flows or not y.requires_grad:
            share(again, y, "custom" if flows else "no_grad")
        return again
    if flows and not dirty and y._view is not None:
        share(y, y)
    return y


def share(out: Any, source: Any, made: str = "custom") -> None:
    """Make `out` a view of the memory of `source`, whose history cannot be made again."""
    view = source._view
    viewed(out, source if view is None else view.base, _stale, (), made)


def _stale(base: Any) -> Any:
    raise RuntimeError(
        "a view that a custom Function or a module with backward hooks returned is used after its "
        "base was changed in place; its gradient would be wrong. clone() it before"
    )


def _record(
    cls: Any, ctx: FunctionCtx, sends: list[Any], outputs: list[Any], flowing: list[bool],
    arguments: int,
) -> None:  # fmt: skip
    """Make the results that gradients flow through those of a new node."""
    custom = _Custom(cls, arguments, ctx._materialize, bool(ctx._to_save))
    saved = [None if x is None else Saved(x, outputs, flowing) for x in ctx._to_save]
    node = FunctionNode(custom, f"{cls.__name__}Backward", sends, [saved, None, ctx], ())
    node.__dict__ = vars(ctx)
    ctx._node, ctx._to_save = weakref.ref(node), ()
    if len(outputs) > 1:
        node.results = [
            (y.array.shape, y.array.dtype) if isinstance(y, Variable) else None for y in outputs
        ]
    for slot, y in enumerate(outputs):
        if not flowing[slot]:
            continue
        if _is_in(y, ctx._dirty):
            take_history(y, node, slot)
        else:
            y._node, y._slot, y._requires_grad = node, slot, False


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` whose result cannot be differentiated again: a decorator.

    Example:
        >>> import minnet
        >>> class Double(minnet.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return 2 * x
        ...     @staticmethod
        ...     @minnet.autograd.function.once_differentiable
        ...     def backward(ctx, dy):
        ...         return 2 * dy
        >>> x = minnet.ones(1, requires_grad=True)
        >>> minnet.autograd.grad(Double.apply(x), x)
        (tensor([2.]),)
    """

    @wraps(backward)
    def once(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            found = backward(ctx, *gradients)
        sends = _sends(gradients) if mode.enabled else []
        if not sends:
            return found
        results = found if isinstance(found, tuple) else (found,)
        again = []
        for g in results:
            if isinstance(g, Variable):
                g = wrap_again(g)
                g._node = Node(_Refusal(), "Error", sends, [None, None, None], ())
                g._slot = 0
            again.append(g)
        return tuple(again) if isinstance(found, tuple) else again[0]

    return once


class _Refusal(_Custom):
    """The operation of what cannot be differentiated again."""

    def __init__(self) -> None:
        super().__init__(type(self), 0, True, False)

    def joint(self, *_: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )
