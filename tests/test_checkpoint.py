"""Checkpoints: a run that was stopped and resumed has the bits of one that was not."""

import math

import numpy as np
import pytest

import minnet
from minnet import nn, optim
from minnet.data import DataLoader, TensorDataset

pytest.importorskip("safetensors")

OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "Adam": {"lr": 0.05, "amsgrad": True},
    "AdamW": {"lr": 0.05},
    "RMSprop": {"lr": 0.01, "momentum": 0.9, "centered": True},
}
EPOCHS, BATCHES = 3, 4  # the last of 2 samples only


class RunningMean(nn.Module):
    """Takes a running mean from its input: a module with buffers."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("mean", minnet.zeros(width))
        self.register_buffer("seen", minnet.tensor(0))

    def forward(self, x):
        if self.training:
            with minnet.no_grad():
                self.seen.add_(1)
                self.mean.copy_(0.9 * self.mean + 0.1 * x.mean(0))
        return x - self.mean


class Cosine:
    """Lets the learning rate fall: a scheduler as torch's, with a state."""

    def __init__(self, optimizer):
        self.optimizer, self.last_epoch = optimizer, 0
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]

    def step(self):
        self.last_epoch += 1
        for group, rate in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = rate * (1 + math.cos(math.pi * self.last_epoch / EPOCHS)) / 2

    def state_dict(self):
        return {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, state):
        self.__dict__.update(state)


class Run:
    """A training whose initial weights, order of the samples and dropout are random."""

    def __init__(self, name, engine, own):
        norm = getattr(nn, "BatchNorm1d", RunningMean)
        data = np.random.default_rng(0).standard_normal((20, 6)).astype(np.float32)
        self.model = nn.Sequential(
            nn.Linear(6, 8), norm(8), RunningMean(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 3)
        )
        self.optimizer = getattr(optim, name)(self.model.parameters(), **OPTIMIZERS[name])
        self.scheduler = Cosine(self.optimizer)
        # The loader's, if it is to have its own; the default one draws the weights and the masks.
        generator = minnet.Generator(seed=7, engine=engine) if own else None
        self.generators = [minnet.random.default_generator(), *([generator] if own else [])]
        self.loader = DataLoader(
            TensorDataset(minnet.from_numpy(data), minnet.arange(20) % 3),
            batch_size=6,
            shuffle=True,
            generator=generator,
        )
        self.losses = []

    def states(self):
        return [generator.get_state() for generator in self.generators]

    def set_states(self, states):
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state)

    def train(self, checkpoint=None, stop=None, path=None):
        """Train from the start or a checkpoint on; stop where told, and leave a checkpoint."""
        first, done = (checkpoint["epoch"], checkpoint["batch"]) if checkpoint else (0, 0)
        for epoch in range(first, EPOCHS):
            before = checkpoint["before"] if done else self.states()
            self.set_states(before)
            batches = iter(self.loader)
            for _ in range(done):  # draws the order again, and skips what has been seen
                next(batches)
            if done:
                self.set_states(checkpoint["now"])
            for number, (x, y) in enumerate(batches, done + 1):
                loss = nn.functional.cross_entropy(self.model(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                if (epoch, number) == stop:
                    return self.save(path, epoch, number, before)
            done = 0
            self.scheduler.step()
            if (epoch, "end") == stop:
                return self.save(path, epoch + 1, 0, None)

    def save(self, path, epoch, batch, before):
        checkpoint = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "losses": self.losses,
            "epoch": epoch,
            "batch": batch,
            "before": before,
            "now": self.states(),
        }
        minnet.save(checkpoint, path)

    def resume(self, path):
        checkpoint = minnet.load(path)
        self.model.load_state_dict(checkpoint["model"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.scheduler.load_state_dict(checkpoint["scheduler"])
        self.losses = checkpoint["losses"]
        self.set_states(checkpoint["now"])
        self.train(checkpoint)

    def end(self):
        """Return all that a run leads to, as bytes."""
        tensors = [*self.model.state_dict().values(), *self.states()]
        for state in self.optimizer.state.values():
            tensors += [state[name] for name in sorted(state)]
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [t.array.tobytes() for t in tensors], rates, self.losses


STOPS = [(epoch, "end") for epoch in range(EPOCHS)]
WITHIN = [(0, 1), (1, 1), (1, 2), (1, BATCHES - 1), (1, BATCHES), (EPOCHS - 1, BATCHES)]


@pytest.fixture
def default_engine():
    yield
    minnet.manual_seed(0)


@pytest.mark.parametrize("own", [True, False], ids=["own generator", "default generator"])
@pytest.mark.parametrize("engine", ["philox", "torch"])
@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if hasattr(optim, name)])
def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(
    tmp_path, default_engine, name, engine, own
):
    path = tmp_path / "checkpoint"

    def started(seed):
        minnet.manual_seed(seed, engine=engine)
        return Run(name, engine, own)

    whole = started(0)
    whole.train()
    expected = whole.end()
    assert len(set(whole.losses)) == EPOCHS * BATCHES and np.isfinite(whole.losses).all()
    for stop in STOPS + WITHIN:
        stopped = started(0)
        stopped.train(stop=stop, path=path)
        resumed = started(1)  # other weights, another order, another mask
        assert resumed.end()[0] != stopped.end()[0]
        resumed.resume(path)
        assert resumed.end() == expected, stop


def contents(*trees):
    """Return the memory of all tensors in state dicts."""
    if not trees:
        return []
    tree, *rest = trees
    if isinstance(tree, minnet.Tensor):
        return [tree.array.tobytes(), *contents(*rest)]
    if isinstance(tree, dict):
        return contents(*tree.values(), *rest)
    if isinstance(tree, list | tuple):
        return contents(*tree, *rest)
    return [repr(tree), *contents(*rest)]


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            lambda s: s.update({"2.bias": minnet.zeros(3)}),
            ["size mismatch for 2.bias", "shape torch.Size([3])", "torch.Size([2])"],
        ),
        (lambda s: s.pop("2.bias"), ['Missing key(s) in state_dict: "2.bias"']),
        (lambda s: s.update({"3.bias": minnet.zeros(2)}), ["Unexpected key(s)", '"3.bias"']),
        (lambda s: s.update({"2.bias": "x"}), ['"2.bias"', "expected torch.Tensor", "'str'"]),
        (
            lambda s: s.update({"0.weight": minnet.zeros(1), "2.weight": s.pop("2.bias")}),
            ["Missing key(s)", "size mismatch for 0.weight", "size mismatch for 2.weight"],
        ),
    ],
)
def test_a_model_that_does_not_fit_is_named_and_left_as_it_was(tmp_path, change, messages):
    def network():
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    state = dict(network().state_dict())
    change(state)
    if not any(isinstance(value, str) for value in state.values()):
        minnet.save(state, tmp_path / "file")
        state = minnet.load(tmp_path / "file")
    model = network()
    before = contents(model.state_dict())
    with pytest.raises(RuntimeError) as error:
        model.load_state_dict(state)
    assert all(message in str(error.value) for message in messages), str(error.value)
    assert contents(model.state_dict()) == before
