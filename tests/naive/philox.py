"""Philox4x32-10 in plain Python integers, and the order in which fills take its words."""

import numpy as np

COUNTERS = 1024  # in a run


def philox4x32(counter, key):
    """Return four 32-bit words for a counter of four words and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def pair(seed, draw, element, real, attempt=0):
    """Return the two words that an element is made of, and the plane it lies in."""
    wide = np.dtype(real).itemsize == 8
    plane_size = COUNTERS if wide else 2 * COUNTERS
    run, place = divmod(element, 2 * plane_size)
    plane, place = divmod(place, plane_size)
    index = run * COUNTERS + (place if wide else place // 2)
    counter = [index & 0xFFFFFFFF, attempt << 16 | index >> 32, draw & 0xFFFFFFFF, draw >> 32]
    w = philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32])
    lanes = w[0] << 32 | w[1], w[2] << 32 | w[3]
    if wide:
        return lanes, plane
    return tuple(lane >> 32 * (place % 2) & 0xFFFFFFFF for lane in lanes), plane


def word(seed, draw, element, real, attempt=0):
    """Return an element's own word."""
    words, plane = pair(seed, draw, element, real, attempt)
    return words[plane]
