"""`examine` and `prescribe`: the doctor's two calls."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minnet.creation import randn
from minnet.doctor import mean_field
from minnet.doctor.diagnosis import diagnose
from minnet.doctor.features import features
from minnet.doctor.framework import framework_of, to_array, to_tensor
from minnet.doctor.moments import mean_square
from minnet.doctor.observation import Call, Observation, observe
from minnet.doctor.prediction import Prediction, factor_back, predict
from minnet.doctor.prescription import apply, origin, prescription
from minnet.doctor.report import Compared, Layer, Report
from minnet.doctor.spectrum import compare
from minnet.doctor.units import examine_units
from minnet.nn import kinds
from minnet.nn.init.evaluation import require_telling
from minnet.nn.init.provenance import Provenance, provenance
from minnet.random import Generator

SAMPLES = 256  # of a synthetic batch


def examine(
    net: Any,
    x: Any = None,
    y: Any = None,
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
        x: a batch, (samples, ...), a tensor or an array; without one, 256 samples of standard
            normal numbers, or of an Embedding's first indices.
        y: its targets.
        loss: called with the output and `y`. By default `cross_entropy` for integer targets and
            `mse_loss` for others; without targets too, the gradients are those for a standard
            normal gradient of the output.
        optimizer: the optimizer, to compare its first step with the weights; it takes none.

    Raises:
        ValueError: x is left out and the network does not begin with a Linear or an Embedding; or
            an optimizer came without a loss; or the batch is empty.
        TypeError: `net` is no network, a batch neither a tensor nor an array, what the network
            returns not one tensor, or the loss not one number.

    Example:
        >>> import minnet
        >>> from minnet import doctor, nn
        >>> _ = minnet.manual_seed(0)
        >>> layers = [nn.Linear(100, 100)]
        >>> for _ in range(11):
        ...     layers += [nn.ReLU(), nn.Linear(100, 100)]
        >>> net = nn.Sequential(*layers)
        >>> [finding.kind for finding in doctor.examine(net).findings]
        ['vanishing gradient', 'dead units', 'collapsed features']
        >>> _ = doctor.prescribe(net)
        >>> doctor.examine(net).check()
    """
    if optimizer is not None and y is None and loss is None:
        raise ValueError("to see the optimizer's step, give targets or a loss")
    library = framework_of(net)
    x, y = _batch(library, net, x), to_tensor(library, y)
    found = observe(net, x, y, loss, jacobian=True)
    predictions = predict(found.calls)
    initialized = provenance(net)
    with np.errstate(all="ignore"):
        updates = _updates(library, net, found, optimizer)
        layers = _layers(net, found, predictions, initialized, updates)
        jacobian = compare(found, predictions)
    chance = None if found.classes is None else math.log(found.classes)
    prescribed = functools.cache(lambda: prescription(found.calls))
    findings = diagnose(net, layers, prescribed, initialized, found.loss, chance)
    fixed, shared = _fixed_point(found.calls, layers), _shared(net)
    return Report(layers, findings, found.loss, chance, found.output.std, fixed, shared, jacobian)


def prescribe(net: Any, x: Any = None, generator: Any = None) -> Any:
    """Initialize a network's Linears as the theory recommends, and return it.

    Weights that read a ReLU get He et al.'s initialization (2015); behind another activation the
    gain is 1/√E[f(z)²], or, where the network is so deep that signal or gradient would drift by
    more than a factor of 10, the gain that makes them drift least. A first layer gets the variance
    that gives z a second moment of 1 on `x`, the last one a tenth of that, so that the first
    guesses are cautious, and one that ends a residual branch its share of what all of them add.
    Biases become 0. All of it goes through `net.apply`. To overwrite what was there is what this
    is for; a fill of your own that overwrites it in turn is reported as "initialized twice".

    Args:
        net: the network.
        x: a batch; without one, standard normal numbers.
        generator: draws the weights; None is the default generator.

    Raises:
        ValueError: there is no Linear to initialize; or the batch is one sample, the same sample
            again and again, or not finite.
    """
    library = framework_of(net)
    x = _batch(library, net, x)
    require_telling(x)
    found = observe(net, x)
    fills = prescription(found.calls).fills
    if not fills:
        raise ValueError(f"no Linear of the {type(net).__name__} was called")
    return apply(net, fills, generator)


def _batch(library: Any, net: Any, x: Any) -> Any:
    if x is not None:
        x = to_tensor(library, x)
        if x.nelement() == 0:
            raise ValueError(f"expected a batch of at least one sample, got {tuple(x.shape)}")
        return x
    first = next((m for m in net.modules() if _has_weights(library, m)), None)
    if first is None:
        raise ValueError(
            f"give a batch: the {type(net).__name__} has no Linear or Embedding that says its size"
        )
    if not _says_its_size(library, first):
        raise ValueError(
            f"give a batch: the {type(net).__name__} begins with a {type(first).__name__}, which "
            "does not say all of its size"
        )
    weight = first.weight
    if hasattr(first, "num_embeddings"):
        return library.from_numpy(np.arange(SAMPLES) % first.num_embeddings).to(weight.device)
    # A stream of its own: the plain one of some seed may be what the weights were drawn from.
    generator = Generator(seed=0).fold_in("minnet.doctor: batch")
    normal = randn(SAMPLES, first.in_features, generator=generator)
    return library.from_numpy(normal.numpy()).to(weight.device, weight.dtype)


def _has_weights(library: Any, module: Any) -> bool:
    innermost = next(iter(module.children()), None) is None
    return innermost and (kinds.of(module).role == "weights" or _says_its_size(library, module))


def _says_its_size(library: Any, module: Any) -> bool:
    return isinstance(module, library.nn.Linear) or hasattr(module, "num_embeddings")


class _Seen(NamedTuple):
    """The calls of an observation, what theory says of each, and where each one's input is from."""

    calls: list[Call]
    predictions: list[Prediction]
    origins: list[int | None]

    def reader(self, k: int) -> int | None:
        """Return the first call that reads what another gives, and does not only hand it on."""
        readers = (i for i, k_ in enumerate(self.origins) if k_ == k and not self.calls[i].passes)
        return next(readers, None)

    def linear(self, k: int, values: dict[str, Any]) -> None:
        """Add what there is to say of a Linear's weights, and of the activation that follows it."""
        weight = self.calls[k].weight
        values["equal_units"] = weight is not None and len(weight) > 1 and _alike(weight)
        j = self.reader(k)
        if j is None or self.calls[j].function is None:
            return
        call, predicted = self.calls[j], self.predictions[j]
        values["activation_mean"], values["activation_std"] = call.output.mean, call.output.std
        values["activation_signal"] = _signal(call, predicted)
        values["why"] = self.predictions[k].why or predicted.why
        self.activation(j, values)

    def activation(self, j: int, values: dict[str, Any]) -> None:
        """Add what there is to say of an activation, and of its units, if they are a Linear's."""
        call, k = self.calls[j], self.origins[j]
        values["activation"] = call.kind
        linear = k
        while linear is not None and _sizes(self.calls[linear]):
            linear = self.origins[linear]
        if k is None or linear is None or self.calls[linear].weight is None:
            return
        values["features"] = features(call.values)
        z, f = self.calls[k].values, call.function
        if f is not None and z.ndim > 0 and np.isfinite(z).all():
            q = self.predictions[k].second
            units = examine_units(f, z, call.values, self.calls[k].bias, q)
            alike = _alike(self.calls[0].values)
            values["units"] = units._replace(constant=None) if alike else units
        chi = self.chi(j)
        if chi is not None:
            values |= {"chi": chi, "depth_scale": mean_field.depth_scale(chi)}

    def chi(self, j: int) -> float | None:
        """Return the factor on a gradient's E[δ²] from the Linear after an activation to before it.

        Normalizations on the way have a part in it. That the Linears may differ in width has none.
        """
        after = self.reader(j)
        while after is not None and _sizes(self.calls[after]):
            after = self.reader(after)
        chi = None if after is None else self.predictions[after].weight
        if after is None or chi is None:
            return None
        i = self.origins[after]
        while i is not None and self.calls[i].weight is None:
            before = self.origins[i]
            if before is None:
                return None
            factor = factor_back(self.calls[i], self.predictions[i], self.predictions[before])
            if factor is None:
                return None
            chi, i = chi * factor, before
        return chi


def _layers(
    net: Any,
    found: Observation,
    predictions: list[Prediction],
    provenance: Provenance,
    updates: dict[str, float],
) -> list[Layer]:
    calls, layers = found.calls, []
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    seen = _Seen(calls, predictions, [origin(calls, k) for k in range(len(calls))])
    for k, (call, predicted) in enumerate(zip(calls, predictions, strict=True)):
        before = seen.origins[k]
        follows = before is not None and calls[before].weight is not None
        part = call.function is not None and follows
        if call.scale is not None or call.kind == "input" or part:
            continue  # it is part of the layer before
        own = {}
        for name, each in provenance.items() if call.module is not None else ():
            path, _, last = name.rpartition(".")
            if path == call.name:
                own[last] = each
        why = predicted.why
        if call.unread:
            why = f"its input comes from {call.unread}, which no module shows"
        values: dict[str, Any] = {
            "sigma_weight": predicted.weight,
            "why": why,
            "why_gradient": "" if why else predicted.why_gradient,
            "provenance": own,
        }
        if call.gradient is not None:
            values["gradient"] = Compared(
                call.gradient.second, predicted.gradient, predicted.gradient_error
            )
        kind = call.kind
        if call.weight is not None:
            kind += f" {call.weight.shape[1]}→{call.weight.shape[0]}"
            values["sigma_bias"] = predicted.bias
            seen.linear(k, values)
            weight = names.get(id(call.module.weight), "")
            if found.loss is not None and weight in found.gradients:
                values["gradient_to_weight"] = _relative(found.gradients[weight], call.weight)
            values["update_to_weight"] = updates.get(weight)
        elif call.function is not None:
            seen.activation(k, values)
        signal = _signal(call, predicted)
        layers.append(Layer(call.name, kind, call.output.mean, call.output.std, signal, **values))
    return layers


def _signal(call: Call, predicted: Prediction) -> Compared:
    return Compared(call.output.second, predicted.second, predicted.error)


def _sizes(call: Call) -> bool:
    """Return whether a call makes its input larger or smaller, and nothing else of it."""
    return call.scaling is not None or call.scale is not None


def _alike(rows: np.ndarray) -> bool:
    return all(np.array_equal(row, rows[0]) for row in rows[1:])


def _relative(change: np.ndarray, weight: np.ndarray) -> float | None:
    size = mean_square(weight)
    return math.sqrt(mean_square(change) / size) if size else None


def _updates(library: Any, net: Any, found: Observation, optimizer: Any) -> dict[str, float]:
    """Return the size of the optimizer's step against each weight's, made by a copy of both."""
    if optimizer is None:
        return {}
    twin, stepping = copy.deepcopy((net, optimizer))
    parameters = dict(twin.named_parameters())
    for name, parameter in parameters.items():
        gradient = found.gradients.get(name)
        parameter.grad = None
        if gradient is not None:
            parameter.grad = library.from_numpy(gradient).to(parameter.device, parameter.dtype)
    before = {name: to_array(p).copy() for name, p in parameters.items()}
    stepping.step()
    changes = {
        name: _relative(to_array(p) - before[name], before[name]) for name, p in parameters.items()
    }
    return {name: change for name, change in changes.items() if change is not None}


def _shared(net: Any) -> list[list[str]]:
    """Return the names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, parameter in net.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [several for several in names.values() if len(several) > 1]


def _fixed_point(calls: list[Call], layers: list[Layer]) -> float | None:
    """Return where more hidden layers would lead E[z²], if they are all of one kind."""
    hidden = [layer for layer in layers if layer.chi is not None]
    functions = {call.function for call in calls if call.function is not None}
    if len(hidden) < 2 or len(functions) > 1 or any(call.scaling for call in calls):
        return None
    weight = float(np.mean([h.sigma_weight for h in hidden[1:]]))
    bias = float(np.mean([h.sigma_bias for h in hidden[1:]]))
    try:
        return mean_field.fixed_point(functions.pop(), weight, bias, hidden[-1].signal.measured)
    except ValueError:
        return None
