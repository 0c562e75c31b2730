"""`Engine`: what a generator asks of the source of its numbers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np

Progress = Callable[[int, int], Any] | None

_engines: WeakSet[Engine] = WeakSet()


def _in_forked_child() -> None:
    # What another thread had locked would stay locked in a child, where that thread is not.
    for engine in _engines:
        engine._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


class Engine:
    """A seed, and how far its numbers have been drawn. Arguments have been checked before.

    `children` counts the generators spawned so far.
    """

    name: str
    unit: str  # what `drawn` counts

    def __init__(self, seed: int):
        self.seed = seed
        self.children = 0
        self._lock = threading.RLock()
        _engines.add(self)

    def take_children(self, n: int) -> int:
        """Return the number of the first of n new children, and count them."""
        with self._lock:
            first = self.children
            self.children += n
        return first

    def fill(
        self, kind: str, array: np.ndarray, *args: Any, start: int = 0, progress: Progress = None
    ) -> None:
        """Fill an array: "uniform", "normal", "trunc_normal", "bernoulli", "exponential", or
        "integers", with the arguments that the kernel of this name takes.
        """
        raise NotImplementedError

    def any_integers(self, array: np.ndarray, high: int, **place: Any) -> None:
        """Fill an array with whole numbers from [0, high), the range of its dtype."""
        self.fill("integers", array, 0, high, **place)

    def permutation(self, n: int) -> np.ndarray:
        """Return a random order of 0 … n - 1 as int64."""
        raise NotImplementedError

    # Passes of a `DataLoader`, for which torch draws more than their orders

    def pass_seed(self) -> int | None:
        """Draw what seeds a pass's workers, or an order that has no generator: here nothing."""
        return None

    def end_pass(self, n: int) -> None:
        """Draw what a pass that shuffled by this engine draws after its last sample."""

    # The state, as an array of bytes

    def state(self) -> np.ndarray:
        """Return all that later numbers depend on."""
        raise NotImplementedError

    def restore(self, state: np.ndarray) -> None:
        """Go on from a state; one that is none raises RuntimeError and changes nothing."""
        raise NotImplementedError

    def drawn(self) -> int:
        """Return how far the numbers have been drawn."""
        raise NotImplementedError
