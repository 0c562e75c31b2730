"""The operations that are loaded on first use: whoever asks for a name that is not there yet."""

from minnet.functional import (  # noqa: F401 - each declares its operations
    arrangement,
    decompositions,
    elementary,
    indexing,
    products,
    properties,
    sampling,
    statistics,
)
