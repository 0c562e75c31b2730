"""`Parameter`: a tensor that a module trains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minnet.creation import empty
from minnet.nn.init.provenance import hand_on
from minnet.tensor import Tensor
from minnet.variable import read_only


def zero_gradients(parameters: Iterable[Tensor]) -> None:
    """Fill the gradients of some tensors with zeros, without a history.

    Raises:
        RuntimeError: if one may not be written to. None has changed then.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    for gradient in gradients:
        if not gradient.array.flags.writeable:
            raise read_only("a gradient")
    for gradient in gradients:
        if gradient.requires_grad:
            gradient.detach_()
        gradient.zero_()


class Parameter(Tensor):
    """A tensor that becomes part of a module's parameters when it is assigned to an attribute.

    It is a leaf, and shares the memory of the tensor that it is made from.

    Args:
        data: the values, of a floating point dtype; an empty tensor if left out.
        requires_grad: whether it is trained.

    Raises:
        TypeError: if `data` is not a tensor.
        RuntimeError: if it is to be trained and its dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.Parameter(minnet.tensor([1.0, 2.0]))
        Parameter containing:
        tensor([1., 2.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter expects a tensor, got {type(data).__name__}; "
                "make one with minnet.tensor(...)"
            )
        if requires_grad and data.array.dtype.kind != "f":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        self = super().__new__(cls)
        self.array = data.array
        self._counter = data.counter()
        self.requires_grad_(requires_grad)
        hand_on(data, self)
        return self

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        """Do nothing: `__new__` has built the parameter."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = copy = type(self)(self.data.clone(), self.requires_grad)
            hand_on(self, copy)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.data, self.requires_grad), self._carried()

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
