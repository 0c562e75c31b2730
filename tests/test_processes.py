"""Threads and processes: everything at once, after a fork, spawned; no hang, and the same bits."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import workload

import minnet
from minnet.kernels import cpu
from minnet.kernels.jit import Kernel

TESTS = Path(__file__).parent
LIMIT = 300  # seconds until a process counts as hanging
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

LAYERS = ("omp", "workqueue", "tbb")


def environment(layer: str = "") -> dict[str, str]:
    """Return the environment of a process that uses a threading layer."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    if layer:
        env |= {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    if layer == "tbb":  # a wheel puts its library where the loader does not look
        env["LD_LIBRARY_PATH"] = os.path.join(sys.prefix, "lib")
    return env


def run(program: str, **env: str) -> str:
    """Return what a program prints; fail where it fails, or does not end."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],  # Python 3.12 warns of every fork
        capture_output=True,
        text=True,
        env={**environment(), **env},
        timeout=LIMIT,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr}"
    return done.stdout


@cache
def available(layer: str) -> bool:
    """Return whether Numba has a threading layer here."""
    program = (
        "import minnet, numba; minnet.empty(1 << 20).uniform_(); print(numba.threading_layer())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(layer)
    )
    return done.stdout.strip() == layer


@pytest.fixture(params=LAYERS)
def layer(request):
    return checked(request.param)


@pytest.fixture(params=["omp", *(pytest.param(x, marks=pytest.mark.slow) for x in LAYERS[1:])])
def layer_of_forks(request):
    """All of them fork; one, the strictest, in the default run."""
    return checked(request.param)


def checked(layer):
    if not available(layer):
        pytest.skip(f"Numba has no threading layer {layer} here")
    return layer


@pytest.fixture(scope="module")
def alone():
    """What the workload gives in this process, while nothing else runs."""
    return workload.digests()


def kernels():
    for info in pkgutil.iter_modules(cpu.__path__, "minnet.kernels.cpu."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Kernel) and value.__module__ == info.name:
                yield value


def test_the_workload_enters_every_parallel_kernel(alone):
    if minnet.get_num_threads() == 1:
        pytest.skip("one thread")
    parallel = [k for k in kernels() if k._has_prange]
    assert len(parallel) > 30
    assert [k.__name__ for k in parallel if k._parallel is None] == []


THREADS = """
import json, sys, threading
import workload
found, failed = [], []
start = threading.Barrier(4)
def work():
    start.wait()  # so that all load the kernels, and enter the threads, at once
    try:
        found.extend(workload.digests() for _ in range(2))
    except BaseException as error:
        failed.append(repr(error))
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(json.dumps(found or failed))
"""


def test_many_python_threads_at_once(layer, alone):
    assert json.loads(run(THREADS, **environment(layer))) == [alone] * 8


# A child sends its digests through a pipe. A child that hangs makes the whole program hang, which
# the time limit of `run` ends.
FORKS = """
import json, os, threading
import workload

def child(work):
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(send, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        text = pipe.read()
    status = os.waitpid(pid, 0)[1]
    assert status == 0, status
    return json.loads(text)

def threads(work):
    found = []
    workers = [threading.Thread(target=lambda: found.append(work())) for _ in range(3)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    return found
"""
AFTER = """
found = [workload.digests()]                              # the parent has used every kernel
found.append(child(workload.digests))                     # a child
found.append(child(lambda: child(workload.digests)))      # a child of a child
found.extend(child(lambda: threads(workload.digests)))    # threads in a child
found.append(workload.digests())                          # and the parent goes on
print(json.dumps(found))
"""
MEANWHILE = """
stop = threading.Event()
found = []
def work():
    while not stop.is_set():
        found.append(workload.digests())
workers = [threading.Thread(target=work) for _ in range(2)]
for worker in workers: worker.start()
children = [child(workload.digests) for _ in range(4)]    # the first while kernels are being loaded
stop.set()
for worker in workers: worker.join()
print(json.dumps(children + found[:2]))
"""


@needs_fork
def test_forked_children_after_the_parent_used_every_kernel(layer_of_forks, alone):
    assert json.loads(run(FORKS + AFTER, **environment(layer_of_forks))) == [alone] * 7


@needs_fork
def test_forked_children_while_other_threads_compute(layer_of_forks, alone):
    assert json.loads(run(FORKS + MEANWHILE, **environment(layer_of_forks))) == [alone] * 6


SPAWNED = """
import json, multiprocessing
import workload
if __name__ == "__main__":
    parent = workload.digests()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(json.dumps([parent, *pool.starmap(workload.digests, [()] * 2)]))
"""


def test_spawned_children(alone, tmp_path):
    program = tmp_path / "spawned.py"  # a child imports the main module anew
    program.write_text(SPAWNED)
    run_file = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    assert json.loads(run(run_file)) == [alone] * 3


def test_one_thread(alone):
    program = "import json, workload; print(json.dumps(workload.digests()))"
    assert json.loads(run(program, NUMBA_NUM_THREADS="1")) == alone


@pytest.mark.parametrize("n", [1, 3])
def test_the_variable_of_openmp(n):
    program = "import minnet; minnet.empty(1 << 20).uniform_(); print(minnet.get_num_threads())"
    assert int(run(program, OMP_NUM_THREADS=str(n), NUMBA_NUM_THREADS="")) == n


def test_without_numbas_compiler_for_the_users_own_functions(alone):
    """NUMBA_DISABLE_JIT is for the user's functions; kernels hold IR, which Python cannot run."""
    program = """
import json, numba, workload
@numba.njit
def own(x):
    return x
print(json.dumps([type(own).__name__, workload.digests(), type(numba.njit(own)).__name__]))
"""
    found = json.loads(run(program, NUMBA_DISABLE_JIT="1"))
    assert found == ["function", alone, "function"]


@needs_fork
def test_a_child_that_is_forked_while_a_thread_compiles_can_compile(tmp_path):
    """A lock of the compiler that another thread held at the fork would never be free again."""
    program = """
import threading
import numpy as np
import minnet
from minnet.kernels.jit import kernel
compiling = threading.Event()
@kernel
def slow(x, out):
    for i in range(x.size):
        out[i] = np.sin(x[i]) + np.cos(x[i]) + np.tan(x[i]) + np.exp(x[i])
@kernel
def quick(x):
    return x[0] + 1.0
x = np.ones(4)
worker = threading.Thread(target=lambda: (compiling.set(), slow(x, x)))
worker.start()
compiling.wait()
child(lambda: quick(x))
worker.join()
print(child(lambda: quick(np.ones(4, np.float32))))
"""
    assert run(FORKS + program, NUMBA_CACHE_DIR=str(tmp_path)) == "2.0\n"


@needs_fork
@pytest.mark.parametrize("engine", ["philox", "torch"])
def test_a_generator_that_another_thread_draws_from_is_free_in_a_child(engine):
    program = f"""
import minnet
g = minnet.Generator(seed=1, engine={engine!r})
locked, done = threading.Event(), threading.Event()
def hold():
    with g._engine._lock:  # as in the middle of a draw
        locked.set()
        done.wait()
worker = threading.Thread(target=hold)
worker.start()
locked.wait()
print(len(child(lambda: minnet.rand(3, generator=g).tolist())))
done.set()
worker.join()
"""
    assert run(FORKS + program) == "3\n"
