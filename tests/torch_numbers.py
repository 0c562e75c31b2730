"""Torch's random numbers: small programs, and what torch 2.13 makes of each on x86 under a seed.

minnet with the torch engine must give the same bits; so must torch where it is installed, which
keeps the table true. For each program and seed `known/torch_numbers.json` holds the first values
and a hash of all. `python tests/torch_numbers.py` writes torch's answers anew.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

KNOWN = Path(__file__).parent / "known" / "torch_numbers.json"
SEEDS = (0, 42, 2**40 + 7)

# An expression in `torch`, its `nn`, `init` and `data`, and in g, a generator of its own (seed 3).
# Each gives a tensor, a list of whole numbers, or a list of these.
PROGRAMS = [
    # uniform
    "torch.rand(1)",
    "torch.rand(100000)",
    "torch.rand(1001, dtype=torch.float64)",
    "torch.rand(5, generator=g)",
    "torch.empty(1000).uniform_(-0.3, 1.7)",
    "torch.empty(1000).uniform_(0.1, 0.1)",
    "torch.empty(1000).uniform_(1, 1 + 2**-23)",
    "torch.empty(7, 9).t().uniform_(-1, 1)",
    "torch.empty(7, 9)[:, ::2].uniform_(-1, 1)",
    # normal, on both sides of 16 elements and of a whole block
    *[f"torch.randn({n})" for n in (1, 2, 15, 16, 17, 31, 32, 33, 100000, 100003)],
    "torch.randn(4, 4, 4)",
    "torch.empty(1000).normal_(-1.5, 0.02)",
    "torch.empty(10).normal_(-1.5, 0.02)",
    "torch.empty(1000).normal_(2, 0)",
    "torch.empty(20, 9).t().normal_()",
    "torch.empty(20, 9)[:, ::2].normal_()",
    "torch.randn(20, generator=g)",
    # A pair's second normal waits for the next call
    "[torch.randn(3), torch.randn(3), torch.randn(16), torch.randn(1), torch.randn(1)]",
    # truncated normal: rejection from normals, and from uniforms
    "init.trunc_normal_(torch.empty(1000))",
    "init.trunc_normal_(torch.empty(1001), std=0.02, a=-0.04, b=0.04)",
    "init.trunc_normal_(torch.empty(9), mean=0.1)",
    "init.trunc_normal_(torch.empty(1000), a=1.0, b=3.0)",
    "init.trunc_normal_(torch.empty(10), mean=0.2, std=0.02, a=0.1, b=0.15)",
    "init.trunc_normal_(torch.empty(20, 9)[:, ::2])",
    # whole numbers
    "torch.randint(10, (1000,))",
    "torch.randint(-7, 2**28 - 8, (1000,))",
    "torch.randint(2**28, (1000,))",
    "torch.randint(-(2**62), 2**62, (1000,))",
    "torch.randint(100, (20,), dtype=torch.uint8)",
    "torch.empty(20).random_(1000)",
    *[
        f"torch.empty(100, dtype=torch.{d}).random_()"
        for d in ("int64", "int32", "int16", "int8", "uint8", "float32", "float64", "bool")
    ],
    "torch.randperm(10)",
    "torch.randperm(10000)",
    "torch.randperm(100, dtype=torch.uint8)",
    "[torch.randperm(0), torch.randperm(1), torch.rand(1)]",
    # Bernoulli
    "torch.empty(1000).bernoulli_(0.3)",
    "torch.empty(1000, dtype=torch.int64).bernoulli_(0.3)",
    "torch.bernoulli(torch.rand(1000))",
    "torch.bernoulli(torch.rand(1000, dtype=torch.float64))",
    "torch.bernoulli(torch.rand(20), 0.7)",
    "torch.empty(20, dtype=torch.int64).bernoulli_(torch.rand(20, dtype=torch.float64))",
    "torch.empty(3, 20).t().bernoulli_(torch.rand(3))",
    "torch.nn.functional.dropout(torch.ones(1000), 0.3)",
    "torch.nn.functional.dropout(torch.ones(20, 9).t(), 0.1)",
    "[torch.nn.functional.dropout(torch.ones(9), p) for p in (0.0, 1.0, 0.5)]",
    # exponential
    "torch.empty(1000).exponential_()",
    "torch.empty(1000).exponential_(0.3)",
    # different calls in turn
    "[torch.rand(3), torch.randn(5), torch.randint(9, (4,)), torch.randn(1), torch.randperm(7),"
    " torch.randn(16), torch.empty(4).bernoulli_(0.3), torch.randn(2), torch.empty(3).random_()]",
    # layers and initializers
    *[
        f"list(torch.nn.Linear({n}, {m}).parameters())"
        for n, m in [(784, 128), (3, 2), (1, 1), (17, 5)]
    ],
    "init.xavier_uniform_(torch.empty(30, 20))",
    "init.xavier_normal_(torch.empty(30, 20), gain=2.0)",
    "init.kaiming_uniform_(torch.empty(30, 20), nonlinearity='relu')",
    "init.kaiming_normal_(torch.empty(30, 20, 3), mode='fan_out')",
    "init.sparse_(torch.empty(30, 20), sparsity=0.3)",
    # batches
    *[
        f"[data.DataLoader(range(10), batch_size={n}, shuffle=True, drop_last={d}, generator={g})"
        f" for _ in range(2)] + [torch.rand(1)]"
        for n in (3, 5, None)
        for d in (False, True)
        for g in ("None", "g")
        if n or not d
    ],
    "[data.DataLoader(range(4)), torch.rand(1)]",
    "[next(iter(data.DataLoader(range(9), shuffle=True))), torch.rand(1)]",
    "[list(part) for part in data.random_split(range(10), [7, 3])]",
    "[list(part) for part in data.random_split(range(10), [0.5, 0.5], generator=g)]",
    "[list(part) for part in data.random_split(range(1001), [0.3, 0.3, 0.4])] + [torch.rand(1)]",
    # samplers, alone and in a loader, gone through twice, and broken off
    *[
        f"[x for data_, g in [(data, {g})] for s in [{sampler}] for x in"
        f" [list(s), list(s), next(iter(s)), torch.rand(1), torch.rand(1, generator=g),"
        f" data_.DataLoader(range(100), batch_size={n}, sampler=s, generator=g), torch.rand(1)]]"
        for n in (7, None)
        for g in ("g", "None")
        for sampler in (
            "data_.RandomSampler(range(100), generator=g)",
            "data_.RandomSampler(range(10), num_samples=34, generator=g)",
            "data_.RandomSampler(range(10), num_samples=40, generator=g)",
            "data_.RandomSampler(range(100), replacement=True, generator=g)",
            "data_.RandomSampler(range(10), replacement=True, num_samples=64, generator=g)",
            "data_.SubsetRandomSampler(range(50, 90), generator=g)",
        )
    ],
    "[list(data.BatchSampler(data.RandomSampler(range(10)), 3, False)), torch.rand(1)]",
]


def draw(library: ModuleType, program: str, seed: int) -> list[np.ndarray]:
    """Run a program under a seed and return the arrays that it makes."""
    torch_engine = {"engine": "torch"} if library.__name__ == "minnet" else {}
    data: Any = library.data if library.__name__ == "minnet" else library.utils.data
    library.manual_seed(seed, **torch_engine)
    names = {
        "torch": library,
        "init": library.nn.init,
        "data": data,
        "g": library.Generator(**torch_engine).manual_seed(3),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mean is more than 2 std")
        return arrays(eval(program, names), data.DataLoader)


def arrays(value: Any, loader: type) -> list[np.ndarray]:
    if hasattr(value, "detach"):
        return [value.detach().numpy().ravel()]
    if isinstance(value, loader) or (isinstance(value, list) and not all_ints(value)):
        return [array for item in value for array in arrays(item, loader)]
    return [np.asarray(value, np.int64).ravel()]


def all_ints(value: list[Any]) -> bool:
    return all(isinstance(item, int) for item in value)


def digest(results: list[np.ndarray]) -> dict[str, Any]:
    """Return the first values, as Python prints them, and a hash of all bits."""
    bits = hashlib.blake2b(digest_size=16)
    for array in results:
        bits.update(f"{array.dtype} {array.size} ".encode() + array.tobytes())
    first = [value.item() for array in results for value in array[:3]][:6]
    return {"first": [repr(value) for value in first], "bits": bits.hexdigest()}


def known() -> dict[str, dict[str, Any]]:
    return json.loads(KNOWN.read_text())


def record() -> None:
    """Write torch's answers."""
    import torch

    table = {
        program: {str(seed): digest(draw(torch, program, seed)) for seed in SEEDS}
        for program in PROGRAMS
    }
    KNOWN.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    record()
