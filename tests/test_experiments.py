"""The examples that repeat a paper's experiment find, in small, what the paper found."""

from __future__ import annotations

import importlib.util
import logging
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import minnet
from minnet.data import GeneratedDigits

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[1] / "examples"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def load(monkeypatch):
    """Return a function that gives an example as a module, on few digits."""
    monkeypatch.syspath_prepend(EXAMPLES)
    modules = set(sys.modules)
    log, threads = logging.getLogger("minnet.kernels"), minnet.get_num_threads()
    level = log.level

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)  # where dataclasses look for their types
        spec.loader.exec_module(module)
        monkeypatch.setattr(
            sys.modules["mnist_mlp"],
            "GeneratedDigits",
            lambda train, **options: GeneratedDigits(train, 3000 if train else 500, **options),
        )
        return module

    yield load
    log.setLevel(level)
    minnet.set_num_threads(threads)
    for name in set(sys.modules) - modules:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == EXAMPLES:
            del sys.modules[name]


def run(module: ModuleType, tmp_path: Path, *options: str):
    """Run an example in its reduced setting; return what it found, and check the picture."""
    path = tmp_path / "picture.png"
    always = ["--data", "generated", "--quick", "--threads", "1", "--output", str(path)]
    found = module.main([*always, *options])
    assert path.read_bytes().startswith(PNG)
    return found


def test_thirty_layers_of_relu_stall_from_xavier_and_learn_from_he(load, tmp_path, capsys):
    runs = run(load("deep_relu"), tmp_path)
    xavier, he, mended = (runs[name] for name in ("Xavier", "He", "Xavier, mended"))
    kinds = {finding.kind for finding in xavier.report.findings}
    assert {"vanishing signal", "vanishing gradient"} <= kinds
    assert he.report.healthy and mended.report.healthy
    assert np.abs(np.array(xavier.losses) - math.log(10)).max() < 0.02
    assert np.mean(he.losses[-20:]) < 1.9
    assert he.accuracy > 0.3 > 0.2 > xavier.accuracy
    # What is prescribed starts with small logits, and so learns later than He's.
    assert np.mean(mended.losses[-20:]) < 2.1
    assert mended.accuracy > 0.25
    out = capsys.readouterr().out
    assert "He, before training: well initialized" in out
    assert "vanishing gradient" in out.partition("He, before training")[0]


def test_without_biases_xavier_never_moves(load, tmp_path):
    runs = run(load("deep_relu"), tmp_path, "--no-bias", "--steps", "60", "--lr", "0.1")
    assert np.abs(np.array(runs["Xavier"].losses) - math.log(10)).max() < 1e-4


def test_normalized_initialization_keeps_what_the_standard_one_loses(load, tmp_path):
    found = run(load("glorot_histograms"), tmp_path)

    def forward_and_back(name: str) -> tuple[float, float]:
        layers = found[name]
        stds = [
            [values.std() for values in all_] for all_ in (layers.activations, layers.gradients)
        ]
        for std, layer in zip(stds[0], layers.report.layers, strict=False):
            assert std == pytest.approx(math.sqrt(layer.activation_signal.predicted), rel=0.1)
        return stds[0][-1] / stds[0][0], stds[1][0] / stds[1][-1]

    # Without the activation's own part the standard one would lose a factor of √3 a layer: 1/9.
    for standard, normalized in zip(*map(forward_and_back, found), strict=True):
        assert standard < 0.15 and 0.35 < normalized < 1


def test_networks_train_deepest_at_the_edge_of_chaos(load, tmp_path, capsys):
    module = load("edge_of_chaos")
    accuracies = run(module, tmp_path)
    ordered, edge, chaotic = accuracies[1]
    assert accuracies[0].min() > 0.5  # with few layers all of them learn
    assert edge > max(ordered, chaotic) + 0.1
    assert "6 ξ_c" in capsys.readouterr().out


def test_trainable_depth_lies_where_accuracy_comes_down_to_a_half(load):
    depth = load("edge_of_chaos").trainable_depth
    assert depth((10, 20, 40), np.array([0.9, 0.6, 0.4])) == pytest.approx(30)
    assert depth((10, 20), np.array([0.9, 0.8])) == 20
    assert depth((10, 20), np.array([0.4, 0.3])) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "no/such/folder/x.png"], "--output: there is no folder no/such/folder"),
        (["--output", "x.txt"], "--output: expected a name that ends in one of "),
        (["--seed", "-1"], "--seed: expected a number from 0"),
        (["--depths", "0"], "argument --depths: expected a number above 0, got 0"),
    ],
)
def test_bad_options_are_refused_in_one_line(load, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        load("edge_of_chaos").main(options)
    assert stop.value.code == 2
    usage, line = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: ") and message in line
