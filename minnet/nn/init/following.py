"""Which activation follows a layer, as far as its `Sequential`s tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from minnet.nn import kinds
from minnet.nn.init.gain import calculate_gain


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
        kind = kinds.of(module)
        if kind.role == "activation":
            return Activation(kind.name or module, kinds.slope(module))
        if kind.role == "output" or _has_weight(module):
            return _LINEAR
        if _is_opaque(module):
            return None
        if kind.role not in ("normalization", "passes"):
            return Activation(module)
    return _LINEAR


def _has_weight(module: Any) -> bool:
    return not _is_opaque(module) and (
        bool(kinds.computed(module))
        or any(p.ndim >= 2 for _, p in module.named_parameters(recurse=False))
    )


def _is_sequential(module: Any) -> bool:
    return kinds.of(module).role == "sequence"


def _is_opaque(module: Any) -> bool:
    # What computes a weight is a child as well.
    return not _is_sequential(module) and any(
        name != "parametrizations" for name, _ in module.named_children()
    )
