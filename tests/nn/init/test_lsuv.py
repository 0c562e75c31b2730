"""LSUV: layers, or units, with the std that was asked for on a batch, whatever is between them."""

from __future__ import annotations

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import init


@pytest.fixture(autouse=True)
def seed():
    minnet.manual_seed(0)


class Branching(nn.Module):
    """Layers that do not run in the order of their names, with a skip and an odd activation."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(30, 5)
        self.first = nn.Linear(10, 30, bias=False)
        self.middle = nn.Linear(30, 30)
        self.unused = nn.Linear(30, 30)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        h = nn.functional.softplus(3 * self.first(x))
        return self.last(self.dropout(h + self.middle(h).sin()))


def outputs(net, batch):
    found = {}
    handles = [
        module.register_forward_hook(
            lambda m, args, y, name=name: found.update({name: y.detach().numpy()})
        )
        for name, module in net.named_modules()
    ]
    net.eval()
    net(batch)
    for handle in handles:
        handle.remove()
    return found


@pytest.fixture
def batch():
    return 5 + 3 * minnet.randn(500, 10)


@pytest.mark.parametrize("std", [1.0, 0.3])
def test_every_layer_that_runs_has_the_std(batch, std):
    net = Branching()
    unused = net.unused.weight.detach().numpy().copy()
    assert init.lsuv_(net, batch, std) is net
    found = outputs(net, batch)
    for name in ("first", "middle", "last"):
        assert found[name].std() == pytest.approx(std, rel=0.0101)
    np.testing.assert_array_equal(net.unused.weight.detach().numpy(), unused)


def test_weights_are_orthogonal_up_to_a_factor(batch):
    net = init.lsuv_(Branching(), batch)
    w = net.middle.weight.detach().numpy().astype(np.float64)
    gram = w @ w.T
    np.testing.assert_allclose(gram, gram[0, 0] * np.eye(30), rtol=0, atol=1e-5 * gram[0, 0])


def test_biases_stay_as_they_are(batch):
    net = Branching()
    bias = net.last.bias.detach().numpy().copy()
    init.lsuv_(net, batch)
    np.testing.assert_array_equal(net.last.bias.detach().numpy(), bias)


def test_without_an_initializer_weights_are_scaled_only(batch):
    net = Branching()
    before = net.middle.weight.detach().numpy().copy()
    init.lsuv_(net, batch, initializer=None)
    ratio = net.middle.weight.detach().numpy() / before
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)
    net = Branching()
    init.lsuv_(net, batch, initializer=init.lecun_uniform_)
    assert len(np.unique(net.middle.weight.detach().numpy())) > 800


def test_per_unit_every_unit_has_mean_zero_and_the_std(batch):
    net = init.lsuv_(Branching(), batch, 0.5, per_unit=True)
    found = outputs(net, batch)
    for name in ("first", "middle", "last"):
        np.testing.assert_allclose(found[name].std(axis=0), 0.5, rtol=0.0101)
    for name in ("middle", "last"):  # the first has no bias
        np.testing.assert_allclose(found[name].mean(axis=0), 0, atol=0.006)


def test_the_same_generator_gives_the_same_network(batch):
    first, second = Branching(), Branching()
    second.load_state_dict(first.state_dict())
    init.lsuv_(first, batch, generator=minnet.Generator(seed=3))
    init.lsuv_(second, batch, generator=minnet.Generator(seed=3))
    for key, value in first.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), second.state_dict()[key].numpy())


def test_modes_hooks_and_gradients_are_as_before(batch):
    net = Branching()
    net.dropout.eval()
    init.lsuv_(net, batch)
    assert net.training and net.last.training and not net.dropout.training
    assert not any(module._forward_hooks for module in net.modules())
    assert minnet.is_grad_enabled()
    net(batch).sum().backward()
    assert net.first.weight.grad is not None


def test_a_backward_over_the_old_weights_is_refused(batch):
    net = Branching()
    loss = net(batch).sum()
    init.lsuv_(net, batch)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_weight_of_two_layers_is_scaled_once(batch):
    net = nn.Sequential(nn.Linear(10, 10, bias=False), nn.ReLU(), nn.Linear(10, 10, bias=False))
    net[2].weight = net[0].weight
    init.lsuv_(net, batch)
    assert outputs(net, batch)["0"].std() == pytest.approx(1, rel=0.0101)


def test_a_single_layer(batch):
    layer = init.lsuv_(nn.Linear(10, 4), batch)
    assert layer(batch).std().item() == pytest.approx(1, rel=0.0101)


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (lambda: nn.ReLU(), {}, "no linear or convolution layer of the ReLU was called"),
        (Branching, {"std": 0}, "std must be a number above 0"),
        (Branching, {"initializer": init.zeros_}, "outputs of first are all the same"),
        (
            Branching,
            {"initializer": init.eye_, "per_unit": True},
            "unit 10 of first gives the same",
        ),
    ],
)
def test_what_cannot_be_scaled_is_refused_and_left_as_it_was(batch, make, options, text):
    net = make()
    before = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    with pytest.raises(ValueError, match=text):
        init.lsuv_(net, batch, **options)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert net.training


def test_outputs_that_are_not_finite_are_refused_and_the_network_restored(batch):
    net = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 4))
    before = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="outputs of 0 are not finite"):
        init.lsuv_(net, batch * 1e30, initializer=lambda w: init.constant_(w, 1e30))
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def nothing_told():
    x = minnet.randn(6, 10)
    nan, inf = x.clone(), x.clone()
    nan[2, 3], inf[2, 3] = float("nan"), float("-inf")
    return {
        "empty": (minnet.zeros(0, 10), "is empty"),
        "no features": (minnet.zeros(6, 0), "is empty"),
        "zeros": (minnet.zeros(6, 10), "one sample again and again"),
        "constant": (minnet.full((6, 10), 3.5), "one sample again and again"),
        "equal rows": (x[:1].expand(6, 10), "one sample again and again"),
        "one sample": (x[:1], "a single sample"),
        "no batch": (x[0], "a single sample"),
        "nan": (nan, "not finite"),
        "inf": (inf, "not finite"),
    }


@pytest.mark.parametrize("kind", nothing_told())
@pytest.mark.parametrize("per_unit", [False, True])
@pytest.mark.parametrize("initializer", [init.orthogonal_, None])
def test_a_batch_that_tells_nothing_is_refused_before_anything_has_changed(
    kind, per_unit, initializer
):
    batch, text = nothing_told()[kind]
    net = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 4))
    before = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    versions = [p._version for p in net.parameters()]
    with pytest.raises(ValueError, match=text):
        init.lsuv_(net, batch, per_unit=per_unit, initializer=initializer)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    assert [p._version for p in net.parameters()] == versions or kind == "no batch"


@pytest.mark.parametrize("make", [lambda x: [x], lambda x: {"x": x}, lambda x: ({"y": [x]},)])
def test_a_batch_of_several_tensors_is_looked_at_whole(make):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(10, 8)

        def forward(self, batch):
            while not isinstance(batch, minnet.Tensor):
                batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
            return self.layer(batch)

    net = Net()
    with pytest.raises(ValueError, match="one sample again and again"):
        init.lsuv_(net, make(minnet.ones(6, 10)))
    x = minnet.randn(100, 10)
    init.lsuv_(net, make(x))
    assert net.layer(x).std().item() == pytest.approx(1, rel=0.0101)


def test_a_dead_layer_on_the_way_is_refused_and_the_network_restored(batch):
    """Its outputs differ by their biases, and are the same for every sample."""
    net = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 4))
    init.constant_(net[0].bias, -1e6)
    before = {key: value.numpy().copy() for key, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="outputs of 2 are all the same for the whole batch"):
        init.lsuv_(net, batch)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_an_expanded_batch_is_read():
    torch = pytest.importorskip("torch")
    for library in (minnet, torch):
        library.manual_seed(0)
        net = library.nn.Sequential(library.nn.Linear(10, 8))
        x = library.randn(100, 1).expand(100, 10)
        assert init.lsuv_(net, x)(x).std().item() == pytest.approx(1, rel=0.02)


def test_a_parametrized_weight_is_refused(batch):
    torch = pytest.importorskip("torch")
    parametrizations = torch.nn.utils.parametrizations
    net = torch.nn.Sequential(
        torch.nn.Linear(10, 8), parametrizations.weight_norm(torch.nn.Linear(8, 4))
    )
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="weight of 1 is computed by a parametrization"):
        init.lsuv_(net, torch.randn(50, 10))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_bias_that_outweighs_the_weights_is_told():
    net = nn.Sequential(nn.Linear(10, 8))
    init.normal_(net[0].bias, std=50)
    with pytest.warns(UserWarning, match=r"0: the outputs' std has not come within 0.01 of 1"):
        init.lsuv_(net, minnet.randn(100, 10))


@pytest.mark.parametrize("per_unit", [False, True])
def test_torchs_networks(per_unit):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.BatchNorm2d(8),
        torch.nn.GELU(),
        torch.nn.ConvTranspose2d(8, 6, 3),
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 100, 10),
    )
    x = 2 + torch.randn(64, 3, 10, 10)
    statistics = net[1].running_mean.clone()
    assert init.lsuv_(net, x, per_unit=per_unit) is net
    assert net.training and torch.equal(net[1].running_mean, statistics)
    net.eval()
    with torch.no_grad():
        y = x
        for layer in net:
            y = layer(y)
            if hasattr(layer, "weight") and not isinstance(layer, torch.nn.BatchNorm2d):
                over = [i for i in range(y.ndim) if i != 1] if per_unit else None
                std = y.std(dim=over, correction=0).numpy()
                np.testing.assert_allclose(std, 1, rtol=0.0101)
