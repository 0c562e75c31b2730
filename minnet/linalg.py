"""Linear algebra, with torch's names: by NumPy's LAPACK, whose bits depend on the machine.

All have derivatives of any order, but `matrix_rank`, which has none.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from minnet import functional
from minnet.functional.decompositions import (
    LinAlgError,
    computed,
    eigen,
    inverted,
    matrices,
    orthogonal,
    singular,
    solved,
)
from minnet.operation import _into, _target
from minnet.tensor import Tensor
from minnet.variable import wrap

__all__ = ["LinAlgError"]


def _public(function: Callable[..., Any]) -> Any:
    """Export a function, and let it take `out=`."""

    @wraps(function)
    def called(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if out is None:
            return found
        target = _target(function.__name__, {"out": out}, (), "exact")
        return _into(f"linalg_{function.__name__}", found, target, "exact")

    signature = inspect.signature(function)
    extra = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Any")
    called.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), extra]
    )
    __all__.append(function.__name__)
    return called


def _results(name: str, *fields: str) -> Any:
    kind = NamedTuple(name, [(field, Any) for field in fields])  # type: ignore[misc]

    def show(self: Any) -> str:
        shown = ",\n".join(f"{f}={getattr(self, f)!r}" for f in fields)
        return f"torch.return_types.{name}(\n{shown})"

    kind.__repr__ = show  # type: ignore[method-assign]
    return kind


_Slogdet = _results("linalg_slogdet", "sign", "logabsdet")
_QR = _results("linalg_qr", "Q", "R")
_Eigh = _results("linalg_eigh", "eigenvalues", "eigenvectors")
_SVD = _results("linalg_svd", "U", "S", "Vh")
_Lstsq = _results("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


@_public
def inv(A: Tensor) -> Tensor:
    """Return the inverse of a square matrix, or of each of many.

    Raises:
        LinAlgError: a RuntimeError, if it has none.

    Example:
        >>> import minnet
        >>> minnet.linalg.inv(minnet.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return functional.inverse(A)


@_public
def det(A: Tensor) -> Tensor:
    """Return the determinant of a square matrix, or of each of many.

    Example:
        >>> import minnet
        >>> minnet.linalg.det(minnet.tensor([[2.0, 1.0], [0.0, 4.0]]))
        tensor(8.)
    """
    return functional.det(A)


@_public
def slogdet(A: Tensor) -> Any:
    """Return the sign of the determinant, and the logarithm of its absolute value.

    Example:
        >>> import minnet
        >>> minnet.linalg.slogdet(minnet.eye(2)).sign
        tensor(1.)
    """
    return _Slogdet(*functional.slogdet(A))


@_public
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Return L of A = L Lᵀ, of a symmetric positive-definite matrix; or Lᵀ, if `upper`.

    Raises:
        LinAlgError: a RuntimeError, if it is not positive-definite.

    Example:
        >>> import minnet
        >>> minnet.linalg.cholesky(minnet.tensor([[4.0, 2.0], [2.0, 2.0]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    return functional.cholesky(A, upper)


@_public
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Return X of A X = B, or of X A = B without `left`.

    Args:
        A: (..., n, n).
        B: (..., n, k), or vectors, (..., n).

    Raises:
        LinAlgError: a RuntimeError, if A has no inverse.
        RuntimeError: if the shapes do not fit.

    Example:
        >>> import minnet
        >>> minnet.linalg.solve(2 * minnet.eye(2), minnet.tensor([2.0, 4.0]))
        tensor([1., 2.])
    """
    matrices("linalg.solve", A.array)
    if A.array.dtype != B.array.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found {A.dtype} and "
            f"{B.dtype} instead"
        )
    vector = B.array.ndim == 1 or B.array.shape == A.array.shape[:-1]
    b = B.unsqueeze(-1) if vector else B
    n = b.array.shape[-2 if left or vector else -1]
    if n != A.array.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({A.array.shape[-2]}x{A.array.shape[-1]} and "
            f"{b.array.shape[-2]}x{b.array.shape[-1]})"
        )
    if left:
        x = solved(A, b)
        return x.squeeze(-1) if vector else x
    x = solved(A.mT, b if vector else b.mT)
    return x.squeeze(-1) if vector else x.mT


@_public
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Return X of A X = B, or of X A = B without `left`; of A only one triangle counts.

    Example:
        >>> import minnet
        >>> A = minnet.tensor([[2.0, 9.0], [0.0, 2.0]])
        >>> minnet.linalg.solve_triangular(A, minnet.tensor([[2.0], [4.0]]), upper=False)
        tensor([[1.],
                [2.]])
    """
    matrices("linalg.solve_triangular", A.array)
    if unitriangular:
        triangle = A.triu(1) if upper else A.tril(-1)
        triangle = triangle + wrap(np.eye(A.array.shape[-1], dtype=A.array.dtype))
    else:
        triangle = A.triu() if upper else A.tril()
    return solved(triangle, B) if left else solved(triangle.mT, B.mT).mT


def _dims(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, tuple | list) else dim


@_public
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the p-norm of all elements, or over the given dims; see `minnet.norm`.

    Example:
        >>> import minnet
        >>> minnet.linalg.vector_norm(minnet.tensor([3.0, 4.0]))
        tensor(5.)
    """
    return functional.norm(x if dtype is None else x.to(dtype), ord, _dims(dim), keepdim)


@_public
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return a norm of matrices.

    Args:
        ord: "fro", the root of the sum of squares; 1 and inf, the largest sum of |x| of a column
            and of a row; 2 and "nuc", the largest singular value and the sum of all; -1, -inf and
            -2, the smallest instead.

    Raises:
        RuntimeError: for another `ord`, or if there are less than two dims.

    Example:
        >>> import minnet
        >>> minnet.linalg.matrix_norm(minnet.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor(5.)
    """
    A = A if dtype is None else A.to(dtype)
    matrices("linalg.matrix_norm", A.array, square=False)
    a, b = (d % A.array.ndim for d in dim)
    inf = float("inf")
    if ord == "fro":
        return functional.norm(A, 2, (a, b), keepdim)
    if ord in (1, -1, inf, -inf):
        if ord in (inf, -inf):
            a, b = b, a
        sums = A.abs().sum(a, True)
        found = sums.amax(b, True) if ord > 0 else sums.amin(b, True)
    elif ord in (2, -2, "nuc"):
        values = svdvals(A.movedim((a, b), (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
        for d in sorted((a, b)):
            found = found.unsqueeze(d)
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return found if keepdim else found.squeeze((a, b))


@_public
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return a norm of vectors or, given two dims or a matrix and an `ord`, of matrices.

    Example:
        >>> import minnet
        >>> minnet.linalg.norm(minnet.tensor([[3.0, 0.0], [0.0, 4.0]]), float("inf"))
        tensor(4.)
    """
    dim = _dims(dim)
    two = isinstance(dim, tuple) and len(dim) == 2
    if ord is None or not (two or (dim is None and A.array.ndim == 2)):
        if isinstance(ord, str):
            raise RuntimeError(
                "linalg.norm: If ord is a string, two dims are needed, or a matrix; got a tensor "
                f"of {A.array.ndim} dims and dim={dim}"
            )
        if ord is not None and dim is None and A.array.ndim > 2:
            raise RuntimeError(
                "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                f"{A.array.ndim}D."
            )
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    return matrix_norm(A, ord, dim if two else (0, 1), keepdim, dtype=dtype)


@_public
def matrix_power(A: Tensor, n: int) -> Tensor:
    """Return a square matrix to the power of an integer; see `minnet.matrix_power`.

    Example:
        >>> import minnet
        >>> minnet.linalg.matrix_power(2 * minnet.eye(1), 3)
        tensor([[8.]])
    """
    return functional.matrix_power(A, n)


@_public
def multi_dot(tensors: Any) -> Tensor:
    """Return the product of matrices, in the cheapest order; the ends may be vectors.

    Example:
        >>> import minnet
        >>> minnet.linalg.multi_dot([minnet.ones(1, 2), minnet.ones(2, 3), minnet.ones(3, 1)])
        tensor([[6.]])
    """
    first, last = tensors[0].array.ndim == 1, tensors[-1].array.ndim == 1
    given = [*tensors]
    if first:
        given[0] = given[0].unsqueeze(0)
    if last:
        given[-1] = given[-1].unsqueeze(1)
    out = functional.chain_matmul(*given)
    out = out.squeeze(-1) if last else out
    return out.squeeze(0) if first else out


@_public
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the cross products of vectors of three elements; see `minnet.cross`.

    Example:
        >>> import minnet
        >>> minnet.linalg.cross(minnet.tensor([1, 0, 0]), minnet.tensor([0, 1, 0]))
        tensor([0, 0, 1])
    """
    return functional.cross(input, other, dim)


@_public
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the inner products of vectors along a dim.

    Example:
        >>> import minnet
        >>> minnet.linalg.vecdot(minnet.ones(2, 3), minnet.ones(3))
        tensor([3., 3.])
    """
    return (x * y).sum(dim)


@_public
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product; see `minnet.matmul`.

    Example:
        >>> import minnet
        >>> minnet.linalg.matmul(minnet.ones(1, 2), minnet.ones(2))
        tensor([2.])
    """
    return functional.matmul(input, other)


@_public
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of a diagonal of matrices; see `minnet.diagonal`.

    Example:
        >>> import minnet
        >>> minnet.linalg.diagonal(minnet.eye(2))
        tensor([1., 1.])
    """
    return functional.diagonal(A, offset, dim1, dim2)


# Factors


def _with_vectors(name: str, A: Tensor, missing: bool) -> None:
    if missing and A.requires_grad:
        raise RuntimeError(
            f"linalg.{name}: the derivative needs the reduced factors, and for qr a matrix that is "
            "at least as high as wide; detach() the input, or ask for these"
        )


@_public
def qr(A: Tensor, mode: Any = "reduced") -> Any:
    """Return Q, of orthonormal columns, and R, upper triangular, of A = Q R.

    Args:
        mode: "reduced", "complete", or "r", which leaves Q empty; the first has a derivative, if A
            is at least as high as wide.

    Example:
        >>> import minnet
        >>> minnet.linalg.qr(minnet.eye(2)).R.abs()
        tensor([[1., 0.],
                [0., 1.]])
    """
    matrices("linalg.qr", A.array, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced', 'r', or "
            "'complete'"
        )
    m, n = A.array.shape[-2:]
    _with_vectors("qr", A, mode == "r" or m < n or (mode == "complete" and m > n))
    if mode == "reduced":
        return _QR(*orthogonal(A))
    found = computed("linalg.qr", lambda a: np.linalg.qr(a, mode), A.array)
    return _QR(*map(wrap, found)) if mode != "r" else _QR(wrap(A.array[:0, ..., :0]), wrap(found))


def _triangle(A: Tensor, UPLO: str) -> Tensor:
    matrices("linalg.eigh", A.array)
    return A.mT if UPLO.upper() == "U" else A  # LAPACK reads the lower triangle


@_public
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Return the eigenvalues, in rising order, and eigenvectors of a symmetric matrix.

    Args:
        UPLO: which triangle counts, "L" or "U".

    Example:
        >>> import minnet
        >>> minnet.linalg.eigh(minnet.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    return _Eigh(*eigen(_triangle(A, UPLO)))


@_public
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of a symmetric matrix, in rising order.

    Example:
        >>> import minnet
        >>> minnet.linalg.eigvalsh(minnet.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    return eigen(_triangle(A, UPLO))[0]


@_public
def svd(A: Tensor, full_matrices: bool = True, *, driver: Any = None) -> Any:
    """Return U, S and Vᴴ of A = U diag(S) Vᴴ.

    Args:
        full_matrices: whether U and Vᴴ are square; they have no derivative then, unless A is.

    Example:
        >>> import minnet
        >>> minnet.linalg.svd(minnet.tensor([[2.0, 0.0], [0.0, 1.0]])).S
        tensor([2., 1.])
    """
    matrices("linalg.svd", A.array, square=False)
    full = full_matrices and A.array.shape[-1] != A.array.shape[-2]
    _with_vectors("svd", A, full)
    return _SVD(
        *(map(wrap, computed("linalg.svd", np.linalg.svd, A.array)) if full else singular(A))
    )


@_public
def svdvals(A: Tensor, *, driver: Any = None) -> Tensor:
    """Return the singular values, in falling order.

    Example:
        >>> import minnet
        >>> minnet.linalg.svdvals(minnet.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([2., 1.])
    """
    matrices("linalg.svdvals", A.array, square=False)
    return singular(A)[1]


def _least(s: np.ndarray, A: Tensor, atol: Any, rtol: Any) -> np.ndarray:
    """Return the singular values above max(atol, rtol * largest), as a mask."""
    if rtol is None:
        rtol = max(A.array.shape[-2:]) * float(np.finfo(s.dtype).eps) if atol is None else 0.0
    given = (0.0 if atol is None else atol, rtol)
    atol, rtol = (np.asarray(getattr(x, "array", x))[..., None] for x in given)
    return s > np.maximum(atol, rtol * s.max(-1, keepdims=True, initial=0))


@_public
def pinv(
    A: Tensor, *, rcond: Any = None, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Tensor:
    """Return the pseudo-inverse: singular values up to `max(atol, rtol * largest)` count as 0.

    Example:
        >>> import minnet
        >>> minnet.linalg.pinv(minnet.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    matrices("linalg.pinv", A.array, square=False)
    A = A.tril() + A.tril(-1).mT if hermitian else A
    u, s, vh = singular(A)
    there = wrap(_least(s.array, A, atol, rcond if rtol is None else rtol))
    inverse = functional.where(there, 1 / functional.where(there, s, 1.0), 0.0)
    return functional.matmul(vh.mT * inverse.unsqueeze(-2), u.mT)


@_public
def matrix_rank(
    A: Tensor, *, tol: Any = None, atol: Any = None, rtol: Any = None, hermitian: bool = False
) -> Tensor:
    """Return how many singular values are above `max(atol, rtol * largest)`.

    Example:
        >>> import minnet
        >>> minnet.linalg.matrix_rank(minnet.ones(2, 2))
        tensor(1)
    """
    matrices("linalg.matrix_rank", A.array, square=False)
    s = svdvals(A.detach()).array
    return wrap(np.asarray(_least(s, A, tol if atol is None else atol, rtol).sum(-1), np.int64))


@_public
def cond(A: Tensor, p: Any = None) -> Tensor:
    """Return the condition number: a norm of A times that of its inverse; see `matrix_norm`.

    Example:
        >>> import minnet
        >>> minnet.linalg.cond(minnet.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor(2.)
    """
    if p in (None, 2, -2):
        s = svdvals(A)
        return s.amin(-1) / s.amax(-1) if p == -2 else s.amax(-1) / s.amin(-1)
    return matrix_norm(A, p) * matrix_norm(inverted(A), p)


@_public
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: Any = None) -> Any:
    """Return X that makes the sum of squares of A X - B smallest, by the pseudo-inverse.

    Returns:
        `solution`, `residuals` (the sums of squares, where A is higher than wide and of full rank),
        `rank` and `singular_values` (empty).

    Example:
        >>> import minnet
        >>> A = minnet.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> minnet.linalg.lstsq(A, minnet.tensor([[1.0], [3.0], [5.0]])).solution.round()
        tensor([[1.],
                [2.]])
    """
    matrices("linalg.lstsq", A.array, square=False)
    vector = B.array.ndim == A.array.ndim - 1
    b = B.unsqueeze(-1) if vector else B
    x = functional.matmul(pinv(A, rtol=rcond), b)
    rank = matrix_rank(A, rtol=rcond)
    m, n = A.array.shape[-2:]
    residuals = wrap(np.empty(0, A.array.dtype))
    if m > n and (rank.array == n).all():
        residuals = ((functional.matmul(A, x) - b) ** 2).sum(-2)
    nothing = wrap(np.empty(0, A.array.dtype))
    return _Lstsq(x.squeeze(-1) if vector else x, residuals, rank, nothing)


def __getattr__(name: str) -> Any:
    advice = {
        "eig": "eigh, for symmetric matrices; there are no complex tensors",
        "eigvals": "eigvalsh, for symmetric matrices; there are no complex tensors",
    }.get(name, f"what there is: {', '.join(sorted(__all__))}")
    raise AttributeError(f"module 'minnet.linalg' has no attribute '{name}'; {advice}")
