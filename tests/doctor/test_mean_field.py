"""Mean-field theory against closed forms, and against wide random layers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minnet.doctor import mean_field


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 50.0])
def test_relu_halves_the_second_moment_and_the_slopes(q: float) -> None:
    assert mean_field.variance_map(relu, q, 3.0, 0.5) == pytest.approx(1.5 * q + 0.5, rel=1e-9)
    assert mean_field.susceptibility(relu, q, 2.0) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("q", [0.1, 1.0, 4.0])
def test_sine_has_its_closed_form(q: float) -> None:
    square = (1 - math.exp(-2 * q)) / 2
    assert mean_field.variance_map(np.sin, q, 1.7, 0.1) == pytest.approx(1.7 * square + 0.1)
    assert mean_field.susceptibility(np.sin, q, 1.7) == pytest.approx(1.7 * (1 - square))


def test_second_moment_at_zero_variance_is_the_value_at_zero() -> None:
    assert mean_field.variance_map(np.cos, 0.0, 2.0, 0.25) == 2.25


@pytest.mark.parametrize(
    ("weight", "bias", "limit"), [(2.0, 0.0, 1.0), (1.0, 0.5, 1.0), (1.9, 0.0, 0.0)]
)
def test_fixed_point_of_relu(weight: float, bias: float, limit: float) -> None:
    assert mean_field.fixed_point(relu, weight, bias) == pytest.approx(limit, abs=1e-8)


def test_fixed_point_of_relu_with_too_much_weight_is_infinite() -> None:
    assert mean_field.fixed_point(relu, 2.1) == math.inf


@pytest.mark.parametrize("start", [1e-3, 1.0, 100.0])
def test_fixed_point_is_where_the_repeated_map_leads(start: float) -> None:
    found = mean_field.fixed_point(np.tanh, 2.5, 0.1, start)
    q = start
    for _ in range(100):
        q = mean_field.variance_map(np.tanh, q, 2.5, 0.1)
    assert found == pytest.approx(q, rel=1e-7)


def test_depth_scale() -> None:
    assert mean_field.depth_scale(math.exp(-0.1)) == pytest.approx(10)
    assert mean_field.depth_scale(math.exp(0.1)) == pytest.approx(10)
    assert mean_field.depth_scale(1.0) == math.inf
    assert mean_field.depth_scale(0.0) == 0.0


def test_tanh_is_critical_at_weight_one() -> None:
    # Without biases the signal then fades, but slowly: χ comes up to 1 from below.
    assert mean_field.fixed_point(np.tanh, 1.0) < 1e-3
    assert mean_field.susceptibility(np.tanh, 1e-6, 1.0) == pytest.approx(1, abs=1e-5)
