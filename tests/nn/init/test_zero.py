"""ZerO: identities and Hadamard matrices, and nothing drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import hadamard

import minnet
from minnet.nn import init


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (1, 4), (1, 1)])
def test_no_more_outputs_than_inputs_is_a_partial_identity(shape):
    np.testing.assert_array_equal(init.zero_init_(np.full(shape, 7.0)), np.eye(*shape))


@pytest.mark.parametrize("shape", [(2, 1), (8, 3), (5, 4), (7, 1), (33, 20)])
def test_more_outputs_than_inputs_is_part_of_a_hadamard_matrix(shape):
    power = 1 << math.ceil(math.log2(shape[0]))
    expected = (hadamard(power) / math.sqrt(power))[: shape[0], : shape[1]]
    np.testing.assert_array_equal(init.zero_init_(np.full(shape, 7.0)), expected)


@pytest.mark.parametrize("shape", [(2, 1), (8, 3), (64, 40)])
def test_columns_are_orthonormal_where_outputs_are_a_power_of_two(shape):
    w = init.zero_init_(np.empty(shape))
    np.testing.assert_allclose(w.T @ w, np.eye(shape[1]), rtol=0, atol=1e-15)


@pytest.mark.parametrize("shape", [(5, 4), (33, 20), (100, 99)])
def test_no_column_is_lost(shape):
    assert np.linalg.matrix_rank(init.zero_init_(np.empty(shape))) == shape[1]


@pytest.mark.parametrize("shape", [(2, 3, 3), (4, 2, 3, 4), (2, 2, 1, 2, 3)])
def test_a_convolution_has_the_matrix_at_its_middle(shape):
    w = init.zero_init_(np.full(shape, 7.0))
    middle = (slice(None), slice(None), *(k // 2 for k in shape[2:]))
    np.testing.assert_array_equal(w[middle], init.zero_init_(np.empty(shape[:2])))
    assert np.count_nonzero(w) == np.count_nonzero(w[middle])


def test_no_random_number_is_drawn():
    minnet.manual_seed(3)
    expected = minnet.rand(4).numpy()
    minnet.manual_seed(3)
    init.zero_init_(minnet.empty(8, 3))
    np.testing.assert_array_equal(minnet.rand(4).numpy(), expected)


def test_training_parts_the_units_which_an_identity_would_not():
    # The paper's claim: with zero-padded identities, all gradients stay within a small subspace,
    # and the rank of what training adds to a weight is limited by the input's width.
    def rank_of_the_change(fill):
        minnet.manual_seed(0)
        net = minnet.nn.Sequential(
            minnet.nn.Linear(4, 32),
            minnet.nn.ReLU(),
            minnet.nn.Linear(32, 32),
            minnet.nn.ReLU(),
            minnet.nn.Linear(32, 32),
        )
        x, y = minnet.randn(64, 4), minnet.randn(64, 32)
        for layer in (net[0], net[2], net[4]):
            fill(layer.weight)
            init.zeros_(layer.bias)
        before = net[2].weight.detach().numpy().copy()
        optimizer = minnet.optim.SGD(net.parameters(), lr=0.5)
        for _ in range(20):
            loss = ((net(x) - y) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        change = np.linalg.svd(net[2].weight.detach().numpy() - before)[1]
        return int((change > 1e-4 * change[0]).sum())

    assert rank_of_the_change(init.eye_) <= 4
    assert rank_of_the_change(init.zero_init_) > 8
