"""An observation leaves a network as it was, whatever happens on the way."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.doctor.observation import observe


class Counting(nn.Module):
    """Draws, and counts its calls in a buffer."""

    calls: Any

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", minnet.zeros(1))

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return x + minnet.randn(1)


class Failing(nn.Module):
    def forward(self, x: Any) -> Any:
        raise ValueError("on purpose")


def state(net: nn.Module) -> Any:
    return (
        {name: value.numpy().copy() for name, value in net.state_dict().items()},
        [(m.training, vars(m).get("inplace"), m._hooked) for m in net.modules()],
        [len(m._forward_hooks) for m in net.modules()],
        [None if p.grad is None else p.grad.numpy().copy() for p in net.parameters()],
        [p.requires_grad for p in net.parameters()],
        minnet.get_rng_state().numpy().copy(),
    )


@pytest.mark.parametrize("last", [nn.Linear(8, 3), Failing()])
def test_nothing_stays_changed(last: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), Counting(), nn.Dropout(0.5), last)
    net[2].eval()
    net[0](minnet.randn(2, 4)).sum().backward()
    net[0].bias.requires_grad_(False)
    x, y = minnet.randn(5, 4), minnet.tensor([0, 1, 2, 0, 1])
    before, values = copy.deepcopy(state(net)), x.clone()
    if isinstance(last, Failing):
        with pytest.raises(ValueError, match="on purpose"):
            observe(net, x, y)
    else:
        observe(net, x, y)
    np.testing.assert_equal(state(net), before)
    assert minnet.equal(x, values) and not x.requires_grad


def test_gradients_are_those_of_backward() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    x, y = minnet.randn(5, 4), minnet.tensor([0, 1, 2, 0, 1])
    found = observe(net, x, y)
    nn.CrossEntropyLoss()(net(x), y).backward()
    assert found.gradients.keys() == dict(net.named_parameters()).keys()
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(found.gradients[name], parameter.grad.numpy())
    assert found.classes == 3


@pytest.mark.parametrize("first", [[], [nn.ReLU()], [nn.Flatten(), nn.Tanh()]])
@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_reach_all_but_the_input(first: list[nn.Module], frozen: bool) -> None:
    net = nn.Sequential(*first, nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    net.requires_grad_(not frozen)
    x = minnet.randn(5, 2, 2) if len(first) == 2 else minnet.randn(5, 4)
    given, *calls = observe(net, x, minnet.tensor([0, 1, 2, 0, 1])).calls
    assert given.gradient is None
    leaf = x.clone().requires_grad_()
    outputs = [leaf]
    for module in net:
        outputs.append(module(outputs[-1]))
        outputs[-1].retain_grad()
    nn.CrossEntropyLoss()(outputs[-1], minnet.tensor([0, 1, 2, 0, 1])).backward()
    assert len(calls) == len(net)
    for call, output in zip(calls, outputs[1:], strict=True):
        expected = (output.grad**2).mean().item()
        assert call.gradient.second == pytest.approx(expected, rel=1e-5)


def test_an_activation_in_place_hides_nothing() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    x = minnet.randn(5, 4)
    call = observe(net, x).calls[1]
    assert call.output.second == pytest.approx((net[0](x) ** 2).mean().item(), rel=1e-6)


def test_a_float_target_is_for_the_mean_squared_error() -> None:
    net = nn.Linear(4, 1)
    x, y = minnet.randn(5, 4), minnet.randn(5, 1)
    assert observe(net, x, y).loss == pytest.approx(nn.MSELoss()(net(x), y).item())


def test_what_is_not_one_tensor_is_refused() -> None:
    class Pair(nn.Module):
        def forward(self, x: Any) -> Any:
            return x, x

    with pytest.raises(TypeError, match="the network must return a tensor, got tuple"):
        observe(Pair(), minnet.ones(2))
    with pytest.raises(TypeError, match="the loss must return a tensor of one number"):
        observe(nn.Linear(2, 2), minnet.ones(1, 2), loss=lambda output: output)
