"""torch's file format: what comes back, here and in torch, and that a hostile file is refused."""

import copy
import io
import math
import os
import pickle
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_serialization import same

import minnet
from minnet import archive as archives
from minnet import dtypes, nn, optim


def stored(value):
    """Return the file of a value, in memory."""
    buffer = io.BytesIO()
    minnet.save(value, buffer)
    return buffer.getvalue()


def read(content, **options):
    return minnet.load(io.BytesIO(content), **options)


def archive(program, *storages, **records):
    """Return an archive with this pickle and these storages."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", records.pop("compression", 0)) as file:
        file.writestr("archive/data.pkl", program)
        for i, content in enumerate(storages):
            file.writestr(f"archive/data/{i}", content)
        for name, content in records.items():
            file.writestr(f"archive/{name}", content)
    return buffer.getvalue()


# What comes back

TENSORS = st.sampled_from(
    [minnet.zeros(2), minnet.tensor(-0.0), minnet.ones(0, 3), minnet.tensor([True]), minnet.eye(2)]
)
KEYS = st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TENSORS | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(KEYS, inner).map(OrderedDict)
        | st.sets(KEYS | st.binary() | st.tuples(KEYS, KEYS))
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(VALUES)
def test_everything_comes_back_as_what_it_was(value):
    assert same(read(stored(value)), value)


@settings(deadline=None, max_examples=100)
@given(VALUES)
def test_torch_reads_it_and_what_torch_writes_of_it_is_read(value):
    torch = pytest.importorskip("torch")
    found = torch.load(io.BytesIO(stored(value)), weights_only=True)
    buffer = io.BytesIO()
    torch.save(found, buffer)
    assert same(read(buffer.getvalue()), value)
    for protocol in (3, 4, 5):
        buffer = io.BytesIO()
        torch.save(found, buffer, pickle_protocol=protocol)
        assert same(read(buffer.getvalue()), value)


def example():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.1, amsgrad=True)
    model(minnet.randn(5, 3)).square().sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": minnet.Generator(seed=2**64 - 1).get_state(),
        "epoch": 7,
        "losses": [0.1, math.nan, -0.0, math.inf, 2**80, -1],
        "other": (1j, {1, 2}, b"\0\xff", "ä\ud800", minnet.float64, minnet.device("cuda", 0)),
        "size": minnet.Size([2, 3]),
    }


def test_a_checkpoint_comes_back_as_what_it_was(tmp_path):
    for path in (tmp_path / "checkpoint.pt", str(tmp_path / "model")):
        value = example()
        minnet.save(value, path)
        loaded = minnet.load(path)
        assert same(dict(loaded["model"]), dict(value["model"]))
        assert loaded["model"]._metadata == value["model"]._metadata
        for key in ("optimizer", "rng", "epoch", "losses", "other", "size"):
            assert same(loaded[key], value[key]), key
        loaded["model"]["0.weight"].zero_()
    assert stored(value) == stored(value)


def test_a_checkpoint_goes_to_torch_and_back(tmp_path):
    torch = pytest.importorskip("torch")

    def parts(library, x):
        inner = library.nn.Sequential(library.nn.BatchNorm1d(3), library.nn.Linear(3, 4))
        model = library.nn.Sequential(inner, library.nn.ReLU(), library.nn.Linear(4, 2))
        optimizer = library.optim.AdamW(model.parameters(), lr=0.01)
        return model, optimizer, library.tensor(x)

    def train(model, optimizer, x):
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()

    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    first, other = (minnet, torch)
    for source, target in ((first, other), (other, first)):
        a, b = parts(source, x), parts(target, x)
        train(*a)
        state = {"model": a[0].state_dict(), "optimizer": a[1].state_dict(), "epoch": 3}
        source.save(state, tmp_path / "c.pt")
        loaded = target.load(tmp_path / "c.pt")
        assert loaded["epoch"] == 3
        assert str(b[0].load_state_dict(loaded["model"])) == "<All keys matched successfully>"
        b[1].load_state_dict(loaded["optimizer"])
        train(*a)
        train(*b)
        for p, q in zip(a[0].parameters(), b[0].parameters(), strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [d.name for d in dtypes.ALL])
def test_every_dtype_layout_and_kind_of_tensor(dtype):
    d = getattr(minnet, dtype)
    x = minnet.arange(6).reshape(2, 3).to(d)
    value = [x, x.T, x[:, 1], x[0, 0], x[:0], x.expand(2, 2, 3)]
    assert same([t.clone() for t in value], read(stored(value)))
    torch = pytest.importorskip("torch")
    theirs = torch.load(io.BytesIO(stored(value)))
    for a, b in zip(value, theirs, strict=True):
        assert str(b.dtype) == str(a.dtype) and b.tolist() == a.tolist()
    y = theirs[0].clone()
    buffer = io.BytesIO()
    torch.save([y, y.T, y[:, 1], y[0, 0], y[:0], y.expand(2, 2, 3), y[1:]], buffer)
    loaded = read(buffer.getvalue())
    assert [t.tolist() for t in loaded] == [*(t.tolist() for t in value), x[1:].tolist()]
    loaded[0].zero_()  # they share memory, as torch's do
    assert not loaded[-1].any() and loaded[1]._version == loaded[0]._version == 1


def test_what_is_tied_stays_tied():
    w = nn.Parameter(minnet.ones(2, 2))
    shared = [1]
    loaded = read(stored({"a": w.detach(), "b": w.detach(), "p": w, "l": shared, "m": shared}))
    loaded["a"].add_(1)
    assert loaded["b"].tolist() == loaded["p"].tolist() == [[2, 2], [2, 2]]
    assert loaded["l"] is loaded["m"]
    assert type(loaded["p"]) is nn.Parameter and loaded["p"].requires_grad
    frozen = read(stored(nn.Parameter(w.detach(), requires_grad=False)))
    assert type(frozen) is nn.Parameter and not frozen.requires_grad
    assert read(stored(minnet.ones(1, requires_grad=True))).requires_grad
    endless = {}
    endless["me"] = endless
    loaded = read(stored(endless))
    assert loaded["me"] is loaded


def test_numpys_numbers_become_pythons():
    value = [np.float64(0.1), np.float32(0.5), np.int64(3), np.bool_(True)]
    assert same(read(stored(value)), [0.1, 0.5, 3, True])


def test_bfloat16_and_other_dtypes_of_torch():
    torch = pytest.importorskip("torch")
    values = torch.tensor([1.5, -2.0, 3e38, 1e-40, math.inf])
    buffer = io.BytesIO()
    torch.save(values.bfloat16(), buffer)
    found = read(buffer.getvalue())
    np.testing.assert_array_equal(found.numpy(), values.bfloat16().float().numpy())
    buffer = io.BytesIO()
    torch.save(values.to(torch.complex64), buffer)
    with pytest.raises(TypeError, match=r"in a torch\.ComplexFloatStorage, and minnet has float32"):
        read(buffer.getvalue())


def test_a_big_endian_file():
    content = stored(minnet.tensor([1.0, 2.0]))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        program, storage = file.read("archive/data.pkl"), file.read("archive/data/0")
    swapped = np.frombuffer(storage, "<f4").astype(">f4").tobytes()
    assert read(archive(program, swapped, byteorder=b"big")).tolist() == [1, 2]
    assert read(archive(program, storage)).tolist() == [1, 2]


def test_map_location():
    content = stored({"a": minnet.ones(1)})
    for where in ("cpu", minnet.device("cpu"), {"cuda:0": "cpu"}, lambda storage, place: storage):
        assert read(content, map_location=where)["a"].item() == 1
    with pytest.raises(RuntimeError, match="cuda"):
        read(content, map_location="cuda:0")
    with pytest.raises(RuntimeError, match="cuda"):
        read(content, map_location={"cpu": "cuda:0"})


def test_arguments_of_torch_are_taken(tmp_path):
    path = tmp_path / "file"
    minnet.save([1], path, pickle, pickle_protocol=4, _use_new_zipfile_serialization=False)
    assert minnet.load(path, "cpu", pickle, weights_only=False, mmap=True) == [1]


def test_nothing_but_the_standard_library_is_needed_and_only_on_use(tmp_path):
    program = f"""
import sys
sys.modules["safetensors"] = None
import minnet
assert not {{"pickletools", "minnet.archive"}} & set(sys.modules)
minnet.save({{"a": minnet.ones(2)}}, {str(tmp_path / "f")!r})
print(minnet.load({str(tmp_path / "f")!r}), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "{'a': tensor([1., 1.])} False\n", done.stderr


# What is refused


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (nn.Linear(2, 2), "state of a Linear, not the object, whose loading would run code:\n"
         "    minnet.save(x.state_dict(), path)\n    x.load_state_dict(minnet.load(path))"),
        ({"a": [0, optim.SGD([minnet.ones(1)], lr=1)]}, "the state of a SGD at a.1, not"),
        ({"a": np.ones(2)}, "got ndarray at a; give its tolist()"),
        ({"a": lambda: None}, "got function at a"),
        ({"a": nn.Linear}, "got type at a"),
        ({"a": {minnet.ones(1): 1}}, "got Tensor at the keys of a"),
        ({"a": {(1, (2, 3)): 3}}, "got tuple at the keys of a"),
        ({"a": {frozenset()}}, "got set at a"),
    ],
)  # fmt: skip
def test_other_objects_are_refused_and_an_older_file_stays(tmp_path, bad, message):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=re.escape(message)):
        minnet.save(bad, path)
    buffer = io.BytesIO()
    with pytest.raises(TypeError):
        minnet.save(bad, buffer)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
    assert not buffer.getvalue()


def test_what_is_nested_too_deep_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deep"):
        stored(deep)
    with pytest.raises(ValueError, match="an int of 256 bytes"):
        stored(1 << 2040)


RAN = []


def run(*arguments):
    RAN.append(arguments)


class Hostile:
    def __init__(self, *made):
        self.made = made

    def __reduce__(self):
        return self.made


def ordered(*arguments):
    """Return a pickle that calls OrderedDict with arguments."""
    return pickle.dumps(Hostile(OrderedDict, arguments), 2)


NESTED = b"".join([b"\x80\x02}", b")" + b"\x85" * 200_000, b"K\x01s."])
HOSTILE = {
    "a call": pickle.dumps(Hostile(run, (1,)), 2),
    "a call in a container": pickle.dumps({"a": [Hostile(run, (1,))]}, 4),
    "system": b"cos\nsystem\n(S'echo'\ntR.",
    "system, protocol 4": pickle.dumps(Hostile(os.system, ("echo",)), 4),
    "eval": pickle.dumps(Hostile(eval, ("1",)), 2),
    "getattr": pickle.dumps(Hostile(getattr, (1, "real")), 2),
    "import": b"\x80\x02cbuiltins\n__import__\n(X\x02\0\0\0ostR.",
    "a class": pickle.dumps(Hostile, 2),
    "an object": pickle.dumps(nn.ReLU(), 2),
    "an array": pickle.dumps(np.ones(2), 2),
    "a submodule of what is known": b"\x80\x02ctorch\n_utils\n.",
    "another function of torch": b"\x80\x02ctorch._utils\n_rebuild_qtensor\n.",
    "something named as a storage": b"\x80\x02cos\nStorage\n)R.",
    "a name within a name": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "an instance": b"(S'echo'\nios\nsystem\n.",
    "an object by its class": b"(cos\nsystem\nS'echo'\no.",
    "a class as a value": pickle.dumps([OrderedDict], 2),
    "a class twice": b"\x80\x02]ccollections\nOrderedDict\nq\0a.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent name": b"P0\n.",
    "a buffer": b"\x80\x05\x97.",
    "attributes of a dict": b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsK\x01sb.",
    "attributes of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n"
                               b"}X\x09\0\0\0_metadata}sb.",
    "attributes of a tuple": b"\x80\x02(N}X\x09\0\0\0_metadata}st)b.",
    "pairs": ordered([("a", 1)]),
    "pairs with deep keys": ordered([(((1, (2,)),), 1)]),
    "a deep key": NESTED,
    "a deep element": b"\x80\x04\x8f()" + b"\x85" * 200_000 + b"\x90.",
    "a tensor as a key": b"\x80\x02}]K\x01s.",
    "an encoding": b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0hex\x86R.",
    "no storage": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NK\0)))Nt R.",
    "a storage beside it": b"\x80\x02(" b"X\x07\0\0\0storagectorch\nFloatStorage\n"
                           b"X\x04\0\0\0../0X\x03\0\0\0cpuK\x01tQ.",
    "an empty stack": b"\x80\x02.",
    "two values": b"\x80\x02NN.",
    "no mark": b"\x80\x02Nt.",
    "an unknown number": b"\x80\x02h\x07.",
    "no end": b"\x80\x02N",
    "no code": b"\xff\xfe\x00",
    "nothing": b"",
    "a length beyond the end": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "a count beyond the end": b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.",
    "digits": b"L" + b"9" * 100_000 + b"L\n.",
}  # fmt: skip


@pytest.mark.parametrize("program", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pickle_is_refused(program, monkeypatch, tmp_path):
    for name in ("system", "getcwd", "open"):
        monkeypatch.setattr(os, name, run)
    modules, before = set(sys.modules), dict(vars(OrderedDict))
    (tmp_path / "file").write_bytes(archive(program))
    with pytest.raises(ValueError, match=r"asks for \S+, and load makes|is damaged"):
        minnet.load(tmp_path / "file", weights_only=False)
    assert not RAN and set(sys.modules) == modules and dict(vars(OrderedDict)) == before


def tensor(shape, strides, offset=0, size=4):
    """Return an archive of a tensor on a storage of 4 elements."""
    numbers = lambda values: "(" + "".join(f"L{n}L\n" for n in values) + "t"  # noqa: E731
    storage = f"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI{size}\ntQ"
    rest = f"L{offset}L\n{numbers(shape)}{numbers(strides)}I00\nNt"
    program = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}{rest}R."
    return archive(program.encode(), np.arange(4, dtype="<f4").tobytes())


def test_a_tensor_lies_within_its_storage():
    assert read(tensor([2, 2], [1, 2])).tolist() == [[0, 2], [1, 3]]
    assert read(tensor([2], [0], 3)).tolist() == [3, 3] and read(tensor([], [], 3)).item() == 3
    assert read(tensor([0, 5], [9, 9], 8)).shape == (0, 5)
    for bad in (
        ([5], [1]), ([2], [4]), ([4], [1], 1), ([1], [1], 4), ([2], [-1], 1), ([-1], [1]),
        ([1], [1], -1), ([2, 2], [1]), ([2**63], [1]), ([2], [2**63]),
        ([], [], 4), ([1] * 100, [1] * 100),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="is damaged"):
            read(tensor(*bad))
    with pytest.raises(ValueError, match="4 elements instead of 5"):
        read(tensor([4], [1], size=5))
    expanded = read(tensor([2**40, 2], [0, 1]))  # takes no memory, and nobody writes to it
    with pytest.raises(RuntimeError, match="expanded or read-only"):
        expanded.zero_()


def test_a_bool_is_true_or_false_whatever_its_byte():
    with zipfile.ZipFile(io.BytesIO(stored(minnet.tensor([True, False, True])))) as file:
        program = file.read("archive/data.pkl")
    found = read(archive(program, b"\x07\0\xff"))
    assert found.tolist() == [True, False, True] and found.array.tobytes() == b"\1\0\1"


ITEMS = b"(" + b"N" * 20_000 + b"t"


@pytest.mark.parametrize(
    "content",
    [
        archive(b"\x80\x02]" + b"N" * 50_000_000 + b".", compression=zipfile.ZIP_DEFLATED),
        archive(b"\x80\x02N.", bytes(50_000_000), compression=zipfile.ZIP_DEFLATED),
        # Many copies of something large.
        archive(b"\x80\x02" + ITEMS + b"q\0](" + b"ctorch\nSize\n(h\0tR" * 5000 + b"e."),
        archive(b"\x80\x02]q\0" + b"(" + b"K\1" * 20_000 + b"e]("
                + b"cbuiltins\nset\n(h\0tR" * 5000 + b"e."),
        archive(b"\x80\x02r\xff\xff\xff\x7fN."),
    ],
    ids=["a compressed pickle", "a compressed storage", "sizes", "sets", "a number"],
)  # fmt: skip
def test_a_file_of_a_few_bytes_takes_no_memory(content):
    assert len(content) < 500_000
    read(stored([minnet.ones(1)]))  # what is imported
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="is damaged"):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_file_cut_short_at_any_byte_is_refused():
    content = stored(example())
    for length in range(4, len(content), 7):
        with pytest.raises(ValueError, match="damaged, cut short, or no file"):
            read(content[:length])


def test_damage_of_any_byte_is_noticed_or_does_no_harm():
    content = stored(example())
    whole = repr(read(content))
    for place in range(4, len(content), 5):
        damaged = bytearray(content)
        damaged[place] ^= 0x20
        try:
            found = read(bytes(damaged))
        except ValueError as error:
            assert "damaged" in str(error)
        else:
            assert repr(found) == whole, place


def test_files_of_torch_that_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "file"
    torch.save([1], path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match=r"a pickle, as torch\.save wrote before version 1\.6"):
        minnet.load(path)
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(ValueError, match=r"asks for torch\.nn\.modules\.linear\.Linear, "):
        minnet.load(path)


def test_a_failed_write_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        minnet.save({"a": minnet.ones(1)}, path)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_saved_tensor_is_a_copy_of_what_it_was():
    x = minnet.ones(3)
    value = {"x": x, "again": copy.copy(x)}
    content = stored(value)
    x.zero_()
    assert read(content)["x"].tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of escapes in a string
@settings(deadline=None, max_examples=500)
@given(st.data())
def test_a_changed_pickle_makes_data_or_an_error(data):
    """Data comes out of any program, or an error of those that are promised."""
    program = bytearray(PROGRAM)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(program) - 1))
        program[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = read(archive(bytes(program), *STORED))
    except ValueError as error:
        assert re.search("is damaged|asks for", str(error))
    except TypeError as error:
        assert "Storage, and minnet has" in str(error)
    else:
        plain(found, set())


def plain(value, seen):
    if id(value) in seen:
        return
    seen.add(id(value))
    known = (dict, list, tuple, set, str, int, float, bool, bytes, complex, type(None))
    known += (minnet.Tensor, minnet.Size, minnet.device, dtypes.dtype, archives._Global)
    assert isinstance(value, known)
    if isinstance(value, dict | list | tuple | set):
        for item in value:
            plain(item, seen)
    if isinstance(value, dict):
        for item in value.values():
            plain(item, seen)


with zipfile.ZipFile(io.BytesIO(stored(example()))) as whole:
    PROGRAM = whole.read("archive/data.pkl")
    STORED = [whole.read(n) for n in whole.namelist() if "/data/" in n]
