"""Random fills: each a pure function of (seed, draw, element index).

Elements are laid out in runs of 1024 counters. The four words of a counter go to four *planes* of
1024 elements (two planes, of word pairs, for float64), because four stores at a distance vectorise
where four neighbouring ones do not. Any element can be computed alone, so a fill can start
anywhere: `start` is the index of the first element within a larger conceptual tensor.

A fill takes the key and the draw as the tuple `stream` = (k0, k1, c2, c3); see `philox.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float32, float64, int32, int64, prange, uint32, uint64

from minnet.kernels.jit import Kernel, block, device, kernel
from minnet.kernels.numeric import like, log_normal, sincos_turn32, sincos_turn64
from minnet.kernels.philox import philox4x32
from minnet.kernels.simd import fma

COUNTERS = 1024  # in a run
RUN32 = 4 * COUNTERS  # elements in a run, one word each
RUN64 = 2 * COUNTERS  # elements in a run, two words each
RETRY = uint32(16)  # an attempt stands above the 16 high bits of the counter's index
ATTEMPTS = 1 << 16

Stream = tuple[np.uint32, np.uint32, np.uint32, np.uint32]


def stream(seed: int, draw: int) -> Stream:
    """Return the key and the upper half of the counter for a 64-bit seed and draw number."""
    low = 0xFFFFFFFF
    words = (seed & low, seed >> 32 & low, draw & low, draw >> 32 & low)
    return tuple(np.uint32(w) for w in words)  # type: ignore[return-value]


# One counter's floats


@device
def unit32(word: Any) -> Any:
    """Return a uint32 as a float32 in [0, 1): its 24 high bits."""
    return float32(int32(word >> uint32(8))) * float32(2.0**-24)


@device
def unit64(high: Any, low: Any) -> Any:
    """Return two uint32 as a float64 in [0, 1): the 53 high bits."""
    word = (uint64(high) << uint64(32)) | uint64(low)
    return float64(int64(word >> uint64(11))) * float64(2.0**-53)


@device
def normal_pair32(radius: Any, angle: Any) -> Any:
    """Return two independent N(0, 1) in float32 (Box and Muller 1958).

    The radius is sqrt(-2 log u) with u = (word + 1) / 2³² in (0, 1]: all 32 bits count, so that
    tails reach 6.66 standard deviations, and the logarithm is never that of 0.
    """
    high = float32(int32(radius >> uint32(16)))
    low = float32(int32(radius & uint32(0xFFFF)) + int32(1))
    u = fma(high, float32(65536.0), low) * float32(2.0**-32)
    r = np.sqrt(float32(-2.0) * log_normal(u))
    sin, cos = sincos_turn32(angle)
    return r * cos, r * sin


@device
def normal_pair64(w0: Any, w1: Any, w2: Any, w3: Any) -> Any:
    """Return two independent N(0, 1) in float64, from 53 bits each for radius and angle."""
    radius = (uint64(w0) << uint64(32)) | uint64(w1)
    u = (float64(int64(radius >> uint64(11))) + float64(1.0)) * float64(2.0**-53)
    r = np.sqrt(float64(-2.0) * log_normal(u))
    sin, cos = sincos_turn64((uint64(w2) << uint64(32)) | uint64(w3))
    return r * cos, r * sin


# Whole runs: `out` is a multiple of a run long. `width` counters of each run are computed, fewer
# than 1024 only for a short fill.


@block
def _uniform_run32(out, index, width, stream, low, span, last):
    k0, k1, c2, c3 = stream
    c0, c1 = uint32(index), uint32(index >> uint64(32))
    for i in range(width):
        a, b, c, d = philox4x32(uint32(c0 + uint32(i)), c1, c2, c3, k0, k1)
        out[i] = min(fma(unit32(a), span, low), last)
        out[COUNTERS + i] = min(fma(unit32(b), span, low), last)
        out[2 * COUNTERS + i] = min(fma(unit32(c), span, low), last)
        out[3 * COUNTERS + i] = min(fma(unit32(d), span, low), last)


@kernel(parallel=True)
def _uniform32(out, run, width, stream, low, span, last):
    for r in prange(out.size // RUN32):
        index = uint64(run + r) * uint64(COUNTERS)
        _uniform_run32(out[r * RUN32 : (r + 1) * RUN32], index, width, stream, low, span, last)


@block
def _uniform_run64(out, index, width, stream, low, span, last):
    k0, k1, c2, c3 = stream
    c0, c1 = uint32(index), uint32(index >> uint64(32))
    for i in range(width):
        a, b, c, d = philox4x32(uint32(c0 + uint32(i)), c1, c2, c3, k0, k1)
        out[i] = min(fma(unit64(a, b), span, low), last)
        out[COUNTERS + i] = min(fma(unit64(c, d), span, low), last)


@kernel(parallel=True)
def _uniform64(out, run, width, stream, low, span, last):
    for r in prange(out.size // RUN64):
        index = uint64(run + r) * uint64(COUNTERS)
        _uniform_run64(out[r * RUN64 : (r + 1) * RUN64], index, width, stream, low, span, last)


@block
def _normal_run32(out, index, width, stream, mean, std):
    k0, k1, c2, c3 = stream
    c0, c1 = uint32(index), uint32(index >> uint64(32))
    for i in range(width):
        a, b, c, d = philox4x32(uint32(c0 + uint32(i)), c1, c2, c3, k0, k1)
        x, y = normal_pair32(a, b)
        out[i] = fma(x, std, mean)
        out[COUNTERS + i] = fma(y, std, mean)
        x, y = normal_pair32(c, d)
        out[2 * COUNTERS + i] = fma(x, std, mean)
        out[3 * COUNTERS + i] = fma(y, std, mean)


@kernel(parallel=True)
def _normal32(out, run, width, stream, mean, std):
    for r in prange(out.size // RUN32):
        index = uint64(run + r) * uint64(COUNTERS)
        _normal_run32(out[r * RUN32 : (r + 1) * RUN32], index, width, stream, mean, std)


@block
def _normal_run64(out, index, width, stream, mean, std):
    k0, k1, c2, c3 = stream
    c0, c1 = uint32(index), uint32(index >> uint64(32))
    for i in range(width):
        a, b, c, d = philox4x32(uint32(c0 + uint32(i)), c1, c2, c3, k0, k1)
        x, y = normal_pair64(a, b, c, d)
        out[i] = fma(x, std, mean)
        out[COUNTERS + i] = fma(y, std, mean)


@kernel(parallel=True)
def _normal64(out, run, width, stream, mean, std):
    for r in prange(out.size // RUN64):
        index = uint64(run + r) * uint64(COUNTERS)
        _normal_run64(out[r * RUN64 : (r + 1) * RUN64], index, width, stream, mean, std)


# Rejection, element by element: a retry is a later attempt of the same element


@device
def _words(run: Any, e: Any, attempt: Any, stream: Any) -> Any:
    """Return the words of element e's counter in a later attempt, its own word first."""
    k0, k1, c2, c3 = stream
    index = uint64(run) * uint64(COUNTERS) + uint64(e % COUNTERS)
    c1 = uint32(uint32(index >> uint64(32)) | (uint32(attempt) << RETRY))
    return philox4x32(uint32(index), c1, c2, c3, k0, k1)


@device
def _normal_again32(run: Any, e: Any, attempt: Any, stream: Any) -> Any:
    a, b, c, d = _words(run, e, attempt, stream)
    plane = e // COUNTERS
    x, y = normal_pair32(a if plane < 2 else c, b if plane < 2 else d)
    return x if plane % 2 == 0 else y


@device
def _normal_again64(run: Any, e: Any, attempt: Any, stream: Any) -> Any:
    a, b, c, d = _words(run, e, attempt, stream)
    x, y = normal_pair64(a, b, c, d)
    return x if e < COUNTERS else y


@device
def _unit_again32(run: Any, e: Any, attempt: Any, stream: Any) -> Any:
    a, b, c, d = _words(run, e, attempt, stream)
    plane = e // COUNTERS
    return unit32(a if plane == 0 else b if plane == 1 else c if plane == 2 else d)


@device
def _unit_again64(run: Any, e: Any, attempt: Any, stream: Any) -> Any:
    a, b, c, d = _words(run, e, attempt, stream)
    return unit64(a, b) if e < COUNTERS else unit64(c, d)


@block
def _keep_run32(out, run, width, stream, mean, std, a, b):
    for plane in range(4):
        for i in range(width):
            e = plane * COUNTERS + i
            x = out[e]
            attempt = 1
            while (x < a or x > b) and attempt < ATTEMPTS:
                x = fma(_normal_again32(run, e, attempt, stream), std, mean)
                attempt += 1
            out[e] = min(max(x, a), b)


@kernel(parallel=True)
def _keep32(out, run, width, stream, mean, std, a, b):
    """Replace what lies outside [a, b] by later attempts of the same element."""
    for r in prange(out.size // RUN32):
        _keep_run32(out[r * RUN32 : (r + 1) * RUN32], run + r, width, stream, mean, std, a, b)


@block
def _keep_run64(out, run, width, stream, mean, std, a, b):
    for plane in range(2):
        for i in range(width):
            e = plane * COUNTERS + i
            x = out[e]
            attempt = 1
            while (x < a or x > b) and attempt < ATTEMPTS:
                x = fma(_normal_again64(run, e, attempt, stream), std, mean)
                attempt += 1
            out[e] = min(max(x, a), b)


@kernel(parallel=True)
def _keep64(out, run, width, stream, mean, std, a, b):
    """Replace what lies outside [a, b] by later attempts of the same element."""
    for r in prange(out.size // RUN64):
        _keep_run64(out[r * RUN64 : (r + 1) * RUN64], run + r, width, stream, mean, std, a, b)


@device
def _proposed(u: Any, low: Any, high: Any, rate: Any) -> Any:
    """Return a proposal from u in (0, 1]: exponential from `low`, or uniform for rate 0."""
    if rate > 0:
        return low - log_normal(u) / rate
    return fma(u, high - low, low)


@device
def _log_acceptance(z: Any, low: Any, high: Any, rate: Any) -> Any:
    """Return the logarithm of the chance to keep a proposal, 0 at the best one."""
    half = like(z, 0.5)
    if rate > 0:
        return -half * (z - rate) * (z - rate)
    peak = min(max(like(z, 0.0), low), high)
    return half * (peak - z) * (peak + z)


@kernel(parallel=True)
def _tail32(out, run, width, stream, mean, std, a, b, low, high, rate):
    """Rejection from a uniform or exponential: attempts 2t propose, attempts 2t + 1 accept."""
    for r in prange(out.size // RUN32):
        for plane in range(4):
            for i in range(width):
                e = plane * COUNTERS + i
                z = low
                for t in range(ATTEMPTS // 2):
                    u = float32(1.0) - _unit_again32(run + r, e, 2 * t, stream)
                    z = _proposed(u, low, high, rate)
                    u = float32(1.0) - _unit_again32(run + r, e, 2 * t + 1, stream)
                    if z <= high and log_normal(u) <= _log_acceptance(z, low, high, rate):
                        break
                out[r * RUN32 + e] = min(max(fma(z, std, mean), a), b)


@kernel(parallel=True)
def _tail64(out, run, width, stream, mean, std, a, b, low, high, rate):
    """Rejection from a uniform or exponential: attempts 2t propose, attempts 2t + 1 accept."""
    for r in prange(out.size // RUN64):
        for plane in range(2):
            for i in range(width):
                e = plane * COUNTERS + i
                z = low
                for t in range(ATTEMPTS // 2):
                    u = float64(1.0) - _unit_again64(run + r, e, 2 * t, stream)
                    z = _proposed(u, low, high, rate)
                    u = float64(1.0) - _unit_again64(run + r, e, 2 * t + 1, stream)
                    if z <= high and log_normal(u) <= _log_acceptance(z, low, high, rate):
                        break
                out[r * RUN64 + e] = min(max(fma(z, std, mean), a), b)


@block
def _bernoulli_run(out, index, width, stream, threshold):
    k0, k1, c2, c3 = stream
    c0, c1 = uint32(index), uint32(index >> uint64(32))
    one, zero = float32(1.0), float32(0.0)
    for i in range(width):
        a, b, c, d = philox4x32(uint32(c0 + uint32(i)), c1, c2, c3, k0, k1)
        out[i] = one if uint64(a) < threshold else zero
        out[COUNTERS + i] = one if uint64(b) < threshold else zero
        out[2 * COUNTERS + i] = one if uint64(c) < threshold else zero
        out[3 * COUNTERS + i] = one if uint64(d) < threshold else zero


@kernel(parallel=True)
def _bernoulli(out, run, width, stream, threshold):
    for r in prange(out.size // RUN32):
        index = uint64(run + r) * uint64(COUNTERS)
        _bernoulli_run(out[r * RUN32 : (r + 1) * RUN32], index, width, stream, threshold)


@kernel(parallel=True)
def _integers(out, run, width, stream, low, span, mask):
    """Whole numbers by masked rejection: keep the low bits, try again above the range.

    Two words an element. No modulo, so no bias; fewer than two attempts on average.
    """
    for r in prange(out.size // RUN64):
        for plane in range(2):
            for i in range(width):
                e = plane * COUNTERS + i
                value = uint64(0)
                for attempt in range(ATTEMPTS):
                    a, b, c, d = _words(run + r, e, attempt, stream)
                    high, word = (a, b) if plane == 0 else (c, d)
                    value = ((uint64(high) << uint64(32)) | uint64(word)) & mask
                    if value <= span:
                        break
                    value = uint64(0)
                out[r * RUN64 + e] = low + int64(value)


@kernel
def _permutation(out, stream):
    """Fisher and Yates's shuffle, with one 64-bit word for each swap."""
    k0, k1, c2, c3 = stream
    n = out.size
    for i in range(n):
        out[i] = i
    for i in range(n - 1):
        index = uint64(i) >> uint64(1)
        a, b, c, d = philox4x32(uint32(index), uint32(index >> uint64(32)), c2, c3, k0, k1)
        high, low = (uint64(a), uint64(b)) if i % 2 == 0 else (uint64(c), uint64(d))
        left = uint64(n - i)  # word * left >> 64, in two parts; n is below 2**32
        j = i + int64((high * left + (low * left >> uint64(32))) >> uint64(32))
        out[i], out[j] = out[j], out[i]


# Any length, any start, any strides


def _fill(
    run_kernel: Any, out: np.ndarray, start: int, per_run: int, cost: float, *args: Any
) -> None:
    """Fill `out` with the elements [start, start + out.size) of a conceptual tensor.

    Whole runs are written in place; a first and a last part of a run go through a buffer. `cost` is
    the nanoseconds of an element.
    """
    flat = out.reshape(-1) if out.flags.c_contiguous else np.empty(out.size, out.dtype)
    n = flat.size
    run, skip = divmod(start, per_run)
    done = 0
    if skip and n:
        done = min(per_run - skip, n)
        buffer = np.empty(per_run, out.dtype)
        run_kernel(buffer, run, COUNTERS, *args)
        flat[:done] = buffer[skip : skip + done]
        run += 1
    whole = (n - done) // per_run * per_run
    if whole:
        run_kernel.over(cost * whole)(flat[done : done + whole], run, COUNTERS, *args)
        done += whole
        run += whole // per_run
    if done < n:
        buffer = np.empty(per_run, out.dtype)
        run_kernel(buffer, run, min(n - done, COUNTERS), *args)
        flat[done:] = buffer[: n - done]
    if not out.flags.c_contiguous:
        out[...] = flat.reshape(out.shape)


def uniform(out: np.ndarray, stream: Stream, low: float, high: float, start: int = 0) -> None:
    """Fill a float32 or float64 array with U[low, high): one fma, and never the upper end."""
    real = out.dtype.type
    low, high = real(low), real(high)
    last = np.nextafter(high, low) if high > low else high
    kind, per_run = (_uniform32, RUN32) if real is np.float32 else (_uniform64, RUN64)
    _fill(kind, out, start, per_run, 1.0, stream, low, real(high - low), last)


def normal(out: np.ndarray, stream: Stream, mean: float, std: float, start: int = 0) -> None:
    """Fill a float32 or float64 array with N(mean, std²)."""
    real = out.dtype.type
    kind, per_run = (_normal32, RUN32) if real is np.float32 else (_normal64, RUN64)
    _fill(kind, out, start, per_run, 1.5, stream, real(mean), real(std))


def trunc_normal(
    out: np.ndarray, stream: Stream, mean: float, std: float, a: float, b: float, start: int = 0
) -> None:
    """Fill a float32 or float64 array with N(mean, std²) truncated to [a, b].

    Each element is drawn by rejection on its own, from the proposal that accepts most often: the
    normal itself, a uniform, or an exponential in the tail (Robert 1995, "Simulation of truncated
    normal variables"). At least a quarter of the proposals is accepted wherever [a, b] lies.
    """
    real = out.dtype.type
    small = real is np.float32
    per_run = RUN32 if small else RUN64
    low, high = (a - mean) / std, (b - mean) / std
    if _mass(low, high) > 0.25:
        first, again = (_normal32, _keep32) if small else (_normal64, _keep64)
        args = (stream, real(mean), real(std))
        _fill(_Both(first, again, (real(a), real(b))), out, start, per_run, 4.0, *args)
        return
    mirrored = high <= 0
    if mirrored:  # the left tail is the right one, mirrored
        low, high, std = -high, -low, -std
    rate = 0.0
    if low > 0:
        best = (low + math.sqrt(low * low + 4)) / 2
        # The uniform accepts less often than the exponential once the interval is long.
        if high - low > 1 / best * math.exp(min((low * low - low * best) / 2 + 0.5, 700.0)):
            rate = best
    tail = (stream, real(mean), real(std), real(a), real(b), real(low), real(high), real(rate))
    _fill(_tail32 if small else _tail64, out, start, per_run, 100.0, *tail)


def _mass(low: float, high: float) -> float:
    """Return the probability that N(0, 1) lies in [low, high]."""
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


class _Both:
    """Two kernels one after the other over the same runs."""

    def __init__(self, first: Kernel, second: Kernel, bounds: tuple[Any, ...]):
        self.first, self.second, self.bounds = first, second, bounds

    def __call__(self, *args: Any) -> None:
        self.first(*args)
        self.second(*args, *self.bounds)

    def over(self, work: float) -> Any:
        def both(*args: Any) -> None:
            self.first.over(work)(*args)
            self.second.over(work)(*args, *self.bounds)

        return both


def bernoulli(out: np.ndarray, stream: Stream, p: float, start: int = 0) -> None:
    """Fill an array with 1 with probability `p` (to 2⁻³²), else 0."""
    ones = out if out.dtype == np.float32 else np.empty(out.shape, np.float32)
    _fill(_bernoulli, ones, start, RUN32, 0.8, stream, np.uint64(round(p * 2**32)))
    if ones is not out:
        out[...] = ones


def integers(out: np.ndarray, stream: Stream, low: int, high: int, start: int = 0) -> None:
    """Fill an array with whole numbers from [low, high), all equally likely."""
    whole = out if out.dtype == np.int64 else np.empty(out.shape, np.int64)
    span = high - low - 1
    mask = (1 << span.bit_length()) - 1
    args = (stream, np.int64(low), np.uint64(span), np.uint64(mask))
    _fill(_integers, whole, start, RUN64, 20.0, *args)
    if whole is not out:
        out[...] = whole


def permutation(n: int, stream: Stream) -> np.ndarray:
    """Return a random order of 0 … n - 1 as int64."""
    out = np.empty(n, np.int64)
    _permutation(out, stream)
    return out
