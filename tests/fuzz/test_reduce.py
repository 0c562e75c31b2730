"""Fuzzed: reductions, order and the softmax family, over any dims."""

from __future__ import annotations

import numpy as np
from fuzz.compare import check, fuzzed
from fuzz.strategies import ANY, DTYPES, FLOATS, PLAIN, SPECIAL, dims, tensors
from hypothesis import strategies as st

OVER_ALL = "sum mean prod max min amax amin argmax argmin any all count_nonzero norm".split()
OVER_DIM = "sum mean prod max min amax amin argmax argmin any all".split()
NUMPY = {"sum": np.sum, "mean": np.mean, "any": np.any, "all": np.all}
EXTREMES = ("max", "min", "amax", "amin", "argmax", "argmin", "any", "all", "count_nonzero")


def values_for(data, name):
    dtypes = FLOATS if name == "norm" else DTYPES
    if name.startswith("arg"):  # of bools, too, which torch refuses
        dtypes = DTYPES[:-1]
    return data.draw(tensors(dtypes=dtypes, values=ANY if name in EXTREMES else PLAIN))


@fuzzed(st.data(), st.sampled_from(OVER_ALL))
def test_over_all(data, name):
    x = values_for(data, name)
    numpy = NUMPY.get(name) if x.base.dtype.kind == "f" and x.base.size else None
    # A norm's root and a product are not exact.
    check("reduce", lambda t, x: getattr(t, name)(x), x, rtol=20, numpy=numpy)


@fuzzed(st.data(), st.sampled_from(OVER_DIM), st.booleans())
def test_over_a_dim(data, name, keepdim):
    x = values_for(data, name)
    dim = data.draw(dims(x.shape))

    def program(t, x):
        result = getattr(t, name)(x, dim, keepdim=keepdim)
        return tuple(result) if isinstance(result, tuple) else result

    # Of several ways for a gradient to reach a NaN, torch takes one or another by the function.
    check("reduce", program, x, rtol=20, grad=bool(np.isfinite(x.base).all()))


@fuzzed(st.data(), st.sampled_from(["sum", "mean", "amax", "amin"]), tensors())
def test_over_several_dims(data, name, x):
    several = tuple(data.draw(st.lists(dims(x.shape), max_size=3)))
    check("reduce", lambda t, x: getattr(t, name)(x, several), x)


@fuzzed(st.data(), tensors(dtypes=FLOATS), st.sampled_from([0, 1, 2]), st.booleans())
def test_variances(data, x, correction, root):
    dim = data.draw(st.none() | dims(x.shape))
    name = "std" if root else "var"
    options = {} if dim is None else {"dim": dim}
    # The root of 0 has an infinite slope, and NaN comes of it in different ways. Without degrees of
    # freedom torch's slope is NaN or infinite over all elements, and finite over a dim.
    n = max(len(x.shape), 1)
    along = x.shape if dim is None else x.shape[dim:][:1] if -n <= dim < n else (0,)
    freedom = int(np.prod(along)) - correction
    check(
        "reduce", lambda t, x: getattr(t, name)(x, correction=correction, **options), x,
        rtol=50, atol=50, grad=not root and freedom > 0,
    )  # fmt: skip


@fuzzed(st.data(), tensors(dtypes=FLOATS), st.sampled_from(["softmax", "log_softmax", "logsumexp"]))
def test_the_softmax_family(data, x, name):
    dim = data.draw(dims(x.shape))
    check("reduce", lambda t, x: getattr(t, name)(x, dim), x, atol=20)


@fuzzed(st.data(), tensors(dtypes=FLOATS, values=SPECIAL))
def test_the_softmax_family_at_the_edges(data, x):
    dim = data.draw(dims(x.shape))
    for name in ("softmax", "log_softmax", "logsumexp"):
        check("reduce", lambda t, x, n=name: getattr(t, n)(x, dim), x, atol=20, grad=False)


@fuzzed(st.data(), tensors(dtypes=("float32", "float64", "int64", "uint8")))
def test_running_sums_and_order(data, x):
    dim = data.draw(dims(x.shape))
    check("reduce", lambda t, x: t.cumsum(x, dim), x)
    descending = data.draw(st.booleans())
    check("reduce", lambda t, x: t.sort(x, dim, descending=descending)[0], x, grad=False)
    k = data.draw(st.integers(0, 5))
    check("reduce", lambda t, x: t.topk(x, k, dim)[0], x, grad=False)
