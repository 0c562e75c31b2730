"""A hundred steps of a small MLP have torch's losses: stored ones, and torch's where it is here."""

from itertools import pairwise

import numpy as np
import pytest

import minnet
from minnet.data import DataLoader, TensorDataset

STEPS, BATCH, SIZES = 100, 16, (20, 32, 5)
OPTIMIZERS = {
    "SGD": {"lr": 0.1},
    "SGD with momentum": {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3},
    "Adam": {"lr": 1e-2},
    "AdamW": {"lr": 1e-2},
}
# The losses of the steps 0, 24, 49, 74 and 99, as torch 2.13 computes them.
KNOWN = {
    "SGD": [2.9797425, 1.0427487, 0.98773277, 0.56965548, 0.46573707],
    "SGD with momentum": [2.9797425, 1.005904, 0.63349056, 0.19443484, 0.15043794],
    "Adam": [2.9797425, 0.98969102, 0.84127998, 0.42342043, 0.25378439],
    "AdamW": [2.9797425, 0.98994958, 0.84080029, 0.42601457, 0.25437397],
}


def problem():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((STEPS * BATCH, SIZES[0])).astype(np.float32)
    y = (x @ rng.standard_normal((SIZES[0], SIZES[2])).astype(np.float32)).argmax(1)
    weights = []
    for n_in, n_out in pairwise(SIZES):
        weights.append((rng.standard_normal((n_out, n_in)) * (2 / n_in) ** 0.5).astype(np.float32))
        weights.append(np.zeros(n_out, np.float32))
    return x, y, weights


def losses(torch, batches, name):
    """Return the losses of an ordinary loop, the same for both libraries."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), problem()[2], strict=True):
            parameter.copy_(torch.from_numpy(weight))
    kind = getattr(torch.optim, name.split()[0])
    optimizer = kind(model.parameters(), **OPTIMIZERS[name])
    found = []
    for x, y in batches:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def ours(name):
    x, y, _ = problem()
    data = TensorDataset(minnet.from_numpy(x), minnet.from_numpy(y))
    return losses(minnet, DataLoader(data, BATCH), name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_are_the_stored_ones(name):
    found = ours(name)
    assert len(found) == STEPS and found[-1] < 0.7 * found[0]
    np.testing.assert_allclose([found[i] for i in (0, 24, 49, 74, 99)], KNOWN[name], rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_losses_are_torchs_for_a_hundred_steps(name):
    torch = pytest.importorskip("torch")
    x, y, _ = problem()
    batches = [
        (torch.from_numpy(x[i : i + BATCH]), torch.from_numpy(y[i : i + BATCH]))
        for i in range(0, len(x), BATCH)
    ]
    np.testing.assert_allclose(ours(name), losses(torch, batches, name), rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_threads_change_no_bit_of_a_trajectory(name):
    before = minnet.get_num_threads()
    try:
        minnet.set_num_threads(1)
        one = ours(name)
    finally:
        minnet.set_num_threads(before)
    assert ours(name) == one
