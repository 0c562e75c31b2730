"""Gathered rows against their twin."""

import numpy as np
import pytest
from naive import gather as naive

from minnet.kernels.cpu import gather


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
@pytest.mark.parametrize("shape", [(50, 784), (50, 28, 28), (7,), (3, 1), (50, 0)])
@pytest.mark.parametrize("count", [0, 1, 7, 64, 301])
def test_rows_are_those_of_the_twin(dtype, shape, count):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 200, shape).astype(dtype)
    indices = rng.integers(-len(x), len(x), count)
    got = gather.rows(x, indices)
    assert got.dtype == x.dtype and got.flags.c_contiguous and not np.shares_memory(got, x)
    np.testing.assert_array_equal(got, naive.rows(x, indices))


def check_scaled(x, indices):
    got = gather.scaled_rows(x, indices, 0.1307, 0.3081)
    expected = naive.scaled_rows(x, indices, 0.1307, 0.3081)
    assert got.dtype == np.float32 and got.flags.c_contiguous and got.shape == expected.shape
    np.testing.assert_array_equal(got.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("form", ["serial", "parallel"])
@pytest.mark.parametrize("shape", [(50, 28, 28), (50, 784), (7,), (3, 1), (50, 0)])
@pytest.mark.parametrize("count", [0, 1, 7, 64])
def test_scaled_rows_are_those_of_the_twin(shape, count, form, monkeypatch):
    run = getattr(gather._scaled, form)
    monkeypatch.setattr(gather._scaled, "over", lambda work: run)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, shape, np.uint8)
    check_scaled(x, rng.integers(-len(x), len(x), count))


def test_rows_that_are_not_contiguous_are_scaled_as_well():
    x = np.arange(900).astype(np.uint8).reshape(30, 30)
    for view in (x.T, x[:, ::2], x[::-1]):
        check_scaled(view, np.arange(0, 30, 2))


@pytest.mark.parametrize("wrong", [5, -6, 10**9])
def test_an_index_out_of_range_is_an_error_when_scaled(wrong):
    x = np.zeros((5, 9), np.uint8)
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 5"):
        gather.scaled_rows(x, np.array([1, wrong, 2]), 0.0, 1.0)
    with pytest.raises(IndexError):
        gather.scaled_rows(np.zeros((0, 3), np.uint8), np.array([0]), 0.0, 1.0)


@pytest.mark.parametrize("form", ["serial", "parallel"])
def test_threads_change_nothing(form, monkeypatch):
    run = getattr(gather._rows, form)
    monkeypatch.setattr(gather._rows, "over", lambda work: run)
    rng = np.random.default_rng(0)
    x, indices = rng.standard_normal((1000, 130)), rng.integers(0, 1000, 333)
    np.testing.assert_array_equal(gather.rows(x, indices), naive.rows(x, indices))


def test_what_is_not_contiguous_is_gathered_as_well():
    x = np.arange(90_000.0).reshape(300, 300)
    indices = np.arange(0, 300, 2)
    for view in (x.T, x[:, ::2], x[::-1]):
        np.testing.assert_array_equal(gather.rows(view, indices), naive.rows(view, indices))


@pytest.mark.parametrize("size", [1, 3000])  # by NumPy, and by the kernel
@pytest.mark.parametrize("wrong", [5, -6, 10**9])
def test_an_index_out_of_range_is_an_error(size, wrong):
    x, indices = np.zeros((5, size)), np.array([1, wrong, 2])
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 5"):
        gather.rows(x, indices)


def test_no_rows_to_take_from():
    with pytest.raises(IndexError):
        gather.rows(np.zeros((0, 3)), np.array([0]))
    assert gather.rows(np.zeros((0, 3)), np.array([], np.int64)).shape == (0, 3)
