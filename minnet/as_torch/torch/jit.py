"""torch.jit: programs that are compiled by torch run here as they are."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any


@cache
def _say_once() -> None:
    warnings.warn(
        "minnet has no TorchScript: torch.jit.script and torch.jit.trace return what they are "
        "given, which runs as it is",
        stacklevel=3,
    )


def script(obj: Any, *args: Any, **options: Any) -> Any:
    """Return what is given, and say so once."""
    _say_once()
    return obj


def trace(func: Any, *args: Any, **options: Any) -> Any:
    """Return what is given, and say so once."""
    _say_once()
    return func


def ignore(drop: Any = False, **options: Any) -> Any:
    """Return the function as it is, or a decorator that does."""
    return drop if callable(drop) else lambda function: function


def export(fn: Any) -> Any:
    """Return the function as it is."""
    return fn


unused = script_method = export


def is_scripting() -> bool:
    """Return False."""
    return False


is_tracing = is_scripting
