"""The ranges in which an activation is flat, and what follows from them, against the slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from minnet import nn
from minnet.doctor.observation import elementwise
from minnet.doctor.units import FLAT, OFF, examine_units, ranges_below


@pytest.mark.parametrize(
    ("f", "share", "expected"),
    [
        (lambda z: np.maximum(z, 0), FLAT, [(-math.inf, 0)]),
        (lambda z: np.maximum(z - 3, 0), OFF, [(-math.inf, 3)]),
        (lambda z: np.clip(z, -1, 1), FLAT, [(-math.inf, -1), (1, math.inf)]),
        (np.tanh, FLAT, [(-math.inf, -math.atanh(0.95**0.5)), (math.atanh(0.95**0.5), math.inf)]),
        (lambda z: z, OFF, []),
        (np.zeros_like, FLAT, []),  # there is no steepest slope
        (np.sign, OFF, [(-math.inf, math.inf)]),
    ],
)
def test_the_ranges_below_a_slope(
    f: Callable[[np.ndarray], np.ndarray], share: float, expected: list[tuple[float, float]]
) -> None:
    found = ranges_below(f, share)
    assert len(found) == len(expected)
    for ends, other in zip(found, expected, strict=True):
        assert ends == pytest.approx(other, abs=1e-4)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize(
    "activation", [nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.SELU, nn.ReLU6]
)
def test_they_say_what_differences_say(activation: Callable[[], nn.Module], scale: float) -> None:
    f = elementwise(activation())
    z = np.random.default_rng(0).normal(0, scale, (50, 200))

    def slope(z: np.ndarray) -> np.ndarray:
        step = 1e-5 * np.minimum(1, np.abs(z)) if "ReLU" in activation.__name__ else 1e-5
        return np.abs(f((z + step).ravel()) - f((z - step).ravel())).reshape(z.shape) / (2 * step)

    slopes = slope(z) / slope(np.linspace(-10, 10, 2001)[1:-1:2]).max()
    units = examine_units(f, z.astype(np.float32), f(z.ravel()).reshape(z.shape), q=scale**2)
    assert units.flat == pytest.approx((slopes < FLAT).mean(), abs=1e-3)
    assert units.dead == (slopes < OFF).all(axis=0).mean()
    assert units.flat_predicted == pytest.approx(units.flat, abs=5 * 0.5 / math.sqrt(z.size))


def test_how_likely_a_unit_is_dead_by_chance() -> None:
    f = elementwise(nn.ReLU())
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1, (5, 100_000)) * math.sqrt(0.4) + rng.normal(0, 1, 100_000) * math.sqrt(0.6)
    units = examine_units(f, z.astype(np.float32), np.maximum(z, 0))
    assert units.dead == pytest.approx((z < 0).all(axis=0).mean(), abs=1e-9)
    error = math.sqrt(units.dead * (1 - units.dead) / 100_000)
    assert units.dead_by_chance == pytest.approx(units.dead, abs=5 * error)
    # A bias moves what is dead, and not what chance makes so.
    bias = np.full(100_000, -1.0)
    assert examine_units(f, z - 1, np.maximum(z - 1, 0), bias).dead_by_chance == pytest.approx(
        units.dead_by_chance, rel=1e-4
    )


def test_a_unit_whose_inputs_are_all_0_is_not_dead() -> None:
    f, z = elementwise(nn.ReLU()), np.zeros((4, 3), np.float32)
    units = examine_units(f, z, z)
    assert (units.dead, units.dead_by_chance, units.flat, units.constant) == (0, 0, 0, 1)


def test_the_share_that_is_flat_for_unit_variance() -> None:
    z = np.ones((2, 2))
    found = examine_units(elementwise(nn.Tanh()), z, np.tanh(z)).flat_at_unit_variance
    expected = 2 * NormalDist().cdf(-math.atanh(math.sqrt(0.95)))
    assert found == pytest.approx(expected, rel=1e-4)
