"""The functions that `minnet` exports: the operations, made by their declarations."""

import sys
from importlib import import_module
from typing import Any

from minnet import creation, functional, methods, missing  # noqa: F401 - declare them
from minnet.operation import exported

globals().update(exported("minnet"))
__all__ = sorted(exported("minnet"))

PACKAGES = {"distributions", "func", "linalg", "transforms"}  # imported on their first use


def __getattr__(name: str) -> Any:
    """Load what `minnet` has and is loaded on first use, and look again.

    Raises:
        AttributeError: if it is not there either.
    """
    package = vars(sys.modules["minnet"])
    if name in PACKAGES:
        return import_module(f"minnet.{name}")
    if not name.startswith("_"):
        load()
        if name in package:
            return package[name]
    raise missing.error("module 'minnet'", name)


def load() -> None:
    """Load the operations that are loaded on first use, and let `minnet` have them."""
    package = vars(sys.modules["minnet"])
    methods.load()
    found = {n: f for n, f in exported("minnet").items() if n not in package}
    package.update(found)
    package["__all__"] += found


def __dir__() -> list[str]:
    """List all that `minnet` has."""
    load()
    return sorted({*vars(sys.modules["minnet"]), *PACKAGES})
