"""Tables in Markdown of what `report.py` measured: the terminal's, the README's, and the docs'."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Result = dict[str, Any]

HEADER = ("work", "threads", "peer", "median", "peer / minnet", "target", "GFLOP/s")
MARKERS = ("<!-- measured by benchmarks/report.py -->", "<!-- end of what was measured -->")
# The summary shows a library by its best way of doing the work, torch by its usual one.
LIBRARIES = {
    "torch": ("torch",),
    "NumPy": ("numpy", "numpy PCG64", "numpy SFC64"),
    "JAX": ("jax", "jax jit", "jax scan"),
    "scikit-learn": ("sklearn",),
}


def quantity(value: float, unit: str) -> str:
    """Return a time or a size with three digits and its unit.

    Example:
        >>> quantity(0.00123456, "s"), quantity(314159265, "B")
        ('1.23 ms', '314 MB')
    """
    scales = {"s": (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)), "B": (("MB", 1e6),)}
    name, scale = next((u for u in scales[unit] if value >= u[1]), scales[unit][-1])
    return f"{value / scale:.3g} {name}"


def row(cells: Iterable[Any]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(header: Iterable[str]) -> str:
    """Return the first two rows of a Markdown table."""
    header = list(header)
    return row(header) + "\n" + row("---" for _ in header)


def verdict(result: Result) -> str:
    """Return a result's target, and whether it was met."""
    if result["met"] is None:
        return ""
    aim = f"≥ {result['target']:.3g}"
    if result["most"] is not None:
        aim = f"at most {quantity(result['most'], result['unit'])}"
    return f"{aim}, {'met' if result['met'] else 'missed'}"


def line(result: Result) -> str:
    """Return one peer's row. A ratio says how many times minnet's time the peer takes."""
    low, high = result["ratio quartiles"]
    ratio = f"{result['ratio']:.3g} ({low:.3g} to {high:.3g})" if result["peer"] != "minnet" else 1
    speed = "" if result["GFLOP/s"] is None else f"{result['GFLOP/s']:.1f}"
    value = quantity(result["median"], result["unit"])
    cells = (result["work"], result["threads"], result["peer"], value, ratio, verdict(result))
    return row((*cells, speed))


def groups(report: dict[str, Any]) -> dict[str, dict[str, list[Result]]]:
    """Return the results by group of works and by peer."""
    found: dict[str, dict[str, list[Result]]] = {}
    for result in report["results"]:
        found.setdefault(result["group"], {}).setdefault(result["peer"], []).append(result)
    return found


def measured(own: list[Result]) -> str:
    """Return minnet's own time or memory, where a group is one work."""
    return quantity(own[0]["median"], own[0]["unit"]) if len(own) == 1 else ""


def ratios(results: list[Result]) -> str:
    """Return the ratio, or the lowest and the highest of a group."""
    low, high = (f"{f(result['ratio'] for result in results):.2g}" for f in (min, max))
    return low if low == high else f"{low} to {high}"


def summary(report: dict[str, Any]) -> str:
    """Return the README's table: a row for each group of works that has a target."""
    lines = [head(("work", "minnet", *LIBRARIES))]
    for group, peers in groups(report).items():
        own = peers["minnet"]
        if not any(r["met"] is not None for results in peers.values() for r in results):
            continue
        cells = []
        for names in LIBRARIES.values():
            found = [peers[name] for name in names if name in peers]
            best = min(found, key=lambda results: results[0]["ratio"], default=None)
            cells.append(f"{ratios(best)} ×" if best else "")
        lines.append(row((group, measured(own), *cells)))
    return "\n".join(lines) + machine(report)


def everything(report: dict[str, Any]) -> str:
    """Return the docs' table: a row for each group of works, with all peers and targets."""
    lines = [head(("work", "minnet", "peer / minnet", "target"))]
    for group, peers in groups(report).items():
        own = peers["minnet"]
        targets = [verdict(r) for r in own if r["met"] is not None]
        for peer, results in peers.items():
            aims = [r for r in results if r["met"] is not None and peer != "minnet"]
            if aims:
                met = sum(r["met"] for r in aims)
                said = "met" if met == len(aims) else "missed" if not met else "partly met"
                said += f" ({met} of {len(aims)})" if len(aims) > 1 else ""
                targets.append(f"{peer} ≥ {aims[0]['target']:.3g}, {said}")
        others = (f"{peer} {ratios(peers[peer])}" for peer in peers if peer != "minnet")
        lines.append(row((group, measured(own), ", ".join(others), "; ".join(targets))))
    return "\n".join(lines) + machine(report)


def machine(report: dict[str, Any]) -> str:
    """Return a paragraph that says what was measured on."""
    found = report["machine"]
    names = ("numpy", "numba", "torch", "jax", "scikit-learn", "mkl_random")
    versions = ", ".join(f"{name} {found[name]}" for name in names if name in found)
    return (
        f"\n\nMeasured on {found['cores']} cores of {found['processor']}, Python "
        f"{found['python']}, {versions}."
    )


def rendered(text: str, table: str) -> str:
    """Return a text with what stands between the markers replaced.

    Raises:
        ValueError: if the text has no such markers.
    """
    start, end = MARKERS
    if start not in text or end not in text:
        raise ValueError(f"expected a line {start} and after it a line {end}")
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{table}\n{end}{rest.split(end, 1)[1]}"
