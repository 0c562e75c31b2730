"""Names beside the operations: constants, dtypes, typed tensors; what is said of missing ones."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest

import minnet
from minnet import autograd, dtypes

NAMES = [d.name for d in dtypes.ALL]


def test_constants():
    assert (minnet.pi, minnet.e, minnet.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(minnet.nan)


def test_the_whole_promotion_table_is_torchs():
    torch = pytest.importorskip("torch")
    for a, b in itertools.product(NAMES, NAMES):
        for name in ("promote_types", "can_cast"):
            want = getattr(torch, name)(getattr(torch, a), getattr(torch, b))
            got = getattr(minnet, name)(getattr(minnet, a), getattr(minnet, b))
            assert str(got) == str(want), (name, a, b)


def test_results_of_tensors_and_numbers_are_of_torchs_dtypes():
    torch = pytest.importorskip("torch")

    def operands(L):
        numbers = [True, 3, 2.5]
        return numbers + [L.ones(*n, dtype=getattr(L, d)) for d in NAMES for n in ((1,), ((),))]

    for i, j in itertools.product(range(len(operands(minnet))), repeat=2):
        found = []
        for L in (minnet, torch):
            x, y = operands(L)[i], operands(L)[j]
            found.append(str(L.result_type(x, y)))
            if not (isinstance(x, bool | int | float) and isinstance(y, bool | int | float)):
                assert str((x * y).dtype) == found[-1]
        assert found[0] == found[1], (i, j)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "bool"])
def test_limits_of_dtypes_are_torchs(name):
    torch = pytest.importorskip("torch")
    kind = "finfo" if name.startswith("float") else "iinfo"
    want, got = (getattr(L, kind)(getattr(L, name)) for L in (torch, minnet))
    assert repr(want) == repr(got)
    assert all(getattr(want, a) == getattr(got, a) for a in vars(got))
    with pytest.raises(TypeError, match="requires a"):
        getattr(minnet, {"finfo": "iinfo", "iinfo": "finfo"}[kind])(getattr(minnet, name))


def test_typed_tensors_make_and_tell_tensors_of_their_dtype():
    for d in dtypes.ALL:
        kind = getattr(minnet, f"{d.tensor_type}Tensor")
        x = kind([0, 1])
        assert x.dtype is d and x.tolist() == [0, 1]
        assert isinstance(x, kind) and x.type() == f"torch.{d.tensor_type}Tensor"
        assert minnet.ones(2).type(kind).dtype is d is minnet.ones(2).type(x.type()).dtype
        assert kind(2, 3).shape == (2, 3) and kind().shape == (0,)
        assert kind(np.ones(2)).tolist() == [1, 1] and kind(x).dtype is d
        assert pickle.loads(pickle.dumps(kind)) is kind
    assert not isinstance(minnet.ones(1), minnet.LongTensor)
    with pytest.raises(TypeError, match="got float"):
        minnet.FloatTensor(2.5)
    with pytest.raises(TypeError, match=r"convert it with \.to\(int64\)"):
        minnet.LongTensor(minnet.ones(2))


def test_variable_is_a_leaf_on_the_same_memory():
    x = minnet.ones(2)
    v = autograd.Variable(x, requires_grad=True)
    assert v.requires_grad and not x.requires_grad and np.shares_memory(v.array, x.array)
    assert isinstance(x, autograd.Variable) and not isinstance(1, autograd.Variable)
    assert not autograd.Variable(v * 2).requires_grad


def test_the_default_dtype_by_a_type():
    try:
        minnet.set_default_tensor_type("torch.DoubleTensor")
        assert minnet.ones(1).dtype is minnet.float64
    finally:
        minnet.set_default_tensor_type(minnet.FloatTensor)
    assert minnet.ones(1).dtype is minnet.float32


@pytest.mark.parametrize(
    ("holder", "name", "advice"),
    [
        (minnet, "sparse_coo_tensor", "dense"),
        (minnet, "fft", r"numpy\.fft"),
        (minnet, "no_such_name", r"docs/operations\.md"),
        (minnet.ones(1), "storage", r"x\.numpy\(\)"),
        (minnet.nn.Parameter(minnet.ones(1)), "no_such_name", "'Parameter' object has no"),
    ],
)
def test_a_missing_name_says_what_to_use_instead(holder, name, advice):
    assert not hasattr(holder, name)
    with pytest.raises(AttributeError, match=f"{name}.*|{advice}") as raised:
        getattr(holder, name)
    assert "operations.md" in str(raised.value)


def test_a_property_that_raises_says_why_itself():
    with pytest.raises(AttributeError, match="on non-CUDA tensor"):
        _ = minnet.ones(1).__cuda_array_interface__
    with pytest.raises(AttributeError, match="no attribute '__no_such__'"):
        _ = minnet.ones(1).__no_such__
