"""Inverses, determinants and factors of matrices, and their derivatives of any order.

Computed by NumPy's LAPACK, so their bits depend on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.arithmetic import add, filled, ifelse, lt, mul
from minnet.functional.linear import matmul
from minnet.functional.shape import tril, triu
from minnet.operation import Tensor, composite, operation
from minnet.variable import wrap


class LinAlgError(RuntimeError):
    """What is raised where a matrix has no inverse or no such factors."""


def matrices(name: str, array: np.ndarray, square: bool = True, floats: bool = True) -> None:
    """Check that an array is of matrices: square, and floating point, unless said.

    Raises:
        RuntimeError: if it is not.
    """
    if floats and array.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.of(array).tensor_type}"
        )
    if array.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square and array.shape[-1] != array.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {array.shape[-2]} by "
            f"{array.shape[-1]} matrices"
        )


def computed(name: str, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """Return what NumPy's linear algebra makes of arrays.

    Raises:
        LinAlgError: if it does not come to an end.
    """
    try:
        with np.errstate(all="ignore"):
            return function(*map(kernels.on_host, arrays))
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{name}: {error}: the input is singular, or not positive-definite, or the "
            "algorithm failed to converge"
        ) from None


def _t(V: Any, x: Any) -> Any:
    return V.transpose(x, -1, -2)


def _row_order(V: Any, x: Any) -> Any:
    """Return transposes, laid out in row order."""
    return V.clone(_t(V, x))


def _around(V: Any, left: Any, middle: Any, right: Any) -> Any:
    return V._bmm(V._bmm(left, middle), right)


@operation(
    "LinalgInvExBackward0",
    lambda V, dy, result: V.neg(_around(V, _t(V, result), dy, _t(V, result))),
    where="",
)
def inverted(input: Tensor) -> Tensor:
    """Return the inverses of matrices."""
    return computed("linalg.inv", np.linalg.inv, input)


@operation(
    "LinalgSolveExBackward0",
    lambda V, dy, input, result: V.neg(V._bmm(V.solved(_t(V, input), dy), _t(V, result))),
    lambda V, dy, input: V.solved(_t(V, input), dy),
    where="",
    shape=lambda shapes: (
        *np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2]),
        *shapes[1][-2:],
    ),
)
def solved(input: Tensor, other: Tensor) -> Tensor:
    """Return X of A X = B, of matrices."""
    return computed("linalg.solve", np.linalg.solve, input, other)


def _times_inverse(V: Any, dy: Any, input: Any) -> Any:
    return V.mul(V.unsqueeze(V.unsqueeze(dy, -1), -1), _row_order(V, V.inverted(input)))


@operation(
    "LinalgDetBackward0",
    lambda V, dy, input, result: _times_inverse(V, V.mul(dy, result), input),
    where="",
    shape=lambda shapes: shapes[0][:-2],
)
def determinant(input: Tensor) -> Tensor:
    """Return the determinants of matrices."""
    return kernels.as_array(computed("linalg.det", np.linalg.det, input))


@operation("LinalgSlogdetBackward0", _times_inverse, where="", shape=lambda shapes: shapes[0][:-2])
def log_of_determinant(input: Tensor) -> Tensor:
    """Return the logarithms of the absolute values of determinants."""
    return kernels.as_array(computed("linalg.slogdet", np.linalg.slogdet, input)[1])


def _cholesky_back(V: Any, dy: Any, result: Any) -> Any:
    # Murray 2016, "Differentiation of the Cholesky decomposition".
    inner = V._bmm(_t(V, result), dy)
    lower = V.mul(V.add(V.tril(inner), V.tril(inner, -1)), 0.5)
    inverse = V.inverted(result)
    slope = _around(V, _t(V, inverse), lower, inverse)
    return V.mul(V.add(slope, _t(V, slope)), 0.5)


@operation("LinalgCholeskyExBackward0", _cholesky_back, where="")
def lower_factor(input: Tensor) -> Tensor:
    """Return L of A = L Lᵀ, of positive-definite matrices."""
    return computed("linalg.cholesky", np.linalg.cholesky, input)


def _spread(V: Any, x: Any) -> tuple[Any, Any]:
    """Return a vector as a row and as a column."""
    return V.unsqueeze(x, -2), V.unsqueeze(x, -1)


def _over(V: Any, x: Any, divisor: Any) -> Any:
    """Return a quotient, and 0 where the divisor is 0."""
    none = V.eq(divisor, 0)
    return V.ifelse(none, 0.0, V.div(x, V.ifelse(none, 1.0, divisor)))


def _between(V: Any, x: Any, row: Any, column: Any) -> Any:
    return _over(V, x, V.sub(row, column))


# The derivatives compute the factors again: what an operation of several results has returned is
# not kept for them. Where values are equal, the vectors are not differentiable; what is beside the
# quotient is left then.


def _eigen_back(V: Any, dy: Any, input: Any, shapes: Any) -> Any:
    values, vectors = V.eigen(input)
    turned = _between(V, V._bmm(_t(V, vectors), dy[1]), *_spread(V, values))
    middle = V.add(turned, V.on_diagonal(dy[0], 0, -2, -1, shapes[0]))
    return _around(V, vectors, middle, _t(V, vectors))


@operation(
    "LinalgEighBackward0",
    _eigen_back,
    where="",
    several=True,
    shape=lambda shapes: (shapes[0][:-1], shapes[0]),
)
def eigen(input: Tensor) -> Any:
    """Return the eigenvalues, in rising order, and eigenvectors of symmetric matrices."""
    return tuple(computed("linalg.eigh", np.linalg.eigh, input))


def _shape_of_singular(shapes: Any) -> Any:
    *batch, m, n = shapes[0]
    k = min(m, n)
    return (*batch, m, k), (*batch, k), (*batch, k, n)


def _singular_back(V: Any, dy: Any, input: Any, shapes: Any) -> Any:
    (u, s, vh), (du, ds, dvh) = V.singular(input), dy
    row, column = _spread(V, s)
    squares = V.mul(row, row), V.mul(column, column)
    inner = V._bmm(_t(V, u), du), V._bmm(vh, _t(V, dvh))
    left, right = (_between(V, V.sub(x, _t(V, x)), *squares) for x in inner)
    middle = V.add(V.mul(left, row), V.mul(right, column))
    k = min(shapes[0][-2:])
    diagonal = V.on_diagonal(ds, 0, -2, -1, (*shapes[0][:-2], k, k))
    found = _around(V, u, V.add(middle, diagonal), vh)
    if shapes[0][-2] > k:  # what leaves the space of the vectors
        found = V.add(found, V._bmm(_over(V, V.sub(du, V._bmm(u, inner[0])), row), vh))
    if shapes[0][-1] > k:
        found = V.add(found, V._bmm(u, _over(V, V.sub(dvh, V._bmm(_t(V, inner[1]), vh)), column)))
    return found


@operation("LinalgSvdBackward0", _singular_back, where="", several=True, shape=_shape_of_singular)
def singular(input: Tensor) -> Any:
    """Return U, S and Vᵀ of A = U diag(S) Vᵀ, of as many vectors as the smaller size."""
    return tuple(computed("linalg.svd", lambda a: np.linalg.svd(a, full_matrices=False), input))


def _orthogonal_back(V: Any, dy: Any, input: Any) -> Any:
    q, r = V.orthogonal(input)
    inner = V.triu(V.sub(V._bmm(dy[1], _t(V, r)), V._bmm(_t(V, q), dy[0])))
    both = V.add(inner, _t(V, V.triu(inner, 1)))
    return _row_order(V, V.solved(r, _t(V, V.add(dy[0], V._bmm(q, both)))))


@operation(
    "LinalgQrBackward0",
    _orthogonal_back,
    where="",
    several=True,
    shape=lambda shapes: (_shape_of_singular(shapes)[0], _shape_of_singular(shapes)[2]),
)
def orthogonal(input: Tensor) -> Any:
    """Return Q and R of A = Q R, of matrices that are at least as high as wide, for derivatives."""
    return tuple(computed("linalg.qr", np.linalg.qr, input))


# Torch's names outside of `linalg`


@composite(out="exact")
def inverse(input: Tensor) -> Tensor:
    """Return the inverse of a square matrix, or of each of many; see `linalg.inv`.

    Raises:
        LinAlgError: a RuntimeError, if it has none.

    Example:
        >>> import minnet
        >>> minnet.inverse(minnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    matrices("linalg.inv", input.array)
    return inverted(input)


@composite
def det(input: Tensor) -> Tensor:
    """Return the determinant of a square matrix, or of each of many.

    Its derivative needs the inverse: of a singular matrix it raises.

    Example:
        >>> import minnet
        >>> minnet.det(minnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(8.)
    """
    matrices("linalg.det", input.array)
    return determinant(input)


class slogdet_result(NamedTuple):
    """A determinant's sign, and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any

    def __repr__(self) -> str:
        return f"torch.return_types.slogdet(\nsign={self.sign!r},\nlogabsdet={self.logabsdet!r})"


@composite(out="exact")
def slogdet(input: Tensor) -> Any:
    """Return the sign of the determinant, and the logarithm of its absolute value.

    Example:
        >>> import minnet
        >>> minnet.slogdet(minnet.eye(2)).logabsdet
        tensor(0.)
    """
    matrices("linalg.slogdet", input.array)
    size = log_of_determinant(input)
    sign = wrap(computed("linalg.slogdet", np.linalg.slogdet, input.array)[0])
    return slogdet_result(mul(filled(size, 1), sign), size)


@composite
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant: NaN where it is negative.

    Example:
        >>> import minnet
        >>> minnet.logdet(minnet.eye(2))
        tensor(0.)
    """
    sign, size = slogdet(input)
    return add(size, ifelse(lt(sign, 0), math.nan, 0.0))


@composite(out="exact")
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Return L of A = L Lᵀ, of a symmetric positive-definite matrix; or Lᵀ, if `upper`.

    Raises:
        LinAlgError: a RuntimeError, if it is not positive-definite.

    Example:
        >>> import minnet
        >>> minnet.cholesky(minnet.tensor([[4.0, 2.0], [2.0, 2.0]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    matrices("linalg.cholesky", input.array)
    factor = lower_factor(input.mT if upper else input)
    return factor.mT if upper else factor


@composite(out="cast")
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """Return X of A X = B, given B and the factor of A that `cholesky` returns.

    Example:
        >>> import minnet
        >>> minnet.cholesky_solve(minnet.ones(2, 1), 2 * minnet.eye(2))
        tensor([[0.2500],
                [0.2500]])
    """
    matrices("cholesky_solve", input2.array)
    factor = triu(input2).mT if upper else tril(input2)
    return solved(factor.mT, solved(factor, input))


@composite(out="cast")
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """Return the inverse of A, given the factor of it that `cholesky` returns.

    Example:
        >>> import minnet
        >>> minnet.cholesky_inverse(2 * minnet.eye(2))
        tensor([[0.2500, 0.0000],
                [0.0000, 0.2500]])
    """
    matrices("cholesky_inverse", input.array)
    factor = inverted(triu(input).mT if upper else tril(input))
    return matmul(factor.mT, factor)


@composite(out="exact")
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return a square matrix to the power of an integer, by squaring; negative by the inverse.

    Example:
        >>> import minnet
        >>> minnet.matrix_power(minnet.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    matrices("linalg.matrix_power", input.array, floats=n < 0)
    if n < 0:
        return matrix_power(inverted(input), -n)
    result, power = None, input
    while n:
        if n & 1:
            result = power if result is None else matmul(result, power)
        n >>= 1
        if n:
            power = matmul(power, power)
    if result is not None:
        return result.clone() if result is input else result
    array = input.array
    eye = np.broadcast_to(np.eye(array.shape[-1], dtype=array.dtype), array.shape)
    return add(filled(input, 0), wrap(eye))
