"""The engine that draws torch's numbers: the Mersenne Twister, in torch's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import kernels
from minnet.random.engine import Engine, Progress

# What torch's `Generator.get_state` holds.
STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "normal", "has_normal"],
        "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", 624), "<f8", "<i4"],
        "offsets": [0, 8, 12, 16, 24, 5024, 5040],
        "itemsize": 5056,
    }
)


class TorchEngine(Engine):
    """The numbers of torch 2.13 on x86 for the same seed, of which only the low 32 bits count.

    Numbers are drawn in sequence, so one fill at a time, and none can start in the middle.
    """

    name, unit = "torch", "words"

    def __init__(self, seed: int):
        super().__init__(seed)
        self._twister = kernels.of(None).mersenne_twister
        self._state = self._twister.seeded(seed)

    def fill(
        self, kind: str, array: np.ndarray, *args: Any, start: int = 0, progress: Progress = None
    ) -> None:
        if start != 0:
            raise ValueError(
                "the torch engine draws in sequence and fills whole tensors only, but got "
                f"start={start}; the philox engine can start anywhere"
            )
        host = kernels.staged(array)
        with self._lock:
            getattr(self._twister, kind)(host, self._state, *args, progress)
        if host is not array:
            array[...] = host

    def any_integers(self, array: np.ndarray, high: int, **place: Any) -> None:
        # torch takes one word for int32, though 2**31 numbers are a range for two.
        kind = "integers32" if array.dtype.itemsize < 8 else "integers"
        self.fill(kind, array, 0, high, **place)

    def permutation(self, n: int) -> np.ndarray:
        with self._lock:
            return self._twister.permutation(n, self._state)

    def pass_seed(self) -> int:
        with self._lock:
            return self._twister.word64(self._state)

    def end_pass(self, n: int) -> None:
        self.permutation(n)  # torch's order for the part of a pass that is left, which is none

    def state(self) -> np.ndarray:
        with self._lock:
            fields = self._twister.fields(self._state)
        state = np.zeros(1, STATE)
        for name, value in {"seed": self.seed, "seeded": 1, **fields}.items():
            state[name] = value
        return state.view(np.uint8)

    def restore(self, state: np.ndarray) -> None:
        if state.size != STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE.itemsize}, a state of the torch "
                f"engine, but found the input RNG state size to be {state.size}; a state of "
                "another engine needs a generator with that engine"
            )
        fields = np.frombuffer(state.tobytes(), STATE)[0]
        words, left, next_ = fields["words"], int(fields["left"]), int(fields["next"])
        placed = 0 < left and left - 1 + next_ <= len(words)
        if fields["seeded"] != 1 or not placed or words.max() > 0xFFFFFFFF or not words.any():
            raise RuntimeError("Invalid mt19937 state: it is damaged, or no state of a generator")
        restored = self._twister.state_of(
            words, left, next_, fields["normal"], fields["has_normal"]
        )
        with self._lock:
            self.seed, self._state = int(fields["seed"]), restored

    def drawn(self) -> int:
        """Return the number of 32-bit words drawn since the seed or the state was set."""
        return self._twister.drawn(self._state)
