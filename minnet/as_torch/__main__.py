"""From a shell: `python -m minnet.as_torch script.py [args]` runs a program written for PyTorch."""

from __future__ import annotations

import argparse
import io
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from minnet.as_torch import install
from minnet.as_torch.finder import missing
from minnet.as_torch.report import Report
from minnet.missing import LIST


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program that the command line names, and return the exit code."""
    given = _parser().parse_args(arguments)
    if not given.m and not Path(given.script).is_file():
        print(f"python -m minnet.as_torch: there is no file {given.script!r}", file=sys.stderr)
        return 2
    try:
        install(given.engine)
    except RuntimeError as error:
        print(f"python -m minnet.as_torch: {error}", file=sys.stderr)
        return 2
    report = Report() if given.report else None
    sys.argv = [given.script, *given.args]
    try:
        if report is not None:
            report.start()
        _run_module(given.script) if given.m else _run_script(given.script)
    except Exception as error:
        error.__traceback__ = _of_program(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        _explain(error)
        return 1
    finally:
        sys.stdout.flush()
        if report is not None:
            print(report, file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m minnet.as_torch",
        description="Run a program written for PyTorch: import torch finds minnet.",
    )
    parser.add_argument("-m", action="store_true", help="run a module, as python -m does")
    parser.add_argument(
        "--engine",
        default="torch",
        choices=["torch", "philox"],
        help="whose random numbers are drawn: torch's (the default), or minnet's own, which come "
        "faster",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="say at the end what ran how long, and which names were asked for and missing",
    )
    parser.add_argument("script", help="the program")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def _run_script(script: str) -> None:
    path = Path(script)
    with io.open_code(str(path.resolve())) as file:
        code = compile(file.read(), script, "exec")
    # Not by `runpy`, which takes the names away when the program ends: callbacks need them still.
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__file__ = script
    sys.path[0] = str(path.resolve().parent)
    exec(code, vars(main))


def _run_module(name: str) -> None:
    sys.path[0] = ""
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _of_program(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without what lies above the program."""
    found = traceback
    while found is not None and (
        found.tb_frame.f_code.co_filename == __file__
        or found.tb_frame.f_globals.get("__name__") == "runpy"
    ):
        found = found.tb_next
    return found or traceback


def _explain(error: Any) -> None:
    """Note an attribute that is missing in a class of minnet; say where the names stand."""
    owner = getattr(error, "obj", None)
    kind = owner if isinstance(owner, type) else type(owner)
    home = next((c for c in kind.__mro__ if c.__module__.partition(".")[0] == "minnet"), None)
    if isinstance(error, AttributeError) and home is not None and error.name:
        what = missing(f"{home.__name__}.{error.name}")
        if LIST not in str(error):
            print(what, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
