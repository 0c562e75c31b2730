"""Containers: modules and parameters held in order or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain, islice
from typing import Any, TypeVar

from minnet.functional.mlp import mlp
from minnet.nn.activation import ReLU, Sigmoid, Tanh
from minnet.nn.hooks import EVERYWHERE
from minnet.nn.linear import Linear
from minnet.nn.module import CALL, Module, indent, require_module
from minnet.nn.parameter import Parameter
from minnet.tensor import Tensor

C = TypeVar("C", bound="_Ordered")

# What `mlp` computes, by the method that is called for it and not by the class: a subclass, or
# someone who patches a class or a module, may have another one.
FORWARDS: dict[Any, str] = {
    Linear.forward: "linear",
    ReLU.forward: "relu",
    Tanh.forward: "tanh",
    Sigmoid.forward: "sigmoid",
}


def _position(index: Any, n: int) -> int:
    i = operator.index(index)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range")
    return i % n


class _Ordered(Module):
    """What `Sequential` and `ModuleList` share: children by position."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _name(self, index: Any) -> str:
        return next(islice(self._modules, _position(index, len(self)), None))

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)
        gone = names[index] if isinstance(index, slice) else [self._name(index)]
        self._renumber([m for name, m in self._modules.items() if name not in gone])

    def _renumber(self, modules: list[Module | None]) -> None:
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def append(self: C, module: Module) -> C:
        """Add a module at the end, and return the container."""
        number = len(self)
        while str(number) in self._modules:  # a slice of a Sequential keeps its names
            number += 1
        self.add_module(str(number), module)
        return self

    def extend(self: C, modules: Iterable[Module]) -> C:
        """Add modules at the end, and return the container.

        Raises:
            TypeError: if `modules` is not an iterable of modules. None has been added then.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got "
                f"{type(modules).__name__}"
            )
        added = list(modules)
        for module in added:
            require_module(module)
        for module in added:
            self.append(module)
        return self

    def insert(self: C, index: int, module: Module) -> C:
        """Put a module before the one at `index`, and return the container.

        Raises:
            TypeError: if it is not a module.
            IndexError: if the index is out of range.
        """
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type: {Module}, got {type(module)}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index}")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, key: int | slice) -> Any:
        """Remove a module, or a slice of them, and return it."""
        removed = self[key]
        del self[key]
        return removed

    def __getitem__(self, index: Any) -> Any:
        return self._modules[self._name(index)]


class Sequential(_Ordered):
    """A chain: each module's output is the next one's input.

    Linear layers and the ReLU, Tanh or Sigmoid behind them are computed together, which spares a
    small network many calls and changes no bit. A module with hooks, or with a `forward` or
    `__call__` that is not its class's own, is called by itself.

    Args:
        args: the modules, or one OrderedDict of modules by name.

    Example:
        >>> from minnet import nn
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        >>> net[1:3]
        Sequential(
          (1): Linear(in_features=784, out_features=128, bias=True)
          (2): ReLU()
        )
    """

    def __init__(self, *args: Any):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        # Of the layers that are computed together, once their end is known.
        parameters: list[Any] = []
        activations: list[str | None] = []
        for child in self._modules.values():
            module: Any = child
            kind = FORWARDS.get(getattr(getattr(module, "forward", None), "__func__", None))
            if kind and (module._hooked or EVERYWHERE or type(module).__call__ is not CALL):
                kind = None
            if kind == "linear":
                parameters += module.weight, module.bias
                activations.append(None)
            elif kind and activations and activations[-1] is None:
                activations[-1] = kind
            else:
                input = module(mlp(input, parameters, activations))
                parameters, activations = [], []
        return mlp(input, parameters, activations)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return super().__getitem__(index)

    def _added(self, other: Any) -> list[Module]:
        if not isinstance(other, Sequential):
            raise ValueError(
                "add operator supports only objects of Sequential class, but "
                f"{type(other)} is given."
            )
        return list(other)

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *self._added(other))

    def __iadd__(self, other: Sequential) -> Sequential:
        return self.extend(self._added(other))

    def _times(self, n: Any) -> int:
        if not isinstance(n, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(n)}")
        if n <= 0:
            raise ValueError(f"Non-positive multiplication factor {n} for {type(self)}")
        return n

    def __mul__(self, n: int) -> Sequential:
        return Sequential(*list(self) * self._times(n))

    __rmul__ = __mul__

    def __imul__(self, n: int) -> Sequential:
        return self.extend(list(self) * (self._times(n) - 1))


class ModuleList(_Ordered):
    """A list of modules, each registered under its index.

    Example:
        >>> from minnet import nn
        >>> nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        ModuleList(
          (0-2): 3 x Linear(in_features=8, out_features=8, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return super().__getitem__(index)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)

    def __repr__(self) -> str:
        runs: list[list[Any]] = []  # first index, last index, what they print
        for i, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        lines = [
            f"({i}): {text}" if i == j else f"({i}-{j}): {j - i + 1} x {text}"
            for i, j, text in runs
        ]
        body = "\n  " + "\n  ".join(map(indent, lines)) + "\n" if lines else ""
        return f"{self._get_name()}({body})"


def _pairs(container: str, items: Any) -> list[tuple[str, Any]]:
    """Return the items of a mapping or of an iterable of pairs."""
    if not isinstance(items, Iterable):
        raise TypeError(
            f"{container}.update should be called with an iterable of key/value pairs, but got "
            f"{type(items).__name__}"
        )
    if isinstance(items, Mapping | ModuleDict | ParameterDict):
        return list(items.items())
    pairs = []
    for i, pair in enumerate(items):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{container} update sequence element #{i} should be Iterable; is "
                f"{type(pair).__name__}"
            )
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(
                f"{container} update sequence element #{i} has length {len(pair)}; 2 is required"
            )
        pairs.append(pair)
    return pairs


class ModuleDict(Module):
    """A dictionary of modules, each registered under its key.

    Example:
        >>> from minnet import nn
        >>> nn.ModuleDict({"act": nn.ReLU(), "out": nn.Linear(4, 2)})
        ModuleDict(
          (act): ReLU()
          (out): Linear(in_features=4, out_features=2, bias=True)
        )
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._modules.keys()

    def values(self) -> ValuesView[Any]:
        """Return the modules."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Any]:
        """Return the names with the modules."""
        return self._modules.items()

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove a module and return it."""
        return self._modules.pop(key)

    def update(self, modules: Any) -> None:
        """Add or replace modules from a mapping or from an iterable of pairs."""
        pairs = _pairs("ModuleDict", modules)
        for key, module in pairs:
            require_module(module)
            self._check_name("_modules", "module", key)
        for key, module in pairs:
            self[key] = module


def _trained(value: Any) -> Any:
    """Return a tensor as a parameter, and other values as they are."""
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


class _Parameters(Module):
    """What `ParameterList` and `ParameterDict` share: tensors become parameters when they enter."""

    def _lines(self, items: Iterable[tuple[Any, Any]], what: Any) -> str:
        lines = []
        for key, value in items:
            if isinstance(value, Tensor):
                kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
                size = "x".join(map(str, value.shape))
                lines.append(f"  ({key}): {kind} containing: [{what(value)} of size {size}]")
            else:
                lines.append(f"  ({key}): Object of type: {type(value).__name__}")
        return "\n".join(lines)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{type(self).__name__} should not be called.")


class ParameterList(_Parameters):
    """A list of parameters; tensors become parameters, and other values are kept as they are.

    Example:
        >>> import minnet
        >>> weights = minnet.nn.ParameterList([minnet.zeros(2, 2), minnet.zeros(2)])
        >>> [name for name, _ in weights.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def _name(self, index: Any) -> str:
        return str(_position(index, self._size))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name(index), _trained(value))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end, and return the list."""
        setattr(self, str(self._size), _trained(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end, and return the list."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got "
                f"{type(values).__name__}"
            )
        for value in [_trained(value) for value in values]:
            self.append(value)
        return self

    __iadd__ = extend

    def extra_repr(self) -> str:
        return self._lines(enumerate(self), lambda p: p.dtype)


class ParameterDict(_Parameters):
    """A dictionary of parameters; tensors become parameters, other values are kept as they are.

    Example:
        >>> import minnet
        >>> scales = minnet.nn.ParameterDict({"left": minnet.ones(3), "right": minnet.ones(3)})
        >>> list(scales), scales["left"].requires_grad
        (['left', 'right'], True)
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update([(key, value)])

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._keys.keys()

    def values(self) -> list[Any]:
        """Return the values."""
        return [self[key] for key in self._keys]

    def items(self) -> list[tuple[str, Any]]:
        """Return the names with the values."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or `default` where there is none."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value, which is `default` from now on where there was none."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove a value and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the value that was added last, and return it with its name."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Return a dictionary with the same parameters."""
        return type(self)(self.items())

    def update(self, parameters: Any) -> None:
        """Add or replace values from a mapping or from an iterable of pairs."""
        pairs = _pairs("ParameterDict", parameters)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs.sort(key=operator.itemgetter(0))  # torch's order, and so state_dict's
        checked = []
        for key, value in pairs:
            if key not in self._keys:
                self._check_name("_parameters", "parameter", key)
            checked.append((key, _trained(value)))
        for key, value in checked:
            setattr(self, key, value)
            self._keys[key] = None

    def __or__(self, other: Any) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return self._lines(self.items(), lambda p: p.type())
