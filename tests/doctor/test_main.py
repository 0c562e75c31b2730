"""`python -m minnet.doctor`: the exit code, and what it says where it cannot follow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minnet.doctor.__main__ import main

NETWORKS = """
from depth import blocks
from minnet import nn
from minnet.nn import init

def good():
    he = init.scheme(init.kaiming_normal_, nonlinearity="auto", bias=init.zeros_)
    return nn.Sequential(*blocks(1), nn.Linear(20, 5)).apply(he)

def deep():
    return nn.Sequential(*blocks(20), nn.Linear(20, 5))

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(*blocks(1))

net = good()

def make_batch():
    import numpy as np
    return np.ones((3, 20), np.float32), np.array([0, 1, 2])

def number():
    return 3

def raises():
    raise RuntimeError("on purpose")
"""
DEPTH = """
from minnet import nn

def blocks(depth):
    return [module for _ in range(depth) for module in (nn.Linear(20, 20), nn.ReLU())]
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "networks.py").write_text(NETWORKS)
    (tmp_path / "depth.py").write_text(DEPTH)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("networks", "depth", "networks_script"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return str(tmp_path / "networks.py")


@pytest.mark.parametrize(
    ("name", "code", "verdict"),
    [
        ("good", 0, "Verdict: well initialized."),
        ("net", 0, "Verdict: well initialized."),
        ("Net", 0, "Verdict: well initialized."),
        ("deep", 1, "- vanishing gradient at 0"),
    ],
)
def test_the_exit_code_is_the_verdict(
    script: str, name: str, code: int, verdict: str, capsys: Any
) -> None:
    assert main([f"{script}:{name}"]) == code
    assert verdict in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("{}", "expected script.py:make_net, got"),
        ("{}:good:", "expected script.py:make_net, got"),
        ("{}:better", "there is no 'better' in .*; it has blocks, good, deep, Net"),
        ("{}x.py:good", "there is no file"),
        ("nowhere.at_all:good", "there is no module 'nowhere.at_all'; a file's name ends in .py"),
        ("{}:number", "to give a network, got int"),
        ("{}:raises", "RuntimeError: on purpose"),
        ("{}:good --data nowhere.npz", "cannot read nowhere.npz"),
        ("{}:good --data {}", "expected script.py:make_batch"),
    ],
)
def test_what_cannot_be_followed_is_named(script: str, target: str, text: str, capsys: Any) -> None:
    assert main([part.format(script) for part in target.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.search(text, printed.err)


def test_a_missing_import_of_the_script_is_not_a_missing_script(
    tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "lacking.py"
    path.write_text("import not_there_at_all")
    assert main([f"{path}:net"]) == 2
    assert "No module named 'not_there_at_all'" in capsys.readouterr().err


def test_data_from_files_and_functions(script: str, tmp_path: Path, capsys: Any) -> None:
    x, y = np.ones((3, 20), np.float32), np.array([0, 1, 2])
    np.savez(tmp_path / "both.npz", x=x, y=y)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "wrong.npz", z=x)
    outputs = []
    for data in (tmp_path / "both.npz", f"{script}:make_batch"):
        assert main([f"{script}:good", "--data", str(data), "--json"]) == 0
        outputs.append(json.loads(capsys.readouterr().out)["loss"])
    assert outputs[0] == outputs[1] > 0
    assert main([f"{script}:good", "--data", str(tmp_path / "x.npy"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] is None
    assert main([f"{script}:good", "--data", str(tmp_path / "wrong.npz")]) == 2
    assert "expected an x, and perhaps a y" in capsys.readouterr().err


def test_the_seed_decides_the_weights(script: str, capsys: Any) -> None:
    printed = []
    for seed in ("0", "0", "1"):
        main([f"{script}:good", "--seed", seed])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_json_has_no_infinity(script: str, capsys: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    main([f"{script}:deep", "--json"])
    data = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert data["findings"][0]["kind"] == "vanishing gradient"


def test_from_a_shell(script: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minnet.doctor"]
    run = subprocess.run([*command, f"{script}:deep"], capture_output=True, text=True)
    assert run.returncode == 1 and "Verdict:" in run.stdout and run.stderr == ""
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2 and "usage: python -m minnet.doctor" in run.stderr


def test_save(script: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main([f"{script}:good", "--save", str(tmp_path / "doctor.png")]) == 0
    assert (tmp_path / "doctor.png").stat().st_size > 10_000
