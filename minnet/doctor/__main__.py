"""The doctor from a shell: `python -m minnet.doctor script.py:make_net`."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minnet.doctor import examine
from minnet.random import manual_seed

HEALTHY, FINDINGS, MISUSED = 0, 1, 2  # exit codes


class Misuse(Exception):
    """Something in the command line that cannot be followed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine the network that the command line names, print the report, return the exit code."""
    given = _parser().parse_args(arguments)
    try:
        net, x, y = _network(given.net, given.seed), *_batch(given.data)
        report = examine(net, x, y)
        if given.save:
            report.save(given.save)
    except Misuse as error:
        print(f"python -m minnet.doctor: {error}", file=sys.stderr)
        return MISUSED
    except Exception:
        # Python's own exit code for it, 1, would say that the network was examined.
        traceback.print_exc()
        return MISUSED
    print(
        json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        if given.json
        else report
    )
    return HEALTHY if report.healthy else FINDINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m minnet.doctor",
        description="Examine how a network is initialized, before it is trained.",
        epilog="exit code: 0 if the network is well initialized, 1 if there are findings, 2 if it "
        "could not be examined",
    )
    parser.add_argument(
        "net",
        metavar="script.py:make_net",
        help="a file, or a module that Python can import, and in it a function without arguments "
        "that returns the network, a class, or the network itself",
    )
    parser.add_argument(
        "--data",
        metavar="batch.npz",
        help="a batch: x in an .npy file, x and perhaps y in an .npz file, or script.py:make_batch "
        "for a function that returns x or (x, y); standard normal numbers by default",
    )
    parser.add_argument("--seed", type=int, default=0, help="for the network's weights (0)")
    parser.add_argument("--save", metavar="doctor.png", help="draw the report into this file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _network(target: str, seed: int) -> Any:
    net = _made(target, "net", seed)
    if isinstance(net, type) or not hasattr(net, "named_modules"):
        raise Misuse(f"expected {target} to give a network, got {type(net).__name__}")
    return net


def _made(target: str, what: str, seed: int | None = None) -> Any:
    """Return what a `script.py:name` gives, called if it is to be called, after seeding."""
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise Misuse(f"expected script.py:make_{what}, got {target!r}")
    home = _script(Path(place)) if place.endswith(".py") else _module(place)
    if not hasattr(home, name):
        functions = [n for n, v in vars(home).items() if callable(v) and not n.startswith("_")]
        known = f"; it has {', '.join(functions)}" if functions else ""
        raise Misuse(f"there is no {name!r} in {place}{known}")
    found = getattr(home, name)
    if isinstance(found, type) or (callable(found) and not hasattr(found, "named_modules")):
        if seed is not None:
            manual_seed(seed)
            if "torch" in sys.modules:
                sys.modules["torch"].manual_seed(seed)
        found = found()
    return found


def _script(path: Path) -> Any:
    if not path.is_file():
        raise Misuse(f"there is no file {path}")
    sys.path.insert(0, str(path.resolve().parent))  # as for a script that Python runs
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_script"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Misuse(f"{path} is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _module(name: str) -> Any:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.split(".", maxsplit=1)[0] and error.name != name:
            raise  # the module is there, and one that it imports is not
        raise Misuse(f"there is no module {name!r}; a file's name ends in .py") from None


def _batch(data: str | None) -> tuple[Any, Any]:
    if data is None:
        return None, None
    if not data.endswith((".npy", ".npz")):
        made = _made(data, "batch")
        return made if isinstance(made, tuple) else (made, None)
    try:
        loaded = np.load(data)
    except (OSError, ValueError) as error:
        raise Misuse(f"cannot read {data}: {error}") from None
    if isinstance(loaded, np.ndarray):
        return loaded, None
    if "x" not in loaded:
        raise Misuse(f"expected an x, and perhaps a y, in {data}; it has {', '.join(loaded)}")
    return loaded["x"], loaded["y"] if "y" in loaded else None


if __name__ == "__main__":
    sys.exit(main())
