"""Evaluation: a network while it is looked at and not trained, and what is undone on an error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

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
