"""Peak memory of whole processes that train: an epoch of data in MNIST's shape, and a wide MLP."""

from __future__ import annotations

from functools import partial

from workloads.start import installed, python
from workloads.workload import Run, Workload

# What the three programs have in common; each then says how it trains on x and y.
DATA = """
import resource, sys
import numpy as np
sizes, batch, samples = {sizes}, {batch}, {samples}
rng = np.random.default_rng(0)
x = rng.standard_normal((samples, sizes[0]), np.float32)
y = rng.integers(0, 10, samples)
"""
TRAIN = """
import {module} as torch
from {module} import nn
from {tools} import DataLoader, TensorDataset
layers = []
for n_in, n_out in zip(sizes, sizes[1:]):
    layers += [nn.Linear(n_in, n_out), nn.ReLU()]
model = nn.Sequential(*layers[:-1])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
for inputs, targets in DataLoader(data, batch_size=batch, shuffle=True):
    loss = nn.functional.cross_entropy(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert 0 < loss.item() < 10
"""
# On Linux ru_maxrss begins with the peak of the process that started this one, so it is asked of
# /proc, which counts KiB; macOS counts in bytes.
PEAK = """
if sys.platform == "linux":
    status = open("/proc/self/status").read()
    print(1024 * int(status.partition("VmHWM:")[2].split()[0]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(module: str, sizes: tuple[int, ...], batch: int, samples: int) -> Run:
    """Return what trains for an epoch in a fresh process and returns its peak memory in bytes."""
    installed(module)
    code = DATA.format(sizes=sizes, batch=batch, samples=samples)
    if module != "numpy":
        tools = "minnet.data" if module == "minnet" else "torch.utils.data"
        code += TRAIN.format(module=module, tools=tools)
    run = partial(python, code + PEAK)
    assert int(run()) > 4 * sizes[0] * samples, f"{module}: less memory than the data takes"
    return lambda: int(run())


def memory(name: str, sizes: tuple[int, ...], batch: int, samples: int) -> Workload:
    peers = {
        "minnet": partial(peak, "minnet", sizes, batch, samples),
        "torch": partial(peak, "torch", sizes, batch, samples),
        "the data alone, in NumPy": partial(peak, "numpy", sizes, batch, samples),
    }
    return Workload(f"peak memory, {name}", peers, unit="B", rounds=3)


WORKLOADS = [
    memory("784-128-10 batch 64 epoch", (784, 128, 10), 64, 60_000),
    memory("784-1024-1024-10 batch 256, 20 steps", (784, 1024, 1024, 10), 256, 20 * 256),
]
