"""Shapes: views, joins, indexing, assignment, and the change of dtype. No arithmetic."""

from __future__ import annotations

import builtins
import itertools
import math
import operator
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, formats, kernels, scalar
from minnet.functional.arithmetic import ifelse
from minnet.mode import mode
from minnet.operation import SPELLINGS, Number, Tensor, composite, operation
from minnet.recorder import apply
from minnet.size import Size, axis, integer, ints
from minnet.variable import Variable, described, wrap, writable
from minnet.vocabulary import zero

# torch's names of parameters in `swapaxes`, and in `split` as a method.
SPELLINGS.update(axis0="dim0", axis1="dim1", split_size="split_size_or_sections")

_view = partial(operation, view=True, quiet=True)
_internal = partial(operation, where="", quiet=True)


def _sizes(numel: int, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return sizes with -1 filled in.

    Raises:
        RuntimeError: if they do not fit.
    """
    total, least = math.prod(given), min(given, default=0)
    if least >= 0 and total == numel:
        return given
    if given.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if least < -1:
        raise RuntimeError(
            f"invalid shape dimension {least} at index {given.index(least)} of shape {list(given)}"
        )
    if least == -1 and not total:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(given)} because the unspecified "
            "dimension size -1 can be any value and is ambiguous"
        )
    if least == -1 and not numel % total:
        return tuple([numel // -total if n == -1 else n for n in given])
    raise RuntimeError(f"shape '{list(given)}' is invalid for input of size {numel}")


def _reshaped_back(V: Any, dy: Any, shapes: Any) -> Any:
    return V.reshape(dy, shapes[0])


@operation("ViewBackward0", _reshaped_back, star="shape", view="maybe", quiet=True)
def reshape(input: Tensor, shape: Any) -> Tensor:
    """Return the elements in another shape: a view where possible, else a copy.

    One size may be -1; it is inferred.

    Raises:
        RuntimeError: if the number of elements does not fit.

    Example:
        >>> import minnet
        >>> minnet.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    return input.reshape(_sizes(input.size, shape))


@_view("", where="", dynamic=True)
def bits(input: Tensor, dtype: np.dtype) -> Tensor:
    """Return the bytes in another dtype, one of NumPy's."""
    if dtype.itemsize != input.itemsize and (
        input.ndim == 0
        or input.strides[-1] != input.itemsize
        or input.shape[-1] * input.itemsize % dtype.itemsize
    ):
        raise RuntimeError(
            f"self.size(-1) must be contiguous and divisible by {dtype.itemsize} bytes to view "
            f"{dtypes.of(input)} as {dtypes.OF_NUMPY[dtype]}"
        )
    return input.view(dtype)


@composite(where="Tensor")
def view(input: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
    """Return the elements in another shape, or their bytes in another dtype, sharing memory.

    Gradients flow through a change of the shape, not through one of the dtype.

    Raises:
        RuntimeError: if the number of elements does not fit, or only a copy would have that shape.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0]).view(minnet.int32)
        tensor([1065353216], dtype=torch.int32)
    """
    if dtype is not None or isinstance(shape[0] if shape else None, dtypes.dtype):
        return bits(input, (dtype or shape[0]).numpy)
    out = reshape(input, *shape)
    if out._view is None and input.array.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return out


@composite
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """Return a view in the shape of `other`.

    Example:
        >>> import minnet
        >>> minnet.arange(4).view_as(minnet.zeros(2, 2))
        tensor([[0, 1],
                [2, 3]])
    """
    return view(input, other.array.shape)


@composite
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Return the elements in the shape of `other`.

    Example:
        >>> import minnet
        >>> minnet.arange(4).reshape_as(minnet.zeros(2, 2))
        tensor([[0, 1],
                [2, 3]])
    """
    return reshape(input, other.array.shape)


@composite
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with dims `start_dim` to `end_dim` made one.

    Raises:
        IndexError: if a dim is out of range.
        RuntimeError: if `start_dim` comes after `end_dim`.

    Example:
        >>> import minnet
        >>> minnet.flatten(minnet.zeros(2, 3, 4), 1).shape
        torch.Size([2, 12])
    """
    shape = input.array.shape
    start, end = axis(start_dim, len(shape)), axis(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end and shape:
        return input
    middle = 1
    for n in shape[start : end + 1]:
        middle *= n
    return apply(reshape.operation, (input,), ((*shape[:start], middle, *shape[end + 1 :]),))


@composite
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return the tensor with one dim split into several; one size may be -1.

    Raises:
        IndexError: if the dim is out of range.
        RuntimeError: if the sizes do not fit.

    Example:
        >>> import minnet
        >>> minnet.unflatten(minnet.zeros(2, 12), 1, (3, -1)).shape
        torch.Size([2, 3, 4])
    """
    shape = input.array.shape
    d = axis(dim, len(shape))
    return reshape(input, (*shape[:d], *_sizes(shape[d], ints(sizes)), *shape[d + 1 :]))


def _order(dims: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return the order of all dims, counted from the front.

    Raises:
        RuntimeError: if it is none.
    """
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {ndim} is not equal "
            f"to len(dims) = {len(dims)}"
        )
    order = tuple(axis(d, ndim) for d in dims)
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return order


def _permuted_back(V: Any, dy: Any, dims: Any) -> Any:
    order = _order(dims, len(dims))
    return V.permute(dy, tuple(order.index(d) for d in range(len(order))))


@_view("PermuteBackward0", _permuted_back, star="dims")
def permute(input: Tensor, dims: Any) -> Tensor:
    """Return a view with the dims in another order.

    Raises:
        RuntimeError: if `dims` is not an order of all dims.

    Example:
        >>> import minnet
        >>> minnet.permute(minnet.zeros(2, 3, 4), (2, 0, 1)).shape
        torch.Size([4, 2, 3])
    """
    return input.transpose(_order(dims, input.ndim))


@_view(
    "TransposeBackward0",
    lambda V, dy, dim0, dim1: V.transpose(dy, dim0, dim1),
    aliases="swapaxes swapdims",
)
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dims swapped.

    Raises:
        IndexError: if a dim is out of range.

    Example:
        >>> import minnet
        >>> minnet.transpose(minnet.zeros(2, 3), 0, 1).shape
        torch.Size([3, 2])
    """
    a, b = axis(dim0, input.ndim), axis(dim1, input.ndim)
    return input.swapaxes(a, b) if input.ndim else input[...]


@_view("TBackward0", lambda V, dy: V.t(dy))
def t(input: Tensor) -> Tensor:
    """Return the transpose of a tensor of at most two dims.

    Raises:
        RuntimeError: if it has more.

    Example:
        >>> import minnet
        >>> minnet.t(minnet.zeros(2, 3)).shape
        torch.Size([3, 2])
    """
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return input.T


@_view(
    lambda dim: f"SqueezeBackward{0 if dim is None else 2 if isinstance(dim, tuple | list) else 1}",
    _reshaped_back,
)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Return a view without the dims of size 1 (or without `dim`, if its size is 1).

    Example:
        >>> import minnet
        >>> minnet.squeeze(minnet.zeros(1, 2, 1), 0).shape
        torch.Size([2, 1])
    """
    shape = input.shape
    if dim is None:
        return input.reshape(tuple(n for n in shape if n != 1))
    drop = {axis(d, len(shape)) for d in (dim if isinstance(dim, tuple | list) else (dim,))}
    return input.reshape(tuple(n for i, n in enumerate(shape) if i not in drop or n != 1))


@_view("UnsqueezeBackward0", _reshaped_back)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a dim of size 1 inserted at `dim`.

    Example:
        >>> import minnet
        >>> minnet.unsqueeze(minnet.zeros(2, 3), -1).shape
        torch.Size([2, 3, 1])
    """
    d, shape = axis(dim, input.ndim + 1), input.shape
    return input.reshape((*shape[:d], 1, *shape[d:]))


def _before(dim: int) -> tuple[slice, ...]:
    """Return the part of a key that comes before a dim."""
    return (slice(None),) * dim


@_view("ExpandBackward0", lambda V, dy: dy, star="sizes")
def expand(input: Tensor, sizes: Any) -> Tensor:
    """Return a view with dims of size 1 repeated; -1 keeps a size.

    The view cannot be written to, since several of its elements share one place.

    Raises:
        RuntimeError: if a size other than 1 would change.

    Example:
        >>> import minnet
        >>> minnet.expand(minnet.tensor([[1], [2]]), 2, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    shape, given = input.shape, sizes
    extra = len(given) - len(shape)
    if extra < 0:
        kind = described(shape, input.dtype).split()[0]
        raise RuntimeError(
            f"expand({kind}{{{list(shape)}}}, size={list(given)}): the number of sizes provided "
            f"({len(given)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    full = tuple(
        shape[i - extra] if n == -1 and i >= extra else n for i, n in builtins.enumerate(given)
    )
    if extra and min(full[:extra]) < 0:
        raise RuntimeError(
            f"The expanded size of the tensor ({min(full[:extra])}) isn't allowed in a leading, "
            f"non-existing dimension {full.index(min(full[:extra]))}"
        )
    for i, n in enumerate(shape):
        if n != full[i + extra] and (n != 1 or full[i + extra] < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({full[i + extra]}) must match the existing size "
                f"({n}) at non-singleton dimension {i + extra}.  Target sizes: {list(full)}.  "
                f"Tensor sizes: {list(shape)}"
            )
    # broadcast_to returns what cannot be written to, even where nothing is repeated.
    return input[...] if shape == full else np.broadcast_to(input, full)


@composite(where="Tensor")
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Return `input` expanded to the shape of `other`.

    Example:
        >>> import minnet
        >>> minnet.tensor([1, 2]).expand_as(minnet.zeros(2, 2))
        tensor([[1, 2],
                [1, 2]])
    """
    return expand(input, other.array.shape)


@composite
def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return `input` expanded to a shape.

    Example:
        >>> import minnet
        >>> minnet.broadcast_to(minnet.tensor([1, 2]), (2, 2))
        tensor([[1, 2],
                [1, 2]])
    """
    return expand(input, tuple(size))


@operation("CloneBackward0", lambda V, dy: dy, named="memory_format", quiet=True)
def clone(input: Tensor, memory_format: Any = None) -> Tensor:
    """Return a copy that gradients flow through, in row order, whatever the format says.

    Example:
        >>> import minnet
        >>> minnet.clone(minnet.tensor([1, 2]))
        tensor([1, 2])
    """
    if memory_format is not None:
        formats.check(memory_format)
    return input.copy()


@composite(where="Tensor")
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """Return the tensor itself if its memory is in row order, else such a copy.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 3).t().contiguous().stride()
        (2, 1)
    """
    formats.check(memory_format)
    return input if input.array.flags.c_contiguous else clone(input)


@operation("ToCopyBackward0", lambda V, dy: dy, where="")
def cast(input: Tensor, dtype: Any) -> Tensor:
    """Return a copy in another dtype, one of NumPy's."""
    return input.astype(dtype, order="C")


@operation("FlipBackward0", lambda V, dy, dims: V.flip(dy, dims), star="dims", quiet=True)
def flip(input: Tensor, dims: Any) -> Tensor:
    """Return a copy with the order of elements reversed along the dims.

    Raises:
        IndexError: if a dim is out of range.

    Example:
        >>> import minnet
        >>> minnet.flip(minnet.tensor([1, 2, 3]), [0])
        tensor([3, 2, 1])
    """
    axes = tuple(axis(d, input.ndim) for d in dims)
    return np.flip(input, axes if input.ndim else ()).copy()


def _interleaved(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(n for pair in zip(a, b, strict=True) for n in pair)


def _extended(shape: tuple[int, ...], repeats: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (len(repeats) - len(shape)) + shape


def _times(repeats: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(operator.mul, repeats, _extended(shape, repeats)))


def _repeated_back(V: Any, dy: Any, repeats: Any, shapes: Any) -> Any:
    full = _extended(shapes[0], repeats)
    copies = V.reshape(dy, _interleaved(repeats, full))
    return V.reshape(V.sum_to_shape(copies, _interleaved((1,) * len(full), full)), shapes[0])


@operation(
    "RepeatBackward0",
    _repeated_back,
    star="repeats",
    where="Tensor",
    shape=lambda shapes, repeats: _times(repeats, shapes[0]),
)
def repeat(input: Tensor, repeats: Any) -> Tensor:
    """Return a tensor of copies side by side: `repeats` of them along each dim.

    Raises:
        RuntimeError: if there are fewer repeats than dims, or one is negative.

    Example:
        >>> import minnet
        >>> minnet.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    if len(repeats) < input.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if builtins.any(k < 0 for k in repeats):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat{repeats}")
    full = _extended(input.shape, repeats)
    once = input.reshape(_interleaved((1,) * len(full), full))
    copies = np.broadcast_to(once, _interleaved(repeats, full)).copy()
    return copies.reshape(_times(repeats, full))


# Joining and splitting


def _common_dtype(arrays: Sequence[Any]) -> np.dtype:
    first, *others = dict.fromkeys(a.dtype for a in arrays)
    for dtype in others:
        first = dtypes.promote(first, dtype)
    return first


def _joinable(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Return which tensors `cat` joins: all but empty ones of one dim, unless all have one.

    By an old rule of torch, `tensor([])` goes with tensors of any number of dims.
    """
    others = [i for i, shape in enumerate(shapes) if shape != (0,)]
    return others if others and len(shapes[others[0]]) != 1 else list(range(len(shapes)))


def _cat_back(V: Any, dy: Any, wanted: Any, dim: int, shapes: Any) -> Any:
    joined = _joinable(shapes)
    d = axis(dim, len(shapes[joined[0]]))
    found, start = dict.fromkeys(wanted), 0
    for i in joined:
        stop = start + shapes[i][d]
        if i in found:
            found[i] = V.sliced(dy, (*_before(d), slice(start, stop), ...))
        start = stop
    return found


def _shape_of_cat(shapes: Any, dim: int) -> tuple[int, ...]:
    joined = [shapes[i] for i in _joinable(shapes)]
    d = axis(dim, len(joined[0]))
    return (*joined[0][:d], builtins.sum(shape[d] for shape in joined), *joined[0][d + 1 :])


@operation(
    "CatBackward0",
    joint=_cat_back,
    variadic=True,
    shape=_shape_of_cat,
    out="cast",
    where="minnet",
    aliases="concat concatenate",
    quiet=True,
)
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an existing dim.

    Raises:
        RuntimeError: if there are none, or their sizes differ in another dim.

    Example:
        >>> import minnet
        >>> minnet.cat([minnet.ones(1, 2), minnet.zeros(1, 2)])
        tensor([[1., 1.],
                [0., 0.]])
    """
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if x.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dtype = _common_dtype(tensors)
    tensors = [tensors[i] for i in _joinable([x.shape for x in tensors])]
    first = tensors[0].shape
    d = axis(dim, len(first))
    for i, x in enumerate(tensors):
        if x.ndim != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {x.ndim}"
            )
        for j, (m, n) in enumerate(zip(first, x.shape, strict=True)):
            if j != d and m != n:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {m} but "
                    f"got size {n} for tensor number {i} in the list."
                )
    return kernels.contiguous(np.concatenate(tensors, d, dtype=dtype))


def _stack_back(V: Any, dy: Any, wanted: Any, dim: int, shapes: Any) -> Any:
    before = _before(axis(dim, len(shapes[0]) + 1))
    return {i: V.sliced(dy, (*before, i, ...)) for i in wanted}


def _shape_of_stack(shapes: Any, dim: int) -> tuple[int, ...]:
    d = axis(dim, len(shapes[0]) + 1)
    return (*shapes[0][:d], len(shapes), *shapes[0][d:])


@operation(
    "StackBackward0",
    joint=_stack_back,
    variadic=True,
    where="minnet",
    quiet=True,
    shape=_shape_of_stack,
    out="cast",
)
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dim.

    Raises:
        RuntimeError: if there are none, or their shapes differ.

    Example:
        >>> import minnet
        >>> minnet.stack([minnet.ones(2), minnet.zeros(2)], 1)
        tensor([[1., 0.],
                [1., 0.]])
    """
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0].shape
    for i, x in enumerate(tensors):
        if x.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.shape)} at entry {i}"
            )
    d = axis(dim, len(shape) + 1)
    return kernels.contiguous(np.stack(tensors, d, dtype=_common_dtype(tensors)))


def _section_keys(input: Any, sections: Any, dim: int) -> Iterator[Any]:
    """Yield the key of each section of a dim; all but the last may have one size."""
    d = axis(dim, input.ndim)
    n, start = input.shape[d], 0
    if isinstance(sections, int):
        sections = (sections,) * (-(-n // max(sections, 1)) or 1)
    for size in sections:
        stop = min(start + size, n)
        yield (*_before(d), slice(start, stop), ...)
        start = stop


def _as_views(keys: Iterator[Any]) -> Iterator[Any]:
    return ((sliced, (key,)) for key in keys)


@_view(
    lambda sections: f"Split{'' if isinstance(sections, int) else 'WithSizes'}Backward0",
    lambda V, dy, dim: V.cat(dy, dim),
    several=True,
    parts=lambda *given: _as_views(_section_keys(*given)),
    where="",
)
def sections_of(input: Tensor, sections: Any, dim: int) -> Any:
    """Return the views of one size (an int), or of several sizes, side by side along a dim."""
    return [input[key] for key in _section_keys(input, sections, dim)]


@composite
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along a dim into views of a size, or of several given sizes.

    As from all functions that return several views, these cannot be changed in place while
    gradients are recorded.

    Raises:
        RuntimeError: if a size is not positive, or several do not sum to the dim's.

    Example:
        >>> import minnet
        >>> minnet.split(minnet.arange(5), 2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    shape, sizes = tensor.array.shape, split_size_or_sections
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = axis(dim, len(shape))
    if not isinstance(sizes, tuple | list):
        sizes = integer(sizes)
        if sizes <= 0 and (sizes or shape[d]):
            raise RuntimeError(
                f"split expects split_size to be positive, but got split_size={sizes}"
            )
    else:
        sizes = ints(sizes)
        if builtins.sum(sizes) != shape[d]:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {shape[d]} (input "
                f"tensor's size at dimension {d}), but got split_sizes={list(sizes)}"
            )
        if min(sizes, default=0) < 0:
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got "
                f"split_sizes={list(sizes)}"
            )
    return sections_of(tensor, sizes, dim)


@composite
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along a dim into views of several given sizes; see `split`.

    Example:
        >>> import minnet
        >>> minnet.split_with_sizes(minnet.arange(5), [2, 3])
        (tensor([0, 1]), tensor([2, 3, 4]))
    """
    return split(input, ints((split_sizes,)), dim)


@composite
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along a dim into at most `chunks` views of one size; the last may be smaller.

    Raises:
        RuntimeError: if `chunks` is not positive, or the tensor has no dims.

    Example:
        >>> import minnet
        >>> minnet.chunk(minnet.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if not input.array.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    chunks = integer(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.array.shape[axis(dim, input.array.ndim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def _row_keys(input: Any, dim: int) -> Iterator[Any]:
    d = axis(dim, input.ndim)
    before = _before(d)
    return ((*before, i, ...) for i in range(input.shape[d]))


@_view(
    "UnbindBackward0",
    lambda V, dy, dim: V.stack(dy, dim),
    several=True,
    parts=lambda *given: _as_views(_row_keys(*given)),
    out=False,
)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the views at each index of a dim, without that dim.

    Raises:
        IndexError: if there is no such dim.

    Example:
        >>> import minnet
        >>> minnet.unbind(minnet.tensor([[1, 2], [3, 4]]), 1)
        (tensor([1, 3]), tensor([2, 4]))
    """
    if not input.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return tuple([input[key] for key in _row_keys(input, dim)])


@composite
def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Return the view of `length` elements from `start` along a dim.

    Raises:
        IndexError: if `start` is out of range.
        RuntimeError: if the elements reach beyond the end, or `length` is negative.

    Example:
        >>> import minnet
        >>> minnet.narrow(minnet.arange(5), 0, 1, 3)
        tensor([1, 2, 3])
    """
    d = axis(dim, input.array.ndim)
    if not input.array.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    n, start, length = input.array.shape[d], integer(start), integer(length)
    if not -n <= start <= n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start += n * (start < 0)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return sliced(input, (*_before(d), slice(start, start + length), ...))


@composite
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return the view at one index of a dim, without that dim.

    Raises:
        IndexError: if there is no such index, or no dim.

    Example:
        >>> import minnet
        >>> minnet.select(minnet.tensor([[1, 2], [3, 4]]), 1, 0)
        tensor([1, 3])
    """
    if not input.array.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = axis(dim, input.array.ndim)
    return sliced(input, (*_before(d), integer(index), ...))


# Indexing: a view by integers, slices and None, and in it a selection by arrays. (NumPy counts an
# integer beside an array as an array, and then moves dims; torch does not.)


_SELECTIONS = (Variable, bool, np.bool_, list, np.ndarray, range)


def parsed(key: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """Return an index as NumPy's key of a view, and that of a selection in it; None for all."""
    view: list[Any] = []
    selection: list[Any] = []
    selects = False
    for item in key if isinstance(key, tuple) else (key,):
        part = _part(item)
        if isinstance(part, int):
            view.append(part)
        elif hasattr(part, "dtype"):
            selects = True
            if _is_mask(part):  # takes as many dims as it has; with none, a new one
                view += [slice(None)] * part.ndim or [None]
                selection.append(part.reshape(part.shape or (1,)))
            else:
                view.append(slice(None))
                selection.append(part.astype(np.int64, copy=False))
        else:
            view.append(part)
            selection.append(part if part is Ellipsis else slice(None))
    if selects and _is_whole(view):
        return None, tuple(selection)
    if Ellipsis not in view:
        view.append(Ellipsis)  # NumPy returns a view then, even of no dims
    return tuple(view), tuple(selection) if selects else None


def _index_error(error: IndexError, ndim: int) -> IndexError:
    """Return an IndexError in torch's words."""
    text = str(error).replace("axis", "dimension")
    if "too many indices" in text:
        text = f"too many indices for tensor of dimension {ndim}"
        if ndim == 0:
            text = (
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
    return IndexError(text)


def _part(item: Any) -> Any:
    """Return one part of an index as an int, a slice, None, Ellipsis or an array."""
    if type(item) is int:
        return item
    if isinstance(item, slice):
        ends = [
            integer(p) if isinstance(p, Variable) else p for p in (item.start, item.stop, item.step)
        ]
        if ends[2] is not None and ends[2] <= 0:
            raise ValueError("step must be greater than zero")
        return slice(*ends)
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, _SELECTIONS):
        array = item.array if isinstance(item, Variable) else np.asarray(item)
        if array.size == 0 and not isinstance(item, Variable):
            array = array.astype(np.int64)
        if array.dtype.kind not in "iub" or array.dtype == np.uint64:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if array.dtype == np.uint8 and array.ndim:
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
                "instead.",
                stacklevel=4,
            )
        if array.dtype == np.uint8:
            array = array.astype(np.bool_)
        return array if array.ndim or array.dtype == bool else int(array)
    try:
        return operator.index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(item).__name__})"
        ) from None


def _is_whole(key: Sequence[Any]) -> bool:
    return builtins.all(part is Ellipsis or part == slice(None) for part in key)


def _is_mask(part: Any) -> bool:
    return hasattr(part, "dtype") and part.dtype.kind == "b"


def _check_empty_masks(array: Any, selection: tuple[Any, ...]) -> None:
    """Refuse a mask of no elements beside dims of other sizes, which NumPy takes."""
    at = 0
    for i, part in enumerate(selection):
        if part is Ellipsis:
            after = selection[i + 1 :]
            at = array.ndim - builtins.sum(part.ndim if _is_mask(part) else 1 for part in after)
        elif not _is_mask(part):
            at += 1
        else:
            dims = array.shape[at : at + part.ndim]
            if not part.size and part.shape != dims:
                raise IndexError(
                    f"The shape of the mask {list(part.shape)} does not match the dims "
                    f"{list(dims)} that it selects from"
                )
            at += part.ndim


def _slice_name(key: tuple[Any, ...]) -> str:
    """Return torch's name of a view: that of the last step, one for each item that does much."""
    for item in reversed(key):
        if isinstance(item, int):
            return "SelectBackward0"
        if item is None:
            return "UnsqueezeBackward0"
        if item is not Ellipsis and (item != slice(None) or len(key) == 2):
            return "SliceBackward0"
    return "AliasBackward0"


def _unkeyed(V: Any, dy: Any, key: Any, shapes: Any) -> Any:
    return V.scattered(dy, key, shapes[0])


@_view(_slice_name, _unkeyed, where="")
def sliced(input: Tensor, key: tuple[Any, ...]) -> Tensor:
    """Return the view at NumPy's key of ints, slices, None and `...`, of which it has one."""
    try:
        return input[key]
    except IndexError as error:
        raise _index_error(error, input.ndim) from None


@_internal("IndexBackward0", _unkeyed, dynamic=True)
def selected(input: Tensor, key: tuple[Any, ...]) -> Tensor:
    """Return a copy of the elements at NumPy's key with arrays and slices."""
    try:
        _check_empty_masks(input, key)
        result = input[key]
    except IndexError as error:
        raise _index_error(error, input.ndim) from None
    # NumPy may lay a selection out in another order than its shape's.
    return kernels.contiguous(kernels.as_array(result))


@_internal(
    "IndexPutBackward0", lambda V, dy, key: (V.selected if _selects(key) else V.sliced)(dy, key)
)
def scattered(input: Tensor, key: tuple[Any, ...], shape: tuple[int, ...]) -> Tensor:
    """Return zeros of a shape with `input` added at a key: the adjoint of indexing.

    An element that the key selects more than once is added as often.
    """
    result = kernels.zeros(shape, input)
    if _selects(key):
        np.add.at(result, key, input)
    else:
        result[key] += input
    return result


def _selects(key: tuple[Any, ...]) -> bool:
    return builtins.any(hasattr(part, "dtype") for part in key)


def _lasting(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy a key's arrays, since the user may change them before backward reads them."""
    return tuple(part.copy() if hasattr(part, "dtype") else part for part in key)


@composite(where="", operators="__getitem__")
def index(input: Tensor, key: Any) -> Tensor:
    """Return `input[key]`: a view for ints, slices, None and `...`; a copy for tensors and lists.

    Raises:
        IndexError: if an index is out of range or of a wrong type, or there are too many.
        ValueError: for a slice whose step is not positive.

    Example:
        >>> import minnet
        >>> x = minnet.arange(6).reshape(2, 3)
        >>> x[1, ::2], x[x > 3]
        (tensor([3, 5]), tensor([4, 5]))
    """
    if type(key) is int:
        return sliced(input, (key, ...))
    view, selection = parsed(key)
    if view is not None:
        input = sliced(input, view)
    if selection is None:
        return input
    if mode.enabled and input.requires_grad:
        selection = _lasting(selection)
    return selected(input, selection)


@composite(where="", operators="__setitem__")
def assign(input: Tensor, key: Any, value: Any) -> None:
    """Set `input[key]` to a tensor, an array or a number, broadcast and cast.

    Raises:
        IndexError: as for reading.
        TypeError: if the value is none of these.
        RuntimeError: if its shape or a number does not fit; if the key has a tensor or a list, and
            the value is a tensor of another dtype; and as for every change in place.

    Example:
        >>> import minnet
        >>> x = minnet.zeros(2, 2)
        >>> x[:, 0] = minnet.tensor([1.0, 2.0])
        >>> x[x == 0] = 7
        >>> x
        tensor([[1., 7.],
                [2., 7.]])
    """
    view, selection = ((key, ...), None) if type(key) is int else parsed(key)
    if not isinstance(value, Variable):
        value = wrap(_assigned(value, input.array.dtype))
    array = input.array if view is None else sliced.operation.value(input.array, view)
    shape = value.array.shape
    if shape and shape[0] == 1:  # torch takes any number of dims of size 1 before the others
        value = reshape(value, tuple(itertools.dropwhile(lambda n: n == 1, shape)))
    if mode.enabled and (input._view is not None or input.requires_grad or value.requires_grad):
        part = input if view is None or _is_whole(view) else sliced(input, view)
        if selection is None:
            copy_(part, value)
        else:
            put_(part, value, _lasting(selection))
        return
    writable(input)
    if selection is None:
        copy_.operation.value(array, value.array)
    else:
        with np.errstate(all="ignore"):
            put_.operation.value(array, value.array, selection)
    input.bump()


def _assigned(value: Any, dtype: np.dtype) -> np.ndarray:
    """Return what is no tensor and is assigned to one, as an array of the dtype."""
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            if array.dtype != dtype:
                scalar.check_all(array, dtype)
            return array.astype(dtype, copy=False)
    try:
        return scalar.fitted(scalar.number(value, "it"), dtype)
    except TypeError as error:
        name = dtypes.OF_NUMPY[dtype].tensor_type
        raise TypeError(
            f"can't assign a {type(value).__name__} to a torch.{name}Tensor: {error}"
        ) from None


@_internal(
    "IndexPutBackward0",
    lambda V, dy, key: V.put(dy, 0.0, key),
    lambda V, dy, key: V.selected(dy, key),
)
def put_(input: Tensor, values: Tensor | Number, key: tuple[Any, ...]) -> Tensor:
    """Set the elements at NumPy's key with arrays and slices."""
    try:
        _check_empty_masks(input, key)
        if getattr(values, "dtype", input.dtype) != input.dtype:
            values = _put(values, input.dtype, key)
        input[key] = values
    except IndexError as error:
        raise _index_error(error, input.ndim) from None
    except (ValueError, TypeError):  # the latter where NumPy assigns by a mask alone
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(np.shape(values))} cannot be broadcast "
            f"to indexing result of shape {list(input[key].shape)}"
        ) from None
    return input


def _put(values: np.ndarray, dtype: np.dtype, key: tuple[Any, ...]) -> np.ndarray:
    """Return in a dtype what is put at a key, by torch's rule: one number where a mask is true."""
    if values.size == 1 and [_is_mask(part) for part in key if hasattr(part, "dtype")] == [True]:
        return scalar.fitted(values.item(), dtype)
    raise RuntimeError(
        "Index put requires the source and destination dtypes match, got "
        f"{dtypes.OF_NUMPY[dtype].tensor_type} for the destination and "
        f"{dtypes.of(values).tensor_type} for the source; convert it with .to()"
    )


@_internal("torch::autograd::CopyBackwards", zero, lambda V, dy: dy)
def copy_(input: Tensor, src: Tensor | Number) -> Tensor:
    """Set the elements to those of `src`, broadcast and cast."""
    try:
        if getattr(src, "ndim", 0) <= input.ndim:
            if not hasattr(src, "dtype"):
                src = scalar.fitted(src, input.dtype)
            if src.dtype == input.dtype:
                input[...] = src
            else:
                with np.errstate(all="ignore"):
                    input[...] = src
            return input
    except ValueError:  # of the shapes, as below
        pass
    return expand.operation.value(src, input.shape)  # which raises


@operation(
    lambda value: f"FillBackward{3 if kernels.is_array(value) else 2}",
    zero,
    lambda V, dy: dy,
    where="minnet Tensor",
    quiet=True,
)
def fill_(input: Tensor, value: Tensor | Number) -> Tensor:
    """Set all elements to one value, and return the tensor.

    Raises:
        RuntimeError: if a number does not fit the dtype (a tensor's is cast), and for a leaf that
            requires grad, outside `no_grad`.

    Example:
        >>> import minnet
        >>> minnet.empty(2).fill_(3)
        tensor([3., 3.])
    """
    if kernels.is_array(value):
        if value.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.ndim} dimensions."
            )
        with np.errstate(all="ignore"):
            value = value.astype(input.dtype)
    else:
        value = scalar.fitted(value, input.dtype)
    input.fill(value)
    return input


@operation("ZeroBackward0", zero, where="minnet Tensor", quiet=True)
def zero_(input: Tensor) -> Tensor:
    """Set all elements to 0, and return the tensor.

    Raises:
        RuntimeError: for a leaf that requires grad, outside `no_grad`.

    Example:
        >>> import minnet
        >>> minnet.ones(2).zero_()
        tensor([0., 0.])
    """
    input.fill(0)
    return input


@operation(
    lambda value: f"MaskedFillBackward{1 if kernels.is_array(value) else 0}",
    lambda V, dy, mask: V.ifelse(mask, 0.0, dy),
    None,
    lambda V, dy, mask: V.ifelse(mask, dy, 0.0),
    inplace=True,
    out=False,
)
def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """Return a copy with `value` where `mask` is true.

    Raises:
        RuntimeError: if `mask` is not a bool tensor, or `value` has dims or does not fit the dtype.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, -2.0])
        >>> x.masked_fill(x < 0, 0)
        tensor([1., 0.])
    """
    if mask.dtype != bool:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {dtypes.of(mask)}"
        )
    if np.ndim(value):
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{np.ndim(value)} dimension(s)."
        )
    value = scalar.number(value, "masked_fill(): argument 'value'")
    return ifelse.operation.value(mask, scalar.fitted(value, input.dtype), input)


# Selection along a dim, and by a mask


def _along(index: Any, dim: int) -> tuple[Any, ...]:
    """Return NumPy's key for the elements at the indices of a dim."""
    grid = np.indices(index.shape, sparse=True)
    return (*grid[:dim], index, *grid[dim + 1 :]) if index.ndim else ()


@_internal(
    "GatherBackward0",
    lambda V, dy, index, dim, shapes: V.gathered_back(dy, index, dim, shapes[0]),
    None,
    shape=lambda shapes: shapes[1],
)
def gathered(input: Tensor, index: Tensor, dim: int) -> Tensor:
    """Return the elements at the indices of a dim."""
    return input[_along(index, dim)]


@_internal("GatherBackward0", lambda V, dy, index, dim: V.gathered(dy, index, dim), None)
def gathered_back(input: Tensor, index: Tensor, dim: int, shape: tuple[int, ...]) -> Tensor:
    """Return zeros of a shape with `input` added at the indices of a dim."""
    result = kernels.zeros(shape, input)
    np.add.at(result, _along(index, dim), input)
    return result


@composite(out=True)
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the elements at the indices of a dim: for dim 1, out[i, j] = input[i, index[i, j]].

    Raises:
        RuntimeError: if `index` is not int32 or int64, has another number of dims than `input` or
            is larger in another dim, or holds an index out of range.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> minnet.gather(x, 1, minnet.tensor([[1], [0]]))
        tensor([[2.],
                [3.]])
    """
    shape, at = input.array.shape, index.array
    d = axis(dim, len(shape))
    if at.dtype not in (np.int32, np.int64):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if at.ndim != len(shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    if builtins.any(m > n for i, (m, n) in enumerate(zip(at.shape, shape, strict=True)) if i != d):
        raise RuntimeError(
            f"Size does not match at dimension {d} expected index {list(at.shape)} to be no larger "
            f"than self {list(shape)} apart from dimension {d}"
        )
    n = shape[d] if shape else 1
    bad = at[(at < 0) | (at >= n)]
    if bad.size:
        raise RuntimeError(f"index {bad[0]} is out of bounds for dimension {d} with size {n}")
    return gathered(input, index, d)


@composite(out=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return a copy with the elements at the given indices of a dim.

    Raises:
        IndexError: if the dim or an index is out of range, or `index` has several dims.
        RuntimeError: if the indices are no int32 or int64, or `input` has no dims and there is not
            one index.

    Example:
        >>> import minnet
        >>> minnet.index_select(minnet.arange(6).reshape(2, 3), 1, minnet.tensor([2, 0]))
        tensor([[2, 0],
                [5, 3]])
    """
    d, at = axis(dim, input.array.ndim), index.array
    if at.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if at.dtype not in (np.int32, np.int64):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if (at < 0).any():
        raise IndexError("index out of range in self: index_select takes no index below 0")
    if input.array.ndim == 0:
        if at.size != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {at.size} value(s)"
            )
        return reshape(reshape(input, 1)[index], ())
    return input[(*_before(d), reshape(index, -1))]


@composite(out=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where `mask` is true, in one dim.

    Raises:
        RuntimeError: if `mask` is not a bool tensor.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0, 3.0])
        >>> minnet.masked_select(x, x > 1)
        tensor([2., 3.])
    """
    if mask.array.dtype != bool:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = np.broadcast_shapes(input.array.shape, mask.array.shape)
    return expand(input, shape)[expand(mask, shape)]


@_internal("", dynamic=True)
def places(input: Tensor) -> Tensor:
    """Return the indices of the nonzero elements, a row for each."""
    return np.argwhere(input)


@composite(out=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the indices of the nonzero elements, a row for each; or a tensor for each dim.

    Example:
        >>> import minnet
        >>> minnet.nonzero(minnet.tensor([0, 3, 4]))
        tensor([[1],
                [2]])
        >>> minnet.nonzero(minnet.tensor([0, 3, 4]), as_tuple=True)
        (tensor([1, 2]),)
    """
    if not as_tuple:
        return places(input)
    return unbind(places(input if input.array.ndim else reshape(input, 1)), 1)


# Sizes and matrices


@composite(where="Tensor")
def size(input: Tensor, dim: int | None = None) -> Any:
    """Return the shape, or one size of it.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 3).size(), minnet.zeros(2, 3).size(1)
        (torch.Size([2, 3]), 3)
    """
    shape = Size(input.array.shape)
    return shape if dim is None else shape[axis(dim, len(shape))]


@composite
def numel(input: Tensor) -> int:
    """Return the number of elements.

    Example:
        >>> import minnet
        >>> minnet.numel(minnet.zeros(2, 3))
        6
    """
    return input.array.size


@composite(where="minnet")
def is_floating_point(input: Tensor) -> bool:
    """Return whether the dtype is floating point.

    Example:
        >>> import minnet
        >>> minnet.is_floating_point(minnet.arange(3))
        False
    """
    return input.is_floating_point()


@composite(where="minnet")
def is_inference(input: Tensor) -> bool:
    """Return whether a tensor was made in `inference_mode`.

    Example:
        >>> import minnet
        >>> minnet.is_inference(minnet.ones(1))
        False
    """
    return input.is_inference()


@composite(where="minnet")
def detach(input: Tensor) -> Tensor:
    """Return a tensor that shares memory but has no history.

    Example:
        >>> import minnet
        >>> minnet.detach(minnet.ones(1, requires_grad=True))
        tensor([1.])
    """
    return input.detach()


def _matrix(name: str, array: np.ndarray) -> None:
    if array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@operation("TrilBackward0", lambda V, dy, diagonal: V.tril(dy, diagonal), inplace=True, quiet=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the lower triangle of the last two dims, the rest zero.

    Example:
        >>> import minnet
        >>> minnet.tril(minnet.ones(2, 2))
        tensor([[1., 0.],
                [1., 1.]])
    """
    _matrix("tril", input)
    return kernels.contiguous(np.tril(input, integer(diagonal)))


@operation("TriuBackward0", lambda V, dy, diagonal: V.triu(dy, diagonal), inplace=True, quiet=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the upper triangle of the last two dims, the rest zero.

    Example:
        >>> import minnet
        >>> minnet.triu(minnet.ones(2, 2), 1)
        tensor([[0., 1.],
                [0., 0.]])
    """
    _matrix("triu", input)
    return kernels.contiguous(np.triu(input, integer(diagonal)))


def _shape_of_diag(shapes: Any, diagonal: int) -> tuple[int, ...]:
    return np.diag(np.broadcast_to(0, shapes[0]), diagonal).shape


@operation(
    "DiagBackward0",
    lambda V, dy, diagonal, shapes: V.diag_back(dy, diagonal, shapes[0]),
    quiet=True,
    shape=_shape_of_diag,
)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the matrix with a vector on its diagonal, or a copy of the diagonal of a matrix.

    Raises:
        RuntimeError: if the tensor has neither one nor two dims.

    Example:
        >>> import minnet
        >>> minnet.diag(minnet.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return np.diag(input, integer(diagonal)).copy()


@_internal("DiagBackward0", lambda V, dy, diagonal: V.diag(dy, diagonal))
def diag_back(input: Tensor, diagonal: int, shape: tuple[int, ...]) -> Tensor:
    """Return the adjoint of `diag`: a matrix's diagonal, or a vector on that of a shape's zeros."""
    if len(shape) == 1:
        return np.diagonal(input, diagonal).copy()
    result = kernels.zeros(shape, input)
    at = np.arange(len(input))
    result[at + max(-diagonal, 0), at + max(diagonal, 0)] = input
    return result
