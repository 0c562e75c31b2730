"""`mlp`: linear layers, each with an activation or none, as one node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import kernels
from minnet.autograd import Variable, joined, senders, snapshot
from minnet.functional.activation import relu, sigmoid, tanh
from minnet.functional.linear import linear

ACTIVATIONS = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}
NODES = {"relu": "ReluBackward0", "tanh": "TanhBackward0", "sigmoid": "SigmoidBackward0"}


def mlp(input: Any, parameters: Sequence[Any], activations: Sequence[str | None]) -> Any:
    """Return activation(x Wᵀ + b), layer after layer.

    It is what `linear` and the activation give one after the other, bit for bit, with their errors.
    On the CPU it is one call, which is most of what a small network waits for.

    Args:
        input: (N, in_features).
        parameters: the weight (out_features, in_features) and the bias or None of each layer.
        activations: "relu", "tanh", "sigmoid" or None for each layer. Without layers, the input is
            returned.

    Example:
        >>> import minnet
        >>> from minnet.functional.mlp import mlp
        >>> x, w = minnet.tensor([[1.0, 2.0]]), minnet.tensor([[3.0, 4.0], [-1.0, 0.0]])
        >>> mlp(x, [w, None, w, minnet.tensor([0.5, 0.0])], ["relu", None])
        tensor([[ 33.5000, -11.0000]])
    """
    if len(activations) > 1 or (activations and activations[0] is not None):
        out = _together(input, parameters, tuple(activations))
        if out is not None:
            return out
    for i, name in enumerate(activations):
        input = linear(input, *parameters[2 * i : 2 * i + 2])
        if name is not None:
            input = ACTIVATIONS[name](input)
    return input


def _together(input: Any, parameters: Sequence[Any], names: tuple[str | None, ...]) -> Any:
    """Return the same from one call, as one node; None if the arrays are not for that."""
    inputs = [input, *parameters]
    arrays = [x.array if isinstance(x, Variable) else x for x in inputs]
    k = kernels.of(arrays[0])
    sends = senders(inputs)
    computed = k.mlp(arrays, names, bool(sends))
    if computed is None:
        return None
    array, kept = computed
    read: list[Any] = []
    if sends:
        first = sends[0][1]
        read = inputs[first + 1 + first % 2 :: 2]  # the weights that the gradient goes through
        if first < 2 and any(send[1] == 1 for send in sends[:2]):
            read.append(input)

    def joint(dy: np.ndarray, wanted: Sequence[int]) -> Sequence[np.ndarray]:
        return k.mlp_backward(dy, kept, wanted)

    sends.reverse()  # as if there were a node for each layer: the last one sends first
    # By the name of what the last layer would have recorded.
    last = "MmBackward0" if inputs[-1] is None else "AddmmBackward0"
    out = joined(NODES.get(names[-1] or "", last), array, sends, joint, read)
    if sends and names[-1] is not None:
        node = out.grad_fn
        node.values.insert(0, array)
        node.saved = [(c, v, i + 1, True) for c, v, i, _ in node.saved]
        node.saved.append((out.counter(), out.counter()[0], 0, True))
    return out
