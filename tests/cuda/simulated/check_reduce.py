"""The device's sums and their relatives have the CPU's bits."""

import numpy as np
import pytest

from minnet.kernels import cpu, cuda
from minnet.kernels.cuda import reduce
from minnet.kernels.cuda.array import from_host, to_host

REALS = [np.float32, np.float64]
rng = np.random.default_rng(2)


def numbers(shape, dtype):
    return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)


def same(found, expected):
    np.testing.assert_array_equal(to_host(found), expected, strict=True)


@pytest.mark.parametrize("dtype", REALS)
def test_sums_of_adjacent_elements(dtype):
    for n in (1, 63, 64, 200, 4096 + 70):
        x = numbers((2, n), dtype)
        same(cuda.sum(from_host(x), 1), cpu.sum(x, 1))
        same(cuda.mean(from_host(x)), cpu.mean(x))


@pytest.mark.parametrize("dtype", REALS)
def test_sums_over_rows(dtype):
    for shape in ((1, 5), (19, 5), (9, 2, 3)):
        x = numbers(shape, dtype)
        same(cuda.sum(from_host(x), 0), cpu.sum(x, 0))
        same(cuda.mean(from_host(x), 0, True), cpu.mean(x, 0, True))
    x = numbers((11, 6), dtype)
    same(cuda.sum_rows(from_host(x)), cpu.sum_rows(x))


def test_more_rows_than_a_block_has(monkeypatch):
    x = numbers((4096 + 3, 2), np.float32)
    monkeypatch.setattr(reduce, "DEEP", reduce.DEEP)
    same(cuda.sum(from_host(x), 0), cpu.sum(x, 0))


def test_axes_that_are_not_side_by_side():
    x = numbers((3, 4, 5), np.float32)
    same(cuda.sum(from_host(x), (0, 2)), cpu.sum(x, (0, 2)))
    same(cuda.softmax(from_host(x), (0, 2)), cpu.softmax(x, (0, 2)))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_nothing_to_add_up(shape):
    x = np.zeros(shape, np.float32)
    same(cuda.sum(from_host(x), 0), cpu.sum(x, 0))
    same(cuda.mean(from_host(x)), cpu.mean(x))


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_and_its_relatives(name, dtype):
    for shape, axis in (((3, 10), 1), ((2, 150), 1), ((4, 3), 0)):
        x = numbers(shape, dtype)
        same(getattr(cuda, name)(from_host(x), axis), getattr(cpu, name)(x, axis))
    special = np.array([[0.0, np.inf, 1.0], [-np.inf] * 3, [np.nan, 1.0, 2.0]], dtype)
    same(getattr(cuda, name)(from_host(special), 1), getattr(cpu, name)(special, 1))


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ["softmax_backward", "log_softmax_backward"])
def test_backward(name, dtype):
    for shape in ((3, 10), (2, 150)):
        dy, x = numbers(shape, dtype), rng.standard_normal(shape).astype(dtype)
        y = cpu.softmax(x, 1) if name == "softmax_backward" else cpu.log_softmax(x, 1)
        found = getattr(cuda, name)(from_host(dy), from_host(y), 1)
        same(found, getattr(cpu, name)(dy, y, 1))
