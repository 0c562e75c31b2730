"""Which activation follows a layer, as far as its `Sequential`s tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minnet.nn import kinds
from minnet.nn.init import holders
from minnet.nn.init.gain import calculate_gain

# Between a layer and its activation these do not change what its gain is for.
_PASSED_OVER = re.compile(
    r"Dropout(\d+d)?$|Pool(\d+d)?$|^(Identity|Flatten|Unflatten|Upsample|.*Pad\d+d)$"
)
_NAMES = {"ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "leaky_relu", "SELU": "selu"}
_NAMES |= {"Tanh": "tanh", "Sigmoid": "sigmoid"}
_OUTPUTS = {"Softmax", "LogSoftmax", "Softmax2d"}  # they end a network: no scale to keep


class Activation(NamedTuple):
    """What follows a layer: torch's name for it, or the module itself where torch has none."""

    nonlinearity: Any
    slope: float | None = None

    def gain(self) -> Any:
        """Return the gain; of an activation that torch has none for, the activation itself."""
        if isinstance(self.nonlinearity, str):
            return calculate_gain(self.nonlinearity, self.slope)
        return self.nonlinearity


_LINEAR = Activation("linear")


class FollowingActivations:
    """For each layer of a network the activation that follows it.

    A `Sequential` says in which order its modules run, and so do those inside it. Any other module
    with children has a `forward` that cannot be read.
    """

    def __init__(self, net: Any):
        self._after: dict[int, Activation] = {}
        self._known: set[int] = set()
        self._read(net)

    def after(self, module: Any, name: str) -> Activation:
        """Return what follows a layer.

        Raises:
            ValueError: if it cannot be read.
        """
        if id(module) not in self._after:
            raise ValueError(
                f"cannot tell which activation follows {name!r}: its layer is not in a Sequential, "
                "or a module of unknown effect comes next; give it a rule of its own, "
                f"rules={{{name!r}: functools.partial(..., gain=...)}}"
            )
        return self._after[id(module)]

    def _read(self, module: Any) -> None:
        """Read the network from a module on downward."""
        sequence = list(self._flat(module))
        for i, layer in enumerate(sequence):
            if _is_opaque(layer):
                for child in layer.children():
                    if _is_sequential(child) or _is_opaque(child):
                        self._read(child)
            else:
                found = _first(sequence[i + 1 :])
                if found is not None:
                    self._after[id(layer)] = found

    def _flat(self, module: Any) -> Iterator[Any]:
        if _is_sequential(module):
            for child in module.children():
                yield from self._flat(child)
        else:
            yield module


def _first(following: list[Any]) -> Activation | None:
    """Return the activation among the modules that follow a layer, or None if it is not known."""
    for module in following:
        name = type(module).__name__
        if name in _NAMES:
            slope = getattr(module, "negative_slope", None)
            if name == "PReLU":
                slope = float(np.mean(holders.array_of(module.weight)))
            return Activation(_NAMES[name], slope)
        if name in _OUTPUTS or _has_weight(module):
            return _LINEAR
        if _is_opaque(module):
            return None
        if not (kinds.normalization(module) or _PASSED_OVER.search(name)):
            return Activation(module)
    return _LINEAR


def _has_weight(module: Any) -> bool:
    return not _is_opaque(module) and (
        bool(kinds.computed(module))
        or any(p.ndim >= 2 for _, p in module.named_parameters(recurse=False))
    )


def _is_sequential(module: Any) -> bool:
    return any(c.__name__ == "Sequential" for c in type(module).__mro__)


def _is_opaque(module: Any) -> bool:
    # What computes a weight is a child as well.
    return not _is_sequential(module) and any(
        name != "parametrizations" for name, _ in module.named_children()
    )
