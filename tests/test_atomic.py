"""`replacing`: the older file or the whole new one, at any moment, whatever happens."""

import os
import stat
import threading

import ordinary
import pytest
from killed import killed_while

from minnet.atomic import replacing

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def write(path, content, **options):
    with replacing(path, **options) as file:
        file.write(content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("older", [b"old", None])
def test_the_new_content_is_there_when_the_block_has_ended_and_not_before(tmp_path, older, durable):
    path = tmp_path / "file"
    if older is not None:
        path.write_bytes(older)
    with replacing(path, durable) as file:
        file.write(b"new")
        file.flush()
        assert (path.read_bytes() if path.exists() else None) == older
    assert path.read_bytes() == b"new" and names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), OSError("no network")])
def test_an_error_in_the_block_leaves_the_older_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)) as caught, replacing(path) as file:
        file.write(b"new" * 100_000)
        raise error
    assert caught.value is error and str(caught.value) in ("bad", "", "no network")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["os.fsync", "os.replace", "os.chmod"])
def test_an_error_at_any_step_leaves_the_older_file_and_names_it(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise OSError(5, "Input/output error", *map(str, arguments[:1]))

    monkeypatch.setattr(call, fail)
    with pytest.raises(OSError, match=r"Input/output error: '.*'$"):
        write(path, b"new")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["file"]


def test_a_full_disk(tmp_path):
    with ordinary.small_disk(tmp_path / "disk", 8192) as disk:
        path = disk / "file"
        write(path, b"old")
        for size in (100_000, 8_000):  # refused by write, and by flush at the end
            with pytest.raises(OSError, match=r"No space left on device: '.*file'$"):
                write(path, bytes(size))
            assert path.read_bytes() == b"old" and names(disk) == ["file"]
        write(path, bytes(4096))


@posix
def test_a_limit_on_the_size_of_files(tmp_path):
    import resource

    path = tmp_path / "file"
    write(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*file'$"):
            write(path, bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["file"]


def test_no_folder_and_a_folder_in_the_files_place(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*none.file'$"):
        write(tmp_path / "none" / "file", b"new")
    with pytest.raises(IsADirectoryError, match=f"Is a directory: '{tmp_path}'$"):
        write(tmp_path, b"new")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"Not a directory: '.*inside'$"):
        write(tmp_path / "file" / "inside", b"new")
    assert names(tmp_path) == ["file"]


@posix
def test_a_read_only_folder_and_a_read_only_file(tmp_path):
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")
    with ordinary.rights():
        path.chmod(0o444)
        with pytest.raises(PermissionError, match=f"Permission denied: '{path}'$"):
            write(path, b"new")
        path.chmod(0o644)
        path.parent.chmod(0o555)
        with pytest.raises(PermissionError, match=f"Permission denied: '{path}'$"):
            write(path, b"new")
        path.parent.chmod(0o755)
    assert path.read_bytes() == b"old" and names(path.parent) == ["file"]


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_modes_are_those_of_an_ordinary_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "new", b"")
        (tmp_path / "old").touch()
        (tmp_path / "old").chmod(0o640)
        write(tmp_path / "old", b"")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o666 & ~mask and mode(tmp_path / "old") == 0o640


@posix
def test_links_are_followed(tmp_path):
    (tmp_path / "folder").mkdir()
    link, to_nothing = tmp_path / "link", tmp_path / "to nothing"
    link.symlink_to("folder/file")
    to_nothing.symlink_to("folder/other")
    (tmp_path / "folder" / "file").write_bytes(b"old")
    for path in (link, to_nothing):
        write(path, b"new")
        assert path.is_symlink() and path.read_bytes() == b"new"
    assert names(tmp_path / "folder") == ["file", "other"]


@posix
def test_devices_and_pipes_are_written_and_not_replaced(tmp_path):
    write("/dev/null", b"new")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe, b"new")
    reader.join()
    assert read == [b"new"] and pipe.is_fifo()


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "a[b]*?", ".hidden", "a b\n"])
def test_names_of_all_kinds(tmp_path, name):
    path = tmp_path / name
    for content in (b"old", b"new"):
        write(path, content)
    leftover(path)
    write(path, b"newer")
    assert path.read_bytes() == b"newer" and names(tmp_path) == [name]


def leftover(path):
    """Make what a killed process leaves of a file."""
    part = path.with_name(f".{path.name[:50]}.0123abcd.part")
    part.write_bytes(b"unfinished")
    return part


def test_only_leftovers_of_the_same_file_are_deleted(tmp_path):
    mine = leftover(tmp_path / "file")
    others = {leftover(tmp_path / name) for name in ("other", "file.b")}
    others.add(tmp_path / ".file.backup.part")
    (tmp_path / ".file.backup.part").touch()
    write(tmp_path / "file", b"new")
    assert set(tmp_path.iterdir()) == {tmp_path / "file", *others} and not mine.exists()


@posix
def test_what_another_process_is_writing_stays(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as slow:
        slow.write(b"slow")
        write(path, b"fast")
        assert path.read_bytes() == b"fast" and len(names(tmp_path)) == 2
    assert path.read_bytes() == b"slow" and names(tmp_path) == ["file"]


def test_many_threads_write_one_file(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([i]) * 50_000 for i in range(8)]
    threads = [
        threading.Thread(target=lambda c=c: [write(path, c, durable=False) for _ in range(25)])
        for c in contents
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert path.read_bytes() in contents
    assert names(tmp_path) == ["file"]


@posix
def test_a_process_is_killed_again_and_again_while_it_writes(tmp_path):
    path = tmp_path / "file"

    def write_version(number):
        with replacing(path, durable=False) as file:
            for _ in range(50):
                file.write(bytes([number % 256]) * 20_000)

    found, left = set(), 0
    for _ in killed_while(write_version, 60, seed=0):
        content = path.read_bytes()
        assert len(content) == 1_000_000 and len(set(content)) == 1
        found.add(content[0])
        assert len(names(tmp_path)) <= 2  # the file, and what the last one left
        left += len(names(tmp_path)) - 1
    assert len(found) > 1 and left > 5  # it was met at many moments
    write(path, b"new")
    assert names(tmp_path) == ["file"]
