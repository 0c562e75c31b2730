"""All initializers by name, torch's first, and how tests call each with its least arguments."""

from __future__ import annotations

from typing import Any

from minnet.nn import init

ARGUMENTS = {"constant_": (0.5,), "sparse_": (0.5,), "fixup_": (4,), "residual_": (4,)}
TORCHS_DRAWN = [
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
TORCHS = [*TORCHS_DRAWN, "constant_", "ones_", "zeros_", "eye_", "dirac_"]
DRAWN = [
    *TORCHS_DRAWN,
    "delta_orthogonal_",
    "fixup_",
    "lecun_normal_",
    "lecun_uniform_",
    "looks_linear_",
    "mup_",
    "residual_",
    "siren_",
    "spectral_",
    "variance_scaling_",
]
FILLS = [*DRAWN, *TORCHS[len(TORCHS_DRAWN) :], "zero_init_"]


def shape_for(name: str) -> tuple[int, ...]:
    """Return a shape that the initializer takes."""
    return {"dirac_": (4, 6, 3), "delta_orthogonal_": (20, 12, 3)}.get(name, (20, 12))


def fill(name: str, tensor: Any, **keywords: Any) -> Any:
    """Call the initializer."""
    return getattr(init, name)(tensor, *ARGUMENTS.get(name, ()), **keywords)
