"""Matrix products in the three layouts that training needs: square ones, and those of MLPs."""

from __future__ import annotations

from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np

from workloads.peak import fma_peak
from workloads.workload import THREADS, Run, Workload, both

# x Wᵀ of the forward pass, dy W for dx, dyᵀ x for dw.
LAYOUTS = ("nt", "nn", "tn")
LAYERS = ((784, 128), (128, 10), (256, 256))  # in, out
BATCHES = (32, 64, 256)
PEAK_FLOP = 10**9  # at least, so that a start of threads is not felt


@lru_cache(maxsize=1)
def problem(layout: str, m: int, k: int, n: int) -> tuple[Any, ...]:
    """Return (M, K) and (K, N) operands as they lie in memory, the product, and its error bound."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if layout[0] == "t" else (m, k), np.float32)
    b = rng.standard_normal((n, k) if layout[1] == "t" else (k, n), np.float32)
    a64 = (a.T if layout[0] == "t" else a).astype(np.float64)
    b64 = (b.T if layout[1] == "t" else b).astype(np.float64)
    # Any order of summation keeps within k eps |a||b| (Higham 2002, section 3.5).
    bound = k * np.finfo(np.float32).eps * (np.abs(a64) @ np.abs(b64))
    return a, b, a64 @ b64, bound


def checked(run: Run, *shape: Any) -> Run:
    """Check a product against the one in float64."""
    *_, exact, bound = problem(*shape)
    error = np.abs(np.asarray(run()) - exact)
    assert (error <= bound).all(), f"wrong product: off by {(error / bound).max()} of the bound"
    return run


def eager(module: ModuleType, layout: str, *shape: int) -> Run:
    """minnet or torch: a transposed operand is a view, as in a layer's backward pass."""
    a, b = (module.from_numpy(array) for array in problem(layout, *shape)[:2])
    a = a.t() if layout[0] == "t" else a
    b = b.t() if layout[1] == "t" else b
    return checked(partial(module.mm, a, b), layout, *shape)


def openblas(layout: str, *shape: int) -> Run:
    """NumPy's BLAS, which is OpenBLAS in its wheels."""
    a, b = problem(layout, *shape)[:2]
    a = a.T if layout[0] == "t" else a
    b = b.T if layout[1] == "t" else b
    return checked(partial(np.matmul, a, b), layout, *shape)


def product(kind: str, target: float, threads: int, slow: bool, *case: Any) -> Workload:
    layout, m, k, n = case
    flop = 2 * m * k * n
    times = -(-PEAK_FLOP // flop)
    peak = partial(fma_peak, times * flop, threads)
    return Workload(
        f"matmul {layout} {m}x{k}x{n} ({kind})",
        {**both(eager, *case), "numpy": partial(openblas, *case), "fma peak": peak},
        {"torch": target, "numpy": target},
        threads=threads,
        flop=flop,
        group=f"matrix products of the {kind} kind, float32",
        times={"fma peak": times},
        slow=slow,
    )


def layer(layout: str, batch: int, inputs: int, outputs: int) -> tuple[str, int, int, int]:
    """Return a layer's product as (layout, M, K, N)."""
    m, k, n = {
        "nt": (batch, inputs, outputs),
        "nn": (batch, outputs, inputs),
        "tn": (outputs, batch, inputs),
    }[layout]
    return layout, m, k, n


WORKLOADS = [
    *(product("square", 0.95, threads, n > 1024, layout, n, n, n)
      for n in (256, 512, 1024, 2048) for layout in LAYOUTS
      for threads in range(1, THREADS + 1)),
    *(product("layer", 1.2, threads, batch != 64, *layer(layout, batch, *sizes))
      for sizes in LAYERS for batch in BATCHES for layout in LAYOUTS
      for threads in range(1, THREADS + 1)),
]  # fmt: skip
