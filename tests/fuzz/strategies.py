"""Strategies: shapes, dtypes, memory layouts and values of tensors, dims and indices.

A drawn tensor is a recipe, an array and the views to take of it, so that every library can build
the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

FLOATS = ("float32", "float64")
INTEGERS = ("int64", "uint8", "bool")
DTYPES = FLOATS + INTEGERS

# Multiples of 1/8: sums and products of a few are exact, and the order of adding does not count.
PLAIN = st.integers(-64, 64).map(lambda n: n / 8)
SPECIAL = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, 1e-3, 20.0, 88.0, -104.0, 1e4, 1e38, -1e38, 1e-38, 1e-45]
) | st.sampled_from([np.inf, -np.inf, np.nan])
ANY = st.one_of(PLAIN, SPECIAL)


@dataclass(frozen=True)
class Recipe:
    """A tensor: the array it starts from, and the views of it that are taken, one after another."""

    base: np.ndarray
    views: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def build(self, library: Any, grad: bool = False) -> tuple[Any, Any]:
        """Return the leaf and the tensor that is a view of it, in a library."""
        leaf = library.tensor(self.base)
        if grad and self.base.dtype.kind == "f":
            leaf.requires_grad_()
        x = leaf
        for name, arguments in self.views:
            x = x[arguments] if name == "slice" else getattr(x, name)(*arguments)
        return leaf, x

    def dense(self) -> Recipe:
        """Return the recipe for the same tensor in contiguous memory."""
        return Recipe(np.ascontiguousarray(viewed(self)).reshape(self.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(viewed(self).shape)


def viewed(recipe: Recipe) -> np.ndarray:
    """Return the tensor as a NumPy array."""
    a = recipe.base
    for name, arguments in recipe.views:
        if name == "slice":
            a = a[arguments]
        elif name == "permute":
            a = a.transpose(arguments)
        else:
            a = np.broadcast_to(a, arguments)
    return a


def shapes(most: int = 3, side: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of up to `most` dims; sizes of 0 and 1 are often among them."""
    sizes = st.one_of(st.integers(1, side), st.sampled_from([0, 1, side]))
    return st.lists(sizes, max_size=most).map(tuple)


@st.composite
def arrays(draw: Any, shape: tuple[int, ...], dtype: str, values: Any = PLAIN) -> np.ndarray:
    n = int(np.prod(shape))
    different = min(n, 200)  # which then come again
    numbers = draw(st.lists(values, min_size=different, max_size=different))
    a = np.resize(np.array(numbers, np.float64), shape)
    if dtype not in FLOATS:
        a = np.nan_to_num(a, nan=0, posinf=7, neginf=-7).clip(-100, 100)
        a = np.abs(a) if dtype == "uint8" else a
    with np.errstate(all="ignore"):
        return a.astype(dtype)


@st.composite
def tensors(
    draw: Any,
    shape: Any = None,
    dtypes: tuple[str, ...] = DTYPES,
    values: Any = PLAIN,
    most: int = 3,
) -> Recipe:
    """A tensor of a shape (any, if none is given) in memory of any layout."""
    shape = draw(shapes(most)) if shape is None else tuple(shape)
    dtype = draw(st.sampled_from(dtypes))
    base, views = list(shape), []
    kind = draw(st.sampled_from(["plain", "plain", "permute", "slice", "expand", "permute slice"]))
    if "expand" in kind and shape:
        dims = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
        for d in dims:
            base[d] = 1
        views.append(("expand", tuple(shape)))
    if "slice" in kind and shape:
        key = []
        for d, n in enumerate(base):
            start, step = draw(st.integers(0, 2)), draw(st.integers(1, 3))
            key.append(slice(start, start + n * step, step))
            base[d] = start + n * step
        views.append(("slice", tuple(key)))
    if "permute" in kind and shape:
        order = tuple(draw(st.permutations(range(len(shape)))))
        inverse = np.argsort(order)
        base = [base[i] for i in inverse]
        views.insert(0, ("permute", order))
    return Recipe(draw(arrays(tuple(base), dtype, values)), tuple(views))


@st.composite
def broadcast(draw: Any, count: int = 2, dtypes: tuple[str, ...] = DTYPES, values: Any = PLAIN):
    """Tensors whose shapes broadcast, most of the time."""
    whole = draw(shapes())
    found = []
    for _ in range(count):
        shape = list(whole[draw(st.integers(0, len(whole))) :])
        for d in range(len(shape)):
            if draw(st.integers(0, 3)) == 0:
                shape[d] = 1
        if draw(st.integers(0, 15)) == 0:
            shape = list(draw(shapes()))
        found.append(draw(tensors(shape, dtypes, values)))
    return tuple(found)


def dims(shape: tuple[int, ...]) -> st.SearchStrategy[int]:
    """A dim of a shape, or at times one just out of range."""
    n = max(len(shape), 1)
    inside = st.integers(-n, n - 1)
    return st.one_of(inside, inside, inside, st.integers(-n - 1, n))


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> Any:
    """An index of a tensor: integers, slices, None, Ellipsis, lists and masks."""
    key: list[Any] = []
    left = list(shape)
    while left and draw(st.integers(0, 4)):
        n = left.pop(0)
        near = st.integers(-n - 1, n) if draw(st.integers(0, 9)) == 0 else st.integers(-n, n - 1)
        kind = draw(st.sampled_from(["int", "slice", "slice", "list", "mask", "None"]))
        if kind == "int" and n:
            key.append(draw(near))
        elif kind == "list" and n:
            key.append(draw(st.lists(near, min_size=1, max_size=3)))
        elif kind == "mask":
            key.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool))
        elif kind == "None":
            left.insert(0, n)
            key.append(None)
        else:
            bound = st.none() | st.integers(-n - 1, n + 1)
            key.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3]))))
    if draw(st.integers(0, 5)) == 0:
        key.insert(draw(st.integers(0, len(key))), Ellipsis)
    return key[0] if len(key) == 1 and draw(st.booleans()) else tuple(key)
