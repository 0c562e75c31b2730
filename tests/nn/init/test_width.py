"""The spectral condition and muP: what does not change with the width."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
import minnet.nn.functional as F
from minnet import nn
from minnet.nn import init


@pytest.mark.parametrize("shape", [(400, 400), (800, 200), (200, 800), (100, 1600), (1600, 100)])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_spectral_norm_is_between_one_and_two_times_the_root_of_the_fans(shape, gain):
    w = init.spectral_(np.empty(shape), gain, generator=minnet.Generator(seed=2))
    ratio = math.sqrt(shape[0] / shape[1])
    limit = gain * ratio * (1 + min(ratio, 1 / ratio))  # σ (√fan_in + √fan_out)
    norm = np.linalg.svd(w)[1][0]
    assert norm == pytest.approx(limit, rel=0.04)
    assert gain * ratio <= norm <= 2.02 * gain * ratio


def test_spectral_std_and_default():
    generator = minnet.Generator(seed=2)
    wide = init.spectral_(np.empty((400, 100)), generator=generator)
    assert wide.std() == pytest.approx(0.1, rel=0.02)
    narrow = init.spectral_(np.empty((100, 400)), "relu", generator=generator)
    assert narrow.std() == pytest.approx(math.sqrt(2) / 20 / 2, rel=0.02)


@pytest.mark.parametrize(
    ("role", "ratio", "std"),
    [("input", 4, 0.05), ("hidden", 4, 0.05), ("output", 1, 0.05), ("output", 4, 0.025)],
)
def test_mup_std(role, ratio, std):
    w = init.mup_(np.empty((100, 400)), role, ratio, generator=minnet.Generator(seed=2))
    assert w.std() == pytest.approx(std, rel=0.02)


def test_mup_defaults_are_a_hidden_layer_at_the_width_that_was_tuned():
    w = init.mup_(np.empty((30, 40)), generator=minnet.Generator(seed=2))
    expected = init.mup_(np.empty((30, 40)), "hidden", 1.0, 1.0, generator=minnet.Generator(seed=2))
    np.testing.assert_array_equal(w, expected)
    assert init.mup_lr() == 1.0


@pytest.mark.parametrize(
    ("optimizer", "rates"),
    [
        ("adam", {"input": 1, "hidden": 1 / 8, "output": 1 / 8}),
        ("sgd", {"input": 8, "hidden": 1, "output": 1 / 8}),
    ],
)
def test_mup_rates_are_those_of_table_3(optimizer, rates):
    for role, rate in rates.items():
        assert init.mup_lr(role, 8, optimizer) == rate
        assert init.mup_lr(role, optimizer=optimizer) == 1


def change_of_the_logits(width, optimizer, mup, seed):
    """The coordinate check of the papers: the rms change of the outputs by four steps."""
    minnet.manual_seed(seed)
    ratio = width / 32
    net = nn.Sequential(
        nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 8)
    )
    groups = []
    for layer, role in ((net[0], "input"), (net[2], "hidden"), (net[4], "output")):
        if mup:
            init.mup_(layer.weight, role, ratio, gain="relu")
        else:
            init.kaiming_normal_(layer.weight, nonlinearity="relu")
        init.zeros_(layer.bias)
        lr = 0.01 if optimizer == "adam" else 0.05
        rate = init.mup_lr(role, ratio, optimizer) if mup else 1.0
        groups.append({"params": [layer.weight], "lr": lr * rate})
    kind = minnet.optim.Adam if optimizer == "adam" else minnet.optim.SGD
    optimizer = kind(groups, lr=0.01)
    x, target = minnet.randn(64, 16), minnet.randint(0, 8, (64,))
    before = net(x).detach()
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(net(x), target).backward()
        optimizer.step()
    return (net(x).detach() - before).square().mean().sqrt().item()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_with_mup_a_step_changes_the_outputs_alike_at_any_width(optimizer):
    changes = [
        np.mean([change_of_the_logits(width, optimizer, True, seed) for seed in range(3)])
        for width in (128, 256, 512)
    ]
    assert max(changes) < 1.6 * min(changes)


def test_without_mup_it_grows_with_the_width():
    narrow, wide = (
        np.mean([change_of_the_logits(width, "adam", False, seed) for seed in range(3)])
        for width in (128, 512)
    )
    assert wide > 2.5 * narrow


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w: init.mup_(w, "head"), "role must be one of input, hidden, output, got 'head'"),
        (lambda w: init.mup_(w, "hidden", 0), "width_ratio must be a number above 0"),
        (lambda w: init.mup_lr("head"), "role must be"),
        (lambda w: init.mup_lr("hidden", -1), "width_ratio must be"),
        (
            lambda w: init.mup_lr("hidden", 1, "lion"),
            'optimizer must be "adam" or "sgd", got \'lion\'',
        ),
    ],
)
def test_bad_arguments_are_refused(call, text):
    w = np.full((3, 3), 7.0)
    with pytest.raises(ValueError, match=text):
        call(w)
    np.testing.assert_array_equal(w, 7)
