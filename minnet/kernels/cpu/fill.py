"""Random fills: each a pure function of (seed, draw, element index).

A fill goes run by run: `words` writes a run's random words in place of its elements, and a loop
turns each pair of words into a pair of elements (see `philox.py` for the order, `draws.py` for the
distributions). Any element can be computed alone, so a fill can start anywhere: `start` is the
index of the first element within a larger conceptual tensor.

A fill takes the key and the draw as the tuple `stream`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numba import int64, prange, uint64

from minnet.kernels import draws, rejection
from minnet.kernels.cpu.words import uniforms, words
from minnet.kernels.fills import Progress
from minnet.kernels.jit import block, kernel, named
from minnet.kernels.numeric import bits, like
from minnet.kernels.philox import ATTEMPTS, COUNTERS, RUN_BYTES, Stream
from minnet.kernels.simd import MASK, address, fma, lowest, outside

# Elements that go through a buffer at once, and between two calls of `progress`.
PIECE = 1 << 20


# One run: `out` is its memory, `index` its first counter. `width` counters are computed, fewer than
# 1024 only where the end of a run is not asked for; places that they do not reach hold anything.


@cache
def _pairs_of(draw: Any) -> Any:
    """Return the loop that turns a run's words into draws of a distribution of `draws.py`."""

    def pairs(out: Any, width: Any, args: Any) -> None:
        plane = out.size // 2
        used = width * plane // COUNTERS
        first, second = out[:used], out[plane : plane + used]
        for i in range(used):
            first[i], second[i] = draw(bits(first[i]), bits(second[i]), *args)

    return block(named(pairs, f"_{draw.__name__}_pairs"))


def _run_of(draw: Any) -> Any:
    pairs = _pairs_of(draw)

    def run(out: Any, index: Any, width: Any, stream: Any, args: Any) -> None:
        words(out.ctypes.data, index, width, stream)
        pairs(out, width, args)

    return block(named(run, f"_{draw.__name__}_run"))


def _over_runs(run: Any, name: str) -> Any:
    """Return the kernel that fills an array run by run, from any `start` to any end.

    Whole runs are written in place, a part of one at either end through a buffer.
    """

    def fill(out: Any, start: Any, stream: Any, args: Any) -> None:
        size = RUN_BYTES // out.itemsize
        first = start // size
        skip = start - first * size
        for r in prange((skip + out.size + size - 1) // size):
            index = uint64(first + r) * uint64(COUNTERS)
            low = r * size - skip
            if low >= 0 and low + size <= out.size:
                run(out[low : low + size], index, COUNTERS, stream, args)
            else:
                begin, end = max(low, 0), min(low + size, out.size)
                elements = np.empty(size, out.dtype)
                lanes = ((end - low) * out.itemsize + 7) // 8  # of the first plane
                run(elements, index, min(lanes, COUNTERS), stream, args)
                # Not a slice of `out`: Numba would compile the error for shapes that differ.
                for e in range(begin, end):
                    out[e] = elements[e - low]

    return kernel(named(fill, name), parallel=True)


_normal_pairs = _pairs_of(draws.normal)
_uniform = _over_runs(_run_of(draws.uniform), "_uniform")
_normal = _over_runs(_run_of(draws.normal), "_normal")
_exponential = _over_runs(_run_of(draws.exponential), "_exponential")
_bernoulli = _over_runs(_run_of(draws.bernoulli), "_bernoulli")


@block
def _uniform32_run(out: Any, index: Any, width: Any, stream: Any, args: Any) -> None:
    """In float32, in the loop that makes the words."""
    uniforms(out.ctypes.data, index, width, stream, args)


_uniform32 = _over_runs(_uniform32_run, "_uniform32")


# Rejection, element by element: a retry is a later attempt of the same element


@block
def _outside(out: Any, used: Any, a: Any, b: Any, pending: Any) -> Any:
    """List the elements of a run outside [a, b], and return how many there are."""
    n = 0
    for start in (0, out.size // 2):
        for first in range(start, start + used, MASK):
            mask = outside(out[0], address(out) + first * out.itemsize, a, b)
            asked = start + used - first
            if asked < MASK:
                mask &= (uint64(1) << uint64(asked)) - uint64(1)
            while mask:
                pending[n] = first + lowest(mask)
                n += 1
                mask &= mask - uint64(1)
    return n


@block
def _normal_again(out, fresh, pending, n, index, attempt, stream, mean, std):
    half = out.size // 2
    for i in range(n):
        e = pending[i]
        radius, angle = rejection.words_of(out[0], e, index, attempt, stream)
        x, y = draws.normal(radius, angle, mean, std)
        fresh[i] = x if e < half else y


@block
def _accepted(out: Any, fresh: Any, pending: Any, n: Any, a: Any, b: Any) -> Any:
    """Write the fresh elements, and return how many lie outside [a, b]: now the first listed."""
    rejected = 0
    for i in range(n):
        x = fresh[i]
        out[pending[i]] = min(max(x, a), b)
        pending[rejected] = pending[i]
        rejected += not (a <= x <= b)
    return rejected


@block
def _truncated_run(out: Any, index: Any, width: Any, stream: Any, args: Any) -> None:
    """Normals, of which those outside [a, b] are replaced by later attempts of the same element."""
    mean, std, a, b = args
    size = out.size
    words(out.ctypes.data, index, width, stream)
    _normal_pairs(out, width, (mean, std))
    pending, fresh = np.empty(size, np.int32), np.empty(size, out.dtype)
    n = _outside(out, width * (size // 2) // COUNTERS, a, b, pending)
    attempt = 1
    while n > 0 and attempt < ATTEMPTS:
        _normal_again(out, fresh, pending, n, index, attempt, stream, mean, std)
        n = _accepted(out, fresh, pending, n, a, b)
        attempt += 1


_truncated = _over_runs(_truncated_run, "_truncated")


@block
def _tail_again(out, fresh, pending, n, index, attempt, stream, low, high, scale, rate):
    half = out.size // 2
    for i in range(n):
        e = pending[i]
        first, second = rejection.words_of(out[0], e, index, 2 * attempt, stream)
        z = rejection.proposed(first if e < half else second, low, scale, rate)
        first, second = rejection.words_of(out[0], e, index, 2 * attempt + 1, stream)
        chance = rejection.log_unit(first if e < half else second)
        keep = z <= high and chance <= rejection.log_acceptance(z, low, high, rate)
        fresh[i] = z if keep else like(z, np.nan)


@block
def _tail_run(out: Any, index: Any, width: Any, stream: Any, args: Any) -> None:
    """Rejection from a uniform or exponential: attempts 2t propose, attempts 2t + 1 accept."""
    mean, std, a, b, low, high, scale, rate = args
    plane = out.size // 2
    used = width * plane // COUNTERS
    pending, fresh = np.empty(out.size, np.int32), np.empty(out.size, out.dtype)
    for i in range(used):
        pending[i], pending[used + i] = i, plane + i
    n = 2 * used
    attempt = 0
    while n > 0 and attempt < ATTEMPTS // 2:
        _tail_again(out, fresh, pending, n, index, attempt, stream, low, high, scale, rate)
        n = _accepted(out, fresh, pending, n, low, high)
        attempt += 1
    for start in (0, plane):
        for e in range(start, start + used):
            out[e] = min(max(fma(out[e], std, mean), a), b)


_tail = _over_runs(_tail_run, "_tail")


@block
def _scaled_all(out: Any, low: Any, span: Any, least: Any) -> Any:
    """Turn words into whole numbers, and say whether one has to be drawn again."""
    again = False
    for i in range(out.size):
        out[i], rest = rejection.scaled(uint64(out[i]), low, span)
        again |= rest < least
    return again


@block
def _scaled_again(out, used, index, stream, numbers):
    for start in (0, COUNTERS):
        for e in range(start, start + used):
            one, two = rejection.words_of(out[0], e, index, 0, stream)
            out[e] = rejection.whole_number(one, two, e, start > 0, index, stream, numbers)


@block
def _integers_run(out: Any, index: Any, width: Any, stream: Any, args: Any) -> None:
    """Whole numbers: `low` + the high half of word * span (Lemire 2019). A span of 0 is 2**64.

    A product whose low half is below 2**64 mod span is drawn again, so that all are equally likely.
    """
    low, span, least = args
    words(out.ctypes.data, index, width, stream)
    first = _scaled_all(out[:width], low, span, least)
    second = _scaled_all(out[COUNTERS : COUNTERS + width], low, span, least)
    if first or second:
        _scaled_again(out, width, index, stream, args)


_integers = _over_runs(_integers_run, "_integers")


@kernel
def _permutation(out, stream):
    """Fisher and Yates's shuffle. The swap of place i takes the word of an integers' element i."""
    size = 2 * COUNTERS
    lanes = np.empty(size, np.uint64)
    n = out.size
    for i in range(n):
        out[i] = i
    for i in range(n - 1):
        if i % size == 0:
            words(lanes.ctypes.data, uint64(i // 2), COUNTERS, stream)
        high, _ = rejection.multiplied(lanes[i % size], uint64(n - i))
        j = i + int64(high)
        out[i], out[j] = out[j], out[i]


# Any length, any start, any strides, any dtype

# By the name that `fills.py` knows, with the nanoseconds of an element.
KERNELS = {
    "uniform": (_uniform, 0.6),
    "normal": (_normal, 1.0),
    "exponential": (_exponential, 0.9),
    "truncated": (_truncated, 2.5),
    "tail": (_tail, 20.0),
    "bernoulli": (_bernoulli, 0.6),
    "integers": (_integers, 2.0),
}


def fill_by(
    name: str, out: np.ndarray, dtype: Any, stream: Stream, numbers: tuple[Any, ...], start: int,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Fill `out` by a kernel with the elements [start, start + out.size) of a conceptual tensor.

    Memory of the computing `dtype` in row order is written in place; other memory a piece at a
    time, through a buffer.
    """
    run, cost = KERNELS[name]
    if run is _uniform and dtype is np.float32:
        run = _uniform32
    direct = out.dtype == dtype and out.flags.c_contiguous
    whole = np.asarray(out).reshape(-1) if direct else np.asarray(out)
    for done, piece in [(0, whole)] if direct and progress is None else _pieces(whole):
        elements = piece if direct else np.empty(piece.size, dtype)
        run.over(cost * piece.size)(elements, start + done, stream, numbers)
        if not direct:
            with np.errstate(over="ignore"):  # float16 rounds large numbers to infinity, as torch
                piece[...] = elements.reshape(piece.shape)
        if progress is not None:
            progress(done + piece.size, out.size)


def _pieces(out: np.ndarray, before: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Yield views of at most PIECE elements, in row order, and how many elements lie before."""
    if out.size <= PIECE:
        if out.size:
            yield before, out
        return
    inner = out.size // len(out)
    if inner > PIECE:
        for i in range(len(out)):
            yield from _pieces(out[i], before + i * inner)
        return
    rows = PIECE // inner
    for i in range(0, len(out), rows):
        yield before + i * inner, out[i : i + rows]


def permutation(n: int, stream: Stream) -> np.ndarray:
    """Return a random order of 0 … n - 1 as int64."""
    out = np.empty(n, np.int64)
    _permutation(out, stream)
    return out
