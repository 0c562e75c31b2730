"""The counter-based generator, and what a counter's words are for.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3") maps
a 128-bit counter and a 64-bit key to 128 random bits, with no state: any element of a fill can be
computed alone.

The counter of minnet's fills (words from low to high):

    c0  index of the counter, low 32 bits
    c1  attempt << 16 | index of the counter, bits 32 to 47
    c2  draw, low 32 bits
    c3  draw, high 32 bits

and the key is the 64-bit seed, low word first. An attempt is a retry of one element (rejection
sampling); a draw is one fill: each takes the next number, whatever its size.

The four words w0 to w3 of a counter make two *lanes* of 64 bits, w0 << 32 | w1 and w2 << 32 | w3.
A run is 1024 counters: their first lanes, one after another, are its first plane, and their second
lanes its second plane. An element of 64 bits takes a lane, and an element of 32 bits half of one,
the low half first: a run is 2048 elements or 4096. Elements at the same place of the two planes are
made from the same two words, one of each plane; see `draws.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64

from minnet.kernels.jit import device

MULTIPLIER_0 = uint64(0xD2511F53)
MULTIPLIER_1 = uint64(0xCD9E8D57)
WEYL_0 = uint32(0x9E3779B9)  # golden ratio
WEYL_1 = uint32(0xBB67AE85)  # sqrt(3) - 1
ROUNDS = 10
LOW = uint64(0xFFFFFFFF)
SHIFT = uint64(32)

COUNTERS = 1024  # in a run
PLANE_BYTES = 8 * COUNTERS
RUN_BYTES = 2 * PLANE_BYTES
RETRY = uint32(16)  # an attempt stands above the 16 high bits of the counter's index
ATTEMPTS = 1 << 16

Stream = tuple[np.uint64, np.uint64]  # the key, and the upper half of the counter


def stream(seed: int, draw: int) -> Stream:
    """Return what a fill of this seed and draw needs of them."""
    return np.uint64(seed), np.uint64(draw)


@device
def halves(x: Any) -> Any:
    """Return the low and the high word of a uint64."""
    return uint32(x), uint32(x >> SHIFT)


@device
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four uint32 words of ten rounds. All six arguments are uint32.

    The words are kept in the low halves of 64 bits, with whatever the products leave above them:
    what reads a word masks it. Vectorised, a round then is eight instructions, with no shuffle
    (measured: 2.5 times as fast as with uint32 throughout).
    """
    x0, x1, x2, x3 = uint64(c0), uint64(c1), uint64(c2), uint64(c3)
    for _ in range(ROUNDS):
        product_0 = MULTIPLIER_0 * (x0 & LOW)
        product_1 = MULTIPLIER_1 * (x2 & LOW)
        x0 = (product_1 >> SHIFT) ^ (x1 ^ uint64(k0))
        x2 = (product_0 >> SHIFT) ^ (x3 ^ uint64(k1))
        x1 = product_1
        x3 = product_0
        k0 = uint32(k0 + WEYL_0)
        k1 = uint32(k1 + WEYL_1)
    return uint32(x0), uint32(x1), uint32(x2), uint32(x3)


@device
def counter_words(counter: Any, stream: Any) -> Any:
    """Return the four words of a fill's counter, a uint64, at the first attempt."""
    k0, k1 = halves(stream[0])
    c0, c1 = halves(counter)
    c2, c3 = halves(stream[1])
    return philox4x32(c0, c1, c2, c3, k0, k1)
