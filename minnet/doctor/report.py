"""The report of an examination: data that prints as a table."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from minnet.doctor.features import Features
from minnet.doctor.figure import draw
from minnet.doctor.spectrum import Jacobian
from minnet.doctor.units import Units
from minnet.nn.init.provenance import LEAST, Initialization, table

ROWS = 41  # of the table, at most: `layers` has them all
SHOWN = 3  # findings of a kind in the table's verdict; `findings` has them all
LEAST_SQUARE = 1e-70  # below, its root is so close to float32's least number that digits are lost


@dataclass(frozen=True)
class Compared:
    """A second moment as measured and as predicted.

    Attributes:
        measured: on the batch.
        predicted: by mean-field theory, or None where there is none.
        error: the relative standard error of the measured one around the predicted one; infinite
            where the theory of infinite width gives none, as in deep and narrow networks.
    """

    measured: float
    predicted: float | None = None
    error: float = 0.0

    @property
    def off(self) -> float | None:
        """By how many standard errors ln measured differs; None if there is no telling.

        There is none without a theory or an error, and where float32 underflows. The mean of ln
        measured is ln predicted less half its variance, for the predicted one is the mean of the
        moment itself.
        """
        if self.predicted is None or not 0 < self.error < math.inf:
            return None
        if self.predicted < LEAST_SQUARE:
            return None
        if not 0 < self.measured < math.inf:
            return -math.inf if self.measured == 0 else math.inf
        return math.log(self.measured / self.predicted) / self.error + self.error / 2

    @property
    def agrees(self) -> bool | None:
        """Whether they differ by less than five standard errors; None if there is no telling."""
        return None if self.off is None else abs(self.off) <= 5


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
        why_gradient: why there is no theory for gradients on their way back, or "".
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
    why_gradient: str = ""
    provenance: dict[str, Initialization] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        kind: one word or two for it, such as "vanishing signal".
        where: the name of the layer or parameter, or "" for the network.
        text: what was found, in words.
        remedy: the change that mends it.
        fills: what `prescribe` would do for it, calls of initializers by the layer's name.
    """

    kind: str
    where: str
    text: str
    remedy: str
    fills: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        where = f" at {self.where}" if self.where else ""
        return f"{self.kind}{where}: {self.text}" + (f" → {self.remedy}" if self.remedy else "")


def prescribed(fills: dict[str, str]) -> str:
    """Return in words what `prescribe` would do, equal calls together; "" for nothing."""
    groups = _grouped((call, name) for name, call in fills.items())
    parts = [f"{call} for {_listed(names)}" for call, names in groups.items()]
    return f"doctor.prescribe: {'; '.join(parts)}" if parts else ""


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return groups


def _listed(names: list[str]) -> str:
    names = list(dict.fromkeys(name or "the net" for name in names))
    return ", ".join(names if len(names) <= 4 else [*names[:2], "…", names[-1]])


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
        """Return everything as dicts, lists, strings and numbers, as strict JSON has them.

        What is infinite (a depth scale at χ = 1, an error that theory does not give) or not a
        number is None here. The report itself has the numbers.
        """
        return _plain(asdict(self))

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
        width = shutil.get_terminal_size((100, 24)).columns
        return "\n".join([*self._table(width), "", *self._summary(width)])

    def _table(self, width: int) -> list[str]:
        steps = any(layer.update_to_weight is not None for layer in self.layers)
        ratio = "|Δw|/|w|" if steps else "|g|/|w|"
        rows = [_row(layer) for layer in self.layers]
        if len(rows) > ROWS:
            between = [f"… {len(rows) - ROWS + 1} more", *[""] * (len(rows[0]) - 1)]
            rows = [*rows[: ROWS // 2], between, *rows[-(ROWS - ROWS // 2 - 1) :]]
        head = ["layer", "module", "E[z²]", "theory", "χ", "E[δ²]", "theory", ratio]
        head += ["dead", "flat", "rank", "cond.", "initializer"]
        columns = list(zip(head, *rows, strict=True))
        told = [any(cell not in ("", "-") for cell in column[1:]) for column in columns]
        told[:4] = [True] * 4
        if self._initializer:  # said once, below
            told[-1] = False
        for given_up in (11, 9, 10, 12, 8):  # where the terminal is narrow
            if _width([c for c, kept in zip(columns, told, strict=True) if kept]) > width:
                told[given_up] = False
        kept = [column for column, kept in zip(columns, told, strict=True) if kept]
        last = [len(kept) - 1] if kept[-1][0] == "initializer" else []
        return table(list(zip(*kept, strict=True)), width, [*last, 1, 0], [0, 1, *last])

    @property
    def _initializer(self) -> str:
        """The one call that has initialized all weights, or ""."""
        calls = {_initializer(layer) for layer in self.layers if layer.sigma_weight is not None}
        return calls.pop() if len(calls) == 1 else ""

    @property
    def _all_clear(self) -> str:
        if not self.layers:
            return "no layer was seen."
        if all(layer.why for layer in self.layers):
            return "nothing found, but there is no theory for these layers."
        return "well initialized."

    def _summary(self, width: int) -> list[str]:
        lines = []
        marks = [_mark(each) for layer in self.layers for each in (layer.signal, layer.gradient)]
        if "*" in marks:
            lines.append("* more than five standard errors from the theory")
        if "~" in marks:
            lines.append("~ too deep for its width: infinite width's theory does not reach here")
        for of, what in (("why", ""), ("why_gradient", "gradient ")):
            reasons = _grouped((getattr(layer, of), layer.name) for layer in self.layers)
            for why, names in reasons.items():
                if why:
                    lines += _wrapped("", f"{_listed(names)}: {why}; {what}measured only", width)
        if self._initializer:
            lines.append(f"weights: {self._initializer}")
        lines += [f"one parameter: {', '.join(names)}" for names in self.shared]
        chance = "" if self.chance_loss is None else f" (a uniform guess: {self.chance_loss:.4g})"
        loss = "" if self.loss is None else f"loss {self.loss:.4g}{chance}, "
        lines.append(f"{loss}output std {self.output_std:.3g}")
        chis = [layer.chi for layer in self.layers if layer.chi]
        if chis and not any(layer.kind == "sum" for layer in self.layers):
            # But for that to the output layer, whose scale is a matter of its own.
            chi = math.exp(float(np.mean(np.log(chis[:-1] or chis))))
            phase = "critical" if abs(chi - 1) < 0.02 else "ordered" if chi < 1 else "chaotic"
            scale = 1 / abs(math.log(chi)) if chi != 1 else math.inf
            lines.append(
                f"χ {chi:.3g} on average: {phase}; depth scale {scale:.3g} for {len(chis)} hidden "
                f"layer{'s' if len(chis) > 1 else ''}"
            )
            if self.fixed_point is not None and phase != "critical":
                lines.append(f"more such layers lead E[z²] to {self.fixed_point:.3g}")
        if self.jacobian is not None:
            lines += _wrapped("", str(self.jacobian), width)
        if not self.findings:
            return [*lines, f"Verdict: {self._all_clear}"]
        count = len(self.findings)
        lines.append(f"Verdict: {count} finding{'s' if count > 1 else ''}.")
        remedies: list[str] = []
        fills: dict[str, str] = {}
        for kind in dict.fromkeys(finding.kind for finding in self.findings):
            alike = [finding for finding in self.findings if finding.kind == kind]
            for finding in alike[:SHOWN]:
                where = f" at {finding.where}" if finding.where else ""
                lines += _wrapped("- ", f"{kind}{where}: {finding.text}", width)
            remedies += [finding.remedy for finding in alike[:SHOWN] if not finding.fills]
            for finding in alike:
                fills |= finding.fills
            if len(alike) > SHOWN:
                lines.append(f"  and {len(alike) - SHOWN} more with {kind}")
        in_order = {layer.name: fills[layer.name] for layer in self.layers if layer.name in fills}
        remedies = list(filter(None, dict.fromkeys([*remedies, prescribed(in_order)])))
        lines += ["What to change:"] if remedies else []
        for remedy in remedies:
            lines += _wrapped("- ", remedy, width)
        return lines


def _wrapped(mark: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=mark, subsequent_indent="  ")


def _width(columns: list[tuple[str, ...]]) -> int:
    """Return the least width of a table."""
    widths = [max(map(len, column)) for column in columns]
    if columns[-1][0] == "initializer":
        widths[-1] = min(widths[-1], LEAST)
    return sum(widths) + 2 * (len(widths) - 1)


def _initializer(layer: Layer) -> str:
    weight = layer.provenance.get("weight")
    return "" if weight is None else f"{weight.call}{', changed' if weight.changed else ''}"


def _mark(moment: Compared | None) -> str:
    if moment is None or moment.predicted is None:
        return ""
    return "~" if moment.error == math.inf else "*" if moment.agrees is False else ""


def _row(layer: Layer) -> list[str]:
    units, features = layer.units, layer.features
    ratio = layer.gradient_to_weight if layer.update_to_weight is None else layer.update_to_weight
    gradient = layer.gradient
    activation = f" {layer.activation}" if layer.activation not in (None, layer.kind) else ""
    return [
        layer.name or "the net",
        layer.kind.removeprefix("Linear ") + activation,
        _number(layer.signal.measured) + _mark(layer.signal),
        _number(layer.signal.predicted),
        _number(layer.chi),
        _number(None if gradient is None else gradient.measured) + _mark(gradient),
        _number(None if gradient is None else gradient.predicted),
        _number(ratio),
        "-" if units is None else f"{100 * units.dead:.0f}%",
        "-" if units is None else f"{100 * units.flat:.0f}%",
        "-" if features is None else f"{features.effective_rank:.3g}",
        _number(None if features is None else features.condition),
        _initializer(layer),
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value == math.inf:
        return "∞"
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else repr(value)
