"""Pooling layers, and `Upsample`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minnet.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    interpolate,
    max_pool1d,
    max_pool2d,
)
from minnet.nn.convolution import sizes
from minnet.nn.module import Module


class _MaxPool(Module):
    function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        return type(self).function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest elements of windows of one spatial dim. See `MaxPool2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.MaxPool1d(3, stride=2)(minnet.randn(20, 16, 50)).shape
        torch.Size([20, 16, 24])
    """

    function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest elements of windows of two spatial dims.

    Args:
        kernel_size: of the window: a number, or one for each spatial dim, as below.
        stride: how far the window moves; as far as it is large, unless given.
        padding: how many elements that are never the largest come before and behind.
        dilation: how far apart the elements of a window are.
        return_indices: whether their places in the flat spatial dims are returned too.
        ceil_mode: whether a window that is not whole counts at the end.

    Shape:
        input (N, C, H, W), or without N; output (N, C, *windows).

    Example:
        >>> import minnet
        >>> layer = minnet.nn.MaxPool2d(2)
        >>> layer(minnet.randn(2, 16, 28, 28)).shape
        torch.Size([2, 16, 14, 14])
        >>> layer
        MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """

    function = staticmethod(max_pool2d)


class AvgPool1d(Module):
    """The means of windows of one spatial dim. See `AvgPool2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.AvgPool1d(3, stride=2)(minnet.randn(20, 16, 50)).shape
        torch.Size([20, 16, 24])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__()
        self.kernel_size = sizes(kernel_size, 1)
        self.stride = sizes(kernel_size if stride is None else stride, 1)
        self.padding = sizes(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        return avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The means of windows of two spatial dims.

    Args:
        kernel_size: of the window: a number, or one for each spatial dim, as below.
        stride: how far the window moves; as far as it is large, unless given.
        padding: how many zeros come before and behind.
        ceil_mode: whether a window that is not whole counts at the end.
        count_include_pad: whether the padding counts as elements.
        divisor_override: what the sums are divided by, in place of the number of elements.

    Shape:
        input (N, C, H, W), or without N; output (N, C, *windows).

    Example:
        >>> import minnet
        >>> minnet.nn.AvgPool2d(3, stride=2)(minnet.randn(2, 16, 50, 32)).shape
        torch.Size([2, 16, 24, 15])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Any) -> Any:
        return avg_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    extra_repr = AvgPool1d.extra_repr


class _Adaptive(Module):
    function: Callable[..., Any]

    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        return type(self).function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """The means of `output_size` windows that cover one spatial dim.

    Example:
        >>> import minnet
        >>> minnet.nn.AdaptiveAvgPool1d(5)(minnet.randn(2, 64, 8)).shape
        torch.Size([2, 64, 5])
    """

    function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """The means of `output_size` windows that cover two spatial dims.

    `output_size` is a number, or one for each spatial dim; None for as many as there are elements.

    Example:
        >>> import minnet
        >>> minnet.nn.AdaptiveAvgPool2d((None, 7))(minnet.randn(2, 64, 10, 9)).shape
        torch.Size([2, 64, 10, 7])
    """

    function = staticmethod(adaptive_avg_pool2d)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        return type(self).function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest elements of `output_size` windows that cover one spatial dim.

    Example:
        >>> import minnet
        >>> minnet.nn.AdaptiveMaxPool1d(5)(minnet.randn(2, 64, 8)).shape
        torch.Size([2, 64, 5])
    """

    function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The largest elements of `output_size` windows that cover two spatial dims.

    Example:
        >>> import minnet
        >>> minnet.nn.AdaptiveMaxPool2d((5, 7))(minnet.randn(2, 64, 8, 9)).shape
        torch.Size([2, 64, 5, 7])
    """

    function = staticmethod(adaptive_max_pool2d)


class Upsample(Module):
    """The input in another size, each element the nearest of the old ones.

    Args:
        size: the new size: a number, or one for each spatial dim.
        scale_factor: how many times larger it is, in place of `size`.
        mode: "nearest", which is all there is.
        align_corners: None; it belongs to other modes.
        recompute_scale_factor: as `interpolate` takes it.

    Example:
        >>> import minnet
        >>> minnet.nn.Upsample(scale_factor=2)(minnet.randn(2, 3, 4, 5)).shape
        torch.Size([2, 3, 8, 10])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        if isinstance(scale_factor, tuple):
            scale_factor = tuple(map(float, scale_factor))
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor = float(scale_factor) if isinstance(scale_factor, int) else scale_factor
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"
