"""Dropout layers."""

from __future__ import annotations

from typing import Any

from minnet.functional.dropout import dropout
from minnet.nn.module import Module


class Dropout(Module):
    """Zero each element with probability `p` and divide the rest by 1 − p, in training mode alone.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple way to
    prevent neural networks from overfitting".

    Raises:
        ValueError: if `p` is not between 0 and 1.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Dropout(0.5)
        >>> layer.eval()(minnet.ones(3))
        tensor([1., 1., 1.])
        >>> sorted(set(layer.train()(minnet.ones(100)).tolist()))
        [0.0, 2.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
