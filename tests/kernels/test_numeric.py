"""Elementary functions: the bits of their twin, their accuracy, and IEEE's special values."""

import math
import platform
import re

import numba
import numpy as np
import pytest
from naive import numeric as naive
from naive import pointwise as naive_pointwise

from minnet.kernels import numeric
from minnet.kernels.cpu import pointwise
from minnet.kernels.jit import OPTIONS, kernel
from minnet.kernels.simd import vector_bytes

equal = np.testing.assert_array_equal
NAMES = ["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "sigmoid", "erf"]
# Largest error allowed, in ulp
ULP = {np.float32: 2.0, np.float64: 2.5}
extended = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is not wider than float64 here"
)


@kernel
def _log_normal(x, out):
    for i in range(x.size):
        out[i] = numeric.log_normal(x[i])


@kernel
def _turn(words, sin, cos):
    for i in range(words.size):
        sin[i], cos[i] = numeric.sincos_turn(words[i])


def sincos_turn(words):
    real = np.float32 if words.dtype == np.uint32 else np.float64
    sin, cos = np.empty(words.shape, real), np.empty(words.shape, real)
    _turn(words, sin, cos)
    return sin, cos


def edges(real):
    """Special values, and the neighbourhood of every place where a formula changes."""
    info = np.finfo(real)
    places = [0.0, info.smallest_subnormal, info.tiny, 1e-8, 0.34657, 0.5, 0.7071, 1.0, 1.414, 2.0]
    places += [math.pi / 4, math.pi / 2, math.pi, 4.0, 6.0, 9.1, 18.0, 19.1, 40.0, 88.7228, 89.0]
    places += [103.97, 104.0, 708.4, 709.78, 710.0, 745.13, 746.0, 1e5, 2.0**26, 2.0**55, info.max]
    x = np.array(places).astype(real)
    with np.errstate(over="ignore"):
        x = np.concatenate([x, np.nextafter(x, real(0)), np.nextafter(x, real(np.inf))])
    return np.concatenate([x, -x, np.array([np.inf, -np.inf, np.nan], real)])


def sample(real, n, seed=0):
    """Edges, numbers of all magnitudes, and numbers of the usual ones."""
    rng = np.random.default_rng(seed)
    word = np.uint32 if real is np.float32 else np.uint64
    anything = rng.integers(0, np.iinfo(word).max, n, word, endpoint=True).view(real)
    usual = [rng.uniform(-w, w, n).astype(real) for w in (1, 10, 100, 700)]
    return np.concatenate([edges(real), anything, *usual])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_bits_are_those_of_the_twin(real, name):
    x = sample(real, 1000 if real is np.float32 else 60)
    equal(getattr(pointwise, name)(x), getattr(naive_pointwise, name)(x))


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_log_normal_is_log_of_a_normal(real):
    x = np.abs(sample(real, 2000))
    x = x[np.isfinite(x) & (x >= np.finfo(real).tiny)]
    out = np.empty_like(x)
    _log_normal(x, out)
    equal(out, pointwise.log(x))
    equal(out[:200], naive.log_normal(x[:200]))


def errors(got, exact):
    """Errors in ulp of the result; NaN and infinities must agree exactly."""
    real = got.dtype.type
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact.astype(real)
        equal(np.isnan(got), np.isnan(rounded))
        equal(np.isposinf(got), np.isposinf(rounded))
        equal(np.isneginf(got), np.isneginf(rounded))
        finite = np.isfinite(rounded)
        got, exact, rounded = got[finite], exact[finite], rounded[finite]
        ulp = np.spacing(np.maximum(np.abs(rounded), np.finfo(real).tiny))
        return np.abs(got - exact) / ulp


def logistic(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


REFERENCE = {
    name: getattr(np, name, None) for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tanh")
}
REFERENCE["sigmoid"] = logistic


def worst_in_float32(name, step):
    special = pytest.importorskip("scipy.special")
    reference = REFERENCE.get(name) or special.erf
    worst = 0.0
    for start in range(0, 2**32, 2**26):
        x = np.arange(start, start + 2**26, step, np.uint64).astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            exact = reference(x.astype(np.float64))
        worst = max(worst, errors(getattr(pointwise, name)(x), exact).max(initial=0))
    return worst


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_accurate_over_its_whole_range(name):
    assert worst_in_float32(name, 12347) <= ULP[np.float32]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_float32_is_accurate_over_its_whole_range_densely(name):
    assert worst_in_float32(name, 97) <= ULP[np.float32]


@extended
@pytest.mark.parametrize("name", [n for n in NAMES if n != "erf"])
def test_float64_is_accurate(name):
    x = sample(np.float64, 10000, seed=1)
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) > 1e9)]  # the x87's own reduction is good to 64 bits of pi
    with np.errstate(all="ignore"):
        exact = REFERENCE[name](x.astype(np.longdouble))
    assert errors(getattr(pointwise, name)(x), exact).max() <= ULP[np.float64]


@extended
@pytest.mark.parametrize("name", ["erf", "sin", "cos"])
def test_float64_is_accurate_where_long_double_has_no_answer(name):
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(2)
    x = rng.uniform(-6.2, 6.2, 1000)
    if name != "erf":
        x = np.concatenate([x * 1e6, np.ldexp(x, rng.integers(17, 1020, 1000))])
        # The float64 closest to a multiple of pi/2 (Muller 2006, "Elementary Functions", ch. 11)
        x = np.append(x, 6381956970095103 * 2.0**797)
    with mpmath.workprec(150 if name == "erf" else 1300):
        function = getattr(mpmath, name)
        exact = [function(mpmath.mpf(float(v))) for v in x]
        heads = [float(e) for e in exact]
        tails = [float(e - h) for e, h in zip(exact, heads, strict=True)]
    exact = np.array(heads, np.longdouble) + np.array(tails, np.longdouble)
    assert errors(getattr(pointwise, name)(x), exact).max() <= ULP[np.float64]


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_special_values(real):
    def at(name, *values):
        return getattr(pointwise, name)(np.array(values, real))

    inf, nan = np.inf, np.nan
    equal(at("exp", -inf, -0.0, 0, inf, nan), [0, 1, 1, inf, nan])
    equal(at("expm1", -inf, 0, inf, nan), [-1, 0, inf, nan])
    equal(at("log", -inf, -1, -0.0, 0, 1, inf, nan), [nan, nan, -inf, -inf, 0, inf, nan])
    equal(at("log1p", -inf, -2, -1, 0, inf, nan), [nan, nan, -inf, 0, inf, nan])
    equal(at("sin", -inf, 0, inf, nan), [nan, 0, nan, nan])
    equal(at("cos", -inf, 0, inf, nan), [nan, 1, nan, nan])
    equal(at("tanh", -inf, 0, inf, nan), [-1, 0, 1, nan])
    equal(at("sigmoid", -inf, 0, inf, nan), [0, 0.5, 1, nan])
    equal(at("erf", -inf, 0, inf, nan), [-1, 0, 1, nan])
    smallest = np.finfo(real).smallest_subnormal
    for name in ("expm1", "log1p", "sin", "tanh"):
        equal(at(name, smallest, -smallest), [smallest, -smallest])
    for name in ("expm1", "log1p", "sin", "tanh", "erf"):
        equal(np.signbit(at(name, 0.0, -0.0)), [False, True])


@pytest.mark.parametrize("word", [np.uint32, np.uint64])
def test_turns_have_the_bits_of_the_twin_and_are_accurate(word):
    width = np.iinfo(word).bits
    rng = np.random.default_rng(3)
    words = rng.integers(0, 2**width, 50000, word)
    eighths = np.arange(8, dtype=word) << word(width - 3)
    near = (eighths[:, None] + np.arange(-40, 40).astype(word)).ravel()
    words = np.concatenate([near, words])
    sin, cos = sincos_turn(words)
    few = slice(None) if word is np.uint32 else slice(900)
    twin = (naive.sincos_turn32 if word is np.uint32 else naive.sincos_turn64)(words[few])
    equal(sin[few], twin[0])
    equal(cos[few], twin[1])
    kept = words if word is np.uint32 else words >> word(11)
    turn = np.longdouble(2) ** min(width, 53)
    quarters = np.rint(kept / turn * 4)
    angle = (kept / turn * 4 - quarters) * np.arctan2(np.longdouble(1), 0)
    s, c = naive.turned(np.sin(angle), np.cos(angle), quarters)
    wide_enough = word is np.uint32 or np.finfo(np.longdouble).nmant >= 63
    assert not wide_enough or max(errors(sin, s).max(), errors(cos, c).max()) <= 1.5
    equal(sincos_turn(eighths[::2])[0], [0, 1, 0, -1])
    equal(sincos_turn(eighths[::2])[1], [1, 0, -1, 0])


def test_log_of_every_power_of_two_uniform_is_finite_and_exact_at_one():
    u = np.ldexp(np.float32(1), -np.arange(33)).astype(np.float32)
    out = np.empty_like(u)
    _log_normal(u, out)
    assert out[0] == 0 and not np.signbit(out[0])
    np.testing.assert_allclose(out, -np.arange(33) * np.log(2), rtol=1e-7)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or vector_bytes() < 32, reason="reads AVX"
)
@pytest.mark.parametrize("name", ["exp", "log_normal", "log", "tanh", "erf", "sincos_turn"])
def test_a_loop_over_a_float32_function_vectorises(name):
    function = getattr(numeric, name)
    if name == "sincos_turn":

        def loop(x, sin, cos):
            for i in range(x.size):
                sin[i], cos[i] = function(x[i])

        arguments = (np.zeros(9, np.uint32), np.zeros(9, np.float32), np.zeros(9, np.float32))
    else:

        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i])

        arguments = (np.ones(9, np.float32), np.ones(9, np.float32))
    compiled = numba.njit(**OPTIONS)(loop)
    compiled(*arguments)
    code = compiled.inspect_asm(compiled.signatures[0])
    assert len(re.findall(r"vfn?m(?:add|sub)\d+ps\s.*[yz]mm", code)) >= 5
