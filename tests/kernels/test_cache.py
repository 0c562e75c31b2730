"""Compiled kernels on disk: found again, never stale, never in the way."""

import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import ordinary
import pytest

import minnet
from minnet import kernels
from minnet.kernels import cache
from minnet.kernels.jit import Kernel

PACKAGE = Path(minnet.__file__).parent

REPORT = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
"""
# A kernel that compiles in no time, and its helper in another file.
HELPER = '''"""A helper."""
from minnet.kernels.jit import device
@device
def added(x):
    return x + 1.0
'''
PROBE = '''"""A kernel."""
from minnet.kernels.helper import added
from minnet.kernels.jit import kernel
@kernel
def probe(out):
    for i in range(len(out)):
        out[i] = added(out[i])
@kernel
def other(out):
    for i in range(len(out)):
        out[i] = 5.0 * added(out[i])
'''
RUN = f"""{REPORT}
import numpy as np
from minnet.kernels import probe
out = np.zeros(3)
probe.probe(out)
print("result", out.sum())
"""


def start(program, **env):
    variables = {**os.environ, **{name: str(value) for name, value in env.items()}}
    return subprocess.Popen(
        [sys.executable, "-W", "always", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=os.sep,
        env={name: value for name, value in variables.items() if value != "None"},
    )


def end(process):
    """Return what a process printed, its warnings, and its result."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return SimpleNamespace(out=out, err=err, result=float(re.search("result (.*)", out)[1]))


def run(program, **env):
    return end(start(program, **env))


def files(folder):
    return sorted(folder.rglob("*.nbc"))


def others(folder):
    return [f for f in folder.rglob("*") if f.is_file() and f.suffix != ".nbc"]


@pytest.fixture
def installed(tmp_path):
    """Return a folder with a copy of minnet that has the probe among its kernels."""
    package = tmp_path / "installed" / "minnet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").write_text("")  # of all that, kernels need little
    (package / "kernels" / "helper.py").write_text(HELPER)
    (package / "kernels" / "probe.py").write_text(PROBE)
    return package.parent


# Found again


def test_a_second_process_finds_what_the_first_compiled(installed, tmp_path):
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    first = run("import os; os.umask(0o027)\n" + RUN, **env)
    assert first.result == 3 and "compiling probe.probe.serial" in first.out
    (file,) = (f for f in (tmp_path / "cache").rglob("*") if f.is_file())
    assert file.name.rpartition("-")[0] == "probe.probe.serial" and file.suffix == ".nbc"
    assert os.name != "posix" or file.stat().st_mode & 0o777 == 0o640  # who may, reads it too
    second = run(RUN, **env)
    assert second.result == 3 and "compiling" not in second.out


def test_it_lies_beside_the_package_or_in_the_users_cache(installed, tmp_path):
    home = tmp_path / "home"
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": None, "HOME": home}
    run(RUN, **env)
    (file,) = files(tmp_path)
    assert file.is_relative_to(installed / "minnet" / "kernels" / "__pycache__")
    file.unlink()
    shutil.rmtree(file.parent)
    file.parent.touch()  # no folder can be made there
    assert run(RUN, **env).err == ""
    (file,) = files(tmp_path)
    assert file.is_relative_to(home / ".cache")
    assert "compiling" not in run(RUN, **env).out


# Never stale


def test_a_helper_changed_in_another_file_is_compiled_anew(installed, tmp_path):
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path}
    assert run(RUN, **env).result == 3
    helper = installed / "minnet" / "kernels" / "helper.py"
    helper.write_text(HELPER.replace("1.0", "20.0"))
    assert run(RUN, **env).result == 60
    helper.write_text(HELPER)
    again = run(RUN, **env)
    assert again.result == 3 and "compiling" not in again.out  # it was still there


def test_what_is_kept_is_of_the_code_that_ran_and_not_of_the_file(installed, tmp_path):
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path, "PYTHONDONTWRITEBYTECODE": None}
    helper = installed / "minnet" / "kernels" / "helper.py"
    os.utime(helper, (10**9, 10**9))
    assert run(RUN, **env).result == 3
    helper.write_text(HELPER.replace("1.0", "2.0"))  # of the same size and time:
    os.utime(helper, (10**9, 10**9))
    stale = run(RUN, **env)
    assert stale.result == 3  # Python takes the older bytecode, and so do we ...
    shutil.rmtree(helper.parent / "__pycache__")
    assert run(RUN, **env).result == 6  # ... but do not keep it for the newer source


@pytest.mark.parametrize("moment", ["before the kernel is loaded", "before it is kept"])
def test_sources_that_change_while_a_process_runs_are_compiled_for_it_alone(
    installed, tmp_path, moment
):
    program = RUN.replace(
        "out = np.zeros(3)",
        "out = np.zeros(3)\n"
        "import pathlib; from minnet.kernels import helper\n"
        "def edit(): pathlib.Path(helper.__file__).write_text('# another')\n"
        + (
            "edit()"
            if moment == "before the kernel is loaded"
            else "from numba.core.compiler import CompileResult\n"
            "reduce = CompileResult._reduce\n"
            "original = probe.probe.serial._compiler.compile\n"
            "probe.probe.serial._compiler.compile = lambda *a: (original(*a), edit())[0]"
        ),
    )
    done = run(program, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path / "cache")
    assert done.result == 3 and done.err == "" and "compiling" in done.out
    assert (installed / "minnet" / "kernels" / "helper.py").read_text() == "# another"
    assert files(tmp_path) == []


def key(**changes):
    kernel = {"__module__": "minnet.kernels.cpu.fill", "__name__": "uniform", **changes}
    of = cache.KernelCache(SimpleNamespace(**kernel), changes.get("form", "serial"))
    codegen = SimpleNamespace(
        magic_tuple=lambda: (
            changes.get("target", "x86_64-unknown-linux-gnu"),
            changes.get("cpu", "znver3"),
            changes.get("features", "+avx2"),
        )
    )
    return of._key(changes.get("signature", "(float32[::1],)"), codegen)


@pytest.mark.parametrize(
    "change",
    [
        {"__module__": "minnet.kernels.cuda.fill"},
        {"__name__": "normal"},
        {"form": "parallel"},
        {"target": "aarch64-unknown-linux-gnu"},
        {"cpu": "generic"},
        {"features": "+avx2,+fma"},
        {"signature": "(float64[::1],)"},
    ],
    ids=str,
)
def test_the_key_holds_the_kernel_its_types_and_the_processor(change):
    assert key() == key() and key(**change) != key()


@pytest.mark.parametrize("option", ["OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "NEW"])
def test_the_key_holds_numbas_options_those_too_that_are_still_to_come(monkeypatch, option):
    before = key()
    monkeypatch.setattr(cache.config, option, 7, raising=False)
    assert key() != before


def test_the_number_of_threads_and_the_folder_are_not_in_the_key(monkeypatch):
    before = key()
    for option in ("CACHE_DIR", "NUMBA_NUM_THREADS", "THREADING_LAYER", "ENABLE_CUDASIM"):
        monkeypatch.setattr(cache.config, option, 7)
    assert key() == before


@pytest.mark.parametrize("library", ["numba", "llvmlite", "np"])
def test_the_stamp_holds_the_versions_of_the_libraries(monkeypatch, library):
    assert cache.stamp() == cache.STAMP
    monkeypatch.setattr(getattr(cache, library), "__version__", "0.0")
    assert cache.stamp() != cache.STAMP


def test_the_stamp_holds_the_version_of_python(monkeypatch):
    monkeypatch.setattr(cache.sys, "version", "3.99")
    assert cache.stamp() != cache.STAMP


def test_the_stamp_holds_every_kernel_source_and_its_name(tmp_path, monkeypatch):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "a.py").write_text("x = 1.5")
    b = tmp_path / "cpu" / "b.py"
    b.write_text("def f(x):\n    return x + 1")
    monkeypatch.setattr(cache, "SOURCES", tmp_path)
    seen = [cache.stamp()]
    assert cache.stamp() == seen[0]
    b.write_text("# a comment\ndef f(x):\n    return x + 1")
    assert cache.stamp() == seen[0]
    for source in (
        "def f(x):\n    return x + 2",
        "def f(x):\n    return x + 2.0",
        "def f(x):\n    return x - 2.0",
        "def f(y):\n    return x - 2.0",
        "def f(y):\n    return z - 2.0",
        "def f(y):\n    return (lambda: z)() - 2.0",
        "def f(y):\n    return (lambda: y)() - 2.0",
        "def f(y, /):\n    return (lambda: y)() - 2.0",
        "def f(*, y):\n    return (lambda: y)() - 2.0",
        "def f(*, y=3):\n    return (lambda: y)() - 2.0",
        "def f(*, y=-0.0):\n    return (lambda: y)() - 2.0",
        "def f(*, y=0.0):\n    return (lambda: y)() - 2.0",
    ):
        b.write_text(source)
        os.utime(b, (len(seen), len(seen)))  # or Python takes the .pyc of one of the same second
        seen.append(cache.stamp())
    b.rename(tmp_path / "cpu" / "c.py")
    seen.append(cache.stamp())
    assert len(set(seen)) == len(seen)


def test_a_set_of_strings_has_one_stamp_in_all_processes():
    code = compile("x in {'c', 'a', 'b'}", "", "eval")
    assert ["'a'", "'b'", "'c'"] in list(cache._parts(code))


def test_kernels_use_nothing_of_minnet_that_the_stamp_does_not_hold():
    # Files, and the names of devices, are nothing that could be part of a kernel.
    held = re.compile(r"minnet\.(kernels|atomic|devices)\b")
    statement = re.compile(r"^\s*(?:from (minnet[\w.]*) )?import (minnet[\w.]*|.*)", re.M)
    for source in (PACKAGE / "kernels").rglob("*.py"):
        for package, names in statement.findall(source.read_text()):
            for name in names.split(",") if package else [names]:
                full = f"{package}.{name.strip(' (')}" if package else name
                assert not full.startswith("minnet") or held.match(full), (source, full)


def test_every_kernel_has_a_name_of_its_own():
    kernels.of(np.empty(0))
    found = [k for k in gc.get_objects() if type(k) is Kernel]
    ours = [k.serial._cache._kernel for k in found if k.__module__.startswith("minnet.")]
    assert len(ours) > 30 and len(set(ours)) == len(ours)


BLOCKS = '''"""Kernels that call one block, which calls another."""
from numba import prange
from minnet.kernels.helper import added
from minnet.kernels.jit import block, kernel
@block
def inner(out, i, count):
    for _ in range(count):
        out[i] = added(out[i])
@block
def outer(out, i):
    inner(out, i, 2)
    inner(out, i, i)
@kernel(parallel=True)
def probe(out):
    for i in prange(len(out)):
        outer(out, i)
@kernel
def other(out):
    outer(out, 1)
    outer(out, 2)
'''


def test_a_block_is_compiled_once_and_loaded_before_what_calls_it(installed, tmp_path):
    (installed / "minnet" / "kernels" / "probe.py").write_text(BLOCKS)
    both = RUN + "probe.other(out); print(*out)\n"
    first = run(both, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    assert first.result == 9 and first.out.count("compiling") == 4, first.out
    assert "2.0 6.0 8.0" in first.out
    again = run(both, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    assert again.result == 9 and "compiling" not in again.out and "2.0 6.0 8.0" in again.out
    (missing,) = tmp_path.rglob("probe.inner.block-*")
    missing.unlink()  # a block of a kernel that is there
    mended = run(both, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    assert mended.result == 9 and mended.out.count("compiling") == 1
    assert missing.exists()


def test_there_are_no_two_blocks_of_one_name(installed, tmp_path):
    twice = BLOCKS + "@block\ndef inner(out): pass\n"
    (installed / "minnet" / "kernels" / "probe.py").write_text(twice)
    process = start(RUN, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    _, error = process.communicate()
    assert "there are two blocks of the name probe.inner" in str(error)


def test_another_processor_is_kept_beside(installed, tmp_path):
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path}
    run(RUN, **env)
    done = run(RUN, **env, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", NUMBA_OPT=1)
    assert done.result == 3 and "compiling" in done.out and len(files(tmp_path)) == 2


def test_damaged_and_exchanged_files_are_compiled_again(installed, tmp_path):
    program = f"""{RUN}
import pathlib
from minnet.kernels.jit import Kernel
probe.other(out)
folder = pathlib.Path(cache.folders()[0])
file, other = (next(folder.glob(f"probe.{{name}}.*")) for name in ("probe", "other"))
whole = file.read_bytes()
flipped = bytearray(whole)
flipped[len(whole) // 2] ^= 1
half = whole[: len(whole) // 2]
for content in (b"", half, bytes(len(whole)), flipped, other.read_bytes(), whole + b"0", None):
    if content is not None:
        file.write_bytes(content)
    print("again")
    out = np.zeros(3)
    Kernel(probe.probe._function, parallel=False)(out)
    assert out.sum() == 3, content
"""
    program = program.replace("import probe", "import cache, probe")
    done = run(program, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    _, *turns, last = done.out.split("again")
    assert len(turns) == 6 and done.err == ""
    assert all("is damaged" in turn and "compiling probe.probe" in turn for turn in turns)
    assert "compiling" not in last


def test_the_last_versions_are_kept_and_older_ones_deleted(installed, tmp_path):
    run(RUN, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path)
    (own,) = tmp_path.glob("minnet-*")
    shutil.rmtree(next(own.iterdir()))
    for age in range(6):
        folder = own / f"kernels-{age}"
        folder.mkdir()
        (folder / "x.nbc").touch()
        os.utime(folder, (10**9 - age, 10**9 - age))
    assert run(RUN, PYTHONPATH=installed, NUMBA_CACHE_DIR=tmp_path).result == 3
    (new,) = {folder.name for folder in own.iterdir()} - {"kernels-0", "kernels-1", "kernels-2"}
    assert len(list(own.iterdir())) == 4 and len(files(own / new)) == 1


# Never in the way


ONE_WARNING = "minnet found no folder to keep compiled kernels in"
TWICE = RUN + "probe.probe(np.zeros(3, np.float32)); probe.other(out)\n"
RIGHTS = "import ordinary; rights = ordinary.rights(); rights.__enter__()\n"
HOMELESS = """
import pwd
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
"""


def warned_once(done):
    assert done.err.count("Warning") == 1 and done.err.count(ONE_WARNING) == 1, done.err
    assert "set NUMBA_CACHE_DIR" in done.err
    return done


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_read_only_install_without_a_home(installed, tmp_path):
    path = os.pathsep.join([str(installed), str(Path(ordinary.__file__).parent)])
    env = {"PYTHONPATH": path, "NUMBA_CACHE_DIR": "", "HOME": None, "XDG_CACHE_HOME": None}
    folders = [installed, *(folder for folder in installed.rglob("*") if folder.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with ordinary.rights():
            pass  # or skip
        done = warned_once(run(RIGHTS + HOMELESS + TWICE, **env))
        assert done.result == 3 and "Permission denied" in done.err
        elsewhere = run(RIGHTS + HOMELESS + RUN, **{**env, "NUMBA_CACHE_DIR": tmp_path / "cache"})
        assert elsewhere.result == 3 and elsewhere.err == ""
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert files(installed) == [] and len(files(tmp_path / "cache")) == 1


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_compiled_kernels_in_a_read_only_install_are_used(installed, tmp_path):
    path = os.pathsep.join([str(installed), str(Path(ordinary.__file__).parent)])
    env = {"PYTHONPATH": path, "NUMBA_CACHE_DIR": "", "HOME": tmp_path / "home"}
    run(RUN, **env, PYTHONDONTWRITEBYTECODE=None)
    with ordinary.rights():
        pass  # or skip
    (folder,) = (installed / "minnet" / "kernels" / "__pycache__").glob("kernels-*")
    for each in (folder, folder.parent):
        each.chmod(0o555)
    try:
        done = run(RIGHTS + RUN, **env)
    finally:
        for each in (folder.parent, folder):
            each.chmod(0o755)
    assert done.result == 3 and done.err == "" and "compiling" not in done.out
    assert not (tmp_path / "home").exists()


def test_without_a_home_the_users_cache_is_left_out(monkeypatch):
    pwd = pytest.importorskip("pwd")

    def nobody(uid):
        raise KeyError(uid)

    for variable in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(cache.config, "CACHE_DIR", "")
    assert len(cache.folders()) == 2
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert [folder.parent for folder in cache.folders()] == [PACKAGE / "kernels" / "__pycache__"]


def test_a_file_where_the_folder_should_be(installed, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    done = warned_once(run(TWICE, PYTHONPATH=installed, NUMBA_CACHE_DIR=blocked / "inside"))
    assert done.result == 3 and blocked.read_bytes() == b""


def test_a_full_disk(installed, tmp_path):
    with ordinary.small_disk(tmp_path / "disk", 8192) as disk:
        done = warned_once(run(TWICE, PYTHONPATH=installed, NUMBA_CACHE_DIR=disk))
        assert done.result == 3 and "No space left on device" in done.err
        assert files(disk) == others(disk) == []


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_limit_on_the_size_of_files(installed, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path / "c"}
    # Python itself would keep .pyc files that are cut short, and then fail to read them.
    done = warned_once(run(limit + TWICE, **env, PYTHONDONTWRITEBYTECODE=1))
    assert done.result == 3 and "File too large" in done.err
    assert files(tmp_path / "c") == others(tmp_path / "c") == []


def test_processes_that_compile_at_once_do_not_disturb_each_other(installed, tmp_path):
    env = {"PYTHONPATH": installed, "NUMBA_CACHE_DIR": tmp_path / "cache"}
    done = [end(worker) for worker in [start(TWICE, **env) for _ in range(3)]]
    assert [(each.result, each.err) for each in done] == [(3, "")] * 3
    assert len(files(tmp_path)) == 3 and others(tmp_path / "cache") == []
