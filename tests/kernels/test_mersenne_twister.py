"""The Mersenne Twister: its words, and each of torch's numbers beside its twin, bit for bit."""

import numba
import numpy as np
import pytest
from naive import mersenne_twister as naive

from minnet.kernels.cpu import mersenne_twister as twister

REALS = [np.float32, np.float64]
FILLS = {
    "uniform": ((-1.5, 2.25), naive.uniform),
    "normal": ((0.5, 1.25), naive.normal),
    "trunc_normal": ((0.25, 1.0, -1.0, 1.5), naive.trunc_normal),
    "trunc_normal tail": ((0.25, 1.0, 1.5, 2.5), naive.tail),
    "bernoulli": ((0.3,), naive.bernoulli),
    "exponential": ((1.75,), naive.exponential),
}


def filled(state, name, n, dtype, *args):
    out = np.empty(n, dtype)
    getattr(twister, name.split()[0])(out, state, *args)
    return out


def words(state, n):
    return filled(state, "integers32", n, np.int64, 0, 1 << 31)


@pytest.mark.parametrize("seed", [0, 1, 42, 5489, 2**32 - 1, 2**63 + 7])
def test_words_are_those_of_the_reference(seed):
    """NumPy's MT19937 is another implementation; 4123659995 is the known 10000th of seed 5489."""
    theirs = np.random.MT19937()
    theirs._legacy_seeding(seed % 2**32)
    state = twister.seeded(seed)
    for n in (1, 622, 1, 1, 3000, 6375):
        expected = theirs.random_raw(n) % 2**31
        np.testing.assert_array_equal(words(state, n), expected.astype(np.int64))
    if seed == 5489:
        assert expected[-1] == 4123659995 % 2**31
    assert twister.drawn(state) == 10000


@pytest.mark.parametrize("n", [1, 15, 16, 17, 32, 335])
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("name", FILLS)
def test_fill_equals_its_twin(name, real, n):
    args, twin = FILLS[name]
    state, slow = twister.seeded(n), naive.Twister(n)
    for _ in range(2):  # the second begins in the middle of a state, maybe of a pair of normals
        out = filled(state, name, n, real, *args)
        np.testing.assert_array_equal(out, twin(slow, n, real, *args))
    assert words(state, 1) == slow.word() % 2**31


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float32, np.float64])
def test_integers_equal_their_twin(dtype):
    ranges = [(0, 1), (3, 10)]
    if np.dtype(dtype).itemsize == 8:
        ranges += [(-5, 2**28 - 6), (0, 2**28), (-(2**40), 2**52)]
    state, slow = twister.seeded(7), naive.Twister(7)
    for low, high in ranges:
        out = filled(state, "integers", 1501, dtype, low, high)
        np.testing.assert_array_equal(out, naive.integers(slow, 1501, dtype, low, high))


def test_integers_of_all_64_bits():
    state, slow = twister.seeded(7), naive.Twister(7)
    out = filled(state, "integers", 100, np.int64, -(2**63), 2**63)
    expected = [slow.word64() - 2**63 for _ in range(100)]
    assert out.tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 2, 10, 1248, 1249, 1250, 5000])
def test_permutation_equals_its_twin(n):
    state, slow = twister.seeded(n), naive.Twister(n)
    np.testing.assert_array_equal(twister.permutation(n, state), naive.permutation(slow, n))
    assert words(state, 1) == slow.word() % 2**31


def test_long_permutation_orders_all_numbers():
    out = np.empty(1000, np.int64)
    state, slow = twister.seeded(0), naive.Twister(0)
    twister._long_permutation(out, state)
    order = []
    for i in range(1000):
        z = slow.word64() % (i + 1)
        order.append(i)
        order[i], order[z] = order[z], order[i]
    assert out.tolist() == order


@pytest.mark.parametrize("name", FILLS)
def test_pieces_give_the_same_bits_and_report(name, monkeypatch):
    args, _ = FILLS[name]
    n, whole, pieces = 1003, twister.seeded(1), twister.seeded(1)
    expected = filled(whole, name, n, np.float32, *args)
    monkeypatch.setattr(twister, "PIECE", 160)
    reports = []
    out = np.empty(n, np.float32)
    getattr(twister, name.split()[0])(out, pieces, *args, lambda *r: reports.append(r))
    np.testing.assert_array_equal(out, expected)
    assert reports[0][0] == 160 and reports[-1][0] == reports[-1][1] >= 992


@pytest.mark.parametrize("name", FILLS)
def test_elements_are_drawn_in_the_order_of_memory(name, monkeypatch):
    args, twin = FILLS[name]
    out = np.empty((3, 5, 4), np.float64).transpose(1, 2, 0)  # dense, not contiguous
    getattr(twister, name.split()[0])(out, twister.seeded(3), *args)
    if name == "normal":
        twin = naive.normal_pairs  # blocks are for contiguous tensors
    if name == "trunc_normal":
        monkeypatch.setattr(naive, "normal", naive.normal_pairs)
    expected = twin(naive.Twister(3), 60, np.float64, *args)
    np.testing.assert_array_equal(out.transpose(2, 0, 1).ravel(), expected)


def test_a_view_with_gaps_is_filled_and_nothing_else():
    array = np.full((20, 30), 9.0, np.float32)
    twister.uniform(array[::2, 1::3], twister.seeded(0), 0.0, 1.0)
    expected = naive.uniform(naive.Twister(0), 100, np.float32, 0, 1)
    np.testing.assert_array_equal(array[::2, 1::3].ravel(), expected)
    array[::2, 1::3] = 9.0
    assert (array == 9.0).all()


def test_uniform_replaces_the_upper_end():
    """In [1, 1 + 2**-23) only 1 is left; its upper end comes up for half of all words."""
    high = 1 + 2.0**-23
    out = filled(twister.seeded(0), "uniform", 1000, np.float32, 1.0, high)
    assert (out == 1).all()


@numba.njit
def pairs(u1, u2, x, y):
    for i in range(u1.size):
        x[i], y[i] = twister._normal_pair32(u1[i], u2[i])


def test_normals_from_extreme_uniforms():
    """Radii from 0 and the least and the largest uniform; angles at the ends of all octants."""
    step = 2.0**-24
    edges = [i / 8 + d for i in range(9) for d in (-step, 0, step) if 0 <= i / 8 + d < 1]
    u1, u2 = (u.ravel().astype(np.float32) for u in np.meshgrid(edges, edges))
    x, y = np.empty_like(u1), np.empty_like(u1)
    pairs(u1, u2, x, y)
    assert np.isfinite(x).all() and np.isfinite(y).all()
    for i in range(u1.size):
        r = np.sqrt(np.float32(-2) * naive.cephes_log(np.float32(1) - u1[i]))
        sin, cos = naive.cephes_sincos(np.float32(2 * np.pi) * u2[i])
        assert (x[i], y[i]) == (r * cos, r * sin)
    exact = np.sqrt(-2 * np.log1p(-u1.astype(float)))
    np.testing.assert_allclose(x, exact * np.cos(2 * np.pi * u2.astype(float)), atol=3e-6)
    np.testing.assert_allclose(y, exact * np.sin(2 * np.pi * u2.astype(float)), atol=3e-6)
