"""Check every kernel of the GPU against the CPU's, and time what matters beside torch.

python benchmarks/gpu.py    writes benchmarks/results/<card>.json; takes less than five minutes

Times are medians of runs of many launches, each run waited for. Torch is timed on the same card
where it is installed, without TF32. The write bandwidth is that of a memory set by the driver.
"""

# ruff: noqa: B023 (each lambda in a loop is called before the loop goes on)
from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import minnet
from minnet import kernels

RESULTS = Path(__file__).parent / "results"
STREAM = (np.uint64(0x0123456789ABCDEF), np.uint64(7))


@dataclass(frozen=True)
class Sizes:
    """How large everything is."""

    checked: int = 1_000_003  # elements of an array
    product: tuple[int, int, int] = (517, 389, 1030)
    rows: int = 300
    filled: int = 1 << 28
    square: int = 4096
    layers: tuple[int, ...] = (784, 1024, 1024, 10)
    batch: int = 1024
    seconds: float = 0.5  # for one figure
    checked_in: tuple[str, ...] = ("float32", "float64")
    only: str = ""  # of the kernels, those whose names match


# For the simulator
FEW = "^(uniform|relu|matmul nn|sum 0|cross_entropy|sgd|rows)"
TINY = Sizes(40, (9, 10, 11), 3, 64, 8, (6, 5, 3), 4, 0.0, ("float32",), FEW)


# Checks: a kernel's name, and the results of CPU and GPU


def both(
    call: Callable[..., Any], *arrays: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return what a call of the kernels of either device gives for the same arrays.

    The call takes a module of kernels and the arrays. An array that it changes is a result too.
    """
    from minnet.kernels.cuda.array import from_host

    found = []
    for place in (np.copy, from_host):
        own = [place(x) for x in arrays]
        results = call(kernels.of(own[0]), *own)
        several = results if isinstance(results, tuple) else (results,)
        found.append([np.array(host(x)) for x in (*own, *several) if x is not None])
    return found[0], found[1]


def host(x: Any) -> Any:
    """Return an array of either device as NumPy's."""
    return x.to_host() if hasattr(x, "to_host") else x


FILLS = {
    "uniform": (-0.75, 2.5),
    "normal": (0.5, 1.25),
    "exponential": (2.0,),
    "trunc_normal": (0.25, 1.0, -1.0, 1.5),
    "bernoulli": (0.3,),
    "integers": (0, 1000),
}


def checks(sizes: Sizes) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield every kernel's name, and a call of it with its arrays."""
    from minnet.kernels.formulas import FORMULAS

    rng = np.random.default_rng(0)
    for name in sizes.checked_in:
        real = np.dtype(name).type

        def normals(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape).astype(real)

        for fill, args in FILLS.items():
            out = np.zeros(sizes.checked, np.int64 if fill == "integers" else real)
            work = (lambda k, x: getattr(k, fill)(x, STREAM, *args, start=12_345), out)
            yield f"{fill}, {name}", work
        x, dy = 3 * normals(sizes.checked), normals(sizes.checked)
        for function, formula in FORMULAS.items():
            args = (0.5, 1.5)[: len(formula.numbers)]
            arrays = (dy, x)[-len(formula.arrays) :]
            yield f"{function}, {name}", (lambda k, *a: getattr(k, function)(*a, *args), *arrays)
        m, n, depth = sizes.product
        a, b, bias = normals(m, depth), normals(n, depth), normals(n)
        yield f"matmul nt, {name}", (lambda k, a, b, c: k.matmul(a, b.T, c), a, b, bias)
        yield f"matmul nn, {name}", (lambda k, a, b: k.matmul(a, b), normals(m, n), b)
        yield f"matmul tn, {name}", (lambda k, a, b: k.matmul(a.T, b), a, normals(m, n))
        rows = 3 * normals(sizes.rows, 150)
        for axis in (0, 1, None):
            yield f"sum {axis}, {name}", (lambda k, x: k.sum(x, axis), rows)
        for function in ("softmax", "log_softmax", "logsumexp"):
            yield f"{function}, {name}", (lambda k, x: getattr(k, function)(x, 1), rows)
        target = rng.integers(0, 150, sizes.rows)

        def loss(k: Any, x: Any, target: Any, dy: Any) -> Any:
            value, saved, _ = k.cross_entropy(x, target)
            return value, *saved, k.cross_entropy_backward(dy, saved, target)

        yield f"cross_entropy, {name}", (loss, rows, target, normals(sizes.rows))
        one = np.ones(1, real)
        weights = (dy, abs(dy), one, one)
        yield f"bce_with_logits, {name}", (lambda k, *a: k.bce_with_logits(*a), *weights)
        states = [abs(normals(sizes.checked)) for _ in range(4)]
        yield f"sgd, {name}", (lambda k, *r: k.sgd_step([r], 0.1), *states[:2])
        steps = {"lr": 0.1, "momentum": 0.9, "nesterov": True}
        yield f"momentum, {name}", (lambda k, *r: k.sgd_step([r], **steps), *states[:3])
        adam = (0.01, 0.9, 0.99, 1e-8, 0.1, 3.0)
        yield f"adam, {name}", (lambda k, *r: k.adam_step([r], *adam), *states)
        chosen = rng.integers(0, sizes.rows, sizes.rows)
        yield f"rows, {name}", (lambda k, x, i: k.rows(x, i), rows, chosen)


def agreement(sizes: Sizes) -> dict[str, bool]:
    """Return, by kernel, whether CPU and GPU give the same bits."""
    with np.errstate(all="ignore"):
        return {
            name: all(a.tobytes() == b.tobytes() for a, b in zip(*both(*work), strict=True))
            for name, work in checks(sizes)
            if re.search(sizes.only, name)
        }


# Times


def seconds(run: Callable[[], Any], wait: Callable[[], Any], sizes: Sizes) -> float:
    """Return the median time of a call, of nine runs of many calls each."""
    run()  # compiles
    wait()
    start = time.perf_counter()
    run()
    wait()
    once = time.perf_counter() - start
    calls = max(1, int(sizes.seconds / 9 / max(once, 1e-6)))
    times = []
    for _ in range(9 if sizes.seconds else 1):
        start = time.perf_counter()
        for _ in range(calls):
            run()
        wait()
        times.append((time.perf_counter() - start) / calls)
    return median(times)


def peer() -> Any:
    """Return torch where it has a GPU, without TF32; otherwise nothing."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch


def set_memory(array: Any) -> None:
    """Let the driver set an array's memory to zeros."""
    from minnet.kernels.cuda.driver import SIMULATED

    if SIMULATED:
        array[...] = 0
    else:
        from numba.cuda.cudadrv.driver import device_memset

        device_memset(array.memory, 0, array.nbytes)


def fill_times(sizes: Sizes, torch: Any) -> Iterator[dict[str, Any]]:
    """Yield the times of float32 fills, and the fraction of the write bandwidth they reach."""
    from minnet.kernels.cuda.array import empty

    out = empty(sizes.filled, np.float32)
    k = kernels.of(out)
    wait = minnet.cuda.synchronize
    limit = seconds(lambda: set_memory(out), wait, sizes)
    yield {"work": "memory set", "minnet": limit, "bytes a second": out.nbytes / limit}
    other = torch.empty(sizes.filled, device="cuda") if torch else None
    peers = {
        "uniform": lambda: other.uniform_(),
        "normal": lambda: other.normal_(),
        "trunc_normal": lambda: torch.nn.init.trunc_normal_(other),
    }
    for name, args in {
        "uniform": (0.0, 1.0),
        "normal": (0.0, 1.0),
        "trunc_normal": (0.0, 1.0, -2.0, 2.0),
    }.items():
        own = seconds(lambda: getattr(k, name)(out, STREAM, *args), wait, sizes)
        theirs = seconds(peers[name], torch.cuda.synchronize, sizes) if torch else None
        yield {
            "work": f"{name}, {sizes.filled} float32",
            "minnet": own,
            "torch": theirs,
            "of the write bandwidth": limit / own,
        }


def product_times(sizes: Sizes, torch: Any) -> Iterator[dict[str, Any]]:
    """Yield the times of float32 products in three layouts; torch's are cuBLAS's."""
    from minnet.kernels.cuda.array import empty

    n = sizes.square
    a, b, out = (empty((n, n), np.float32) for _ in range(3))
    k = kernels.of(a)
    for x in (a, b):
        k.normal(x, STREAM, 0.0, 1.0)
    layouts = {
        "nt": lambda x: (x[0], x[1].T),
        "nn": lambda x: (x[0], x[1]),
        "tn": lambda x: (x[0].T, x[1]),
    }
    pair = tuple(torch.randn(n, n, device="cuda") for _ in range(2)) if torch else ()
    for name, views in layouts.items():
        left, right = views((a, b))
        own = seconds(lambda: k.matmul(left, right, out=out), minnet.cuda.synchronize, sizes)
        theirs = None
        if torch:
            x, y = views(pair)
            theirs = seconds(lambda: torch.matmul(x, y), torch.cuda.synchronize, sizes)
        yield {
            "work": f"matmul {name}, {n} x {n} x {n}",
            "minnet": own,
            "torch": theirs,
            "flop a second": 2 * n**3 / own,
        }


def step_of(module: Any, sizes: Sizes, optimizer: str) -> Callable[[], None]:
    """Return a training step of an MLP on the GPU, in minnet or in torch: the same program."""
    net = module.nn
    layers: list[Any] = []
    for wide, narrow in zip(sizes.layers, sizes.layers[1:], strict=False):
        layers += [net.Linear(wide, narrow), net.ReLU()]
    model = net.Sequential(*layers[:-1]).to("cuda")
    x = module.randn(sizes.batch, sizes.layers[0]).to("cuda")
    y = module.randint(0, sizes.layers[-1], (sizes.batch,)).to("cuda")
    criterion = net.CrossEntropyLoss()
    chosen = getattr(module.optim, optimizer)(model.parameters(), lr=1e-3)

    def step() -> None:
        chosen.zero_grad()
        criterion(model(x), y).backward()
        chosen.step()

    return step


def step_times(sizes: Sizes, torch: Any) -> Iterator[dict[str, Any]]:
    """Yield the times of a training step of an MLP."""
    name = "-".join(map(str, sizes.layers))
    for optimizer in ("SGD", "Adam"):
        own = seconds(step_of(minnet, sizes, optimizer), minnet.cuda.synchronize, sizes)
        theirs = None
        if torch:
            theirs = seconds(step_of(torch, sizes, optimizer), torch.cuda.synchronize, sizes)
        yield {
            "work": f"training step, {name}, batch {sizes.batch}, {optimizer}",
            "minnet": own,
            "torch": theirs,
        }


def versions() -> dict[str, str]:
    """Return the versions of what takes part."""
    found = {"python": platform.python_version(), "minnet": minnet.__version__}
    for library in ("numpy", "numba", "numba-cuda", "torch"):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def examine(sizes: Sizes) -> dict[str, Any]:
    """Return all that this program finds: the card, the versions, the checks and the times."""
    torch = peer()
    same = agreement(sizes)
    print(f"{sum(same.values())} of {len(same)} kernels have the CPU's bits", flush=True)
    for name in (name for name, equal in same.items() if not equal):
        print(f"  not {name}")
    times = []
    for part in (fill_times, product_times, step_times):
        for row in part(sizes, torch):
            times.append(row)
            print(line(row), flush=True)
    return {
        "card": minnet.cuda.get_device_name(),
        "capability": list(minnet.cuda.get_device_capability()),
        "versions": versions(),
        "sizes": vars(sizes),
        "same bits": same,
        "times": times,
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of times in words."""
    said = f"{row['work']:52} {1e3 * row['minnet']:9.3f} ms"
    if row.get("torch"):
        said += f"   torch {1e3 * row['torch']:9.3f} ms, {row['torch'] / row['minnet']:.2f} of it"
    extra = row.get("of the write bandwidth")
    return said if extra is None else f"{said}   {extra:.2f} of the write bandwidth"


def main(arguments: list[str] | None = None, sizes: Sizes = Sizes()) -> int:
    """Run everything, and write what was found; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    folder = parser.parse_args(arguments).results
    if not minnet.cuda.is_available():
        print(f"needs a GPU, and there is none: {minnet.cuda.why_not()}. Nothing was measured.")
        return 1
    found = examine(sizes)
    folder.mkdir(parents=True, exist_ok=True)
    card = re.sub(r"\W+", "-", found["card"]).strip("-").lower()
    path = folder / f"{card}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"wrote {path}")
    return 0 if all(found["same bits"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
