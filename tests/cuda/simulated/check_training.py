"""Training on the device: the CPU's bits, and nothing copied back to the host meanwhile."""

import numpy as np
import pytest

import minnet as torch
import minnet.nn as nn
import minnet.nn.functional as F
from minnet import optim
from minnet.kernels.cuda.array import Array

RNG = np.random.default_rng(1)
IMAGES = torch.from_numpy(RNG.standard_normal((3, 4, 6)).astype(np.float32))
LABELS = torch.from_numpy(RNG.integers(0, 3, (3, 4)))


@pytest.fixture
def copies(monkeypatch):
    """Return the shapes that were copied to the host: by `Array`, and by Numba's array itself."""
    shapes = []
    kind = type(torch.zeros(1, device="cuda").array.memory)
    copy = kind.copy_to_host

    def counted(self, *args, **kwargs):
        shapes.append(tuple(self.shape))
        return copy(self, *args, **kwargs)

    monkeypatch.setattr(kind, "copy_to_host", counted)
    return shapes


def trained(device, make_optimizer, layers, copies, scheduled=False):
    """Return the losses and the parameters after three steps, and check that nothing came back."""
    torch.manual_seed(0)
    model = nn.Sequential(*layers()).to(device)
    optimizer = make_optimizer(model.parameters())
    losses = []
    for images, labels in zip(IMAGES, LABELS, strict=True):
        images, labels = images.to(device), labels.to(device)
        copies.clear()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert copies == []
        losses.append(loss)
    assert all(p.device == torch.device(device) for p in model.parameters())
    return [x.item() for x in losses], [p.detach().cpu().numpy() for p in model.parameters()]


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01, amsgrad=True),
}


def mlp():
    return nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_has_the_bits_of_the_cpu(name, copies):
    expected = trained("cpu", OPTIMIZERS[name], mlp, copies)
    found = trained("cuda:0", OPTIMIZERS[name], mlp, copies)
    assert found[0] == expected[0]
    for mine, theirs in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_dropout_drops_the_same_units(copies):
    def layers():
        return nn.Linear(6, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3, bias=False)

    expected = trained("cpu", OPTIMIZERS["sgd"], layers, copies)
    assert trained("cuda:0", OPTIMIZERS["sgd"], layers, copies)[0] == expected[0]


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: F.cross_entropy(x, y, ignore_index=1),
        lambda x, y: F.cross_entropy(x, y, reduction="sum"),
        lambda x, y: (F.cross_entropy(x, y, reduction="none") * 2).sum(),
        lambda x, y: F.mse_loss(x, torch.ones_like(x)),
        lambda x, y: F.l1_loss(x, torch.zeros_like(x), reduction="sum"),
        lambda x, y: F.smooth_l1_loss(x, torch.zeros_like(x)),
        lambda x, y: F.huber_loss(x, torch.zeros_like(x)),
        lambda x, y: F.binary_cross_entropy_with_logits(x, torch.ones_like(x)),
        lambda x, y: -(F.log_softmax(x, 1) * F.softmax(x, 1)).mean(),
        lambda x, y: (x.exp() + x.sin() * x.sigmoid() / 2 - x**2).sum(0).mean(),
        lambda x, y: torch.cat([x, x.tanh()], 1).t().reshape(-1)[::2].sum(),
        lambda x, y: x.max(1).values.sum() + x.var() + x.norm(),
        lambda x, y: torch.where(x > 0, x, -x).clamp(max=1).sum() + x[:, 1].abs().mean(),
        lambda x, y: (F.layer_norm(x, (3,)) * x).sum() + (F.rms_norm(x, (3,)) * x).sum(),
        lambda x, y: (F.batch_norm(x, None, None, x[0], x[1], True) ** 3).sum(),
        lambda x, y: (F.group_norm(torch.stack([x, x * x], 1), 1) ** 3).sum(),
        lambda x, y: (F.instance_norm(torch.stack([x, x * x], 1)) ** 3).sum(),
        lambda x, y: F.cosine_similarity(x, x * x).sum() + F.pairwise_distance(x, x[0]).sum(),
        lambda x, y: F.prelu(x - 0.5, x[0]).sum() + F.hardshrink(x).sum() + F.softshrink(x).sum(),
        lambda x, y: (F.glu(x.t(), 1) * F.threshold(x, 0.3, 2.0)[0, 0]).sum(),
    ],
)
def test_losses_and_their_gradients_have_the_bits_of_the_cpu(loss, copies):
    results = []
    for device in ("cpu", "cuda"):
        x = torch.from_numpy(RNG.permutation(12).reshape(4, 3).astype(np.float32) / 7 - 1)
        x = torch.tensor(IMAGES[0][:, :3].tolist(), device=device, requires_grad=True)
        y = LABELS[0].to(device)
        copies.clear()
        value = loss(x, y)
        value.backward()
        assert copies == []
        results.append((value.item(), x.grad.tolist()))
    assert results[0] == results[1]


def test_an_embedding_has_the_bits_of_the_cpu():
    results = []
    for device in ("cpu", "cuda"):
        rows, at = IMAGES[0][:, :3].to(device), LABELS[0].to(device)
        results.append((F.embedding(at, rows, 1) * F.one_hot(at, 3)).tolist())
    assert results[0] == results[1]


def test_rrelu_draws_the_slopes_of_the_cpu():
    results = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        results.append(F.rrelu(IMAGES[0].to(device) - 0.5, training=True).tolist())
    assert results[0] == results[1]


def test_evaluation_counts_what_is_right(copies):
    x, y = IMAGES[0][:, :3], LABELS[0]
    expected = (x.argmax(1) == y).sum().item()
    copies.clear()
    right = (x.cuda().argmax(1) == y.cuda()).sum()
    assert copies == []
    assert right.item() == expected


def test_a_wrong_target_is_told_when_the_host_waits():
    x = torch.zeros(4, 3, device="cuda", requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([0, 1, 3, 2], device="cuda"))
    with pytest.raises(IndexError, match=r"Target 3 is out of bounds\."):
        loss.item()
    assert F.cross_entropy(x, torch.zeros(4, dtype=torch.int64, device="cuda")).item() > 1


def test_random_tensors_have_the_bits_of_the_cpu():
    for draw in (
        lambda **o: torch.rand(5, 7, **o),
        lambda **o: torch.randn(5, 7, **o),
        lambda **o: torch.randint(3, 90, (5, 7), **o),
        lambda **o: torch.empty(40, **o).bernoulli_(0.3),
        lambda **o: torch.empty(40, **o).exponential_(2.0),
        lambda **o: nn.init.trunc_normal_(torch.empty(40, **o)),
        lambda **o: nn.init.kaiming_uniform_(torch.empty(4, 9, **o)),
        lambda **o: nn.init.sparse_(torch.empty(6, 3, **o), 0.5),
        lambda **o: nn.Linear(5, 3, **o).weight.detach(),
    ):
        torch.manual_seed(7)
        expected = draw()
        torch.manual_seed(7)
        found = draw(device="cuda")
        assert found.is_cuda
        assert torch.equal(found.cpu(), expected)
    g = torch.Generator(device="cuda").manual_seed(3)
    assert torch.equal(
        torch.randn(9, generator=g, device="cuda").cpu(),
        torch.randn(9, generator=torch.Generator(seed=3)),
    )


def test_the_torch_engine_fills_tensors_of_the_device():
    torch.manual_seed(0, engine="torch")
    try:
        assert torch.rand(2, device="cuda").tolist() == pytest.approx([0.4963, 0.7682], abs=1e-4)
    finally:
        torch.manual_seed(0)


def test_an_optimizer_resumes_across_devices(copies):
    model = nn.Sequential(*mlp()).cuda()
    optimizer = OPTIMIZERS["adam"](model.parameters())
    F.cross_entropy(model(IMAGES[0].cuda()), LABELS[0].cuda()).backward()
    optimizer.step()
    state = optimizer.state_dict()
    assert state["state"][0]["exp_avg"].is_cuda
    assert not state["state"][0]["step"].is_cuda
    host = nn.Sequential(*mlp())
    resumed = OPTIMIZERS["adam"](host.parameters())
    resumed.load_state_dict(state)
    first = next(iter(resumed.state.values()))
    assert isinstance(first["exp_avg"].array, np.ndarray)
    assert first["step"].item() == 1
    optimizer.load_state_dict(resumed.state_dict())
    assert all(isinstance(s["exp_avg"].array, Array) for s in optimizer.state.values())
