"""Times minnet and its peers in turn, and reports ratios beside their targets.

    python benchmarks/report.py                           # all but the slow works, to the terminal
    python benchmarks/report.py --only matmul --rounds 15
    python benchmarks/report.py --slow --json results.json
    python benchmarks/report.py --docs results.json    # the tables in the docs, from a file: no run

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
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from machine import describe, doubts
from tables import HEADER, Result, everything, head, line, rendered, summary
from workloads import ALL, NotInstalled, Workload
from workloads.workload import Run

# Idle threads of OpenBLAS spin for about a tenth of a second after a run, and those of OpenMP for
# milliseconds. After 0.05 s, the next peer still has but one of two cores (measured).
PAUSE = 0.2
ROOT = Path(__file__).parent.parent
DOCUMENTS = {ROOT / "README.md": summary, ROOT / "docs" / "benchmarks.md": everything}


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


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time minnet and its peers in turn.")
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help="works whose name matches")
    add("--slow", action="store_true", help="the large and slow works as well")
    add("--rounds", type=int, default=7, metavar="N")
    add("--seconds", type=float, default=0.1, metavar="S", help="of a turn")
    add("--json", type=Path, metavar="FILE", help="write the results to a file")
    add("--docs", type=Path, metavar="FILE", help="write such a file's tables into the docs")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.docs:
        report = json.loads(options.docs.read_text())
        for document, table in DOCUMENTS.items():
            document.write_text(rendered(document.read_text(), table(report)))
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
