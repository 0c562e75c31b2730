"""Dropout."""

from __future__ import annotations

import numpy as np

from minnet import random
from minnet.functional.arithmetic import mul
from minnet.operation import Tensor, composite
from minnet.recorder import in_place
from minnet.variable import wrap


@composite(where="minnet F")
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability `p` and divide the others by 1 - p; only in training.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple way to
    prevent neural networks from overfitting". The mask comes from the default generator.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: in training, if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.dropout(minnet.ones(3), p=0.5, training=False)
        tensor([1., 1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if input.array.size and input.array.dtype.kind != "f":
        raise RuntimeError(f"dropout expects a floating point tensor, got {input.dtype}")
    # In the order of the memory, as torch; of an expanded tensor's, in the order of the shape.
    factor = np.zeros_like(input.array, order="C" if 0 in input.array.strides else "K")
    if p < 1:
        random.default_generator().bernoulli(factor, 1 - p)
    if factor.size == 0:  # it has taken its draw, as every fill
        return input
    if p < 1:
        factor /= factor.dtype.type(1 - p)
    out = mul(input, wrap(factor))
    return in_place(input, out) if inplace else out
