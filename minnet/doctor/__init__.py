"""The doctor: see what an initialization does to a network, before training it."""

from __future__ import annotations

__all__: list[str] = []
