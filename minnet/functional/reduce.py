"""Reductions: sums, means, extremes and what is made of them; and order.

A float32 sum accumulates in float64 in a fixed order and is rounded once, so its bits depend
neither on threads nor on the processor.
"""

from __future__ import annotations

import builtins
import math
import warnings
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minnet import dtypes, kernels
from minnet.functional import arithmetic
from minnet.functional.shape import cast
from minnet.operation import Number, Tensor, composite, operation
from minnet.size import axis, integer
from minnet.variable import Variable


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes to reduce, sorted; all for None or an empty sequence.

    Raises:
        IndexError: if one is out of range.
        RuntimeError: if one is given twice.
        TypeError: if one is no integer.
    """
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    if not isinstance(dim, tuple | list):  # as nearly always
        d = axis(dim, ndim)
        return (d,) if ndim else ()
    axes = tuple(axis(d, ndim) for d in dim)
    if len(set(axes)) != len(axes):
        repeated = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if ndim else ()


def _count(shape: tuple[int, ...], dim: Any) -> int:
    """Return how many elements each result is made of."""
    return math.prod(shape[a] for a in axes_of(dim, len(shape)))


def _reduced(shape: tuple[int, ...], dim: Any, keepdim: bool) -> tuple[int, ...]:
    axes = axes_of(dim, len(shape))
    if keepdim:
        return tuple(1 if a in axes else n for a, n in enumerate(shape))
    return tuple(n for a, n in enumerate(shape) if a not in axes)


def shape_over(shapes: Any, dim: Any, keepdim: bool) -> tuple[int, ...]:
    return _reduced(shapes[0], None if isinstance(dim, bool) else dim, keepdim)


def _kept(V: Any, dim: Any, keepdim: bool, shape: tuple[int, ...], *results: Any) -> Any:
    """Return results of a reduction, or their gradients, with the reduced dims back, of size 1."""
    if keepdim:
        return results
    shape = _reduced(shape, dim, True)
    return [V.reshape(y, shape) for y in results]


_to_a_shape = partial(operation, where="", quiet=True)
_choosing = partial(operation, several=True, keeps="constant", quiet=True)


@_to_a_shape("SumBackward1", lambda V, dy, dim, keepdim: V.sum(dy, dim, keepdim))
def spread(input: Tensor, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Tensor:
    """Return a reduction's result expanded to the shape that was reduced: the adjoint of `sum`."""
    if not keepdim and input.ndim:  # else it broadcasts as it is
        input = np.expand_dims(input, axes_of(dim, len(shape)))
    return np.broadcast_to(input, shape)


@_to_a_shape("SumBackward1", lambda V, dy, shapes: V.expand(dy, shapes[0]))
def sum_to_shape(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the sum over the dims that broadcasting from `shape` would repeat."""
    extra = input.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1))
    axes = tuple(a for a in axes if input.shape[a] != 1 or a < extra)
    return kernels.of(input).sum(input, axes, True).reshape(shape)


def _converted(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Return an array in the dtype that a caller asked for, if any."""
    return array if dtype is None else cast.operation.run(array, dtypes.numpy_of(dtype))


@operation(
    lambda dim: "SumBackward0" if dim is None else "SumBackward1",
    lambda V, dy, dim, keepdim, shapes: V.spread(dy, dim, keepdim, shapes[0]),
    named="dtype",
    out="cast",
    quiet=True,
    shape=shape_over,
)
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """Return the sum of all elements, or over the given dims. Integers and bools sum to int64.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.sum(), x.sum(0)
        (tensor(10.), tensor([4., 6.]))
    """
    input = _converted(input, dtype)
    axes = axes_of(dim, input.ndim)
    if input.dtype.kind != "f":
        kind = np.int64 if dtype is None else input.dtype
        total = np.sum(input, axes, dtype=kind, keepdims=keepdim)
        return kernels.contiguous(kernels.as_array(total))
    return kernels.of(input).sum(input, axes, keepdim)


def _mean_slope(V: Any, dy: Any, dim: Any, keepdim: bool, shapes: Any) -> Any:
    n = builtins.max(_count(shapes[0], dim), 1)  # the mean of none has no gradient
    return V.spread(V.div(dy, n), dim, keepdim, shapes[0])


@operation(
    lambda dim: "MeanBackward0" if dim is None else "MeanBackward1",
    _mean_slope,
    named="dtype",
    out="cast",
    quiet=True,
    shape=shape_over,
)
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """Return the mean of all elements, or over the given dims. The mean of none is NaN.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1)
        tensor([1.5000, 3.5000])
    """
    input = _converted(input, dtype)
    if input.dtype.kind != "f":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} "
            "dtype must be either a floating point or complex dtype. Got: "
            f"{dtypes.of(input).tensor_type}"
        )
    return kernels.of(input).mean(input, axes_of(dim, input.ndim), keepdim)


# Variances


def _balanced(input: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, Any]:
    """Return an array as float64, scaled so that squares neither overflow nor vanish; and by what.

    The scale is a power of two for each result, and rounds nothing. Float32 needs none.
    """
    if input.dtype == np.float32 or not input.size:
        return input.astype(np.float64), 1.0
    largest = _extreme(np.abs(input), axes, True, True)
    scale = np.where(largest > 2.0**480, 2.0**-600, np.where(largest < 2.0**-400, 2.0**600, 1.0))
    return input * scale, scale


def _deviations(input: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, Any]:
    """Return the distances from the mean as `_balanced` returns the elements."""
    mean = kernels.of(input).mean
    x, scale = _balanced(input, axes)
    x = x - mean(x, axes, True)
    return x - mean(x, axes, True), scale  # a mean is rounded by its size: what is left has none


@operation("SubBackward0", lambda V, dy, dim: V.centred(dy, dim), where="")
def centred(input: Tensor, dim: Any) -> Tensor:
    """Return the distances from the mean, rounded once."""
    x, scale = _deviations(input, axes_of(dim, input.ndim))
    return (x / scale).astype(input.dtype)


def _freedom(
    shape: tuple[int, ...], dim: Any, unbiased: bool | None, correction: float | None
) -> tuple[Any, float]:
    """Return the dims that a variance is taken over, and its degrees of freedom."""
    if isinstance(dim, bool):  # torch's var(input, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 0 if unbiased is False else 1
    return dim, builtins.max(_count(shape, dim) - correction, 0)


def _variance(
    name: str, input: np.ndarray, dim: Any, unbiased: Any, keepdim: bool, correction: Any
) -> np.ndarray:
    if input.dtype.kind != "f":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    dim, free = _freedom(input.shape, dim, unbiased, correction)
    if input.size and not free:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=6,  # the caller of the operation
        )
    axes = axes_of(dim, input.ndim)
    x, scale = _deviations(input, axes)
    mean = kernels.of(input).sum(x * x, axes, True) / np.float64(free)
    result = np.sqrt(mean) / scale if name == "std" else mean / scale / scale
    return result.astype(input.dtype).reshape(_reduced(input.shape, axes, keepdim))


def _variance_slope(
    V: Any,
    dy: Any,
    input: Any,
    dim: Any,
    unbiased: Any,
    keepdim: bool,
    correction: Any,
    shapes: Any,
) -> Any:
    dim, free = _freedom(shapes[0], dim, unbiased, correction)
    (dy,) = _kept(V, dim, keepdim, shapes[0], dy)
    return V.mul(dy, V.mul(V.centred(input, dim), 2 / free if free else math.inf))


@operation("VarBackward0", _variance_slope, named="correction", shape=shape_over, out="cast")
def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    correction: Number | None = None,
) -> Tensor:
    """Return the variance of all elements, or over the given dims.

    The sum of squares is divided by n - `correction`: 1 by default, 0 for `unbiased=False`.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([1.0, 2.0, 3.0, 6.0])
        >>> x.var(), x.var(correction=0)
        (tensor(4.6667), tensor(3.5000))
    """
    return _variance("var", input, dim, unbiased, keepdim, correction)


def _deviation_slope(
    V: Any,
    dy: Any,
    input: Any,
    result: Any,
    dim: Any,
    unbiased: Any,
    keepdim: bool,
    correction: Any,
    shapes: Any,
) -> Any:
    dim, free = _freedom(shapes[0], dim, unbiased, correction)
    dy, result = _kept(V, dim, keepdim, shapes[0], dy, result)
    return V.mul(_unit(V, V.centred(input, dim), result), V.div(dy, free))


def _unit(V: Any, x: Any, length: Any) -> Any:
    """Return x / length, and 0 where the length is 0."""
    none = V.eq(length, 0)
    # A divisor other than 0 also where the quotient is not taken, for the second derivative.
    return V.ifelse(none, 0.0, V.div(x, V.ifelse(none, 1.0, length)))


@operation("StdBackward0", _deviation_slope, named="correction", shape=shape_over, out="cast")
def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    correction: Number | None = None,
) -> Tensor:
    """Return the standard deviation; see `var`. Its gradient is 0 where all elements are equal.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0, 2.0, 3.0]).std()
        tensor(1.)
    """
    return _variance("std", input, dim, unbiased, keepdim, correction)


# Extremes


class Ordered(NamedTuple):
    """The elements that an operation chose along a dim, and where they were."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"


# The name is what a result prints.
_results = {
    name: type(name, (Ordered,), {"__slots__": ()}) for name in ("max", "min", "sort", "topk")
}


@_to_a_shape("GatherBackward0", lambda V, dy, at, dim, shapes: V.put_along(dy, at, dim, shapes[0]))
def take_along(input: Tensor, at: Any, dim: int, shape: tuple[int, ...]) -> Tensor:
    """Return the elements at the indices `at` of a dim, in a shape of as many."""
    return (np.take_along_axis(input, at, dim) if input.ndim else input.copy()).reshape(shape)


@_to_a_shape("GatherBackward0", lambda V, dy, at, dim, shapes: V.take_along(dy, at, dim, shapes[0]))
def put_along(input: Tensor, at: Any, dim: int, shape: tuple[int, ...]) -> Tensor:
    """Return zeros with the elements at the indices `at` of a dim: the adjoint of `take_along`."""
    if not shape:
        return input.copy()
    result = kernels.zeros(shape, input)
    np.put_along_axis(result, at, input.reshape(at.shape), dim)
    return result


def _chosen(name: str, input: np.ndarray, at: np.ndarray, dim: int, shape: Any = None) -> Any:
    """Return the elements at the indices `at` of a dim, with the indices; and these to be kept."""
    shape = at.shape if shape is None else shape
    values = take_along.operation.value(input, at, dim, shape)
    # A copy of the indices, since the user may change them before backward reads them.
    return _results[name](values, at.reshape(shape).copy()), at


def _put_back(V: Any, dy: Any, kept: Any, dim: int, shapes: Any) -> Any:
    return V.put_along(dy[0], kept, axis(dim, len(shapes[0])), shapes[0])


def _arg(array: np.ndarray, dim: int, largest: bool, keepdim: bool) -> np.ndarray:
    # NumPy's argmax takes the first of equals, and a NaN before all, as torch's.
    if not array.ndim:
        return np.zeros((), np.int64, like=array)
    return (np.argmax if largest else np.argmin)(array, dim, keepdims=keepdim)


def _not_empty(array: np.ndarray, name: str, dims: Any, error: Any = RuntimeError) -> None:
    """Check that there are elements to choose from: at all, or along each of the dims."""
    if dims is None and array.size == 0:
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    for d in dims or ():
        if array.ndim and array.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _extreme(input: np.ndarray, axes: tuple[int, ...], keepdim: bool, largest: bool) -> np.ndarray:
    kept = _reduced(input.shape, axes, True)
    n = math.prod(input.shape[a] for a in axes)
    rows = np.moveaxis(input, axes, range(-len(axes), 0)).reshape(math.prod(kept), n)
    # By its place, since of 0.0 and -0.0 NumPy's maximum takes one or the other by SIMD width.
    result = np.take_along_axis(rows, _arg(rows, 1, largest, True), 1).reshape(kept)
    return result if keepdim else result.squeeze(axes)


def _shared(V: Any, dy: Any, tied: Any, dim: Any) -> Any:
    """Return the gradient of an extreme, in equal parts where an element is `tied` with it."""
    return V.div(V.ifelse(tied, dy, 0.0), V.sum(tied, dim, True))


def _to_extremes(V: Any, dy: Any, input: Any, result: Any) -> Any:
    # A NaN takes its gradient.
    return _shared(V, dy, V.logical_or(V.eq(input, result), V.isnan(input)), None)


@operation(lambda name: f"{name.capitalize()}Backward1", _to_extremes, where="", shape=lambda: ())
def extreme(input: Tensor, name: str) -> Tensor:
    """Return the "max" or "min" of all elements."""
    _not_empty(input, name, None)
    return _extreme(input, tuple(range(input.ndim)), False, name == "max")


@_choosing(
    lambda name: f"{name.capitalize()}Backward0",
    _put_back,
    where="",
    shape=lambda shapes, dim, keepdim: (_reduced(shapes[0], dim, keepdim),) * 2,
)
def extreme_along(input: Tensor, name: str, dim: int, keepdim: bool, keep: bool = False) -> Any:
    """Return the "max" or "min" of the elements of a dim, and their indices."""
    d = axis(dim, input.ndim)
    _not_empty(input, name, (d,))
    at = _arg(input, d, name == "max", True)
    return _chosen(name, input, at, d, _reduced(input.shape, d, keepdim))


def _max_or_min(name: str, input: Any, other: Any, keepdim: bool, dim: Any) -> Any:
    if isinstance(other, Variable) and not keepdim:
        return (arithmetic.maximum if name == "max" else arithmetic.minimum)(input, other)
    dim = other if dim is None else dim
    if dim is None:
        return extreme(input, name)
    return extreme_along(input, name, integer(dim), keepdim)


@composite(out=True)
def max(input: Tensor, other: Any = None, keepdim: bool = False, *, dim: Any = None) -> Any:
    """Return the largest element; over a dim, the largest elements and their indices.

    Equal elements share the gradient; over a dim, the first takes it. Given another tensor, the
    larger of each pair of elements. A dim may stand in place of `other`.

    Raises:
        RuntimeError, IndexError: if there is no element.

    Example:
        >>> import minnet
        >>> values, indices = minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).max(1)
        >>> values, indices
        (tensor([5., 7.]), tensor([1, 0]))
    """
    return _max_or_min("max", input, other, keepdim, dim)


@composite(out=True)
def min(input: Tensor, other: Any = None, keepdim: bool = False, *, dim: Any = None) -> Any:
    """Return the smallest element; over a dim, the smallest ones and their indices. See `max`.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).min()
        tensor(1.)
    """
    return _max_or_min("min", input, other, keepdim, dim)


def _to_all_extremes(
    V: Any, dy: Any, input: Any, result: Any, dim: Any, keepdim: bool, shapes: Any
) -> Any:
    """Return the gradient of `amax` or `amin`; a NaN makes all of them NaN."""
    dy, result = _kept(V, dim, keepdim, shapes[0], dy, result)
    return _shared(V, dy, V.eq(input, result), dim)


def _amax_or_amin(name: str, input: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    axes = axes_of(dim, input.ndim)
    whole = isinstance(dim, tuple | list) and not dim
    _not_empty(input, name, None if whole and not input.size else axes)
    return _extreme(input, axes, keepdim, name == "amax")


@operation("AmaxBackward0", _to_all_extremes, shape=shape_over)
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Return the largest elements over the given dims. Equal elements share the gradient.

    Raises:
        IndexError: if there is no element.

    Example:
        >>> import minnet
        >>> minnet.amax(minnet.tensor([[1.0, 5.0], [7.0, 3.0]]), 0)
        tensor([7., 5.])
    """
    return _amax_or_amin("amax", input, dim, keepdim)


@operation("AminBackward0", _to_all_extremes, shape=shape_over)
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Return the smallest elements over the given dims. See `amax`.

    Example:
        >>> import minnet
        >>> minnet.amin(minnet.tensor([[1.0, 5.0], [7.0, 3.0]]), 0)
        tensor([1., 3.])
    """
    return _amax_or_amin("amin", input, dim, keepdim)


def _arg_extreme(name: str, input: np.ndarray, dim: int | None, keepdim: bool) -> Any:
    if dim is None:
        _not_empty(input, name, None, IndexError)
        at = _arg(input.reshape(-1), 0, name == "argmax", False)
        return at.reshape((1,) * input.ndim) if keepdim else at
    d = axis(dim, input.ndim)
    _not_empty(input, name, (d,))
    return _arg(input, d, name == "argmax", keepdim)


@operation("", quiet=True, shape=shape_over)
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the largest element, the first of equals: in row order, or of a dim.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).argmax(1)
        tensor([1, 0])
    """
    return _arg_extreme("argmax", input, dim, keepdim)


@operation("", quiet=True, shape=shape_over)
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the index of the smallest element (the first of equals). See `argmax`.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).argmin()
        tensor(0)
    """
    return _arg_extreme("argmin", input, dim, keepdim)


# Truth


def _truth(reduction: Any, array: np.ndarray, dim: Any, keepdim: bool) -> Any:
    truth = kernels.contiguous(reduction(array, axes_of(dim, array.ndim), keepdims=keepdim))
    return truth.astype(np.uint8) if array.dtype == np.uint8 else truth  # torch's exception


@operation("", quiet=True, shape=shape_over)
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return whether all elements are true, over all or some dims.

    Example:
        >>> import minnet
        >>> minnet.tensor([[True, False], [True, True]]).all(1)
        tensor([False,  True])
    """
    return _truth(np.all, input, dim, keepdim)


@operation("", quiet=True, shape=shape_over)
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Return whether any element is true, over all or some dims.

    Example:
        >>> import minnet
        >>> minnet.tensor([[True, False], [False, False]]).any(1)
        tensor([ True, False])
    """
    return _truth(np.any, input, dim, keepdim)


@operation("", quiet=True, shape=lambda shapes, dim: _reduced(shapes[0], dim, False))
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """Return the number of nonzero elements, over all or some dims.

    Example:
        >>> import minnet
        >>> minnet.count_nonzero(minnet.tensor([[1, 0], [2, 3]]), 1)
        tensor([1, 2])
    """
    return np.count_nonzero(input, axes_of(dim, input.ndim))


# Products and running sums


def _recurred_back(V: Any, dy: Any, scale: Any, dim: Any, back: bool) -> Any:
    return V.recurrence(scale, dy, dim, not back)


@operation(
    "ProdBackward0",
    lambda V, dy, scale, result, dim, back: V.mul(_recurred_back(V, dy, scale, dim, back), result),
    _recurred_back,
    where="",
    optional="shift",
    shape=lambda shapes: shapes[0],
)
def recurrence(scale: Tensor, shift: Tensor | None, dim: Any, back: bool) -> Tensor:
    """Return r, where r[0] = 0 and r[i + 1] = r[i] * scale[i] + shift[i], along some dims.

    Or from the last element to the first, if `back`. Without `shift`, r[0] = 1: the products of all
    elements before each.
    """
    axes = axes_of(dim, scale.ndim)
    order = (*axes, *(a for a in range(scale.ndim) if a not in axes))
    shape = tuple(scale.shape[a] for a in order)

    def rows(x: np.ndarray) -> np.ndarray:
        x = x.transpose(order).reshape(_count(scale.shape, dim), *shape[len(axes) :])
        return np.flip(x, 0) if back else x

    x = rows(scale)
    r = np.empty_like(x)
    r[:1] = 1 if shift is None else 0
    if shift is None:
        r[1:] = np.cumprod(x[:-1], 0)
    else:
        y = rows(shift)
        for i in range(1, len(r)):
            r[i] = r[i - 1] * x[i - 1] + y[i - 1]
    r = (np.flip(r, 0) if back else r).reshape(shape)
    return kernels.contiguous(r.transpose([order.index(a) for a in range(scale.ndim)]))


def _of_the_others(
    V: Any, dy: Any, input: Any, dim: Any, keepdim: bool, dtype: Any, shapes: Any
) -> Any:
    """Return the gradient by the product of the others: exact where an element is zero."""
    input = input if dtype is None else V.cast(input, dtypes.numpy_of(dtype))
    before, after = (V.recurrence(input, None, dim, back) for back in (False, True))
    (dy,) = _kept(V, dim, keepdim, shapes[0], dy)
    return V.mul(dy, V.mul(before, after))


@operation(
    lambda dim: "ProdBackward0" if dim is None else "ProdBackward1",
    _of_the_others,
    named="dtype",
    out="cast",
    shape=shape_over,
)
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """Return the product of all elements, or over one dim. That of integers and bools is int64.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(1)
        tensor([ 2., 12.])
    """
    input = _converted(input, dtype)
    kind = np.int64 if input.dtype.kind != "f" and dtype is None else input.dtype
    rows = kernels.contiguous(input)  # or NumPy would multiply in the order of the memory
    axes = axes_of(dim, input.ndim)
    return kernels.contiguous(np.prod(rows, axes, dtype=kind, keepdims=keepdim))


def _running(input: np.ndarray, dim: int, accumulate: Any = np.cumsum) -> np.ndarray:
    dtype = np.float64 if input.dtype.kind == "f" else np.int64
    total = accumulate(input, dim if input.ndim else None, dtype=dtype).reshape(input.shape)
    return kernels.contiguous(total.astype(input.dtype) if dtype is np.float64 else total)


@operation(
    "CumsumBackward0",
    lambda V, dy, dim: V.cumsum_back(dy, dim),
    named="dtype",
    inplace="Tensor",
    out="cast",
)
def cumsum(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return the running sums along a dim. Those of integers and bools are int64.

    Raises:
        NotImplementedError: if the dtype that is asked for is bool.

    Example:
        >>> import minnet
        >>> minnet.cumsum(minnet.tensor([1, 2, 3]), 0)
        tensor([1, 3, 6])
    """
    if dtype is not None:
        arithmetic.no_bool(dtypes.numpy_of(dtype), "cumsum_out_cpu")
    return _converted(_running(_converted(input, dtype), axis(dim, input.ndim)), dtype)


@operation("CumsumBackward0", lambda V, dy, dim: V.cumsum(dy, dim), where="")
def cumsum_back(input: Tensor, dim: int) -> Tensor:
    """Return the running sums from the last element to the first: the adjoint of `cumsum`."""
    if not input.ndim:
        return input.copy()
    return np.flip(_running(np.flip(input, dim), axis(dim, input.ndim)), dim).copy()


# Norms


def _direction(
    V: Any, dy: Any, input: Any, result: Any, p: float, dim: Any, keepdim: bool, shapes: Any
) -> Any:
    if p == 0:
        return None
    dy, length = _kept(V, dim, keepdim, shapes[0], dy, result)
    if p == 2:
        return V.mul(dy, _unit(V, input, length))
    size = V.abs(input)
    if math.isinf(p):  # a NaN takes its gradient, which is 0
        tied = V.logical_or(V.eq(size, length), V.isnan(input))
        return V.mul(_shared(V, dy, tied, dim), V.sign(input))
    none = V.eq(input, 0)  # whose power may be infinite
    share = V.pow(_unit(V, V.ifelse(none, 1.0, size), length), p - 1)
    slope = V.mul(dy, V.mul(V.sign(input), share))
    return V.ifelse(V.logical_or(none, V.eq(length, 0)), 0.0, slope)


@operation("LinalgVectorNormBackward0", _direction, where="", shape=shape_over)
def vector_norm(input: Tensor, dim: Any, keepdim: bool, p: float) -> Tensor:
    """Return the p-norm, which neither overflows nor vanishes on the way.

    The gradient of an element that is 0, and of a norm that is 0, is 0.
    """
    k, axes = kernels.of(input), axes_of(dim, input.ndim)
    if p == 0:
        return k.sum((input != 0).astype(input.dtype), axes, keepdim)
    size = np.abs(input)
    if p == 1 or not size.size:
        return k.sum(size, axes, keepdim)
    if math.isinf(p):
        return _extreme(size, axes, keepdim, p > 0)
    if p == 2:
        x, scale = _balanced(size, axes)
        total = np.sqrt(k.sum(x * x, axes, True)) / scale
    else:
        unit = _extreme(size, axes, True, p > 0).astype(np.float64)
        unit = np.where((unit > 0) & (unit < math.inf), unit, 1.0)
        total = unit * k.sum((size / unit) ** p, axes, True) ** (1 / p)
    return total.astype(input.dtype).reshape(_reduced(input.shape, axes, keepdim))


@composite(out=True)
def norm(
    input: Tensor, p: float | str = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """Return the p-norm of all elements, or over the given dims: (sum |x|^p)^(1/p); "fro" is 2.

    With p = 0 it is the number of elements other than 0, with inf and -inf the largest and the
    smallest absolute value.

    Args:
        dtype: that of the result, and in which it is computed.

    Raises:
        NotImplementedError: for the nuclear norm.
        RuntimeError: if a dtype is not floating point, `dtype` is narrower than the input's, or
            there are no elements and p is negative or inf.

    Example:
        >>> import minnet
        >>> minnet.tensor([3.0, -4.0]).norm(), minnet.tensor([3.0, -4.0]).norm(1)
        (tensor(5.), tensor(7.))
    """
    given = dtypes.of(input.array)
    if not given.is_floating_point:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{given.tensor_type}"
        )
    if dtype is not None:
        wanted = dtypes.OF_NUMPY[dtypes.numpy_of(dtype)]
        if not wanted.is_floating_point:
            raise RuntimeError(
                "linalg.vector_norm: dtype should be floating point or complex, but got "
                f"{wanted.tensor_type}"
            )
        if wanted.itemsize < given.itemsize:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({given.tensor_type}) should be "
                f"convertible without narrowing to the specified dtype ({wanted.tensor_type})"
            )
        input = input.to(dtype)
    if p == "nuc":
        raise NotImplementedError("norm has no nuclear norm; linalg.matrix_norm has")
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    p = 2.0 if p is None or isinstance(p, str) else float(p)
    axes = axes_of(dim, input.array.ndim)
    if (p < 0 or p == math.inf) and 0 in (input.array.shape[a] for a in axes):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the "
            "operation does not have an identity"
        )
    return vector_norm(input, axes, keepdim, p)


# Order


def _order(array: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    if not array.ndim:
        return np.zeros((), np.int64, like=array)
    if not descending:
        return np.argsort(array, dim, kind="stable")
    # Stable and descending: sort the reversed, and reverse. NaN comes first.
    backward = np.argsort(np.flip(array, dim), dim, kind="stable")
    return np.flip(array.shape[dim] - 1 - backward, dim)


@_choosing("SortBackward0", _put_back, shape=lambda shapes: (shapes[0],) * 2)
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True, keep: bool = False
) -> Any:
    """Return the elements in order along a dim, and their indices.

    Equal elements always keep their order, and NaN counts as the largest.

    Example:
        >>> import minnet
        >>> values, indices = minnet.sort(minnet.tensor([3.0, 1.0, 2.0]))
        >>> values, indices
        (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    d = axis(dim, input.ndim)
    return _chosen("sort", input, _order(input, d, descending), d)


@operation("", quiet=True)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return the indices that sort a dim. Equal elements keep their order.

    Example:
        >>> import minnet
        >>> minnet.argsort(minnet.tensor([3.0, 1.0, 2.0]))
        tensor([1, 2, 0])
    """
    return _order(input, axis(dim, input.ndim), descending)


def _shape_of_topk(shapes: Any, k: int, dim: int) -> tuple[tuple[int, ...], ...]:
    d = axis(dim, len(shapes[0]))
    return (tuple(k if a == d else n for a, n in enumerate(shapes[0])),) * 2


@_choosing("TopkBackward0", _put_back, shape=_shape_of_topk)
def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    keep: bool = False,
) -> Any:
    """Return the k largest (or smallest) elements of a dim, in order, and their indices.

    Raises:
        RuntimeError: if the dim has fewer elements.

    Example:
        >>> import minnet
        >>> minnet.topk(minnet.tensor([3.0, 1.0, 2.0]), 2).indices
        tensor([0, 2])
    """
    d = axis(dim, input.ndim)
    if not 0 <= k <= (input.shape[d] if input.ndim else 1):
        raise RuntimeError("selected index k out of range")
    order = _order(input, d, largest)
    return _chosen("topk", input, np.take(order, range(k), d) if input.ndim else order, d)
