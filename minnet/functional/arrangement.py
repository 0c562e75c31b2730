"""Arrangements: grids, rotations, repetitions, joins and cuts by other rules, diagonals."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import kernels
from minnet.functional.arithmetic import check_tensors, pow
from minnet.functional.reduce import sum
from minnet.functional.shape import (
    _before,
    cat,
    clone,
    diag,
    expand,
    flip,
    index_select,
    permute,
    repeat,
    reshape,
    selected,
    sliced,
    split,
    squeeze,
    stack,
    t,
    transpose,
    unsqueeze,
)
from minnet.mode import mode
from minnet.operation import SPELLINGS, Tensor, composite, operation
from minnet.size import Size, axis, integer, ints
from minnet.variable import Variable, wrap, writable

# Torch's names where it has an overload for each kind.
for _name in ("indices", "sections", "tensor_indices_or_sections"):
    SPELLINGS[_name] = "indices_or_sections"


def _sequence(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return tensors given as arguments or as one sequence."""
    return (
        tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    )


# Grids and combinations


@composite(where="minnet")
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Return the coordinates of all points of a grid: a tensor for each of the 1-D tensors.

    Args:
        indexing: "ij", where the first tensor runs along the first dim, or "xy", where it runs
            along the second, as in a picture.

    Warns:
        UserWarning: if `indexing` is not given, as torch does; it is "ij" then.

    Raises:
        RuntimeError: if a tensor has several dims, or the dtypes differ.

    Example:
        >>> import minnet
        >>> x, y = minnet.meshgrid(minnet.tensor([1, 2]), minnet.tensor([3, 4]), indexing="ij")
        >>> x, y
        (tensor([[1, 1],
                [2, 2]]), tensor([[3, 4],
                [3, 4]]))
    """
    given = _sequence(tensors)
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=3,
        )
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in given:
        if x.array.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x!r}"
            )
        if x.array.dtype != given[0].array.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    n = len(given)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else range(n)
    sizes = [x.array.size for x in given]
    shape = tuple(sizes[i] for i in axes)
    lines = [
        reshape(x, *(-1 if d == along else 1 for d in range(n)))
        for x, along in zip(given, axes, strict=True)
    ]
    return tuple([expand(x, shape) for x in lines])


@composite(where="minnet")
def cartesian_prod(*tensors: Any) -> Tensor:
    """Return all combinations of one element of each 1-D tensor, a row for each.

    Example:
        >>> import minnet
        >>> minnet.cartesian_prod(minnet.tensor([1, 2]), minnet.tensor([4, 5]))
        tensor([[1, 4],
                [1, 5],
                [2, 4],
                [2, 5]])
    """
    given = _sequence(tensors)
    if len(given) == 1:
        return given[0]
    return stack([reshape(x, -1) for x in meshgrid(*given, indexing="ij")], 1)


@composite(where="minnet")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all choices of `r` elements of a 1-D tensor, in order, a row for each.

    Example:
        >>> import minnet
        >>> minnet.combinations(minnet.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.array.size), r))
    return input[wrap(np.array(rows, np.int64).reshape(-1, r))]


def _indices(rows: Any, dtype: Any) -> Tensor:
    found = wrap(np.stack(rows).astype(np.int64))
    return found if dtype is None else found.to(dtype)


@composite(where="minnet")
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return the rows and columns of the elements on and below a diagonal of a matrix.

    Example:
        >>> import minnet
        >>> minnet.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    return _indices(np.tril_indices(row, offset, col), dtype).to(device=device)


@composite(where="minnet")
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return the rows and columns of the elements on and above a diagonal of a matrix.

    Example:
        >>> import minnet
        >>> minnet.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    return _indices(np.triu_indices(row, offset, col), dtype).to(device=device)


@composite(where="minnet")
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Return the indices of each dim of elements that are given by their numbers in row order.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> import minnet
        >>> minnet.unravel_index(minnet.tensor([1, 5]), (2, 3))
        (tensor([0, 1]), tensor([1, 2]))
    """
    found = np.unravel_index(indices.array, ints((shape,)))
    return tuple(wrap(np.asarray(i, np.int64)) for i in found)


@composite(where="minnet")
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the matrix of the powers of each element, the highest first unless `increasing`.

    Example:
        >>> import minnet
        >>> minnet.vander(minnet.tensor([1, 2, 3]), increasing=True)
        tensor([[1, 1, 1],
                [1, 2, 4],
                [1, 3, 9]])
    """
    powers = np.arange(x.array.size if N is None else N)
    return pow(unsqueeze(x, -1), wrap(powers if increasing else powers[::-1].copy()))


@composite(where="minnet")
def broadcast_shapes(*shapes: Any) -> Size:
    """Return the shape that shapes broadcast to.

    Raises:
        RuntimeError: if they do not.

    Example:
        >>> import minnet
        >>> minnet.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError as error:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {error}"
        ) from None


@composite(where="minnet")
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Return tensors expanded to their common shape.

    Example:
        >>> import minnet
        >>> [x.shape for x in minnet.broadcast_tensors(minnet.ones(2, 1), minnet.ones(3))]
        [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = _sequence(tensors)
    shape = broadcast_shapes(*(x.array.shape for x in given))
    return tuple([expand(x, tuple(shape)) for x in given])


# Another order of elements and dims


@composite
def roll(input: Tensor, shifts: Any, dims: Any = ()) -> Tensor:
    """Return the elements moved along dims; those that leave at one end enter at the other.

    Without dims the tensor is taken as one row.

    Raises:
        RuntimeError: if there are not as many shifts as dims.

    Example:
        >>> import minnet
        >>> minnet.roll(minnet.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """
    shifts = ints((shifts,))
    dims = ints((() if dims is None else dims,))
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return reshape(roll(reshape(input, -1), shifts, 0), input.array.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    for shift, dim in zip(shifts, dims, strict=True):
        d, n = axis(dim, input.array.ndim), input.array.shape[dim]
        if n:
            input = index_select(input, d, wrap((np.arange(n) - shift) % n))
    return input


@composite
def fliplr(input: Tensor) -> Tensor:
    """Return a copy with the order of the columns reversed.

    Example:
        >>> import minnet
        >>> minnet.fliplr(minnet.tensor([[1, 2]]))
        tensor([[2, 1]])
    """
    if input.array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@composite
def flipud(input: Tensor) -> Tensor:
    """Return a copy with the order of the rows reversed.

    Example:
        >>> import minnet
        >>> minnet.flipud(minnet.tensor([1, 2]))
        tensor([2, 1])
    """
    if input.array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@composite
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Return a copy rotated `k` times by 90 degrees, from the first of two dims to the second.

    Example:
        >>> import minnet
        >>> minnet.rot90(minnet.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    a, b = (axis(d, input.array.ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {a}, dim1 = {b}"
        )
    k %= 4
    if k == 2:
        return flip(input, a, b)
    if k == 0:
        return clone(input)
    return transpose(flip(input, b), a, b) if k == 1 else flip(transpose(input, a, b), b)


@composite(aliases="moveaxis")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Return a view with some dims moved to other places; the others keep their order.

    Raises:
        RuntimeError: if there are not as many sources as destinations, or one is given twice.

    Example:
        >>> import minnet
        >>> minnet.movedim(minnet.zeros(2, 3, 4), 0, -1).shape
        torch.Size([3, 4, 2])
    """
    n = input.array.ndim
    sources, targets = ([axis(d, n) for d in ints((dims,))] for dims in (source, destination))
    if len(sources) != len(targets):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination dims must have "
            f"as many elements, got {list(sources)} and {list(targets)}"
        )
    for name, dims in (("source", sources), ("destination", targets)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    order = [d for d in range(n) if d not in sources]
    for target, place in sorted(zip(targets, sources, strict=True)):
        order.insert(target, place)
    return permute(input, *order) if n else input


@composite
def ravel(input: Tensor) -> Tensor:
    """Return the elements in one dim: a view where possible.

    Example:
        >>> import minnet
        >>> minnet.ravel(minnet.tensor([[1, 2], [3, 4]]))
        tensor([1, 2, 3, 4])
    """
    return reshape(input, -1)


@composite
def adjoint(input: Tensor) -> Tensor:
    """Return a view with the last two dims swapped.

    Example:
        >>> import minnet
        >>> minnet.adjoint(minnet.zeros(2, 3)).shape
        torch.Size([3, 2])
    """
    return transpose(input, -2, -1)


# Repetition


@composite
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Return copies side by side; as `repeat`, but there may be fewer numbers than dims.

    Example:
        >>> import minnet
        >>> minnet.tile(minnet.tensor([1, 2]), (2,))
        tensor([1, 2, 1, 2])
    """
    counts = ints(dims)
    return repeat(input, (1,) * (input.array.ndim - len(counts)) + counts)


@composite
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Return each element of a dim repeated: as often as a number says, or one for each element.

    Without a dim the tensor is taken as one row. Given one tensor of counts alone, each index is
    repeated.

    Raises:
        RuntimeError: if there are not as many counts as elements, or one is negative.

    Example:
        >>> import minnet
        >>> minnet.repeat_interleave(minnet.tensor([1, 2]), 2)
        tensor([1, 1, 2, 2])
        >>> minnet.repeat_interleave(minnet.tensor([1, 2]), minnet.tensor([1, 2]))
        tensor([1, 2, 2])
    """
    if repeats is None:
        return wrap(np.repeat(np.arange(input.array.size), input.array))
    if dim is None:
        input, dim = reshape(input, -1), 0
    d = axis(dim, input.array.ndim)
    n = input.array.shape[d] if input.array.ndim else 1
    counts = repeats.array if isinstance(repeats, Variable) else np.array(integer(repeats))
    if counts.size not in (1, n):
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({d}) = {n}"
        )
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    counts = np.broadcast_to(counts.reshape(-1), (n,))
    return index_select(input, d, wrap(np.repeat(np.arange(n), counts)))


# Joining and splitting


def _at_least(n: int, tensors: tuple[Any, ...]) -> Any:
    given = _sequence(tensors)
    several = given is not tensors or len(given) != 1
    found = []
    for x in given:
        check_tensors(f"atleast_{n}d", input=x)
        while x.array.ndim < n:
            # As NumPy: a vector becomes a row, and a matrix the first two of three dims.
            x = unsqueeze(x, -1 if x.array.ndim == 2 else 0)
        found.append(x)
    return tuple(found) if several else found[0]


@composite(where="minnet")
def atleast_1d(*tensors: Any) -> Any:
    """Return the tensors with at least one dim.

    Example:
        >>> import minnet
        >>> minnet.atleast_1d(minnet.tensor(1))
        tensor([1])
    """
    return _at_least(1, tensors)


@composite(where="minnet")
def atleast_2d(*tensors: Any) -> Any:
    """Return the tensors with at least two dims: a vector becomes a row.

    Example:
        >>> import minnet
        >>> minnet.atleast_2d(minnet.tensor([1, 2]))
        tensor([[1, 2]])
    """
    return _at_least(2, tensors)


@composite(where="minnet")
def atleast_3d(*tensors: Any) -> Any:
    """Return the tensors with at least three dims.

    Example:
        >>> import minnet
        >>> minnet.atleast_3d(minnet.tensor([1, 2])).shape
        torch.Size([1, 2, 1])
    """
    return _at_least(3, tensors)


def _joined(name: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the tensors that a function joins.

    Raises:
        RuntimeError: if there are none.
    """
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tuple(tensors)


def _as_columns(x: Tensor) -> Tensor:
    return x if x.array.ndim > 1 else reshape(x, -1, 1)


@composite(where="minnet", out="cast")
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the second dim; of vectors, along the first.

    Example:
        >>> import minnet
        >>> minnet.hstack([minnet.tensor([1]), minnet.tensor([2, 3])])
        tensor([1, 2, 3])
    """
    given = _at_least(1, (_joined("hstack", tensors),))
    return cat(given, 0 if given[0].array.ndim == 1 else 1)


@composite(where="minnet", aliases="row_stack", out="cast")
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the first dim; vectors are rows.

    Example:
        >>> import minnet
        >>> minnet.vstack([minnet.tensor([1, 2]), minnet.tensor([3, 4])])
        tensor([[1, 2],
                [3, 4]])
    """
    return cat(_at_least(2, (_joined("vstack", tensors),)))


@composite(where="minnet", out="cast")
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the third dim.

    Example:
        >>> import minnet
        >>> minnet.dstack([minnet.tensor([1, 2]), minnet.tensor([3, 4])])
        tensor([[[1, 3],
                 [2, 4]]])
    """
    return cat(_at_least(3, (_joined("dstack", tensors),)), 2)


@composite(where="minnet", out="cast")
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Join tensors along the second dim; vectors are columns.

    Example:
        >>> import minnet
        >>> minnet.column_stack([minnet.tensor([1, 2]), minnet.tensor([3, 4])])
        tensor([[1, 3],
                [2, 4]])
    """
    return cat([_as_columns(x) for x in _joined("column_stack", tensors)], 1)


@composite
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut a tensor along a dim into views: into a number of nearly equal ones, or at given places.

    Raises:
        RuntimeError: if the number is not positive, or the tensor has no dims.

    Example:
        >>> import minnet
        >>> minnet.tensor_split(minnet.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
        >>> minnet.tensor_split(minnet.arange(5), (1, 3))
        (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    if not input.array.ndim:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    d = axis(dim, input.array.ndim)
    n, places = input.array.shape[d], indices_or_sections
    if isinstance(places, Variable):
        places = places.array.tolist()
    if isinstance(places, list | tuple):
        ends = [slice(None, integer(p)).indices(n)[1] for p in places]
        starts = [0, *ends]
        return tuple([sliced(input, (*_before(d), slice(a, max(a, b)), ...))
                      for a, b in zip(starts, [*ends, n], strict=True)])  # fmt: skip
    count = integer(places)
    if count <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {count}")
    return split(input, [n // count + (i < n % count) for i in range(count)], d)


def _split_along(name: str, least: int, dim: int, input: Tensor, parts: Any) -> tuple[Tensor, ...]:
    if input.array.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension"
            f"{'s' if least > 1 else ''}, but got a tensor with {input.array.ndim} dimensions!"
        )
    if isinstance(parts, int) and (parts <= 0 or input.array.shape[dim] % parts):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.array.shape[dim]} is not divisible by the split_size {parts}!"
        )
    return tensor_split(input, parts, dim)


@composite
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut a tensor along the second dim, a vector along the first; see `tensor_split`.

    Raises:
        RuntimeError: if the size is no multiple of the number.

    Example:
        >>> import minnet
        >>> minnet.hsplit(minnet.arange(4), 2)
        (tensor([0, 1]), tensor([2, 3]))
    """
    return _split_along("hsplit", 1, int(input.array.ndim > 1), input, indices_or_sections)


@composite
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut a tensor of at least two dims along the first; see `hsplit`.

    Example:
        >>> import minnet
        >>> minnet.vsplit(minnet.tensor([[1, 2], [3, 4]]), 2)
        (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_along("vsplit", 2, 0, input, indices_or_sections)


@composite
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Cut a tensor of at least three dims along the third; see `hsplit`.

    Example:
        >>> import minnet
        >>> minnet.dsplit(minnet.zeros(1, 1, 2), 2)
        (tensor([[[0.]]]), tensor([[[0.]]]))
    """
    return _split_along("dsplit", 3, 2, input, indices_or_sections)


@composite(where="Tensor")
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return all windows of a size along a dim, `step` apart; their elements are the last dim.

    It is a copy.

    Raises:
        RuntimeError: if the size is larger than the dim's, or the step is not positive.

    Example:
        >>> import minnet
        >>> minnet.arange(5).unfold(0, 2, 2)
        tensor([[0, 1],
                [2, 3]])
    """
    d = axis(dimension, input.array.ndim)
    n = input.array.shape[d] if input.array.ndim else 1
    if not 0 <= size <= n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    at = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)
    if not input.array.ndim:
        return reshape(input, 1)
    return movedim(selected(input, (*_before(d), at)), d + 1, -1)


# Diagonals


def _of_diagonal(array: Any, offset: int, dim1: int, dim2: int) -> Any:
    a, b = axis(dim1, array.ndim), axis(dim2, array.ndim)
    if a == b or array.ndim < 2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    view = np.diagonal(array, integer(offset), a, b)
    if array.flags.writeable:
        view.flags.writeable = True
    return view


@operation(
    "DiagonalBackward0",
    lambda V, dy, offset, dim1, dim2, shapes: V.on_diagonal(dy, offset, dim1, dim2, shapes[0]),
    view=True,
    quiet=True,
)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a view of a diagonal of two dims; it is the last dim.

    Raises:
        RuntimeError: if the dims are the same.

    Example:
        >>> import minnet
        >>> minnet.diagonal(minnet.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    return _of_diagonal(input, offset, dim1, dim2)


@operation(
    "DiagonalBackward0",
    lambda V, dy, offset, dim1, dim2: V.diagonal(dy, offset, dim1, dim2),
    where="",
    quiet=True,
)
def on_diagonal(input: Tensor, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> Tensor:
    """Return zeros of a shape with `input` on a diagonal of two dims: the adjoint of `diagonal`."""
    result = kernels.zeros(shape, input)
    _of_diagonal(result, offset, dim1, dim2)[...] = input
    return result


@composite
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices, of two new dims, with the last dim on a diagonal and zeros elsewhere.

    Example:
        >>> import minnet
        >>> minnet.diag_embed(minnet.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    n = input.array.ndim + 1
    a, b = axis(dim1, n), axis(dim2, n)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    *shape, length = input.array.shape
    for d in sorted((a, b)):
        shape.insert(d, length + abs(offset))
    return on_diagonal(input, offset, a, b, tuple(shape))


@composite(out=False)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return a matrix with all elements on a diagonal.

    Example:
        >>> import minnet
        >>> minnet.diagflat(minnet.tensor([[1], [2]]))
        tensor([[1, 0],
                [0, 2]])
    """
    return diag(reshape(input, -1), offset)


@composite(out="cast")
def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix.

    Raises:
        RuntimeError: if it has not two dims.

    Example:
        >>> import minnet
        >>> minnet.trace(minnet.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(5.)
    """
    if input.array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.array.ndim}")
    return sum(diagonal(input))


@composite(where="Tensor")
def fill_diagonal_(input: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Set the main diagonal to a number, and return the tensor.

    Raises:
        RuntimeError: if there are less than two dims, or more and of different sizes.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 2).fill_diagonal_(3)
        tensor([[3., 0.],
                [0., 3.]])
    """
    shape = input.array.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    steps = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    end = math.prod(shape) if wrap or len(shape) > 2 else shape[1] * shape[1]
    reached = np.zeros(math.prod(shape), bool)
    reached[: min(end, reached.size) : int(np.sum(steps))] = True
    return input.masked_fill_(_wrapped(reached.reshape(shape)), fill_value)


_wrapped = wrap


@composite(where="minnet")
def block_diag(*tensors: Any) -> Tensor:
    """Return a matrix with matrices along its diagonal, and zeros elsewhere.

    Example:
        >>> import minnet
        >>> minnet.block_diag(minnet.tensor([[1, 2]]), minnet.tensor([[3]]))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """
    blocks = [x if x.array.ndim == 2 else reshape(x, 1, -1) for x in _sequence(tensors)]
    width = int(np.sum([x.array.shape[1] for x in blocks]))
    rows, before = [], 0
    for x in blocks:
        n, m = x.array.shape
        sides = (np.zeros((n, k), x.array.dtype) for k in (before, width - before - m))
        left, right = map(wrap, sides)
        rows.append(cat([left, x, right], 1))
        before += m
    return cat(rows)


# Changes in place of the shape


def _reshaping(function: Any, name: str, where: str = "Tensor") -> None:
    """Declare the form in place of a function that returns a view: the tensor becomes that view."""

    def form(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if mode.enabled and input._requires_grad and input.grad_fn is None:
            writable(input)  # which raises
        out = function(input, *args, **kwargs)
        input.array = out.array
        if out._node is not None:
            input._node, input._slot = out._node, out._slot
        if input._view is not None:
            input._view, input._counter = out._view, None
        return input

    form.__name__ = form.__qualname__ = name
    form.__module__, form.__signature__ = __name__, inspect.signature(function)  # type: ignore[attr-defined]
    form.__doc__ = f"Give the tensor the shape of `{name[:-1]}`, and return it."
    composite(form, where=where)


for _name, _function in {
    "t_": t, "transpose_": transpose, "swapaxes_": transpose, "swapdims_": transpose,
    "squeeze_": squeeze, "unsqueeze_": unsqueeze,
}.items():  # fmt: skip
    _reshaping(_function, _name)


@composite(where="Tensor")
def resize_(input: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another size, and return it: the first elements stay, new ones are not set.

    Raises:
        RuntimeError: if it requires grad.

    Example:
        >>> import minnet
        >>> minnet.tensor([[1, 2], [3, 4]]).resize_(3)
        tensor([1, 2, 3])
    """
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    shape, array = ints(size), input.array
    if shape != array.shape:
        found = np.empty(math.prod(shape), array.dtype, like=array)
        n = min(found.size, array.size)
        found[:n] = array.reshape(-1)[:n]
        input.array = found.reshape(shape)
        input._view = None
        input.bump()
    return input


@composite(where="Tensor")
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """Give the tensor the size of another; see `resize_`.

    Example:
        >>> import minnet
        >>> minnet.tensor([1, 2, 3]).resize_as_(minnet.zeros(2))
        tensor([1, 2])
    """
    return resize_(input, input.array.shape if the_template is None else the_template.array.shape)


@composite(where="Tensor")
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Return the sum over the dims that broadcasting from a size would repeat.

    Raises:
        RuntimeError: if the size does not broadcast to the shape.

    Example:
        >>> import minnet
        >>> minnet.ones(2, 3).sum_to_size(1, 3)
        tensor([[2., 2., 2.]])
    """
    shape, full = ints(size), input.array.shape
    if np.broadcast_shapes(shape, full) != full or len(shape) > len(full):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(full)}}}.")
    extra = len(full) - len(shape)
    dims = [d for d in range(len(full)) if d < extra or (shape[d - extra] == 1 != full[d])]
    return reshape(sum(input, dims, True), shape) if dims else input
