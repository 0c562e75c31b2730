"""A multilayer perceptron on the device: its layers and activations one after the other.

Launches wait in a queue here, and none is saved; the graph has one node in place of many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minnet.kernels.cuda import pointwise
from minnet.kernels.cuda.array import Array
from minnet.kernels.cuda.linear import linear, linear_backward
from minnet.kernels.cuda.matmul import matmul

Names = tuple[str | None, ...]
Kept = tuple[Any, ...]


def _are_layers(arrays: Sequence[Any]) -> bool:
    x = arrays[0]
    given = [x, *arrays[1::2], *(bias for bias in arrays[2::2] if bias is not None)]
    if not all(type(array) is Array and array.dtype == x.dtype for array in given):
        return False
    if x.ndim != 2 or x.dtype.kind != "f":
        return False
    inputs = x.shape[1:]
    for w, bias in zip(arrays[1::2], arrays[2::2], strict=True):
        if w.shape[1:] != inputs or (bias is not None and bias.shape != w.shape[:1]):
            return False
        inputs = w.shape[:1]
    return True


def mlp(arrays: Sequence[Any], names: Names, keep: bool) -> tuple[Array, Kept] | None:
    """Return the last layer's output, and if it is to `keep` it what `mlp_backward` reads.

    Args:
        arrays: x, (N, I), and of each layer W, (O, I), and the bias, (O,) or None; all of one
            floating dtype. For others None is returned.
        names: the activations', "relu", "tanh", "sigmoid" or None.
    """
    if not _are_layers(arrays):
        return None
    outputs = [arrays[0]]
    for w, bias, name in zip(arrays[1::2], arrays[2::2], names, strict=True):
        y = matmul(outputs[-1], w.T) if bias is None else linear(outputs[-1], w, bias)
        y = y if name is None else pointwise.FUNCTIONS[name](y)
        outputs = [*outputs, y] if keep else [y]
    return outputs[-1], (outputs, arrays[1::2], names)


def mlp_backward(dy: Array, kept: Kept, wanted: Sequence[int]) -> list[Any]:
    """Return the gradients of x, and of W and the bias of each layer; None if not wanted."""
    outputs, weights, names = kept
    gradients: list[Any] = [None] * (1 + 2 * len(names))
    first = max(min(wanted) - 1, 0) // 2
    for layer in range(len(names) - 1, first - 1, -1):
        name, at = names[layer], 1 + 2 * layer
        if name is not None:
            dy = pointwise.FUNCTIONS[f"{name}_backward"](dy, outputs[layer + 1])
        goes_on = layer > first or 0 in wanted
        dy, gradients[at], gradients[at + 1] = linear_backward(
            dy, outputs[layer], weights[layer], goes_on, at in wanted, at + 1 in wanted
        )
    if 0 in wanted:
        gradients[0] = dy
    return gradients
