"""The laws of fills on large samples: moments, KS, chi-square, far tails; seeds are fixed."""

import math

import numpy as np
import pytest
from scipy import stats

from minnet.kernels import cpu

pytestmark = pytest.mark.slow

PART = 10**7
SMALL_P = 1e-4  # some sixty p-values are looked at: one below is unlikely, at seeds that stay


def parts(name, total, dtype, *args, draw=0):
    """Yield a fill of `total` elements in parts, in float64."""
    buffer = np.empty(PART, dtype)
    for start in range(0, total, PART):
        getattr(cpu, name)(buffer, cpu.stream(2026, draw), *args, start=start)
        yield buffer.astype(np.float64) if dtype != np.float64 else buffer


def counts(name, total, dtype, edges, *args):
    """Return how many of `total` elements lie between the edges, and beyond them on both sides."""
    found = np.zeros(len(edges) + 1, np.int64)
    for x in parts(name, total, dtype, *args):
        found += np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1)
    return found


LAWS = {
    "uniform": ((0.0, 1.0), stats.uniform()),
    "normal": ((0.0, 1.0), stats.norm()),
    "exponential": ((1.0,), stats.expon()),
    "trunc_normal": ((0.0, 1.0, -2.0, 2.0), stats.truncnorm(-2, 2)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAWS)
def test_chi_square_and_moments(name, dtype):
    """10⁹ uniforms and normals in float32, a tenth of that elsewhere, in 1000 equal cells."""
    args, law = LAWS[name]
    total = 10**9 if dtype == np.float32 and name in ("uniform", "normal") else 10**8
    edges = law.ppf(np.arange(1, 1000) / 1000)
    found = np.zeros(1000, np.int64)
    sums = np.zeros(4)
    for x in parts(name, total, dtype, *args):
        found += np.bincount(np.searchsorted(edges, x, side="right"), minlength=1000)
        z = (x - law.mean()) / law.std()
        sums += [z.sum(), (z * z).sum(), (z**3).sum(), (z**4).sum()]
    assert stats.chisquare(found).pvalue > SMALL_P
    moments = [float(law.expect(lambda x, k=k: ((x - law.mean()) / law.std()) ** k, epsabs=1e-10))
               for k in range(1, 9)]  # fmt: skip
    for k in range(1, 5):
        error = math.sqrt((moments[2 * k - 1] - moments[k - 1] ** 2) / total)
        assert abs(sums[k - 1] / total - moments[k - 1]) < 4.5 * error, k


@pytest.mark.parametrize("name", LAWS)
def test_kolmogorov_smirnov_in_float64(name):
    args, law = LAWS[name]
    (x,) = parts(name, PART, np.float64, *args, draw=1)
    assert stats.kstest(x, law.cdf).pvalue > SMALL_P


def test_far_tails_of_the_normal():
    """Beyond 5, 5.5 and 6 standard deviations among 10⁹, on either side, against Poisson's law."""
    edges = np.array([-6.0, -5.5, -5.0, 5.0, 5.5, 6.0])
    found = counts("normal", 10**9, np.float32, edges, 0.0, 1.0)
    shares = np.diff(np.concatenate([[0.0], stats.norm.cdf(edges[:3])]))
    for tail in (found[:3], found[:3:-1]):
        for observed, share in zip(tail, shares, strict=True):
            low, high = stats.poisson(share * 1e9).interval(1 - SMALL_P)
            assert low <= observed <= high, (observed, share * 1e9)


@pytest.mark.parametrize("bit", [0, 7, 16, 31])
def test_bits_of_words_are_fair_and_neighbours_independent(bit):
    words = np.empty(PART, np.int64)
    cpu.integers(words, cpu.stream(2026, 2), -(2**63), 2**63)
    bits = (words.view(np.uint32) >> bit) & 1
    for x in (bits, bits[:-1] ^ bits[1:], bits[:-2048] ^ bits[2048:]):
        assert stats.binomtest(int(x.sum()), x.size).pvalue > SMALL_P


@pytest.mark.parametrize(("low", "high"), [(0, 2), (-3, 4), (0, 1000)])
def test_integers_are_equally_likely(low, high):
    found = np.zeros(high - low, np.int64)
    whole = np.empty(PART, np.int64)
    for start in range(0, 10**8, PART):
        cpu.integers(whole, cpu.stream(2026, 3), low, high, start=start)
        found += np.bincount(whole - low, minlength=high - low)
    assert stats.chisquare(found).pvalue > SMALL_P


def test_bernoulli_has_its_share():
    ones = 0.0
    for x in parts("bernoulli", 10**8, np.float32, 0.3):
        ones += x.sum()
    assert stats.binomtest(int(ones), 10**8, 0.3).pvalue > SMALL_P


def test_two_draws_two_seeds_and_two_planes_are_independent():
    first, second, third = np.empty((3, PART))
    cpu.normal(first, cpu.stream(2026, 4), 0.0, 1.0)
    cpu.normal(second, cpu.stream(2026, 5), 0.0, 1.0)
    cpu.normal(third, cpu.stream(2027, 4), 0.0, 1.0)
    pairs = [
        (first, second),
        (first, third),
        (first[:-1024], first[1024:]),
        (first[:-1], first[1:]),
    ]
    for x, y in pairs:
        for a, b in ((x, y), (x * x - 1, y * y - 1)):
            scale = math.sqrt(a.size) * a.std() * b.std()
            assert abs(float(a @ b)) < 4.5 * scale
