"""The engine of every generator that names none: Philox4x32-10, a counter and no state."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from minnet import kernels
from minnet.random.engine import Engine, Progress

STATE = np.dtype([("header", "S8"), ("seed", "<u8"), ("draw", "<u8"), ("children", "<u8")])
HEADER = b"philox 1"  # 1 is the version of this layout
CHECK = 8  # bytes of a hash that follow


class PhiloxEngine(Engine):
    """A seed and the number of the next draw: every fill takes one, whatever its size."""

    name, unit = "philox", "draw"

    def __init__(self, seed: int):
        super().__init__(seed)
        self._draw = 0

    def _stream(self, module: Any) -> Any:
        with self._lock:
            draw = self._draw
            self._draw = draw + 1
        return module.stream(self.seed, draw)

    def fill(
        self, kind: str, array: np.ndarray, *args: Any, start: int = 0, progress: Progress = None
    ) -> None:
        module = kernels.of(array)
        stream = self._stream(module)
        getattr(module, kind)(array, stream, *args, start, progress)

    def permutation(self, n: int) -> np.ndarray:
        module = kernels.of(None)
        return module.permutation(n, self._stream(module))

    def state(self) -> np.ndarray:
        content = np.array([(HEADER, self.seed, self._draw, self.children)], STATE).tobytes()
        return np.frombuffer(content + _check(content), np.uint8).copy()

    def restore(self, state: np.ndarray) -> None:
        size = STATE.itemsize + CHECK
        if state.size != size:
            raise RuntimeError(
                f"Expected a state of the philox engine, of {size} bytes, but found the input RNG "
                f"state size to be {state.size}; a state of another engine needs a generator with "
                "that engine"
            )
        content = state[: STATE.itemsize].tobytes()
        fields = np.frombuffer(content, STATE)[0]
        if fields["header"] != HEADER or state[STATE.itemsize :].tobytes() != _check(content):
            raise RuntimeError("Invalid philox state: it is damaged, or no state of a generator")
        self.seed, self._draw = int(fields["seed"]), int(fields["draw"])
        self.children = int(fields["children"])

    def drawn(self) -> int:
        return self._draw


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECK).digest()
