"""A Sequential computes linear layers and activations together: as if it went one by one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.kernels import cpu


def seeded(build: Callable[[], nn.Sequential]) -> nn.Sequential:
    minnet.manual_seed(7)
    return build()


def one_by_one(net: nn.Sequential, x: Any) -> Any:
    for module in net:
        x = one_by_one(module, x) if type(module) is nn.Sequential else module(x)
    return x


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Give the number of layers of each call that computes them together."""
    calls: list[int] = []
    together = cpu.mlp

    def spy(arrays: Any, names: Any, keep: bool) -> Any:
        computed = together(arrays, names, keep)
        if computed is not None:
            calls.append(len(names))
        return computed

    with monkeypatch.context() as patch:
        patch.setattr(cpu, "mlp", spy)
        yield calls


def shared_layer() -> nn.Sequential:
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.ReLU(), layer)


# What is built, and the layers of each call that is made for it.
NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], list[int]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), [2]),
    "no activation": (lambda: nn.Sequential(nn.Linear(5, 9), nn.Linear(9, 3)), [2]),
    "one layer": (lambda: nn.Sequential(nn.Linear(5, 3)), []),
    "activation at the end": (
        lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3), nn.Sigmoid()),
        [2],
    ),
    "activation at the start": (
        lambda: nn.Sequential(nn.ReLU(), nn.Linear(5, 9), nn.ReLU(inplace=True), nn.Linear(9, 3)),
        [2],
    ),
    "two activations": (
        lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.ReLU(), nn.Linear(9, 3)),
        [1],
    ),
    "another activation": (
        lambda: nn.Sequential(
            nn.Linear(5, 9), nn.GELU(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 3)
        ),
        [2],
    ),
    "no bias": (
        lambda: nn.Sequential(
            nn.Linear(5, 9, bias=False), nn.Sigmoid(), nn.Linear(9, 3, bias=False)
        ),
        [2],
    ),
    "nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(5, 9), nn.ReLU()), nn.Linear(9, 3)),
        [1],
    ),
    "flattened before": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)),
        [2],
    ),
    "the same layer": (shared_layer, [3]),
    "float64": (lambda: nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3)).double(), [2]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_have_the_bits_of_the_layers_one_by_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, layers = NETWORKS[name]
    net = seeded(build)
    results = []
    for forward in (net, lambda x: one_by_one(net, x)):
        minnet.manual_seed(1)
        x = minnet.randn(6, 5).to(next(net.parameters()).dtype).requires_grad_()
        net.zero_grad()
        with counted(monkeypatch) as calls:
            y = forward(x)
        assert calls == (layers if forward is net else [])
        (y * y.detach().cos()).sum().backward()
        results.append([y, x.grad, *(p.grad for p in net.parameters())])
    for a, b in zip(*results, strict=True):
        assert minnet.equal(a, b) and a.dtype == b.dtype
    with minnet.no_grad():
        assert minnet.equal(net(x), results[0][0])


def mlp() -> nn.Sequential:
    return seeded(NETWORKS["mlp"][0])


def double_output(module: Any, args: Any, output: Any) -> Any:
    return output * 2


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_hook_on_a_layer_is_called(index: int) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    plain = net(x)
    handle = net[index].register_forward_hook(double_output)
    assert minnet.equal(net(x), one_by_one(net, x)) and not minnet.equal(net(x), plain)
    handle.remove()
    assert minnet.equal(net(x), plain)


def test_a_hook_on_the_gradients_of_a_layer_is_called() -> None:
    net, seen = mlp(), []
    net[1].register_full_backward_hook(lambda module, dx, dy: seen.append(dx[0].shape))
    net(minnet.randn(4, 5)).sum().backward()
    assert seen == [(4, 9)]


class Doubled(nn.Linear):
    def forward(self, input: Any) -> Any:
        return super().forward(input) * 2


class Renamed(nn.Linear):
    """Another class with the same forward."""


class Called(nn.Linear):
    def __call__(self, input: Any) -> Any:
        return super().__call__(input) * 2


def test_a_subclass_computes_what_its_forward_says(monkeypatch: pytest.MonkeyPatch) -> None:
    x = minnet.randn(4, 5)
    for kind, layers in ((Doubled, []), (Called, []), (Renamed, [2])):
        net = seeded(lambda kind=kind: nn.Sequential(kind(5, 9), nn.ReLU(), nn.Linear(9, 3)))
        with counted(monkeypatch) as calls:
            y = net(x)
        assert calls == layers and minnet.equal(y, one_by_one(net, x))


def test_a_patched_forward_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    plain = net(x)
    net[1].forward = lambda input: input * 3
    assert minnet.equal(net(x), net[2](net[0](x) * 3)) and not minnet.equal(net(x), plain)
    del net[1].forward
    assert minnet.equal(net(x), plain)
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, input: input * 3)
    assert minnet.equal(net(x), net[2](net[0](x) * 3))


@pytest.mark.parametrize(
    "frozen",
    [["0.weight"], ["0.weight", "0.bias"], ["2.weight", "2.bias"], ["0.bias", "2.weight"]],
)
@pytest.mark.parametrize("of_input", [True, False])
def test_frozen_parameters_get_no_gradient(frozen: list[str], of_input: bool) -> None:
    net = mlp()
    for name, p in net.named_parameters():
        p.requires_grad_(name not in frozen)
    grads = []
    for forward in (net, lambda x: one_by_one(net, x)):
        minnet.manual_seed(1)
        x = minnet.randn(4, 5, requires_grad=of_input)
        net.zero_grad()
        forward(x).square().sum().backward()
        grads.append([x.grad, *(p.grad for p in net.parameters())])
    for a, b in zip(*grads, strict=True):
        assert (a is None and b is None) or minnet.equal(a, b)
    assert [n for n, p in net.named_parameters() if p.grad is None] == frozen


def test_records_nothing_where_nothing_needs_a_gradient() -> None:
    net, x = mlp(), minnet.randn(4, 5)
    with minnet.no_grad():
        assert net(x).grad_fn is None
    net.requires_grad_(False)
    assert net(x).grad_fn is None and not net(x).requires_grad
    assert net(x.requires_grad_()).requires_grad


def test_grad_of_some_inputs_only() -> None:
    net, x = mlp(), minnet.randn(4, 5, requires_grad=True)
    for wanted in ([x], [net[0].weight], [net[2].bias, x], [net[2].weight, net[0].bias]):
        got = minnet.autograd.grad(net(x).square().sum(), wanted)
        expected = minnet.autograd.grad(one_by_one(net, x).square().sum(), wanted)
        assert all(minnet.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert x.grad is None and all(p.grad is None for p in net.parameters())


def test_gradients_add_up_over_two_calls() -> None:
    net, x = mlp(), minnet.randn(4, 5)
    net(x).sum().backward()
    once = [p.grad.clone() for p in net.parameters()]
    y = net(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    for p, grad in zip(net.parameters(), once, strict=True):
        assert minnet.equal(p.grad, grad + grad + grad)


def test_a_second_backward_is_an_error() -> None:
    y = mlp()(minnet.randn(4, 5)).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def change_weight(net: Any, x: Any) -> Any:
    return net[2].weight.add_(1)


def change_input(net: Any, x: Any) -> Any:
    return x.add_(1)


@pytest.mark.parametrize("change", [change_weight, change_input])
def test_what_backward_reads_must_not_change(change: Any) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    y = net(x)
    with minnet.no_grad():
        change(net, x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    assert all(p.grad is None for p in net.parameters())


def test_an_activation_at_the_end_must_not_change() -> None:
    net = seeded(NETWORKS["activation at the end"][0])
    y = net(minnet.randn(4, 5))
    with minnet.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="is output 0 of SigmoidBackward0, is at version 1"):
        y.sum().backward()


@pytest.mark.parametrize("part", ["first weight", "bias", "output"])
def test_what_backward_does_not_read_may_change(part: str) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    results = []
    for changed in (False, True):
        net.zero_grad()
        y = net(x)
        if changed:
            with minnet.no_grad():
                {"first weight": net[0].weight, "bias": net[2].bias, "output": y}[part].add_(1)
        y.backward(minnet.ones(4, 3))
        results.append([p.grad for p in net.parameters()])
    assert all(minnet.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_step_between_forward_and_backward_of_new_weights() -> None:
    # `p.data = ...` gives the parameter another array: the graph keeps the one it was made with.
    net, x = mlp(), minnet.randn(4, 5)
    net(x).sum().backward()
    expected = [p.grad for p in net.parameters()]
    net.zero_grad()
    y = net(x).sum()
    for p in net.parameters():
        p.data = minnet.zeros_like(p)
    y.backward()
    assert all(minnet.equal(p.grad, g) for p, g in zip(net.parameters(), expected, strict=True))


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("mlp", "AddmmBackward0"),
        ("activation at the end", "SigmoidBackward0"),
        ("no bias", "MmBackward0"),
    ],
)
def test_grad_fn_has_the_name_of_the_last_layers(name: str, last: str) -> None:
    net, x = seeded(NETWORKS[name][0]), minnet.randn(4, 5)
    assert repr(net(x).grad_fn).startswith(f"<{last} ")
    assert one_by_one(net, x).grad_fn.name() == last


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 4, 5), (5000, 5), (1, 5)])
def test_inputs_of_any_shape(shape: tuple[int, ...]) -> None:
    net, x = mlp(), minnet.randn(*shape)
    assert minnet.equal(net(x), one_by_one(net, x))
    net(x).sum().backward()
    grads = [p.grad for p in net.parameters()]
    net.zero_grad()
    one_by_one(net, x).sum().backward()
    assert all(minnet.equal(p.grad, g) for p, g in zip(net.parameters(), grads, strict=True))


def strided(x: Any) -> Any:
    return minnet.from_numpy(np.asfortranarray(x.numpy()))


def read_only(x: Any) -> Any:
    array = x.numpy().copy()
    array.flags.writeable = False
    return minnet.from_numpy(array)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", [strided, read_only])
def test_inputs_of_any_layout(layout: Any) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    assert minnet.equal(net(layout(x)), net(x))


@pytest.mark.parametrize(
    "x", [minnet.ones(4, 6), minnet.ones(4, 5).double(), minnet.ones(4, 5).long(), 3.0, None]
)
def test_errors_are_those_of_the_layers(x: Any) -> None:
    net = mlp()
    with pytest.raises((RuntimeError, TypeError)) as expected:
        one_by_one(net, x)
    with pytest.raises(type(expected.value)) as got:
        net(x)
    assert str(got.value) == str(expected.value)


def test_a_layer_without_a_weight_says_so() -> None:
    net = mlp()
    net[2].weight = None
    with pytest.raises(TypeError, match=r"'weight' \(position 2\) must be Tensor, not NoneType"):
        net(minnet.randn(4, 5))


def test_a_blas_multiplies_where_it_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = mlp(), minnet.randn(4, 5)
    minnet.set_matmul("blas")
    try:
        with counted(monkeypatch) as calls:
            y = net(x)
    finally:
        minnet.set_matmul("minnet")
    assert calls == [] and minnet.allclose(y, net(x), atol=1e-5)


def test_copies_and_pickles_compute_the_same() -> None:
    net, x = mlp(), minnet.randn(4, 5)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert minnet.equal(other(x), net(x))


def test_training_has_the_bits_of_the_layers_one_by_one() -> None:
    weights = []
    for together in (True, False):
        net = seeded(lambda: nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 1)))
        optimizer = minnet.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(20):
            x = minnet.randn(32, 20)
            y = net(x) if together else one_by_one(net, x)
            loss = nn.functional.mse_loss(y, x[:, :1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        weights.append([p.detach() for p in net.parameters()])
    assert all(minnet.equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64])
def test_recorded_gradients_have_the_same_bits(name: str, dtype: Any) -> None:
    net = seeded(NETWORKS[name][0]).to(dtype)
    x = minnet.randn(6, 5, dtype=dtype, requires_grad=True)
    leaves = [x, *net.parameters()]
    plain, recorded = (
        minnet.autograd.grad(net(x).square().sum(), leaves, create_graph=create_graph)
        for create_graph in (False, True)
    )
    assert all(minnet.equal(a, b) for a, b in zip(plain, recorded, strict=True))
    assert all(b.requires_grad for b in recorded)


@pytest.mark.parametrize("name", ["activation at the end", "no bias", "the same layer"])
def test_a_products_with_the_hessian_is_that_of_the_whole_hessian(name: str) -> None:
    net = seeded(NETWORKS[name][0]).double()
    x = minnet.randn(6, 5).double().requires_grad_()
    leaves = [x, *net.parameters()]

    def slopes(create_graph: bool = False) -> Any:
        return minnet.autograd.grad(net(x).sin().sum(), leaves, create_graph=create_graph)

    vectors = [minnet.randn_like(p) for p in leaves]
    along = sum((g * v).sum() for g, v in zip(slopes(True), vectors, strict=True))
    products = minnet.autograd.grad(along, leaves)
    for leaf, product in zip(leaves, products, strict=True):
        rows = []  # of the Hessian, by central differences
        values = leaf.detach().numpy().reshape(-1)  # the leaf's own memory
        for i in range(values.size):
            before, sides = values[i], []
            for step in (1e-6, -1e-6):
                values[i] = before + step
                sides.append(np.concatenate([g.numpy().ravel() for g in slopes()]))
            values[i] = before
            rows.append((sides[0] - sides[1]) / 2e-6)
        expected = np.array(rows) @ np.concatenate([v.numpy().ravel() for v in vectors])
        np.testing.assert_allclose(product.numpy().ravel(), expected, rtol=1e-6, atol=1e-7)


def test_what_is_recorded_must_not_change_even_where_arrays_have_no_need_of_it() -> None:
    net, x = seeded(NETWORKS["activation at the end"][0]), minnet.randn(4, 5)
    y = net(x).sum()
    with minnet.no_grad():
        net[0].bias.add_(1)  # the fused kernel has kept what it needs of it
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        minnet.autograd.grad(y, net[2].weight, create_graph=True)
