"""Fans: from shapes of two to five dimensions, and by mode."""

from __future__ import annotations

import numpy as np
import pytest

import minnet
from minnet.nn import init

TABLE = [
    ((10, 784), 784, 10),
    ((1, 1), 1, 1),
    ((3, 0), 0, 3),
    ((16, 3, 5), 3 * 5, 16 * 5),
    ((16, 3, 5, 7), 3 * 35, 16 * 35),
    ((16, 3, 5, 7, 2), 3 * 70, 16 * 70),
    ((4, 2, 0), 0, 0),
]


@pytest.mark.parametrize(("shape", "fan_in", "fan_out"), TABLE)
def test_fans_of_a_shape(shape, fan_in, fan_out):
    tensor = minnet.empty(*shape)
    fans = init._calculate_fan_in_and_fan_out(tensor)
    assert fans == (fan_in, fan_out)
    assert [type(fan) for fan in fans] == [int, int]
    assert init._calculate_correct_fan(tensor, "fan_in") == fan_in
    assert init._calculate_correct_fan(tensor, "fan_out") == fan_out


def test_a_transposed_weight_has_its_fans_swapped():
    assert init._calculate_fan_in_and_fan_out(minnet.empty(3, 8).t()) == (3, 8)


def test_fans_are_of_anything_with_a_shape():
    assert init._calculate_fan_in_and_fan_out(np.empty((16, 3, 5))) == (15, 80)
    torch = pytest.importorskip("torch")
    assert init._calculate_fan_in_and_fan_out(torch.empty(16, 3, 5)) == (15, 80)


def test_mode_may_be_in_any_case():
    assert init._calculate_correct_fan(minnet.empty(3, 8), "Fan_OUT") == 3


@pytest.mark.parametrize("shape", [(), (5,)])
def test_fewer_than_two_dimensions_are_refused(shape):
    with pytest.raises(ValueError) as error:
        init._calculate_fan_in_and_fan_out(minnet.empty(shape))
    assert str(error.value) == (
        "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
    )


@pytest.mark.parametrize("mode", ["fan_avg", "", None])
def test_unknown_mode_is_refused(mode):
    with pytest.raises(ValueError) as error:
        init._calculate_correct_fan(minnet.empty(3, 8), mode)
    assert str(error.value) == (
        f"Mode {str(mode).lower()} not supported, please use one of ['fan_in', 'fan_out']"
    )


@pytest.mark.parametrize("shape", [row[0] for row in TABLE] + [(), (5,)])
def test_fans_are_torchs(shape):
    torch = pytest.importorskip("torch")

    def outcome(library, mode):
        try:
            return library.nn.init._calculate_correct_fan(library.empty(shape), mode)
        except ValueError as error:
            return str(error)

    for mode in ("fan_in", "FAN_OUT", "fan_avg"):
        assert outcome(minnet, mode) == outcome(torch, mode)
