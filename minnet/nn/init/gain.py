"""Gain: the factor on the weights' std that makes up for what an activation does to variance."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from minnet.kernels.constants import SELU_ALPHA, SELU_SCALE
from minnet.nn import kinds
from minnet.nn.init.elementwise import Function, of_arrays
from minnet.nn.init.quadrature import expectation
from minnet.scalar import number

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
    ``"linear"``, not ``"selu"``. This is torch's function, conventions and all; `gain` computes
    what keeps the second moment, for any activation.

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


def _gelu(z: np.ndarray) -> np.ndarray:
    erf = np.array([math.erf(x) for x in z / math.sqrt(2)])
    return z * (1 + erf) / 2


def _elu(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _selu(z: np.ndarray) -> np.ndarray:
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return (1 + np.tanh(z / 2)) / 2


_FUNCTIONS: dict[str, Function] = {
    **dict.fromkeys(("identity", *_LINEAR), lambda z: z),
    "relu": lambda z: np.maximum(z, 0),
    "relu6": lambda z: np.clip(z, 0, 6),
    "squared_relu": lambda z: np.maximum(z, 0) ** 2,
    "hardtanh": lambda z: np.clip(z, -1, 1),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "logsigmoid": lambda z: -np.logaddexp(0, -z),
    "softplus": lambda z: np.logaddexp(0, z),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda z: z * _sigmoid(z),
    "mish": lambda z: z * np.tanh(np.logaddexp(0, z)),
    "sin": np.sin,
}


def gain(activation: Any, mode: str = "forward", param: float | None = None) -> float:
    """Return the gain that keeps the second moment through `activation`, whatever it is.

    Forward it is 1/√E[f(z)²] and backward 1/√E[f'(z)²], z ~ N(0, 1). With weights of variance
    gain²/fan_in and inputs f(z) the pre-activations have E[z²] = 1 again, layer after layer; with
    weights of variance gain²/fan_out the gradients keep theirs. (He et al., 2015, do this for ReLU;
    both are √2 there. Where the two differ much, no scale suits both ways.)

    ========== ======== ======== ============ ======== ========
    activation forward  backward activation   forward  backward
    ========== ======== ======== ============ ======== ========
    relu       1.414214 1.414214 elu          1.245198 1.223429
    tanh       1.592537 1.467414 selu         1.000000 0.966026
    sigmoid    1.846229 4.722646 mish         1.486848 1.444755
    gelu       1.533530 1.481114 softplus     1.041867 1.846229
    silu       1.676532 1.623320 sin          1.520867 1.327251
    softsign   2.337533 2.095781 squared_relu 0.816497 0.707107
    ========== ======== ======== ============ ======== ========

    torch's gains for tanh, sigmoid and selu are conventions, and other than these: see
    `calculate_gain`.

    GLU is a σ(b), with independent a and b: forward it has sigmoid's gain, backward
    √(2/(E[σ(b)²] + E[σ'(b)²])), as fan_out counts both. PReLU with several slopes has the gain of
    the root of their mean square, and RReLU that of evaluation.

    The expectations are integrated numerically, kinks found and derivatives taken on the way (see
    `minnet.nn.init.quadrature`), to a relative error below 1e-7. They are rounded to nine digits,
    so that the last bit of a machine's exp does not reach the weights.

    Args:
        activation: a name (those above, ``linear``, ``identity``, the conv names, ``leaky_relu``,
            ``relu6``, ``hardtanh``, ``logsigmoid``), a module, or a function that maps each element
            alone, of NumPy arrays, minnet tensors, torch tensors or numbers. It is called with
            float64.
        mode: ``"forward"`` or ``"backward"``.
        param: the negative slope of ``"leaky_relu"`` (0.01 when None); unused by the others.

    Raises:
        ValueError: an unknown name or mode; an activation that is not finite, not of each element
            alone, zero everywhere, or without a finite mean; and backward one that jumps.
        TypeError: `activation` is none of these, or calling it fails.

    Example:
        >>> import minnet.nn as nn
        >>> from minnet.nn import init
        >>> round(init.gain("gelu"), 6), round(init.gain(nn.GELU()), 6)
        (1.53353, 1.53353)
        >>> import numpy as np
        >>> round(init.gain(lambda z: np.minimum(np.abs(z), 1), mode="backward"), 6)
        1.210287
    """
    if mode not in ("forward", "backward"):
        raise ValueError(f'mode must be "forward" or "backward", got {mode!r}')
    kind = kinds.of(activation)
    if kind.role == "gate":
        return _gate_gain(mode)
    if kind.slopes:
        activation, param = "leaky_relu", kinds.slope(activation)
    if isinstance(activation, str):
        if activation == "leaky_relu":
            return calculate_gain(activation, param)  # exactly, both ways
        if activation not in _FUNCTIONS:
            names = ", ".join(sorted({*_FUNCTIONS, "leaky_relu"}))
            raise ValueError(f"Unsupported nonlinearity {activation}; known are {names}")
        return _named_gain(activation, mode)
    if not callable(activation):
        raise TypeError(
            "expected an activation: a name, a module or a function, got "
            f"{type(activation).__name__}"
        )
    name = getattr(activation, "__name__", type(activation).__name__)
    return _gain(of_arrays(activation, name), name, mode)


def _gain(function: Function, name: str, mode: str) -> float:
    try:
        moment = expectation(function, 2, derivative=mode == "backward")
    except ValueError as error:
        raise ValueError(f"{name} has no {mode} gain: {error}") from None
    moment = float(f"{moment:.9g}")
    if moment == 0:
        raise ValueError(
            f"{name} has no {mode} gain: {'f' if mode == 'forward' else 'its slope'} is 0"
        )
    return math.sqrt(1 / moment)


@cache
def _named_gain(name: str, mode: str) -> float:
    return _gain(_FUNCTIONS[name], name, mode)


def _gate_gain(mode: str) -> float:
    """Return the gain of a σ(b): forward its gate's, and backward by both, of which fan_out is."""
    forward, backward = (_named_gain("sigmoid", way) for way in ("forward", "backward"))
    return forward if mode == "forward" else math.sqrt(2 / (forward**-2 + backward**-2))


def gain_of(value: Any) -> Any:
    """Return what a `gain=` argument means: a number itself, an activation its forward gain.

    Raises:
        TypeError: if it is neither.
    """
    return gain(value) if isinstance(value, str) or callable(value) else number(value, "gain")


def nonlinearity_gain(nonlinearity: Any, param: float | None, mode: str) -> float:
    """Return the gain before `nonlinearity` for weights that go by the fan that `mode` names.

    It is `calculate_gain`'s for what that knows, and `gain`'s for the rest: forward for "fan_in",
    backward for "fan_out".
    """
    if isinstance(nonlinearity, str):
        if nonlinearity not in _FUNCTIONS or nonlinearity in _FIXED:
            return calculate_gain(nonlinearity, param)
    elif not callable(nonlinearity):
        return calculate_gain(nonlinearity, param)
    return gain(nonlinearity, "backward" if str(mode).lower() == "fan_out" else "forward")
