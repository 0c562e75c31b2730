"""Elementary functions of one float32 or float64: exp log sincos tanh erf and their kin.

Each is a fixed sequence of IEEE operations and explicit fmas without a branch, so a loop over it
vectorises and its bits are the same on every machine. (libm and NumPy's loops differ from one
machine to the next, and a call of libm does not vectorise.)

One source serves both precisions: `like` and `polynomial` pick a constant by the type of their
first argument. Of a pair, the first is float32's and the second float64's. The polynomials are
minimax fits made for this file (Remez's exchange, weighted for the relative error of the function,
the coefficients rounded afterwards), highest power first. Range reduction is Cody and Waite's
(1980, "Software Manual for the Elementary Functions"), with fma.

NaN, infinities, signed zeros and subnormals are IEEE's. The largest errors measured, in ulp
(float32 over every 97th of all bit patterns; float64 over a million numbers of all magnitudes):

              exp  expm1  log  log1p  sin  cos  tanh  sigmoid  erf
    float32   1.0   1.5   1.6   1.7   1.6  1.6   2.0    2.0    1.1
    float64   1.1   2.1   2.2   2.3   1.5  1.5   2.2    2.0    1.1
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from minnet.kernels.jit import device
from minnet.kernels.simd import fma, fma_function

# Constants and bits by type

SINGLE = (types.float32, types.uint32, types.int32)
BITS = {types.float32: types.uint32, types.float64: types.uint64}
FLOAT = {types.uint32: types.float32, types.uint64: types.float64}


@intrinsic
def like(typingctx: Any, x: Any, value: Any) -> Any:
    """Return `value` in the type of `x`; of a pair, the first for 32 bits and the second for 64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, chosen = value, args[1]
        if isinstance(value, types.BaseTuple):
            index = 0 if x in SINGLE else 1
            kind, chosen = value[index], builder.extract_value(args[1], index)
        return context.cast(builder, chosen, kind, x)

    return x(x, value), codegen


def by_size(single: Any, double: Any) -> Any:
    """Return a function of compiled code: `single` where its first argument has 32 bits, or not."""

    def chosen(*args: Any) -> Any:
        raise NotImplementedError("this is for compiled code")

    @overload(chosen, strict=False, jit_options={"error_model": "numpy"})
    def choose(x: Any, *others: Any) -> Any:
        return single if x.bitwidth == 32 else double

    return chosen


@intrinsic
def all_like(typingctx: Any, x: Any, values: Any) -> Any:
    """Return the numbers of a tuple in the type of `x`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [builder.extract_value(args[1], i) for i in range(len(values))]
        cast = [
            context.cast(builder, part, kind, x) for part, kind in zip(parts, values, strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, cast)

    return types.UniTuple(x, len(values))(x, values), codegen


@intrinsic
def polynomial(typingctx: Any, x: Any, table: Any) -> Any:
    """Return a polynomial in x: `table[0]` for float32, `table[1]` for float64.

    Up to four coefficients go by Horner's scheme. More go by Estrin's (1960): from the lowest power
    up, neighbours join in an fma with x, the results in an fma with x², and so on. What bounds a
    loop over these functions is the length of their chains, and Estrin's is a logarithm of
    Horner's (measured: a logarithm takes 0.85 of the time).
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index = 0 if x in SINGLE else 1
        step = fma_function(builder.module, args[0].type)
        row = builder.extract_value(args[1], index)
        terms = [
            context.cast(builder, builder.extract_value(row, i), types.float64, x)
            for i in reversed(range(len(table[index])))
        ]
        power = args[0]
        if len(terms) <= HORNER:
            while len(terms) > 1:
                high = terms.pop()
                terms[-1] = builder.call(step, [high, power, terms[-1]])
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [builder.call(step, [high, power, low]) for low, high in pairs]
            terms = joined + terms[len(terms) & ~1 :]
            power = builder.fmul(power, power)
        return terms[0]

    return x(x, table), codegen


@intrinsic
def bits(typingctx: Any, x: Any) -> Any:
    """Return the bits of a float as an unsigned integer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(BITS[x]))

    return BITS[x](x), codegen


@intrinsic
def value(typingctx: Any, word: Any) -> Any:
    """Return the float that has these bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(FLOAT[word]))

    return FLOAT[word](word), codegen


@intrinsic
def product(typingctx: Any, x: Any, y: Any) -> Any:
    """Return x * y, rounded on its own whatever it is added to. Both of one float type.

    CUDA's compilers contract a product and a sum to an fma, and the CPU's never do.
    """
    if x != y or x not in BITS:
        raise TypeError(f"product expects two float32 or two float64, got {x}, {y}")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not builder.module.triple.startswith("nvptx"):
            return builder.fmul(*args)
        scalar = args[0].type
        name = "llvm.nvvm.mul.rn." + ("f" if isinstance(scalar, ir.FloatType) else "d")
        kind = ir.FunctionType(scalar, [scalar] * 2)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return x(x, y), codegen


HORNER = 4  # coefficients, up to which a polynomial is evaluated from the highest down

FRACTION_BITS = (23, 52)
FRACTION = (0x7FFFFF, 0xFFFFFFFFFFFFF)
SIGN = (0x80000000, 0x8000000000000000)
SIGN_FROM_BIT_1 = (30, 62)
BIAS = (127, 1023)
SMALLEST_NORMAL = (2.0**-126, 2.0**-1022)

# t = v + ROUND has round(v) in its lowest bits, and t - ROUND is round(v).
ROUND = (1.5 * 2.0**23, 1.5 * 2.0**52)
ROUND_BITS = (0x4B400000, 0x4338000000000000)


@device
def _with_sign(x: Any, y: Any) -> Any:
    """Return y, whose sign is plus, with the sign of x."""
    word = bits(x)
    return value(like(word, bits(y) | (word & like(word, SIGN))))


# exp and what is made of it

LOG2_E = (1.4426950216293335, 1.4426950408889634)
MINUS_LN2 = (-0.6931471824645996, -0.6931471805599453)
MINUS_LN2_LOW = (1.9046542121259336e-09, -2.3190468138462996e-17)
# (exp(r) - 1 - r) / r^2 on |r| <= 0.35
EXP = (
    (
        0.00019845047791022807, 0.0013941655633971095, 0.00833339337259531, 0.04166634753346443,
        0.1666666567325592, 0.5,
    ),
    (
        2.087531327393443e-09, 2.511011128399452e-08, 2.755740594460647e-07, 2.755724136478064e-06,
        2.4801587164767567e-05, 0.00019841269888688025, 0.0013888888888968327, 0.008333333333320737,
        0.04166666666666649, 0.16666666666666677, 0.5,
    ),
)  # fmt: skip
EXP_LOW = (-104.0, -746.0)  # below, exp is 0
EXP_HIGH = (89.0, 710.0)  # above, it is infinite
EXPM1_LOW = (-18.0, -40.0)  # below, expm1 is -1


@device
def _exp_reduced(x: Any) -> Any:
    """Return n as bits (over those of ROUND) and expm1(r), where x = n ln 2 + r and |r| <= 0.35."""
    t = fma(x, like(x, LOG2_E), like(x, ROUND))
    n = t - like(x, ROUND)
    r = fma(n, like(x, MINUS_LN2_LOW), fma(n, like(x, MINUS_LN2), x))
    return bits(t), fma(r * r, polynomial(r, EXP), r)


@device
def _power_of_two(biased: Any) -> Any:
    return value(like(biased, biased << like(biased, FRACTION_BITS)))


@device
def _two_powers(word: Any) -> Any:
    """Return 2**n as a product, since n runs past the exponents: e**x is then rounded only once."""
    n = like(word, word - like(word, ROUND_BITS) + like(word, BIAS) + like(word, BIAS))
    half = like(word, n >> like(word, 1))
    return _power_of_two(half), _power_of_two(like(word, n - half))


@device
def exp(x: Any) -> Any:
    """Return e**x."""
    x = like(x, EXP_HIGH) if x > like(x, EXP_HIGH) else x
    x = like(x, EXP_LOW) if x < like(x, EXP_LOW) else x
    word, y = _exp_reduced(x)
    first, second = _two_powers(word)
    return (y + like(x, 1.0)) * first * second


@device
def expm1(x: Any) -> Any:
    """Return e**x - 1, accurate near 0."""
    a = like(x, EXP_HIGH) if x > like(x, EXP_HIGH) else x
    a = like(x, EXPM1_LOW) if a < like(x, EXPM1_LOW) else a
    word, y = _exp_reduced(a)
    # Half the result, as 2**n itself would overflow where the result does not.
    half = _power_of_two(
        like(word, word - like(word, ROUND_BITS) + like(word, BIAS) - like(word, 1))
    )
    y = fma(half, y, half - like(x, 0.5)) * like(x, 2.0)
    return x if abs(x) < like(x, SMALLEST_NORMAL) else y


@device
def _expm1_moderate(x: Any) -> Any:
    """Return e**x - 1 where |x| <= 60."""
    word, y = _exp_reduced(x)
    scale = _power_of_two(like(word, word - like(word, ROUND_BITS) + like(word, BIAS)))
    return fma(scale, y, scale - like(x, 1.0))


TANH_ONE = (9.1, 19.1)  # above, tanh rounds to 1


@device
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    a = abs(x)
    a = like(x, TANH_ONE) if a > like(x, TANH_ONE) else a
    y = _expm1_moderate(a + a)
    below = y + like(x, 2.0)
    t = y / below
    # Undo the rounding of the denominator, which weighs most near 0. 1 / below is (1 - t) / 2.
    lost = y - (below - like(x, 2.0)) if y < like(x, 2.0) else like(x, 0.0)
    return _with_sign(x, fma(t * lost, fma(t, like(x, 0.5), like(x, -0.5)), t))


@device
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e**-x), to full relative accuracy on both sides."""
    right = x >= like(x, 0.0)
    a = -abs(x)
    word, y = _exp_reduced(like(x, EXP_LOW) if a < like(x, EXP_LOW) else a)
    first, second = _two_powers(word)
    scale = first * second
    # e**-|x| = scale (1 + y) enters both sides of the fraction unrounded.
    q = (like(x, 1.0) if right else first) / fma(scale, y, scale + like(x, 1.0))
    return q if right else fma(q, y, q) * second


# log and log1p

LN2 = (0.6931471824645996, 0.6931471805599453)
SQRT_HALF_BITS = (0x3F3504F3, 0x3FE6A09E667F3BCD)
ONE_BITS = (0x3F800000, 0x3FF0000000000000)
TO_NORMAL = (2.0**23, 2.0**54)
TO_NORMAL_LOG2 = (23.0, 54.0)
WHOLE = (2.0**23, 2.0**52)  # an integer below it, put into its fraction bits, is added to it
WHOLE_BITS = (0x4B000000, 0x4330000000000000)
# float32: (log(1 + f) - f + f^2 / 2) / f^3 on sqrt(1/2) - 1 <= f <= sqrt(2) - 1;
# float64: (2 artanh(s) - 2 s) / s^3 in s^2, on |s| <= 0.172
LOG = (
    (
        -0.07634946703910828, 0.12761808931827545, -0.13160118460655212, 0.1420171856880188,
        -0.1662335991859436, 0.20001228153705597, -0.2500081956386566, 0.3333333134651184,
    ),
    (
        0.14797059882186586, 0.15313949010739014, 0.18183567908755421, 0.2222219851211161,
        0.28571428742900645, 0.3999999999941278, 0.6666666666666735,
    ),
)  # fmt: skip


def _log_sum_single(f: Any, whole: Any, factor: Any) -> Any:
    z = f * f
    return fma(z * factor, fma(f, polynomial(f, LOG), np.float32(-0.5)), whole)


def _log_sum_double(f: Any, whole: Any, factor: Any) -> Any:
    # FDLIBM's form: a division and 7 coefficients cost less than a polynomial in f with 20.
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    return fma(s * factor, fma(z, polynomial(z, LOG), half), fma(half, -factor, whole))


# whole + factor (log(1 + f) - f) where sqrt(1/2) <= 1 + f <= sqrt(2)
_log_sum = by_size(_log_sum_single, _log_sum_double)


@device
def _split(x: Any) -> Any:
    """Return the biased exponent and the significand in [sqrt(1/2), sqrt(2)) of a normal x > 0."""
    word = bits(x)
    word = like(word, word + like(word, ONE_BITS) - like(word, SQRT_HALF_BITS))
    significand = like(word, (word & like(word, FRACTION)) + like(word, SQRT_HALF_BITS))
    return like(word, word >> like(word, FRACTION_BITS)), value(significand)


@device
def _log_joined(biased: Any, bias: Any, f: Any, factor: Any) -> Any:
    """Return factor ((biased - bias) ln 2 + log(1 + f)), where the factor is a power of 2."""
    # AVX2 has no conversion of 64-bit integers.
    k = value(like(biased, biased | like(biased, WHOLE_BITS))) - (like(f, WHOLE) + like(f, bias))
    return _log_sum(f, fma(k, like(f, LN2) * factor, f * factor), factor)


@device
def log_normal(x: Any) -> Any:
    """Return the natural logarithm of a positive, finite, normal x: `log` without special cases."""
    return log_fraction(x, 0.0, 1.0)


@device
def log_fraction(x: Any, bits: Any, factor: Any) -> Any:
    """Return factor log(x / 2**bits) of a positive, finite, normal x; the factor is a power of 2.

    What scales x and the result goes into constants, off the chain that a loop waits for.
    """
    biased, m = _split(x)
    return _log_joined(biased, like(x, BIAS) + like(x, bits), m - like(x, 1.0), like(x, factor))


@device
def _log_special(x: Any, u: Any, y: Any) -> Any:
    """Return y, or what IEEE says of the logarithm of u where that is not a finite number."""
    y = -like(x, np.inf) if u == like(x, 0.0) else y
    y = like(x, np.nan) if u < like(x, 0.0) else y
    return y if u < like(x, np.inf) else x


@device
def log(x: Any) -> Any:
    """Return the natural logarithm."""
    small = x < like(x, SMALLEST_NORMAL)
    biased, m = _split(x * like(x, TO_NORMAL) if small else x)
    bias = like(x, BIAS) + (like(x, TO_NORMAL_LOG2) if small else like(x, 0.0))
    return _log_special(x, x, _log_joined(biased, bias, m - like(x, 1.0), like(x, 1.0)))


LOG1P_HUGE = (2.0**26, 2.0**55)  # above, 1 + x rounds to x


@device
def log1p(x: Any) -> Any:
    """Return log(1 + x), accurate near 0."""
    u = like(x, 1.0) + x
    biased, m = _split(u)
    # (1 + x) / 2**k - 1 from x itself, as u has lost its low bits.
    scale = _power_of_two(like(biased, like(biased, BIAS) + like(biased, BIAS) - biased))
    f = fma(scale, x, scale - like(x, 1.0))
    f = m - like(x, 1.0) if x > like(x, LOG1P_HUGE) else f
    y = _log_special(x, u, _log_joined(biased, BIAS, f, like(x, 1.0)))
    return x if x == like(x, 0.0) else y  # -0


# sin and cos

TWO_BY_PI = (0.6366197466850281, 0.6366197723675814)
MINUS_HALF_PI = (-1.5707963705062866, -1.5707963267948966)
MINUS_HALF_PI_MIDDLE = (4.371138828673793e-08, -6.123233995736766e-17)
MINUS_HALF_PI_LOW = (1.7151245100058819e-15, 1.4973849048591698e-33)
SINCOS_LIMIT = 1e5
# (sin(r) - r) / r^3 in r^2, on |r| <= 0.79
SIN = (
    (
        -0.0001950874284375459, 0.008332112804055214, -0.16666653752326965,
    ),
    (
        1.5892961187647158e-10, -2.50506924679591e-08, 2.7557313275989696e-06,
        -0.00019841269828618763, 0.00833333333332094, -0.16666666666666627,
    ),
)  # fmt: skip
# (cos(r) - 1 + r^2 / 2) / r^4 in r^2, on |r| <= 0.79
COS = (
    (
        2.4425662559224293e-05, -0.0013887251261621714, 0.04166664555668831,
    ),
    (
        -1.135626653808723e-11, 2.0875657575728083e-09, -2.755731386561277e-07,
        2.4801587287783338e-05, -0.0013888888888871377, 0.04166666666666658,
    ),
)  # fmt: skip


@device
def _turned(s: Any, c: Any, quadrant: Any) -> Any:
    """Return the sine and cosine a number of quarter turns further on."""
    one, two = like(quadrant, 1), like(quadrant, 2)
    odd = like(quadrant, quadrant & one) != like(quadrant, 0)
    sine, cosine = (c if odd else s), (s if odd else c)
    # Bit 1 of the quadrant (of the next one for the cosine) is the sign.
    top = like(quadrant, SIGN_FROM_BIT_1)
    sine = value(like(quadrant, bits(sine) ^ like(quadrant, (quadrant & two) << top)))
    turned = like(quadrant, like(quadrant, (quadrant + one) & two) << top)
    return sine, value(like(quadrant, bits(cosine) ^ turned))


@device
def _sincos_reduced(r: Any) -> Any:
    z = r * r
    s = fma(r * z, polynomial(z, SIN), r)
    return s, fma(z, fma(z, polynomial(z, COS), like(r, -0.5)), like(r, 1.0))


@device
def sincos(x: Any) -> Any:
    """Return the sine and the cosine of x where |x| <= SINCOS_LIMIT; NaN for infinities and NaN."""
    a = abs(x)
    t = fma(a, like(x, TWO_BY_PI), like(x, ROUND))
    n = t - like(x, ROUND)
    r = fma(n, like(x, MINUS_HALF_PI), a)  # exact
    r = fma(n, like(x, MINUS_HALF_PI_LOW), fma(n, like(x, MINUS_HALF_PI_MIDDLE), r))
    s, c = _sincos_reduced(r)
    s, c = _turned(s, c, bits(t))
    return value(like(bits(x), bits(s) ^ (bits(x) & like(bits(x), SIGN)))), c


# The first 1216 bits of 2/pi after the point, and in words of 32, after 64 zeros
TWO_BY_PI_DIGITS = (
    "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424D"
    "D2E006492EEA09D1921CFE1DEB1CB129A73EE88235F52EBB4484E99C7026B45F7E413991D639"
    "835339F49C845F8BBDF9283B1FF897FFDE05980FEF2F118B5A0A6D1F6D367ECF27CB09B74F46"
    "3F669E5FEA2D7527BAC7EBE5F17B3D0739F78A5292EA6BFB5FB11F8D5D0856033046FC7B6BAB"
)
TWO_BY_PI_WORDS = np.array(
    [0, 0, *(int(TWO_BY_PI_DIGITS[i : i + 8], 16) for i in range(0, len(TWO_BY_PI_DIGITS), 8))],
    np.uint64,
)


@device
def sincos_large(x: Any) -> Any:
    """Return the sine and the cosine of a finite float64 with |x| >= 65536.

    x is multiplied exactly by those bits of 2/pi that matter (Payne and Hanek 1983, "Radian
    reduction for trigonometric functions"). It has a loop and does not vectorise.
    """
    word = bits(x)
    exponent = types.int64((word >> types.uint64(52)) & types.uint64(0x7FF)) - 1075
    m = (word & types.uint64(0xFFFFFFFFFFFFF)) | types.uint64(1 << 52)  # |x| = m 2**exponent
    # 192 bits of 2**exponent 2/pi, from the bit worth 2 on down: those above make whole turns.
    start = exponent + 62
    shift = types.uint64(32 - (start & 31))
    low_32 = types.uint64(0xFFFFFFFF)
    m_low, m_high = m & low_32, m >> types.uint64(32)
    # m times them, a word at a time from the lowest; kept are the last four words, in 2 x 64 bits.
    first = second = carry = previous = types.uint64(0)
    for i in range(5, -1, -1):
        j = (start >> 5) + i
        pair = (TWO_BY_PI_WORDS[j] << types.uint64(32)) | TWO_BY_PI_WORDS[j + 1]
        limb = (pair >> shift) & low_32
        product = m_low * limb + carry
        other = m_high * previous + (product & low_32)
        carry = (product >> types.uint64(32)) + (other >> types.uint64(32))
        previous = limb
        second = (second >> types.uint64(32)) | (first << types.uint64(32))
        first = (first >> types.uint64(32)) | (other << types.uint64(32))
    # Quarter turns, with 2 bits before the point and 126 after it.
    quadrant = (first + types.uint64(1 << 61)) >> types.uint64(62)
    rest = types.int64(first - (quadrant << types.uint64(62)))
    high = types.float64(rest)
    low = fma(types.float64(second), 2.0**-64, types.float64(rest - types.int64(high)))
    high, low = high * 2.0**-62, low * 2.0**-62
    r = fma(high, like(x, MINUS_HALF_PI_MIDDLE), low * like(x, MINUS_HALF_PI))
    s, c = _sincos_reduced(-fma(high, like(x, MINUS_HALF_PI), r))
    s, c = _turned(s, c, quadrant)
    return -s if x < 0.0 else s, c


@device
def sincos_any(x: Any) -> Any:
    """Return the sine and the cosine of any x, with a branch: no loop over it vectorises."""
    if like(x, SINCOS_LIMIT) < abs(x) < like(x, np.inf):
        s, c = sincos_large(types.float64(x))
        return like(x, s), like(x, c)
    return sincos(x)


# Of an angle of t quarter turns, with HALF_PI as rounded: sin(t pi/2) / t - HALF_PI and
# (cos(t pi/2) - 1) / t^2, both in t^2, on |t| <= 1/2
HALF_PI = (1.5707963705062866, 1.5707963267948966)
TURN_SIN = (
    (
        -0.0046016257256269455, 0.07968002557754517, -0.6459634304046631, -4.880508441829079e-08,
    ),
    (
        5.633698179806556e-08, -3.598641597167318e-06, 0.000160441150251344, -0.004681754132277702,
        0.07969262624603932, -0.6459640975062443, 5.601576489982194e-17,
    ),
)  # fmt: skip
TURN_COS = (
    (
        0.0009037603158503771, -0.020860161632299423, 0.25366923213005066, -1.2337005138397217,
    ),
    (
        -6.321177142916683e-09, 4.710609468086437e-07, -2.5202036781962174e-05,
        0.0009192602741900931, -0.020863480763312493, 0.2536695079010468, -1.2337005501361697,
    ),
)  # fmt: skip


@device
def _sincos_quarter_turns(t: Any) -> Any:
    z = t * t
    s = fma(t, like(t, HALF_PI), t * polynomial(z, TURN_SIN))
    return s, fma(z, polynomial(z, TURN_COS), like(t, 1.0))


def _sincos_turn32(word: Any) -> Any:
    """Return the float32 sine and cosine of 2 pi word / 2**32, of a uint32."""
    quadrant = types.uint32(types.uint32(word + types.uint32(1 << 29)) >> types.uint32(30))
    rest = types.int32(types.uint32(word - types.uint32(quadrant << types.uint32(30))))
    s, c = _sincos_quarter_turns(types.float32(rest) * np.float32(2.0**-30))
    return _turned(s, c, quadrant)


def _sincos_turn64(word: Any) -> Any:
    """Return the float64 sine and cosine of 2 pi w / 2**53, for the top 53 bits w of a uint64."""
    word = word >> types.uint64(11)
    quadrant = (word + types.uint64(1 << 50)) >> types.uint64(51)
    # AVX2 has no conversion of 64-bit integers; below 2**51 in magnitude they fit over ROUND.
    rest = word - (quadrant << types.uint64(51)) + types.uint64(0x4338000000000000)
    t = (value(rest) - np.float64(1.5 * 2.0**52)) * np.float64(2.0**-51)
    s, c = _sincos_quarter_turns(t)
    return _turned(s, c, quadrant)


sincos_turn = by_size(_sincos_turn32, _sincos_turn64)


# erf

ERF_ONE = (4.0, 6.0)  # above, erf rounds to 1
# erf(x) / x - 1 in x^2, on |x| <= 1
ERF = (
    (
        7.853842544136569e-05, -0.0008010188466869295, 0.00518832728266716, -0.026853810995817184,
        0.1128358542919159, -0.3761262595653534, 0.12837916612625122,
    ),
    (
        -7.77944492984837e-10, 1.3710967630953326e-08, -1.6206310776114516e-07,
        1.6447131178214866e-06, -1.4924712269882882e-05, 0.00012055293575214966,
        -0.0008548325929257719, 0.005223977606117285, -0.026866170643111323, 0.11283791670944184,
        -0.3761263890318352, 0.12837916709551256,
    ),
)  # fmt: skip
# log(1 - erf(x)) on 1 <= x <= ERF_ONE
LOG_ERFC = (
    (
        -2.048318856395781e-05, 0.0004272473743185401, -0.004135351628065109, 0.0250232070684433,
        -0.10812756419181824, -0.6334892511367798, -1.1294424533843994, 0.00015914459072519094,
    ),
    (
        -4.756276295223471e-12, 1.9808926207958138e-10, -3.82375613242411e-09,
        4.5248563606599575e-08, -3.646909184876982e-07, 2.0894253356351565e-06,
        -8.478783088259601e-06, 2.222815065389399e-05, -1.8795947440486307e-05,
        -0.00013792117217121828, 0.0007750642106682895, -0.0019212848670568652,
        0.00041563003730990105, 0.018986623716918036, -0.10270158727581126, -0.6366442948349204,
        -1.1283739413865017, -5.181343658541838e-07,
    ),
)  # fmt: skip


@device
def erf(x: Any) -> Any:
    """Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    a = abs(x)
    near = fma(a, polynomial(a * a, ERF), a)
    t = like(x, ERF_ONE) if a > like(x, ERF_ONE) else a
    far = -_expm1_moderate(polynomial(t, LOG_ERFC))
    return _with_sign(x, near if a < like(x, 1.0) else far)
