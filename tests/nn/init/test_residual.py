"""Residual branches: what depth does not change, with Fixup and with the scale by depth."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import init

WIDTH = 50


@pytest.mark.parametrize(
    ("branches", "layers", "factor"), [(1, 2, 1), (16, 2, 1 / 4), (16, 3, 1 / 2), (64, 4, 1 / 2)]
)
def test_fixup_std(branches, layers, factor):
    generator = minnet.Generator(seed=2)
    w = init.fixup_(np.empty((100, 400)), branches, layers, generator=generator)
    assert w.std() == pytest.approx(factor * math.sqrt(2 / 400), rel=0.02)
    assert not init.fixup_(w, branches, layers, last=True).any()


def test_fixup_defaults_are_two_layers_and_relu():
    w = init.fixup_(np.empty((9, 8)), 4, generator=minnet.Generator(seed=2))
    expected = init.fixup_(
        np.empty((9, 8)), 4, 2, False, "relu", generator=minnet.Generator(seed=2)
    )
    np.testing.assert_array_equal(w, expected)
    assert w.any()


def residual(weights, x):
    for first, second in weights:
        x = x + (x @ first.T).relu() @ second.T
    return x


def change_by_a_step(branches, fill):
    """The rms change of a residual network's output by a step of SGD with learning rate 1e-3."""
    minnet.manual_seed(0)
    weights = [
        [nn.Parameter(minnet.empty(WIDTH, WIDTH, dtype=minnet.float64)) for _ in range(2)]
        for _ in range(branches)
    ]
    for first, second in weights:
        fill(first, False)
        fill(second, True)
    x = minnet.randn(32, WIDTH, dtype=minnet.float64)
    target = minnet.randn(32, WIDTH, dtype=minnet.float64)
    before = residual(weights, x)
    (0.5 * (before - target).square().sum(dim=1).mean()).backward()
    with minnet.no_grad():
        for parameter in (p for branch in weights for p in branch):
            parameter.sub_(1e-3 * parameter.grad)
        return (residual(weights, x) - before).square().mean().sqrt().item()


def test_with_fixup_a_step_changes_the_output_alike_at_any_depth():
    changes = {
        branches: change_by_a_step(
            branches, lambda w, last, n=branches: init.fixup_(w, n, last=last)
        )
        for branches in (4, 16, 64)
    }
    assert max(changes.values()) < 1.5 * min(changes.values())


def test_without_fixup_it_explodes():
    def he(w, last):
        init.kaiming_normal_(w, nonlinearity="relu")

    assert change_by_a_step(16, he) > 1e3 * change_by_a_step(4, he)


@pytest.mark.parametrize("branches", [1, 4, 25])
def test_residual_std(branches):
    generator = minnet.Generator(seed=2)
    w = init.residual_(np.empty((100, 400)), branches, generator=generator)
    assert w.std() == pytest.approx(math.sqrt(2 / 400 / branches), rel=0.02)
    w = init.residual_(w, branches, "linear", generator=generator)
    assert w.std() == pytest.approx(math.sqrt(1 / 400 / branches), rel=0.02)


@pytest.mark.parametrize("branches", [4, 40])
def test_a_stream_with_scaled_branches_grows_to_e_times_its_variance_at_most(branches):
    generator = minnet.Generator(seed=2)
    x = np.random.default_rng(0).normal(size=(200, 300))
    y = x
    for _ in range(branches):
        first = init.kaiming_normal_(
            np.empty((300, 300)), nonlinearity="linear", generator=generator
        )
        second = init.residual_(np.empty((300, 300)), branches, generator=generator)
        y = y + np.maximum(y @ first.T, 0) @ second.T
    growth = (y**2).mean() / (x**2).mean()
    assert growth == pytest.approx((1 + 1 / branches) ** branches, rel=0.1)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda w: init.fixup_(w, 0), ValueError, "branches must be at least 1, got 0"),
        (lambda w: init.fixup_(w, 4, 1), ValueError, "layers must be at least 2, got 1"),
        (lambda w: init.fixup_(w, 2.5), TypeError, "integer"),
        (lambda w: init.residual_(w, -1), ValueError, "branches must be at least 1"),
        (lambda w: init.residual_(w, 4, "swoosh"), ValueError, "Unsupported nonlinearity swoosh"),
    ],
)
def test_bad_arguments_are_refused(call, error, text):
    w = np.full((3, 3), 7.0)
    with pytest.raises(error, match=text):
        call(w)
    np.testing.assert_array_equal(w, 7)
