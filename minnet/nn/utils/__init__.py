"""Tools for parameters and gradients, by torch.nn.utils' names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minnet.nn.utils.clipping import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from minnet.nn.utils.skipping import skip_init
from minnet.nn.utils.vectors import parameters_to_vector, vector_to_parameters

if TYPE_CHECKING:
    from minnet.nn.utils import parametrizations, parametrize, rnn

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
    "parameters_to_vector", "parametrizations", "parametrize", "rnn", "skip_init",
    "vector_to_parameters",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ("parametrizations", "parametrize", "rnn"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
