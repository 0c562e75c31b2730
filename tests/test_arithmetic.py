"""Arithmetic, comparison and logic, against torch's answers and for minnet's own promises."""

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("arithmetic")
def test_known_answers(library, program, known):
    check(library, program, known)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_arithmetic_is_exact(dtype):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((50, 7)).astype(dtype)
    b = rng.standard_normal((50, 7)).astype(dtype)
    x, y = minnet.from_numpy(a), minnet.from_numpy(b)
    for got, expected in (
        (x + y, a + b),
        (x - y, a - b),
        (x * y, a * b),
        (x / y, a / b),
        (x.abs().sqrt(), np.sqrt(np.abs(a))),
        (x**2, a * a),
        (x**3, a * a * a),
        (x**-1, 1 / a),
        (x.abs() ** 0.5, np.sqrt(np.abs(a))),
    ):
        assert got.numpy().dtype == dtype
        np.testing.assert_array_equal(got.numpy(), expected)


def test_operations_leave_their_operands_alone():
    a = np.array([[1.5, -2.0], [0.0, 4.0]], np.float32)
    x = minnet.tensor(a, requires_grad=True)
    y = minnet.tensor([[2.0], [3.0]])
    for out in (x + y, x - y, x * y, x / y, x % y, abs(x), -x, x.clamp(0, 1), x**2, x.maximum(y)):
        out.sum().backward()
    np.testing.assert_array_equal(x.detach().numpy(), a)
    np.testing.assert_array_equal(y.numpy(), [[2.0], [3.0]])


def test_a_result_never_shares_memory_with_an_operand():
    x = minnet.tensor([1.0, 2.0])
    for out in (x + 0, x * 1, x**1, x.clamp(-9, 9), x.abs(), x.round(), minnet.where(x > 0, x, 0)):
        assert not np.shares_memory(out.numpy(), x.numpy())


def test_a_number_on_either_side_has_no_dtype_of_its_own():
    x = minnet.tensor([1.0])
    assert (x * 1e300).numpy()[0] == np.inf  # in float32, and without a warning
    assert (0.1 + x).numpy()[0] == np.float32(0.1) + np.float32(1)
