"""Inverses, determinants and factors of matrices, and their derivatives of any order.

Computed by NumPy's LAPACK, so their bits depend on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.linear import matmul
from minnet.functional.shape import tril, triu
from minnet.mode import mode
from minnet.operation import Tensor, composite, operation
from minnet.variable import wrap


class LinAlgError(RuntimeError):
    """What is raised where a matrix has no inverse or no such factors."""


def matrices(name: str, array: np.ndarray, square: bool = True) -> None:
    """Check that an array is of floating point matrices, and square.

    Raises:
        RuntimeError: if it is not.
    """
    if array.dtype.kind != "f":
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
        return function(*map(kernels.on_host, arrays))
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{name}: {error}: the input is singular, or not positive-definite, or the "
            "algorithm failed to converge"
        ) from None


def without_derivative(name: str, x: Any) -> None:
    """Refuse a tensor that gradients would have to flow to.

    Raises:
        NotImplementedError: if they would.
    """
    if mode.enabled and x.requires_grad:
        raise NotImplementedError(
            f"{name} has no derivative here: detach() its input, or use solve, inv, det, slogdet, "
            "cholesky or norm, which have"
        )


def _t(V: Any, x: Any) -> Any:
    return V.transpose(x, -1, -2)


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
    return V.mul(V.unsqueeze(V.unsqueeze(dy, -1), -1), _t(V, V.inverted(input)))


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


@composite(out="exact")
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


@composite(out=False)
def logdet(input: Tensor) -> Tensor:
    """Return the logarithm of the determinant: NaN where it is negative.

    Example:
        >>> import minnet
        >>> minnet.logdet(minnet.eye(2))
        tensor(0.)
    """
    matrices("logdet", input.array)
    sign, size = np.linalg.slogdet(kernels.on_host(input.array))
    return log_of_determinant(input) + wrap(np.where(sign < 0, np.nan, 0).astype(size.dtype))


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


@composite(out="exact")
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


@composite(out="exact")
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
    matrices("linalg.matrix_power", input.array)
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
    return wrap(np.broadcast_to(np.eye(array.shape[-1], dtype=array.dtype), array.shape).copy())


@composite
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the pseudo-inverse of a matrix; see `linalg.pinv`.

    Example:
        >>> import minnet
        >>> minnet.pinverse(minnet.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    matrices("linalg.pinv", input.array, square=False)
    without_derivative("linalg.pinv", input)
    return wrap(np.linalg.pinv(kernels.on_host(input.array), rcond))
