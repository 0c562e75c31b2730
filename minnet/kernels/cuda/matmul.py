"""Matrix products on the device, without BLAS, in the order contract of the CPU's.

Each element of the result is one chain of fmas over k = 0, 1, …, K - 1 that starts from +0, or from
what `out` holds, and the bias is added at the end. So the bits are the CPU's, and do not depend on
the tiles.

In float32 a block of threads computes a tile of C. It copies a slice of `depth` k of A's rows and
of B's columns into shared memory, k after k, and each thread keeps `height` x `width` sums in
registers. While it adds up one slice, the next one is on its way from memory. The three layouts of
training read each operand where it is, along the dim that is contiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from minnet.kernels import engine
from minnet.kernels.cuda import blas
from minnet.kernels.cuda.array import Array, empty
from minnet.kernels.cuda.driver import (
    SIMULATED,
    aligned,
    blocks,
    cuda,
    fma,
    function,
    kernel,
    load4,
    multiprocessors,
    store4,
    types,
)


@dataclass(frozen=True)
class Tile:
    """How a block of threads shares a tile of C: warps x lanes of a warp x sums of a thread."""

    warps: tuple[int, int]
    lanes: tuple[int, int]
    sums: tuple[int, int]  # multiples of 4
    depth: int  # k of a slice, a multiple of 4

    @property
    def threads(self) -> int:
        return self.warps[0] * self.warps[1] * self.lanes[0] * self.lanes[1]

    @property
    def bounds(self) -> tuple[int, int]:
        """For the compiler: the threads, and blocks that a processor is to have room for."""
        return self.threads, max(512 // self.threads, 1)

    @property
    def rows(self) -> int:
        return self.warps[0] * self.lanes[0] * self.sums[0]

    @property
    def columns(self) -> int:
        return self.warps[1] * self.lanes[1] * self.sums[1]


# The lanes of a warp read 16 x 4 bytes of A and 16 x 8 of B at a time: no two banks of shared
# memory conflict. The large tile makes 16 fmas for an element that it reads from shared memory, and
# the small one makes four times as many blocks, where the large one would leave processors idle.
LARGE = Tile((4, 2), (4, 8), (8, 8), 8)  # 128 x 128 by 256 threads
SMALL = Tile((2, 2), (4, 8), (8, 4), 16)  # 64 x 64 by 128 threads
if SIMULATED:  # which starts an operating system's thread for each
    LARGE = Tile((1, 2), (2, 2), (8, 8), 8)
    SMALL = Tile((1, 1), (2, 2), (8, 4), 8)

SQUARE = 4 if SIMULATED else 16  # of the tile in float64


@cache
def tiled(tile: Tile, a_by_k: bool, b_by_k: bool) -> Any:
    """Return the kernel of a tile where A is (M, K) in memory, or (K, M); B (N, K), or (K, N)."""
    warps, lanes, depth = tile.warps, tile.lanes, tile.depth
    height, width = tile.sums
    rows, columns, threads = tile.rows, tile.columns, tile.threads
    a_pitch, b_pitch = rows + 4, columns + 4  # + 4 spreads what is written along k over the banks
    b_start = 2 * depth * a_pitch
    a_held, b_held = rows * depth // threads, columns * depth // threads  # fetched by a thread
    count = height * width
    elements = 2 * depth * (a_pitch + b_pitch)  # of shared memory
    (lanes_m, lanes_n), warps_n = lanes, warps[1]
    lane_count = lanes[0] * lanes[1]
    row_step, column_step = 4 * lanes[0], 4 * lanes[1]

    def reading(by_k: bool, size: int, pitch: int, loads: int) -> Any:
        """Return how a slice of one operand is fetched, and how it is put into shared memory."""
        groups = depth // 4 if by_k else size // 4  # of 4 adjacent elements in memory

        @function
        def fetch(x, limit, total, first, k0, whole, held):
            """Read `size` rows from `first` on, at k0 … k0 + depth - 1.

            Beyond the operand's `limit` rows and `total` k it reads any others: nobody uses these.
            """
            for n in range(loads):
                q = cuda.threadIdx.x + n * threads
                if by_k:
                    at, i, end = min(first + q // groups, limit - 1), k0 + q % groups * 4, total
                else:
                    at, i, end = min(k0 + q // groups, total - 1), first + q % groups * 4, limit
                at *= end
                if whole:
                    a, b, c, d = load4(x, at + min(i, end - 4))
                    held[4 * n], held[4 * n + 1] = a, b
                    held[4 * n + 2], held[4 * n + 3] = c, d
                else:
                    for j in range(4):
                        held[4 * n + j] = x[at + min(i + j, end - 1)]

        @function
        def put(held, shared, start):
            for n in range(loads):
                q = cuda.threadIdx.x + n * threads
                if by_k:
                    at = start + q % groups * 4 * pitch + q // groups
                    for i in range(4):
                        shared[at + i * pitch] = held[4 * n + i]
                else:
                    at = start + q // groups * pitch + q % groups * 4
                    a, b, c, d = held[4 * n], held[4 * n + 1], held[4 * n + 2], held[4 * n + 3]
                    store4(shared, at, a, b, c, d)

        return fetch, put

    fetch_a, put_a = reading(a_by_k, rows, a_pitch, a_held // 4)
    fetch_b, put_b = reading(b_by_k, columns, b_pitch, b_held // 4)

    @function
    def add(shared, a_at, b_at, a, b, sums):
        """Add the products of one k."""
        for i in range(0, height, 4):
            a[i], a[i + 1], a[i + 2], a[i + 3] = load4(shared, a_at + i // 4 * row_step)
        for j in range(0, width, 4):
            b[j], b[j + 1], b[j + 2], b[j + 3] = load4(shared, b_at + j // 4 * column_step)
        for i in range(height):
            for j in range(width):
                sums[i * width + j] = fma(a[i], b[j], sums[i * width + j])

    @function
    def place(row, column, i):
        """Return the row and the column of sum i, for those of a thread's first one."""
        r, c = i // width, i % width
        return row + r // 4 * row_step + r % 4, column + c // 4 * column_step + c % 4

    def matmul(x, y, m, n, k, bias, whole, whole_out, accumulate, out):
        if SIMULATED:
            shared = cuda.shared.array(elements, types.float32)
        else:
            shared = cuda.shared.array(elements, types.float32, alignment=16)
        a, b = cuda.local.array(height, types.float32), cuda.local.array(width, types.float32)
        held_a = cuda.local.array(a_held, types.float32)
        held_b = cuda.local.array(b_held, types.float32)
        sums = cuda.local.array(count, types.float32)
        # Sums stay in registers as long as their indices are known when they are compiled. At the
        # edges of C, which is a loop, they go through memory of the thread.
        staged = cuda.local.array(count, types.float32)
        first_row, first_column = cuda.blockIdx.y * rows, cuda.blockIdx.x * columns
        warp, lane = cuda.threadIdx.x // lane_count, cuda.threadIdx.x % lane_count
        own_row = warp // warps_n * (lanes_m * height) + lane // lanes_n * 4
        own_column = warp % warps_n * (lanes_n * width) + lane % lanes_n * 4
        row, column = first_row + own_row, first_column + own_column

        for i in range(count):
            sums[i] = np.float32(0)
        if accumulate:
            for i in range(count):
                r, c = place(row, column, i)
                staged[i] = out[r * n + c] if r < m and c < n else np.float32(0)
            for i in range(count):
                sums[i] = staged[i]

        half = 0  # of the shared memory, which is filled while the other one is read
        for k0 in range(0, k + depth, depth):
            if k0 < k:
                fetch_a(x, m, k, first_row, k0, whole, held_a)
                fetch_b(y, n, k, first_column, k0, whole, held_b)
            a_at = (1 - half) * depth * a_pitch + own_row
            b_at = b_start + (1 - half) * depth * b_pitch + own_column
            if 0 < k0 <= k:
                for step in range(0, depth, 2):  # two at a time: fewer jumps, fewer addresses
                    at_a, at_b = a_at + step * a_pitch, b_at + step * b_pitch
                    add(shared, at_a, at_b, a, b, sums)
                    add(shared, at_a + a_pitch, at_b + b_pitch, a, b, sums)
            elif k0 > k:
                # What is left, and no more: a product of zeros would turn -0 into +0.
                for step in range(k + depth - k0):
                    add(shared, a_at + step * a_pitch, b_at + step * b_pitch, a, b, sums)
            if k0 < k:
                put_a(held_a, shared, half * depth * a_pitch)
                put_b(held_b, shared, b_start + half * depth * b_pitch)
            cuda.syncthreads()
            half = 1 - half

        if bias.size:
            for j in range(width):
                c = column + j // 4 * column_step + j % 4
                b[j] = bias[c] if c < n else np.float32(0)
            for i in range(count):
                sums[i] += b[i % width]
        if whole_out and first_row + rows <= m and first_column + columns <= n:
            for i in range(0, count, 4):
                r, c = place(row, column, i)
                store4(out, r * n + c, sums[i], sums[i + 1], sums[i + 2], sums[i + 3])
        else:
            for i in range(count):
                staged[i] = sums[i]
            for i in range(count):
                r, c = place(row, column, i)
                if r < m and c < n:
                    out[r * n + c] = staged[i]

    return kernel(matmul, tile.bounds)


@kernel
def plain(a, b, bias, accumulate, out):
    """In float64, at any strides: a thread for an element, from square tiles in shared memory."""
    left = cuda.shared.array((SQUARE, SQUARE), types.float64)
    right = cuda.shared.array((SQUARE, SQUARE), types.float64)
    i, j = cuda.threadIdx.y, cuda.threadIdx.x
    row, column = cuda.blockIdx.y * SQUARE + i, cuda.blockIdx.x * SQUARE + j
    rows, columns, depth = out.shape[0], out.shape[1], a.shape[1]
    inside = row < rows and column < columns
    total = out[row, column] if accumulate and inside else 0.0
    for k0 in range(0, depth, SQUARE):
        if row < rows and k0 + j < depth:
            left[i, j] = a[row, k0 + j]
        if column < columns and k0 + i < depth:
            right[i, j] = b[k0 + i, column]
        cuda.syncthreads()
        for k in range(min(SQUARE, depth - k0)):
            total = fma(left[i, k], right[k, j], total)
        cuda.syncthreads()
    if inside:
        out[row, column] = total + bias[column] if bias.size else total


def _by_k(x: Array) -> tuple[Array, bool]:
    """Return x, (rows, K), or its transpose, in row order, and whether K is the contiguous dim."""
    if x.flags.c_contiguous:
        return x, True
    if x.flags.f_contiguous:
        return x.T, False
    return x.copy(), True


def matmul(
    a: Array,
    b: Array,
    bias: Array | None = None,
    out: Array | None = None,
    accumulate: bool = False,
) -> Array:
    """Return a @ b + bias for a (M, K), b (K, N) and bias (N,) of one dtype, float32 or float64.

    Any strides; the result, or `out`, is (M, N). With `accumulate` the product and the bias are
    added to `out`.
    """
    (rows, depth), columns = a.shape, b.shape[1]
    if out is None:
        out = empty((rows, columns), a.dtype)
    if not (rows and columns and depth):
        if not accumulate:
            out[...] = 0
        if bias is not None:
            out += bias
        return out
    if not out.flags.c_contiguous:
        result = out.copy()
        out[...] = matmul(a, b, bias, result, accumulate)
        return out
    if engine.get_matmul() == "blas" and blas.bindings():
        (x, a_by_k), (y, b_by_k) = _by_k(a), _by_k(b.T)
        blas.product(x, a_by_k, y, b_by_k, depth, out, accumulate)
        if bias is not None:
            out += bias
        return out
    bias = empty(0, a.dtype) if bias is None else bias.reshape(-1)
    if a.dtype == np.float64:
        grid = blocks(columns, SQUARE), blocks(rows, SQUARE)
        plain[grid, (SQUARE, SQUARE)](a.memory, b.memory, bias.memory, accumulate, out.memory)
        return out
    (x, a_by_k), (y, b_by_k) = _by_k(a), _by_k(b.T)
    if b_by_k and not a_by_k:  # no step of training has this layout, and so no kernel
        x, a_by_k = a.copy(), True
    tile = LARGE
    if blocks(columns, tile.columns) * blocks(rows, tile.rows) < multiprocessors():
        tile = SMALL
    grid = blocks(columns, tile.columns), blocks(rows, tile.rows)
    run = tiled(tile, a_by_k, b_by_k)[grid, tile.threads]
    whole = aligned(x, y) and x.shape[1] % 4 == y.shape[1] % 4 == 0
    whole_out = aligned(out) and columns % 4 == 0
    left, right, target = (array.reshape(-1).memory for array in (x, y, out))
    run(left, right, rows, columns, depth, bias.memory, whole, whole_out, accumulate, target)
    return out
