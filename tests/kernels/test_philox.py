"""Philox4x32-10 against Random123's known answers and a plain Python twin."""

import numpy as np
import pytest
from naive import philox as naive

from minnet.kernels.jit import kernel
from minnet.kernels.philox import philox4x32

# Random123, tests/kat_vectors: philox4x32 with 10 rounds.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@kernel
def rounds(counter, key, out):
    a, b, c, d = philox4x32(counter[0], counter[1], counter[2], counter[3], key[0], key[1])
    out[0], out[1], out[2], out[3] = a, b, c, d


def compiled(counter, key):
    out = np.empty(4, np.uint32)
    rounds(np.array(counter, np.uint32), np.array(key, np.uint32), out)
    return out.tolist()


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers_of_random123(counter, key, words):
    assert compiled(counter, key) == words
    assert naive.philox4x32(counter, key) == words


def test_kernel_equals_its_twin():
    rng = np.random.default_rng(0)
    for _ in range(200):
        counter, key = (rng.integers(0, 1 << 32, n).tolist() for n in (4, 2))
        assert compiled(counter, key) == naive.philox4x32(counter, key)
