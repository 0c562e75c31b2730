"""Fans: from shapes of two to five dimensions, and by mode."""

from __future__ import annotations

import math
import re

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


# Other layouts


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((10, 784), {}, (784, 10)),
        ((16, 3, 5, 5), {}, (75, 400)),
        ((784, 10), {"in_axis": 0, "out_axis": 1}, (784, 10)),  # x @ w
        ((5, 5, 3, 16), {"in_axis": -2, "out_axis": -1}, (75, 400)),  # JAX, Keras
        ((16, 32, 5), {"in_axis": 0, "out_axis": 1}, (80, 160)),  # ConvTranspose1d(16, 32, 5)
        ((32, 1, 3, 3), {"groups": 32}, (9, 9)),  # depthwise
        ((8, 3, 5), {"groups": 4}, (15, 10)),  # grouped
        ((8, 3, 5), {"in_axis": 0, "out_axis": 1, "groups": 4}, (10, 15)),  # grouped, transposed
        ((36, 12), {"fan_out": 12}, (12, 12)),  # q, k, v packed
        ((36, 12), {"fan_in": 7}, (7, 36)),
        ((4, 6, 8), {"in_axis": 2, "out_axis": 1, "batch_axis": 0}, (8, 6)),  # four experts
        ((64, 4, 16), {"in_axis": 0, "out_axis": (1, 2)}, (64, 64)),  # heads
        ((64, 4, 16), {"in_axis": 0, "out_axis": 2, "batch_axis": [1]}, (64, 16)),
        ((5,), {"fan_in": 3, "fan_out": 5}, (3, 5)),  # a bias
        ((), {"fan_in": 3, "fan_out": 5}, (3, 5)),
    ],
)
def test_fans_of_a_layout(shape, layout, expected):
    assert init.fans(minnet.empty(shape), **layout) == expected


@pytest.mark.parametrize(
    ("shape", "layout", "text"),
    [
        ((5,), {"fan_in": 3}, "fewer than 2 dimensions"),
        ((5, 4), {"in_axis": 2}, "axis 2 does not exist in a tensor of 2 dimensions"),
        ((5, 4), {"out_axis": -3}, "axis -3 does not exist"),
        ((5, 4), {"in_axis": 0}, "in_axis=0, out_axis=0 and batch_axis=() name a dimension twice"),
        ((5, 4), {"in_axis": -2}, "twice"),
        ((5, 4), {"batch_axis": 1}, "twice"),
        ((6, 4), {"groups": 4}, "groups=4 does not divide the 6 channels"),
        ((6, 4), {"groups": 0}, "groups=0"),
        ((6, 4), {"fan_in": 0}, "fan_in must be at least 1, got 0"),
        ((6, 4), {"fan_out": -1}, "fan_out must be at least 1, got -1"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(shape, layout, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        init.fans(minnet.empty(shape), **layout)


BY_FANS = {
    # The std for the fans (50, 200).
    "xavier_uniform_": math.sqrt(2 / 250),
    "xavier_normal_": math.sqrt(2 / 250),
    "kaiming_uniform_": math.sqrt(2 / 50),
    "kaiming_normal_": math.sqrt(2 / 50),
    "lecun_uniform_": math.sqrt(1 / 50),
    "lecun_normal_": math.sqrt(1 / 50),
    "variance_scaling_": math.sqrt(1 / 50),
    "siren_": math.sqrt(2 / 50) / 30,
    "spectral_": math.sqrt(1 / 50),
    "mup_": math.sqrt(1 / 50),
    "fixup_": math.sqrt(2 / 50) / 2,
    "residual_": math.sqrt(2 / 50) / 2,
}


@pytest.mark.parametrize("layout", [{"in_axis": 0, "out_axis": 1}, {"fan_in": 50, "fan_out": 200}])
@pytest.mark.parametrize("name", BY_FANS)
def test_every_initializer_that_goes_by_fans_takes_a_layout(name, layout):
    arguments = (4,) if name in ("fixup_", "residual_") else ()
    shape = (50, 200) if "in_axis" in layout else (100, 100)
    w = getattr(init, name)(
        np.empty(shape, np.float32), *arguments, generator=minnet.Generator(seed=1), **layout
    )
    # 5 standard errors of the std of 10^4 normals; a uniform's is smaller.
    assert w.std() == pytest.approx(BY_FANS[name], rel=5 / math.sqrt(2e4))


@pytest.mark.parametrize("name", BY_FANS)
def test_a_wrong_word_for_a_layout_is_refused(name):
    w = np.full((3, 3), 7, np.float32)
    arguments = (4,) if name in ("fixup_", "residual_") else ()
    with pytest.raises(TypeError, match="unexpected keyword argument 'fanin'"):
        getattr(init, name)(w, *arguments, fanin=3)
    np.testing.assert_array_equal(w, 7)


def test_fan_out_of_kaiming_is_that_of_the_layout():
    w = np.empty((64, 1, 13, 13))
    init.kaiming_normal_(w, mode="fan_out", groups=64, generator=minnet.Generator(seed=1))
    assert w.std() == pytest.approx(math.sqrt(2 / 169), rel=0.05)
