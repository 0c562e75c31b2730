"""Torch's older ways to make a tensor: typed tensors, such as `FloatTensor`, and `Variable`."""

from __future__ import annotations

from typing import Any

from minnet import creation, dtypes
from minnet.size import Size, ints
from minnet.tensor import Tensor
from minnet.variable import Variable as _Variable


class TensorType:
    """The tensors of a dtype: called, it makes one; `isinstance` tells them.

    `FloatTensor([1, 2])` holds these numbers, `FloatTensor(2, 3)` is of this shape and not set.

    Raises:
        TypeError: for a single float, or a tensor of another dtype.

    Example:
        >>> import minnet
        >>> minnet.FloatTensor([1, 2])
        tensor([1., 2.])
        >>> isinstance(minnet.LongTensor(2), minnet.FloatTensor)
        False
    """

    def __init__(self, dtype: dtypes.dtype):
        self.dtype = dtype
        self.__name__ = f"{dtype.tensor_type}Tensor"

    def __repr__(self) -> str:
        return f"<class 'torch.{self.__name__}'>"

    def __reduce__(self) -> str:
        return self.__name__

    def __call__(self, *data: Any, device: Any = None) -> Tensor:
        if len(data) == 1 and not isinstance(data[0], int | Size):
            (data,) = data
            if isinstance(data, float):
                raise TypeError("new(): data must be a sequence (got float)")
            if isinstance(data, _Variable) and data.array.dtype != self.dtype.numpy:
                raise TypeError(
                    f"{self.__name__}() expects data of {self.dtype}, got a tensor of "
                    f"{dtypes.of(data.array)}; convert it with .to({self.dtype.name})"
                )
            if isinstance(data, _Variable):
                return data.detach().to(device=device)
            return creation.tensor(data, dtype=self.dtype, device=device)
        return creation.empty(ints(data) if data else (0,), dtype=self.dtype, device=device)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, Tensor) and x.array.dtype == self.dtype.numpy


(FloatTensor, DoubleTensor, CharTensor, ShortTensor, IntTensor, LongTensor, ByteTensor,
 BoolTensor) = map(TensorType, dtypes.ALL)  # fmt: skip


def set_default_tensor_type(t: Any) -> None:
    """Set the dtype of new floating point tensors, by its type: `FloatTensor` or `DoubleTensor`.

    Raises:
        TypeError: for another type.

    Example:
        >>> import minnet
        >>> minnet.set_default_tensor_type(minnet.FloatTensor)
    """
    named = {f"torch.{d.tensor_type}Tensor": d for d in dtypes.ALL}
    found: Any = named.get(t) if isinstance(t, str) else getattr(t, "dtype", t)
    dtypes.set_default_dtype(found)


class _OfAllTensors(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, Tensor)


class Variable(metaclass=_OfAllTensors):
    """What tensors with gradients were once wrapped in: returns a tensor on the same memory.

    Example:
        >>> import minnet
        >>> minnet.autograd.Variable(minnet.ones(1), requires_grad=True)
        tensor([1.], requires_grad=True)
    """

    def __new__(  # type: ignore[misc]
        cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None
    ) -> Tensor:
        if data is None:
            return creation.empty(0)
        return data.detach().requires_grad_(requires_grad)
