"""Convolutions: products of gathered patches; their transposes; `unfold` and `fold`.

A convolution is linear in its input and in its weight, and so are the three operations that follow:
each is the slope of the others. They go over blocks of samples whose patches stay in the cache, and
never hold all patches at once.

The order contract: an element of a convolution is one chain of fmas over (channel, offset in the
kernel), as in `matmul`, and one of a weight's gradient is a chain over (sample, position). An
element of a transposed convolution is the sum, in the order of the offsets, of chains over the
channels. A bias is added at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minnet import dtypes, kernels
from minnet.functional.arithmetic import check_tensors, only_floating
from minnet.functional.padding import pad
from minnet.functional.shape import squeeze, unsqueeze
from minnet.kernels.buffers import empty
from minnet.operation import Tensor, composite, operation
from minnet.size import integer

BLOCK = 1 << 19  # bytes of a group's patches at once: they stay in the L2 cache

Sizes: TypeAlias = int | Sequence[int]


class Geometry(NamedTuple):
    """How a kernel passes over an input: a number for each spatial dim, and the groups."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def extents(self, kernel: Sequence[int]) -> tuple[int, ...]:
        """Return how much of the input a kernel covers."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, kernel, strict=True))

    def padded(self, size: Sequence[int]) -> tuple[int, ...]:
        """Return the size of the input with its padding."""
        return tuple(n + 2 * p for n, p in zip(size, self.padding, strict=True))

    def positions(self, size: Sequence[int], kernel: Sequence[int]) -> tuple[int, ...]:
        """Return how many positions a kernel takes."""
        sizes = zip(self.padded(size), self.extents(kernel), self.stride, strict=True)
        return tuple((n - extent) // s + 1 for n, extent, s in sizes)

    def inner(self, x: Any) -> Any:
        """Return the view of a padded array without the padding."""
        pads = zip(self.padding, x.shape[2:], strict=True)
        return x[(..., *(slice(p, n - p) for p, n in pads))]

    def windows(self, x: np.ndarray, kernel: Sequence[int], writeable: bool = False) -> np.ndarray:
        """Return the view of a padded array: (N, C, *positions, *kernel)."""
        axes = tuple(range(2, x.ndim))
        view: Any = sliding_window_view(x, self.extents(kernel), axes, writeable=writeable)
        steps = [slice(None, None, step) for step in (*self.stride, *self.dilation)]
        return view[(..., *steps)]


def _padded(x: np.ndarray, g: Geometry) -> np.ndarray:
    if not any(g.padding):
        return x
    out = kernels.zeros((*x.shape[:2], *g.padded(x.shape[2:])), x)
    g.inner(out)[...] = x
    return out


def _scatter(columns: np.ndarray, windows: np.ndarray) -> None:
    """Add patches (N, C, *kernel, *positions) to where they are from."""
    dims = windows.ndim // 2 - 1
    for offset in np.ndindex(windows.shape[2 + dims :]):
        windows[(..., *offset)] += columns[(slice(None), slice(None), *offset)]


def _blocks(n: int, size: int) -> Iterator[slice]:
    """Cut n samples, of which each has patches of `size` bytes, into blocks."""
    step = max(1, BLOCK // max(size, 1))
    return (slice(i, min(i + step, n)) for i in range(0, n, step))


def _columns(
    x: np.ndarray, kernel: Sequence[int], g: Geometry
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield blocks of samples, and of each the patches: (groups, C / groups · K, samples · L)."""
    windows = g.windows(_padded(x, g), kernel)
    dims, depth = len(kernel), x.shape[1] // g.groups * math.prod(kernel)
    order = (1, *range(2 + dims, 2 + 2 * dims), 0, *range(2, 2 + dims))
    for block in _blocks(len(x), windows[:1].nbytes // g.groups):
        patches = np.ascontiguousarray(windows[block].transpose(order))
        yield block, patches.reshape(g.groups, depth, math.prod(patches.shape[1 + dims :]))


def _rows(y: np.ndarray, groups: int) -> np.ndarray:
    """Return samples (N, C, *positions) as (groups, C / groups, N · L): a view of a single one."""
    n, channels, *positions = y.shape
    rows = np.ascontiguousarray(y.swapaxes(0, 1))
    return rows.reshape(groups, channels // groups, n * math.prod(positions))


def _biased(out: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    if bias is not None:
        out += bias.reshape(-1, *[1] * (out.ndim - 2))
    return out


def _bias_back(V: Any, dy: Any) -> Any:
    return V.sum(dy, (0, *range(2, dy.ndim)))


@operation(
    "ConvolutionBackward0",
    lambda V, dy, weight, geometry, shapes: V.transposed_convolution(
        dy, weight, None, geometry, shapes[0][2:]
    ),
    lambda V, dy, input, geometry, shapes: V.convolution_weight(
        dy, input, geometry, shapes[1][2:]
    ),
    _bias_back,
    optional="bias",
    numbers=False,
    where="",
    shape=lambda shapes, geometry: (
        shapes[0][0], shapes[1][0], *geometry.positions(shapes[0][2:], shapes[1][2:])
    ),
)  # fmt: skip
def convolution(input: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """x: (N, C, *size)  weight: (O, C / groups, *kernel)  bias: (O,)  ->  (N, O, *positions)"""
    kernel, (o, g) = weight.shape[2:], (len(weight), geometry.groups)
    matmul = kernels.of(input).matmul
    out = empty((len(input), o, *geometry.positions(input.shape[2:], kernel)), input.dtype)
    w = weight.reshape(g, o // g, math.prod(weight.shape[1:]))
    for block, columns in _columns(input, kernel, geometry):
        part = out[block]
        # The products of a single sample go to where they belong.
        y = part[0] if len(part) == 1 else np.empty((o, columns.shape[-1]), w.dtype)
        products = y.reshape(g, o // g, columns.shape[-1])
        for i in range(g):
            matmul(w[i], columns[i], out=products[i])
        if len(part) > 1:
            part[...] = y.reshape(o, len(part), *out.shape[2:]).swapaxes(0, 1)
        _biased(part, bias)
    return out


@operation(
    "ConvolutionBackward0",
    lambda V, dy, weight, geometry: V.convolution(dy, weight, None, geometry),
    lambda V, dy, input, geometry, shapes: V.convolution_weight(input, dy, geometry, shapes[1][2:]),
    _bias_back,
    optional="bias",
    numbers=False,
    where="",
    shape=lambda shapes, geometry, size: (shapes[0][0], shapes[1][1] * geometry.groups, *size),
)
def transposed_convolution(
    input: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, size: tuple[int, ...]
) -> Tensor:
    """The adjoint in the input: (N, O, *positions), (O, C / groups, *kernel) -> (N, C, *size)"""
    kernel, g = weight.shape[2:], geometry.groups
    channels, positions = weight.shape[1] * g, input.shape[2:]
    matmul = kernels.of(input).matmul
    x = kernels.zeros((len(input), channels, *geometry.padded(size)), input)
    windows = geometry.windows(x, kernel, writeable=True)
    w = weight.reshape(g, len(weight) // g, math.prod(weight.shape[1:]))
    for block in _blocks(len(input), windows[:1].nbytes // g):
        y = _rows(input[block], g)
        columns = np.empty((g, w.shape[2], y.shape[2]), x.dtype)
        for i in range(g):
            matmul(w[i].T, y[i], out=columns[i])
        patches = columns.reshape(channels, *kernel, -1, *positions)
        _scatter(np.moveaxis(patches, 1 + len(kernel), 0), windows[block])
    return _biased(kernels.contiguous(geometry.inner(x)), bias)


@operation(
    "ConvolutionBackwardBackward0",
    lambda V, dy, input, geometry: V.convolution(input, dy, None, geometry),
    lambda V, dy, output, geometry, shapes: V.transposed_convolution(
        output, dy, None, geometry, shapes[1][2:]
    ),
    where="",
    shape=lambda shapes, geometry, kernel: (
        shapes[0][1], shapes[1][1] // geometry.groups, *kernel
    ),
)  # fmt: skip
def convolution_weight(
    output: Tensor, input: Tensor, geometry: Geometry, kernel: tuple[int, ...]
) -> Tensor:
    """The adjoint in the weight: (N, O, *positions), (N, C, *size) -> (O, C / groups, *kernel)"""
    o, g, channels = output.shape[1], geometry.groups, input.shape[1]
    matmul = kernels.of(input).matmul
    weight = kernels.zeros((o, channels // g, *kernel), input)
    w = weight.reshape(g, o // g, math.prod(weight.shape[1:]))
    for block, columns in _columns(input, kernel, geometry):
        y = _rows(output[block], g)
        for i in range(g):
            matmul(y[i], columns[i].T, out=w[i], accumulate=True)
    return weight


@operation(
    "Im2ColBackward0",
    lambda V, dy, geometry, kernel, shapes: V.folded(dy, geometry, kernel, shapes[0][2:]),
    where="",
    shape=lambda shapes, geometry, kernel: (
        shapes[0][0],
        shapes[0][1] * math.prod(kernel),
        math.prod(geometry.positions(shapes[0][2:], kernel)),
    ),
)
def unfolded(input: Tensor, geometry: Geometry, kernel: tuple[int, ...]) -> Tensor:
    """Return the patches: (N, C, *size) -> (N, C · K, L)"""
    windows, d = geometry.windows(_padded(input, geometry), kernel), len(kernel)
    order = (0, 1, *range(2 + d, 2 + 2 * d), *range(2, 2 + d))
    shape = unfolded.operation.shape([input.shape], geometry, kernel)
    return np.ascontiguousarray(windows.transpose(order)).reshape(shape)


@operation(
    "Col2ImBackward0",
    lambda V, dy, geometry, kernel: V.unfolded(dy, geometry, kernel),
    where="",
    shape=lambda shapes, kernel, size: (
        shapes[0][0], shapes[0][1] // math.prod(kernel), *size
    ),
)  # fmt: skip
def folded(
    input: Tensor, geometry: Geometry, kernel: tuple[int, ...], size: tuple[int, ...]
) -> Tensor:
    """Return the sums of the patches where they overlap: the adjoint of `unfolded`."""
    n, channels = len(input), input.shape[1] // math.prod(kernel)
    x = kernels.zeros((n, channels, *geometry.padded(size)), input)
    patches = input.reshape(n, channels, *kernel, *geometry.positions(size, kernel))
    _scatter(patches, geometry.windows(x, kernel, writeable=True))
    return kernels.contiguous(geometry.inner(x))


# What users call


def each(name: str, value: Sizes, dims: int, least: int = 0) -> tuple[int, ...]:
    """Return a number for each spatial dim.

    Raises:
        RuntimeError: if there are neither one nor `dims` of them, or one is below `least`.
        TypeError: if one is no integer.
    """
    given = tuple(map(integer, value)) if isinstance(value, Sequence) else (integer(value),)
    if len(given) not in (1, dims):
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {dims} values to match the "
            f"convolution dimensions, but got {name}={list(given)}"
        )
    if min(given) < least:
        what = "negative" if least == 0 else "non-positive"
        raise RuntimeError(f"{what} {name} is not supported, got {value}")
    return given if len(given) == dims else given * dims


def is_batched(name: str, input: Tensor, dims: int) -> bool:
    """Return whether there is a batch before the channels and `dims` spatial dims.

    Raises:
        RuntimeError: if there is another number of dims.
    """
    ndim = input.array.ndim
    if ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input.array.shape)}"
        )
    return ndim == dims + 2


def _on_a_batch(function: Any, name: str, input: Tensor, dims: int, *others: Any) -> Tensor:
    """Return what a function of a batch gives for an input that may be without one."""
    if is_batched(name, input, dims):
        return function(input, *others)
    return squeeze(function(unsqueeze(input, 0), *others), 0)


def _checked(
    name: str, dims: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int
) -> None:
    """Check that the tensors fit each other.

    Raises:
        TypeError, RuntimeError: if they do not.
    """
    check_tensors(name, "bias", input=input, weight=weight, bias=bias)
    is_batched(name, input, dims)
    transposed = "transpose" in name
    x, w = input.array.shape, weight.array.shape
    if len(w) != dims + 2:
        raise RuntimeError(f"{name} expects a weight of {dims + 2} dims, got shape {list(w)}")
    if groups <= 0:
        raise RuntimeError(f"non-positive groups is not supported, got {groups}")
    if w[0] % groups or not w[0]:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {list(w)} instead"
        )
    channels, outputs = (w[0], w[1] * groups) if transposed else (w[1] * groups, w[0])
    how = "transposed=1" if transposed else f"groups={groups}"
    if x[-1 - dims] != channels:
        raise RuntimeError(
            f"Given {how}, weight of size {list(w)}, expected input{list(x)} to have {channels} "
            f"channels, but got {x[-1 - dims]} channels instead"
        )
    if bias is not None and bias.array.shape != (outputs,):
        raise RuntimeError(
            f"Given {how}, weight of size {list(w)}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {list(bias.array.shape)} instead"
        )
    for what, other in (("weight", weight), ("bias", bias)):
        if other is not None and other.array.dtype != input.array.dtype:
            raise RuntimeError(
                f"Input type ({dtypes.of(input.array).tensor_type}) and {what} type "
                f"({dtypes.of(other.array).tensor_type}) should be the same"
            )
    only_floating(input.array, name)


def _fits(size: Sequence[int], kernel: Sequence[int], geometry: Geometry) -> None:
    padded, extents = geometry.padded(size), geometry.extents(kernel)
    if any(n < extent for n, extent in zip(padded, extents, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel "
            f"size: ({' x '.join(map(str, extents))}). Kernel size can't be greater than actual "
            "input size"
        )


def _convolved(
    name: str, input: Tensor, weight: Tensor, bias: Tensor | None,
    stride: Sizes, padding: Sizes | str, dilation: Sizes, groups: int,
) -> Tensor:  # fmt: skip
    dims = int(name[-2])
    _checked(name, dims, input, weight, bias, groups)
    steps, apart = each("stride", stride, dims, 1), each("dilation", dilation, dims, 1)
    kernel = weight.array.shape[2:]
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: {padding!r}; take 'same' or 'valid'")
        total = [d * (k - 1) * (padding == "same") for d, k in zip(apart, kernel, strict=True)]
        if padding == "same" and max(steps) > 1:
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        padding = tuple(n // 2 for n in total)
        if any(n % 2 for n in total):  # one more behind
            input = pad(input, [side for n in reversed(total) for side in (0, n % 2)])
    geometry = Geometry(steps, each("padding", padding, dims), apart, groups)
    _fits(input.array.shape[-dims:], kernel, geometry)
    return _on_a_batch(convolution, name, input, dims, weight, bias, geometry)


def _unconvolved(
    name: str, input: Tensor, weight: Tensor, bias: Tensor | None,
    stride: Sizes, padding: Sizes, output_padding: Sizes, groups: int, dilation: Sizes,
) -> Tensor:  # fmt: skip
    dims = int(name[-2])
    _checked(name, dims, input, weight, bias, groups)
    geometry = Geometry(
        each("stride", stride, dims, 1),
        each("padding", padding, dims),
        each("dilation", dilation, dims, 1),
        groups,
    )
    more = each("output_padding", output_padding, dims)
    if any(n >= s for n, s in zip(more, geometry.stride, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than stride, but got output_padding={list(more)} and "
            f"stride={list(geometry.stride)}"
        )
    extents = geometry.extents(weight.array.shape[2:])
    sizes = zip(input.array.shape[-dims:], *geometry[:2], extents, more, strict=True)
    size = tuple((n - 1) * s - 2 * p + extent + o for n, s, p, extent, o in sizes)
    if min(size) <= 0:
        raise RuntimeError(
            f"Given input size per channel: {list(input.array.shape[-dims:])}. Calculated output "
            f"size per channel: {list(size)}. Output size is too small"
        )
    return _on_a_batch(transposed_convolution, name, input, dims, weight, bias, geometry, size)


@composite(where="minnet F")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return the convolution with a weight, over one spatial dim. See `conv2d`.

    Example:
        >>> import minnet
        >>> x, w = minnet.tensor([[[1.0, 2.0, 4.0]]]), minnet.tensor([[[-1.0, 1.0]]])
        >>> minnet.nn.functional.conv1d(x, w)
        tensor([[[1., 2.]]])
    """
    return _convolved("conv1d", input, weight, bias, stride, padding, dilation, groups)


@composite(where="minnet F")
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return the convolution (which does not flip the kernel) with a weight, over two spatial dims.

    Args:
        input: (N, in_channels, H, W), or without N.
        weight: (out_channels, in_channels / groups, kernel height, kernel width).
        bias: (out_channels,), or None.
        stride: how far the kernel moves: a number, or one for each spatial dim, as below.
        padding: how many zeros come before and behind; "valid" for none, "same" for as many as
            keep the size.
        dilation: how far apart the elements are that the kernel reads.
        groups: into how many groups the channels are cut, each with its own kernels.

    Returns:
        (N, out_channels, *positions), positions = (size + 2 padding - dilation (kernel - 1) - 1) /
        stride + 1, rounded down.

    Raises:
        RuntimeError: if the shapes do not fit, the dtypes differ, or a number is out of range.

    Example:
        >>> import minnet
        >>> x, w = minnet.ones(8, 3, 28, 28), minnet.ones(16, 3, 5, 5)
        >>> minnet.nn.functional.conv2d(x, w, stride=2, padding=2).shape
        torch.Size([8, 16, 14, 14])
    """
    return _convolved("conv2d", input, weight, bias, stride, padding, dilation, groups)


@composite(where="minnet F")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Return the transposed convolution over one spatial dim. See `conv_transpose2d`.

    Example:
        >>> import minnet
        >>> x, w = minnet.tensor([[[1.0, 2.0]]]), minnet.tensor([[[1.0, 0.5]]])
        >>> minnet.nn.functional.conv_transpose1d(x, w, stride=2)
        tensor([[[1.0000, 0.5000, 2.0000, 1.0000]]])
    """
    return _unconvolved(
        "conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@composite(where="minnet F")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Return what is to `conv2d` as a matrix's transpose is to it: what its gradient goes through.

    Args:
        input: (N, in_channels, H, W), or without N.
        weight: (in_channels, out_channels / groups, kernel height, kernel width).
        bias: (out_channels,), or None.
        stride: how far apart the kernel is laid down for neighbours of the input.
        padding: how much is cut off on each side.
        output_padding: how much is added to the result's size behind.
        groups: as in `conv2d`.
        dilation: as in `conv2d`.

    Returns:
        (N, out_channels, *size), size = (positions - 1) stride - 2 padding + dilation (kernel - 1)
        + output_padding + 1.

    Raises:
        RuntimeError: if the shapes do not fit, the dtypes differ, or a number is out of range.

    Example:
        >>> import minnet
        >>> x, w = minnet.ones(8, 16, 14, 14), minnet.ones(16, 3, 4, 4)
        >>> minnet.nn.functional.conv_transpose2d(x, w, stride=2, padding=1).shape
        torch.Size([8, 3, 28, 28])
    """
    return _unconvolved(
        "conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _geometry_of_patches(
    kernel_size: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> tuple[Geometry, tuple[int, ...]]:
    geometry = Geometry(
        each("stride", stride, 2, 1), each("padding", padding, 2), each("dilation", dilation, 2, 1)
    )
    return geometry, each("kernel_size", kernel_size, 2, 1)


@composite(where="F")
def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Return the patches that a kernel passes over: (N, C, H, W) -> (N, C · kernel, positions).

    Raises:
        RuntimeError: if the kernel is larger than the input with its padding.

    Example:
        >>> import minnet
        >>> x = minnet.arange(6.0).reshape(1, 1, 2, 3)
        >>> minnet.nn.functional.unfold(x, 2)[0].T
        tensor([[0., 1., 3., 4.],
                [1., 2., 4., 5.]])
    """
    geometry, kernel = _geometry_of_patches(kernel_size, dilation, padding, stride)
    is_batched("unfold", input, 2)
    _fits(input.array.shape[-2:], kernel, geometry)
    return _on_a_batch(unfolded, "unfold", input, 2, geometry, kernel)


@composite(where="F")
def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Return the sums of overlapping patches: (N, C · kernel, positions) -> (N, C, *output_size).

    Raises:
        RuntimeError: if the input is not of as many patches as the kernel takes positions.

    Example:
        >>> import minnet
        >>> patches = minnet.ones(1, 4, 2)
        >>> minnet.nn.functional.fold(patches, (2, 3), 2)
        tensor([[[[1., 2., 1.],
                  [1., 2., 1.]]]])
    """
    geometry, kernel = _geometry_of_patches(kernel_size, dilation, padding, stride)
    size = each("output_size", output_size, 2, 1)
    is_batched("fold", input, 1)
    _fits(size, kernel, geometry)
    positions = geometry.positions(size, kernel)
    rows, columns = input.array.shape[-2:]
    if rows % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={rows} and kernel_size={kernel}."
        )
    if columns != math.prod(positions):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={geometry.dilation}, "
            f"padding={geometry.padding}, stride={geometry.stride}, expected size of input's "
            f"dimension 2 to match the calculated number of sliding blocks "
            f"{' * '.join(map(str, positions))} = {math.prod(positions)}, but got "
            f"input.size(2)={columns}."
        )
    return _on_a_batch(folded, "fold", input, 1, geometry, kernel, size)
