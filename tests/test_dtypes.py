"""Dtypes, devices and sizes, against torch's answers and for minnet's own promises."""

import itertools

import numpy as np
import pytest
from oracle import check, table

import minnet
from minnet import dtypes


@table("dtypes")
def test_known_answers(library, program, known):
    check(library, program, known)


def test_promotion_is_symmetric_and_has_no_surprise_in_it():
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        common = dtypes.promote(a.numpy, b.numpy)
        assert common == dtypes.promote(b.numpy, a.numpy)
        assert dtypes.OF_NUMPY[common].category == max(a.category, b.category)
        assert common.itemsize >= max(
            d.itemsize for d in (a, b) if d.category == max(a.category, b.category)
        )


def test_what_is_no_dtype_is_named():
    for d in ("float32", np.float32, str, 3):
        with pytest.raises(TypeError, match="must be a minnet dtype such as"):
            dtypes.numpy_of(d)


def test_the_default_dtype_is_a_float():
    with pytest.raises(TypeError, match=r"float32 or minnet\.float64, got torch\.int64"):
        minnet.set_default_dtype(minnet.int64)
    assert minnet.get_default_dtype() is minnet.float32
