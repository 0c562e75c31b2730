"""Orthonormal rows: bit for bit, orthonormal to the last bits, and uniformly distributed."""

import hashlib
import importlib

import numpy as np
import pytest
from naive import orthogonal as naive
from other_builds import build, for_each_build, output
from scipy import stats

import minnet
from minnet.kernels.cpu import gram_schmidt_rows, matmul, random_rows

module = importlib.import_module("minnet.kernels.cpu.orthogonal")

DTYPES = [np.float32, np.float64]
SHAPES = [(1, 1), (1, 7), (2, 2), (3, 8), (17, 17), (63, 64), (64, 64), (65, 70), (130, 150)]


def normals(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 1), np.float32), ((3, 8), np.float32), ((70, 140), np.float32), ((5, 6), np.float64)],
)
def test_random_rows_equal_the_twin(shape, dtype):
    x = normals(shape, dtype)
    expected = naive.random_rows(x, module.BLOCK)
    np.testing.assert_array_equal(random_rows(x), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
def test_rows_are_orthonormal(function, shape, dtype):
    rows = function(normals(shape, dtype)).astype(np.float64)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), rtol=0, atol=16 * eps)


@pytest.mark.parametrize("shape", SHAPES)
def test_gram_schmidt_rows_are_gram_and_schmidts(shape):
    x = normals(shape, np.float64)
    expected = naive.gram_schmidt_rows(x)
    atol = 1e-14 * np.linalg.cond(x)  # what rounding the normals alone would change
    np.testing.assert_allclose(gram_schmidt_rows(x), expected, rtol=0, atol=atol)


def test_random_rows_use_the_normals_from_the_diagonal_on_and_no_others():
    x = normals((70, 90), np.float32)
    below = np.tril(np.full_like(x, np.nan), -1)
    np.testing.assert_array_equal(random_rows(x + below), random_rows(x))


@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
def test_zeros_give_rows_of_the_identity(function):
    np.testing.assert_array_equal(function(np.zeros((3, 5), np.float32)), np.eye(3, 5))


@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("normal", [0.3, -1e-20, 7])
def test_one_number_becomes_its_sign(function, normal, dtype):
    assert function(np.full((1, 1), normal, dtype)) == np.sign(normal)


@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_rows_do_not_depend_on_the_scale_of_the_normals(function, scale):
    x = normals((20, 30), np.float32)
    rows = function((x * np.float32(scale)).copy())
    np.testing.assert_allclose(rows, function(x), rtol=0, atol=3e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
def test_the_bits_do_not_depend_on_threads(function, dtype):
    x = normals((300, 400), dtype)
    before = minnet.get_num_threads()
    try:
        minnet.set_num_threads(1)
        serial = function(x.copy())
    finally:
        minnet.set_num_threads(before)
    np.testing.assert_array_equal(function(x.copy()), serial)


def test_known_answers():
    x = np.array([[3, -4, 0, 12], [5, 8, -2, 1], [-1, 2, 2, 7]], np.float32)
    digest = hashlib.sha256()
    for function in (random_rows, gram_schmidt_rows):
        digest.update(function(x.copy()).tobytes())
    assert digest.hexdigest()[:16] == "140ad76aea9f3a56"


# Uniformity. The trace of M^k of a uniform orthogonal n x n matrix is normal with variance k, and
# mean 1 for even k, 0 for odd k, to within far less than can be seen (Diaconis and Shahshahani,
# 1994). It sees wrong signs and wrong angles between blocks of reflections.


@pytest.mark.parametrize("function", [random_rows, gram_schmidt_rows])
def test_traces_of_powers_are_normal(function):
    rng = np.random.default_rng(5)
    n = module.BLOCK + 16
    draws = [function(rng.standard_normal((n, n))) for _ in range(400)]
    assert stats.kstest([np.trace(q) for q in draws], stats.norm.cdf).pvalue > 1e-3
    squares = [np.trace(q @ q) for q in draws]
    assert stats.kstest(squares, stats.norm(1, np.sqrt(2)).cdf).pvalue > 1e-3
    cubes = [np.trace(q @ q @ q) for q in draws]
    assert stats.kstest(cubes, stats.norm(0, np.sqrt(3)).cdf).pvalue > 1e-3
    positive = sum(np.linalg.det(q) > 0 for q in draws)
    assert stats.binomtest(positive, len(draws)).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(1, 2), (1, 5), (3, 3), (4, 6)])
def test_squares_of_entries_have_the_beta_law(shape):
    rng = np.random.default_rng(6)
    draws = np.stack([random_rows(rng.standard_normal(shape)) for _ in range(1500)])
    law = stats.beta(0.5, (shape[1] - 1) / 2)
    for i, j in np.ndindex(shape):
        assert stats.kstest(draws[:, i, j] ** 2, law.cdf).pvalue > 1e-4, (i, j)
        positive = int((draws[:, i, j] > 0).sum())
        assert stats.binomtest(positive, len(draws)).pvalue > 1e-4, (i, j)


@pytest.mark.slow
def test_a_large_matrix_is_orthogonal_to_1e_5():
    rows = random_rows(normals((2048, 2048), np.float32)).astype(np.float64)
    assert np.abs(matmul(rows, rows.T) - np.eye(2048)).max() <= 1e-5


ROWS = """
import hashlib, numpy as np
from minnet.kernels.cpu import gram_schmidt_rows, random_rows
x = (np.arange(70 * 75) * 7919 % 1009 / 500 - 1).reshape(70, 75)
digest = hashlib.sha256()
for dtype in (np.float32, np.float64):
    for function in (gram_schmidt_rows, random_rows):
        digest.update(function(x.astype(dtype)).tobytes())
print(digest.hexdigest())
"""


@for_each_build
def test_the_bits_do_not_depend_on_the_simd_width(cpu, features, tmp_path):
    here = output("-c", ROWS, NUMBA_CACHE_DIR=str(tmp_path))
    assert output("-c", ROWS, **build(cpu, features, tmp_path)) == here
