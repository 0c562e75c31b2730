"""What programs ask of `torch` itself that has no meaning, or another one, in minnet."""

from __future__ import annotations

from typing import Any

import minnet
from minnet.as_torch.torch.amp import autocast
from minnet.as_torch.torch.version import __version__
from minnet.random import default_generator as _default

__all__ = [
    "__version__", "are_deterministic_algorithms_enabled", "autocast", "compile",
    "default_generator", "get_default_device", "get_float32_matmul_precision",
    "get_num_interop_threads", "is_autocast_enabled",
    "is_deterministic_algorithms_warn_only_enabled", "set_default_device",
    "set_float32_matmul_precision", "set_flush_denormal",
    "set_num_interop_threads", "set_warn_always", "use_deterministic_algorithms",
]  # fmt: skip

default_generator = _default()
_told: dict[str, Any] = {"deterministic": False, "warn_only": False, "matmul": "highest"}


def compile(model: Any = None, **options: Any) -> Any:
    """Return the network or the function as it is, or a decorator that does."""
    return (lambda function: function) if model is None else model


# minnet computes the same bits each time and rounds each product as float32 does; what is asked of
# it here is remembered, and changes nothing.


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember the wish: there are no other algorithms."""
    _told.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """Return what `use_deterministic_algorithms` was told."""
    return _told["deterministic"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Return what `use_deterministic_algorithms` was told of warnings."""
    return _told["warn_only"]


def set_float32_matmul_precision(precision: str) -> None:
    """Remember the wish: products are always of the highest precision."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"expected 'highest', 'high' or 'medium', got {precision!r}")
    _told["matmul"] = precision


def get_float32_matmul_precision() -> str:
    """Return what `set_float32_matmul_precision` was told."""
    return _told["matmul"]


def set_num_interop_threads(threads: int) -> None:
    """Do nothing: operations run one after another."""


def get_num_interop_threads() -> int:
    """Return 1: operations run one after another."""
    return 1


def set_flush_denormal(mode: bool) -> bool:
    """Return False: denormal numbers are always computed with."""
    return False


def set_warn_always(mode: bool) -> None:
    """Do nothing: Python's filter of warnings decides."""


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Return False: minnet computes in the dtypes that tensors have."""
    return False


def set_default_device(device: Any) -> None:
    """Check that it is the CPU, where tensors are made.

    Raises:
        RuntimeError: if it is another.
    """
    if device is not None and minnet.device(device).type != "cpu":
        raise RuntimeError(
            f"minnet makes tensors on the CPU by default, and cannot on {device}: give device= "
            "where they are made, or move them by .to(device)"
        )


def get_default_device() -> Any:
    """Return the CPU."""
    return minnet.device("cpu")
