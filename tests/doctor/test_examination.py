"""The doctor finds what is wrong, says it in words, and what it prescribes mends it."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import doctor, nn
from minnet.nn import functional as F
from minnet.nn import init


def network(
    depth: int, activation: Callable[[], nn.Module] = nn.ReLU, width: int = 100, out: int = 10
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, out))


def batch(width: int = 100, classes: int = 10) -> tuple[Any, Any]:
    return minnet.randn(64, width), minnet.randint(0, classes, (64,))


def kinds(report: doctor.Report) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_the_batch_it_draws_is_not_drawn_as_weights_are() -> None:
    # Weights of seed 0 and a batch of seed 0 would have the same bits: E[z²] was 0.545, not 0.334.
    minnet.manual_seed(0)
    first, _ = doctor.examine(
        nn.Sequential(nn.Linear(784, 100), nn.Tanh(), nn.Linear(100, 10))
    ).layers
    assert first.signal.measured == pytest.approx(first.signal.predicted, rel=0.03)


def test_thirty_layers_of_relu_vanish_with_xavier_and_pass_with_he() -> None:
    # He et al. (2015), figure 3: 30 layers do not train from Xavier's initialization.
    minnet.manual_seed(1)
    net, (x, y) = network(30), batch()
    net.apply(init.scheme(init.xavier_normal_, bias=init.zeros_))
    report = doctor.examine(net, x, y)
    assert kinds(report) == {"vanishing signal", "vanishing gradient"}
    assert all(layer.chi == pytest.approx(0.5, rel=0.05) for layer in report.layers[:-2])
    with pytest.raises(doctor.Unhealthy, match=r"vanishing signal at 58: E\[z²\] goes from") as e:
        report.check()
    assert e.value.findings == report.findings
    assert "init.kaiming_normal_(weight, nonlinearity='relu')" in str(e.value)

    he = network(30)
    he.apply(init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_))
    report = doctor.examine(he, x, y)
    report.check()
    assert report.healthy


@pytest.mark.parametrize(
    "activation", [nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.GELU, nn.SELU, nn.SiLU, nn.ELU]
)
def test_what_is_prescribed_mends(activation: Callable[[], nn.Module]) -> None:
    minnet.manual_seed(3)
    net, (x, y) = network(25, activation), batch()
    assert "vanishing gradient" in kinds(doctor.examine(net, x, y))
    assert doctor.prescribe(net, x) is net
    doctor.examine(net, x, y).check()


def test_exploding_networks_are_found_and_mended() -> None:
    minnet.manual_seed(3)
    net, (x, y) = network(12), batch()
    net.apply(init.scheme(functools.partial(init.normal_, std=0.3), bias=init.zeros_))
    found = kinds(doctor.examine(net, x, y))
    assert found == {"exploding signal", "exploding gradient", "confident guesses"}
    doctor.examine(doctor.prescribe(net, x), x, y).check()


def test_where_no_gain_is_stable_it_says_so() -> None:
    minnet.manual_seed(3)
    net, (x, y) = network(30, nn.Sigmoid), batch()
    report = doctor.examine(doctor.prescribe(net, x), x, y)
    assert "no gain keeps signal and gradient through 30 layers of Sigmoid" in str(report)


def test_overflow() -> None:
    net = network(30)
    net.apply(init.scheme(functools.partial(init.normal_, std=20.0)))
    assert kinds(doctor.examine(net, batch()[0])) == {"overflow"}


def test_a_prescription_is_drawn_from_the_generator() -> None:
    nets = [network(2) for _ in range(2)]
    for net in nets:
        doctor.prescribe(net, generator=minnet.Generator(seed=5))
    assert all(minnet.equal(a, b) for a, b in zip(*map(nn.Module.parameters, nets), strict=True))


def test_a_first_layer_is_scaled_to_its_inputs() -> None:
    minnet.manual_seed(0)
    net, x = network(2), 0.01 * minnet.randn(64, 100)
    report = doctor.examine(doctor.prescribe(net, x), x)
    assert report.layers[0].signal.measured == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("scale", [0.01, 80.0])
def test_unscaled_inputs(scale: float) -> None:
    minnet.manual_seed(0)
    net, (x, _) = network(2), batch()
    net.apply(init.scheme(init.kaiming_normal_, bias=init.zeros_))
    (finding,) = doctor.examine(net, scale * x).findings
    assert (finding.kind, finding.where) == ("unscaled inputs", "0")
    assert finding.remedy.startswith(
        "normalize the inputs to mean 0 and std 1, or doctor.prescribe"
    )
    doctor.examine(doctor.prescribe(net, scale * x), scale * x).check()


def test_saturated_units() -> None:
    minnet.manual_seed(0)
    net, (x, _) = network(3, nn.Tanh), batch()
    net.apply(init.scheme(functools.partial(init.normal_, std=1.0)))
    report = doctor.examine(net, x)
    saturated = [f.where for f in report.findings if f.kind == "saturated units"]
    assert saturated == ["0", "2", "4"]
    assert "Tanh is flat for" in str(report)


def test_dead_units_are_told_from_chance() -> None:
    minnet.manual_seed(0)
    net, (x, _) = network(2, width=400), batch(400)
    doctor.prescribe(net)
    few = doctor.examine(net, x[:4])  # with so few samples chance makes 1/2⁴ or more
    units = few.layers[0].units
    assert units is not None
    assert units.dead_by_chance == pytest.approx(1 / 16, abs=0.01)
    assert units.dead == pytest.approx(units.dead_by_chance, abs=5 * np.sqrt(1 / 16 / 400))
    assert "dead units" not in kinds(few)
    with minnet.no_grad():
        net[2].bias[:200] = -10
    (found,) = doctor.examine(net, x).findings[-1:]
    assert (found.kind, found.where) == ("dead units", "2")


def test_chance_makes_many_dead_units_where_a_deep_narrow_network_tells_samples_hardly_apart():
    minnet.manual_seed(0)
    net, (x, _) = network(30, width=64), batch(64)
    x *= minnet.exp(minnet.randn(len(x), 1))  # samples of different sizes, as real ones are
    report = doctor.examine(doctor.prescribe(net), x)
    deep = [layer.units for layer in report.layers[20:-1]]
    assert np.mean([units.dead for units in deep]) > 0.25
    error = np.mean([units.dead - units.dead_by_chance for units in deep])
    assert abs(error) < 0.05
    report.check()


def test_an_initial_loss_far_above_chance_is_a_confident_guess() -> None:
    minnet.manual_seed(0)
    net, (x, y) = doctor.prescribe(network(2)), batch()
    report = doctor.examine(net, x, y, nn.CrossEntropyLoss())
    assert report.chance_loss == pytest.approx(np.log(10))
    report.check()
    with minnet.no_grad():
        net[4].weight *= 20
    (finding,) = doctor.examine(net, x, y).findings
    assert (finding.kind, finding.where) == ("confident guesses", "4")


def test_hidden_units_with_equal_weights() -> None:
    net = network(1)
    init.constant_(net[0].weight, 0.1)
    assert "equal units" in kinds(doctor.examine(net))


def test_a_last_layer_of_zeros_is_no_finding() -> None:
    net = doctor.prescribe(network(2))
    init.zeros_(net[4].weight)
    x, y = batch()
    assert "equal units" not in kinds(doctor.examine(net, x, y))


def test_a_fill_that_overwrites_the_prescription_is_told_and_not_the_other_way_round() -> None:
    minnet.manual_seed(0)
    net, x = network(2), batch()[0]
    net.apply(init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_))
    doctor.prescribe(net, x)
    prescribed = sys._getframe().f_lineno - 1
    doctor.examine(net, x).check()
    init.kaiming_normal_(net[2].weight, nonlinearity="relu")
    (found,) = doctor.examine(net, x).findings
    assert (found.kind, found.where) == ("initialized twice", "2.weight")
    here = "test_examination.py"
    assert found.text == (
        f"by kaiming_normal_ at {here}:{prescribed}, then by kaiming_normal_ at "
        f"{here}:{prescribed + 3}"
    )
    doctor.prescribe(net, x)
    doctor.examine(net, x).check()


def test_provenance() -> None:
    minnet.manual_seed(0)
    net = network(1)
    for _ in range(2):
        init.xavier_normal_(net[0].weight)
    net[2].weight = nn.Parameter(minnet.randn(10, 100) / 10)
    init.normal_(net[2].weight, std=0.1)
    net[2].weight.numpy(force=True)[...] *= 1.5  # behind the version counter's back
    findings = {(f.kind, f.where) for f in doctor.examine(net).findings}
    assert findings == {("initialized twice", "0.weight"), ("unexpected std", "2.weight")}
    net[0].weight = nn.Parameter(minnet.empty(100, 100).fill_(0.0))
    report = doctor.examine(doctor.prescribe(net))
    assert report.findings == []
    assert report.layers[0].provenance["weight"].function == "lecun_normal_"


def test_shared_parameters_are_named() -> None:
    net = network(2)
    net[2].weight = net[0].weight
    report = doctor.examine(net)
    assert report.shared == [["0.weight", "2.weight"]]
    assert "one parameter: 0.weight, 2.weight" in str(report)
    assert len(report.layers) == 3


def test_an_expected_std_is_not_flagged_by_chance() -> None:
    for seed in range(20):
        minnet.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 1))
        assert "unexpected std" not in kinds(doctor.examine(net))


def test_where_there_is_no_theory_it_says_so_and_measures() -> None:
    class Skipping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(100, 100), nn.Linear(100, 100)
            self.normalize = nn.Softmax(dim=-1)

        def forward(self, x: Any) -> Any:
            return self.second(F.relu(self.first(x)) + self.normalize(x))

    minnet.manual_seed(0)
    report = doctor.examine(Skipping(), batch()[0])
    first, softmax, total, second = report.layers
    assert first.activation == "relu"
    assert total.name == "+" and total.why == "no theory for one of its terms"
    assert softmax.why == "no theory for Softmax"
    assert softmax.signal.predicted is None and softmax.signal.measured > 0
    assert "normalize: no theory for Softmax; measured only" in str(report)
    assert first.signal.agrees and second.signal.agrees  # the latter from its measured input


def test_dropout_and_flatten_are_passed_over() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(100, 50), nn.Dropout(0.5), nn.ReLU(), nn.Linear(50, 2)
    )
    report = doctor.examine(net, minnet.randn(64, 10, 10))
    assert [(layer.name, layer.activation) for layer in report.layers] == [
        ("1", "ReLU"),
        ("4", None),
    ]
    assert report.layers[0].chi is not None


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.GELU])
def test_an_activation_is_seen_however_small_its_inputs(
    activation: Callable[[], nn.Module],
) -> None:
    minnet.manual_seed(0)
    net = network(2, activation).apply(init.scheme(functools.partial(init.normal_, std=1e-6)))
    report = doctor.examine(net, batch()[0])
    assert [layer.activation for layer in report.layers] == [activation.__name__] * 2 + [None]


def test_the_optimizers_step_is_compared_with_the_weights() -> None:
    minnet.manual_seed(0)
    net, (x, y) = network(2), batch()
    optimizer = minnet.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    before = [p.clone() for p in net.parameters()]
    report = doctor.examine(net, x, y, optimizer=optimizer)
    for layer in report.layers:
        assert layer.update_to_weight == pytest.approx(0.5 * layer.gradient_to_weight, rel=1e-4)
    assert all(minnet.equal(p, b) for p, b in zip(net.parameters(), before, strict=True))
    assert all(p.grad is None for p in net.parameters())
    assert optimizer.state_dict()["state"] == {}
    with pytest.raises(ValueError, match="give targets or a loss"):
        doctor.examine(net, x, optimizer=optimizer)


def test_the_report_is_a_table_that_fits_a_terminal() -> None:
    minnet.manual_seed(0)
    net, (x, y) = network(6), batch()
    lines = str(doctor.examine(net, x, y)).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split()[:4] == ["layer", "module", "E[z²]", "theory"]
    assert lines[1].split()[:4] == ["0", "100→100", "ReLU", "0.35"]
    assert any(line.startswith("loss 2.3") and "a uniform guess: 2.303" in line for line in lines)
    assert any("ordered; depth scale 0.5" in line for line in lines)
    assert any(line.startswith("- vanishing gradient at 0: E[δ²] goes from") for line in lines)
    assert str(doctor.examine(doctor.prescribe(net), x, y)).endswith("Verdict: well initialized.")


def test_where_the_theory_gives_no_error_is_marked_and_neither_agrees_nor_disagrees() -> None:
    minnet.manual_seed(0)
    # At gain √2 a little more of GELU's signal grows and a little less fades.
    he = init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_)
    wide, narrow = (
        doctor.examine(network(depth, nn.GELU, width).apply(he))
        for depth, width in ((4, 400), (20, 50))
    )
    assert [layer.signal.agrees for layer in wide.layers] == [True] * 5
    assert narrow.layers[0].signal.agrees and narrow.layers[-1].signal.agrees is None
    assert "~ too deep for its width" in str(narrow) and "~" not in str(wide)


@pytest.mark.parametrize(
    ("measured", "predicted", "error", "agrees"),
    [
        (1.0, 1.0, 0.1, True),
        (np.exp(-0.55), 1.0, 0.1, False),  # five and a half, and a half of the variance
        (np.exp(-0.5), 1.0, 0.1, True),
        (np.exp(0.5), 1.0, 0.1, False),
        (0.0, 1.0, 0.1, False),
        (np.inf, 1.0, 0.1, False),
        (0.0, 1e-80, 0.1, None),  # float32 underflows
        (1.0, 9.0, np.inf, None),  # no error is given
        (1.0, 1.0, 0.0, None),  # it is given
        (1.0, None, 0.0, None),
    ],
)
def test_agreement_is_within_five_standard_errors_of_the_logarithm(
    measured: float, predicted: float | None, error: float, agrees: bool | None
) -> None:
    assert doctor.Compared(measured, predicted, error).agrees is agrees


def test_a_gradient_that_the_theory_does_not_give_is_marked() -> None:
    minnet.manual_seed(0)
    net = network(3, nn.Tanh, width=400)
    for name, weight in net.named_parameters():
        (init.lecun_normal_ if name.endswith("weight") else init.zeros_)(weight)
    x, y = minnet.randn(64, 400), minnet.randint(0, 10, (64,))
    assert "*" not in str(doctor.examine(net, x, y))
    # Units in pairs that are equal, and whose gradients all but cancel.
    with minnet.no_grad():
        net[4].weight[1::2] = net[4].weight[::2]
        net[6].weight[:, 1::2] = -net[6].weight[:, ::2] + 0.001 * minnet.randn(10, 200)
    report = doctor.examine(net, x, y)
    first = report.layers[0]
    assert first.signal.agrees and first.gradient.agrees is False
    row = str(report).splitlines()[1].split()
    assert [cell.endswith("*") for cell in row[3:8]] == [False, False, False, True, False]
    assert "* more than five standard errors from the theory" in str(report)


def test_rank_and_condition_stand_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    minnet.manual_seed(0)
    net, x = network(2), minnet.randn(40, 100)
    with minnet.no_grad():
        net[2].weight[1:] = net[2].weight[0]
        net[2].bias.fill_(0.0)
    report = doctor.examine(net, x)
    monkeypatch.setenv("COLUMNS", "100")
    head, first, second, last = (line.split() for line in str(report).splitlines()[:4])
    assert head[-3:] == ["rank", "cond.", "initializer"]
    features = report.layers[0].features
    assert first[10:12] == [f"{features.effective_rank:.3g}", f"{features.condition:.3g}"]
    assert second[10:12] == ["1", "∞"] and last[9:11] == ["-", "-"]
    monkeypatch.setenv("COLUMNS", "80")
    assert "cond." not in str(report).splitlines()[0]


def test_data_is_strict_json() -> None:
    minnet.manual_seed(0)
    report = doctor.examine(network(100, nn.Tanh, width=10), minnet.randn(20, 10))
    data = report.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    first, last = report.layers[0], report.layers[-2]
    assert first.gradient.error == last.features.condition == np.inf
    assert data["layers"][0]["gradient"]["error"] is None
    assert data["layers"][-2]["features"]["condition"] is None
    overflown = network(2)
    with minnet.no_grad():
        overflown[0].weight.fill_(float("inf"))
    data = doctor.examine(overflown).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["layers"][0]["signal"]["measured"] is None


def test_the_report_is_data_too() -> None:
    minnet.manual_seed(0)
    net, (x, y) = network(2), batch()
    report = doctor.examine(net, x, y)
    data = json.loads(json.dumps(report.to_dict()))
    assert len(data["layers"]) == 3
    assert data["layers"][0]["signal"]["measured"] == report.layers[0].signal.measured
    assert data["layers"][0]["units"]["flat"] == report.layers[0].units.flat
    assert data["layers"][0]["provenance"]["weight"]["function"] == "kaiming_uniform_"


def test_networks_without_a_linear_need_a_batch() -> None:
    with pytest.raises(ValueError, match="give a batch: the ReLU has no Linear or Embedding"):
        doctor.examine(nn.ReLU())
    with pytest.raises(ValueError, match="no Linear of the ReLU was called"):
        doctor.prescribe(nn.ReLU(), minnet.tensor([[1.0, -2.0], [3.0, 4.0]]))
    assert doctor.examine(nn.Linear(4, 2)).layers[0].name == ""


@pytest.mark.parametrize("value", [0.1, 1 / 3, -1e-3])
def test_a_constant_has_the_std_that_it_promises(value: float) -> None:
    net = network(1).apply(init.scheme(init.constant_, val=value, bias=init.zeros_))
    assert kinds(doctor.examine(net, *batch())) == {"equal units"}


def test_a_network_of_zeros_never_begins() -> None:
    net = network(3)
    for parameter in net.parameters():
        init.zeros_(parameter)
    report = doctor.examine(net, *batch())
    assert kinds(report) == {"equal units", "constant units"}
    assert [layer.activation for layer in report.layers] == ["ReLU", "ReLU", "ReLU", None]


def test_what_is_not_finite_is_named() -> None:
    net, (x, _) = network(3), batch()
    with minnet.no_grad():
        net[2].weight[0, :2] = float("nan")
    (found,) = doctor.examine(net, x).findings
    assert (found.kind, found.where) == ("not finite", "2.weight")
    assert found.text == "2 of its elements are not finite"
    (found,) = doctor.examine(network(3), x * float("inf")).findings
    assert (found.kind, found.remedy) == ("not finite", "look for NaN in the inputs")


def test_without_layers_or_theory_it_claims_nothing() -> None:
    assert str(doctor.examine(nn.Sequential(), minnet.ones(2, 2))).endswith("no layer was seen.")
    softmax = nn.Sequential(nn.Softmax(dim=-1))
    assert "there is no theory for these layers" in str(doctor.examine(softmax, minnet.ones(2, 2)))


def test_a_batch_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one sample, got \(0, 100\)"):
        doctor.examine(network(1), minnet.empty(0, 100))
    with pytest.raises(TypeError, match="a minnet tensor or a NumPy array, but got list"):
        doctor.examine(network(1), [[1.0] * 100])
    assert len(doctor.examine(network(1), np.ones((1, 100), np.float32)).layers) == 2


@pytest.mark.parametrize(("columns", "initializer"), [(80, False), (100, True), (140, True)])
def test_the_table_fits_the_terminal(
    columns: int, initializer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    minnet.manual_seed(0)
    net, (x, y) = network(3), batch()
    init.xavier_normal_(net[0].weight, gain=3.25)
    text = str(doctor.examine(net, x, y))
    assert max(map(len, text.splitlines())) <= columns
    assert ("initializer" in text.splitlines()[0]) == initializer
    assert ("xavier_normal_(gain=3.25)" in text) == (columns == 140)


def test_a_deep_network_is_shown_in_part() -> None:
    minnet.manual_seed(0)
    text = str(doctor.examine(network(80, nn.Tanh, width=20), minnet.randn(16, 20)))
    assert "… 41 more" in text and text.count("20→20 Tanh") == 39


def test_what_to_change_is_said_once() -> None:
    minnet.manual_seed(0)
    net, (x, y) = network(30), batch()
    report = doctor.examine(net, x, y)
    assert {"vanishing gradient", "collapsed features"} <= kinds(report)
    assert str(report).count("doctor.prescribe") == 1
