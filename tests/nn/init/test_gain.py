"""Gains: torch's table exactly, and what quadrature makes of any activation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
from minnet import nn
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


# gain: forward and backward, as computed elsewhere to six digits.

KNOWN = {
    "relu": (1.414214, 1.414214),
    "tanh": (1.592537, 1.467414),
    "sigmoid": (1.846229, 4.722646),
    "gelu": (1.533530, 1.481114),
    "silu": (1.676532, 1.623320),
    "softsign": (2.337533, 2.095781),
    "elu": (1.245198, 1.223429),
    "selu": (1.000000, 0.966026),
    "mish": (1.486848, 1.444755),
    "softplus": (1.041867, 1.846229),
    "sin": (1.520867, 1.327251),
    "squared_relu": (0.816497, 0.707107),
}
MODULES = {
    "relu": nn.ReLU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "softplus": nn.Softplus(),
    "relu6": nn.ReLU6(),
    "hardtanh": nn.Hardtanh(),
    "logsigmoid": nn.LogSigmoid(),
    "leaky_relu": nn.LeakyReLU(),
    "identity": nn.Identity(),
}


@pytest.mark.parametrize(("name", "known"), KNOWN.items())
def test_gains_are_the_known_ones(name, known):
    assert init.gain(name) == pytest.approx(known[0], abs=6e-7)
    assert init.gain(name, "forward") == init.gain(name)
    assert init.gain(name, mode="backward") == pytest.approx(known[1], abs=6e-7)


@pytest.mark.parametrize("mode", ["forward", "backward"])
@pytest.mark.parametrize(("name", "module"), MODULES.items())
def test_a_module_has_the_gain_of_its_name(name, module, mode):
    assert init.gain(module, mode) == pytest.approx(init.gain(name, mode), rel=2e-9)


@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_gains_of_piecewise_linear_activations_are_exact(mode):
    assert init.gain("relu", mode) == init.gain(nn.ReLU(), mode) == math.sqrt(2)
    assert (
        init.gain("linear", mode) == init.gain("conv2d", mode) == init.gain(lambda z: z, mode) == 1
    )
    assert init.gain("leaky_relu", mode) == init.calculate_gain("leaky_relu")
    assert init.gain("leaky_relu", mode, 0.3) == init.calculate_gain("leaky_relu", 0.3)
    assert init.gain(nn.LeakyReLU(0.3), mode) == pytest.approx(init.gain("leaky_relu", mode, 0.3))


def gelu_of_a_number(x):
    return x * (1 + math.erf(x / math.sqrt(2))) / 2


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (np.tanh, "tanh"),
        (lambda z: np.where(z > 0, z, 0), "relu"),
        (minnet.tanh, "tanh"),
        (nn.functional.gelu, "gelu"),
        (lambda x: x.relu(), "relu"),
        (lambda x: x * nn.functional.sigmoid(x), "silu"),
        (math.tanh, "tanh"),
        (gelu_of_a_number, "gelu"),
        (nn.ReLU(inplace=True), "relu"),
        (nn.Sequential(nn.Identity(), nn.SiLU()), "silu"),
    ],
)
@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_functions_of_arrays_tensors_and_numbers(activation, name, mode):
    assert init.gain(activation, mode) == pytest.approx(init.gain(name, mode), rel=2e-9)


@pytest.mark.parametrize("mode", ["forward", "backward"])
def test_torchs_modules_and_functions(mode):
    torch = pytest.importorskip("torch")
    for activation, name in (
        (torch.nn.Mish(), "mish"),
        (torch.nn.functional.softsign, "softsign"),
        (lambda x: torch.relu(x) ** 2, "squared_relu"),
    ):
        assert init.gain(activation, mode) == pytest.approx(init.gain(name, mode), rel=2e-9)
    assert torch.is_grad_enabled() and minnet.is_grad_enabled()


@pytest.mark.parametrize("bound", [0.3137, 1.0, 2.5])
def test_kinks_of_unknown_functions_are_found(bound):
    gain = init.gain(lambda z: np.clip(z, -bound, bound), "backward")
    assert gain == pytest.approx(math.erf(bound / math.sqrt(2)) ** -0.5, rel=1e-8)


@pytest.mark.parametrize(
    ("activation", "mode", "error", "text"),
    [
        ("relu", "sideways", ValueError, 'mode must be "forward" or "backward"'),
        ("swoosh", "forward", ValueError, "Unsupported nonlinearity swoosh; known are conv1d"),
        (3.0, "forward", TypeError, "a name, a module or a function, got float"),
        (np.log, "forward", ValueError, "log has no forward gain: .* not finite"),
        (np.zeros_like, "forward", ValueError, "zeros_like has no forward gain: f is 0"),
        (np.ones_like, "backward", ValueError, "has no backward gain: its slope is 0"),
        (np.sign, "backward", ValueError, "sign has no backward gain: the function jumps near"),
        (
            nn.Softmax(0),
            "forward",
            ValueError,
            "Softmax has no gain: .* not the same beside others",
        ),
        (nn.Dropout(0.5), "forward", ValueError, "Dropout has no gain"),
        (lambda z: z.mean(), "forward", TypeError, "element by element"),
        (nn.Linear(3, 3), "forward", TypeError, "Linear maps neither"),
    ],
)
def test_what_has_no_gain_is_refused(activation, mode, error, text):
    minnet.manual_seed(0)
    with pytest.raises(error, match=text):
        init.gain(activation, mode)


@pytest.mark.parametrize("function", ["xavier_uniform_", "xavier_normal_", "orthogonal_"])
@pytest.mark.parametrize("activation", ["gelu", nn.GELU(), nn.functional.gelu])
def test_gain_arguments_take_activations(function, activation):
    fill = getattr(init, function)
    w = fill(np.empty((30, 40)), activation, generator=minnet.Generator(seed=1))
    expected = fill(np.empty((30, 40)), init.gain("gelu"), generator=minnet.Generator(seed=1))
    np.testing.assert_allclose(w, expected, rtol=1e-8)


@pytest.mark.parametrize("function", [init.kaiming_uniform_, init.kaiming_normal_])
@pytest.mark.parametrize("activation", ["gelu", nn.GELU(), nn.functional.gelu])
def test_nonlinearities_take_activations_forward_and_backward(function, activation):
    for mode, way in (("fan_in", "forward"), ("fan_out", "backward")):
        w = function(np.empty((30, 40)), 0, mode, activation, generator=minnet.Generator(seed=1))
        unit = function(np.empty((30, 40)), 0, mode, "linear", generator=minnet.Generator(seed=1))
        np.testing.assert_allclose(w, unit * init.gain("gelu", way), rtol=1e-8)


@pytest.mark.parametrize("name", ["tanh", "selu", "sigmoid", "relu"])
def test_nonlinearities_that_torch_knows_have_torchs_gain(name):
    w = init.kaiming_normal_(
        np.empty((30, 40)), nonlinearity=name, generator=minnet.Generator(seed=1)
    )
    unit = init.kaiming_normal_(
        np.empty((30, 40)), nonlinearity="linear", generator=minnet.Generator(seed=1)
    )
    np.testing.assert_allclose(w, unit * init.calculate_gain(name), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_forward_gain_keeps_the_second_moment_through_layers(name):
    function = init.gain.__globals__["_FUNCTIONS"][name]
    y, generator = np.random.default_rng(0).normal(size=(300, 500)), minnet.Generator(seed=0)
    for _ in range(2):
        w = init.variance_scaling_(np.empty((500, 500)), init.gain(name) ** 2, generator=generator)
        y = function(y.ravel()).reshape(y.shape) @ w.T
    assert (y**2).mean() == pytest.approx(1, abs=0.3)
