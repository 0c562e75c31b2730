"""Matrix products: `linear`, `matmul` and their kin. Forward and backward are one kernel each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.arithmetic import add, check_tensors, mul, no_bool
from minnet.functional.shape import reshape, unsqueeze
from minnet.operation import Tensor, composite, operation
from minnet.recorder import apply
from minnet.variable import Variable


def _product(a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """Return a @ b (+ bias) of two matrices. Integers go through NumPy, whose sums are exact."""
    if a.dtype.kind == "f":
        return kernels.of(a).matmul(a, b, bias)
    return np.matmul(a, b) if bias is None else np.matmul(a, b) + bias


def _same_dtype(a: np.ndarray, b: np.ndarray) -> None:
    if a.dtype == b.dtype == bool and a.size and b.size:
        raise NotImplementedError("products are not implemented for 'Bool'; convert with .int()")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_name(a)} != {_name(b)}; "
            "convert one of them with .to(dtype)"
        )


def _name(array: np.ndarray) -> str:
    tensor_type = dtypes.of(array).tensor_type
    return {"Float": "float", "Double": "double"}.get(tensor_type, tensor_type.lower())


def _multipliable(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a[-1] != b[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )


def _linear_back(V: Any, dy: Any, wanted: Any, input: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of bias, input and weight: of arrays, in one kernel."""
    k = kernels.of(dy)
    dx, dw, db = k.linear_backward(dy, input, weight, 1 in wanted, 2 in wanted, 0 in wanted)
    return db, dx, dw


def _stackable(a: tuple[int, ...], b: tuple[int, ...], other_batch: bool = False) -> None:
    if other_batch or a[-1] != b[-2]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[-1]}] but "
            f"got: [{b[0]}, {b[-2]}]."
        )


def _shape_of_product(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    a, b = shapes
    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])


@operation(
    "AddmmBackward0",
    lambda V, dy: V.sum(dy, 0),
    lambda V, dy, weight: V.mm(dy, weight),
    lambda V, dy, input: V.mm(V.t(dy), input),
    joint=_linear_back,
    fits=True,
    where="",
    quiet=True,
    shape=lambda shapes: (shapes[1][0], shapes[2][0]),
)
def _addmm(bias: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    """y = x Wᵀ + b.    x: (N, I)  weight: (O, I)  bias: (O,)  ->  (N, O)"""
    if not type(bias) is type(input) is type(weight):
        kernels.one_device((bias, input, weight))
    if input.dtype.kind != "f":
        return _product(input, weight.T, bias)
    return kernels.of(input).linear(input, weight, bias)


@operation(
    "MmBackward0",
    lambda V, dy, weight: V.mm(dy, weight),
    lambda V, dy, input: V.mm(V.t(dy), input),
    where="",
    quiet=True,
    shape=lambda shapes: (shapes[0][0], shapes[1][0]),
)
def _mm_transposed(input: Tensor, weight: Tensor) -> Tensor:
    return _product(input, weight.T)


@composite(where="F")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `input @ weight.T + bias`.

    Args:
        input: (..., in_features), any number of leading dims.
        weight: (out_features, in_features), or (in_features,).
        bias: (out_features,), or None.

    Returns:
        (..., out_features).

    Raises:
        RuntimeError: if the shapes do not fit or the dtypes differ.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 2.0]])
        >>> minnet.nn.functional.linear(x, minnet.tensor([[3.0, 4.0]]), minnet.tensor([0.5]))
        tensor([[11.5000]])
    """
    if not (
        isinstance(input, Variable)
        and isinstance(weight, Variable)
        and (bias is None or isinstance(bias, Variable))
    ):
        check_tensors("linear", "bias", input=input, weight=weight, bias=bias)
    x, w = input.array, weight.array
    inner, shape = x.shape, w.shape
    if len(inner) == len(shape) == 2 and inner[1] == shape[1] and bias is not None:
        b = bias.array
        if b.shape == shape[:1] and x.dtype is w.dtype is b.dtype:
            # As nearly always: no more to look at.
            return apply(_addmm.operation, (bias, input, weight), ())
    if len(shape) == 1:
        out = matmul(input, weight)
        return out if bias is None else add(out, bias)
    if len(shape) != 2 or not inner:
        raise RuntimeError(
            "linear expects an input with at least 1 dimension and a weight of shape "
            f"(out_features, in_features), got {tuple(inner)} and {tuple(shape)}"
        )
    rows = math.prod(inner[:-1]), inner[-1]
    _multipliable(rows, shape[::-1])
    if x.dtype != w.dtype or (bias is not None and bias.array.dtype != w.dtype):
        other = w if bias is None or x.dtype != w.dtype else bias.array
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {dtypes.of(x).tensor_type} and "
            f"{dtypes.of(other).tensor_type}; convert one of them with .to(dtype)"
        )
    full = bias is not None and bias.array.shape == shape[:1]
    if not full and bias is not None and bias.array.shape not in ((1,), ()):
        raise RuntimeError(
            f"linear expects a bias of shape ({shape[0]},) for a weight of shape "
            f"{tuple(shape)}, got {tuple(bias.array.shape)}"
        )
    matrix = input if len(inner) == 2 else reshape(input, rows)
    out = _addmm(bias, matrix, weight) if full else _mm_transposed(matrix, weight)
    if bias is not None and not full:
        out = add(out, bias)
    return out if len(inner) == 2 else reshape(out, *inner[:-1], shape[0])


@operation(
    "MmBackward0",
    lambda V, dy, mat2: V.mm(dy, V.t(mat2)),
    lambda V, dy, input: V.mm(V.t(input), dy),
    numbers=False,
    quiet=True,
    shape=_shape_of_product,
)
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, (M, K) and (K, N).

    Raises:
        RuntimeError: if they are not matrices, their shapes do not fit, or their dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.mm(minnet.ones(2, 3), minnet.ones(3, 1))
        tensor([[3.],
                [3.]])
    """
    for name, x in (("self", input), ("mat2", mat2)):
        if x.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {x.ndim} dimensions")
    _multipliable(input.shape, mat2.shape)
    _same_dtype(input, mat2)
    return _product(input, mat2)


@composite(inplace="Tensor", out=True)
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Return `beta * input + alpha * (mat1 @ mat2)`.

    Example:
        >>> import minnet
        >>> minnet.addmm(minnet.ones(2), minnet.ones(1, 3), minnet.ones(3, 2))
        tensor([[4., 4.]])
    """
    product = mm(mat1, mat2)
    product = product if alpha == 1 else mul(product, alpha)
    return add(product, input if beta == 1 else mul(input, beta))


_of_stacks: Any = (
    lambda V, dy, mat2: V._bmm(dy, V.transpose(mat2, -1, -2)),
    lambda V, dy, input: V._bmm(V.transpose(input, -1, -2), dy),
)


@operation("BmmBackward0", *_of_stacks, where="", quiet=True, shape=_shape_of_product)
def _bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two stacks, whose batch dims broadcast."""
    batch = np.broadcast_shapes(input.shape[:-2], mat2.shape[:-2])
    a = np.broadcast_to(input, batch + input.shape[-2:])
    b = np.broadcast_to(mat2, batch + mat2.shape[-2:])
    out = np.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    for i in np.ndindex(*batch):
        out[i] = _product(a[i], b[i])
    return out


@operation("BmmBackward0", *_of_stacks, numbers=False, quiet=True, shape=_shape_of_product)
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two stacks of matrices, (B, M, K) and (B, K, N).

    Raises:
        RuntimeError: if they are not such stacks, or their dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.bmm(minnet.ones(2, 1, 3), minnet.ones(2, 3, 1))
        tensor([[[3.]],
        <BLANKLINE>
                [[3.]]])
    """
    a, b = input.shape, mat2.shape
    for name, shape in (("batch1", a), ("batch2", b)):
        if len(shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, got {len(shape)}D")
    _stackable(a, b, a[0] != b[0])
    _same_dtype(input, mat2)
    return _bmm.operation.value(input, mat2)


@operation(
    "DotBackward0",
    lambda V, dy, tensor: V.mul(dy, tensor),
    lambda V, dy, input: V.mul(dy, input),
    numbers=False,
    shape=lambda: (),
)
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the inner product of two vectors.

    Raises:
        RuntimeError: if they are not vectors of one length and dtype.

    Example:
        >>> import minnet
        >>> minnet.dot(minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 4.0]))
        tensor(11.)
    """
    a, b = input, tensor
    no_bool(np.result_type(a.dtype, b.dtype), "dot")
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the "
            f"same number of elements, but got {a.size} and {b.size} elements respectively"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {dtypes.of(a).tensor_type} "
            f"and {dtypes.of(b).tensor_type}"
        )
    return _product(a.reshape(1, -1), b.reshape(-1, 1)).reshape(())


@composite(aliases="ger", out="cast")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the outer product of two vectors, (M,) and (N,): (M, N).

    Raises:
        RuntimeError: if they are not vectors.

    Example:
        >>> import minnet
        >>> minnet.outer(minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    check_tensors("outer", input=input, vec2=vec2)
    if input.array.ndim != 1 or vec2.array.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D arguments, got {input.array.ndim}-D and {vec2.array.ndim}-D"
        )
    return mul(unsqueeze(input, 1), vec2)


@composite(operators="__matmul__ __rmatmul__", out=True)
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product, by NumPy's and torch's rules for 1-D and stacked operands.

    The chain of each output element is one fma after the other over k = 0, 1, …, so its bits depend
    neither on threads nor on the processor.

    Raises:
        RuntimeError: if an operand has no dims, the shapes do not fit, or the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.matmul(minnet.tensor([[1.0, 2.0]]), minnet.tensor([3.0, 4.0]))
        tensor([11.])
    """
    check_tensors("matmul", input=input, other=other)
    a, b = input.array, other.array
    if a.ndim == 2 and b.ndim == 2:
        return mm(input, other)
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    if a.ndim == 1 and b.ndim == 1:
        return dot(input, other)
    _same_dtype(a, b)
    if a.ndim == 1:
        _multipliable((1, *a.shape), b.shape)
        return _squeezed(matmul(unsqueeze(input, 0), other), -2)
    if b.ndim == 1:
        if a.shape[-1] != b.shape[0]:
            raise RuntimeError(
                f"size mismatch, got input ({a.shape[-2]}), mat ({a.shape[-2]}x{a.shape[-1]}), "
                f"vec ({b.shape[0]})"
            )
        return _squeezed(matmul(input, unsqueeze(other, 1)), -1)
    if b.ndim == 2:  # one product for all leading dims
        rows = math.prod(a.shape[:-1]), a.shape[-1]
        _multipliable(rows, b.shape)
        return reshape(mm(reshape(input, rows), other), *a.shape[:-1], b.shape[-1])
    _stackable(a.shape, b.shape)
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"The batch dimensions of matmul must broadcast, got {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        ) from None
    return _bmm(input, other)


def _squeezed(x: Any, dim: int) -> Any:
    shape = list(x.array.shape)
    del shape[dim]
    return reshape(x, *shape)
