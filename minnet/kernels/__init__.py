"""Numba kernels: arrays in, arrays out. They know nothing of tensors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from minnet.kernels import forks

_cpu: ModuleType | None = None


def of(array: Any) -> Any:
    """Return the module of kernels for an array's device. Numba is imported on first use only."""
    global _cpu
    if _cpu is None:
        with forks.loading:
            from minnet.kernels import cpu
        _cpu = cpu
    return _cpu
