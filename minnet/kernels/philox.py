"""The counter-based generator, and bits to floats.

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
"""

from __future__ import annotations

from typing import Any

from numba import uint32, uint64

from minnet.kernels.jit import device

MULTIPLIER_0 = uint64(0xD2511F53)
MULTIPLIER_1 = uint64(0xCD9E8D57)
WEYL_0 = uint32(0x9E3779B9)  # golden ratio
WEYL_1 = uint32(0xBB67AE85)  # sqrt(3) - 1
SHIFT = uint64(32)


@device
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four uint32 words of ten rounds. All six arguments are uint32."""
    for _ in range(10):
        product_0 = MULTIPLIER_0 * uint64(c0)
        product_1 = MULTIPLIER_1 * uint64(c2)
        c0 = uint32(uint32(product_1 >> SHIFT) ^ c1 ^ k0)
        c2 = uint32(uint32(product_0 >> SHIFT) ^ c3 ^ k1)
        c1 = uint32(product_1)
        c3 = uint32(product_0)
        k0 = uint32(k0 + WEYL_0)
        k1 = uint32(k1 + WEYL_1)
    return c0, c1, c2, c3
