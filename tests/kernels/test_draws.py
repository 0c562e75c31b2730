"""Draws at the extreme words themselves, where luck would never lead: all finite, all in range."""

import math

import numpy as np
import pytest

from minnet.kernels import draws
from minnet.kernels.jit import kernel

BITS = {np.float32: 32, np.float64: 64}


def extreme_words(real):
    """Both ends, the borders of the halves that a word is split into, and of the octants."""
    bits = BITS[real]
    near = [0, 1, 2, 0xFF, 0x7FF, 0xFFFF, 0x10000, 0xFFFFFFFF >> (64 - bits), 1 << (bits - 8)]
    near += [octant << (bits - 3) for octant in range(1, 8)]
    around = {w + d for w in near for d in (-1, 0, 1)} | {(1 << bits) - 1 - w for w in near}
    return np.array(sorted(w for w in around if 0 <= w < 1 << bits), f"u{bits // 8}")


def every_pair(draw, real, *numbers):
    """Return the draws of every pair of extreme words."""

    @kernel
    def run(words, first, second, numbers):
        for i in range(words.size):
            for j in range(words.size):
                first[i, j], second[i, j] = draw(words[i], words[j], *numbers)

    words = extreme_words(real)
    out = np.full((2, words.size, words.size), np.nan, real)
    run.serial._cache.disable()  # the compiled file's name would be that of every test's `run`
    run(words, out[0], out[1], tuple(real(x) for x in numbers))
    return out


@pytest.mark.parametrize("real", BITS)
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (1e-6, 1.0), (1.0, 1.0 + 1e-6), (-3e38, -1e30)]
)
def test_uniform_lies_in_its_range_and_below_its_end(real, low, high):
    low, high = real(low), real(high)
    last = np.nextafter(high, low)
    x = every_pair(
        draws.uniform, real, low, (high - low) * real(draws.UNIT[real is np.float64]), last
    )
    assert x.min() == low and low < x.max() <= last < high


@pytest.mark.parametrize("real", BITS)
def test_normal_is_finite_and_reaches_its_tails(real):
    x = every_pair(draws.normal, real, 0.0, 1.0)
    assert np.isfinite(x).all()
    bits = draws.COUNTED_BITS[real is np.float64]
    assert math.sqrt(2 * math.log(2**bits)) == pytest.approx(np.abs(x).max(), rel=1e-6)


@pytest.mark.parametrize("real", BITS)
def test_exponential_is_finite_and_above_zero(real):
    x = every_pair(draws.exponential, real, 1.0)
    assert x.min() == real(draws.LEAST_EXPONENTIAL[real is np.float64]) > 0
    bits = draws.COUNTED_BITS[real is np.float64]
    assert x.max() == pytest.approx(math.log(2**bits), rel=1e-6)


@pytest.mark.parametrize("real", BITS)
def test_whole_and_counted_are_exact(real):
    @kernel
    def run(words, whole, counted):
        for i in range(words.size):
            whole[i] = draws.whole(words[i])
            counted[i] = draws.counted(words[i])

    words = extreme_words(real)
    whole, counted = np.empty((2, words.size), real)
    run.serial._cache.disable()
    run(words, whole, counted)
    if real is np.float32:
        expected = [int(w) >> 8 for w in words], [real(int(w) + 1) for w in words]
    else:
        expected = [int(w) >> 11 for w in words], [(int(w) >> 11) + 1 for w in words]
    assert whole.tolist() == expected[0]
    assert counted.tolist() == expected[1]
