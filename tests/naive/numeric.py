"""The elementary functions, the same formulas in plain NumPy: the twin of `minnet.kernels.numeric`.

Arrays or scalars of float32 or float64. The tables of coefficients are the kernels' own: that they
are right is shown by the accuracy, not by the twin.
"""

import numpy as np

from minnet.kernels import numeric as tables
from naive.fma import fma32, fma64

WORD = {np.float32: np.uint32, np.float64: np.uint64}


def _fma64(x, y, z):
    try:
        return fma64(x, y, z)
    except OverflowError:
        return x * y + z


_fma64_each = np.vectorize(_fma64, otypes=[np.float64])


def fma(x, y, z):
    """Return x * y + z rounded once; not finite where an operand is not."""
    real = np.asarray(x).dtype.type
    x, y, z = np.broadcast_arrays(*(np.asarray(v, real) for v in (x, y, z)))
    plain = np.asarray(x * y + z)
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    each = fma32 if real is np.float32 else _fma64_each
    plain[finite] = each(x[finite], y[finite], z[finite]) if finite.any() else 0
    return plain


def like(x, constant):
    """Return a constant in the type of x; of a pair, the one for its width."""
    real = np.asarray(x).dtype.type
    if isinstance(constant, tuple):
        constant = constant[real in (np.float64, np.uint64)]
    return real(constant)


def polynomial(x, table):
    x = np.asarray(x)
    terms = [np.full(x.shape, c, x.dtype) for c in reversed(table[x.dtype == np.float64])]
    if len(terms) <= tables.HORNER:
        result = terms.pop()
        while terms:
            result = fma(result, x, terms.pop())
        return result
    while len(terms) > 1:
        pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        terms = [fma(pair[1], x, pair[0]) if len(pair) == 2 else pair[0] for pair in pairs]
        x = x * x
    return terms[0]


def bits(x):
    x = np.asarray(x)
    return x.view(WORD[x.dtype.type])


def value(word):
    word = np.asarray(word)
    return word.view({np.uint32: np.float32, np.uint64: np.float64}[word.dtype.type])


def quiet(function):
    """Ignore what is computed for elements that take another branch."""

    def wrapped(x):
        with np.errstate(all="ignore"):
            result = function(np.asarray(x))
        return tuple(r[()] for r in result) if isinstance(result, tuple) else result[()]

    return wrapped


def with_sign(x, y):
    return value(bits(y) | (bits(x) & like(bits(x), tables.SIGN)))


def exp_reduced(x):
    t = fma(x, like(x, tables.LOG2_E), like(x, tables.ROUND))
    n = t - like(x, tables.ROUND)
    r = fma(n, like(x, tables.MINUS_LN2_LOW), fma(n, like(x, tables.MINUS_LN2), x))
    return bits(t) - like(bits(t), tables.ROUND_BITS), fma(r * r, polynomial(r, tables.EXP), r)


def power_of_two(biased):
    return value(biased << like(biased, tables.FRACTION_BITS))


def two_powers(n):
    n = n + like(n, tables.BIAS) + like(n, tables.BIAS)
    half = n >> like(n, 1)
    return power_of_two(half), power_of_two(n - half)


@quiet
def exp(x):
    x = np.where(x > like(x, tables.EXP_HIGH), like(x, tables.EXP_HIGH), x)
    x = np.where(x < like(x, tables.EXP_LOW), like(x, tables.EXP_LOW), x)
    n, y = exp_reduced(x)
    first, second = two_powers(n)
    return (y + like(x, 1)) * first * second


@quiet
def expm1(x):
    a = np.where(x > like(x, tables.EXP_HIGH), like(x, tables.EXP_HIGH), x)
    a = np.where(a < like(x, tables.EXPM1_LOW), like(x, tables.EXPM1_LOW), a)
    n, y = exp_reduced(a)
    half = power_of_two(n + like(n, tables.BIAS) - like(n, 1))
    y = fma(half, y, half - like(x, 0.5)) * like(x, 2)
    return np.where(abs(x) < like(x, tables.SMALLEST_NORMAL), x, y)


def expm1_moderate(x):
    n, y = exp_reduced(x)
    scale = power_of_two(n + like(n, tables.BIAS))
    return fma(scale, y, scale - like(x, 1))


@quiet
def tanh(x):
    a = abs(x)
    a = np.where(a > like(x, tables.TANH_ONE), like(x, tables.TANH_ONE), a)
    y = expm1_moderate(a + a)
    below = y + like(x, 2)
    t = y / below
    lost = np.where(y < like(x, 2), y - (below - like(x, 2)), like(x, 0))
    return with_sign(x, fma(t * lost, fma(t, like(x, 0.5), like(x, -0.5)), t))


@quiet
def sigmoid(x):
    right = x >= 0
    a = -abs(x)
    n, y = exp_reduced(np.where(a < like(x, tables.EXP_LOW), like(x, tables.EXP_LOW), a))
    first, second = two_powers(n)
    scale = first * second
    q = np.where(right, like(x, 1), first) / fma(scale, y, scale + like(x, 1))
    return np.where(right, q, fma(q, y, q) * second)


def log_sum(f, whole, factor):
    if f.dtype == np.float32:
        return fma(f * f * factor, fma(f, polynomial(f, tables.LOG), np.float32(-0.5)), whole)
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    return fma(
        s * factor, fma(z, polynomial(z, tables.LOG), half), fma(half, np.float64(-factor), whole)
    )


def split(x):
    word = bits(x)
    word = word + like(word, tables.ONE_BITS) - like(word, tables.SQRT_HALF_BITS)
    significand = (word & like(word, tables.FRACTION)) + like(word, tables.SQRT_HALF_BITS)
    return word >> like(word, tables.FRACTION_BITS), value(significand)


def log_joined(biased, bias, f, factor=1):
    factor = like(f, factor)
    k = biased.astype(f.dtype) - bias
    return log_sum(f, fma(k, like(f, tables.LN2) * factor, f * factor), factor)


@quiet
def log_normal(x):
    return np.asarray(log_fraction(x, 0, 1))


def log_fraction(x, bits, factor):
    x = np.asarray(x)
    biased, m = split(x)
    return log_joined(biased, like(x, tables.BIAS) + like(x, bits), m - like(x, 1), factor)


def log_special(x, u, y):
    y = np.where(u == 0, like(x, -np.inf), y)
    y = np.where(u < 0, like(x, np.nan), y)
    return np.where(u < like(x, np.inf), y, x)


@quiet
def log(x):
    small = x < like(x, tables.SMALLEST_NORMAL)
    biased, m = split(np.where(small, x * like(x, tables.TO_NORMAL), x))
    bias = like(x, tables.BIAS) + np.where(small, like(x, tables.TO_NORMAL_LOG2), like(x, 0))
    return log_special(x, x, log_joined(biased, bias, m - like(x, 1)))


@quiet
def log1p(x):
    u = like(x, 1) + x
    biased, m = split(u)
    scale = power_of_two(like(biased, tables.BIAS) + like(biased, tables.BIAS) - biased)
    f = fma(scale, x, scale - like(x, 1))
    f = np.where(x > like(x, tables.LOG1P_HUGE), m - like(x, 1), f)
    y = log_special(x, u, log_joined(biased, like(x, tables.BIAS), f))
    return np.where(x == 0, x, y)


def turned(s, c, quadrant):
    """Rotate by whole quarter turns."""
    quadrant = np.asarray(quadrant).astype(np.int64) & 3
    return (
        np.choose(quadrant, [s, c, -s, -c]),
        np.choose(quadrant, [c, -s, -c, s]),
    )


def sincos_reduced(r):
    z = r * r
    s = fma(r * z, polynomial(z, tables.SIN), r)
    return s, fma(z, fma(z, polynomial(z, tables.COS), like(r, -0.5)), like(r, 1))


@quiet
def sincos(x):
    a = abs(x)
    t = fma(a, like(x, tables.TWO_BY_PI), like(x, tables.ROUND))
    n = t - like(x, tables.ROUND)
    r = a
    for part in (tables.MINUS_HALF_PI, tables.MINUS_HALF_PI_MIDDLE, tables.MINUS_HALF_PI_LOW):
        r = fma(n, like(x, part), r)
    s, c = turned(*sincos_reduced(r), bits(t) & like(bits(t), 3))
    return np.where(np.signbit(x), -s, s), c


TWO_BY_PI = int(tables.TWO_BY_PI_DIGITS, 16)
PLACES = 4 * len(tables.TWO_BY_PI_DIGITS)


def sincos_large(x):
    """One float64. The reduction in whole numbers of Python."""
    significand, exponent = int(np.frexp(abs(x))[0] * 2**53), int(np.frexp(x)[1]) - 53
    window = (TWO_BY_PI << 256 << exponent + 36) >> (PLACES + 256 + 36 - 190)
    turns = (significand * (window % 2**192) % 2**192) >> 64
    quadrant = (turns + 2**125) >> 126
    turns -= quadrant << 126
    rest, second = turns >> 64, turns % 2**64
    high = np.float64(rest)
    low = np.float64(rest - int(high)) + np.float64(second) * 2.0**-64
    high, low = high * 2.0**-62, low * 2.0**-62
    half_pi, middle = -tables.MINUS_HALF_PI[1], -tables.MINUS_HALF_PI_MIDDLE[1]
    r = fma(high, half_pi, fma(high, middle, low * half_pi))
    s, c = turned(*sincos_reduced(r), quadrant)
    return (-s if x < 0 else s), c


def sincos_quarter_turns(t):
    z = t * t
    s = fma(t, like(t, tables.HALF_PI), t * polynomial(z, tables.TURN_SIN))
    return s, fma(z, polynomial(z, tables.TURN_COS), like(t, 1))


@quiet
def sincos_turn32(word):
    word = word.astype(np.int64)
    quadrant = (word + 2**29) >> 30
    t = (word - (quadrant << 30)).astype(np.float32) * np.float32(2.0**-30)
    return turned(*sincos_quarter_turns(t), quadrant)


@quiet
def sincos_turn64(word):
    word = (word >> np.uint64(11)).astype(np.int64)
    quadrant = (word + 2**50) >> 51
    t = (word - (quadrant << 51)).astype(np.float64) * 2.0**-51
    return turned(*sincos_quarter_turns(t), quadrant)


@quiet
def erf(x):
    a = abs(x)
    near = fma(a, polynomial(a * a, tables.ERF), a)
    t = np.where(a > like(x, tables.ERF_ONE), like(x, tables.ERF_ONE), a)
    far = -expm1_moderate(polynomial(t, tables.LOG_ERFC))
    return with_sign(x, np.where(a < 1, near, far))
