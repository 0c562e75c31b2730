"""Importing, and importing with a first trained batch, as whole processes."""

from __future__ import annotations

from typing import Any

from harness import cases, measure
from workloads import Workload
from workloads.start import WORKLOADS


@cases(WORKLOADS)
def test_import(benchmark: Any, workload: Workload, peer: str) -> None:
    measure(benchmark, workload, peer)
