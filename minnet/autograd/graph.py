"""What can be done to the graph from outside: nodes, saved tensors, versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet.graph import GradientEdge, Node, RemovableHandle, shown
from minnet.mode import Mode, Switch
from minnet.mode import mode as _mode
from minnet.variable import Variable, edge, wrap

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class saved_tensors_hooks:
    """Call `pack(tensor)` for what a node saves, and `unpack` of its result when backward needs it.

    A context manager. What `unpack` returns stands for the tensor.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([3.0], requires_grad=True)
        >>> seen = []
        >>> pack = lambda t: seen.append(t.item()) or t.numpy().copy()
        >>> with minnet.autograd.graph.saved_tensors_hooks(pack, minnet.from_numpy):
        ...     y = x * x
        >>> y.backward()
        >>> seen, x.grad
        ([3.0, 3.0], tensor([6.]))
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _mode.refused is not None:
            raise RuntimeError(_mode.refused)
        Mode.watched = True
        _mode.saving = (*_mode.saving, (self.pack_hook, self.unpack_hook))

    def __exit__(self, *exception: Any) -> None:
        _mode.saving = _mode.saving[:-1]


class disable_saved_tensors_hooks(Switch):
    """Refuse `saved_tensors_hooks`, with an error of the given message: a context manager.

    Raises:
        RuntimeError: if it is entered inside such hooks.

    Example:
        >>> import minnet
        >>> with minnet.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
        ...     with minnet.autograd.graph.save_on_cpu():
        ...         pass
        Traceback (most recent call last):
        RuntimeError: no hooks here
    """

    def __init__(self, error_message: str):
        super().__init__(refused=error_message)

    def __enter__(self) -> Any:
        if _mode.saving:
            raise RuntimeError(self._values["refused"])
        return super().__enter__()


class save_on_cpu(saved_tensors_hooks):
    """Keep what nodes save in the CPU's memory: a context manager.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([3.0], requires_grad=True)
        >>> with minnet.autograd.graph.save_on_cpu():
        ...     y = x * x
        >>> y.backward()
        >>> x.grad
        tensor([6.])
    """

    def __init__(self, pin_memory: bool = False):
        super().__init__(
            lambda x: (x.device, x.cpu() if x.is_cuda else x.clone()),
            lambda pair: pair[1].to(pair[0]),
        )


def increment_version(tensor: Any) -> None:
    """Note that the memory of a tensor, or of several, was changed from outside.

    Example:
        >>> import minnet
        >>> x = minnet.ones(2)
        >>> minnet.autograd.graph.increment_version(x)
        >>> x._version
        1
    """
    for x in (tensor,) if isinstance(tensor, Variable) else tensor:
        x.bump()


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """Return where the gradient of a tensor goes: `backward` and `grad` take that for the tensor.

    It does not keep the tensor's memory.

    Raises:
        RuntimeError: if the tensor does not require grad.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([3.0], requires_grad=True)
        >>> y = x * x
        >>> edge = minnet.autograd.graph.get_gradient_edge(y)
        >>> minnet.autograd.grad((2 * y).sum(), edge)
        (tensor([2.]),)
    """
    target = edge(tensor)
    if target is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if target is tensor:
        return GradientEdge(shown(target), 0)
    array = tensor.array
    if type(array) is np.ndarray:
        array = np.broadcast_to(np.zeros((), array.dtype), array.shape)
    like = wrap(array)
    like._node, like._slot = target, tensor._slot
    return GradientEdge(shown(target), tensor._slot, like)


class _Handles:
    """What takes several hooks off."""

    def __init__(self, handles: Sequence[RemovableHandle]):
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[[Any], None], *, mode: str = "all"
) -> _Handles:
    """Call `fn` with the gradients of several tensors in each backward.

    Args:
        tensors: tensors that require grad.
        fn: takes a list of gradients, when all have come that come in this backward (None for the
            others); or with `mode="any"` the first that comes.

    Raises:
        ValueError: for another mode.
        RuntimeError: if a tensor does not require grad.

    Example:
        >>> import minnet
        >>> x, y = (minnet.ones(1, requires_grad=True) for _ in range(2))
        >>> handle = minnet.autograd.graph.register_multi_grad_hook([x, y], print)
        >>> (2 * x + 3 * y).sum().backward()
        [tensor([2.]), tensor([3.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    Mode.watched = True
    key = object()
    tensors = list(tensors)
    targets = [edge(x) for x in tensors]

    def hook(i: int, gradient: Any) -> None:
        run = _mode.run
        if key not in run.kept:
            reached = () if mode == "any" else run.reached()
            run.kept[key] = [None] * len(tensors), sum(target in reached for target in targets)
            if mode == "any":
                fn(gradient)
        found, left = run.kept[key]
        found[i] = gradient
        run.kept[key] = found, left - 1
        if left == 1:
            fn(found)

    return _Handles([x.register_hook(partial(hook, i)) for i, x in enumerate(tensors)])
