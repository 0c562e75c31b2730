"""Diagnosis: what is wrong, in words, and the change that mends it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.doctor.framework import to_array
from minnet.doctor.moments import mean_square
from minnet.doctor.prescription import LIMIT, Prescription, written
from minnet.doctor.report import Finding, Layer
from minnet.doctor.report import prescribed as in_words
from minnet.nn.init.provenance import Provenance

COLLAPSED = 1.05  # of an effective rank: all but one dimension hold a hundredth
Prescribed = Callable[[], Prescription]  # made only where something is wrong


def diagnose(
    net: Any,
    layers: list[Layer],
    prescribed: Prescribed,
    provenance: Provenance,
    loss: float | None,
    chance_loss: float | None,
) -> list[Finding]:
    """Return what is wrong with a network, by what was found about its layers."""
    findings = _provenance(net, provenance)
    findings += _symmetric(layers)
    broken = [layer for layer in layers if not math.isfinite(layer.signal.measured)]
    if broken:
        return findings + _not_finite(net, layers, broken[0], prescribed)
    findings += _inputs(layers[0], prescribed) if layers else []
    hidden = [layer for layer in layers if layer.activation is not None]
    findings += _drift("signal", "E[z²]", hidden, [h.signal.measured for h in hidden], prescribed)
    flowing = [layer for layer in hidden if layer.gradient is not None]
    backward = [layer.gradient.measured for layer in flowing if layer.gradient is not None]
    findings += _drift("gradient", "E[δ²]", flowing[::-1], backward[::-1], prescribed)
    findings += _units(hidden, prescribed)
    findings += _collapse(hidden, prescribed)
    if loss is not None and chance_loss is not None and loss > 2 * chance_loss:
        name = layers[-1].name if layers else ""
        text = f"the loss is {loss:.3g} before training, that of a uniform guess {chance_loss:.3g}"
        findings.append(_mended("confident guesses", name, text, layers[-1:], prescribed))
    return findings


def _not_finite(
    net: Any, layers: list[Layer], first: Layer, prescribed: Prescribed
) -> list[Finding]:
    """Return why a layer's output is not finite: its parameters, its inputs, or an overflow."""
    findings = []
    for name, parameter in net.named_parameters():
        count = int((~np.isfinite(to_array(parameter))).sum())
        if count:
            text = f"{count} of its elements are not finite"
            findings.append(Finding("not finite", name, text, f"initialize {name} again"))
    if findings:
        return findings
    if first is layers[0] and first.sigma_weight is None and not first.why.startswith("no theory"):
        text = "the batch, or what becomes of it there, is not finite"
        return [Finding("not finite", first.name, text, "look for NaN in the inputs")]
    text = "the output is not finite"
    return [_mended("overflow", first.name, text, layers, prescribed)]


def _drift(
    what: str, moment: str, layers: list[Layer], values: list[float], prescribed: Prescribed
) -> list[Finding]:
    """Return whether a second moment vanishes or explodes along the layers, first to last.

    A gradient's first layer is the last.
    """
    in_order = layers[::-1] if what == "gradient" else layers
    if len(values) < 2 or values[0] == 0:
        return []
    ratio = values[-1] / values[0]
    if 1 / LIMIT < ratio < LIMIT:
        return []
    each = f", {ratio ** (1 / (len(values) - 1)):.3g} times per layer" if ratio > 0 else ""
    text = (
        f"{moment} goes from {values[0]:.2g} at {layers[0].name} to {values[-1]:.2g} at "
        f"{layers[-1].name}{each}"
    )
    kind = f"{'vanishing' if ratio < 1 else 'exploding'} {what}"
    if prescribed().unstable:
        return [Finding(kind, layers[-1].name, text, prescribed().unstable)]
    return [_mended(kind, layers[-1].name, text, in_order, prescribed)]


def _inputs(first: Layer, prescribed: Prescribed) -> list[Finding]:
    """Return whether the first layer's signal is far from 1 though its weights are not."""
    q, weight, bias = first.signal.measured, first.sigma_weight, first.sigma_bias
    if weight is None or bias is None or not 0.1 < weight < 10 or 0.01 < q < 100:
        return []
    text = f"E[x²] is about {max(q - bias, 0) / weight:.2g}, and so E[z²] {q:.2g}"
    before = "normalize the inputs to mean 0 and std 1"
    return [_mended("unscaled inputs", first.name, text, [first], prescribed, before)]


def _units(hidden: list[Layer], prescribed: Prescribed) -> list[Finding]:
    findings = []
    for layer in hidden:
        units = layer.units
        if units is None:
            continue
        if units.too_many_dead:
            text = (
                f"{100 * units.dead:.0f}% of its {units.units} units are dead on this batch; "
                f"the weights' chance makes {100 * units.dead_by_chance:.0f}%"
            )
            findings.append(_mended("dead units", layer.name, text, [layer], prescribed))
        elif units.flat > units.flat_at_unit_variance + 0.25:
            std = f", whose std is {layer.std:.3g}" if layer.sigma_weight is not None else ""
            text = (
                f"{layer.activation} is flat for {100 * units.flat:.0f}% of its inputs{std}; at a "
                f"std of 1 it would be for {100 * units.flat_at_unit_variance:.0f}%"
            )
            findings.append(_mended("saturated units", layer.name, text, [layer], prescribed))
        elif units.constant is not None and units.constant > units.dead + 0.05:
            share = f"{100 * units.constant:.0f}% of its {units.units} units"
            text = f"{share} give the same for every sample"
            findings.append(_mended("constant units", layer.name, text, [layer], prescribed))
    return findings


def _collapse(hidden: list[Layer], prescribed: Prescribed) -> list[Finding]:
    """Return where the samples, told apart by the first layer, have become all alike."""
    ranks = [layer.features.effective_rank if layer.features else math.inf for layer in hidden]
    if not ranks or ranks[0] < 2:
        return []
    for layer, rank in zip(hidden, ranks, strict=True):
        if rank < COLLAPSED and layer.features is not None:
            text = (
                f"its outputs have an effective rank of {rank:.3g}, of {layer.features.possible} "
                "possible: all samples look alike"
            )
            before = hidden[: hidden.index(layer) + 1]
            return [_mended("collapsed features", layer.name, text, before, prescribed)]
    return []


def _symmetric(layers: list[Layer]) -> list[Finding]:
    """Return the hidden layers whose units all compute the same, and so always will."""
    text = "all its units have the same weights, and so get the same gradient"
    return [
        Finding("equal units", layer.name, text, f"fill {layer.name}.weight at random")
        for layer in layers
        if layer.equal_units and layer.activation is not None
    ]


def _provenance(net: Any, provenance: Provenance) -> list[Finding]:
    findings = [
        Finding("never initialized", name, "its values are those memory held", f"initialize {name}")
        for name in provenance.never
    ]
    findings += [
        Finding("initialized twice", name, provenance[name].both, "leave one of them out")
        for name in provenance.twice
    ]
    for name, parameter in net.named_parameters():
        found, values = provenance[name], to_array(parameter)
        if found.std is None or found.changed or found.state == "in part" or values.size < 2:
            continue
        # In units of the promised std, so that the fourth power stays in range. And from the first
        # on, so that equal ones have a std of 0, and not that of rounding.
        unit = found.std or 1.0
        scaled = (values - values.flat[0]) / unit
        scaled -= scaled.mean()
        variance = mean_square(scaled)
        std, error = math.sqrt(variance), 1.0
        if found.std == 0 or std == 0:
            off = 0.0 if found.std == std else math.inf
        else:
            kurtosis = mean_square(scaled * scaled) / variance**2
            # A finite sample's own kurtosis may be as low as 1.
            error = math.sqrt(max(kurtosis - 1, 0.8) / (4 * values.size)) + 1 / values.size
            off = abs(std - 1)
        if off > 5 * error:
            text = f"its std is {std * unit:.4g}, {found.call} promises {found.std:.4g}"
            remedy = f"look for what has changed {name}"
            findings.append(Finding("unexpected std", name, text, remedy))
    return findings


def _mended(
    kind: str, where: str, text: str, layers: list[Layer], prescribed: Prescribed, before: str = ""
) -> Finding:
    """Return a finding that the prescription for some layers mends, or what is said before it."""
    fills = {}
    for layer in layers:
        name = f"{layer.name}.weight" if layer.name else "weight"
        if name in prescribed().fills:
            fills[layer.name] = written(prescribed().fills[name])
    remedy = in_words(fills)
    if before:
        return Finding(kind, where, text, f"{before}, or {remedy}" if remedy else before)
    return Finding(kind, where, text, remedy, fills)
