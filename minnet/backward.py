"""The way back: one walk over the graph, which sends gradients through its nodes.

A derivative is written once, in a vocabulary `V` of functions: those on arrays, whose results are
gradients and nothing else, or those on tensors, which are operations themselves and recorded, so
that gradients can be differentiated (`create_graph=True`). See `vocabulary.py`.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

import numpy as np

from minnet import kernels, vocabulary
from minnet.graph import NODES, GradientEdge, Node, Run, modified, tensor_of
from minnet.mode import Mode, mode
from minnet.size import Size
from minnet.variable import Variable, described, edge, wrap

_accumulating = threading.Lock()  # several threads may send gradients to one leaf
_position = itemgetter(2)  # of what a node sends: that of the input

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class _Arrays:
    """Gradients as arrays."""

    recorded = False

    def __init__(self, vocabulary: Any):
        self.V = vocabulary

    def array_of(self, gradient: Any) -> Any:
        return gradient

    def fit(self, gradient: Any, shape: Any, dtype: Any) -> Any:
        """Return a gradient in its input's shape and dtype: broadcasting's adjoint is a sum."""
        if self.array_of(gradient).shape != shape:
            gradient = self.V.sum_to_shape(gradient, shape)
        return gradient if self.array_of(gradient).dtype == dtype else self.V.cast(gradient, dtype)

    def add(self, x: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.add(x, y) if x.shape else kernels.as_array(np.add(x, y))

    def zeros(self, shape: Any, dtype: Any, like: Any) -> Any:
        return np.zeros(shape, dtype, like=kernels.as_array(like))  # which may be a scalar

    def tensor(self, gradient: Any) -> Any:
        return wrap(gradient)


class _Tensors(_Arrays):
    """Gradients as tensors: what computes them is recorded."""

    recorded = True

    def array_of(self, gradient: Any) -> Any:
        return gradient.array

    def add(self, x: Any, y: Any) -> Any:
        return self.V.add(x, y)

    def zeros(self, shape: Any, dtype: Any, like: Any) -> Any:
        return wrap(np.zeros(shape, dtype, like=like.array))

    def tensor(self, gradient: Any) -> Any:
        return gradient


_ways = _Arrays(vocabulary.arrays), _Tensors(vocabulary.tensors)


def _above(roots: Iterable[Node], wanted: set[Any]) -> set[Any]:
    """Return what is wanted and all nodes that have something wanted below."""
    order = list(dict.fromkeys(roots))
    seen = set(order)
    oldest = math.inf  # a node that is older than all that is wanted has nothing of it below
    if all(isinstance(target, Node) for target in wanted):
        oldest = max((target.number for target in wanted), default=-math.inf)
    for node in order:  # which grows meanwhile
        for target, *_ in node.sends:
            if isinstance(target, Node) and target not in seen and target.number <= oldest:
                seen.add(target)
                order.append(target)
    useful = set(wanted)
    for node in sorted(order, key=lambda node: node.number, reverse=True):
        if any(target in useful for target, *_ in node.sends):
            useful.add(node)
    return useful


def _modified(node: Node, version: int, expected: int, place: int) -> RuntimeError:
    source = node.name() if place == -2 else None
    for target, _, position, *_ in node.sends:
        if isinstance(target, Node) and position == place:
            source = target.name()
    return modified((node.values or ())[place], source, version, expected)


def _replaced(old: Any, new: Any, way: _Arrays) -> Any:
    """Return the checked gradient that a hook returned in place of another.

    Raises:
        RuntimeError: if it is no tensor of the same shape and dtype.
    """
    if new is None:
        return None
    array = None if old is None else way.array_of(old)
    if not isinstance(new, Variable):
        raise RuntimeError(
            "a gradient hook must return None or a tensor of the gradient's shape "
            f"{'' if array is None else Size(array.shape)}, got {new!r}"
        )
    if array is not None and (new.array.shape != array.shape or new.array.dtype != array.dtype):
        raise RuntimeError(
            "a gradient hook must return None or a tensor of the gradient's shape and dtype: "
            f"expected {described(array.shape, array.dtype)}, got {new.describe()}"
        )
    return new if way.recorded else new.array


def _all_replaced(old: Sequence[Any], new: Any, way: _Arrays) -> list[Any]:
    """Return the checked gradients that a node's hook returned in place of all of them.

    Raises:
        TypeError, RuntimeError: if they are no tuple, or not as many.
    """
    if not isinstance(new, tuple | list):
        raise TypeError(f"expected tuple, but hook returned '{type(new).__name__}'")
    if len(new) != len(old):
        raise RuntimeError(
            f"hook has returned an incorrect number of values (got {len(new)}, but expected "
            f"{len(old)})"
        )
    return [_replaced(a, b, way) for a, b in zip(old, new, strict=True)]


def _hooked(hooks: dict[int, Callable[[Any], Any]], gradient: Any, way: _Arrays) -> Any:
    """Return the gradient of a tensor, which may be None, after the tensor's hooks."""
    for hook in tuple(hooks.values()):
        replaced = hook(None if gradient is None else way.tensor(gradient))
        if replaced is not None:
            gradient = _replaced(gradient, replaced, way)
    return gradient


def _prehooked(hooks: dict[int, Any], dys: Sequence[Any], way: _Arrays) -> Sequence[Any]:
    """Return the gradients of a node's results after the hooks that are called before the node."""
    for hook in tuple(hooks.values()):
        replaced = hook(_seen(dys, way))
        if replaced is not None:
            dys = _all_replaced(dys, replaced, way)
    return dys


def _seen(gradients: Sequence[Any], way: _Arrays) -> tuple[Any, ...]:
    return tuple(None if g is None else way.tensor(g) for g in gradients)


def _run(
    roots: Sequence[tuple[Variable, Any]],
    retain_graph: bool,
    create_graph: bool,
    inputs: Sequence[Variable] | None,
    accumulate: bool,
) -> dict[Any, Any]:
    """Send gradients from the roots down, and return those that reach `inputs`, by `_key`.

    With `accumulate`, leaves (or the given inputs) add them to `.grad`, after all nodes, so that a
    backward that fails leaves all `.grad` as they were.
    """
    way = _ways[bool(create_graph)]
    wanted: set[Any] = set()
    useful = None
    if inputs is not None:
        wanted = {edge(x) for x in inputs}
        targets = [edge(x) for x, _ in roots]
        useful = _above([t for t in targets if isinstance(t, Node)], wanted)
    watched = Mode.watched
    if watched:
        run, mode.run = mode.run, Run([edge(x) for x, _ in roots], useful)
    before = mode.enabled
    mode.enabled = create_graph
    try:
        gradients: dict[Any, Any] = {}
        for x, gradient in roots:
            target = x._node if x._view is None and x._node is not None else edge(x)
            if useful is not None and target not in useful:
                continue
            if target in gradients or (isinstance(target, Node) and target.results is not None):
                _send(gradients, target, x._slot if target is not x else 0, gradient, way)
            else:
                gradients[target] = gradient
        shared = set(gradients)
        captured, retained = _walk(gradients, shared, wanted, useful, retain_graph, way)
        hooked = []
        for leaf in gradients:
            if leaf._hooks is not None:
                hooked.append(leaf)
        for leaf in hooked:
            hooks = leaf._hooks
            gradients[leaf] = _hooked(hooks.before, gradients[leaf], way)
            if accumulate:
                (gradients[leaf],) = _prehooked(hooks.node[2], [gradients[leaf]], way)
            shared.add(leaf)
        if accumulate:
            with _accumulating:
                for leaf, gradient in gradients.items():
                    if leaf._grad is None and leaf not in shared and not create_graph:
                        leaf._grad = wrap(gradient)  # as nearly always
                    else:
                        _accumulate(leaf, gradient, leaf not in shared, way)
                for x in dict.fromkeys(inputs or ()):
                    if x._node is not None and (x._node, x._slot) in captured:
                        _accumulate(x, captured[x._node, x._slot], False, way)
            for leaf in hooked:
                for hook in tuple(leaf._hooks.after.values()):
                    hook(leaf)
                for hook in tuple(leaf._hooks.node[1].values()):
                    hook((), _seen([gradients[leaf]], way))
        for tensor, gradient in retained:
            _accumulate(tensor, gradient, False, way)
    finally:
        mode.enabled = before
        if watched:
            mode.run = run
    if inputs is not None:
        captured.update(gradients)
    return captured


def _send(gradients: dict[Any, Any], target: Any, slot: int, gradient: Any, way: _Arrays) -> bool:
    """Add a gradient to those that wait for a node or a leaf; return whether it is the first."""
    known = gradients.get(target)
    if type(target) in NODES and target.results is not None:
        if known is None:
            gradients[target] = known = [None] * len(target.results)
            first = True
        else:
            first = False
        known[slot] = gradient if known[slot] is None else way.add(known[slot], gradient)
        return first
    gradients[target] = gradient if known is None else way.add(known, gradient)
    return known is None


def _walk(
    gradients: dict[Any, Any],
    shared: set[Any],
    wanted: set[Any],
    useful: set[Any] | None,
    retain_graph: bool,
    way: _Arrays,
) -> tuple[dict[Any, Any], list[tuple[Variable, Any]]]:
    """Send `gradients`, which are by node and leaf, through all nodes; the leaves' are left in it.

    The latest node is the first, as in torch: where several gradients meet, they are added in this
    order. Those whose array others may see are noted in `shared`.

    Returns:
        The gradients of the wanted nodes' results, and those of tensors that retain theirs.
    """
    ready: list[tuple[int, Node]] = []  # a heap of the nodes whose gradient has begun to arrive
    for target in gradients:
        if type(target) in NODES:
            heappush(ready, (target.number, target))
    captured: dict[Any, Any] = {}
    retained: list[tuple[Variable, Any]] = []
    recorded, V = way.recorded, way.V
    quiet: Any = None  # begins with the first derivative that may use NumPy: it takes a microsecond
    try:
        while ready:
            node = heappop(ready)[1]
            dy = gradients.pop(node)
            operation, values = node.operation, node.values
            sends: Any = node.sends
            if node.hooks is not None or node.retain is not None:
                dy = _before(node, dy, retained, way)
            if useful is not None:
                if node in wanted:
                    for slot, gradient in enumerate(dy if node.results is not None else (dy,)):
                        if gradient is not None:
                            captured[node, slot] = gradient
                sends = [send for send in sends if send[0] in useful]
                if not sends:
                    continue
            if values is None:
                raise RuntimeError(FREED)
            if node.packed:
                values = node.unpacked()
            else:
                for counter, version, place, always in node.saved:
                    if counter[0] != version and (always or recorded):
                        raise _modified(node, counter[0], version, place)
            if recorded:
                values = node.revived(values)
            elif quiet is None and operation.quiet is not True:
                quiet = np.errstate(all="ignore")  # infinities and NaN pass in silence, as in torch
                quiet.__enter__()
            came = dy
            if node.results is not None:
                dy = _filled(node, dy, way)
            joint, fits = operation.joints[recorded], operation.fits and not recorded
            found: Any = None
            if joint is not None:
                derivative, pick = joint
                found = derivative(V, dy, list(map(_position, sends)), *pick(values))
            if node.trace is not None or (node.hooks is not None and node.hooks[1]):
                found, fits = _observed(node, came, dy, sends, found, values, way), False
            for target, slot, position, shape, dtype in sends:
                if found is not None:
                    gradient = found[position]
                else:
                    derivative, pick = operation.derivatives[position]
                    gradient = derivative(V, dy, *pick(values))
                if not fits:
                    if gradient is None:
                        continue
                    array = gradient.array if recorded else gradient
                    if array.shape != shape or array.dtype is not dtype:
                        gradient = way.fit(gradient, shape, dtype)
                    if not shape and not recorded:  # NumPy returns scalars where no dim is left
                        gradient = kernels.as_array(gradient)
                is_node = type(target) in NODES
                if is_node and target.results is not None:
                    if _send(gradients, target, slot, gradient, way):
                        heappush(ready, (target.number, target))
                    continue
                known = gradients.get(target)
                if known is not None:
                    gradient = way.add(known, gradient)
                else:
                    if is_node:
                        heappush(ready, (target.number, target))
                    if not fits and (
                        recorded
                        or gradient is dy
                        or gradient.base is not None
                        or operation.foreign
                        or node.hooks is not None
                    ):
                        shared.add(target)
                gradients[target] = gradient
            if not retain_graph and (node.saved or operation.frees):
                node.values, node.saved = None, ()
    finally:
        if quiet is not None:
            quiet.__exit__(None, None, None)
    return captured, retained


def _before(node: Node, dy: Any, retained: list[tuple[Variable, Any]], way: _Arrays) -> Any:
    """Return the gradients of a node's results after their hooks; keep those to be retained."""
    several = node.results is not None
    dys = dy if several else [dy]
    if node.hooks is not None:
        on_results, _, before = node.hooks
        for slot, hooks in tuple(on_results.items()):
            dys[slot] = _hooked(hooks, dys[slot], way)
        dys = _prehooked(before, dys, way)
    for slot, reference in (node.retain or {}).items():
        tensor = reference()
        if tensor is not None and dys[slot] is not None:
            retained.append((tensor, dys[slot]))
    return dys if several else dys[0]


def _filled(node: Node, dys: list[Any], way: _Arrays) -> list[Any]:
    """Return the gradients of several results, zeros where none has come."""
    if not node.operation.fills:
        return dys
    like = next((g for g in dys if g is not None), None)
    return [
        way.zeros(*meta, like) if g is None and meta is not None else g
        for g, meta in zip(dys, node.results or (), strict=True)
    ]


def _observed(
    node: Node, came: Any, dy: Any, sends: Any, found: Any, values: list[Any], way: _Arrays
) -> dict[int, Any]:
    """Return the gradients by position, after the node's hooks, and checked for NaN if asked."""
    if found is None:
        found = {}
        for send in sends:
            derivative, pick = node.operation.derivatives[send[2]]
            found[send[2]] = derivative(way.V, dy, *pick(values))
    else:
        found = {send[2]: found[send[2]] for send in sends}
    if node.trace is not None and mode.check_nan:
        for position, gradient in found.items():
            if gradient is None:
                continue
            if np.isnan(kernels.moved(way.array_of(gradient), "cpu")).any():
                warnings.warn(
                    f"Error detected in {node.name()}. Traceback of forward call that caused the "
                    f"error:\n{''.join(node.trace)}",
                    UserWarning,
                    stacklevel=2,
                )
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {position}th output."
                )
    if node.hooks is not None and node.hooks[1]:
        outputs = _seen(came if node.results is not None else (came,), way)
        old = [found.get(i) for i in range(node.arity)]
        for hook in tuple(node.hooks[1].values()):
            replaced = hook(_seen(old, way), outputs)
            if replaced is not None:
                old = _all_replaced(old, replaced, way)
        found = {position: old[position] for position in found}
    return found


@np.errstate(all="ignore")
def _accumulate(x: Variable, gradient: Any, owned: bool, way: _Arrays) -> None:
    before = x._grad  # which another thread may set to None
    if way.recorded:
        # A copy, since `.grad` is added to in place by a backward that is not recorded.
        x._grad = way.V.clone(gradient) if before is None else way.add(before, gradient)
    elif before is None:
        x._grad = wrap(gradient if owned else gradient.copy())
    elif before.array.flags.writeable:
        np.add(before.array, gradient, out=before.array)
        before.bump()
    else:
        x._grad = wrap(np.add(before.array, gradient))


def _roots(tensors: Any, gradients: Any, create_graph: bool) -> list[tuple[Variable, Any]]:
    if gradients is None and isinstance(tensors, Variable):  # a loss, as nearly always
        return [(tensors, _root(0, tensors, None, create_graph))]
    tensors = _several(tensors)
    if gradients is None or isinstance(gradients, Variable):
        gradients = [gradients] * (1 if gradients is not None else len(tensors))
    gradients = list(gradients)
    if len(tensors) != len(gradients):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    found = []
    for i, (x, gradient) in enumerate(zip(tensors, gradients, strict=True)):
        x = tensor_of(x, gradient)
        found.append((x, _root(i, x, gradient, create_graph)))
    return found


def _several(given: Any) -> list[Any]:
    """Return tensors and gradient edges as a list, also if there is one only."""
    return [given] if isinstance(given, Variable | GradientEdge) else list(given)


def _root(i: int, x: Variable, gradient: Any, create_graph: bool) -> Any:
    """Return the gradient that tensor i starts from."""
    if x._node is None and not x.requires_grad:
        raise RuntimeError(
            f"element {i} of tensors does not require grad and does not have a grad_fn"
        )
    if gradient is None:
        if x.array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        one = x.array.copy()
        one.fill(1)  # in half of the time that `np.ones_like` takes
        return wrap(one) if create_graph else one
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
    if create_graph:
        return _ways[True].fit(gradient, x.array.shape, x.array.dtype)
    return gradient.array.astype(x.array.dtype, copy=False)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves (or of `inputs`).

    Args:
        tensors: a tensor or a sequence of them, or of gradient edges; those with more than one
            element need a gradient.
        grad_tensors: the gradients with respect to `tensors`, of the same shapes.
        retain_graph: keep what the graph has saved, so that backward can be called again;
            `create_graph` unless given.
        create_graph: record how the gradients are computed, so that they can be differentiated.
        inputs: the tensors to accumulate into, in place of all leaves.

    Raises:
        RuntimeError: if a tensor does not require grad, the graph was freed, or a saved tensor was
            changed in place. No `.grad` has changed then.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0], requires_grad=True)
        >>> minnet.autograd.backward((x * x).sum())
        >>> x.grad
        tensor([2., 4.])
    """
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the "
            "parameter and its gradient which can cause a memory leak. We recommend using "
            "autograd.grad when creating the graph to avoid this. If you have to use this function,"
            " make sure to reset the .grad fields of your parameters to None after use to break the"
            " cycle and avoid the leak.",
            UserWarning,
            stacklevel=3,
        )
    given = inputs
    if given is not None:
        given = [tensor_of(x) for x in _several(inputs)]
        if not given:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        for i, x in enumerate(given):
            if not (isinstance(x, Variable) and x.requires_grad):
                raise RuntimeError(
                    f"One of the differentiated Tensors does not require grad: input {i}"
                )
    retain = create_graph if retain_graph is None else bool(retain_graph)
    _run(_roots(tensors, grad_tensors, create_graph), retain, create_graph, given, True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` with respect to each of `inputs`, and change no `.grad`.

    Args:
        create_graph: record how the gradients are computed, so that they can be differentiated.
        allow_unused: return None for an input that the outputs do not depend on, or zeros with
            `materialize_grads`.
        is_grads_batched: `grad_outputs` have a leading dim, and so have the results: one gradient
            for each.

    Raises:
        RuntimeError: as `backward`; and if an input does not require grad, or was not used and
            `allow_unused` is False.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0], requires_grad=True)
        >>> (slope,) = minnet.autograd.grad((x**3).sum(), x, create_graph=True)
        >>> slope
        tensor([ 3., 12.], grad_fn=<MulBackward0>)
        >>> minnet.autograd.grad(slope.sum(), x)
        (tensor([ 6., 12.]),)
    """
    inputs = [tensor_of(x) for x in _several(inputs)]
    if not inputs:
        raise RuntimeError("grad requires non-empty inputs.")
    if not all(isinstance(x, Variable) and x.requires_grad for x in inputs):
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True"
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    retain = create_graph if retain_graph is None else bool(retain_graph)
    if is_grads_batched:
        given: Any = [grad_outputs] if isinstance(grad_outputs, Variable) else grad_outputs
        options: Any = {"allow_unused": allow_unused, "materialize_grads": materialize_grads}
        rows = [
            grad(outputs, inputs, row, True, create_graph, **options)
            for row in zip(*(g.unbind() for g in given), strict=True)
        ]
        stack = vocabulary.tensors.stack
        return tuple(c[0] if c[0] is None else stack(c) for c in zip(*rows, strict=True))
    roots = _roots(outputs, grad_outputs, create_graph)
    captured = _run(roots, retain, create_graph, inputs, accumulate=False)
    results = []
    for x in inputs:
        gradient = captured.get(x if x._node is None else (x._node, x._slot))
        if gradient is None and materialize_grads:
            gradient = np.zeros_like(x.array)
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        if gradient is None or isinstance(gradient, Variable):
            results.append(gradient)
        else:
            results.append(wrap(gradient.copy()))
    return tuple(results)
