"""`deferred`: signals wait for the end of a block, none is lost; a first run survives Ctrl-C."""

import os
import signal
import threading

import interrupts
import pytest

from minnet.kernels.signals import deferred

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a process cannot signal itself here")


@pytest.fixture
def handled():
    """What a handler of SIGUSR1, written in Python, has seen."""
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    yield seen
    signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_comes_at_the_end_of_the_block():
    before, reached = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):
        with deferred():
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")
        reached.append("beyond")
    assert reached == ["the end"] and signal.getsignal(signal.SIGINT) is before


def test_every_signal_is_delivered_once_though_one_raises(handled):
    with pytest.raises(KeyboardInterrupt), deferred():
        for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGUSR1):
            signal.raise_signal(number)
        assert handled == []
    assert handled == [signal.SIGUSR1]


def test_it_comes_when_the_block_itself_fails():
    with pytest.raises(KeyboardInterrupt) as error, deferred():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("the block's")
    assert isinstance(error.value.__context__, ValueError)


def test_blocks_within_blocks_wait_for_the_outermost(handled):
    with deferred():
        with deferred():
            signal.raise_signal(signal.SIGUSR1)
        assert handled == []
    assert handled == [signal.SIGUSR1]


def test_what_is_ignored_and_what_is_not_python_stays(handled):
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with deferred():
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
        signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert handled == []


def test_a_handler_that_raises_while_the_block_is_entered_leaves_all_handlers(monkeypatch, handled):
    before, exchange = signal.getsignal(signal.SIGINT), signal.signal

    def exchanged(number, handler):
        if number == signal.SIGUSR1:  # SIGINT's has been exchanged by then
            monkeypatch.undo()
            raise InterruptedError
        return exchange(number, handler)

    monkeypatch.setattr(signal, "signal", exchanged)
    with pytest.raises(InterruptedError), deferred():
        raise AssertionError("entered")
    assert signal.getsignal(signal.SIGINT) is before
    signal.raise_signal(signal.SIGUSR1)
    assert handled == [signal.SIGUSR1]


def test_other_threads_leave_handlers_alone():
    before, inside = signal.getsignal(signal.SIGINT), []

    def block():
        with deferred():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert inside == [before]


def test_a_first_run_goes_on_after_ctrl_c_at_twenty_moments():
    assert interrupts.failures(20, matmul=False) == []


@pytest.mark.slow
def test_a_first_run_killed_at_ten_moments_leaves_nothing_that_disturbs_the_next():
    assert interrupts.failures(10, signal.SIGKILL, matmul=False) == []
