"""The device's fills have the CPU's bits, at any start, dtype and alignment."""

import numpy as np
import pytest

from minnet.kernels import cpu, cuda
from minnet.kernels.cuda import fill
from minnet.kernels.cuda.array import empty, from_host, to_host

STREAM = cpu.stream(0x0123456789ABCDEF, 0x1_0000_0007)
FLOATS = {
    "uniform": ("uniform", (-0.75, 2.5)),
    "normal": ("normal", (0.5, 1.25)),
    "exponential": ("exponential", (2.0,)),
    "trunc_normal": ("trunc_normal", (0.25, 1.0, -1.0, 1.5)),
    "trunc_normal, tail": ("trunc_normal", (0.0, 1.0, 2.0, 9.0)),
    "trunc_normal, left tail": ("trunc_normal", (0.0, 1.0, -9.0, -2.0)),
    "trunc_normal, narrow": ("trunc_normal", (0.0, 1.0, -0.25, 0.125)),
}
# From the middle of a run over the end of its first plane, and over the end of the run.
SPANS = [(2048 - 21, 50), (4096 - 8, 24), (3, 1)]


def same(name, args, dtype, start, size):
    expected, found = np.empty(size, dtype), from_host(np.zeros(size, dtype))
    getattr(cpu, name)(expected, STREAM, *args, start=start)
    getattr(cuda, name)(found, STREAM, *args, start=start)
    assert to_host(found).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", FLOATS)
def test_floats(case, dtype):
    for start, size in SPANS:
        same(*FLOATS[case], dtype, start, size)


def test_memory_that_is_not_contiguous_or_aligned():
    expected = np.zeros((5, 7), np.float32)
    found = from_host(expected)
    cpu.normal(expected[:, 1:4], STREAM, 0.0, 1.0)
    cuda.normal(found[:, 1:4], STREAM, 0.0, 1.0)
    np.testing.assert_array_equal(to_host(found), expected)
    cpu.uniform(expected[1], STREAM, 0.0, 1.0)
    cuda.uniform(found[1], STREAM, 0.0, 1.0)
    np.testing.assert_array_equal(to_host(found), expected)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_bernoulli(p):
    same("bernoulli", (p,), np.float32, 2048 - 5, 12)


@pytest.mark.parametrize("bounds", [(0, 10), (-(2**63), 2**63), (0, 2**63 + 1 - 2**62)])
def test_integers(bounds):
    same("integers", bounds, np.int64, 1024 - 5, 12)


def test_permutation():
    expected = cpu.permutation(3000, STREAM)
    np.testing.assert_array_equal(to_host(cuda.permutation(3000, STREAM)), expected)


def test_progress_tells_each_piece(monkeypatch):
    monkeypatch.setattr(fill, "PIECE", 16)
    told = []
    out = empty(40, np.float32)
    cuda.uniform(out, STREAM, 0.0, 1.0, start=7, progress=lambda *counts: told.append(counts))
    assert told == [(16, 40), (32, 40), (40, 40)]
    expected = np.empty(40, np.float32)
    cpu.uniform(expected, STREAM, 0.0, 1.0, start=7)
    np.testing.assert_array_equal(to_host(out), expected)
