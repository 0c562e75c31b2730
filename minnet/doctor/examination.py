"""`examine` and `prescribe`: the doctor's two calls."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.creation import randn
from minnet.doctor import mean_field
from minnet.doctor.diagnosis import diagnose
from minnet.doctor.observation import Call, Observation, observe
from minnet.doctor.prediction import Prediction, predict
from minnet.doctor.prescription import apply, prescription
from minnet.doctor.report import Compared, Layer, Report
from minnet.doctor.units import examine_units
from minnet.nn import Linear, Module
from minnet.nn.init.provenance import Provenance, provenance
from minnet.random import Generator
from minnet.tensor import Tensor

SAMPLES = 256  # of a synthetic batch


def examine(
    net: Module,
    x: Tensor | None = None,
    y: Tensor | None = None,
    loss: Callable[..., Any] | None = None,
    optimizer: Any = None,
) -> Report:
    """Examine how a network is initialized, by one pass forward and back. Print what it returns.

    For each Linear with its activation the report holds the second moments of signals and
    gradients, measured on the batch and predicted by mean-field theory from the weights' actual
    variance; χ, which says whether the network is ordered, critical or chaotic; the gradient's and
    the optimizer's first step's size against the weight's; dead and flat units; and how the
    parameters were initialized. Where there is no theory (another module, an input that no module
    of the network has given) it says so and measures. Below the table stands the verdict.

    The network is examined in evaluation mode, and left as it was: no hook, gradient, buffer, mode
    or draw of the default generator stays changed.

    Args:
        net: the network.
        x: a batch, (samples, ...); without one, 256 samples of standard normal numbers.
        y: its targets.
        loss: called with the output and `y`. By default `cross_entropy` for integer targets and
            `mse_loss` for others; without targets too, the gradients are those for a standard
            normal gradient of the output.
        optimizer: the optimizer, to compare its first step with the weights; it takes none.

    Raises:
        ValueError: x is left out and the network has no Linear; or an optimizer came without a
            loss.
        TypeError: the network does not return one tensor, or the loss not a number.

    Example:
        >>> import minnet
        >>> from minnet import doctor, nn
        >>> _ = minnet.manual_seed(0)
        >>> layers = [nn.Linear(100, 100)]
        >>> for _ in range(11):
        ...     layers += [nn.ReLU(), nn.Linear(100, 100)]
        >>> net = nn.Sequential(*layers)
        >>> [finding.kind for finding in doctor.examine(net).findings]
        ['vanishing gradient', 'dead units']
        >>> _ = doctor.prescribe(net)
        >>> doctor.examine(net).check()
    """
    if optimizer is not None and y is None and loss is None:
        raise ValueError("to see the optimizer's step, give targets or a loss")
    found = observe(net, _batch(net, x), y, loss)
    predictions = predict(found.calls)
    origin = provenance(net)
    with np.errstate(all="ignore"):
        layers = _layers(found, predictions, origin, _updates(net, found, optimizer))
    chance = None if found.classes is None else math.log(found.classes)
    prescribed = functools.cache(lambda: prescription(found.calls, predictions))
    findings = diagnose(net, layers, prescribed, origin, found.loss, chance)
    limit, shared = _fixed_point(layers, predictions), _shared(net)
    return Report(layers, findings, found.loss, chance, found.output.std, limit, shared)


def prescribe(net: Module, x: Tensor | None = None, generator: Any = None) -> Module:
    """Initialize a network's Linears as the theory recommends, and return it.

    Weights that read a ReLU get He et al.'s initialization (2015); behind another activation the
    gain is 1/√E[f(z)²], or, where the network is so deep that signal or gradient would drift by
    more than a factor of 10, the gain that makes them drift least. A first layer gets the variance
    that gives z a second moment of 1 on `x`. Biases become 0. All of it goes through `net.apply`.

    Args:
        net: the network.
        x: a batch; without one, standard normal numbers.
        generator: draws the weights; None is the default generator.

    Raises:
        ValueError: there is no Linear to initialize.
    """
    found = observe(net, _batch(net, x))
    fills = prescription(found.calls, predict(found.calls)).fills
    if not fills:
        raise ValueError(f"no Linear of the {type(net).__name__} was called")
    return apply(net, fills, generator)


def _batch(net: Module, x: Tensor | None) -> Tensor:
    if x is not None:
        return x
    first = next((m for m in net.modules() if isinstance(m, Linear)), None)
    if first is None:
        raise ValueError(f"give a batch: the {type(net).__name__} has no Linear that says its size")
    return randn(SAMPLES, first.in_features, generator=Generator(seed=0), dtype=first.weight.dtype)


def _layers(
    found: Observation,
    predictions: list[Prediction],
    origin: Provenance,
    updates: dict[str, float],
) -> list[Layer]:
    calls, layers = found.calls, []
    reads = [_source(calls, k) for k in range(len(calls))]
    for k, (call, predicted) in enumerate(zip(calls, predictions, strict=True)):
        before = reads[k]
        linear = isinstance(call.module, Linear)
        follows = before is not None and isinstance(calls[before].module, Linear)
        if call.passes or (predicted.function is not None and follows):
            continue  # it is part of the layer before
        path = f"{call.name}." if call.name else ""
        own = {
            name.removeprefix(path): each
            for name, each in origin.items()
            if name.startswith(path) and "." not in name.removeprefix(path)
        }
        kind = type(call.module).__name__
        values: dict[str, Any] = {}
        if isinstance(call.module, Linear):
            kind += f" {call.module.in_features}→{call.module.out_features}"
            values |= _of_linear(k, found, predictions, reads)
            values["gradient_to_weight"] = _ratio(call, found)
            values["update_to_weight"] = updates.get(f"{path}weight")
        layers.append(
            Layer(
                call.name,
                kind,
                call.output.mean,
                call.output.std,
                Compared(call.output.second, predicted.second, predicted.error),
                sigma_weight=predicted.weight,
                sigma_bias=predicted.bias if linear else None,
                gradient=_gradient(call, predicted),
                provenance=own,
                **{"why": predicted.why, **values},
            )
        )
    return layers


def _source(calls: list[Call], k: int) -> int | None:
    """Return the call that a call's input comes from, modules that only hand it on passed over."""
    source = calls[k].source
    while source is not None and calls[source].passes:
        source = calls[source].source
    return source


def _of_linear(
    k: int, found: Observation, predictions: list[Prediction], reads: list[int | None]
) -> dict[str, Any]:
    """Return what there is to say about the activation that follows a Linear, if one does."""
    calls = found.calls
    j = next((j for j, source in enumerate(reads) if source == k), None)
    if j is None or predictions[j].function is None:
        return {}
    call, predicted = calls[j], predictions[j]
    values: dict[str, Any] = {
        "activation": type(call.module).__name__,
        "activation_mean": call.output.mean,
        "activation_std": call.output.std,
        "activation_signal": Compared(call.output.second, predicted.second, predicted.error),
        "why": predictions[k].why or predicted.why,
    }
    z, bias = calls[k].result.array, calls[k].module.bias
    f = predicted.function
    if f is not None and z.ndim > 0 and np.isfinite(z).all():
        values["units"] = examine_units(f, z, None if bias is None else bias.array)
    after = next((i for i, source in enumerate(reads) if source == j), None)
    weight = None if after is None else predictions[after].weight
    if predicted.slope is not None and weight is not None:
        chi = weight * predicted.slope
        values |= {"chi": chi, "depth_scale": mean_field.depth_scale(chi)}
    return values


def _gradient(call: Call, predicted: Prediction) -> Compared | None:
    if call.gradient is None:
        return None
    return Compared(call.gradient.second, predicted.gradient, predicted.gradient_error)


def _ratio(call: Call, found: Observation) -> float | None:
    name = f"{call.name}.weight" if call.name else "weight"
    if found.loss is None or name not in found.gradients:
        return None
    return _relative(found.gradients[name], call.module.weight.array)


def _relative(change: np.ndarray, weight: np.ndarray) -> float | None:
    size = float(np.linalg.norm(weight.astype(np.float64)))
    return float(np.linalg.norm(change.astype(np.float64))) / size if size else None


def _updates(net: Module, found: Observation, optimizer: Any) -> dict[str, float]:
    """Return the size of the optimizer's step against each weight's, made by a copy of both."""
    if optimizer is None:
        return {}
    twin, stepping = copy.deepcopy((net, optimizer))
    parameters = dict(twin.named_parameters())
    for name, parameter in parameters.items():
        gradient = found.gradients.get(name)
        parameter.grad = None if gradient is None else Tensor(gradient.copy())
    before = {name: p.array.copy() for name, p in parameters.items()}
    stepping.step()
    changes = {
        name: _relative(p.array - before[name], before[name]) for name, p in parameters.items()
    }
    return {name: change for name, change in changes.items() if change is not None}


def _shared(net: Module) -> list[list[str]]:
    """Return the names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [several for several in names.values() if len(several) > 1]


def _fixed_point(layers: list[Layer], predictions: list[Prediction]) -> float | None:
    """Return where more hidden layers would lead E[z²], if they are all of one kind."""
    hidden = [layer for layer in layers if layer.chi is not None]
    functions = [p.function for p in predictions if p.function is not None]
    if len(hidden) < 2 or len({layer.activation for layer in hidden}) > 1:
        return None
    weight = float(np.mean([h.sigma_weight for h in hidden[1:]]))
    bias = float(np.mean([h.sigma_bias for h in hidden[1:]]))
    try:
        return mean_field.fixed_point(functions[0], weight, bias, hidden[-1].signal.measured)
    except ValueError:
        return None
