"""Turns pytest-benchmark's JSON into a Markdown table.

python -m pytest benchmarks --benchmark-json=results.json
python benchmarks/report.py results.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

HEADER = ("work", "threads", "peer", "median", "peer / minnet", "target", "GFLOP/s")


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit.

    Example:
        >>> duration(0.00123456)
        '1.23 ms'
    """
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def row(cells: Iterable[Any]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head() -> str:
    """Return the first two rows of the table."""
    return row(HEADER) + "\n" + row("---" for _ in HEADER)


def line(
    work: str,
    threads: int,
    peer: str,
    seconds: float,
    ratio: float,
    target: float | None,
    speed: Any,
) -> str:
    """Return one peer's row. A ratio says how many times minnet's time the peer takes."""
    verdict = "" if target is None else f"≥ {target:.3g}{'' if ratio >= target else ', missed'}"
    return row((work, threads, peer, duration(seconds), f"{ratio:.3g}", verdict, speed))


def report(results: dict[str, Any]) -> str:
    """Return the table of a run, with the machine above it.

    Raises:
        ValueError: if the results are not those of this project's benchmarks.
    """
    machine = results.get("machine_info", {}).get("minnet")
    if machine is None:
        raise ValueError("expected the JSON of `pytest benchmarks --benchmark-json=FILE`")
    lines = [f"- {name}: {value}" for name, value in machine.items()] + ["", head()]
    entries = [(entry["extra_info"], entry["stats"]["median"]) for entry in results["benchmarks"]]
    own = {(info["work"], info["threads"]): t for info, t in entries if info["peer"] == "minnet"}
    for info, t in entries:
        ratio = t / own.get((info["work"], info["threads"]), float("nan"))
        speed = info.get("GFLOP/s", "")
        lines.append(
            line(info["work"], info["threads"], info["peer"], t, ratio, info["target"], speed)
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/report.py results.json")
    with open(sys.argv[1]) as file:
        print(report(json.load(file)))
