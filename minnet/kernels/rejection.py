"""Draws by rejection: an element that is refused takes the words of a later attempt of its own.

One source for CPU and CUDA. Each function draws for one element, or judges one draw.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint32, uint64

from minnet.kernels.draws import COUNTED_BITS, counted, normal, whole
from minnet.kernels.jit import device
from minnet.kernels.numeric import by_size, like, log_fraction
from minnet.kernels.philox import ATTEMPTS, COUNTERS, RETRY, halves, philox4x32
from minnet.kernels.simd import fma

# A lane is 8 bytes, and a plane's elements come one after another.


def _place32(x: Any, e: Any) -> Any:
    return uint32((e >> 1) & (COUNTERS - 1))


def _place64(x: Any, e: Any) -> Any:
    return uint32(e & (COUNTERS - 1))


def _own_words32(x: Any, e: Any, w0: Any, w1: Any, w2: Any, w3: Any) -> Any:
    odd = e & 1 != 0
    return (w0 if odd else w1), (w2 if odd else w3)


def _own_words64(x: Any, e: Any, w0: Any, w1: Any, w2: Any, w3: Any) -> Any:
    return uint64(w0) << uint64(32) | uint64(w1), uint64(w2) << uint64(32) | uint64(w3)


# Of element e, of the size of x: the counter of its run that it takes its words from, and the two
# of the counter's words that are its own.
_place = by_size(_place32, _place64)
_own_words = by_size(_own_words32, _own_words64)


@device
def words_of(x: Any, e: Any, index: Any, attempt: Any, stream: Any) -> Any:
    """Return the two words of element e of a run in an attempt.

    `index` is the run's first counter, and x any number of the element's size.
    """
    k0, k1 = halves(stream[0])
    c2, c3 = halves(stream[1])
    counter = uint32(index) + _place(x, e)
    c1 = uint32(uint32(index >> uint64(32)) | (uint32(attempt) << RETRY))
    w0, w1, w2, w3 = philox4x32(uint32(counter), c1, c2, c3, k0, k1)
    return _own_words(x, e, w0, w1, w2, w3)


@device
def truncated(one, two, e, second, index, stream, numbers):
    """Return the first normal that lies in [a, b]: a truncated normal.

    The numbers are mean, std, a and b.
    """
    mean, std, a, b = numbers
    first, other = normal(one, two, mean, std)
    x = other if second else first
    attempt = 1
    outside = not (a <= x <= b)
    while outside and attempt < ATTEMPTS:
        radius, angle = words_of(x, e, index, attempt, stream)
        first, other = normal(radius, angle, mean, std)
        fresh = other if second else first
        x = min(max(fresh, a), b)
        outside = not (a <= fresh <= b)
        attempt += 1
    return x


# Normals of a tail or of a narrow interval


@device
def log_unit(word: Any) -> Any:
    """Return the logarithm of a word as a float in (0, 1]."""
    return log_fraction(counted(word), COUNTED_BITS, 1.0)


@device
def proposed(word: Any, low: Any, scale: Any, rate: Any) -> Any:
    """Return a proposal: exponential from `low`, or for rate 0 uniform: whole * scale from it."""
    far = low - log_unit(word) / rate
    near = fma(whole(word), scale, low)
    return far if rate > 0 else near


@device
def log_acceptance(z: Any, low: Any, high: Any, rate: Any) -> Any:
    """Return the logarithm of the chance to keep a proposal, 0 at the best one."""
    half = like(z, 0.5)
    peak = min(max(like(z, 0.0), low), high)
    far = -half * (z - rate) * (z - rate)
    near = half * (peak - z) * (peak + z)
    return far if rate > 0 else near


@device
def tail(one, two, e, second, index, stream, numbers):
    """Return a truncated normal by rejection: attempts 2t propose, attempts 2t + 1 accept.

    The numbers are those of `fills.trunc_normal`.
    """
    mean, std, a, b, low, high, scale, rate = numbers
    z = low
    refused = True
    attempt = 0
    while refused and attempt < ATTEMPTS:
        one, two = words_of(low, e, index, attempt, stream)
        z = proposed(two if second else one, low, scale, rate)
        one, two = words_of(low, e, index, attempt + 1, stream)
        chance = log_unit(two if second else one)
        refused = not (low <= z <= high and chance <= log_acceptance(z, low, high, rate))
        attempt += 2
    return min(max(fma(z, std, mean), a), b)


# Whole numbers


@device
def multiplied(word: Any, span: Any) -> Any:
    """Return the high and the low 64 bits of the product of two uint64."""
    low = uint64(0xFFFFFFFF)
    shift = uint64(32)
    w1, w0, s1, s0 = word >> shift, word & low, span >> shift, span & low
    middle = w1 * s0 + (w0 * s0 >> shift)
    other = w0 * s1 + (middle & low)
    return w1 * s1 + (middle >> shift) + (other >> shift), word * span


@device
def scaled(word: Any, low: Any, span: Any) -> Any:
    """Return low + word * span / 2**64, and the fraction of it that was cut off, times 2**64."""
    value, rest = multiplied(word, span)
    return int64(low + (value if span != uint64(0) else word)), rest


@device
def whole_number(one, two, e, second, index, stream, numbers):
    """Return a whole number (Lemire 2019).

    A product whose rest is below `least` is drawn again, so that all numbers are equally likely.
    """
    low, span, least = numbers
    value, rest = scaled(two if second else one, low, span)
    attempt = 1
    while rest < least and attempt < ATTEMPTS:
        one, two = words_of(one, e, index, attempt, stream)
        value, rest = scaled(two if second else one, low, span)
        attempt += 1
    return value
