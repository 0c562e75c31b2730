"""Reductions and order, against torch's answers and for minnet's own promises."""

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("reduce")
def test_known_answers(library, program, known):
    check(library, program, known)


@pytest.mark.parametrize("name", ["max", "min", "sort", "topk"])
def test_named_results_print_as_torchs(name):
    x = minnet.tensor([3.0])
    result = getattr(x, name)(1) if name == "topk" else getattr(x, name)(0)
    inside = "[3.]", "[0]"
    values, indices = inside if name in ("sort", "topk") else ("3.", "0")
    assert repr(result) == (
        f"torch.return_types.{name}(\nvalues=tensor({values}),\nindices=tensor({indices}))"
    )


@pytest.mark.parametrize("n", [2, 8, 16, 64, 257])
def test_the_first_of_the_two_zeros_is_the_extreme(n):
    """NumPy's maximum takes one or the other by the width of its vectors."""
    a = np.zeros(n, np.float32)
    a[1:] = -0.0
    x = minnet.tensor(a)
    for got in (x.max(), x.min(), x.amax(0), x.amin(), x.max(0).values, x.min(0)[0]):
        assert not np.signbit(got.numpy())
    for got in ((-x).max(), (-x).min(), (-x).amax(0), (-x).amin(), (-x).max(0)[0]):
        assert np.signbit(got.numpy())


def test_a_float32_sum_is_rounded_once():
    a = np.array([1e8, 1.0, -1e8, 1.0] * 100, np.float32)
    assert minnet.tensor(a).sum().item() == 200.0
    assert minnet.tensor(a).mean().item() == 0.5


@pytest.mark.parametrize("name", ["var", "std"])
def test_too_few_elements_for_a_variance_warn(name):
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert getattr(minnet.ones(1), name)().isnan()
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert getattr(minnet.ones(3, 1), name)(1).isnan().all()


def test_a_norm_neither_overflows_nor_vanishes():
    assert minnet.tensor([3e30, 4e30]).norm().item() == np.float32(5e30)
    assert minnet.tensor([3e-30, 4e-30]).norm().item() == np.float32(5e-30)


def test_norms_that_minnet_lacks_say_so():
    with pytest.raises(NotImplementedError, match="norm supports p = 1, 2"):
        minnet.ones(2).norm(3)


@pytest.mark.parametrize("axes", [0, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2), (-1, -3)])
def test_extremes_over_several_dims_are_numpys(axes):
    a = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x = minnet.tensor(a)
    for keep in (False, True):
        np.testing.assert_array_equal(x.amax(axes, keep).numpy(), a.max(axes, keepdims=keep))
        np.testing.assert_array_equal(x.amin(axes, keep).numpy(), a.min(axes, keepdims=keep))
