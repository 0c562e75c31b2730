"""Philox4x32-10 in plain Python integers."""


def philox4x32(counter, key):
    """Return four 32-bit words for a counter of four words and a key of two."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def block(seed, draw, element, planes, attempt=0):
    """Return all four words of an element's counter, and its plane."""
    run, e = divmod(element, planes * 1024)
    plane, column = divmod(e, 1024)
    index = run * 1024 + column
    counter = [index & 0xFFFFFFFF, attempt << 16 | index >> 32, draw & 0xFFFFFFFF, draw >> 32]
    return philox4x32(counter, [seed & 0xFFFFFFFF, seed >> 32]), plane


def words(seed, draw, element, planes, attempt=0):
    """Return an element's own words: one where a run has four planes, two where it has two."""
    four, plane = block(seed, draw, element, planes, attempt)
    return four[plane : plane + 1] if planes == 4 else four[2 * plane : 2 * plane + 2]
