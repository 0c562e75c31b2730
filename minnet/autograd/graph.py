"""What can be done to the graph from outside: nodes, saved tensors, versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minnet.graph import Node
from minnet.mode import Mode, mode
from minnet.variable import Variable

__all__ = ["Node", "increment_version", "save_on_cpu", "saved_tensors_hooks"]


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
        Mode.watched = True
        mode.saving = (*mode.saving, (self.pack_hook, self.unpack_hook))

    def __exit__(self, *exception: Any) -> None:
        mode.saving = mode.saving[:-1]


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
