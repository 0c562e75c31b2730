"""The names without an underscore: torch's deprecated aliases, kept so that old scripts run."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any


def alias_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what calls a function, with a warning, by its name without the underscore."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def alias(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    alias.__name__ = alias.__qualname__ = old
    alias.__doc__ = f"Deprecated: call `minnet.nn.init.{new}`, which this calls with a warning."
    return alias
