"""Every CUDA kernel compiles to PTX, and its assembly keeps to the registers of its budget.

What runs on a GPU is this very PTX. It is made in a process of its own.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cuda_registry
import pytest

PROGRAM = Path(cuda_registry.__file__)
NEEDED = ("numba_cuda", "cuda.bindings.nvjitlink", "nvidia.cu13")


def there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not all(there(module) for module in NEEDED), reason="needs numba-cuda: pip install minnet[cuda]"
)


@pytest.fixture(scope="module")
def kernels():
    """Return what was found of each kernel on each target, by name."""
    command = [sys.executable, str(PROGRAM), "--json"]
    root = str(PROGRAM.parents[1])
    run = subprocess.run(
        command, cwd=root, env=cuda_registry.environment(root), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert len(found) > 100
    return found


def broken(kernels, rule):
    """Return the kernels and targets for which a rule does not hold."""
    return [
        f"{name} on {target}: {facts}"
        for name, targets in kernels.items()
        for target, facts in targets.items()
        if not rule(name, facts)
    ]


def test_all_targets(kernels):
    names = {f"sm_{major}{minor}" for major, minor in cuda_registry.TARGETS}
    assert {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100"} == names
    assert all(set(targets) == names for targets in kernels.values())


def test_registers_are_within_the_budget_and_none_are_spilled(kernels):
    assert not broken(kernels, lambda _, f: f["registers"] <= f["budget"])
    assert not broken(kernels, lambda _, f: f["stores"] == f["loads"] == 0)


def test_shared_memory_fits(kernels):
    assert not broken(kernels, lambda _, f: f["shared"] <= 48 << 10)


def test_nothing_is_approximate_or_flushed_to_zero(kernels):
    """Division and square roots are rounded as IEEE says, and subnormals are kept."""
    assert not broken(kernels, lambda _, f: f["approximate"] == [])


def test_no_product_is_contracted_with_a_sum(kernels):
    """The code is the same whether NVVM may make an fma of a product and a sum, or may not."""
    assert not broken(kernels, lambda _, f: not f["contracted"])


def test_matmul_and_fills_move_16_bytes_at_a_time(kernels):
    tiled = {n: t for n, t in kernels.items() if n.startswith("matmul") and "plain" not in n}
    assert len(tiled) == 6
    wide = {n: t for n, t in kernels.items() if n.startswith("fill") and n.endswith("32")}
    assert not broken(tiled, lambda _, f: f["wide_loads"] >= 2 and f["wide_shared_loads"] >= 8)
    assert not broken(tiled | wide, lambda _, f: f["wide_stores"] >= 1)
    both = {n: t for n, t in kernels.items() if n.startswith("pointwise") and n.endswith("32")}
    assert not broken(both, lambda _, f: f["wide_loads"] >= 1 and f["wide_stores"] >= 1)


def test_every_kernel_is_listed():
    """A kernel that no list has would be one that nothing is known of."""
    program = "import cuda_registry; print(*cuda_registry.unlisted())"
    root = PROGRAM.parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROGRAM.parent,
        env=cuda_registry.environment(str(root)),
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr
