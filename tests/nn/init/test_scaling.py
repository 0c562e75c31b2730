"""Variance scaling: laws and exact variances for every mode and distribution, and its cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minnet
from minnet.nn import init

SHAPE = (300, 500)
FANS = {"fan_in": 500, "fan_out": 300, "fan_avg": 400, "fan_geo_avg": math.sqrt(150_000)}
LAWS = {
    "normal": lambda std: stats.norm(0, std),
    "uniform": lambda std: stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std),
    "truncated_normal": lambda std: stats.truncnorm(-2, 2, 0, std / 0.87962566103423978),
}


def drawn(function, *arguments, shape=SHAPE, dtype=np.float64, **keywords):
    w = np.empty(shape, dtype)
    return function(w, *arguments, generator=minnet.Generator(seed=9), **keywords)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distribution", LAWS)
@pytest.mark.parametrize("mode", FANS)
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_law_and_variance(scale, mode, distribution, dtype):
    w = drawn(init.variance_scaling_, scale, mode, distribution, dtype=dtype).astype(np.float64)
    law = LAWS[distribution](math.sqrt(scale / FANS[mode]))
    assert law.var() == pytest.approx(scale / FANS[mode], rel=1e-9)
    assert stats.kstest(w.ravel(), law.cdf).pvalue > 1e-3
    assert law.ppf(0) <= w.min() and w.max() <= law.ppf(1)


def test_defaults():
    w = drawn(init.variance_scaling_)
    np.testing.assert_array_equal(w, drawn(init.variance_scaling_, 1.0, "fan_in", "normal"))
    assert w.std() == pytest.approx(1 / math.sqrt(500), rel=0.01)


def test_lecun_is_its_case():
    expected = drawn(init.variance_scaling_, 1.0, "fan_in", "truncated_normal")
    np.testing.assert_array_equal(drawn(init.lecun_normal_), expected)
    expected = drawn(init.variance_scaling_, 1.0, "fan_in", "uniform")
    np.testing.assert_array_equal(drawn(init.lecun_uniform_), expected)


@pytest.mark.parametrize(
    ("function", "arguments", "case"),
    [
        (init.xavier_normal_, (), (1, "fan_avg", "normal")),
        (init.xavier_uniform_, (), (1, "fan_avg", "uniform")),
        (init.kaiming_normal_, (0, "fan_in", "relu"), (2, "fan_in", "normal")),
        (init.kaiming_uniform_, (0, "fan_out", "relu"), (2, "fan_out", "uniform")),
    ],
)
def test_glorot_and_he_are_its_cases(function, arguments, case):
    np.testing.assert_allclose(
        drawn(function, *arguments), drawn(init.variance_scaling_, *case), rtol=1e-14
    )


@pytest.mark.parametrize("mode", FANS)
@pytest.mark.parametrize("distribution", LAWS)
def test_std_is_jaxs(mode, distribution):
    jax = pytest.importorskip("jax")
    fill = jax.nn.initializers.variance_scaling(2.0, mode, distribution, in_axis=1, out_axis=0)
    theirs = np.asarray(fill(jax.random.key(0), (400, 600)))
    ours = drawn(init.variance_scaling_, 2.0, mode, distribution, shape=(400, 600))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)
    if distribution != "normal":
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.0,), "scale must be a number above 0, got 0.0"),
        ((-1.0,), "scale must be"),
        ((math.nan,), "scale must be"),
        ((math.inf,), "scale must be"),
        ((1.0, "fan_sum"), "Mode fan_sum not supported, please use one of"),
        ((1.0, "fan_in", "cauchy"), "distribution must be .* got 'cauchy'"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_drawn(arguments, text):
    w, generator = np.full((3, 3), 7.0), minnet.Generator(seed=1)
    with pytest.raises(ValueError, match=text):
        init.variance_scaling_(w, *arguments, generator=generator)
    np.testing.assert_array_equal(w, 7)
    assert generator.draw == 0
