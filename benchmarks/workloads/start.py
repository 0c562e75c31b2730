"""Whole processes: an import, and an import with a first trained batch."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path

from workloads.workload import NotInstalled, Run, Workload

FIRST_BATCH = """
import {module} as torch
import {module}.nn as nn
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss = nn.functional.cross_entropy(model(torch.rand(64, 784)), torch.randint(10, (64,)))
loss.backward()
optimizer.step()
print(loss.item())
"""


def python(code: str) -> str:
    """Run a program in a fresh process, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def installed(module: str) -> None:
    # Asked without importing: the library should not be loaded in this process for that.
    if importlib.util.find_spec(module) is None:
        raise NotInstalled(f"{module} is not installed: python -m pip install {module}")


def imported(module: str) -> Run:
    """Return what imports a library. The check has filled the file cache."""
    installed(module)
    found = python(f"import {module}; print({module}.__version__)").strip()
    expected = __import__("minnet").__version__ if module == "minnet" else version(module)
    assert found == expected, f"{module}: expected version {expected}, got {found}"
    return partial(python, f"import {module}")


def first_batch(module: str) -> Run:
    """Return what trains one batch in a fresh process. The check has filled minnet's cache."""
    installed(module)
    code = FIRST_BATCH.format(module=module)
    loss = float(python(code))
    assert 1.8 < loss < 3, f"{module}: expected a first loss near log(10), got {loss}"
    return partial(python, code)


def cold() -> Run:
    """Return what compiles the kernels of training into an empty folder."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            code = "import minnet; minnet.warmup()"
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)
            assert list(Path(folder).rglob("*.nbc")), "nothing was compiled"

    return run


WORKLOADS = [
    Workload(
        "import",
        {module: partial(imported, module) for module in ("minnet", "torch", "numpy", "jax")},
        {"torch": 4},
    ),
    Workload(
        "import and first trained batch",
        {module: partial(first_batch, module) for module in ("minnet", "torch")},
        {"torch": 1 / 0.6},
    ),
    Workload("compiling what trains, cold cache", {"minnet": cold}, most=15.0, rounds=1, slow=True),
]
