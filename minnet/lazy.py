"""Packages of minnet that are imported on their first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PACKAGES = {"distributions"}


def __getattr__(name: str) -> Any:
    """Return a package that is not yet imported, as an attribute of `minnet`.

    Raises:
        AttributeError: if there is none of that name.
    """
    if name in PACKAGES:
        return import_module(f"minnet.{name}")
    raise AttributeError(f"module 'minnet' has no attribute '{name}'", name=name)
