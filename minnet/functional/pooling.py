"""Pooling: the largest or the mean element of windows; and `interpolate`, whose windows are one.

A window of several dims is a product of windows of one, so all goes dim by dim, the last first: the
order in which a mean's elements are added, and in which the first of equal elements is the largest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np

from minnet import kernels
from minnet.functional.arithmetic import only_floating
from minnet.functional.convolution import Sizes, each, is_batched
from minnet.functional.reduce import mean
from minnet.operation import Tensor, composite, operation


class Windows(NamedTuple):
    """The windows of a dim: element k of window i is at `starts[i] + k * step`, if that is inside.

    What is inside is listed as slices where that is possible, else as arrays.
    """

    number: int
    starts: np.ndarray
    step: int
    first: np.ndarray  # which element is the first inside
    elements: tuple[tuple[Any, Any], ...]  # of each k: the windows where it is inside, and where
    sizes: np.ndarray  # how many are inside

    def __repr__(self) -> str:
        return f"Windows({self.sizes.tolist()})"


def _run(at: np.ndarray) -> Any:
    """Return places as a slice, where they are one."""
    step = int(at[1] - at[0]) if len(at) > 1 else 1
    if len(at) and step > 0 and (np.diff(at) == step).all():
        return slice(int(at[0]), int(at[-1]) + 1, step)
    return at


def _windows(starts: np.ndarray, ends: Any, step: int, length: int, n: int) -> Windows:
    """Return the windows of at most `length` elements of n that end before `ends`."""
    at = starts[:, None] + step * np.arange(length)
    inside = (at >= 0) & (at < n) & (at < np.reshape(ends, (-1, 1)))
    if at.size and not inside.any(1).all():
        raise RuntimeError("a window lies in the padding alone: take a smaller padding")
    rows = [np.flatnonzero(column) for column in inside.T]
    elements = tuple((_run(r), _run(at[r, k])) for k, r in enumerate(rows))
    first = inside.argmax(1) if at.size else starts
    return Windows(len(starts), starts, step, first, elements, inside.sum(1))


@lru_cache(256)
def _sliding(
    n: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> tuple[Windows, np.ndarray]:
    """Return the windows of a kernel, and how many elements each has, with those of the padding."""
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= n + padding:
        count -= 1  # it would begin behind the padding
    starts = np.arange(max(count, 0)) * stride - padding
    sizes = np.minimum(starts + kernel, n + padding) - starts
    return _windows(starts, n, dilation, kernel, n), sizes


@lru_cache(256)
def _adaptive(n: int, count: int) -> Windows:
    """Return `count` windows that cover n elements, as evenly as integers allow."""
    i = np.arange(count)
    starts, ends = i * n // max(count, 1), -(-(i + 1) * n // max(count, 1))
    return _windows(starts, ends, 1, (ends - starts).max(initial=0), n)


@lru_cache(256)
def _nearest(n: int, count: int, scale: float) -> Windows:
    at = (np.arange(count, dtype=np.float32) * np.float32(scale)).astype(np.int64)
    return _windows(np.minimum(at, n - 1), n, 1, 1, n)


def _key(at: Any, axis: int) -> Any:
    return (..., at, *[slice(None)] * (-1 - axis))


def _shape_of_pooled(shapes: Any, windows: tuple[Windows, ...]) -> tuple[int, ...]:
    return (*shapes[0][: -len(windows)], *(w.number for w in windows))


def _max_back(V: Any, dy: Any, kept: Any, shapes: Any) -> Any:
    size = math.prod(shapes[0])
    return V.reshape(V.scattered(V.reshape(dy[0], (-1,)), (kept,), (size,)), shapes[0])


@operation(
    lambda name: name,
    _max_back,
    several=True,
    keeps="constant",
    where="",
    shape=lambda shapes, windows: (_shape_of_pooled(shapes, windows),) * 2,
)
def max_pooled(input: Tensor, windows: tuple[Windows, ...], name: str, keep: bool = False) -> Any:
    """Return the largest elements of windows, and their places in the flat spatial dims."""
    best, at, stride = input, None, 1
    for axis in range(-1, -1 - len(windows), -1):
        w, values = windows[axis], best
        column = (-1, *[1] * (-1 - axis))  # a number for each window, beside the dims behind
        best = values.take(w.starts + w.step * w.first, axis)
        # Which element is the largest: the numbers only grow, so that a maximum can set them.
        number = np.zeros(best.shape, np.min_scalar_type(len(w.elements)))
        number += w.first.reshape(column).astype(number.dtype)
        for k, (rows, place) in enumerate(w.elements[1:], 1):
            key = _key(rows, axis)
            value, old = values[_key(place, axis)], best[key]
            larger = (value > old) | (value != value)  # a NaN is larger than all
            best[key] = np.maximum(old, value)  # of 0 and -0 either: only the place counts
            number[key] = np.maximum(number[key], larger * number.dtype.type(k))
        place = w.starts.reshape(column) + w.step * number.astype(np.int64)
        at = place if at is None else place * stride + np.take_along_axis(at, place, axis)
        stride *= input.shape[axis]
    flat = at.reshape(-1, max(math.prod(at.shape[-len(windows) :]), 1))  # type: ignore[union-attr]
    flat = (flat + stride * np.arange(len(flat))[:, None]).reshape(-1)
    return (input.reshape(-1).take(flat).reshape(at.shape), at), flat  # type: ignore[union-attr]


@operation(
    lambda name: name,
    lambda V, dy, windows, divisor, name, shapes: V.window_spread(
        dy, windows, divisor, name, shapes[0]
    ),
    where="",
    shape=_shape_of_pooled,
)
def window_means(input: Tensor, windows: tuple[Windows, ...], divisor: Any, name: str) -> Tensor:
    """Return the sums of windows, divided by `divisor`."""
    x = input
    for axis in range(-1, -1 - len(windows), -1):
        shape = list(x.shape)
        shape[axis] = windows[axis].number
        total = kernels.zeros(tuple(shape), x)
        for rows, at in windows[axis].elements:
            total[_key(rows, axis)] += x[_key(at, axis)]
        x = total
    return x / divisor.astype(x.dtype)


@operation(
    lambda name: name,
    lambda V, dy, windows, divisor, name: V.window_means(dy, windows, divisor, name),
    where="",
)
def window_spread(
    input: Tensor, windows: tuple[Windows, ...], divisor: Any, name: str, shape: tuple[int, ...]
) -> Tensor:
    """Return the adjoint of `window_means`."""
    x = input / divisor.astype(input.dtype)
    for axis in range(-len(windows), 0):
        size = list(x.shape)
        size[axis] = shape[axis]
        total = kernels.zeros(tuple(size), x)
        for rows, at in windows[axis].elements:
            if isinstance(at, slice):
                total[_key(at, axis)] += x[_key(rows, axis)]
            else:  # windows may share an element
                np.add.at(total, _key(at, axis), x[_key(rows, axis)])
        x = total
    return x


# What users call


def _passing(
    name: str, dims: int, input: Tensor, kernel_size: Sizes, stride: Sizes | None, padding: Sizes,
    dilation: Sizes, ceil_mode: bool,
) -> tuple[tuple[Windows, ...], list[np.ndarray]]:  # fmt: skip
    """Return the windows of a kernel over the spatial dims, and their sizes with the padding.

    Raises:
        RuntimeError: if the numbers are out of range, or there is no window.
    """
    is_batched(name, input, dims)
    kernel, pads = each("kernel_size", kernel_size, dims, 1), each("padding", padding, dims)
    apart = each("dilation", dilation, dims, 1)
    steps = kernel if stride is None else each("stride", stride, dims, 1)
    for p, k, d in zip(pads, kernel, apart, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, "
                f"kernel_size={k} and dilation={d}"
            )
    shape = input.array.shape
    numbers = zip(shape[-dims:], kernel, steps, pads, apart, strict=True)
    found = [_sliding(*five, bool(ceil_mode)) for five in numbers]
    windows = tuple(w for w, _ in found)
    if not all(w.number for w in windows):
        sizes = shape[-1 - dims :], (shape[-1 - dims], *(w.number for w in windows))
        given, calculated = ("x".join(map(str, size)) for size in sizes)
        raise RuntimeError(
            f"Given input size: ({given}). Calculated output size: ({calculated}). Output size is "
            f"too small: {name} needs an input as large as its kernel"
        )
    return windows, [sizes for _, sizes in found]


def _evenly(name: str, dims: int, input: Tensor, output_size: Any) -> tuple[Windows, ...]:
    """Return as many windows as are asked for, of the spatial dims.

    Raises:
        RuntimeError: if the numbers are out of range.
    """
    is_batched(name, input, dims)
    given = output_size if isinstance(output_size, Sequence) else (output_size,) * dims
    shape = input.array.shape[-dims:]
    if len(given) != dims:
        raise RuntimeError(f"{name}: output_size must have {dims} elements, got {given}")
    counts = [n if k is None else k for n, k in zip(shape, given, strict=True)]
    each(f"output_size of {name}", counts, dims)
    if not all(shape):
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(input.array.shape)}"
        )
    return tuple(_adaptive(n, count) for n, count in zip(shape, counts, strict=True))


def _max_pool(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, return_indices: bool,
) -> Any:  # fmt: skip
    name = f"max_pool{dims}d"
    windows, _ = _passing(name, dims, input, kernel_size, stride, padding, dilation, ceil_mode)
    node = "SqueezeBackward1" if dims == 1 else f"MaxPool{dims}DWithIndicesBackward0"
    found = max_pooled(input, windows, node)
    return found if return_indices else found[0]


@composite(where="minnet F")
def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest elements of windows of one spatial dim. See `max_pool2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.max_pool1d(minnet.tensor([[3.0, 1.0, 2.0, 4.0]]), 2)
        tensor([[3., 4.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite(where="minnet F")
def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest elements of windows of two spatial dims; the first of equals takes the
    gradient.

    Args:
        input: (N, C, H, W), or without N.
        kernel_size: of the window: a number, or one for each spatial dim, as below.
        stride: how far the window moves; as far as it is large, unless given.
        padding: how many elements that are never the largest come before and behind.
        dilation: how far apart the elements of a window are.
        ceil_mode: whether a window that is not whole counts at the end.
        return_indices: whether the places in the flat spatial dims are returned too, in int64.

    Returns:
        (N, C, *windows), as many as a convolution has positions; with its indices, if asked for.

    Raises:
        RuntimeError: if the numbers are out of range or there is no window.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]])
        >>> minnet.nn.functional.max_pool2d(x, 2, stride=1, return_indices=True)
        (tensor([[[4., 5.]]]), tensor([[[3, 2]]]))
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: Any = None,
) -> Tensor:  # fmt: skip
    name = f"avg_pool{dims}d"
    only_floating(input.array, name)
    windows, sizes = _passing(name, dims, input, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    if divisor_override is not None:
        sizes = [np.array(divisor_override)]
    elif not count_include_pad:
        sizes = [w.sizes for w in windows]
    node = "SqueezeBackward1" if dims == 1 else f"AvgPool{dims}DBackward0"
    return window_means(input, windows, reduce(np.multiply.outer, sizes), node)


@composite(where="minnet F")
def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the means of windows of one spatial dim. See `avg_pool2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.avg_pool1d(minnet.tensor([[3.0, 1.0, 2.0, 4.0]]), 2)
        tensor([[2., 3.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


@composite(where="F")
def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the means of windows of two spatial dims.

    Args:
        input: (N, C, H, W), or without N.
        kernel_size: as in `max_pool2d`.
        stride: as in `max_pool2d`.
        padding: how many zeros come before and behind.
        ceil_mode: as in `max_pool2d`.
        count_include_pad: whether the padding counts as elements.
        divisor_override: what the sums are divided by, in place of the number of elements.

    Raises:
        RuntimeError: if the numbers are out of range or there is no window.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[[1.0, 2.0, 5.0], [4.0, 3.0, 0.0]]])
        >>> minnet.nn.functional.avg_pool2d(x, 2, stride=1)
        tensor([[[2.5000, 2.5000]]])
    """
    return _avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _adaptive_avg_pool(dims: int, input: Tensor, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{dims}d"
    only_floating(input.array, name)
    windows = _evenly(name, dims, input, output_size)
    if all(w.number == 1 for w in windows):
        return mean(input, tuple(range(-dims, 0)), True)
    node = "SqueezeBackward1" if dims == 1 else f"AdaptiveAvgPool{dims}DBackward0"
    sizes = reduce(np.multiply.outer, [w.sizes for w in windows])
    return window_means(input, windows, sizes, node)


@composite(where="minnet F")
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of as many windows as asked for, of one dim. See `adaptive_avg_pool2d`.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.adaptive_avg_pool1d(minnet.tensor([[3.0, 1.0, 2.0]]), 2)
        tensor([[2.0000, 1.5000]])
    """
    return _adaptive_avg_pool(1, input, output_size)


@composite(where="F")
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of as many windows as asked for: window i of k covers n elements from i n /
    k, rounded down, to (i + 1) n / k, rounded up.

    Args:
        input: (N, C, H, W), or without N.
        output_size: a number, or one for each spatial dim; None for as many as there are elements.

    Raises:
        RuntimeError: if the numbers are out of range, or a spatial dim is empty.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.adaptive_avg_pool2d(minnet.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 1)
        tensor([[[2.5000]]])
    """
    return _adaptive_avg_pool(2, input, output_size)


def _adaptive_max_pool(dims: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    windows = _evenly(f"adaptive_max_pool{dims}d", dims, input, output_size)
    node = "SqueezeBackward1" if dims == 1 else f"AdaptiveMaxPool{dims}DBackward0"
    found = max_pooled(input, windows, node)
    return found if return_indices else found[0]


@composite(where="F")
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the largest elements of the windows of `adaptive_avg_pool1d`.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.adaptive_max_pool1d(minnet.tensor([[3.0, 1.0, 2.0]]), 2)
        tensor([[3., 2.]])
    """
    return _adaptive_max_pool(1, input, output_size, return_indices)


@composite(where="F")
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the largest elements of the windows of `adaptive_avg_pool2d`, as `max_pool2d` does.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.adaptive_max_pool2d(minnet.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 1)
        tensor([[[4.]]])
    """
    return _adaptive_max_pool(2, input, output_size, return_indices)


@composite(where="F")
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Return an input of another size, each element the nearest of the old ones.

    Args:
        input: (N, C, *sizes), with 1 to 3 spatial dims.
        size: the new size: a number, or one for each spatial dim.
        scale_factor: how many times larger it is, in place of `size`.
        mode: "nearest", which is all there is.
        align_corners: None; it belongs to other modes.
        recompute_scale_factor: whether elements are found by the sizes' quotient, and not by
            `scale_factor`.
        antialias: False; it belongs to other modes.

    Raises:
        ValueError: unless one of `size` and `scale_factor` is given, or for options of other modes.
        NotImplementedError: for another mode or number of dims.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.interpolate(minnet.tensor([[[1.0, 2.0]]]), scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    shape = input.array.shape[2:]
    if mode != "nearest" or not 1 <= len(shape) <= 3:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported for the mode: nearest (got "
            f"{input.array.ndim}D and {mode})"
        )
    if align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if antialias:
        raise ValueError("Anti-alias option is only supported for bilinear and bicubic modes")
    if (size is None) == (scale_factor is None):
        given = "only one of" if size is not None else "either"
        raise ValueError(f"{given} size or scale_factor should be defined")
    if size is not None:
        counts = each("size", size, len(shape), 1)
    else:
        factors = (
            scale_factor if isinstance(scale_factor, Sequence) else [scale_factor] * len(shape)
        )
        if len(factors) != len(shape):
            raise ValueError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got "
                f"input with spatial dimensions of {list(shape)} and scale_factor of shape "
                f"{list(factors)}"
            )
        counts = tuple(int(n * float(f)) for n, f in zip(shape, factors, strict=True))
    scales = [n / k if k else 0.0 for n, k in zip(shape, counts, strict=True)]
    if size is None and not recompute_scale_factor:
        scales = [1 / float(f) for f in factors]
    windows = tuple(map(_nearest, shape, counts, scales))
    return window_means(input, windows, np.ones(()), f"UpsampleNearest{len(shape)}DBackward0")
