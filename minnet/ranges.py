"""More functions that make tensors: other spacings, draws like a tensor, windows, buffers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet import creation, dtypes, kernels, random
from minnet.creation import _maker
from minnet.operation import Number, Tensor, composite
from minnet.scalar import fitted, number
from minnet.variable import Variable, wrap


@_maker
@np.errstate(all="ignore")
def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype: Any, like: Any
) -> Any:
    """Return `steps` numbers from base**start to base**end, whose logarithms are equally far apart.

    Example:
        >>> import minnet
        >>> minnet.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return np.asarray(np.power(base, np.linspace(start, end, steps)).astype(dtype), like=like)


@_maker
def scalar_tensor(s: Number, *, dtype: Any, like: Any) -> Any:
    """Return a number as a tensor without dims, in the default dtype unless one is given.

    Example:
        >>> import minnet
        >>> minnet.scalar_tensor(2)
        tensor(2.)
    """
    return np.asarray(fitted(number(s, "scalar_tensor(): argument 's'"), dtype), like=like)


@_maker
def randint_like(
    input: Tensor, low: Any = None, high: Any = None, *, generator: Any = None, dtype: Any,
    like: Any,
) -> Any:  # fmt: skip
    """Return whole numbers from [low, high), or [0, low), in a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.randint_like(minnet.ones(2), 1)
        tensor([0., 0.])
    """
    low, high = (0, low) if high is None else (low, high)
    low, high = (int(getattr(x, "array", x)) for x in (low, high))
    array = np.empty(input.array.shape, dtype, like=like)
    random.resolve(generator).integers(array, low, high)
    return array


def _window(length: int, periodic: bool, *cosines: float) -> np.ndarray:
    """Return a sum of cosines over one period, which begins and ends at the edge."""
    n = length if periodic else length - 1
    angle = 2 * math.pi * np.arange(length) / max(n, 1)
    return np.asarray(sum(a * np.cos(k * angle) for k, a in enumerate(cosines)))


@_maker
def hann_window(window_length: int, periodic: bool = True, *, dtype: Any, like: Any) -> Any:
    """Return 0.5 - 0.5 cos over a period: a window for Fourier transforms.

    Example:
        >>> import minnet
        >>> minnet.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    window = np.ones(1) if window_length == 1 else _window(window_length, periodic, 0.5, -0.5)
    return np.asarray(window.astype(dtype), like=like)


@_maker
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any, like: Any,
) -> Any:  # fmt: skip
    """Return alpha - beta cos over a period: a window for Fourier transforms.

    Example:
        >>> import minnet
        >>> minnet.hamming_window(2)
        tensor([0.0800, 1.0000])
    """
    window = np.ones(1) if window_length == 1 else _window(window_length, periodic, alpha, -beta)
    return np.asarray(window.astype(dtype), like=like)


@composite(where="minnet")
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return data as a tensor that shares its memory where it can, unless `copy`.

    Example:
        >>> import minnet
        >>> minnet.asarray([1, 2])
        tensor([1, 2])
    """
    out = creation.as_tensor(obj, dtype, device)
    if copy and (out is obj or isinstance(obj, np.ndarray)):
        out = out.detach().clone()
    elif isinstance(obj, Variable) and not requires_grad:
        out = out.detach()
    return out.requires_grad_() if requires_grad else out


@composite(where="minnet")
def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a tensor on the memory of bytes, a bytearray or another buffer.

    Example:
        >>> import minnet
        >>> minnet.frombuffer(bytearray([1, 2]), dtype=minnet.uint8)
        tensor([1, 2], dtype=torch.uint8)
    """
    found = wrap(np.frombuffer(buffer, dtypes.numpy_of(dtype), count, offset))
    return found.requires_grad_() if requires_grad else found


@composite(where="Tensor")
def new(input: Tensor, *data: Any) -> Tensor:
    """Return a tensor of this one's dtype: with some data, or unset of some sizes.

    Example:
        >>> import minnet
        >>> minnet.ones(1).new([1, 2])
        tensor([1., 2.])
    """
    dtype, device = dtypes.of(input.array), kernels.device_of(input.array)
    if len(data) == 1 and not isinstance(data[0], int):
        return creation.tensor(data[0], dtype=dtype, device=device)
    return creation.empty(*data or (0,), dtype=dtype, device=device)
