"""`mlp`: linear layers, each with an activation or none, as one node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minnet import kernels
from minnet.operation import Tensor, operation
from minnet.recorder import RESULT, apply
from minnet.variable import Variable
from minnet.vocabulary import tensors

NODES = {"relu": "ReluBackward0", "tanh": "TanhBackward0", "sigmoid": "SigmoidBackward0"}

Names = tuple[str | None, ...]


class Unfit(Exception):
    """The arrays are not for one call."""


def _composition(V: Any, inputs: Sequence[Any], activations: Sequence[str | None]) -> Any:
    """Return the layers one after the other."""
    x, *parameters = inputs
    for i, name in enumerate(activations):
        x = V.linear(x, *parameters[2 * i : 2 * i + 2])
        if name is not None:
            x = getattr(V, name)(x)
    return x


def _node(inputs: Sequence[Any], activations: Names) -> str:
    """Return the name of what the last layer would have recorded."""
    last = "MmBackward0" if inputs[-1] is None else "AddmmBackward0"
    return NODES.get(activations[-1] or "", last)


def _read(positions: Sequence[int], activations: Names) -> list[int]:
    """Return the places of the weights that the gradients go through, and of what they end at."""
    first = positions[0]
    last = 1 + 2 * len(activations)
    read = list(range(first + 1 + first % 2, last, 2))
    if first == 1 or positions[:2] == [0, 1]:
        read.append(0)
    if activations[-1] is not None:
        read.append(RESULT)
    return read


def _back(V: Any, dy: Any, wanted: Sequence[int], kept: Any) -> Sequence[Any]:
    """Return the gradients of the input and all parameters: of arrays, in one call."""
    return kernels.of(dy).mlp_backward(dy, kept, wanted)


@operation(
    _node,
    joint=_back,
    fused=_composition,
    reads=_read,
    optional="inputs",
    variadic=True,
    keeps="intermediate",
    where="",
    quiet=True,
    fits=True,
    shape=lambda shapes: (shapes[0][0], shapes[-2][0]),
)
def layers(inputs: Sequence[Tensor], activations: Names, keep: bool = False) -> Tensor:
    """Return the layers' output, and if it is to `keep` it what backward reads.

    Raises:
        Unfit: if the kernel is not for these arrays.
    """
    computed = kernels.of(inputs[0]).mlp(inputs, activations, keep)
    if computed is None:
        raise Unfit
    return computed


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
    if isinstance(input, Variable) and (
        len(activations) > 1 or (activations and activations[0] is not None)
    ):
        try:
            out = apply(layers.operation, [input, *parameters], (tuple(activations),))
        except Unfit:
            pass
        else:
            if out._node is not None:  # as if there were a node for each layer, the last first
                out._node.sends.reverse()
            return out
    return _composition(tensors, [input, *parameters], activations)
