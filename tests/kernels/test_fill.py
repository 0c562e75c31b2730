"""Fills: bit for bit their twins, at any start, stride and number of threads; and their laws."""

import math

import numpy as np
import pytest
from naive import fill as naive
from scipy import stats

from minnet.kernels.cpu import fill

SEED, DRAW = 0x0123456789ABCDEF, 0x1_0000_0007
STREAM = fill.stream(SEED, DRAW)
REALS = [np.float32, np.float64]
RUN = {np.float32: 4096, np.float64: 2048}

# name, arguments after the stream, the twin of one element
FLOAT_FILLS = {
    "uniform": ((-1.5, 2.25), naive.uniform),
    "normal": ((0.5, 1.25), naive.normal),
    "trunc_normal": ((0.25, 1.0, -1.0, 1.5), naive.trunc_normal),
}


def filled(name, n, real, *args, start=0):
    out = np.full(n, np.nan, real)
    getattr(fill, name)(out, STREAM, *args, start=start)
    return out


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("name", FLOAT_FILLS)
def test_fill_equals_its_twin(name, real):
    args, twin = FLOAT_FILLS[name]
    n = 2 * RUN[real] + 1500
    out = filled(name, n, real, *args)
    for element in [
        *range(3),
        1022,
        1023,
        1024,
        1025,
        2047,
        2048,
        3071,
        RUN[real],
        n - 1500,
        n - 1,
    ]:
        assert out[element] == twin(SEED, DRAW, element, real, *args), element


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(("low", "high", "rate"), [(2.0, 9.0, 2.4), (-0.25, 0.5, 0.0)])
def test_tail_equals_its_twin(real, low, high, rate):
    args = [real(v) for v in (0.5, 2.0, 0.5 + 2 * low, 0.5 + 2 * high, low, high, rate)]
    out = np.empty(RUN[real], real)
    (fill._tail32 if real is np.float32 else fill._tail64)(out, 0, 1024, STREAM, *args)
    for element in [0, 1, 2, 3, 500, 1023, 1024, 2047, RUN[real] - 1]:
        assert out[element] == naive.tail(SEED, DRAW, element, real, *args), element


def test_a_far_element_is_computed_alone():
    far = (1 << 34) + 12345  # the counter's index needs more than 32 bits
    out = filled("uniform", 3, np.float64, 0.0, 1.0, start=far)
    expected = [naive.uniform(SEED, DRAW, far + i, np.float64, 0.0, 1.0) for i in range(3)]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("name", FLOAT_FILLS)
def test_any_slice_equals_that_part_of_the_whole(name, real):
    args, _ = FLOAT_FILLS[name]
    run = RUN[real]
    whole = filled(name, 3 * run, real, *args)
    bounds = [(0, 1), (0, 10), (5, 1030), (1023, 1025), (run - 1, run + 1), (7, 3 * run)]
    bounds += [(run, 2 * run), (run + 3, 2 * run + 1), (2 * run + 100, 3 * run)]
    for start, stop in bounds:
        part = filled(name, stop - start, real, *args, start=start)
        np.testing.assert_array_equal(part, whole[start:stop], err_msg=f"{start}:{stop}")


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("name", FLOAT_FILLS)
def test_a_strided_view_gets_the_bits_of_a_contiguous_array(name, real):
    args, _ = FLOAT_FILLS[name]
    expected = filled(name, 60 * 70, real, *args).reshape(60, 70)
    for make in (lambda: np.zeros((70, 60), real).T, lambda: np.zeros((120, 210), real)[::2, ::3]):
        view = make()
        around = view.base.sum()
        getattr(fill, name)(view, STREAM, *args)
        np.testing.assert_array_equal(view, expected)
        assert around == 0 and np.count_nonzero(view.base) == np.count_nonzero(expected)


@pytest.mark.parametrize("name", ["_uniform32", "_uniform64", "_normal32", "_normal64"])
def test_parallel_bits_equal_serial_bits(name):
    kernel = getattr(fill, name)
    real = np.float32 if name.endswith("32") else np.float64
    args = (3, 1024, STREAM, real(-1), real(2)) + ((real(0.99),) if "uniform" in name else ())
    serial, parallel = np.zeros((2, 9 * RUN[real]), real)
    kernel.serial(serial, *args)
    kernel.parallel(parallel, *args)
    np.testing.assert_array_equal(serial, parallel)
    assert serial.all()


@pytest.mark.parametrize("real", REALS)
def test_uniform_never_returns_the_upper_end(real):
    """In a range of two numbers, half of the largest units round up to its end."""
    out = filled("uniform", 100_000, real, 1.0, 1.0 + 2 * np.finfo(real).eps)
    assert set(np.unique(out)) == {real(1), real(1) + np.finfo(real).eps}


@pytest.mark.parametrize("real", REALS)
def test_uniform_over_an_empty_range_is_its_one_value(real):
    np.testing.assert_array_equal(filled("uniform", 10, real, 3.0, 3.0), real(3))


def test_normal_is_finite_at_the_extreme_words():
    from minnet.kernels.jit import kernel

    @kernel
    def pairs(words, out32, out64):
        for i in range(words.size):
            for j in range(words.size):
                a, b = fill.normal_pair32(words[i], words[j])
                c, d = fill.normal_pair64(words[i], words[i], words[j], words[j])
                at = 2 * (i * words.size + j)
                out32[at], out32[at + 1] = a, b
                out64[at], out64[at + 1] = c, d

    edges = [0, 1, 2, 0xFF, 0xFFFF, 0x10000]
    edges += [0xFFFFFFFF - e for e in edges]
    words = np.array(edges + [octant << 29 for octant in range(1, 8)], np.uint32)
    out32, out64 = np.empty(2 * words.size**2, np.float32), np.empty(2 * words.size**2)
    pairs(words, out32, out64)
    assert np.isfinite(out32).all() and np.isfinite(out64).all()
    assert 6.6 < np.abs(out32).max() <= math.sqrt(2 * math.log(2**32)) + 1e-5
    assert 8.5 < np.abs(out64).max() <= math.sqrt(2 * math.log(2**53)) + 1e-5


def test_empty_fill_is_a_no_op():
    for name, (args, _) in FLOAT_FILLS.items():
        filled(name, 0, np.float32, *args, start=17)


def test_bernoulli_equals_its_twin():
    out = np.empty(5000, np.float32)
    fill.bernoulli(out, STREAM, 0.3)
    for element in [0, 1, 1023, 1024, 4095, 4096, 4999]:
        assert out[element] == naive.bernoulli(SEED, DRAW, element, 0.3)
    for p in (0.0, 1.0):
        fill.bernoulli(out, STREAM, p)
        np.testing.assert_array_equal(out, np.float32(p))
    whole = np.empty(5000, np.int64)
    fill.bernoulli(whole, STREAM, 0.3)
    assert set(whole) == {0, 1} and abs(whole.mean() - 0.3) < 0.03


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 10), (-3, 4), (0, 1 << 40), (-(1 << 63), 1 << 63)]
)
def test_integers_equal_their_twin(low, high):
    out = np.empty(2100, np.int64)
    fill.integers(out, STREAM, low, high)
    for element in [0, 1, 1023, 1024, 2047, 2048, 2099]:
        assert out[element] == naive.integer(SEED, DRAW, element, low, high)
    assert low <= out.min() and out.max() < high


def test_integers_are_equally_likely():
    out = np.empty(70_000, np.int64)
    fill.integers(out, STREAM, -3, 4)
    counts = np.bincount(out + 3, minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100])
def test_permutation_equals_its_twin(n):
    assert fill.permutation(n, STREAM).tolist() == naive.permutation(SEED, DRAW, n)


def test_permutations_are_equally_likely():
    orders = [tuple(fill.permutation(4, fill.stream(SEED, d))) for d in range(4800)]
    counts = np.unique(
        [o[0] * 64 + o[1] * 16 + o[2] * 4 + o[3] for o in orders], return_counts=True
    )[1]
    assert counts.size == 24 and stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("real", REALS)
def test_uniform_law(real):
    x = filled("uniform", 300_000, real, -2.0, 3.0)
    assert x.min() >= -2 and x.max() < 3
    assert stats.kstest(x, "uniform", (-2, 5)).pvalue > 1e-3


@pytest.mark.parametrize("real", REALS)
def test_normal_law(real):
    x = filled("normal", 300_000, real, 1.0, 2.0).astype(np.float64)
    z = (x - 1) / 2
    assert stats.kstest(z, "norm").pvalue > 1e-3
    n = z.size
    assert abs(z.mean()) < 4 / math.sqrt(n) and abs((z * z).mean() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * math.sqrt(15 / n) and abs((z**4).mean() - 3) < 4 * math.sqrt(
        96 / n
    )
    # The two halves of Box and Muller's pair are independent, and so are neighbours.
    for lag in (1, 1024, 2048):
        assert abs((z[:-lag] * z[lag:]).mean()) < 4 / math.sqrt(n)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        (-2, 2),
        (-1, 0.5),
        (-0.2, 0.3),
        (1, math.inf),
        (3, 8),
        (3, 3.1),
        (-9, -4),
        (8, 9),
        (-math.inf, -6),
    ],
)
def test_truncated_normal_law(real, a, b):
    mean, std = 0.5, 2.0
    x = filled("trunc_normal", 40_000, real, mean, std, mean + a * std, mean + b * std)
    assert (x >= real(mean + a * std)).all() and (x <= real(mean + b * std)).all()
    z = (x.astype(np.float64) - mean) / std
    assert stats.kstest(z, stats.truncnorm(a, b).cdf).pvalue > 1e-3


def test_draws_and_seeds_give_different_numbers():
    streams = [fill.stream(s, d) for s in (0, 1, 1 << 32) for d in (0, 1, 1 << 32)]
    fills = []
    for stream in streams:
        out = np.empty(64)
        fill.uniform(out, stream, 0.0, 1.0)
        fills.append(out)
    for i, x in enumerate(fills):
        for y in fills[:i]:
            assert not np.intersect1d(x, y).size
