"""`set_matmul("blas")` calls cuBLAS as it wants to be called: by a stand-in that multiplies."""

import ctypes
import sys
import types
from importlib import import_module

import numpy as np
import pytest

import minnet
from minnet.kernels.cuda import blas
from minnet.kernels.cuda.array import from_host, to_host

matmul = import_module("minnet.kernels.cuda.matmul").matmul
rng = np.random.default_rng(0)


def columns(address, rows, wide, leading, real):
    """Return a matrix in column order at an address."""
    kind = ctypes.c_float if real is np.float32 else ctypes.c_double
    memory = (kind * (leading * wide)).from_address(address)
    return np.frombuffer(memory, real).reshape(wide, leading).T[:rows]


def gemm(real):
    def run(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        assert handle == "handle"
        left = columns(a, *((k, m) if op_a else (m, k)), lda, real)
        right = columns(b, *((n, k) if op_b else (k, n)), ldb, real)
        alpha, beta = (columns(x, 1, 1, 1, real)[0, 0] for x in (alpha, beta))
        out = columns(c, m, n, ldc, real)
        product = (left.T if op_a else left) @ (right.T if op_b else right)
        out[...] = alpha * product + beta * out

    return run


@pytest.fixture
def cublas(monkeypatch):
    module = types.ModuleType("nvmath.bindings.cublas")
    modes = []
    module.create = lambda: "handle"
    module.set_math_mode = lambda handle, mode: modes.append(mode)
    module.sgemm, module.dgemm = gemm(np.float32), gemm(np.float64)
    bindings = types.ModuleType("nvmath.bindings")
    bindings.cublas = module
    monkeypatch.setitem(sys.modules, "nvmath", types.ModuleType("nvmath"))
    monkeypatch.setitem(sys.modules, "nvmath.bindings", bindings)
    blas.bindings.cache_clear()
    minnet.set_matmul("blas")
    yield modes
    minnet.set_matmul("minnet")
    blas.bindings.cache_clear()


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_layouts(layout, real, cublas):
    a, b = rng.standard_normal((3, 4)).astype(real), rng.standard_normal((4, 5)).astype(real)
    bias, total = rng.standard_normal(5).astype(real), rng.standard_normal((3, 5)).astype(real)
    on_a = from_host(a) if layout[0] == "n" else from_host(np.ascontiguousarray(a.T)).T
    on_b = from_host(b) if layout[1] == "n" else from_host(np.ascontiguousarray(b.T)).T
    found = to_host(matmul(on_a, on_b, from_host(bias)))
    np.testing.assert_allclose(found, a @ b + bias, rtol=1e-5, atol=1e-5)
    added = to_host(matmul(on_a, on_b, None, from_host(total), True))
    np.testing.assert_allclose(added, a @ b + total, rtol=1e-5, atol=1e-5)
    assert cublas == [0]  # no TF32, and one handle


def test_without_nvmath_it_warns_once_and_uses_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "nvmath.bindings", None)
    blas.bindings.cache_clear()
    minnet.set_matmul("blas")
    try:
        a = np.ones((2, 2), np.float32)
        with pytest.warns(RuntimeWarning, match="nvmath-python is not installed"):
            matmul(from_host(a), from_host(a))
        np.testing.assert_array_equal(to_host(matmul(from_host(a), from_host(a))), 2 * a)
    finally:
        minnet.set_matmul("minnet")
        blas.bindings.cache_clear()
