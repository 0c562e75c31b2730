"""Embeddings, and `one_hot`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.Embedding(10, 3)
Embedding(10, 3)

>>> nn.Embedding(10, 3, -1, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)
Embedding(10, 3, padding_idx=9, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)

>>> nn.Embedding(10, 3, padding_idx=10)
AssertionError: Padding_idx must be within num_embeddings

>>> nn.Embedding(4, 3, padding_idx=1).weight[1]
tensor([0., 0., 0.], grad_fn=<SelectBackward0>)

>>> layer = nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
>>> layer(torch.tensor([[1, 0]]))
tensor([[[3., 4.],
         [1., 2.]]])

>>> nn.Embedding.from_pretrained(torch.ones(2, 2), freeze=False)(torch.tensor(1))
tensor([1., 1.], grad_fn=<EmbeddingBackward0>)

>>> nn.Embedding.from_pretrained(torch.ones(2))
AssertionError: Embeddings parameter is expected to be 2-dimensional

>>> nn.Embedding(2, 2, _weight=torch.ones(3, 2))
AssertionError: Shape of weight does not match num_embeddings and embedding_dim

>>> table = torch.ones(3, 2, requires_grad=True)
>>> nn.functional.embedding(torch.tensor([0, 0, 2]), table, padding_idx=2).sum().backward()
>>> table.grad
tensor([[2., 2.],
        [0., 0.],
        [0., 0.]])

>>> nn.functional.one_hot(torch.tensor([[0, 2]]), 4)
tensor([[[1, 0, 0, 0],
         [0, 0, 1, 0]]])

>>> nn.functional.one_hot(torch.tensor([1, 0])).dtype
torch.int64

>>> nn.functional.one_hot(torch.tensor([-1]))
RuntimeError: Class values must be non-negative.

>>> nn.functional.one_hot(torch.zeros(0, dtype=torch.int64), 3).shape
torch.Size([0, 3])

>>> nn.functional.one_hot(torch.zeros(0, dtype=torch.int64))
RuntimeError: Can not infer total number of classes from empty tensor.
"""


@minnet_and_torch(SESSIONS)
def test_embeddings(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (IndexError, "index out of range in self.* 0 to 2, got 3", lambda F: (minnet.tensor([3]),)),
        (IndexError, "index out of range in self", lambda F: (minnet.tensor([-1]),)),
        (RuntimeError, "Long, Int; but got torch.FloatTensor", lambda F: (minnet.zeros(1),)),
        (NotImplementedError, "sparse=False", lambda F: (minnet.tensor([0]), "sparse")),
        (AssertionError, "Padding_idx", lambda F: (minnet.tensor([0]), "padding_idx")),
    ],
)
def test_wrong_arguments(error: Any, message: str, call: Any) -> None:
    index, *options = call(nn.functional)
    with pytest.raises(error, match=message):
        nn.functional.embedding(index, minnet.ones(3, 2), **dict.fromkeys(options, 5))
    with pytest.raises(RuntimeError, match="must be 2-D"):
        nn.functional.embedding(minnet.tensor([0]), minnet.ones(3))


def test_wrong_classes() -> None:
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        nn.functional.one_hot(minnet.tensor([2]), 2)
    with pytest.raises(RuntimeError, match="LongTensor"):
        nn.functional.one_hot(minnet.tensor([2.0]))


OPTIONS: list[dict[str, Any]] = [
    {},
    {"padding_idx": 3},
    {"scale_grad_by_freq": True},
    {"padding_idx": 0, "scale_grad_by_freq": True},
    {"max_norm": 1.5},
    {"max_norm": 1.0, "norm_type": 1.0},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_weights_numbers_and_gradients_are_torchs(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    given = np.random.default_rng(0).integers(0, 7, (5, 4))

    def run(library: Any) -> list[np.ndarray]:
        layer = library.nn.Embedding(7, 3, **options)
        first = layer.weight.detach().numpy().copy()
        out = layer(library.tensor(given))
        (out * out).sum().backward()
        arrays = out, layer.weight, layer.weight.grad
        return [first, *(x.detach().numpy() for x in arrays)]

    torch.manual_seed(3)
    minnet.manual_seed(3, engine="torch")
    for i, (ours, theirs) in enumerate(zip(run(minnet), run(torch), strict=True)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if i else 0)


def test_changed_indices_do_no_harm() -> None:
    table, index = minnet.ones(3, 2, requires_grad=True), minnet.tensor([0, 1])
    out = nn.functional.embedding(index, table)
    index.zero_()
    out.sum().backward()
    assert table.grad.tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    small = nn.functional.embedding(minnet.tensor([2], dtype=minnet.int32), table)
    assert small.tolist() == [[1.0, 1.0]]
