"""Matrix products bit for bit against their twin, in every layout, at every edge of the tiles."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import matmul as naive
from other_builds import build, for_each_build, output

from minnet.kernels.cpu import matmul

# The package's attribute of this name is the function.
module = importlib.import_module("minnet.kernels.cpu.matmul")

LAYOUTS = ("nn", "nt", "tn", "tt")
EDGES = [1, 2, 3, 5, 6, 7, 11, 12, 13, 15, 16, 17, 23, 24, 31, 32, 33, 45, 64, 65, 100, 129]


def operands(m, k, n, layout, dtype, seed=0):
    """Return (M, K) and (K, N) whose memory is transposed where the layout has a t."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((k, m) if layout[0] == "t" else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if layout[1] == "t" else (k, n)).astype(dtype)
    return (a.T if layout[0] == "t" else a), (b.T if layout[1] == "t" else b)


def bits(x):
    return np.ascontiguousarray(x).view(np.uint32 if x.dtype == np.float32 else np.uint64)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(EDGES),
    st.sampled_from(EDGES),
    st.sampled_from(EDGES),
    st.sampled_from(LAYOUTS),
    st.booleans(),
)
def test_float32_equals_the_twin(m, k, n, layout, with_bias):
    a, b = operands(m, k, n, layout, np.float32, seed=m * k + n)
    bias = np.random.default_rng(1).standard_normal(n).astype(np.float32) if with_bias else None
    np.testing.assert_array_equal(bits(matmul(a, b, bias)), bits(naive.matmul(a, b, bias)))


def everywhere(a, b, bias=None):
    """Return a @ b + bias, which has the same bits serially, in parallel and in every layout."""
    rows, columns = a.shape[0], b.shape[1]
    expected = matmul(a, b, bias)
    line = module.NO_BIAS[a.dtype] if bias is None else bias
    for layout in LAYOUTS:
        x, y = (
            np.asfortranarray(v) if t == "t" else np.ascontiguousarray(v)
            for v, t in zip((a, b), layout, strict=True)
        )
        for run, grid in ((module._matmul.serial, (1, 1)), (module._matmul.parallel, (2, 2))):
            out = np.full((rows, columns), np.nan, a.dtype)
            origins = *module._origin(x), *module._origin(y)
            strides = out[0], out.strides[0]
            run(*origins, a.shape[1], line, *strides, rows, columns, *grid, 0)
            np.testing.assert_array_equal(bits(out), bits(expected), f"{layout} {grid}")
    return expected


def assert_close(product, a, b):
    """Assert the error bound of a dot product that is rounded in any order."""
    wide = np.longdouble if a.dtype == np.float64 else np.float64
    exact = a.astype(wide) @ b.astype(wide)
    bound = a.shape[1] * np.finfo(a.dtype).eps * (np.abs(a.astype(wide)) @ np.abs(b.astype(wide)))
    assert (np.abs(product - exact) <= bound).all()


@pytest.mark.parametrize("shape", [("size", 17, 23), (23, "size", 17), (17, 23, "size")])
def test_every_size_to_70_in_each_dimension(shape):
    for size in range(1, 71):
        sizes = [size if n == "size" else n for n in shape]
        a, b = operands(*sizes, "nn", np.float32, seed=size)
        bias = np.random.default_rng(size).standard_normal(sizes[2]).astype(np.float32)
        np.testing.assert_array_equal(bits(everywhere(a, b, bias)), bits(naive.matmul(a, b, bias)))
        a, b = operands(*sizes, "nn", np.float64, seed=size)
        assert_close(everywhere(a, b), a, b)


@settings(deadline=None, max_examples=100)
@given(*[st.integers(1, 70)] * 3, st.sampled_from(LAYOUTS))
def test_any_sizes_to_70(m, k, n, layout):
    a, b = operands(m, k, n, layout, np.float32, seed=m * k + n)
    np.testing.assert_array_equal(bits(matmul(a, b)), bits(naive.matmul(a, b)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [100, 333, 777, 1000, 1025])
def test_large_sizes(size, dtype):
    a, b = operands(size, size, size, "nn", dtype)
    product = everywhere(a, b)
    # An element alone is what it is in the product: these are held to the twin, at all edges.
    some = [0, 5, 6, size // 2, size - 2, size - 1]
    if dtype == np.float64:  # whose twin computes with fractions
        some = [0, size - 1]
    expected = naive.matmul(a[some], b[:, some])
    np.testing.assert_array_equal(bits(product[np.ix_(some, some)]), bits(expected))
    few = slice(None, None, 7)
    assert_close(product[few, few], a[few], b[:, few])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [7, 65, 300])
def test_nan_and_infinity_reach_their_row_and_column_only(size, dtype):
    """A tile's edge is computed in whole vectors, from elements that are not the operands'."""
    a, b = operands(size, size, size, "nn", dtype)
    clean = matmul(a, b)
    a[3, size - 1], b[size - 1, 5] = np.nan, np.inf
    product = everywhere(np.abs(a), np.abs(b))
    assert np.isnan(product[3]).all()
    assert (np.delete(product[:, 5], 3) == np.inf).all()
    rest = everywhere(a, b)
    rest = np.delete(np.delete(rest, 3, 0), 5, 1)
    np.testing.assert_array_equal(rest, np.delete(np.delete(clean, 3, 0), 5, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 9), (13, 17, 5), (5, 9, 33)])
def test_float64_equals_the_twin(shape, layout):
    a, b = operands(*shape, layout, np.float64)
    bias = np.arange(shape[2], dtype=np.float64)
    np.testing.assert_array_equal(bits(matmul(a, b, bias)), bits(naive.matmul(a, b, bias)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "shape",
    [
        (5, module.DEPTH + 1, 40),  # K in two blocks
        (3, 3 * module.DEPTH + 7, 17),
        (module.ROWS + 5, 20, 40),  # A in two passes
        (6 * module.TILE_ROWS + 3, 9, 64),  # B packed for its many uses
        (2 * module.TILE_ROWS + 1, 1024, module.FAR // 2048 + 3),  # over many pages
        (30, module.CONFLICT // 4, 80),  # rows of A that clash in the cache, in "nn"
        (module.CONFLICT // 4, 7, 80),  # the same in "tn"
        (50, 8, module.CONFLICT // 4),  # rows of B
        (module.MANY_ROWS + 13, 3, 40),  # C in two blocks of rows
        (5, 3, module.MANY_COLUMNS // 4 + 41),  # and of columns
        (module.MANY_ROWS + 1, 2, module.MANY_COLUMNS // 4 + 1),
    ],
)
def test_every_path_equals_the_twin(shape, layout):
    a, b = operands(*shape, layout, np.float32)
    np.testing.assert_array_equal(bits(matmul(a, b)), bits(naive.matmul(a, b)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_bits_do_not_depend_on_layout_tasks_or_threads(layout, dtype):
    a, b = operands(300, 500, 290, "nn", dtype)
    expected = np.concatenate([matmul(a[i : i + 7], b) for i in range(0, 300, 7)])
    stored = [x.T.copy().T if t == "t" else x for x, t in zip((a, b), layout, strict=True)]
    np.testing.assert_array_equal(matmul(*stored), expected)
    origins = [v for x in stored for v in module._origin(x)]
    for run in (module._matmul.serial, module._matmul.parallel):
        for tall, wide in ((1, 1), (3, 2), (25, 1), (1, 10), (30, 40)):
            out = np.full((300, 290), np.nan, dtype)
            bias, shape = module.NO_BIAS[np.dtype(dtype)], (300, 290)
            run(*origins, 500, bias, out[0], out.strides[0], *shape, tall, wide, 0)
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("shape", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_operands(shape):
    a, b = operands(*shape, "nn", np.float32)
    np.testing.assert_array_equal(matmul(a, b), np.zeros((shape[0], shape[2]), np.float32))
    bias = np.arange(shape[2], dtype=np.float32)
    np.testing.assert_array_equal(matmul(a, b, bias), np.broadcast_to(bias, (shape[0], shape[2])))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "shape", [(13, 5, 17), (25, 700, 33), (1, 1, 1), (8, 3, 32), (300, 30, 64)]
)
def test_an_accumulated_product_goes_on_with_the_chain(shape, dtype):
    m, k, n = shape
    a, b = operands(m, 2 * k, n, "nt", dtype)
    bias = np.arange(n, dtype=dtype)
    buffer = np.full((m + 2, n + 3), 7, dtype)
    out = buffer[1:-1, 2:-1]  # rows that are not adjacent, inside of others' elements
    matmul(a[:, :k], b[:k], out=out)
    assert matmul(a[:, k:], b[k:], bias, out=out, accumulate=True) is out
    np.testing.assert_array_equal(bits(out), bits(matmul(a, b, bias)))
    buffer[1:-1, 2:-1] = 7
    assert (buffer == 7).all()


def test_nothing_is_accumulated_over_an_empty_depth():
    out, bias = np.ones((2, 3), np.float32), np.arange(3, dtype=np.float32)
    empty = np.empty((2, 0), np.float32), np.empty((0, 3), np.float32)
    np.testing.assert_array_equal(matmul(*empty, bias, out=out, accumulate=True), [[1, 2, 3]] * 2)
    np.testing.assert_array_equal(matmul(*empty, bias, out=out), [[0, 1, 2]] * 2)


def test_strided_operands():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((40, 60)).astype(np.float32)
    b = rng.standard_normal((60, 80)).astype(np.float32)
    for x, y in [
        (a[::2, ::3], b[::3, ::2]),
        (a[::-1], b[:, ::-1]),
        (a[:, ::-1], b[::-1]),
        (a[5:20, 7:50], b[7:50, 3:44]),
        (np.broadcast_to(a[:1], (9, 60)), b),
        (a, np.broadcast_to(b[:, :1], (60, 7))),
        (a[:, :1], b[:1]),
        (a[:1, ::2], b[::2]),
        (np.broadcast_to(np.float32(2), (1, 1)), np.broadcast_to(np.float32(3), (1, 1))),
        (np.broadcast_to(np.float32(2), (1, 60)), b),
        (np.broadcast_to(np.float32(2), (60, 1)), np.broadcast_to(np.float32(3), (1, 60))),
        (a, np.broadcast_to(np.float32(3), (60, 1))),
        (a, b[:, ::80]),
        (a.T[:1, ::2].T, b[::60]),
    ]:
        expected = naive.matmul(np.ascontiguousarray(x), np.ascontiguousarray(y))
        np.testing.assert_array_equal(bits(matmul(x, y)), bits(expected))


def test_special_values_go_through_the_chain():
    a = np.array([[np.inf, 1.0], [np.nan, 0.0], [-0.0, 0.0], [3e38, 3e38]], np.float32)
    b = np.array([[1.0, 0.0], [1.0, 2.0]], np.float32)
    out = matmul(a, b)
    assert out[0, 0] == np.inf and np.isnan(out[0, 1]) and np.isnan(out[1]).all()
    assert not np.signbit(out[2]).any()  # +0 + -0 * 1 is +0
    assert out[3, 0] == np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(13, 5, 17), (25, 400, 33), (1, 1, 1), (300, 300, 250)])
def test_nothing_is_written_around_the_result(shape, dtype):
    m, k, n = shape
    a, b = operands(m, k, n, "nt", dtype)
    buffer = np.full(m * n + 200, 7, dtype)
    out = buffer[100:-100].reshape(m, n)
    assert matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, matmul(a, b))
    assert (buffer[:100] == 7).all() and (buffer[-100:] == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_close_to_the_product_in_higher_precision(dtype):
    a, b = operands(200, 700, 90, "nt", dtype)
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    bound = 700 * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b))
    assert (np.abs(matmul(a, b) - exact) <= bound).all()


PRODUCTS = """
import hashlib, numpy as np
from minnet.kernels.cpu.matmul import matmul
digest = hashlib.sha256()
for dtype in (np.float32, np.float64):
    rng = np.random.default_rng(0)
    for m, k, n in ((33, 70, 45), (7, 500, 20)):
        a = rng.standard_normal((m, k)).astype(dtype)
        b = rng.standard_normal((n, k)).astype(dtype)
        c = rng.standard_normal((k, n)).astype(dtype)
        for product in (matmul(a, b.T), matmul(a, c), matmul(np.asfortranarray(a), c)):
            digest.update(product.tobytes())
print(digest.hexdigest())
"""


@for_each_build
def test_the_bits_do_not_depend_on_the_simd_width(cpu, features, tmp_path):
    """Without fma in hardware each fma is a call of the C library: slow, and the same bits."""
    here = output("-c", PRODUCTS, NUMBA_CACHE_DIR=str(tmp_path))
    assert output("-c", PRODUCTS, **build(cpu, features, tmp_path)) == here


def test_each_thread_has_one_block():
    for threads in range(1, 17):
        for rows, columns in ((1, 1000), (1000, 1), (64, 128), (1000, 1000)):
            tall, wide = module.grid(rows, columns, threads)
            assert tall * wide == threads
    assert module.grid(1000, 1000, 16) == (4, 4)
    assert module.grid(10, 1000, 6) == (1, 6)
