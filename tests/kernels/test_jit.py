"""Serial or parallel: the decision, its safety, and that the bits do not depend on it."""

import gc
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from numba import prange, types
from numba.extending import intrinsic

from minnet.kernels import jit, threads
from minnet.kernels.jit import kernel


@kernel(parallel=True)
def triple(x, out):
    for i in prange(x.size):
        out[i] = np.float32(3) * x[i]


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def ran(function, n=1000):
    x, out = np.arange(n, dtype=np.float32), np.zeros(n, np.float32)
    function(x, out)
    np.testing.assert_array_equal(out, 3 * x)


def test_calling_runs_serially_and_over_chooses():
    ran(triple)
    assert triple.over(10) is triple.serial
    ran(triple.over(10))
    if threads.available() > 1:
        assert triple.over(1e9) != triple.serial
    ran(triple.over(1e9))


def test_a_kernel_is_compiled_for_no_types_that_it_does_not_accept():
    asked = []

    def accepts(x, out):
        asked.append(x.dtype)
        return x.dtype == np.float32

    @kernel(parallel=True, accepts=accepts)
    def doubled(x, out):
        for i in prange(x.size):
            out[i] = x[i] + x[i]

    for form in (doubled.serial, doubled.parallel):
        for kind in (np.float32, np.float64, np.float32, np.float64):
            x, out = np.arange(5, dtype=kind), np.zeros(5, kind)
            if kind == np.float32:
                form(x, out)
            else:
                with pytest.raises(jit.NotAccepted, match="doubled takes no such arguments"):
                    form(x, out)
            np.testing.assert_array_equal(out, 2 * x if kind == np.float32 else 0 * x)
    assert asked == 2 * [np.float32, np.float64, np.float64]  # a compiled form is not asked about


def test_one_thread_is_serial():
    threads.set_num_threads(1)
    assert triple.over(1e9) is triple.serial


def test_a_kernel_without_prange_is_always_serial():
    @kernel
    def plain(x):
        return x

    assert plain.over(1e12) is plain.serial


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_runs_serially_and_finishes():
    """After a parallel call in the parent, OpenMP in a child would hang."""
    code = (
        "import os, numpy as np, minnet\n"
        "from minnet.kernels import jit\n"
        "from minnet.kernels import cpu\n"
        "def filled():\n"
        "    out = np.empty(1 << 20, np.float32)\n"
        "    cpu.uniform(out, cpu.stream(0, 0), 0.0, 1.0)\n"
        "    return out\n"
        "parent = filled()\n"
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    same = np.array_equal(filled(), parent) and jit._forked\n"
        "    os.write(write, b'same' if same else b'differs')\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(os.read(read, 100).decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "same", done.stderr


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_python_threads_may_call_parallel_kernels_at_once(layer):
    """Two threads inside workqueue would abort the process: one of them runs serially instead."""
    code = (
        "import threading, numpy as np, minnet\n"
        "from minnet.kernels import cpu\n"
        "results = []\n"
        "def work():\n"
        "    for _ in range(20):\n"
        "        out = np.empty(1 << 20, np.float32)\n"
        "        cpu.uniform(out, cpu.stream(0, 0), 0.0, 1.0)\n"
        "        results.append(out[::4097].tobytes())\n"
        "workers = [threading.Thread(target=work) for _ in range(4)]\n"
        "[w.start() for w in workers]; [w.join() for w in workers]\n"
        "print(len(results), len(set(results)))\n"
    )
    env = {**os.environ, "NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=env
    )
    if layer == "omp" and "No threading layer" in done.stderr:
        pytest.skip("no OpenMP here")
    assert done.stdout.split() == ["80", "1"], done.stderr


def test_concurrent_launches_do_not_wait_for_a_layer_that_is_not_thread_safe(monkeypatch):
    monkeypatch.setattr(jit, "_layer", "workqueue")
    inside, leave = threading.Event(), threading.Event()

    def launch():
        with jit._launch:
            inside.set()
            leave.wait()

    other = threading.Thread(target=launch)
    other.start()
    inside.wait()
    ran(triple.parallel)
    leave.set()
    other.join()
    assert jit._launch.acquire(blocking=False)
    jit._launch.release()


def test_number_of_threads():
    assert threads.get_num_threads() == min(2, threads.available())
    threads.set_num_threads(10**6)
    assert threads.get_num_threads() == threads.available()
    for bad in (0, -1, 1.0, True, "2", None):
        with pytest.raises(RuntimeError, match="positive integer"):
            threads.set_num_threads(bad)


def test_the_number_of_threads_follows_numbas_variable_and_openmps(monkeypatch):
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    of_the_machine = threads.available()
    for text, number in [
        ("1", 1),
        (" 1 ", 1),
        ("3,2", 3),
        *((x, None) for x in ("", "0", "-1", "x")),
    ]:
        for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
            monkeypatch.setenv(variable, text)
            assert threads.available() == (number or of_the_machine)
            monkeypatch.delenv(variable)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.available() == 1
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert threads.available() == 3


def test_kernels_release_the_gil():
    out = np.zeros(8)
    seen = []

    @kernel
    def spin(out, n):
        for i in range(n):
            out[i % 8] += 1.0

    spin(out, 1)
    worker = threading.Thread(target=spin, args=(out, 1 << 28))
    worker.start()
    while worker.is_alive() and len(seen) < 1000:
        seen.append(1)
    assert len(seen) == 1000  # this thread went on while the kernel was running
    worker.join()


def test_variables_are_set_for_a_while_and_never_over_the_users(monkeypatch):
    monkeypatch.setenv("MINNET_MINE", "1")
    monkeypatch.delenv("MINNET_OTHER", raising=False)
    with jit._environment({"MINNET_MINE": "2", "MINNET_OTHER": "3"}):
        assert os.environ["MINNET_MINE"] == "1" and os.environ["MINNET_OTHER"] == "3"
    assert os.environ["MINNET_MINE"] == "1" and "MINNET_OTHER" not in os.environ


def test_a_launch_leaves_no_variable_behind():
    code = (
        "import os, minnet\n"
        "before = dict(os.environ)\n"
        "minnet.empty(1 << 20).uniform_()\n"
        "print(dict(os.environ) == before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_collection_rests_while_a_kernel_compiles_and_no_longer(collects):
    seen = []

    @intrinsic
    def look(typingctx):
        seen.append(gc.isenabled())
        return types.int64(), lambda context, *_: context.get_constant(types.int64, 3)

    def right():
        return look()

    def wrong():
        return look().no_such_attribute

    was = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        assert jit._jit(right)() == 3  # which keeps nothing on the disk
        with pytest.raises(numba.TypingError):
            jit._jit(wrong)()
        assert gc.isenabled() == collects
    finally:
        (gc.enable if was else gc.disable)()
    assert seen and not any(seen)
