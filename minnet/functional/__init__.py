"""Operations: one declaration each, its value and its derivatives."""

from typing import Any

from minnet.functional import (  # each declares its operations
    activation,
    arithmetic,
    arrangement,
    convolution,
    decompositions,
    distance,
    dropout,
    elementary,
    embedding,
    indexing,
    linear,
    loss,
    mlp,
    normalization,
    padding,
    pooling,
    products,
    properties,
    recurrent,
    reduce,
    sampling,
    shape,
    slices,
    softmax,
    statistics,
)
from minnet.operation import DECLARED

globals().update({name: d.function for d in DECLARED.values() for name in (d.name, *d.aliases)})


def __getattr__(name: str) -> Any:
    raise AttributeError(f"minnet.functional has no operation {name!r}")
