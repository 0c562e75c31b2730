"""The tensor itself: what it is, copies, changes in place, history; against torch's answers."""

import copy

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("tensor")
def test_known_answers(library, program, known):
    check(library, program, known)


def test_numpy_arrays_may_stand_on_either_side():
    x, a = minnet.tensor([2.0, 3.0]), np.array([1.0, 2.0], np.float32)
    for got in (a * x, x * a, np.float32(2) * x / 2):
        assert isinstance(got, minnet.Tensor)
    np.testing.assert_array_equal((a - x).numpy(), [-1.0, -1.0])
    assert (x == np.array([2.0, 0.0], np.float32)).tolist() == [True, False]


def test_an_in_place_change_that_fails_leaves_the_tensor_as_it_was():
    x = minnet.tensor([1, 2])
    for change in (
        lambda: x.add_(0.5),
        lambda: x.div_(2),
        lambda: x.add_(minnet.ones(3, 2, dtype=minnet.int64)),
        lambda: x.floor_divide_(0),
        lambda: x.copy_(minnet.ones(3)),
        lambda: x.fill_(minnet.ones(2)),
        lambda: x.uniform_(),
    ):
        with pytest.raises(RuntimeError):
            change()
        assert x.tolist() == [1, 2]
        assert x.counter() == [0]


def test_every_change_in_place_counts():
    x = minnet.zeros(2)
    changes = [
        lambda: x.add_(1),
        lambda: x.fill_(2),
        lambda: x.zero_(),
        lambda: x.copy_(minnet.ones(2)),
        lambda: x.uniform_(),
        lambda: x.normal_(),
        lambda: x.bernoulli_(),
        lambda: x.random_(3),
        lambda: x.__setitem__(0, 1.0),
        lambda: x[0].add_(1),
        lambda: x.detach().add_(1),
        lambda: x.view(2).clamp_(0, 1),
        lambda: x.masked_fill_(x > 0, 1.0),
    ]
    for number, change in enumerate(changes, 1):
        change()
        assert x.counter() == [number]


def test_data_is_not_counted():
    x = minnet.zeros(2)
    x.data.add_(1)
    assert x.counter() == [0] and x.tolist() == [1.0, 1.0]


def test_deepcopy_has_a_message_with_the_way_out():
    y = minnet.ones(1, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"graph leaves.*use detach\(\)\.clone\(\)"):
        copy.deepcopy(y)


def test_a_gpu_is_refused_with_a_hint():
    for attempt in (
        lambda: minnet.zeros(1).cuda(),
        lambda: minnet.zeros(1).to("cuda"),
        lambda: minnet.zeros(1, device="cuda:0"),
        lambda: minnet.zeros(1).new_zeros(1, device="cuda"),
    ):
        with pytest.raises(RuntimeError, match=r"guard it with minnet\.cuda\.is_available"):
            attempt()
    assert minnet.cuda.is_available() is False
    assert minnet.cuda.device_count() == 0


def test_uniform_takes_torchs_names_for_its_bounds():
    x = minnet.zeros(100).uniform_(**{"from": 2, "to": 3})
    assert ((x >= 2) & (x < 3)).all()
    with pytest.raises(TypeError, match="unexpected keyword argument 'low'"):
        x.uniform_(low=1)


def test_operators_on_strangers_are_left_to_them():
    class Stranger:
        def __eq__(self, other):
            return "equal"

        __hash__ = None

    assert (minnet.ones(1) == Stranger()) == "equal"


def test_in_place_methods_are_named_and_documented():
    assert minnet.Tensor.add_.__name__ == "add_"
    assert minnet.Tensor.masked_fill_.__doc__.startswith(
        "Set the tensor to the value of `masked_fill`"
    )
