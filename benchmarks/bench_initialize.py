"""Initialization of layers and of whole torch models, by minnet's functions and by torch's."""

from __future__ import annotations

from typing import Any

from harness import cases, measure
from workloads import Workload
from workloads.initialize import WORKLOADS


@cases(WORKLOADS)
def test_initialize(benchmark: Any, workload: Workload, peer: str) -> None:
    measure(benchmark, workload, peer)
