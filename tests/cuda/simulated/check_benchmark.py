"""`benchmarks/gpu.py` checks and times everything: here in the simulator, in small."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "gpu.py"


@pytest.fixture
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu"] = module
    spec.loader.exec_module(module)
    return module


def test_it_checks_times_and_writes(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "peer", lambda: None)
    status = gpu.main(["--results", str(tmp_path)], gpu.TINY)
    said = capsys.readouterr().out
    assert status == 0, said
    (file,) = tmp_path.glob("*.json")
    found = json.loads(file.read_text())
    names = [
        "uniform",
        "relu",
        "relu_backward",
        "matmul nn",
        "sum 0",
        "cross_entropy",
        "sgd",
        "rows",
    ]
    assert found["same bits"] == {f"{name}, float32": True for name in names}
    works = [row["work"].partition(",")[0] for row in found["times"]]
    assert works == [
        "memory set", "uniform", "normal", "trunc_normal",
        "matmul nt", "matmul nn", "matmul tn", "training step", "training step",
    ]  # fmt: skip
    assert all(row["minnet"] > 0 for row in found["times"])


def test_a_kernel_with_other_bits_is_named_and_fails(gpu, tmp_path, monkeypatch, capsys):
    on_cpu = gpu.kernels.of(gpu.np.zeros(1))
    odd = "odd", (lambda k, x: gpu.np.array(k is on_cpu), gpu.np.zeros(1))
    monkeypatch.setattr(gpu, "checks", lambda sizes: [odd])
    for part in ("fill_times", "product_times", "step_times"):
        monkeypatch.setattr(gpu, part, lambda sizes, torch: [])
    assert gpu.main(["--results", str(tmp_path)], gpu.Sizes()) == 1
    assert "not odd" in capsys.readouterr().out


def test_without_a_gpu_it_says_why(gpu, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu.minnet.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu.minnet.cuda, "why_not", lambda: "no driver")
    assert gpu.main(["--results", str(tmp_path)]) == 1
    assert "there is none: no driver. Nothing was measured." in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_the_whole_list_is_there(gpu):
    names = [name for name, _ in gpu.checks(gpu.Sizes(checked=8, product=(2, 3, 4), rows=2))]
    assert len(set(names)) == len(names) > 80
