"""SIREN: weights for networks with sines for activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.nn.init.fans import Fans, fans_in
from minnet.nn.init.initializer import initializer


@initializer
def siren_(
    tensor: np.ndarray,
    omega: float = 30.0,
    first: bool = False,
    generator: Any = None,
    **layout: Any,
) -> tuple[float, Fans] | None:
    """Fill with U(-bound, bound), bound = √(6 / fan_in) / omega, or 1 / fan_in in the first layer.

    Sitzmann, Martel, Bergman, Lindell and Wetzstein (2020), "Implicit neural representations with
    periodic activation functions". For layers x ↦ sin(omega · (W x + b)): omega spreads the inputs
    of the first, uniform in [-1, 1], over several periods, and behind it the arguments of the sines
    are normal whatever the depth. Their variance is 1 at first, as the paper has it, and settles at
    0.80, where v = 1 - exp(-2 v). Use it for networks that represent an image, a sound or a field;
    `omega` must be the layer's own.

    Args:
        tensor: two dimensions or more, floating point.
        omega: the factor within the sine, above 0; 30 in the paper.
        first: whether this is the first layer, on coordinates in [-1, 1].
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: omega is not above 0, or fewer than two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.siren_(minnet.empty(256, 2), first=True)  # bound 1 / 2
        >>> round(w.abs().max().item(), 2)
        0.5
        >>> w = init.siren_(minnet.empty(256, 256))  # bound √(6 / 256) / 30
        >>> round(w.abs().max().item(), 4)
        0.0051
    """
    if not 0 < omega < math.inf:
        raise ValueError(f"omega must be a number above 0, got {omega}")
    both = fans_in(tensor, layout)
    if tensor.size == 0:
        return None
    bound = 1 / both[0] if first else math.sqrt(6 / both[0]) / omega
    generator.uniform(tensor, -bound, bound)
    return bound / math.sqrt(3), both
