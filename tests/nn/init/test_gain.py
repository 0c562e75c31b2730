"""calculate_gain: the table, the slope's rules, and that the gains do what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minnet.nn import init

CONVOLUTIONS = [f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)]
TABLE = {
    **dict.fromkeys(["linear", "sigmoid", *CONVOLUTIONS], 1),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 0.75,
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
}


@pytest.mark.parametrize(("nonlinearity", "gain"), TABLE.items())
def test_gain_is_exact(nonlinearity, gain):
    assert init.calculate_gain(nonlinearity) == gain


@pytest.mark.parametrize("nonlinearity", sorted(set(TABLE) - {"leaky_relu"}))
def test_param_is_unused_except_by_leaky_relu(nonlinearity):
    assert init.calculate_gain(nonlinearity, "ignored") == TABLE[nonlinearity]


@pytest.mark.parametrize("slope", [0, 1, -3, 0.2, math.sqrt(5), 0.0])
def test_leaky_relu_takes_an_int_or_a_float_slope(slope):
    assert init.calculate_gain("leaky_relu", slope) == math.sqrt(2 / (1 + slope**2))


@pytest.mark.parametrize("slope", [True, False, "0.2", [0.2], np.float32(0.2)])
def test_leaky_relu_refuses_other_slopes(slope):
    with pytest.raises(ValueError) as error:
        init.calculate_gain("leaky_relu", slope)
    assert str(error.value) == f"negative_slope {slope} not a valid number"


@pytest.mark.parametrize("nonlinearity", ["gelu", "identity", "ReLU", "", None, 3, ["relu"]])
def test_unknown_nonlinearity_is_refused(nonlinearity):
    with pytest.raises(ValueError) as error:
        init.calculate_gain(nonlinearity)
    assert str(error.value) == f"Unsupported nonlinearity {nonlinearity}"


@pytest.mark.parametrize(
    ("nonlinearity", "param", "function"),
    [
        ("linear", None, lambda z: z),
        ("relu", None, lambda z: np.maximum(z, 0)),
        ("leaky_relu", 0.3, lambda z: np.where(z > 0, z, 0.3 * z)),
    ],
)
def test_gain_keeps_the_second_moment_of_normal_input(nonlinearity, param, function):
    z, weight = np.polynomial.hermite_e.hermegauss(200)
    second_moment = np.sum(weight * function(z) ** 2) / np.sum(weight)
    gain = init.calculate_gain(nonlinearity, param)
    assert gain**2 * second_moment == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("param", [None, 0, 0.2, 5, True, "x"])
@pytest.mark.parametrize("nonlinearity", [*TABLE, "gelu", "identity"])
def test_gain_is_torchs(nonlinearity, param):
    torch = pytest.importorskip("torch")

    def outcome(function):
        try:
            gain = function(nonlinearity, param)
        except ValueError as error:
            return str(error)
        return type(gain), gain

    assert outcome(init.calculate_gain) == outcome(torch.nn.init.calculate_gain)
