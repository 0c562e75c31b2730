"""The picture of a report shows what the report holds, and needs no display."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minnet
from minnet import doctor, nn

pytest.importorskip("matplotlib")


def report(depth: int = 4, **given: Any) -> doctor.Report:
    minnet.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(30, 30), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(30, 5))
    if given.pop("optimizer", False):
        given["optimizer"] = minnet.optim.SGD(net.parameters(), lr=0.1)
    return doctor.examine(net, minnet.randn(16, 30), **given)


def lines(axes: Any) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


def test_moments_by_layer_as_measured_and_as_predicted() -> None:
    found = report()
    signal, gradient = found.plot().axes[:2]
    assert lines(signal)["measured"].tolist() == [x.signal.measured for x in found.layers]
    assert lines(signal)["mean-field theory"].tolist() == [x.signal.predicted for x in found.layers]
    assert lines(gradient)["measured"].tolist() == [x.gradient.measured for x in found.layers]
    assert [label.get_text() for label in signal.get_xticklabels()] == ["0", "2", "4", "6", "8"]
    assert signal.get_xlabel() == "layer"
    assert all(axes.get_ylabel() and axes.get_title() for axes in (signal, gradient))
    band = signal.collections[0].get_paths()[0].vertices[:, 1]
    last = found.layers[-1].signal
    assert np.isclose(band, last.predicted * (1 + 2 * last.error)).any()
    decided = [replace(layer, signal=doctor.Compared(1.0, 9.0, np.inf)) for layer in found.layers]
    (band,) = replace(found, layers=decided).plot().axes[0].collections
    assert not band.get_paths()  # where chance decides


def test_the_step_is_the_optimizers_or_else_the_gradient() -> None:
    y = minnet.randint(0, 5, (16,))
    found = report(y=y)
    step = found.plot().axes[2]
    assert lines(step)["measured"].tolist() == [x.gradient_to_weight for x in found.layers]
    found = report(y=y, optimizer=True)
    step = found.plot().axes[2]
    assert lines(step)["measured"].tolist() == [x.update_to_weight for x in found.layers]
    assert "examine with targets" in report().plot().axes[2].texts[0].get_text()


def test_what_no_logarithm_can_show_is_marked() -> None:
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    minnet.nn.init.zeros_(net[0].weight)
    minnet.nn.init.zeros_(net[0].bias)
    signal = doctor.examine(net).plot().axes[0]
    assert "0, infinite or none" in lines(signal)


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_save(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"doctor.{ending}"
    report(depth=40).save(path)
    assert path.read_bytes()[:4] in (b"\x89PNG", b"%PDF")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'minnet\[plot\]'"):
        report().plot()


def test_matplotlib_is_imported_when_a_report_is_drawn_and_pyplot_never(tmp_path: Path) -> None:
    program = (
        "import sys, minnet; report = minnet.doctor.examine(minnet.nn.Linear(3, 2));"
        "print('matplotlib' in sys.modules); report.save('doctor.png');"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert run.stdout.split() == ["False", "True", "False"]


def test_the_jacobians_singular_values_beside_the_theory() -> None:
    found = report()
    axes = found.plot().axes[3]
    dots = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert [dot.get_ydata().tolist() for dot in dots] == found.jacobian.singular_values
    rms, largest = (lines(axes)[f"theory: {name}"][0] for name in ("root mean square", "largest"))
    assert rms == np.sqrt(found.jacobian.mean_square_predicted)
    assert largest == found.jacobian.largest_predicted
