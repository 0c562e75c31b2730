"""Distances and angles, as functions and as layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet.nn import functional as F

SESSIONS = """
>>> nn.CosineSimilarity(), nn.PairwiseDistance()
(CosineSimilarity(), PairwiseDistance())

>>> x, y = torch.tensor([[1.0, 0.0], [3.0, 4.0]]), torch.tensor([[3.0, 4.0], [3.0, 4.0]])
>>> nn.CosineSimilarity()(x, y)
tensor([0.6000, 1.0000])

>>> nn.PairwiseDistance(p=1, eps=0.0, keepdim=True)(torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2))
tensor([[1.]])

>>> nn.functional.cosine_similarity(torch.zeros(2, 3), torch.zeros(2, 4))
RuntimeError: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1

>>> nn.functional.cosine_similarity(torch.tensor([1]), torch.tensor([1]), 0)
RuntimeError: expected common dtype to be floating point, yet common dtype is Long

>>> nn.functional.cosine_similarity(torch.tensor([1]), torch.tensor([2.0]), 0)
tensor(1.)

>>> nn.functional.normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
tensor([[0.6000, 0.8000],
        [0.0000, 0.0000]])
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_distances(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


FUNCTIONS: dict[str, Any] = {
    "cosine": lambda F, x, y: F.cosine_similarity(x, y),
    "cosine along the first": lambda F, x, y: F.cosine_similarity(x, y, dim=0),
    "cosine of short ones": lambda F, x, y: F.cosine_similarity(x, y, 1, 3.0),
    "cosine broadcast": lambda F, x, y: F.cosine_similarity(x[:, :1], y[:1]),
    "distance": lambda F, x, y: F.pairwise_distance(x, y),
    "distance 1": lambda F, x, y: F.pairwise_distance(x, y, 1.0, keepdim=True),
    "distance inf": lambda F, x, y: F.pairwise_distance(x, y[0], float("inf")),
    "normalized": lambda F, x, y: F.normalize(x * y),
    "normalized by sums": lambda F, x, y: F.normalize(x * y, 1.0, 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_and_gradients_are_torchs(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    given = np.random.default_rng(0).standard_normal((2, 5, 4, 3)).astype(dtype)

    def run(library: Any) -> list[np.ndarray]:
        leaves = [library.tensor(x, requires_grad=True) for x in given]
        out = FUNCTIONS[name](library.nn.functional, *leaves)
        (out * out).sum().backward()
        return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]

    rtol = 1e-5 if dtype == "float32" else 1e-12
    for ours, theirs in zip(run(minnet), run(torch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


def test_gradients_at_zero_are_zero() -> None:
    x = minnet.zeros(2, 3, requires_grad=True)
    F.pairwise_distance(x, x.detach() * 1, eps=0.0).sum().backward()
    F.cosine_similarity(x, x.detach() * 1).sum().backward()
    F.normalize(x).sum().backward(minnet.tensor(0.0))
    assert x.grad.tolist() == [[0.0] * 3] * 2
