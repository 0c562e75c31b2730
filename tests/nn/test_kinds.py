"""Kinds of layers: a scheme goes by the module, and not by its weight's shape alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
from minnet import doctor, nn
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
    "LocalResponseNorm(2)": "other", "Linear(4, 4)": "", "Dropout()": "",
}  # fmt: skip


NO_LAYERS = {"Module", "Container", "DataParallel", "CrossMapLRN2d"}  # nor a Transformer: of layers


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def layer(library, text):
    """Return the layer of a library, which may not have it."""
    if library is minnet and (
        not hasattr(nn, text.partition("(")[0]) or "proj_size" in text or "Attention" in text
    ):
        pytest.skip("minnet has none")
    return eval(f"library.nn.{text}", {"library": library})


@pytest.mark.parametrize("library", ["minnet", "torch"])
def test_every_layer_has_a_kind(library):
    library = pytest.importorskip(library)
    classes = {n: c for n, c in vars(library.nn).items() if isinstance(c, type)}
    missing = [
        name
        for name, cls in classes.items()
        if issubclass(cls, library.nn.Module)
        and "Transformer" not in name
        and not kinds.of(object.__new__(cls)).role
    ]
    assert set(missing) <= NO_LAYERS
    assert library is not minnet or set(classes) >= set(nn.activation.__all__)


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize("text", FANS)
@pytest.mark.parametrize("subclassed", [False, True])
@pytest.mark.parametrize("initializer", BY_FANS)
def test_a_scheme_goes_by_the_layers_fans(library, text, subclassed, initializer):
    library = pytest.importorskip(library)
    module = layer(library, text)
    if subclassed:
        module.__class__ = type("Mine", (type(module),), {"forward": lambda self, x: x})
    net = library.nn.Sequential(module)
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


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize("text", NORMALIZATIONS)
def test_normalizations_are_known_and_left_alone(library, text):
    library = pytest.importorskip(library)
    module = layer(library, text)
    assert kinds.normalization(module) == NORMALIZATIONS[text]
    if NORMALIZATIONS[text]:
        net = library.nn.Sequential(library.nn.Linear(2, 2), module)
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
    assert kinds.of(nn.ConvTranspose2d(2, 2, 1)).layouts


def test_a_forward_of_the_users_is_not_its_base_classs_function():
    own = {"forward": lambda self, x: x * x}
    for base in (nn.ReLU, nn.Dropout, nn.Softmax, nn.Sequential):
        assert kinds.of(type("Mine", (base,), {})()).role == kinds.of(base()).role
        assert kinds.of(type("Mine", (base,), own)()).role == ""
    mine = type("Mine", (nn.Sequential,), own)(nn.Linear(4, 4), nn.ReLU())
    with pytest.raises(ValueError, match=r"cannot tell which activation follows '0\.weight'"):
        mine.apply(init.scheme(init.kaiming_normal_, nonlinearity="auto"))


# Activations

ARGUMENTS = {"Threshold": (0.1, 0.2), "PReLU": (8, 0.4), "RReLU": (0.2, 0.4)}


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize("name", nn.activation.__all__)
def test_an_activations_gain_is_what_it_does_to_normal_numbers(library, name):
    library = pytest.importorskip(library)
    module = getattr(library.nn, name)(*ARGUMENTS.get(name, ()))
    net = library.nn.Sequential(library.nn.Linear(8, 8), module)
    scheme = init.scheme(init.kaiming_normal_, nonlinearity="auto")
    if kinds.of(module).role == "output":
        net.apply(scheme)
        assert init.provenance(net)["0.weight"].std == 1 / math.sqrt(8)
        return
    x = np.random.default_rng(0).standard_normal((30_000, 8)).astype(np.float32)
    state = minnet.get_rng_state()
    gain = init.gain(module)
    assert minnet.equal(minnet.get_rng_state(), state)  # RReLU draws in training
    y = module.eval()(library.from_numpy(x)).detach().numpy()
    assert gain == pytest.approx(np.square(y, dtype=float).mean() ** -0.5, rel=0.01)
    net.apply(scheme)
    name = kinds.of(module).name
    used = init.calculate_gain(name, kinds.slope(module)) if name else gain
    assert init.provenance(net)["0.weight"].std == pytest.approx(used / math.sqrt(8))


def test_several_slopes_have_the_gain_of_their_mean_square():
    module = nn.PReLU(2)
    module.weight.data.copy_(minnet.tensor([0.1, -0.7]))
    assert kinds.slope(module) == pytest.approx(0.5)
    assert init.gain(module, "backward") == pytest.approx(init.calculate_gain("leaky_relu", 0.5))
    module.weight.data.fill_(-0.3)
    assert kinds.slope(module) == pytest.approx(-0.3)


def test_a_gates_backward_gain_keeps_the_gradients_size():
    x = minnet.randn(2000, 64, requires_grad=True)
    net = nn.Sequential(nn.Linear(64, 128, bias=False), nn.GLU())
    generator = minnet.Generator(seed=1)
    init.variance_scaling_(net[0].weight, 1.0, generator=generator)  # z ~ N(0, 1)
    dy = minnet.randn(2000, 64)
    net(x).backward(dy)
    # Var[w] = 1/64 of fan_out = 128: twice what keeps a linear layer's.
    found = (x.grad.square().mean() / dy.square().mean()).item()
    assert found == pytest.approx(2 / init.gain(nn.GLU(), "backward") ** 2, rel=0.1)


# What the other places say


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize(
    "text", ["LSTM(6, 5)", "GRUCell(6, 5)", "RNN(6, 5)", "Conv2d(8, 4, 3, groups=4)",
             "ConvTranspose1d(8, 4, 3, groups=2)", "MultiheadAttention(6, 2)"],
)  # fmt: skip
def test_orthogonal_weights_are_orthogonal_gate_by_gate_and_group_by_group(library, text):
    library = pytest.importorskip(library)
    net = library.nn.Sequential(layer(library, text))
    net.apply(init.scheme(init.orthogonal_, generator=minnet.Generator(seed=1)))
    draws = []
    for name, parameter in net.named_parameters():
        if "weight" not in name:
            continue
        groups = kinds.layout(net[0], name.removeprefix("0."), parameter).get("groups", 1)
        blocks = parameter.detach().numpy().reshape(groups, parameter.shape[0] // groups, -1)
        for block in blocks:
            singular = np.linalg.svd(block, compute_uv=False)
            np.testing.assert_allclose(singular, 1, rtol=1e-5)
        found = init.provenance(net)[name]
        assert found.std == pytest.approx(math.sqrt(np.square(blocks).mean()))
        assert found.state == "initialized"
        draws.append(found.draw)
    assert sorted(draws) == list(range(len(draws)))  # one each


def test_groups_that_do_not_divide_are_refused_and_one_group_has_the_bits_that_it_had():
    with pytest.raises(ValueError, match="groups=3 does not divide the 4 rows"):
        init.orthogonal_(minnet.empty(4, 4), groups=3)
    for engine in ("philox", "torch"):
        plain, whole = (
            init.orthogonal_(np.empty((6, 4)), 2, minnet.Generator(seed=1, engine=engine), **k)
            for k in ({}, {"groups": 1})
        )
        np.testing.assert_array_equal(plain, whole)


def test_provenance_shows_the_layers_fans_where_the_initializer_has_none():
    found = init.provenance(nn.ModuleList([nn.LSTM(6, 5), nn.Embedding(100, 16), nn.Linear(3, 2)]))
    assert found["0.weight_ih_l0"].fans == (6, 5) and found["0.weight_hh_l0"].fans == (5, 5)
    assert found["1.weight"].fans == (16, 16) and found["1.weight"].std == 1
    assert found["2.weight"].fans == (3, 2) and found["0.bias_ih_l0"].fans is None
    by_torchs_rule = init.provenance(nn.ConvTranspose2d(16, 32, 5))["weight"]
    assert by_torchs_rule.fans == (800, 400)
    assert by_torchs_rule.std == pytest.approx(1 / math.sqrt(3 * 800))


def test_an_embeddings_padding_row_stays_zero():
    net = nn.Sequential(nn.Embedding(5, 3, padding_idx=0))
    net.apply(init.scheme(init.kaiming_normal_))
    assert net[0].weight.detach().numpy().any(axis=1).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("library", ["minnet", "torch"])
def test_the_doctor_knows_a_learned_slope_and_asks_for_a_batch(library):
    library = pytest.importorskip(library)
    layers = library.nn
    x = library.from_numpy(np.random.default_rng(0).standard_normal((64, 9)).astype(np.float32))
    net = layers.Sequential(layers.Linear(9, 50), layers.PReLU(init=0.3), layers.Linear(50, 3))
    assert [each.why for each in doctor.examine(net, x).layers] == ["", ""]
    assert doctor.examine(net, x).layers[0].activation == "PReLU"
    for first in (layers.Conv1d(3, 4, 2), layers.LSTM(3, 4)):
        net = layers.Sequential(first, layers.Linear(4, 2))
        with pytest.raises(ValueError, match=f"begins with a {type(first).__name__}"):
            doctor.examine(net)


def test_prescribing_by_a_batch_that_tells_nothing_is_refused_before_anything_has_changed():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    before = [p.detach().clone() for p in net.parameters()]
    for x in (minnet.zeros(9, 4), minnet.ones(1, 4), minnet.full((9, 4), float("nan"))):
        with pytest.raises(ValueError, match="does not tell what the network will see"):
            doctor.prescribe(net, x)
    assert all(minnet.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


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
