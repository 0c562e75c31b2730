"""Matrix products, without BLAS.

The order contract: each element of the result is one chain of fmas over k = 0, 1, …, K - 1 that
starts from +0, and the bias is added at the end. So its bits do not depend on the shape of the
tiles, the SIMD width, the number of threads or the layout of the operands. (A product cut along K
goes on from the partial result: the same chain. So does one that is added to what `out` holds.)

The three layouts of training are views: forward `matmul(x, w.T, bias)`, `matmul(dy, w)` for dx and
`matmul(dy.T, x)` for dw. B is read in panels as wide as a tile: from where it is, if its rows are
contiguous and close together, or few rows of A go over it; else from a packed copy of the panels
(which transposes, if need be). A is read element by element, at any strides.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import carray, int64, prange

from minnet.kernels import engine
from minnet.kernels.buffers import empty
from minnet.kernels.jit import block, device, kernel
from minnet.kernels.simd import (
    LINE,
    TILE_HEIGHTS,
    TILE_ROWS,
    TILE_VECTORS,
    address,
    copy,
    load,
    pointer,
    prefetch,
    store,
    tile,
    transpose,
    vector_bytes,
)
from minnet.kernels.threads import get_num_threads

VECTOR = vector_bytes()
PANEL = TILE_VECTORS * VECTOR  # bytes of a panel's row

# Chosen by measurement with 32 and 48 KiB of L1 and 512 KiB to 2 MiB of L2; they change speed, not
# bits.
DEPTH = (1 << 15) // PANEL  # of a block: a row of tiles of A stays in L1, a panel of B in L1 and L2
ROWS = 96  # of A that pass over all panels at a time: they stay in L2
# Of C at once, which bounds the packed B to 2 MB. A is read from L3 once for all of these columns.
MANY_ROWS, MANY_COLUMNS = 2048, 64 * PANEL
FMAS_A_NANOSECOND = 40
FAR = 1 << 19  # bytes that a panel of B is spread over: more pages than the TLB holds
PANELS_A_COPY = 8
AHEAD = 8  # rows, of which each is on another page where no hardware prefetches
# Rows a multiple of this many bytes apart share a few sets of the cache: they are copied first.
CONFLICT = 2048


@block
def _pack(zero, size, depth, columns, b, b_k, b_column, panels, pitch):
    """Copy `depth` rows of B into panels, `pitch` bytes each; the last one is filled up."""
    lanes = VECTOR // size
    width = PANEL // size
    if b_column == size:
        full = columns // width
        last = panels + full * pitch - full * width * size
        padded = (columns + lanes - 1) // lanes * lanes
        for k in range(depth):
            row = b + k * b_k
            for p in range(full):
                copy(panels + p * pitch + k * PANEL, row + p * PANEL, PANEL)
            for j in range(full * width, columns):
                store(last + k * PANEL + j * size, load(zero, row + j * size))
            for j in range(columns, padded):
                store(last + k * PANEL + j * size, zero)
        return
    for j in range(0, columns, lanes):
        source = b + j * b_column
        panel = panels + j // width * pitch + j % width * size
        if depth >= lanes:
            for k in range(0, depth, lanes):
                at = min(k, depth - lanes)  # the last square overlaps the one before it
                transpose(
                    zero, source + at * size, b_column, columns - j, panel + at * PANEL, PANEL
                )
        else:
            for k in range(depth):
                for i in range(lanes):
                    column = min(i, columns - j - 1) * b_column
                    store(panel + k * PANEL + i * size, load(zero, source + column + k * size))


@block
def _task(
    zero, size, scratch, rows, depth, columns, a, a_row, a_k, b, b_k, b_column, c, c_row, kc, resume
):
    """Compute C = A B for one block of C, or C += A B if `resume` is 1.

    `kc` is the depth of a block of K.
    """
    lanes = VECTOR // size
    width = PANEL // size
    wide = (columns + width - 1) // width
    ragged = columns % lanes != 0
    panels = (address(scratch) + LINE - 1) // LINE * LINE
    pitch = kc * PANEL
    stage = panels + wide * pitch
    stage_row = wide * PANEL + LINE
    # A ragged edge is computed in whole vectors, beside C.
    to, to_row = (stage, stage_row) if ragged else (c, c_row)
    a_copy = stage + (rows * stage_row if ragged else 0)
    if ragged and resume:
        for i in range(rows):
            copy(stage + i * stage_row, c + i * c_row, columns * size)
    pack_b = (
        b_column != size
        or ragged
        or (rows > 2 * TILE_ROWS and b_k % CONFLICT == 0)
        or (rows > 12 * TILE_ROWS and kc * b_k > FAR)
    )
    # Each panel of B reads all of A. Where A is read across its rows, that costs more than a copy
    # from some panels on.
    clash = (a_row if a_k == size else a_k) % CONFLICT == 0
    pack_a = (clash and wide > 1) or (a_k != size and wide > PANELS_A_COPY)
    for k0 in range(0, depth, kc):
        kn = min(kc, depth - k0)
        if pack_b:
            _pack(zero, size, kn, columns, b + k0 * b_k, b_k, b_column, panels, pitch)
        for i0 in range(0, rows, ROWS):
            high = min(ROWS, rows - i0)
            # A row of tiles begins `step` bytes after the one above it.
            source, row, along, step = a + i0 * a_row + k0 * a_k, a_row, a_k, TILE_ROWS * a_row
            if pack_a and a_k == size:
                row = kc * size + LINE
                step = TILE_ROWS * row
                for i in range(high):
                    copy(a_copy + i * row, source + i * a_row, kn * size)
                source = a_copy
            elif pack_a:
                row, along, step = size, TILE_ROWS * size, TILE_ROWS * kc * size
                full = high // TILE_ROWS * TILE_ROWS
                for k in range(kn):
                    for line in range(0, high * size, LINE):
                        prefetch(source + (k + AHEAD) * a_k + line)
                    for i in range(0, full, TILE_ROWS):
                        at = a_copy + i * kc * size + k * along
                        copy(at, source + i * a_row + k * a_k, TILE_ROWS * size)
                    for i in range(full, high):
                        at = a_copy + full * kc * size + k * along + (i - full) * size
                        store(at, load(zero, source + i * a_row + k * a_k))
                source = a_copy
            grouped = step != TILE_ROWS * row
            i = 0
            while i < high:
                height = 1
                for height in TILE_HEIGHTS:
                    # Not one of 2 rows at the end, which would wait for its own chains.
                    if height <= high - i and (grouped or high - i != height + 2):
                        break
                first = source + i // TILE_ROWS * step + i % TILE_ROWS * row
                for j in range(0, columns, width):
                    vectors = (min(width, columns - j) + lanes - 1) // lanes
                    if pack_b:
                        panel, panel_row = panels + j // width * pitch, PANEL
                    else:
                        panel, panel_row = b + k0 * b_k + j * size, b_k
                    tile(
                        zero, height, vectors, kn, first, row, along, panel, panel_row,
                        to + (i0 + i) * to_row + j * size, to_row, k0 + resume,
                    )  # fmt: skip
                i += height
    if ragged:
        for i in range(rows):
            copy(c + i * c_row, stage + i * stage_row, columns * size)


@device
def block_of(task, tall, wide, rows, columns, size):
    """Return the first row of block `task` of C, its rows, its first column, and its columns."""
    width = PANEL // size
    tiles, panels = (rows + TILE_ROWS - 1) // TILE_ROWS, (columns + width - 1) // width
    p, q = task // wide, task % wide
    i, j = p * tiles // tall * TILE_ROWS, q * panels // wide * width
    m = min(rows, (p + 1) * tiles // tall * TILE_ROWS) - i
    n = min(columns, (q + 1) * panels // wide * width) - j
    return i, m, j, n


@block
def product_block(
    task, tall, wide, rows, depth, columns, a, a_row, a_k, b, b_k, b_column, bias, c, c_row, resume
):
    """Compute block `task` of the `tall` x `wide` blocks of C = A B + bias.

    `a`, `b` and `c` are addresses of matrices whose type of element is the bias's.
    """
    size = bias.itemsize
    zero = bias.dtype.type(0)
    lanes = VECTOR // size
    width = PANEL // size
    i, m, j, n = block_of(task, tall, wide, rows, columns, size)
    # Blocks of K of nearly one depth, in whole vectors.
    laps = (depth + DEPTH - 1) // DEPTH
    kc = ((depth + laps - 1) // laps + lanes - 1) // lanes * lanes
    high, wide_bytes = min(m, MANY_ROWS), min((n + width - 1) // width * PANEL, MANY_COLUMNS)
    stage = high * (wide_bytes + LINE) if n * size % VECTOR else 0
    a_copy = (min(high, ROWS) + TILE_ROWS) * (kc * size + LINE)
    scratch = np.empty(LINE + wide_bytes * kc + stage + a_copy, np.uint8)
    for top in range(i, i + m, MANY_ROWS):
        for left in range(j, j + n, MANY_COLUMNS // size):
            _task(
                zero, size, scratch,
                min(MANY_ROWS, i + m - top), depth, min(MANY_COLUMNS // size, j + n - left),
                a + top * a_row, a_row, a_k, b + left * b_column, b_k, b_column,
                c + top * c_row + left * size, c_row, kc, resume,
            )  # fmt: skip
    if bias.size:
        part = bias[j : j + n]
        for r in range(i, i + m):  # arrays, so that the loop vectorises
            row = carray(pointer(zero, c + r * c_row + j * size), n)
            for s in range(n):
                row[s] += part[s]


@kernel(parallel=True)
def _matmul(
    a, a_row, a_k, b, b_k, b_column, depth, bias, out, out_row, rows, columns, tall, wide, resume
):
    """Compute `tall` x `wide` blocks of C. `a`, `b` and `out` are where the matrices begin."""
    for task in prange(tall * wide):
        product_block(
            int64(task), tall, wide, rows, depth, columns,
            address(a), a_row, a_k, address(b), b_k, b_column, bias, address(out), out_row, resume,
        )  # fmt: skip


@device
def _strides(x):
    """Return a matrix's two strides, one of which is that of adjacent elements."""
    row, column = x.strides
    if column != x.itemsize and row != x.itemsize:  # in a dim of size 1 NumPy lets it be anything
        if x.shape[1] == 1:
            column = x.itemsize
        else:
            row = x.itemsize
    return row, column


@kernel
def _small(a, b, bias, out, resume):
    """Compute A B + bias of matrices that are contiguous, or whose transpose is.

    It is compiled for each of these layouts, but such a call takes half of the time of `_matmul`'s.
    """
    a_row, a_k = _strides(a)
    b_k, b_column = _strides(b)
    product_block(
        0, 1, 1, a.shape[0], a.shape[1], b.shape[1], address(a), a_row, a_k,
        address(b), b_k, b_column, bias, address(out), out.strides[0], resume,
    )  # fmt: skip


NO_BIAS = {np.dtype(d): np.empty(0, d) for d in (np.float32, np.float64)}


def _origin(x: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return a contiguous line of a matrix that begins where it does, and its two strides.

    A kernel takes the line for the address, so that all layouts share one compilation.
    """
    row, column = x.strides
    size = x.itemsize
    if column == size:
        return x[0], row, column
    if row == size:
        return x[:, 0], row, column
    if x.shape[1] == 1:  # NumPy lets the stride of a dim of size 1 be anything
        return x[0], row, size
    if x.shape[0] == 1:
        return x[:, 0], size, column
    return _origin(np.ascontiguousarray(x))


@lru_cache(1024)
def grid(rows: int, columns: int, threads: int) -> tuple[int, int]:
    """Return into how many blocks the rows and columns of C are cut: one a thread, about square.

    No bit depends on it, and with fewer and larger blocks A and B are read and packed less often.
    """
    divisors = (n for n in range(1, threads + 1) if threads % n == 0)
    tall = min(divisors, key=lambda n: abs(math.log(n * n * columns / (threads * rows))))
    return tall, threads // tall


def _ordered(a: Any, b: Any, bias: Any = None, out: Any = None, accumulate: bool = False) -> Any:
    """Compute `matmul` in the order contract, whatever `set_matmul` says."""
    (rows, depth), columns = a.shape, b.shape[1]
    if out is None:
        out = empty((rows, columns), a.dtype)
    if not (rows and columns and depth):
        if not accumulate:
            out[...] = 0
        if bias is not None:
            out += bias
        return out
    bias = NO_BIAS[a.dtype] if bias is None else np.ascontiguousarray(bias)
    run = _matmul.over(rows * columns * depth / FMAS_A_NANOSECOND)
    tall, wide = 1, 1
    if run is not _matmul.serial:
        tall, wide = grid(rows, columns, get_num_threads())
    elif a.flags.forc and b.flags.forc:
        _small.serial(a, b, bias, out, int(accumulate))
        return out
    target, resume = (out[0], out.strides[0]), int(accumulate)
    run(*_origin(a), *_origin(b), depth, bias, *target, rows, columns, tall, wide, resume)
    return out


def matmul(
    a: np.ndarray,
    b: np.ndarray,
    bias: np.ndarray | None = None,
    out: np.ndarray | None = None,
    accumulate: bool = False,
) -> np.ndarray:
    """Return a @ b + bias for a (M, K), b (K, N) and bias (N,) of one dtype, float32 or float64.

    Any strides; the result, or `out`, is (M, N) with contiguous rows. With `accumulate` the product
    and the bias are added to `out`.
    """
    if engine.get_matmul() != "blas":
        return _ordered(a, b, bias, out, accumulate)
    if out is None:
        out = empty((a.shape[0], b.shape[1]), a.dtype)
    if accumulate:
        out += np.matmul(a, b)
    else:
        np.matmul(a, b, out=out)
    if bias is not None:
        out += bias
    return out
