"""ZerO: weights of zeros and ones alone, and no random numbers."""

from __future__ import annotations

import math

import numpy as np

from minnet.nn.init.initializer import dimensions, initializer


@initializer(on_host=True)
def zero_init_(tensor: np.ndarray) -> float | None:
    """Fill with part of an identity, or of a Hadamard matrix where there are more outputs.

    Zhao, Schäfer and Anandkumar (2022), "ZerO initialization: initializing neural networks with
    only zeros and ones". With out <= in the weight is a partial identity. With out > in it is the
    first rows and columns of H/√p, where H is the Hadamard matrix of size p, the power of two at or
    above `out`: elements ±1/√p, and orthonormal columns where out is a power of two. A partial
    identity there would leave the units that it feeds with zeros alike, and training would never
    part them. A convolution has the matrix at its kernel's middle and zeros around it.

    Nothing is drawn: runs differ in the order of their data only. Use it in residual networks (the
    last layer of a branch and the biases are zero, as `zeros_`).

    Args:
        tensor: (out, in, *kernel), floating point.

    Raises:
        ValueError: fewer than two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.zero_init_(minnet.empty(4, 2))
        tensor([[ 0.5000,  0.5000],
                [ 0.5000, -0.5000],
                [ 0.5000,  0.5000],
                [ 0.5000, -0.5000]])
        >>> init.zero_init_(minnet.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    dimensions(tensor.ndim >= 2, "2 or more")
    outputs, inputs, *kernel = tensor.shape
    tensor.fill(0)
    if tensor.size == 0:
        return None
    middle = tensor[(slice(None), slice(None), *(size // 2 for size in kernel))]
    if outputs <= inputs:
        np.fill_diagonal(middle, 1)
        return 1 / math.sqrt(inputs * math.prod(kernel))
    # H[i, j] is -1 where i and j have an odd number of ones in common (Sylvester).
    common = np.arange(outputs)[:, np.newaxis] & np.arange(inputs)
    power = 1 << (outputs - 1).bit_length()
    middle[...] = (1 - 2.0 * (np.bitwise_count(common) % 2)) / math.sqrt(power)
    return 1 / math.sqrt(power * math.prod(kernel))
