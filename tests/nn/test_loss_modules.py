"""Losses as modules: arguments, buffers, values and gradients as torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.CrossEntropyLoss()
CrossEntropyLoss()

>>> nn.CrossEntropyLoss(weight=torch.ones(3), label_smoothing=0.1)
CrossEntropyLoss()

>>> nn.NLLLoss()
NLLLoss()

>>> nn.MSELoss()
MSELoss()

>>> nn.L1Loss()
L1Loss()

>>> nn.SmoothL1Loss()
SmoothL1Loss()

>>> nn.HuberLoss()
HuberLoss()

>>> nn.BCEWithLogitsLoss()
BCEWithLogitsLoss()

>>> nn.HuberLoss(delta='a')
TypeError: delta must be a float or int, got: <class 'str'>

>>> nn.MSELoss(size_average=False).reduction
'sum'

>>> nn.MSELoss(reduce=False).reduction
'none'

>>> nn.MSELoss(True, False).reduction
'none'

>>> nn.L1Loss(size_average=True).reduction
'mean'

>>> nn.L1Loss(None, True).reduction
'mean'

>>> nn.CrossEntropyLoss(reduction='x')(torch.ones(1, 2), torch.tensor([1]))
ValueError: x is not a valid value for reduction

>>> (list(nn.CrossEntropyLoss(weight=torch.ones(3)).state_dict()), list(nn.BCEWithLogitsLoss(torch.ones(1), pos_weight=torch.ones(1)).state_dict()), list(nn.NLLLoss().state_dict()))
(['weight'], ['weight', 'pos_weight'], [])

>>> x = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -0.5]], requires_grad=True)
>>> loss = nn.CrossEntropyLoss()(x, torch.tensor([2, 0]))
>>> loss.backward()
>>> (loss, x.grad)
(tensor(0.5439, grad_fn=<NllLossBackward0>), tensor([[ 0.0450,  0.1224, -0.1674],
        [-0.2468,  0.1536,  0.0932]]))

>>> x = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, -0.5]])
>>> (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), ignore_index=1, label_smoothing=0.2)(x, torch.tensor([2, 1])), nn.CrossEntropyLoss(reduction='none')(x, torch.tensor([2, 1])), nn.CrossEntropyLoss(reduction='sum')(x, torch.tensor([2, 1])))
(tensor(0.4693), tensor([0.4076, 1.1803]), tensor(1.5879))

>>> x = torch.tensor([[-1.0, -2.0], [-0.5, -3.0]])
>>> (nn.NLLLoss()(x, torch.tensor([0, 1])), nn.NLLLoss(torch.tensor([1.0, 3.0]))(x, torch.tensor([0, 1])), nn.NLLLoss(ignore_index=1, reduction='sum')(x, torch.tensor([0, 1])))
(tensor(2.), tensor(2.5000), tensor(1.))

>>> x, y = (torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 2.5, 1.0]))
>>> [l(x, y) for l in (nn.MSELoss(), nn.MSELoss(reduction='sum'), nn.L1Loss(), nn.L1Loss(reduction='none'), nn.SmoothL1Loss(), nn.SmoothL1Loss(beta=0.5), nn.HuberLoss(), nn.HuberLoss(delta=2.0, reduction='sum'))]
[tensor(5.7500), tensor(17.2500), tensor(1.8333), tensor([1.0000, 0.5000, 4.0000]), tensor(1.3750), tensor(1.5833), tensor(1.3750), tensor(6.6250)]

>>> x, y = (torch.tensor([0.0, 2.0, -1.0]), torch.tensor([1.0, 0.0, 0.5]))
>>> [l(x, y) for l in (nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss(reduction='none'), nn.BCEWithLogitsLoss(torch.tensor([1.0, 2.0, 3.0])), nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0])))]
[tensor(1.2111), tensor([0.6931, 2.1269, 0.8133]), tensor(2.4623), tensor(1.6610)]
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_losses(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def test_old_arguments_warn() -> None:
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        nn.L1Loss(size_average=False)
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        nn.CrossEntropyLoss(reduce=False)


CASES: dict[str, tuple[Any, str]] = {
    "cross entropy": (lambda lib, r: lib.nn.CrossEntropyLoss(reduction=r), "class"),
    "cross entropy, weight, smoothing": (
        lambda lib, r: lib.nn.CrossEntropyLoss(
            lib.tensor([0.5, 2.0, 1.0, 0.1]), ignore_index=3, label_smoothing=0.3, reduction=r
        ).double(),
        "class",
    ),
    "nll": (lambda lib, r: lib.nn.NLLLoss(reduction=r), "class"),
    "mse": (lambda lib, r: lib.nn.MSELoss(reduction=r), "value"),
    "l1": (lambda lib, r: lib.nn.L1Loss(reduction=r), "value"),
    "smooth l1": (lambda lib, r: lib.nn.SmoothL1Loss(reduction=r, beta=0.5), "value"),
    "huber": (lambda lib, r: lib.nn.HuberLoss(r, 0.5), "value"),
    "bce": (
        lambda lib, r: lib.nn.BCEWithLogitsLoss(
            reduction=r, pos_weight=lib.tensor([1.0, 2.0, 3.0, 4.0], dtype=lib.float64)
        ),
        "value",
    ),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_torchs(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x = rng.normal(size=(6, 4))
    target = {"class": rng.integers(0, 4, 6), "value": rng.uniform(size=(6, 4))}[CASES[name][1]]
    results = []
    for library in (minnet, torch):
        loss = CASES[name][0](library, reduction)
        a = library.tensor(x, requires_grad=True)
        value = loss(a, library.tensor(target))
        value.sum().backward()
        results.append((value.detach().numpy(), a.grad.numpy()))
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_loss_in_a_network_is_in_its_state() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loss = nn.CrossEntropyLoss(weight=minnet.ones(3))

    assert list(Net().state_dict()) == ["loss.weight"]
    assert list(Net().parameters()) == []
