"""A PyTorch model is examined as its minnet twin is, and as gently."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import doctor

torch = pytest.importorskip("torch")


def network(library: Any, activation: str = "Tanh", depth: int = 4) -> Any:
    nn = library.nn
    layers = [nn.Linear(50, 40), getattr(nn, activation)()]
    for _ in range(depth - 1):
        layers += [nn.Linear(40, 40), getattr(nn, activation)()]
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(40, 10))


def twins(activation: str = "Tanh") -> tuple[Any, Any]:
    torch.manual_seed(0)
    theirs, ours = network(torch, activation), network(minnet, activation)
    state = theirs.state_dict()
    ours.load_state_dict({name: minnet.tensor(value.numpy()) for name, value in state.items()})
    return theirs, ours


def batch() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).standard_normal((32, 50), np.float32), np.arange(32) % 10


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what a dict or list holds with the way to it, provenance left out."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        if key == "provenance":
            continue
        if isinstance(value, dict | list):
            yield from leaves(value, f"{path}/{key}")
        else:
            yield f"{path}/{key}", value


@pytest.mark.parametrize("activation", ["Tanh", "ReLU", "GELU", "LeakyReLU"])
@pytest.mark.parametrize("targets", [True, False])
def test_the_report_is_that_of_the_minnet_twin(activation: str, targets: bool) -> None:
    theirs, ours = twins(activation)
    x, y = batch()
    given: list[Any] = [{}, {}]
    if targets:
        given[0] = {"optimizer": torch.optim.Adam(theirs.parameters(), lr=1e-3)}
        given[1] = {"optimizer": minnet.optim.Adam(ours.parameters(), lr=1e-3)}
    reports = [
        dict(leaves(doctor.examine(net, x, y if targets else None, **more).to_dict()))
        for net, more in zip((theirs, ours), given, strict=True)
    ]
    assert reports[0].keys() == reports[1].keys()
    compared = 0
    for path, value in reports[0].items():
        if isinstance(value, float):
            assert value == pytest.approx(reports[1][path], rel=2e-4, abs=1e-7), path
            compared += 1
        else:
            assert value == reports[1][path], path
    assert compared > 100


def test_tensors_are_taken_as_arrays_are() -> None:
    net, _ = twins()
    x, y = batch()
    of_arrays = doctor.examine(net, x, y).to_dict()
    assert doctor.examine(net, torch.from_numpy(x), torch.from_numpy(y)).to_dict() == of_arrays


def test_nothing_stays_changed() -> None:
    net = torch.nn.Sequential(
        torch.nn.Linear(50, 40), torch.nn.BatchNorm1d(40), torch.nn.ReLU(inplace=True),
        torch.nn.Dropout(0.5), torch.nn.Linear(40, 10),
    )  # fmt: skip
    net[1].eval()
    x, y = batch()
    net(torch.from_numpy(x)).sum().backward()

    def state() -> Any:
        return copy.deepcopy((
            [value.numpy() for value in net.state_dict().values()],
            [p.grad.numpy() for p in net.parameters()],
            [(m.training, vars(m).get("inplace"), len(m._forward_hooks)) for m in net.modules()],
            torch.get_rng_state().numpy(),
            minnet.get_rng_state().numpy(),
        ))  # fmt: skip

    before = state()
    report = doctor.examine(net, x, y, optimizer=torch.optim.SGD(net.parameters(), lr=0.1))
    np.testing.assert_equal(state(), before)
    # Batch normalization is examined as it will train, though it was in evaluation mode.
    assert report.layers[1].kind == "BatchNorm1d"
    assert report.layers[1].signal.measured == pytest.approx(1, rel=1e-3)
    assert report.layers[1].signal.predicted == pytest.approx(1, rel=1e-3)
    assert report.layers[1].signal.agrees
    assert report.jacobian is None  # a sample's output depends on the others


def normalized(norm: Any, depth: int = 6, width: int = 400) -> Any:
    layers: list[Any] = []
    for _ in range(depth):
        layers += [torch.nn.Linear(width, width), norm(width), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
    minnet.manual_seed(0)
    for each in net:
        if isinstance(each, torch.nn.Linear):
            minnet.nn.init.lecun_normal_(each.weight)
            minnet.nn.init.zeros_(each.bias)
    return net


def test_behind_a_normalization_units_features_and_chi_are_those_of_the_linear() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(256, 400)).astype(np.float32))
    report = doctor.examine(normalized(torch.nn.LayerNorm), x)
    linear, norm, relu = report.layers[3:6]
    assert (linear.units, norm.units, linear.chi, norm.chi) == (None,) * 4
    assert relu.units is not None and relu.features is not None
    assert relu.units.flat == pytest.approx(relu.units.flat_predicted, abs=0.02)
    assert 100 < relu.features.effective_rank < 256
    # σw² / 2 on the way back through ReLU and the weights, over the variance of what they make of
    # an E[x²] of 1/2; and LayerNorm takes away two directions of 400.
    assert relu.chi == pytest.approx(1 - 2 / 400, rel=0.02)
    back = report.layers[3].gradient, report.layers[6].gradient
    assert back[0].predicted / back[1].predicted == pytest.approx(relu.chi, rel=1e-6)
    assert back[0].measured / back[1].measured == pytest.approx(relu.chi, rel=0.1)
    assert "depth scale" in str(report) and report.fixed_point is None


def test_behind_a_shift_units_are_not_taken_for_centred() -> None:
    net = normalized(torch.nn.LayerNorm, depth=1)
    torch.nn.init.constant_(net[1].bias, -5.0)
    report = doctor.examine(net)
    assert report.layers[1].signal.agrees
    assert report.layers[2].why == "its input is not known to be normal"
    (found,) = report.findings
    assert (found.kind, found.where, found.remedy) == ("dead units", "2", "")
    assert "What to change" not in str(report)


def test_where_there_is_no_theory_for_the_way_back_it_says_so() -> None:
    report = doctor.examine(normalized(torch.nn.BatchNorm1d, depth=2))
    linear, norm, relu, *_ = report.layers
    assert norm.why == "" and norm.signal.agrees
    assert norm.why_gradient == "no theory for the way back through BatchNorm1d"
    assert linear.why_gradient == relu.why_gradient == "" and relu.chi is None
    assert linear.gradient.predicted == linear.gradient.measured
    assert "1, 4: no theory for the way back through BatchNorm1d; gradient measured only\n" in str(
        report
    )


def test_what_is_prescribed_mends() -> None:
    torch.manual_seed(0)
    net, (x, y) = network(torch, depth=25), batch()
    assert "vanishing gradient" in {f.kind for f in doctor.examine(net, x, y).findings}
    minnet.manual_seed(0)
    assert doctor.prescribe(net, x) is net
    report = doctor.examine(net, x, y)
    report.check()
    assert report.layers[1].provenance["weight"].function == "variance_scaling_"


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_other_dtypes(dtype: str) -> None:
    net = network(torch).to(getattr(torch, dtype))
    report = doctor.examine(net)
    assert all(layer.signal.agrees for layer in report.layers)
    assert report.layers[0].gradient is not None


def test_an_embedding_comes_first() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Embedding(100, 60),
        torch.nn.Linear(60, 60),
        torch.nn.Tanh(),
        torch.nn.Linear(60, 5),
    )
    first, second, third = doctor.examine(net, torch.arange(64)).layers
    assert first.kind == "Embedding" and first.why == "no theory for Embedding"
    assert second.signal.agrees and third.signal.agrees
    for p in net[0].parameters():
        p.requires_grad_(False)
    assert doctor.examine(net, torch.arange(64)).layers[1].signal.agrees
    assert doctor.examine(net).layers[2].signal.agrees  # on the indices 0 to 99


def test_torch_is_imported_by_nobody_but_its_user() -> None:
    program = (
        "import sys, minnet; net = minnet.nn.Linear(3, 2); minnet.doctor.examine(net);"
        "minnet.doctor.prescribe(net); print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False"]


def test_what_is_no_network_is_refused() -> None:
    for wrong in (3, minnet.nn.Linear, lambda x: x):
        with pytest.raises(TypeError, match="expected a network"):
            doctor.examine(wrong)
