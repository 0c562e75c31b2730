"""Optimizer steps against their twins, bit for bit."""

import itertools

import naive.optimize as naive
import numpy as np
import pytest

from minnet.kernels import cpu
from minnet.kernels.cpu import optimize

equal = np.testing.assert_array_equal
SIZES = {np.float32: 203, np.float64: 21}  # neither is a multiple of a SIMD width


def arrays(dtype, n, seed=0):
    rng = np.random.default_rng(seed)
    p, g, m = (rng.standard_normal(n).astype(dtype) for _ in range(3))
    v, highest = ((rng.standard_normal(n) ** 2).astype(dtype) for _ in range(2))
    return p, g, m, v, highest


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_sgd_has_the_bits_of_its_twin(dtype, momentum, weight_decay):
    for nesterov, first, maximize in itertools.product([False, True], repeat=3):
        dampening = 0.0 if nesterov else 0.25
        p, g, buf, *_ = arrays(dtype, SIZES[dtype])
        options = (0.1, momentum, dampening, weight_decay, nesterov, first, maximize)
        expected, expected_buf = naive.sgd_step(p, g, buf, *options)
        before = g.copy()
        cpu.sgd_step([(p, g, buf)], *options)
        equal(p, expected)
        equal(buf, expected_buf)
        equal(g, before)


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.3, 0.5), (0.0, 0.0)])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_has_the_bits_of_its_twin(dtype, betas, amsgrad):
    for weight_decay, step, decoupled, maximize in [
        (0.0, 1, False, False),
        (0.01, 7, False, True),
        (0.01, 1000.0, True, False),
        (0.0, 2, True, True),
    ]:
        p, g, m, v, highest = arrays(dtype, SIZES[dtype])
        highest = highest if amsgrad else None
        options = (0.01, *betas, 1e-8, weight_decay, step, decoupled, maximize)
        expected = naive.adam_step(p, g, m, v, highest, *options)
        rows = [(p, g, m, v) if highest is None else (p, g, m, v, highest)]
        cpu.adam_step(rows, *options[:6], amsgrad, *options[6:])
        for got, twin in zip((p, m, v, highest), expected, strict=True):
            equal(got, twin)


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("name", naive.TWINS)
def test_the_others_have_the_bits_of_their_twins(name, dtype):
    twin, kept, choices = naive.TWINS[name]
    for numbers in choices:
        p, g, mean, v, more = arrays(dtype, SIZES[dtype])
        g[:4], mean[2:6] = 0, 0
        state = [mean, v] if name in ("nadam", "radam", "adamax", "rprop") else [v, more]
        if name.startswith("rmsprop") and name != "rmsprop_momentum":
            v += 1  # the variance, v - mean², is not negative
            state = [v, mean * dtype(0.1), more]
        row = [p, g, *(x.copy() for x in state[:kept])]
        expected = twin(*(x.copy() for x in row), *numbers)
        cpu.update(name, [row], *numbers)
        for got, other in zip((p, *row[2:]), expected, strict=True):
            equal(got, other)


def test_every_formula_has_a_twin():
    known = naive.TWINS.keys() | {"momentum", "adam", "amsgrad"}
    assert known == optimize.updates.FORMULAS.keys()
    for name, (_, kept, choices) in naive.TWINS.items():
        assert optimize.updates.FORMULAS[name][1] == kept and choices


def test_arrays_of_any_shape_are_updated_in_place():
    p, g = np.ones((2, 3, 4), np.float32), np.ones((2, 3, 4), np.float32)
    cpu.sgd_step([(p, g)], 0.5)
    equal(p, np.full((2, 3, 4), 0.5, np.float32))
    p, g = np.ones((), np.float32), np.ones((), np.float32)
    cpu.adam_step([(p, g, np.zeros_like(p), np.zeros_like(p))], 0.5, 0.9, 0.99, 0, 0, 1)
    np.testing.assert_allclose(p, 0.5, rtol=1e-6)
    nothing = np.empty((0, 3), np.float32)
    cpu.sgd_step([(nothing, nothing)], 0.5)
    cpu.sgd_step([], 0.5)


def test_a_nan_gradient_spreads_to_its_element_alone():
    p, g, m, v, highest = arrays(np.float32, 10)
    g[3] = np.nan
    cpu.adam_step([(p, g, m, v, highest)], 0.01, 0.9, 0.999, 1e-8, 0.0, 1, amsgrad=True)
    for array in (p, m, v, highest):
        equal(np.flatnonzero(np.isnan(array)), [3])


# Sizes around the block that a thread takes, and parameters without an element.
MANY = (1, 0, optimize.BLOCK - 1, optimize.BLOCK, 7, 0, 2 * optimize.BLOCK + 3, 5)


@pytest.mark.parametrize("form", ["serial", "parallel"])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_all_parameters_in_one_call_have_the_bits_of_each_alone(amsgrad, form, monkeypatch):
    for name in ("sgd", "momentum", "adam", "amsgrad"):
        kernel, _ = optimize.KERNELS[name]
        run = getattr(kernel, form)
        monkeypatch.setattr(kernel, "over", lambda work, run=run: run)
    together = [arrays(np.float32, n, seed) for seed, n in enumerate(MANY)]
    alone = [[x.copy() for x in row] for row in together]
    cpu.sgd_step([row[:2] for row in together], 0.1, weight_decay=0.01)
    cpu.sgd_step([row[:3] for row in together], 0.1, 0.9, weight_decay=0.01, nesterov=True)
    options = (0.01, 0.9, 0.999, 1e-8, 0.01, 3)
    cpu.adam_step([row if amsgrad else row[:4] for row in together], *options, amsgrad)
    for row, (p, g, m, v, highest) in zip(together, alone, strict=True):
        p, _ = naive.sgd_step(p, g, None, 0.1, 0, 0, 0.01, False, False, False)
        p, m = naive.sgd_step(p, g, m, 0.1, 0.9, 0, 0.01, True, False, False)
        h = highest if amsgrad else None
        p, m, v, h = naive.adam_step(p, g, m, v, h, *options, False, False)
        expected = (p, g, m, v, h if amsgrad else highest)
        for got, twin in zip(row, expected, strict=True):
            equal(got, twin)


def test_parameters_that_share_memory_are_updated_one_after_the_other():
    memory, g = np.arange(30, dtype=np.float32), np.ones(20, np.float32)
    expected = memory.copy()
    rows = [(memory[:20], g), (memory[10:], g), (memory[:20], g)]
    for part in (slice(0, 20), slice(10, 30), slice(0, 20)):
        expected[part], _ = naive.sgd_step(
            expected[part], g, None, 0.1, 0, 0, 0.5, False, False, False
        )
    cpu.sgd_step(rows, 0.1, weight_decay=0.5)
    equal(memory, expected)
