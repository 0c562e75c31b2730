"""The device gathers what the CPU does, and finds wrong indices."""

import numpy as np
import pytest

from minnet.kernels.cpu import gather as host
from minnet.kernels.cuda import gather
from minnet.kernels.cuda.array import from_host, to_host

INDICES = np.array([3, 0, -1, 3, -4])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.bool_])
def test_rows(dtype):
    x = np.arange(24).reshape(4, 3, 2).astype(dtype)
    found = gather.rows(from_host(x), from_host(INDICES))
    np.testing.assert_array_equal(to_host(found), x[INDICES], strict=True)
    none = gather.rows(from_host(x), from_host(INDICES[:0]))
    assert none.shape == (0, 3, 2)


def test_scaled_rows():
    x = np.arange(200, 224, dtype=np.uint8).reshape(4, 3, 2)
    found = gather.scaled_rows(from_host(x), from_host(INDICES), 0.1307, 0.3081)
    expected = host.scaled_rows(x, INDICES, 0.1307, 0.3081)
    np.testing.assert_array_equal(to_host(found), expected, strict=True)


@pytest.mark.parametrize("wrong", [4, -5])
def test_an_index_out_of_range_is_an_error(wrong):
    x, indices = np.zeros((4, 2), np.uint8), np.array([0, wrong, 9])
    for call in (gather.rows, lambda *a: gather.scaled_rows(*a, 0.0, 1.0)):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
            call(from_host(x), from_host(indices))
