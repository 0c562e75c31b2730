"""Normalization: by the mean and the variance of a batch, a layer, a group or an instance.

All of these are one operation, which takes its mean and variance over some dims. As a composition
it would take four times as long as torch's on the sizes of small networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.arithmetic import (
    add,
    check_tensors,
    clamp,
    div,
    mul,
    only_floating,
    rsqrt,
    square,
    sub,
)
from minnet.functional.reduce import mean, norm
from minnet.functional.shape import reshape
from minnet.operation import Tensor, composite, operation
from minnet.recorder import apply, overwrite
from minnet.size import Size
from minnet.variable import read_only

Observer = Callable[[np.ndarray, np.ndarray], None] | None


def _standardized(V: Any, x: Any, axes: Any, eps: float) -> tuple[Any, Any]:
    """Return x with mean 0 and variance 1 over some dims, and what it was scaled by."""
    x = V.sub(x, V.mean(x, axes, True))
    scale = V.rsqrt(V.add(V.mean(V.mul(x, x), axes, True), eps))
    return V.mul(x, scale), scale


def _standardized_back(V: Any, dy: Any, y: Any, scale: Any, axes: Any) -> Any:
    along = V.mul(y, V.mean(V.mul(dy, y), axes, True))
    return V.mul(V.sub(V.sub(dy, V.mean(dy, axes, True)), along), scale)


@operation(
    "NativeNormBackwardBackward0",
    fused=_standardized_back,
    tensors=3,
    numbers=False,
    quiet=True,
    where="",
    shape=lambda shapes: shapes[1],
)
def standardized_back(dy: Tensor, y: Tensor, scale: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the gradient of what `_standardized` takes, from that of what it gave."""
    return kernels.of(dy).standardize_backward(dy, y, scale, axes)


def _gradients(
    V: Any,
    dy: Any,
    wanted: Sequence[int],
    input: Any,
    weight: Any,
    axes: Any,
    eps: float,
    kept: Any,
) -> tuple[Any, Any, Any]:
    y, scale = kept or _standardized(V, input, axes, eps)
    dx = dw = None
    if 0 in wanted:
        dx = V.standardized_back(dy if weight is None else V.mul(dy, weight), y, scale, axes)
    if 1 in wanted:
        dw = V.mul(dy, y)
    return dx, dw, dy


@operation(
    lambda name: f"Native{name}NormBackward0",
    joint=_gradients,
    reads=("input weight", "input", ""),
    optional="weight bias",
    numbers=False,
    keeps="intermediate",
    remade="input",
    quiet=True,
    where="",
    shape=lambda shapes: shapes[0],
)
def normalized(
    input: Tensor,
    weight: Any,
    bias: Any,
    axes: tuple[int, ...],
    eps: float,
    name: str,
    observe: Observer = None,
    keep: bool = False,
) -> Any:
    """y = (x - mean) / sqrt(variance + eps) weight + bias; `observe` is shown mean and variance."""
    y, scale, middle, variance = kernels.of(input).standardize(input, axes, eps)
    out = y if weight is None else y * weight
    out = out if bias is None else out + bias
    if observe is not None:
        observe(middle, variance)
    # What is kept is no tensor's, so that no change of one goes unnoticed.
    return out.copy() if keep and out is y else out, (y, scale)


def _checked(function: str, kernel: str, input: Any, optional: Sequence[str], *others: Any) -> None:
    """Check that all are tensors, of one floating point dtype; those that are optional may be None.

    Raises:
        TypeError, RuntimeError: if not.
    """
    given = dict(zip(optional, others, strict=True))
    check_tensors(function, " ".join(optional), input=input, **given)
    dtype = input.array.dtype
    only_floating(input.array, kernel)
    for name, x in given.items():
        if x is not None and x.array.dtype != dtype:
            raise RuntimeError(
                f"mixed dtype (CPU): expect parameter to have scalar type of "
                f"{dtypes.of(input.array).tensor_type}, but {name} is "
                f"{dtypes.of(x.array).tensor_type}; convert one with .to(dtype)"
            )


def _more_than_one(values: int, what: str, shape: Any) -> None:
    if values == 1:
        raise ValueError(f"Expected more than 1 {what} when training, got input size {shape}")


# By channel, the second dim


def _by_channel(x: Any, ndim: int) -> Any:
    """Return a tensor with an element for each channel so that it broadcasts to `ndim` dims."""
    return x if x is None or ndim == 2 else reshape(x, (-1, *(1,) * (ndim - 2)))


def _follower(running: Sequence[Any], momentum: float, count: int) -> Observer:
    """Return what moves the running mean and variance towards those of a batch of `count`."""
    if running[0] is None:
        return None
    if not all(tensor.array.flags.writeable for tensor in running):
        raise read_only("a running statistic")

    def follow(middle: np.ndarray, variance: np.ndarray) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        for tensor, seen in zip(running, (middle, unbiased), strict=True):
            rows = seen.reshape(-1, len(tensor.array))
            seen = rows[0] if len(rows) == 1 else kernels.of(rows).mean(rows, 0)
            overwrite(tensor, seen * momentum + tensor.array * (1 - momentum))

    return follow


def _channelwise(
    function: str,
    input: Any,
    running: Sequence[Any],
    affine: Sequence[Any],
    by_input: bool,
    axes: Sequence[int],
    momentum: float,
    eps: float,
) -> Any:
    """Return the input normalized, by statistics of its own over some dims or by the running ones.

    Raises:
        ValueError, RuntimeError: if a tensor does not fit the channels, or one is missing.
    """
    names = "running_mean", "running_var", "weight", "bias"
    _checked(function, "batch_norm", input, names, *running, *affine)
    shape = input.array.shape
    channels = shape[1] if len(shape) > 1 else 0
    for name, x in zip(names, (*running, *affine), strict=True):
        if x is not None and x.array.shape != (channels,):
            raise RuntimeError(
                f"{name} should contain {channels} elements not {x.array.size}: one for each "
                f"channel of an input of shape {list(shape)}"
            )
    if len(shape) < 2:
        raise RuntimeError(f"{function} expects an input of shape (N, C, ...), got {list(shape)}")
    if (running[0] is None) != (running[1] is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    weight, bias = (_by_channel(x, len(shape)) for x in affine)
    if by_input:
        observe = _follower(running, momentum, math.prod(shape[i] for i in axes))
        constants = tuple(axes), eps, "Batch", observe
        return apply(normalized.operation, (input, weight, bias), constants)
    if running[0] is None:
        raise RuntimeError(
            "running_mean must be defined in evaluation mode"
            if function == "batch_norm"
            else "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    middle, variance = (_by_channel(x, len(shape)) for x in running)
    scale = rsqrt(add(variance, eps))
    out = mul(sub(input, middle), scale if weight is None else mul(scale, weight))
    return out if bias is None else add(out, bias)


@composite(where="F")
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(variance + eps) weight + bias, by the statistics of each channel.

    Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by reducing
    internal covariate shift".

    Args:
        input: (N, C, ...), floating point.
        running_mean: (C,), which in training moves by `momentum` towards the batch's mean, and
            which stands for it otherwise; or None.
        running_var: (C,), the same of the variance; it moves towards the unbiased one.
        weight: (C,), or None.
        bias: (C,), or None.
        training: whether mean and variance are the batch's.

    Raises:
        ValueError: in training, if a channel has one element.
        RuntimeError: if a tensor does not fit the channels, or there are no statistics.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[1.0, 10.0], [3.0, 30.0]])
        >>> minnet.nn.functional.batch_norm(x, None, None, training=True)
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
    """
    axes: Sequence[int] = (0,)
    if training:
        check_tensors("batch_norm", input=input)
        shape = input.array.shape
        axes = (0, *range(2, len(shape)))
        _more_than_one(math.prod(shape[i] for i in axes if shape), "value per channel", Size(shape))
    if eps < 0 or (training and eps == 0):
        sign = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {sign}, but got {eps}")
    running, affine = (running_mean, running_var), (weight, bias)
    return _channelwise("batch_norm", input, running, affine, training, axes, momentum, eps)


@composite(where="F")
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return `batch_norm` of each sample by itself; the running statistics are of all samples.

    Ulyanov, Vedaldi, Lempitsky (2016), "Instance normalization: the missing ingredient for fast
    stylization".

    Args:
        input: (N, C, ...), floating point.
        use_input_stats: whether mean and variance are the sample's, or the running ones.

    Raises:
        ValueError: if a channel of a sample has one element.
        RuntimeError: if a tensor does not fit the channels, or there are no statistics.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.instance_norm(minnet.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])
    """
    check_tensors("instance_norm", input=input)
    shape = input.array.shape
    axes = range(2, len(shape))
    if use_input_stats:
        _more_than_one(math.prod(shape[2:]), "spatial element", Size(shape))
    running, affine = (running_mean, running_var), (weight, bias)
    return _channelwise(
        "instance_norm", input, running, affine, use_input_stats, axes, momentum, eps
    )


@composite(where="F")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(variance + eps) weight + bias, by each sample's groups of channels.

    Wu, He (2018), "Group normalization".

    Args:
        input: (N, C, ...), floating point; `num_groups` divides C.
        weight: (C,), or None.
        bias: (C,), or None.

    Raises:
        ValueError: if a group has one element.
        RuntimeError: if the groups or a tensor do not fit the channels.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.group_norm(minnet.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    _checked("group_norm", "GroupNormKernelImpl", input, ("weight", "bias"), weight, bias)
    shape = input.array.shape
    if num_groups <= 0:
        raise RuntimeError(f"Expected num_groups to be greater than 0, got {num_groups}")
    if len(shape) < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {len(shape)}"
        )
    n, channels, *rest = shape
    sizes = [n * channels // num_groups, num_groups, *rest]
    _more_than_one(sizes[0] * math.prod(rest), "value per channel", sizes)
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(shape)} and num_groups={num_groups}"
        )
    for name, x in (("weight", weight), ("bias", bias)):
        if x is not None and x.array.shape != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(x.array.shape)} and input of shape {list(shape)}"
            )
    size = channels // num_groups
    groups = reshape(input, (n, num_groups, size, math.prod(rest)))
    affine = (x if x is None else reshape(x, (num_groups, size, 1)) for x in (weight, bias))
    out = apply(normalized.operation, (groups, *affine), ((2, 3), eps, "Group", None))
    return reshape(out, shape)


# By layer, the last dims


def _layer_axes(
    function: str, kernel: str, input: Any, normalized_shape: Any, **affine: Any
) -> tuple[int, ...]:
    """Return the dims of a layer, after a check of everything.

    Raises:
        TypeError, RuntimeError: if something does not fit.
    """
    _checked(function, kernel, input, tuple(affine), *affine.values())
    if not isinstance(normalized_shape, tuple | list):
        raise TypeError(
            f"{function}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    shape, layer = input.array.shape, tuple(normalized_shape)
    if not layer:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, x in affine.items():
        if x is not None and x.array.shape != layer:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(x.array.shape)} and normalized_shape = {list(layer)}"
            )
    if shape[-len(layer) :] != layer:
        raise RuntimeError(
            f"Given normalized_shape={list(layer)}, expected input with shape "
            f"[*, {str(list(layer))[1:]}, but got input of size{list(shape)}"
        )
    return tuple(range(len(shape) - len(layer), len(shape)))


@composite(where="F")
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(variance + eps) weight + bias, over the last dims.

    Ba, Kiros, Hinton (2016), "Layer normalization".

    Args:
        input: (..., *normalized_shape), floating point.
        normalized_shape: the sizes of the dims that mean and variance are taken over.
        weight: of that shape, or None.
        bias: of that shape, or None.

    Raises:
        RuntimeError: if a shape does not fit, or the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.layer_norm(minnet.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
    """
    axes = _layer_axes(
        "layer_norm", "LayerNormKernelImpl", input, normalized_shape, weight=weight, bias=bias
    )
    return apply(normalized.operation, (input, weight, bias), (axes, eps, "Layer", None))


@composite(where="F")
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Return x / sqrt(mean(x²) + eps) weight, over the last dims.

    Zhang, Sennrich (2019), "Root mean square layer normalization".

    Args:
        input: (..., *normalized_shape), floating point.
        normalized_shape: the sizes of the dims that the mean is taken over.
        weight: of that shape, or None.
        eps: unless given, the dtype's smallest step above 1.

    Raises:
        RuntimeError: if a shape does not fit, or the dtypes differ.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.rms_norm(minnet.tensor([[1.0, 7.0], [-3.0, 3.0]]), (2,))
        tensor([[ 0.2000,  1.4000],
                [-1.0000,  1.0000]])
    """
    axes = _layer_axes("rms_norm", "rms_norm", input, normalized_shape, weight=weight)
    eps = float(np.finfo(input.array.dtype).eps) if eps is None else eps
    out = mul(input, rsqrt(add(mean(square(input), axes, True), eps)))
    return out if weight is None else mul(out, weight)


@composite(where="F", out=True)
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """Return the vectors along a dim, or several, divided by their p-norms, by `eps` at least.

    Raises:
        RuntimeError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.nn.functional.normalize(minnet.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    return div(input, clamp(norm(input, p, dim, True), eps))
