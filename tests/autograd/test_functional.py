"""`autograd.functional`: Jacobians, Hessians and their products, against differences and torch."""

import numpy as np
import pytest

import minnet
from minnet.autograd import functional as AF

RNG = np.random.default_rng(3)


def tensor(*shape):
    return minnet.tensor(RNG.standard_normal(shape))


def several(x, y):
    return (x * y.sum()).tanh(), y.exp() @ x


def scalar(x, y):
    return ((x * y).sin() * y**2).sum()


def numeric_jacobian(f, xs, k, j, eps=1e-6):
    """Return the Jacobian of result k by input j, by central differences."""
    arrays = [x.numpy().copy() for x in xs]

    def run():
        out = f(*(minnet.tensor(a) for a in arrays))
        return np.array((out if isinstance(out, tuple) else (out,))[k].numpy())

    columns = []
    for at in np.ndindex(arrays[j].shape):
        before = arrays[j][at]
        arrays[j][at] = before + eps
        above = run()
        arrays[j][at] = before - eps
        columns.append((above - run()) / (2 * eps))
        arrays[j][at] = before
    out = np.stack(columns, -1)
    return out.reshape(*out.shape[:-1], *arrays[j].shape)


def test_jacobian_by_results_and_inputs():
    xs = tensor(3), tensor(2, 3)
    found = AF.jacobian(several, xs)
    for k in range(2):
        for j in range(2):
            np.testing.assert_allclose(
                found[k][j].numpy(), numeric_jacobian(several, xs, k, j), atol=1e-8
            )
    single = AF.jacobian(lambda x: x**2, xs[0])
    np.testing.assert_allclose(single.numpy(), np.diag(2 * xs[0].numpy()))


def test_products_agree_with_the_jacobian():
    xs = tensor(3), tensor(2, 3)
    jacobian = AF.jacobian(several, xs)
    vs = tensor(3), tensor(2)
    _, found = AF.vjp(several, xs, vs)
    for j in range(2):
        expected = sum(
            np.tensordot(vs[k].numpy(), jacobian[k][j].numpy(), vs[k].ndim) for k in range(2)
        )
        np.testing.assert_allclose(found[j].numpy(), expected, atol=1e-12)
    us = tensor(3), tensor(2, 3)
    _, found = AF.jvp(several, xs, us)
    for k in range(2):
        expected = sum(
            np.tensordot(jacobian[k][j].numpy(), us[j].numpy(), us[j].ndim) for j in range(2)
        )
        np.testing.assert_allclose(found[k].numpy(), expected, atol=1e-12)


def test_hessian_and_its_products():
    xs = tensor(3), tensor(3)
    hessian = AF.hessian(scalar, xs)
    slopes = lambda *xs: AF.vjp(scalar, xs)[1]  # noqa: E731
    for i in range(2):
        for j in range(2):
            np.testing.assert_allclose(
                hessian[i][j].numpy(), numeric_jacobian(slopes, xs, i, j), atol=1e-7
            )
            np.testing.assert_allclose(hessian[i][j].numpy(), hessian[j][i].numpy().T, atol=1e-12)
    vs = tensor(3), tensor(3)
    expected = [sum(hessian[i][j].numpy() @ vs[j].numpy() for j in range(2)) for i in range(2)]
    for product in (AF.hvp, AF.vhp):
        value, found = product(scalar, xs, vs)
        assert value.item() == scalar(*xs).item()
        for i in range(2):
            np.testing.assert_allclose(found[i].numpy(), expected[i], atol=1e-12)


def test_create_graph_keeps_the_history():
    x = tensor(3).requires_grad_()
    for f in (
        lambda: AF.jacobian(lambda x: x**3, x, create_graph=True),
        lambda: AF.hessian(lambda x: (x**4).sum(), x, create_graph=True),
        lambda: AF.hvp(lambda x: (x**4).sum(), x, minnet.ones(3).double(), create_graph=True)[1],
    ):
        assert f().requires_grad
    third = AF.hessian(lambda x: (x**4).sum(), x, create_graph=True).diag().sum()
    (found,) = minnet.autograd.grad(third, x)
    np.testing.assert_allclose(found.numpy(), 24 * x.detach().numpy())


def test_an_independent_result_is_zeros_or_refused():
    x = tensor(2)
    constant = lambda x: minnet.ones(3).double()  # noqa: E731
    assert AF.jacobian(constant, x).tolist() == [[0, 0]] * 3
    with pytest.raises(RuntimeError, match="independent of input 0"):
        AF.jacobian(constant, x, strict=True)


def test_bad_input():
    x = tensor(2)
    with pytest.raises(TypeError, match="must be either a Tensor or a tuple of Tensors"):
        AF.jacobian(lambda x: x, 3)
    with pytest.raises(RuntimeError, match="can only be None if the output is a single"):
        AF.vjp(lambda x: x, x)
    with pytest.raises(RuntimeError, match="Entry 0 in v has invalid size"):
        AF.vjp(lambda x: x, x, minnet.ones(3))
    with pytest.raises(RuntimeError, match="single element"):
        AF.hessian(lambda x: x, x)


def test_as_torch():
    torch = pytest.importorskip("torch")
    xs = tensor(3), tensor(2, 3)
    theirs = tuple(torch.from_numpy(x.numpy()) for x in xs)
    f = lambda x, y: ((x * y.sum()).tanh(), y.exp() @ x)  # noqa: E731
    ours = AF.jacobian(f, xs)
    for row, other in zip(ours, torch.autograd.functional.jacobian(f, theirs), strict=True):
        for a, b in zip(row, other, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
