"""Padding layers: a border before and behind each spatial dim."""

from __future__ import annotations

from typing import Any

from minnet.functional.padding import pad
from minnet.nn.convolution import sizes
from minnet.nn.module import Module


class _Pad(Module):
    dims: int
    mode = "constant"

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = sizes(padding, 2 * self.dims)

    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of one number: one size for all sides, or (before, behind).

    Example:
        >>> import minnet
        >>> minnet.nn.ConstantPad1d(1, 7.0)(minnet.tensor([[1.0, 2.0, 3.0]]))
        tensor([[7., 1., 2., 3., 7.]])
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """A border of one number: one size for all sides, or (left, right, above, below).

    Example:
        >>> import minnet
        >>> minnet.nn.ConstantPad2d((1, 1, 2, 0), 0.5)(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 6, 7])
    """

    dims = 2


class ZeroPad1d(_Pad):
    """A border of zeros: one size for all sides, or (before, behind).

    Example:
        >>> import minnet
        >>> minnet.nn.ZeroPad1d((2, 0))(minnet.tensor([[1.0, 2.0, 3.0]]))
        tensor([[0., 0., 1., 2., 3.]])
    """

    dims = 1


class ZeroPad2d(_Pad):
    """A border of zeros: one size for all sides, or (left, right, above, below).

    Example:
        >>> import minnet
        >>> minnet.nn.ZeroPad2d((1, 1, 2, 0))(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 6, 7])
    """

    dims = 2


class ReflectionPad1d(_Pad):
    """A border that mirrors what is at the edge: one size for all sides, or (before, behind).

    Example:
        >>> import minnet
        >>> minnet.nn.ReflectionPad1d(2)(minnet.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    dims = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """A border that mirrors what is at the edge: one size for all, or (left, right, above, below).

    Example:
        >>> import minnet
        >>> minnet.nn.ReflectionPad2d((1, 1, 2, 0))(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 6, 7])
    """

    dims = 2
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """A border that repeats the edge: one size for all sides, or (before, behind).

    Example:
        >>> import minnet
        >>> minnet.nn.ReplicationPad1d(1)(minnet.tensor([[1.0, 2.0, 3.0]]))
        tensor([[1., 1., 2., 3., 3.]])
    """

    dims = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """A border that repeats the edge: one size for all sides, or (left, right, above, below).

    Example:
        >>> import minnet
        >>> minnet.nn.ReplicationPad2d((1, 1, 2, 0))(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 6, 7])
    """

    dims = 2
    mode = "replicate"


class CircularPad1d(_Pad):
    """A border that goes on at the other side: one size for all sides, or (before, behind).

    Example:
        >>> import minnet
        >>> minnet.nn.CircularPad1d(1)(minnet.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 1., 2., 3., 1.]])
    """

    dims = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """A border that goes on at the other side: one size for all, or (left, right, above, below).

    Example:
        >>> import minnet
        >>> minnet.nn.CircularPad2d((1, 1, 2, 0))(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 6, 7])
    """

    dims = 2
    mode = "circular"
