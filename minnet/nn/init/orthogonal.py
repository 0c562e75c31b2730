"""Orthogonal initializers: random rotations and reflections, uniformly distributed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet import kernels
from minnet.nn.init.gain import gain_of
from minnet.nn.init.initializer import dimensions, initializer, is_empty, working_dtype


@initializer(on_host=True)
def orthogonal_(
    tensor: np.ndarray, gain: Any = 1, generator: Any = None, *, groups: int = 1
) -> float | None:
    """Fill with a random (semi-)orthogonal matrix times `gain`.

    Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks". A tensor of more than two dimensions is one matrix W of size(0)
    rows, the rest flattened. With no more rows than columns W Wᵀ = gain²·I, else Wᵀ W = gain²·I:
    every singular value is `gain`, so a deep stack of square layers keeps the norm of every vector
    that passes through it, forward and backward, where independent weights keep it on average only.
    Use it for deep or recurrent networks. ``gain="relu"``, or another activation, is the critical
    gain: the one that keeps E[x²] through layers with that activation, and with tanh and its kin
    keeps the singular values of the whole network's Jacobian near 1 (Pennington, Schoenholz and
    Ganguli, 2017).

    W is uniformly distributed over all such matrices: a product of random Householder reflections
    (Stewart, 1980), made from one draw of as many standard normals as `tensor` has elements, in the
    shape (shorter side, longer side); a square's elements below the diagonal go unused. Half types
    are computed in float32 and rounded once. W has the same bits on every machine.

    A generator with torch's engine gives torch's matrix: the Q of the QR decomposition of a matrix
    of normals, the signs such that R's diagonal is positive (Mezzadri, 2007). It is the same to
    about 1e-6, as torch's own last bits depend on the machine, and more where the matrix is large.

    Args:
        tensor: two dimensions or more, floating point.
        gain: factor on every element: a number, or an activation by name, module or function,
            which stands for its `gain`; see also `calculate_gain`.
        generator: draws the normals; None is the default generator.
        groups: how many matrices lie one below the other, each orthogonal by itself: those of a
            convolution's groups, or of a recurrent layer's gates.

    Raises:
        ValueError: fewer than two dimensions, or groups that do not divide dimension 0.
        RuntimeError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.orthogonal_(minnet.empty(3, 5))
        >>> minnet.allclose(w @ w.T, minnet.eye(3), atol=1e-6)
        True
    """
    dimensions(tensor.ndim >= 2, "2 or more")
    gain = float(gain_of(gain))
    if groups < 1 or tensor.shape[0] % groups:
        raise ValueError(f"groups={groups} does not divide the {tensor.shape[0]} rows")
    if is_empty(tensor, generator):
        return None
    rows = tensor.shape[0] // groups
    columns = tensor.size // tensor.shape[0]
    blocks = tensor.reshape(groups, rows, *tensor.shape[1:])
    matrices = _orthogonals(groups, (rows, columns), working_dtype(tensor), generator)
    for block, matrix in zip(blocks, matrices, strict=True):
        # One pass; half types are rounded on the way.
        np.multiply(matrix.reshape(block.shape), gain, out=block, casting="unsafe")
    return abs(gain) / math.sqrt(max(rows, columns))


def orthogonal(shape: tuple[int, int], dtype: np.dtype, generator: Any) -> np.ndarray:
    """Return a random matrix with orthonormal rows, or columns if it has more rows than columns."""
    return next(_orthogonals(1, shape, dtype, generator))


def _orthogonals(
    count: int, shape: tuple[int, int], dtype: np.dtype, generator: Any
) -> Iterator[np.ndarray]:
    """Yield several, made from one draw."""
    rows, columns = shape
    torchs = generator.engine == "torch"
    normals = np.empty((count, *(shape if torchs else sorted(shape))), dtype)
    generator.normal(normals)
    for each in normals:
        if not torchs:
            matrix = kernels.of(each).random_rows(each)
            yield matrix.T if rows > columns else matrix
        # torch decomposes the matrix itself if it is square or tall, its transpose if it is wide.
        elif rows < columns:
            yield kernels.of(each).gram_schmidt_rows(each)
        else:
            yield kernels.of(each).gram_schmidt_rows(np.ascontiguousarray(each.T)).T


@initializer(on_host=True)
def delta_orthogonal_(tensor: np.ndarray, gain: Any = 1, generator: Any = None) -> float | None:
    """Fill a convolution's weight with a random orthogonal matrix at the kernel's middle, else 0.

    Xiao, Bahri, Sohl-Dickstein, Schoenholz and Pennington (2018), "Dynamical isometry and a mean
    field theory of CNNs: how to train 10,000-layer vanilla convolutional neural networks". At the
    middle (index size // 2, as in `dirac_`) is gain · Q with QᵀQ = I, so a convolution with stride
    1 and circular padding multiplies the norm of every input by exactly `gain`. `orthogonal_` does
    not do that for a convolution: it makes the flattened weight orthogonal. Use it for deep
    convolutional networks without normalization.

    Args:
        tensor: (out, in, *kernel) with one to three kernel dimensions and in <= out, floating
            point.
        gain: factor on every element: a number, or an activation by name, module or function,
            which stands for its `gain`.
        generator: draws the normals; None is the default generator.

    Raises:
        ValueError: not three to five dimensions, or more inputs than outputs.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.delta_orthogonal_(minnet.empty(4, 2, 3))
        >>> middle = w[:, :, 1]
        >>> minnet.allclose(middle.T @ middle, minnet.eye(2), atol=1e-6)
        True
        >>> w[:, :, 0].abs().sum() + w[:, :, 2].abs().sum()
        tensor(0.)
    """
    dimensions(tensor.ndim in (3, 4, 5), "3, 4, or 5")
    outputs, inputs, *kernel = tensor.shape
    if inputs > outputs:
        raise ValueError(
            f"delta_orthogonal_ expects at most as many inputs as outputs, got a weight "
            f"(out, in, *kernel) of shape {tensor.shape}"
        )
    gain = float(gain_of(gain))
    if is_empty(tensor, generator):
        return None
    matrix = orthogonal((outputs, inputs), working_dtype(tensor), generator)
    matrix *= gain
    tensor.fill(0)
    tensor[(slice(None), slice(None), *(size // 2 for size in kernel))] = matrix
    return abs(gain) / math.sqrt(outputs * math.prod(kernel))


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
    if is_empty(tensor, generator):
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
