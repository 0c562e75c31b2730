"""A linear layer's launches bit for bit against its products one at a time."""

import naive.linear as naive
import numpy as np
import pytest

from minnet.kernels import cpu, threads
from minnet.kernels.cpu import linear, linear_backward

SHAPES = [(1, 1, 1), (2, 3, 4), (7, 20, 1), (32, 9, 10), (13, 70, 33), (64, 30, 128), (70, 1, 17)]


def case(samples, inputs, outputs, dtype):
    """Return x, w, bias and dy."""
    rng = np.random.default_rng(samples)
    shapes = (samples, inputs), (outputs, inputs), (outputs,), (samples, outputs)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def same_bits(got, expected):
    kind = f"u{expected.itemsize}"
    np.testing.assert_array_equal(got.view(kind), np.ascontiguousarray(expected).view(kind))


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_twin(shape, form):
    x, w, bias, dy = case(*shape, np.float32)
    same_bits(linear(x, w, bias), naive.linear(x, w, bias))
    gradients = linear_backward(dy, x, w, True, True, True)
    for got, expected in zip(gradients, naive.linear_backward(dy, x, w), strict=True):
        same_bits(got, expected)


@pytest.mark.parametrize("needs", [(1, 1, 0), (1, 0, 1), (0, 1, 1), (0, 0, 1)])
def test_computes_what_is_needed_and_nothing_else(needs, form):
    x, w, _, dy = case(12, 5, 6, np.float64)
    gradients = linear_backward(dy, x, w, *needs)
    for got, need, expected in zip(gradients, needs, naive.linear_backward(dy, x, w), strict=True):
        assert (got is not None) == bool(need)
        if need:
            same_bits(got, expected)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0)])
def test_empty(shape):
    x, w, bias, dy = case(*shape, np.float32)
    np.testing.assert_array_equal(linear(x, w, bias), x @ w.T + bias)
    dx, dw, db = linear_backward(dy, x, w, True, True, True)
    assert dx.shape == x.shape and dw.shape == w.shape and not (dx.any() or dw.any())
    same_bits(db, cpu.sum_rows(dy))


@pytest.mark.parametrize("outputs", [1, 3])
def test_more_rows_than_a_block_of_a_sum(outputs, form):
    x, w, _, dy = case(5000, 2, outputs, np.float32)
    same_bits(linear_backward(dy, x, w, True, True, True)[2], cpu.sum_rows(dy))


def test_operands_that_are_not_contiguous(form):
    x, w, bias, dy = case(8, 6, 5, np.float32)
    strided = [np.asfortranarray(v) for v in (x, w)]
    same_bits(linear(*strided, np.repeat(bias, 2)[::2]), naive.linear(x, w, bias))
    gradients = linear_backward(np.asfortranarray(dy), *strided, True, True, True)
    for got, expected in zip(gradients, naive.linear_backward(dy, x, w), strict=True):
        same_bits(got, expected)


def test_the_threads_share_every_product():
    x, w, bias, dy = case(300, 200, 100, np.float32)
    once = linear(x, w, bias), *linear_backward(dy, x, w, True, True, True)
    before = threads.get_num_threads()
    threads.set_num_threads(1)
    try:
        alone = linear(x, w, bias), *linear_backward(dy, x, w, True, True, True)
    finally:
        threads.set_num_threads(before)
    for a, b in zip(once, alone, strict=True):
        same_bits(a, b)
