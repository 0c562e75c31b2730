"""Fills: constants, and draws whose elements are independent of one another."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minnet.nn.init import truncation
from minnet.nn.init.fans import Fans, _calculate_correct_fan, fans_in
from minnet.nn.init.gain import gain_of, nonlinearity_gain
from minnet.nn.init.initializer import initializer, is_empty
from minnet.nn.init.scaling import Promise, drawn, fill
from minnet.scalar import fitted


@initializer
def uniform_(tensor: np.ndarray, a: float = 0.0, b: float = 1.0, generator: Any = None) -> float:
    """Fill with draws from U[a, b): mean (a + b)/2, std (b - a)/√12. b itself is never drawn.

    Use it where a range is known: embeddings, biases, or weights whose bound you work out
    yourself. For weights the variance should follow the fans; see `kaiming_uniform_`.

    Args:
        tensor: any shape, floating point.
        a: the lower end, drawn.
        b: the upper end, not drawn; a = b fills with a.
        generator: draws the values; None is the default generator.

    Raises:
        RuntimeError: a > b, a range that the dtype cannot hold, or a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.uniform_(minnet.empty(100, 100), -0.05, 0.05)
        >>> w.min().item() >= -0.05 and w.max().item() < 0.05
        True
    """
    std = (b - a) / math.sqrt(12)
    generator.uniform(tensor, a, b)
    return std


@initializer
def normal_(
    tensor: np.ndarray, mean: float = 0.0, std: float = 1.0, generator: Any = None
) -> float:
    """Fill with draws from N(mean, std²).

    The tails are a normal's own: nothing is cut. Use it with a known std, as for embeddings
    (std 1) or a transformer's weights (std 0.02); see `kaiming_normal_` for one that follows
    the fans.

    Args:
        tensor: any shape, floating point.
        mean: the mean.
        std: the standard deviation, at least 0; 0 fills with the mean.
        generator: draws the values; None is the default generator.

    Raises:
        RuntimeError: std < 0 or NaN, or a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.normal_(minnet.empty(400, 400), std=0.02)
        >>> round(w.std().item(), 3)
        0.02
    """
    generator.normal(tensor, mean, std)
    return std


@initializer
def trunc_normal_(
    tensor: np.ndarray,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
    *,
    bounds_in_std: bool = False,
    exact_std: bool = False,
) -> float:
    """Fill with draws from N(mean, std²) that fall in [a, b]: others are drawn again.

    By default all is torch's. The bounds are values, not multiples of std: with std = 0.02 the
    default bounds lie 100 std away and cut nothing. Nor is the std corrected for what the cut takes
    away: two std on each side leave 0.8796 · std. Use it where an outlier must not happen: vision
    transformers, mixers. With both options it is what JAX and Keras use in their "normal"
    initializers.

    Args:
        tensor: any shape, floating point.
        mean: the mean before the cut.
        std: the standard deviation before the cut, above 0.
        a: the smallest value allowed.
        b: the largest value allowed, above a.
        generator: draws the values; None is the default generator.
        bounds_in_std: whether a and b are in units of the std before the cut, from the mean on.
        exact_std: whether `std` is the standard deviation that is left after the cut. That before
            it is then larger: 1.137 · std where two std are cut.

    Raises:
        ValueError: std is not above 0, a is not below b, mean or std is not finite, or no normal
            cut to [a, b] is left with as large a std as `exact_std` asks for.
        RuntimeError: a tensor not of floats.

    Warns:
        UserWarning: the mean lies more than two std outside of [a, b].

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.trunc_normal_(minnet.empty(1000, 1000))
        >>> w.abs().max().item() <= 2.0, round(w.std().item(), 2)
        (True, 0.88)
        >>> w = init.trunc_normal_(w, std=0.02, bounds_in_std=True, exact_std=True)
        >>> round(w.abs().max().item(), 3), round(w.std().item(), 3)
        (0.045, 0.02)
    """
    if not (0 < std < math.inf):
        raise ValueError(f"trunc_normal_ expects a finite std > 0, but found std={std}")
    if not math.isfinite(mean):
        raise ValueError(f"trunc_normal_ expects a finite mean, but found mean={mean}")
    if not a < b:
        raise ValueError(f"trunc_normal_ expects bounds a < b, but found a={a} and b={b}")
    if bounds_in_std:
        if exact_std:
            left = truncation.std_left(a, b)
            if not left > 0:
                raise ValueError(f"between {a} and {b} std there is too little left to correct for")
            std /= left
        a, b = mean + a * std, mean + b * std
    elif exact_std:
        std = truncation.std_before(std, a - mean, b - mean)
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=3,
        )
    left = std * truncation.std_left((a - mean) / std, (b - mean) / std)
    generator.trunc_normal(tensor, mean, std, a, b)
    return left


@initializer(any_dtype=True)
def constant_(tensor: np.ndarray, val: float) -> float:
    """Fill with `val`.

    Use it for biases and scales. A weight matrix of one constant is a trap: every unit computes
    the same and gets the same gradient, so they never part.

    Args:
        tensor: any shape and dtype.
        val: the value.

    Raises:
        TypeError: the value is no number.
        RuntimeError: it does not fit the dtype.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.constant_(minnet.empty(3), 0.5)
        tensor([0.5000, 0.5000, 0.5000])
    """
    tensor.fill(fitted(val, tensor.dtype))
    return 0.0


@initializer(any_dtype=True)
def ones_(tensor: np.ndarray) -> float:
    """Fill with 1: what a normalization layer's scale starts from, so that it changes nothing.

    Args:
        tensor: any shape and dtype.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.ones_(minnet.empty(3))
        tensor([1., 1., 1.])
    """
    tensor.fill(1)
    return 0.0


@initializer(any_dtype=True)
def zeros_(tensor: np.ndarray) -> float:
    """Fill with 0: biases, and the last layer of a residual branch that should start as nothing.

    Args:
        tensor: any shape and dtype.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init.zeros_(minnet.empty(3))
        tensor([0., 0., 0.])
    """
    tensor.fill(0)
    return 0.0


def _xavier(
    tensor: np.ndarray, gain: Any, generator: Any, layout: dict[str, Any], distribution: str
) -> tuple[float, Fans]:
    fan_in, fan_out = fans_in(tensor, layout)
    # Two fans of 0 are a tensor without elements: any std does, and torch's division fails.
    std = gain_of(gain) * math.sqrt(2.0 / float(max(fan_in + fan_out, 1)))
    fill(tensor, std, generator, distribution)
    return std, (fan_in, fan_out)


@initializer
def xavier_uniform_(
    tensor: np.ndarray, gain: Any = 1.0, generator: Any = None, **layout: Any
) -> tuple[float, Fans]:
    """Fill with U(-bound, bound), bound = gain · √(6 / (fan_in + fan_out)). Also called Glorot.

    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks". Keeping the activations' variance forward asks for Var[w] = 1/fan_in, keeping the
    gradients' variance backward asks for 1/fan_out; the mean of the two fans is the compromise,
    Var[w] = 2·gain²/(fan_in + fan_out), exact both ways when the layer is square. Use it before
    tanh, sigmoid, softmax, or no activation; for ReLU and its kin use `kaiming_uniform_`.

    Args:
        tensor: two dimensions or more, (out, in, *kernel), floating point.
        gain: factor on the std: a number, or an activation by name, module or function, which
            stands for its `gain`; see also `calculate_gain`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions.
        RuntimeError: a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.xavier_uniform_(minnet.empty(200, 400))  # bound √(6 / 600) = 0.1
        >>> round(w.abs().max().item(), 3)
        0.1
    """
    return _xavier(tensor, gain, generator, layout, "uniform")


@initializer
def xavier_normal_(
    tensor: np.ndarray, gain: Any = 1.0, generator: Any = None, **layout: Any
) -> tuple[float, Fans]:
    """Fill with N(0, std²), std = gain · √(2 / (fan_in + fan_out)). Also called Glorot.

    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks": the variance of `xavier_uniform_`, a compromise between keeping the activations'
    variance forward and the gradients' backward, with a normal's tails. Not truncated, unlike
    JAX's and Keras's functions of this name. Use it before tanh, sigmoid, softmax, or no
    activation.

    Args:
        tensor: two dimensions or more, (out, in, *kernel), floating point.
        gain: factor on the std: a number, or an activation by name, module or function, which
            stands for its `gain`; see also `calculate_gain`.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions.
        RuntimeError: gain < 0, or a tensor not of floats.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.xavier_normal_(minnet.empty(400, 400))  # std √(2 / 800)
        >>> round(w.std().item(), 3)
        0.05
    """
    return _xavier(tensor, gain, generator, layout, "normal")


def _kaiming(
    tensor: np.ndarray,
    a: float | None,
    mode: str,
    nonlinearity: Any,
    generator: Any,
    layout: dict[str, Any],
    distribution: str,
) -> Promise:
    if is_empty(tensor, generator):
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
        return None
    fan = _calculate_correct_fan(tensor, mode, **layout)
    std = nonlinearity_gain(nonlinearity, a, mode) / math.sqrt(fan)
    return drawn(tensor, lambda *_: std, generator, layout, distribution)


@initializer
def kaiming_uniform_(
    tensor: np.ndarray,
    a: float | None = 0,
    mode: str = "fan_in",
    nonlinearity: Any = "leaky_relu",
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with U(-bound, bound), bound = gain · √(3 / fan). Also called He.

    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers". ReLU sets half of its input to
    zero and so halves E[x²]; Var[w] = gain²/fan with gain = √2 makes up for it, and a deep stack
    of rectified layers neither fades nor explodes. The std is bound/√3 = gain/√fan. Use it before
    ReLU and leaky ReLU. ``a=√5`` gives U(±1/√fan_in), the default of `minnet.nn.Linear`.

    Args:
        tensor: two dimensions or more, (out, in, *kernel), floating point.
        a: the negative slope of the leaky ReLU that follows; 0 is a plain ReLU. No other
            nonlinearity reads it.
        mode: ``"fan_in"`` keeps the activations' variance on the way forward, ``"fan_out"`` the
            gradients' on the way back.
        nonlinearity: what follows the layer: a name of `calculate_gain`'s, else an activation by
            name, module or function, and its `gain`: forward for ``"fan_in"``, backward for
            ``"fan_out"``.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions, or an unknown mode or nonlinearity.
        RuntimeError: a tensor not of floats.

    Warns:
        UserWarning: the tensor has no elements; it is returned as it is.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.kaiming_uniform_(minnet.empty(100, 600))  # bound √(6 / 600) = 0.1
        >>> round(w.abs().max().item(), 3)
        0.1
    """
    return _kaiming(tensor, a, mode, nonlinearity, generator, layout, "uniform")


@initializer
def kaiming_normal_(
    tensor: np.ndarray,
    a: float | None = 0,
    mode: str = "fan_in",
    nonlinearity: Any = "leaky_relu",
    generator: Any = None,
    **layout: Any,
) -> Promise:
    """Fill with N(0, std²), std = gain / √fan. Also called He.

    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers": the variance of
    `kaiming_uniform_`, gain²/fan with gain = √2 for ReLU, with a normal's tails. Not truncated,
    unlike JAX's and Keras's he_normal. Use it before ReLU and leaky ReLU; ``mode="fan_out"`` is
    usual for convolutional networks.

    Args:
        tensor: two dimensions or more, (out, in, *kernel), floating point.
        a: the negative slope of the leaky ReLU that follows; 0 is a plain ReLU. No other
            nonlinearity reads it.
        mode: ``"fan_in"`` keeps the activations' variance on the way forward, ``"fan_out"`` the
            gradients' on the way back.
        nonlinearity: what follows the layer: a name of `calculate_gain`'s, else an activation by
            name, module or function, and its `gain`: forward for ``"fan_in"``, backward for
            ``"fan_out"``.
        generator: draws the values; None is the default generator.
        layout: where the weight is not laid out as torch's Linear and Conv, keywords of `fans`.

    Raises:
        ValueError: fewer than two dimensions, or an unknown mode or nonlinearity.
        RuntimeError: a tensor not of floats.

    Warns:
        UserWarning: the tensor has no elements; it is returned as it is.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> w = init.kaiming_normal_(minnet.empty(400, 800))  # std √(2 / 800)
        >>> round(w.std().item(), 3)
        0.05
    """
    return _kaiming(tensor, a, mode, nonlinearity, generator, layout, "normal")
