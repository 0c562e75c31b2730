"""Activations on tensors: gradients of any order, torch's values, names and errors."""

import numpy as np
import pytest
from gradcheck import check_gradient

import minnet
from minnet.functional import activation

equal = np.testing.assert_array_equal

POINTS = [-1.5, -0.25, 0.0, 0.75, 2.0]
# By function: its node, arguments to try besides its own, and torch 2.13's values and gradients at
# POINTS in float64 with its own.
CASES = {
    "exp": (
        "ExpBackward0",
        {},
        [0.22313016014842982, 0.7788007830714049, 1.0, 2.117000016612675, 7.38905609893065],
        [0.22313016014842982, 0.7788007830714049, 1.0, 2.117000016612675, 7.38905609893065],
    ),
    "expm1": (
        "Expm1Backward0",
        {},
        [-0.7768698398515702, -0.22119921692859512, 0.0, 1.1170000166126746, 6.38905609893065],
        [0.2231301601484298, 0.7788007830714049, 1.0, 2.117000016612675, 7.38905609893065],
    ),
    "log": ("LogBackward0", {}, None, None),
    "log1p": ("Log1PBackward0", {}, None, None),
    "sin": (
        "SinBackward0",
        {},
        [-0.9974949866040544, -0.24740395925452294, 0.0, 0.6816387600233341, 0.9092974268256817],
        [0.0707372016677029, 0.9689124217106447, 1.0, 0.7316888688738209, -0.4161468365471424],
    ),
    "cos": (
        "CosBackward0",
        {},
        [0.0707372016677029, 0.9689124217106447, 1.0, 0.7316888688738209, -0.4161468365471424],
        [0.9974949866040544, 0.24740395925452294, -0.0, -0.6816387600233341, -0.9092974268256817],
    ),
    "erf": (
        "ErfBackward0",
        {},
        [-0.9661051464753108, -0.27632639016823696, 0.0, 0.7111556336535151, 0.9953222650189527],
        [
            0.11893028922362936,
            1.0600141293761143,
            1.1283791670955126,
            0.6429310691952074,
            0.020666985354092053,
        ],
    ),
    "tanh": (
        "TanhBackward0",
        {},
        [-0.9051482536448664, -0.24491866240370913, 0.0, 0.6351489523872873, 0.9640275800758169],
        [0.1807066389236486, 0.940014848806378, 1.0, 0.5965858082813315, 0.07065082485316443],
    ),
    "sigmoid": (
        "SigmoidBackward0",
        {},
        [0.18242552380635635, 0.43782349911420193, 0.5, 0.679178699175393, 0.8807970779778823],
        [0.14914645207033286, 0.24613408273759835, 0.25, 0.21789499376181404, 0.10499358540350662],
    ),
    "logsigmoid": (
        "LogSigmoidBackward0",
        {},
        [
            -1.7014132779827524,
            -0.8259394198788436,
            -0.6931471805599453,
            -0.38687100611489994,
            -0.1269280110429725,
        ],
        [0.8175744761936437, 0.5621765008857982, 0.5, 0.32082130082460697, 0.11920292202211755],
    ),
    "silu": (
        "SiluBackward0",
        {},
        [-0.2736382857095345, -0.10945587477855048, 0.0, 0.5093840243815447, 1.7615941559557646],
        [-0.041294154299142946, 0.37628997842980233, 0.5, 0.8425999444967536, 1.0907842487848955],
    ),
    "gelu": (
        "GeluBackward0",
        {},
        [-0.10021080190328704, -0.10032341857926907, 0.0, 0.5800294857173489, 1.9544997361036416],
        [-0.1274691922299796, 0.304626645116364, 0.5, 0.9992257217392352, 1.085231801078197],
    ),
    "softplus": (
        "SoftplusBackward0",
        {"beta": 2.0, "threshold": 3.0},
        [
            0.2014132779827524,
            0.5759394198788436,
            0.6931471805599453,
            1.1368710061148999,
            2.1269280110429727,
        ],
        [0.18242552380635632, 0.4378234991142019, 0.5, 0.679178699175393, 0.8807970779778824],
    ),
    "relu": ("ReluBackward0", {}, [0.0, 0.0, 0.0, 0.75, 2.0], [0.0, 0.0, 0.0, 1.0, 1.0]),
    "leaky_relu": (
        "LeakyReluBackward0",
        {"negative_slope": 0.3},
        [-0.015, -0.0025, 0.0, 0.75, 2.0],
        [0.01, 0.01, 0.01, 1.0, 1.0],
    ),
    "elu": (
        "EluBackward0",
        {"alpha": 0.7},
        [-0.7768698398515702, -0.22119921692859512, 0.0, 0.75, 2.0],
        [0.22313016014842982, 0.7788007830714049, 1.0, 1.0, 1.0],
    ),
    "selu": (
        "EluBackward0",
        {},
        [-1.3658143533672527, -0.388890197478119, 0.0, 0.7880257405166103, 2.101401974710961],
        [
            0.392284987480124,
            1.3692091433692577,
            1.7580993408473766,
            1.0507009873554805,
            1.0507009873554805,
        ],
    ),
    "relu6": ("HardtanhBackward0", {}, [0.0, 0.0, 0.0, 0.75, 2.0], [0.0, 0.0, 0.0, 1.0, 1.0]),
    "hardtanh": (
        "HardtanhBackward0",
        {"min_val": -0.5, "max_val": 1.5},
        [-1.0, -0.25, 0.0, 0.75, 1.0],
        [0.0, 1.0, 1.0, 1.0, 0.0],
    ),
    "mish": (
        "MishBackward0",
        {},
        [-0.29809974216680674, -0.129926963679141, 0.0, 0.6100183352182934, 1.9439589595339946],
        [-0.06409781589225869, 0.43981560172180506, 0.6, 0.985758355716688, 1.0693179342794896],
    ),
    "hardswish": (
        "HardswishBackward0",
        {},
        [-0.375, -0.11458333333333333, 0.0, 0.46875, 1.6666666666666667],
        [0.0, 0.4166666666666667, 0.5, 0.75, 1.1666666666666665],
    ),
    "hardsigmoid": (
        "HardsigmoidBackward0",
        {},
        [0.25, 0.4583333333333333, 0.5, 0.625, 0.8333333333333334],
        [
            0.16666666666666666,
            0.16666666666666666,
            0.16666666666666666,
            0.16666666666666666,
            0.16666666666666666,
        ],
    ),
    "celu": (
        "CeluBackward0",
        {"alpha": 0.5},
        [-0.7768698398515702, -0.22119921692859512, 0.0, 0.75, 2.0],
        [0.22313016014842982, 0.7788007830714049, 1.0, 1.0, 1.0],
    ),
    "softsign": (
        "DivBackward0",
        {},
        [-0.6, -0.2, 0.0, 0.42857142857142855, 0.6666666666666666],
        [0.16000000000000003, 0.64, 1.0, 0.32653061224489793, 0.1111111111111111],
    ),
}
LOGARITHMS = ("log", "log1p")
ELEMENTARY = ("exp", "expm1", *LOGARITHMS, "sin", "cos", "erf", "tanh", "sigmoid")
FOR_INTEGERS = ("relu", "relu6", "hardtanh", "softsign")
VARIANTS = [*((name, case[1]) for name, case in CASES.items()), ("gelu", {"approximate": "tanh"})]
# Where the derivative jumps: its value there, which is one of the two one-sided ones.
KINKS = {
    "relu": (0.0, 0.0),
    "leaky_relu": (0.0, 0.3),
    "elu": (0.0, 0.7),
    "selu": (0.0, 1.7580993408473766),
    "relu6": (6.0, 0.0),
    "hardtanh": (-0.5, 0.0),
    "hardswish": (3.0, 1.0),
    "hardsigmoid": (3.0, 0.0),
}


def operation(name, **options):
    return lambda x: getattr(activation, name)(x, **options)


def value_and_gradient(name, x, **options):
    t = minnet.tensor(np.array(x), requires_grad=True)
    y = getattr(activation, name)(t, **options)
    y.backward(minnet.ones_like(y))
    return y.detach().numpy(), t.grad.numpy()


def apart(name):
    """Return numbers that a function is smooth at, within a step."""
    x = np.random.default_rng(0).standard_normal((4, 5)) * 2
    x[np.abs(x) < 0.05] = 0.3
    return np.abs(x) if name in LOGARITHMS else x


def slope_of(f):
    """Return the function of x and dy that gives the gradient, recorded."""

    def slope(x, dy):
        recorded = minnet.is_grad_enabled()
        with minnet.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            (dx,) = minnet.autograd.grad(f(x), x, dy, create_graph=True)
        return dx if recorded else dx.detach()

    return slope


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_gradients_of_any_order_agree_with_finite_differences(name, options):
    f, x = operation(name, **options), apart(name)
    dy, ddy = np.random.default_rng(1).standard_normal((2, *x.shape))
    check_gradient(f, x)
    check_gradient(f, 0.7)
    check_gradient(slope_of(f), x, dy)
    if name not in KINKS:
        bend = slope_of(lambda x: slope_of(f)(x, minnet.tensor(dy)))
        check_gradient(bend, x, ddy)


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recorded_gradients_have_the_bits_of_the_others(name, options, dtype):
    x = np.random.default_rng(2).standard_normal(200).astype(dtype) * 4
    x[:8] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, 90, -90]
    leaf, dy = minnet.tensor(x, requires_grad=True), minnet.tensor(x[::-1].copy())
    plain, recorded = (
        minnet.autograd.grad(operation(name, **options)(leaf), leaf, dy, create_graph=create_graph)
        for create_graph in (False, True)
    )
    equal(plain[0].numpy().view(np.uint8), recorded[0].detach().numpy().view(np.uint8))
    assert not plain[0].requires_grad and recorded[0].requires_grad


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_second_derivatives_are_torchs(name, options):
    torch = pytest.importorskip("torch")
    if name == "hardsigmoid":
        pytest.skip("torch has no second derivative of it")
    x = np.abs(POINTS) if name in LOGARITHMS else np.array(POINTS)

    def second(library, f):
        leaf = library.tensor(x, requires_grad=True)
        (slope,) = library.autograd.grad(f(leaf).sum(), leaf, create_graph=True)
        return library.autograd.grad(slope.sum(), leaf)[0].numpy()

    found = second(minnet, operation(name, **options))
    theirs = second(torch, lambda x: of_torch(torch, name)(x, **options))
    np.testing.assert_allclose(found, theirs, rtol=1e-12, atol=1e-15)


def of_torch(torch, name):
    return getattr(torch if hasattr(torch, name) else torch.nn.functional, name)


@pytest.mark.parametrize("name", KINKS)
def test_the_derivative_at_a_kink_is_one_sided(name):
    at, slope = KINKS[name]
    _, gradient = value_and_gradient(name, [at], **CASES[name][1])
    np.testing.assert_allclose(gradient, [slope], rtol=1e-15)
    f, h = operation(name, **CASES[name][1]), 1e-6
    below, here, above = (float(f(minnet.tensor(np.array(at + d))).item()) for d in (-h, 0.0, h))
    sides = ((here - below) / h, (above - here) / h)
    assert min(abs(slope - side) for side in sides) < 1e-5
    assert abs(sides[0] - sides[1]) > 1e-2  # it is a kink


@pytest.mark.parametrize("name", [name for name in CASES if name not in LOGARITHMS])
def test_values_and_gradients_are_the_stored_ones_of_torch(name):
    _, _, expected, slopes = CASES[name]
    value, gradient = value_and_gradient(name, np.array(POINTS))
    np.testing.assert_allclose(value, expected, rtol=2e-15, atol=1e-16)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_values_and_gradients_are_torchs(name, options, dtype):
    torch = pytest.importorskip("torch")
    x = (np.random.default_rng(1).standard_normal(500) * 3).astype(dtype)
    x[:8] = [0.0, -0.0, 1.0, -0.5, 1.5, 6.0, 40.0, -40.0]
    x = np.abs(x) if name in LOGARITHMS else x
    theirs = torch.tensor(x, requires_grad=True)
    expected = of_torch(torch, name)(theirs, **options)
    expected.sum().backward()
    value, gradient = value_and_gradient(name, x, **options)
    assert value.dtype == dtype and gradient.dtype == dtype
    # In float32, gelu and its slope end in a cancellation at -5, here and in torch.
    rtol, atol = (3e-6, 3e-6 if name == "gelu" else 5e-7) if dtype == np.float32 else (1e-13, 1e-15)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=rtol, atol=atol)
    rtol = max(rtol, 1e-7 * (name == "hardsigmoid"))  # torch's sixth is a float32
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_grad_fn_prints_torchs_name(name):
    y = getattr(activation, name)(minnet.tensor([0.5], requires_grad=True))
    assert repr(y.grad_fn).startswith(f"<{CASES[name][0]} object")
    assert getattr(activation, name)(minnet.tensor([0.5])).grad_fn is None


@pytest.mark.parametrize("name", ELEMENTARY)
@pytest.mark.parametrize("dtype", [minnet.int64, minnet.uint8, minnet.bool])
def test_elementary_functions_of_integers_are_float32(name, dtype):
    y = getattr(activation, name)(minnet.tensor([0, 1, 1], dtype=dtype))
    assert y.dtype is minnet.float32
    equal(y.numpy(), getattr(activation, name)(minnet.tensor([0.0, 1.0, 1.0])).numpy())


def test_rectifiers_of_integers_are_integers():
    x = minnet.tensor([-2, 0, 9])
    for name, expected in (("relu", [0, 0, 9]), ("relu6", [0, 0, 6]), ("hardtanh", [-1, 0, 1])):
        y = getattr(activation, name)(x)
        assert y.dtype is minnet.int64
        equal(y.numpy(), expected)
    equal(activation.relu6(minnet.tensor([3, 200], dtype=minnet.uint8)).numpy(), [3, 6])
    for name in ("relu", "hardtanh", "relu6"):
        with pytest.raises(RuntimeError, match=r"not supported for (relu|hardtanh)"):
            getattr(activation, name)(minnet.tensor([True]))


@pytest.mark.parametrize("name", sorted({*CASES} - {*ELEMENTARY, *FOR_INTEGERS}))
def test_other_activations_refuse_integers(name):
    with pytest.raises(RuntimeError, match="not implemented for 'Long'"):
        getattr(activation, name)(minnet.tensor([1, 2]))
    with pytest.raises(NotImplementedError, match="not implemented for 'Bool'"):
        getattr(activation, name)(minnet.tensor([True]))


def test_wrong_arguments_are_errors():
    x = minnet.tensor([1.0])
    with pytest.raises(RuntimeError, match=r"must be either none or tanh.*'erf'"):
        activation.gelu(x, approximate="erf")
    with pytest.raises(ValueError, match="min_val cannot be greater than max_val"):
        activation.hardtanh(x, 1.0, -1.0)
    with pytest.raises(RuntimeError, match="alpha cannot be 0 for CELU"):
        activation.celu(x, 0)
    with pytest.raises(TypeError, match="must be Tensor"):
        activation.relu([1.0])


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "exp", "expm1"])
def test_changing_a_saved_result_is_noticed(name):
    x = minnet.tensor([0.5, 1.0], requires_grad=True)
    y = getattr(activation, name)(x)
    with minnet.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("name", ["sin", "log", "gelu", "elu", "silu", "softplus", "leaky_relu"])
def test_changing_a_saved_input_is_noticed(name):
    x = minnet.tensor([0.5, 1.0], requires_grad=True)
    y = getattr(activation, name)(x)
    with minnet.no_grad():
        x.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_infinite_gradients_are_silent():
    # A warning is an error in this suite.
    x = minnet.tensor([0.0, 1e38, float("inf")], requires_grad=True)
    for name in ("exp", "log", "log1p", "expm1", "sin", "erf", "silu", "gelu"):
        y = getattr(activation, name)(x)
        y.backward(minnet.zeros(3))
    equal(value_and_gradient("log", np.zeros(1))[1], [np.inf])
