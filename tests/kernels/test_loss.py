"""Fused losses against their twins, bit for bit."""

import naive.loss as naive
import numpy as np
import pytest
from elementary import exp, log, log1p, sigmoid
from naive.reduce import total as naive_total

from minnet.kernels import cpu
from minnet.kernels.cpu import loss

equal = np.testing.assert_array_equal


def logits(n, c, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, c)) * 4).astype(dtype), rng.integers(0, c, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (64, 10), (300, 10), (5, 64), (3, 3000)])
def test_cross_entropy_has_the_bits_of_its_twin(shape, dtype):
    x, target = logits(*shape, dtype)
    target[::3] = -100
    got, saved, count = loss.cross_entropy(x, target)
    equal(got, naive.cross_entropy(x, target, -100, exp, log))
    assert got.dtype == dtype and count == (target >= 0).sum()
    dy = np.random.default_rng(1).standard_normal(len(x)).astype(dtype)
    few = 64 if dtype == np.float32 else 5
    dx = loss.cross_entropy_backward(dy, saved, target)
    equal(dx[:few], naive.cross_entropy_backward(dy[:few], x[:few], target[:few], -100, exp))
    assert dx.dtype == dtype
    one = loss.cross_entropy_backward(dy[0].reshape(()), saved, target)
    equal(one, loss.cross_entropy_backward(np.full(len(x), dy[0]), saved, target))
    divided = loss.cross_entropy_backward(dy, saved, target, divisor=7)
    equal(divided, loss.cross_entropy_backward(dy / dtype(7), saved, target))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 64, 4096, 4097, 9000])
def test_a_reduced_cross_entropy_has_the_bits_of_the_sum_of_its_rows(rows, dtype):
    x, target = logits(rows, 3, dtype)
    target[1::3] = -100
    each, saved, count = loss.cross_entropy(x, target)
    for reduction, divisor in [("sum", 1), ("mean", count)]:
        got, kept, counted = loss.cross_entropy(x, target, reduction=reduction)
        equal(got, naive_total(each.reshape(1, -1, 1), divisor)[0, 0])
        assert got.shape == () and got.dtype == dtype and counted == count
        for a, b in zip(kept, saved, strict=True):
            equal(a, b)


def test_a_reduced_cross_entropy_of_nothing():
    for shape in [(0, 3), (0, 0)]:
        nothing, target = np.empty(shape, np.float32), np.empty(0, np.int64)
        assert loss.cross_entropy(nothing, target, reduction="sum")[0] == 0
        assert np.isnan(loss.cross_entropy(nothing, target, reduction="mean")[0])
    x = logits(3, 4)[0]
    ignored = np.full(3, -100)
    assert loss.cross_entropy(x, ignored, reduction="sum")[0] == 0
    assert np.isnan(loss.cross_entropy(x, ignored, reduction="mean")[0])


def test_cross_entropy_is_the_log_softmax_at_the_target():
    x, target = logits(100, 17)
    rows = np.arange(100)
    got, saved, _ = loss.cross_entropy(x, target)
    expected = -cpu.log_softmax(x.astype(np.float64), 1)[rows, target]
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=1e-6)
    slope = cpu.softmax(x.astype(np.float64), 1)
    slope[rows, target] -= 1
    dx = loss.cross_entropy_backward(np.ones(1, np.float32), saved, target)
    np.testing.assert_allclose(dx, slope, rtol=1e-6, atol=1e-7)


def test_a_confident_loss_keeps_its_digits():
    # In float32 the sum of exponentials is 1, and its logarithm would be 0.
    x = np.array([[0.0, -20.0]], np.float32)
    got, _, _ = loss.cross_entropy(x, np.zeros(1, np.int64))
    np.testing.assert_allclose(got, np.log1p(np.exp(-20.0)), rtol=1e-6)


@pytest.mark.parametrize("wrong", [10, -1, 2**40])
def test_a_target_out_of_range_is_an_error(wrong):
    x, target = logits(4, 10)
    target[2] = wrong
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
        loss.cross_entropy(x, target)
    assert loss.cross_entropy(x, target, ignore=wrong)[2] == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_has_the_bits_of_its_twin(dtype):
    rng = np.random.default_rng(2)
    n = 200 if dtype == np.float32 else 40
    x = (rng.standard_normal(n) * 10).astype(dtype)
    t, w, p, dy = (rng.random(n).astype(dtype) for _ in range(4))
    one = np.ones(1, dtype)
    for weight, positive, d in [(w, p, dy), (one, one, one), (w, one * 3, dy), (one * 2, p, one)]:
        got = loss.bce_with_logits(x, t, weight, positive)
        equal(got, naive.bce_with_logits(x, t, weight, positive, exp, log1p))
        got = loss.bce_with_logits_backward(d, x, t, weight, positive)
        equal(got, naive.bce_with_logits_backward(d, x, t, weight, positive, sigmoid))
    x = x.astype(np.float64)
    expected = t * np.logaddexp(0, -x) + (1 - t.astype(np.float64)) * np.logaddexp(0, x)
    got = loss.bce_with_logits(x.astype(dtype), t, one, one)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_binary_cross_entropy_is_finite_far_out():
    x = np.array([1e4, -1e4, 1e4, -1e4], np.float32)
    t, one = np.array([1, 0, 0, 1], np.float32), np.ones(1, np.float32)
    equal(loss.bce_with_logits(x, t, one, one), np.array([0, 0, 1e4, 1e4], np.float32))
    slope = loss.bce_with_logits_backward(one, x, t, one, one)
    equal(slope, np.array([0, 0, 1, -1], np.float32))


def test_threads_change_no_bit():
    x, target = logits(700, 37)
    target[5] = -100
    results = []
    for form in (loss._cross_entropy.serial, loss._cross_entropy.parallel):
        e, inverse, rows = np.empty_like(x), np.empty(700), np.empty(700, np.float32)
        value = np.empty(1, np.float32)
        form(x, target, -100, loss.MEAN, e, inverse, rows, value)
        results.append((e, inverse, rows, value))
    for a, b in zip(*results, strict=True):
        equal(a, b)
    e, inverse, rows, _ = results[0]
    flat, one = x.reshape(-1), np.ones(1, np.float32)
    t = np.abs(flat) / 20
    for run, args in [
        (loss._cross_entropy_backward, (rows, 700.0, e, inverse, target, -100)),
        (loss._bce_with_logits, (flat, t, t, one)),
        (loss._bce_with_logits_backward, (flat, flat, t, one, t)),
    ]:
        out = np.empty(x.shape if "cross" in run.__name__ else x.size, np.float32)
        other = out.copy()
        run.serial(*args, out)
        run.parallel(*args, other)
        equal(out, other)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (32, 1), (63, 65), (4096,), (3, 4097)])
def test_squared_error_has_the_bits_of_its_twin(shape, dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    dy = np.array(0.7, dtype)
    for divisor in (1, x.size):
        got = loss.squared_error(x, y, divisor)
        equal(got, naive.squared_error(x, y, divisor))
        dx = loss.squared_error_backward(dy, x, y, divisor)
        equal(dx, dy / dtype(divisor) * (2 * (x - y)))
        assert got.dtype == dx.dtype == dtype and got.shape == ()
    crossed = loss.squared_error(x.T, y.T, 1), loss.squared_error_backward(dy, x.T, y.T, 1)
    equal(crossed[0], naive.squared_error(x.T, y.T, 1))
    equal(crossed[1], dy * (2 * (x - y)).T)


def test_the_squared_error_of_nothing():
    nothing = np.empty((0, 5), np.float32)
    assert loss.squared_error(nothing, nothing, 1) == 0
    assert np.isnan(loss.squared_error(nothing, nothing, 0))
    dx = loss.squared_error_backward(np.array(1, np.float32), nothing, nothing, 0)
    assert dx.shape == (0, 5)
