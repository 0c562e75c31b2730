"""Prediction and measurement agree within sampling error on wide networks, forward and back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.doctor.observation import observe
from minnet.doctor.prediction import predict
from minnet.doctor.report import Compared
from minnet.nn import init

WIDTH = 1000


def network(
    activation: Callable[[], nn.Module], depth: int, initializer: Any, **bias: Any
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(WIDTH, WIDTH), activation()]
    net = nn.Sequential(*layers[:-1])
    return net.apply(init.scheme(initializer, **(bias or {"bias": init.zeros_})))


ACTIVATIONS = [
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.SELU,
    nn.Softplus, nn.Hardtanh,
]  # fmt: skip
INITIALIZERS = {
    "xavier_uniform": init.xavier_uniform_,
    "xavier_normal": init.xavier_normal_,
    "kaiming_uniform": functools.partial(init.kaiming_uniform_, nonlinearity="relu"),
    "kaiming_normal": functools.partial(init.kaiming_normal_, nonlinearity="relu"),
    "lecun_uniform": init.lecun_uniform_,
    "lecun_normal": init.lecun_normal_,
    "orthogonal": functools.partial(init.orthogonal_, gain=1.2),
}


def errors(
    activation: Callable[[], nn.Module], depth: int, initializer: Any, samples: int = 32
) -> tuple[list[float], list[float]]:
    """Return how far measured signals and gradients are from the theory, in standard errors.

    Those alone that the report tells: not where float32 underflows, as gradients do below 100
    layers of Sigmoid, nor where first order does not do, as below 30 layers of GELU near an
    unstable q.
    """
    net = network(activation, depth, initializer)
    found = observe(net, minnet.randn(samples, WIDTH))
    signals, gradients = [], []
    for call, predicted in zip(found.calls, predict(found.calls), strict=True):
        assert predicted.why == ""
        assert (call.kind == "input") == (predicted.error == 0)
        signals.append(Compared(call.output.second, predicted.second, predicted.error).off)
        assert (call.kind == "input") == (call.gradient is None)
        if call.gradient is not None:
            error = predicted.gradient_error
            gradients.append(Compared(call.gradient.second, predicted.gradient, error).off)
    assert signals[0] is None and gradients[-1] is None  # where each is given
    assert signals[1] is not None and gradients[-2] is not None
    return [off for off in signals if off is not None], [g for g in gradients if g is not None]


@pytest.mark.parametrize(
    ("activation", "depth", "initializer"),
    [
        (nn.ReLU, 10, "kaiming_normal"),
        (nn.ReLU, 30, "kaiming_uniform"),
        (nn.LeakyReLU, 5, "xavier_uniform"),
        (nn.Tanh, 10, "lecun_normal"),
        (nn.Tanh, 5, "orthogonal"),
        (nn.Sigmoid, 3, "xavier_normal"),
        (nn.GELU, 5, "kaiming_normal"),
        (nn.SiLU, 5, "kaiming_uniform"),
        (nn.ELU, 5, "lecun_uniform"),
        (nn.SELU, 10, "lecun_normal"),
        (nn.Softplus, 3, "xavier_normal"),
        (nn.Hardtanh, 5, "orthogonal"),
        (nn.Identity, 2, "xavier_normal"),
    ],
)
def test_prediction_and_measurement_agree(
    activation: Callable[[], nn.Module], depth: int, initializer: str
) -> None:
    minnet.manual_seed(7)
    for off in errors(activation, depth, INITIALIZERS[initializer]):
        assert max(map(abs, off)) < 4


def test_they_agree_in_chaos() -> None:
    minnet.manual_seed(7)
    for off in errors(nn.Tanh, 4, functools.partial(init.normal_, std=0.1)):  # σw² = 10
        assert max(map(abs, off)) < 4


def test_the_standard_errors_are_no_larger_than_need_be() -> None:
    minnet.manual_seed(7)
    last = [
        [off[0 if k else -1] for k, off in enumerate(errors(activation, 3, init.lecun_normal_))]
        for activation in (nn.ReLU, nn.Tanh, nn.GELU, nn.ELU, nn.SELU)
        for _ in range(4)
    ]
    signal, gradient = np.sqrt(np.mean(np.square(last), axis=0))
    assert 0.5 < signal < 1.5
    assert 0.5 < gradient < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("depth", [2, 5, 10, 30, 100])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_they_agree_whatever_the_initializer(
    activation: Callable[[], nn.Module], depth: int
) -> None:
    names = list(INITIALIZERS) if depth < 100 else ["lecun_normal", "orthogonal"]
    for seed, name in enumerate(names):
        minnet.manual_seed(1000 * depth + 10 * ACTIVATIONS.index(activation) + seed)
        for off in errors(activation, depth, INITIALIZERS[name]):
            assert max(map(abs, off)) < 4.5, name  # of some 20,000 comparisons


def test_a_wrong_theory_is_told_from_a_right_one() -> None:
    # The same network with weights that are not independent: the agreement above is no accident.
    minnet.manual_seed(7)
    net = network(nn.ReLU, 3, functools.partial(init.normal_, mean=0.02, std=0.02))
    found = observe(net, minnet.randn(64, WIDTH))
    call, predicted = found.calls[3], predict(found.calls)[3]
    assert abs(call.output.second / predicted.second - 1) > 10 * predicted.error
