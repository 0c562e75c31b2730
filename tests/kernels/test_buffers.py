"""Large arrays are taken again, and never while anybody can see them."""

import threading

import numpy as np
import pytest

import minnet
from minnet.kernels import buffers

SHAPE = 512, 512
FLOAT = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(buffers, "_kept", {})


def address(array):
    return array.__array_interface__["data"][0]


def test_what_was_dropped_is_taken_again():
    first = address(buffers.empty(SHAPE, FLOAT))
    array = buffers.empty(SHAPE, FLOAT)
    assert address(array) == first
    assert array.shape == SHAPE and array.dtype == FLOAT and array.flags.c_contiguous


@pytest.mark.parametrize(
    "hold",
    [
        lambda array: array,
        lambda array: array[3:5, 7],
        lambda array: array.reshape(-1).view(np.uint8)[::2],
        lambda array: memoryview(array),
        lambda array: minnet.from_numpy(array).t(),
        lambda array: {"a": [array]},
        lambda array: iter(array),
    ],
)
def test_what_is_held_is_not(hold):
    array = buffers.empty(SHAPE, FLOAT)
    before, holder = address(array), hold(array)
    del array
    assert address(buffers.empty(SHAPE, FLOAT)) != before
    del holder
    assert before in {address(buffers.empty(SHAPE, FLOAT)), address(buffers.empty(SHAPE, FLOAT))}


def test_another_shape_or_dtype_or_a_changed_array_is_not_taken():
    first = address(buffers.empty(SHAPE, FLOAT))
    others = [buffers.empty((512, 513), FLOAT), buffers.empty((512, 256), np.dtype(np.float64))]
    assert all(address(other) != first for other in others)
    array = buffers.empty(SHAPE, FLOAT)
    array.flags.writeable = False
    del array
    assert buffers.empty(SHAPE, FLOAT).flags.writeable


def test_small_and_huge_ones_are_not_kept_and_all_together_are_bounded():
    buffers.empty((10, 10), FLOAT)
    buffers.empty((buffers.MOST // 16 + 1, 4), FLOAT)
    assert buffers._kept == {}
    held = [buffers.empty((1024, 1024), FLOAT) for _ in range(40)]
    (kept,) = buffers._kept.values()
    assert [address(array) for array in kept] == [address(array) for array in held[-16:]]
    assert sum(array.nbytes for array in kept) == buffers.MOST
    held += [buffers.empty((1024, 1024 - i), FLOAT) for i in range(40)]
    kept = [array for same in buffers._kept.values() for array in same]
    assert buffers.MOST * 0.9 < sum(array.nbytes for array in kept) <= buffers.MOST
    assert len({address(array) for array in held}) == 80


def test_threads_never_get_the_same_one():
    wrong = []

    def work(number):
        for _ in range(300):
            array = buffers.empty(SHAPE, FLOAT)
            array[0] = number
            if not (array[0] == number).all():
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_a_gradient_that_is_kept_is_not_overwritten():
    x, w = minnet.ones(256, 1024), minnet.ones(1024, 1024, requires_grad=True)
    (x @ w).sum().backward()
    kept, copy = w.grad, w.grad.array.copy()
    for factor in (2.0, 3.0):
        w.grad = None
        ((x * factor) @ w).sum().backward()
        assert not np.shares_memory(w.grad.array, kept.array)
    np.testing.assert_array_equal(kept.array, copy)
