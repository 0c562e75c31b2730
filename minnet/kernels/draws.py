"""Two words to two draws, the heart of every fill: one source for CPU and CUDA.

Each function takes two words of one size, uint32 or uint64, and the numbers of its distribution in
the float type of the same size, and returns two floats. None has a branch, so a loop over it
vectorises.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float32, int32, uint32, uint64

from minnet.kernels.jit import device
from minnet.kernels.numeric import by_size, like, log_fraction, sincos_turn, value
from minnet.kernels.simd import fma

UNIT = (2.0**-24, 2.0**-53)  # by which `whole` lies in [0, 1)
COUNTED_BITS = (32.0, 53.0)  # of the whole numbers that `counted` returns
# The least that an exponential draw can be, as -log u of a u that rounds to 1 would be 0.
LEAST_EXPONENTIAL = (2.0**-25, 2.0**-54)


def _whole32(word: Any) -> Any:
    return float32(int32(word >> uint32(8)))  # AVX2 converts signed integers only


def _whole53(word: Any) -> Any:
    # AVX2 has no conversion of 64-bit integers: the halves are put into fractions, and joined.
    high = value(word >> uint64(43) | uint64(0x4530000000000000))  # 2**84 + high * 2**32
    low = value(word >> uint64(11) & uint64(0xFFFFFFFF) | uint64(0x4330000000000000))  # 2**52 + low
    return high - (2.0**84 + 2.0**52) + low


# The high bits of a word as a float: a whole number below 1 / UNIT.
whole = by_size(_whole32, _whole53)


def _counted32(word: Any) -> Any:
    high = float32(int32(word >> uint32(16)))
    # 1 more than the low half. LLVM makes a 1 that is added out of a register's old content, and
    # each lap of a loop with AVX-512 then waits for the one before (measured: twice the time).
    low = float32(int32(65536) - int32(~word & uint32(0xFFFF)))
    return fma(high, np.float32(65536.0), low)


def _counted64(word: Any) -> Any:
    return whole(word) + 1.0


# A word as a float in [1, 2**COUNTED_BITS]: its high bits as a whole number, plus 1.
counted = by_size(_counted32, _counted64)


@device
def uniform(a: Any, b: Any, low: Any, scale: Any, last: Any) -> Any:
    """Return two draws from U[low, low + scale / UNIT): one fma each, and never above `last`."""
    return min(fma(whole(a), scale, low), last), min(fma(whole(b), scale, low), last)


@device
def normal(a: Any, b: Any, mean: Any, std: Any) -> Any:
    """Return two independent draws from N(mean, std²) (Box and Muller 1958).

    The radius is sqrt(-2 log u) with u in (0, 1]: in float32 all 32 bits count, so that tails reach
    6.66 standard deviations, and the logarithm is never that of 0.
    """
    r = math.sqrt(log_fraction(counted(a), COUNTED_BITS, -2.0))
    sin, cos = sincos_turn(b)
    return fma(r, cos * std, mean), fma(r, sin * std, mean)


@device
def _standard_exponential(word: Any) -> Any:
    x = log_fraction(counted(word), COUNTED_BITS, -1.0)
    return max(x, like(x, LEAST_EXPONENTIAL))


@device
def exponential(a: Any, b: Any, scale: Any) -> Any:
    """Return two exponential draws of mean `scale`, all above 0 and finite."""
    return _standard_exponential(a) * scale, _standard_exponential(b) * scale


@device
def bernoulli(a: Any, b: Any, last: Any) -> Any:
    """Return 1 for each word up to `last`, else 0, as float32. The words are uint32."""
    one, zero = np.float32(1.0), np.float32(0.0)
    return one if a <= last else zero, one if b <= last else zero
