"""Where the benchmarks find each other, what they note of the machine, and what was left out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `import workloads`, as in report.py


def pytest_report_header(config: pytest.Config) -> list[str]:
    from machine import doubts

    return [f"warning: {doubt}" for doubt in doubts()]


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict) -> None:
    from machine import describe

    machine_info["minnet"] = describe()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped}
    for reason in sorted(reason for reason in reasons if "is not installed" in reason):
        terminalreporter.write_line(f"peer left out: {reason}")
