"""Fills: each draws the distribution it names, in its bounds, and refuses what it cannot do."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

import minnet
from minnet.nn import init

SHAPE = (200, 400)
FAN_IN, FAN_OUT = 400, 200
ZERO_ELEMENT = "Initializing zero-element tensors is a no-op"
FAR_MEAN = (
    "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
    "The distribution of values may be incorrect."
)


def symmetric(std):
    """The uniform distribution of mean 0 and this std."""
    bound = math.sqrt(3) * std
    return stats.uniform(-bound, 2 * bound)


XAVIER = math.sqrt(2 / (FAN_IN + FAN_OUT))
KAIMING = math.sqrt(2 / FAN_IN)
DEFAULTS = {
    "uniform_": stats.uniform(0, 1),
    "normal_": stats.norm(0, 1),
    "trunc_normal_": stats.truncnorm(-2, 2),
    "xavier_uniform_": symmetric(XAVIER),
    "xavier_normal_": stats.norm(0, XAVIER),
    "kaiming_uniform_": symmetric(KAIMING),
    "kaiming_normal_": stats.norm(0, KAIMING),
}
OPTIONS = [
    ("uniform_", (-3.0, 5.0), stats.uniform(-3, 8)),
    ("normal_", (2.0, 0.5), stats.norm(2, 0.5)),
    ("trunc_normal_", (1.0, 2.0, -1.0, 2.0), stats.truncnorm(-1, 0.5, 1, 2)),
    ("trunc_normal_", (0.0, 0.02), stats.norm(0, 0.02)),  # bounds 100 std away
    ("trunc_normal_", (0.0, 1.0, 1.5, 3.0), stats.truncnorm(1.5, 3)),
    ("xavier_uniform_", (5 / 3,), symmetric(5 / 3 * XAVIER)),
    ("xavier_normal_", (5 / 3,), stats.norm(0, 5 / 3 * XAVIER)),
    ("kaiming_uniform_", (math.sqrt(5),), symmetric(math.sqrt(1 / 3 / FAN_IN))),
    ("kaiming_normal_", (0, "fan_out"), stats.norm(0, math.sqrt(2 / FAN_OUT))),
    ("kaiming_normal_", (0, "fan_in", "linear"), stats.norm(0, math.sqrt(1 / FAN_IN))),
    ("kaiming_uniform_", (9, "fan_in", "tanh"), symmetric(5 / 3 / math.sqrt(FAN_IN))),
]
CASES = [(name, (), law) for name, law in DEFAULTS.items()] + OPTIONS


@pytest.fixture(autouse=True)
def seed():
    minnet.manual_seed(20240607)


def check_law(values, law):
    """KS test, mean and std to five standard errors, and no correlation of neighbours."""
    values = values.astype(np.float64).ravel()
    n = values.size
    assert stats.kstest(values, law.cdf).pvalue > 1e-3
    mean, variance, excess = (float(m) for m in law.stats("mvk"))
    std = math.sqrt(variance)
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert abs(values.std() / std - 1) < 5 * math.sqrt((excess + 2) / (4 * n))
    centred = values - mean
    assert abs(np.mean(centred[1:] * centred[:-1])) < 5 * variance / math.sqrt(n)


@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64], ids=str)
@pytest.mark.parametrize(("name", "arguments", "law"), CASES)
def test_values_follow_the_law(name, arguments, law, dtype):
    tensor = minnet.zeros(SHAPE, dtype=dtype)
    result = getattr(init, name)(tensor, *arguments)
    assert result is tensor
    assert tensor.dtype == dtype and tuple(tensor.shape) == SHAPE
    check_law(tensor.numpy(), law)


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_"])
def test_xavier_counts_the_kernel_in_the_fans(name):
    tensor = getattr(init, name)(minnet.empty(64, 32, 3, 5))
    std = math.sqrt(2 / ((64 + 32) * 15))
    check_law(tensor.numpy(), symmetric(std) if "uniform" in name else stats.norm(0, std))


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_kaiming_counts_the_kernel_in_the_fan(name):
    tensor = getattr(init, name)(minnet.empty(64, 32, 3, 5), nonlinearity="relu")
    std = math.sqrt(2 / (32 * 15))
    check_law(tensor.numpy(), symmetric(std) if "uniform" in name else stats.norm(0, std))


@pytest.mark.parametrize(
    ("name", "arguments", "plain", "scale"),
    [
        ("xavier_uniform_", (), "uniform_", 1.0 * math.sqrt(2.0 / 600.0)),
        ("xavier_uniform_", (0.3,), "uniform_", 0.3 * math.sqrt(2.0 / 600.0)),
        ("xavier_normal_", (1.7,), "normal_", 1.7 * math.sqrt(2.0 / 600.0)),
        ("kaiming_uniform_", (), "uniform_", math.sqrt(2.0 / 1) / math.sqrt(400)),
        (
            "kaiming_uniform_",
            (math.sqrt(5),),
            "uniform_",
            math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(400),
        ),
        ("kaiming_normal_", (0.1,), "normal_", math.sqrt(2.0 / (1 + 0.1**2)) / math.sqrt(400)),
        ("kaiming_normal_", (0, "fan_out", "selu"), "normal_", 0.75 / math.sqrt(200)),
    ],
)
@pytest.mark.parametrize("library", ["minnet", "torch"])
def test_fill_is_the_plain_draw_at_the_formulas_scale(library, name, arguments, plain, scale):
    # float64 bits, so the expression's order in Python doubles is torch's as well.
    module = minnet if library == "minnet" else pytest.importorskip("torch")

    def draw(function, *parameters):
        module.manual_seed(3)
        return function(module.zeros(SHAPE, dtype=module.float64), *parameters).numpy()

    bound = math.sqrt(3.0) * scale
    parameters = (-bound, bound) if plain == "uniform_" else (0.0, scale)
    np.testing.assert_array_equal(
        draw(getattr(module.nn.init, name), *arguments),
        draw(getattr(module.nn.init, plain), *parameters),
    )


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_kaiming_for_relu_is_sqrt_2_times_kaiming_for_linear(name):
    def draw(nonlinearity):
        minnet.manual_seed(1)
        tensor = minnet.empty(SHAPE, dtype=minnet.float64)
        return getattr(init, name)(tensor, nonlinearity=nonlinearity).numpy()

    relu, linear = draw("relu"), draw("linear")
    assert relu.std() / linear.std() == pytest.approx(math.sqrt(2), rel=1e-12)
    np.testing.assert_allclose(relu, math.sqrt(2) * linear, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (-1.0, 1.0), (-0.1, 0.1), (5.0, 5.25)])
def test_uniform_reaches_both_ends_but_never_returns_the_upper(a, b):
    values = init.uniform_(minnet.empty(1000, 1000), a, b).numpy()
    assert values.min() >= np.float32(a)
    assert values.max() < np.float32(b)
    assert values.min() < a + 1e-4 * (b - a) and values.max() > b - 1e-4 * (b - a)


def test_uniform_over_one_float_never_returns_the_upper():
    above = float(np.nextafter(np.float32(1), np.float32(2)))
    np.testing.assert_array_equal(init.uniform_(minnet.zeros(1000), 1.0, above).numpy(), 1)


def test_equal_bounds_and_zero_std_fill_with_one_value():
    np.testing.assert_array_equal(init.uniform_(minnet.zeros(9), 3.0, 3.0).numpy(), 3)
    np.testing.assert_array_equal(init.normal_(minnet.zeros(9), 3.0, 0.0).numpy(), 3)


@pytest.mark.parametrize("name", ["xavier_uniform_", "kaiming_uniform_"])
def test_uniform_weights_stay_in_their_bound_and_fill_it(name):
    bound = np.float32(math.sqrt(3) * (XAVIER if name == "xavier_uniform_" else KAIMING))
    values = np.abs(getattr(init, name)(minnet.empty(SHAPE)).numpy())
    assert 0.999 * bound < values.max() <= bound


def test_normal_has_a_normals_tails():
    values = init.normal_(minnet.empty(1000, 1000)).numpy()
    assert np.isfinite(values).all()
    for cut in (3.0, 4.0):
        expected = values.size * 2 * stats.norm.sf(cut)
        assert abs((np.abs(values) > cut).sum() - expected) < 5 * math.sqrt(expected)
    assert 4.2 < values.max() < 6.7 and -6.7 < values.min() < -4.2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 1.0, -0.1, 0.1),
        (0.0, 0.02, -0.04, 0.04),
        (0.0, 1.0, 2.0, 8.0),
        (0.0, 1.0, -7.0, -1.9),
        (3.0, 0.5, 2.9, 3.1),
    ],
)
def test_trunc_normal_stays_in_its_bounds_and_fills_them(mean, std, a, b, dtype):
    tensor = minnet.from_numpy(np.zeros((100, 1000), dtype))
    values = init.trunc_normal_(tensor, mean, std, a, b).numpy()
    assert values.min() >= dtype(a) and values.max() <= dtype(b)
    law = stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)
    assert stats.kstest(values.ravel().astype(np.float64), law.cdf).pvalue > 1e-3
    assert law.cdf(values.min()) < 1e-3 and law.sf(values.max()) < 1e-3


@pytest.mark.parametrize(("a", "b"), [(4.0, 6.0), (-9.0, -3.5)])
def test_trunc_normal_far_in_the_tail_warns_and_still_follows_the_law(a, b):
    tensor = minnet.empty(100, 500)
    with pytest.warns(UserWarning) as record:
        init.trunc_normal_(tensor, a=a, b=b)
    assert [str(w.message) for w in record] == [FAR_MEAN]
    assert record[0].filename == __file__
    values = tensor.numpy().ravel().astype(np.float64)
    assert values.min() >= a and values.max() <= b
    assert stats.kstest(values, stats.truncnorm(a, b).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "arguments",
    [
        {"std": 0.0},
        {"std": -1.0},
        {"std": math.nan},
        {"std": math.inf},
        {"mean": math.nan},
        {"mean": math.inf},
        {"a": 2.0},
        {"a": 3.0, "b": 1.0},
        {"a": math.nan},
        {"b": math.nan},
    ],
)
def test_trunc_normal_refuses_what_is_no_distribution(arguments):
    with pytest.raises(ValueError, match="trunc_normal_ expects"):
        init.trunc_normal_(minnet.ones(4), **arguments)


@pytest.mark.parametrize(
    ("function", "value"), [(init.ones_, 1), (init.zeros_, 0), (lambda t: init.constant_(t, 3), 3)]
)
@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64, minnet.int64], ids=str)
def test_constants_fill_every_element(function, value, dtype):
    tensor = minnet.full((3, 4, 5), 7, dtype=dtype)
    assert function(tensor) is tensor
    np.testing.assert_array_equal(tensor.numpy(), np.full((3, 4, 5), value))
    assert tensor.dtype == dtype


def test_constant_takes_special_values():
    assert np.isnan(init.constant_(minnet.zeros(2), math.nan).numpy()).all()
    assert (init.constant_(minnet.zeros(2), -math.inf).numpy() == -math.inf).all()


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (2, 2, 0)])
def test_kaiming_warns_on_a_tensor_without_elements(name, shape):
    tensor = minnet.empty(shape)
    with pytest.warns(UserWarning) as record:
        assert getattr(init, name)(tensor, mode="not looked at") is tensor
    assert [str(w.message) for w in record] == [ZERO_ELEMENT]
    assert record[0].filename == __file__


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 2, 0)])
def test_xavier_does_nothing_to_a_tensor_without_elements(name, shape):
    tensor = minnet.empty(shape)
    assert getattr(init, name)(tensor) is tensor


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_"]
)
def test_elementwise_fills_take_any_shape(name):
    arguments = (0.5,) if name == "constant_" else ()
    for shape in [(), (1,), (0,), (3, 0), (2, 1, 2, 1, 2, 1)]:
        tensor = minnet.full(shape, 9.0)
        assert getattr(init, name)(tensor, *arguments) is tensor
        assert tuple(tensor.shape) == shape
        assert (np.abs(tensor.numpy()) < 9).all()


BAD_CALLS = [
    ("uniform_", (2.0, 1.0), RuntimeError, "from=2 > to=1"),
    ("normal_", (0.0, -1.0), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    ("normal_", (0.0, math.nan), RuntimeError, "normal expects std >= 0.0, but found std nan"),
    ("xavier_normal_", (-1.0,), RuntimeError, "normal expects std >= 0.0"),
    ("xavier_uniform_", (-1.0,), RuntimeError, "uniform_ expects to return"),
    ("trunc_normal_", (0.0, -1.0), ValueError, "expects a finite std > 0"),
    ("kaiming_uniform_", (0, "fan_avg"), ValueError, "Mode fan_avg not supported"),
    ("kaiming_normal_", (0, "fan_in", "glu"), ValueError, "Unsupported nonlinearity glu"),
    ("kaiming_normal_", (True,), ValueError, "negative_slope True not a valid number"),
]


@pytest.mark.parametrize(("name", "arguments", "error", "text"), BAD_CALLS)
def test_bad_call_raises_and_changes_neither_tensor_nor_generator(name, arguments, error, text):
    tensor = minnet.full((20, 30), 7.0)
    generator = minnet.Generator().manual_seed(5)
    with pytest.raises(error, match=text):
        getattr(init, name)(tensor, *arguments, generator=generator)
    np.testing.assert_array_equal(tensor.numpy(), 7)
    after = init.normal_(minnet.empty(5), generator=generator)
    fresh = init.normal_(minnet.empty(5), generator=minnet.Generator().manual_seed(5))
    np.testing.assert_array_equal(after.numpy(), fresh.numpy())


@pytest.mark.parametrize(
    ("name", "arguments", "error", "text"),
    [call for call in BAD_CALLS if call[0] != "trunc_normal_"],  # torch fills, with no law's draws
)
def test_bad_call_raises_what_torch_raises(name, arguments, error, text):
    torch = pytest.importorskip("torch")
    messages = []
    for library in (minnet, torch):
        with pytest.raises(error, match=text) as raised:
            getattr(library.nn.init, name)(library.zeros(20, 30), *arguments)
        messages.append(str(raised.value))
    if error is ValueError:
        assert messages[0] == messages[1]


@pytest.mark.parametrize("dtype", [minnet.int64, minnet.uint8, minnet.bool], ids=str)
@pytest.mark.parametrize("name", DEFAULTS)
def test_draws_refuse_tensors_that_are_not_of_floats(name, dtype):
    tensor = minnet.ones(4, 5, dtype=dtype)
    with pytest.raises(RuntimeError, match="not implemented for"):
        getattr(init, name)(tensor)
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize(
    "name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"]
)
@pytest.mark.parametrize("shape", [(), (5,)])
def test_fans_need_two_dimensions(name, shape):
    tensor = minnet.ones(shape)
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        getattr(init, name)(tensor)
    np.testing.assert_array_equal(tensor.numpy(), 1)


def test_warnings_are_torchs():
    torch = pytest.importorskip("torch")

    def texts(library):
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            library.nn.init.trunc_normal_(library.zeros(2), a=3.0, b=4.0)
            library.nn.init.trunc_normal_(library.zeros(2), mean=4.01)
            library.nn.init.trunc_normal_(library.zeros(2), mean=4.0)
            library.nn.init.kaiming_uniform_(library.zeros(0, 2))
            library.nn.init.kaiming_normal_(library.zeros(2, 0))
        return [(w.category, str(w.message)) for w in record]

    assert texts(minnet) == texts(torch)
    assert len(texts(minnet)) == 4


@pytest.mark.parametrize(("name", "arguments", "law"), CASES)
def test_values_follow_the_law_of_torchs(name, arguments, law):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    ours = getattr(init, name)(minnet.empty(SHAPE), *arguments).numpy()
    theirs = getattr(torch.nn.init, name)(torch.empty(SHAPE), *arguments).numpy()
    assert stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 1e-3
