"""Device memory: blocks taken again, the figures, running out, and a forked child."""

import gc
import os
import sys

import numpy as np
import pytest

import minnet
from minnet.kernels.cuda import memory
from minnet.kernels.cuda.array import empty, from_host, to_host


def test_memory_is_taken_again_once_nobody_holds_it():
    x = empty(1000, np.float32)
    address = x.ctypes.data
    view = x[10:]
    del x
    assert empty(1000, np.float32).ctypes.data != address  # the view holds it
    del view
    assert empty(1000, np.float32).ctypes.data == address


def test_figures_follow_what_lives():
    gc.collect()
    before = minnet.cuda.memory_allocated()
    x = minnet.zeros(1000, device="cuda")
    assert minnet.cuda.memory_allocated() == before + 4096
    assert minnet.cuda.memory_reserved() >= before + 4096
    del x
    assert minnet.cuda.memory_allocated() == before
    assert minnet.cuda.max_memory_allocated() >= before + 4096
    minnet.cuda.reset_peak_memory_stats()
    assert minnet.cuda.max_memory_allocated() == before
    minnet.cuda.empty_cache()
    assert minnet.cuda.memory_reserved() == before
    free, total = minnet.cuda.mem_get_info()
    assert 0 < free < total
    assert minnet.cuda.is_initialized()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4097, 10**6 + 1, 3 * 10**9])
def test_a_block_is_an_eighth_larger_at_most(size):
    rounded = memory._rounded(size)
    assert rounded % 512 == 0
    assert size <= rounded <= max(size * 1.125, size + 512)


class DriverError(Exception):
    """What Numba raises when the driver refuses: it has the driver's code."""

    def __init__(self, code):
        super().__init__(f"[{code}] Call to cuMemAlloc results in an error")
        self.code = code


def refusing(code, times=99):
    """Return an allocation by a driver that refuses so many times."""
    calls = []

    def allocate(size):
        calls.append(size)
        if len(calls) <= times:
            raise DriverError(code)
        return memory.cuda.device_array(size, np.uint8)

    return allocate, calls


def test_running_out_is_an_error_and_all_goes_on(monkeypatch):
    x = minnet.ones(3, device="cuda")
    before = minnet.cuda.memory_allocated()
    allocate, calls = refusing(memory.OUT_OF_MEMORY)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "_allocate", allocate)
        with pytest.raises(minnet.OutOfMemoryError, match=r"Tried to allocate 3\.00 MiB") as raised:
            minnet.empty(3 << 18, device="cuda")
    assert isinstance(raised.value, RuntimeError)
    assert minnet.cuda.OutOfMemoryError is minnet.OutOfMemoryError
    assert len(calls) == 2  # once more after the kept memory was given back
    assert minnet.cuda.memory_allocated() == before
    assert (x + 1).tolist() == [2, 2, 2]
    assert minnet.empty(3 << 18, device="cuda").shape == (3 << 18,)


def test_kept_memory_is_given_back_before_giving_up(monkeypatch):
    gc.collect()  # an error that was raised holds the memory of its frames
    minnet.cuda.empty_cache()
    in_use = minnet.cuda.memory_reserved()
    del_me = minnet.zeros(5000, device="cuda")
    del del_me  # now it is kept
    allocate, calls = refusing(memory.OUT_OF_MEMORY, times=1)
    monkeypatch.setattr(memory, "_allocate", allocate)
    x = minnet.empty(7 << 18, device="cuda")
    assert len(calls) == 2
    assert minnet.cuda.memory_reserved() == in_use + x.nbytes


def test_other_errors_of_the_driver_pass(monkeypatch):
    monkeypatch.setattr(memory, "_allocate", refusing(700)[0])
    with pytest.raises(DriverError):
        minnet.empty(9 << 18, device="cuda")


def test_more_than_there_is():
    with pytest.raises(minnet.OutOfMemoryError, match=r"GPU 0 has a total capacity of .* is free"):
        minnet.empty(1 << 48, device="cuda")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told():
    x = from_host(np.ones(3, np.float32))
    child = os.fork()
    if child == 0:
        try:
            ok = not minnet.cuda.is_available() and "spawn" in minnet.cuda.why_not()
            for use in (lambda: x + 1, lambda: to_host(x), lambda: minnet.zeros(1, device="cuda")):
                try:
                    use()
                    ok = False
                except RuntimeError as error:
                    ok = ok and "forked" in str(error)
            os._exit(0 if ok else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert to_host(x).tolist() == [1, 1, 1]
    assert sys.exc_info() == (None, None, None)
