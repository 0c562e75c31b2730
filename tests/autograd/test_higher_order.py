"""What second derivatives are for: physics, penalties, learning to learn, curvature."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.autograd import grad


def test_the_bits_of_first_order_gradients_do_not_depend_on_create_graph():
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    x = minnet.randn(7, 5, requires_grad=True)
    target = minnet.tensor([0, 1, 2, 0, 1, 2, 0])
    loss = lambda: nn.functional.cross_entropy(net(x), target)  # noqa: E731
    inputs = [x, *net.parameters()]
    plain = grad(loss(), inputs)
    recorded = grad(loss(), inputs, create_graph=True)
    for a, b in zip(plain, recorded, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.detach().numpy())
        assert b.requires_grad


def test_a_physics_informed_net_solves_its_equation():
    # u'' = -sin x on [0, pi], u(0) = u(pi) = 0: u = sin x.
    minnet.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(),
        nn.Linear(32, 1),
    )  # fmt: skip
    optimizer = minnet.optim.Adam(net.parameters(), lr=3e-3)
    x = minnet.linspace(0, float(np.pi), 24).reshape(-1, 1).requires_grad_()
    ends = minnet.tensor([[0.0], [float(np.pi)]])
    for _ in range(400):
        optimizer.zero_grad()
        u = net(x)
        (first,) = grad(u.sum(), x, create_graph=True)
        (second,) = grad(first.sum(), x, create_graph=True)
        residual = second + x.sin()
        loss = (residual**2).mean() + 10 * (net(ends) ** 2).mean()
        loss.backward()
        optimizer.step()
    with minnet.no_grad():
        error = (net(x) - x.sin()).abs().max().item()
    assert error < 0.05


def test_u_xx_of_a_tanh_net_is_that_of_differences():
    minnet.manual_seed(2)
    net = nn.Sequential(
        nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(),
        nn.Linear(32, 1),
    ).double()  # fmt: skip
    x = minnet.linspace(-1, 1, 9).double().reshape(-1, 1).requires_grad_()
    (first,) = grad(net(x).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x)
    h = 1e-4
    with minnet.no_grad():
        numeric = (net(x + h) - 2 * net(x) + net(x - h)) / h**2
    np.testing.assert_allclose(second.numpy(), numeric.numpy(), atol=1e-6)


def test_a_gradient_penalty_reaches_the_weights():
    minnet.manual_seed(3)
    critic = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)).double()
    x = minnet.randn(6, 4).double().requires_grad_()

    def penalty():
        (slope,) = grad(critic(x).sum(), x, create_graph=True)
        return ((slope.norm(2, 1) - 1) ** 2).mean()

    gradients = grad(penalty(), list(critic.parameters()), allow_unused=True)
    assert gradients[-1] is None  # the last bias has no part in a slope
    for p, g in zip(list(critic.parameters())[:-1], gradients, strict=False):
        at = (0,) * p.ndim
        with minnet.no_grad():
            before = p.array[at]
            p.array[at] = before + 1e-6
        above = penalty().item()
        p.array[at] = before - 1e-6
        below = penalty().item()
        p.array[at] = before
        assert g.array[at] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_one_step_of_maml_differentiates_through_the_inner_step():
    minnet.manual_seed(4)
    w = minnet.randn(3, 2).double().requires_grad_()
    x, y = minnet.randn(5, 2).double(), minnet.randn(5, 3).double()

    def outer(w):
        inner = ((x @ w.t() - y) ** 2).mean()
        (g,) = grad(inner, w, create_graph=True)
        adapted = w - 0.1 * g
        return ((x @ adapted.t() + y).tanh() ** 2).mean()

    assert minnet.autograd.gradcheck(outer, w)


def test_a_product_with_the_hessian_is_that_with_the_full_one():
    minnet.manual_seed(5)
    net = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)).double()
    x, target = minnet.randn(6, 3).double(), minnet.tensor([0, 1, 1, 0, 1, 0])
    parameters = list(net.parameters())
    n = sum(p.numel() for p in parameters)

    def slopes():
        loss = nn.functional.cross_entropy(net(x), target)
        found = grad(loss, parameters, create_graph=True)
        return minnet.cat([g.reshape(-1) for g in found])

    flat = slopes()
    rows = []
    for i in range(n):
        row = grad(flat[i], parameters, retain_graph=True)
        rows.append(np.concatenate([r.numpy().reshape(-1) for r in row]))
    hessian = np.array(rows)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    v = np.random.default_rng(0).standard_normal(n)
    product = grad(flat @ minnet.tensor(v), parameters)
    found = np.concatenate([g.numpy().reshape(-1) for g in product])
    np.testing.assert_allclose(found, hessian @ v, atol=1e-12)
    h = 1e-5
    start, moved = 0, []
    for sign in (1, -1):
        start = 0
        for p in parameters:
            part = v[start : start + p.numel()].reshape(p.shape)
            p.array += sign * h * part if sign == 1 else -2 * h * part
            start += p.numel()
        moved.append(slopes().detach().numpy())
    np.testing.assert_allclose(found, (moved[0] - moved[1]) / (2 * h), atol=1e-8)


def test_third_and_fourth_derivatives():
    x = minnet.tensor([0.3, -0.7], dtype=minnet.float64, requires_grad=True)
    y = (x.sin() * x).sum()
    for expected in (
        lambda x: np.sin(x) + x * np.cos(x),
        lambda x: 2 * np.cos(x) - x * np.sin(x),
        lambda x: -3 * np.sin(x) - x * np.cos(x),
        lambda x: -4 * np.cos(x) + x * np.sin(x),
    ):
        (g,) = grad(y, x, create_graph=True)
        np.testing.assert_allclose(g.detach().numpy(), expected(x.detach().numpy()), atol=1e-12)
        y = g.sum()


def test_backward_with_create_graph_warns_of_the_cycle_and_records_the_gradient():
    x = minnet.tensor([2.0], requires_grad=True)
    with pytest.warns(UserWarning, match="will create a reference cycle"):
        (x**3).backward(create_graph=True)
    assert x.grad.tolist() == [12] and x.grad.requires_grad
    x.grad.backward(inputs=[x])
    assert x.grad.tolist() == [24]
    x.grad = None


def test_a_node_is_no_cycle():
    gc.disable()
    try:
        for f in (
            lambda x: x.exp(),
            lambda x: x.sigmoid(),
            lambda x: x.relu(),
            lambda x: x.softmax(0),
            lambda x: x.sqrt(),
            lambda x: x.norm(),
            lambda x: x.max(0).values,
            lambda x: nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2), nn.Tanh())(x),
            lambda x: nn.functional.cross_entropy(x[None], minnet.tensor([1])),
        ):
            x = minnet.tensor([1.0, 2.0], requires_grad=True)
            y = f(x)
            node, array = weakref.ref(y.grad_fn), weakref.ref(y.array)
            del y
            assert node() is None and array() is None
    finally:
        gc.enable()


def test_double_backward_through_freed_graphs_says_so():
    x = minnet.tensor([2.0], requires_grad=True)
    y = x.exp()
    (g,) = grad(y, x, create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        grad(y, x)
    assert g.requires_grad


def test_grad_with_materialized_zeros_and_batches():
    x, y = (minnet.ones(2, requires_grad=True) for _ in range(2))
    found = grad(x.sum(), [x, y], materialize_grads=True)
    assert found[1].tolist() == [0, 0]
    v = minnet.eye(2)
    (rows,) = grad(x * minnet.tensor([2.0, 3.0]), x, v, is_grads_batched=True)
    assert rows.tolist() == [[2, 0], [0, 3]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(x.sum(), x, only_inputs=True)[0].tolist() == [1, 1]
