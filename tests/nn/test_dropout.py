"""Dropout: the mode decides, the share is right, and the survivors are scaled."""

from __future__ import annotations

from typing import Any

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

>>> nn.Dropout2d(0.2), nn.AlphaDropout(), nn.FeatureAlphaDropout(0.1)
(Dropout2d(p=0.2, inplace=False), AlphaDropout(p=0.5, inplace=False), FeatureAlphaDropout(p=0.1, inplace=False))

>>> nn.AlphaDropout(-1)
ValueError: dropout probability has to be between 0 and 1, but got -1

>>> nn.AlphaDropout(1.0)(torch.ones(2))
tensor([0., 0.])

>>> nn.Dropout1d()(torch.ones(2))
RuntimeError: dropout1d: Expected 2D or 3D input, but received a 1D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).
"""  # noqa: E501


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


SHAPES = [
    ("Dropout1d", (30, 4, 3)),
    ("Dropout1d", (30, 3)),
    ("Dropout2d", (30, 4, 3)),
    ("Dropout2d", (30, 4, 3, 2)),
    ("Dropout3d", (30, 4, 3, 2)),
    ("Dropout3d", (30, 4, 3, 2, 2)),
    ("AlphaDropout", (30, 4)),
    ("FeatureAlphaDropout", (30, 4, 3)),
]


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize(("name", "shape"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_and_gradients_are_torchs(name: str, shape: tuple[int, ...], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    given = np.random.default_rng(0).standard_normal(shape).astype(dtype)

    def run(library: Any) -> tuple[np.ndarray, np.ndarray]:
        x = library.tensor(given, requires_grad=True)
        y = getattr(library.nn, name)(0.3)(x)
        y.sum().backward()
        return y.detach().numpy(), x.grad.numpy()

    torch.manual_seed(3)
    minnet.manual_seed(3, engine="torch")
    for ours, theirs in zip(run(minnet), run(torch), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize(("name", "shape"), SHAPES[:6])
def test_whole_channels_are_zeroed(name: str, shape: tuple[int, ...]) -> None:
    minnet.manual_seed(1)
    x = minnet.ones(shape)
    y = getattr(nn, name)(0.5, inplace=True)(x)
    assert y is x
    dims = -int(name[7]) if name != "Dropout2d" else 2 - len(shape)
    channels = y.numpy().reshape(-1, int(np.prod(shape[dims:])))
    assert {tuple(channel) for channel in channels} == {
        (value,) * channels.shape[1] for value in (0.0, 2.0)
    }


def test_what_the_channels_are_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="assuming that channel-wise 1D dropout"):
        nn.Dropout2d()(minnet.ones(2, 3, 4))
    with pytest.warns(UserWarning, match="Received a 2-D input to dropout2d"):
        nn.Dropout2d()(minnet.ones(2, 3))
    with pytest.warns(UserWarning, match="Received a 3-D input to dropout3d"):
        nn.Dropout3d()(minnet.ones(2, 3, 4))
    with pytest.raises(RuntimeError, match="requires at least 2 dimensions"):
        nn.FeatureAlphaDropout()(minnet.ones(2))


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    minnet.manual_seed(1)
    y = nn.AlphaDropout(0.3)(minnet.randn(200_000)).numpy()
    np.testing.assert_allclose([y.mean(), y.var()], [0, 1], atol=0.01)
