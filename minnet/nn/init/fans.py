"""Fans: how many inputs reach one output of a layer, and how many outputs one input reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Axes = int | Sequence[int]
Fans = tuple[int, int]  # (fan_in, fan_out)
TOO_FEW = "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight laid out (out, in, *kernel), as torch's layers are.

    fan_in = size(1) · ∏ kernel and fan_out = size(0) · ∏ kernel. Groups and strides are not
    known to a tensor and do not count. A weight used as ``x @ w``, laid out (in, out), has its
    fans swapped: pass ``w.T``.

    Raises:
        ValueError: the tensor has fewer than two dimensions.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init._calculate_fan_in_and_fan_out(minnet.empty(16, 3, 5, 5))
        (75, 400)
    """
    shape = tensor.shape
    if len(shape) < 2:
        raise ValueError(TOO_FEW)
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _calculate_correct_fan(tensor: Any, mode: str, **layout: Any) -> int:
    """Return the fan that `mode`, "fan_in" or "fan_out" in any case, names.

    The layout of the weight, if it is not torch's, is told as to `fans`.

    Raises:
        ValueError: another mode, or a tensor with fewer than two dimensions.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> init._calculate_correct_fan(minnet.empty(10, 784), "fan_out")
        10
    """
    mode = str(mode).lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return fans_in(tensor, layout)[modes.index(mode)]


def fans(
    tensor: Any,
    *,
    fan_in: int | None = None,
    fan_out: int | None = None,
    in_axis: Axes = 1,
    out_axis: Axes = 0,
    batch_axis: Axes = (),
    groups: int = 1,
) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight in any layout.

    Every initializer that goes by fans takes these keyword arguments and hands them on to this
    function. By default the layout is that of torch's Linear and Conv.

    ==================================== =================================
    weight                               arguments
    ==================================== =================================
    Linear, Conv                         none
    grouped or depthwise Conv            ``groups=groups``
    ConvTranspose                        ``in_axis=0, out_axis=1``
    ``x @ w`` (JAX, Keras)               ``in_axis=0, out_axis=1``
    Conv of JAX and Keras                ``in_axis=-2, out_axis=-1``
    q, k, v packed as (3 E, E)           ``fan_out=E``
    experts stacked as (N, out, in)      ``in_axis=2, out_axis=1, batch_axis=0``
    ==================================== =================================

    Args:
        tensor: the weight: anything with a shape.
        fan_in: the fan itself, where you know better; likewise `fan_out`.
        in_axis: the dimension, or dimensions, of the inputs.
        out_axis: the dimension, or dimensions, of the outputs.
        batch_axis: dimensions along which there are several independent weights. What is neither
            of these three is the kernel, whose elements count in both fans.
        groups: of a convolution. The inputs (``in_axis=0``, as in ConvTranspose) or else the
            outputs of all groups lie side by side, and that fan is divided.

    Raises:
        ValueError: a tensor of fewer than two dimensions without both fans given, axes that do not
            exist or coincide, groups that do not divide, or a given fan below 1.

    Example:
        >>> import minnet
        >>> from minnet.nn import init
        >>> depthwise = minnet.empty(32, 1, 3, 3)
        >>> init.fans(depthwise), init.fans(depthwise, groups=32)
        ((9, 288), (9, 9))
        >>> init.fans(minnet.empty(16, 32, 5), in_axis=0, out_axis=1)  # ConvTranspose1d(16, 32, 5)
        (80, 160)
    """
    for name, given in (("fan_in", fan_in), ("fan_out", fan_out)):
        if given is not None and given < 1:
            raise ValueError(f"{name} must be at least 1, got {given}")
    if fan_in is None or fan_out is None:
        shape = tensor.shape
        if len(shape) < 2:
            raise ValueError(TOO_FEW)
        inputs, outputs = _axes(in_axis, len(shape)), _axes(out_axis, len(shape))
        batch = _axes(batch_axis, len(shape))
        used = inputs + outputs + batch
        if len(set(used)) < len(used):
            raise ValueError(
                f"in_axis={in_axis}, out_axis={out_axis} and batch_axis={batch_axis} name a "
                "dimension twice"
            )
        kernel = math.prod(n for i, n in enumerate(shape) if i not in used)
        channels_in, channels_out = (math.prod(shape[i] for i in a) for a in (inputs, outputs))
        whole = channels_in if 0 in inputs else channels_out
        if groups < 1 or whole % groups:
            raise ValueError(f"groups={groups} does not divide the {whole} channels of all groups")
        if 0 in inputs:
            channels_in //= groups
        else:
            channels_out //= groups
        fan_in = channels_in * kernel if fan_in is None else fan_in
        fan_out = channels_out * kernel if fan_out is None else fan_out
    return fan_in, fan_out


def fans_in(tensor: Any, layout: Mapping[str, Any]) -> Fans:
    """Return the fans in a layout given by keywords; torch's, which has none, is a short way."""
    return fans(tensor, **layout) if layout else _calculate_fan_in_and_fan_out(tensor)


def _axes(axes: Axes, dimensions: int) -> tuple[int, ...]:
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    for axis in axes:
        if not -dimensions <= axis < dimensions:
            raise ValueError(f"axis {axis} does not exist in a tensor of {dimensions} dimensions")
    return tuple(axis % dimensions for axis in axes)


def fan(mode: str, fan_in: int, fan_out: int) -> float:
    """Return the fan, or the mean of the two, that `mode` names.

    Raises:
        ValueError: a mode that is none of "fan_in", "fan_out", "fan_avg" and "fan_geo_avg".
    """
    means = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }
    if mode not in means:
        raise ValueError(f"Mode {mode} not supported, please use one of {list(means)}")
    return means[mode]
