"""Reductions: sums, means, extremes and what is made of them.

A float32 sum accumulates in float64 in a fixed order and is rounded once, so its bits depend
neither on threads nor on the processor.
"""

from __future__ import annotations

import builtins
import math
import warnings
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import differentiable, wrap
from minnet.functional import arithmetic
from minnet.operation import Tensor, operation
from minnet.size import axis, ints


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes to reduce, sorted; all for None or an empty sequence.

    Raises:
        IndexError: if one is out of range.
        RuntimeError: if one is given twice.
    """
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    given = ints((dim,) if isinstance(dim, int) else tuple(dim))
    axes = tuple(axis(d, ndim) for d in given)
    if len(set(axes)) != len(axes):
        repeated = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if ndim else ()


def _numpy_names(function: Any) -> Any:
    """Take `axis` and `keepdims` for `dim` and `keepdim`, as torch does."""

    @wraps(function)
    def reduction(*args: Any, **kwargs: Any) -> Any:
        for name, ours in (("axis", "dim"), ("keepdims", "keepdim")) if kwargs else ():
            if name in kwargs and ours not in kwargs:
                kwargs[ours] = kwargs.pop(name)
        return function(*args, **kwargs)

    return reduction


def _kept(dy: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """Return the gradient of a reduction with the reduced dims back, of size 1."""
    return dy if keepdim or not axes else np.expand_dims(dy, axes)


def _spread(
    dy: np.ndarray, axes: tuple[int, ...], keepdim: bool, shape: tuple[int, ...]
) -> np.ndarray:
    return np.broadcast_to(_kept(dy, axes, keepdim), shape)


@operation(
    "SumBackward1",
    lambda V, dy, dim, keepdim: V.sum(dy, dim, keepdim),
    where="",
    quiet=True,
)
def spread(input: Tensor, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Tensor:
    """Return a reduction's result expanded to the shape that was reduced: the adjoint of `sum`."""
    axes = axes_of(dim, len(shape))
    return np.broadcast_to(_kept(input, axes, keepdim), shape)


@operation("SumBackward1", lambda V, dy, shapes: V.expand(dy, shapes[0]), where="", quiet=True)
def sum_to_shape(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the sum over the dims that broadcasting from `shape` would repeat."""
    extra = input.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1))
    axes = tuple(a for a in axes if input.shape[a] != 1 or a < extra)
    return kernels.of(input).sum(input, axes, True).reshape(shape)


def _total(array: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    if array.dtype.kind != "f":
        total = np.sum(array, axes, dtype=np.int64, keepdims=keepdim)
        return kernels.contiguous(kernels.as_array(total))
    return kernels.of(array).sum(array, axes, keepdim)


@operation(
    lambda dim: "SumBackward0" if dim is None else "SumBackward1",
    lambda V, dy, dim, keepdim, shapes: V.spread(dy, dim, keepdim, shapes[0]),
    named="dtype",
    quiet=True,
)
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """Return the sum of all elements, or over the given dims. Integers and bools sum to int64.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x.sum(), x.sum(0)
        (tensor(10.), tensor([4., 6.]))
    """
    if dtype is not None:
        input = input.astype(dtypes.numpy_of(dtype), copy=False)
    return _total(input, axes_of(dim, input.ndim), keepdim)


def _mean(input: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
    if input.dtype.kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {dtypes.of(input).tensor_type}"
        )
    shape = input.shape
    count = builtins.max(math.prod(shape[a] for a in axes), 1)  # the mean of none has no gradient
    value = kernels.of(input).mean(input, axes, keepdim)
    return value, (lambda dy: _spread(dy / dy.dtype.type(count), axes, keepdim, shape),)


_mean_all = differentiable("MeanBackward0")(_mean)
_mean_dims = differentiable("MeanBackward1")(_mean)


@_numpy_names
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Return the mean of all elements, or over the given dims. The mean of none is NaN.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1)
        tensor([1.5000, 3.5000])
    """
    if dtype is not None:
        input = input.to(dtype)
    axes = axes_of(dim, input.array.ndim)
    return (_mean_all if dim is None else _mean_dims)(input, axes, keepdim)


def _deviations(
    input: np.ndarray, axes: tuple[int, ...], correction: float, keepdim: bool
) -> tuple[np.ndarray, Any, np.ndarray]:
    """Return x - mean(x), the degrees of freedom, and the variance."""
    k = kernels.of(input)
    free = input.dtype.type(builtins.max(math.prod(input.shape[a] for a in axes) - correction, 0))
    centred = kernels.as_array(input - k.mean(input, axes, True))
    with np.errstate(all="ignore"):
        return centred, free, kernels.as_array(k.sum(centred * centred, axes, keepdim) / free)


@differentiable("VarBackward0")
def _var(input: np.ndarray, axes: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    centred, free, value = _deviations(input, axes, correction, keepdim)

    def dx(dy: np.ndarray) -> np.ndarray:
        return _kept(dy, axes, keepdim) * (centred * (2 / free))

    return value, (dx,)


@differentiable("StdBackward0")
def _std(input: np.ndarray, axes: tuple[int, ...], correction: float, keepdim: bool) -> Any:
    centred, free, value = _deviations(input, axes, correction, keepdim)
    result = np.sqrt(value)

    def dx(dy: np.ndarray) -> np.ndarray:
        slope = np.where(result == 0, dy.dtype.type(0), dy / (result * free))
        return _kept(slope, axes, keepdim) * centred

    return result, (dx,)


def _spread_of(name: str, operation: Any, input: Any, dim: Any, unbiased: Any, keepdim: bool,
               correction: float | None) -> Any:  # fmt: skip
    if input.array.dtype.kind != "f":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    if isinstance(dim, bool):  # torch's var(input, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 0 if unbiased is False else 1
    axes = axes_of(dim, input.array.ndim)
    if input.array.size and math.prod(input.array.shape[a] for a in axes) <= correction:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=3,
        )
    return operation(input, axes, correction, keepdim)


@_numpy_names
def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
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
    return _spread_of("var", _var, input, dim, unbiased, keepdim, correction)


@_numpy_names
def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """Return the standard deviation; see `var`. Its gradient is 0 where all elements are equal.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0, 2.0, 3.0]).std()
        tensor(1.)
    """
    return _spread_of("std", _std, input, dim, unbiased, keepdim, correction)


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


def _not_empty(array: np.ndarray, name: str, dim: int | None) -> None:
    if dim is None and array.size == 0:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    if dim is not None and array.ndim and array.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _along(input: np.ndarray, where: np.ndarray, dim: int, keepdim: bool) -> Any:
    """The elements at the indices `where` of a dim. `where` has that dim."""
    shape = input.shape
    result = np.take_along_axis(input, where, dim) if shape else input.copy()

    def dx(dy: np.ndarray) -> np.ndarray:
        gradient = kernels.zeros(shape, dy)
        if not shape:
            return dy
        np.put_along_axis(gradient, where, dy if keepdim else np.expand_dims(dy, dim), dim)
        return gradient

    return result if keepdim or not shape else result.squeeze(dim), (dx,)


_taken = {name: differentiable(f"{name.capitalize()}Backward0")(_along) for name in _results}


def _chosen(name: str, input: Any, where: np.ndarray, dim: int, keepdim: bool) -> Ordered:
    values = _taken[name](input, where, dim, keepdim)
    # A copy of the indices, since the user may change them before backward reads them.
    return _results[name](values, wrap(where.reshape(values.array.shape).copy()))


def _arg(array: np.ndarray, dim: int, largest: bool, keepdim: bool) -> np.ndarray:
    # NumPy's argmax takes the first of equals, and a NaN before all, as torch's.
    if not array.ndim:
        return np.zeros((), np.int64, like=array)
    return (np.argmax if largest else np.argmin)(array, dim, keepdims=keepdim)


def _extreme_over(
    input: np.ndarray, axes: tuple[int, ...], keepdim: bool, largest: bool, nan: bool
) -> Any:
    """The extremes; `nan` says whether a NaN takes its gradient, or makes all of them NaN."""
    kept = tuple(n if a not in axes else 1 for a, n in enumerate(input.shape))
    n = math.prod(input.shape[a] for a in axes)
    rows = np.moveaxis(input, axes, range(-len(axes), 0)).reshape(math.prod(kept), n)
    # By its place, since of 0.0 and -0.0 NumPy's maximum takes one or the other by SIMD width.
    result = np.take_along_axis(rows, _arg(rows, 1, largest, True), 1).reshape(kept)

    def dx(dy: np.ndarray) -> np.ndarray:
        tied = input == result
        if nan:
            tied = tied | (np.isnan(input) & np.isnan(result))
        with np.errstate(all="ignore"):
            return np.where(tied, _kept(dy, axes, keepdim), dy.dtype.type(0)) / np.sum(
                tied, axes, keepdims=True, dtype=dy.dtype
            )

    return result if keepdim else result.squeeze(axes), (dx,)


_extreme = {
    name: differentiable(f"{name.capitalize()}Backward{number}")(_extreme_over)
    for name, number in (("max", "1"), ("min", "1"), ("amax", "0"), ("amin", "0"))
}


def _max_or_min(name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    array = input.array
    if dim is None:
        _not_empty(array, name, None)
        return _extreme[name](input, tuple(range(array.ndim)), False, name == "max", True)
    if not isinstance(dim, int):  # two tensors
        return (arithmetic.maximum if name == "max" else arithmetic.minimum)(input, dim)
    d = axis(dim, array.ndim)
    _not_empty(array, name, d)
    return _chosen(name, input, _arg(array, d, name == "max", True), d, keepdim)


@_numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the largest element; over a dim, the largest elements and their indices.

    Equal elements share the gradient; over a dim, the first takes it. Given a second tensor, the
    larger of each pair of elements.

    Raises:
        RuntimeError, IndexError: if there is no element.

    Example:
        >>> import minnet
        >>> values, indices = minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).max(1)
        >>> values, indices
        (tensor([5., 7.]), tensor([1, 0]))
    """
    return _max_or_min("max", input, dim, keepdim)


@_numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the smallest element; over a dim, the smallest ones and their indices. See `max`."""
    return _max_or_min("min", input, dim, keepdim)


def _amax_or_amin(name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    axes = axes_of(dim, input.array.ndim)
    if dim == () and not input.array.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    for a in axes:
        if not input.array.shape[a]:
            raise IndexError(f"{name}(): Expected reduction dim {a} to have non-zero size.")
    return _extreme[name](input, axes, keepdim, name == "amax", False)


@_numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the largest elements over the given dims. Equal elements share the gradient.

    Raises:
        IndexError: if there is no element.
    """
    return _amax_or_amin("amax", input, dim, keepdim)


@_numpy_names
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the smallest elements over the given dims. See `amax`."""
    return _amax_or_amin("amin", input, dim, keepdim)


def _argextreme(name: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    array = input.array
    if dim is None:
        if not array.size:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the "
                "reduction dim with the 'dim' argument."
            )
        where = _arg(array.reshape(-1), 0, name == "argmax", False)
        return wrap(where.reshape((1,) * array.ndim) if keepdim else where)
    d = axis(dim, array.ndim)
    _not_empty(array, name, d)
    return wrap(_arg(array, d, name == "argmax", keepdim))


@_numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the index of the largest element, the first of equals: in row order, or of a dim.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 5.0], [7.0, 3.0]]).argmax(1)
        tensor([1, 0])
    """
    return _argextreme("argmax", input, dim, keepdim)


@_numpy_names
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the index of the smallest element (the first of equals). See `argmax`."""
    return _argextreme("argmin", input, dim, keepdim)


def _truth(reduction: Any, array: np.ndarray, dim: Any, keepdim: bool) -> Any:
    truth = kernels.contiguous(reduction(array, axes_of(dim, array.ndim), keepdims=keepdim))
    return wrap(truth.astype(np.uint8) if array.dtype == np.uint8 else truth)  # torch's exception


@_numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether all elements are true, over all or some dims."""
    return _truth(np.all, input.array, dim, keepdim)


@_numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Return whether any element is true, over all or some dims."""
    return _truth(np.any, input.array, dim, keepdim)


def count_nonzero(input: Any, dim: Any = None) -> Any:
    """Return the number of nonzero elements, over all or some dims."""
    return wrap(np.count_nonzero(input.array, axes_of(dim, input.array.ndim)))


@differentiable("ProdBackward0")
def _prod(input: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
    dtype = np.int64 if input.dtype.kind != "f" else input.dtype

    def dx(dy: np.ndarray) -> np.ndarray:
        # The product of the others: exact where an element is zero.
        moved = np.moveaxis(input, axes, tuple(range(len(axes))))
        n = math.prod(moved.shape[: len(axes)])
        flat = moved.reshape(n, *moved.shape[len(axes) :])
        before = np.ones_like(flat)
        after = np.ones_like(flat)
        for i in range(1, len(flat)):
            before[i] = before[i - 1] * flat[i - 1]
            after[-1 - i] = after[-i] * flat[-i]
        others = np.moveaxis((before * after).reshape(moved.shape), tuple(range(len(axes))), axes)
        return _kept(dy, axes, keepdim) * others

    rows = kernels.contiguous(input)  # or NumPy would multiply in the order of the memory
    return kernels.contiguous(np.prod(rows, axes, dtype=dtype, keepdims=keepdim)), (dx,)


@_numpy_names
def prod(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the product of all elements, or over one dim."""
    return _prod(input, axes_of(dim, input.array.ndim), keepdim)


@differentiable("CumsumBackward0")
def _cumsum(input: np.ndarray, dim: int) -> Any:
    if input.dtype.kind != "f":
        total = np.cumsum(input, dim if input.ndim else None, dtype=np.int64)
        return kernels.contiguous(total.reshape(input.shape)), (None,)

    def running(x: np.ndarray) -> np.ndarray:
        total = np.cumsum(x, dim if x.ndim else None, dtype=np.float64)
        return kernels.contiguous(total.astype(x.dtype).reshape(x.shape))

    def dx(dy: np.ndarray) -> np.ndarray:
        return np.flip(running(np.flip(dy, dim)), dim).copy() if dy.ndim else dy

    return running(input), (dx,)


@_numpy_names
def cumsum(input: Any, dim: int) -> Any:
    """Return the running sums along a dim."""
    return _cumsum(input, axis(dim, input.array.ndim))


def norm(input: Any, p: float | str = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the p-norm of all elements, or over the given dims: p = 1, 2 ("fro") or inf.

    Raises:
        NotImplementedError: for another p.
        RuntimeError: if the dtype is not floating point.
    """
    if input.array.dtype.kind != "f":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.of(input.array).tensor_type}"
        )
    if p in (2, "fro", None):
        return _norm2(input, axes_of(dim, input.array.ndim), keepdim)
    if p == 1:
        return sum(arithmetic.abs(input), dim, keepdim)
    if p == float("inf"):
        return amax(arithmetic.abs(input), () if dim is None else dim, keepdim)
    raise NotImplementedError(f"norm supports p = 1, 2, 'fro' and inf, got {p!r}")


@differentiable("LinalgVectorNormBackward0")
def _norm2(input: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> Any:
    wide = input.astype(np.float64)  # squares of float32 neither overflow nor vanish
    result = np.sqrt(kernels.of(input).sum(wide * wide, axes, keepdim)).astype(input.dtype)

    def dx(dy: np.ndarray) -> np.ndarray:
        length = _kept(kernels.as_array(result), axes, keepdim)
        with np.errstate(all="ignore"):
            return np.where(
                length == 0, dy.dtype.type(0), _kept(dy, axes, keepdim) * (input / length)
            )

    return result, (dx,)


# Order


def _order(array: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    if not array.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(array, dim, kind="stable")
    # Stable and descending: sort the reversed, and reverse. NaN comes first.
    backward = np.argsort(np.flip(array, dim), dim, kind="stable")
    return np.flip(array.shape[dim] - 1 - backward, dim)


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Return the elements in order along a dim, and their indices.

    Equal elements always keep their order, and NaN counts as the largest.

    Example:
        >>> import minnet
        >>> values, indices = minnet.sort(minnet.tensor([3.0, 1.0, 2.0]))
        >>> values, indices
        (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    d = axis(dim, input.array.ndim)
    return _chosen("sort", input, _order(input.array, d, descending), d, True)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Return the indices that sort a dim. Equal elements keep their order."""
    return wrap(_order(input.array, axis(dim, input.array.ndim), descending))


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return the k largest (or smallest) elements of a dim, in order, and their indices.

    Raises:
        RuntimeError: if the dim has fewer elements.

    Example:
        >>> import minnet
        >>> minnet.topk(minnet.tensor([3.0, 1.0, 2.0]), 2).indices
        tensor([0, 2])
    """
    d = axis(dim, input.array.ndim)
    if not 0 <= k <= (input.array.shape[d] if input.array.ndim else 1):
        raise RuntimeError("selected index k out of range")
    order = _order(input.array, d, largest)
    order = np.take(order, range(k), d) if input.array.ndim else order
    return _chosen("topk", input, order, d, True)
