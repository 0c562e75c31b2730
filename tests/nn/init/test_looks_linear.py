"""Looks-linear: the network is linear at first, and norms are kept."""

from __future__ import annotations

import numpy as np
import pytest

import minnet
from minnet.nn import init


def test_blocks_are_mirrored():
    w = init.looks_linear_(np.empty((8, 6)), generator=minnet.Generator(seed=1))
    block = w[:4, :3]
    np.testing.assert_array_equal(w, np.block([[block, -block], [-block, block]]))
    np.testing.assert_allclose(block.T @ block, np.eye(3), atol=1e-14)


def test_first_and_last_layer_are_mirrored_on_one_side():
    first = init.looks_linear_(np.empty((8, 3)), mirror_in=False)
    np.testing.assert_array_equal(first[4:], -first[:4])
    last = init.looks_linear_(np.empty((5, 8)), mirror_out=False)
    np.testing.assert_array_equal(last[:, 4:], -last[:, :4])
    plain = init.looks_linear_(np.empty((5, 3)), False, False, generator=minnet.Generator(seed=1))
    orthogonal = init.orthogonal_(np.empty((5, 3)), generator=minnet.Generator(seed=1))
    np.testing.assert_array_equal(plain, orthogonal)


def test_a_deep_rectified_network_is_an_orthogonal_map():
    width, depth = 20, 40
    x = np.random.default_rng(0).normal(size=(width, 7))
    y = np.maximum(init.looks_linear_(np.empty((2 * width, width)), mirror_in=False) @ x, 0)
    for _ in range(depth):
        y = np.maximum(init.looks_linear_(np.empty((2 * width, 2 * width))) @ y, 0)
    y = init.looks_linear_(np.empty((width, 2 * width)), mirror_out=False) @ y
    np.testing.assert_allclose(y.T @ y, x.T @ x, rtol=0, atol=1e-11)  # lengths and angles


@pytest.mark.parametrize(
    ("shape", "sides", "text"),
    [((3, 4), {}, "pairs outputs .* 3 is odd"), ((4, 3), {}, "pairs inputs .* 3 is odd")],
)
def test_an_odd_number_cannot_be_paired(shape, sides, text):
    w = np.full(shape, 7.0)
    with pytest.raises(ValueError, match=text):
        init.looks_linear_(w, **sides)
    np.testing.assert_array_equal(w, 7)


def test_kernels_are_mirrored_along_channels():
    w = init.looks_linear_(np.empty((4, 6, 3)), gain=2)
    np.testing.assert_array_equal(w[2:, 3:], w[:2, :3])
    np.testing.assert_array_equal(w[2:, :3], -w[:2, :3])
    block = w[:2, :3].reshape(2, -1)
    np.testing.assert_allclose(block @ block.T, 4 * np.eye(2), atol=1e-13)
