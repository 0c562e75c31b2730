"""What the CPU's kernels have and the device's have not: an error that says what to do instead."""

from __future__ import annotations

from typing import Any

from minnet.kernels.cuda.array import Array


class HostOnly:
    """Stands for a module of kernels that there is on the CPU alone.

    Raises:
        RuntimeError: when anything of it is used.
    """

    def __init__(self, what: str):
        self._what = what

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what Python's tools ask every object for
            raise AttributeError(name)
        raise _error(self._what)


def _error(what: str) -> RuntimeError:
    return RuntimeError(f"{what} on the CPU only: make a CPU tensor, and move it with .to('cuda')")


mersenne_twister = HostOnly("the torch engine draws its numbers one after another,")


def digits(images: Array, labels: Array, seed: int, split: int) -> None:
    """Raise, as digits are drawn on the CPU.

    Raises:
        RuntimeError: always.
    """
    raise _error("digits are drawn")
