"""Reading and writing at indices: `scatter`, `index_add`, `take_along_dim`, searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet import scalar
from minnet.functional import arithmetic
from minnet.functional.arithmetic import div, ifelse, mul
from minnet.functional.shape import (
    _along,
    _before,
    _lasting,
    clone,
    expand,
    gather,
    masked_fill,
    parsed,
    places,
    put_,
    reshape,
    selected,
    sliced,
)
from minnet.operation import Number, Tensor, composite, operation
from minnet.size import axis
from minnet.variable import Variable, wrap


@operation("IndexPutBackward0", lambda V, dy: dy, lambda V, dy, key: V.selected(dy, key), where="")
def added_at(input: Tensor, source: Tensor, key: tuple[Any, ...]) -> Tensor:
    """Return `input` with `source` added at NumPy's key, as often as an element is selected."""
    result = input.copy()
    np.add.at(result, key, source)
    return result


def _put(input: Tensor, key: tuple[Any, ...], values: Any) -> Tensor:
    return put_(clone(input), values, key)


# Along a dim


def _checked(name: str, input: Any, dim: int, index: Any, src: Any = None) -> tuple[int, Any]:
    """Return a dim and NumPy's key of the elements at the indices of it.

    Raises:
        RuntimeError: if the indices are no int32 or int64, or do not fit.
    """
    shape, at = input.array.shape, index.array
    d = axis(dim, len(shape))
    if at.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    others = [shape] if src is None else [shape, src.array.shape]
    if at.size:
        if any(max(len(s), 1) != max(at.ndim, 1) for s in others):
            raise RuntimeError(
                f"Index tensor must have the same number of dimensions as "
                f"{'self' if src is None else 'src'} tensor"
            )
        for k, other in enumerate(others):
            if any(m > n for i, (m, n) in enumerate(zip(at.shape, other, strict=False))
                   if k or i != d):  # fmt: skip
                raise RuntimeError(
                    f"Expected index {list(at.shape)} to be no larger than self {list(shape)} "
                    f"apart from dimension {d}"
                    + ("" if src is None else f" and to be no larger than src {list(others[-1])}")
                )
        n = shape[d] if shape else 1
        bad = at[(at < 0) | (at >= n)]
        if bad.size:
            raise RuntimeError(f"index {bad[0]} is out of bounds for dimension {d} with size {n}")
    return d, _lasting(_along(at, d))


def _like_index(src: Tensor, index: Tensor) -> Tensor:
    """Return the part of a source that has the shape of the indices."""
    shape = index.array.shape
    if src.array.shape == shape:
        return src
    return sliced(src, (*(slice(n) for n in shape), ...))


def _same_dtype(name: str, input: Any, src: Any) -> None:
    if input.array.dtype != src.array.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, but got {input.dtype} and "
            f"{src.dtype}"
        )


@composite(inplace="Tensor", out="exact")
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | Number | None = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Return a copy with elements of `src`, or a number, at the indices of a dim.

    For dim 0, out[index[i, j], j] = src[i, j]. Where an index comes several times, the last counts.

    Args:
        reduce: "add" or "multiply", to combine with what is there.

    Raises:
        RuntimeError: if the indices are no int32 or int64 or do not fit, or the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 3).scatter(1, minnet.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    src = value if src is None else src
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    is_tensor = isinstance(src, Variable) and (src.array.ndim or src.requires_grad)
    if not is_tensor:
        number = scalar.number(src, "scatter(): argument 'value'")
        src = scalar.fitted(number, input.array.dtype).item()
    _, key = _checked("scatter", input, dim, index, src if is_tensor else None)
    if is_tensor:
        _same_dtype("scatter", input, src)
    if not index.array.size:
        return clone(input)
    if reduce is not None:
        given = src if is_tensor else wrap(np.full(index.array.shape, src, input.array.dtype))
        reduction = "sum" if reduce == "add" else "prod"
        return scatter_reduce(input, dim, index, given, reduction)
    return _put(input, key, _like_index(src, index) if is_tensor else src)


@composite(inplace="Tensor", out="exact")
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return a copy with elements of `src` added at the indices of a dim; see `scatter`.

    Example:
        >>> import minnet
        >>> minnet.zeros(2).scatter_add(0, minnet.tensor([1, 1]), minnet.tensor([2.0, 3.0]))
        tensor([0., 5.])
    """
    _, key = _checked("scatter_add", input, dim, index, src)
    _same_dtype("scatter", input, src)
    if not index.array.size:
        return clone(input)
    return added_at(input, _like_index(src, index), key)


_REDUCTIONS: dict[str, tuple[Any, Any]] = {
    "sum": (np.add, 0), "mean": (np.add, 0), "prod": (np.multiply, 1),
    "amax": (np.maximum, None), "amin": (np.minimum, None),
}  # fmt: skip


def _extremes(dtype: np.dtype) -> tuple[Any, Any]:
    """Return the smallest and the largest number of a dtype."""
    if dtype.kind == "f":
        return -math.inf, math.inf
    return (False, True) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


@np.errstate(all="ignore")
def _reduced_at(
    input: Tensor, key: tuple[Any, ...], src: Tensor, reduce: str, include_self: bool
) -> Tensor:
    """Return `input` with elements of a source combined with what is at a key."""
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    ufunc, start = _REDUCTIONS[reduce]
    array = input.array
    if start is None:
        start = _extremes(array.dtype)[reduce == "amin"]
    base = input if include_self else _put(input, key, start)
    if reduce in ("sum", "mean"):
        total = added_at(base, src, key)
        if reduce == "sum":
            return total
        counts = np.full(array.shape, int(include_self), array.dtype)
        np.add.at(counts, key, 1)
        mode = None if array.dtype.kind == "f" else "floor"
        return div(total, wrap(np.maximum(counts, 1)), rounding_mode=mode)
    result = base.array.copy()
    ufunc.at(result, key, src.array)
    if not (base.requires_grad or src.requires_grad):
        return wrap(result)
    share = (_product_at if reduce == "prod" else _winners_at)(base, src, key, result)
    return arithmetic.add(share, wrap(result - share.array))  # to the bit


def _winners_at(base: Tensor, src: Tensor, key: tuple[Any, ...], result: np.ndarray) -> Tensor:
    """Return the extremes at a key, with a history: their gradient is shared by equals."""
    kept, taken = base.array == result, src.array == result[key]
    count = np.array(kept, result.dtype)
    np.add.at(count, key, taken)
    winners = added_at(ifelse(wrap(kept), base, 0.0), ifelse(wrap(taken), src, 0.0), key)
    return div(winners, wrap(count))


def _product_at(base: Tensor, src: Tensor, key: tuple[Any, ...], result: np.ndarray) -> Tensor:
    """Return the products at a key, with a history that is right where factors are 0."""
    nothing, none = base.array == 0, src.array == 0
    zeros = np.array(nothing, result.dtype)
    np.add.at(zeros, key, none)
    signs = np.asarray(np.where(nothing, 1, np.sign(base.array)))
    np.multiply.at(signs, key, np.where(none, 1, np.sign(src.array)))
    sizes = (ifelse(wrap(x.array == 0), 1.0, arithmetic.abs(x)).log() for x in (base, src))
    product = mul(added_at(*sizes, key).exp(), wrap(signs))
    # With one zero the product is that times the others; with more no factor matters.
    zero = added_at(ifelse(wrap(nothing), base, 0.0), ifelse(wrap(none), src, 0.0), key)
    return mul(product, ifelse(wrap(zeros == 1), zero, wrap((zeros == 0).astype(result.dtype))))


@composite(inplace="Tensor", out="exact")
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return a copy with elements of `src` combined with those at the indices of a dim.

    Args:
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether what is there takes part.

    Example:
        >>> import minnet
        >>> x, i = minnet.tensor([1.0, 5.0]), minnet.tensor([0, 1, 0])
        >>> x.scatter_reduce(0, i, minnet.tensor([4.0, 2.0, 3.0]), "amax")
        tensor([4., 5.])
    """
    _, key = _checked("scatter_reduce", input, dim, index, src)
    _same_dtype("scatter", input, src)
    if not index.array.size:
        return clone(input)
    return _reduced_at(input, key, _like_index(src, index), reduce, include_self)


def _vector_key(name: str, input: Any, dim: int, index: Any) -> tuple[Any, ...]:
    """Return NumPy's key of the slices of a dim at a vector of indices.

    Raises:
        IndexError: if an index is out of range, or they are no vector.
        RuntimeError: if they are no int32 or int64.
    """
    d, at = axis(dim, input.array.ndim), index.array
    if at.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    if at.dtype not in (np.int32, np.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    n = input.array.shape[d] if input.array.ndim else 1
    if ((at < -n) | (at >= n)).any():
        raise IndexError(f"{name}(): index out of range in self")
    return (*_before(d), at.reshape(-1).astype(np.int64)) if input.array.ndim else ()


def _slices(name: str, input: Any, key: tuple[Any, ...], source: Any) -> Any:
    """Return a source of slices in the shape that a key selects."""
    if not key:
        return reshape(source, ())
    want = input.array[key].shape
    if source.array.shape != want:
        if source.array.size == 1 == math.prod(want):
            return reshape(source, want)
        raise IndexError(
            f"{name}(): the source has shape {list(source.array.shape)}, but the slices at the "
            f"indices have {list(want)}"
        )
    return source


@composite(inplace="Tensor", out="exact")
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1
) -> Tensor:
    """Return a copy with slices of `source`, times `alpha`, added at the indices of a dim.

    Raises:
        IndexError: if an index is out of range.
        RuntimeError: if the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.zeros(3).index_add(0, minnet.tensor([0, 2, 0]), minnet.tensor([1.0, 2.0, 3.0]))
        tensor([4., 0., 2.])
    """
    key = _vector_key("index_add", input, dim, index)
    _same_dtype("index_add", input, source)
    source = _slices("index_add", input, key, source)
    return added_at(input, source if alpha == 1 else mul(source, alpha), key)


@composite(inplace="Tensor", out="exact")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy with slices of `source` at the indices of a dim.

    Example:
        >>> import minnet
        >>> minnet.zeros(3).index_copy(0, minnet.tensor([2, 0]), minnet.tensor([1.0, 2.0]))
        tensor([2., 0., 1.])
    """
    key = _vector_key("index_copy", input, dim, index)
    _same_dtype("index_copy", input, source)
    return _put(input, key, _slices("index_copy", input, key, source))


@composite(inplace="Tensor")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor:
    """Return a copy with one value at the indices of a dim.

    Example:
        >>> import minnet
        >>> minnet.zeros(3).index_fill(0, minnet.tensor([2, 0]), 7)
        tensor([7., 0., 7.])
    """
    reached = np.zeros(input.array.shape, bool)
    reached[_vector_key("index_fill", input, dim, index)] = True
    return masked_fill(input, wrap(reached), value)


@composite(inplace="Tensor", out="exact")
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
    include_self: bool = True,
) -> Tensor:  # fmt: skip
    """Return a copy with slices of `source` combined with those at the indices of a dim.

    Args:
        reduce: "prod", "mean", "amax" or "amin".

    Example:
        >>> import minnet
        >>> x, i = minnet.ones(2), minnet.tensor([0, 0])
        >>> x.index_reduce(0, i, minnet.tensor([4.0, 2.0]), "prod")
        tensor([8., 1.])
    """
    key = _vector_key("index_reduce", input, dim, index)
    _same_dtype("index_reduce", input, source)
    return _reduced_at(
        input, key, _slices("index_reduce", input, key, source), reduce, include_self
    )


@composite(inplace="Tensor minnet")
def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Return a copy with `values` at `input[indices]`, or added, to an element as often as named.

    Raises:
        IndexError: if an index is out of range, or there are too many.
        RuntimeError: if the values do not fit, or the dtypes differ.

    Example:
        >>> import minnet
        >>> x, i = minnet.zeros(2), minnet.tensor([0, 0])
        >>> x.index_put((i,), minnet.tensor([1.0, 2.0]), accumulate=True)
        tensor([3., 0.])
    """
    if input.array.dtype != values.array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{input.dtype} for the destination and {values.dtype} for the source."
        )
    key = tuple(slice(None) if i is None else i for i in indices)
    view, selection = parsed(key)
    if view is not None or selection is None:
        out = clone(input)
        out[key] = values
        return out
    key = _lasting(selection)
    if not accumulate:
        return _put(input, key, values)
    return added_at(input, expand(values, tuple(selected.operation.value(input.array, key).shape)),
                    key)  # fmt: skip


# Of the elements in one row


@composite(out="exact")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at indices of the tensor taken as one row, in the shape of the indices.

    Raises:
        IndexError: if an index is out of range.

    Example:
        >>> import minnet
        >>> minnet.take(minnet.tensor([[1, 2], [3, 4]]), minnet.tensor([0, 3]))
        tensor([1, 4])
    """
    if index.array.dtype != np.int64:
        raise RuntimeError("take(): Expected a long tensor for index")
    return reshape(input, -1)[index]


@composite(out="exact")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return the elements at the indices of a dim; the other dims broadcast. See `gather`.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[3, 1, 2]])
        >>> minnet.take_along_dim(x, x.argsort(1), 1)
        tensor([[1, 2, 3]])
    """
    if indices.array.dtype != np.int64:
        raise RuntimeError("torch.take_along_dim(): dtype of indices should be Long")
    if dim is None:
        return take_along_dim(reshape(input, -1), reshape(indices, -1), 0)
    if input.array.ndim != indices.array.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input.array.ndim} dimensions for input, and {indices.array.ndim} dimensions "
            "for indices"
        )
    d = axis(dim, input.array.ndim)
    a, b = list(input.array.shape), list(indices.array.shape)
    a_at, b_at = a[d], b[d]
    indices = wrap(np.where(indices.array < 0, indices.array + a_at, indices.array))
    a[d] = b[d] = 1
    shape = list(np.broadcast_shapes(a, b))
    given = expand(input, (*shape[:d], a_at, *shape[d + 1 :]))
    return gather(given, d, expand(indices, (*shape[:d], b_at, *shape[d + 1 :])))


@composite(inplace="Tensor")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with elements of `source`, one after the other, where `mask` is true.

    Raises:
        RuntimeError: if `mask` is not bool, the dtypes differ, or the source has too few elements.

    Example:
        >>> import minnet
        >>> mask = minnet.tensor([True, False, True])
        >>> minnet.zeros(3).masked_scatter(mask, minnet.tensor([1.0, 2.0, 3.0]))
        tensor([1., 0., 2.])
    """
    if mask.array.dtype != bool:
        raise RuntimeError(f"masked_scatter: expected BoolTensor for mask, got {mask.dtype}")
    _same_dtype("masked_scatter", input, source)
    shape = np.broadcast_shapes(input.array.shape, mask.array.shape)
    there = np.broadcast_to(mask.array, shape)
    n = int(there.sum())
    if n > source.array.size:
        raise RuntimeError(
            f"Number of elements of source < number of ones in mask: {source.array.size} < {n}"
        )
    values = sliced(reshape(source, -1), (slice(n), ...))
    return _put(expand(input, shape), (there.copy(),), values)


# Views replaced in a copy


def _replaced(input: Tensor, key_of: Callable[[Any], Any], src: Tensor) -> Tensor:
    """Return a copy with the elements that a function of an array selects set to a source."""
    at = key_of(wrap(np.arange(input.array.size).reshape(input.array.shape))).array
    if at.shape != src.array.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{list(src.array.shape)}, slice size = {list(at.shape)}"
        )
    flat = _put(reshape(input, -1), (at.flatten(),), reshape(src, -1))
    return reshape(flat, input.array.shape)


@composite
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return a copy with `src` at one index of a dim.

    Example:
        >>> import minnet
        >>> minnet.select_scatter(minnet.zeros(2, 2), minnet.ones(2), 0, 0)
        tensor([[1., 1.],
                [0., 0.]])
    """
    return _replaced(input, lambda x: x.select(dim, index), src)


@composite(out="exact")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Tensor:  # fmt: skip
    """Return a copy with `src` at a slice of a dim.

    Example:
        >>> import minnet
        >>> minnet.slice_scatter(minnet.zeros(3), minnet.ones(2), 0, 1)
        tensor([0., 1., 1.])
    """
    d = axis(dim, input.array.ndim)
    return _replaced(input, lambda x: x[(*_before(d), slice(start, end, step))], src)


@composite
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Return a copy with `src` on a diagonal.

    Example:
        >>> import minnet
        >>> minnet.diagonal_scatter(minnet.zeros(2, 2), minnet.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    return _replaced(input, lambda x: x.diagonal(offset, dim1, dim2), src)


# Searches


@composite
def argwhere(input: Tensor) -> Tensor:
    """Return the indices of the nonzero elements, a row for each.

    Example:
        >>> import minnet
        >>> minnet.argwhere(minnet.tensor([0, 3, 4]))
        tensor([[1],
                [2]])
    """
    return places(input)


@composite(where="minnet", out="exact")
def isin(
    elements: Tensor | Number, test_elements: Tensor | Number, *, assume_unique: bool = False,
    invert: bool = False,
) -> Tensor:  # fmt: skip
    """Return where elements are among others.

    Example:
        >>> import minnet
        >>> minnet.isin(minnet.tensor([1, 2, 3]), minnet.tensor([2, 5]))
        tensor([False,  True, False])
    """
    a, b = (x.array if isinstance(x, Variable) else x for x in (elements, test_elements))
    return wrap(np.isin(a, b, assume_unique=assume_unique, invert=invert))


@composite(where="minnet", out="exact")
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor | Number,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return where values would go into sorted rows, to keep them sorted.

    Args:
        sorted_sequence: (..., N), each row in rising order, or in that of `sorter`.
        input: (..., M), with the same leading dims; or of any shape, if there is one row.
        right: whether after values that are equal.

    Raises:
        RuntimeError: if the leading dims differ, or `side` contradicts `right`.

    Example:
        >>> import minnet
        >>> minnet.searchsorted(minnet.tensor([1, 3, 5]), minnet.tensor([3, 6]))
        tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    place: Any = side or ("right" if right else "left")
    rows = sorted_sequence.array
    values = input.array if isinstance(input, Variable) else np.asarray(input)
    if sorter is not None:
        rows = np.take_along_axis(rows, sorter.array, -1)
    if rows.ndim == 1:
        found = np.searchsorted(rows, values, place)
    else:
        if rows.shape[:-1] != values.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
                "dimensions of boundaries tensor and input value tensor must match, but we got "
                f"boundaries tensor {list(rows.shape)} and input value tensor {list(values.shape)}"
            )
        found = np.empty(values.shape, np.int64)
        for i in np.ndindex(*rows.shape[:-1]):
            found[i] = np.searchsorted(rows[i], values[i], place)
    return wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


@composite(where="minnet", out="exact")
def bucketize(
    input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Return the number of the interval between sorted boundaries that each value lies in.

    Example:
        >>> import minnet
        >>> minnet.bucketize(minnet.tensor([0.5, 1.5]), minnet.tensor([0.0, 1.0, 2.0]))
        tensor([1, 2])
    """
    if boundaries.array.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries.array.ndim})"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
