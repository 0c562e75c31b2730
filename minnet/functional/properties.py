"""What a tensor is asked for: whether it is this or that, and its dtype beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet import dtypes
from minnet.dtypes import dtype
from minnet.operation import Number, Tensor, composite
from minnet.recorder import overwrite
from minnet.variable import Variable


@composite(where="minnet")
def is_tensor(obj: Any) -> bool:
    """Return whether an object is a tensor.

    Example:
        >>> import minnet
        >>> minnet.is_tensor(minnet.ones(1)), minnet.is_tensor(1)
        (True, False)
    """
    return isinstance(obj, Variable)


@composite(where="minnet")
def result_type(tensor: Tensor | Number, other: Tensor | Number) -> dtype:
    """Return the dtype in which two tensors or numbers combine.

    Example:
        >>> import minnet
        >>> minnet.result_type(minnet.tensor([1], dtype=minnet.uint8), 2.5)
        torch.float32
    """
    operands = (x.array if isinstance(x, Variable) else x for x in (tensor, other))
    return dtypes.OF_NUMPY[dtypes.common(*operands)]


@composite
def is_signed(input: Tensor) -> bool:
    """Return whether the dtype holds negative numbers.

    Example:
        >>> import minnet
        >>> minnet.is_signed(minnet.tensor([1], dtype=minnet.uint8))
        False
    """
    return dtypes.of(input.array).is_signed


@composite
def is_complex(input: Tensor) -> bool:
    """Return False, as there are no complex tensors.

    Example:
        >>> import minnet
        >>> minnet.is_complex(minnet.ones(1))
        False
    """
    return False


@composite
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have one shape.

    Example:
        >>> import minnet
        >>> minnet.is_same_size(minnet.ones(2), minnet.ones(3))
        False
    """
    return input.array.shape == other.array.shape


@composite
def is_nonzero(input: Tensor) -> bool:
    """Return whether the one element is not 0.

    Raises:
        RuntimeError: if there is not exactly one.

    Example:
        >>> import minnet
        >>> minnet.is_nonzero(minnet.tensor([2.0]))
        True
    """
    return bool(input)


@composite(where="Tensor")
def is_pinned(input: Tensor) -> bool:
    """Return False, as no memory is pinned.

    Example:
        >>> import minnet
        >>> minnet.ones(1).is_pinned()
        False
    """
    return False


@composite(where="Tensor")
def pin_memory(input: Tensor) -> Tensor:
    """Return the tensor itself: no memory is pinned.

    Example:
        >>> import minnet
        >>> minnet.ones(1).pin_memory()
        tensor([1.])
    """
    return input


@composite(where="Tensor")
def share_memory_(input: Tensor) -> Tensor:
    """Return the tensor itself: another process gets a copy.

    Example:
        >>> import minnet
        >>> minnet.ones(1).share_memory_()
        tensor([1.])
    """
    return input


@composite(where="Tensor")
def storage_offset(input: Tensor) -> int:
    """Return how many elements the memory that the tensor is a view of has before its first.

    Example:
        >>> import minnet
        >>> minnet.arange(5)[2:].storage_offset()
        2
    """
    base = input.array if input._base is None else input._base.array
    return (input.array.ctypes.data - base.ctypes.data) // input.array.itemsize


@composite(where="Tensor")
def short(input: Tensor) -> Tensor:
    """Return the tensor in int16.

    Example:
        >>> import minnet
        >>> minnet.ones(1).short()
        tensor([1], dtype=torch.int16)
    """
    return input.to(dtypes.int16)


@composite(where="Tensor")
def char(input: Tensor) -> Tensor:
    """Return the tensor in int8.

    Example:
        >>> import minnet
        >>> minnet.ones(1).char()
        tensor([1], dtype=torch.int8)
    """
    return input.to(dtypes.int8)


@composite(where="Tensor")
def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Set each element to a Python function of it, one after the other, and return the tensor.

    Raises:
        TypeError: if it requires grad.

    Example:
        >>> import minnet
        >>> minnet.tensor([1.0, 2.0]).apply_(lambda x: x + 1)
        tensor([2., 3.])
    """
    if input.requires_grad:
        raise TypeError("apply_() is only available for tensors that do not require grad")
    array = input.array
    values = [callable(x) for x in array.reshape(-1).tolist()]
    overwrite(input, np.array(values, array.dtype).reshape(array.shape))
    return input
