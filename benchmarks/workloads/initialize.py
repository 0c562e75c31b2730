"""Initialization: a layer's default, and all weights of a torch model by either library."""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from workloads.workload import Run, Workload, both, need

# Square layers with a norm and a ReLU each: (number, width).
MODELS = {10**7: (10, 1024), 10**8: (24, 2048)}
# The std of a weight in a layer of a width, and minnet's target where the design names one.
STDS: dict[str, Any] = {
    "kaiming_uniform_": lambda width: math.sqrt(2 / width),
    "kaiming_normal_": lambda width: math.sqrt(2 / width),
    "xavier_uniform_": lambda width: math.sqrt(1 / width),
    "trunc_normal_": lambda width: 0.8796256610,
}
TARGETS = {"kaiming_uniform_": 15, "kaiming_normal_": 8, "xavier_uniform_": 15, "trunc_normal_": 40}


@lru_cache(maxsize=1)
def model(parameters: int) -> Any:
    """Return a torch model of about so many parameters. Its weights are not set."""
    nn = need("torch").nn
    depth, width = MODELS[parameters]
    layers = []
    for _ in range(depth):
        layers += [nn.utils.skip_init(nn.Linear, width, width), nn.LayerNorm(width), nn.ReLU()]
    return nn.Sequential(*layers)


def hook(module: ModuleType, name: str, parameters: int) -> Run:
    """minnet or torch: the usual function for `apply`, with that library's initializers."""
    torch, init = need("torch"), module.nn.init
    net = model(parameters)
    weight, zeros = getattr(init, name), init.zeros_

    def initialize(layer: Any) -> None:
        if isinstance(layer, torch.nn.Linear):
            weight(layer.weight)
            zeros(layer.bias)

    def run() -> None:
        net.apply(initialize)

    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(math.nan)
    run()
    for layer in (net[0], net[-3]):
        weights = layer.weight.detach().numpy()
        expected = STDS[name](layer.in_features)
        error = abs(np.sqrt(np.mean(np.square(weights, dtype=np.float64))) / expected - 1)
        assert error < 5 / math.sqrt(weights.size), f"{name}: the std is off by {error:.2%}"
        assert not layer.bias.any()
    return run


def default(module: ModuleType, *sizes: int) -> Run:
    """minnet or torch: what a linear layer does when it is made, on memory that is there."""
    layer = module.nn.Linear(*sizes)
    layer.reset_parameters()
    bound = 1 / math.sqrt(sizes[0])
    for parameter in layer.parameters():
        values = np.abs(parameter.detach().numpy())
        assert values.max() <= np.float32(bound) and values.mean() > bound / 3
    return layer.reset_parameters


WORKLOADS = [
    *(Workload(f"default initialization of Linear({n}, {m})", both(default, n, m),
               {"torch": 8} if n == 784 else {}) for n, m in ((784, 128), (64, 64), (8, 8))),
    *(Workload(f"{name} on a torch model of {n:,} parameters", both(hook, name, n),
               {"torch": TARGETS[name]}, slow=n > 10**7) for n in MODELS for name in STDS),
]  # fmt: skip
