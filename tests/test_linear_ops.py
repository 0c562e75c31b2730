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


SECOND = {
    "mm": (minnet.mm, (2, 3), (3, 4)),
    "bmm": (minnet.bmm, (2, 3, 4), (2, 4, 2)),
    "matmul of stacks": (minnet.matmul, (2, 1, 3, 4), (3, 4, 2)),
    "matmul by a vector": (minnet.matmul, (2, 3, 4), (4,)),
    "dot": (minnet.dot, (3,), (3,)),
    "outer": (minnet.outer, (3,), (2,)),
    "addmm": (lambda b, x, y: minnet.addmm(b, x, y, beta=2, alpha=-1), (4,), (2, 3), (3, 4)),
    "linear": (minnet.nn.functional.linear, (5, 3), (4, 3), (4,)),
    "linear of many dims": (minnet.nn.functional.linear, (2, 2, 3), (4, 3), (4,)),
    "linear of a column": (minnet.nn.functional.linear, (5, 3), (4, 3), (1,)),
    "linear without a bias": (minnet.nn.functional.linear, (5, 3), (4, 3)),
}


@pytest.mark.parametrize("name", SECOND)
def test_second_derivatives(name):
    f, *shapes = SECOND[name]
    rng = np.random.default_rng(0)
    inputs = [minnet.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]
    assert minnet.autograd.gradgradcheck(f, inputs)


@pytest.mark.parametrize("samples", [1, 7, 5000])
@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64])
@pytest.mark.parametrize("needs", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_recorded_gradients_of_a_layer_have_the_bits_of_the_kernel(needs, dtype, samples):
    minnet.manual_seed(0)
    shapes = (samples, 9), (6, 9), (6,)
    inputs = [minnet.randn(s, dtype=dtype, requires_grad=i in needs) for i, s in enumerate(shapes)]
    dy, wanted = minnet.randn(samples, 6, dtype=dtype), [inputs[i] for i in needs]
    found = []
    for create_graph in (False, True):
        y = minnet.nn.functional.linear(*inputs)
        found.append(minnet.autograd.grad(y, wanted, dy, create_graph=create_graph))
    assert all(minnet.equal(a, b) for a, b in zip(*found, strict=True))
