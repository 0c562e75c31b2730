"""Matrices of which most elements are zero or one: identities, sparse ones, and ZerO's."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minnet.nn.init.initializer import dimensions, initializer, working_dtype


@initializer(any_dtype=True, on_host=True)
def eye_(tensor: np.ndarray) -> None:
    """Fill a matrix with the identity: 1 on the main diagonal, 0 elsewhere.

    A linear layer with it hands on as many inputs as fit, and zeros for the rest. Use it for
    recurrent weights (Le, Jaitly and Hinton, 2015) or a layer that should start by doing nothing.

    Args:
        tensor: two dimensions, any dtype; need not be square.

    Raises:
        ValueError: not two dimensions.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.eye_(minnet.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    dimensions(tensor.ndim == 2, "2")
    tensor.fill(0)
    np.fill_diagonal(tensor, 1)


@initializer(any_dtype=True, on_host=True)
def dirac_(tensor: np.ndarray, groups: int = 1) -> None:
    """Fill a convolution's weight so that the convolution hands on its input channels.

    Output channel d of each group has a single 1, at the kernel's middle (index size // 2) of
    that group's input channel d; all else is 0. With padding size // 2 the convolution is then
    the identity on as many channels as fit. Use it for a convolution that should start by doing
    nothing (Zagoruyko and Komodakis, 2017, "DiracNets").

    Args:
        tensor: (out, in / groups, *kernel) with one to three kernel dimensions, any dtype.
        groups: the convolution's groups; must divide `out`.

    Raises:
        ValueError: not three to five dimensions, or groups that do not divide dimension 0.
        TypeError: groups is not an int.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.dirac_(minnet.empty(2, 2, 3))
        tensor([[[0., 1., 0.],
                 [0., 0., 0.]],
        <BLANKLINE>
                [[0., 0., 0.],
                 [0., 1., 0.]]])
    """
    dimensions(tensor.ndim in (3, 4, 5), "3, 4, or 5")
    groups = operator.index(groups)
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups}")
    channels_out, channels_in, *kernel = tensor.shape
    if channels_out % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = channels_out // groups
    tensor.fill(0)
    if tensor.size > 0:
        channel = np.arange(min(per_group, channels_in))
        first = per_group * np.arange(groups)[:, np.newaxis]
        ones: tuple[Any, ...] = (first + channel, channel, *(size // 2 for size in kernel))
        tensor[ones] = 1


@initializer(on_host=True)
def sparse_(tensor: np.ndarray, sparsity: float, std: float = 0.01, generator: Any = None) -> float:
    """Fill a matrix with N(0, std²), then set ⌈sparsity · rows⌉ elements of each column to 0.

    Martens (2010), "Deep learning via Hessian-free optimization": few but large weights per unit
    keep units different and out of saturation however wide the layer. The number kept does not
    follow the fans: give `std` to suit it.

    Which elements are zeroed is drawn from `generator` too, by the same draw. (torch draws that
    from its global generator, whatever `generator` is: a permutation of the rows for each column.)

    Args:
        tensor: two dimensions, floating point.
        sparsity: the fraction of each column to set to 0, in [0, 1].
        std: the standard deviation of the elements that are kept.
        generator: draws values and places; None is the default generator.

    Raises:
        ValueError: not two dimensions, or sparsity outside of [0, 1].
        RuntimeError: std < 0, or a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.sparse_(minnet.empty(10, 4), sparsity=0.25)
        >>> (w == 0).sum(dim=0)
        tensor([3, 3, 3, 3])
    """
    dimensions(tensor.ndim == 2, "2")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must be a fraction in [0, 1], got {sparsity}")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    if generator.engine == "torch":
        generator.normal(tensor, 0.0, std)
        places = np.array([generator.permutation(rows) for _ in range(columns)], int)
        places = places.reshape(columns, rows).T
    else:  # one draw for both: a column's places are those of the smallest of as many other numbers
        numbers = np.empty((2, rows, columns), working_dtype(tensor))
        generator.normal(numbers, 0.0, std)
        tensor[...] = numbers[0]
        places = numbers[1].argsort(axis=0, kind="stable")
    np.put_along_axis(tensor, places[:zeros], 0, axis=0)
    return std * math.sqrt(1 - zeros / max(rows, 1))


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
