"""The device's elementary functions and activations have the CPU's bits."""

import numpy as np
import pytest

from minnet.kernels.cpu import pointwise as host
from minnet.kernels.cuda import pointwise
from minnet.kernels.cuda.array import from_host, to_host
from minnet.kernels.formulas import FORMULAS

EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, 100.0, -100.0, 3e5, 0.5, -0.5]
NUMBERS = (0.5, 1.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_same_bits(name, dtype):
    rng = np.random.default_rng(1)
    x = np.concatenate([EDGES, 3 * rng.standard_normal(10)]).astype(dtype)
    formula = FORMULAS[name]
    numbers = NUMBERS[: len(formula.numbers)]
    arrays = (rng.standard_normal(x.size).astype(dtype), x)[-len(formula.arrays) :]
    expected = getattr(host, name)(*arrays, *numbers)
    found = getattr(pointwise, name)(*map(from_host, arrays), *numbers)
    np.testing.assert_array_equal(to_host(found), expected, strict=True)
    np.testing.assert_array_equal(np.signbit(to_host(found)), np.signbit(expected))


def test_layouts():
    x = np.linspace(-2, 2, 30, dtype=np.float32).reshape(5, 6)
    for view in (lambda x: x.T, lambda x: x[1:, 1:3], lambda x: x.reshape(-1)[1:], lambda x: x[:0]):
        found = pointwise.relu(view(from_host(x)))
        np.testing.assert_array_equal(to_host(found), host.relu(view(x)), strict=True)
