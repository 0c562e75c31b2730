"""Whether CUDA can be used, and if not, why: asked of the driver itself, before Numba is imported.

Numba's CUDA takes 0.4 s to import, which a machine without a GPU should never spend.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from functools import cache
from typing import Any

OLDEST_DRIVER = 13_000  # CUDA 13.0, whose compiler the extra `cuda` installs
PACKAGE = "numba_cuda"
INSTALL = 'python -m pip install "minnet[cuda]"'
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE of cuda.h

# Whether this process is the child of one that had used CUDA: a context does not outlive a fork.
forked = False
_used = False

FORKED = (
    "Cannot re-initialize CUDA in forked subprocess: CUDA was used before this process was forked; "
    "start processes by 'spawn' (multiprocessing.set_start_method), or use CUDA after the fork only"
)


def note_use() -> None:
    """Note that this process uses CUDA from now on."""
    global _used
    _used = True


def used() -> bool:
    """Say whether this process, or one that it was forked from, has used CUDA."""
    return _used


def _in_forked_child() -> None:
    global forked
    forked = forked or _used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def _switch(name: str) -> bool:
    """Say whether one of Numba's environment variables is on, read as Numba reads it."""
    try:
        return bool(int(os.environ.get(name, "0") or 0))
    except ValueError:
        return False


def simulated() -> bool:
    """Say whether Numba's simulator takes the GPU's place (NUMBA_ENABLE_CUDASIM=1)."""
    return _switch("NUMBA_ENABLE_CUDASIM")


def why_not() -> str | None:
    """Return why CUDA cannot be used, or None where it can. Never raises."""
    if forked:
        return FORKED
    return _why_not()


@cache
def _why_not() -> str | None:
    if simulated():
        return None
    if _switch("NUMBA_DISABLE_CUDA"):
        return "the environment variable NUMBA_DISABLE_CUDA is set; unset it to use the GPU"
    try:
        problem = _of_driver(_library())
    except (OSError, AttributeError) as error:
        return (
            f"there is no NVIDIA driver: {error}; install one, or see that its library is on the "
            "loader's path"
        )
    if problem is not None:
        return problem
    if importlib.util.find_spec(PACKAGE) is None:
        return f"there is a GPU, but numba-cuda is not installed: {INSTALL}"
    return None


def _library() -> Any:
    """Load the driver's library."""
    if sys.platform == "win32":
        return ctypes.WinDLL("nvcuda.dll")
    return ctypes.CDLL("libcuda.so.1")


def _of_driver(driver: Any) -> str | None:
    """Return what is wrong with the driver or its devices, or None."""
    version, count = ctypes.c_int(0), ctypes.c_int(0)
    if driver.cuDriverGetVersion(ctypes.byref(version)) == 0 and version.value < OLDEST_DRIVER:
        return (
            f"the NVIDIA driver is too old: it supports CUDA {_named(version.value)}, and "
            f"{_named(OLDEST_DRIVER)} is needed; update the driver (580 or later)"
        )
    code = driver.cuInit(0)
    if code == 0:
        note_use()  # which is enough to keep a forked child from it
        code = driver.cuDeviceGetCount(ctypes.byref(count))
    if code == NO_DEVICE or (code == 0 and count.value == 0):
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        return "the NVIDIA driver finds no GPU" + (
            "" if hidden is None else f"; CUDA_VISIBLE_DEVICES is {hidden!r}"
        )
    if code != 0:
        return f"the NVIDIA driver does not start: error {code} of cuInit; see nvidia-smi"
    return None


def _named(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


@cache
def device_count() -> int:
    """Return how many GPUs the driver finds, 0 where CUDA cannot be used."""
    if why_not() is not None:
        return 0
    if simulated():
        return 1
    count = ctypes.c_int(0)
    return count.value if _library().cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def require() -> None:
    """Check that CUDA can be used.

    Raises:
        RuntimeError: if not, with the reason.
    """
    reason = why_not()
    if reason is not None:
        raise RuntimeError(
            f"CUDA is not available: {reason}. Leave `device` out, or guard it with "
            "minnet.cuda.is_available(), to compute on the CPU"
        )
