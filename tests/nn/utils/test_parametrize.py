"""Parametrized tensors: registering, reading, assigning, removing; and those that there are."""

import copy
import pickle

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).t()

    def right_inverse(self, a):
        return a.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


class Counting(nn.Module):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return x + 1


def test_a_parametrized_tensor_is_computed_each_time_and_gradients_reach_its_original():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert isinstance(layer, nn.Linear) and type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert [n for n, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer(minnet.randn(5, 3)).sum().backward()
    original = layer.parametrizations.weight.original
    assert (original.grad.numpy()[np.tril_indices(3, -1)] == 0).all()
    assert original.grad.abs().sum() > 0
    minnet.optim.SGD(layer.parameters(), lr=0.1).step()
    weight = layer.weight
    np.testing.assert_array_equal(weight.detach().numpy(), weight.t().detach().numpy())
    assert weight is not layer.weight and not isinstance(weight, nn.Parameter)


def test_several_follow_each_other_and_an_assignment_goes_back_through_all():
    layer = nn.Linear(2, 2)
    original = layer.weight
    before = original.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    np.testing.assert_array_equal(layer.weight.detach().numpy(), before.numpy())
    parametrize.register_parametrization(layer, "weight", Doubled())
    np.testing.assert_array_equal(layer.weight.detach().numpy(), 2 * before.numpy())
    layer.weight = minnet.ones(2, 2)
    assert layer.parametrizations.weight.original.tolist() == [[0.25, 0.25]] * 2
    assert layer.weight.tolist() == [[1, 1]] * 2
    assert layer.parametrizations.weight.original is original
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and layer.weight is original
    assert layer.weight.tolist() == [[1, 1]] * 2 and "parametrizations" not in vars(layer)


def test_removing_may_leave_the_original():
    layer = nn.Linear(2, 2)
    before = layer.weight.tolist()
    parametrize.register_parametrization(layer, "weight", Counting())
    parametrize.register_parametrization(layer, "bias", Counting())
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight.tolist() == before and parametrize.is_parametrized(layer, "bias")
    assert type(layer).__name__ == "ParametrizedLinear"
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear and layer.bias.requires_grad
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")


def test_a_buffer_is_parametrized_too():
    module = nn.Module()
    module.register_buffer("table", minnet.ones(2))
    parametrize.register_parametrization(module, "table", Doubled())
    assert module.table.tolist() == [1, 1] and list(module.parameters()) == []
    assert list(module.state_dict()) == ["parametrizations.table.original"]


def test_what_was_computed_is_kept_while_cached():
    layer, counting = nn.Linear(2, 2), Counting()
    parametrize.register_parametrization(layer, "weight", counting)
    counting.calls = 0
    with parametrize.cached():
        assert layer.weight is layer.weight and counting.calls == 1
        with parametrize.cached():
            layer(minnet.ones(1, 2))
        assert counting.calls == 1
    assert layer.weight is not layer.weight and counting.calls == 3


def test_copies_are_apart_and_pickles_refused():
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    other = copy.deepcopy(layer)
    np.testing.assert_array_equal(other.weight.detach().numpy(), layer.weight.detach().numpy())
    other.weight = minnet.ones(2, 3)
    assert layer.weight.tolist() != other.weight.tolist()
    assert other.parametrizations.weight.original0 is not layer.parametrizations.weight.original0
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    fresh = parametrizations.weight_norm(nn.Linear(3, 2))
    fresh.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(fresh.weight.detach().numpy(), layer.weight.detach().numpy())
    net = nn.Sequential(layer, nn.ReLU(), nn.Linear(2, 1)).double()
    assert net[0].weight.dtype is minnet.float64
    assert net(minnet.ones(4, 3, dtype=minnet.float64)).shape == (4, 1)


def wrong(result=None, inverse=None):
    class Wrong(nn.Module):
        def forward(self, *x):
            return x[0] if result is None else result(x[0])

    if inverse is not None:
        Wrong.right_inverse = lambda self, x: inverse(x)
    return Wrong()


@pytest.mark.parametrize(
    ("parametrization", "message"),
    [
        (wrong(lambda x: 3), "must return a tensor. Got int"),
        (wrong(lambda x: x.double()), "may not change the dtype"),
        (wrong(lambda x: x[0]), "may not change the shape"),
        (wrong(inverse=lambda x: x.double()), "it may not change the dtype"),
        (wrong(inverse=lambda x: 3), "must return a Tensor or a Sequence of tensors.* Got int"),
        (wrong(inverse=lambda x: (x, 3)), "element 1 of the sequence with type int"),
    ],
)
def test_a_wrong_parametrization_is_refused_and_the_module_stays(parametrization, message):
    layer = nn.Linear(2, 2)
    weight, before = layer.weight, layer.weight.tolist()
    with pytest.raises(ValueError, match=message):
        parametrize.register_parametrization(layer, "weight", parametrization)
    assert type(layer) is nn.Linear and layer.weight is weight and weight.tolist() == before
    with pytest.raises(ValueError, match=r"does not have a parameter, a buffer.* name 'x'"):
        parametrize.register_parametrization(layer, "x", Doubled())


def test_an_assignment_that_cannot_be_is_refused_and_changes_nothing():
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Counting())
    with pytest.raises(RuntimeError, match="Counting does not implement right_inverse"):
        layer.weight = minnet.ones(2, 2)
    other = parametrizations.weight_norm(nn.Linear(2, 2))
    before = other.state_dict()["parametrizations.weight.original0"].tolist()
    with pytest.raises(ValueError, match=r"has dtype torch\.float64 while `original`"):
        other.weight = minnet.ones(2, 2, dtype=minnet.float64)
    assert other.state_dict()["parametrizations.weight.original0"].tolist() == before
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(other, "weight", leave_parametrized=False)


EACH = [
    ("weight_norm", (4, 3), {}),
    ("weight_norm", (4, 3), {"dim": 1}),
    ("weight_norm", (4, 3), {"dim": None}),
    ("weight_norm", (2, 3, 2), {}),
    ("spectral_norm", (4, 3), {}),
    ("spectral_norm", (2, 3, 2), {"n_power_iterations": 2, "dim": 1}),
    ("orthogonal", (4, 4), {}),
    ("orthogonal", (4, 3), {}),
    ("orthogonal", (3, 5), {}),
    ("orthogonal", (3, 5), {"orthogonal_map": "matrix_exp"}),
    ("orthogonal", (4, 4), {"orthogonal_map": "cayley"}),
    ("orthogonal", (3, 5), {"orthogonal_map": "cayley"}),
    ("orthogonal", (4, 4), {"orthogonal_map": "householder"}),
    ("orthogonal", (4, 3), {"use_trivialization": False}),
    ("orthogonal", (3, 5), {"use_trivialization": False}),
]


@pytest.mark.parametrize(("name", "sizes", "options"), EACH)
def test_training_steps_of_each_are_torchs(name, sizes, options):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).standard_normal((6, 4) if len(sizes) == 2 else (2, 2, 4, 4))
    x = x[:, : sizes[0]] if len(sizes) == 2 and sizes[0] < 4 else x

    def trained(library):
        library.manual_seed(3, **({} if library is torch else {"engine": "torch"}))
        kind = library.nn.Linear if len(sizes) == 2 else library.nn.Conv2d
        layer = kind(*sizes)
        getattr(library.nn.utils.parametrizations, name)(layer, **options)
        optimizer = library.optim.SGD(layer.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            (layer(library.tensor(x.astype(np.float32))) ** 2).mean().backward()
            optimizer.step()
        return layer

    ours, theirs = trained(minnet), trained(torch)
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b) and repr(ours) == repr(theirs)
    for key in a:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_sizes_and_directions_are_apart():
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().numpy().copy()
    parametrizations.weight_norm(layer)
    np.testing.assert_allclose(layer.weight.detach().numpy(), before, rtol=1e-6)
    sizes = np.linalg.norm(before, axis=1, keepdims=True)
    held = layer.parametrizations.weight
    np.testing.assert_allclose(held.original0.detach().numpy(), sizes, rtol=1e-6)
    old = {"weight_g": 2 * held.original0, "weight_v": held.original1, "bias": layer.bias}
    layer.load_state_dict(old)
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * before, rtol=1e-6)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and [n for n, _ in layer.named_parameters()] == [
        "bias", "weight"
    ]  # fmt: skip


@pytest.mark.parametrize("options", [o for name, _, o in EACH if name == "orthogonal"])
@pytest.mark.parametrize("sizes", [(5, 5), (5, 3), (3, 5)])
def test_orthogonal_weights_stay_orthogonal(sizes, options):
    layer = parametrizations.orthogonal(nn.Linear(*sizes, dtype=minnet.float64), **options)
    optimizer = minnet.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (layer(minnet.ones(1, sizes[0], dtype=minnet.float64)) ** 3).sum().backward()
        optimizer.step()
    q = layer.weight.detach().numpy()
    q = q.T if q.shape[0] < q.shape[1] else q
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-12)


def test_an_orthogonal_weight_is_taken_as_it_is():
    for sizes in ((4, 4), (4, 3), (3, 4)):
        layer = nn.Linear(*sizes)
        nn.init.orthogonal_(layer.weight)
        before = layer.weight.detach().numpy().copy()
        parametrizations.orthogonal(layer)
        np.testing.assert_allclose(layer.weight.detach().numpy(), before, atol=1e-6)
    layer = parametrizations.orthogonal(nn.Linear(3, 3))
    layer.weight = minnet.eye(3)
    np.testing.assert_allclose(layer.weight.detach().numpy(), np.eye(3), atol=1e-6)


def test_the_largest_singular_value_is_one():
    layer = parametrizations.spectral_norm(nn.Linear(20, 40))
    for _ in range(50):
        layer(minnet.ones(1, 20))
    assert abs(np.linalg.norm(layer.weight.detach().numpy(), 2) - 1) < 1e-3
    layer.eval()
    one, other = layer.weight, layer.weight
    np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
    vector = nn.Module()
    vector.weight = nn.Parameter(minnet.tensor([3.0, 4.0]))
    parametrizations.spectral_norm(vector)
    np.testing.assert_allclose(vector.weight.detach().numpy(), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda m: parametrizations.spectral_norm(m, "x"), ValueError, "with name 'x'"),
        (lambda m: parametrizations.weight_norm(m, "x"), ValueError, "with name 'x'"),
        (lambda m: parametrizations.orthogonal(m, "bias"), ValueError, "a tensor of 1 dimensions"),
        (lambda m: parametrizations.orthogonal(m, orthogonal_map="x"), ValueError, "Got: x"),
        (lambda m: parametrizations.spectral_norm(m, dim=2), IndexError, "Dimension out of range"),
        (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), ValueError, "positive"),
    ],
)
def test_wrong_options_are_errors(make, error, message):
    layer = nn.Linear(2, 2)
    with pytest.raises(error, match=message):
        make(layer)
    assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)
