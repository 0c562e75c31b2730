"""Distances between the vectors of two inputs."""

from __future__ import annotations

from typing import Any

from minnet.functional.distance import cosine_similarity, pairwise_distance
from minnet.nn.module import Module


class PairwiseDistance(Module):
    """The p-norm of x1 − x2 + `eps` over the last dimension.

    Shape:
        inputs (N, D) or (D,); output (N,) or (), with `keepdim` (N, 1) or (1,).

    Example:
        >>> import minnet
        >>> minnet.nn.PairwiseDistance()(minnet.tensor([[3.0, 4.0]]), minnet.zeros(1, 2))
        tensor([5.0000])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        return pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 · x2 / (|x1| |x2|) along `dim`, where a length is taken as `eps` at least.

    Shape:
        inputs (…, D, …), D at `dim`; output (…).

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[1.0, 0.0]]), minnet.tensor([[3.0, 4.0]])
        >>> minnet.nn.CosineSimilarity()(x, y)
        tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return cosine_similarity(x1, x2, self.dim, self.eps)
