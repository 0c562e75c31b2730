"""The Jacobian's singular values against closed forms, and theory against wide networks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import doctor, nn
from minnet.doctor.spectrum import _inverse
from minnet.nn import init

N = 200


def network(
    depth: int,
    activation: Callable[[], nn.Module],
    initializer: Any,
    ends: tuple[int, int] = (N, N),
) -> nn.Sequential:
    sizes = [ends[0], *[N] * (depth - 1), ends[1]]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), activation()]
    net = nn.Sequential(*layers[:-1])
    return net.apply(init.scheme(initializer, bias=init.zeros_))


def test_they_are_those_of_the_jacobian() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(7, 9), nn.Tanh(), nn.Linear(9, 4))
    x = minnet.randn(5, 7)
    found = doctor.examine(net, x).jacobian
    first, second = net[0].weight.numpy(force=True), net[2].weight.numpy(force=True)
    assert len(found.singular_values) == 4
    for values, z in zip(found.singular_values, net[0](x).numpy(force=True), strict=False):
        jacobian = second @ np.diag(1 - np.tanh(z) ** 2) @ first
        expected = np.linalg.svd(jacobian, compute_uv=False)
        assert values == pytest.approx(expected.tolist(), rel=1e-3)


def test_more_outputs_than_inputs() -> None:
    minnet.manual_seed(0)
    net = nn.Linear(3, 8)
    found = doctor.examine(net, minnet.randn(5, 3)).jacobian
    expected = np.linalg.svd(net.weight.numpy(force=True), compute_uv=False)
    assert found.singular_values[0] == pytest.approx(expected.tolist(), rel=1e-4)
    assert found.mean_square_predicted == pytest.approx(found.mean_square, rel=1e-4)
    assert found.spread_predicted == pytest.approx(found.spread, rel=1e-3)


@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_linear_layers_of_independent_weights(depth: int) -> None:
    # The Fuss-Catalan law: the variance of the squares is L, their edge (L+1)^(L+1) / L^L.
    minnet.manual_seed(0)
    found = doctor.examine(network(depth, nn.Identity, init.lecun_normal_)).jacobian
    assert found.spread_predicted == pytest.approx(depth, rel=0.05)
    edge = (depth + 1) ** (depth + 1) / depth**depth
    rms = np.sqrt(found.mean_square_predicted)  # 1 but for the chance of the weights' variance
    assert found.largest_predicted / rms == pytest.approx(np.sqrt(edge), rel=0.01)


def test_orthogonal_linear_layers_are_isometries() -> None:
    minnet.manual_seed(0)
    found = doctor.examine(network(10, nn.Identity, init.orthogonal_)).jacobian
    assert found.singular_values[0] == pytest.approx([1.0] * N, abs=1e-3)
    assert found.mean_square_predicted == pytest.approx(1, rel=1e-4)
    assert found.spread_predicted == pytest.approx(0, abs=1e-4)
    assert found.largest_predicted == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(("kind", "per_layer"), [("orthogonal", 1.0), ("normal", 2.0)])
def test_relu_adds_as_much_variance_per_layer_as_pennington_et_al_say(
    kind: str, per_layer: float
) -> None:
    # L (μ2 / μ1² - 1 - s1), with μ2 / μ1² = 2, and s1 = 0 for orthogonal, -1 for normal weights.
    minnet.manual_seed(0)
    he = {
        "orthogonal": functools.partial(init.orthogonal_, gain=2**0.5),
        "normal": functools.partial(init.kaiming_normal_, nonlinearity="relu"),
    }
    one, two = (
        doctor.examine(network(depth, nn.ReLU, he[kind])).jacobian.spread_predicted
        for depth in (4, 14)
    )
    assert two - one == pytest.approx(10 * per_layer, rel=0.02)


@pytest.mark.parametrize("activation", [nn.Identity, nn.ReLU, nn.Tanh, nn.Hardtanh, nn.GELU])
@pytest.mark.parametrize("kind", ["orthogonal", "normal", "uniform"])
@pytest.mark.parametrize("ends", [(N, N), (300, 50)])
def test_theory_and_measurement_agree(
    activation: Callable[[], nn.Module], kind: str, ends: tuple[int, int]
) -> None:
    gain = init.gain(activation()) if activation is not nn.Identity else 1.0
    initializer = {
        "orthogonal": functools.partial(init.orthogonal_, gain=gain),
        "normal": functools.partial(init.variance_scaling_, scale=gain**2),
        "uniform": functools.partial(init.variance_scaling_, scale=gain**2, distribution="uniform"),
    }[kind]
    minnet.manual_seed(0)
    found = [
        doctor.examine(
            network(4, activation, initializer, ends), minnet.randn(16, ends[0])
        ).jacobian
        for _ in range(3)
    ]

    def mean(name: str) -> float:
        return float(np.mean([getattr(each, name) for each in found]))

    assert mean("mean_square") == pytest.approx(mean("mean_square_predicted"), rel=0.12)
    assert mean("spread") == pytest.approx(mean("spread_predicted"), rel=0.2, abs=0.02)
    assert mean("largest") == pytest.approx(mean("largest_predicted"), rel=0.15)


def test_where_there_is_no_theory_it_says_why() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 20), nn.Softmax(dim=-1), nn.Linear(20, 3))
    report = doctor.examine(net)
    assert report.jacobian.mean_square > 0 and report.jacobian.mean_square_predicted is None
    assert "(no theory for Softmax)" in str(report)


@pytest.mark.parametrize("values", [[1.0], [0.0, 1.0], [1.0, 1.0, 4.0], np.linspace(0, 3, 60)])
def test_inverse_moment_function(values: Any) -> None:
    values = np.asarray(values, np.float64)
    x = np.geomspace(1e-4, 1e4, 80)
    z = _inverse(values, x)
    assert z is not None and (0 < z).all() and (z < 1 / values.max()).all()
    m = [np.mean(values * each / (1 - values * each)) for each in z]
    np.testing.assert_allclose(m, x, rtol=1e-4)  # z is rounded near 1 / largest
    assert _inverse(np.zeros(3), x) is None


def test_the_standard_error_holds_for_the_mean_square() -> None:
    off = []
    for seed in range(40):
        minnet.manual_seed(seed)
        found = doctor.examine(network(3, nn.ReLU, init.lecun_normal_, (40, 10))).jacobian
        off.append(np.log(found.mean_square / found.mean_square_predicted) / found.error)
    assert np.mean(np.square(off)) < 2.5  # 1 if the errors are what they are said to be


def test_weights_of_another_spectrum_have_moments_but_no_edge() -> None:
    minnet.manual_seed(0)
    net = network(3, nn.Identity, init.lecun_normal_)
    with minnet.no_grad():
        net[2].weight[:100] *= 4.0
    found = doctor.examine(net).jacobian
    assert found.largest_predicted is None
    assert found.spread == pytest.approx(found.spread_predicted, rel=0.15)


@pytest.mark.parametrize("outputs", [256, 257])
def test_it_is_not_measured_for_too_many_outputs(outputs: int) -> None:
    report = doctor.examine(nn.Linear(5, outputs), minnet.randn(3, 5))
    assert (report.jacobian is None) == (outputs > 256)
