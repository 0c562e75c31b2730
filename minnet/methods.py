"""`Methods`: the methods of `Tensor` that operations declare, made by their declarations."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from minnet import creation, functional, kernels  # noqa: F401 - declare them
from minnet.functional.arithmetic import OPERANDS
from minnet.missing import of_tensor
from minnet.operation import exported
from minnet.recorder import apply

_OTHERS = {"__abs__", "__getitem__", "__invert__", "__neg__", "__pos__", "__setitem__"}
_SWAPPED = {"__rfloordiv__", "__rmatmul__", "__rmod__", "__rpow__", "__rtruediv__"}


class _Loading(type):
    """A class whose own attributes are those of its instances: what is loaded on first use, too."""

    def __getattr__(cls, name: str) -> Any:
        if not name.startswith("_") and name not in LOADED:
            load()
            if name in LOADED:
                return getattr(cls, name)
        raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'", name=name)

    def __dir__(cls) -> list[str]:
        load()
        return list(super().__dir__())


class Methods(metaclass=_Loading):
    """What `Tensor` inherits: `x.exp()` is `exp(x)`, and `x.exp_()` changes x in place."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """Load the methods that are loaded on first use, and look again."""
        if not name.startswith("_") and name not in LOADED:
            load()
            if name in LOADED:
                return getattr(self, name)
        return of_tensor(self, name)


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


LOADED: set[str] = set()


def _enter() -> None:
    for name, function in exported("Tensor").items():
        if name not in LOADED:
            is_operator = name.startswith("__") and name not in _OTHERS
            setattr(Methods, name, _operator(name, function) if is_operator else function)
            LOADED.add(name)


_enter()


def load() -> None:
    """Load the operations that are loaded on first use, and give tensors their methods."""
    import_module("minnet.ranges")
    functional.load()
    _enter()
