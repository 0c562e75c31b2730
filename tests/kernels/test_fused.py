"""A product and a sum rounded once, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from minnet.kernels.fused import fused


def nearest(exact, dtype):
    """Return the number of a dtype that is nearest to a fraction."""
    guess = np.float64(float(exact)).astype(dtype)
    near = [guess, *(np.nextafter(guess, dtype(way)) for way in (np.inf, -np.inf))]
    return min(near, key=lambda v: (abs(Fraction(float(v)) - exact), v.view(f"u{v.itemsize}") & 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_result_is_the_nearest(dtype):
    rng = np.random.default_rng(0)
    for _ in range(2000):
        a, b = (dtype(v) for v in rng.normal(size=2) * 2.0 ** rng.integers(-30, 30, 2))
        off = rng.choice([0.0, 2.0**-52, 2.0**-24, 1.0, -2.0, 1e-20])
        c = dtype(-float(a) * float(b) * (1 + off))
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        assert fused(a, b, c, dtype) == nearest(exact, dtype)


def test_infinities_and_nan_pass():
    found = fused([np.inf, 1e200, 1.0, np.nan], [1.0, 1e200, 2.0, 1.0], [1.0, 0.0, 3.0, 0.0], "f8")
    np.testing.assert_array_equal(found, [np.inf, np.inf, 5.0, np.nan])
