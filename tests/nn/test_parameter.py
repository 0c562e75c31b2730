"""`Parameter`: a leaf that shares its data, prints as torch's, copies and pickles."""

from __future__ import annotations

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.Parameter(torch.ones(2))
Parameter containing:
tensor([1., 1.], requires_grad=True)

>>> nn.Parameter()
Parameter containing:
tensor([], requires_grad=True)

>>> nn.Parameter(torch.ones(2), requires_grad=False)
Parameter containing:
tensor([1., 1.])

>>> nn.Parameter(torch.ones(2, requires_grad=True) * 2)
Parameter containing:
tensor([2., 2.], requires_grad=True)

>>> nn.Parameter(torch.ones(2, dtype=torch.int64))
RuntimeError: Only Tensors of floating point and complex dtype can require gradients

>>> nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)
Parameter containing:
tensor([1, 1])

>>> nn.Parameter(torch.ones(2, dtype=torch.float64))
Parameter containing:
tensor([1., 1.], dtype=torch.float64, requires_grad=True)

>>> nn.Parameter(torch.zeros(2, 3))
Parameter containing:
tensor([[0., 0., 0.],
        [0., 0., 0.]], requires_grad=True)

>>> t = torch.zeros(2)
>>> p = nn.Parameter(t)
>>> t[0] = 5.0
>>> (p.tolist(), p.is_leaf, t.requires_grad, p.grad)
([5.0, 0.0], True, False, None)

>>> p = nn.Parameter(torch.ones(2))
>>> (type(p).__name__, isinstance(p, torch.Tensor), type(p * 2).__name__, type(p.data).__name__, type(p.detach()).__name__, type(p.clone()).__name__)
('Parameter', True, 'Tensor', 'Tensor', 'Tensor', 'Tensor')

>>> p = nn.Parameter(torch.ones(2))
>>> (p * 3).sum().backward()
>>> q = copy.deepcopy(p)
>>> (type(q).__name__, q.tolist(), q.requires_grad, q.grad, q is p, p.grad.tolist())
('Parameter', [1.0, 1.0], True, None, False, [3.0, 3.0])

>>> p = nn.Parameter(torch.ones(2), requires_grad=False)
>>> q = pickle.loads(pickle.dumps(p))
>>> (type(q).__name__, q.tolist(), q.requires_grad)
('Parameter', [1.0, 1.0], False)

>>> p = nn.Parameter(torch.ones(2))
>>> q = pickle.loads(pickle.dumps(p))
>>> (q, q.is_leaf)
(Parameter containing:
tensor([1., 1.], requires_grad=True), True)

>>> p = nn.Parameter(torch.ones(2))
>>> a, b = copy.deepcopy([p, p])
>>> a is b
True

>>> p = nn.Parameter(torch.ones(2))
>>> (p in {p}, len({p, p, nn.Parameter(torch.ones(2))}))
(True, 2)
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_parameters(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@pytest.mark.parametrize("data", [3, [1.0, 2.0], np.ones(2)])
def test_data_that_is_no_tensor(data: object) -> None:
    with pytest.raises(TypeError, match="Parameter expects a tensor"):
        nn.Parameter(data)


def test_memory_is_shared_with_the_tensor() -> None:
    tensor = minnet.zeros(3)
    assert np.shares_memory(nn.Parameter(tensor).array, tensor.array)


def test_change_of_the_tensor_is_noticed_through_the_parameter() -> None:
    tensor = minnet.ones(3)
    parameter = nn.Parameter(tensor)
    loss = (parameter * parameter).sum()
    tensor.fill_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_parameter_of_a_parameter_is_another_leaf() -> None:
    a = nn.Parameter(minnet.ones(2))
    b = nn.Parameter(a)
    (b * 3).sum().backward()
    assert a.grad is None
    assert b.grad.tolist() == [3.0, 3.0]


def test_subclass_survives_copies() -> None:
    import copy

    class Scale(nn.Parameter):
        pass

    assert type(copy.deepcopy(Scale(minnet.ones(2)))) is Scale


def test_deep_copy_is_independent() -> None:
    import copy

    a = nn.Parameter(minnet.ones(2))
    b = copy.deepcopy(a)
    b.data.fill_(5.0)
    assert a.tolist() == [1.0, 1.0]
