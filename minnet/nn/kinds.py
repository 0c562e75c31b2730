"""Kinds: the one place that knows the layers, minnet's and torch's: what their parameters are.

torch is not imported: its layers are known by their names. A layer of one's own is of the kind of
the layer that it is derived from, or of one that `register` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

# Keywords of `init.fans`, or what returns them for a module and its weight.
Layout = Mapping[str, Any] | Callable[[Any, Any], Mapping[str, Any]]


class Kind(NamedTuple):
    """What is known of a layer: its weights' layouts by name, and what it normalizes by, if so."""

    layouts: Mapping[str, Layout] = {}
    normalization: str | None = None


def _groups(module: Any) -> dict[str, Any]:
    return {"groups": module.groups} if module.groups > 1 else {}


def _convolution(module: Any, weight: Any) -> dict[str, Any]:
    return _groups(module)


def _transposed(module: Any, weight: Any) -> dict[str, Any]:
    return {"in_axis": 0, "out_axis": 1, **_groups(module)}


def _stacked(count: int) -> Layout:
    """Return the layout of several matrices, (out, in) each, one below the other."""
    return lambda module, weight: {"fan_out": weight.shape[0] // count}


def _recurrent(gates: int) -> Kind:
    return Kind({"weight_ih*": _stacked(gates), "weight_hh*": _stacked(gates)})


def _looked_up(module: Any, weight: Any) -> dict[str, Any]:
    # How many rows there are counts in neither fan; a row's length is the gain, as in Flax.
    return {"fan_in": weight.shape[1], "fan_out": weight.shape[1]}


# minnet's and torch's by name, also as the base of another class.
_NAMED: dict[str, Kind] = {
    "Linear": Kind(),
    "Bilinear": Kind({"weight": {"in_axis": (1, 2), "out_axis": 0}}),
    "Embedding": Kind({"weight": _looked_up}),
    "EmbeddingBag": Kind({"weight": _looked_up}),
    "MultiheadAttention": Kind({"in_proj_weight": _stacked(3)}),
    **{f"Conv{d}d": Kind({"weight": _convolution}) for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": Kind({"weight": _transposed}) for d in (1, 2, 3)},
    **dict.fromkeys(("RNN", "RNNCell"), _recurrent(1)),
    **dict.fromkeys(("GRU", "GRUCell"), _recurrent(3)),
    **dict.fromkeys(("LSTM", "LSTMCell"), _recurrent(4)),
}
_registered: dict[type, Kind] = {}
# BatchNorm1d, LayerNorm, RMSNorm, T5LayerNorm, …: whoever writes one of his own names it so.
_NORMALIZATION = re.compile(r"(Batch|Layer|RMS|Group|Instance|)Norm(\d+d)?$")


def register(
    layer: type,
    layouts: Mapping[str, Layout] | None = None,
    *,
    normalization: str | None = None,
) -> None:
    """Tell of what kind a layer of one's own is, and those that are derived from it.

    Args:
        layer: the class.
        layouts: for each weight that is not laid out (out, in, *kernel) its name, in which a *
            stands for anything, and the keywords of `init.fans` that say how it is: a dictionary,
            or a function of the module and the weight that returns one.
        normalization: what it normalizes, if it does: "batch", "layer", "rms", "group", "instance"
            or another word. A scheme then leaves it as it is. Without it the layer is none, whatever
            its name.

    Raises:
        TypeError: `layer` is no class.

    Example:
        >>> import minnet
        >>> from minnet import nn
        >>> from minnet.nn import init, kinds
        >>> class Dense(nn.Module):  # x @ w
        ...     def __init__(self, inputs, outputs):
        ...         super().__init__()
        ...         self.kernel = nn.Parameter(minnet.empty(inputs, outputs))
        >>> kinds.register(Dense, {"kernel": {"in_axis": 0, "out_axis": 1}})
        >>> net = nn.Sequential(Dense(400, 100)).apply(init.scheme(init.lecun_normal_))
        >>> init.provenance(net)["0.kernel"].fans, init.provenance(net)["0.kernel"].std
        ((400, 100), 0.05)
    """
    if not isinstance(layer, type):
        raise TypeError(f"expected the class of a layer, got {layer!r}")
    _registered[layer] = Kind(layouts or {}, normalization)


def of(module: Any) -> Kind:
    """Return the kind of a module: the nearest that is known of its classes."""
    for cls in type(module).__mro__:
        if cls in _registered:
            return _registered[cls]
        if cls.__module__.partition(".")[0] in ("minnet", "torch") and cls.__name__ in _NAMED:
            return _NAMED[cls.__name__]
        normalizes = _NORMALIZATION.search(cls.__name__)
        if normalizes:
            return Kind(normalization=normalizes[1].lower() or "other")
    return Kind()


def layout(module: Any, name: str, weight: Any) -> Mapping[str, Any]:
    """Return the keywords of `init.fans` for a module's weight: none if it is (out, in, *kernel).

    Example:
        >>> import torch  # doctest: +SKIP
        >>> layer = torch.nn.ConvTranspose2d(16, 32, 5)  # doctest: +SKIP
        >>> kinds.layout(layer, "weight", layer.weight)  # doctest: +SKIP
        {'in_axis': 0, 'out_axis': 1}
    """
    for pattern, found in of(module).layouts.items():
        if fnmatchcase(name, pattern):
            return found(module, weight) if callable(found) else found
    return {}


def normalization(module: Any) -> str | None:
    """Return what a module normalizes ("batch", "layer", "rms", …), or None if it does not.

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import kinds
        >>> kinds.normalization(nn.Linear(2, 2)), kinds.normalization(type("T5LayerNorm", (), {})())
        (None, 'layer')
    """
    return of(module).normalization


class Computed(NamedTuple):
    """A tensor that a module computes at each call from its parts, which are the parameters."""

    by: str  # the class of what computes it
    parts: list[Any]
    settable: bool  # by an assignment, from which the parts are computed


def computed(module: Any) -> dict[str, Computed]:
    """Return the tensors of a module that a parametrization of torch's computes, by name.

    They are those of `torch.nn.utils.parametrize`, and of the older hooks before a forward:
    `weight_norm`, `spectral_norm`, `prune`.
    """
    found = {}
    for name, parametrization in getattr(module, "parametrizations", {}).items():
        by = " and ".join(type(each).__name__ for each in parametrization)
        found[name] = Computed(by, list(parametrization.parameters()), True)
    for hook in getattr(module, "_forward_pre_hooks", {}).values():
        if type(hook).__module__.startswith("torch.nn.utils."):
            name = getattr(hook, "name", None) or hook._tensor_name
            own = module.named_parameters(recurse=False)
            parts = [p for part, p in own if part.startswith(f"{name}_")]
            found[name] = Computed(type(hook).__name__, parts, False)
    return found
