"""`Dropout`: the mode decides, the share is right, and the survivors are scaled."""

from __future__ import annotations

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.Dropout()
Dropout(p=0.5, inplace=False)

>>> nn.Dropout(0.2, True)
Dropout(p=0.2, inplace=True)

>>> nn.Dropout(2)
ValueError: dropout probability has to be between 0 and 1, but got 2

>>> nn.Dropout(-0.1)
ValueError: dropout probability has to be between 0 and 1, but got -0.1

>>> nn.Dropout(1.0)(torch.ones(3))
tensor([0., 0., 0.])

>>> nn.Dropout(0.0)(torch.ones(3))
tensor([1., 1., 1.])

>>> nn.Dropout(0.5).eval()(torch.ones(3))
tensor([1., 1., 1.])
"""


@minnet_and_torch(SESSIONS)
def test_dropout(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_of_zeros_and_scale(p: float) -> None:
    minnet.manual_seed(1)
    n = 10_000
    y = nn.Dropout(p)(minnet.ones(n)).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / (1 - p))}
    # Five standard deviations of a binomial share.
    assert abs((y == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_mode_reaches_nested_layers() -> None:
    net = nn.Sequential(nn.Sequential(nn.Dropout(0.5)))
    x = minnet.ones(100)
    assert (net.eval()(x) == x).all()
    assert (net.train()(x) == 0).any()


def test_seed_repeats_the_mask_and_the_next_call_differs() -> None:
    layer, x = nn.Dropout(), minnet.ones(100)
    minnet.manual_seed(3)
    first, second = layer(x).tolist(), layer(x).tolist()
    minnet.manual_seed(3)
    assert layer(x).tolist() == first
    assert second != first


def test_gradient_is_the_mask() -> None:
    x = minnet.ones(50, requires_grad=True)
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()


def test_input_stays_as_it_was() -> None:
    x = minnet.ones(50)
    nn.Dropout(0.5)(x)
    assert x.tolist() == [1.0] * 50


def test_in_place_overwrites_the_input() -> None:
    x = minnet.ones(50)
    assert nn.Dropout(0.5, inplace=True)(x) is x
    assert set(x.tolist()) == {0.0, 2.0}
