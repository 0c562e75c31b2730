"""`save` and `load`: what comes back, and that damage is noticed and nothing is run."""

import ast
import hashlib
import io
import json
import math
import os
import re
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import ordinary
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killed import killed_while

import minnet
from minnet import dtypes, nn, optim, serialization

safetensors = pytest.importorskip("safetensors.numpy")


def same(a, b):
    """Say whether two values are of the same types and the same to the bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, minnet.Tensor):
        return (a.dtype, a.shape, a.array.tobytes()) == (b.dtype, b.shape, b.array.tobytes())
    if isinstance(a, dict):
        return same([*a.items()], [*b.items()])
    if isinstance(a, set):
        return sorted(map(repr, a)) == sorted(map(repr, b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)  # of floats: NaN, and the sign of zero


def stored(obj):
    """Return the file of a value, in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.safetensors"
        minnet.save(obj, path)
        return path.read_bytes()


def read(content):
    return minnet.load(io.BytesIO(content))


def parts(content):
    """Return a file's header and its data."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def joined(header, data):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


# What comes back


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


@pytest.mark.parametrize("dtype", [d.name for d in dtypes.ALL])
def test_every_dtype_and_layout(tmp_path, dtype):
    x = minnet.arange(6).reshape(2, 3).to(getattr(minnet, dtype)).T
    minnet.save(
        {"x": x, "scalar": minnet.tensor(1).to(x), "empty": x[:0]}, tmp_path / "x.safetensors"
    )
    loaded = minnet.load(tmp_path / "x.safetensors")
    assert loaded["x"].dtype is x.dtype and loaded["x"].tolist() == x.tolist()
    assert loaded["scalar"].shape == () and loaded["empty"].shape == (0, 2)
    loaded["x"].zero_()  # its own memory, and writable


TENSORS = st.sampled_from(
    [minnet.zeros(2), minnet.tensor(-0.0), minnet.ones(0, 3), minnet.tensor([True]), minnet.eye(2)]
)
KEYS = st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TENSORS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(st.sampled_from(["tensor", "tuple", "dict", "a", "a.b", "b"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(VALUES)
def test_everything_comes_back_as_what_it_was(value):
    assert same(read(stored(value)), value)


def test_a_checkpoint_comes_back_as_what_it_was(tmp_path):
    model = nn.Linear(3, 2)
    optimizer = minnet.optim.AdamW(model.parameters(), lr=0.1)
    model(minnet.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {
        "model": dict(model.state_dict()),
        "optimizer": optimizer.state_dict(),
        "generator": minnet.Generator(seed=2**64 - 1).get_state(),
        "scheduler": {"last_epoch": 3, "_last_lr": [0.1, 1e-300], "best": math.inf},
        "epoch": 7,
        "losses": [0.1, 2.0, math.nan, -0.0],
        "note": "naïve ☃ \0\n",
    }
    minnet.save(checkpoint, tmp_path / "file.safetensors")
    assert same(minnet.load(tmp_path / "file.safetensors"), checkpoint)


def test_one_content_makes_one_file():
    value = {"b": minnet.ones(2), "a": {"x": minnet.zeros(3), "y": [1, 2.5]}, "c": None}
    assert len({stored(value) for _ in range(20)}) == 1


def test_the_file_is_an_ordinary_safetensors_file(tmp_path):
    minnet.save({"w": minnet.ones(2, 2)}, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(
        safetensors.load_file(tmp_path / "w.safetensors")["w"], np.ones((2, 2), np.float32)
    )


def test_tensors_lie_under_the_keys_that_lead_to_them():
    x, y, z = (minnet.tensor(float(i)) for i in range(3))
    value = {"model": {"0.weight": x}, "state": {0: {"step": y}}, "list": [1, z]}
    found = safetensors.load(stored(value))
    assert found == {"model.0.weight": 0.0, "state.0.step": 1.0, "list.1": 2.0}
    value = {"a": {"b": x}, "a.b": y, "a.b_": z}
    assert sorted(safetensors.load(stored(value)).values()) == [0, 1, 2]
    assert same(read(stored(value)), value)
    assert list(safetensors.load(stored(x))) == ["tensor"]


def test_a_file_of_another_program_is_a_dict_of_its_tensors(tmp_path):
    arrays = {"a.b": np.arange(3.0), "c": np.array([True])}
    for metadata in (None, {"format": "pt"}):
        (tmp_path / "file.safetensors").write_bytes(safetensors.save(arrays, metadata))
        loaded = minnet.load(tmp_path / "file.safetensors")
        assert list(loaded) == ["a.b", "c"]  # as they lie in the file
        assert {name: tensor.tolist() for name, tensor in loaded.items()} == {
            "a.b": [0, 1, 2],
            "c": [True],
        }
        loaded["c"].zero_()


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"minnet": None}, 0, False])
def test_metadata_that_says_nothing(metadata):
    header = {"__metadata__": metadata, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    try:
        safetensors.load(joined(header, b"\0\0\x80?"))
    except Exception:
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            read(joined(header, b"\0\0\x80?"))
    else:
        assert read(joined(header, b"\0\0\x80?"))["a"].tolist() == [1]


def test_weights_go_to_torch_and_back_by_name(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")

    def network(nn):
        inner = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 3, bias=False))
        return nn.Sequential(nn.Flatten(), inner, nn.ReLU(), nn.Linear(3, 2))

    ours, theirs = network(nn), network(torch.nn)
    minnet.save(ours.state_dict(), tmp_path / "ours.safetensors")
    assert str(theirs.load_state_dict(library.load_file(tmp_path / "ours.safetensors"))) == (
        "<All keys matched successfully>"
    )
    back = network(nn)
    library.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    assert str(back.load_state_dict(minnet.load(tmp_path / "theirs.safetensors"))) == (
        "<All keys matched successfully>"
    )
    for (name, a), b, c in zip(
        ours.named_parameters(), theirs.parameters(), back.parameters(), strict=True
    ):
        assert a.array.tobytes() == b.detach().numpy().tobytes() == c.array.tobytes(), name


# What is refused


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            nn.Linear(2, 2),
            "state of a Linear, not the object, whose loading would run code:\n"
            "    minnet.save(x.state_dict(), path)\n    x.load_state_dict(minnet.load(path))",
        ),
        ({"a": optim.SGD([minnet.ones(1)], lr=1)}, "save takes the state of a SGD at a, not the"),
        (minnet.Generator(), "got Generator; give its get_state()"),
        ({"a": [0, {"b": np.ones(2)}]}, "got ndarray at a.1.b; give its tolist()"),
        ({"a": np.int64(1)}, "got int64 at a; give its tolist()"),
        ({"a": b"bytes"}, "got bytes at a"),
        ({"a": {1, 2}}, "got set at a"),
        ({"a": {(1, 2): 3}}, "save expects strings and numbers as keys, got tuple at a"),
        ({"a": lambda: None}, "got function at a"),
        (minnet.float32, "got dtype"),
    ],
)
def test_other_objects_are_refused_and_an_older_file_stays(tmp_path, bad, message):
    path = tmp_path / "file.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=re.escape(message)):
        minnet.save(bad, path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_what_holds_itself_is_refused(tmp_path):
    endless = {"a": [1]}
    endless["a"].append(endless)
    with pytest.raises(ValueError, match="nested deeper than 100 levels, or holds itself"):
        minnet.save(endless, tmp_path / "file.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_header_that_could_not_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(serialization, "LONGEST", 1000)
    with pytest.raises(ValueError, match=r"takes \d+ bytes, .* make tensors of long lists"):
        minnet.save({"losses": [0.5] * 1000}, tmp_path / "file.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_tensor_that_another_thread_changes_meanwhile_makes_a_whole_file(monkeypatch):
    x = minnet.zeros(3)
    original = serialization._hash

    def hash_and_change(*arguments):
        digest = original(*arguments)
        x.add_(1)
        return digest

    monkeypatch.setattr(serialization, "_hash", hash_and_change)
    content = stored({"x": x})
    monkeypatch.undo()
    assert read(content)["x"].tolist() == [0, 0, 0] and x.tolist() == [1, 1, 1]


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        minnet.load("nowhere")


CHECKPOINT = {
    "model": {"weight": minnet.arange(6.0).reshape(2, 3), "seen": minnet.tensor(3)},
    "optimizer": {"state": {0: {"step": minnet.tensor(1.0)}}, "betas": (0.9, 0.999)},
    "epoch": 12,
}


def test_a_file_cut_short_at_any_byte_is_refused():
    content = stored(CHECKPOINT)
    for length in range(len(content)):
        with pytest.raises(ValueError, match=rf"not a whole safetensors file.*\({length} bytes"):
            read(content[:length])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        read(content + b"\0")


@pytest.mark.parametrize("flip", [0x01, 0x20, 0xFF])
def test_damage_of_any_byte_is_noticed(flip):
    content = stored(CHECKPOINT)
    flat = safetensors.load(content)
    noticed = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= flip
        try:
            got = read(bytes(damaged))
        except (ValueError, TypeError):
            noticed += 1
            continue
        # Blanks of the header count for nothing. Where the name of minnet's entry is hit, the file
        # is one of another program, with tensors that are whole.
        if not same(got, CHECKPOINT):
            assert set(got) == set(flat)
            for name, array in flat.items():
                assert got[name].array.tobytes() == array.tobytes()
    assert noticed > len(content) - 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a whole safetensors file"),
        (b"\xff" * 100, "not a whole safetensors file"),
        (struct.pack("<Q", 100_000_001) + b"{" * 200, "HeaderTooLarge|header too large"),
        (struct.pack("<Q", 2**62) + b"{}", "HeaderTooLarge|header too large"),
        (struct.pack("<Q", 50) + b"{}", "not a whole safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "not a whole safetensors file"),
        (joined({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"0000"),
         "not a whole safetensors file"),
        (joined({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, b"0000"),
         "not a whole safetensors file"),
        (joined({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"0000"),
         "not a whole safetensors file"),
        (joined({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, b"0" * 8),
         "not a whole safetensors file"),
        (joined({"a": {"dtype": "Q7", "shape": [1], "data_offsets": [0, 4]}}, b"0" * 4),
         "not a whole safetensors file"),
        (b"PK\x03\x04 and more", "damaged, cut short, or no file of torch.save"),
        (b"\x80\x02}q\x00.", "a pickle, as torch.save wrote before version 1.6"),
    ],
    ids=str,
)  # fmt: skip
def test_other_files_are_refused_without_much_memory(tmp_path, content, message):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message) as error:
            minnet.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "start",
    [
        stored(CHECKPOINT),
        b"",
        b"\xff" * 8,
        joined({}, b""),
        joined({"a": 1}, b""),
        b"\x07" + bytes(7),
    ],
    ids=["a checkpoint", "zeros", "no header", "no tensors", "no offsets", "no JSON"],
)
def test_a_file_of_a_terabyte_is_refused_without_much_memory(tmp_path, start):
    path = tmp_path / "file.safetensors"
    path.write_bytes(start)
    os.truncate(path, 1 << 40)  # which takes no space
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            minnet.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_bfloat16_is_read_as_float32():
    values = np.array([1.5, -2.0, 3e38, 1e-40, np.inf], np.float32).view(np.uint32) >> 16
    header = {"a": {"dtype": "BF16", "shape": [5, 1], "data_offsets": [0, 10]}}
    found = read(joined(header, values.astype("<u2").tobytes()))["a"]
    assert (found.dtype, found.shape) == (minnet.float32, (5, 1))
    np.testing.assert_array_equal(found.numpy()[:, 0].view(np.uint32), values << 16)


@pytest.mark.parametrize("dtype", ["U64", "U32", "U16"])
def test_a_dtype_that_minnet_lacks_is_named_with_its_tensor(dtype):
    size = int(dtype[1:]) // 8
    header = {"layer.weight": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3 * size]}}
    with pytest.raises(TypeError, match=rf"layer\.weight in {dtype}, and minnet has F32, F64"):
        read(joined(header, bytes(3 * size)))


def with_entry(change):
    """Return the checkpoint's file with another entry in its metadata, its hash right again."""
    header, data = parts(stored(CHECKPOINT))
    entry = json.loads(header["__metadata__"]["minnet"])
    text = change(entry)
    if text is None:
        arrays = safetensors.load(stored(CHECKPOINT))
        entry["blake2b"] = serialization._hash(entry["content"], arrays)
        text = json.dumps(entry)
    header["__metadata__"]["minnet"] = text
    return joined(header, data)


def test_the_hash_is_the_one_that_the_documentation_describes():
    content = stored(CHECKPOINT)
    entry = json.loads(parts(content)[0]["__metadata__"]["minnet"])
    text = json.dumps(entry["content"]).encode()
    for name, array in sorted(safetensors.load(content).items()):
        text += json.dumps([name, array.dtype.str, list(array.shape)]).encode() + array.tobytes()
    assert entry["blake2b"] == hashlib.blake2b(text, digest_size=16).hexdigest()
    assert entry["version"] == 1 and list(entry) == ["version", "blake2b", "content"]
    assert same(read(with_entry(lambda entry: None)), CHECKPOINT)


@pytest.mark.parametrize(
    "content",
    [
        {"tensor": "none"}, {"tensor": 1}, {"tensor": []}, {"eval": "1"}, {}, {"tuple": 1},
        {"dict": {"a": 1}}, {"dict": [["a"]]}, {"dict": [["a", 1, 2]]}, {"dict": [[["a"], 1]]},
        {"dict": 5}, {"list": []}, {"tensor": "model.weight", "tuple": []}, {"dict": [[{}, 1]]},
    ],
    ids=str,
)  # fmt: skip
def test_content_that_save_does_not_write_is_refused(content):
    with pytest.raises(ValueError, match=r"is damaged: its content is not what minnet\.save wrote"):
        read(with_entry(lambda entry: entry.update(content=content)))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", "{}", '{"version": 1}', '{"version": "1"}', '{"version": null}',
     '{"version": 0, "blake2b": 1, "content": 1}', "[" * 100_000],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_an_entry_that_save_does_not_write_is_refused(text):
    with pytest.raises(ValueError, match="is damaged"):
        read(with_entry(lambda entry: text))


def test_a_newer_format_is_named():
    with pytest.raises(ValueError, match=r"version 2 of minnet's format, .*reads version 1"):
        read(with_entry(lambda entry: entry.update(version=2)))


def test_nothing_in_minnet_reads_what_can_run():
    runs = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "torch"}
    for path in Path(minnet.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            imported = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
            if isinstance(node, ast.ImportFrom):
                imported = {node.module or ""}
            tops = {name.partition(".")[0] for name in imported}
            # Machine code is code: compiled kernels are kept and read as Numba does it.
            assert not tops & runs or (path.name, tops) == ("cache.py", {"pickle"}), path
            # as_torch runs the program that its command line names.
            if isinstance(node, ast.Call) and path.parts[-2:] != ("as_torch", "__main__.py"):
                assert ast.unparse(node.func) not in {"eval", "exec", "compile"}, path
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", path


# What stays on the disk


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    path.write_bytes(b"old")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        minnet.save({"a": minnet.ones(1)}, path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_on_a_full_disk_the_older_checkpoint_stays(tmp_path):
    with ordinary.small_disk(tmp_path / "disk", 16384) as disk:
        path = disk / "checkpoint.safetensors"
        minnet.save(CHECKPOINT, path)
        with pytest.raises(OSError, match=r"No space left on device: '.*checkpoint.safetensors'"):
            minnet.save({"a": minnet.zeros(10_000)}, path)
        assert same(minnet.load(path), CHECKPOINT) and len(list(disk.iterdir())) == 1


def version(number):
    return {"model": {"w": minnet.full((30_000,), float(number))}, "epoch": number}


def check_kills(path, times, seed):
    found = set()
    for _ in killed_while(lambda n: minnet.save(version(n), path), times, seed):
        loaded = minnet.load(path)
        assert same(loaded, version(loaded["epoch"]))
        found.add(loaded["epoch"])
        assert len(list(path.parent.iterdir())) <= 2  # the file, and what the last one left
    assert len(found) > 1
    minnet.save(version(0), path)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(minnet.serialization.atomic.os, "fork"), reason="needs fork")
def test_a_process_that_is_killed_leaves_a_whole_checkpoint(tmp_path):
    check_kills(tmp_path / "checkpoint.safetensors", 25, seed=0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(minnet.serialization.atomic.os, "fork"), reason="needs fork")
def test_a_process_that_is_killed_a_thousand_times_leaves_a_whole_checkpoint(tmp_path):
    check_kills(tmp_path / "checkpoint.safetensors", 1000, seed=1)


def test_without_safetensors_the_error_names_the_fix(monkeypatch, tmp_path):
    import builtins

    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "minnet\[safetensors\]"'):
        minnet.save({"a": minnet.ones(1)}, tmp_path / "file.safetensors")
    assert not list(tmp_path.iterdir())
