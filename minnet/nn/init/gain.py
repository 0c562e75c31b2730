"""Gain: the factor on the weights' std that makes up for what an activation does to variance."""

from __future__ import annotations

import math

_LINEAR = ("linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)))
_FIXED = {
    **dict.fromkeys((*_LINEAR, "sigmoid"), 1),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain that torch recommends for a layer followed by `nonlinearity`.

    A gain g means weights of variance g²/fan. With independent zero-mean weights and inputs,
    Var[y] = fan_in · Var[w] · E[x²], so 1/√E[f(z)²] for z ~ N(0, 1) is the gain that keeps E[x²]
    from layer to layer.

    ============================== ============== ===============================================
    nonlinearity                   gain           why
    ============================== ============== ===============================================
    linear, conv, conv_transpose   1              E[z²] = 1 (LeCun et al., 1998)
    sigmoid                        1              convention
    tanh                           5/3            convention; 1.59 keeps E[x²]
    relu                           √2             half of z² is cut away (He et al., 2015)
    leaky_relu                     √(2/(1 + s²))  as relu, with slope s below 0
    selu                           3/4            found by experiment, for the gradient's sake
    ============================== ============== ===============================================

    The conv names are ``conv1d`` to ``conv3d`` and ``conv_transpose1d`` to ``conv_transpose3d``.
    A self-normalizing network (Klambauer et al., 2017) needs variance 1/fan_in, which is
    ``"linear"``, not ``"selu"``.

    Args:
        nonlinearity: the activation's name in `minnet.nn.functional`, or the layer's.
        param: the negative slope s of ``"leaky_relu"`` (0.01 when None); unused by the others.

    Raises:
        ValueError: `nonlinearity` is not in the table, or the slope is not an int or a float.

    Example:
        >>> from minnet.nn import init
        >>> init.calculate_gain("relu")
        1.4142135623730951
        >>> init.calculate_gain("leaky_relu", 0.2)
        1.3867504905630728
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    if not isinstance(nonlinearity, str) or nonlinearity not in _FIXED:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _FIXED[nonlinearity]
