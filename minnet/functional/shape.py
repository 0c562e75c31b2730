"""Shapes: views, joins, indexing, and the change of dtype. No arithmetic."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import Variable, differentiable, is_grad_enabled, record, wrap
from minnet.operation import Tensor, operation
from minnet.size import Size, axis, ints
from minnet.variable import described


def _sizes(shape: tuple[int, ...], numel: int, given: tuple[int, ...]) -> tuple[int, ...]:
    """Return sizes with -1 filled in."""
    invalid = RuntimeError(f"shape '{list(given)}' is invalid for input of size {numel}")
    if given.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if builtins.any(n < -1 for n in given):
        raise RuntimeError(
            f"invalid shape dimension {min(given)} at index {given.index(min(given))} of shape "
            f"{list(given)}"
        )
    rest = 1
    for n in given:
        rest *= 1 if n == -1 else n
    if -1 in given:
        if rest == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(given)} because the "
                "unspecified "
                "dimension size -1 can be any value and is ambiguous"
            )
        if numel % rest:
            raise invalid
        return tuple(numel // rest if n == -1 else n for n in given)
    if rest != numel:
        raise invalid
    return given


@operation(
    "ViewBackward0",
    lambda V, dy, shapes: V.reshape(dy, shapes[0]),
    star="shape",
    view=True,
    quiet=True,
)
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
    return input.reshape(_sizes(input.shape, input.size, shape))


@differentiable("ViewBackward1", view=True)
def _bits(input: np.ndarray, dtype: np.dtype) -> Any:
    if dtype.itemsize == input.itemsize:
        return input.view(dtype), (None,)
    if (
        input.ndim == 0
        or input.strides[-1] != input.itemsize
        or (input.shape[-1] * input.itemsize % dtype.itemsize)
    ):
        raise RuntimeError(
            f"self.size(-1) must be contiguous and divisible by {dtype.itemsize} bytes to view "
            f"{dtypes.of(input)} as {dtypes.OF_NUMPY[dtype]}"
        )
    return input.view(dtype), (None,)


def view(input: Any, *shape: Any) -> Any:
    """Return the elements in another shape, or their bytes in another dtype, sharing memory.

    Raises:
        RuntimeError: if the number of elements does not fit, or only a copy would have that shape.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0]).view(minnet.int32)
        tensor([1065353216], dtype=torch.int32)
    """
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        return _bits(input, shape[0].numpy)
    out = reshape(input, *shape)
    if input.array.size and not np.may_share_memory(out.array, input.array):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension "
            "spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
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
    return reshape(input, (*shape[:start], middle, *shape[end + 1 :]))


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Return the tensor with one dim split into several; one size may be -1."""
    shape = input.array.shape
    d = axis(dim, len(shape))
    return reshape(input, (*shape[:d], *_sizes(shape, shape[d], ints(sizes)), *shape[d + 1 :]))


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


@operation("PermuteBackward0", _permuted_back, star="dims", view=True, quiet=True)
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


@operation(
    "TransposeBackward0",
    lambda V, dy, dim0, dim1: V.transpose(dy, dim0, dim1),
    aliases="swapaxes swapdims",
    view=True,
    quiet=True,
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


@operation("TBackward0", lambda V, dy: V.t(dy), view=True, quiet=True)
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


@operation(
    "SqueezeBackward0", lambda V, dy, shapes: V.reshape(dy, shapes[0]), view=True, quiet=True
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
        drop = set(range(len(shape)))
    else:
        drop = {axis(d, len(shape)) for d in (dim if isinstance(dim, tuple | list) else (dim,))}
    return input.reshape(tuple(n for i, n in enumerate(shape) if i not in drop or n != 1))


@operation(
    "UnsqueezeBackward0", lambda V, dy, shapes: V.reshape(dy, shapes[0]), view=True, quiet=True
)
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a dim of size 1 inserted at `dim`.

    Example:
        >>> import minnet
        >>> minnet.unsqueeze(minnet.zeros(2, 3), -1).shape
        torch.Size([2, 3, 1])
    """
    return np.expand_dims(input, axis(dim, input.ndim + 1))


@operation("ExpandBackward0", lambda V, dy: dy, star="sizes", view=True, quiet=True)
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


def expand_as(input: Any, other: Any) -> Any:
    """Return `input` expanded to the shape of `other`."""
    return expand(input, *other.array.shape)


def broadcast_to(input: Any, shape: Sequence[int]) -> Any:
    """Return `input` expanded to a shape."""
    return expand(input, *shape)


@operation("CloneBackward0", lambda V, dy: dy, quiet=True)
def clone(input: Tensor) -> Tensor:
    """Return a copy that gradients flow through.

    Example:
        >>> import minnet
        >>> minnet.clone(minnet.tensor([1, 2]))
        tensor([1, 2])
    """
    return input.copy()


def contiguous(input: Any) -> Any:
    """Return the tensor itself if its memory is in row order, else such a copy."""
    return input if input.array.flags.c_contiguous else clone(input)


@operation("ToCopyBackward0", lambda V, dy: dy, where="")
def cast(input: Tensor, dtype: Any) -> Tensor:
    """Return a copy in another dtype, one of NumPy's."""
    return input.astype(dtype, order="C")


@differentiable("FlipBackward0")
def _flip(input: np.ndarray, axes: tuple[int, ...]) -> Any:
    return np.flip(input, axes).copy(), (lambda dy: np.flip(dy, axes).copy(),)


def flip(input: Any, *dims: Any) -> Any:
    """Return a copy with the order of elements reversed along the dims."""
    axes = tuple(axis(d, input.array.ndim) for d in ints(dims))
    return _flip(input, axes if input.array.ndim else ())


# Joining and splitting


def _join(name: str, tensors: Sequence[Any], out: Any, vjps: list[Any]) -> Any:
    result = wrap(kernels.contiguous(kernels.as_array(out)))
    if (
        is_grad_enabled()
        and result.array.dtype.kind == "f"
        and any(x.requires_grad for x in tensors)
    ):
        record(name, tensors, result, vjps)
    return result


def _checked(tensors: Any, error: Exception) -> list[Any]:
    tensors = list(tensors)
    if not tensors:
        raise error
    for i, x in enumerate(tensors):
        if not isinstance(x, Variable):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    return tensors


def _common_dtype(tensors: Sequence[Any]) -> np.dtype:
    return functools.reduce(dtypes.promote, [x.array.dtype for x in tensors])


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors along an existing dim.

    Raises:
        RuntimeError: if there are none, or their sizes differ in another dim.

    Example:
        >>> import minnet
        >>> minnet.cat([minnet.ones(1, 2), minnet.zeros(1, 2)])
        tensor([[1., 1.],
                [0., 0.]])
    """
    tensors = _checked(tensors, ValueError("torch.cat(): expected a non-empty list of Tensors"))
    for i, x in enumerate(tensors):
        if x.array.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dtype = _common_dtype(tensors)
    # By an old rule of torch, `tensor([])` goes with tensors of any number of dims.
    others = [x for x in tensors if x.array.shape != (0,)]
    if others and others[0].array.ndim != 1:
        tensors = others
    first = tensors[0].array
    d = axis(dim, first.ndim)
    for i, x in enumerate(tensors):
        a = x.array.shape
        if len(a) != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {len(a)}"
            )
        for j, (m, n) in enumerate(zip(first.shape, a, strict=True)):
            if j != d and m != n:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {m} but "
                    "got "
                    f"size {n} for tensor number {i} in the list."
                )
    vjps, start = [], 0
    for x in tensors:
        where = (*[slice(None)] * d, slice(start, start + x.array.shape[d]))
        start += x.array.shape[d]
        vjps.append(lambda dy, where=where: dy[where])
    out = np.concatenate([x.array for x in tensors], d, dtype=dtype)
    return _join("CatBackward0", tensors, out, vjps)


concat = concatenate = cat


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors of one shape along a new dim.

    Raises:
        RuntimeError: if there are none, or their shapes differ.
    """
    tensors = _checked(tensors, RuntimeError("stack expects a non-empty TensorList"))
    shape = tensors[0].array.shape
    for i, x in enumerate(tensors):
        if x.array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.array.shape)} at entry {i}"
            )
    d = axis(dim, len(shape) + 1)
    vjps = [lambda dy, i=i: np.take(dy, i, d) for i in range(len(tensors))]
    out = np.stack([x.array for x in tensors], d, dtype=_common_dtype(tensors))
    return _join("StackBackward0", tensors, out, vjps)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Cut a tensor along a dim into views of a size, or of several given sizes.

    Raises:
        RuntimeError: if a size is not positive, or several do not sum to the dim's.

    Example:
        >>> import minnet
        >>> minnet.split(minnet.arange(5), 2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if not tensor.array.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = axis(dim, tensor.array.ndim)
    n = tensor.array.shape[d]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size <= 0 and (size or n):
            raise RuntimeError(
                f"split expects split_size to be positive, but got split_size={size}"
            )
        sizes = [min(size, n - i) for i in range(0, max(n, 1), max(size, 1))]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size "
                "at "
                f"dimension {d}), but got split_sizes={sizes}"
            )
    parts, start = [], 0
    for size in sizes:
        parts.append(narrow(tensor, d, start, size))
        start += size
    return tuple(parts)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
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
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.array.shape[axis(dim, input.array.ndim)]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return the views at each index of a dim, without that dim."""
    d = axis(dim, input.array.ndim)
    return tuple(select(input, d, i) for i in range(input.array.shape[d]))


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """Return the view of `length` elements from `start` along a dim.

    Raises:
        IndexError: if `start` is out of range.
        RuntimeError: if the elements reach beyond the end, or `length` is negative.
    """
    d = axis(dim, input.array.ndim)
    if not input.array.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    n = input.array.shape[d]
    if not -n <= start <= n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    start += n * (start < 0)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return index(input, (*[slice(None)] * d, slice(start, start + length)))


def select(input: Any, dim: int, at: int) -> Any:
    """Return the view at one index of a dim, without that dim.

    Raises:
        IndexError: if there is no such index, or no dim.
    """
    if not input.array.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = axis(dim, input.array.ndim)
    return index(input, (*[slice(None)] * d, at))


# Indexing


_SELECTIONS = (Variable, bool, np.bool_, list, np.ndarray, range)


class Key:
    """An index in two steps: a view by integers and slices, and in it a selection by arrays.

    NumPy counts an integer beside an array as an array, and then moves dims; torch does not.
    """

    def __init__(self, key: Any):
        view: list[Any] = []
        selection: list[Any] = []
        self.selects = False
        for item in key if isinstance(key, tuple) else (key,):
            part = _part(item)
            if isinstance(part, int):
                view.append(part)
            elif hasattr(part, "dtype"):
                self.selects = True
                if part.dtype == bool:  # takes as many dims as it has; with none, a new one
                    view += [slice(None)] * part.ndim or [None]
                    selection.append(part.reshape(part.shape or (1,)))
                else:
                    view.append(slice(None))
                    selection.append(part.astype(np.int64, copy=False))
            else:
                view.append(part)
                selection.append(part if part is Ellipsis else slice(None))
        self.name = "Select" if view and isinstance(view[-1], int) else "Slice"
        if Ellipsis not in view:
            view.append(Ellipsis)  # NumPy returns a view then, even of no dims
        self.view = tuple(view)
        self.selection = tuple(selection)

    def own(self) -> None:
        """Copy the arrays, since the user may change them before backward reads them."""
        self.selection = tuple(
            part.copy() if hasattr(part, "dtype") else part for part in self.selection
        )

    def get(self, array: np.ndarray) -> np.ndarray:
        """Return the elements at this index: a view unless it selects."""
        try:
            view = array[self.view]
            if not self.selects:
                return view
            self._check_empty_masks(view)
            return view[self.selection]
        except IndexError as error:
            raise _index_error(error, array.ndim) from None

    def set(self, array: np.ndarray, values: Any) -> None:
        """Change the elements at this index."""
        try:
            with np.errstate(all="ignore"):
                if self.selects:
                    view = array[self.view]
                    self._check_empty_masks(view)
                    while np.ndim(values) > 1 and len(values) == 1:  # which NumPy refuses for masks
                        values = values[0]
                    view[self.selection] = values
                else:
                    array[self.view] = values
        except IndexError as error:
            raise _index_error(error, array.ndim) from None

    def _check_empty_masks(self, view: np.ndarray) -> None:
        """Refuse a mask of no elements beside dims of other sizes, which NumPy takes."""
        at = 0
        for i, part in enumerate(self.selection):
            if part is Ellipsis:
                after = self.selection[i + 1 :]
                at = view.ndim - sum(part.ndim if _is_mask(part) else 1 for part in after)
            elif not _is_mask(part):
                at += 1
            else:
                dims = view.shape[at : at + part.ndim]
                if not part.size and part.shape != dims:
                    raise IndexError(
                        f"The shape of the mask {list(part.shape)} does not match the dims "
                        f"{list(dims)} that it selects from"
                    )
                at += part.ndim

    def add(self, array: np.ndarray, values: np.ndarray) -> None:
        """Add values, more than once where an element is selected more than once."""
        if self.selects:
            np.add.at(array[self.view], self.selection, values)
        else:
            array[self.view] += values


def _is_mask(part: Any) -> bool:
    return hasattr(part, "dtype") and part.dtype.kind == "b"


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
            int(p.array) if isinstance(p, Variable) else p
            for p in (item.start, item.stop, item.step)
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
        if array.dtype.kind not in "iub":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return array if array.ndim or array.dtype == bool else int(array)
    try:
        return operator.index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            "valid "
            f"indices (got {type(item).__name__})"
        ) from None


def _indexed(input: np.ndarray, key: Key) -> Any:
    shape = input.shape

    def dx(dy: np.ndarray) -> np.ndarray:
        gradient = kernels.zeros(shape, dy)
        key.add(gradient, dy)
        return gradient

    result = key.get(input)  # NumPy may lay a selection out in another order than its shape's
    return kernels.contiguous(kernels.as_array(result)) if key.selects else result, (dx,)


_slice = differentiable("SliceBackward0", view=True)(_indexed)
_select = differentiable("SelectBackward0", view=True)(_indexed)
_gather = differentiable("IndexBackward0")(_indexed)


def index(input: Any, key: Any) -> Any:
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
    where = Key(key)
    if where.selects:
        if input.requires_grad and is_grad_enabled():
            where.own()
        return _gather(input, where)
    return (_select if where.name == "Select" else _slice)(input, where)


@differentiable("IndexPutBackward0", tensors=2)
def put(input: np.ndarray, values: Any, key: Key) -> Any:
    """Return a copy of `input` with `values` at `key`."""
    result = input.copy()
    key.set(result, values)

    def dx(dy: np.ndarray) -> np.ndarray:
        gradient = dy.copy()
        key.set(gradient, 0)
        return gradient

    ndim = np.ndim(values)

    def dvalues(dy: np.ndarray) -> np.ndarray:
        gradient = key.get(dy)
        return gradient.reshape((1,) * (ndim - gradient.ndim) + gradient.shape)

    return result, (dx, dvalues)


@differentiable("GatherBackward0", tensors=2)
def _gather_along(input: np.ndarray, index: np.ndarray, dim: int) -> Any:
    shape = input.shape

    def where(index: np.ndarray) -> tuple[np.ndarray, ...]:
        grid = np.indices(index.shape, sparse=True)
        return (*grid[:dim], index, *grid[dim + 1 :]) if shape else ()

    def dx(dy: np.ndarray) -> np.ndarray:
        gradient = kernels.zeros(shape, dy)
        np.add.at(gradient, where(index), dy)
        return gradient

    return input[where(index)], (dx, None)


def gather(input: Any, dim: int, index: Any) -> Any:
    """Return the elements at the indices of a dim: for dim 1, out[i, j] = input[i, index[i, j]].

    Raises:
        RuntimeError: if `index` is not int64, has another number of dims than `input` or is larger
            in another dim, or holds an index out of range.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> minnet.gather(x, 1, minnet.tensor([[1], [0]]))
        tensor([[2.],
                [3.]])
    """
    shape, at = input.array.shape, index.array
    d = axis(dim, len(shape))
    if at.dtype != np.int64:
        raise RuntimeError("gather(): Expected dtype int64 for index")
    if at.ndim != len(shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    if builtins.any(m > n for i, (m, n) in enumerate(zip(at.shape, shape, strict=True)) if i != d):
        raise RuntimeError(
            f"Size does not match at dimension {d} expected index {list(at.shape)} to be no larger "
            "than "
            f"self {list(shape)} apart from dimension {d}"
        )
    n = shape[d] if shape else 1
    bad = at[(at < 0) | (at >= n)]
    if bad.size:
        raise RuntimeError(f"index {bad[0]} is out of bounds for dimension {d} with size {n}")
    return _gather_along(input, index, d)


def index_select(input: Any, dim: int, at: Any) -> Any:
    """Return a copy with the elements at the given indices of a dim.

    Raises:
        IndexError: if the dim or an index is out of range.
        RuntimeError: if `input` has no dims and there is not one index.
    """
    d = axis(dim, input.array.ndim)
    if (at.array < 0).any():
        raise IndexError("index out of range in self: index_select takes no index below 0")
    if input.array.ndim == 0:
        if at.array.size != 1:
            raise RuntimeError(
                "index_select(): Index to scalar can have only 1 value, got "
                f"{at.array.size} value(s)"
            )
        return reshape(index(reshape(input, 1), at), ())
    return index(input, (*[slice(None)] * d, at))


def size(input: Any, dim: int | None = None) -> Any:
    """Return the shape, or one size of it."""
    shape = Size(input.array.shape)
    return shape if dim is None else shape[axis(dim, len(shape))]


def numel(input: Any) -> int:
    """Return the number of elements."""
    return input.array.size


def _matrix(name: str, array: np.ndarray) -> None:
    if array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@differentiable("TrilBackward0")
def tril(input: np.ndarray, diagonal: int = 0) -> Any:
    """Return the lower triangle of the last two dims, the rest zero.

    Example:
        >>> import minnet
        >>> minnet.tril(minnet.ones(2, 2))
        tensor([[1., 0.],
                [1., 1.]])
    """
    _matrix("tril", input)
    return kernels.contiguous(np.tril(input, diagonal)), (lambda dy: np.tril(dy, diagonal),)


@differentiable("TriuBackward0")
def triu(input: np.ndarray, diagonal: int = 0) -> Any:
    """Return the upper triangle of the last two dims, the rest zero. See `tril`."""
    _matrix("triu", input)
    return kernels.contiguous(np.triu(input, diagonal)), (lambda dy: np.triu(dy, diagonal),)


@differentiable("DiagBackward0")
def diag(input: np.ndarray, diagonal: int = 0) -> Any:
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
    shape = input.shape

    def dx(dy: np.ndarray) -> np.ndarray:
        if dy.ndim == 2:
            return np.diagonal(dy, diagonal).copy()
        gradient = np.zeros(shape, dy.dtype)
        n = len(dy)
        rows = np.arange(n) + max(-diagonal, 0)
        gradient[rows, np.arange(n) + max(diagonal, 0)] = dy
        return gradient

    return np.diag(input, diagonal).copy(), (dx,)


def repeat(input: Any, *sizes: Any) -> Any:
    """Return a tensor of copies side by side: `sizes` of them along each dim.

    Raises:
        RuntimeError: if there are fewer sizes than dims, or one is negative.

    Example:
        >>> import minnet
        >>> minnet.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    given = ints(sizes)
    shape = input.array.shape
    extra = len(given) - len(shape)
    if extra < 0:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if builtins.any(k < 0 for k in given):
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeat{given}")
    full = (1,) * extra + shape
    spread = reshape(input, tuple(v for n in full for v in (1, n)))
    wide = expand(spread, tuple(v for k, n in zip(given, full, strict=True) for v in (k, n)))
    out = reshape(wide, tuple(k * n for k, n in zip(given, full, strict=True)))
    return clone(out) if out.counter() is input.counter() else out  # nothing was repeated


def view_as(input: Any, other: Any) -> Any:
    """Return a view in the shape of `other`."""
    return view(input, *other.array.shape)


def reshape_as(input: Any, other: Any) -> Any:
    """Return the elements in the shape of `other`."""
    return reshape(input, *other.array.shape)


def nonzero(input: Any) -> Any:
    """Return the indices of the nonzero elements, a row for each.

    Example:
        >>> import minnet
        >>> minnet.nonzero(minnet.tensor([0, 3, 4]))
        tensor([[1],
                [2]])
    """
    return wrap(np.argwhere(input.array))


def masked_select(input: Any, mask: Any) -> Any:
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
    return index(expand(input, *shape), expand(mask, *shape))
