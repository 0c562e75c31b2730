"""`Workload`: a work, and for each peer how to prepare it. Peers that are missing, and threads."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import minnet

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = min(2, CORES)
BLAS = ("numpy", "arithmetic alone")  # the peers that run on the threads of NumPy's BLAS

Run = Callable[[], Any]


class NotInstalled(Exception):
    """A library is missing. The message names it and the pip line that installs it."""


def need(module: str, package: str | None = None) -> ModuleType:
    """Import a library.

    Raises:
        NotInstalled: if there is no such library here.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotInstalled(
            f"{module} is not installed: python -m pip install {package or module}"
        ) from error


@dataclass(frozen=True)
class Workload:
    """A work that several libraries can do.

    Attributes:
        name: unique; workloads of one name and thread count are compared with each other.
        peers: for each peer what builds its case, *checks its result*, and returns what to time.
        targets: for a peer, how many times minnet's time it should take at least.
        threads: threads for minnet, torch and NumPy. jax has no such setting and takes all cores.
        flop: floating-point operations of one run, where they are its measure.
        most: what minnet itself may take at most, in seconds or bytes.
        unit: "s" where the run is timed, "B" where it returns bytes of memory.
        group: the name of the row in the README's table that it is part of; its own if empty.
        rounds: how often it is repeated, where the usual number would take too long.
        times: how many runs a peer makes at once, where a single one is too short to time.
        slow: takes many seconds or gigabytes; left out without `--slow`.
    """

    name: str
    peers: Mapping[str, Callable[[], Run]]
    targets: Mapping[str, float] = field(default_factory=dict)
    threads: int = THREADS
    flop: int = 0
    most: float | None = None
    unit: str = "s"
    group: str = ""
    rounds: int = 0
    times: Mapping[str, int] = field(default_factory=dict)
    slow: bool = False

    def prepare(self, peer: str) -> Run:
        """Return what to time, checked, with the thread counts set.

        Raises:
            NotInstalled: if the peer is not installed, or its threads cannot be set.
            AssertionError: if its result is wrong.
        """
        if peer in BLAS and self.threads < CORES:
            need("threadpoolctl")
        run = self.peers[peer]()
        set_threads(self.threads)  # last: now the peer is imported
        return run


def set_threads(n: int) -> None:
    """Set the number of threads of minnet, of torch where it is imported, and of NumPy's BLAS.

    Without threadpoolctl the BLAS keeps a thread for each core.
    """
    minnet.set_num_threads(n)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n)
    with suppress(NotInstalled):
        # "blas" only: an OpenMP limit would reach into torch's and Numba's own pools.
        need("threadpoolctl").threadpool_limits(n, user_api="blas")


def both(case: Callable[..., Run], *args: Any) -> dict[str, Callable[[], Run]]:
    """Return the peers minnet and torch for a case whose first argument is either module."""
    return {
        name: lambda name=name: case(need(name), *args)  # type: ignore[misc]
        for name in ("minnet", "torch")
    }
