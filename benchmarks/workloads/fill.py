"""Random fills, with a constant fill as the limit, and orthogonal matrices."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numba
import numpy as np

from minnet.kernels.cpu.words import words
from minnet.kernels.philox import COUNTERS, RUN_BYTES, stream
from workloads.workload import Run, Workload, both, need

NORMAL = NormalDist()
LAYER = 784 * 128
TARGETS: dict[tuple[str, str], dict[str, float]] = {
    ("uniform", "float32"): {"torch": 15, "numpy PCG64": 8, "numpy SFC64": 8, "constant fill": 0.3},
    ("normal", "float32"): {"torch": 8, "numpy PCG64": 15, "numpy SFC64": 15},
    ("trunc_normal", "float32"): {"torch": 40},
    ("uniform", "float64"): {"mkl_random": 1.2},
    ("normal", "float64"): {"mkl_random": 1.5},
}
# The sizes that the targets speak of.
TARGET_SIZES = {
    ("trunc_normal", "float32"): (10**6, 10**7),
    ("uniform", "float64"): (10**7,),
    ("normal", "float64"): (10**7,),
}


def quantile(kind: str, p: float) -> float:
    """Return the value below which a share `p` of the distribution lies."""
    if kind == "uniform":
        return p
    if kind == "trunc_normal":
        p = NORMAL.cdf(-2) + p * (NORMAL.cdf(2) - NORMAL.cdf(-2))
    return NORMAL.inv_cdf(p)


def checked(run: Run, kind: str, n: int, dtype: str) -> Run:
    """Check what a fill gives against its distribution, and that a second one differs."""
    x = np.asarray(run()).copy()  # the next fill goes to the same place
    assert x.shape == (n,) and x.dtype == dtype, f"expected {n} {dtype}, got {x.shape} {x.dtype}"
    low, high = {"uniform": (0, 1), "normal": (-9, 9), "trunc_normal": (-2, 2)}[kind]
    assert low <= x.min() and x.max() <= high, f"{kind}: outside [{low}, {high}]"
    for p in np.linspace(0.1, 0.9, 9):
        share = np.count_nonzero(x < quantile(kind, p)) / n
        assert abs(share - p) < 6 * (p * (1 - p) / n) ** 0.5, f"{kind}: {share} below quantile {p}"
    assert np.count_nonzero(x == np.asarray(run())) < n / 100, f"{kind}: the same numbers again"
    return run


def in_place(module: ModuleType, kind: str, n: int, dtype: str) -> Run:
    """minnet or torch: fill a tensor in place."""
    tensor = module.empty(n, dtype=getattr(module, dtype))
    if kind == "trunc_normal":
        run = partial(module.nn.init.trunc_normal_, tensor)
    else:
        run = getattr(tensor, f"{kind}_")
    return checked(run, kind, n, dtype)


def numpy_generator(engine: Callable[..., Any], kind: str, n: int, dtype: str) -> Run:
    """NumPy: fill an array in place. Its generators run on one thread."""
    generator = np.random.Generator(engine(0))
    fill: Any = generator.random if kind == "uniform" else generator.standard_normal
    out = np.empty(n, dtype)
    return checked(lambda: fill(dtype=dtype, out=out), kind, n, dtype)


def jax_fill(kind: str, n: int, dtype: str) -> Run:
    """jax: compiled, with a new key each time, into a new array, as it has no other way."""
    jax = need("jax")
    sample: Any = {
        "uniform": lambda key: jax.random.uniform(key, (n,), dtype),
        "normal": lambda key: jax.random.normal(key, (n,), dtype),
        "trunc_normal": lambda key: jax.random.truncated_normal(key, -2, 2, (n,), dtype),
    }[kind]

    @jax.jit
    def draw(key: Any) -> Any:
        key, used = jax.random.split(key)
        return key, sample(used)

    key = jax.random.key(0)

    def run() -> Any:
        nonlocal key
        key, x = jax.block_until_ready(draw(key))
        return x

    return checked(run, kind, n, dtype)


def mkl(kind: str, n: int, dtype: str) -> Run:
    """Intel MKL: its fastest generator and method at this size here, into a new array."""
    random = need("mkl_random")
    runs: list[Run] = []
    for generator in ("SFMT19937", "MCG59", "MT19937", "ARS5", "PHILOX4X32X10"):
        state = random.MKLRandomState(0, brng=generator)
        if kind == "uniform":
            runs.append(partial(state.uniform, size=n))
        else:
            methods = ("ICDF", "BoxMuller", "BoxMuller2")
            runs += [partial(state.normal, size=n, method=method) for method in methods]

    def seconds(run: Run) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return min(times)

    return checked(min(runs, key=seconds), kind, n, dtype)


@numba.njit(parallel=True)
def _constants(out: np.ndarray) -> None:
    for i in numba.prange(out.size):
        out[i] = 1


@numba.njit(parallel=True)
def _words_alone(out: np.ndarray, stream: Any) -> None:
    size = RUN_BYTES // out.itemsize
    for r in numba.prange(out.size // size):
        address = out[r * size : (r + 1) * size].ctypes.data
        words(address, numba.uint64(r * COUNTERS), COUNTERS, stream)


def constant(n: int, dtype: str) -> Run:
    """A limit: write one number to every place, on all threads."""
    out = np.empty(n, dtype)

    def run() -> Any:
        _constants(out)
        return out

    assert (run() == 1).all()
    return run


def philox(n: int, dtype: str) -> Run:
    """A limit: the ten rounds of Philox alone, on all threads, in whole runs."""
    out = np.zeros(-(-n * np.dtype(dtype).itemsize // RUN_BYTES) * RUN_BYTES, np.uint8).view(dtype)
    key = stream(0, 0)

    def run() -> Any:
        _words_alone(out, key)
        return out

    run()
    assert np.unique(out.view(np.uint32)[:10_000]).size > 9_990, "expected random words"
    return run


def fill(kind: str, n: int, dtype: str, slow: bool = False) -> Workload:
    case = (kind, n, dtype)
    peers = both(in_place, *case)
    if kind != "trunc_normal":  # NumPy and MKL have none
        peers["numpy PCG64"] = partial(numpy_generator, np.random.PCG64, *case)
        peers["numpy SFC64"] = partial(numpy_generator, np.random.SFC64, *case)
        if dtype == "float64":  # the only one it has
            peers["mkl_random"] = partial(mkl, *case)
    if dtype == "float32":  # float64 would change jax's defaults for the whole process
        peers["jax"] = partial(jax_fill, *case)
    peers["Philox alone"] = partial(philox, n, dtype)
    peers["constant fill"] = partial(constant, n, dtype)
    aimed = n in TARGET_SIZES.get((kind, dtype), (10**6, 10**8))
    targets = TARGETS.get((kind, dtype), {}) if aimed else {}
    return Workload(f"{kind}_ {dtype} {n:,}", peers, targets, slow=slow)


def orthogonal(module: ModuleType, n: int) -> Run:
    """minnet or torch: fill a square matrix with an orthogonal one."""
    tensor = module.empty(n, n)
    run = partial(module.nn.init.orthogonal_, tensor)
    q = np.asarray(run())
    np.testing.assert_allclose(q @ q.T, np.eye(n), rtol=0, atol=1e-5)
    return run


WORKLOADS = [
    *(fill(kind, n, "float32") for kind in ("uniform", "normal", "trunc_normal")
      for n in (LAYER, 10**6, 10**7)),
    *(fill(kind, 10**8, "float32", slow=True) for kind in ("uniform", "normal", "trunc_normal")),
    *(fill(kind, 10**7, "float64") for kind in ("uniform", "normal", "trunc_normal")),
    *(Workload(f"orthogonal_ {n}x{n}", both(orthogonal, n), {"torch": 2}, slow=n > 1024)
      for n in (1024, 2048)),
]  # fmt: skip
