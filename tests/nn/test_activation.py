"""Activation layers: they print and compute as torch's."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn
from minnet.nn import activation

SESSIONS = """
>>> nn.ReLU()
ReLU()

>>> nn.ReLU(True)
ReLU(inplace=True)

>>> nn.LeakyReLU()
LeakyReLU(negative_slope=0.01)

>>> nn.LeakyReLU(0.2, True)
LeakyReLU(negative_slope=0.2, inplace=True)

>>> nn.Tanh()
Tanh()

>>> nn.Sigmoid()
Sigmoid()

>>> nn.GELU()
GELU(approximate='none')

>>> nn.GELU('tanh')
GELU(approximate='tanh')

>>> nn.SiLU()
SiLU()

>>> nn.SiLU(inplace=True)
SiLU(inplace=True)

>>> nn.ELU()
ELU(alpha=1.0)

>>> nn.ELU(0.5, inplace=True)
ELU(alpha=0.5, inplace=True)

>>> nn.SELU()
SELU()

>>> nn.Softplus()
Softplus(beta=1.0, threshold=20.0)

>>> nn.Softplus(2, 10)
Softplus(beta=2, threshold=10)

>>> nn.Softmax()
Softmax(dim=None)

>>> nn.Softmax(dim=-1)
Softmax(dim=-1)

>>> nn.LogSoftmax(1)
LogSoftmax(dim=1)

>>> nn.ReLU6()
ReLU6()

>>> nn.ReLU6(True)
ReLU6(inplace=True)

>>> nn.Hardtanh()
Hardtanh(min_val=-1.0, max_val=1.0)

>>> nn.Hardtanh(-2, 2, True)
Hardtanh(min_val=-2, max_val=2, inplace=True)

>>> nn.LogSigmoid()
LogSigmoid()

>>> nn.PReLU(3)
PReLU(num_parameters=3)

>>> nn.PReLU(2, 0.5).state_dict()["weight"]
tensor([0.5000, 0.5000])

>>> nn.PReLU(2)(torch.zeros(4, 3))
RuntimeError: Mismatch of parameter numbers and input channel size. Found parameter numbers = 2 and channel size = 3.

>>> nn.RReLU(0.25, 0.5, inplace=True)
RReLU(lower=0.25, upper=0.5, inplace=True)

>>> nn.RReLU(0.5, 0.25)(torch.zeros(1))
RuntimeError: Lower bound should be less than or equal to the upper bound

>>> nn.Threshold(1, 2)
Threshold(threshold=1, value=2)

>>> nn.Softshrink(0.25), nn.Hardshrink(2)
(Softshrink(0.25), Hardshrink(2))

>>> nn.Softmax2d()(torch.zeros(2, 2))
ValueError: Softmax2d: expected input to be 3D or 4D, got 2D instead

>>> nn.GLU()(torch.zeros(3))
RuntimeError: Halving dimension must be even, but dimension 0 is size 3

>>> nn.functional.threshold(torch.tensor([1, 2, 3]), 2, 9.7)
tensor([9, 9, 3])

>>> x = torch.tensor([[-1.0, 4.0], [-2.0, -3.0]])
>>> layer = nn.PReLU(2)
>>> layer(x).sum().backward()
>>> layer.weight.grad
tensor([-3., -3.])

>>> x = torch.tensor([-1.0, 0.0, 2.0])
>>> y = nn.ReLU(inplace=True)(x)
>>> (y is x, x.tolist())
(True, [0.0, 0.0, 2.0])

>>> x = torch.tensor([[-1.0, 0.0, 2.0]])
>>> tuple(nn.Softmax(dim=3)(x).shape)
IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 3)

>>> x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
>>> y = nn.ReLU()(x)
>>> y.sum().backward()
>>> (y, x.grad)
(tensor([0., 0., 2.], grad_fn=<ReluBackward0>), tensor([0., 0., 1.]))
"""  # noqa: E501

LAYERS: dict[str, Any] = {
    "ReLU": lambda nn: nn.ReLU(),
    "LeakyReLU": lambda nn: nn.LeakyReLU(0.2),
    "Tanh": lambda nn: nn.Tanh(),
    "Sigmoid": lambda nn: nn.Sigmoid(),
    "GELU": lambda nn: nn.GELU(),
    "GELU tanh": lambda nn: nn.GELU(approximate="tanh"),
    "SiLU": lambda nn: nn.SiLU(),
    "ELU": lambda nn: nn.ELU(0.7),
    "SELU": lambda nn: nn.SELU(),
    "Softplus": lambda nn: nn.Softplus(2.0, 3.0),
    "LogSigmoid": lambda nn: nn.LogSigmoid(),
    "ReLU6": lambda nn: nn.ReLU6(),
    "Hardtanh": lambda nn: nn.Hardtanh(-0.5, 2.0),
    "Softmax": lambda nn: nn.Softmax(dim=-1),
    "LogSoftmax": lambda nn: nn.LogSoftmax(dim=1),
    "Softmin": lambda nn: nn.Softmin(dim=1),
    "Threshold": lambda nn: nn.Threshold(-0.25, 3.0),
    "Hardshrink": lambda nn: nn.Hardshrink(0.5),
    "Softshrink": lambda nn: nn.Softshrink(0.25),
    "Tanhshrink": lambda nn: nn.Tanhshrink(),
    "RReLU evaluated": lambda nn: nn.RReLU(0.1, 0.3).eval(),
}
# torch's values at -3, -0.5, 0, 0.5, 8 and, along the one dimension, its softmax.
X = [[-3.0, -0.5, 0.0, 0.5, 8.0]]
KNOWN = {
    "ReLU": (
        [0, 0, 0, 0.5, 8],
        [0, 0, 0, 4, 5],
    ),
    "LeakyReLU": (
        [-0.6, -0.1, 0, 0.5, 8],
        [0.2, 0.4, 0.6, 4, 5],
    ),
    "Tanh": (
        [-0.9950548, -0.4621172, 0, 0.4621172, 0.9999998],
        [0.009866037, 1.572895, 3, 3.145791, 2.250703e-06],
    ),
    "Sigmoid": (
        [0.04742587, 0.3775407, 0.5, 0.6224593, 0.9996646],
        [0.04517666, 0.4700074, 0.75, 0.9400148, 0.001676188],
    ),
    "GELU": (
        [-0.004049694, -0.1542688, 0, 0.3457312, 8],
        [-0.01194565, 0.2650098, 1.5, 3.46998, 5],
    ),
    "GELU tanh": (
        [-0.003637392, -0.154286, 0, 0.345714, 8],
        [-0.01158417, 0.2652602, 1.5, 3.46948, 5],
    ),
    "SiLU": (
        [-0.1422776, -0.1887703, 0, 0.3112297, 7.997317],
        [-0.08810411, 0.5200776, 1.5, 2.959845, 5.011733],
    ),
    "ELU": (
        [-0.6651491, -0.2754285, 0, 0.5, 8],
        [0.03485095, 0.8491429, 2.1, 4, 5],
    ),
    "SELU": (
        [-1.670569, -0.6917582, 0, 0.5253505, 8.405608],
        [0.08753061, 2.132682, 5.274298, 4.202804, 5.253505],
    ),
    "Softplus": (
        [0.001237843, 0.1566308, 0.3465736, 0.6566308, 8],
        [0.002472623, 0.5378828, 1.5, 2.924234, 5],
    ),
    "LogSigmoid": (
        [-3.048587, -0.974077, -0.6931472, -0.474077, -0.0003354064],
        [0.9525741, 1.244919, 1.5, 1.510163, 0.001676751],
    ),
    "ReLU6": (
        [0, 0, 0, 0.5, 6],
        [0, 0, 0, 4, 0],
    ),
    "Hardtanh": (
        [-0.5, -0.5, 0, 0.5, 2],
        [0, 0, 3, 4, 0],
    ),
    "Softmax": (
        [1.66832e-05, 0.000203243, 0.0003350911, 0.0005524718, 0.9988925],
        [-6.670113e-05, -0.0006093431, -0.0006695458, -0.0005514226, 0.001897013],
    ),
    "LogSoftmax": (
        [-11.00111, -8.501108, -8.001108, -7.501108, -0.001108103],
        [0.9997498, 1.996951, 2.994974, 3.991713, -9.983388],
    ),
    "Softmin": (
        [0.8605214, 0.0706359, 0.04284284, 0.02598549, 1.437217e-05],
        [0.2016508, -0.0540834, -0.07564608, -0.07186716, -5.412077e-05],
    ),
    "Threshold": (
        [3, 3, 0, 0.5, 8],
        [0, 0, 3, 4, 5],
    ),
    "Hardshrink": (
        [-3, 0, 0, 0, 8],
        [1, 0, 0, 0, 5],
    ),
    "Softshrink": (
        [-2.75, -0.25, 0, 0.25, 7.75],
        [1, 2, 0, 4, 5],
    ),
    "Tanhshrink": (
        [-2.004945, -0.03788284, 0, 0.03788284, 7],
        [0.990134, 0.4271045, 0, 0.8542091, 4.999998],
    ),
    "RReLU evaluated": (
        [-0.6, -0.1, 0, 0.5, 8],
        [0.2, 0.4, 0.6, 4, 5],
    ),
}


@minnet_and_torch(SESSIONS)
def test_activations(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def run(library: Any, name: str, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    x = library.tensor(X, dtype=dtype, requires_grad=True)
    y = LAYERS[name](library.nn)(x)
    (y * library.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], dtype=dtype)).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("name", LAYERS)
def test_values_are_the_known_ones(name: str) -> None:
    value, gradient = run(minnet, name, minnet.float64)
    np.testing.assert_allclose(value[0], KNOWN[name][0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(gradient[0], KNOWN[name][1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(
        run(minnet, name, minnet.float64), run(torch, name, torch.float64), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def options_of(name: str) -> dict[str, Any]:
    if name == "Threshold":
        return {"threshold": -0.25, "value": 3.0}
    return {"dim": 1} if "dim" in inspect.signature(getattr(nn, name)).parameters else {}


def input_for(name: str) -> list[Any]:
    """Return X, or its first four numbers in a shape that the layer takes."""
    even: Any = {"GLU": [X[0][:4]], "Softmax2d": [[[[x]] for x in X[0][:4]]]}
    return even.get(name, X)


IN_PLACE = [
    name
    for name in activation.__all__
    if "inplace" in inspect.signature(getattr(nn, name)).parameters
]


def test_every_layer_is_exported() -> None:
    layers = [
        name
        for name, value in vars(activation).items()
        if inspect.isclass(value) and value.__module__ == activation.__name__ and name[0] != "_"
    ]
    assert sorted(layers) == sorted(activation.__all__)
    assert set(layers) <= set(nn.__all__)


@pytest.mark.parametrize("name", activation.__all__)
def test_every_layer_computes_the_function_of_its_name(name: str) -> None:
    functions = {f.replace("_", ""): f for f in nn.functional.__all__ if f[-1] != "_"}
    x = minnet.tensor(input_for(name))
    options = options_of(name)
    layer = getattr(nn, name)(**options).eval()
    arguments = {"PReLU": {"weight": minnet.tensor([0.25])}, "Softmax2d": {"dim": 1}}
    function = "softmax" if name == "Softmax2d" else functions[name.lower()]
    expected = getattr(nn.functional, function)(x, **arguments.get(name, options))
    assert layer(x).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("name", "flag"),
    [*((n, {}) for n in activation.__all__), *((n, {"inplace": True}) for n in IN_PLACE)],
)
def test_every_layer_prints_and_computes_as_torchs(name: str, flag: dict[str, bool]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (
        getattr(library.nn, name)(**options_of(name), **flag).eval() for library in (minnet, torch)
    )
    assert repr(ours) == repr(theirs)
    for parameter in inspect.signature(type(ours)).parameters.values():
        if parameter.name not in ("args", "kwargs"):
            default = inspect.signature(type(theirs)).parameters[parameter.name].default
            assert parameter.default == default
    x = input_for(name)
    y = ours.double()(minnet.tensor(x, dtype=minnet.float64)).detach().numpy()
    expected = theirs.double()(torch.tensor(x, dtype=torch.float64)).detach().numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_overwrites_the_input(name: str) -> None:
    x = minnet.tensor([-3.0, 0.5, 8.0])
    expected = getattr(nn, name)(**options_of(name)).eval()(x).tolist()
    y = getattr(nn, name)(**options_of(name), inplace=True).eval()(x)
    assert y is x
    assert x.tolist() == expected


def test_empty_range() -> None:
    with pytest.raises(ValueError, match=r"max_val \(1\) must be greater than min_val \(2\)"):
        nn.Hardtanh(2, 1)


def test_implicit_dimension_warns() -> None:
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        result = nn.Softmax()(minnet.zeros(2, 4))
    assert result.tolist() == [[0.25] * 4] * 2


def test_activations_have_no_parameters() -> None:
    for build in LAYERS.values():
        assert list(build(nn).state_dict()) == []


@pytest.mark.parametrize("name", IN_PLACE)
def test_gradient_through_an_activation_in_place(name: str) -> None:
    def gradient(layer: Any) -> Any:
        x = minnet.tensor([-4.0, -1.0, 0.0, 2.0, 7.0], requires_grad=True)
        layer(x * 1.5).backward(minnet.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))
        return x.grad.tolist()

    layer, options = getattr(nn, name), options_of(name)
    assert gradient(layer(**options, inplace=True).eval()) == gradient(layer(**options).eval())


def test_a_leaf_that_requires_grad_is_not_overwritten() -> None:
    x = minnet.tensor([-1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        nn.ReLU(inplace=True)(x)
    assert x.tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_slopes_of_rrelu_are_torchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((40, 5)).astype(dtype)
    torch.manual_seed(3)
    minnet.manual_seed(3, engine="torch")
    expected = torch.nn.RReLU()(torch.tensor(x)).numpy()
    np.testing.assert_array_equal(nn.RReLU()(minnet.tensor(x)).numpy(), expected)


def test_rrelu_draws_a_slope_for_each_element() -> None:
    minnet.manual_seed(0)
    x = minnet.full((1000,), -1.0, requires_grad=True)
    y = nn.RReLU(0.25, 0.75)(x)
    slopes = -y.detach().numpy()
    assert 0.25 <= slopes.min() < 0.26 and 0.74 < slopes.max() <= 0.75
    y.sum().backward()
    assert x.grad.tolist() == slopes.tolist()


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_is_torchs(hard: bool) -> None:
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)

    def run(library: Any) -> tuple[np.ndarray, np.ndarray]:
        x = library.tensor(logits, requires_grad=True)
        y = library.nn.functional.gumbel_softmax(x, tau=0.5, hard=hard)
        (y * y).sum().backward()
        return y.detach().numpy(), x.grad.numpy()

    torch.manual_seed(3)
    minnet.manual_seed(3, engine="torch")
    for ours, theirs in zip(run(minnet), run(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_hard_samples_follow_the_probabilities() -> None:
    minnet.manual_seed(0)
    p = minnet.tensor([0.1, 0.2, 0.7])
    sample = nn.functional.gumbel_softmax(p.log().expand(20000, 3), hard=True)
    assert sample.sum(1).tolist() == [1.0] * 20000
    np.testing.assert_allclose(sample.mean(0).numpy(), p.numpy(), atol=0.015)
