"""What a forward does between its modules is seen: functions, sums, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import doctor, nn
from minnet.doctor.observation import observe
from minnet.doctor.prediction import predict
from minnet.nn import functional as F
from minnet.nn import init


class Calling(nn.Module):
    """Two Linears with a function between."""

    def __init__(self, function: Callable[[Any], Any], width: int = 200):
        super().__init__()
        self.function = function
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        return self.second(self.function(self.first(x)))


@pytest.mark.parametrize(
    ("function", "module", "name"),
    [
        (F.relu, nn.ReLU(), "relu"),
        (lambda x: x.relu_(), nn.ReLU(), "relu"),
        (lambda x: x.clamp(min=0), nn.ReLU(), "relu"),
        (minnet.tanh, nn.Tanh(), "tanh"),
        (F.sigmoid, nn.Sigmoid(), "sigmoid"),
        (F.gelu, nn.GELU(), "gelu"),
        (lambda x: F.gelu(x, approximate="tanh"), nn.GELU("tanh"), "gelu"),
        (F.silu, nn.SiLU(), "silu"),
        (F.elu, nn.ELU(), "elu"),
        (F.selu, nn.SELU(), "selu"),
        (F.softplus, nn.Softplus(), "softplus"),
        (lambda x: F.leaky_relu(x, 0.2), nn.LeakyReLU(0.2), "leaky_relu"),
        (lambda x: F.leaky_relu(x, 0.37), nn.LeakyReLU(0.37), "leaky_relu"),
        (lambda x: F.elu(x, 0.7), nn.ELU(0.7), "elu"),
        (lambda x: x.clamp(-1, 1), nn.Hardtanh(), "hardtanh"),
        (lambda x: F.hardtanh(x, -0.3, 0.8), nn.Hardtanh(-0.3, 0.8), "hardtanh"),
        (F.relu6, nn.ReLU6(), "relu6"),
        (lambda x: F.relu(x.reshape(-1)).view(x.shape), nn.ReLU(), "relu"),
    ],
)
def test_a_function_is_seen_as_its_module_is(
    function: Callable[[Any], Any], module: nn.Module, name: str
) -> None:
    minnet.manual_seed(0)
    calling = Calling(function)
    twin = nn.Sequential(calling.first, module, calling.second)
    x = 2 * minnet.randn(64, 200)
    seen, known = doctor.examine(calling, x), doctor.examine(twin, x)
    assert len(seen.layers) == 2
    assert seen.layers[0].activation == name
    for a, b in zip(seen.layers, known.layers, strict=True):
        assert a.signal.predicted == pytest.approx(b.signal.predicted, rel=1e-9)
        assert a.signal.measured == pytest.approx(b.signal.measured, rel=1e-6)
        assert a.gradient.measured == pytest.approx(b.gradient.measured, rel=1e-5)
        assert a.gradient.predicted == pytest.approx(b.gradient.predicted, rel=1e-5)
        assert a.chi == (b.chi if b.chi is None else pytest.approx(b.chi, rel=1e-9))
        assert a.units == b.units


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.leaky_relu(x, 0.37).clamp(max=minnet.ones(200)),  # a bound for each unit
        lambda x: x * minnet.linspace(0.5, 1.5, 200),  # one for each unit
        lambda x: 3 / x,
        lambda x: x.add(F.tanh(x), alpha=2),
        lambda x: x + 1,
        lambda x: x.flip(1),
        lambda x: x**2,
        lambda x: F.relu(x) * F.sigmoid(x),
    ],
)
def test_what_cannot_be_read_is_said_and_measured(function: Callable[[Any], Any]) -> None:
    minnet.manual_seed(0)
    report = doctor.examine(Calling(function), minnet.randn(64, 200))
    first, second = report.layers
    assert first.activation is None and first.chi is None
    assert "which no module shows" in second.why
    assert "which no module shows; measured only" in str(report)
    assert second.signal.agrees  # from its measured input
    # Where the gradient comes from is not known, so nothing is predicted of it.
    assert first.gradient.predicted == first.gradient.measured


class Residual(nn.Module):
    """Blocks that add to the stream what two Linears make of it."""

    def __init__(self, depth: int, width: int, function: Callable[[Any], Any] = F.relu):
        super().__init__()
        self.stem = nn.Linear(width, width)
        self.ins = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.outs = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)
        self.function = function

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for first, second in zip(self.ins, self.outs, strict=True):
            x = x + second(self.function(first(x)))
        return self.head(x)


def test_the_theory_of_residual_sums_forward_and_back() -> None:
    minnet.manual_seed(0)
    net = Residual(6, 600).apply(init.scheme(init.lecun_normal_, bias=init.zeros_))
    report = doctor.examine(net, minnet.randn(64, 600))
    sums = [layer for layer in report.layers if layer.kind == "sum"]
    assert len(sums) == 6
    for depth, layer in enumerate(sums, start=1):
        # Each branch adds half of what it reads: He et al.'s gain would double the stream.
        assert layer.signal.predicted == pytest.approx(1.5**depth, rel=0.05)
        assert layer.gradient.predicted == pytest.approx(
            sums[-1].gradient.measured * 1.5 ** (6 - depth), rel=0.05
        )
        assert layer.signal.agrees
    for layer in report.layers[:-1]:
        assert abs(layer.signal.measured / layer.signal.predicted - 1) < 0.2
        assert abs(layer.gradient.measured / layer.gradient.predicted - 1) < 0.2
    assert "χ" not in str(report).split("\n\n")[1]  # which is that of a chain


def test_a_prescription_for_residual_branches_shares_the_variance() -> None:
    minnet.manual_seed(0)
    net = Residual(20, 100)
    init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_)(net)
    x, y = minnet.randn(64, 100), minnet.randint(0, 10, (64,))
    assert "exploding signal" in {f.kind for f in doctor.examine(net, x, y).findings}
    doctor.examine(doctor.prescribe(net, x), x, y).check()


class Scaled(nn.Module):
    """Blocks whose branch is multiplied by a number."""

    def __init__(self, depth: int, width: int, scaled: Callable[[Any], Any]):
        super().__init__()
        self.ins = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.outs = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)
        self.alpha = nn.Parameter(minnet.tensor([-0.4]))
        self.zero = nn.Parameter(minnet.zeros(()))
        self.vector = nn.Parameter(minnet.linspace(0.5e-4, 1.5e-4, width))
        self.scaled = scaled

    def forward(self, x: Any) -> Any:
        for first, second in zip(self.ins, self.outs, strict=True):
            x = x + self.scaled(self, second(F.relu(first(x))))
        return self.head(x)


@pytest.mark.parametrize(
    ("scaled", "number"),
    [
        (lambda net, x: 0.5 * x, 0.5),
        (lambda net, x: x / 3, 1 / 3),
        (lambda net, x: -1e-4 * x, -1e-4),
        (lambda net, x: (x * 2).view(-1).view(x.shape), 2.0),
        (lambda net, x: net.alpha * x, -0.4),
        (lambda net, x: net.zero * x, 0.0),
    ],
)
def test_the_theory_of_branches_that_are_multiplied_by_a_number(
    scaled: Callable[[Any, Any], Any], number: float
) -> None:
    minnet.manual_seed(0)
    net = Scaled(4, 500, scaled).apply(init.scheme(init.lecun_normal_, bias=init.zeros_))
    x = minnet.randn(64, 500)
    found = [call.scale for call in observe(net, x).calls if call.name == "×"]
    assert found == pytest.approx([number] * 4, rel=1e-3, abs=1e-12)
    report = doctor.examine(net, x)
    sums = [layer for layer in report.layers if layer.kind == "sum"]
    for depth, layer in enumerate(sums, start=1):
        # Each branch adds half of what it reads, times the number's square.
        assert layer.signal.predicted == pytest.approx((1 + number**2 / 2) ** depth, rel=0.03)
    for layer in report.layers[:-1]:
        assert layer.why == layer.why_gradient == "" and layer.signal.agrees is not False
        assert layer.signal.measured == pytest.approx(layer.signal.predicted, rel=0.1)
        assert layer.gradient.measured == pytest.approx(layer.gradient.predicted, rel=0.2)
    assert "measured only" not in str(report)


def test_a_branch_with_a_number_for_each_unit_is_not_taken_for_one_with_one_number() -> None:
    minnet.manual_seed(0)
    report = doctor.examine(Scaled(2, 50, lambda net, x: net.vector * x), minnet.randn(64, 50))
    assert "no module shows all that its output goes to; gradient measured only" in str(report)
    assert "sum" not in {layer.kind for layer in report.layers}


@pytest.mark.parametrize(("number", "scale"), [(1.0, 1 / 16), (0.5, 1 / 4), (0.25, 1), (0.0, 1)])
def test_a_prescription_leaves_to_a_branchs_number_what_that_does(
    number: float, scale: float
) -> None:
    minnet.manual_seed(0)
    net = Scaled(16, 50, lambda net, x: number * x)
    doctor.prescribe(net, minnet.randn(256, 50))
    drawn = init.provenance(net)["outs.3.weight"].arguments
    assert drawn.get("scale", 2.0 if "nonlinearity" in drawn else 1.0) == pytest.approx(2 * scale)


def test_between_two_linears_a_number_is_a_part_of_chi() -> None:
    minnet.manual_seed(0)
    x = minnet.randn(64, 200)
    plain, halved = Calling(F.tanh), Calling(lambda x: 0.5 * F.tanh(x))
    halved.load_state_dict(plain.state_dict())
    a, b = doctor.examine(plain, x), doctor.examine(halved, x)
    assert b.layers[0].chi == pytest.approx(a.layers[0].chi / 4)
    assert b.layers[1].signal.predicted < a.layers[1].signal.predicted
    for layer in b.layers:
        assert layer.signal.agrees
    back = b.layers[0].gradient
    assert back.predicted == pytest.approx(back.measured, rel=0.2)
    inside = doctor.examine(Calling(lambda x: F.relu(0.5 * x)), x)
    assert [layer.kind for layer in inside.layers] == ["Linear 200→200", "relu", "Linear 200→200"]
    assert inside.layers[1].units is not None and inside.layers[1].signal.agrees


def test_a_number_from_which_a_curve_comes() -> None:
    minnet.manual_seed(0)
    x, net = minnet.randn(64, 200), Calling(lambda x: 3 * F.tanh(0.5 * x))
    calls = observe(net, x).calls
    assert [call.name for call in calls] == ["", "first", "×", "tanh", "×", "second"]
    assert [call.scale for call in calls if call.name == "×"] == [0.5, 3.0]
    report = doctor.examine(net, x)
    assert all(layer.why == "" and layer.signal.agrees for layer in report.layers)


def test_what_has_changed_since_it_was_read_by_a_function_does_not_count() -> None:
    number = minnet.tensor(2.0)

    def function(x: Any) -> Any:
        x = x * number
        number.data.fill_(3.0)
        return x

    assert "which no module shows" in doctor.examine(Calling(function)).layers[1].why


def test_terms_with_means_are_added_as_they_are() -> None:
    class Rectified(Calling):
        def forward(self, x: Any) -> Any:
            return F.relu(self.first(x)) + F.relu(self.second(x))

    minnet.manual_seed(0)
    calls = observe(Rectified(F.relu, 1000), minnet.randn(64, 1000)).calls
    total = predict(calls)[-1]
    assert calls[-1].kind == "sum"
    assert total.second == pytest.approx(calls[-1].output.second, rel=0.03)
    assert total.second > 1.2 * sum(p.second for p in predict(calls)[-3:-1])


def test_a_network_that_reads_its_input_twice() -> None:
    class Skip(Calling):
        def forward(self, x: Any) -> Any:
            return x + self.second(F.tanh(self.first(x)))

    minnet.manual_seed(0)
    found = observe(Skip(F.tanh, 500), minnet.randn(64, 500))
    assert [call.kind for call in found.calls] == ["input", "Linear", "tanh", "Linear", "sum"]
    assert found.last == 4


def test_frozen_weights_hide_nothing() -> None:
    net = Calling(F.tanh)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    report = doctor.examine(net, minnet.randn(64, 200))
    assert report.layers[0].activation == "tanh" and report.layers[0].gradient is not None
    assert np.isfinite(report.layers[0].gradient.measured)
