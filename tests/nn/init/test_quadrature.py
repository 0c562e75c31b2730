"""Quadrature against the normal density: closed forms, kinks and jumps anywhere, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from minnet.nn.init.quadrature import expectation

NORMAL = stats.norm


@pytest.mark.parametrize("std", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("power", range(1, 9))
def test_moments_of_the_normal(power, std):
    expected = 0 if power % 2 else std**power * math.prod(range(1, power, 2))
    size = math.sqrt(2 / math.pi) * std**power * math.prod(range(2, power, 2))
    assert expectation(lambda x: x, power, std=std) == pytest.approx(
        expected, rel=1e-11, abs=1e-11 * size
    )


@pytest.mark.parametrize("std", [0.1, 1.0, 3.0])
def test_characteristic_function_and_its_derivative(std):
    q = std**2
    assert expectation(np.cos, std=std) == pytest.approx(math.exp(-q / 2), rel=1e-12)
    square = (1 + math.exp(-2 * q)) / 2
    assert expectation(np.sin, 2, derivative=True, std=std) == pytest.approx(square, rel=1e-11)
    assert expectation(np.exp, std=std) == pytest.approx(math.exp(q / 2), rel=1e-9)


KINKS = [0.0, 1.0, -2.0, 0.5, 0.3137, -1.234567, 0.999, 0.9999999, -1.0001, 3.999]


@pytest.mark.parametrize("k", KINKS)
@pytest.mark.parametrize("std", [0.3, 1.0, 2.0])
def test_a_kink_anywhere_is_found(k, std):
    tail, density = NORMAL(0, std).sf(k), NORMAL(0, std).pdf(k) * std**2

    def rectified(x):
        return np.maximum(x - k, 0)

    assert expectation(rectified, 1, std=std) == pytest.approx(
        density - k * tail, rel=1e-8, abs=1e-9
    )
    second = (std**2 + k**2) * tail - k * density
    assert expectation(rectified, 2, std=std) == pytest.approx(second, rel=1e-8, abs=1e-9)
    slope = expectation(rectified, 2, derivative=True, std=std)
    assert slope == pytest.approx(tail, rel=1e-8, abs=1e-7 if k == 0.9999999 else 1e-9)


@pytest.mark.parametrize("k", KINKS)
def test_a_jump_anywhere_is_found(k):
    assert expectation(lambda x: x > k, 2) == pytest.approx(NORMAL.sf(k), rel=1e-8, abs=1e-9)


def test_many_jumps():
    expected = sum(
        (i / 10) ** 2 * (NORMAL.cdf((i + 1) / 10) - NORMAL.cdf(i / 10)) for i in range(-100, 100)
    )
    assert expectation(lambda x: np.floor(10 * x) / 10, 2) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("function", [np.tanh, np.arctan, lambda x: np.exp(-np.abs(x)), np.cbrt])
@pytest.mark.parametrize("power", [2, 3, 4])
@pytest.mark.parametrize("std", [0.5, 1.0, 20.0])
def test_it_is_scipys(function, power, std):
    def integrand(z):
        return function(std * z) ** power * NORMAL.pdf(z)

    expected = 0.0
    for a, b in ((-12, -1), (-1, 0), (0, 1), (1, 12)):
        expected += integrate.quad(integrand, a, b, epsabs=1e-13, epsrel=1e-12, limit=500)[0]
    assert expectation(function, power, std=std) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("std", [0.5, 1.0, 20.0])
def test_derivative_of_a_steep_function(std):
    def slope(z):
        return (1 - np.tanh(std * z) ** 2) ** 2 * NORMAL.pdf(z)

    expected = 2 * integrate.quad(slope, 0, 12, epsabs=1e-14, epsrel=1e-12, limit=500)[0]
    assert expectation(np.tanh, 2, derivative=True, std=std) == pytest.approx(expected, rel=1e-9)


def test_single_precision_does_for_the_mean():
    single = expectation(lambda x: np.tanh(x.astype(np.float32)), 2)
    assert single == pytest.approx(expectation(np.tanh, 2), rel=1e-6)


def test_the_function_gets_vectors_of_float64():
    seen = set()

    def function(x):
        seen.add((x.dtype, x.ndim))
        return x

    expectation(function)
    assert seen == {(np.dtype(np.float64), 1)}


def test_zero_has_mean_zero():
    assert expectation(np.zeros_like, 2) == 0
    assert expectation(np.ones_like, 2, derivative=True) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize(
    ("function", "derivative", "text"),
    [
        (np.log, False, "not finite at -12"),
        (lambda x: np.exp(x**2 / 4), False, "grows too fast"),
        (lambda x: (x > 0.3) * 1.0, True, "jumps near 0.3"),
        (lambda x: np.cbrt(x - 0.3), True, "rough near 0.3.* slope is infinite"),
        (lambda x: np.tanh(x.astype(np.float32)), True, "double precision"),
    ],
)
def test_what_has_no_finite_mean_is_refused(function, derivative, text):
    with pytest.raises(ValueError, match=text):
        expectation(function, 2, derivative=derivative)
