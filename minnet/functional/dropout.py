"""Dropout."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minnet import random
from minnet.functional.arithmetic import add, check_tensors, mul
from minnet.operation import Tensor, composite
from minnet.recorder import in_place
from minnet.variable import wrap

SELU_FLOOR = 1.7580993408473766  # what selu tends to at -inf, negated


def _dropped(
    input: Any, p: float, training: bool, inplace: bool, dims: int = 0, alpha: bool = False
) -> Any:
    """Return a tensor with elements dropped: each by itself, or along all but the first `dims`.

    With `alpha` they are set to what selu tends to, and all are scaled and shifted after that.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: if the dtype is not floating point.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    check_tensors("dropout", input=input)
    array = input.array
    if not training or p == 0:
        return input
    if array.size and array.dtype.kind != "f":
        raise RuntimeError(f"dropout expects a floating point tensor, got {input.dtype}")
    if dims and array.size:
        shape = (*array.shape[:dims], *(1,) * (array.ndim - dims))
        factor = np.zeros_like(array, shape=shape, order="C")
    else:  # in the memory's order, as torch; of an expanded tensor's, in the order of the shape
        factor = np.zeros_like(array, order="C" if 0 in array.strides else "K")
    shift = None
    if p < 1:
        random.default_generator().bernoulli(factor, 1 - p)
        if factor.size == 0:  # it has taken its draw, as every fill
            return input
        number = factor.dtype.type
        if alpha:
            scale = 1 / math.sqrt((SELU_FLOOR**2 * p + 1) * (1 - p))
            floor = SELU_FLOOR * scale
            shift = (factor - number(1)) * number(floor) + number(floor * p)
            factor *= number(scale)
        else:
            factor /= number(1 - p)
    out = mul(input, wrap(factor))
    out = out if shift is None else add(out, wrap(shift))
    return in_place(input, out) if inplace else out


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
    return _dropped(input, p, training, inplace)


@composite(where="F")
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero each channel of (N, C, L) or (C, L) with probability `p`; see `dropout`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: if there are other dims.

    Example:
        >>> import minnet
        >>> out = minnet.nn.functional.dropout1d(minnet.ones(99, 2))
        >>> sorted(set(out.sum(1).tolist()))
        [0.0, 4.0]
    """
    ndim = input.array.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _dropped(input, p, training, inplace, ndim - 1)


def _by_channel(name: str, ndim: int, spatial: int) -> None:
    """Warn of inputs that are neither (N, C, ...) nor (C, ...), with as many spatial dims."""
    if ndim not in (spatial + 1, spatial + 2):
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in "
            "an error in a future release. To retain the behavior and silence this warning, please "
            f"use dropout instead. Note that {name} exists to provide channel-wise dropout on "
            f"inputs with {spatial} spatial dimensions, a channel dimension, and an optional batch "
            f"dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs).",
            stacklevel=3,
        )


def _features(input: Any) -> int:
    """Return how many dims lead to a feature.

    Raises:
        RuntimeError: if there are less.
    """
    if input.array.ndim < 2:
        raise RuntimeError(
            "Feature dropout requires at least 2 dimensions in the input, got "
            f"{input.array.ndim}; use dropout"
        )
    return 2


@composite(where="F")
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero each channel of (N, C, H, W) with probability `p`; see `dropout`.

    Tompson, Goroshin, Jain, LeCun, Bregler (2015), "Efficient object localization using
    convolutional networks".

    Warns:
        UserWarning: of three dims, which are taken as (N, C, L), as by torch; and of less or more.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: if there are less than two dims.

    Example:
        >>> import minnet
        >>> out = minnet.nn.functional.dropout2d(minnet.ones(9, 5, 3, 3))
        >>> sorted(set(out.sum((2, 3)).flatten().tolist()))
        [0.0, 18.0]
    """
    ndim = input.array.ndim
    _by_channel("dropout2d", ndim, 2)
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, _features(input))


@composite(where="F")
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero each channel of (N, C, D, H, W) or (C, D, H, W) with probability `p`; see `dropout`.

    Warns:
        UserWarning: of less dims or more, the first of which is then the channel.

    Raises:
        ValueError: if `p` is not between 0 and 1.

    Example:
        >>> import minnet
        >>> out = minnet.nn.functional.dropout3d(minnet.ones(99, 2, 2, 2))
        >>> sorted(set(out.sum((1, 2, 3)).tolist()))
        [0.0, 16.0]
    """
    ndim = input.array.ndim
    _by_channel("dropout3d", ndim, 3)
    return _dropped(input, p, training, inplace, 2 if ndim == 5 else 1)


@composite(where="minnet F")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set each element with probability `p` to what selu tends to; mean 0 and variance 1 stay.

    Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-normalizing neural networks".

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: in training, if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> out = minnet.nn.functional.alpha_dropout(minnet.randn(100000), 0.2, training=True)
        >>> abs(out.mean().item()) < 0.02, abs(out.var().item() - 1) < 0.02
        (True, True)
    """
    return _dropped(input, p, training, inplace, alpha=True)


@composite(where="minnet F")
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set each channel of (N, C, ...) with probability `p` to what selu tends to.

    See `alpha_dropout`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        RuntimeError: if there are less than two dims.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.feature_alpha_dropout(minnet.ones(1, 3, 2), 1.0, training=True)
        tensor([[[0., 0.],
                 [0., 0.],
                 [0., 0.]]])
    """
    return _dropped(input, p, training, inplace, _features(input), alpha=True)
