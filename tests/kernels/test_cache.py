"""Compiled kernels on disk: found again, never stale, never in the way."""

import os
import subprocess
import sys

import pytest

from minnet.kernels import cache

PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
import numpy as np
from minnet.kernels.cpu import fill
out = np.empty(4096, np.float32)
fill.uniform(out, fill.stream(0, 0), 0.0, 1.0)
print("sum", out.sum())
"""


def run(folder, program=PROGRAM, **env):
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder), **env},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


def files(folder):
    return sorted(folder.rglob("*.nbc"))


def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    first = run(tmp_path)
    assert "compiling fill._uniform32.serial" in first.stdout
    assert [f.name.rpartition("-")[0] for f in files(tmp_path)] == ["fill._uniform32.serial"]
    second = run(tmp_path)
    assert "compiling" not in second.stdout
    assert first.stdout.splitlines()[-1] == second.stdout.splitlines()[-1]


def test_a_damaged_file_is_compiled_again(tmp_path):
    run(tmp_path)
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"\x00" * 100):
        file.write_bytes(content)
        assert "compiling fill._uniform32" in run(tmp_path).stdout
        assert "compiling" not in run(tmp_path).stdout


def test_a_change_in_any_kernel_source_changes_the_stamp(tmp_path, monkeypatch):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "a.py").write_text("x = 1")
    (tmp_path / "cpu" / "b.py").write_text("y = 1")
    monkeypatch.setattr(cache, "SOURCES", tmp_path)

    def stamp():
        cache.stamp.cache_clear()
        return cache.stamp()

    try:
        before = stamp()
        assert stamp() == before
        (tmp_path / "cpu" / "b.py").write_text("y = 2")
        changed = stamp()
        assert changed != before
        (tmp_path / "cpu" / "b.py").rename(tmp_path / "cpu" / "c.py")
        assert stamp() not in (before, changed)
    finally:
        cache.stamp.cache_clear()


def test_another_version_replaces_the_folder_of_this_one(tmp_path):
    run(tmp_path)
    (own,) = tmp_path.iterdir()
    old = own / "kernels-0000000000000000"
    old.mkdir()
    (old / "x.nbc").touch()
    run(tmp_path)
    assert not old.exists() and len(files(tmp_path)) == 1


@pytest.mark.skipif(os.name != "posix", reason="folders without permission")
def test_without_a_writable_folder_there_is_one_warning_and_the_right_result(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()  # a file where the folder should be
    done = run(blocked / "inside")
    assert done.stderr.count("no folder to keep compiled kernels in") == 1
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert done.stdout.splitlines()[-1] == run(tmp_path).stdout.splitlines()[-1]


def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, env=env, text=True
        )
        for _ in range(3)
    ]
    sums = {w.communicate(timeout=120)[0].splitlines()[-1] for w in workers}
    assert len(sums) == 1 and all(w.returncode == 0 for w in workers)
    assert len(files(tmp_path)) == 1
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and f.suffix != ".nbc"]
