"""The choice of what multiplies matrices."""

import numpy as np
import pytest

import minnet
from minnet.kernels.cpu.matmul import matmul
from minnet.kernels.cpu.orthogonal import random_rows


@pytest.fixture
def blas():
    minnet.set_matmul("blas")
    yield
    minnet.set_matmul("minnet")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blas_has_the_bits_of_numpy(dtype, blas):
    assert minnet.get_matmul() == "blas"
    rng = np.random.default_rng(0)
    a, b, bias = (rng.standard_normal(s).astype(dtype) for s in ((30, 50), (50, 20), (20,)))
    np.testing.assert_array_equal(matmul(a, b), a @ b)
    np.testing.assert_array_equal(matmul(a, b, bias), a @ b + bias)
    np.testing.assert_array_equal(matmul(b.T, a.T), b.T @ a.T)
    out = np.ones((30, 40), dtype)[:, ::2]
    assert matmul(a, b, bias, out, accumulate=True) is out
    np.testing.assert_array_equal(out, 1 + a @ b + bias)


def test_another_engine_is_an_error_and_changes_nothing():
    with pytest.raises(ValueError, match="set_matmul expects one of minnet, blas, got 'mkl'"):
        minnet.set_matmul("mkl")
    assert minnet.get_matmul() == "minnet"


def test_initialization_keeps_its_bits(blas):
    values = np.random.default_rng(1).standard_normal((40, 70)).astype(np.float32)
    found = random_rows(values.copy())
    minnet.set_matmul("minnet")
    np.testing.assert_array_equal(found, random_rows(values.copy()))
