"""Prescription: the initializer that theory recommends for each Linear of a network."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minnet.doctor import mean_field
from minnet.doctor.observation import Call
from minnet.nn import init
from minnet.nn.init.elementwise import Function
from minnet.nn.init.provenance import noted

OUTPUT = 0.1  # E[z²] of logits: the loss is ln K + 0.05, and chance may make it some times larger
LIMIT = 1e3  # what a network may do to a second moment between its first and last hidden layer


def drift(f: Function, gain: float, depth: int) -> float:
    """Return the largest |ln| of what `depth` layers do to E[z²] and to a gradient's E[δ²].

    The signal starts at E[z²] = 1, and a quarter above and below: chance makes such differences in
    narrow networks, and there are activations (SiLU, GELU) whose layers make them grow.
    """
    largest = 0.0
    for start in (0.8, 1.0, 1.25):
        q, gradient = start, 0.0
        for _ in range(depth):
            gradient += math.log(mean_field.susceptibility(f, q, gain**2) or 1e-300)
            q = mean_field.variance_map(f, q, gain**2)
            if not 1 / mean_field.LARGEST < q < mean_field.LARGEST:
                return math.inf
        largest = max(largest, abs(math.log(q / start)), abs(gradient))
    return largest


@functools.lru_cache(maxsize=64)
def stable_gain(f: Function, depth: int) -> tuple[float, float]:
    """Return the gain to use between `depth` hidden layers, and its `drift`.

    It is the forward gain 1/√E[f(z)²] unless that makes signal or gradient drift by more than a
    factor of 10. Then it is, of gains between the forward one, the backward one and 1/|f'(0)|, the
    one that drifts least.

    Example:
        >>> import numpy as np
        >>> gain, drift = stable_gain(np.tanh, 100)  # at 1.59 gradients would grow by 10⁷
        >>> round(gain, 2), bool(drift < np.log(1e3))
        (1.19, True)
    """
    forward = 1 / math.sqrt(mean_field.second_moment(f, 1.0))
    least = drift(f, forward, depth)
    if least < math.log(10):
        return forward, least
    bounds = [forward, 1 / math.sqrt(mean_field.means(f, 1.0).slope)]
    slope = float(np.diff(f(np.array([-1e-4, 1e-4])))[0]) / 2e-4
    bounds += [1 / abs(slope)] if slope else []
    gains = [forward, *np.geomspace(min(bounds), max(bounds), 9).tolist()]
    drifts = [drift(f, gain, depth) for gain in gains]
    best = int(np.argmin(drifts))
    return gains[best], drifts[best]


@dataclass
class Prescription:
    """What is recommended for a network.

    Attributes:
        fills: a `functools.partial` of an initializer for each weight, by the weight's name.
        unstable: what to do where no gain is stable over the network's depth, or "".
    """

    fills: dict[str, Any] = field(default_factory=dict)
    unstable: str = ""


def prescription(calls: list[Call]) -> Prescription:
    """Return what is recommended for a network.

    A first layer gets the scale that gives its outputs a second moment of 1 on this batch, the last
    of several one that gives at most OUTPUT.
    """
    linear = [k for k, call in enumerate(calls) if call.weight is not None]
    branches = sum(call.kind == "sum" for call in calls)
    depth = len(linear) - 1
    found = Prescription()
    for k in linear:
        name = f"{calls[k].name}.weight" if calls[k].name else "weight"
        if name in found.fills:
            continue
        source = origin(calls, k)
        if source is None or calls[source].kind == "input":
            second = calls[k].input.second if k == linear[0] else 1.0
            fill = _with_scale(1 / second if 0 < second < math.inf else 1.0)
        else:
            fill = _after(calls[source], depth, k == linear[-1], found)
        by = _ends_a_branch(calls, k)
        if by:
            fill = _scaled(fill, min(1.0, 1 / (branches * by**2)))
        found.fills[name] = fill
    return found


def origin(calls: list[Call], k: int) -> int | None:
    """Return the call that a call's input comes from, those that only hand it on passed over."""
    sources = calls[k].sources
    while sources and calls[sources[0]].passes:
        sources = calls[sources[0]].sources
    return sources[0] if sources else None


def _ends_a_branch(calls: list[Call], k: int, by: float = 1.0) -> float:
    """Return the number by which a call's output is multiplied and then added; 0 if it is not."""
    readers = [(i, call) for i, call in enumerate(calls) if k in call.sources]
    if len(readers) == 1 and readers[0][1].scale is not None:
        return _ends_a_branch(calls, readers[0][0], by * readers[0][1].scale)
    return abs(by) if readers and all(call.kind == "sum" for _, call in readers) else 0.0


def _scaled(fill: Any, factor: float) -> Any:
    """Return a fill with another variance, a residual branch's share of what all of them add."""
    given = fill.keywords
    kaiming = 2 / (1 + given.get("a", 0) ** 2)
    scale = kaiming if fill.func is init.kaiming_normal_ else given.get("scale", 1.0)
    return _with_scale(scale * factor)


def _with_scale(scale: float) -> Any:
    if abs(scale - 1) < 0.1:
        return functools.partial(init.lecun_normal_)
    return functools.partial(init.variance_scaling_, scale=float(f"{scale:.3g}"))


def _after(call: Call, depth: int, last: bool, found: Prescription) -> Any:
    """Return what fills the weights of a Linear that reads what a call gives."""
    f, q = call.function, 1.0
    if f is None:
        return _with_scale(OUTPUT if last else 1.0)
    try:
        if call.kind in ("ReLU", "relu", "LeakyReLU", "leaky_relu") and not last:
            slope = round(-float(f(np.array([-1.0]))[0]), 9)
            given = {"a": slope} if slope else {"nonlinearity": "relu"}
            return functools.partial(init.kaiming_normal_, **given)
        gain, least = stable_gain(f, depth - 1)
        if least > math.log(LIMIT):
            found.unstable = (
                f"no gain keeps signal and gradient through {depth} layers of {call.kind}: use "
                "fewer layers, another activation, normalization or residual connections"
            )
        if not last:
            return _with_scale(gain**2)
        for _ in range(depth - 1):
            q = mean_field.variance_map(f, q, gain**2)
        return _with_scale(OUTPUT / mean_field.second_moment(f, max(q, 1.0)))
    except (ValueError, ZeroDivisionError):  # there are no moments, or they are 0
        return functools.partial(init.lecun_normal_)


def written(fill: Any) -> str:
    """Return a partial of an initializer as it would be written."""
    given = "".join(f", {k}={v!r}" for k, v in fill.keywords.items())
    return f"init.{fill.func.__name__}(weight{given})"


def apply(net: Any, fills: dict[str, Any], generator: Any = None) -> Any:
    """Fill the weights through `Module.apply`, and the biases of the same layers with zeros."""
    names = {name for name, _ in net.named_parameters()}
    biases = (name.removesuffix("weight") + "bias" for name in fills)
    rules = fills | {bias: init.zeros_ for bias in biases if bias in names}
    net.apply(init.scheme(rules=rules, generator=generator))
    for name, parameter in net.named_parameters():
        record = noted(parameter)
        if name in rules and record is not None:
            record.previous = None  # to overwrite what was there is what was asked for
    return net
