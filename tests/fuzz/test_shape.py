"""Fuzzed: views, joins, indexing and assignment."""

from __future__ import annotations

import numpy as np
from fuzz.compare import check, fuzzed, torch
from fuzz.strategies import DTYPES, FLOATS, dims, keys, shapes, tensors
from hypothesis import strategies as st


@fuzzed(st.data(), tensors(), st.sampled_from(["reshape", "view", "flatten", "unflatten"]))
def test_the_same_elements_in_another_shape(data, x, name):
    n = int(np.prod(x.shape))
    divisors = [d for d in range(1, n + 1) if n % d == 0] or [0, 1]
    first = data.draw(st.sampled_from([*divisors, -1]))
    second = data.draw(st.sampled_from([-1, n // first if first > 0 else 1, 3]))
    dim = data.draw(dims(x.shape))
    programs = {
        "reshape": lambda t, x: x.reshape(first, second),
        "view": lambda t, x: x.view(first, second),
        "flatten": lambda t, x: x.flatten(dim),
        "unflatten": lambda t, x: x.unflatten(dim, (first, second)),
    }
    if torch is None and name == "view":  # whether there is one depends on the memory
        x = x.dense()
    check("shape", programs[name], x)


@fuzzed(st.data(), tensors())
def test_the_dims_in_another_order(data, x):
    a, b = data.draw(dims(x.shape)), data.draw(dims(x.shape))
    order = data.draw(st.permutations(range(len(x.shape))))
    check("shape", lambda t, x: x.transpose(a, b), x)
    check("shape", lambda t, x: x.permute(order), x)
    check("shape", lambda t, x: x.flip(a), x)
    check("shape", lambda t, x: (x.squeeze(a), x.squeeze(), x.unsqueeze(b)), x)


@fuzzed(st.data(), tensors(), shapes())
def test_larger_ones(data, x, before):
    tiles = data.draw(st.lists(st.integers(0, 2), max_size=4))
    check("shape", lambda t, x: x.expand((*before, *x.shape)), x)
    check("shape", lambda t, x: x.expand((*before, *[-1] * x.ndim)), x)
    check("shape", lambda t, x: x.repeat(tiles), x)


@fuzzed(st.data(), st.sampled_from(["cat", "stack"]))
def test_joins(data, name):
    shape = data.draw(shapes())
    dim = data.draw(dims(shape))
    if name == "cat" and shape == (0,):  # to which torch takes any dim, if all have that shape
        dim = 0
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        other = list(shape)
        if name == "cat" and shape and -len(shape) <= dim < len(shape):
            other[dim] = data.draw(st.integers(0, 3))
        parts.append(data.draw(tensors(other, DTYPES)))
    check("shape", lambda t, *xs: getattr(t, name)(xs, dim), *parts)


@fuzzed(st.data(), tensors())
def test_parts(data, x):
    dim, n = data.draw(dims(x.shape)), data.draw(st.integers(1, 4))
    start, length = data.draw(st.integers(-4, 4)), data.draw(st.integers(0, 4))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    check("shape", lambda t, x: x.split(n, dim), x)
    check("shape", lambda t, x: x.split(sizes, dim), x)
    check("shape", lambda t, x: x.chunk(n, dim), x)
    check("shape", lambda t, x: x.unbind(dim), x)
    check("shape", lambda t, x: x.narrow(dim, start, length), x)
    check("shape", lambda t, x: x.select(dim, start), x)


@fuzzed(st.data(), tensors(), st.integers(-3, 3))
def test_triangles_and_diagonals(data, x, k):
    check("shape", lambda t, x: x.tril(k), x)
    check("shape", lambda t, x: x.triu(k), x)
    check("shape", lambda t, x: x.diag(k), x)


@fuzzed(st.data(), tensors())
def test_elements_by_index(data, x):
    dim = data.draw(dims(x.shape))
    n = x.shape[dim] if x.shape and -len(x.shape) <= dim < len(x.shape) else 1
    near = st.integers(0, max(n - 1, 0)) | st.integers(-1, n)
    at = data.draw(st.lists(near, min_size=1, max_size=4))
    check("index", lambda t, x: x.index_select(dim, t.tensor(at)), x)
    shape = tuple(len(at) if d == dim % max(len(x.shape), 1) else m for d, m in enumerate(x.shape))
    index = np.resize(np.array(at), shape)
    check("index", lambda t, x: x.gather(dim, t.tensor(index)), x)


def given_key(t, key):
    def one(k):
        return t.tensor(k) if isinstance(k, np.ndarray) else k

    return tuple(one(k) for k in key) if isinstance(key, tuple) else one(key)


def unchecked(shape, key):
    """Say whether torch takes any indices, since it is nothing that they select."""
    parts = key if isinstance(key, tuple) else (key,)
    inside = tuple([0] * len(part) if isinstance(part, list) else part for part in parts)
    try:
        return any(isinstance(part, list) for part in parts) and not np.empty(shape)[inside].size
    except IndexError:
        return False


@fuzzed(st.data(), tensors(), examples=150)
def test_indexing(data, x):
    key = data.draw(keys(x.shape))
    if unchecked(x.shape, key):
        return
    check("index", lambda t, x: x[given_key(t, key)], x)


@fuzzed(st.data(), tensors(dtypes=FLOATS), st.booleans(), examples=120)
def test_assignment(data, x, whole):
    key = data.draw(keys(x.shape))
    if unchecked(x.shape, key):
        return
    value = data.draw(tensors(() if whole else None, (str(x.base.dtype),), most=2))

    def program(t, x, v):
        x = x.clone() * 1
        x[given_key(t, key)] = v
        return x

    try:  # where an element is named twice, which of two values it gets is left open
        at = np.arange(int(np.prod(x.shape))).reshape(x.shape)[key]
        if np.unique(at).size != at.size:
            return
    except (IndexError, ValueError):
        pass
    check("index", program, x, value)


@fuzzed(tensors(), st.sampled_from(DTYPES))
def test_other_dtypes(x, dtype):
    check("shape", lambda t, x: x.to(getattr(t, dtype)), x)
    check("shape", lambda t, x: (x.contiguous(), x.clone(), x.detach()), x)
