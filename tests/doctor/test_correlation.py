"""The correlation of two inputs against closed forms, and against wide random layers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minnet.doctor import correlation, mean_field

CORRELATIONS = [0.0, 0.3, 0.9, 1.0]


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


@pytest.mark.parametrize("c", CORRELATIONS)
@pytest.mark.parametrize("q", [0.1, 2.0])
def test_sine_has_its_closed_form(c: float, q: float) -> None:
    product = math.exp(-q) * math.sinh(q * c)  # E[sin u sin v]
    found = correlation.correlation_map(np.sin, q, 1.7, 0.1)(c)
    assert found == pytest.approx((1.7 * product + 0.1) / q, rel=1e-12)


@pytest.mark.parametrize("c", [-0.5, *CORRELATIONS])
@pytest.mark.parametrize("q", [0.01, 30.0])
def test_relu_has_the_arc_cosine_kernel(c: float, q: float) -> None:
    # Cho and Saul (2009), "Kernel methods for deep learning".
    exact = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    assert correlation.correlation_map(relu, q, 2.0)(c) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("weight", [1.0, 1.76, 4.0])
def test_at_correlation_one_the_map_is_one_and_its_slope_is_the_susceptibility(weight) -> None:
    q = mean_field.fixed_point(np.tanh, weight, 0.05)
    chi = mean_field.susceptibility(np.tanh, q, weight)
    c = correlation.correlation_map(np.tanh, q, weight, 0.05)
    assert c(1.0) == pytest.approx(1, abs=1e-6)
    assert c.deriv()(1.0) == pytest.approx(chi, rel=1e-5)


def test_two_inputs_become_as_alike_as_the_limit_says() -> None:
    weight, bias, width = 3.0, 0.05, 2000
    q = mean_field.fixed_point(np.tanh, weight, bias)
    rng = np.random.default_rng(0)
    z = math.sqrt(q) * rng.standard_normal((2, width))
    for _ in range(15):
        w = rng.standard_normal((width, width)) * math.sqrt(weight / width)
        z = np.tanh(z) @ w.T + math.sqrt(bias) * rng.standard_normal(width)
    found = z[0] @ z[1] / np.linalg.norm(z[0]) / np.linalg.norm(z[1])
    limit = correlation.correlation_limit(np.tanh, q, weight, bias)
    assert 0.2 < limit < 0.4
    assert found == pytest.approx(limit, abs=5 / math.sqrt(width))


def test_in_the_ordered_phase_inputs_become_equal_at_the_rate_of_the_susceptibility() -> None:
    q = mean_field.fixed_point(np.tanh, 1.5, 0.05)
    assert correlation.correlation_limit(np.tanh, q, 1.5, 0.05) == 1
    chi = mean_field.susceptibility(np.tanh, q, 1.5)
    assert correlation.correlation_depth(np.tanh, 1.5, 0.05) == mean_field.depth_scale(chi)


def test_depth_diverges_at_the_edge_of_chaos_from_both_sides() -> None:
    # σb² = 0.05 has its critical point near σw² = 1.7604 for tanh.
    depths = [correlation.correlation_depth(np.tanh, w, 0.05) for w in (1.7, 1.75, 1.77, 1.85)]
    assert depths[0] < 100 < depths[1]
    assert depths[3] < 100 < depths[2]


def test_without_a_fixed_point_it_says_so() -> None:
    with pytest.raises(ValueError, match="goes to inf with depth"):
        correlation.correlation_depth(relu, 2.5)
    with pytest.raises(ValueError, match="goes to 0 with depth"):
        correlation.correlation_depth(np.tanh, 0.9)
