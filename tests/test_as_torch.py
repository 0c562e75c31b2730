"""`minnet.as_torch`: programs written for torch run unchanged, and are told what is missing.

A process that torch's names lead to minnet in is of no use for the other tests: each check is a
program of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minnet.as_torch.finder import FLAT, RENAMED, asked, missing, sources

ROOT = Path(__file__).parents[1]


def run(
    program: str, tmp_path: Path, *args: str, options: tuple[str, ...] = (), **kwargs: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program as a shell would, by `python -m minnet.as_torch`."""
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    return start("-m", "minnet.as_torch", *options, str(script), *args, **kwargs)


def start(*command: str, path: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    places = os.pathsep.join(p for p in (path, str(ROOT), os.environ.get("PYTHONPATH")) if p)
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": places, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done


TRAINING = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch import Tensor
from torch.nn import init
from torch.nn.parameter import Parameter
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(3)
torch.backends.cudnn.deterministic = True
torch.use_deterministic_algorithms(True)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 16)
        self.scale = Parameter(torch.ones(16))
        self.out = nn.Linear(16, 3)
        init.xavier_uniform_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.dropout(torch.tanh(self.hidden(x)) * self.scale, 0.1, self.training))

x = torch.randn(90, 4)
data, held = random_split(TensorDataset(x, (x[:, 0] > 0).long()), [64, 26])
net = Net().to(device)
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(3):
    for batch, labels in DataLoader(data, batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(batch), labels)
        loss.backward()
        optimizer.step()
    print(f"{epoch} {loss.item():.4f}")
print(len(held), torch.rand(3, generator=torch.Generator().manual_seed(5)))
print(torch.__version__.split("+")[0])
"""
TRAINED = """\
0 0.7615
1 0.1938
2 0.2091
26 tensor([0.8303, 0.1261, 0.9075])
2.13.0
"""


def test_a_program_runs_unchanged(tmp_path: Path) -> None:
    assert run(TRAINING, tmp_path).stdout == TRAINED


def test_it_prints_what_it_prints_on_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    script = tmp_path / "program.py"
    script.write_text(TRAINING, encoding="utf-8")
    assert start(str(script)).stdout == TRAINED


def test_modules_hold_what_minnet_has(tmp_path: Path) -> None:
    run(
        """
        import sys
        import minnet, torch, torch.nn.modules.linear, torchvision.datasets
        import torch.optim.optimizer as home
        from torch.utils.data.dataset import Dataset
        from torch.nn import *
        assert torch.nn.Linear is minnet.nn.Linear is torch.nn.modules.linear.Linear is Linear
        assert home.Optimizer is minnet.optim.Optimizer
        assert Dataset is minnet.data.Dataset is torch.utils.data.Dataset
        assert torchvision.datasets.MNIST.__name__ == "MNIST"
        assert torch.nn is sys.modules["torch.nn"] and torch.nn.init.zeros_ is minnet.nn.init.zeros_
        assert torch.autograd.gradcheck is minnet.autograd.gradcheck
        assert torch.tensor is minnet.tensor and torch.relu is minnet.relu
        assert "relu" in dir(torch) and "nn" in dir(torch) and "compile" in dir(torch)
        assert not hasattr(torch, "kernels") and not hasattr(torch, "recorder")
        minnet.as_torch_sees_it_late = 3
        assert torch.as_torch_sees_it_late == 3
        assert isinstance(torch.default_generator, torch.Generator)
        """.replace("\n        ", "\n"),
        tmp_path,
    )


def test_an_installed_torch_is_left_alone(tmp_path: Path) -> None:
    for name in ("torch", "torchvision"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')")
    done = run("import torchvision, torch\nprint(torch.ones(1))", tmp_path, path=str(tmp_path))
    assert done.stdout == "tensor([1.])\n"


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_it_refuses_where_torch_is_imported(name: str) -> None:
    program = f"""
import sys, types
sys.modules[{name!r}] = types.ModuleType({name!r})
before = list(sys.meta_path)
import minnet.as_torch
try:
    minnet.as_torch.install()
except RuntimeError as error:
    print(error)
assert sys.meta_path == before
assert minnet.manual_seed(0).engine == "philox"
"""
    assert start("-c", program).stdout.startswith(f"{name} is imported already")


def test_installing_twice_is_installing_once() -> None:
    program = """
import sys, minnet.as_torch
minnet.as_torch.install()
import torch
length = len(sys.meta_path)
minnet.as_torch.load_ipython_extension(None)
minnet.as_torch.install("philox")
assert len(sys.meta_path) == length
print(torch.manual_seed(0).engine)
"""
    assert start("-c", program).stdout == "philox\n"


# The program's surroundings


def test_a_program_finds_what_python_gives_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nthree = torch.full((1,), 3.0)")
    program = """
import atexit, pickle, sys
from beside import three
class Kept: pass
assert type(pickle.loads(pickle.dumps(Kept()))) is Kept
atexit.register(lambda: print(Kept.__name__, three))
print(__name__, __file__ == sys.argv[0], sys.argv[1:], sys.modules["__main__"].Kept is Kept)
sys.exit(5)
"""
    done = run(program, tmp_path, "--report", "-m", "x", code=5)
    assert done.stdout == "__main__ True ['--report', '-m', 'x'] True\nKept tensor([3.])\n"


def test_a_module_runs_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part.py").write_text(
        "import sys, torch\nprint(__name__, __package__, sys.argv[1:], torch.zeros(1))"
    )
    done = start("-m", "minnet.as_torch", "-m", "package.part", "--lr", "3", path=str(tmp_path))
    assert done.stdout == "__main__ package ['--lr', '3'] tensor([0.])\n"


def test_the_engine_can_be_chosen(tmp_path: Path) -> None:
    program = "import torch\nprint(torch.manual_seed(0), torch.Generator().engine)"
    assert run(program, tmp_path).stdout == "<Generator seed=0 engine=torch words=0> torch\n"
    done = run(program, tmp_path, options=("--engine", "philox"))
    assert done.stdout == "<Generator seed=0 engine=philox draw=0> philox\n"
    assert "invalid choice" in run("", tmp_path, options=("--engine", "x"), code=2).stderr


# What is missing


def test_a_missing_name_says_so(tmp_path: Path) -> None:
    program = """
import torch
assert not hasattr(torch.nn, "Nothing")
tried = [
    "torch.nothing", "torch.nn.functional.nothing", "torch.sparse_coo_tensor(1)", "import torch.fx",
    "from torch import nothing", "from torch.optim import Nothing", "import torchvision.models",
]
for text in tried:
    try:
        exec(text)
    except (AttributeError, ImportError) as error:
        print(type(error).__name__, error)
torch.nn.Linear(1, 1).nothing_either
"""
    done = run(program, tmp_path, options=("--report",), code=1)
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "AttributeError minnet has no torch.nothing; what there is stands in docs/operations.md"
    )
    expected = [
        "AttributeError minnet has no torch.nn.functional.nothing;",
        "AttributeError minnet has no torch.sparse_coo_tensor; all tensors are dense;",
        "ModuleNotFoundError minnet has no torch.fx;",
        "ModuleNotFoundError minnet has no torch.nothing;",
        "ModuleNotFoundError minnet has no torch.optim.Nothing;",
        "ModuleNotFoundError minnet has no torchvision.models;",
    ]
    assert len(lines) == 1 + len(expected)
    for line, start_of_line in zip(lines[1:], expected, strict=True):
        assert line.startswith(start_of_line)
    assert "minnet has no Linear.nothing_either;" in done.stderr
    traceback = done.stderr[: done.stderr.index("minnet has no Linear")]
    assert "program.py" in traceback.splitlines()[1]
    assert "as_torch" not in traceback
    missed = done.stderr.splitlines()[-1]
    assert missed == (
        "Names that were asked for and are missing: torch.nn.Nothing, torch.nothing, "
        "torch.nn.functional.nothing, torch.sparse_coo_tensor, torch.fx, torch.optim.Nothing, "
        "torchvision.models, Linear.nothing_either"
    )


def test_a_report_counts_what_the_program_calls(tmp_path: Path) -> None:
    late = "torch.zeros(3).index_add_(0, torch.tensor([1]), torch.ones(1))"  # loaded on first use
    done = run(f"{TRAINING}{late}", tmp_path, options=("--report",))
    assert done.stdout == TRAINED
    assert "        1  index_add_" in done.stderr
    rows = {
        line.split()[2]: line.split()[:2] for line in done.stderr.splitlines() if line[:1] == " "
    }
    counts = {name: int(row[1]) for name, row in rows.items() if row[1].isdigit()}
    assert counts["cross_entropy"] == counts["Tensor.backward"] == counts["Optimizer.step"] == 12
    assert counts["tanh"] == counts["dropout"] == counts["__mul__"] == 12
    assert "fill" not in counts  # of the kernels
    assert done.stderr.endswith("missing: none\n")


def test_missing_names_are_noted_once() -> None:
    asked.clear()
    assert missing("torch.nothing") == missing("torch.nothing")
    assert list(asked) == ["torch.nothing"]
    asked.clear()


@pytest.mark.parametrize("name", [*RENAMED, *(f"{p}.{n}" for p in FLAT for n in FLAT[p].split())])
def test_a_listed_module_is_made_of_what_is_there(name: str) -> None:
    found = sources(name)
    parent = name.rpartition(".")[0]
    assert found or not sources(parent)
    assert all(source.startswith("minnet.") or source == "minnet" for source in found)


# What answers without doing anything


def test_cuda_that_is_not_there_says_what_torch_says(tmp_path: Path) -> None:
    program = """
import torch
assert torch.cuda.is_available() is False and torch.cuda.device_count() == 0
for use in (lambda: torch.ones(1).to("cuda"), lambda: torch.nn.Linear(1, 1).cuda(),
            lambda: torch.zeros(1, device="cuda"), lambda: torch.cuda.set_device(0),
            torch.cuda.current_device):
    try:
        use()
    except AssertionError as error:
        assert isinstance(error, RuntimeError)
        print(str(error)[:36])
torch.cuda.manual_seed_all(0)
torch.cuda.empty_cache()
"""
    import minnet

    if minnet.cuda.is_available():
        pytest.skip("there is a GPU")
    assert run(program, tmp_path).stdout == "Torch not compiled with CUDA enabled\n" * 5


def test_answers(tmp_path: Path) -> None:
    program = """
import warnings
import torch
import torch.multiprocessing as mp
from torch.cuda.amp import GradScaler, autocast

@torch.compile(mode="reduce-overhead")
def twice(x):
    return 2 * x

assert twice(torch.ones(1)).item() == 2
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert torch.jit.script(twice) is torch.jit.trace(twice, torch.ones(1)) is twice
    assert len(caught) == 1 and "no TorchScript" in str(caught[0].message), caught
assert torch.jit.ignore(twice) is torch.jit.ignore()(twice) is torch.jit.export(twice) is twice
w = torch.ones(1, requires_grad=True)
optimizer, scaler = torch.optim.SGD([w], lr=1.0), GradScaler()
with autocast(), torch.autocast("cpu", dtype=torch.float32), torch.amp.autocast("cuda"):
    loss = (3 * w).sum()
scaler.scale(loss).backward()
scaler.unscale_(optimizer)
scaler.step(optimizer)
scaler.update()
assert w.item() == -2
torch.use_deterministic_algorithms(True, warn_only=True)
assert torch.are_deterministic_algorithms_enabled()
assert torch.is_deterministic_algorithms_warn_only_enabled()
torch.set_float32_matmul_precision("high")
assert torch.get_float32_matmul_precision() == "high"
torch.set_num_threads(1)
torch.set_num_interop_threads(2)
for name in ("cudnn", "mps", "mkl", "mkldnn", "openmp"):
    assert getattr(torch.backends, name).is_available() is False
torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True
with torch.backends.cudnn.flags(enabled=False):
    pass
assert not torch.distributed.is_available() and not torch.xpu.is_available()
assert torch.accelerator.current_accelerator() is None or torch.cuda.is_available()
assert torch.version.cuda is None and torch.__version__.startswith("2.13.0+minnet.")
torch.set_default_tensor_type("torch.DoubleTensor")
assert torch.ones(1).dtype is torch.float64
torch.set_default_device("cpu")
mp.set_sharing_strategy("file_system")
assert mp.Queue
"""
    run(program, tmp_path)


def test_tensorboard_is_asked_for_where_it_is_missing(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["tensorboard"] = None
try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError as error:
    print(error)
"""
    assert "python -m pip install tensorboard" in run(program, tmp_path).stdout


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    program = f"""
import torch
from torch.utils.tensorboard import SummaryWriter
with SummaryWriter({str(tmp_path / "run")!r}) as writer:
    for step in range(3):
        writer.add_scalar("loss", torch.tensor(1.0 / (step + 1)), step)
    writer.add_scalars("both", dict(a=1, b=torch.tensor(2.0)), 1)
    writer.add_histogram("weights", torch.tensor([-1.0, 0.0, 2.0, 2.0]))
    writer.add_text("words", "hello", 7)
"""
    run(program, tmp_path)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")][1] == (1, 0.5)
    assert events.Histograms("weights")[0].histogram_value.num == 4
    assert events.Tags()["tensors"] == ["words/text_summary"]
    assert {p.name for p in tmp_path.glob("run/*") if p.is_dir()} == {"both_a", "both_b"}


def test_a_program_that_is_not_there_is_named():
    command = [sys.executable, "-m", "minnet.as_torch", "no_such_program.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "there is no file 'no_such_program.py'" in done.stderr
    assert "Traceback" not in done.stderr
