"""The device's losses have the CPU's bits, and find wrong targets."""

import numpy as np
import pytest

from minnet.kernels.cpu import loss as host
from minnet.kernels.cuda import loss
from minnet.kernels.cuda.array import from_host, to_host

REALS = [np.float32, np.float64]
rng = np.random.default_rng(3)


def same(found, expected):
    np.testing.assert_array_equal(to_host(found), expected, strict=True)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("classes", [1, 10, 70])
def test_cross_entropy_and_its_gradient(classes, dtype):
    x = (5 * rng.standard_normal((6, classes))).astype(dtype)
    target = rng.integers(0, classes, 6)
    target[2] = -100
    expected, saved, count = host.cross_entropy(x, target)
    found, kept, counted = loss.cross_entropy(from_host(x), from_host(target))
    assert counted == count == 5
    same(found, expected)
    for mine, theirs in zip(kept, saved, strict=True):
        same(mine, theirs)
    for dy in (rng.standard_normal(6).astype(dtype), np.array([0.25], dtype)):
        gradient = loss.cross_entropy_backward(from_host(dy), kept, from_host(target))
        same(gradient, host.cross_entropy_backward(dy, saved, target))
    for reduction in ("sum", "mean"):
        expected = host.cross_entropy(x, target, reduction=reduction)[0]
        found, kept, counted = loss.cross_entropy(
            from_host(x), from_host(target), reduction=reduction
        )
        same(found, expected)
    dy = np.array(0.25, dtype)
    gradient = loss.cross_entropy_backward(from_host(dy), kept, from_host(target), -100, counted)
    same(gradient, host.cross_entropy_backward(dy, saved, target, divisor=count))


@pytest.mark.parametrize("wrong", [10, -1])
def test_a_target_out_of_range_is_an_error(wrong):
    x, target = np.zeros((40, 10), np.float32), np.zeros(40, np.int64)
    target[[17, 30]] = wrong, 11
    for call in (
        lambda: loss.cross_entropy(from_host(x), from_host(target))[0],
        lambda: loss.check_target(from_host(target), 10, -100),
    ):
        result = call()  # the host is not made to wait for the answer
        with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
            to_host(result)
        to_host(result)  # told once


def test_no_rows():
    found, _, count = loss.cross_entropy(
        from_host(np.zeros((0, 3), np.float32)), from_host(np.zeros(0, np.int64))
    )
    assert (found.shape, count) == ((0,), 0)


@pytest.mark.parametrize("dtype", REALS)
def test_binary_cross_entropy(dtype):
    x, target, dy = (rng.standard_normal((3, 4)).astype(dtype) for _ in range(3))
    weight, positive = rng.random((3, 4)).astype(dtype), np.array([2.5], dtype)
    for arrays in ((x, target, weight, positive), (x, target, positive, weight)):
        device = [from_host(a) for a in arrays]
        same(loss.bce_with_logits(*device), host.bce_with_logits(*arrays))
        same(
            loss.bce_with_logits_backward(from_host(dy), *device),
            host.bce_with_logits_backward(dy, *arrays),
        )


@pytest.mark.parametrize("size", [0, 1, 70, 5000])
def test_squared_error_has_the_bits_of_the_cpu(size):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(size, np.float32) for _ in range(2))
    dy, divisor = np.array(0.7, np.float32), max(size, 1)
    device = from_host(x), from_host(y)
    same(loss.squared_error(*device, divisor), host.squared_error(x, y, divisor))
    same(
        loss.squared_error_backward(from_host(dy), *device, divisor),
        host.squared_error_backward(dy, x, y, divisor),
    )
