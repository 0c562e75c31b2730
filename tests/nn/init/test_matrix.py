"""Matrices: identities exactly, and exact sparsity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minnet
from minnet.nn import init


@pytest.fixture(autouse=True)
def seed():
    minnet.manual_seed(20240607)


# eye_


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (2, 5), (7, 3), (0, 3), (3, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.bool_])
def test_eye_is_the_identity(shape, dtype):
    tensor = minnet.from_numpy(np.full(shape, 7, dtype))
    assert init.eye_(tensor) is tensor
    np.testing.assert_array_equal(tensor.numpy(), np.eye(*shape, dtype=dtype))


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2)])
@pytest.mark.parametrize("function", [init.eye_, lambda t: init.sparse_(t, 0.5)])
def test_eye_and_sparse_need_two_dimensions(function, shape):
    tensor = minnet.ones(shape)
    with pytest.raises(ValueError) as error:
        function(tensor)
    assert str(error.value) == "Only tensors with 2 dimensions are supported"
    np.testing.assert_array_equal(tensor.numpy(), 1)


# dirac_


def convolve(x, weight, groups):
    """Cross-correlation as torch's convolutions, padded so that index size // 2 is in place."""
    kernel = weight.shape[2:]
    size = x.shape[1:]
    padded = np.pad(x, [(0, 0), *((k // 2, k) for k in kernel)])
    out = np.zeros((weight.shape[0], *size))
    for o in range(weight.shape[0]):
        group = o // (weight.shape[0] // groups)
        for i in range(weight.shape[1]):
            for offset in np.ndindex(*kernel):
                window = tuple(slice(f, f + n) for f, n in zip(offset, size, strict=True))
                out[o] += weight[o, i][offset] * padded[group * weight.shape[1] + i][window]
    return out


@pytest.mark.parametrize("kernel", [(3,), (4,), (1,), (3, 5), (2, 3), (3, 2, 1), (2, 2, 4)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_convolution_with_dirac_is_the_identity(kernel, groups):
    channels = 6
    weight = init.dirac_(minnet.full((channels, channels // groups, *kernel), 7.0), groups).numpy()
    x = np.random.default_rng(0).normal(size=(channels, *(5, 4, 3)[: len(kernel)]))
    np.testing.assert_array_equal(convolve(x, weight, groups), x)


@pytest.mark.parametrize(
    ("shape", "groups"),
    [((2, 5, 3), 1), ((5, 2, 3, 3), 1), ((6, 2, 2, 2, 2), 2), ((6, 5, 4), 3), ((0, 3, 3), 1)],
)
def test_dirac_passes_on_as_many_channels_as_fit_and_nothing_else(shape, groups):
    weight = init.dirac_(minnet.full(shape, 7.0), groups).numpy()
    expected = np.zeros(shape)
    per_group = shape[0] // groups
    for g in range(groups):
        for d in range(min(per_group, shape[1])):
            expected[(g * per_group + d, d, *(k // 2 for k in shape[2:]))] = 1
    np.testing.assert_array_equal(weight, expected)


def test_dirac_of_an_empty_kernel_has_no_element_to_set():
    assert init.dirac_(minnet.zeros(3, 2, 0)).numel() == 0


@pytest.mark.parametrize("shape", [(3,), (3, 3), (3, 3, 1, 1, 1, 1)])
def test_dirac_needs_three_to_five_dimensions(shape):
    tensor = minnet.ones(shape)
    with pytest.raises(ValueError) as error:
        init.dirac_(tensor)
    assert str(error.value) == "Only tensors with 3, 4, or 5 dimensions are supported"
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize(
    ("groups", "text"),
    [(2, "dim 0 must be divisible by groups"), (0, "at least 1"), (-1, "at least 1")],
)
def test_dirac_refuses_groups_that_do_not_divide(groups, text):
    tensor = minnet.ones(3, 3, 3)
    with pytest.raises(ValueError, match=text):
        init.dirac_(tensor, groups)
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 2, 3), 2), ((3, 5, 4, 3), 1), ((6, 4, 2, 3, 4), 3)]
)
def test_dirac_is_torchs(shape, groups):
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(
        init.dirac_(minnet.empty(shape), groups).numpy(),
        torch.nn.init.dirac_(torch.empty(shape), groups).numpy(),
    )


# sparse_


@pytest.mark.parametrize("shape", [(10, 7), (100, 30), (1, 5), (7, 1)])
@pytest.mark.parametrize("sparsity", [0, 0.1, 0.25, 0.5, 0.99, 1])
def test_sparse_has_exactly_its_zeros_in_every_column(shape, sparsity):
    tensor = minnet.full(shape, 7.0)
    assert init.sparse_(tensor, sparsity) is tensor
    zeros = (tensor.numpy() == 0).sum(axis=0)
    np.testing.assert_array_equal(zeros, math.ceil(sparsity * shape[0]))


@pytest.mark.parametrize(("arguments", "std"), [((0.3,), 0.01), ((0.3, 0.5), 0.5)])
@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64], ids=str)
def test_elements_kept_by_sparse_are_normal(arguments, std, dtype):
    w = init.sparse_(minnet.empty(300, 200, dtype=dtype), *arguments).numpy()
    kept = w[w != 0].astype(np.float64)
    assert stats.kstest(kept, stats.norm(0, std).cdf).pvalue > 1e-3


def test_sparse_zeroes_every_row_alike_and_every_column_differently():
    zero = init.sparse_(minnet.empty(20, 5000), 0.3).numpy() == 0
    counts = zero.sum(axis=1)
    # Under uniform places a count has variance n p (1 - p) with covariances that make this
    # statistic chi-squared with rows - 1 degrees of freedom.
    p = 0.3
    statistic = ((counts - 5000 * p) ** 2).sum() / (5000 * p * (1 - p)) * 19 / 20
    assert 1e-3 < stats.chi2(19).sf(statistic) < 1 - 1e-3
    assert len(np.unique(zero, axis=1).T) > 4000  # of 38760 places


def test_sparse_draws_its_places_from_the_given_generator_alone():
    minnet.manual_seed(1)
    before = minnet.rand(5).numpy()
    minnet.manual_seed(1)
    init.sparse_(minnet.empty(10, 10), 0.5, generator=minnet.Generator().manual_seed(1))
    np.testing.assert_array_equal(minnet.rand(5).numpy(), before)


@pytest.mark.parametrize("sparsity", [-0.1, 1.1, math.nan])
def test_sparse_refuses_what_is_no_fraction(sparsity):
    tensor = minnet.ones(3, 3)
    with pytest.raises(ValueError, match="sparsity must be a fraction"):
        init.sparse_(tensor, sparsity)
    np.testing.assert_array_equal(tensor.numpy(), 1)


def test_sparse_refuses_a_negative_std():
    tensor = minnet.ones(3, 3)
    with pytest.raises(RuntimeError, match="normal expects std >= 0"):
        init.sparse_(tensor, 0.5, std=-1.0)
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_sparse_of_no_elements_does_nothing(shape):
    tensor = minnet.empty(shape)
    assert init.sparse_(tensor, 0.5) is tensor


@pytest.mark.parametrize("function", [init.orthogonal_, lambda t: init.sparse_(t, 0.5)])
@pytest.mark.parametrize("dtype", [minnet.int64, minnet.bool], ids=str)
def test_drawn_matrices_refuse_tensors_that_are_not_of_floats(function, dtype):
    tensor = minnet.ones(3, 4, dtype=dtype)
    with pytest.raises(RuntimeError, match="not implemented for"):
        function(tensor)
    np.testing.assert_array_equal(tensor.numpy(), 1)
