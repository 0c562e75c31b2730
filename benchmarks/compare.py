"""Times the peers in turn, round after round, so that a machine's noise falls on all alike.

    python benchmarks/compare.py [--only REGEX] [--slow] [--rounds N] [--seconds S]

A turn is a short time of one peer's runs, summed up by their median; a round is a turn of each; the
ratio is the median over the rounds of (peer's turn / minnet's turn), and the time the median of the
turns. The first row of each work is minnet's.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
import time
from statistics import median

from machine import describe, doubts
from report import head, line
from workloads import ALL, NotInstalled, Workload
from workloads.workload import Run

# Idle threads of OpenBLAS and OpenMP spin for milliseconds after a run, and would take a core from
# the next peer.
PAUSE = 0.05


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


def rounds(runs: dict[str, Run], count: int, seconds: float) -> dict[str, list[float]]:
    """Return each peer's turns. Every other round goes backwards, so that no place is favoured."""
    turns: dict[str, list[float]] = {peer: [] for peer in runs}
    for i in range(count):
        for peer in list(runs)[:: -1 if i % 2 else 1]:
            turns[peer].append(turn(runs[peer], seconds))
    return turns


def compare(workload: Workload, count: int, seconds: float) -> set[str]:
    """Print the rows of a workload, and return what was left out and why."""
    runs, missing = {}, set()
    for peer in workload.peers:
        try:
            runs[peer] = workload.prepare(peer)
        except NotInstalled as reason:
            missing.add(str(reason))
    gc.collect()
    turns = rounds(runs, count, seconds)
    for peer, times in turns.items():
        ratio = median(a / b for a, b in zip(times, turns["minnet"], strict=True))
        t = median(times)
        speed = f"{workload.flop / t / 1e9:.1f}" if workload.flop else ""
        target = workload.targets.get(peer)
        print(line(workload.name, workload.threads, peer, t, ratio, target, speed), flush=True)
    return missing


def main() -> None:
    parser = argparse.ArgumentParser(description="Time minnet and its peers in turn.")
    parser.add_argument("--only", default="", metavar="REGEX", help="works whose name matches")
    parser.add_argument("--slow", action="store_true", help="the large and slow works as well")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=float, default=0.1, metavar="S", help="of a turn")
    options = parser.parse_args()
    for name, value in describe().items():
        print(f"- {name}: {value}")
    for doubt in doubts():
        print(f"warning: {doubt}", file=sys.stderr)
    print(f"\n{head()}")
    missing: set[str] = set()
    for workload in ALL:
        if re.search(options.only, workload.name) and (options.slow or not workload.slow):
            missing |= compare(workload, options.rounds, options.seconds)
    for reason in sorted(missing):
        print(f"\nLeft out: {reason}")


if __name__ == "__main__":
    main()
