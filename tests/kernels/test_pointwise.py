"""Activations of whole arrays: the bits of their twin, any shape and strides, torch's kinks."""

import inspect

import naive.pointwise as naive
import numpy as np
import pytest

from minnet.kernels.cpu import pointwise
from minnet.kernels.formulas import FORMULAS
from minnet.kernels.jit import Kernel

equal = np.testing.assert_array_equal

BACKWARD = [name for name in FORMULAS if name.endswith("_backward")]
FORWARD = [name for name in FORMULAS if name not in BACKWARD]
INF, NAN = np.inf, np.nan


def numbers(real, shape=700, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape) * 4
    x = x.astype(real)
    if x.ndim == 1 and len(x) > 20:
        x[:14] = [0, -0.0, 1, -1, 2, INF, -INF, NAN, 1e-30, -1e-30, 30, -30, 200, -200]
    return x


def options_of(name):
    """Return the numbers to call a function with: the defaults of its twin."""
    parameters = inspect.signature(getattr(naive, name)).parameters.values()
    return [p.default for p in parameters if p.default is not p.empty][
        : len(FORMULAS[name].numbers)
    ]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_bits_are_those_of_the_twin(real, name):
    options = options_of(name)
    x = numbers(real, 2000 if real is np.float32 else 300)
    arrays = [x] if name in FORWARD else [np.random.default_rng(1).standard_normal(x.shape), x]
    arrays = [a.astype(real) for a in arrays]
    with np.errstate(all="ignore"):
        y = getattr(pointwise, name)(*arrays, *options)
        equal(y, getattr(naive, name)(*arrays, *options))
    assert y.dtype == real


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 2), (5, 7), (2, 3, 1025)])
def test_any_shape_gives_a_new_contiguous_array(name, shape):
    x = np.abs(numbers(np.float32, shape))
    before = x.copy()
    y = getattr(pointwise, name)(*[x for _ in FORMULAS[name].arrays], *options_of(name))
    assert type(y) is np.ndarray and y.shape == shape and y.flags.c_contiguous
    assert y.flags.writeable and not np.shares_memory(x, y)
    equal(x, before)


@pytest.mark.parametrize("name", FORMULAS)
def test_strides_do_not_matter(name):
    options = options_of(name)
    function = getattr(pointwise, name)
    whole = np.abs(numbers(np.float32, (40, 60)))
    fixed = whole[:1].copy()
    fixed.flags.writeable = False
    views = (whole.T, whole[::-1, ::3], whole[3], whole[:, 5][::-2], fixed)
    for x in (*views, np.broadcast_to(whole[0], (4, 60))):
        copy = np.array(x, order="C")
        if name in FORWARD:
            equal(function(x, *options), function(copy, *options))
        else:
            equal(function(x, copy, *options), function(copy, x, *options))
            equal(function(x, x, *options), function(copy, copy, *options))


def test_every_derivative_has_its_function_and_reads_its_input_or_its_result():
    for name in BACKWARD:
        formula, of = FORMULAS[name], FORMULAS[name.removesuffix("_backward")]
        assert formula.arrays in (("dy", "x"), ("dy", "y")) and formula.numbers == of.numbers
        assert of.arrays == ("x",)


@pytest.mark.parametrize("name", ["exp", "relu_backward", "softplus", "cos"])
def test_serial_and_parallel_give_the_same_bits(name, monkeypatch):
    x = numbers(np.float32, 70001)
    x[::1000] *= 1e20
    forms = {}
    for form in ("serial", "parallel"):
        monkeypatch.setattr(Kernel, "over", lambda self, work, form=form: getattr(self, form))
        arrays = [x for _ in FORMULAS[name].arrays]
        forms[form] = getattr(pointwise, name)(*arrays, *options_of(name))
    equal(forms["serial"], forms["parallel"])


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_an_element_does_not_depend_on_its_place(real):
    # The vectorised body of a loop and its scalar remainder compute the same.
    for name in ("exp", "log1p", "sin", "tanh", "erf"):
        x = np.abs(numbers(real, 100, seed=5))
        y = getattr(pointwise, name)(x)
        for i in range(0, 100, 7):
            equal(getattr(pointwise, name)(x[i : i + 1]), y[i : i + 1])


def test_derivatives_at_the_kinks_are_torchs():
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    equal(pointwise.relu_backward(one, zero), [0])
    equal(pointwise.leaky_relu_backward(one, zero, 0.25), [0.25])
    equal(pointwise.elu_backward(one, zero, 1.5), [1.5])
    equal(pointwise.selu_backward(one, zero), [np.float32(1.6732632 * 1.050701)])
    ends = np.array([-1, 1, 0, NAN], np.float32)
    equal(pointwise.hardtanh_backward(np.ones(4, np.float32), ends, -1, 1), [0, 0, 1, 1])
    # At the threshold itself softplus is still curved; above it is the line x, with slope 1.
    x = np.array([0.5, 0.5000001])
    slopes = pointwise.softplus_backward(np.ones(2), x, 1.0, 0.5)
    assert slopes[0] == pointwise.sigmoid(x[:1])[0] and slopes[1] == 1
    y = pointwise.softplus(x, 1.0, 0.5)
    assert y[0] > 0.97 and y[1] == x[1]


def test_limits_and_nan():
    x = np.array([INF, -INF, NAN])
    equal(pointwise.relu(x), [INF, 0, NAN])
    equal(pointwise.relu_backward(np.ones(3), pointwise.relu(x)), [1, 0, 1])
    equal(pointwise.leaky_relu(x, 0.5), [INF, -INF, NAN])
    equal(pointwise.elu(x, 2.0), [INF, -2, NAN])
    equal(pointwise.selu(x), [INF, -1.0507009873554805 * 1.6732632423543772, NAN])
    equal(pointwise.softplus(x, 1.0, 20.0), [INF, 0, NAN])
    equal(pointwise.logsigmoid(x), [0, -INF, NAN])
    equal(pointwise.hardtanh(x, -1.0, 1.0), [1, -1, NAN])
    equal(pointwise.sigmoid_backward(np.ones(3), pointwise.sigmoid(x)), [0, 0, NAN])
    equal(pointwise.tanh_backward(np.ones(3), pointwise.tanh(x)), [0, 0, NAN])
    equal(pointwise.gelu_backward(np.ones(2), np.array([50.0, -50.0])), [1, 0])
    equal(pointwise.logsigmoid(np.array([-1000.0])), [-1000.0])
    equal(pointwise.mish_backward(np.ones(3), np.array([INF, 1e308, -1e308])), [1, 1, 0])


def test_values_and_slopes_are_those_of_the_definitions():
    mpmath = pytest.importorskip("mpmath")
    x = [-1.5, -0.25, 0.75, 2.0]
    m = mpmath
    definitions = {
        "tanh": m.tanh,
        "sigmoid": lambda v: 1 / (1 + m.exp(-v)),
        "logsigmoid": lambda v: -m.log1p(m.exp(-v)),
        "elu": lambda v: v if v > 0 else 1.5 * m.expm1(v),
        "selu": lambda v: (
            1.0507009873554804935 * (v if v > 0 else 1.6732632423543772848 * m.expm1(v))
        ),
        "softplus": lambda v: m.log1p(m.exp(0.7 * v)) / m.mpf(0.7),
        "gelu": lambda v: v * m.ncdf(v),
        "silu": lambda v: v / (1 + m.exp(-v)),
    }
    for name, definition in definitions.items():
        options = options_of(name)
        got = getattr(pointwise, name)(np.array(x), *options)
        with m.workdps(30):
            expected = [float(definition(m.mpf(v))) for v in x]
            slopes = [float(m.diff(definition, m.mpf(v))) for v in x]
        np.testing.assert_allclose(got, expected, rtol=1e-15)
        given = got if FORMULAS[name + "_backward"].arrays[1] == "y" else np.array(x)
        dx = getattr(pointwise, name + "_backward")(np.ones(4), given, *options)
        np.testing.assert_allclose(dx, slopes, rtol=2e-14)
