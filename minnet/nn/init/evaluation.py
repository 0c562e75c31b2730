"""Evaluation: a network's mode while it is looked at, and not trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def evaluating(net: Any) -> Iterator[None]:
    """Put a network of minnet or torch in evaluation mode, and each module back in the end."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
