"""Says how many inputs the fuzz tests tried."""

from __future__ import annotations

from fuzz.compare import tried


def pytest_terminal_summary(terminalreporter):
    if tried:
        parts = ", ".join(f"{surface} {n:,}" for surface, n in sorted(tried.items()))
        terminalreporter.write_line(f"fuzz: {sum(tried.values()):,} inputs tried: {parts}")
