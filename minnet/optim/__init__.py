"""Optimizers, by torch.optim's names. What is not in every program is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minnet.optim.adam import Adam as Adam
from minnet.optim.adam import AdamW as AdamW
from minnet.optim.optimizer import Optimizer as Optimizer
from minnet.optim.sgd import SGD as SGD

if TYPE_CHECKING:
    from minnet.optim import lr_scheduler as lr_scheduler

# Where the names are that are imported on first use.
_HOMES = {"lr_scheduler": ""}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    module = import_module(f"{__name__}.{home or name}")
    return getattr(module, name) if home else module
