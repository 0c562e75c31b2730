"""`Linear`: shapes, messages, its default initialization, and torch's values and gradients."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.Linear(in_features=100, out_features=50)
Linear(in_features=100, out_features=50, bias=True)

>>> nn.Linear(3, 4, False)
Linear(in_features=3, out_features=4, bias=False)

>>> nn.Identity(3, a=4)
Identity()

>>> nn.Linear(-1, 3)
RuntimeError: Trying to create tensor with negative dimension -1: [3, -1]

>>> nn.Linear(0, 3)
Linear(in_features=0, out_features=3, bias=True)

>>> nn.Linear(2, 2)(torch.ones(2, 3))
RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)

>>> nn.Linear(784, 128)(torch.ones(64, 100))
RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x100 and 784x128)

>>> nn.Linear(2, 2)(torch.ones(3))
RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x3 and 2x2)

>>> nn.Linear(2, 2)(torch.ones(4, 5, 3))
RuntimeError: mat1 and mat2 shapes cannot be multiplied (20x3 and 2x2)

>>> nn.Linear(2, 2)(torch.ones(2, dtype=torch.float64))
RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float

>>> nn.Linear(2, 2, dtype=torch.int64)
RuntimeError: Only Tensors of floating point and complex dtype can require gradients

>>> layer = nn.Linear(3, 2)
>>> (tuple(layer.weight.shape), tuple(layer.bias.shape), layer.weight.dtype, list(layer.state_dict()))
((2, 3), (2,), torch.float32, ['weight', 'bias'])

>>> layer = nn.Linear(3, 2, dtype=torch.float64)
>>> (layer.weight.dtype, layer(torch.ones(1, 3, dtype=torch.float64)).dtype)
(torch.float64, torch.float64)

>>> layer = nn.Linear(3, 2, bias=False)
>>> (layer.bias, list(layer.state_dict()))
(None, ['weight'])

>>> layer = nn.Linear(3, 2)
>>> [tuple(layer(torch.ones(*s, 3)).shape) for s in ((), (5,), (4, 5), (2, 3, 4), (0,))]
[(2,), (5, 2), (4, 5, 2), (2, 3, 4, 2), (0, 2)]

>>> layer = nn.Linear(2, 1)
>>> _ = nn.init.constant_(layer.weight, 0.5)
>>> _ = nn.init.zeros_(layer.bias)
>>> layer(torch.tensor([[1.0, 2.0]]))
tensor([[1.5000]], grad_fn=<AddmmBackward0>)

>>> layer = nn.Linear(2, 1, bias=False)
>>> _ = nn.init.constant_(layer.weight, 0.5)
>>> layer(torch.tensor([[1.0, 2.0]]))
tensor([[1.5000]], grad_fn=<MmBackward0>)

>>> layer = nn.Linear(2, 1)
>>> layer.weight.data = torch.tensor([[3.0, 4.0]])
>>> layer.bias.data.zero_()
>>> (layer(torch.ones(1, 2)).item(), layer.weight)
(7.0, Parameter containing:
tensor([[3., 4.]], requires_grad=True))

>>> layer = nn.Linear(2, 1)
>>> with torch.no_grad():
...     layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
...     layer.bias.zero_()
...     layer.weight[0, 0] = 5.0
...     layer.weight *= 2
...
>>> (layer.weight, layer.bias, layer.weight.requires_grad, layer.weight.is_leaf)
(Parameter containing:
tensor([[10.,  8.]], requires_grad=True), Parameter containing:
tensor([0.], requires_grad=True), True, True)

>>> layer = nn.Linear(2, 1)
>>> layer.weight = nn.Parameter(torch.tensor([[1.0, 1.0]]))
>>> layer.bias.data.zero_()
>>> layer(torch.tensor([[1.0, 2.0]])).item()
3.0

>>> layer = nn.Linear(2, 1, bias=False)
>>> w = torch.ones(1, 2, requires_grad=True) * 3
>>> del layer.weight
>>> layer.weight = w
>>> (layer(torch.tensor([[1.0, 2.0]])).item(), list(layer.parameters()))
(9.0, [])

>>> nn.Identity()(torch.ones(2))
tensor([1., 1.])
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_linear(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (100, 7)])
def test_default_range_is_one_over_the_root_of_the_fan(shape: tuple[int, int]) -> None:
    minnet.manual_seed(0)
    layer = nn.Linear(*shape)
    bound = np.float32(1 / math.sqrt(shape[0]))
    for parameter in layer.parameters():
        assert np.abs(parameter.detach().numpy()).max() <= bound
    if shape[0] * shape[1] > 100:  # 700 draws: the largest is within 2 % of the bound, surely
        weight = layer.weight.detach().numpy()
        assert weight.max() > 0.98 * bound
        assert weight.min() < -0.98 * bound
        assert abs(weight.std() / (bound / math.sqrt(3)) - 1) < 0.1


def test_default_draws_are_kaiming_uniform_then_the_bias() -> None:
    minnet.manual_seed(5)
    layer = nn.Linear(784, 10)
    minnet.manual_seed(5)
    weight = nn.init.kaiming_uniform_(minnet.empty(10, 784), a=math.sqrt(5))
    bias = nn.init.uniform_(minnet.empty(10), -1 / math.sqrt(784), 1 / math.sqrt(784))
    np.testing.assert_array_equal(layer.weight.detach().numpy(), weight.numpy())
    np.testing.assert_array_equal(layer.bias.detach().numpy(), bias.numpy())


def test_reset_draws_anew_and_keeps_the_parameters() -> None:
    layer = nn.Linear(5, 4)
    weight, before = layer.weight, layer.weight.detach().numpy().copy()
    layer.reset_parameters()
    assert layer.weight is weight
    assert not np.array_equal(weight.detach().numpy(), before)
    assert weight.is_leaf
    assert weight.requires_grad


def test_no_inputs_warn_and_give_zero_bias() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Linear(0, 3)
    assert layer.bias.tolist() == [0.0, 0.0, 0.0]
    assert layer(minnet.ones(2, 0)).tolist() == [[0.0] * 3] * 2


def test_no_outputs_warn() -> None:
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Linear(3, 0)
    assert layer(minnet.ones(2, 3)).shape == (2, 0)


def test_input_that_is_no_tensor() -> None:
    with pytest.raises(TypeError, match=r"linear\(\): argument 'input'.* must be Tensor, not int"):
        nn.Linear(2, 2)(1)


def test_device_that_is_not_there() -> None:
    with pytest.raises(RuntimeError, match="cuda"):
        nn.Linear(2, 2, device="cuda")


@pytest.mark.parametrize("leading", [(), (7,), (4, 7), (2, 3, 7), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_torchs(leading: tuple[int, ...], bias: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x, target = rng.normal(size=(*leading, 5)), rng.normal(size=(*leading, 3))
    results = []
    state = {"weight": rng.normal(size=(3, 5)), "bias": rng.normal(size=3)}
    for library in (minnet, torch):
        layer = library.nn.Linear(5, 3, bias=bias, dtype=library.float64)
        layer.load_state_dict(
            {k: library.tensor(v) for k, v in state.items() if bias or k == "weight"}
        )
        a = library.tensor(x, requires_grad=True)
        out = layer(a)
        ((out - library.tensor(target)) ** 2).sum().backward()
        results.append(
            [t.detach().numpy() for t in (out, a.grad, *(p.grad for p in layer.parameters()))]
        )
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_no_warning_without_zero_sizes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.Linear(1, 1)
