"""Schemes: which parameter gets which initializer, once, from which stream; and no idle rule."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import init

SEED = 11


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


def values(net):
    return {name: np.array(p.detach().numpy()) for name, p in net.named_parameters()}


def same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def constant(value):
    return functools.partial(init.constant_, val=value)


class Norm(nn.Module):
    """A layer with a norm's parameters, under whatever name."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(minnet.full((4,), 7.0))
        self.bias = nn.Parameter(minnet.full((4,), 7.0))


def test_apply_with_a_scheme_is_the_hook_written_by_hand():
    def by_hand(module):
        if isinstance(module, nn.Linear):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            init.zeros_(module.bias)

    first, second = mlp(), mlp()
    minnet.manual_seed(SEED)
    first.apply(by_hand)
    minnet.manual_seed(SEED)
    scheme = init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_)
    assert second.apply(scheme) is second
    same(values(first), values(second))


def test_calling_the_scheme_is_applying_it():
    first, second = mlp(), mlp()
    scheme = init.scheme(init.orthogonal_, gain=2.0)
    minnet.manual_seed(SEED)
    first.apply(scheme)
    minnet.manual_seed(SEED)
    assert scheme(second) is second
    weights = ({k: v for k, v in values(n).items() if "weight" in k} for n in (first, second))
    same(*weights)


def test_without_a_bias_rule_biases_stay():
    net = mlp()
    before = values(net)
    net.apply(init.scheme(init.zeros_))
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name] if name.endswith("bias") else 0)


def test_the_schemes_generator_draws():
    nets = [mlp(), mlp()]
    minnet.manual_seed(SEED)
    nets[0].apply(init.scheme(init.normal_, bias=init.normal_))
    generator = minnet.Generator(seed=SEED)
    nets[1].apply(init.scheme(init.normal_, bias=init.normal_, generator=generator))
    same(*map(values, nets))


@pytest.mark.parametrize(
    "name", ["LayerNorm", "BatchNorm1d", "GroupNorm", "T5LayerNorm", "RMSNorm"]
)
def test_normalization_layers_are_skipped_by_name_and_by_base(name):
    base = type(name, (Norm,), {})
    for cls in (base, type("Mine", (base,), {})):
        net = nn.Sequential(nn.Linear(4, 4), cls())
        net.apply(init.scheme(init.normal_, bias=init.zeros_))
        assert (net[1].weight == 7).all() and (net[1].bias == 7).all()
        net.apply(init.scheme(init.normal_, rules={base: init.ones_, "1.bias": init.zeros_}))
        assert (net[1].weight == 1).all() and (net[1].bias == 0).all()


def test_a_layer_whose_name_only_holds_the_word_is_not_skipped():
    cls = type("NormalizedLinear", (nn.Linear,), {})
    net = nn.Sequential(cls(4, 4)).apply(init.scheme(init.zeros_))
    assert (net[0].weight == 0).all()


def test_a_one_dimensional_weight_is_no_weight_of_a_product():
    net = nn.Sequential(nn.Linear(4, 4), Norm())
    net.apply(init.scheme(init.zeros_))
    assert (net[1].weight == 7).all()


def test_patterns_go_before_classes_and_the_first_that_matches_decides():
    net = mlp()
    rules = {nn.Linear: constant(3.0), "4.*": constant(4.0), "[24].weight": constant(5.0)}
    net.apply(init.scheme(bias=constant(2.0), rules=rules))
    found = {name: set(value.ravel().tolist()) for name, value in values(net).items()}
    assert found == {
        "0.weight": {3.0}, "0.bias": {2.0}, "2.weight": {5.0}, "2.bias": {2.0},
        "4.weight": {4.0}, "4.bias": {4.0},
    }  # fmt: skip


def test_a_star_spans_dots_and_names_are_those_from_the_root():
    net = nn.Sequential(nn.Sequential(mlp(), nn.Linear(3, 3)), nn.Linear(3, 3))
    net.apply(init.scheme(rules={"0.*.weight": init.zeros_}))
    zero = [name for name, value in values(net).items() if not value.any()]
    assert zero == ["0.0.0.weight", "0.0.2.weight", "0.0.4.weight", "0.1.weight"]


def test_a_rule_of_none_leaves_alone_what_it_matches():
    net = mlp()
    before = values(net)
    net.apply(init.scheme(init.zeros_, bias=init.zeros_, rules={"2.*": None}))
    after = values(net)
    for name in after:
        np.testing.assert_array_equal(after[name], before[name] if name[0] == "2" else 0)


def test_a_class_may_have_a_scheme_of_its_own():
    net = nn.Sequential(nn.Linear(4, 4), type("Other", (nn.Linear,), {})(4, 4))
    inner = init.scheme(constant(1.0), bias=constant(2.0))
    net.apply(init.scheme(constant(3.0), bias=constant(4.0), rules={type(net[1]): inner}))
    assert [set(v.ravel().tolist()) for v in values(net).values()] == [{3}, {4}, {1}, {2}]


def test_a_shared_layer_and_a_tied_parameter_are_initialized_once():
    shared = nn.Linear(4, 4)
    net = nn.Sequential(nn.Sequential(shared, nn.ReLU()), nn.Sequential(shared), nn.Linear(4, 4))
    net[2].weight = shared.weight
    generator = minnet.Generator(seed=1)
    net.apply(init.scheme(init.normal_, bias=init.normal_, generator=generator))
    assert init.provenance(net).twice == []
    assert init.provenance(net)["2.bias"].draw == 2  # after one weight and one bias


@pytest.mark.parametrize(
    ("scheme", "idle"),
    [
        (lambda: init.scheme(init.zeros_, rules={"haed.*": init.zeros_}), "the pattern 'haed.*'"),
        (lambda: init.scheme(init.zeros_, rules={nn.ReLU: init.zeros_}), "the class ReLU"),
        (lambda: init.scheme(init.zeros_, rules={"*": init.zeros_}), "the weights' zeros_"),
        (
            lambda: init.scheme(rules={"*": init.zeros_, "0.bias": init.ones_}),
            "the pattern '0.bias'",
        ),
        (
            lambda: init.scheme(
                rules={nn.Linear: init.scheme(init.zeros_, rules={nn.ReLU: init.zeros_})}
            ),
            "the class ReLU within Linear",
        ),
    ],
)
def test_a_rule_that_nothing_is_left_for_is_an_error_and_nothing_is_initialized(scheme, idle):
    net = mlp()
    before = values(net)
    with pytest.raises(ValueError) as error:
        net.apply(scheme())
    assert f"no parameter of the Sequential is left for {idle};" in str(error.value)
    assert "0.weight, 0.bias, 2.weight" in str(error.value)
    same(values(net), before)


def test_a_bias_rule_for_a_net_without_biases_is_an_error():
    net = nn.Sequential(nn.Linear(2, 2, bias=False))
    with pytest.raises(ValueError, match="the biases' zeros_"):
        net.apply(init.scheme(init.normal_, bias=init.zeros_))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: init.scheme(), "needs an initializer or rules"),
        (lambda: init.scheme(bias=init.zeros_, gain=2), "no initializer that 'gain' is for"),
        (lambda: init.scheme(init.orthogonal_, gian=2), r"orthogonal_\(gian=2\): .*'gian'"),
        (lambda: init.scheme(init.constant_), "constant_: .*'val'"),
        (lambda: init.scheme("kaiming"), "expected an initializer.*'kaiming'"),
        (lambda: init.scheme(init.zeros_, rules={3: init.zeros_}), "class of layers or .* got 3"),
        (lambda: init.scheme(init.zeros_, rules={"*": nn.Linear}), "expected an initializer"),
    ],
)
def test_what_is_no_scheme_is_a_type_error_at_once(make, text):
    with pytest.raises(TypeError, match=text):
        make()


def test_an_error_of_the_initializer_comes_through():
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        mlp().apply(init.scheme(init.kaiming_normal_, nonlinearity="swish"))


def test_a_scheme_in_a_function_is_told_to_come_out():
    scheme = init.scheme(init.zeros_)
    with pytest.raises(ValueError, match=r"The scheme itself goes into net\.apply"):
        mlp().apply(lambda module: scheme(module))


def test_apply_overridden_on_the_way_still_ends_at_the_root():
    class Wrapped(nn.Sequential):
        def apply(self, fn):
            return super().apply(fn)

    net = nn.Sequential(Wrapped(nn.Linear(2, 2), nn.ReLU()), Wrapped(nn.ReLU()), nn.Linear(2, 2))
    generator = minnet.Generator(seed=1)
    net.apply(init.scheme(init.normal_, rules={"2.weight": init.zeros_}, generator=generator))
    assert init.provenance(net)["0.0.weight"].draw == 0 and not net[2].weight.any()


def test_a_scheme_prints_what_it_does():
    scheme = init.scheme(
        init.kaiming_normal_, a=0.1, bias=init.zeros_, rules={"2.*": init.ones_, nn.Linear: None}
    )
    assert repr(scheme) == (
        "scheme(kaiming_normal_(a=0.1), bias=zeros_, rules={'2.*': ones_, Linear: None})"
    )


def test_an_embeddings_padding_row_stays_zero():
    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.padding_idx = 2
            self.weight = nn.Parameter(minnet.zeros(5, 3))

    net = nn.Sequential(Embedding()).apply(init.scheme(init.normal_))
    rows = net[0].weight.detach().numpy().any(axis=1)
    assert rows.tolist() == [True, True, False, True, True]
    assert init.provenance(net).changed == []


# auto


def gains(net):
    return {
        name: found.arguments["gain"]
        for name, found in init.provenance(net).items()
        if "gain" in found.arguments
    }


def test_auto_gives_each_layer_the_gain_of_what_follows():
    net = nn.Sequential(
        nn.Linear(4, 4), nn.Dropout(0.5), nn.ReLU(),
        nn.Sequential(nn.Linear(4, 4), type("LayerNorm", (Norm,), {})()), nn.LeakyReLU(0.2),
        nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 4)), nn.Identity(),
        nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 4),
    )  # fmt: skip
    net.apply(init.scheme(init.xavier_normal_, gain="auto"))
    assert gains(net) == {
        "0.weight": init.calculate_gain("relu"),
        "3.0.weight": init.calculate_gain("leaky_relu", 0.2),
        "5.0.0.weight": init.calculate_gain("tanh"),
        "5.2.weight": 1,
        "7.weight": 1,
        "9.weight": 1,
    }


def test_auto_hands_kaiming_the_nonlinearity_and_its_slope():
    net = nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(0.3), nn.Linear(4, 4), nn.SELU())
    net.apply(init.scheme(init.kaiming_uniform_, nonlinearity="auto", mode="fan_out"))
    found = init.provenance(net)
    assert found["0.weight"].arguments == {
        "nonlinearity": "leaky_relu", "a": 0.3, "mode": "fan_out",
    }  # fmt: skip
    assert found["0.weight"].std == init.calculate_gain("leaky_relu", 0.3) / 2
    assert found["2.weight"].std == 0.75 / 2


def test_auto_integrates_the_gain_of_what_torch_has_none_for():
    class Cube(nn.Module):
        def forward(self, x):
            return x**3

    net = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), Cube(), nn.Linear(4, 4))
    net.apply(init.scheme(init.kaiming_normal_, nonlinearity="auto"))
    found = init.provenance(net)
    assert found["0.weight"].std == pytest.approx(init.gain("gelu") / 2)
    assert found["2.weight"].std == pytest.approx(1 / np.sqrt(15) / 2)  # E[z⁶] = 15
    net.apply(init.scheme(init.orthogonal_, gain="auto"))
    assert init.provenance(net)["2.weight"].std == pytest.approx(1 / np.sqrt(15) / 2)


def test_auto_of_a_single_layer_is_linear():
    net = nn.Linear(4, 4)
    net.apply(init.scheme(init.xavier_normal_, gain="auto"))
    assert gains(net) == {"weight": 1}


class Net(nn.Module):
    """What relu does to fc1 is said in forward only."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        self.fc1 = nn.Linear(4, 4)
        self.act = nn.ReLU()


def test_auto_refuses_to_guess_what_a_forward_does():
    net = Net()
    before = values(net)
    with pytest.raises(ValueError, match=r"cannot tell which activation follows 'fc1\.weight'"):
        net.apply(init.scheme(init.xavier_normal_, gain="auto"))
    same(values(net), before)
    relu = functools.partial(init.xavier_normal_, gain=2.0)
    net.apply(init.scheme(init.xavier_normal_, gain="auto", rules={"fc1.weight": relu}))
    assert gains(net) == {
        "body.0.weight": init.calculate_gain("relu"), "body.2.weight": 1, "fc1.weight": 2.0,
    }  # fmt: skip


def test_auto_refuses_to_guess_what_comes_first_in_a_module_that_follows():
    net = nn.Sequential(nn.Linear(4, 4), Net())
    with pytest.raises(ValueError, match=r"follows '0\.weight'"):
        net.apply(init.scheme(init.xavier_normal_, gain="auto", rules={"1.fc1.*": init.zeros_}))


def test_auto_is_for_a_nonlinearity_or_a_gain():
    with pytest.raises(ValueError, match="std='auto': only a nonlinearity or a gain"):
        mlp().apply(init.scheme(init.normal_, std="auto"))


# by_name_


def test_by_name_ties_the_bits_to_the_names():
    scheme = init.scheme(init.xavier_uniform_, bias=init.normal_)
    minnet.manual_seed(1)
    net = init.by_name_(mlp(), scheme, seed=3)
    first = values(net)
    longer = nn.Sequential(*mlp(), nn.Linear(3, 3))
    minnet.manual_seed(2)
    second = values(init.by_name_(longer, scheme, seed=3))
    same(first, {name: second[name] for name in first})
    assert not np.array_equal(first["0.weight"][:3, :3], second["5.weight"])
    generator = minnet.Generator(seed=3).fold_in("2.weight")
    alone = init.xavier_uniform_(minnet.empty(8, 8), generator=generator)
    np.testing.assert_array_equal(alone.numpy(), first["2.weight"])


def test_by_name_depends_on_the_seed_and_leaves_the_global_generator():
    first, second = mlp(), mlp()
    minnet.manual_seed(1)
    wanted = minnet.rand(3).numpy()
    minnet.manual_seed(1)
    init.by_name_(first, init.normal_, seed=3)
    init.by_name_(second, init.normal_, seed=4)
    np.testing.assert_array_equal(minnet.rand(3).numpy(), wanted)
    assert not np.array_equal(values(first)["0.weight"], values(second)["0.weight"])


def test_layers_of_one_shape_get_different_bits_by_name():
    net = init.by_name_(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), init.normal_, seed=0)
    assert not np.array_equal(values(net)["0.weight"], values(net)["1.weight"])


def test_by_name_refuses_a_scheme_with_a_generator():
    generator = minnet.Generator(seed=0)
    inner = init.scheme(init.zeros_, generator=generator)
    for scheme in (inner, init.scheme(init.zeros_, rules={nn.Linear: inner})):
        with pytest.raises(ValueError, match="leave the generator out"):
            init.by_name_(mlp(), scheme, seed=0)


# torch


def test_a_torch_network_gets_a_minnet_networks_bits():
    torch = pytest.importorskip("torch")
    t = torch.nn
    theirs = t.Sequential(
        t.Linear(6, 8), t.ReLU(), t.Linear(8, 8), t.Tanh(), t.Linear(8, 3)
    )  # fmt: skip
    ours = mlp()
    for net in (ours, theirs):
        scheme = init.scheme(
            init.kaiming_normal_,
            nonlinearity="auto",
            bias=init.zeros_,
            rules={"4.*": init.ones_},
            generator=minnet.Generator(seed=SEED),
        )
        assert net.apply(scheme) is net
    same(values(ours), values(theirs))
    for net in (ours, theirs):
        init.by_name_(net, init.scheme(rules={nn.Linear: init.normal_}), seed=5)
    same(values(ours), values(theirs))


def test_a_torch_network_with_convolutions_norms_and_a_shared_layer():
    torch = pytest.importorskip("torch")
    t = torch.nn
    shared = t.Linear(8, 8)
    net = t.Sequential(
        t.Conv2d(3, 8, 3), t.BatchNorm2d(8), t.ReLU(), t.AdaptiveAvgPool2d(1), t.Flatten(),
        t.Sequential(shared, t.PReLU(init=0.5)), t.Sequential(shared),
        t.Embedding(5, 4, padding_idx=1),
    )  # fmt: skip
    net.apply(init.scheme(init.kaiming_normal_, nonlinearity="auto", bias=init.zeros_))
    found = init.provenance(net)
    assert found["0.weight"].arguments == {"nonlinearity": "relu"} and found["0.weight"].fans == (
        27,
        72,
    )
    assert found["1.weight"].function is None and (net[1].weight == 1).all()
    assert not net[7].weight[1].any() and net[7].weight[0].all()
    assert found.twice == []
    assert net[5][1].weight.item() == 0.5
    with pytest.raises(ValueError, match="the pattern 'none'"):
        net.apply(init.scheme(rules={"none": init.zeros_}))
