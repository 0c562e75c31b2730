"""The names without an underscore: torch's deprecated aliases, kept so that old scripts run."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from minnet.nn.init import fills, matrix
from minnet.nn.init.orthogonal import orthogonal_


def _alias(function: Callable[..., Any]) -> Callable[..., Any]:
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


uniform = _alias(fills.uniform_)
normal = _alias(fills.normal_)
constant = _alias(fills.constant_)
xavier_uniform = _alias(fills.xavier_uniform_)
xavier_normal = _alias(fills.xavier_normal_)
kaiming_uniform = _alias(fills.kaiming_uniform_)
kaiming_normal = _alias(fills.kaiming_normal_)
eye = _alias(matrix.eye_)
dirac = _alias(matrix.dirac_)
orthogonal = _alias(orthogonal_)
sparse = _alias(matrix.sparse_)
