"""Matrix products: `linear`, `matmul` and their kin. Forward and backward are one kernel each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.autograd import Variable, differentiable, joined, senders, wrap
from minnet.functional.arithmetic import add
from minnet.functional.shape import reshape, unsqueeze


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
    return {"Float": "float", "Double": "double"}.get(
        dtypes.of(array).tensor_type, dtypes.of(array).tensor_type.lower()
    )


def _multipliable(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if a[-1] != b[-2]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )


def _addmm(bias: Any, input: Any, weight: Any) -> Any:
    """y = x Wᵀ + b.    x: (N, I)  weight: (O, I)  bias: (O,)  ->  (N, O)"""
    b, x, w = bias.array, input.array, weight.array
    if not type(b) is type(x) is type(w):
        kernels.one_device((b, x, w))
    if x.dtype.kind != "f":
        return wrap(_product(x, w.T, b))
    k = kernels.of(x)
    sends = senders((bias, input, weight))
    read = [(bias, weight, input)[send[1]] for send in sends if send[1]]

    def joint(dy: np.ndarray, wanted: Sequence[int]) -> Sequence[np.ndarray]:
        dx, dw, db = k.linear_backward(dy, x, w, 1 in wanted, 2 in wanted, 0 in wanted)
        return db, dx, dw

    return joined("AddmmBackward0", k.linear(x, w, b), sends, joint, read)


@differentiable("MmBackward0", tensors=2)
def _mm(input: np.ndarray, mat2: np.ndarray) -> Any:
    return _product(input, mat2), (
        lambda dy: _product(dy, mat2.T),
        lambda dy: _product(input.T, dy),
    )


@differentiable("MmBackward0", tensors=2)
def _mm_transposed(input: np.ndarray, weight: np.ndarray) -> Any:
    return _product(input, weight.T), (
        lambda dy: _product(dy, weight),
        lambda dy: _product(dy.T, input),
    )


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
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
        named = {"input": input, "weight": weight, **({} if bias is None else {"bias": bias})}
        name = next(n for n, tensor in named.items() if not isinstance(tensor, Variable))
        kind = type(named[name]).__name__
        raise TypeError(f"linear(): argument '{name}' must be Tensor, not {kind}")
    x, w = input.array, weight.array
    inner, shape = x.shape, w.shape
    if len(inner) == len(shape) == 2 and inner[1] == shape[1] and bias is not None:
        b = bias.array
        if b.shape == shape[:1] and x.dtype is w.dtype is b.dtype:
            return _addmm(bias, input, weight)  # as nearly always: no more to look at
    if len(shape) == 1:
        out = matmul(input, weight)
        return out if bias is None else add(out, bias)
    if len(shape) != 2 or not inner:
        raise RuntimeError(
            "linear expects an input with at least 1 dimension and a weight of shape "
            f"(out_features, in_features), got {tuple(inner)} and {tuple(shape)}"
        )
    if inner[-1] != shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({math.prod(inner[:-1])}x{inner[-1]} and "
            f"{shape[1]}x{shape[0]})"
        )
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
    matrix = input if len(inner) == 2 else reshape(input, math.prod(inner[:-1]), inner[-1])
    out = _addmm(bias, matrix, weight) if full else _mm_transposed(matrix, weight)
    if bias is not None and not full:
        out = add(out, bias)
    return out if len(inner) == 2 else reshape(out, *inner[:-1], shape[0])


def mm(input: Any, mat2: Any) -> Any:
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
        if not isinstance(x, Variable):
            raise TypeError(f"mm(): argument '{name}' must be Tensor, not {type(x).__name__}")
        if x.array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {x.array.ndim} dimensions")
    _multipliable(input.array.shape, mat2.array.shape)
    _same_dtype(input.array, mat2.array)
    return _mm(input, mat2)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """Return `beta * input + alpha * (mat1 @ mat2)`.

    Example:
        >>> import minnet
        >>> minnet.addmm(minnet.ones(2), minnet.ones(1, 3), minnet.ones(3, 2))
        tensor([[4., 4.]])
    """
    product = mm(mat1, mat2)
    product = product if alpha == 1 else product * alpha
    return product + (input if beta == 1 else input * beta)


@differentiable("BmmBackward0", tensors=2)
def _bmm(input: np.ndarray, mat2: np.ndarray) -> Any:
    def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = np.broadcast_to(a, batch + a.shape[-2:])
        b = np.broadcast_to(b, batch + b.shape[-2:])
        out = np.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
        for i in np.ndindex(*batch):
            out[i] = _product(a[i], b[i])
        return out

    return products(input, mat2), (
        lambda dy: products(dy, mat2.swapaxes(-1, -2)),
        lambda dy: products(input.swapaxes(-1, -2), dy),
    )


def bmm(input: Any, mat2: Any) -> Any:
    """Return the products of two stacks of matrices, (B, M, K) and (B, K, N).

    Raises:
        RuntimeError: if they are not such stacks, or their dtypes differ.
    """
    a, b = input.array.shape, mat2.array.shape
    for name, shape in (("batch1", a), ("batch2", b)):
        if len(shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor, got {len(shape)}D")
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but "
            "got: "
            f"[{b[0]}, {b[1]}]."
        )
    _same_dtype(input.array, mat2.array)
    return _bmm(input, mat2)


@differentiable("DotBackward0", tensors=2)
def _dot(input: np.ndarray, tensor: np.ndarray) -> Any:
    out = _product(input.reshape(1, -1), tensor.reshape(-1, 1)).reshape(())
    return out, (lambda dy: dy * tensor, lambda dy: dy * input)


def dot(input: Any, tensor: Any) -> Any:
    """Return the inner product of two vectors.

    Raises:
        RuntimeError: if they are not vectors of one length and dtype.
    """
    a, b = input.array, tensor.array
    if a.dtype == b.dtype == bool:
        raise NotImplementedError("\"dot\" not implemented for 'Bool'; convert with .int()")
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the "
            "same "
            f"number of elements, but got {a.size} and {b.size} elements respectively"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {dtypes.of(a).tensor_type} "
            "and "
            f"{dtypes.of(b).tensor_type}"
        )
    return _dot(input, tensor)


def outer(input: Any, vec2: Any) -> Any:
    """Return the outer product of two vectors, (M,) and (N,): (M, N).

    Raises:
        RuntimeError: if they are not vectors.
    """
    if input.array.ndim != 1 or vec2.array.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D arguments, got {input.array.ndim}-D and {vec2.array.ndim}-D"
        )
    return unsqueeze(input, 1) * vec2


def matmul(input: Any, other: Any) -> Any:
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
    for position, (name, x) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(x, Variable):
            raise TypeError(
                f"matmul(): argument '{name}' (position {position}) must be Tensor, not "
                f"{type(x).__name__}"
            )
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
        _multipliable((int(np.prod(a.shape[:-1])), a.shape[-1]), b.shape)
        return reshape(
            _mm(reshape(input, int(np.prod(a.shape[:-1])), a.shape[-1]), other),
            *a.shape[:-1],
            b.shape[-1],
        )
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]}, "
            f"{a.shape[-1]}] but got: [{b.shape[0]}, {b.shape[-2]}]."
        )
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
