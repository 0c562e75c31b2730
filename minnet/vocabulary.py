"""The vocabulary of derivatives: what they are made of, on arrays and on tensors.

Every operation enters its value in `arrays` and its function in `tensors`, by its name.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

arrays = SimpleNamespace()
tensors = SimpleNamespace()


def zero(V: Any, dy: Any) -> Any:
    """Return the derivative of what no gradient flows through."""
    return V.filled(dy, 0)
