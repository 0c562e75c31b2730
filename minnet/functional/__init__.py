"""Operations: one declaration each, its value and its derivatives."""

from importlib import import_module
from typing import Any

from minnet.functional import (  # each declares its operations
    activation,
    arithmetic,
    convolution,
    distance,
    dropout,
    embedding,
    linear,
    loss,
    mlp,
    normalization,
    padding,
    pooling,
    recurrent,
    reduce,
    shape,
    slices,
    softmax,
)
from minnet.operation import DECLARED


def _enter() -> None:
    globals().update({n: d.function for d in DECLARED.values() for n in (d.name, *d.aliases)})


_enter()


def load() -> None:
    """Load the operations of `further.py`, unless they are."""
    import_module("minnet.functional.further")
    _enter()


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        load()
        if name in globals():
            return globals()[name]
    raise AttributeError(f"minnet.functional has no operation {name!r}")
