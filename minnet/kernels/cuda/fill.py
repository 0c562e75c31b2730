"""Random fills on the device: the bits of the CPU's.

Words, draws and rejection are compiled from the CPU's source. A thread computes what two counters
give, in elements of 32 bits: four adjacent elements in either plane of a run, which are written 16
bytes at a time. In elements of 64 bits it computes one counter.
"""

from __future__ import annotations

from typing import Any

from numba import uint64

from minnet.kernels import draws, rejection
from minnet.kernels.cpu.fill import permutation as permutation_of_host
from minnet.kernels.cuda.array import Array, empty, from_host
from minnet.kernels.cuda.driver import THREADS, aligned, blocks, cuda, function, kernel, store4
from minnet.kernels.fills import Progress
from minnet.kernels.jit import named
from minnet.kernels.philox import COUNTERS, Stream, counter_words

# Elements between two calls of `progress`.
PIECE = 1 << 26

# Two words to two elements. `e` is the place of the first in its run, and `e + plane` that of the
# second; `index` is the run's first counter.


def _plain(draw: Any) -> Any:
    """Return the elements that a distribution of `draws.py` makes of two words."""

    @function
    def both(a: Any, b: Any, e: Any, plane: Any, index: Any, stream: Any, numbers: Any) -> Any:
        return draw(a, b, *numbers)

    return both


def _each(draw: Any) -> Any:
    """Return the elements that `rejection.py` makes, each on its own."""

    @function
    def both(a: Any, b: Any, e: Any, plane: Any, index: Any, stream: Any, numbers: Any) -> Any:
        first = draw(a, b, e, False, index, stream, numbers)
        return first, draw(a, b, e + plane, True, index, stream, numbers)

    return both


@function
def _put4(out, i, whole, a, b, c, d):
    """Write four elements from place i on: those that lie within the array."""
    if whole and i >= 0 and i + 4 <= out.size:
        store4(out, i, a, b, c, d)
        return
    if 0 <= i < out.size:
        out[i] = a
    if 0 <= i + 1 < out.size:
        out[i + 1] = b
    if 0 <= i + 2 < out.size:
        out[i + 2] = c
    if 0 <= i + 3 < out.size:
        out[i + 3] = d


def _kernels_of(both: Any, name: str, sizes: tuple[int, ...] = (4, 8)) -> dict[int, Any]:
    """Return the kernels that fill an array, from any `start` to any end, by elements' size."""

    def fill32(out, start, whole, stream, numbers):
        """A thread makes what an even counter and the next one give: four in each plane."""
        place = start // (4 * COUNTERS) * COUNTERS + 2 * cuda.grid(1)
        i = place // COUNTERS * (4 * COUNTERS) + 2 * (place % COUNTERS) - start
        if i < out.size:
            counter = uint64(place)
            index = counter & ~uint64(COUNTERS - 1)
            e, plane = 2 * (counter - index), uint64(2 * COUNTERS)
            w0, w1, w2, w3 = counter_words(counter, stream)
            v0, v1, v2, v3 = counter_words(counter + uint64(1), stream)
            a0, b0 = both(w1, w3, e, plane, index, stream, numbers)
            a1, b1 = both(w0, w2, e + uint64(1), plane, index, stream, numbers)
            a2, b2 = both(v1, v3, e + uint64(2), plane, index, stream, numbers)
            a3, b3 = both(v0, v2, e + uint64(3), plane, index, stream, numbers)
            _put4(out, i, whole, a0, a1, a2, a3)
            _put4(out, i + 2 * COUNTERS, whole, b0, b1, b2, b3)

    def fill64(out, start, whole, stream, numbers):
        """A thread makes what a counter gives: one in each plane."""
        place = start // (2 * COUNTERS) * COUNTERS + cuda.grid(1)
        i = place // COUNTERS * (2 * COUNTERS) + place % COUNTERS - start
        if i < out.size:
            counter = uint64(place)
            index = counter & ~uint64(COUNTERS - 1)
            w0, w1, w2, w3 = counter_words(counter, stream)
            one, two = uint64(w0) << uint64(32) | uint64(w1), uint64(w2) << uint64(32) | uint64(w3)
            a, b = both(one, two, counter - index, uint64(COUNTERS), index, stream, numbers)
            if i >= 0:
                out[i] = a
            if 0 <= i + COUNTERS < out.size:
                out[i + COUNTERS] = b

    fills = {4: named(fill32, f"{name}32"), 8: named(fill64, f"{name}64")}
    return {size: kernel(fills[size]) for size in sizes}


# By the name that `fills.py` knows.
KERNELS = {
    "uniform": _kernels_of(_plain(draws.uniform), "uniform"),
    "normal": _kernels_of(_plain(draws.normal), "normal"),
    "exponential": _kernels_of(_plain(draws.exponential), "exponential"),
    "truncated": _kernels_of(_each(rejection.truncated), "truncated"),
    "tail": _kernels_of(_each(rejection.tail), "tail"),
    "bernoulli": _kernels_of(_plain(draws.bernoulli), "bernoulli", (4,)),
    "integers": _kernels_of(_each(rejection.whole_number), "integers", (8,)),
}


def fill_by(
    name: str, out: Array, dtype: Any, stream: Stream, numbers: tuple[Any, ...], start: int,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Fill `out` by a kernel with the elements [start, start + out.size) of a conceptual tensor.

    Memory of the computing `dtype` in row order is written in place, other memory through a buffer.
    """
    if out.dtype != dtype or not out.flags.c_contiguous:
        buffer = empty(out.shape, dtype)
        fill_by(name, buffer, dtype, stream, numbers, start, progress)
        out[...] = buffer
        return
    flat = out.reshape(-1)
    step = PIECE if progress else max(flat.size, 1)
    for done in range(0, flat.size, step):
        piece = flat[done : done + step]
        _launch(KERNELS[name][piece.itemsize], piece, start + done, stream, numbers)
        if progress:
            cuda.synchronize()
            progress(done + piece.size, flat.size)


def _launch(run: Any, out: Array, start: int, stream: Stream, numbers: tuple[Any, ...]) -> None:
    run_size = 2 * COUNTERS * (8 // out.itemsize)
    before = start % run_size
    runs, rest = divmod(before + out.size, run_size)
    counters = runs * COUNTERS + min(-(-rest * out.itemsize // 8), COUNTERS)
    threads = counters if out.itemsize == 8 else -(-counters // 2)
    whole = aligned(out) and start % 4 == 0
    run[blocks(threads), THREADS](out.memory, start, whole, stream, numbers)


def permutation(n: int, stream: Stream) -> Array:
    """Return a random order of 0 … n - 1 as int64, shuffled on the host."""
    return from_host(permutation_of_host(n, stream))
