"""Initializers for widths that will grow: the spectral condition, and muP."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.nn.init.gain import gain_of
from minnet.nn.init.initializer import initializer
from minnet.nn.init.scaling import Promise, drawn

ROLES = ("input", "hidden", "output")


@initializer
def spectral_(tensor: np.ndarray, gain: Any = 1.0, generator: Any = None, **layout: Any) -> Promise:
    """Fill with N(0, std²), std = gain / √fan_in · min(1, √(fan_out / fan_in)).

    Yang, Simon and Bernstein (2023), "A spectral condition for feature learning". Features keep
    their size in networks of any width, and learn at a rate that does not depend on it, if the
    spectral norms of a weight and of its updates are in proportion to √(fan_out / fan_in). With
    this std the weight's is between 1 and 2 times gain · √(fan_out / fan_in) (exactly 2 for a
    square, in the limit). The update's is the optimizer's business: with SGD a learning rate in
    proportion to fan_out / fan_in, with Adam to 1 / fan_in.

    It is variance 1/fan_in, as `lecun_normal_`, where the layer is square or widens, and smaller
    where it narrows, most of all in the output layer.

    Args:
        tensor: two dimensions or more, floating point.
        gain: factor on the std: a number, or an activation by name, module or function, which
            stands for its `gain`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.spectral_(minnet.empty(100, 400))  # std 1/√400 · √(100/400)
        >>> round(w.std().item(), 3)
        0.025
    """
    gain = gain_of(gain)

    def std(fan_in: int, fan_out: int) -> float:
        return gain / math.sqrt(fan_in) * min(1.0, math.sqrt(fan_out / fan_in))

    return drawn(tensor, std, generator, layout)


@initializer
def mup_(
    tensor: np.ndarray,
    role: str = "hidden",
    width_ratio: float = 1.0,
    gain: Any = 1.0,
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with N(0, std²), std = gain / √fan_in, and that over √width_ratio in the output layer.

    Yang and Hu (2021), "Feature learning in infinite-width neural networks"; Yang et al. (2022),
    "Tensor programs V: tuning large neural networks via zero-shot hyperparameter transfer": the
    maximal update parametrization. A small network is tuned; one `width_ratio` times as wide, with
    these weights and the learning rates of `mup_lr`, then learns best with the same settings. The
    output layer's std is in proportion to 1/fan_in, where the standard one's is to 1/√fan_in.

    Args:
        tensor: two dimensions or more, floating point.
        role: ``"input"``, whose fan_in does not grow with the width (what reads the data),
            ``"hidden"``, or ``"output"``, whose fan_out does not (what the loss reads).
        width_ratio: the network's width over that of the one that was tuned; 1 is that one itself.
        gain: factor on the std: a number, or an activation by name, module or function, which
            stands for its `gain`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: an unknown role, width_ratio not above 0, or fewer than two
            dimensions.
        NotImplementedError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.mup_(minnet.empty(100, 1600), "output", width_ratio=4)  # 1/√1600 / √4
        >>> round(w.std().item(), 4)
        0.0125
    """
    _check(role, width_ratio)
    gain = gain_of(gain)
    root = math.sqrt(width_ratio) if role == "output" else 1.0
    return drawn(tensor, lambda fan_in, _: gain / math.sqrt(fan_in) / root, generator, layout)


def mup_lr(role: str = "hidden", width_ratio: float = 1.0, optimizer: str = "adam") -> float:
    """Return the factor on the learning rate that belongs to `mup_`.

    Yang et al. (2022), table 3, relative to the network that was tuned. A bias has the rate of
    ``"input"``: its fan_in does not grow.

    ======== ============= =================
    role     adam          sgd
    ======== ============= =================
    input    1             width_ratio
    hidden   1/width_ratio 1
    output   1/width_ratio 1/width_ratio
    ======== ============= =================

    Args:
        role: ``"input"`` (and every bias but the output's), ``"hidden"`` or ``"output"``.
        width_ratio: the network's width over that of the one that was tuned.
        optimizer: ``"adam"`` (and all whose steps do not depend on the gradient's size) or
            ``"sgd"``, with or without momentum.

    Raises:
        ValueError: an unknown role or optimizer, or width_ratio not above 0.

    Example:
        >>> from minnet.nn import init
        >>> init.mup_lr("hidden", width_ratio=4)
        0.25
    """
    _check(role, width_ratio)
    if optimizer not in ("adam", "sgd"):
        raise ValueError(f'optimizer must be "adam" or "sgd", got {optimizer!r}')
    if role == "output":
        return 1 / width_ratio
    if optimizer == "adam":
        return 1.0 if role == "input" else 1 / width_ratio
    return float(width_ratio) if role == "input" else 1.0


def _check(role: str, width_ratio: float) -> None:
    if role not in ROLES:
        raise ValueError(f"role must be one of {', '.join(ROLES)}, got {role!r}")
    if not 0 < width_ratio < math.inf:
        raise ValueError(f"width_ratio must be a number above 0, got {width_ratio}")
