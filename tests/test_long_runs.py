"""Long runs: memory, file handles and objects stay as they are, and backward leaves no cycle."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minnet
from minnet import nn, optim

STATUS = Path("/proc/self/status")
HANDLES = Path("/proc/self/fd")


def resident() -> int:
    """Return the memory that this process has in use, in bytes."""
    line = next(s for s in STATUS.read_text().splitlines() if s.startswith("VmRSS:"))
    return 1024 * int(line.split()[1])


class Training:
    """A tiny net in training: every step draws its data, and drops units out."""

    def __init__(self, kind=optim.Adam):
        self.generator = minnet.Generator(seed=0)
        self.net = nn.Sequential(
            nn.Linear(8, 16),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(16, 16),
            nn.Tanh(),
            nn.Linear(16, 3),
        )
        self.optimizer = kind(self.net.parameters(), lr=1e-3)

    def step(self) -> None:
        x = minnet.randn(16, 8, generator=self.generator)
        y = minnet.randint(3, (16,), generator=self.generator)
        loss = nn.functional.cross_entropy(self.net(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def programs():
    """Yield a name and a function that does one step of something, of each kind."""
    for kind in (optim.SGD, optim.Adam):
        yield f"training by {kind.__name__}", Training(kind).step
    x = minnet.randn(6, 5, requires_grad=True)

    def views() -> None:
        y = x.t()[1:].reshape(-1).expand(3, -1).clone()
        y[:, 2] = 0.5
        (y.sort(1).values.cumsum(0) * x.max()).sum().backward()

    def retained() -> None:
        y = (x * 2).exp()
        y.retain_grad()
        y.register_hook(lambda g: g * 2)
        y.sum().backward(retain_graph=True)
        minnet.autograd.grad(y.mean(), x)

    def refused() -> None:
        y = x.exp()
        with minnet.no_grad():
            y.zero_()
        try:  # pytest.raises ties a frame and its error into a cycle of its own
            y.sum().backward()
        except RuntimeError:
            return
        raise AssertionError("a changed value went unnoticed")

    yield "views and assignment", views
    yield "hooks and a graph that is kept", retained
    yield "a backward that fails", refused
    yield "fills", lambda: nn.init.trunc_normal_(minnet.empty(700, 300))
    yield "a network that is made", lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU()).state_dict()


@pytest.mark.parametrize("step", [pytest.param(step, id=name) for name, step in programs()])
def test_no_cycle_is_left_for_the_collector(step):
    """Memory is free as soon as nobody refers to it, and not when the collector happens to run."""
    for _ in range(3):
        step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            step()
        found = gc.collect()
    finally:
        gc.enable()
    assert found == 0


SHORT = """
import gc, sys, tracemalloc
sys.path.insert(0, sys.argv[1])
import test_long_runs as runs
training = runs.Training()
def measured(steps):
    for _ in range(steps):
        training.step()
    gc.collect()  # which also empties the interpreter's own stocks of freed tuples
    return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
tracemalloc.start()
early, late = measured(300), measured(3000)
print(late[0] - early[0], late[1] - early[1])
"""


def run(program: str, *arguments: object, timeout: int = 120) -> str:
    """Return what a program of this file prints, in a process that does nothing else."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program, str(here), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(here.parent)},
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_objects_and_memory_stay_the_same_over_many_steps():
    objects, size = map(int, run(SHORT).split())
    assert objects <= 20
    # The smallest object there is, left by one step of ten, would be 5 KB.
    assert size < 4_000, "bytes that 3000 steps left behind"


LONG = """
import gc, sys
sys.path.insert(0, sys.argv[1])
import minnet, test_long_runs as runs
training = runs.Training()
what, n = sys.argv[2], int(sys.argv[3])
array = minnet.empty(300, 784)
def fill():
    array.uniform_(); array.normal_(); minnet.nn.init.trunc_normal_(array); minnet.rand(500, 500)
step = {"steps": training.step, "fills": fill}[what]
def measured():
    gc.collect()
    return runs.resident(), len(list(runs.HANDLES.iterdir())), len(gc.get_objects())
marks = []
for i in range(n):
    if i in (n // 10, n // 2):
        marks.append(measured())
    step()
marks.append(measured())
for mark in marks:
    print(*mark)
"""


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc")
@pytest.mark.parametrize(("what", "n"), [("steps", 200_000), ("fills", 10_000)])
def test_a_long_run_takes_no_more_memory_or_handles(what, n):
    printed = run(LONG, what, n, timeout=1800)
    print(f"{what}: resident bytes, handles, objects after a tenth, a half and all\n{printed}")
    early, half, late = ([int(n) for n in line.split()] for line in printed.splitlines())
    assert late[0] - early[0] < 2 << 20
    assert late[1] == half[1] == early[1]
    assert abs(late[2] - early[2]) < 100
