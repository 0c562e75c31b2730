"""Provenance: how a tensor was initialized, noted on it when it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

import numpy as np

from minnet.nn.init import holders

_HERE = "minnet.nn.init"
_ATTRIBUTE = "_initialization"


class Record:
    """How a tensor was initialized. Made at each fill, so it notes and computes nothing."""

    __slots__ = (
        "_args",
        "_code",
        "_fans",
        "_function",
        "_instruction",
        "_kwargs",
        "draw",
        "engine",
        "previous",
        "seed",
        "shape",
        "std",
        "version",
        "whole",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        shape: tuple[int, ...],
        generator: Any = None,
    ):
        self._function, self._args, self._kwargs, self.shape = function, args, kwargs, shape
        if generator is None:
            self.seed = self.draw = self.engine = None
        else:
            self.seed = generator.initial_seed()
            self.draw = generator._draw
            self.engine = getattr(generator, "engine", "philox")
        frame: Any = sys._getframe(2)
        if frame.f_globals.get("__package__") == _HERE:
            frame = _outside(frame)
        self._code: CodeType = frame.f_code
        self._instruction: int = frame.f_lasti

    def keep(self, tensor: Any, promise: Any) -> None:
        """Note the record on a tensor, or on the one it is a view of; an array has no room."""
        self.std, self._fans = promise if type(promise) is tuple else (promise, None)
        owner = getattr(tensor, "_base", None)
        if owner is None or isinstance(tensor, np.ndarray):
            owner, self.whole = tensor, True
        else:
            self.whole = tensor.numel() == owner.numel()
        self.previous = getattr(owner, _ATTRIBUTE, None)
        if self.previous is not None:
            self.previous.previous = None  # else a tensor filled in a loop would keep all records
        self.version = holders.version(tensor)
        try:
            setattr(owner, _ATTRIBUTE, self)
        except AttributeError:
            pass


def _outside(frame: Any) -> Any:
    """Return the frame that called into this package, by itself or through a module's `apply`."""
    while frame.f_back is not None and (
        frame.f_globals.get("__package__") == _HERE or frame.f_code.co_name == "apply"
    ):
        frame = frame.f_back
    return frame
