"""Moments of single precision numbers are those of double, whatever their size and number."""

from __future__ import annotations

import numpy as np
import pytest

from minnet.doctor.moments import mean_square, moments


def test_moments_and_their_noise() -> None:
    found = moments(np.array([[1.0, 2.0], [3.0, 0.0]]))
    assert (found.mean, found.second) == (1.5, 3.5)
    assert found.std == pytest.approx(np.std([1, 2, 3, 0]))
    assert found.noise == pytest.approx(np.std([5.0, 2.0], ddof=1) / 3.5 / np.sqrt(2))


@pytest.mark.parametrize("scale", [1.0, 1e-36, 1e-20, 1e20, 1e36])
@pytest.mark.parametrize("shape", [(1, 7), (256, 30), (5000, 3), (3, 4, 50), (100_000, 2)])
def test_single_precision_does(shape: tuple[int, ...], scale: float) -> None:
    values = np.random.default_rng(0).normal(0.3, 1.0, shape) * np.float32(scale)
    single = values.astype(np.float32)
    found, exact = moments(single), moments(single.astype(np.float64))
    assert found.second == pytest.approx(np.mean(single.astype(np.float64) ** 2), rel=3e-6)
    assert found.mean == pytest.approx(exact.mean, rel=1e-5, abs=1e-6 * np.sqrt(exact.second))
    assert found.noise == pytest.approx(exact.noise, rel=1e-3)
    assert mean_square(single) == pytest.approx(exact.second, rel=3e-6)


def test_what_is_empty_or_not_finite() -> None:
    assert np.isnan(moments(np.zeros((0, 3), np.float32)).second)
    assert mean_square(np.zeros((0, 3), np.float32)) == 0
    assert np.isnan(moments(np.array([[1.0, np.nan]], np.float32)).second)
    assert moments(np.array([[1.0, np.inf]], np.float32)).second == np.inf
    assert mean_square(np.array([np.inf], np.float32)) == np.inf
    assert moments(np.zeros((4, 3), np.float32))[:2] == (0, 0)
    assert moments(np.float32(3.0)).second == 9
