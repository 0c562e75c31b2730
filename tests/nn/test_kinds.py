"""Kinds of layers: a scheme goes by the module, and not by its weight's shape alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import init, kinds

BY_FANS = [init.kaiming_normal_, init.kaiming_uniform_, init.xavier_normal_, init.lecun_normal_]
# torch's layers with weights, and how many inputs reach an output of each and the other way.
FANS = {
    "Linear(30, 20)": {"weight": (30, 20)},
    "Bilinear(5, 6, 7)": {"weight": (30, 7)},
    "Embedding(100, 16)": {"weight": (16, 16)},
    "EmbeddingBag(100, 16)": {"weight": (16, 16)},
    "Conv1d(8, 6, 5)": {"weight": (40, 30)},
    "Conv1d(8, 6, 5, groups=2)": {"weight": (20, 15)},
    "Conv2d(8, 8, 3, groups=8)": {"weight": (9, 9)},
    "Conv3d(4, 6, 2, groups=2)": {"weight": (16, 24)},
    "ConvTranspose1d(8, 6, 5)": {"weight": (40, 30)},
    "ConvTranspose2d(16, 32, 5)": {"weight": (400, 800)},
    "ConvTranspose2d(8, 6, 3, groups=2)": {"weight": (36, 27)},
    "ConvTranspose3d(4, 6, 2, groups=2)": {"weight": (16, 24)},
    "RNN(6, 5)": {"weight_ih_l0": (6, 5), "weight_hh_l0": (5, 5)},
    "GRU(6, 5, 2)": {
        "weight_ih_l0": (6, 5), "weight_hh_l0": (5, 5),
        "weight_ih_l1": (5, 5), "weight_hh_l1": (5, 5),
    },
    "LSTM(6, 5, bidirectional=True)": {
        "weight_ih_l0": (6, 5), "weight_hh_l0": (5, 5),
        "weight_ih_l0_reverse": (6, 5), "weight_hh_l0_reverse": (5, 5),
    },
    "LSTM(6, 5, proj_size=3)": {
        "weight_ih_l0": (6, 5), "weight_hh_l0": (3, 5), "weight_hr_l0": (5, 3),
    },
    "RNNCell(6, 5)": {"weight_ih": (6, 5), "weight_hh": (5, 5)},
    "GRUCell(6, 5)": {"weight_ih": (6, 5), "weight_hh": (5, 5)},
    "LSTMCell(6, 5)": {"weight_ih": (6, 5), "weight_hh": (5, 5)},
    "MultiheadAttention(8, 2)": {"in_proj_weight": (8, 8), "out_proj.weight": (8, 8)},
    "MultiheadAttention(8, 2, kdim=4, vdim=3)": {
        "q_proj_weight": (8, 8), "k_proj_weight": (4, 8), "v_proj_weight": (3, 8),
        "out_proj.weight": (8, 8),
    },
}  # fmt: skip
NORMALIZATIONS = {
    "BatchNorm1d(4)": "batch", "BatchNorm2d(4)": "batch", "BatchNorm3d(4)": "batch",
    "SyncBatchNorm(4)": "batch", "LayerNorm(4)": "layer", "RMSNorm(4)": "rms",
    "GroupNorm(2, 4)": "group", "InstanceNorm1d(4, affine=True)": "instance",
    "LocalResponseNorm(2)": "other", "Linear(4, 4)": None, "Dropout()": None,
}  # fmt: skip


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def layer(torch, text):
    return eval(f"torch.nn.{text}", {"torch": torch})


@pytest.mark.parametrize("text", FANS)
@pytest.mark.parametrize("subclassed", [False, True])
@pytest.mark.parametrize("initializer", BY_FANS)
def test_a_scheme_goes_by_the_layers_fans(torch, text, subclassed, initializer):
    module = layer(torch, text)
    if subclassed:
        module.__class__ = type("Mine", (type(module),), {})
    net = torch.nn.Sequential(module)
    net.apply(init.scheme(initializer))
    found = init.provenance(net)
    fans = {n.removeprefix("0."): f.fans for n, f in found.items() if "bias" not in n}
    assert fans == FANS[text]
    for name, (fan_in, fan_out) in FANS[text].items():
        wanted = {init.xavier_normal_: 2 / (fan_in + fan_out), init.lecun_normal_: 1 / fan_in}
        std = math.sqrt(wanted.get(initializer, 2 / fan_in))
        assert found[f"0.{name}"].std == pytest.approx(std)
        values = net.get_parameter(f"0.{name}").detach().numpy()
        # For n numbers the std errs by about 1/√(2n).
        assert abs(values.std() / std - 1) < 5 / math.sqrt(2 * values.size)


def test_every_layer_of_torch_with_a_weight_is_here(torch):
    """A layer that is new in torch has to be looked at."""
    known = {text.partition("(")[0] for text in (*FANS, *NORMALIZATIONS)}
    known |= {"PReLU", "AdaptiveLogSoftmaxWithLoss"}  # no matrix; made of Linears
    known |= {"LinearCrossEntropyLoss"}  # a weight (classes, features)
    missing = []
    for name, cls in vars(torch.nn).items():
        if not isinstance(cls, type) or not issubclass(cls, torch.nn.Module):
            continue
        annotated = any("weight" in vars(c).get("__annotations__", {}) for c in cls.__mro__)
        if annotated and not (
            known & {c.__name__ for c in cls.__mro__} or kinds.normalization(cls.__new__(cls))
        ):
            missing.append(name)
    assert missing == []


def test_arguments_of_the_users_go_before_the_layers(torch):
    net = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=4))
    net.apply(init.scheme(init.kaiming_normal_, groups=2))
    assert init.provenance(net)["0.weight"].fans == (18, 36)


def test_dirac_is_told_the_groups(torch):
    net = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, groups=2, padding=1, bias=False))
    net.apply(init.scheme(init.dirac_))
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(net(x), x)


def test_an_initializer_of_the_users_is_told_the_layout_if_it_asks():
    layouts = []

    @init.initializer.initializer
    def mine_(tensor, generator=None, **layout):
        layouts.append(layout)
        generator.normal(tensor)

    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = nn.Parameter(minnet.empty(3, 4))

    kinds.register(Dense, {"kern*": {"in_axis": 0, "out_axis": 1}})
    nn.Sequential(Dense(), nn.Linear(2, 2)).apply(init.scheme(mine_))
    nn.Sequential(Dense()).apply(init.scheme(lambda tensor, **keywords: layouts.append(keywords)))
    assert layouts == [{"in_axis": 0, "out_axis": 1}, {}, {}]


@pytest.mark.parametrize("text", NORMALIZATIONS)
def test_normalizations_are_known_and_left_alone(torch, text):
    module = layer(torch, text)
    assert kinds.normalization(module) == NORMALIZATIONS[text]
    if NORMALIZATIONS[text] is not None:
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), module)
        net.apply(init.scheme(init.zeros_, bias=init.normal_))
        assert all(set(p.tolist()) <= {0.0, 1.0} for p in module.parameters())


def test_a_layer_of_the_users_registers_in_a_line():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(minnet.full((2, 2), 7.0))
            self.bias = nn.Parameter(minnet.full((2,), 7.0))

    class MyNorm(Scale):
        """By its name a normalization."""

    def filled(cls):
        net = nn.Sequential(nn.Linear(2, 2), cls())
        net.apply(init.scheme(init.zeros_, bias=init.zeros_))
        return not net[1].weight.any() and not net[1].bias.any()

    assert filled(Scale) and not filled(MyNorm)
    kinds.register(Scale, normalization="layer")
    kinds.register(MyNorm)
    assert not filled(Scale) and filled(MyNorm)
    assert kinds.normalization(type("Derived", (Scale,), {})()) == "layer"
    with pytest.raises(TypeError, match="expected the class of a layer, got 'Scale'"):
        kinds.register("Scale")


def test_a_class_of_the_users_that_is_only_named_like_one_of_the_librarys():
    cls = type("ConvTranspose2d", (nn.Module,), {})
    assert kinds.of(cls()) == kinds.Kind()
    assert kinds.of(nn.Linear(2, 2)) == kinds.Kind()


# Parametrized weights


def parametrized(torch, kind):
    """Return a net whose layer "1" has a weight that is computed."""
    parametrizations, utils = torch.nn.utils.parametrizations, torch.nn.utils
    linear = torch.nn.Linear(30, 20)
    if kind == "weight_norm":
        parametrizations.weight_norm(linear)
    elif kind == "spectral_norm":
        parametrizations.spectral_norm(linear)
    elif kind == "orthogonal":
        parametrizations.orthogonal(linear)
    elif kind == "orthogonal without trivialization":
        parametrizations.orthogonal(linear, orthogonal_map="cayley", use_trivialization=False)
    elif kind == "no inverse":
        utils.parametrize.register_parametrization(linear, "weight", torch.nn.Tanh())
    elif kind == "old weight_norm":
        with pytest.warns(FutureWarning):
            utils.weight_norm(linear)
    elif kind == "old spectral_norm":
        utils.spectral_norm(linear)
    elif kind == "pruned":
        from torch.nn.utils import prune

        prune.random_unstructured(linear, "weight", 0.5)
    return torch.nn.Sequential(torch.nn.Linear(30, 30), linear, torch.nn.ReLU())


def state(net):
    return {key: value.clone() for key, value in net.state_dict().items()}


REFUSED = [
    ("weight_norm", init.zeros_),  # 0 / 0
    ("spectral_norm", init.kaiming_normal_),
    ("orthogonal", init.kaiming_normal_),
    ("orthogonal without trivialization", init.kaiming_normal_),
    ("no inverse", init.kaiming_normal_),
    ("old weight_norm", init.kaiming_normal_),
    ("old spectral_norm", init.kaiming_normal_),
    ("pruned", init.kaiming_normal_),
]


@pytest.mark.parametrize(("kind", "initializer"), REFUSED)
def test_a_weight_that_its_parametrization_cannot_take_is_refused_and_nothing_changes(
    torch, kind, initializer
):
    net = parametrized(torch, kind)
    before = state(net)
    with pytest.raises(ValueError, match=r"'1\.weight' is computed by a parametrization"):
        net.apply(init.scheme(initializer, bias=init.ones_))
    after = state(net)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    net.apply(init.scheme(initializer, bias=init.ones_, rules={"1.weight": None}))
    assert (net[1].bias == 1).all()


@pytest.mark.parametrize(
    ("kind", "initializer"),
    [
        ("weight_norm", init.kaiming_normal_),
        ("weight_norm", init.orthogonal_),
        ("spectral_norm", init.orthogonal_),
        ("orthogonal", init.orthogonal_),
    ],
)
def test_a_weight_is_set_through_its_parametrization(torch, kind, initializer):
    plain = torch.nn.Sequential(torch.nn.Linear(30, 30), torch.nn.Linear(30, 20), torch.nn.ReLU())
    net = parametrized(torch, kind)
    for each in (plain, net):
        scheme = init.scheme(initializer, bias=init.zeros_, generator=minnet.Generator(seed=1))
        assert each.apply(scheme) is each
    for ours, theirs in zip(net, plain, strict=True):
        if hasattr(theirs, "weight"):
            found, wanted = (m.weight.detach().numpy() for m in (ours, theirs))
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


def test_what_follows_a_parametrized_layer_is_read(torch):
    net = parametrized(torch, "weight_norm")
    net.apply(init.scheme(init.xavier_normal_, gain="auto", generator=minnet.Generator(seed=1)))
    assert net[1].weight.std().item() == pytest.approx(math.sqrt(2 * 2 / 50), rel=0.1)
    assert init.provenance(net)["0.weight"].arguments == {"gain": 1}  # "1" comes next


@pytest.mark.parametrize("kind", ["weight_norm", "orthogonal", "old weight_norm", "pruned"])
def test_filling_what_is_computed_is_refused_as_it_would_change_nothing(torch, kind):
    net = parametrized(torch, kind)
    with pytest.raises(RuntimeError, match="by a parametrization"):
        init.normal_(net[1].weight)
    init.normal_(net[0].weight.T)  # a view of a parameter


def test_a_lazy_layer_is_refused_before_anything_has_changed(torch):
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LazyLinear(4))
    before = net[0].weight.clone()
    with pytest.raises(ValueError, match=r"'1\.weight' has no shape yet"):
        net.apply(init.scheme(init.normal_))
    assert torch.equal(net[0].weight, before)
    net(torch.ones(1, 3))
    net.apply(init.scheme(init.zeros_))
    assert not net[1].weight.any()
