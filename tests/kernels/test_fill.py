"""Fills: bit for bit their twins, at any start, stride and number of threads; and their laws."""

import math

import numpy as np
import pytest
from naive import fill as naive
from scipy import stats

from minnet.kernels import cpu, fills
from minnet.kernels.cpu import fill

SEED, DRAW = 0x0123456789ABCDEF, 0x1_0000_0007
STREAM = cpu.stream(SEED, DRAW)
REALS = [np.float32, np.float64]
RUN = {np.float32: 4096, np.float64: 2048}

# name, arguments after the stream, the twin of one element
FLOAT_FILLS = {
    "uniform": ((-1.5, 2.25), naive.uniform),
    "normal": ((0.5, 1.25), naive.normal),
    "trunc_normal": ((0.25, 1.0, -1.0, 1.5), naive.trunc_normal),
    "exponential": ((2.5,), naive.exponential),
}


def filled(name, n, real, *args, start=0):
    out = np.full(n, np.nan, real)
    getattr(cpu, name)(out, STREAM, *args, start=start)
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
    scale = naive.scale(real, low, high)
    numbers = (0.5, 2.0, 0.5 + 2 * low, 0.5 + 2 * high, low, high, scale, rate)
    args = tuple(real(v) for v in numbers)
    out = np.empty(RUN[real], real)
    fill._tail(out, 0, STREAM, args)
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
        getattr(cpu, name)(view, STREAM, *args)
        np.testing.assert_array_equal(view, expected)
        assert around == 0 and np.count_nonzero(view.base) == np.count_nonzero(expected)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("_uniform", (-1.0, 1e-7, 0.99)),
        ("_normal", (-1.0, 2.0)),
        ("_exponential", (2.0,)),
        ("_truncated", (0.0, 1.0, -0.5, 1.5)),
        ("_tail", (0.0, 1.0, 2.0, 9.0, 2.0, 9.0, 0.0, 2.4)),
    ],
)
def test_parallel_bits_equal_serial_bits(name, numbers, real):
    kernel = getattr(fill, name)
    args = (3 * RUN[real] + 5, STREAM, tuple(real(x) for x in numbers))
    serial, parallel = np.ones((2, 9 * RUN[real]), real) * real(7)
    kernel.serial(serial, *args)
    kernel.parallel(parallel, *args)
    np.testing.assert_array_equal(serial, parallel)
    assert (serial != 7).all()


def test_parallel_integers_equal_serial_ones():
    serial, parallel = np.zeros((2, 9 * 2048), np.int64)
    args = (3, STREAM, (np.uint64(5), np.uint64(3 << 62), np.uint64(1 << 62)))
    fill._integers.serial(serial, *args)
    fill._integers.parallel(parallel, *args)
    np.testing.assert_array_equal(serial, parallel)
    assert np.unique(serial).size == serial.size


@pytest.mark.parametrize("n", [1, 9, 48, 400, 2047, 2048, 4095, 4096, 9999])
def test_both_loops_of_uniforms_give_the_same_bits(n):
    numbers = fills._uniform_numbers(np.dtype(np.float32), -0.3, 1.7)
    one, two = np.zeros((2, n), np.float32)
    fill._uniform(one, 4096 - 77, STREAM, numbers)
    fill._uniform32(two, 4096 - 77, STREAM, numbers)
    np.testing.assert_array_equal(one, two)
    assert one.all()


@pytest.mark.parametrize("real", REALS)
def test_uniform_never_returns_the_upper_end(real):
    """In a range of two numbers, half of the largest units round up to its end."""
    out = filled("uniform", 100_000, real, 1.0, 1.0 + 2 * np.finfo(real).eps)
    assert set(np.unique(out)) == {real(1), real(1) + np.finfo(real).eps}


def test_the_upper_end_is_the_dtypes_own_where_it_has_no_such_number():
    high = 1 + 2**-22 + 2**-30  # rounds down to 1 + 2**-22 in float32
    out = filled("uniform", 100_000, np.float32, 1.0, high)
    assert set(np.unique(out)) == {np.float32(1), np.float32(1 + 2**-23)}


@pytest.mark.parametrize("real", REALS)
def test_uniform_over_an_empty_range_is_its_one_value(real):
    np.testing.assert_array_equal(filled("uniform", 10, real, 3.0, 3.0), real(3))


def test_empty_fill_is_a_no_op():
    for name, (args, _) in FLOAT_FILLS.items():
        filled(name, 0, np.float32, *args, start=17)


def test_bernoulli_equals_its_twin():
    out = np.empty(5000, np.float32)
    cpu.bernoulli(out, STREAM, 0.3)
    for element in [0, 1, 1023, 1024, 4095, 4096, 4999]:
        assert out[element] == naive.bernoulli(SEED, DRAW, element, 0.3)
    for p in (0.0, 1.0):
        cpu.bernoulli(out, STREAM, p)
        np.testing.assert_array_equal(out, np.float32(p))
    whole = np.empty(5000, np.int64)
    cpu.bernoulli(whole, STREAM, 0.3)
    assert set(whole) == {0, 1} and abs(whole.mean() - 0.3) < 0.03


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 10), (-3, 4), (0, 1 << 40), (-(1 << 63), 1 << 63)]
)
def test_integers_equal_their_twin(low, high):
    out = np.empty(2100, np.int64)
    cpu.integers(out, STREAM, low, high)
    for element in [0, 1, 1023, 1024, 2047, 2048, 2099]:
        assert out[element] == naive.integer(SEED, DRAW, element, low, high)
    assert low <= out.min() and out.max() < high


def test_integers_are_equally_likely():
    out = np.empty(70_000, np.int64)
    cpu.integers(out, STREAM, -3, 4)
    counts = np.bincount(out + 3, minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [0, 1, 2, 3, 100])
def test_permutation_equals_its_twin(n):
    assert fill.permutation(n, STREAM).tolist() == naive.permutation(SEED, DRAW, n)


def test_permutations_are_equally_likely():
    orders = [tuple(fill.permutation(4, cpu.stream(SEED, d))) for d in range(4800)]
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
    streams = [cpu.stream(s, d) for s in (0, 1, 1 << 32) for d in (0, 1, 1 << 32)]
    fills = []
    for stream in streams:
        out = np.empty(64)
        cpu.uniform(out, stream, 0.0, 1.0)
        fills.append(out)
    for i, x in enumerate(fills):
        for y in fills[:i]:
            assert not np.intersect1d(x, y).size


# Half types, large and strided memory, progress


def half_types():
    yield np.float16
    try:
        import ml_dtypes
    except ImportError:
        return
    yield ml_dtypes.bfloat16


HALVES = list(half_types())


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", FLOAT_FILLS)
def test_half_types_are_float32_rounded_once(name, half):
    args, _ = FLOAT_FILLS[name]
    args = tuple(float(half(x)) for x in args)  # bounds are the type's own
    out = filled(name, 10_001, half, *args, start=3)
    expected = filled(name, 10_001, np.float32, *args, start=3)
    if name == "uniform":  # which would round to the upper end
        last = np.float32(np.nextafter(half(args[1]), half(args[0])))
        expected = np.minimum(expected, last)
    np.testing.assert_array_equal(out, expected.astype(half))


@pytest.mark.parametrize("half", HALVES)
def test_half_uniform_never_returns_the_upper_end(half):
    out = filled("uniform", 100_000, half, 0.0, 1.0)
    assert out.max() == np.nextafter(half(1), half(0)) and out.min() >= 0
    assert abs(out.astype(np.float64).mean() - 0.5) < 0.01


@pytest.mark.parametrize("half", HALVES)
def test_half_truncated_normal_stays_within_bounds_of_its_own(half):
    out = filled("trunc_normal", 100_000, half, 0.0, 1.0, -0.3, 0.7)
    assert half(-0.3) <= out.min() and out.max() <= half(0.7)


def test_float16_rounds_to_infinity_in_silence():
    assert np.isinf(filled("normal", 1000, np.float16, 0.0, 1e6)).any()


def test_pieces_cover_an_array_in_row_order(monkeypatch):
    monkeypatch.setattr(fill, "PIECE", 64)
    for shape in [(1000,), (3, 7), (10, 10, 10), (2, 3, 500), (500, 1, 2), (1, 1, 1, 1), (4, 0)]:
        out = np.zeros(shape, np.int64)[..., ::1]
        seen = 0
        for before, piece in fill._pieces(out):
            assert before == seen and 0 < piece.size <= 64
            piece[...] = np.arange(seen, seen + piece.size).reshape(piece.shape)
            seen += piece.size
        np.testing.assert_array_equal(out.ravel(), np.arange(out.size))


@pytest.mark.parametrize("make", [lambda: np.zeros((70, 60)).T, lambda: np.zeros(4200)], ids=str)
def test_a_fill_in_pieces_is_the_fill_in_one(make, monkeypatch):
    expected = filled("normal", 4200, np.float64, 0.0, 1.0, start=5)
    monkeypatch.setattr(fill, "PIECE", 100)
    out, calls = make(), []
    cpu.normal(out, STREAM, 0.0, 1.0, 5, lambda done, total: calls.append((done, total)))
    np.testing.assert_array_equal(out.ravel(), expected)
    assert calls[-1] == (4200, 4200) and len(calls) >= 42
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_an_exception_in_progress_stops_the_fill(monkeypatch):
    monkeypatch.setattr(fill, "PIECE", 1000)

    def stop(done, total):
        raise KeyboardInterrupt

    out = np.zeros(5000, np.float32)
    with pytest.raises(KeyboardInterrupt):
        cpu.normal(out, STREAM, 0.0, 1.0, 0, stop)
    assert out[:1000].all() and not out[1000:].any()


def test_a_strided_or_half_fill_takes_little_memory_of_its_own():
    import tracemalloc

    cpu.normal(np.empty(10, np.float32), STREAM, 0.0, 1.0)  # loads the kernel
    for out in (np.empty((1 << 23, 2), np.float32)[:, 0], np.empty(1 << 23, np.float16)):
        tracemalloc.start()
        cpu.normal(out, STREAM, 0.0, 1.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 3 * 4 * fill.PIECE < out.nbytes * 2


def test_a_memmap_is_filled_in_place(tmp_path):
    out = np.memmap(tmp_path / "weights", np.float32, "w+", shape=(3, 5000))
    cpu.normal(out, STREAM, 0.0, 1.0)
    out.flush()
    expected = filled("normal", 15_000, np.float32, 0.0, 1.0)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "weights", np.float32), expected)


def test_integers_that_are_often_drawn_again_equal_their_twin():
    span = (1 << 63) + 1  # almost half of the words give a product that is refused
    out = np.empty(2048, np.int64)
    cpu.integers(out, STREAM, -(1 << 62), span - (1 << 62))
    for element in [*range(20), 1023, 1024, 2047]:
        expected = naive.integer(SEED, DRAW, element, -(1 << 62), span - (1 << 62))
        assert out[element] == expected


def test_a_permutation_longer_than_a_run_equals_its_twin():
    assert fill.permutation(2500, STREAM).tolist() == naive.permutation(SEED, DRAW, 2500)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.bool_])
def test_bernoulli_is_the_same_in_every_dtype(dtype):
    ones, other = np.empty(5000, np.float32), np.empty(5000, dtype)
    cpu.bernoulli(ones, STREAM, 0.3)
    cpu.bernoulli(other, STREAM, 0.3)
    np.testing.assert_array_equal(other, ones.astype(dtype))


@pytest.mark.parametrize("real", REALS)
def test_exponential_law(real):
    x = filled("exponential", 300_000, real, 2.0)
    assert x.min() > 0
    assert stats.kstest(x.astype(np.float64), "expon", (0, 0.5)).pvalue > 1e-3
