"""MNIST: found wherever it lies, downloaded whole or not at all, refused where it is not MNIST."""

import gzip
import hashlib
import http.server
import os
import struct
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import ordinary
import pytest

import minnet
from minnet.data import MNIST, DataLoader, mnist

SIZES = {"train": 6, "t10k": 4}


def contents() -> dict[str, bytes]:
    """Return what the four files of a tiny MNIST hold."""
    random = np.random.default_rng(0)
    files = {}
    for split, n in SIZES.items():
        images = random.integers(0, 256, (n, 28, 28), np.uint8)
        labels = random.integers(0, 10, n, np.uint8)
        header = struct.pack(">4I", 0x803, n, 28, 28)
        files[f"{split}-images-idx3-ubyte"] = header + images.tobytes()
        files[f"{split}-labels-idx1-ubyte"] = struct.pack(">2I", 0x801, n) + labels.tobytes()
    return files


CONTENTS = contents()
PACKED = {name: gzip.compress(data, mtime=0) for name, data in CONTENTS.items()}


@pytest.fixture
def real(monkeypatch):
    """Make the tiny files the ones that count as MNIST."""
    sums = {
        name: (hashlib.sha256(data).hexdigest(), hashlib.md5(PACKED[name]).hexdigest())
        for name, data in CONTENTS.items()
    }
    monkeypatch.setattr(MNIST, "files", sums)


def lay(folder: Path, packed: bool = True, **changed: bytes) -> Path:
    """Write the four files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**CONTENTS, **changed}.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(data) if packed else data)
    return folder


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Reading


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
def test_files_are_found_and_read(tmp_path, real, packed, inside):
    lay(tmp_path / inside, packed)
    for train, split in ((True, "train"), (False, "t10k")):
        data = MNIST(tmp_path, train)
        n = SIZES[split]
        assert len(data) == n
        assert data.data.dtype == minnet.uint8 and data.data.shape == (n, 28, 28)
        assert data.targets.dtype == minnet.int64 and data.targets.shape == (n,)
        assert data.data.numpy().tobytes() == CONTENTS[f"{split}-images-idx3-ubyte"][16:]
        assert bytes(data.targets.tolist()) == CONTENTS[f"{split}-labels-idx1-ubyte"][8:]


def test_samples_classes_and_printed_form(tmp_path, real):
    data = MNIST(lay(tmp_path), train=False, target_transform=str)
    image, label = data[2]
    assert image.shape == (28, 28) and label == str(data.targets[2].item())
    assert data.classes[7] == "7 - seven" and data.class_to_idx["7 - seven"] == 7
    assert repr(data) == (
        "Dataset MNIST\n    Number of datapoints: 4\n"
        f"    Root location: {tmp_path}\n    Split: Test"
    )


def test_a_loader_gives_what_the_samples_are(tmp_path, real):
    data = MNIST(lay(tmp_path))
    ((images, labels),) = DataLoader(data, batch_size=6)
    np.testing.assert_array_equal(images.numpy(), data.data.numpy())
    np.testing.assert_array_equal(labels.numpy(), data.targets.numpy())
    doubled = MNIST(tmp_path, transform=lambda image: image.float() * 2)
    ((images, labels),) = DataLoader(doubled, batch_size=6)
    np.testing.assert_array_equal(images.numpy(), data.data.numpy() * np.float32(2))
    assert labels.dtype == minnet.int64


def test_one_split_is_enough_for_itself(tmp_path, real):
    for path in lay(tmp_path).glob("train-*"):
        path.unlink()
    assert len(MNIST(tmp_path, train=False)) == 4
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte and train-labels"):
        MNIST(tmp_path)


def test_the_folder_is_the_cache_unless_one_is_given(tmp_path, real, monkeypatch):
    monkeypatch.setenv("MINNET_DATA_DIR", str(lay(tmp_path / "chosen")))
    assert MNIST().root == tmp_path / "chosen"
    monkeypatch.delenv("MINNET_DATA_DIR")
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    folder = mnist.cache_folder()
    assert folder.is_relative_to(tmp_path / "home") and folder.parts[-2:] == ("minnet", "data")
    with pytest.raises(FileNotFoundError, match="pass download=True"):
        MNIST()
    assert everything_in(tmp_path) == chosen()


def chosen() -> list[str]:
    return ["chosen", *sorted(f"chosen/{name}.gz" for name in CONTENTS)]


# Files that are not MNIST's


def test_other_data_of_the_same_names_is_refused_unless_asked_for(tmp_path):
    lay(tmp_path)  # against the checksums of the real MNIST
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is not MNIST's .*") as error:
        MNIST(tmp_path)
    found = hashlib.sha256(CONTENTS["train-images-idx3-ubyte"]).hexdigest()
    assert "expected content with SHA-256 ba891046" in str(error.value)
    assert f"found {found}" in str(error.value) and "verify=False" in str(error.value)
    assert len(MNIST(tmp_path, verify=False)) == 6


def test_one_changed_pixel_is_noticed(tmp_path, real):
    data = CONTENTS["t10k-images-idx3-ubyte"]
    lay(tmp_path, **{"t10k-images-idx3-ubyte": data[:-1] + bytes([data[-1] ^ 1])})
    assert len(MNIST(tmp_path)) == 6
    with pytest.raises(ValueError, match="is not MNIST's t10k-images-idx3-ubyte"):
        MNIST(tmp_path, train=False)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("images-idx3", CONTENTS["train-images-idx3-ubyte"][:-5], "truncated: expected 4720 bytes"),
        ("images-idx3", CONTENTS["train-images-idx3-ubyte"] + b"x", "too long: expected 4720"),
        ("images-idx3", b"<html>no such page</html>", "not an IDX file: .* found 3c 68 74 6d"),
        ("labels-idx1", b"", "not an IDX file: .* found nothing"),
        (
            "images-idx3",
            struct.pack(">4I", 0x803, 6, 8, 8) + bytes(384),
            r"does not hold images like MNIST's: .* found uint8 of shape \(6, 8, 8\)",
        ),
        (
            "images-idx3",
            struct.pack(">4I", 0xC03, 1, 28, 28) + bytes(4 * 784),
            r"does not hold images like MNIST's: .* found int32 of shape \(1, 28, 28\)",
        ),
        (
            "labels-idx1",
            struct.pack(">2I", 0x801, 5) + bytes(5),
            r"does not fit the images: expected uint8 labels of shape \(6,\), found .* \(5,\)",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, monkeypatch, name, data, message, verify):
    name = f"train-{name}-ubyte"
    lay(tmp_path, packed=False, **{name: data})
    sums = {
        each: (hashlib.sha256(data if each == name else whole).hexdigest(), "")
        for each, whole in CONTENTS.items()
    }
    monkeypatch.setattr(MNIST, "files", sums)
    with pytest.raises(ValueError, match=f"{name} {message}|{name} is {message}"):
        MNIST(tmp_path, verify=verify)


@pytest.mark.parametrize("download", [True, False])
def test_a_missing_folder(tmp_path, monkeypatch, download):
    monkeypatch.setattr(MNIST, "mirrors", ())
    expected = ConnectionError if download else FileNotFoundError
    with pytest.raises(expected, match="nowhere"):
        MNIST(tmp_path / "nowhere" / "deeper", download=download)
    assert everything_in(tmp_path) == []


# Downloading


@pytest.fixture
def mirror(real, monkeypatch):
    """Serve files on this machine; `answers` says what is given for a path, `asked` what was.

    `halfway` is called when half of a file has been sent.
    """
    served = types.SimpleNamespace(answers={}, asked=[], halfway=lambda path: None)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            served.asked.append(self.path)
            data, length = served.answers.get(self.path, (None, 0))
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            half = len(data or b"") // 2
            self.wfile.write((data or b"")[:half])
            served.halfway(self.path)
            self.wfile.write((data or b"")[half:])

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # who asked may be gone
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(MNIST, "mirrors", (f"{base}/first/", f"{base}/second/"))
    monkeypatch.setattr(mnist, "TIMEOUT", 5)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pytest.importorskip("pooch")

    def offer(folder, name, data=None, length=None):
        data = PACKED[name] if data is None else data
        served.answers[f"/{folder}/{name}.gz"] = data, len(data) if length is None else length

    served.offer = offer
    served.timeout = lambda seconds: monkeypatch.setattr(mnist, "TIMEOUT", seconds)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def downloaded() -> list[str]:
    return ["MNIST", "MNIST/raw", *sorted(f"MNIST/raw/{name}.gz" for name in PACKED)]


def test_download_gives_the_data_and_keeps_it(tmp_path, mirror):
    for name in PACKED:
        mirror.offer("first", name)
    assert len(MNIST(tmp_path, download=True)) == 6
    assert everything_in(tmp_path) == downloaded()
    asked = len(mirror.asked)
    assert asked == 4
    assert len(MNIST(tmp_path, train=False, download=True)) == 4
    assert len(MNIST(tmp_path, train=False)) == 4
    assert len(mirror.asked) == asked


def test_only_what_is_missing_is_downloaded(tmp_path, mirror):
    lay(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    mirror.offer("first", "t10k-labels-idx1-ubyte")
    assert len(MNIST(tmp_path, train=False, download=True)) == 4
    assert mirror.asked == ["/first/t10k-labels-idx1-ubyte.gz"]


@pytest.mark.parametrize("fault", ["absent", "wrong", "cut", "short", "page", "stalled"])
def test_the_next_mirror_helps_where_the_first_fails(tmp_path, mirror, fault):
    for name in PACKED:
        mirror.offer("second", name)
    name = "train-images-idx3-ubyte"
    spoil(mirror, "first", name, fault)
    assert len(MNIST(tmp_path, download=True)) == 6
    assert everything_in(tmp_path) == downloaded()
    others = [f"/second/{other}.gz" for other in PACKED if other != name]
    assert mirror.asked == [f"/first/{name}.gz", f"/second/{name}.gz", *others]


def spoil(mirror, folder, name, fault):
    """Offer a file that is missing, of the wrong content, cut off on its way, or cut before."""
    data = PACKED[name]
    if fault == "page":
        mirror.offer(folder, name, b"<!DOCTYPE html><title>Log in to the network</title>")
    elif fault == "stalled":
        mirror.offer(folder, name)
        mirror.timeout(0.2)
        mirror.halfway = lambda path: folder in path and time.sleep(1)
    if fault == "wrong":
        mirror.offer(folder, name, gzip.compress(b"something else"))
    elif fault == "cut":
        mirror.offer(folder, name, data[:1000], len(data))
    elif fault == "short":
        mirror.offer(folder, name, data[:1000])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("absent", "404 Client Error: Not Found"),
        ("wrong", "the answer is another file: 34 bytes that begin with .*, whose MD5 hash is"),
        ("cut", "IncompleteRead"),
        ("short", "the answer is another file: 1000 bytes"),
        ("page", "51 bytes that begin with b'<!DOCTYPE html><titl', whose MD5 hash is"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(tmp_path, mirror, fault, message):
    for folder in ("first", "second"):
        spoil(mirror, folder, "train-images-idx3-ubyte", fault)
    root = tmp_path / "new" / "folder"
    with pytest.raises(ConnectionError, match=message) as error:
        MNIST(root, download=True)
    assert all(part in str(error.value) for part in ("/first/", "/second/", str(root)))
    assert everything_in(tmp_path) == []


def test_files_that_came_through_stay_when_a_later_one_fails(tmp_path, mirror):
    mirror.offer("first", "train-images-idx3-ubyte")
    with pytest.raises(ConnectionError, match="could not download train-labels"):
        MNIST(tmp_path, download=True)
    whole = "MNIST/raw/train-images-idx3-ubyte.gz"
    assert everything_in(tmp_path) == ["MNIST", "MNIST/raw", whole]
    assert (tmp_path / whole).read_bytes() == PACKED["train-images-idx3-ubyte"]


def test_no_network(tmp_path, real, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setattr(MNIST, "mirrors", ("http://127.0.0.1:9/",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(ConnectionError, match="Connection refused"):
        MNIST(tmp_path, download=True)
    assert everything_in(tmp_path) == []


# Where it is kept


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_asked_for(tmp_path, mirror):
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(0o555)
    with ordinary.rights(), pytest.raises(PermissionError, match=f"'{root}/MNIST"):
        MNIST(root, download=True)
    root.chmod(0o755)
    (root / "MNIST").touch()
    with pytest.raises((NotADirectoryError, FileExistsError), match=f"'{root}/MNIST"):
        MNIST(root, download=True)
    assert everything_in(tmp_path) == ["root", "root/MNIST"] and mirror.asked == []


def test_on_a_full_disk_nothing_is_left_and_no_other_mirror_is_asked(tmp_path, mirror):
    for folder in ("first", "second"):
        for name in PACKED:
            mirror.offer(folder, name)
    with ordinary.small_disk(tmp_path / "disk", 4096) as disk:
        with pytest.raises(OSError, match=r"No space left on device: .*train-images-idx3-ubyte"):
            MNIST(disk, download=True)
        assert everything_in(disk) == [] and len(mirror.asked) == 1


def test_others_may_read_what_the_umask_lets_them_read(tmp_path, mirror):
    for name in PACKED:
        mirror.offer("first", name)
    before = os.umask(0o022)
    try:
        MNIST(tmp_path, download=True)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "MNIST" / "raw").iterdir()}
    assert modes == {0o644}


def test_without_a_home_the_error_says_what_to_name(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    for variable in ("MINNET_DATA_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(FileNotFoundError, match=r"no home directory .* `root` or .*MINNET_DATA"):
        MNIST()


# Processes


def downloading(root):
    """Start a process that downloads the files."""
    program = f"""
from minnet.data import MNIST
MNIST.files, MNIST.mirrors = {MNIST.files!r}, {MNIST.mirrors!r}
print(len(MNIST({str(root)!r}, download=True)))
"""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(minnet.__file__).parents[1])},
    )


def test_two_processes_download_at_once(tmp_path, mirror):
    for name in PACKED:
        mirror.offer("first", name)
    both = threading.Barrier(2, timeout=60)
    mirror.halfway = lambda path: "train-images" in path and both.wait()
    ends = [process.communicate(timeout=60) for process in [downloading(tmp_path) for _ in "ab"]]
    assert ends == [("6\n", "")] * 2
    assert mirror.asked.count("/first/train-images-idx3-ubyte.gz") == 2
    assert everything_in(tmp_path) == downloaded()


def test_a_process_that_is_killed_half_way_leaves_nothing_that_counts(tmp_path, mirror):
    for name in PACKED:
        mirror.offer("first", name)
    reached, killed = threading.Event(), threading.Event()

    def hold(path):
        if "t10k-images" in path:
            reached.set()
            killed.wait(60)

    mirror.halfway = hold
    process = downloading(tmp_path)
    assert reached.wait(60)
    process.kill()
    process.communicate()
    killed.set()
    left = everything_in(tmp_path / "MNIST" / "raw")
    assert left[0].startswith(".t10k-images-idx3-ubyte.gz.") and left[0].endswith(".part")
    assert left[1:] == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    with pytest.raises(FileNotFoundError, match="expected t10k-images-idx3-ubyte"):
        MNIST(tmp_path, train=False)
    mirror.asked.clear()
    assert len(MNIST(tmp_path, train=False, download=True)) == 4
    assert len(mirror.asked) == 2 and everything_in(tmp_path) == downloaded()


# Packages


@pytest.mark.parametrize("package", ["pooch", "requests", "tqdm"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path, monkeypatch, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'{package}: pip install "minnet\[examples\]"'):
        MNIST(tmp_path, download=True)
    assert everything_in(tmp_path) == []
