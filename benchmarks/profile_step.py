"""Where a training step's time goes: its parts, the kernels among them, and the machine's limits.

    python benchmarks/profile_step.py                # 784-128-10 with SGD, and 8-64-64-1 with Adam
    python benchmarks/profile_step.py --threads 1
    python benchmarks/profile_step.py --matmul blas  # the products by a BLAS, in the same place

A part is timed within the step, where the caches are as a step leaves them; each figure is a median
in microseconds. "kernels" is the time within compiled code and its call, the rest is Python's. The
limits are a bare loop, which calls the same kernels on arrays, without tensors, graph or loader;
the products' fmas at the peak of the same threads; and a launch that does nothing. What a BLAS
computes is no kernel: with `--matmul blas`, compare the whole.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from numba import prange
from workloads.peak import fma_peak
from workloads.train import Problem, data, initial
from workloads.workload import THREADS

import minnet
from minnet.data import DataLoader, TensorDataset
from minnet.kernels import cpu
from minnet.kernels.engine import ENGINES
from minnet.kernels.jit import Kernel, kernel

STEPS = 1000
SPENT: dict[str, float] = {}  # seconds in each kernel since the step began
PROBLEMS = (
    Problem((784, 128, 10), 64, "sgd", samples=937 * 64),
    Problem((8, 64, 64, 1), 32, "adam", samples=100 * 32),
)


@kernel(parallel=True)
def nothing(out: Any) -> None:
    for i in prange(out.size):
        out[i] = 0


def microseconds(run: Callable[[], Any], count: int = 200) -> float:
    """Return the median time of a run."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times) * 1e6


def clock() -> None:
    """Add up from now on, by name, the time that is spent in each kernel."""

    def timed(name: str, call: Callable[..., Any], *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*args)
        finally:
            SPENT[name] = SPENT.get(name, 0.0) + time.perf_counter() - start

    names = [name for name in sys.modules if name.startswith(f"{cpu.__name__}.")]
    for module in map(sys.modules.__getitem__, names):
        for name, found in vars(module).items():
            if isinstance(found, Kernel) and not isinstance(found.serial, partial):
                found.serial = partial(timed, name, found.serial)
                found.parallel = partial(timed, name, found.parallel)  # type: ignore[method-assign]


def parts(p: Problem) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return for each step the seconds of its parts, and of its kernels."""
    nn, optim = minnet.nn, minnet.optim
    layers: list[Any] = []
    for i in range(len(p.sizes) - 1):
        layers += [nn.Linear(*p.sizes[i : i + 2]), nn.ReLU() if p.classes else nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    with minnet.no_grad():
        for parameter, weight in zip(model.parameters(), initial(p), strict=True):
            parameter.copy_(minnet.from_numpy(weight))
    criterion = nn.functional.cross_entropy if p.classes else nn.functional.mse_loss
    optimizer = {"sgd": optim.SGD, "adam": optim.Adam}[p.optimizer](model.parameters(), lr=p.rate)
    loader = DataLoader(TensorDataset(*map(minnet.from_numpy, data(p))), p.batch, shuffle=True)
    steps, kernels = [], []
    now = time.perf_counter
    while len(steps) < STEPS:
        batches = iter(loader)
        while len(steps) < STEPS:
            SPENT.clear()
            times = [now()]
            batch = next(batches, None)
            if batch is None:
                break
            times.append(now())
            output = model(batch[0])
            times.append(now())
            loss = criterion(output, batch[1])
            times.append(now())
            optimizer.zero_grad()
            loss.backward()
            times.append(now())
            optimizer.step()
            times.append(now())
            took = [b - a for a, b in pairwise(times)]
            names = ("load", "forward", "loss", "backward", p.optimizer)
            steps.append(dict(zip(names, took, strict=True)) | {"all": times[-1] - times[0]})
            kernels.append(dict(SPENT))
            if len(steps) == 1:
                clock()  # after the first step, which compiles
    return steps, kernels


def bare_loop(p: Problem) -> float:
    """Return the microseconds of a step in a loop that calls the kernels on arrays."""
    x, y = data(p)
    weights = [w.copy() for w in initial(p)]
    moments = [[np.zeros_like(w) for w in weights] for _ in range(2)]
    names = *["relu" if p.classes else "tanh"] * (len(p.sizes) - 2), None
    order = np.random.default_rng(0).permutation(len(x) // p.batch * p.batch).reshape(-1, p.batch)
    one, times = np.ones(1, np.float32), []
    now = time.perf_counter
    for step in range(STEPS):
        start = now()
        batch = order[step % len(order)]
        inputs, targets = cpu.rows(x, batch), cpu.rows(y, batch)
        out, kept = cpu.mlp([inputs, *weights], names, True)
        if p.classes:
            _, saved, count = cpu.cross_entropy(out, targets, reduction="mean")
            dy = cpu.cross_entropy_backward(one, saved, targets, divisor=count)
        else:
            cpu.squared_error(out, targets, out.size)
            dy = cpu.squared_error_backward(one, out, targets, out.size)
        gradients = cpu.mlp_backward(dy, kept, range(1, len(weights) + 1))[1:]
        if p.optimizer == "sgd":
            cpu.sgd_step([*zip(weights, gradients, strict=True)], p.rate)
        else:
            rows = [*zip(weights, gradients, *moments, strict=True)]
            cpu.adam_step(rows, p.rate, 0.9, 0.999, 1e-8, 0.0, step + 1.0)
        times.append(now() - start)
    return median(times) * 1e6


def report(p: Problem, threads: int) -> None:
    bare = bare_loop(p)
    steps, kernels = parts(p)
    print(f"\n{'-'.join(map(str, p.sizes))}, batch {p.batch}, {p.optimizer}, {threads} threads")
    rows = [(name, median(s[name] for s in steps)) for name in steps[0]]
    rows.append(("kernels", median(sum(k.values()) for k in kernels)))
    names = dict.fromkeys(name for k in kernels for name in k)
    rows += [(f"  {name}", median(k.get(name, 0.0) for k in kernels)) for name in names]
    for name, seconds in rows:
        print(f"  {name:24}{seconds * 1e6:8.1f} µs")
    print(f"  {'a bare loop':24}{bare:8.1f} µs")
    flop = p.flop * p.batch // p.samples
    times = -(-(10**9) // flop)  # enough of them that the start of threads is not felt
    peak = microseconds(fma_peak(times * flop, threads), 9) / times
    print(f"  {'products at the fma peak':24}{peak:8.1f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description="Profile minnet's training step.")
    parser.add_argument("--threads", type=int, default=THREADS, metavar="N")
    parser.add_argument("--matmul", choices=ENGINES, default="minnet")
    args = parser.parse_args()
    threads = args.threads
    minnet.set_num_threads(threads)
    minnet.set_matmul(args.matmul)
    for problem in PROBLEMS:
        report(problem, threads)
    out = np.zeros(threads)
    launches = {"serial": nothing.serial, "parallel": nothing.parallel}
    print("\na kernel that does nothing")
    for form, launch in launches.items():
        launch(out)
        print(f"  {form:24}{microseconds(partial(launch, out)):8.1f} µs")


if __name__ == "__main__":
    main()
