"""Random fills, one element at a time: the twins of `minnet.kernels.cpu.fill`."""

import numpy as np

from naive.fma import fma32, fma64
from naive.numeric import log_fraction, sincos_turn32, sincos_turn64
from naive.philox import pair, word

BITS = {np.float32: 24, np.float64: 53}


def fma(x, y, z):
    return (fma32 if type(x) is np.float32 else fma64)(x, y, z)


def whole(w, real):
    """Return the high bits of a word: 24 for float32, 53 for float64."""
    return real(w >> (8 if real is np.float32 else 11))


def log_unit(w, real, factor=1):
    """Return factor log u of a word as a number u in (0, 1]: all 32 bits, or the high 53."""
    counted, bits = (w + 1, 32) if real is np.float32 else ((w >> 11) + 1, 53)
    return real(log_fraction(real(counted), bits, factor))  # NumPy rounds a Python int once


def scale(real, low, high):
    return (real(high) - real(low)) * real(2.0 ** -BITS[real])


def uniform(seed, draw, element, real, low, high):
    low, high = real(low), real(high)
    w = word(seed, draw, element, real)
    x = fma(whole(w, real), scale(real, low, high), low)
    return min(x, np.nextafter(high, low)) if high > low else low


def normal(seed, draw, element, real, mean, std, attempt=0):
    (radius, angle), plane = pair(seed, draw, element, real, attempt)
    r = np.sqrt(log_unit(radius, real, -2))
    turn = (
        sincos_turn32(np.uint32(angle)) if real is np.float32 else sincos_turn64(np.uint64(angle))
    )
    return fma(r, real(turn[1 - plane]) * real(std), real(mean))


def exponential(seed, draw, element, real, rate):
    least = real(2.0**-25 if real is np.float32 else 2.0**-54)
    return max(log_unit(word(seed, draw, element, real), real, -1), least) * real(1 / rate)


def trunc_normal(seed, draw, element, real, mean, std, a, b):
    """Rejection from the normal itself: what the kernel does where [a, b] holds a quarter of it."""
    attempt = 0
    while True:
        x = normal(seed, draw, element, real, mean, std, attempt)
        if real(a) <= x <= real(b):
            return x
        attempt += 1


def tail(seed, draw, element, real, mean, std, a, b, low, high, scale, rate):
    """Rejection from an exponential of this rate, or from a uniform for rate 0."""
    attempt = 0
    while True:
        w = word(seed, draw, element, real, attempt)
        z = low - log_unit(w, real) / rate if rate > 0 else fma(whole(w, real), scale, low)
        if rate > 0:
            chance = -real(0.5) * (z - rate) * (z - rate)
        else:
            peak = min(max(real(0), low), high)
            chance = real(0.5) * (peak - z) * (peak + z)
        if z <= high and log_unit(word(seed, draw, element, real, attempt + 1), real) <= chance:
            return min(max(fma(z, std, mean), a), b)
        attempt += 2


def bernoulli(seed, draw, element, p):
    return np.float32(word(seed, draw, element, np.float32) < round(p * 2**32))


def integer(seed, draw, element, low, high):
    span = high - low
    attempt = 0
    while True:
        product = word(seed, draw, element, np.int64, attempt) * span
        if product % 2**64 >= 2**64 % span:
            return low + (product >> 64)
        attempt += 1


def permutation(seed, draw, n):
    order = list(range(n))
    for i in range(n - 1):
        j = i + (word(seed, draw, i, np.int64) * (n - i) >> 64)
        order[i], order[j] = order[j], order[i]
    return order
