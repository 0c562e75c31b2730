"""The Mersenne Twister, and fills that follow torch 2.13 on x86 to the bit.

MT19937 (Matsumoto and Nishimura 1998, "Mersenne twister: a 623-dimensionally equidistributed
uniform pseudo-random number generator") draws 32-bit words in sequence from a state of 624. Here
words are drawn a batch at a time into a small buffer, then made into numbers, so that both loops
vectorise; the sequence is that of one word after the other.

Elements are drawn in the order in which they lie in memory, as torch's are. Which words an element
takes, and each rounding on the way, are torch's:

    uniform      one word, its low 24 bits; float64 takes two, the low 53 bits of both
    normal       below 16 elements, or not contiguous: in double precision from four words a pair,
                 whose second half waits in the state for the next call; else in blocks of 16 from
                 their uniforms, the last block anew where the size is no multiple of 16
    bernoulli    two words: 53 bits below p
    exponential  two words: -log(1 - u) / rate in double precision
    integers     one word modulo the range, two for a range of 2**28 or more
    permutation  Fisher and Yates's shuffle, one word modulo what is left a swap

In float32 uniforms and blocks of normals have torch's bits. What torch takes from the C library in
double precision (log1p, log, sin, cos) comes from `numeric.py` here, and differs by at most a few
units in float64's last place. Rounded to float32 that shows about once in 1e8 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float32, float64, int32, int64, uint32, uint64

from minnet.kernels.cpu import pointwise
from minnet.kernels.jit import Kernel, block, device, kernel, named
from minnet.kernels.numeric import bits, log, log1p, sincos, value
from minnet.kernels.simd import fma

WORDS = 624  # of the state
SHIFTED = 397
UPPER, LOWER = uint32(0x80000000), uint32(0x7FFFFFFF)
MATRIX = uint32(0x9908B0DF)
BATCH = 2 * WORDS  # words in the buffer
PIECE = 1 << 22  # elements between two calls of `progress`

# The state is one uint32 array: the words, how many are left before the next 624 are made (and one
# more, as torch counts), the place of the next one, and as 64-bit numbers the words drawn so far,
# whether a normal waits for the next call, and that normal.
LEFT, NEXT = WORDS, WORDS + 1
DRAWN, WAITING, NORMAL = WORDS + 2, WORDS + 4, WORDS + 6
SIZE = WORDS + 8

Progress = Callable[[int, int], Any] | None


def seeded(seed: int) -> np.ndarray:
    """Return the state for a seed. Only its low 32 bits count."""
    state = np.zeros(SIZE, np.uint32)
    _seed(state, np.uint32(seed & 0xFFFFFFFF))
    return state


def state_of(
    words: np.ndarray, left: int, next: int, normal: float, has_normal: bool
) -> np.ndarray:
    """Return the state that torch describes by these numbers."""
    state = np.zeros(SIZE, np.uint32)
    state[:WORDS] = words
    state[LEFT], state[NEXT] = left, next
    state[WAITING:].view(np.float64)[:] = bool(has_normal), normal if has_normal else 0.0
    return state


def fields(state: np.ndarray) -> dict[str, Any]:
    """Return the numbers that `state_of` takes, by name."""
    has_normal, normal = state[WAITING:].view(np.float64)
    return {
        "words": state[:WORDS],
        "left": state[LEFT],
        "next": state[NEXT],
        "normal": normal if has_normal else 0.0,
        "has_normal": has_normal,
    }


def drawn(state: np.ndarray) -> int:
    """Return how many words have been drawn since the state was made."""
    return int(state[DRAWN:WAITING].view(np.uint64)[0])


@kernel
def _seed(state, seed):
    state[0] = seed
    for i in range(1, WORDS):
        x = state[i - 1] ^ (state[i - 1] >> uint32(30))
        state[i] = uint32(uint32(1812433253) * x) + uint32(i)
    state[LEFT] = 1


# Words


@device
def _twisted(u: Any, v: Any, far: Any) -> Any:
    y = uint32((u & UPPER) | (v & LOWER))
    odd = uint32(uint32(0) - uint32(v & uint32(1)))
    return uint32(far ^ (y >> uint32(1)) ^ (odd & MATRIX))


@block
def _twist(words):
    """Make the next 624 words. In each of three ranges no word depends on another of the range."""
    for i in range(WORDS - SHIFTED):
        words[i] = _twisted(words[i], words[i + 1], words[i + SHIFTED])
    for i in range(WORDS - SHIFTED, 2 * (WORDS - SHIFTED)):
        words[i] = _twisted(words[i], words[i + 1], words[i - (WORDS - SHIFTED)])
    for i in range(2 * (WORDS - SHIFTED), WORDS - 1):
        words[i] = _twisted(words[i], words[i + 1], words[i - (WORDS - SHIFTED)])
    words[WORDS - 1] = _twisted(words[WORDS - 1], words[0], words[SHIFTED - 1])


@block
def _draw(state, out):
    """Fill a uint32 array with the next words."""
    n = out.size
    done = 0
    while done < n:
        if state[LEFT] == 1:
            _twist(state)
            state[LEFT], state[NEXT] = WORDS + 1, 0
        start = int64(state[NEXT])
        count = min(int64(state[LEFT]) - 1, n - done)
        source = state[start : start + count]
        target = out[done : done + count]
        for i in range(count):
            y = source[i]
            y ^= y >> uint32(11)
            y ^= uint32(y << uint32(7)) & uint32(0x9D2C5680)
            y ^= uint32(y << uint32(15)) & uint32(0xEFC60000)
            target[i] = y ^ (y >> uint32(18))
        state[LEFT] -= uint32(count)
        state[NEXT] += uint32(count)
        done += count
    state[DRAWN:WAITING].view(np.uint64)[0] += uint64(n)


@kernel
def _skip(state, count):
    _draw(state, np.empty(count, np.uint32))


@device
def _one(words: Any, i: Any) -> Any:
    return words[i]


@device
def _two(words: Any, i: Any) -> Any:
    return (uint64(words[2 * i]) << uint64(32)) | uint64(words[2 * i + 1])


@device
def _unit32(word: Any) -> Any:
    """Return a uint32 as a float32 in [0, 1): its 24 low bits."""
    return float32(int32(word & uint32(0xFFFFFF))) * float32(2.0**-24)


@device
def _unit64(word: Any) -> Any:
    """Return a uint64 as a float64 in [0, 1): its 53 low bits."""
    return float64(int64(word & uint64((1 << 53) - 1))) * float64(2.0**-53)


# Fills of a contiguous array. An element is a function of one word, a uint32, or of two, a uint64.


def _filling(word: Any, function: Any) -> Kernel:
    words = 1 if word is _one else 2
    count = BATCH // words
    number = device(function)

    def fill(out, state, *numbers):
        buffer = np.empty(BATCH, np.uint32)
        for start in range(0, out.size, count):
            part = out[start : start + count]
            _draw(state, buffer[: words * part.size])
            for i in range(part.size):
                part[i] = number(word(buffer, i), *numbers)

    return kernel(named(fill, function.__name__))


def _uniform32(word, low, span, high):
    x = fma(_unit32(word), span, low)
    return low if x == high else x


def _uniform64(word, low, span, high):
    x = fma(_unit64(word), span, low)
    return low if x == high else x


def _bernoulli(word, p):
    return 1 if _unit64(word) < p else 0


def _exponential(word, scale):
    return scale * log1p(-_unit64(word))


def _integers(word, low, span):
    return low + int64(word % uint32(span))


def _wide_integers(word, low, span):
    return low + int64(word if span == uint64(0) else word % span)  # 0 is 2**64


_fill_uniform32, _fill_uniform64 = _filling(_one, _uniform32), _filling(_two, _uniform64)
_fill_bernoulli, _fill_exponential = _filling(_two, _bernoulli), _filling(_two, _exponential)
_fill_integers, _fill_wide = _filling(_one, _integers), _filling(_two, _wide_integers)


@kernel
def _permutation(out, state):
    n = out.size
    for i in range(n):
        out[i] = i
    buffer = np.empty(BATCH, np.uint32)
    for start in range(0, n - 1, BATCH):
        count = min(BATCH, n - 1 - start)
        _draw(state, buffer[:count])
        for i in range(start, start + count):
            j = i + int64(buffer[i - start] % uint32(n - i))
            out[i], out[j] = out[j], out[i]


@kernel
def _long_permutation(out, state):
    """Where 32 bits are too few: each number in turn goes to a place among those before it."""
    buffer = np.empty(2, np.uint32)
    for i in range(out.size):
        _draw(state, buffer)
        z = int64(_two(buffer, 0) % uint64(i + 1))
        out[i] = i
        out[i], out[z] = out[z], out[i]


# Normals (Box and Muller 1958)


@kernel
def _normal_pairs(out, state, mean, std):
    """One after the other in double precision; the second of a pair waits for the next call."""
    waiting = state[WAITING:SIZE].view(np.float64)
    buffer = np.empty(4, np.uint32)
    for i in range(out.size):
        if waiting[0] != 0.0:
            waiting[0] = 0.0
            z = waiting[1]
        else:
            _draw(state, buffer)
            u1, u2 = _unit64(_two(buffer, 0)), _unit64(_two(buffer, 1))
            r = math.sqrt(float64(-2.0) * log1p(-u2))
            sin, cos = sincos(float64(2.0 * math.pi) * u1)
            waiting[0], waiting[1] = 1.0, r * sin
            z = r * cos
        out[i] = fma(z, std, mean)


# The logarithm, sine and cosine of the Cephes library (Moshier) as torch's AVX2 code computes them:
# which products are fused is part of the result.


# Of log(1 + x), from the power 11 down to 3
CEPHES_LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)


@device
def _cephes_log(x: Any) -> Any:
    """Return the natural logarithm of a positive, finite, normal float32."""
    word = bits(x)
    e = float32(int32(word >> uint32(23)) - int32(126))
    m = value(uint32((word & uint32(0x7FFFFF)) | uint32(0x3F000000)))
    small = m < float32(0.707106781186547524)
    e = e - float32(1.0) if small else e
    x = m - float32(1.0)
    x = x + m if small else x
    z = x * x
    y = float32(0)
    for coefficient in CEPHES_LOG:
        y = fma(y, x, float32(coefficient))
    y = fma(x * y, z, e * float32(-2.12194440e-4))
    y = y - z * float32(0.5)
    return fma(e, float32(0.693359375), x + y)


@device
def _cephes_sincos(x: Any) -> Any:
    """Return the sine and the cosine of a float32 in [0, 2 pi]."""
    j = (int32(x * float32(1.27323954473516)) + int32(1)) & int32(~1)
    y = float32(int32(j))
    x = fma(y, float32(-0.78515625), x)
    x = fma(y, float32(-2.4187564849853515625e-4), x)
    x = fma(y, float32(-3.77489497744594108e-8), x)
    z = x * x
    c = fma(float32(2.443315711809948e-5), z, float32(-1.388731625493765e-3))
    c = z * fma(c, z, float32(4.166664568298827e-2))
    c = fma(c, z, z * float32(-0.5)) + float32(1.0)
    s = fma(float32(-1.9515295891e-4), z, float32(8.3321608736e-3))
    s = z * fma(s, z, float32(-1.6666654611e-1))
    s = fma(s, x, x)
    swap = int32(j & int32(2)) != int32(0)
    sin, cos = (c if swap else s), (s if swap else c)
    sin = -sin if int32(j & int32(4)) != int32(0) else sin
    cos = -cos if int32((j + int32(2)) & int32(4)) != int32(0) else cos
    return sin, cos


@device
def _normal_pair32(u1: Any, u2: Any) -> Any:
    r = np.sqrt(float32(-2.0) * _cephes_log(float32(1.0) - u1))
    sin, cos = _cephes_sincos(float32(2.0 * math.pi) * u2)
    return r * cos, r * sin


@device
def _normal_pair64(u1: Any, u2: Any) -> Any:
    r = np.sqrt(float64(-2.0) * log(float64(1.0) - u1))
    sin, cos = sincos(float64(2.0 * math.pi) * u2)
    return r * cos, r * sin


@kernel
def _normal_blocks32(out, state, mean, std):
    """Blocks of 16: the first 8 uniforms give the radii of 8 pairs, the others their angles."""
    buffer = np.empty(BATCH, np.uint32)
    radii, angles = np.empty(WORDS, np.uint32), np.empty(WORDS, np.uint32)
    near, far = np.empty(WORDS, np.float32), np.empty(WORDS, np.float32)
    for start in range(0, out.size, BATCH):
        part = out[start : start + BATCH]
        half = part.size // 2
        _draw(state, buffer[: part.size])
        # A loop over the 8 pairs of a block alone would not vectorise.
        for i in range(0, half, 8):
            for j in range(8):
                radii[i + j] = buffer[2 * i + j]
                angles[i + j] = buffer[2 * i + 8 + j]
        for i in range(half):
            x, y = _normal_pair32(_unit32(radii[i]), _unit32(angles[i]))
            near[i] = fma(x, std, mean)
            far[i] = fma(y, std, mean)
        for i in range(0, half, 8):
            for j in range(8):
                part[2 * i + j] = near[i + j]
                part[2 * i + 8 + j] = far[i + j]


@kernel
def _normal_blocks64(out, state, mean, std):
    buffer = np.empty(BATCH, np.uint32)
    for start in range(0, out.size, WORDS):
        part = out[start : start + WORDS]
        _draw(state, buffer[: 2 * part.size])
        for first in range(0, part.size, 16):
            words = buffer[2 * first : 2 * first + 32]
            for i in range(8):
                x, y = _normal_pair64(_unit64(_two(words, i)), _unit64(_two(words, i + 8)))
                part[first + i] = fma(x, std, mean)
                part[first + 8 + i] = fma(y, std, mean)


# Any array


def _fill(array: np.ndarray, progress: Progress, fill: Kernel, *arguments: Any) -> None:
    """Fill an array by calls of a kernel on its elements, in the order in which they lie in memory.

    Floats of 16 bits are drawn as float32 and rounded.
    """
    array = np.asarray(array)  # of a memmap
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    half = _is_half(array.dtype)
    ordered = array if array.flags.c_contiguous else _by_memory(array)
    direct = ordered.flags.c_contiguous and not half
    flat = (
        ordered.reshape(-1) if direct else np.empty(array.size, np.float32 if half else array.dtype)
    )
    if progress is None or flat.size <= PIECE:
        fill(flat, *arguments)
    else:
        for start in range(0, flat.size, PIECE):
            part = flat[start : start + PIECE]
            fill(part, *arguments)
            progress(start + part.size, flat.size)
    if not direct:
        ordered[...] = flat.reshape(ordered.shape)


def _by_memory(array: np.ndarray) -> np.ndarray:
    """Return the array with its axes in order of falling strides."""
    strides = [abs(stride) for stride in array.strides]
    return array.transpose(sorted(range(array.ndim), key=lambda axis: -strides[axis]))


def _is_half(dtype: np.dtype) -> bool:
    return dtype.itemsize == 2 and dtype.kind in "fV"  # bfloat16's kind is V


def _real(dtype: np.dtype) -> Any:
    return np.float64 if dtype.itemsize == 8 else np.float32


def uniform(
    array: np.ndarray, state: np.ndarray, low: float, high: float, progress: Progress = None
) -> None:
    """Fill a float array with U[low, high): one fma, and `low` in place of the upper end."""
    real = _real(array.dtype)
    a, b = real(low), real(high)
    fill = _fill_uniform64 if real is np.float64 else _fill_uniform32
    _fill(array, progress, fill, state, a, b - a, b)
    if _is_half(array.dtype):
        array[array == array.dtype.type(high)] = array.dtype.type(low)


def normal(
    array: np.ndarray, state: np.ndarray, mean: float, std: float, progress: Progress = None
) -> None:
    """Fill a float array with N(mean, std²)."""
    if array.size < 16 or not array.flags.c_contiguous:
        _fill(array, progress, _normal_pairs, state, np.float64(mean), np.float64(std))
        return
    real = _real(array.dtype)
    blocks = _normal_blocks64 if real is np.float64 else _normal_blocks32
    args = (state, real(mean), real(std))
    flat = array.reshape(-1)
    rest = flat.size % 16
    report = progress and (lambda done, total: progress(done + rest * (done == total), flat.size))
    _fill(flat[: flat.size - rest], report, blocks, *args)
    if rest:
        if not _is_half(array.dtype):  # torch has drawn their uniforms
            _skip(state, rest * array.itemsize // 4)
        _fill(flat[-16:], None, blocks, *args)


def trunc_normal(
    array: np.ndarray,
    state: np.ndarray,
    mean: float,
    std: float,
    a: float,
    b: float,
    progress: Progress = None,
) -> None:
    """Fill a float array with N(mean, std²) truncated to [a, b], by rejection of whole tensors.

    Every round draws a number for each element, and those still to be replaced take theirs. The
    proposals are normal where [a, b] holds more than 0.3 of the distribution, else uniform. Their
    chance to stay needs a float32 logarithm, which is rounded correctly here and is off by a unit
    in the last place for one number of 13 in torch: about one decision in 1e8 differs.
    """
    real = array.dtype.type
    fresh = np.empty_like(array)
    if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
        low, high = real(a), real(b)
        normal(array, state, mean, std, progress)
        while (outside := (array < low) | (array > high)).any():
            normal(fresh, state, mean, std)
            np.copyto(array, fresh, where=outside)
        return
    mode = max(a, min(mean, b))
    peak = real(-0.5 * ((mode - mean) / std) ** 2)
    pending = np.ones(array.shape, bool)
    while pending.any():
        uniform(fresh, state, a, b, progress)
        progress = None  # the first round is the one that is sure to come
        np.copyto(array, fresh, where=pending)
        z = ((fresh - real(mean)) / _real(array.dtype)(std)).astype(array.dtype)
        density = z * z * real(-0.5) - peak
        uniform(fresh, state, 0.0, 1.0)
        logarithm = pointwise.log(fresh.astype(np.float64)).astype(array.dtype)
        pending &= logarithm > density


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def bernoulli(array: np.ndarray, state: np.ndarray, p: float, progress: Progress = None) -> None:
    """Fill an array with 1 with probability `p`, else 0."""
    _fill(array, progress, _fill_bernoulli, state, np.float64(p))


def exponential(
    array: np.ndarray, state: np.ndarray, rate: float, progress: Progress = None
) -> None:
    """Fill a float array with numbers of density rate · exp(-rate · x)."""
    _fill(array, progress, _fill_exponential, state, np.float64(-1.0 / rate))


def integers(
    array: np.ndarray, state: np.ndarray, low: int, high: int, progress: Progress = None
) -> None:
    """Fill an array with whole numbers from [low, high)."""
    span = high - low
    fill = _fill_wide if span >= 1 << 28 else _fill_integers
    _fill(array, progress, fill, state, np.int64(low), np.uint64(span % (1 << 64)))


def integers32(
    array: np.ndarray, state: np.ndarray, low: int, high: int, progress: Progress = None
) -> None:
    """Fill an array with whole numbers from [low, high), each of one word; at most 2**31."""
    _fill(array, progress, _fill_integers, state, np.int64(low), np.uint64(high - low))


def permutation(n: int, state: np.ndarray) -> np.ndarray:
    """Return a random order of 0 … n - 1 as int64."""
    out = np.empty(n, np.int64)
    (_permutation if n < 0xFFFFFFFF // 20 else _long_permutation)(out, state)
    return out


def word64(state: np.ndarray) -> int:
    """Return the next two words as one whole number below 2**64."""
    out = np.empty(1, np.int64)
    _fill_wide(out, state, np.int64(0), np.uint64(0))
    return int(out.view(np.uint64)[0])
