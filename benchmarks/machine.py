"""The machine and the versions that a figure depends on, and what makes it doubtful."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import numba
from workloads.workload import CORES

import minnet

LIBRARIES = ("numpy", "numba", "torch", "jax", "scikit-learn", "mkl_random")


def processor() -> str:
    """Return the processor's name."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def describe() -> dict[str, str]:
    """Return processor, cores, system, versions and Numba's threading layer by name."""
    found = {
        "processor": processor(),
        "cores": str(CORES),
        "system": platform.platform(),
        "python": platform.python_version(),
        "minnet": minnet.__version__,
    }
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    minnet.empty(10**6).uniform_()  # the layer is chosen at the first parallel launch
    try:
        found["threading layer"] = numba.threading_layer()
    except ValueError:
        found["threading layer"] = "none used"
    return found


def doubts() -> list[str]:
    """Return what may distort timings here, in sentences."""
    said = [
        f"{name} is set, which changes NumPy's matmul: unset it to compare"
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        if name in os.environ
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        said.append(f"the machine is busy: its load is {load:.1f}")
    return said
