"""Printing: torch's text, stored here letter by letter, and torch itself where it is installed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minnet.printing import format_tensor, get_printoptions, set_printoptions

nan, inf = math.nan, math.inf


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def f64(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


class Known(NamedTuple):
    """A tensor, how it came about, the options, and the text torch 2.13 prints."""

    name: str
    array: np.ndarray
    keywords: dict[str, Any]
    options: dict[str, Any]
    text: str


KNOWN = [
    Known(
        "integral",
        f32(1, 2, -3),
        {},
        {},
        "tensor([ 1.,  2., -3.])",
    ),
    Known(
        "fraction",
        f32(1, 2.5, -3),
        {},
        {},
        "tensor([ 1.0000,  2.5000, -3.0000])",
    ),
    Known(
        "rounds the exact value",
        f32(0.00005, 0.00015, 0.12345, 0.5),
        {},
        dict(sci_mode=False),
        "tensor([0.0000, 0.0002, 0.1235, 0.5000])",
    ),
    Known(
        "zeros and negative zero",
        f32(0, -0.0),
        {},
        {},
        "tensor([0., -0.])",
    ),
    Known(
        "negative zero among fractions",
        f32(-0.0, 0.5, -0.00001),
        {},
        dict(sci_mode=False),
        "tensor([-0.0000,  0.5000, -0.0000])",
    ),
    Known(
        "nan and infinities alone",
        f32(nan, inf, -inf),
        {},
        {},
        "tensor([nan, inf, -inf])",
    ),
    Known(
        "non-finite among integral",
        f32(1, nan, inf, -inf),
        {},
        {},
        "tensor([1., nan, inf, -inf])",
    ),
    Known(
        "non-finite among fractions",
        f32(-1.5, nan, inf, -inf, 0),
        {},
        {},
        "tensor([-1.5000,     nan,     inf,    -inf,  0.0000])",
    ),
    Known(
        "non-finite among scientific",
        f32(1e-5, nan, inf, -inf, 0, -0.0, -1),
        {},
        {},
        """\
tensor([ 1.0000e-05,         nan,         inf,        -inf,  0.0000e+00,
        -0.0000e+00, -1.0000e+00])""",
    ),
    Known(
        "only nan and zero",
        f32(0, nan),
        {},
        dict(sci_mode=True),
        "tensor([0., nan])",
    ),
    Known(
        "zero-dimensional float",
        np.array(3.25, np.float32),
        {},
        {},
        "tensor(3.2500)",
    ),
    Known(
        "zero-dimensional integral float",
        np.array(3, np.float32),
        {},
        {},
        "tensor(3.)",
    ),
    Known(
        "zero-dimensional scientific",
        np.array(-1e-7, np.float32),
        {},
        {},
        "tensor(-1.0000e-07)",
    ),
    Known(
        "zero-dimensional nan",
        np.array(nan, np.float32),
        dict(requires_grad=True),
        {},
        "tensor(nan, requires_grad=True)",
    ),
    Known(
        "zero-dimensional int",
        np.array(-7, np.int64),
        {},
        {},
        "tensor(-7)",
    ),
    Known(
        "zero-dimensional bool",
        np.array(True),
        {},
        {},
        "tensor(True)",
    ),
    Known(
        "zero-dimensional float64",
        np.array(0.5),
        dict(grad_fn="<CloneBackward0>"),
        {},
        "tensor(0.5000, dtype=torch.float64, grad_fn=<CloneBackward0>)",
    ),
    Known(
        "ratio of 1000",
        f32(1, 1000.0),
        {},
        {},
        "tensor([   1., 1000.])",
    ),
    Known(
        "ratio above 1000",
        f32(1, 1001),
        {},
        {},
        "tensor([1.0000e+00, 1.0010e+03])",
    ),
    Known(
        "ratio above 1000 of fractions",
        f32(0.5, 501),
        {},
        {},
        "tensor([5.0000e-01, 5.0100e+02])",
    ),
    Known(
        "at 1e8",
        f32(1e8),
        {},
        {},
        "tensor([100000000.])",
    ),
    Known(
        "above 1e8",
        f32(100000008),
        {},
        {},
        "tensor([1.0000e+08])",
    ),
    Known(
        "at 1e-4 in float64",
        f64(1e-4),
        {},
        {},
        "tensor([0.0001], dtype=torch.float64)",
    ),
    Known(
        "below 1e-4 in float64",
        f64(0.999e-4),
        {},
        {},
        "tensor([9.9900e-05], dtype=torch.float64)",
    ),
    Known(
        "float32's 1e-4 is below",
        f32(1e-4),
        {},
        {},
        "tensor([1.0000e-04])",
    ),
    Known(
        "ratio overflows float32",
        f32(1e-30, 1e30),
        {},
        {},
        "tensor([1.0000e-30, 1.0000e+30])",
    ),
    Known(
        "ratio overflows float64",
        f64(1e-300, 1e300),
        {},
        {},
        "tensor([1.0000e-300, 1.0000e+300], dtype=torch.float64)",
    ),
    Known(
        "subnormal",
        f32(1e-45),
        {},
        {},
        "tensor([1.4013e-45])",
    ),
    Known(
        "extremes of float64",
        f64(5e-324, 1.7976931348623157e308, -1e-100),
        {},
        {},
        "tensor([ 4.9407e-324,  1.7977e+308, -1.0000e-100], dtype=torch.float64)",
    ),
    Known(
        "exponents of three digits widen",
        f64(1e-100, 1),
        {},
        {},
        "tensor([1.0000e-100,  1.0000e+00], dtype=torch.float64)",
    ),
    Known(
        "scientific forced",
        f32(1, 2.5),
        {},
        dict(sci_mode=True),
        "tensor([1.0000e+00, 2.5000e+00])",
    ),
    Known(
        "scientific forced on integral",
        f32(1, -20, 0),
        {},
        dict(sci_mode=True),
        "tensor([ 1.0000e+00, -2.0000e+01,  0.0000e+00])",
    ),
    Known(
        "scientific forbidden",
        f32(1e10, 1e-10, 0.5),
        {},
        dict(sci_mode=False),
        "tensor([10000000000.0000,           0.0000,           0.5000])",
    ),
    Known(
        "scientific forbidden on integral",
        f32(1e10, 1),
        {},
        dict(sci_mode=False),
        "tensor([10000000000.,           1.])",
    ),
    Known(
        "float64",
        f64(0.1, 2),
        {},
        {},
        "tensor([0.1000, 2.0000], dtype=torch.float64)",
    ),
    Known(
        "float16",
        np.array([65504, 0.5], np.float16),
        {},
        {},
        "tensor([6.5504e+04, 5.0000e-01], dtype=torch.float16)",
    ),
    Known(
        "int64",
        np.array([1, -20, 300]),
        {},
        {},
        "tensor([  1, -20, 300])",
    ),
    Known(
        "int64 extremes",
        np.array([-(2**63), 2**63 - 1]),
        {},
        {},
        "tensor([-9223372036854775808,  9223372036854775807])",
    ),
    Known(
        "int32",
        np.array([1, -20], np.int32),
        {},
        {},
        "tensor([  1, -20], dtype=torch.int32)",
    ),
    Known(
        "int16",
        np.array([1, -20], np.int16),
        {},
        {},
        "tensor([  1, -20], dtype=torch.int16)",
    ),
    Known(
        "int8",
        np.array([-128, 127], np.int8),
        {},
        {},
        "tensor([-128,  127], dtype=torch.int8)",
    ),
    Known(
        "uint8",
        np.array([[0, 255], [7, 7]], np.uint8),
        {},
        {},
        """\
tensor([[  0, 255],
        [  7,   7]], dtype=torch.uint8)""",
    ),
    Known(
        "bool",
        np.array([[True, False], [False, False]]),
        {},
        {},
        """\
tensor([[ True, False],
        [False, False]])""",
    ),
    Known(
        "bool all false",
        np.array([False, False]),
        {},
        {},
        "tensor([False, False])",
    ),
    Known(
        "matrix",
        np.array([[1.5, -2], [30, 4]], np.float32),
        {},
        {},
        """\
tensor([[ 1.5000, -2.0000],
        [30.0000,  4.0000]])""",
    ),
    Known(
        "three dimensions",
        np.arange(12.0, dtype=np.float32).reshape(2, 2, 3),
        {},
        {},
        """\
tensor([[[ 0.,  1.,  2.],
         [ 3.,  4.,  5.]],

        [[ 6.,  7.,  8.],
         [ 9., 10., 11.]]])""",
    ),
    Known(
        "four dimensions",
        np.arange(8).reshape(2, 2, 2, 1),
        {},
        {},
        """\
tensor([[[[0],
          [1]],

         [[2],
          [3]]],


        [[[4],
          [5]],

         [[6],
          [7]]]])""",
    ),
    Known(
        "non-contiguous",
        np.arange(6).reshape(2, 3).T[:, ::-1],
        {},
        {},
        """\
tensor([[3, 0],
        [4, 1],
        [5, 2]])""",
    ),
    Known(
        "empty",
        f32(),
        {},
        {},
        "tensor([])",
    ),
    Known(
        "empty that requires grad",
        f32(),
        dict(requires_grad=True),
        {},
        "tensor([], requires_grad=True)",
    ),
    Known(
        "empty matrix",
        np.zeros((0, 3), np.float32),
        {},
        {},
        "tensor([], size=(0, 3))",
    ),
    Known(
        "empty int64",
        np.array([], np.int64),
        {},
        {},
        "tensor([], dtype=torch.int64)",
    ),
    Known(
        "empty bool",
        np.zeros((2, 0), bool),
        {},
        {},
        "tensor([], size=(2, 0), dtype=torch.bool)",
    ),
    Known(
        "empty float64 with grad_fn",
        np.zeros((0, 1, 2)),
        dict(grad_fn="<CloneBackward0>"),
        {},
        "tensor([], size=(0, 1, 2), dtype=torch.float64, grad_fn=<CloneBackward0>)",
    ),
    Known(
        "vector wraps at 80",
        np.arange(30.0, dtype=np.float32),
        {},
        {},
        """\
tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,
        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,
        28., 29.])""",
    ),
    Known(
        "zeros wrap as if one wide",
        np.zeros(20, np.float32),
        {},
        dict(linewidth=40),
        """\
tensor([0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.,
        0., 0., 0., 0., 0., 0., 0., 0., 0.])""",
    ),
    Known(
        "rows wrap",
        np.arange(40).reshape(2, 20) * 1000,
        {},
        {},
        """\
tensor([[    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,
         10000, 11000, 12000, 13000, 14000, 15000, 16000, 17000, 18000, 19000],
        [20000, 21000, 22000, 23000, 24000, 25000, 26000, 27000, 28000, 29000,
         30000, 31000, 32000, 33000, 34000, 35000, 36000, 37000, 38000, 39000]])""",
    ),
    Known(
        "rows wrap in three dimensions",
        np.arange(12).reshape(2, 2, 3) * 100,
        {},
        dict(linewidth=20),
        """\
tensor([[[   0,
           100,
           200],
         [ 300,
           400,
           500]],

        [[ 600,
           700,
           800],
         [ 900,
          1000,
          1100]]])""",
    ),
    Known(
        "one a line when nothing fits",
        f32(1.5, 2, 3),
        {},
        dict(linewidth=1),
        """\
tensor([1.5000,
        2.0000,
        3.0000])""",
    ),
    Known(
        "requires grad",
        f32(1, 2),
        dict(requires_grad=True),
        {},
        "tensor([1., 2.], requires_grad=True)",
    ),
    Known(
        "grad_fn stands in for requires_grad",
        f32(1, 2),
        dict(requires_grad=True, grad_fn="<MulBackward0>"),
        {},
        "tensor([1., 2.], grad_fn=<MulBackward0>)",
    ),
    Known(
        "dtype and grad_fn",
        f64(1, 2),
        dict(grad_fn="<SqueezeBackward1>"),
        {},
        "tensor([1., 2.], dtype=torch.float64, grad_fn=<SqueezeBackward1>)",
    ),
    Known(
        "addmm",
        np.array([[0.1, -0.2], [0.3, 0.4]], np.float32),
        dict(grad_fn="<AddmmBackward0>"),
        {},
        """\
tensor([[ 0.1000, -0.2000],
        [ 0.3000,  0.4000]], grad_fn=<AddmmBackward0>)""",
    ),
    Known(
        "suffixes wrap one after another",
        f64(1.5),
        dict(grad_fn="<SqueezeBackward1>"),
        dict(linewidth=30),
        """\
tensor([1.5000],
       dtype=torch.float64,
       grad_fn=<SqueezeBackward1>)""",
    ),
    Known(
        "first suffix just fits",
        f64(1.5),
        dict(requires_grad=True),
        dict(linewidth=38),
        """\
tensor([1.5000], dtype=torch.float64,
       requires_grad=True)""",
    ),
    Known(
        "first suffix just wraps",
        f64(1.5),
        dict(requires_grad=True),
        dict(linewidth=37),
        """\
tensor([1.5000],
       dtype=torch.float64,
       requires_grad=True)""",
    ),
    Known(
        "second suffix just fits",
        f64(1.5),
        dict(requires_grad=True),
        dict(linewidth=58),
        "tensor([1.5000], dtype=torch.float64, requires_grad=True)",
    ),
    Known(
        "second suffix just wraps",
        f64(1.5),
        dict(requires_grad=True),
        dict(linewidth=57),
        """\
tensor([1.5000], dtype=torch.float64,
       requires_grad=True)""",
    ),
    Known(
        "suffix just fits after a wrapped one",
        f64(1.5, 2.5, 3.5),
        dict(requires_grad=True),
        dict(linewidth=46),
        """\
tensor([1.5000, 2.5000, 3.5000],
       dtype=torch.float64, requires_grad=True)""",
    ),
    Known(
        "suffix just wraps after a wrapped one",
        f64(1.5, 2.5, 3.5),
        dict(requires_grad=True),
        dict(linewidth=45),
        """\
tensor([1.5000, 2.5000, 3.5000],
       dtype=torch.float64,
       requires_grad=True)""",
    ),
    Known(
        "suffix just fits after a matrix",
        np.array([[1], [2]], np.float32),
        dict(requires_grad=True),
        dict(linewidth=35),
        """\
tensor([[1.],
        [2.]], requires_grad=True)""",
    ),
    Known(
        "suffix just wraps after a matrix",
        np.array([[1], [2]], np.float32),
        dict(requires_grad=True),
        dict(linewidth=34),
        """\
tensor([[1.],
        [2.]],
       requires_grad=True)""",
    ),
    Known(
        "suffix after a wrapped vector",
        f32(1, 2, 3, 4, 5),
        dict(requires_grad=True),
        dict(linewidth=20),
        """\
tensor([1., 2., 3.,
        4., 5.],
       requires_grad=True)""",
    ),
    Known(
        "default dtype float64",
        f64(0.5),
        dict(default_dtype=np.float64),
        {},
        "tensor([0.5000])",
    ),
    Known(
        "float32 is not the default",
        f32(0.5),
        dict(default_dtype=np.float64),
        {},
        "tensor([0.5000], dtype=torch.float32)",
    ),
    Known(
        "empty of the default float64",
        f64(),
        dict(default_dtype=np.float64),
        {},
        "tensor([])",
    ),
    Known(
        "default dtype leaves int64 out",
        np.array([1]),
        dict(default_dtype=np.float64),
        {},
        "tensor([1])",
    ),
    Known(
        "summarised vector",
        np.arange(7),
        {},
        dict(threshold=6),
        "tensor([0, 1, 2,  ..., 4, 5, 6])",
    ),
    Known(
        "summarised too short to cut",
        np.arange(6),
        {},
        dict(threshold=5),
        "tensor([0, 1, 2, 3, 4, 5])",
    ),
    Known(
        "not above the threshold",
        np.arange(7),
        {},
        dict(threshold=7),
        "tensor([0, 1, 2, 3, 4, 5, 6])",
    ),
    Known(
        "summarised vector wraps",
        np.arange(7),
        {},
        dict(threshold=5, linewidth=20),
        """\
tensor([0, 1, 2,  ...,
        4, 5, 6])""",
    ),
    Known(
        "summarised matrix",
        np.arange(1020.0, dtype=np.float32).reshape(30, 34),
        {},
        {},
        """\
tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 3.1000e+01, 3.2000e+01,
         3.3000e+01],
        [3.4000e+01, 3.5000e+01, 3.6000e+01,  ..., 6.5000e+01, 6.6000e+01,
         6.7000e+01],
        [6.8000e+01, 6.9000e+01, 7.0000e+01,  ..., 9.9000e+01, 1.0000e+02,
         1.0100e+02],
        ...,
        [9.1800e+02, 9.1900e+02, 9.2000e+02,  ..., 9.4900e+02, 9.5000e+02,
         9.5100e+02],
        [9.5200e+02, 9.5300e+02, 9.5400e+02,  ..., 9.8300e+02, 9.8400e+02,
         9.8500e+02],
        [9.8600e+02, 9.8700e+02, 9.8800e+02,  ..., 1.0170e+03, 1.0180e+03,
         1.0190e+03]])""",
    ),
    Known(
        "summarised rows only",
        np.arange(1002).reshape(501, 2),
        {},
        {},
        """\
tensor([[   0,    1],
        [   2,    3],
        [   4,    5],
        ...,
        [ 996,  997],
        [ 998,  999],
        [1000, 1001]])""",
    ),
    Known(
        "summarised columns only",
        np.arange(1002.0).reshape(2, 501),
        dict(requires_grad=True),
        {},
        """\
tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.9800e+02, 4.9900e+02,
         5.0000e+02],
        [5.0100e+02, 5.0200e+02, 5.0300e+02,  ..., 9.9900e+02, 1.0000e+03,
         1.0010e+03]], dtype=torch.float64, requires_grad=True)""",
    ),
    Known(
        "summarised in three dimensions",
        np.arange(105).reshape(3, 5, 7),
        {},
        dict(threshold=9, edgeitems=1),
        """\
tensor([[[  0,  ...,   6],
         ...,
         [ 28,  ...,  34]],

        ...,

        [[ 70,  ...,  76],
         ...,
         [ 98,  ..., 104]]])""",
    ),
    Known(
        "hidden elements set no format",
        np.where(np.arange(1001) == 500, 1e9 + 0.5, 1.0),
        {},
        {},
        "tensor([1., 1., 1.,  ..., 1., 1., 1.], dtype=torch.float64)",
    ),
    Known(
        "shown elements set the width",
        np.where(np.arange(1001) == 1000, -100, 1),
        {},
        {},
        "tensor([   1,    1,    1,  ...,    1,    1, -100])",
    ),
    Known(
        "no edge items",
        np.arange(7),
        {},
        dict(threshold=6, edgeitems=0),
        "tensor([...], size=(7,))",
    ),
    Known(
        "no edge items of a matrix",
        np.ones((2, 3), np.int32),
        {},
        dict(threshold=5, edgeitems=0),
        "tensor([...], size=(2, 3), dtype=torch.int32)",
    ),
    Known(
        "no edge items, not summarised",
        np.ones((2, 3), np.float32),
        {},
        dict(edgeitems=0),
        """\
tensor([[1., 1., 1.],
        [1., 1., 1.]], size=(2, 3))""",
    ),
    Known(
        "no edge items, zero-dimensional",
        np.array(1.5, np.float32),
        {},
        dict(threshold=0, edgeitems=0),
        "tensor(1.5000, size=())",
    ),
    Known(
        "zero-dimensional above the threshold",
        np.array(1.5, np.float32),
        {},
        dict(threshold=0),
        "tensor(1.5000)",
    ),
    Known(
        "precision 2",
        f32(1.125, 2.375),
        {},
        dict(precision=2),
        "tensor([1.12, 2.38])",
    ),
    Known(
        "precision 0",
        f32(0.5, 1.5, nan),
        {},
        dict(precision=0),
        "tensor([0, 2, nan])",
    ),
    Known(
        "precision of exponents",
        f32(1e-6, 2),
        {},
        dict(precision=7),
        "tensor([1.0000000e-06, 2.0000000e+00])",
    ),
    Known(
        "precision leaves integral alone",
        f32(1, 2),
        {},
        dict(precision=7),
        "tensor([1., 2.])",
    ),
    Known(
        "profile short",
        np.arange(1001.0) / 4,
        {},
        dict(profile="short"),
        "tensor([  0.00,   0.25,  ..., 249.75, 250.00], dtype=torch.float64)",
    ),
    Known(
        "profile with a change",
        np.arange(7.0) / 4,
        {},
        dict(profile="short", precision=1, threshold=6),
        "tensor([0.0, 0.2,  ..., 1.2, 1.5], dtype=torch.float64)",
    ),
]


def set_only(**options: Any) -> None:
    set_printoptions(profile="default")
    set_printoptions(**options)


@pytest.fixture(autouse=True)
def options_restored() -> Iterator[None]:
    before = get_printoptions()
    yield
    set_printoptions(**before)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_stored_text(known: Known) -> None:
    set_only(**known.options)
    assert format_tensor(known.array, **known.keywords) == known.text


def test_threshold_is_1000_elements_by_default() -> None:
    assert "..." not in format_tensor(np.zeros((10, 100), np.float32))
    assert "..." in format_tensor(np.zeros((7, 143), np.float32))


def test_prefix_sets_the_indent() -> None:
    set_only(linewidth=11)
    assert format_tensor(np.arange(4), prefix="T(", requires_grad=True) == (
        "T([0, 1, 2,\n   3],\n  requires_grad=True)"
    )


def test_only_the_edges_of_a_summarised_tensor_are_read() -> None:
    terabytes = np.broadcast_to(np.float32(1.5), (10**6, 10**7))
    row = "[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000]"
    rows = [row] * 3 + ["..."] + [row] * 3
    assert format_tensor(terabytes) == "tensor([" + ",\n        ".join(rows) + "])"


def test_the_array_is_left_alone() -> None:
    array = f32(-0.0, 1e-9, nan, -3)
    bits = array.tobytes()
    array.flags.writeable = False
    format_tensor(array)
    assert array.tobytes() == bits


def test_options_start_as_torchs() -> None:
    set_printoptions(profile="default")
    assert get_printoptions() == {
        "precision": 4,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 80,
        "sci_mode": None,
    }


def test_options_not_given_stay_but_sci_mode_goes_back_to_automatic() -> None:
    set_only(precision=2, threshold=5, edgeitems=1, linewidth=40, sci_mode=True)
    set_printoptions(precision=3)
    assert list(get_printoptions().values()) == [3, 5, 1, 40, None]


def test_profiles() -> None:
    set_only(precision=9, threshold=9, edgeitems=9, linewidth=9)
    set_printoptions(profile="short")
    assert list(get_printoptions().values()) == [2, 1000, 2, 80, None]
    set_printoptions(profile="full", linewidth=120, sci_mode=False)
    assert list(get_printoptions().values()) == [4, inf, 3, 120, False]
    set_printoptions(profile="default")
    assert list(get_printoptions().values()) == [4, 1000, 3, 80, None]


def test_options_come_back_through_get_printoptions() -> None:
    set_only(precision=1, threshold=2, edgeitems=3, linewidth=4, sci_mode=False)
    stored = get_printoptions()
    set_printoptions(profile="full")
    set_printoptions(**stored)
    assert get_printoptions() == stored
    stored["precision"] = 8  # a copy
    assert get_printoptions()["precision"] == 1


def test_unknown_profile_is_refused_and_changes_nothing() -> None:
    set_only(precision=2, sci_mode=True)
    before = get_printoptions()
    with pytest.raises(ValueError, match=re.escape("default, short, full, got 'long'")):
        set_printoptions(profile="long", precision=7)
    assert get_printoptions() == before


# Torch as the oracle.


@pytest.fixture(scope="module")
def torch() -> Iterator[ModuleType]:
    module = pytest.importorskip("torch")
    before = module._tensor_str.get_printoptions()
    yield module
    module.set_printoptions(**before)


def torch_text(
    torch: ModuleType,
    array: np.ndarray,
    options: dict[str, Any],
    requires_grad: bool = False,
    grad_fn: str | None = None,
    default_dtype: type = np.float32,
) -> str:
    """Print the same tensor with torch, which names `grad_fn` by what made the tensor."""
    made_by = {
        "<AddmmBackward0>": lambda t: torch.addmm(torch.zeros_like(t), t, torch.eye(t.shape[1])),
        "<CloneBackward0>": lambda t: t.clone(),
        "<MulBackward0>": lambda t: t * 1,
        "<SqueezeBackward1>": lambda t: t.unsqueeze(0).squeeze(0),
    }
    tensor = torch.tensor(array.tolist(), dtype=getattr(torch, array.dtype.name))
    tensor = tensor.reshape(array.shape)
    if requires_grad or grad_fn:
        tensor.requires_grad_()
    if grad_fn:
        tensor = made_by[grad_fn](tensor)
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, np.dtype(default_dtype).name))
    try:
        return repr(tensor)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_stored_text_is_what_torch_prints(torch: ModuleType, known: Known) -> None:
    assert torch_text(torch, known.array, known.options, **known.keywords) == known.text


FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")


def random_elements(
    rng: np.random.Generator, dtype: np.dtype, shape: tuple[int, ...]
) -> np.ndarray:
    """Draw elements of one of the kinds that print differently."""
    if dtype.kind == "b":
        return rng.random(shape) < rng.choice([0, 0.5, 1])
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        low, high = rng.choice([(-9, 9), (0, 100), (bounds.min, bounds.max)])
        return rng.integers(
            max(low, bounds.min), min(high, bounds.max), shape, dtype, endpoint=True
        )
    if rng.random() < 0.1:  # every pattern of bits: subnormals, signalling NaN
        raw = np.frombuffer(rng.bytes(math.prod(shape) * dtype.itemsize), dtype)
        return raw.reshape(shape)
    values = rng.standard_normal(shape)
    values *= 10.0 ** rng.uniform(-1, 1, shape) ** rng.choice([0, 1])
    values *= 10.0 ** rng.choice([-310, -40, -8, -5, -4, -3, -1, 0, 1, 2, 3, 5, 8, 12, 40, 300])
    if rng.random() < 0.4:
        values = np.rint(values)
    if rng.random() < 0.3:
        values = np.where(rng.random(shape) < 0.3, rng.choice([0.0, -0.0, 1e-4, 1e8]), values)
    if rng.random() < 0.4:
        values = np.where(rng.random(shape) < 0.5, rng.choice([nan, inf, -inf], shape), values)
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(dtype)


def random_options(rng: np.random.Generator) -> dict[str, Any]:
    choices = {
        "precision": [0, 1, 2, 3, 8],
        "threshold": [0, 1, 5, 20, inf],
        "edgeitems": [0, 1, 2, 5],
        "linewidth": [1, 20, 37, 55, 79, 81, 120],
        "profile": ["default", "short", "full"],
        "sci_mode": [True, False],
    }
    return {
        name: values[rng.integers(len(values))]
        for name, values in choices.items()
        if rng.random() < 0.25
    }


@settings(deadline=None, max_examples=300)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([*FLOATS, *INTEGERS, "bool"]),
    shape=st.lists(st.integers(0, 9), max_size=4).map(tuple),
    grad=st.sampled_from(
        [
            {},
            {"requires_grad": True},
            {"grad_fn": "<CloneBackward0>"},
            {"requires_grad": True, "grad_fn": "<SqueezeBackward1>"},
        ]
    ),
    default_dtype=st.sampled_from([np.float32, np.float64]),
)
def test_prints_as_torch(
    torch: ModuleType,
    seed: int,
    dtype: str,
    shape: tuple[int, ...],
    grad: dict[str, Any],
    default_dtype: type,
) -> None:
    rng = np.random.default_rng(seed)
    array = random_elements(rng, np.dtype(dtype), shape)
    options = random_options(rng)
    if array.dtype.kind != "f":
        grad = {}
    set_only(**options)
    ours = format_tensor(array, **grad, default_dtype=default_dtype)
    assert ours == torch_text(torch, array, options, **grad, default_dtype=default_dtype)


@pytest.mark.parametrize("width", range(20, 100))
def test_suffixes_wrap_where_torchs_do(torch: ModuleType, width: int) -> None:
    options = {"linewidth": width}
    set_only(**options)
    for n in (0, 1, 3, 8):
        array = np.arange(n) / 4
        for grad in ({"requires_grad": True}, {"grad_fn": "<CloneBackward0>"}):
            assert format_tensor(array, **grad) == torch_text(torch, array, options, **grad)
