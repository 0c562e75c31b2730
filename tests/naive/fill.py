"""Random fills, one element at a time: the twins of `minnet.kernels.cpu.fill`."""

import numpy as np

from naive.fma import fma32, fma64
from naive.numeric import log_normal, sincos_turn32, sincos_turn64
from naive.philox import block, philox4x32, words

PLANES = {np.float32: 4, np.float64: 2}


def unit(seed, draw, element, real, attempt=0):
    """Return an element's number in [0, 1): 24 bits for float32, 53 for float64."""
    own = words(seed, draw, element, PLANES[real], attempt)
    if real is np.float32:
        return np.float32((own[0] >> 8) * 2.0**-24)
    return np.float64(((own[0] << 32 | own[1]) >> 11) * 2.0**-53)


def fma(x, y, z):
    return (fma32 if type(x) is np.float32 else fma64)(x, y, z)


def uniform(seed, draw, element, real, low, high):
    low, high = real(low), real(high)
    x = fma(unit(seed, draw, element, real), high - low, low)
    return min(x, np.nextafter(high, low)) if high > low else low


def standard_normal(seed, draw, element, real, attempt=0):
    w, plane = block(seed, draw, element, PLANES[real], attempt)
    if real is np.float32:
        radius, angle = w[plane // 2 * 2 : plane // 2 * 2 + 2]
        u = np.float32(np.float32(radius + 1) * 2.0**-32)  # NumPy rounds a Python int once
        r = np.sqrt(np.float32(-2) * np.float32(log_normal(u)))
        sin, cos = sincos_turn32(np.uint32(angle))
    else:
        u = np.float64((((w[0] << 32 | w[1]) >> 11) + 1) * 2.0**-53)
        r = np.sqrt(np.float64(-2) * np.float64(log_normal(u)))
        sin, cos = sincos_turn64(np.uint64(w[2] << 32 | w[3]))
    return real(r * real(cos if plane % 2 == 0 else sin))


def normal(seed, draw, element, real, mean, std):
    return fma(standard_normal(seed, draw, element, real), real(std), real(mean))


def trunc_normal(seed, draw, element, real, mean, std, a, b):
    """Rejection from the normal itself: what the kernel does where [a, b] holds a quarter of it."""
    attempt = 0
    while True:
        z = standard_normal(seed, draw, element, real, attempt)
        x = fma(z, real(std), real(mean))
        if real(a) <= x <= real(b):
            return x
        attempt += 1


def tail(seed, draw, element, real, mean, std, a, b, low, high, rate):
    """Rejection from an exponential of this rate, or from a uniform for rate 0."""
    attempt = 0
    while True:
        u = real(1) - unit(seed, draw, element, real, attempt)
        z = low - real(log_normal(u)) / rate if rate > 0 else fma(u, high - low, low)
        u = real(1) - unit(seed, draw, element, real, attempt + 1)
        if rate > 0:
            chance = -real(0.5) * (z - rate) * (z - rate)
        else:
            peak = min(max(real(0), low), high)
            chance = real(0.5) * (peak - z) * (peak + z)
        if z <= high and real(log_normal(u)) <= chance:
            return min(max(fma(z, std, mean), a), b)
        attempt += 2


def bernoulli(seed, draw, element, p):
    return np.float32(words(seed, draw, element, 4)[0] < round(p * 2**32))


def integer(seed, draw, element, low, high):
    span = high - low - 1
    mask = (1 << span.bit_length()) - 1
    attempt = 0
    while True:
        high_word, low_word = words(seed, draw, element, 2, attempt)
        value = (high_word << 32 | low_word) & mask
        if value <= span:
            return low + value
        attempt += 1


def permutation(seed, draw, n):
    order = list(range(n))
    for i in range(n - 1):
        index = i // 2
        counter = [index & 0xFFFFFFFF, index >> 32, draw & 0xFFFFFFFF, draw >> 32]
        w = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32])
        word = w[0] << 32 | w[1] if i % 2 == 0 else w[2] << 32 | w[3]
        j = i + (word * (n - i) >> 64)
        order[i], order[j] = order[j], order[i]
    return order
