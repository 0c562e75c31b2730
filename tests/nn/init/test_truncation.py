"""Truncated normals: the std that a cut leaves, the one that makes up for it, and the options."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minnet
from minnet.nn import init
from minnet.nn.init.truncation import std_before, std_left

BOUNDS = [(-2, 2), (-1, 3), (-0.5, 0.1), (0, 4), (-math.inf, 1), (1, 2), (-3, -2), (-9, 9)]


@pytest.mark.parametrize(("a", "b"), BOUNDS)
def test_std_left_is_scipys(a, b):
    assert std_left(a, b) == pytest.approx(stats.truncnorm(a, b).std(), rel=1e-6)


def test_std_left_by_two_std_is_the_constant_of_jax_and_keras():
    assert std_left(-2, 2) == pytest.approx(0.87962566103423978, rel=1e-14)


@pytest.mark.parametrize(
    ("std", "a", "b"),
    [(0.02, -0.04, 0.04), (1, -5, 5), (0.57, -1, 1), (0.5, -math.inf, 1), (0.2, 1, 3), (1, 0, 99)],
)
def test_std_before_is_left_with_the_std(std, a, b):
    before = std_before(std, a, b)
    assert before > std
    assert stats.truncnorm(a / before, b / before).std() * before == pytest.approx(std, rel=1e-6)


@pytest.mark.parametrize(("std", "a", "b"), [(1, -1, 1), (0.5774, -1, 1), (3, 0, 10)])
def test_no_cut_leaves_more_than_a_uniform_distribution(std, a, b):
    with pytest.raises(ValueError, match="a uniform distribution between them has"):
        std_before(std, a, b)


@pytest.mark.parametrize(
    ("options", "before", "low", "high"),
    [
        ({"std": 0.5, "a": -1, "b": 0.75}, 0.5, -1, 0.75),
        ({"std": 0.02}, 0.02, -2, 2),
        ({"std": 0.02, "bounds_in_std": True}, 0.02, -0.04, 0.04),
        (
            {"std": 0.02, "bounds_in_std": True, "exact_std": True},
            0.02 / std_left(-2, 2),
            None,
            None,
        ),
        ({"std": 0.02, "a": -0.04, "b": 0.04, "exact_std": True}, None, -0.04, 0.04),
        (
            {"mean": 3, "std": 0.1, "a": -1, "b": 2, "bounds_in_std": True, "exact_std": True},
            0.1 / std_left(-1, 2),
            None,
            None,
        ),
    ],
)
def test_options_of_trunc_normal(options, before, low, high):
    w = init.trunc_normal_(np.empty(200_000), generator=minnet.Generator(seed=4), **options)
    mean, std = options.get("mean", 0), options["std"]
    a, b = options.get("a", -2), options.get("b", 2)
    before = std_before(std, a - mean, b - mean) if before is None else before
    if low is None:
        low, high = mean + a * before, mean + b * before
    assert low <= w.min() and w.max() <= high
    law = stats.truncnorm((low - mean) / before, (high - mean) / before, mean, before)
    assert stats.kstest(w, law.cdf).pvalue > 1e-3
    if options.get("exact_std"):
        assert w.std() == pytest.approx(std, rel=0.008)  # 5 standard errors of a normal's


def test_by_default_bounds_are_values_and_the_std_is_not_corrected():
    w = init.trunc_normal_(np.empty(100_000), generator=minnet.Generator(seed=4))
    assert w.std() == pytest.approx(std_left(-2, 2), rel=0.01)
    assert 1.99 < w.max() <= 2 and -2 <= w.min() < -1.99


@pytest.mark.parametrize(
    "options",
    [
        {"std": 1, "a": -1, "b": 1, "exact_std": True},
        {"a": 20, "b": 21, "bounds_in_std": True, "exact_std": True},
    ],
)
def test_an_impossible_std_changes_nothing(options):
    w, generator = np.full(5, 7.0), minnet.Generator(seed=1)
    with pytest.raises(ValueError, match=r"uniform distribution|too little left"):
        init.trunc_normal_(w, generator=generator, **options)
    np.testing.assert_array_equal(w, 7)
    assert generator.draw == 0
