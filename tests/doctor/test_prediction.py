"""Prediction and measurement agree within sampling error on wide networks, forward and back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import minnet
from minnet import nn
from minnet.doctor.observation import observe
from minnet.doctor.prediction import predict
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


@pytest.mark.parametrize(
    ("activation", "depth", "initializer"),
    [
        (nn.ReLU, 10, functools.partial(init.kaiming_normal_, nonlinearity="relu")),
        (nn.ReLU, 5, init.xavier_uniform_),
        (nn.Tanh, 10, init.lecun_normal_),
        (nn.Tanh, 4, functools.partial(init.normal_, std=0.1)),  # chaotic: σw² = 10
        (nn.GELU, 5, functools.partial(init.variance_scaling_, scale=2.35)),
        (nn.Sigmoid, 3, init.xavier_normal_),
        (nn.SELU, 6, init.lecun_uniform_),
        (nn.Identity, 2, init.xavier_normal_),
    ],
)
def test_prediction_and_measurement_agree(
    activation: Callable[[], nn.Module], depth: int, initializer: Any
) -> None:
    minnet.manual_seed(7)
    net = network(activation, depth, initializer)
    found = observe(net, minnet.randn(64, WIDTH))
    predictions = predict(found.calls)
    assert len(predictions) > depth
    assert found.calls[0].kind == "input" and predictions[0].gradient_error > 0
    for call, predicted in list(zip(found.calls, predictions, strict=True))[1:]:
        assert predicted.why == ""
        assert 0 < predicted.error < 0.3
        assert abs(call.output.second / predicted.second - 1) < 4 * predicted.error
        if predicted.gradient_error:
            assert predicted.gradient_error < 0.3
            ratio = call.gradient.second / predicted.gradient
            assert abs(ratio - 1) < 4 * predicted.gradient_error
    assert sum(p.gradient_error > 0 for p in predictions) == len(predictions) - 1


def test_a_wrong_theory_is_told_from_a_right_one() -> None:
    # The same network with weights that are not independent: the agreement above is no accident.
    minnet.manual_seed(7)
    net = network(nn.ReLU, 3, functools.partial(init.normal_, mean=0.02, std=0.02))
    found = observe(net, minnet.randn(64, WIDTH))
    call, predicted = found.calls[3], predict(found.calls)[3]
    assert abs(call.output.second / predicted.second - 1) > 10 * predicted.error
