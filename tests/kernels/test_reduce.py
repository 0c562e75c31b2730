"""Reductions against their twin, bit for bit; their order; their edges."""

import naive.reduce as naive
import numpy as np
import pytest
from elementary import exp, log
from hypothesis import given, settings
from hypothesis import strategies as st

from minnet.kernels import cpu
from minnet.kernels.cpu import reduce
from minnet.kernels.jit import kernel

equal = np.testing.assert_array_equal
FLOATS = [np.float32, np.float64]


def numbers(*shape, dtype=np.float32, seed=0):
    """Numbers of many magnitudes, whose sums depend on the order."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * np.exp2(rng.integers(-30, 30, shape).astype(np.float64))
    return x.astype(dtype)


def same_bits(x, y):
    assert x.dtype == y.dtype and x.shape == y.shape
    equal(x.view(f"u{x.itemsize}"), y.view(f"u{y.itemsize}"))


SHAPES = [(1, 1, 1), (3, 10, 1), (2, 64, 1), (2, 129, 1), (1, 4096, 1), (2, 9000, 1), (1, 7, 5)]
SHAPES += [(2, 65, 3), (1, 64, 128), (1, 9000, 2), (1, 3, 1500), (4, 1, 9)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_sum_has_the_bits_of_the_documented_order(shape, dtype):
    x = numbers(*shape, dtype=dtype)
    same_bits(cpu.sum(x, 1), naive.total(x))
    same_bits(cpu.mean(x, 1), naive.total(x, shape[1]))


def test_the_order_shows_in_the_bits():
    # Otherwise the test above could not fail.
    x = numbers(1, 4096, 1, dtype=np.float64)
    assert cpu.sum(x) != np.add.accumulate(x.ravel())[-1]


def test_a_float32_sum_is_rounded_once():
    x = np.array([2**24, 1, 1, -(2**24)] * 100, np.float32)
    assert cpu.sum(x) == 200
    assert cpu.mean(np.full(3_000_000, 0.1, np.float32)) == np.float32(0.1)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 5), min_size=0, max_size=4),
    st.data(),
    st.booleans(),
)
def test_any_axes_of_any_shape_sum_as_numpy_says(shape, data, keepdims):
    rng = np.random.default_rng(1)
    x = rng.integers(-1000, 1000, shape).astype(np.float32)  # sums are exact
    x = np.asarray(x)[..., ::-1] if shape else np.asarray(x)
    axes = data.draw(st.sets(st.integers(-len(shape), len(shape) - 1))) if shape else set()
    axes = tuple({a % len(shape) for a in axes})
    got = cpu.sum(x, axes, keepdims)
    expected = np.sum(x, axes, keepdims=keepdims)
    equal(got, expected)
    assert got.dtype == np.float32 and got.shape == np.shape(expected)
    assert not np.may_share_memory(got, x)


def test_without_axes_everything_is_summed():
    x = numbers(3, 4, 5)
    same_bits(cpu.sum(x), naive.total(x.reshape(1, -1, 1)).reshape(()))
    assert cpu.sum(x, keepdims=True).shape == (1, 1, 1)


def test_apart_axes_are_summed_as_one_row():
    x = numbers(6, 7, 8)
    moved = np.ascontiguousarray(x.transpose(1, 0, 2)).reshape(7, 48, 1)
    same_bits(cpu.sum(x, (0, 2)), naive.total(moved)[:, 0])


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.int64])
def test_integers_sum_in_int64(dtype):
    x = np.full((3, 200), 200).astype(dtype)
    got = cpu.sum(x, 1)
    assert got.dtype == np.int64
    equal(got, np.full(3, int(x[0, 0]) * 200))


def test_sums_of_nothing():
    assert cpu.sum(np.zeros((0,), np.float32)) == 0
    equal(cpu.sum(np.zeros((0, 3), np.float32), 0), np.zeros(3))
    assert np.isnan(cpu.mean(np.zeros((0,), np.float32)))
    assert cpu.sum(np.zeros((0, 3), np.float32), 1).shape == (0,)


@pytest.mark.parametrize("shape", [(64, 128), (1, 1), (5, 1), (4097, 3), (0, 3), (7, 1500)])
def test_sum_rows_is_the_sum_over_the_first_axis(shape):
    x = numbers(*shape)
    same_bits(cpu.sum_rows(x), naive.total(x[None])[0] if x.size else np.zeros(3, np.float32))
    same_bits(cpu.sum_rows(np.asfortranarray(x)), cpu.sum_rows(x))


def test_infinities_and_nan_go_through_a_sum():
    inf = np.inf
    x = np.array([[inf, 1], [inf, -inf], [np.nan, 1]], np.float32)
    equal(cpu.sum(x, 1), np.array([inf, np.nan, np.nan], np.float32))


ROWS = [(1, 1), (64, 10), (300, 10), (3, 63), (3, 64), (5, 200), (2, 5000)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", ROWS)
def test_softmax_and_its_kin_have_the_bits_of_their_twins(shape, dtype):
    rng = np.random.default_rng(3)
    x = (rng.standard_normal(shape) * 5).astype(dtype)
    x[0] *= 20
    if shape[1] > 2:
        x[-1, 1] = -np.inf
    y, log_y = cpu.softmax(x, 1), cpu.log_softmax(x, 1)
    same_bits(y, naive.softmax(x, exp))
    same_bits(log_y, naive.log_softmax(x, exp, log))
    same_bits(cpu.logsumexp(x, 1), naive.logsumexp(x, exp, log))
    dy = rng.standard_normal(shape).astype(dtype)
    same_bits(cpu.softmax_backward(dy, y, 1), naive.softmax_backward(dy, y))
    log_y = np.maximum(log_y, -50)  # the twin of fma is for finite numbers
    twin = naive.log_softmax_backward(dy[:4], log_y[:4], exp)
    same_bits(cpu.log_softmax_backward(dy, log_y, 1)[:4], twin)


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_is_as_accurate_as_its_input_allows(dtype):
    rng = np.random.default_rng(4)
    x = (rng.standard_normal((50, 300)) * 10).astype(dtype)
    wide = x.astype(np.longdouble)
    below = wide.max(1, keepdims=True) - wide
    e = np.exp(-below)
    p = e / e.sum(1, keepdims=True)
    # x - max(x) is rounded, by half a unit in its last place; exp, sum and division add a few more.
    few = 3 if dtype == np.float32 else 8  # a sum of float64 is not wider than its terms
    bound = np.finfo(dtype).eps * (below / 2 + few)
    assert (np.abs(cpu.softmax(x, 1) - p) <= bound * p).all()
    log_p = np.log(p)
    bound = np.finfo(dtype).eps * (1.5 * np.abs(log_p) + few)
    assert (np.abs(cpu.log_softmax(x, 1) - log_p) <= bound).all()
    total = np.log(np.exp(wide).sum(1))
    assert (np.abs(cpu.logsumexp(x, 1) - total) <= np.finfo(dtype).eps * (np.abs(total) + 1)).all()


@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 2), (1, 2)])
def test_softmax_runs_along_any_axis(axis):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((4, 5, 6)).astype(np.float32)[:, ::-1]
    axes = axis if isinstance(axis, tuple) else (axis,)
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    rows = np.ascontiguousarray(moved).reshape(-1, np.prod(moved.shape[-len(axes) :]))

    def back(rows):
        return np.moveaxis(rows.reshape(moved.shape), range(-len(axes), 0), axes)

    y, dy = cpu.softmax(x, axis), rng.standard_normal(x.shape).astype(np.float32)
    same_bits(y, np.ascontiguousarray(back(cpu.softmax(rows, 1))))
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y.sum(axis), 1, rtol=1e-6)
    got = cpu.softmax_backward(dy, y, axis)
    expected = (dy - (dy * y).sum(axis, keepdims=True)) * y
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    log_y = cpu.log_softmax(x, axis)
    got = cpu.log_softmax_backward(dy, log_y, axis)
    expected = dy - np.exp(log_y) * dy.sum(axis, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    wide = np.log(np.exp(x.astype(np.float64)).sum(axis))
    np.testing.assert_allclose(cpu.logsumexp(x, axis), wide, rtol=1e-6, atol=1e-6)
    assert cpu.logsumexp(x, axis, True).shape == x.sum(axis, keepdims=True).shape


def test_softmax_of_infinities_and_nan():
    inf, nan = np.inf, np.nan
    x = np.array([[inf, 0], [-inf, -inf], [nan, 0], [-inf, 0], [1e30, -1e30]], np.float32)
    y = np.array([[nan, nan], [nan, nan], [nan, nan], [0, 1], [1, 0]], np.float32)
    equal(cpu.softmax(x, 1), y)
    log_y = np.array([[nan, nan]] * 3 + [[-inf, 0], [0, -2e30]], np.float32)
    equal(cpu.log_softmax(x, 1), log_y)
    equal(cpu.logsumexp(x, 1), np.array([inf, -inf, nan, 0, 1e30], np.float32))


def test_softmax_of_nothing():
    x = np.zeros((3, 0), np.float32)
    assert cpu.softmax(x, 1).shape == cpu.log_softmax(x, 0).shape == (3, 0)
    equal(cpu.logsumexp(x, 1), np.full(3, -np.inf, np.float32))
    assert cpu.logsumexp(np.zeros((0, 3), np.float32), 1).shape == (0,)


def test_threads_change_no_bit():
    rows, cube = numbers(70, 9000), numbers(3, 5000, 1100)
    for run, x, out, *rest in [
        (reduce._sum_rows, rows, np.empty((70, 3), np.float64), 1.0),
        (reduce._sum_columns, cube, np.empty((3, 2, 1100), np.float64), 1.0),
    ]:
        other = out.copy()
        run.serial(x, *rest, out)
        run.parallel(x, *rest, other)
        equal(out, other)
    x = np.random.default_rng(6).standard_normal((700, 37)).astype(np.float32)
    y = cpu.softmax(x, 1)
    for run, args, shape in [
        (reduce._softmax, (x,), x.shape),
        (reduce._log_softmax, (x,), x.shape),
        (reduce._softmax_backward, (x, y), x.shape),
        (reduce._log_softmax_backward, (x, y), x.shape),
        (reduce._logsumexp, (x,), 700),
    ]:
        out, other = np.empty(shape, np.float32), np.empty(shape, np.float32)
        run.serial(*args, out)
        run.parallel(*args, other)
        equal(out, other)


@kernel
def summed(x, out):
    out[0] = reduce.whole_sum(x)


def test_a_whole_line_is_summed_as_an_axis_is():
    line = np.random.default_rng(3).standard_normal(4096 * 4096 + 5000).astype(np.float32)
    for x in (line, line[:4097], line[:4096], line[:1], line[:0]):  # on three levels, two, one
        out = np.empty(1, np.float32)
        summed(x, out)
        equal(out[0], cpu.sum(x))
