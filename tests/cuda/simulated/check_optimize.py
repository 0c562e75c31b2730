"""The device's optimizer steps have the CPU's bits."""

import naive.optimize as naive
import numpy as np
import pytest

from minnet.kernels import cpu, cuda
from minnet.kernels.cuda import optimize
from minnet.kernels.cuda.array import from_host, to_host

ADAM = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}


def same(name, width, dtype, steps=({},), sizes=(5, 0, 150, 1)):
    """Run some steps on both, and compare all arrays of all rows."""
    rng = np.random.default_rng(4)
    rows = [tuple(abs(rng.standard_normal(n)).astype(dtype) for _ in range(width)) for n in sizes]
    on_device = [tuple(from_host(x) for x in row) for row in rows]
    for options in steps:
        getattr(cpu, name)(rows, **options)
        getattr(cuda, name)(on_device, **options)
        for row, other in zip(rows, on_device, strict=True):
            for x, y in zip(row, other, strict=True):
                np.testing.assert_array_equal(to_host(y), x, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "maximize": True}])
def test_sgd(options, dtype):
    same("sgd_step", 2, dtype, [{"lr": 0.1, **options}])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov, dtype):
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": nesterov}
    same("sgd_step", 3, dtype, [{**options, "first": True}, {**options, "dampening": 0.25}])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(amsgrad, decoupled, dtype):
    options = {**ADAM, "decoupled": decoupled, "amsgrad": amsgrad}
    same("adam_step", 5 if amsgrad else 4, dtype, [{**options, "step": step} for step in (1, 2)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", naive.TWINS)
def test_the_others(name, dtype):
    _, kept, choices = naive.TWINS[name]
    rng = np.random.default_rng(4)
    for numbers in choices:
        row = [(1 + abs(rng.standard_normal(7))).astype(dtype) for _ in range(2 + kept)]
        if "rmsprop_c" in name or "both" in name:
            row[3] *= dtype(0.1)  # the variance is not negative
        on_device = [from_host(x) for x in row]
        cpu.update(name, [row], *numbers)
        cuda.update(name, [on_device], *numbers)
        for x, y in zip(row, on_device, strict=True):
            np.testing.assert_array_equal(to_host(y), x, strict=True)


def test_parameters_that_share_memory_are_updated_in_turn():
    p, g = np.arange(6.0, dtype=np.float32), np.ones(4, np.float32)
    on_p, on_g = from_host(p), from_host(g)
    cpu.sgd_step([(p[:4], g), (p[2:], g)], 0.5, weight_decay=0.5)
    cuda.sgd_step([(on_p[:4], on_g), (on_p[2:], on_g)], 0.5, weight_decay=0.5)
    np.testing.assert_array_equal(to_host(on_p), p)


def test_the_table_is_sent_once():
    optimize._tables.clear()
    p, g = from_host(np.ones(3, np.float32)), from_host(np.ones(3, np.float32))
    for _ in range(3):
        cuda.sgd_step([(p, g)], 0.5)
    assert len(optimize._tables) == 1
    np.testing.assert_array_equal(to_host(p), np.full(3, -0.5, np.float32))
