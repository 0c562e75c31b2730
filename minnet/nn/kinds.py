"""Kinds: the one place that knows the layers, minnet's and torch's: what their parameters are.

torch is not imported: its layers are known by their names. A layer of one's own is of the kind of
the layer that it is derived from, or of one that `register` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from minnet.nn.init.holders import array_of

# Keywords of `init.fans`, or what returns them for a module and its weight.
Layout = Mapping[str, Any] | Callable[[Any, Any], Mapping[str, Any]]


class Kind(NamedTuple):
    """What is known of a layer.

    Attributes:
        role: "weights" (it multiplies by them), "activation", "gate" (an activation of which half
            of the inputs are factors), "normalization", "passes" (it hands a signal on, changed in
            shape or in some places), "output" (it ends a network: what comes after has no scale to
            keep), "sequence" (its modules run one after another), "container" (it says nothing of
            that), or "" where nothing is known.
        layouts: for each weight that is not laid out (out, in, *kernel) the name and the layout.
        name: what a normalization normalizes; the name of an activation that torch has a gain for.
        slopes: what returns the slopes below 0 of an activation that has only them.
    """

    role: str = ""
    layouts: Mapping[str, Layout] = {}
    name: str = ""
    slopes: Callable[[Any], Any] | None = None


def _groups(module: Any, weight: Any) -> dict[str, Any]:
    return {"groups": module.groups} if module.groups > 1 else {}


def _transposed(module: Any, weight: Any) -> dict[str, Any]:
    return {"in_axis": 0, "out_axis": 1, **_groups(module, weight)}


def _gates(module: Any, weight: Any) -> dict[str, Any]:
    # The matrices of the gates, (hidden, in) each, are one below the other.
    gates = weight.shape[0] // module.hidden_size
    return {"groups": gates} if gates > 1 else {}


def _looked_up(module: Any, weight: Any) -> dict[str, Any]:
    # How many rows there are counts in neither fan; a row's length is the gain, as in Flax.
    return {"fan_in": weight.shape[1], "fan_out": weight.shape[1]}


def _each(role: str, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), Kind(role))


def _leaky(slopes: Callable[[Any], Any]) -> Kind:
    return Kind("activation", name="leaky_relu", slopes=slopes)


# minnet's and torch's by name, also as the base of another class.
_NAMED: dict[str, Kind] = {
    "Linear": Kind("weights"),
    "Bilinear": Kind("weights", {"weight": {"in_axis": (1, 2), "out_axis": 0}}),
    "Embedding": Kind("weights", {"weight": _looked_up}),
    "EmbeddingBag": Kind("weights", {"weight": _looked_up}),
    "MultiheadAttention": Kind("weights", {"in_proj_weight": {"groups": 3}}),
    **{f"Conv{d}d": Kind("weights", {"weight": _groups}) for d in (1, 2, 3)},
    **{f"ConvTranspose{d}d": Kind("weights", {"weight": _transposed}) for d in (1, 2, 3)},
    "RNNBase": Kind("weights", {"weight_ih*": _gates, "weight_hh*": _gates}),
    "RNNCellBase": Kind("weights", {"weight_ih": _gates, "weight_hh": _gates}),
    "ReLU": Kind("activation", name="relu"),
    "LeakyReLU": _leaky(lambda module: module.negative_slope),
    "RReLU": _leaky(lambda module: (module.lower + module.upper) / 2),
    "PReLU": _leaky(lambda module: array_of(module.weight)),
    "SELU": Kind("activation", name="selu"),
    "Tanh": Kind("activation", name="tanh"),
    "Sigmoid": Kind("activation", name="sigmoid"),
    "GLU": Kind("gate"),
    **_each("activation", "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LogSigmoid"),
    **_each("activation", "Mish ReLU6 SiLU Softplus Softshrink Softsign Tanhshrink Threshold"),
    **_each("passes", "Fold Unfold PixelShuffle PixelUnshuffle ChannelShuffle"),
    **_each("passes", "UpsamplingNearest2d UpsamplingBilinear2d"),
    **_each("output", "Softmax Softmax2d LogSoftmax Softmin CosineSimilarity PairwiseDistance"),
    **_each("sequence", "Sequential"),
    **_each("container", "ModuleList ModuleDict ParameterList ParameterDict"),
}
_registered: dict[type, Kind] = {}
# BatchNorm1d, T5LayerNorm, GlobalAvgPool2d, …: whoever writes one of his own names it so.
_NORMALIZATION = re.compile(r"(Batch|Layer|RMS|Group|Instance|)Norm(\d+d)?$")
_PASSES = re.compile(r"(Dropout|[Pp]ool|Pad)(\d+d)?$|^(Identity|Flatten|Unflatten|Upsample)$")
_LOSS = re.compile(r"Loss$")


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
            or another word. A scheme then leaves it as it is. Without it the layer is none,
            whatever its name.

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
    role = "normalization" if normalization else "weights"
    _registered[layer] = Kind(role, layouts or {}, normalization or "")


def of(module: Any) -> Kind:
    """Return the kind of a module: the nearest that is known of its classes.

    A class with a `forward` of its own has the weights of the layer that it is derived from, but
    not its function.

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import kinds
        >>> kinds.of(nn.MaxPool2d(2)).role, kinds.of(nn.Tanh()).name
        ('passes', 'tanh')
    """
    forward = getattr(type(module), "forward", None)
    for cls in type(module).__mro__:
        kind = _registered.get(cls) or _known(cls)
        if kind and (
            kind.role in ("weights", "normalization") or getattr(cls, "forward", None) is forward
        ):
            return kind
    return Kind()


def _known(cls: type) -> Kind | None:
    name = cls.__name__
    if cls.__module__.partition(".")[0] in ("minnet", "torch") and name in _NAMED:
        return _NAMED[name]
    normalizes = _NORMALIZATION.search(name)
    if normalizes:
        return Kind("normalization", name=normalizes[1].lower() or "other")
    if _PASSES.search(name):
        return Kind("passes")
    return Kind("output") if _LOSS.search(name) else None


def layout(module: Any, name: str, weight: Any) -> Mapping[str, Any]:
    """Return the keywords of `init.fans` for a module's weight: none if it is (out, in, *kernel).

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import kinds
        >>> layer = nn.ConvTranspose2d(16, 32, 5)
        >>> kinds.layout(layer, "weight", layer.weight)
        {'in_axis': 0, 'out_axis': 1}
    """
    for pattern, found in of(module).layouts.items():
        if fnmatchcase(name, pattern):
            return found(module, weight) if callable(found) else found
    return {}


def normalization(module: Any) -> str:
    """Return what a module normalizes ("batch", "layer", "rms", …), or "" if it does not.

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import kinds
        >>> kinds.normalization(nn.Linear(2, 2)), kinds.normalization(type("T5LayerNorm", (), {})())
        ('', 'layer')
    """
    kind = of(module)
    return kind.name if kind.role == "normalization" else ""


def slope(module: Any) -> float | None:
    """Return the slope below 0 of a leaky ReLU; of several, the root of their mean square.

    That is what counts in its gain. RReLU has the one that it has in evaluation. None is another
    module.

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import kinds
        >>> kinds.slope(nn.PReLU(3)), kinds.slope(nn.RReLU(0.1, 0.3)), kinds.slope(nn.ReLU())
        (0.25, 0.2, None)
    """
    found = of(module).slopes
    if found is None:
        return None
    slopes = np.atleast_1d(found(module))
    same = (slopes == slopes[0]).all()
    return float(slopes[0] if same else np.sqrt(np.mean(np.square(slopes, dtype=float))))


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
