"""Standardizing in one pass has the bits of the passes that both devices share."""

from __future__ import annotations

import numpy as np
import pytest

from minnet.kernels import of, reductions

CASES = [
    ((64, 64), (1,)),
    ((64, 64), (0,)),
    ((5000, 3), (0,)),
    ((3, 9000), (1,)),
    ((8, 3, 700), (0, 2)),
    ((7, 3, 1), (0, 2)),
    ((7, 3, 1), (0,)),
    ((4, 2, 3, 5), (2, 3)),
    ((6,), (0,)),
    ((6, 1), (0,)),
    ((2, 3, 4), (0, 1, 2)),
    ((1, 5), (0,)),
    ((5, 1), (1,)),
    ((0, 3), (0,)),
    ((9, 2000), (0,)),
]


@pytest.mark.parametrize(("shape", "axes"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bits(shape, axes, dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(shape) * 3 + 1).astype(dtype)
    dy = np.asfortranarray(rng.standard_normal(shape).astype(dtype))
    found = of(x).standardize(x, axes, 1e-5)
    for ours, expected in zip(found, reductions.standardize(x, axes, 1e-5), strict=True):
        assert ours.dtype == dtype and ours.shape == expected.shape
        np.testing.assert_array_equal(ours, expected)
    y, scale, *_ = found
    dx = of(x).standardize_backward(dy, y, scale, axes)
    np.testing.assert_array_equal(dx, reductions.standardize_backward(dy, y, scale, axes))


def test_mean_and_variance():
    x = np.random.default_rng(0).standard_normal((50, 4)) * 3 + 1
    y, scale, mean, variance = of(x).standardize(x, (0,), 0.5)
    np.testing.assert_allclose(mean[0], x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(variance[0], x.var(0), rtol=1e-13)
    np.testing.assert_allclose(scale, 1 / np.sqrt(variance + 0.5), rtol=1e-15)
    np.testing.assert_allclose(y, (x - mean) * scale, rtol=1e-13)
