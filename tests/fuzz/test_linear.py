"""Fuzzed: matrix products of any shapes, and linear layers."""

from __future__ import annotations

from fuzz.compare import check, fuzzed
from fuzz.strategies import DTYPES, FLOATS, shapes, tensors
from hypothesis import strategies as st

SIDES = st.sampled_from([0, 1, 2, 3, 5, 17])


@fuzzed(st.data(), st.sampled_from(FLOATS), examples=120)
def test_products(data, dtype):
    n, k, m = (data.draw(SIDES) for _ in range(3))
    batch = data.draw(shapes(2, 2))
    left = (*batch, n, k) if data.draw(st.booleans()) else (n, k)
    right = (*batch[data.draw(st.integers(0, len(batch))) :], k, m)
    left = left[-data.draw(st.sampled_from([1, 4, 4, 4])) :]
    right = right[-data.draw(st.sampled_from([2, 4, 4])) :]
    a, b = data.draw(tensors(left, (dtype,))), data.draw(tensors(right, (dtype,)))
    check("linear", lambda t, a, b: a @ b, a, b)


@fuzzed(st.data(), st.sampled_from(["mm", "bmm", "dot", "outer", "matmul"]))
def test_products_that_may_not_fit(data, name):
    a = data.draw(tensors(data.draw(shapes(3, 3)), DTYPES))
    dtypes = (str(a.base.dtype), *DTYPES)
    if name == "bmm" and 0 in a.shape:  # of empty stacks torch does not look at the dtypes
        dtypes = dtypes[:1]
    b = data.draw(tensors(data.draw(shapes(3, 3)), dtypes))
    check("linear", lambda t, a, b: getattr(t, name)(a, b), a, b)


@fuzzed(st.data(), st.sampled_from(FLOATS))
def test_linear(data, dtype):
    i, o = data.draw(SIDES), data.draw(SIDES)
    x = data.draw(tensors((*data.draw(shapes(2, 3)), i), (dtype,)))
    w = data.draw(tensors((o, i), (dtype,)))
    b = data.draw(tensors((o,), (dtype,)))
    check("linear", lambda t, x, w, b: t.nn.functional.linear(x, w, b), x, w, b)
    check("linear", lambda t, x, w: t.nn.functional.linear(x, w), x, w)
    if x.shape[:-1] and len(x.shape) == 2:
        check("linear", lambda t, b, x, w: t.addmm(b, x, w.t()), b, x, w)
