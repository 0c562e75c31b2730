"""The softmax family: what becomes probabilities, and their logarithms."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from minnet import kernels
from minnet.functional.arithmetic import check_tensors, floating, only_floating
from minnet.functional.reduce import axes_of, shape_over
from minnet.operation import Tensor, composite, operation
from minnet.size import axis

_internal = partial(operation, where="", quiet=True)


@_internal(
    "SoftmaxBackwardDataBackward0",
    fused=lambda V, dy, y, axes: V.mul(V.sub(dy, V.sum(V.mul(dy, y), axes, True)), y),
    tensors=2,
)
def softmax_backward(dy: Tensor, y: Tensor, axes: Any) -> Tensor:
    """Return the gradient of `_softmax`, which gave y."""
    found = kernels.of(dy).softmax_backward(np.atleast_1d(dy), np.atleast_1d(y), axes)
    return found.reshape(y.shape)


@_internal(
    "LogSoftmaxBackwardDataBackward0",
    fused=lambda V, dy, y, dim: V.sub(dy, V.mul(V.exp(y), V.sum(dy, dim, True))),
    tensors=2,
)
def log_softmax_backward(dy: Tensor, y: Tensor, dim: int) -> Tensor:
    """Return the gradient of `_log_softmax`, which gave y."""
    found = kernels.of(dy).log_softmax_backward(np.atleast_1d(dy), np.atleast_1d(y), dim)
    return found.reshape(y.shape)


@_internal("SoftmaxBackward0", lambda V, dy, result, axes: V.softmax_backward(dy, result, axes))
def _softmax(input: Tensor, axes: Any) -> Tensor:
    return kernels.of(input).softmax(np.atleast_1d(input), axes).reshape(input.shape)


@_internal(
    "LogSoftmaxBackward0", lambda V, dy, result, dim: V.log_softmax_backward(dy, result, dim)
)
def _log_softmax(input: Tensor, dim: int) -> Tensor:
    return kernels.of(input).log_softmax(np.atleast_1d(input), dim).reshape(input.shape)


def _along(function: Any, input: Any, dim: Any, dtype: Any) -> Any:
    """Apply one of the two along a dim, or along torch's choice for None, with a warning."""
    name = function.operation.name.lstrip("_")
    check_tensors(name, input=input)
    input = input if dtype is None else input.to(dtype)
    ndim = input.array.ndim
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to "
            "include dim=X as an argument.",
            stacklevel=4,
        )
        dim = 0 if ndim in (0, 1, 3) else 1
    elif isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(
            f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}"
        )
    only_floating(input.array, f"{name}_kernel")
    return function(input, axis(dim, ndim))


@composite(where="minnet F Tensor", out=True)
def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along a dim: positive numbers that sum to 1.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.softmax(minnet.tensor([[0.0, 0.0], [0.0, 100.0]]), dim=1)
        tensor([[5.0000e-01, 5.0000e-01],
                [3.7835e-44, 1.0000e+00]])
    """
    return _along(_softmax, input, dim, dtype)


@composite(where="minnet F Tensor", out=True)
def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Return x - log(sum(exp(x))) along a dim, without overflow or loss of small probabilities.

    Raises:
        IndexError: if the dim is out of range.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.log_softmax(minnet.tensor([0.0, 0.0, 1000.0]), dim=0)
        tensor([-1000., -1000.,     0.])
    """
    return _along(_log_softmax, input, dim, dtype)


def _spread_softmax(V: Any, dy: Any, input: Any, dim: Any) -> Any:
    axes = axes_of(dim, len(input.shape))
    if not axes:
        return dy
    dy = V.reshape(dy, tuple(1 if i in axes else n for i, n in enumerate(input.shape)))
    return V.mul(dy, V._softmax(input, axes))


@operation("LogsumexpBackward0", _spread_softmax, shape=shape_over, out="cast")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """Return log(sum(exp(x))) over one or several dims, without overflow. Integers become floats.

    Raises:
        IndexError: if a dim is out of range.

    Example:
        >>> import minnet
        >>> minnet.logsumexp(minnet.tensor([[200.0, 200.0], [0.0, 0.0]]), 1)
        tensor([200.6931,   0.6931])
    """
    input = floating(input)
    return kernels.of(input).logsumexp(input, axes_of(dim, input.ndim), keepdim)
