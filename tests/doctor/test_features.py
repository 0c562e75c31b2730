"""The rank of features: of equal directions their number, of copies one."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minnet
from minnet import doctor, nn
from minnet.doctor.features import features
from minnet.nn import init


def test_equal_singular_values_count_as_many() -> None:
    found = features(3 * np.eye(6)[:4])
    assert found is not None
    assert found == (4, 4, pytest.approx(4), pytest.approx(1))


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_against_the_singular_values_themselves(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal(shape) * np.geomspace(1, 1e-3, shape[1])
    values = np.linalg.svd(matrix, compute_uv=False)
    p = values / values.sum()
    found = features(matrix)
    assert found is not None
    assert found.effective_rank == pytest.approx(math.exp(-(p * np.log(p)).sum()), rel=1e-6)
    assert found.condition == pytest.approx(values[0] / values[-1], rel=1e-4)
    assert found.rank == found.possible == 20


def test_copies_of_one_sample_have_rank_one() -> None:
    found = features(np.tile(np.arange(1.0, 9.0), (5, 1)))
    assert found == (5, 1, pytest.approx(1, abs=1e-5), math.inf)


def test_nothing_has_no_rank() -> None:
    assert features(np.zeros((3, 4))) == (3, 0, 0.0, math.inf)
    assert features(np.zeros((0, 4))) is None
    assert features(np.full((2, 2), np.nan)) is None


def test_features_collapse_where_the_network_is_ordered() -> None:
    minnet.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(30):
        layers += [nn.Linear(50, 50), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(50, 5))
    x = minnet.randn(32, 50)
    report = doctor.examine(net, x)
    (found,) = [f for f in report.findings if f.kind == "collapsed features"]
    ranks = {layer.name: layer.features.effective_rank for layer in report.layers[:-1]}
    assert ranks["0"] > 20 and ranks[found.where] < 1.05
    assert "of 32 possible: all samples look alike" in found.text
    alike = minnet.ones(32, 50)  # nothing to tell apart
    kinds = {f.kind for f in doctor.examine(net, alike).findings}
    assert not kinds & {"collapsed features", "constant units"}


def test_units_that_do_not_vary() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 40), nn.Tanh(), nn.Linear(40, 2))
    net.apply(init.scheme(init.lecun_normal_, bias=init.zeros_))
    with minnet.no_grad():
        net[0].weight[:10] = 0.0
        net[0].bias[:10] = 0.3  # neither dead nor flat
    report = doctor.examine(net)
    units = report.layers[0].units
    assert (units.dead, units.constant) == (0, 0.25)
    (found,) = report.findings
    assert (found.kind, found.where) == ("constant units", "0")
    assert found.text == "25% of its 40 units give the same for every sample"


def test_flat_units_are_those_that_the_theory_predicts() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(400, 400), nn.Tanh(), nn.Linear(400, 2))
    init.normal_(net[0].weight, std=0.1)
    units = doctor.examine(net).layers[0].units
    assert units.flat_predicted == pytest.approx(units.flat, abs=0.02)
    assert units.flat > 0.2 > units.flat_at_unit_variance
