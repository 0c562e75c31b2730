"""How the suites time a workload's peers with pytest-benchmark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from workloads import NotInstalled, Workload


def cases(workloads: Iterable[Workload]) -> Any:
    """Parametrize a test over every peer of every workload."""
    return pytest.mark.parametrize(
        ("workload", "peer"),
        [
            pytest.param(
                workload,
                peer,
                marks=[pytest.mark.slow] if workload.slow else [],
                id=f"{workload.name}, threads {workload.threads}: {peer}",
            )
            for workload in workloads
            for peer in workload.peers
        ],
    )


def measure(benchmark: Any, workload: Workload, peer: str) -> None:
    """Check a peer's result and time it; skip it, with the reason, if it is not installed."""
    try:
        run = workload.prepare(peer)
    except NotInstalled as missing:
        pytest.skip(str(missing))
    benchmark.group = f"{workload.name}, threads {workload.threads}"
    benchmark.name = peer
    benchmark.extra_info |= {
        "work": workload.name,
        "threads": workload.threads,
        "peer": peer,
        "target": workload.targets.get(peer),
    }
    benchmark(run)
    if workload.flop and benchmark.stats:  # there are none with --benchmark-disable
        median = benchmark.stats.stats.median
        flop = workload.flop * workload.times.get(peer, 1)
        benchmark.extra_info["GFLOP/s"] = round(flop / median / 1e9, 2)
