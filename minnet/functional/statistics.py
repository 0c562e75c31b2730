"""Statistics: medians and quantiles, what leaves NaN out, running extremes, counts, distances."""

from __future__ import annotations

import builtins
import math
from typing import Any, NamedTuple

import numpy as np

from minnet.functional import arithmetic
from minnet.functional.arithmetic import div, ifelse, isnan, logical_not, mul, sub
from minnet.functional.elementary import lerp
from minnet.functional.indexing import take_along_dim
from minnet.functional.reduce import (
    Ordered,
    _converted,
    _not_empty,
    _reduced,
    _running,
    _shared,
    _to_extremes,
    amax,
    amin,
    cumsum,
    mean,
    norm,
    sort,
    std,
    sum,
    take_along,
    var,
)
from minnet.functional.shape import (
    cat,
    gathered,
    index_select,
    narrow,
    reshape,
    unsqueeze,
)
from minnet.operation import Number, Tensor, composite, operation
from minnet.size import axis, integer
from minnet.variable import Variable, wrap

_named = {
    name: type(name, (Ordered,), {"__slots__": ()})
    for name in ("median", "nanmedian", "mode", "kthvalue", "cummax", "cummin")
}


# Without NaN


@composite(out="cast")
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum, over all or some dims, of what is not NaN.

    Example:
        >>> import minnet
        >>> minnet.nansum(minnet.tensor([1.0, float("nan"), 2.0]))
        tensor(3.)
    """
    return sum(ifelse(isnan(input), 0, input), dim, keepdim, dtype=dtype)


@composite(out="cast")
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the mean, over all or some dims, of what is not NaN.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nanmean(minnet.tensor([1.0, float("nan"), 2.0]))
        tensor(1.5000)
    """
    if input.array.dtype.kind != "f":
        raise RuntimeError(
            f"nanmean(): expected input to have floating point dtype but got {input.dtype}"
        )
    there = sum(logical_not(isnan(input)), dim, keepdim)
    return div(nansum(input, dim, keepdim, dtype=dtype), there)


# By rank


def _chosen(name: str, input: Tensor, at: np.ndarray, dim: int, keepdim: bool) -> Any:
    """Return the elements at one index for each row of a dim, with the indices."""
    shape = _reduced(input.array.shape, dim, keepdim)
    indices = at.reshape(shape)
    return _named[name](take_along(input, at, dim, shape), wrap(indices.copy()))


def _rank(order: np.ndarray, place: Any, dim: int) -> np.ndarray:
    """Return the index of the element at a place of each sorted row, in a dim of size 1."""
    if not order.ndim:
        return order
    shape = [1 if d == dim else n for d, n in enumerate(order.shape)]
    return np.take_along_axis(order, np.broadcast_to(place, shape), dim)


@operation("MedianBackward0", _to_extremes, where="", shape=lambda: ())
def median_of_all(input: Tensor) -> Tensor:
    """Return the median of all elements; NaN where one is NaN, and of none."""
    return _middle(input)


@operation(
    "NanmedianBackward0",
    lambda V, dy, input, result: _shared(V, dy, V.eq(input, result), None),
    where="",
    shape=lambda: (),
)
def nanmedian_of_all(input: Tensor) -> Tensor:
    """Return the median of all elements that are not NaN."""
    return _middle(input, beside_nan=True)


def _middle(input: np.ndarray, beside_nan: bool = False) -> np.ndarray:
    row = np.sort(input.reshape(-1))  # NaN comes last
    missing = int(np.isnan(row).sum()) if row.dtype.kind == "f" else 0
    if not row.size:
        if row.dtype.kind != "f":
            return np.full((), np.iinfo(row.dtype).min, row.dtype)
        return np.full((), math.nan, row.dtype)
    if missing and not beside_nan:
        return row[-1:].reshape(())
    n = row.size - missing
    return row[(n - 1) // 2 if n else -1 :][:1].reshape(())


def _median(name: str, input: Tensor, dim: int | None, keepdim: bool) -> Any:
    if dim is None:
        return (median_of_all if name == "median" else nanmedian_of_all)(input)
    array = input.array
    d = axis(dim, array.ndim)
    _not_empty(array, name, (d,))
    order = np.argsort(array, d, kind="stable") if array.ndim else np.zeros((), np.int64)
    n = array.shape[d] if array.ndim else 1
    if array.dtype.kind == "f" and array.ndim:
        missing = np.isnan(array).sum(d, keepdims=True)
        if name == "median":
            first = np.argmax(np.isnan(array), d, keepdims=True)
            at = np.where(missing > 0, first, _rank(order, (n - 1) // 2, d))
        else:
            at = _rank(order, np.maximum(n - missing - 1, 0) // 2, d)
    else:
        at = _rank(order, (n - 1) // 2, d)
    return _chosen(name, input, at, d, keepdim)


@composite(out="exact")
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median: the lower of two. Over a dim, the medians and their indices.

    NaN counts: it is the median where there is one. Over all elements the gradient is shared by
    those equal to it.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0, 3.0, 2.0, 4.0]).median()
        tensor(2.)
        >>> minnet.tensor([[1, 3, 2]]).median(1).indices
        tensor([2])
    """
    return _median("median", input, dim, keepdim)


@composite(out="exact")
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of what is not NaN; see `median`.

    Example:
        >>> import minnet
        >>> minnet.nanmedian(minnet.tensor([1.0, float("nan"), 2.0]))
        tensor(1.)
    """
    return _median("nanmedian", input, dim, keepdim)


@composite(out="exact")
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the k-th smallest element of each row of a dim, and its index. NaN is the largest.

    Raises:
        RuntimeError: if there is none.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0, 3.0, 2.0]).kthvalue(2).values
        tensor(2.)
    """
    array = input.array
    d, place = axis(dim, array.ndim), integer(k)
    if not 1 <= place <= (array.shape[d] if array.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    order = np.argsort(array, d, kind="stable") if array.ndim else np.zeros((), np.int64)
    return _chosen("kthvalue", input, _rank(order, place - 1, d), d, keepdim)


@composite(out="exact")
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the most frequent element of each row of a dim, the smallest of such, and its index.

    The index is that of the last such element.

    Example:
        >>> import minnet
        >>> minnet.tensor([1, 3, 3, 2]).mode().values
        tensor(3)
    """
    array = input.array
    d = axis(dim, array.ndim)
    _not_empty(array, "mode", (d,))
    if not array.ndim:
        return _chosen("mode", input, np.zeros((), np.int64), d, keepdim)
    rows = np.moveaxis(array, d, -1)
    at = np.empty((*rows.shape[:-1], 1), np.int64)
    for i in np.ndindex(*rows.shape[:-1]):
        values, counts = np.unique(rows[i], return_counts=True)
        at[i] = np.flatnonzero(rows[i] == values[counts.argmax()])[-1]
    return _chosen("mode", input, np.moveaxis(at, -1, d), d, keepdim)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    array = input.array
    if not isinstance(q, Variable):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = wrap(np.asarray(q, array.dtype))
    if array.dtype.kind != "f":
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if q.array.ndim > 1:
        raise RuntimeError(
            f"{name}() q must be a scalar or 1D tensor, but got dimension {q.array.ndim}"
        )
    if q.array.dtype != array.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if ((q.array < 0) | (q.array > 1)).any():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not array.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    shape = list(array.shape)
    d = 0 if dim is None else axis(dim, array.ndim)
    kept = [1] * array.ndim if dim is None else [*shape[:d], 1, *shape[d + 1 :]] if shape else []
    rows = reshape(input, -1) if dim is None or not shape else input.movedim(d, -1)
    ordered = sort(rows, -1).values
    n = rows.array.shape[-1]
    missing = np.isnan(rows.array).sum(-1, keepdims=True)
    last = np.maximum(n - 1 - missing, 0) if name == "nanquantile" else np.full_like(missing, n - 1)
    if name == "quantile":
        ranks = np.where(missing > 0, n - 1.0, q.array.reshape(-1) * (n - 1))
    else:
        ranks = q.array.reshape(-1) * last.astype(array.dtype)
    ranks = ranks.astype(array.dtype)
    if interpolation in ("lower", "higher", "nearest"):
        to_whole: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}[interpolation]
        found = take_along_dim(ordered, wrap(to_whole(ranks).astype(np.int64)), -1)
    else:
        below = np.floor(ranks)
        ends = (wrap(x.astype(np.int64)) for x in (below, np.ceil(ranks)))
        low, high = (take_along_dim(ordered, at, -1) for at in ends)
        weight: Any = 0.5
        if interpolation == "linear":
            weight = sub(mul(reshape(q, -1), wrap(last.astype(array.dtype))), wrap(below))
        found = lerp(low, high, weight)
    lead = () if not q.array.ndim else (q.array.size,)
    if not q.array.ndim:
        found = reshape(found, found.array.shape[:-1])
    else:
        found = found.movedim(-1, 0)
    shape = kept if keepdim else [] if dim is None else [*shape[:d], *shape[d + 1 :]]
    return reshape(found, (*lead, *shape))


@composite(out="exact")
def quantile(
    input: Tensor, q: Tensor | float, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Return the q-quantiles of all elements, or of each row of a dim. NaN makes a row's NaN.

    Args:
        q: a number, or a 1-D tensor of them; the result's first dim is as long then.
        interpolation: "linear", "lower", "higher", "midpoint" or "nearest", between two elements.

    Raises:
        RuntimeError: if q is outside [0, 1], or the dtypes differ or are not floating point.

    Example:
        >>> import minnet
        >>> minnet.quantile(minnet.tensor([0.0, 1.0, 2.0, 3.0]), minnet.tensor([0.5, 1.0]))
        tensor([1.5000, 3.0000])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@composite(out="exact")
def nanquantile(
    input: Tensor, q: Tensor | float, dim: int | None = None, keepdim: bool = False, *,
    interpolation: str = "linear",
) -> Tensor:  # fmt: skip
    """Return the q-quantiles of what is not NaN; see `quantile`.

    Example:
        >>> import minnet
        >>> minnet.nanquantile(minnet.tensor([1.0, float("nan"), 3.0]), 0.5)
        tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


@composite(out="exact")
def msort(input: Tensor) -> Tensor:
    """Return the elements in order along the first dim.

    Example:
        >>> import minnet
        >>> minnet.msort(minnet.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    return sort(input, 0).values


class aminmax_result(NamedTuple):
    """The smallest and the largest elements."""

    min: Any
    max: Any

    def __repr__(self) -> str:
        return f"torch.return_types.aminmax(\nmin={self.min!r},\nmax={self.max!r})"


@composite(out="exact")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the smallest and the largest elements, of all or over a dim; see `amax`.

    Example:
        >>> import minnet
        >>> minnet.aminmax(minnet.tensor([3.0, 1.0])).max
        tensor(3.)
    """
    _not_empty(input.array, "aminmax", None if dim is None else ())
    dims = () if dim is None else dim
    return aminmax_result(amin(input, dims, keepdim), amax(input, dims, keepdim))


# Running


def _running_extreme(name: str, input: Tensor, dim: int) -> Any:
    array = input.array
    d = axis(dim, array.ndim)
    if not array.ndim or not array.size:
        return _named[name](input.clone(), wrap(np.zeros(array.shape, np.int64)))
    largest = name == "cummax"
    running = (np.maximum if largest else np.minimum).accumulate(array, d)
    is_new = array >= running if largest else array <= running
    if array.dtype.kind == "f":
        is_new |= np.isnan(array)
    n = np.arange(array.shape[d]).reshape([-1 if i == d else 1 for i in range(array.ndim)])
    at = np.maximum.accumulate(np.where(is_new, n, 0), d)
    return _named[name](gathered(input, wrap(at), d), wrap(at.copy()))


@composite(out="exact")
def cummax(input: Tensor, dim: int) -> Any:
    """Return the largest element so far along a dim, and its index: of equals, the last.

    Example:
        >>> import minnet
        >>> minnet.cummax(minnet.tensor([1, 3, 2]), 0).values
        tensor([1, 3, 3])
    """
    return _running_extreme("cummax", input, dim)


@composite(out="exact")
def cummin(input: Tensor, dim: int) -> Any:
    """Return the smallest element so far along a dim, and its index: of equals, the last.

    Example:
        >>> import minnet
        >>> minnet.cummin(minnet.tensor([3, 1, 2]), 0).values
        tensor([3, 1, 1])
    """
    return _running_extreme("cummin", input, dim)


def _cumprod_back(V: Any, dy: Any, input: Any, dim: int, shapes: Any) -> Any:
    d = axis(dim, len(shapes[0]))
    # What the element adds to all later products, by the products of those between.
    later = V.recurrence(input, V.mul(input, dy), d, True)
    return V.mul(V.recurrence(input, None, d, False), V.add(dy, later))


@operation("CumprodBackward0", _cumprod_back, named="dtype", inplace="Tensor", out="cast")
def cumprod(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return the running products along a dim. Those of integers and bools are int64.

    Example:
        >>> import minnet
        >>> minnet.cumprod(minnet.tensor([1, 2, 3]), 0)
        tensor([1, 2, 6])
    """
    return _converted(_running(_converted(input, dtype), axis(dim, input.ndim), np.cumprod), dtype)


@composite(out="cast")
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the differences between neighbours along a dim, taken `n` times.

    Raises:
        RuntimeError: if there are no dims, or n is negative.

    Example:
        >>> import minnet
        >>> minnet.diff(minnet.tensor([1, 3, 6]))
        tensor([2, 3])
    """
    if not input.array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input.clone()
    given = [x for x in (prepend, input, append) if x is not None]
    input = given[0] if len(given) == 1 else cat(given, dim)
    d = axis(dim, input.array.ndim)
    for _ in range(min(n, input.array.shape[d])):
        length = input.array.shape[d] - 1
        a, b = narrow(input, d, 0, length), narrow(input, d, 1, length)
        input = arithmetic.logical_xor(a, b) if input.array.dtype == bool else sub(b, a)
    return input


def _panels(y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    d = axis(dim, y.array.ndim)
    n = y.array.shape[d] - 1
    pairs = arithmetic.add(narrow(y, d, 1, n), narrow(y, d, 0, n))
    if x is None:
        return mul(pairs, dx / 2)
    widths = diff(x, dim=d if x.array.ndim > 1 else 0)
    if x.array.ndim == 1:
        widths = reshape(widths, *(-1 if i == d else 1 for i in range(y.array.ndim)))
    return div(mul(pairs, widths), 2)


@composite(where="minnet", aliases="trapz")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Number = 1, dim: int = -1) -> Tensor:
    """Return the integral along a dim by the trapezoidal rule.

    Args:
        x: the places of the values, or None where they are `dx` apart.

    Example:
        >>> import minnet
        >>> minnet.trapezoid(minnet.tensor([1.0, 5.0, 10.0]))
        tensor(10.5000)
    """
    return sum(_panels(y, x, dx, dim), dim)


@composite(where="minnet")
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Number = 1, dim: int = -1
) -> Tensor:
    """Return the running integrals along a dim by the trapezoidal rule; see `trapezoid`.

    Example:
        >>> import minnet
        >>> minnet.cumulative_trapezoid(minnet.tensor([1.0, 5.0, 10.0]))
        tensor([ 3.0000, 10.5000])
    """
    return cumsum(_panels(y, x, dx, dim), dim)


# Counts


def _inverse(found: np.ndarray, shape: Any) -> Tensor:
    return wrap(np.asarray(found, np.int64).reshape(shape))


def _counted(values: Any, inverse: Any, counts: Any, with_inverse: bool, with_counts: bool) -> Any:
    out = (values, *[inverse] * with_inverse, *[counts] * with_counts)
    return out if len(out) > 1 else values


@composite
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Return the different elements, in order, or the different slices of a dim.

    Args:
        return_inverse: with where each element is among them.
        return_counts: with how often each comes.

    Example:
        >>> import minnet
        >>> minnet.unique(minnet.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    array = input.array
    values, inverse, counts = np.unique(
        array, return_inverse=True, return_counts=True, equal_nan=False,
        axis=None if dim is None else axis(dim, array.ndim),
    )  # fmt: skip
    shape = array.shape if dim is None else -1
    return _counted(wrap(np.ascontiguousarray(values)), _inverse(inverse, shape), wrap(counts),
                    return_inverse, return_counts)  # fmt: skip


@composite
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Return the elements, or the slices of a dim, without those equal to the one before.

    Example:
        >>> import minnet
        >>> minnet.unique_consecutive(minnet.tensor([1, 1, 3, 1]))
        tensor([1, 3, 1])
    """
    array = input.array
    rows = array.reshape(-1, 1) if dim is None else np.moveaxis(array, dim, 0)
    n = len(rows)
    flat = rows.reshape(n, -1)
    is_new = np.ones(n, bool)
    is_new[1:] = (flat[1:] != flat[:-1]).any(1)
    starts = np.flatnonzero(is_new)
    values = rows[starts].reshape(-1) if dim is None else np.moveaxis(rows[starts], 0, dim)
    inverse = _inverse(np.cumsum(is_new) - 1, array.shape if dim is None else -1)
    counts = wrap(np.diff(np.append(starts, n)))
    return _counted(wrap(np.ascontiguousarray(values)), inverse, counts, return_inverse,
                    return_counts)  # fmt: skip


@composite
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each whole number from 0 comes, or the sum of its weights.

    Raises:
        RuntimeError: if the tensor is no vector of whole numbers that are not negative.

    Example:
        >>> import minnet
        >>> minnet.bincount(minnet.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    array = input.array
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"\"bincount_cpu\" not implemented for '{input.dtype}'")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(array, minlength=minlength).astype(np.int64))
    if weights.array.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    found = np.bincount(array, weights.array, minlength)
    return wrap(found.astype(np.float32 if weights.array.dtype == np.float32 else np.float64))


def _bounds(array: np.ndarray, low: float, high: float, wider: float) -> tuple[float, float]:
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - wider, high + wider
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    return low, high


@composite(out="exact")
def histc(input: Tensor, bins: int = 100, min: Number = 0, max: Number = 0) -> Tensor:
    """Return how many elements lie in each of `bins` equal parts of [min, max].

    Where both bounds are equal, they are the smallest and the largest element.

    Raises:
        RuntimeError: if `bins` is not positive, or the bounds are not finite or in order.

    Example:
        >>> import minnet
        >>> minnet.histc(minnet.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    array = input.array
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    arithmetic.only_floating(array, "histogram_cpu")
    low, high = _bounds(array, min, max, 1)
    inside = array[(array >= low) & (array <= high)].astype(np.float64)
    with np.errstate(all="ignore"):
        at = np.minimum(((inside - low) / (high - low) * bins).astype(np.int64), bins - 1)
    return wrap(np.bincount(at, minlength=bins).astype(array.dtype))


class histogram_result(NamedTuple):
    """A histogram, and the edges of its bins."""

    hist: Any
    bin_edges: Any

    def __repr__(self) -> str:
        return f"torch.return_types.histogram(\nhist={self.hist!r},\nbin_edges={self.bin_edges!r})"


@composite(out="exact")
def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None,
    density: bool = False,
) -> Any:  # fmt: skip
    """Return how many elements, or what weight of them, lies in each bin, and the bins' edges.

    Args:
        bins: the number of equal parts of the range, or the edges, a sorted 1-D tensor.
        range: the bounds; the smallest and the largest element, unless given.
        density: whether to divide so that the integral is 1.

    Raises:
        RuntimeError: if the dtype is not floating point, or the bounds are not finite.

    Example:
        >>> import minnet
        >>> minnet.histogram(minnet.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0)).hist
        tensor([2., 1.])
    """
    array = input.array
    arithmetic.only_floating(array, "histogram_cpu")
    if isinstance(bins, Variable):
        edges = bins.array
    else:
        low, high = range or (0.0, 0.0)
        low, high = _bounds(array, low, high, 0.5)
        edges = np.linspace(low, high, integer(bins) + 1).astype(array.dtype)
    weights = None if weight is None else weight.array.reshape(-1)
    flat = array.reshape(-1)
    at = np.searchsorted(edges, flat, "right") - 1
    at[flat == edges[-1]] = len(edges) - 2
    inside = (at >= 0) & (at < len(edges) - 1)
    given = None if weights is None else weights[inside]
    hist = np.bincount(at[inside], given, len(edges) - 1).astype(array.dtype)
    if density:
        hist = (hist / hist.sum() / np.diff(edges)).astype(array.dtype)
    return histogram_result(wrap(hist), wrap(edges.copy()))


# Moments


@composite
def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Number | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the variance and the mean; see `var`.

    Example:
        >>> import minnet
        >>> minnet.var_mean(minnet.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    over = None if isinstance(dim, bool) else dim
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, over, keepdim)


@composite
def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: Number | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the standard deviation and the mean; see `var`.

    Example:
        >>> import minnet
        >>> minnet.std_mean(minnet.tensor([1.0, 2.0, 3.0]))
        (tensor(1.), tensor(2.))
    """
    over = None if isinstance(dim, bool) else dim
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, over, keepdim)


@composite
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the covariances of variables, the rows, over observations, the columns.

    Args:
        fweights: how often each observation counts, whole numbers.
        aweights: how much each observation counts.

    Raises:
        RuntimeError: if there are more than two dims.

    Example:
        >>> import minnet
        >>> minnet.cov(minnet.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.array.ndim} dimensions"
        )
    x = reshape(input, 1, -1) if input.array.ndim < 2 else input
    x = x if x.array.dtype.kind == "f" else mul(x, 1.0)
    n = x.array.shape[1]
    weights = [w for w in (fweights, aweights) if w is not None]
    if not weights:
        free: Any = n - correction
        weighted = centred = sub(x, mean(x, 1, True))
    else:
        w = weights[0] if len(weights) == 1 else mul(*weights)
        total = sum(w)
        centred = sub(x, unsqueeze(div(sum(mul(x, w), 1), total), 1))
        weighted = mul(centred, w)
        if correction == 0 or aweights is None:
            free = sub(total, correction)
        else:
            free = sub(total, mul(div(sum(mul(w, aweights)), total), correction))
    product = weighted.matmul(centred.t())
    out = div(product, builtins.max(free, 0) if isinstance(free, int) else free.clamp(0))
    return reshape(out, ()) if out.array.size == 1 else out


@composite
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlations of variables, the rows, over observations, the columns.

    Example:
        >>> import minnet
        >>> minnet.corrcoef(minnet.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    c = cov(input)
    if not c.array.ndim:
        return div(c, c)
    scale = c.diagonal().sqrt()
    return div(div(c, unsqueeze(scale, 1)), scale).clamp(-1, 1)


# Distances


@composite
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of `input - other`.

    Example:
        >>> import minnet
        >>> minnet.dist(minnet.tensor([1.0, 2.0]), minnet.tensor([4.0, 6.0]))
        tensor(5.)
    """
    return norm(sub(input, other), p)


@composite(where="minnet")
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:  # fmt: skip
    """Return the p-norms of the differences between all rows of one and all of another tensor.

    Args:
        x1: (..., P, M).
        x2: (..., R, M).

    Returns:
        (..., P, R). A distance of 0 has the gradient 0.

    Raises:
        RuntimeError: if the last dims differ, or there are less than two.

    Example:
        >>> import minnet
        >>> minnet.cdist(minnet.tensor([[0.0, 0.0]]), minnet.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        arithmetic.only_floating(x.array, "cdist")
        if x.array.ndim < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {x.array.ndim}D"
            )
    if x1.array.shape[-1] != x2.array.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.array.shape[-1]} X2: "
            f"{x2.array.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    gaps = sub(unsqueeze(x1, -2), unsqueeze(x2, -3))
    return norm(gaps, p, -1)


@composite(where="minnet F")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norms of the differences between all pairs of rows, each pair once.

    Example:
        >>> import minnet
        >>> minnet.pdist(minnet.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
        tensor([5.0000, 1.0000, 4.2426])
    """
    if input.array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.array.ndim}D")
    a, b = (wrap(i) for i in np.triu_indices(len(input.array), 1))
    return norm(sub(index_select(input, 0, a), index_select(input, 0, b)), p, -1)


@composite(inplace="Tensor", out="exact")
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return the slices of a dim, scaled down where their p-norm is larger than `maxnorm`.

    Example:
        >>> import minnet
        >>> minnet.renorm(minnet.tensor([[3.0, 4.0], [0.1, 0.2]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.1000, 0.2000]])
    """
    d = axis(dim, input.array.ndim)
    others = [i for i in range(input.array.ndim) if i != d]
    size = norm(input, p, others, True)
    factor = div(maxnorm, arithmetic.add(size, 1e-7))
    return mul(input, ifelse(size.gt(maxnorm), factor, 1.0))
