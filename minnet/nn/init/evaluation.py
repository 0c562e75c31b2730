"""Evaluation: a network while a batch shows what it does, what is undone on an error, the batch."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minnet import kernels
from minnet.mode import no_grad
from minnet.nn.init import holders


@contextlib.contextmanager
def evaluating(net: Any) -> Iterator[None]:
    """Put a network of minnet or torch in evaluation mode, and each module back in the end."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Record nothing for a backward, of minnet or torch."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(no_grad())
        if "torch" in sys.modules:
            stack.enter_context(sys.modules["torch"].no_grad())
        yield


@contextlib.contextmanager
def restored_on_error(modules: Iterable[Any]) -> Iterator[None]:
    """Give modules of minnet or torch back the parameters and buffers that they have now.

    It is done if the block raises. Children are not looked at.
    """
    registries = [own for module in modules for own in (module._parameters, module._buffers)]
    before = [
        (own, name, tensor, holders.array_of(tensor).copy())
        for own in registries
        for name, tensor in own.items()
        if tensor is not None
    ]
    try:
        yield
    except BaseException:
        for own, name, tensor, values in before:
            if own[name] is not tensor:
                own[name] = tensor
            array = holders.array_of(tensor)
            if (array != values).any():
                array[...] = values
                holders.changed(tensor)
        raise


_NOT_FINITE = "holds numbers that are not finite"


def require_telling(batch: Any) -> None:
    """Check that a batch, a tensor or several in a list or by name, tells something.

    Raises:
        ValueError: it does not.
    """
    reasons = [
        _idle(kernels.moved(holders.array_of(tensor.contiguous()), "cpu"))
        for tensor in _tensors(batch)
    ]
    if _NOT_FINITE in reasons or (reasons and all(reasons)):
        reason = _NOT_FINITE if _NOT_FINITE in reasons else reasons[0]
        raise ValueError(
            f"the batch {reason}, which does not tell what the network will see: give some hundred "
            "different samples. Nothing was initialized."
        )


def _idle(array: np.ndarray) -> str | None:
    """Return why samples tell nothing, or None."""
    if array.size == 0:
        return f"of shape {tuple(array.shape)} is empty"
    if array.ndim == 0 or len(array) == 1:
        return f"of shape {tuple(array.shape)} is a single sample"
    if not np.isfinite(array).all():
        return _NOT_FINITE
    return "is one sample again and again" if (array == array[:1]).all() else None


def _tensors(batch: Any) -> Iterator[Any]:
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    if isinstance(batch, list | tuple):
        for each in batch:
            yield from _tensors(each)
    elif hasattr(batch, "contiguous"):
        yield batch
