"""Products of several tensors: `einsum`, `tensordot`, sums of products, Kronecker and cross."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.functional.arithmetic import add, mul, sub
from minnet.functional.arrangement import _sequence, diagonal, roll
from minnet.functional.linear import _bmm, _same_dtype, bmm, dot, mm, outer
from minnet.functional.reduce import sum
from minnet.functional.shape import expand, permute, reshape, unsqueeze
from minnet.operation import Number, Tensor, composite
from minnet.size import axis, ints
from minnet.variable import Variable

# Sums of Einstein's


def _labels(equation: str, operands: Sequence[Any]) -> tuple[list[list[Any]], list[Any]]:
    """Return the labels of the operands' dims and of the result's. Those of `...` are numbers.

    Raises:
        RuntimeError: if the equation is wrong, or does not fit the operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): the equation {equation!r} names {len(terms)} operands, but {len(operands)} "
            "were given"
        )

    def read(term: str, ndim: int | None, extra: int) -> list[Any]:
        before, dots, after = term.partition("...")
        for label in before + after:
            if not label.isalpha():
                raise RuntimeError(
                    f"einsum(): invalid subscript given: {label!r} in {equation!r}, subscripts "
                    "must be in [a-zA-Z]"
                )
        n = extra if ndim is None else ndim - len(before) - len(after)
        if n < 0 or (n and not dots):
            raise RuntimeError(
                f"einsum(): the subscripts {term!r} do not match the number of dimensions ({ndim}) "
                "of the operand"
            )
        return [*before, *(range(extra - n, extra) if dots else ()), *after]

    extra = 0
    for term, x in zip(terms, operands, strict=True):
        if "..." in term:
            extra = max(extra, x.array.ndim - len(term) + 3)
    given = [read(term, x.array.ndim, extra) for term, x in zip(terms, operands, strict=True)]
    if arrow:
        result = read(right, None, extra)
    else:
        named = [a for a in left if a.isalpha()]
        once = sorted(a for a in set(named) if named.count(a) == 1)
        result = [*range(extra), *once]
    for label in result:
        if result.count(label) > 1 or not any(label in term for term in given):
            raise RuntimeError(
                f"einsum(): the output of {equation!r} names {label!r} twice, or no operand has it"
            )
    return given, result


def _without_repeats(x: Tensor, labels: list[Any]) -> tuple[Tensor, list[Any]]:
    """Return the diagonal of dims that have one label."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            a = labels.index(label)
            b = labels.index(label, a + 1)
            m, n = x.array.shape[a], x.array.shape[b]
            if m != n:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for an operand but the sizes don't "
                    f"match, {n} != {m}"
                )
            x = diagonal(x, 0, a, b)
            labels = [*labels[:a], *labels[a + 1 : b], *labels[b + 1 :], label]
    return x, labels


def _arranged(x: Tensor, labels: list[Any], *groups: Sequence[Any]) -> Tensor:
    """Return a tensor with a dim for each group of labels, in order."""
    x = permute(x, tuple(labels.index(a) for group in groups for a in group))
    sizes = dict(zip((a for group in groups for a in group), x.array.shape, strict=True))
    return reshape(x, *(math.prod(sizes[a] for a in group) for group in groups))


def _contracted(
    x: Tensor, xs: list[Any], y: Tensor, ys: list[Any], wanted: set[Any]
) -> tuple[Tensor, list[Any]]:
    """Return the product of two operands, summed over the labels that nobody wants any more."""
    for label in set(xs) & set(ys):  # a dim of size 1 broadcasts
        i, j = xs.index(label), ys.index(label)
        m, n = x.array.shape[i], y.array.shape[j]
        if m != n and 1 not in (m, n):
            raise RuntimeError(
                f"einsum(): operands do not broadcast with remapped shapes: subscript {label!r} "
                f"has the sizes {m} and {n}"
            )
        if m < n:
            x = expand(x, tuple(n if k == i else s for k, s in enumerate(x.array.shape)))
        elif n < m:
            y = expand(y, tuple(m if k == j else s for k, s in enumerate(y.array.shape)))
    x, xs = _summed(x, xs, wanted | set(ys))
    y, ys = _summed(y, ys, wanted | set(xs))
    both = [a for a in xs if a in ys]
    batch, inner = [a for a in both if a in wanted], [a for a in both if a not in wanted]
    left, right = [a for a in xs if a not in ys], [a for a in ys if a not in xs]
    sizes = dict(zip((*xs, *ys), (*x.array.shape, *y.array.shape), strict=False))
    a, b = _arranged(x, xs, batch, left, inner), _arranged(y, ys, batch, inner, right)
    labels = [*batch, *left, *right]
    return reshape(_bmm(a, b), tuple(sizes[k] for k in labels)), labels


def _summed(x: Tensor, labels: list[Any], wanted: set[Any]) -> tuple[Tensor, list[Any]]:
    dims = [i for i, a in enumerate(labels) if a not in wanted]
    return (sum(x, dims), [a for a in labels if a in wanted]) if dims else (x, labels)


@composite(where="minnet")
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Return the sum of products that an equation names, such as "ij,jk->ik".

    Each letter is an index; those that the result has not are summed over. Without "->" the result
    has all that come once, in alphabetical order. "..." stands for any further dims.

    Operands are combined from left to right, by our own matrix products.

    Raises:
        RuntimeError: if the equation does not fit the operands, or the dtypes differ.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> minnet.einsum("ij,jk->ik", x, x)
        tensor([[ 7., 10.],
                [15., 22.]])
        >>> minnet.einsum("ii", x)
        tensor(5.)
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists(equation, *operands)
    given = _sequence(operands)
    if not given:
        raise RuntimeError("einsum(): must provide at least one operand")
    terms, result = _labels(equation, given)
    x, xs = _without_repeats(given[0], terms[0])
    for k in range(1, len(given)):
        y, ys = _without_repeats(given[k], terms[k])
        _same_dtype(x.array, y.array)
        x, xs = _contracted(x, xs, y, ys, set(result).union(*terms[k + 1 :]))
    x, xs = _summed(x, xs, set(result))
    return permute(x, tuple(xs.index(a) for a in result))


def _from_lists(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the equation of operands that are each followed by a list of numbers, as in NumPy."""

    def term(labels: Any) -> str:
        return "".join("..." if a is Ellipsis else chr(ord("a") + a) for a in labels)

    pairs = len(given) // 2 * 2
    equation = ",".join(term(labels) for labels in given[1:pairs:2])
    return equation + (f"->{term(given[-1])}" if len(given) % 2 else ""), given[:pairs:2]


@composite(where="minnet", out="exact")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Return the product of two tensors, summed over some dims of both.

    Args:
        dims: how many of the last dims of `a` and the first of `b`, or the lists of both.

    Raises:
        RuntimeError: if the sizes or dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.tensordot(minnet.ones(2, 3), minnet.ones(3, 4), 1).shape
        torch.Size([2, 4])
    """
    if isinstance(dims, Variable):
        dims = dims.array.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        dims = range(a.array.ndim - dims, a.array.ndim), range(dims)
    first = [axis(d, a.array.ndim) for d in ints((tuple(dims[0]),))]
    second = [axis(d, b.array.ndim) for d in ints((tuple(dims[1]),))]
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    _same_dtype(a.array, b.array)
    for i, j in zip(first, second, strict=True):
        m, n = a.array.shape[i], b.array.shape[j]
        if m != n and m == 1:  # a dim of size 1 broadcasts
            b = sum(b, j, True)
        elif m != n and n == 1:
            a = sum(a, i, True)
        elif m != n:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {m} in dim {i} and "
                f"second has size {n} in dim {j}"
            )
    rows = [d for d in range(a.array.ndim) if d not in first]
    columns = [d for d in range(b.array.ndim) if d not in second]
    x = _arranged(a, list(range(a.array.ndim)), rows, first)
    y = _arranged(b, list(range(b.array.ndim)), second, columns)
    shape = [a.array.shape[d] for d in rows] + [b.array.shape[d] for d in columns]
    return reshape(mm(x, y), shape)


# Sums of a tensor and a product


def _plus(input: Tensor, product: Tensor, beta: Number, alpha: Number) -> Tensor:
    """Return `beta * input + alpha * product`; with `beta` 0 no NaN of `input` counts."""
    product = product if alpha == 1 else mul(product, alpha)
    if beta == 0:
        shape = np.broadcast_shapes(input.array.shape, product.array.shape)
        return product if shape == product.array.shape else expand(product, shape)
    return add(product, input if beta == 1 else mul(input, beta))


@composite(inplace="Tensor", out="exact")
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """Return `beta * input + alpha * bmm(batch1, batch2)`.

    Example:
        >>> import minnet
        >>> minnet.baddbmm(minnet.ones(1), minnet.ones(1, 1, 3), minnet.ones(1, 3, 1))
        tensor([[[4.]]])
    """
    return _plus(input, bmm(batch1, batch2), beta, alpha)


@composite(inplace="Tensor", out="exact")
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """Return `beta * input + alpha` times the sum of the products of two stacks of matrices.

    Example:
        >>> import minnet
        >>> minnet.addbmm(minnet.ones(1), minnet.ones(2, 1, 3), minnet.ones(2, 3, 1))
        tensor([[7.]])
    """
    return _plus(input, sum(bmm(batch1, batch2), 0), beta, alpha)


@composite(out="exact")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix, (M, K), and a vector, (K,).

    Raises:
        RuntimeError: if they are not, or the sizes or dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.mv(minnet.ones(2, 3), minnet.tensor([1.0, 2.0, 3.0]))
        tensor([6., 6.])
    """
    if input.array.ndim != 2 or vec.array.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {vec.array.ndim}, {input.array.ndim}, "
            f"{vec.array.ndim}"
        )
    return reshape(mm(input, unsqueeze(vec, 1)), -1)


@composite(inplace="Tensor minnet", out="exact")
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """Return `beta * input + alpha * (mat @ vec)`.

    Example:
        >>> import minnet
        >>> minnet.addmv(minnet.ones(1), minnet.ones(1, 3), minnet.ones(3))
        tensor([4.])
    """
    return _plus(input, mv(mat, vec), beta, alpha)


@composite(inplace="Tensor", out="cast")
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1
) -> Tensor:
    """Return `beta * input + alpha * outer(vec1, vec2)`.

    Example:
        >>> import minnet
        >>> minnet.addr(minnet.ones(2), minnet.tensor([1.0]), minnet.tensor([2.0, 3.0]))
        tensor([[3., 4.]])
    """
    return _plus(input, outer(vec1, vec2), beta, alpha)


# Products of two


@composite(out="exact")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the products of all rows of one and all of another tensor.

    Raises:
        RuntimeError: if the last dims differ.

    Example:
        >>> import minnet
        >>> minnet.inner(minnet.tensor([1.0, 2.0]), minnet.tensor([[3.0, 4.0], [1.0, 1.0]]))
        tensor([11.,  3.])
    """
    if not input.array.ndim or not other.array.ndim:
        return mul(input, other)
    if input.array.shape[-1] != other.array.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.array.shape)} and {list(other.array.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@composite(out="exact")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the inner product of two vectors; see `dot`.

    Example:
        >>> import minnet
        >>> minnet.vdot(minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return dot(input, other)


@composite(out="cast")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: a copy of `other` times each element of `input`.

    Example:
        >>> import minnet
        >>> minnet.kron(minnet.tensor([1, 10]), minnet.tensor([1, 2]))
        tensor([ 1,  2, 10, 20])
    """
    n = max(input.array.ndim, other.array.ndim)
    a, b = ((1,) * (n - x.array.ndim) + x.array.shape for x in (input, other))
    left = reshape(input, *(k for size in a for k in (size, 1)))
    right = reshape(other, *(k for size in b for k in (1, size)))
    return reshape(mul(left, right), *map(int, np.multiply(a, b)))


@composite(out="exact")
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors of three elements, along a dim.

    Args:
        dim: the first of size 3, unless given.

    Raises:
        RuntimeError: if its size is not 3.

    Example:
        >>> import minnet
        >>> minnet.cross(minnet.tensor([1, 0, 0]), minnet.tensor([0, 1, 0]))
        tensor([0, 0, 1])
    """
    shape = np.broadcast_shapes(input.array.shape, other.array.shape)
    if dim is None:
        dim = next((d for d, n in enumerate(shape) if n == 3), 0)
    d = axis(dim, len(shape))
    if not shape or shape[d] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {d} must have length 3. Got {list(shape)}"
        )
    a, b = expand(input, shape), expand(other, shape)
    return sub(mul(roll(a, -1, d), roll(b, -2, d)), mul(roll(a, -2, d), roll(b, -1, d)))


@composite(where="minnet")
def chain_matmul(*matrices: Any) -> Tensor:
    """Return the product of matrices, in the order that needs the fewest multiplications.

    Example:
        >>> import minnet
        >>> minnet.chain_matmul(minnet.ones(1, 2), minnet.ones(2, 3), minnet.ones(3, 1))
        tensor([[6.]])
    """
    given = _sequence(matrices)
    if not given:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    sizes = [x.array.shape[0] for x in given] + [given[-1].array.shape[-1]]
    # best[i, j] is the least cost of the product of matrices i to j, and where it is split.
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(len(given))}
    for span in range(1, len(given)):
        for i in range(len(given) - span):
            j = i + span
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )

    def product(i: int, j: int) -> Tensor:
        k = best[i, j][1]
        return given[i] if i == j else mm(product(i, k), product(k + 1, j))

    return product(0, len(given) - 1)
