"""`Report`: what a program called in minnet, how often and how long, and what it missed."""

from __future__ import annotations

import cProfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from minnet.as_torch.finder import asked
from minnet.operation import exported

HOME = str(Path(__file__).parents[1])
INNER = tuple(str(Path(HOME, inside)) for inside in ("as_torch", "kernels"))
ROWS = 30


class Report:
    """A profile of the calls that a program makes into minnet. Printed, it ends it."""

    def start(self) -> None:
        """Begin to count and to measure."""
        _name_operations()
        self._began = time.perf_counter()
        self._profile = cProfile.Profile()
        self._profile.enable()

    def __str__(self) -> str:
        self._profile.disable()
        seconds = time.perf_counter() - self._began
        rows = sorted(self._calls().items(), key=lambda row: -row[1][1])
        lines = [
            "",
            f"minnet.as_torch: the program ran {seconds:.2f} s, the report's own cost included.",
            "What it called, with the time in all that was called in turn:",
            f"{'seconds':>10} {'calls':>9}  name",
            *(f"{spent:10.3f} {calls:9d}  {name}" for name, (calls, spent) in rows[:ROWS]),
        ]
        if len(rows) > ROWS:
            lines.append(f"{'':>21} and {len(rows) - ROWS} more, of less time each")
        lines.append("Names that were asked for and are missing: " + (", ".join(asked) or "none"))
        return "\n".join(lines)

    def _calls(self) -> dict[str, tuple[int, float]]:
        """Return how often and how long each function of minnet ran that others called."""
        found: dict[str, tuple[int, float]] = {}
        for entry in self._profile.getstats():
            for call in () if _is_ours(entry.code) else entry.calls or ():
                code: Any = call.code
                if _is_ours(code) and not _is_inner(code):
                    name = getattr(code, "co_qualname", code.co_name)
                    name = name.partition(".<locals>")[0]  # a loader's batches are the loader's
                    calls, spent = found.get(name, (0, 0.0))
                    found[name] = calls + call.callcount, spent + call.totaltime
        return found


def _is_ours(code: Any) -> bool:
    return not isinstance(code, str) and code.co_filename.startswith(HOME)


def _is_inner(code: Any) -> bool:
    """Say whether it is no program that calls it: Numba calls kernels, the import system us."""
    return code.co_filename.startswith(INNER) or code.co_name.startswith("<module")


def _name_operations() -> None:
    """Let the operations' code bear their names: declarations make them all of the same code."""
    methods: Any = import_module("minnet.methods")
    methods.load()
    for functions in (vars(methods.Methods), exported("minnet"), exported("F")):
        for name, function in functions.items():
            code = getattr(function, "__code__", None)
            if code is not None and _is_ours(code):
                names = {"co_name": name}
                if hasattr(code, "co_qualname"):
                    names["co_qualname"] = name
                function.__code__ = code.replace(**names)
