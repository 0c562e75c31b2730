"""`save` and `load`: what comes back, and what stays on disk when something fails."""

import numpy as np
import pytest

import minnet
from minnet import nn

safetensors = pytest.importorskip("safetensors.numpy")


def test_a_state_dict_comes_back_bit_for_bit(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    path = tmp_path / "model.safetensors"
    minnet.save(model.state_dict(), path)
    loaded = minnet.load(path)
    other = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert repr(other.load_state_dict(loaded)) == "<All keys matched successfully>"
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert minnet.equal(a, b)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_every_dtype_and_layout(tmp_path, dtype):
    x = minnet.arange(6).reshape(2, 3).to(getattr(minnet, dtype)).T
    minnet.save({"x": x, "scalar": minnet.tensor(1).to(x), "empty": x[:0]}, tmp_path / "x")
    loaded = minnet.load(tmp_path / "x")
    assert loaded["x"].dtype is x.dtype and loaded["x"].tolist() == x.tolist()
    assert loaded["scalar"].shape == () and loaded["empty"].shape == (0, 2)
    loaded["x"].zero_()  # its own memory, and writable


def test_the_file_is_an_ordinary_safetensors_file(tmp_path):
    minnet.save({"w": minnet.ones(2, 2)}, tmp_path / "w")
    np.testing.assert_array_equal(
        safetensors.load_file(tmp_path / "w")["w"], np.ones((2, 2), np.float32)
    )


@pytest.mark.parametrize(
    "bad", [[1], minnet.ones(2), {"a": 1}, {1: minnet.ones(2)}, nn.Linear(2, 2)]
)
def test_other_objects_are_refused_and_an_older_file_stays(tmp_path, bad):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match="save expects a mapping from names to tensors"):
        minnet.save(bad, path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        minnet.save({"a": minnet.ones(1)}, path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        minnet.load(tmp_path / "none")
    path = tmp_path / "file"
    minnet.save({"a": minnet.ones(100)}, path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        minnet.load(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        minnet.load(path)
    with pytest.raises(FileNotFoundError):
        minnet.save({"a": minnet.ones(1)}, tmp_path / "no folder" / "file")


def test_without_safetensors_the_error_names_the_fix(monkeypatch, tmp_path):
    import builtins

    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "minnet\[safetensors\]"'):
        minnet.save({"a": minnet.ones(1)}, tmp_path / "file")
    assert not list(tmp_path.iterdir())
