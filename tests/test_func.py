"""Modules as functions of their parameters."""

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.func import functional_call


def net():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))


def test_other_parameters_take_the_place_of_the_modules_own():
    a, b = net(), net()
    before = {k: v.clone() for k, v in a.state_dict().items()}
    parameters = dict(a.named_parameters())
    x = minnet.randn(5, 3)
    given = {k: v.detach().clone().requires_grad_() for k, v in b.named_parameters()}
    buffers = {k: v.clone() for k, v in b.named_buffers()}
    found, expected = functional_call(a, (given, buffers), (x,)), b(x)
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())
    found.sum().backward()
    expected.sum().backward()
    for name, p in b.named_parameters():
        np.testing.assert_array_equal(given[name].grad.numpy(), p.grad.numpy())
        assert parameters[name].grad is None and a.get_parameter(name) is parameters[name]
    for key, value in a.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key].numpy())
    np.testing.assert_array_equal(buffers["1.running_mean"].numpy(), b[1].running_mean.numpy())


def test_a_part_of_the_parameters_is_enough_and_second_derivatives_are_there():
    layer = nn.Linear(2, 1)
    weight = minnet.tensor([[1.0, 2.0]], requires_grad=True)
    out = functional_call(layer, {"weight": weight}, minnet.ones(1, 2)) ** 3
    (slope,) = minnet.autograd.grad(out.sum(), weight, create_graph=True)
    (curve,) = minnet.autograd.grad(slope.sum(), weight)
    y = 3 + layer.bias.item()
    np.testing.assert_allclose(curve.numpy(), [[12 * y, 12 * y]], rtol=1e-5)


def test_the_modules_own_are_there_again_where_the_call_fails():
    layer = nn.Linear(2, 1)
    weight = layer.weight
    with pytest.raises(RuntimeError):
        functional_call(layer, {"weight": minnet.ones(1, 2)}, minnet.ones(1, 5))
    assert layer.weight is weight and layer._parameters["weight"] is weight


def test_what_is_assigned_to_a_buffer_goes_into_the_dict():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("n", minnet.zeros(1))

        def forward(self, x, *, by):
            self.n = self.n + by
            return x + self.n

    module, given = Counter(), {"n": minnet.ones(1)}
    out = functional_call(module, given, minnet.zeros(1), {"by": 2})
    assert out.item() == given["n"].item() == 3 and module.n.item() == 0


def test_tied_weights_are_replaced_together():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2, bias=False)
            self.b = nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    module, x, two = Tied(), minnet.ones(1, 2), 2 * minnet.eye(2)
    for key in ("a.weight", "b.weight"):
        assert functional_call(module, {key: two}, x).tolist() == [[4, 4]]
    own = functional_call(module, {"a.weight": two}, x, tie_weights=False)
    np.testing.assert_allclose(own.detach().numpy(), 2 * module.a(x).detach().numpy())
    with pytest.raises(ValueError, match=r"multiple values for keys \['a.weight', 'b.weight'\]"):
        functional_call(module, {"a.weight": two, "b.weight": minnet.eye(2)}, x)
    assert functional_call(module, {"a.weight": two, "b.weight": two}, x).tolist() == [[4, 4]]
    assert functional_call(module, {"b.weight": two}, x, strict=True).tolist() == [[4, 4]]


def test_what_is_wrong_is_an_error():
    layer, x = nn.Linear(2, 1), minnet.ones(1, 2)
    weight = minnet.ones(1, 2)
    with pytest.raises(
        RuntimeError, match=r"for Linear:\n\tUnexpected key.*'w'.\n\tMissing.*'bias'"
    ):
        functional_call(layer, {"w": weight, "weight": weight}, x, strict=True)
    with pytest.raises(ValueError, match=r"\['weight'\] appeared in multiple dictionaries"):
        functional_call(layer, [{"weight": weight}, {"weight": weight}], x)
    with pytest.raises(ValueError, match="elements of parameter_and_buffer_dicts to be dict"):
        functional_call(layer, [3], x)
    with pytest.raises(ValueError, match="to be a dict, or a list/tuple of dicts, but got"):
        functional_call(layer, 3, x)
    with pytest.raises(TypeError, match="expected a tensor for 'weight', but got float"):
        functional_call(layer, {"weight": 3.0}, x)


def test_what_is_left_out_says_what_to_use():
    with pytest.raises(AttributeError, match=r"'vmap': .* with a dimension for the batch"):
        minnet.func.vmap  # noqa: B018
    with pytest.raises(AttributeError, match=r"'grad': minnet\.autograd\.grad"):
        minnet.func.grad  # noqa: B018
    assert not hasattr(minnet.func, "hessian")
