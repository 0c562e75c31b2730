"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from minnet.functional.shape import cat
from minnet.nn.module import typename
from minnet.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements of some tensors, one after the other: a copy that gradients flow through.

    Raises:
        TypeError: if they are on several devices.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Linear(3, 2)
        >>> minnet.nn.utils.parameters_to_vector(layer.parameters()).shape
        torch.Size([8])
    """
    listed = list(parameters)
    _one_device(listed)
    return cat([p.reshape(-1) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let some tensors have the elements of a vector, one after the other. They share its memory.

    Raises:
        TypeError: if `vec` is no tensor, or they are on several devices.
        RuntimeError: if the vector is too short. Nothing has changed then.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.Linear(2, 1)
        >>> minnet.nn.utils.vector_to_parameters(minnet.arange(3.0), layer.parameters())
        >>> layer.weight.tolist(), layer.bias.tolist()
        ([[0.0, 1.0]], [2.0])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    listed = list(parameters)
    _one_device(listed)
    total = sum(p.numel() for p in listed)
    if vec.ndim != 1 or vec.numel() < total:
        raise RuntimeError(
            f"expected a vector of {total} elements for the parameters, got {list(vec.shape)}"
        )
    start = 0
    for p in listed:
        p.data = vec[start : start + p.numel()].view_as(p).data
        start += p.numel()


def _one_device(parameters: list[Tensor]) -> None:
    if len({str(p.device) for p in parameters}) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
