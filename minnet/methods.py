"""`Methods`: the methods of `Tensor` that operations declare, made by their declarations."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from minnet import creation, functional, kernels, ranges  # noqa: F401 - declare them
from minnet.functional.arithmetic import OPERANDS
from minnet.missing import of_tensor
from minnet.operation import exported
from minnet.recorder import apply

_OTHERS = {"__abs__", "__getitem__", "__invert__", "__neg__", "__pos__", "__setitem__"}
_SWAPPED = {"__rfloordiv__", "__rmatmul__", "__rmod__", "__rpow__", "__rtruediv__"}


class Methods:
    """What `Tensor` inherits: `x.exp()` is `exp(x)`, and `x.exp_()` changes x in place."""

    __slots__ = ()
    __getattr__ = of_tensor  # asked for what is not there


def _operator(name: str, function: Callable[..., Any]) -> Any:
    """Return the method of an operator of two operands, which leaves others to themselves."""
    swapped = name in _SWAPPED
    declared = None if name.startswith("__i") else getattr(function, "operation", None)
    constants = declared and declared.defaults

    @wraps(function)
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, OPERANDS) or kernels.is_array(other):
            given = (other, self) if swapped else (self, other)
            return apply(declared, given, constants) if declared else function(*given)
        return NotImplemented

    return method


for _name, _function in exported("Tensor").items():
    if _name.startswith("__") and _name not in _OTHERS:
        _function = _operator(_name, _function)
    setattr(Methods, _name, _function)
