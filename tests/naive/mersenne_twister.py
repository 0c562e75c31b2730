"""The Mersenne Twister, and torch's numbers from it, one word and one element at a time."""

import math

import numpy as np

from naive.fma import fma32, fma64
from naive.numeric import log, log1p, sincos

F = np.float32


class Twister:
    """MT19937 in plain Python integers, and the normal that waits for its turn."""

    def __init__(self, seed):
        self.state = [seed & 0xFFFFFFFF]
        for j in range(1, 624):
            x = self.state[-1] ^ (self.state[-1] >> 30)
            self.state.append((1812433253 * x + j) & 0xFFFFFFFF)
        self.next = 624
        self.waiting = None

    def word(self):
        if self.next == 624:
            for i in range(624):
                y = (self.state[i] & 0x80000000) | (self.state[(i + 1) % 624] & 0x7FFFFFFF)
                odd = 0x9908B0DF if y & 1 else 0
                self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ odd
            self.next = 0
        y = self.state[self.next]
        self.next += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        return y ^ (y >> 18)

    def word64(self):
        return self.word() << 32 | self.word()


def unit(twister, real):
    """Return a number in [0, 1): 24 low bits of a word for float32, 53 of two for float64."""
    if real is np.float32:
        return F((twister.word() & 0xFFFFFF) * 2.0**-24)
    return np.float64((twister.word64() & ((1 << 53) - 1)) * 2.0**-53)


def fma(x, y, z):
    return (fma32 if type(x) is np.float32 else fma64)(x, y, z)


def uniform(twister, n, real, low, high):
    low, high = real(low), real(high)
    out = [fma(unit(twister, real), high - low, low) for _ in range(n)]
    return np.array([low if x == high else x for x in out], real)


def normal_pairs(twister, n, real, mean, std):
    out = []
    for _ in range(n):
        if twister.waiting is None:
            u1, u2 = unit(twister, np.float64), unit(twister, np.float64)
            r = np.sqrt(np.float64(-2) * np.float64(log1p(-u2)))
            sin, cos = sincos(np.float64(2 * math.pi) * u1)
            z, twister.waiting = r * np.float64(cos), r * np.float64(sin)
        else:
            z, twister.waiting = twister.waiting, None
        out.append(fma64(z, std, mean))
    return np.array(out, real)


def cephes_log(x):
    m, e = np.frexp(x)
    if m < F(0.707106781186547524):
        e, x = e - 1, (m - F(1)) + m
    else:
        x = m - F(1)
    e, z, y = F(e), x * x, F(7.0376836292e-2)
    for p in (
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    ):
        y = fma32(y, x, F(p))
    y = fma32(x * y, z, e * F(-2.12194440e-4))
    return fma32(e, F(0.693359375), x + (y - F(0.5) * z))


def cephes_sincos(x):
    octant = int(x * F(1.27323954473516)) + 1 & ~1
    for part in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8):
        x = fma32(F(octant), F(part), x)
    z = x * x
    c = fma32(F(2.443315711809948e-5), z, F(-1.388731625493765e-3))
    c = z * fma32(c, z, F(4.166664568298827e-2))
    c = fma32(c, z, F(-0.5) * z) + F(1)
    s = fma32(F(-1.9515295891e-4), z, F(8.3321608736e-3))
    s = z * fma32(s, z, F(-1.6666654611e-1))
    s = fma32(s, x, x)
    quarter = octant // 2 % 4
    return [(s, c), (c, -s), (-s, -c), (-c, s)][quarter]


def normal_blocks(twister, n, real, mean, std):
    """Blocks of 16 from n uniforms; the last 16 again from others where n is no multiple of 16."""
    data = [unit(twister, real) for _ in range(n)]
    starts = list(range(0, n - 15, 16))
    if n % 16:
        starts.append(n - 16)
    for start in starts:
        block = data[start : start + 16]
        if start % 16:
            block = [unit(twister, real) for _ in range(16)]
        for i in range(8):
            u1, u2 = real(1) - block[i], block[i + 8]
            log_u = cephes_log(u1) if real is np.float32 else np.float64(log(u1))
            r = np.sqrt(real(-2) * log_u)
            theta = real(2 * math.pi) * u2
            sin, cos = cephes_sincos(theta) if real is np.float32 else sincos(theta)
            data[start + i] = fma(r * real(cos), real(std), real(mean))
            data[start + i + 8] = fma(r * real(sin), real(std), real(mean))
    return np.array(data, real)


def normal(twister, n, real, mean, std):
    return (normal_pairs if n < 16 else normal_blocks)(twister, n, real, mean, std)


def trunc_normal(twister, n, real, mean, std, a, b):
    """Rejection from normals: where [a, b] holds more than 0.3 of the distribution."""
    out = normal(twister, n, real, mean, std)
    while ((out < real(a)) | (out > real(b))).any():
        fresh = normal(twister, n, real, mean, std)
        out = np.where((out < real(a)) | (out > real(b)), fresh, out)
    return out


def tail(twister, n, real, mean, std, a, b):
    """Rejection from uniforms: where [a, b] holds at most 0.3 of the distribution."""
    peak = real(-0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2)
    out, pending = np.zeros(n, real), np.ones(n, bool)
    while pending.any():
        proposed = uniform(twister, n, real, a, b)
        out[pending] = proposed[pending]
        density = ((proposed - real(mean)) / real(std)) ** 2 * real(-0.5) - peak
        chance = uniform(twister, n, real, 0, 1).astype(np.float64)
        pending &= np.array([real(log(u)) for u in chance]) > density
    return out


def bernoulli(twister, n, real, p):
    return np.array([unit(twister, np.float64) < p for _ in range(n)], real)


def exponential(twister, n, real, rate):
    scale = np.float64(-1 / rate)
    return np.array([scale * np.float64(log1p(-unit(twister, np.float64))) for _ in range(n)], real)


def integers(twister, n, dtype, low, high):
    draw = twister.word64 if high - low >= 1 << 28 else twister.word
    return np.array([low + draw() % (high - low) for _ in range(n)], dtype)


def permutation(twister, n):
    order = list(range(n))
    for i in range(n - 1):
        j = i + twister.word() % (n - i)
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)
