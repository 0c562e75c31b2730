"""LSUV: layer by layer, weights are scaled until a batch leaves the layer with the wanted std."""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet import random
from minnet.nn import kinds
from minnet.nn.init import holders
from minnet.nn.init.evaluation import (
    evaluating,
    require_telling,
    restored_on_error,
    unrecorded,
)
from minnet.nn.init.orthogonal import orthogonal_


def lsuv_(
    net: Any,
    batch: Any,
    std: float = 1.0,
    *,
    per_unit: bool = False,
    initializer: Callable[..., Any] | None = orthogonal_,
    tolerance: float = 0.01,
    tries: int = 10,
    generator: Any = None,
) -> Any:
    """Initialize a network so that each layer's outputs on a batch have the standard deviation std.

    Mishkin and Matas (2016), "All you need is a good init": layer-sequential unit variance. The
    weights of linear and convolution layers are made orthogonal; then, in the order in which the
    layers run, the batch goes forward to a layer and its weights are divided by the std of all its
    outputs, until that is `std`. Biases stay as they are. What stands between the layers does not
    matter: any activation, pooling, skip connections.

    With `per_unit` each unit, or channel, is brought to `std` by itself, and to mean 0 by its bias,
    if there is one: the within-layer step of Krähenbühl, Doersch, Donahue and Darrell (2016),
    "Data-dependent initializations of convolutional neural networks". (A ReLU then is active on
    about half of the batch in every unit.)

    Use it where no formula fits: unusual activations, inputs that are not standardized, a skip
    connection here and there. Give it some hundred samples of what the network will see. Dropout
    and batch normalization are in evaluation mode meanwhile, and nothing is learnt.

    Args:
        net: a module of minnet or torch.
        batch: what `net` is called with.
        std: the standard deviation that each layer's outputs are to have.
        per_unit: whether each unit is to have it.
        initializer: fills the weights at first, a function of one tensor and, if it takes one, a
            `generator`; None starts from what they are.
        tolerance: the relative error of the std at which a layer is done.
        tries: how often a layer is scaled at most.
        generator: draws the weights; None is the default generator.

    Returns:
        `net`.

    Raises:
        ValueError: the batch is empty, one sample, the same sample again and again, or not finite;
            no layer was called, or one's weight is computed by a parametrization; or a layer's
            outputs (a unit's, with `per_unit`) are the same for all samples, or not finite. The
            network is then as it was before.

    Warns:
        UserWarning: a layer has not come within the tolerance. Its bias may be the reason: it adds
            to the outputs' std, and is not scaled.

    Example:
        >>> import minnet, minnet.nn as nn
        >>> from minnet.nn import init
        >>> net = nn.Sequential(nn.Linear(20, 50), nn.GELU(), nn.Linear(50, 3))
        >>> x = 5 + 2 * minnet.randn(400, 20)
        >>> round(init.lsuv_(net, x)(x).std().item(), 1)
        1.0
    """
    if not 0 < std < math.inf:
        raise ValueError(f"std must be a number above 0, got {std}")
    require_telling(batch)
    generator = random.resolve(generator)
    with contextlib.ExitStack() as stack:
        stack.enter_context(np.errstate(all="ignore"))  # what is not finite is an error below
        stack.enter_context(unrecorded())
        stack.enter_context(evaluating(net))
        layers = _layers(net, batch)
        stack.enter_context(restored_on_error([layer for _, layer in layers]))
        if initializer is not None:
            draws = "generator" in inspect.signature(initializer).parameters
            for _, layer in layers:
                initializer(layer.weight, **({"generator": generator} if draws else {}))
        for name, layer in layers:
            for attempt in range(tries):
                outputs = _outputs(net, layer, batch)
                if attempt == 0:
                    _check_outputs(name, layer, outputs)
                if _scale(name, layer, outputs, std, per_unit) < tolerance:
                    break
            else:
                warnings.warn(
                    f"{name}: the outputs' std has not come within {tolerance:g} of {std:g} in "
                    f"{tries} tries",
                    stacklevel=2,
                )
    return net


def _check_outputs(name: str, layer: Any, outputs: np.ndarray) -> None:
    if not np.isfinite(outputs).all():
        raise ValueError(f"the outputs of {name} are not finite")
    if outputs.ndim < layer.weight.ndim:  # a net may take a sample without a batch's dimension
        raise ValueError(f"the batch is a single sample: {name} gives {outputs.shape}")
    if (outputs == outputs[:1]).all():
        raise ValueError(f"the outputs of {name} are all the same for the whole batch")


def _scale(name: str, layer: Any, outputs: np.ndarray, std: float, per_unit: bool) -> float:
    """Scale a layer by what its outputs say, and return by how much they were off."""
    weight = holders.array_of(layer.weight)
    if not np.isfinite(outputs).all():
        raise ValueError(f"the outputs of {name} are not finite")
    if not per_unit:
        found = np.std(outputs)
        if found == 0:
            raise ValueError(f"the outputs of {name} are all the same")
        error = abs(float(found) / std - 1)
        weight *= std / found
        holders.changed(layer.weight)
        return error
    # Units are the last dimension of a linear layer's outputs, the second of a convolution's.
    outputs = np.moveaxis(outputs, -1 if weight.ndim == 2 else 1, -1)
    axis = kinds.layout(layer, "weight", layer.weight).get("out_axis", 0)
    if weight.shape[axis] != outputs.shape[-1]:
        raise ValueError(
            f"{name}: a transposed convolution with groups has no weight for each unit"
        )
    outputs = outputs.reshape(-1, outputs.shape[-1])
    found, mean = outputs.std(axis=0), outputs.mean(axis=0)
    if (found == 0).any():
        raise ValueError(f"unit {np.argmin(found)} of {name} gives the same for the whole batch")
    factor = std / found
    error = float(np.abs(found / std - 1).max())
    weight *= np.expand_dims(factor, [i for i in range(weight.ndim) if i != axis])
    holders.changed(layer.weight)
    if layer.bias is not None:
        error = max(error, float(np.abs(mean).max()) / std)
        bias = holders.array_of(layer.bias)
        bias[...] = (bias - mean) * factor
        holders.changed(layer.bias)
    return error


class _Reached(Exception):
    """Ends a forward pass at the layer whose outputs were wanted."""


def _outputs(net: Any, layer: Any, batch: Any) -> np.ndarray:
    """Return what a layer gives when it is first called for the batch, in double precision."""
    outputs = []

    def stop(layer: Any, args: Any, output: Any) -> None:
        outputs.append(holders.array_of(output).astype(np.float64))
        raise _Reached

    handle = layer.register_forward_hook(stop)
    try:
        net(batch)
    except _Reached:
        pass
    finally:
        handle.remove()
    return outputs[0]


def _layers(net: Any, batch: Any) -> list[tuple[str, Any]]:
    """Return the names and layers with weights of their own, in the order in which they run."""
    called: dict[int, tuple[str, Any]] = {}  # by the weight: a shared one counts once
    with contextlib.ExitStack() as stack:
        for name, module in net.named_modules():
            if hasattr(module, "in_features") or hasattr(module, "in_channels"):

                def note(layer: Any, args: Any, output: Any, name: str = name) -> None:
                    called.setdefault(id(layer.weight), (name or type(layer).__name__, layer))

                stack.callback(module.register_forward_hook(note).remove)
        net(batch)
    if not called:
        raise ValueError(f"no linear or convolution layer of the {type(net).__name__} was called")
    for name, layer in called.values():
        for own, computed in kinds.computed(layer).items():
            raise ValueError(
                f"the {own} of {name} is computed by a parametrization, {computed.by}, and cannot "
                "be scaled in place: initialize the network before it is parametrized"
            )
    return list(called.values())
