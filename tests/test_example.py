"""The main job, `examples/mnist_mlp.py`: it learns, says what on, and refuses plainly."""

import importlib.util
import logging
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minnet
from minnet.data import GeneratedDigits, mnist

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "mnist_mlp.py"


@pytest.fixture
def example(monkeypatch, tmp_path):
    """Return the script as a module, on few digits, away from the network and the user's cache."""
    pytest.importorskip("tqdm")
    pytest.importorskip("pooch").get_logger().setLevel("ERROR")
    spec = importlib.util.spec_from_file_location("mnist_mlp", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(
        module,
        "GeneratedDigits",
        lambda train, **options: GeneratedDigits(train, 2000 if train else 500, **options),
    )
    monkeypatch.setattr(mnist.MNIST, "mirrors", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MINNET_DATA_DIR", str(tmp_path / "cache"))
    log, threads = logging.getLogger("minnet.kernels"), minnet.get_num_threads()
    handlers, level = log.handlers[:], log.level
    yield module
    log.handlers[:] = handlers
    log.setLevel(level)
    minnet.set_num_threads(threads)


def lines(capsys) -> list[str]:
    """Return what was printed, without times, and without the notice of a first run."""
    out, err = capsys.readouterr()
    assert err == ""  # no bar where there is no terminal
    out = re.sub(r", \d+\.\d s$", "", out, flags=re.M)
    return [line for line in out.splitlines() if not line.startswith("compiling kernels")]


def test_it_learns_and_ends_with_the_accuracy(example, capsys):
    example.main(["--data", "generated", "--epochs", "3"])
    out = lines(capsys)
    assert out[0] == "data: digits drawn by minnet, as --data generated asks"
    assert len(out) == 5
    losses, scores = [], []
    for epoch, line in enumerate(out[1:4], 1):
        match = re.fullmatch(rf"epoch {epoch}/3: loss (\d\.\d+), test accuracy (0\.\d{{4}})", line)
        losses.append(float(match[1]))
        scores.append(match[2])
    assert losses[0] > losses[1] > losses[2]
    assert out[-1] == f"test accuracy: {scores[-1]}"
    assert float(scores[-1]) > 0.75


def test_seed_and_options_decide_and_threads_do_not(example, capsys):
    def run(*options):
        example.main(["--data", "generated", "--epochs", "1", *options])
        return lines(capsys)

    first = run()
    assert run() == run("--threads", "1") == first
    others = [
        ("--seed", "1"),
        ("--batch-size", "100"),
        ("--lr", "0.05"),
        ("--optimizer", "adam"),
        ("--init", "kaiming_uniform"),
        ("--init", "xavier_normal"),
        ("--init", "xavier_uniform"),
        ("--init", "default"),
    ]
    results = {tuple(run(*options)) for options in others}
    assert len(results) == len(others) and tuple(first) not in results
    assert all(float(result[-1].split()[-1]) > 0.4 for result in results)


def test_he_initialization_through_apply(example):
    minnet.manual_seed(0)
    model = example.build_model().apply(example.initializer("kaiming_normal"))
    first, last = model[1], model[3]
    for layer, fan_in in ((first, 784), (last, 128)):
        weight = layer.weight.detach().numpy()
        assert abs(weight.std() / np.sqrt(2 / fan_in) - 1) < 0.1
        assert not layer.bias.detach().numpy().any()


def test_saved_weights_give_the_same_accuracy(example, capsys, tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "mlp.safetensors"
    example.main(["--data", "generated", "--epochs", "1", "--save", str(path)])
    printed = lines(capsys)[-1]
    model = example.build_model()
    model.load_state_dict(minnet.load(path))
    test = GeneratedDigits(False, 500, transform=example.NORMALIZED)
    score = example.accuracy(model, example.DataLoader(test, batch_size=1000))
    assert printed == f"test accuracy: {score:.4f}"


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(
    example, capsys, tmp_path, monkeypatch, optimizer
):
    pytest.importorskip("safetensors")
    options = ["--data", "generated", "--epochs", "3", "--optimizer", optimizer]
    whole, stopped, path = tmp_path / "whole", tmp_path / "stopped", tmp_path / "checkpoint"
    example.main([*options, "--save", str(whole)])
    expected = lines(capsys)

    def stop(model, loader, optimizer, name, train=example.train):
        if name == "epoch 2/3":
            raise KeyboardInterrupt
        return train(model, loader, optimizer, name)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(example, "train", stop)
        example.main([*options, "--checkpoint", str(path)])
    capsys.readouterr()
    example.main([*options, "--seed", "9", "--checkpoint", str(path), "--save", str(stopped)])
    found = lines(capsys)
    assert found[1].startswith(f"resumed from {path}: epoch 1, test accuracy 0.")
    assert found[2:4] == expected[2:4] and found[-1] == expected[-1]
    assert stopped.read_bytes() == whole.read_bytes()
    example.main([*options, "--checkpoint", str(path)])  # nothing is left to do
    found = lines(capsys)
    assert len(found) == 3 and "epoch 3" in found[1] and found[-1] == expected[-1]


@pytest.mark.parametrize("content", ["damaged", "weights", "another optimizer"])
def test_a_checkpoint_that_does_not_fit_is_refused(example, capsys, tmp_path, content):
    pytest.importorskip("safetensors")
    path = tmp_path / "checkpoint"
    options = ["--data", "generated", "--checkpoint", str(path)]
    if content == "damaged":
        path.write_bytes(b"damaged")
        message = "is not a whole safetensors file"
    elif content == "weights":
        minnet.save(example.build_model().state_dict(), path)
        message = "is no checkpoint of this program"
    else:
        options += ["--optimizer", "adam"]
        model = example.build_model()
        sgd = minnet.optim.SGD(model.parameters(), momentum=0.9)
        model(minnet.ones(1, 784)).sum().backward()
        sgd.step()
        state = {"model": model.state_dict(), "optimizer": sgd.state_dict(), "epoch": 1}
        minnet.save({**state, "generator": minnet.get_rng_state()}, path)
        message = "is it of another kind of optimizer than Adam?"
    before = path.read_bytes()
    with pytest.raises(SystemExit):
        example.main(options)
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert path.read_bytes() == before


# Data


@pytest.fixture
def folder(tmp_path):
    """Return a folder of files like MNIST's that are not MNIST's."""
    for split, train, n in (("train", True, 300), ("t10k", False, 100)):
        digits = GeneratedDigits(train, n)
        images = struct.pack(">4I", 0x803, n, 28, 28) + digits.data.numpy().tobytes()
        labels = struct.pack(">2I", 0x801, n) + digits.targets.numpy().astype(np.uint8).tobytes()
        (tmp_path / f"{split}-images-idx3-ubyte").write_bytes(images)
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(labels)
    return tmp_path


@pytest.mark.parametrize("choice", ["auto", "mnist"])
def test_the_given_folder_is_read(example, capsys, folder, choice):
    options = ["--data", choice, "--data-dir", str(folder), "--epochs", "1", "--no-verify"]
    example.main(options)
    assert lines(capsys)[0] == f"data: MNIST, found in {folder}"


def test_the_cache_is_read(example, capsys, folder, monkeypatch):
    monkeypatch.setenv("MINNET_DATA_DIR", str(folder))
    example.main(["--epochs", "1", "--no-verify"])
    assert lines(capsys)[0] == f"data: MNIST, found in {folder}"


def test_without_a_network_it_draws_digits_and_says_why(example, capsys, tmp_path):
    example.main(["--epochs", "1"])
    out = lines(capsys)
    assert out[0] == "MNIST is not in the cache; downloading it"
    assert out[1].startswith("data: digits drawn by minnet, because MNIST is not at hand: ")
    assert "http://127.0.0.1:9/: " in out[1] and "refused" in out[1]
    assert out[-1].startswith("test accuracy: 0.")
    assert list(tmp_path.iterdir()) == []


def refusal(example, capsys, *options) -> str:
    """Run with options that must be refused; return the one line that says why."""
    with pytest.raises(SystemExit) as stop:
        example.main(list(options))
    assert stop.value.code == 2
    usage, line = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: ")
    return line


def test_where_nothing_can_be_downloaded_to_it_draws_digits_too(
    example, capsys, tmp_path, monkeypatch
):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("MINNET_DATA_DIR", str(blocked / "folder"))
    example.main(["--epochs", "1"])
    assert "Not a directory" in lines(capsys)[1]
    assert "Not a directory" in refusal(example, capsys, "--data", "mnist")


def test_with_data_mnist_it_insists(example, capsys, tmp_path):
    line = refusal(example, capsys, "--data", "mnist")
    assert "could not download train-images-idx3-ubyte.gz" in line and "refused" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("choice", ["auto", "mnist"])
def test_a_folder_without_the_files_is_refused(example, capsys, tmp_path, choice):
    line = refusal(example, capsys, "--data", choice, "--data-dir", str(tmp_path / "none"))
    assert f"MNIST is not in {tmp_path / 'none'}" in line


def test_other_data_is_refused_unless_asked_for(example, capsys, folder):
    line = refusal(example, capsys, "--data-dir", str(folder))
    assert "train-images-idx3-ubyte is not MNIST's" in line and "SHA-256" in line


def test_a_truncated_file_is_refused(example, capsys, folder):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    line = refusal(example, capsys, "--data-dir", str(folder), "--no-verify")
    assert f"{path} is truncated: expected 78416 bytes" in line and "found 78415" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "0"], "argument --epochs: expected a number above 0, got 0"),
        (["--epochs", "two"], "argument --epochs: invalid int value: 'two'"),
        (["--batch-size", "-64"], "argument --batch-size: expected a number above 0, got -64"),
        (["--device", "gpu"], "argument --device: invalid choice: 'gpu'"),
        (["--lr", "0"], "argument --lr: expected a number above 0, got 0"),
        (["--lr", "nan"], "argument --lr: expected a number above 0, got nan"),
        (["--lr", "inf"], "argument --lr: expected a number above 0, got inf"),
        (["--threads", "0"], "argument --threads: expected a number above 0, got 0"),
        (["--seed", "-1"], "--seed: expected a number from 0"),
        (["--seed", "18446744073709551616"], "--seed: expected a number from 0"),
        (["--optimizer", "adagrad"], "argument --optimizer: invalid choice: 'adagrad'"),
        (["--init", "zeros"], "argument --init: invalid choice: 'zeros'"),
        (["--data", "cifar"], "argument --data: invalid choice: 'cifar'"),
        (["--data", "generated", "--data-dir", "x"], "--data-dir has no meaning with"),
        (["--save", "no/such/folder/file"], "--save: there is no folder no/such/folder"),
        (["--checkpoint", "no/such/file"], "--checkpoint: there is no folder no/such"),
        (["--what"], "unrecognized arguments: --what"),
    ],
)
def test_bad_options_are_refused_in_one_line(example, capsys, options, message):
    assert message in refusal(example, capsys, *options)


def test_a_gpu_that_cannot_be_used_is_refused_with_the_reason(example, capsys, monkeypatch):
    monkeypatch.setattr(minnet.cuda, "is_available", lambda: False)
    monkeypatch.setattr(minnet.cuda, "why_not", lambda: "there is no NVIDIA driver")
    assert "--device cuda: there is no NVIDIA driver" in refusal(
        example, capsys, "--device", "cuda"
    )


# The program as a whole


def run(*options) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_help_names_every_option():
    pytest.importorskip("tqdm")
    result = run("--help")
    assert result.returncode == 0, result.stderr
    options = (
        "data data-dir epochs batch-size lr optimizer init seed device threads save checkpoint"
    )
    for option in options.split():
        assert f"--{option} " in result.stdout


def test_no_traceback_and_exit_code_2(tmp_path):
    pytest.importorskip("tqdm")
    result = run("--data-dir", str(tmp_path))
    assert result.returncode == 2 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 2
    assert result.stderr.splitlines()[1].startswith("mnist_mlp.py: error: MNIST is not in ")


def test_compiling_is_announced_once(example, capsys):
    log = logging.Logger("kernels", logging.INFO)
    notice = example.CompilingNotice()
    log.addHandler(notice)
    for kernel in ("fill.uniform", "matmul.nt"):
        log.info("compiling %s", kernel)
    log.warning("cannot write %s", "a file")
    assert notice.bar.n == (0 if notice.bar.disable else 2)
    notice.close()
    assert capsys.readouterr().out.splitlines() == [
        "compiling kernels, first run only ...",
        "cannot write a file",
    ]
