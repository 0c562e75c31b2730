"""Times minnet and its peers in turn, and reports ratios beside their targets.

    python benchmarks/report.py                           # all but the slow works, to the terminal
    python benchmarks/report.py --only matmul --rounds 15
    python benchmarks/report.py --slow --json results.json
    python benchmarks/report.py --readme results.json     # the README's table from a file: no run

A round is a short turn of each peer, so that a machine's noise falls on all alike; a turn is summed
up by its median. The ratio is the median over the rounds of (peer's turn / minnet's turn), with its
quartiles, and the time the median of the turns. For memory, read bytes for time. The ratio of the
"fma peak", the same arithmetic in registers alone, is the fraction of it that minnet reaches.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from machine import describe, doubts
from workloads import ALL, NotInstalled, Workload
from workloads.workload import Run

# Idle threads of OpenBLAS spin for about a tenth of a second after a run, and those of OpenMP for
# milliseconds. After 0.05 s, the next peer still has but one of two cores (measured).
PAUSE = 0.2
HEADER = ("work", "threads", "peer", "median", "peer / minnet", "target", "GFLOP/s")
README = Path(__file__).parent.parent / "README.md"
MARKERS = ("<!-- measured by benchmarks/report.py -->", "<!-- end of what was measured -->")

Result = dict[str, Any]


# Measuring


def turn(run: Run, seconds: float) -> float:
    """Return the median time of a run, over runs of about so many seconds together."""
    time.sleep(PAUSE)
    run()  # brings caches and threads back
    times = []
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        run()
        stop = time.perf_counter()
        times.append(stop - start)
        if stop > end:
            return median(times)


def rounds(workload: Workload, runs: dict[str, Run], count: int, seconds: float) -> dict[str, Any]:
    """Return each peer's turns. Every other round goes backwards, so that no place is favoured."""
    turns: dict[str, list[float]] = {peer: [] for peer in runs}
    for i in range(count):
        for peer in list(runs)[:: -1 if i % 2 else 1]:
            run = runs[peer]
            value = turn(run, seconds) if workload.unit == "s" else run()
            turns[peer].append(value / workload.times.get(peer, 1))
    return turns


def compare(workload: Workload, count: int, seconds: float) -> tuple[list[Result], set[str]]:
    """Return a result for each peer of a workload, and what was left out and why."""
    runs, missing = {}, set()
    for peer in workload.peers:
        try:
            runs[peer] = workload.prepare(peer)
        except NotInstalled as reason:
            missing.add(str(reason))
    gc.collect()
    turns = rounds(workload, runs, workload.rounds or count, seconds)
    results = []
    for peer, values in turns.items():
        ratios = [a / b for a, b in zip(values, turns["minnet"], strict=True)]
        value, target, most = median(values), workload.targets.get(peer), None
        met = None if target is None else median(ratios) >= target
        if peer == "minnet" and workload.most is not None:
            most = workload.most
            met = value <= most
        results.append({
            "work": workload.name,
            "group": workload.group or workload.name,
            "threads": workload.threads,
            "peer": peer,
            "unit": workload.unit,
            "median": value,
            "quartiles": spread(values),
            "ratio": median(ratios),
            "ratio quartiles": spread(ratios),
            "target": target,
            "most": most,
            "met": met,
            "GFLOP/s": round(workload.flop / value / 1e9, 2) if workload.flop else None,
        })  # fmt: skip
    return results, missing


def spread(values: list[float]) -> list[float]:
    """Return the first and the third quartile."""
    if len(values) < 2:
        return [values[0], values[0]]
    first, _, third = quantiles(values, n=4, method="inclusive")
    return [first, third]


# Writing


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


def table(report: dict[str, Any]) -> str:
    """Return the README's table: a row for each group of works, its lowest and highest ratios."""
    groups: dict[str, dict[str, list[Result]]] = {}
    for result in report["results"]:
        groups.setdefault(result["group"], {}).setdefault(result["peer"], []).append(result)
    lines = [head(("work", "minnet", "how many times longer (or more) a peer takes", "target"))]
    for group, peers in groups.items():
        own = peers["minnet"]
        values = [quantity(result["median"], result["unit"]) for result in own]
        ratios, targets = [], [verdict(r) for r in own if r["met"] is not None]
        for peer, results in peers.items():
            if peer == "minnet":
                continue
            low, high = (f(r["ratio"] for r in results) for f in (min, max))
            ratios.append(f"{peer} {low:.2g}" + (f" to {high:.2g}" if len(results) > 1 else ""))
            aims = [r for r in results if r["met"] is not None]
            if aims:
                met = sum(r["met"] for r in aims)
                said = "met" if met == len(aims) else "missed" if not met else "partly met"
                said += f" ({met} of {len(aims)})" if len(aims) > 1 else ""
                targets.append(f"{peer} ≥ {aims[0]['target']:.3g}, {said}")
        cells = (group, values[0] if len(own) == 1 else "", ", ".join(ratios), "; ".join(targets))
        lines.append(row(cells))
    machine = report["machine"]
    names = ("numpy", "numba", "torch", "jax", "scikit-learn", "mkl_random")
    versions = ", ".join(f"{name} {machine[name]}" for name in names if name in machine)
    lines.append(
        f"\nMeasured on {machine['cores']} cores of {machine['processor']}, Python "
        f"{machine['python']}, {versions}."
    )
    return "\n".join(lines)


def rendered(text: str, report: dict[str, Any]) -> str:
    """Return a text with the table between the markers replaced.

    Raises:
        ValueError: if the text has no such markers.
    """
    start, end = MARKERS
    if start not in text or end not in text:
        raise ValueError(f"expected a line {start} and after it a line {end}")
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{table(report)}\n{end}{rest.split(end, 1)[1]}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time minnet and its peers in turn.")
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help="works whose name matches")
    add("--slow", action="store_true", help="the large and slow works as well")
    add("--rounds", type=int, default=7, metavar="N")
    add("--seconds", type=float, default=0.1, metavar="S", help="of a turn")
    add("--json", type=Path, metavar="FILE", help="write the results to a file")
    add("--readme", type=Path, metavar="FILE", help="write such a file's table into README.md")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.readme:
        report = json.loads(options.readme.read_text())
        README.write_text(rendered(README.read_text(), report))
        return
    report = {"machine": describe(), "doubts": doubts(), "results": []}
    for name, value in report["machine"].items():
        print(f"- {name}: {value}")
    for doubt in report["doubts"]:
        print(f"warning: {doubt}", file=sys.stderr)
    print(f"\n{head(HEADER)}")
    missing: set[str] = set()
    for workload in ALL:
        if re.search(options.only, workload.name) and (options.slow or not workload.slow):
            results, left_out = compare(workload, options.rounds, options.seconds)
            missing |= left_out
            report["results"] += results
            print("\n".join(map(line, results)), flush=True)
            if options.json:  # after each work: a run cut short keeps what it has
                options.json.write_text(json.dumps(report, indent=1))
    judged = [result["met"] for result in report["results"] if result["met"] is not None]
    print(f"\n{sum(judged)} of {len(judged)} targets met")
    for reason in sorted(missing):
        print(f"Left out: {reason}")


if __name__ == "__main__":
    main()
