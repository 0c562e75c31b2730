"""Runs the checks in `simulated/` under Numba's simulator of a GPU, in a process of their own.

The simulator runs kernels as Python, so this proves what the kernels index and compute, and what
tensors do on the device. It does not type or compile a kernel, and nothing here has seen a GPU.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKS = sorted(path.name for path in (HERE / "simulated").glob("check_*.py"))


@pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None,
    reason="needs numba-cuda: pip install minnet[cuda]",
)
@pytest.mark.parametrize("name", CHECKS)
def test_under_the_simulator(name, tmp_path_factory):
    command = [sys.executable, "-m", "pytest", "-q", "-o", "python_files=check_*.py"]
    # Kernels of the CPU are compiled anew: in a folder of their own, as they are not the same.
    cache = str(tmp_path_factory.getbasetemp() / "cache")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_CACHE_DIR": cache}
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(HERE / "simulated" / name)],
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout + run.stderr
