"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import random
from minnet.autograd import differentiable


@differentiable("Mul")
def _masked(input: np.ndarray, mask: np.ndarray, scale: float, inplace: bool) -> Any:
    factor = mask * input.dtype.type(scale)
    return input * factor, (lambda dy: dy * factor,)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Zero each element with probability `p` and divide the others by 1 - p; only in training.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple way to
    prevent neural networks from overfitting". The mask comes from the default generator.

    Raises:
        ValueError: if `p` is not between 0 and 1.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.dropout(minnet.ones(3), p=0.5, training=False)
        tensor([1., 1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0 or input.array.size == 0:
        return input
    if p == 1:
        return _masked(input, np.zeros(input.array.shape, input.array.dtype), 0.0, inplace)
    mask = np.empty(input.array.shape, input.array.dtype)
    random.default_generator().bernoulli(mask, 1 - p)
    return _masked(input, mask, 1 / (1 - p), inplace)
