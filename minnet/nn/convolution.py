"""Convolutional layers, their transposes, and `Unfold` and `Fold`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minnet.creation import empty
from minnet.functional.convolution import (
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    fold,
    unfold,
)
from minnet.functional.padding import pad
from minnet.nn import init
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter
from minnet.size import integer

MODES = ("zeros", "reflect", "replicate", "circular")


def sizes(value: Any, dims: int) -> tuple[int, ...]:
    """Return a number for each spatial dim."""
    return tuple(value) if isinstance(value, Sequence) else (integer(value),) * dims


class _Conv(Module):
    """What the layers have in common."""

    weight: Parameter
    bias: Parameter | None
    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, n in (("in_channels", in_channels), ("out_channels", out_channels)):
            if n % groups:
                raise ValueError(f"{name} must be divisible by groups, got {n} and {groups}")
        if padding_mode not in MODES[: 1 if self.transposed else 4]:
            if self.transposed:
                raise ValueError(
                    f'Only "zeros" padding mode is supported for {type(self).__name__}'
                )
            raise ValueError(
                f"padding_mode must be one of {MODES}, but got padding_mode='{padding_mode}'"
            )
        dims = self.dims
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = sizes(kernel_size, dims)
        self.stride, self.dilation = sizes(stride, dims), sizes(dilation, dims)
        self.padding = padding if isinstance(padding, str) else sizes(padding, dims)
        self.output_padding = (0,) * dims
        self.groups, self.padding_mode = groups, padding_mode
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of 'same' and 'valid'"
                )
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        a, b = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (a, b // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # With a = √5 the bound √3 · √(2/(1 + a²)) / √fan_in is 1/√fan_in, rounded as torch's is.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Any) -> tuple[Any, Any]:
        """Return the input with a border that is no zeros, and the padding that is left to do."""
        if self.padding_mode == "zeros":
            return input, self.padding
        border = []  # the last dim first
        for i in reversed(range(self.dims)):
            if isinstance(self.padding, str):
                n = self.dilation[i] * (self.kernel_size[i] - 1) * (self.padding == "same")
                border += [n // 2, n - n // 2]
            else:
                border += [self.padding[i]] * 2
        return pad(input, border, self.padding_mode), 0

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            if getattr(self, name) != (usual,) * self.dims:
                parts.append(f"{name}={getattr(self, name)}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Conv1d(_Conv):
    """A convolution over one spatial dim: input (N, in_channels, L), or without N. See `Conv2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.Conv1d(16, 33, 3, stride=2)(minnet.randn(20, 16, 50)).shape
        torch.Size([20, 33, 24])
    """

    dims = 1

    def forward(self, input: Any) -> Any:
        x, padding = self._padded(input)
        return conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """A convolution over two spatial dims, y = W ⋆ x + b.

    By default weight and bias are drawn from U(−1/√fan_in, 1/√fan_in), weight first, where fan_in
    = in_channels / groups · kernel height · kernel width.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: a number, or one for each spatial dim, as below.
        stride: how far the kernel moves.
        padding: how much comes before and behind; "valid" for nothing, "same" for as much as keeps
            the size.
        dilation: how far apart the elements are that the kernel reads.
        groups: into how many groups the channels are cut, each with its own kernels.
        bias: whether b is learned; without it there is none.
        padding_mode: "zeros", "reflect", "replicate" or "circular": what the padding is.
        device: where the parameters live.
        dtype: their floating point dtype.

    Shape:
        input (N, in_channels, H, W), or without N; output (N, out_channels, *positions), positions
        = (size + 2 padding − dilation (kernel − 1) − 1) / stride + 1, rounded down; `weight`
        (out_channels, in_channels / groups, *kernel_size); `bias` (out_channels,).

    Raises:
        ValueError: if the groups do not divide the channels, or a padding is not known.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Conv2d(3, 8, 3, padding=1)
        >>> layer(minnet.randn(2, 3, 28, 28)).shape
        torch.Size([2, 8, 28, 28])
        >>> layer
        Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    dims = 2

    def forward(self, input: Any) -> Any:
        x, padding = self._padded(input)
        return conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTranspose(_Conv):
    """What the transposed layers have in common."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        self.output_padding = sizes(output_padding, self.dims)

    def _output_padding(self, input: Any, output_size: Any) -> tuple[int, ...]:
        """Return what has to be added behind for an output of a size.

        Raises:
            ValueError: if no such size is possible.
        """
        dims = self.dims
        if output_size is None:
            return self.output_padding
        if len(output_size) not in (dims, input.ndim):
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.ndim}D input, output_size must have {dims} or "
                f"{input.ndim} elements (got {len(output_size)})"
            )
        numbers = zip(
            input.shape[-dims:], self.stride, self.padding, self.dilation, self.kernel_size,
            strict=True,
        )  # fmt: skip
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in numbers]  # type: ignore[operator]
        more = tuple(m - n for m, n in zip(output_size[-dims:], least, strict=True))
        if any(not 0 <= n < s for n, s in zip(more, self.stride, strict=True)):
            most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"requested an output size of {list(output_size[-dims:])}, but valid sizes range "
                f"from {least} to {most} (for an input of {list(input.shape[-dims:])})"
            )
        return more


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution over one spatial dim. See `ConvTranspose2d`.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.ConvTranspose1d(16, 33, 3, stride=2)
        >>> layer(minnet.randn(20, 16, 50)).shape
        torch.Size([20, 33, 101])
    """

    dims = 1

    def forward(self, input: Any, output_size: Any = None) -> Any:
        return conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding,
            self._output_padding(input, output_size), self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution over two spatial dims: what a `Conv2d`'s gradient goes through.

    It takes the arguments of `Conv2d` in another order, and `output_padding`, which is added to
    the output's size behind. The weight is (in_channels, out_channels / groups, *kernel_size), and
    drawn with the fan_in that torch counts, out_channels / groups · kernel height · kernel width.

    Shape:
        input (N, in_channels, H, W), or without N; output (N, out_channels, *size), size =
        (positions − 1) stride − 2 padding + dilation (kernel − 1) + output_padding + 1.

    Raises:
        ValueError: as `Conv2d`; and when called, if `output_size` is not possible.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1)
        >>> layer(minnet.randn(2, 16, 14, 14)).shape
        torch.Size([2, 3, 28, 28])
    """

    dims = 2

    def forward(self, input: Any, output_size: Any = None) -> Any:
        return conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding,
            self._output_padding(input, output_size), self.groups, self.dilation,
        )  # fmt: skip


class Unfold(Module):
    """The patches that a kernel passes over: (N, C, H, W) → (N, C · kernel, positions).

    Example:
        >>> import minnet
        >>> minnet.nn.Unfold((2, 3))(minnet.randn(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Any) -> Any:
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """The sums of overlapping patches: (N, C · kernel, positions) → (N, C, *output_size).

    Example:
        >>> import minnet
        >>> minnet.nn.Fold((4, 5), (2, 2))(minnet.randn(1, 12, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ):
        super().__init__()
        self.output_size, self.kernel_size, self.dilation = output_size, kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Any) -> Any:
        return fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
