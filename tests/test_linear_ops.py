"""Matrix products, against torch's answers and for minnet's own promises."""

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("linear")
def test_known_answers(library, program, known):
    check(library, program, known)


RANKS = [(a, b) for a in range(1, 5) for b in range(1, 5)]


@pytest.mark.parametrize(("a", "b"), RANKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_matmul_of_every_pair_of_ranks_is_numpys(a, b, dtype):
    """Small whole numbers, whose products and sums are exact in every dtype."""
    rng = np.random.default_rng(a * 10 + b)
    left = (2, 3, 5, 4)[4 - a :]
    right = (2, 3, 4, 6)[4 - b :] if b > 1 else (4,)
    x = rng.integers(-9, 9, left).astype(dtype)
    y = rng.integers(-9, 9, right).astype(dtype)
    got = minnet.tensor(x) @ minnet.tensor(y)
    assert got.numpy().dtype == dtype
    np.testing.assert_array_equal(got.numpy(), x @ y)


@pytest.mark.parametrize("lead", [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (2, 0)])
@pytest.mark.parametrize("biased", [True, False])
def test_linear_takes_any_leading_dims(lead, biased):
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (*lead, 4)).astype(np.float32)
    w = rng.integers(-9, 9, (3, 4)).astype(np.float32)
    b = rng.integers(-9, 9, 3).astype(np.float32) if biased else np.zeros(3, np.float32)
    bias = minnet.tensor(b) if biased else None
    got = minnet.nn.functional.linear(minnet.tensor(x), minnet.tensor(w), bias)
    np.testing.assert_array_equal(got.numpy(), x @ w.T + b)


def test_linear_is_one_node():
    x, w, b = (minnet.ones(*s, requires_grad=True) for s in ((2, 3), (4, 3), (4,)))
    y = minnet.nn.functional.linear(x, w, b)
    assert [node.variable for node, _ in y.grad_fn.next_functions] == [b, x, w]


def test_a_frozen_input_gets_no_gradient():
    x, w = minnet.ones(2, 3), minnet.ones(4, 3, requires_grad=True)
    y = minnet.nn.functional.linear(x, w)
    ((edge, *_),) = y.grad_fn.sends
    assert edge is w
    y.sum().backward()
    assert x.grad is None and w.grad is not None


@pytest.mark.parametrize("frozen", ["input", "weight", "bias"])
def test_gradients_computed_together_are_those_computed_alone(frozen):
    rng = np.random.default_rng(0)
    shapes = {"input": (4, 3), "weight": (2, 3), "bias": (2,)}
    arrays = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}

    def gradients(names):
        leaves = {n: minnet.tensor(a, requires_grad=n in names) for n, a in arrays.items()}
        minnet.nn.functional.linear(**leaves).square().sum().backward()
        return {n: leaves[n].grad for n in names}

    names = [n for n in shapes if n != frozen]
    together = gradients(names)
    for name in names:
        assert minnet.equal(together[name], gradients([name])[name])


def test_a_frozen_weight_leaves_the_input_free_to_change():
    x, w = minnet.ones(2, 3, requires_grad=True), minnet.ones(4, 3)
    h = x * 2
    y = minnet.nn.functional.linear(h, w, minnet.ones(4, requires_grad=True))
    h.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [[8, 8, 8]] * 2
