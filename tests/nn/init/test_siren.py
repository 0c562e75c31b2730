"""SIREN: the bounds, and the laws that the paper promises at any depth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minnet
from minnet.nn import init


@pytest.mark.parametrize(
    ("options", "bound"),
    [
        ({}, math.sqrt(6 / 100) / 30),
        ({"omega": 1}, math.sqrt(6 / 100)),
        ({"first": True}, 1 / 100),
        ({"first": True, "omega": 5}, 1 / 100),
    ],
)
def test_weights_are_uniform_within_the_bound(options, bound):
    w = init.siren_(np.empty((200, 100)), generator=minnet.Generator(seed=2), **options)
    assert stats.kstest(w.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


@pytest.mark.parametrize("omega", [30.0, 10.0])
def test_arguments_of_the_sines_are_normal_at_any_depth(omega):
    generator = minnet.Generator(seed=3)
    x = np.random.default_rng(0).uniform(-1, 1, (2000, 1))
    w = init.siren_(np.empty((512, 1)), omega, first=True, generator=generator)
    # Phases, as a bias of many periods gives, stand in for the wide first layer of the paper.
    y = np.sin(omega * x @ w.T + np.random.default_rng(1).uniform(0, 2 * np.pi, 512))
    variance = 1.0
    for _ in range(6):
        w = init.siren_(np.empty((512, 512)), omega, generator=generator)
        z = omega * y @ w.T
        y = np.sin(z)
        assert z.std() == pytest.approx(math.sqrt(variance), rel=0.03)
        # The units of one sample are nearly independent.
        assert stats.kstest(z[7], stats.norm(0, z[7].std()).cdf).pvalue > 1e-3
        variance = 1 - math.exp(-2 * variance)  # 2 E[sin(z)²]


@pytest.mark.parametrize("omega", [0, -1, math.nan, math.inf])
def test_omega_has_to_be_positive(omega):
    w = np.full((3, 3), 7.0)
    with pytest.raises(ValueError, match="omega must be a number above 0"):
        init.siren_(w, omega)
    np.testing.assert_array_equal(w, 7)
