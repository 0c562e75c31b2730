"""Orthonormal rows, by Householder reflections: computed on the host, for the same bits.

The reflections of a block depend on each other in turn, which leaves a GPU idle.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minnet.kernels.cpu import orthogonal
from minnet.kernels.cuda.array import Array, from_host, to_host


def _on_host(function: Callable[[np.ndarray], np.ndarray], x: Array) -> Array:
    return from_host(np.ascontiguousarray(function(to_host(x))))


def random_rows(x: Array) -> Array:
    """Return n orthonormal rows of m elements, uniformly distributed if x (n, m) is of normals."""
    return _on_host(orthogonal.random_rows, x)


def gram_schmidt_rows(x: Array) -> Array:
    """Return the rows Q that Gram and Schmidt make of x (n, m): x = L Q, L's diagonal positive."""
    return _on_host(orthogonal.gram_schmidt_rows, x)
