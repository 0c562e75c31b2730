"""Normalization layers. `nn.functional` holds the same as functions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from minnet import dtypes
from minnet.creation import empty, ones, tensor, zeros
from minnet.functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from minnet.functional.shape import squeeze, unsqueeze
from minnet.nn import init
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter


class _Normalization(Module):
    """What the layers share: a weight that starts as ones and a bias as zeros, or None."""

    weight: Parameter | None
    bias: Parameter | None

    def _learn(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, learned in (("weight", weight), ("bias", bias)):
            new = Parameter(empty(shape, device=device, dtype=dtype)) if learned else None
            self.register_parameter(name, new)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if getattr(self, "bias", None) is not None:
            init.zeros_(self.bias)


# By channel, with running statistics


def _count_if_old(module: Module, state: dict[str, Any], prefix: str, given: Any, *_: Any) -> None:
    """Add the count of batches to a state that was saved before there was one."""
    if given.get("version", 0) < 2:
        state.setdefault(f"{prefix}num_batches_tracked", module.num_batches_tracked)


class _ByChannel(_Normalization):
    """Batch and instance normalization: a mean and a variance for each channel.

    A class says how many dims its input has: `_dims`, of which the first may be without a batch.
    """

    _version = 2
    _dims: tuple[int, ...]
    running_mean: Any  # a buffer, or None
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._learn(num_features, affine, affine and bias, device, dtype)
        tracked = track_running_stats
        like = {"device": device, "dtype": dtype}
        self.register_buffer("running_mean", zeros(num_features, **like) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **like) if tracked else None)
        count = tensor(0, device=device, dtype=dtypes.int64) if tracked else None
        self.register_buffer("num_batches_tracked", count)
        if tracked:
            self.register_load_state_dict_pre_hook(_count_if_old)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the variance to 1, and the count of batches to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set the weight to 1, the bias to 0, and the running statistics to their start."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Any) -> None:
        if input.array.ndim not in self._dims:
            expected = " or ".join(f"{n}D" for n in self._dims)
            raise ValueError(f"expected {expected} input (got {input.array.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ByChannel):
    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        training, momentum, count = self.training, self.momentum, self.num_batches_tracked
        running: Any = self.running_mean, self.running_var
        if training and not self.track_running_stats:
            running, count = (None, None), None
        if momentum is None:
            momentum = 0.0 if count is None else 1.0 / (count.item() + 1)
        out = batch_norm(
            input,
            *running,
            self.weight,
            self.bias,
            training or (self.running_mean is None and self.running_var is None),
            momentum,
            self.eps,
        )
        if training and count is not None:
            count.add_(1)
        return out


class BatchNorm1d(_BatchNorm):
    """(x − mean) / √(variance + `eps`) · weight + bias, by the statistics of each channel.

    In training they are the batch's, and the running ones move towards them; in evaluation they are
    the running ones. Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network
    training by reducing internal covariate shift".

    Args:
        num_features: the number of channels, C.
        eps: what is added to a variance.
        momentum: the share of the newest batch in the running statistics; with None they are the
            averages over all batches.
        affine: whether weight and bias are learned; without it there are none.
        track_running_stats: whether there are running statistics; without them, those of the batch
            are used in evaluation as well.
        device: where parameters and buffers live.
        dtype: their floating point dtype.
        bias: whether there is a bias beside the weight.

    Shape:
        input and output (N, C) or (N, C, L); `weight`, `bias`, `running_mean` and `running_var`
        (C,); `num_batches_tracked` () int64.

    Raises:
        ValueError: if the input has other dims, or in training a single value for each channel.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.BatchNorm1d(2)
        >>> layer(minnet.tensor([[1.0, 10.0], [3.0, 30.0]]))
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
        >>> layer.running_mean
        tensor([0.2000, 2.0000])
    """

    _dims = 2, 3


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` of images.

    Shape:
        input and output (N, C, H, W).

    Example:
        >>> import minnet
        >>> minnet.nn.BatchNorm2d(3)(minnet.randn(8, 3, 5, 5)).shape
        torch.Size([8, 3, 5, 5])
    """

    _dims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` of volumes.

    Shape:
        input and output (N, C, D, H, W).

    Example:
        >>> import minnet
        >>> minnet.nn.BatchNorm3d(3)(minnet.randn(8, 3, 5, 5, 5)).shape
        torch.Size([8, 3, 5, 5, 5])
    """

    _dims = (5,)


class _InstanceNorm(_ByChannel):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        alone = input.array.ndim == self._dims[0]
        dim = 0 if alone else 1
        channels = input.array.shape[dim]
        if channels != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features "
                    f"({self.num_features}), but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        out = instance_norm(
            unsqueeze(input, 0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return squeeze(out, 0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """`BatchNorm1d` of each sample by itself, by default without weight, bias and statistics.

    Ulyanov, Vedaldi, Lempitsky (2016), "Instance normalization: the missing ingredient for fast
    stylization".

    Shape:
        input and output (N, C, L) or (C, L).

    Raises:
        ValueError: if the input has other dims or channels, or a single value for each channel.

    Example:
        >>> import minnet
        >>> minnet.nn.InstanceNorm1d(2)(minnet.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])
    """

    _dims = 2, 3


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` of images.

    Shape:
        input and output (N, C, H, W) or (C, H, W).

    Example:
        >>> import minnet
        >>> minnet.nn.InstanceNorm2d(3)(minnet.randn(8, 3, 5, 5)).shape
        torch.Size([8, 3, 5, 5])
    """

    _dims = 3, 4


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` of volumes.

    Shape:
        input and output (N, C, D, H, W) or (C, D, H, W).

    Example:
        >>> import minnet
        >>> minnet.nn.InstanceNorm3d(3)(minnet.randn(8, 3, 5, 5, 5)).shape
        torch.Size([8, 3, 5, 5, 5])
    """

    _dims = 4, 5


class GroupNorm(_Normalization):
    """(x − mean) / √(variance + `eps`) · weight + bias, by each sample's groups of channels.

    Wu, He (2018), "Group normalization".

    Args:
        num_groups: how many groups there are; it divides `num_channels`.
        num_channels: C.
        eps: what is added to a variance.
        affine: whether weight and bias are learned; without it there are none.
        device: where they live.
        dtype: their floating point dtype.
        bias: whether there is a bias beside the weight.

    Shape:
        input and output (N, C, …); `weight` and `bias` (C,).

    Raises:
        ValueError: if the channels cannot be divided so.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.GroupNorm(2, 4, affine=False)
        >>> layer(minnet.tensor([[1.0, 3.0, 10.0, 30.0]]))
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._learn(num_channels, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LayerNorm(_Normalization):
    """(x − mean) / √(variance + `eps`) · weight + bias, over the last dimensions of each sample.

    Ba, Kiros, Hinton (2016), "Layer normalization".

    Args:
        normalized_shape: the sizes of these dimensions, or of the last one.
        eps: what is added to a variance.
        elementwise_affine: whether weight and bias are learned; without it there are none.
        bias: whether there is a bias beside the weight.
        device: where they live.
        dtype: their floating point dtype.

    Shape:
        input and output (…, *normalized_shape); `weight` and `bias` of the normalized shape.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.LayerNorm(2, elementwise_affine=False)
        >>> layer(minnet.tensor([[1.0, 3.0], [10.0, 30.0]]))
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self._learn(self.normalized_shape, affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(_Normalization):
    """x / √(mean of x² + `eps`) · weight, over the last dimensions of each sample.

    Zhang, Sennrich (2019), "Root mean square layer normalization".

    Args:
        normalized_shape: the sizes of these dimensions, or of the last one.
        eps: what is added to a mean; unless given, the dtype's smallest step above 1.
        elementwise_affine: whether the weight is learned; without it there is none.
        device: where it lives.
        dtype: its floating point dtype.

    Shape:
        input and output (…, *normalized_shape); `weight` of the normalized shape.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.RMSNorm(2, elementwise_affine=False)
        >>> layer(minnet.tensor([[1.0, 7.0], [-3.0, 3.0]]))
        tensor([[ 0.2000,  1.4000],
                [-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        new = empty(self.normalized_shape, device=device, dtype=dtype)
        self.register_parameter("weight", Parameter(new) if elementwise_affine else None)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


def _sizes(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (int(shape),) if hasattr(shape, "__index__") else tuple(shape)
