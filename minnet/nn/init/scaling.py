"""Variance scaling: weights whose std the fans decide, by one rule or by a rule of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.nn.init import truncation
from minnet.nn.init.fans import Fans, fan, fans_in
from minnet.nn.init.initializer import initializer, is_empty

CUT = 2.0  # standard deviations at which "truncated_normal" cuts
Promise = tuple[float, Fans] | None


def drawn(
    tensor: np.ndarray,
    std_of: Callable[[int, int], float],
    generator: Any,
    layout: dict[str, Any],
    distribution: str = "normal",
) -> Promise:
    """Fill with draws of mean 0 and the std for the fans; a tensor without elements stays as it is.

    Returns:
        What an initializer promises: the std, and the fans.

    Raises:
        ValueError: fewer than two dimensions, or a layout that does not fit.
    """
    both = fans_in(tensor, layout)
    if is_empty(tensor, generator):
        return None
    std = std_of(*both)
    fill(tensor, std, generator, distribution)
    return std, both


def fill(tensor: np.ndarray, std: float, generator: Any, distribution: str) -> None:
    """Fill with draws of mean 0 and a standard deviation."""
    if distribution == "normal":
        generator.normal(tensor, 0.0, std)
    elif distribution == "uniform":
        bound = math.sqrt(3.0) * std
        generator.uniform(tensor, -bound, bound)
    else:
        before = std / truncation.std_left(-CUT, CUT)
        generator.trunc_normal(tensor, 0.0, before, -CUT * before, CUT * before)


@initializer
def variance_scaling_(
    tensor: np.ndarray,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "normal",
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with variance scale / fan, from one of three distributions, all with mean 0.

    The general rule of JAX and Keras. Its named cases, for weights laid out as torch's:

    ======================= ===== ========= ================================================
    name                    scale mode      elsewhere
    ======================= ===== ========= ================================================
    LeCun et al. (1998)     1     fan_in    `lecun_normal_`, `lecun_uniform_`
    Glorot, Bengio (2010)   1     fan_avg   `xavier_normal_`, `xavier_uniform_`
    He et al. (2015)        2     fan_in    `kaiming_normal_`, `kaiming_uniform_` with ``"relu"``
    ======================= ===== ========= ================================================

    ``"normal"`` is N(0, scale/fan). ``"truncated_normal"`` is a normal cut at two standard
    deviations and made wider by 1/0.8796, so that the variance is scale/fan after the cut.
    ``"uniform"`` is U(-bound, bound) with bound = √(3 · scale/fan). A tensor without elements is
    returned as it is.

    Args:
        tensor: two dimensions or more, floating point.
        scale: factor on the variance, above 0: the square of a gain.
        mode: ``"fan_in"``, ``"fan_out"``, ``"fan_avg"``, which is their mean, or ``"fan_geo_avg"``,
            which is √(fan_in · fan_out).
        distribution: ``"normal"``, ``"truncated_normal"`` or ``"uniform"``.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: scale is not above 0, an unknown mode or distribution, or fewer than
            two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.variance_scaling_(minnet.empty(400, 100), 2.0, "fan_avg", "uniform")
        >>> round(w.std().item(), 2), round(w.abs().max().item(), 3)  # √(2 / 250), √3 times that
        (0.09, 0.155)
    """
    if not 0 < scale < math.inf:
        raise ValueError(f"scale must be a number above 0, got {scale}")
    fan(mode, 1, 1)
    if distribution not in ("normal", "truncated_normal", "uniform"):
        raise ValueError(
            f'distribution must be "normal", "truncated_normal" or "uniform", got {distribution!r}'
        )
    return drawn(
        tensor, lambda *fans: math.sqrt(scale / fan(mode, *fans)), generator, layout, distribution
    )


def _lecun(fan_in: int, fan_out: int) -> float:
    return math.sqrt(1 / fan_in)


@initializer
def lecun_uniform_(tensor: np.ndarray, generator: Any = None, **layout: Any) -> Promise:
    """Fill with U(-bound, bound), bound = √(3 / fan_in), which is variance 1/fan_in.

    LeCun, Bottou, Orr and Müller (1998), "Efficient backprop". E[y²] = E[x²] for y = W x. Use it
    before no activation, or SELU.

    Args:
        tensor: two dimensions or more, floating point.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.lecun_uniform_(minnet.empty(100, 300))  # bound √(3 / 300) = 0.1
        >>> round(w.abs().max().item(), 3)
        0.1
    """
    return drawn(tensor, _lecun, generator, layout, "uniform")


@initializer
def lecun_normal_(tensor: np.ndarray, generator: Any = None, **layout: Any) -> Promise:
    """Fill with a normal of variance 1/fan_in, cut at two standard deviations.

    LeCun, Bottou, Orr and Müller (1998), "Efficient backprop". Truncated, and made wider for it so
    that the variance is exact, as in JAX, Keras and timm. E[y²] = E[x²] for y = W x. Use it before
    SELU (Klambauer et al., 2017, "Self-normalizing neural networks") or no activation; it is the
    default of Flax.

    Args:
        tensor: two dimensions or more, floating point.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.lecun_normal_(minnet.empty(300, 400))  # std 1 / √400 = 0.05
        >>> round(w.std().item(), 3), round(w.abs().max().item(), 3)
        (0.05, 0.114)
    """
    return drawn(tensor, _lecun, generator, layout, "truncated_normal")


@initializer
def siren_(
    tensor: np.ndarray,
    omega: float = 30.0,
    first: bool = False,
    generator: Any = None,
    **layout: Any,
) -> Promise:
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
    if is_empty(tensor, generator):
        return None
    bound = 1 / both[0] if first else math.sqrt(6 / both[0]) / omega
    generator.uniform(tensor, -bound, bound)
    return bound / math.sqrt(3), both
