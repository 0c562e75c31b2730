"""Recurrent layers and cells: torch's values, gradients, first bits, masks and messages."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet

SESSIONS = """
>>> (nn.RNN(4, 6), nn.GRU(4, 6, 2, bias=False), nn.LSTM(4, 6, num_layers=2, batch_first=True, dropout=0.5, bidirectional=True))
(RNN(4, 6), GRU(4, 6, num_layers=2, bias=False), LSTM(4, 6, num_layers=2, batch_first=True, dropout=0.5, bidirectional=True))

>>> (nn.RNNCell(4, 6, nonlinearity='relu'), nn.GRUCell(4, 6), nn.LSTMCell(4, 6, bias=False))
(RNNCell(4, 6, nonlinearity=relu), GRUCell(4, 6), LSTMCell(4, 6, bias=False))

>>> layer = nn.LSTM(4, 6, num_layers=2, bidirectional=True)
>>> [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
[('weight_ih_l0', (24, 4)), ('weight_hh_l0', (24, 6)), ('bias_ih_l0', (24,)), ('bias_hh_l0', (24,)), ('weight_ih_l0_reverse', (24, 4)), ('weight_hh_l0_reverse', (24, 6)), ('bias_ih_l0_reverse', (24,)), ('bias_hh_l0_reverse', (24,)), ('weight_ih_l1', (24, 12)), ('weight_hh_l1', (24, 6)), ('bias_ih_l1', (24,)), ('bias_hh_l1', (24,)), ('weight_ih_l1_reverse', (24, 12)), ('weight_hh_l1_reverse', (24, 6)), ('bias_ih_l1_reverse', (24,)), ('bias_hh_l1_reverse', (24,))]

>>> layer = nn.GRU(4, 6, bias=False)
>>> (list(layer.state_dict()), [[tuple(w.shape) for w in ws] for ws in layer.all_weights], layer.flatten_parameters())
(['weight_ih_l0', 'weight_hh_l0'], [[(18, 4), (18, 6)]], None)

>>> layer = nn.RNN(4, 6, 2, 'relu', dtype=torch.float64)
>>> (layer.mode, layer.nonlinearity, layer.input_size, layer.hidden_size, layer.num_layers, layer.bias, layer.batch_first, layer.dropout, layer.bidirectional, layer.proj_size)
('RNN_RELU', 'relu', 4, 6, 2, True, False, 0.0, False, 0)

>>> def filled(layer):
...     with torch.no_grad():
...         for i, p in enumerate(layer.parameters()):
...             p.copy_(0.01 * torch.arange(p.numel()).reshape(p.shape) - 0.1 * i)
...     return layer
...
>>> x = torch.tensor([[[0.5, -1.0]], [[1.0, 2.0]], [[0.0, -0.5]]])
>>> [filled(layer)(x)[0].flatten() for layer in (nn.RNN(2, 2), nn.GRU(2, 2), nn.LSTM(2, 2), nn.LSTM(2, 2, 2, bidirectional=True))]
[tensor([-0.4699, -0.4621, -0.3726, -0.3186, -0.4129, -0.4160],
       grad_fn=<ViewBackward0>), tensor([-0.1849, -0.1824, -0.0783, -0.0435, -0.2114, -0.1963],
       grad_fn=<ViewBackward0>), tensor([-0.0634, -0.0631, -0.0644, -0.0538, -0.0821, -0.0782],
       grad_fn=<ViewBackward0>), tensor([-0.0166, -0.0169, -0.0053, -0.0054, -0.0177, -0.0181, -0.0044, -0.0045,
        -0.0204, -0.0207, -0.0051, -0.0052], grad_fn=<ViewBackward0>)]

>>> layer = nn.LSTM(2, 1)
>>> with torch.no_grad():
...     for p in layer.parameters():
...         _ = p.fill_(0.5)
...
>>> x = torch.tensor([[[0.5, -1.0]], [[1.0, 2.0]]], requires_grad=True)
>>> h, c = torch.tensor([[[0.1]]], requires_grad=True), torch.tensor([[[-0.2]]], requires_grad=True)
>>> y, (h1, c1) = layer(x, (h, c))
>>> (y.sum() + 2 * h1.sum() + 3 * c1.sum()).backward()
>>> (y.detach().flatten(), h1.item() == y[1].item(), c1.detach(), x.grad.flatten(), h.grad, c.grad, layer.weight_hh_l0.grad.flatten(), layer.bias_ih_l0.grad)
(tensor([0.2137, 0.7818]), True, tensor([[[1.2194]]]), tensor([1.0997, 1.0997, 0.2791, 0.2791]), tensor([[[1.0997]]]), tensor([[[3.0084]]]), tensor([ 0.1137, -0.0019,  0.1846,  0.0429]), tensor([ 0.8614, -0.1082,  1.7586,  0.2459]))

>>> layer = nn.GRUCell(2, 1)
>>> with torch.no_grad():
...     for p in layer.parameters():
...         _ = p.fill_(0.5)
...
>>> x, h = torch.tensor([0.5, -1.0], requires_grad=True), torch.tensor([0.1], requires_grad=True)
>>> layer(x, h).sum().backward()
>>> (layer(x, h).detach(), layer(x).detach(), x.grad, h.grad)
(tensor([0.2419]), tensor([0.1699]), tensor([0.0704, 0.0704]), tensor([0.7273]))

>>> output, h = nn.GRU(4, 6, 2, batch_first=True, bidirectional=True)(torch.zeros(3, 5, 4))
>>> (tuple(output.shape), tuple(h.shape))
((3, 5, 12), (4, 3, 6))

>>> output, (h, c) = nn.LSTM(4, 6, 2)(torch.zeros(5, 4))
>>> (tuple(output.shape), tuple(h.shape), tuple(c.shape))
((5, 6), (2, 6), (2, 6))

>>> nn.LSTM(4, 6)(torch.zeros(5, 3, 5))
RuntimeError: input.size(-1) must be equal to input_size. Expected 4, got 5

>>> nn.LSTM(4, 6)(torch.zeros(5, 3, 4), (torch.zeros(1, 2, 6), torch.zeros(1, 3, 6)))
RuntimeError: Expected hidden[0] size (1, 3, 6), got [1, 2, 6]

>>> nn.GRU(4, 6)(torch.zeros(5, 3, 4), torch.zeros(1, 2, 6))
RuntimeError: Expected hidden size (1, 3, 6), got [1, 2, 6]

>>> nn.GRU(4, 6)(torch.zeros(5, 3, 4), torch.zeros(1, 6))
RuntimeError: For batched 3-D input, hx should also be 3-D but got 2-D tensor

>>> nn.GRU(4, 6)(torch.zeros(0, 3, 4))
RuntimeError: Expected sequence length to be larger than 0 in RNN

>>> nn.LSTM(4, 6)(torch.zeros(5, 3, 4, dtype=torch.float64))
ValueError: RNN input dtype (torch.float64) does not match weight dtype (torch.float32). Convert input: input.to(torch.float32), or convert model: model.to(torch.float64)

>>> nn.RNN(4, 6, nonlinearity='sine')
ValueError: Unknown nonlinearity 'sine'. Select from 'tanh' or 'relu'.

>>> nn.LSTM(4, 0)
ValueError: hidden_size must be greater than zero

>>> nn.LSTM(4.0, 6)
TypeError: input_size should be of type int, got: float

>>> nn.LSTM(4, 6, bias=1)
TypeError: bias should be of type bool, got: int

>>> nn.GRU(4, 6, num_layers=0)
ValueError: num_layers must be greater than zero

>>> nn.LSTMCell(4, 6)(torch.zeros(3, 5))
RuntimeError: input has inconsistent input_size: got 5 expected 4

>>> nn.GRUCell(4, 6)(torch.zeros(1, 3, 4))
ValueError: GRUCell: Expected input to be 1D or 2D, got 3D instead
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_recurrent(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def all_of(results: Any) -> list[Any]:
    """Return the tensors of nested tuples."""
    return [results] if not isinstance(results, tuple) else [y for r in results for y in all_of(r)]


def run(library: Any, make: Any, x: np.ndarray, states: list[np.ndarray], **options: Any) -> Any:
    """Return a layer's weights, and its results and all gradients."""
    library.manual_seed(0, **options)
    layer = make(library.nn, dtype=library.float64)
    inputs = [library.tensor(a, requires_grad=True) for a in (x, *states)]
    hx = tuple(inputs[1:]) if len(states) > 1 else (*inputs[1:], None)[0]
    results = all_of(layer(inputs[0], hx))
    loss = sum((y * y * (i + 1)).sum() for i, y in enumerate(results))
    loss.backward()
    found = [y.detach() for y in results] + [t.grad for t in (*inputs, *layer.parameters())]
    weights = {name: p.detach().numpy() for name, p in layer.state_dict().items()}
    return weights, [t.numpy() for t in found], repr(layer)


def same_as_torch(make: Any, x: np.ndarray, states: list[np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    ours, found, text = run(minnet, make, x, states, engine="torch")
    theirs, expected, torchs = run(torch, make, x, states)
    assert text == torchs and list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


KINDS = {"RNN": 1, "GRU": 1, "LSTM": 2}
FLAGS = (False, True)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_values_gradients_bits_and_dropout_are_torchs(name: str, layers: int) -> None:
    for both, batch_first, bias, batched in itertools.product(FLAGS, FLAGS, FLAGS, FLAGS):
        options = {"num_layers": layers, "bidirectional": both, "batch_first": batch_first,
                   "bias": bias, "dropout": 0.5}  # fmt: skip
        x = normal(5, 3, 4) if batched else normal(5, 4)
        batch = ((5 if batch_first else 3),) * batched
        h = normal(layers * (1 + both), *batch, 6)
        for states in ([], [h] * KINDS[name]):
            same_as_torch(lambda nn, **o: getattr(nn, name)(4, 6, **options, **o), x, states)  # noqa: B023


@pytest.mark.parametrize("name", KINDS)
def test_cells_are_torchs(name: str) -> None:
    for bias, batched in itertools.product(FLAGS, FLAGS):
        x, h = (normal(3, 4), normal(3, 6)) if batched else (normal(4), normal(6))
        for states in ([], [h] * KINDS[name]):
            same_as_torch(lambda nn, **o: getattr(nn, f"{name}Cell")(4, 6, bias, **o), x, states)  # noqa: B023


def test_relu_is_torchs() -> None:
    same_as_torch(lambda nn, **o: nn.RNN(4, 6, 2, "relu", **o), normal(5, 3, 4), [])
    cell = lambda nn, **o: nn.RNNCell(4, 6, nonlinearity="relu", **o)  # noqa: E731
    same_as_torch(cell, normal(3, 4), [])


@pytest.mark.parametrize("name", KINDS)
def test_a_layer_is_its_cell_time_after_time(name: str) -> None:
    minnet.manual_seed(0)
    layer, cell = getattr(minnet.nn, name)(4, 6), getattr(minnet.nn, f"{name}Cell")(4, 6)
    cell.load_state_dict({key[:-3]: value for key, value in layer.state_dict().items()})
    x = minnet.randn(5, 3, 4)
    outputs, end = layer(x)
    state = None
    for t in range(5):
        state = cell(x[t], state)
        hidden = state[0] if name == "LSTM" else state
        np.testing.assert_allclose(
            outputs[t].detach().numpy(), hidden.detach().numpy(), rtol=1e-6, atol=1e-7
        )
    last = end[0] if name == "LSTM" else end
    np.testing.assert_array_equal(last[0].detach().numpy(), outputs[-1].detach().numpy())


@pytest.mark.parametrize("name", KINDS)
def test_bits_do_not_depend_on_the_number_of_threads(name: str) -> None:
    x = normal(4, 64, 32).astype(np.float32)

    def bits() -> list[np.ndarray]:
        minnet.manual_seed(0)
        layer = getattr(minnet.nn, name)(32, 64)
        layer(minnet.tensor(x))[0].square().sum().backward()
        return [p.grad.numpy() for p in layer.parameters()]

    threads, expected = minnet.get_num_threads(), bits()
    try:
        minnet.set_num_threads(1)
        for a, b in zip(bits(), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    finally:
        minnet.set_num_threads(threads)


def test_what_was_given_and_returned_may_be_changed_before_backward() -> None:
    layer = minnet.nn.LSTM(2, 3)
    x = minnet.randn(4, 2, 2)
    h, c = minnet.randn(1, 2, 3), minnet.randn(1, 2, 3)

    def gradients(change: bool) -> list[np.ndarray]:
        layer.zero_grad()
        given = h.clone(), c.clone()
        y, (h1, c1) = layer(x, given)
        loss = y.sum() + 2 * h1.sum() + 3 * c1.sum()
        if change:
            for t in (*given, y, h1, c1):
                t.detach().fill_(7)
        loss.backward()
        return [p.grad.numpy().copy() for p in layer.parameters()]

    for a, b in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_projection_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="expected proj_size=0, got 3"):
        minnet.nn.LSTM(4, 6, proj_size=3)


def test_dropout_without_a_layer_to_follow_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="num_layers greater than 1") as found:
        minnet.nn.GRU(4, 6, dropout=0.5)
    assert found[0].filename == __file__
