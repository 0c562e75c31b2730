"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from minnet.creation import empty
from minnet.functional.linear import linear
from minnet.nn import init
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter


class Identity(Module):
    """Return the input. Takes any arguments, so that it can stand in for another layer.

    Example:
        >>> import minnet
        >>> minnet.nn.Identity(54, unused=True)(minnet.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """y = x Wᵀ + b.

    By default weight and bias are drawn from U(−1/√in_features, 1/√in_features), weight first.

    Args:
        in_features: the size of the input's last dimension.
        out_features: the size of the output's last dimension.
        bias: whether b is learned; without it there is none.
        device: where the parameters live.
        dtype: their floating point dtype.

    Shape:
        input (..., in_features), any number of leading dimensions; output (..., out_features);
        `weight` (out_features, in_features); `bias` (out_features,).

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Linear(20, 30)
        >>> layer(minnet.randn(128, 20)).shape
        torch.Size([128, 30])
        >>> layer
        Linear(in_features=20, out_features=30, bias=True)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # With a = √5 the bound √3 · √(2/(1 + a²)) / √fan_in is 1/√fan_in, rounded as torch's is.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
