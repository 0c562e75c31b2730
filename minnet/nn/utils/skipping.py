"""Modules whose parameters are not initialized."""

from __future__ import annotations

import inspect
from typing import Any

from minnet.nn.module import Module, typename
from minnet.random import get_rng_state, set_rng_state


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """Return a module whose parameters and buffers have memory, but no values yet.

    Nothing is drawn, so that the default generator is as before.

    Args:
        module_cls: a class of modules that initializes by `reset_parameters`.
        args, kwargs: what it takes.

    Raises:
        RuntimeError: if it is no class of modules, or does not take a device.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.utils.skip_init(minnet.nn.Linear, 3, 2)
        >>> layer.weight.shape
        torch.Size([2, 3])
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise RuntimeError(f"Expected a Module; got {typename(module_cls)}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    lazy = type(module_cls.__name__, (module_cls,), {"reset_parameters": lambda self: None})
    state = get_rng_state()  # of which a module inside may draw
    try:
        module = lazy(*args, **kwargs)
    finally:
        set_rng_state(state)
    module.__class__ = module_cls
    return module
