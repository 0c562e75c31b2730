"""Figure: a report as a picture, for matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minnet.doctor.report import Compared, Report

THEORY, MEASURED = "#d55e00", "#0072b2"  # told apart with any kind of color vision
TICKS = 16  # layer names along an axis, at most


def draw(report: Report) -> Any:
    """Return a `matplotlib.figure.Figure` of a report.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "a report is drawn by matplotlib: python -m pip install 'minnet[plot]'"
        ) from error
    # Not through pyplot, which would keep the figure and ask for a display.
    figure = Figure(figsize=(9, 6.2), layout="constrained", dpi=150)
    signal, gradient, step, jacobian = figure.subplots(2, 2).ravel()
    figure.suptitle(_headline(report), fontsize=11)
    layers = report.layers
    names = [each.name or each.kind for each in layers]
    signals, gradients = [each.signal for each in layers], [each.gradient for each in layers]
    _compare(signal, names, signals, "forward: the signal", r"E[$z^2$]")
    _compare(gradient, names, gradients, "backward: the gradient", r"E[$\delta^2$]")
    _steps(step, names, report)
    _singular_values(jacobian, report)
    return figure


def _headline(report: Report) -> str:
    kinds = dict.fromkeys(finding.kind for finding in report.findings)
    return ", ".join(kinds) if kinds else "well initialized"


def _compare(
    axes: Any, names: list[str], moments: Sequence[Compared | None], title: str, label: str
) -> None:
    """Draw moments by layer: as measured, and as predicted with two standard errors around."""
    x = np.arange(len(moments))
    measured = _values([None if m is None else m.measured for m in moments])
    predicted = _values([None if m is None else m.predicted for m in moments])
    error = _values([0.0 if m is None else m.error for m in moments])
    error[~np.isfinite(error)] = np.nan  # where no error is given there is no band
    # The error is relative: a factor, so that the band stays above 0.
    low, high = predicted / (1 + 2 * error), predicted * (1 + 2 * error)
    if np.isfinite(predicted).any():
        axes.fill_between(x, low, high, color=THEORY, alpha=0.2, linewidth=0, label="± 2 s.e.")
        axes.plot(x, predicted, color=THEORY, marker="_", markersize=6, label="mean-field theory")
    axes.plot(x, measured, "o", color=MEASURED, markersize=4.5, label="measured", zorder=3)
    _finish(axes, names, [measured, predicted, low, high], title, f"{label}, second moment")


def _steps(axes: Any, names: list[str], report: Report) -> None:
    updates = [layer.update_to_weight for layer in report.layers]
    taken = any(update is not None for update in updates)
    ratios = updates if taken else [layer.gradient_to_weight for layer in report.layers]
    values = _values(ratios)
    if not np.isfinite(values).any():
        _empty(axes, "gradient-to-weight ratios:\nexamine with targets or a loss")
        return
    axes.plot(np.arange(len(values)), values, "o", color=MEASURED, markersize=4.5, label="measured")
    if taken:
        axes.axhline(1e-3, color="0.4", linestyle="--", linewidth=1, label="1/1000, rule of thumb")
    title = "the optimizer's first step" if taken else "gradient against weight"
    label = r"$\|\Delta w\|\,/\,\|w\|$" if taken else r"$\|g\|\,/\,\|w\|$"
    _finish(axes, names, [values, np.full(1, 1e-3)] if taken else [values], title, label)


def _singular_values(axes: Any, report: Report) -> None:
    """Draw the Jacobian's singular values of each sample, largest first, and the theory."""
    from matplotlib.ticker import MaxNLocator

    found = report.jacobian
    if found is None or not found.largest > 0:
        _empty(axes, "no Jacobian: it is measured for at most 256 outputs,\neach sample alone")
        return
    values = np.array(found.singular_values)
    x = np.arange(1, values.shape[1] + 1)
    for row in values:
        (line,) = axes.plot(x, row, "o", color=MEASURED, markersize=3.5, alpha=0.6)
    line.set_label(f"measured, {len(values)} samples" if len(values) > 1 else "measured")
    shown = [values.ravel()]
    if found.mean_square_predicted is not None:
        rms = np.sqrt(found.mean_square_predicted)
        axes.axhline(rms, color=THEORY, label="theory: root mean square")
        shown.append(np.full(1, rms))
    if found.largest_predicted is not None:
        axes.axhline(found.largest_predicted, color=THEORY, linestyle=":", label="theory: largest")
        shown.append(np.full(1, found.largest_predicted))
    _scale(axes, np.concatenate(shown))
    axes.set_xlabel("number, by size")
    _tidy(axes, r"Jacobian, $\partial$ output / $\partial$ input", "singular value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _empty(axes: Any, text: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color="0.4", transform=axes.transAxes)


def _finish(axes: Any, names: list[str], series: list[np.ndarray], title: str, label: str) -> None:
    """Scale, label and tidy the axes of a quantity by layer."""
    _scale(axes, np.concatenate(series))
    x = np.arange(len(names))
    missing = ~(series[0] > 0)
    if missing.any():
        text = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(
            x[missing], 0 * x[missing], "x", color="black", label="0, infinite or none", **text
        )
    step = -(-len(names) // TICKS)
    axes.set_xticks(x[::step], names[::step], fontsize=8)
    if max(map(len, names), default=0) > 3:
        axes.tick_params(axis="x", labelrotation=45 if len(names) < 8 else 90)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_xlabel("layer")
    _tidy(axes, title, label)


def _scale(axes: Any, values: np.ndarray) -> None:
    """Make an axis logarithmic and show at least a decade, or chance looks like a trend."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return
    axes.set_yscale("log")
    low, high = positive.min(), positive.max()
    middle = np.sqrt(low * high)
    axes.set_ylim(min(low / 1.6, middle / 3.2), max(high * 1.6, middle * 3.2))
    if high < 100 * low:
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:.0e}"[0] in "25" else "")
        axes.tick_params(axis="y", which="both", labelsize=9)


def _tidy(axes: Any, title: str, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_title(title, fontsize=10)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)


def _values(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], np.float64)
