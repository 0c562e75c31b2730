"""The bit contract of fills: stored answers, and the same ones however they are computed."""

import json
import multiprocessing
import os
import sys
import threading
from pathlib import Path

import fill_digests
import numpy as np
import pytest
from other_builds import build, for_each_build, output

import minnet

PROGRAM = Path(fill_digests.__file__)
KNOWN = json.loads(fill_digests.KNOWN.read_text())


def expected():
    """Return the stored answers for the dtypes that are here: bfloat16 may not be."""
    here = {np.dtype(d).name for d in fill_digests.dtypes()}
    floats = {name for f in fill_digests.FLOATS for name in KNOWN if name.startswith(f"{f}, ")}
    return {
        name: answer
        for name, answer in KNOWN.items()
        if name not in floats or name.rpartition(", ")[2] in here
    }


def digests_in(**env):
    """Return the digests of a fresh process with these environment variables."""
    root = str(Path(__file__).parents[2])
    return json.loads(output(PROGRAM, PYTHONPATH=root, **env))


def test_stored_answers():
    """A change of any of these bits is a new contract: see the docs on randomness."""
    assert fill_digests.digests() == expected()


def test_one_thread_gives_the_stored_answers():
    threads = minnet.get_num_threads()
    try:
        minnet.set_num_threads(1)
        assert fill_digests.digests() == expected()
    finally:
        minnet.set_num_threads(threads)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_another_process_with_any_number_of_threads(threads):
    assert digests_in(NUMBA_NUM_THREADS=str(threads)) == expected()


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_every_threading_layer(layer):
    if layer == "omp" and sys.platform == "darwin":
        pytest.skip("needs an OpenMP library of its own")
    assert digests_in(NUMBA_THREADING_LAYER=layer) == expected()


@for_each_build
def test_every_simd_width(cpu, features, tmp_path):
    """Without fma in hardware each fma is a call of the C library: slow, and the same bits."""
    assert digests_in(**build(cpu, features, tmp_path)) == expected()


def test_a_forked_child_after_the_parent_ran_in_parallel():
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    assert fill_digests.digests() == expected()  # enters the threads
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        sender.send(fill_digests.digests() == expected())
        os._exit(0)
    assert receiver.poll(120) and receiver.recv() is True
    assert os.waitpid(child, 0)[1] == 0


def test_many_python_threads_at_once():
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(fill_digests.digests())) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected()] * 4


@pytest.mark.parametrize("seed", range(5))
def test_slices_of_any_size_and_alignment(seed):
    rng = np.random.default_rng(seed)
    n = 60_000
    for name, function, args, dtype in fill_digests.cases():
        whole, memory = np.zeros(n, dtype), np.zeros(n + 7, dtype)
        function(whole, fill_digests.STREAM, *args)
        start, stop = (int(i) for i in np.sort(rng.integers(0, n, 2)))
        part = memory[seed : seed + stop - start]
        function(part, fill_digests.STREAM, *args, start=start)
        np.testing.assert_array_equal(part, whole[start:stop], err_msg=name)
