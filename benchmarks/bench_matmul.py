"""Matrix products, side by side with the peers, on one thread and on two."""

from __future__ import annotations

from typing import Any

from harness import cases, measure
from workloads import Workload
from workloads.matmul import WORKLOADS


@cases(WORKLOADS)
def test_matmul(benchmark: Any, workload: Workload, peer: str) -> None:
    measure(benchmark, workload, peer)
