"""The device's products have the CPU's bits: layouts, tiles, edges, bias, accumulation."""

from importlib import import_module

import numpy as np
import pytest

from minnet.kernels.cpu.matmul import matmul as host
from minnet.kernels.cuda.array import from_host, to_host

module = import_module("minnet.kernels.cuda.matmul")
matmul = module.matmul
rng = np.random.default_rng(0)

LAYOUTS = ["nt", "nn", "tn", "tt"]


def operands(m, n, k, layout, real):
    a = rng.standard_normal((m, k) if layout[0] == "n" else (k, m)).astype(real)
    b = rng.standard_normal((k, n) if layout[1] == "n" else (n, k)).astype(real)
    pairs = [
        (x.T, from_host(x).T) if t == "t" else (x, from_host(x))
        for x, t in zip((a, b), layout, strict=True)
    ]
    return (*(p[0] for p in pairs), *(p[1] for p in pairs))


def same(m, n, k, layout, real):
    a, b, on_a, on_b = operands(m, n, k, layout, real)
    bias = rng.standard_normal(n).astype(real)
    for own in (None, bias):
        found = matmul(on_a, on_b, None if own is None else from_host(own))
        np.testing.assert_array_equal(to_host(found), host(a, b, own), strict=True)
    total = rng.standard_normal((m, n)).astype(real)
    on_total = from_host(total)
    assert matmul(on_a, on_b, from_host(bias), out=on_total, accumulate=True) is on_total
    np.testing.assert_array_equal(to_host(on_total), host(a, b, bias, total, True), strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(17, 33, 19), (16, 32, 16), (20, 36, 12), (3, 2, 1)])
@pytest.mark.parametrize("processors", [0, 10**6], ids=["large", "small"])
def test_float32(shape, layout, processors, monkeypatch):
    monkeypatch.setattr(module, "multiprocessors", lambda: processors)
    same(*shape, layout, np.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_float64(layout):
    same(5, 6, 7, layout, np.float64)


def test_operands_and_results_at_any_strides():
    a, b = (
        rng.standard_normal((6, 10)).astype(np.float32),
        rng.standard_normal((5, 9)).astype(np.float32),
    )
    out = np.zeros((3, 18), np.float32)
    on_out = from_host(out)
    host(a[::2, ::2], b[:, ::1], out=out[:, 4:13])
    matmul(from_host(a)[::2, ::2], from_host(b), out=on_out[:, 4:13])
    np.testing.assert_array_equal(to_host(on_out), out)


def test_no_k_gives_the_bias():
    bias = np.array([1.0, 2.0], np.float32)
    found = matmul(*(from_host(np.zeros(s, np.float32)) for s in ((3, 0), (0, 2))), from_host(bias))
    np.testing.assert_array_equal(to_host(found), np.tile(bias, (3, 1)))


def test_minus_zero_survives_a_part_of_a_slice():
    """The last slice of k is not filled up with products of zeros, which would add +0."""
    tiny = np.float32(2.0**-100)
    a, b = np.array([[tiny]]), np.array([[-tiny]])
    assert np.signbit(host(a, b)).all()
    assert np.signbit(to_host(matmul(from_host(a), from_host(b)))).all()
