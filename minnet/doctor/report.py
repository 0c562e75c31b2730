"""The report of an examination: data that prints as a table."""

from __future__ import annotations

import math
import textwrap
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from minnet.doctor.features import Features
from minnet.doctor.figure import draw
from minnet.doctor.spectrum import Jacobian
from minnet.doctor.units import Units
from minnet.nn.init.provenance import Initialization

WIDTH = 98  # of the table, at most; 100 is what terminals and this code are made for
SHOWN = 3  # findings of a kind in the table's verdict; `findings` has them all


@dataclass(frozen=True)
class Compared:
    """A second moment as measured and as predicted.

    Attributes:
        measured: on the batch.
        predicted: by mean-field theory, or None where there is none.
        error: the relative standard error of the measured one around the predicted one.
    """

    measured: float
    predicted: float | None = None
    error: float = 0.0

    @property
    def agrees(self) -> bool | None:
        """Whether they differ by less than five standard errors; None if there is no telling."""
        if self.predicted is None or not self.error:
            return None
        return abs(self.measured - self.predicted) <= 5 * self.error * self.predicted


@dataclass(frozen=True)
class Layer:
    """What was found about one layer: a Linear, or a module that the theory does not know.

    Attributes:
        name: its name in the network.
        kind: its class, with the fans of a Linear.
        activation: the class of the activation that follows it, or None.
        sigma_weight: σw² = fan_in · E[w²].
        sigma_bias: σb² = E[b²].
        mean: the mean of the pre-activations z.
        std: their standard deviation.
        signal: E[z²].
        activation_mean: the mean of the activations f(z).
        activation_std: their standard deviation.
        activation_signal: E[f(z)²].
        gradient: E[δ²] of the gradient δ for z.
        chi: χ = σw² E[f'(z)²] with σw² of the next Linear; None at the end.
        depth_scale: ξ = 1/|ln χ|, in layers.
        gradient_to_weight: the rms of the weight's gradient over that of the weight, if there was
            a loss.
        update_to_weight: likewise for the optimizer's first step.
        equal_units: whether all units of a Linear have the same weights.
        units: dead, flat and constant units of the activation.
        features: the rank of the activation's outputs.
        why: why there is no theory for it, or "".
        provenance: how its parameters were initialized, by their own names.
    """

    name: str
    kind: str
    mean: float
    std: float
    signal: Compared
    activation: str | None = None
    sigma_weight: float | None = None
    sigma_bias: float | None = None
    activation_mean: float | None = None
    activation_std: float | None = None
    activation_signal: Compared | None = None
    gradient: Compared | None = None
    chi: float | None = None
    depth_scale: float | None = None
    gradient_to_weight: float | None = None
    update_to_weight: float | None = None
    equal_units: bool = False
    units: Units | None = None
    features: Features | None = None
    why: str = ""
    provenance: dict[str, Initialization] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        kind: one word or two for it, such as "vanishing signal".
        where: the name of the layer or parameter, or "" for the network.
        text: what was found, in words.
        remedy: the change that mends it.
    """

    kind: str
    where: str
    text: str
    remedy: str

    def __str__(self) -> str:
        where = f" at {self.where}" if self.where else ""
        return f"{self.kind}{where}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")


class Unhealthy(AssertionError):
    """What `Report.check` raises: the findings are in `findings`."""

    def __init__(self, findings: list[Finding]):
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True)
class Report:
    """What an examination has found. It prints as a table with a verdict below.

    Attributes:
        layers: one after the other, in the order in which they run.
        findings: what is wrong; empty if nothing is.
        loss: the loss on the batch, or None.
        chance_loss: ln K, the cross-entropy of a uniform guess among K classes, or None.
        output_std: the standard deviation of the network's output.
        fixed_point: the E[z²] that more hidden layers of the same kind would lead to, or None.
        shared: the names of each parameter that has several.
        jacobian: the singular values of the input-output Jacobian, or None where there is none.
    """

    layers: list[Layer]
    findings: list[Finding]
    loss: float | None
    chance_loss: float | None
    output_std: float
    fixed_point: float | None = None
    shared: list[list[str]] = field(default_factory=list)
    jacobian: Jacobian | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def check(self) -> None:
        """Raise with the findings, if there are any. For a test suite.

        Raises:
            Unhealthy: an AssertionError; its text has a line for each finding.
        """
        if self.findings:
            raise Unhealthy(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, strings and numbers."""
        data = asdict(self)
        for layer, row in zip(self.layers, data["layers"], strict=True):
            row["units"] = None if layer.units is None else layer.units._asdict()
            row["features"] = None if layer.features is None else layer.features._asdict()
        return _plain(data)

    def plot(self) -> Any:
        """Return the report as a `matplotlib.figure.Figure`, made without pyplot.

        It shows by layer the second moments of signal and gradient, as measured and as predicted,
        and the size of the gradient or of the optimizer's step against the weights.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return draw(self)

    def save(self, path: Any, **options: Any) -> None:
        """Write the report as a picture, in the format that the name ends in.

        Args:
            path: such as "doctor.png" or "doctor.pdf".
            options: for `Figure.savefig`, such as `dpi`.

        Raises:
            ImportError: matplotlib is not installed.
        """
        self.plot().savefig(path, **options)

    def __repr__(self) -> str:
        head = ["layer", "module", "E[z²]", "theory", "χ", "E[δ²]", "theory"]
        steps = any(layer.update_to_weight is not None for layer in self.layers)
        head += ["|Δw|/|w|" if steps else "|g|/|w|", "dead", "flat", "initializer"]
        rows = [head, *map(_row, self.layers)]
        for column in (7, 5, 6):  # without a gradient or a loss there is nothing to show
            if all(row[column] in ("", "-") for row in rows[1:]):
                for row in rows:
                    row[column] = ""
        columns = [c for c in zip(*rows, strict=True) if any(c)]
        widths = [max(map(len, column)) for column in columns]
        widths[-1] = max(11, min(widths[-1], WIDTH - sum(widths[:-1]) - 2 * (len(widths) - 1)))
        lines = []
        for *cells, last in zip(*columns, strict=True):
            last = last if len(last) <= widths[-1] else last[: widths[-1] - 1] + "…"
            text = [
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=False))
            ]
            lines.append("  ".join([*text, last]).rstrip())
        return "\n".join([*lines, "", *self._summary()])

    def _summary(self) -> list[str]:
        lines = []
        if any(layer.signal.agrees is False for layer in self.layers):
            lines.append("* more than five standard errors from the theory")
        reasons = {
            f"{layer.name}: {layer.why}; measured only" for layer in self.layers if layer.why
        }
        lines += sorted(reasons)
        lines += [f"one parameter: {', '.join(names)}" for names in self.shared]
        if self.loss is not None:
            chance = (
                "" if self.chance_loss is None else f" (a uniform guess: {self.chance_loss:.4g})"
            )
            lines.append(f"loss {self.loss:.4g}{chance}, output std {self.output_std:.3g}")
        else:
            lines.append(f"output std {self.output_std:.3g}")
        chis = [layer.chi for layer in self.layers if layer.chi]
        if chis:
            chi = math.exp(float(np.mean(np.log(chis))))
            phase = "critical" if abs(chi - 1) < 0.02 else "ordered" if chi < 1 else "chaotic"
            scale = 1 / abs(math.log(chi)) if chi != 1 else math.inf
            lines.append(
                f"χ {chi:.3g} on average: {phase}; depth scale {scale:.3g} for {len(chis)} hidden "
                f"layer{'s' if len(chis) > 1 else ''}"
            )
        if self.fixed_point is not None and phase != "critical":
            lines.append(f"more such layers lead E[z²] to {self.fixed_point:.3g}")
        if not self.findings:
            return [*lines, "Verdict: well initialized."]
        count = len(self.findings)
        lines.append(f"Verdict: {count} finding{'s' if count > 1 else ''}.")
        remedies: list[str] = []
        for kind in dict.fromkeys(finding.kind for finding in self.findings):
            alike = [finding for finding in self.findings if finding.kind == kind]
            for finding in alike[:SHOWN]:
                where = f" at {finding.where}" if finding.where else ""
                lines += _wrapped("- ", f"{kind}{where}: {finding.text}")
            remedies += [finding.remedy for finding in alike[:SHOWN]]
            if len(alike) > SHOWN:
                lines.append(f"  and {len(alike) - SHOWN} more with {kind}")
        lines.append("What to change:")
        for remedy in dict.fromkeys(remedies):
            lines += _wrapped("- ", remedy)
        return lines


def _wrapped(mark: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark))


def _row(layer: Layer) -> list[str]:
    weight = layer.provenance.get("weight")
    units = layer.units
    chosen = (
        layer.update_to_weight if layer.update_to_weight is not None else layer.gradient_to_weight
    )
    return [
        layer.name,
        layer.kind.removeprefix("Linear ") + (f" {layer.activation}" if layer.activation else ""),
        _number(layer.signal.measured) + ("*" if layer.signal.agrees is False else ""),
        _number(layer.signal.predicted),
        _number(layer.chi),
        _number(layer.gradient.measured if layer.gradient else None),
        _number(layer.gradient.predicted if layer.gradient else None),
        _number(chosen),
        "-" if units is None else f"{100 * units.dead:.0f}%",
        "-" if units is None else f"{100 * units.flat:.0f}%",
        "" if weight is None else f"{weight.call}{', changed' if weight.changed else ''}",
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else repr(value)
