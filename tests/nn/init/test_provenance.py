"""Provenance: what is told of each parameter, and of those that nobody or two calls have filled."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import sys

import numpy as np
import pytest
from initializers import DRAWN, FILLS, fill, shape_for

import minnet
from minnet import nn
from minnet.nn import init
from minnet.nn.init.provenance import noted


def line():
    """Return the file and line that calls this."""
    return f"test_provenance.py:{sys._getframe(1).f_lineno}"


def one(tensor):
    return init.provenance(tensor)["tensor"]


def test_a_fill_is_told_in_full():
    generator = minnet.Generator(seed=5)
    init.normal_(minnet.empty(3), generator=generator)
    tensor = minnet.nn.Parameter(minnet.empty(16, 3, 5, 5))
    init.kaiming_normal_(tensor, 0.2, mode="fan_out", generator=generator); here = line()  # noqa: E702 # fmt: skip
    found = one(tensor)
    assert (found.state, found.function) == ("initialized", "kaiming_normal_")
    assert found.arguments == {"a": 0.2, "mode": "fan_out"}
    assert found.fans == (75, 400) and found.shape == (16, 3, 5, 5)
    assert found.std == init.calculate_gain("leaky_relu", 0.2) / 20
    assert (found.seed, found.engine, found.draw) == (5, "philox", 1)
    assert found.where == here and found.before is None and not found.changed
    assert found.call == "kaiming_normal_(a=0.2, mode='fan_out')"


@pytest.mark.parametrize("name", FILLS)
def test_every_initializer_is_told_and_seed_and_draw_give_its_bits_again(name):
    minnet.manual_seed(99)
    minnet.rand(3)
    tensor = fill(name, minnet.empty(shape_for(name)))
    found = one(tensor)
    assert found.function == name
    if name not in DRAWN:
        assert found.seed is found.engine is found.draw is None
        return
    assert (found.seed, found.draw) == (99, 1)
    again = minnet.Generator(seed=found.seed)
    for _ in range(found.draw):
        init.uniform_(minnet.empty(1), generator=again)
    repeated = fill(name, minnet.empty(shape_for(name)), generator=again)
    np.testing.assert_array_equal(repeated.numpy(), tensor.numpy())


def test_the_layout_of_a_weight_is_among_the_arguments():
    tensor = init.xavier_normal_(minnet.empty(3, 3, 4, 8), 2.0, in_axis=-2, out_axis=-1)
    found = one(tensor)
    assert found.arguments == {"gain": 2.0, "in_axis": -2, "out_axis": -1}
    assert found.fans == (36, 72)


def test_torchs_engine_is_told_with_the_words_drawn():
    generator = minnet.Generator(seed=3, engine="torch")
    first, second = minnet.empty(20), minnet.empty(30)
    init.uniform_(first, generator=generator)
    init.uniform_(second, generator=generator)
    assert (one(second).seed, one(second).engine, one(second).draw) == (3, "torch", 20)
    assert "torch 3:20" in str(init.provenance(second))


def test_a_layers_default_is_told_as_such_and_may_be_overwritten():
    net = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    found = init.provenance(net)
    assert [f.state for f in found.values()] == ["default"] * 4
    assert found["0.weight"].std == pytest.approx(1 / np.sqrt(3 * 4))
    assert found["0.bias"].std == pytest.approx(1 / np.sqrt(3 * 4))
    net.apply(init.scheme(init.xavier_uniform_, bias=init.zeros_))
    found = init.provenance(net)
    assert [f.state for f in found.values()] == ["initialized"] * 4
    assert found.twice == found.never == found.changed == []


def test_two_calls_of_ones_own_are_told_with_both_lines():
    net = nn.Sequential(nn.Linear(4, 8))
    init.xavier_uniform_(net[0].weight)
    first = f"test_provenance.py:{sys._getframe().f_lineno - 1}"
    net.apply(init.scheme(init.kaiming_normal_))
    second = f"test_provenance.py:{sys._getframe().f_lineno - 1}"
    found = init.provenance(net)
    assert found.twice == ["0.weight"]
    assert found["0.weight"].before == f"xavier_uniform_ at {first}"
    assert found["0.weight"].where == second
    assert str(found).splitlines()[-1] == (
        f"initialized twice: 0.weight, by xavier_uniform_ at {first}, "
        f"then by kaiming_normal_ at {second}"
    )


def test_to_begin_anew_after_training_is_no_mistake():
    net = nn.Sequential(nn.Linear(4, 2))
    net.apply(init.scheme(init.normal_))
    optimizer = minnet.optim.SGD(net.parameters(), lr=0.1)
    net(minnet.ones(3, 4)).sum().backward()
    optimizer.step()
    net.apply(init.scheme(init.normal_))
    assert init.provenance(net).twice == []
    net.apply(init.scheme(init.normal_))
    assert init.provenance(net).twice == ["0.weight"]


def test_a_reset_between_two_calls_makes_them_no_pair():
    layer = nn.Linear(4, 8)
    init.xavier_uniform_(layer.weight)
    layer.reset_parameters()
    assert init.provenance(layer)["weight"].state == "default"
    init.xavier_uniform_(layer.weight)
    assert init.provenance(layer).twice == []


def test_parameters_that_nobody_filled_are_found():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.raw = nn.Parameter(minnet.tensor([[3e-9, 7.0], [1.0, 2.0]]))
            self.zero = nn.Parameter(minnet.zeros(3, 3))
            self.scale = nn.Parameter(minnet.ones(3))
            self.bias = nn.Parameter(minnet.zeros(3))
            self.filled = nn.Parameter(init.normal_(minnet.empty(3)))
            self.drawn = nn.Parameter(minnet.empty(3).normal_())
            self.set = nn.Parameter(minnet.empty(3))
            with minnet.no_grad():
                self.set.fill_(2.0)

    found = init.provenance(Net())
    assert found.never == ["raw", "zero"]
    assert {name: f.state for name, f in found.items() if name not in found.never} == {
        "scale": "created", "bias": "created", "filled": "initialized", "drawn": "set in place",
        "set": "set in place",
    }  # fmt: skip
    assert str(found).splitlines()[-1] == "never initialized: raw, zero"


def test_a_change_in_place_is_noticed():
    net = nn.Sequential(nn.Linear(4, 2))
    net.apply(init.scheme(init.normal_))
    net(minnet.ones(3, 4)).sum().backward()
    assert init.provenance(net).changed == []
    minnet.optim.SGD(net.parameters(), lr=0.1).step()
    found = init.provenance(net)
    assert found.changed == ["0.weight", "0.bias"]
    assert "initialized, changed" in str(found)


@pytest.mark.parametrize("assign", [False, True])
def test_loaded_weights_say_so(assign):
    source, net = nn.Linear(4, 2), nn.Linear(4, 2)
    net.load_state_dict(source.state_dict(), assign=assign); here = line()  # noqa: E702 # fmt: skip
    found = init.provenance(net)
    assert [f.state for f in found.values()] == ["loaded", "loaded"]
    assert found["weight"].where == here
    assert found.changed == [] and found["weight"].function is None
    init.zeros_(net.weight)
    assert init.provenance(net)["weight"].state == "initialized"
    assert init.provenance(net).twice == []


def test_a_deep_copy_has_its_sources_provenance():
    net = nn.Sequential(nn.Linear(4, 2))
    net.apply(init.scheme(init.normal_))
    with minnet.no_grad():
        net[0].bias.add_(1)
    copied = copy.deepcopy(net)
    assert init.provenance(copied) == init.provenance(net)
    assert init.provenance(copied).changed == ["0.bias"]
    with minnet.no_grad():
        copied[0].weight.add_(1)
    assert init.provenance(copied).changed == ["0.weight", "0.bias"]
    assert init.provenance(net).changed == ["0.bias"]


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled], ids=lambda f: f.__name__)
@pytest.mark.parametrize("fill", ["normal", "rule", "loaded", "twice", "changed", "default"])
@pytest.mark.parametrize("times", [1, 2])
def test_every_copy_has_its_sources_provenance(copied, fill, times):
    net = nn.Linear(4, 3)
    if fill == "loaded":
        net.load_state_dict(nn.Linear(4, 3).state_dict())
    elif fill == "rule":
        init.xavier_normal_(net.weight, gain=math.sqrt(2.0))
    elif fill != "default":
        init.normal_(net.weight)
    if fill == "twice":
        init.uniform_(net.weight)
    if fill == "changed":
        with minnet.no_grad():
            net.weight.mul_(2)
    plain = minnet.empty(2, 3)
    init.trunc_normal_(plain, std=0.5)
    before, words = init.provenance(net), repr(init.provenance(net))
    other, tensor = net, plain
    for _ in range(times):
        other, tensor = copied(other), copied(tensor)
    assert init.provenance(other) == before and repr(init.provenance(other)) == words
    assert one(tensor) == one(plain)
    with minnet.no_grad():
        other.weight.add_(1)
        tensor.add_(1)
    assert init.provenance(other).changed == ["weight"] and one(tensor).changed
    init.zeros_(other.weight)
    assert init.provenance(other)["weight"].before is None  # it had been changed in between


def test_a_pickled_argument_that_is_no_number_is_kept_in_words():
    tensor = minnet.empty(3, 3)
    init.orthogonal_(tensor, gain=np.float64(2.0))
    assert one(pickled(tensor)).call == one(tensor).call


def test_filling_views_is_told_on_the_whole_and_is_no_second_time():
    packed = nn.Parameter(minnet.empty(6, 2))
    for third in range(3):
        init.xavier_uniform_(packed[2 * third : 2 * third + 2])
    found = one(packed)
    assert (found.state, found.function, found.fans) == ("in part", "xavier_uniform_", (2, 2))
    assert found.before is None and not found.changed
    init.orthogonal_(packed.T)
    assert one(packed).state == "initialized" and one(packed).fans == (6, 2)


def test_a_tensor_filled_in_a_loop_keeps_two_records():
    tensor = minnet.empty(2)
    for _ in range(5):
        init.normal_(tensor)
    assert noted(tensor).previous is not None and noted(tensor).previous.previous is None


def test_a_deprecated_name_is_told_by_its_new_one_and_the_users_line():
    tensor = minnet.empty(2, 3)
    with pytest.warns(FutureWarning):
        init.xavier_normal(tensor); here = line()  # noqa: E702 # fmt: skip
    assert (one(tensor).function, one(tensor).where) == ("xavier_normal_", here)


def test_numpy_arrays_are_told_and_forgotten_with_them():
    array = np.empty((3, 4), np.float32)
    init.xavier_normal_(array)
    assert one(array).fans == (4, 3)
    key = id(array)
    del array
    gc.collect()
    assert key not in sys.modules["minnet.nn.init.provenance"]._others


def test_a_torch_networks_provenance_is_not_pickled_with_it(tmp_path):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(4, 2))
    net.apply(init.scheme(init.normal_, bias=init.zeros_))
    found = init.provenance(net)
    assert [f.function for f in found.values()] == ["normal_", "zeros_"] and found.changed == []
    torch.save(dict(net.named_parameters()), tmp_path / "parameters")
    loaded = torch.load(tmp_path / "parameters", weights_only=True)
    assert torch.equal(loaded["0.weight"], net[0].weight)
    torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.ones(3, 4)).sum().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert init.provenance(net).changed == ["0.weight", "0.bias"]
    init.uniform_(net[0].weight[:1])
    assert init.provenance(net)["0.weight"].state == "in part"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_the_table_fits_the_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    net = nn.ModuleDict({"a_rather_long_name_for_a_network": nn.ModuleList([net])})
    minnet.manual_seed(67280421310721)
    net.apply(init.scheme(init.kaiming_normal_, nonlinearity="relu", mode="fan_out"))
    table = str(init.provenance(net)).splitlines()
    assert len(table) == 5 and max(map(len, table)) <= columns
    assert table[0].split() == [
        "parameter", "shape", "initializer", "fans", "std", "seed:draw", "state",
    ]  # fmt: skip
    assert "128×784" in table[1] and "784→128" in table[1] and "initialized" in table[1]
    if columns == 200:
        assert "kaiming_normal_(mode='fan_out', nonlinearity='relu')" in table[1]


def test_it_is_a_dictionary_of_plain_data():
    from dataclasses import asdict

    found = init.provenance(nn.Linear(3, 2))
    assert list(found) == ["weight", "bias"]
    assert asdict(found["bias"])["function"] == "uniform_"
