"""torch's fifteen initializers by name, and how tests call each with its least arguments."""

from __future__ import annotations

from typing import Any

from minnet.nn import init

ARGUMENTS = {"constant_": (0.5,), "sparse_": (0.5,)}
DRAWN = [
    "uniform_",
    "normal_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
]
FILLS = [*DRAWN, "constant_", "ones_", "zeros_", "eye_", "dirac_"]


def shape_for(name: str) -> tuple[int, ...]:
    """Return a shape that the initializer takes."""
    return (4, 6, 3) if name == "dirac_" else (20, 12)


def fill(name: str, tensor: Any, **keywords: Any) -> Any:
    """Call the initializer."""
    return getattr(init, name)(tensor, *ARGUMENTS.get(name, ()), **keywords)
