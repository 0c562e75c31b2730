"""Looks-linear: mirrored weights, with which a rectified network starts out linear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.nn.init.gain import gain_of
from minnet.nn.init.initializer import dimensions, initializer
from minnet.nn.init.orthogonal import orthogonal, working_dtype


@initializer(on_host=True)
def looks_linear_(
    tensor: np.ndarray,
    mirror_in: bool = True,
    mirror_out: bool = True,
    gain: Any = 1,
    generator: Any = None,
) -> float | None:
    """Fill with a random orthogonal matrix W and its mirror images, [[W, -W], [-W, W]].

    Balduzzi et al. (2017), "The shattered gradients problem: if resnets are the answer, then what
    is the question?". The first half of the units is mirrored by the second: relu(a) beside
    relu(-a), of which the next layer takes relu(a) - relu(-a) = a. So a network of ReLUs computes a
    product of orthogonal matrices at first, whatever its depth, and its gradients are those of a
    linear one, correlated and not like white noise. The first layer, whose inputs have no mirror
    images, is [W; -W], with ``mirror_in=False``; the last one [W, -W], with ``mirror_out=False``.
    Biases are zero. Use it for deep rectified networks without skip connections.

    Args:
        tensor: two dimensions or more, (out, in, *kernel), floating point.
        mirror_in: whether the inputs come in mirrored pairs.
        mirror_out: whether the outputs are to be mirrored pairs.
        gain: factor on every element; 1 keeps norms, as there is nothing to make up for.
        generator: draws the normals of W; None is the default generator.

    Raises:
        ValueError: fewer than two dimensions, or an odd number of what is mirrored.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet, minnet.nn as nn
        >>> from minnet.nn import init
        >>> net = nn.Sequential(
        ...     nn.Linear(3, 8, bias=False), nn.ReLU(),
        ...     nn.Linear(8, 8, bias=False), nn.ReLU(),
        ...     nn.Linear(8, 2, bias=False),
        ... )
        >>> _ = init.looks_linear_(net[0].weight, mirror_in=False)
        >>> _ = init.looks_linear_(net[2].weight)
        >>> _ = init.looks_linear_(net[4].weight, mirror_out=False)
        >>> x, y = minnet.randn(3), minnet.randn(3)
        >>> minnet.allclose(net(x - 2 * y), net(x) - 2 * net(y), atol=1e-5)
        True
    """
    dimensions(tensor.ndim >= 2, "2 or more")
    outputs, inputs, *kernel = tensor.shape
    for mirrored, count, what in ((mirror_out, outputs, "outputs"), (mirror_in, inputs, "inputs")):
        if mirrored and count % 2:
            raise ValueError(
                f"looks_linear_ pairs {what} with their mirror images, and {count} is odd"
            )
    gain = float(gain_of(gain))
    if tensor.size == 0:
        return None
    half_out, half_in = outputs // (1 + mirror_out), inputs // (1 + mirror_in)
    matrix = (half_out, half_in * math.prod(kernel))
    block = orthogonal(matrix, working_dtype(tensor), generator)
    block *= gain
    block = block.reshape(half_out, half_in, *kernel)
    for row in range(1 + mirror_out):
        for column in range(1 + mirror_in):
            part = tensor[row * half_out :, column * half_in :][:half_out, :half_in]
            part[...] = block if row == column else -block
    return abs(gain) / math.sqrt(max(matrix))
