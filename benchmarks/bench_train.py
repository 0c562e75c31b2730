"""Training steps and epochs, side by side with the peers."""

from __future__ import annotations

from typing import Any

from harness import cases, measure
from workloads import Workload
from workloads.train import WORKLOADS


@cases(WORKLOADS)
def test_train(benchmark: Any, workload: Workload, peer: str) -> None:
    measure(benchmark, workload, peer)
