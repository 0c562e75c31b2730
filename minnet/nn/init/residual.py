"""Initializers for residual branches: the deeper the network, the smaller each branch starts."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from minnet.nn.init.fans import fans_in
from minnet.nn.init.gain import nonlinearity_gain
from minnet.nn.init.initializer import initializer
from minnet.nn.init.scaling import Promise, drawn


@initializer
def fixup_(
    tensor: np.ndarray,
    branches: int,
    layers: int = 2,
    last: bool = False,
    nonlinearity: Any = "relu",
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with N(0, std²), std = gain / √fan_in · branches^(-1/(2 layers - 2)); the last with 0.

    Zhang, Dauphin and Ma (2019), "Fixup initialization: residual learning without normalization". A
    step of SGD then changes the network's output by as much as the learning rate says, however
    many branches there are. For every layer of each residual branch; ``last=True`` is for the last
    layer of a branch and for the network's output layer, which start at zero. The layers outside of
    branches keep their usual initialization (`kaiming_normal_`). The paper also adds a scalar bias
    before each layer and activation, and a scalar factor at each branch's end.

    Args:
        tensor: two dimensions or more, floating point.
        branches: how many residual branches the network has, at least 1.
        layers: how many layers each branch has, at least 2.
        last: whether this is a branch's last layer, or the output layer.
        nonlinearity: what follows the layer: as for `kaiming_normal_`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than one branch, two layers or two dimensions.
        TypeError: branches or layers is not an int.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.fixup_(minnet.empty(200, 200), branches=25)  # √(2/200) · 25^(-1/2) = 0.02
        >>> round(w.std().item(), 3)
        0.02
        >>> init.fixup_(w, branches=25, last=True).abs().max()
        tensor(0.)
    """
    branches, layers = _at_least(1, branches, "branches"), _at_least(2, layers, "layers")
    gain = nonlinearity_gain(nonlinearity, 0, "fan_in")
    if last:
        both = fans_in(tensor, layout)
        tensor.fill(0)
        return (0.0, both) if tensor.size else None
    factor = branches ** (-1 / (2 * layers - 2))
    return drawn(tensor, lambda fan_in, _: gain / math.sqrt(fan_in) * factor, generator, layout)


@initializer
def residual_(
    tensor: np.ndarray,
    branches: int,
    nonlinearity: Any = "relu",
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with N(0, std²), std = gain / √(fan_in · branches): for the last layer of each branch.

    Every residual branch adds its variance to the stream. With a branch of variance 1/branches, all
    of them together make it grow to at most e times what it was, where branches of variance 1 make
    it grow to 2^branches (Hayou et al., 2021, "Stable ResNet"). GPT-2 scales the projections at
    the ends of its branches so (Radford et al., 2019). Use it for transformers and residual
    networks whose branches should count from the start; where they should not, see `fixup_`.

    Args:
        tensor: two dimensions or more, floating point.
        branches: how many residual branches the network has, at least 1; a transformer has two a
            block.
        nonlinearity: what comes before the layer: as for `kaiming_normal_`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than one branch or two dimensions.
        TypeError: branches is not an int.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.residual_(minnet.empty(200, 200), branches=16)  # √(2 / (200 · 16)) = 0.025
        >>> round(w.std().item(), 3)
        0.025
    """
    branches = _at_least(1, branches, "branches")
    gain = nonlinearity_gain(nonlinearity, 0, "fan_in")
    root = math.sqrt(branches)
    return drawn(tensor, lambda fan_in, _: gain / math.sqrt(fan_in) / root, generator, layout)


def _at_least(least: int, number: int, name: str) -> int:
    number = operator.index(number)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number
