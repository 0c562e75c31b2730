"""Dropout layers."""

from __future__ import annotations

from typing import Any

from minnet.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from minnet.nn.module import Module


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
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

    def forward(self, input: Any) -> Any:
        return dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels.

    Shape:
        input and output (N, C, L) or (C, L).

    Example:
        >>> import minnet
        >>> out = minnet.nn.Dropout1d(0.5)(minnet.ones(99, 2))
        >>> sorted(set(out.sum(1).tolist()))
        [0.0, 4.0]
    """

    def forward(self, input: Any) -> Any:
        return dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of images.

    Tompson, Goroshin, Jain, LeCun, Bregler (2015), "Efficient object localization using
    convolutional networks".

    Shape:
        input and output (N, C, H, W); (N, C, L) as well, with a warning, as torch.

    Example:
        >>> import minnet
        >>> out = minnet.nn.Dropout2d(0.5)(minnet.ones(9, 11, 2, 2))
        >>> sorted(set(out.sum((2, 3)).flatten().tolist()))
        [0.0, 8.0]
    """

    def forward(self, input: Any) -> Any:
        return dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """`Dropout` of whole channels of volumes.

    Shape:
        input and output (N, C, D, H, W) or (C, D, H, W).

    Example:
        >>> import minnet
        >>> out = minnet.nn.Dropout3d(0.5)(minnet.ones(99, 2, 2, 2))
        >>> sorted(set(out.sum((1, 2, 3)).tolist()))
        [0.0, 16.0]
    """

    def forward(self, input: Any) -> Any:
        return dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Set each element with probability `p` to what selu tends to, and keep mean and variance.

    Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-normalizing neural networks". It is never
    done in place, as in torch.

    Example:
        >>> import minnet
        >>> out = minnet.nn.AlphaDropout(0.2)(minnet.randn(100000))
        >>> abs(out.mean().item()) < 0.02, abs(out.var().item() - 1) < 0.02
        (True, True)
    """

    def forward(self, input: Any) -> Any:
        return alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels.

    Shape:
        input and output (N, C, …).

    Example:
        >>> import minnet
        >>> minnet.nn.FeatureAlphaDropout(0.2).eval()(minnet.ones(1, 2, 2))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """

    def forward(self, input: Any) -> Any:
        return feature_alpha_dropout(input, self.p, self.training)
