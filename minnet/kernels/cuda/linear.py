"""A linear layer on the device, y = x Wᵀ + b: a product forward, two and a sum backward."""

from __future__ import annotations

from typing import Any

from minnet.kernels.cuda.array import Array
from minnet.kernels.cuda.matmul import matmul
from minnet.kernels.reductions import sum_rows


def linear(x: Array, w: Array, bias: Array) -> Array:
    """Return x wᵀ + bias for x (N, I), w (O, I) and bias (O,) of one dtype."""
    return matmul(x, w.T, bias)


def linear_backward(
    dy: Array, x: Array, w: Array, need_dx: bool, need_dw: bool, need_db: bool
) -> tuple[Any, Any, Any]:
    """Return dx = dy w, dw = dyᵀ x and db = the sum of dy's rows; None for what is not needed."""
    return (
        matmul(dy, w) if need_dx else None,
        matmul(dy.T, x) if need_dw else None,
        sum_rows(dy) if need_db else None,
    )
