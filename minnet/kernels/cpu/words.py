"""Random words, and float32 uniforms of them: Philox for a run of counters, in vector IR.

Left to LLVM, Philox in a loop runs at three quarters of this speed: it spends shuffles on packing
words that the lanes of `philox.py` need not have, and multiplies 64 by 64 bits where a word does
not change from counter to counter. A uniform is so little work beside its word that a loop of its
own over the words would cost a sixth of the time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minnet.kernels import philox
from minnet.kernels.simd import (
    INT32,
    INT64,
    LINE,
    POINTER,
    define,
    emit_prefetch,
    fma_function,
    splat,
    vector_bytes,
)

LANES = vector_bytes() // 8
# Independent vectors of counters in the loop, to hide the latency of the multiplication: as many as
# fit into the registers. AVX-512 and NEON have 32, AVX and SSE 16.
CHAINS = 4 if vector_bytes() == 64 else 2
# Bytes ahead of the stores at which lines of the result are fetched: without, the processor waits
# for memory where the result is larger than its caches (measured: a tenth of the time, and more
# where others use the memory).
AHEAD = 2048
VECTOR = ir.VectorType(INT64, LANES)
WORDS = ir.VectorType(INT32, 2 * LANES)
SINGLES = ir.VectorType(ir.FloatType(), 2 * LANES)


# A word that is the same in all counters of the run is a scalar, and what is made of it stays one.


def _varies(x: Any) -> bool:
    return isinstance(x.type, ir.VectorType)


def _constant(x: int, like: Any) -> Any:
    return ir.Constant(VECTOR, [x] * LANES) if _varies(like) else INT64(x)


def _product(builder: Any, word: Any, multiplier: Any) -> Any:
    word = builder.and_(word, _constant(0xFFFFFFFF, word))
    return builder.mul(word, _constant(int(multiplier), word))


def _high(builder: Any, product: Any, word: Any, key: Any) -> Any:
    """Return the high half of a product, combined with another word and a round's key."""
    half = _constant(32, product)
    if _varies(product) and _varies(word):
        both = builder.xor(word, splat(builder, key, VECTOR))
        return builder.xor(builder.lshr(product, half), both)
    if _varies(product):
        # Combined before the shift, which shows LLVM that the upper half of the result is empty.
        both = builder.shl(builder.xor(word, key), INT64(32))
        return builder.lshr(builder.xor(product, splat(builder, both, VECTOR)), half)
    high = builder.lshr(product, half)
    if _varies(word):
        return builder.xor(word, splat(builder, builder.xor(high, key), VECTOR))
    return builder.xor(high, builder.xor(builder.and_(word, INT64(0xFFFFFFFF)), key))


def _lane(builder: Any, product: Any, word: Any, key: Any) -> Any:
    """Return both words that the last round makes of a product: the lane."""
    both = builder.xor(word, splat(builder, key, VECTOR))
    return builder.xor(product, builder.shl(both, _constant(32, both)))


def _uniform(builder: Any, lane: Any, low: Any, scale: Any, last: Any) -> Any:
    """Return what `draws.uniform` makes of both halves of a lane."""
    high_bits = builder.lshr(builder.bitcast(lane, WORDS), ir.Constant(WORDS, [8] * 2 * LANES))
    whole = builder.sitofp(high_bits, SINGLES)
    low, scale, last = (splat(builder, x, SINGLES) for x in (low, scale, last))
    x = builder.call(fma_function(builder.module, SINGLES), [whole, scale, low])
    return builder.select(builder.fcmp_ordered("<", x, last), x, last)


def _run(module: Any, finish: Any = None) -> Any:
    """Return the function of `words`, on integers; or that of what `finish` makes of the lanes."""
    name = "minnet.words" if finish is None else f"minnet.words.{finish.__name__}"
    numbers = [] if finish is None else [ir.FloatType()] * 3
    function, new = define(module, name, [INT64] * 8 + numbers)
    if not new:
        return function
    address, width, k0, k1, c0, c1, c2, c3, *rest = function.args
    # One more chain beside a finish, which gives the processor something to do while they wait.
    chain_count = CHAINS if finish is None else CHAINS + 1
    step = chain_count * LANES  # counters
    entry, loop, done = (function.append_basic_block(part) for part in ("entry", "loop", "done"))

    builder = ir.IRBuilder(entry)
    low = INT64(0xFFFFFFFF)
    keys = []
    for _ in range(philox.ROUNDS):
        keys.append((k0, k1))
        k0 = builder.and_(builder.add(k0, INT64(int(philox.WEYL_0))), low)
        k1 = builder.and_(builder.add(k1, INT64(int(philox.WEYL_1))), low)
    start = builder.add(splat(builder, c0, VECTOR), ir.Constant(VECTOR, list(range(LANES))))
    limit = philox.COUNTERS - step
    last = builder.add(start, _constant(limit, start))
    builder.branch(loop)

    builder.position_at_end(loop)
    computed = builder.phi(INT64)
    computed.add_incoming(INT64(0), entry)
    counters = builder.phi(VECTOR)
    counters.add_incoming(start, entry)
    first, index = computed, counters
    if limit % step:  # the last step would reach beyond the run: it does some counters again
        within = builder.icmp_signed("<", computed, INT64(limit))
        first = builder.select(within, computed, INT64(limit))
        index = builder.select(within, counters, last)
    chains: list[Any] = [
        (builder.add(index, _constant(chain * LANES, index)), c1, c2, c3)
        for chain in range(chain_count)
    ]
    for key_0, key_1 in keys:
        products = [
            (_product(builder, c0, philox.MULTIPLIER_0), _product(builder, c2, philox.MULTIPLIER_1))
            for c0, _, c2, _ in chains
        ]
        combine = _lane if (key_0, key_1) == keys[-1] else _high
        chains = [
            (combine(builder, p1, c1, key_0), p1, combine(builder, p0, c3, key_1), p0)
            for (_, c1, _, c3), (p0, p1) in zip(chains, products, strict=True)
        ]
    place = builder.add(address, builder.mul(first, INT64(8)))
    for plane in range(2):
        for line in range(0, 0 if finish is None else step * 8, LINE):
            at = builder.add(place, INT64(plane * philox.PLANE_BYTES + AHEAD + line))
            emit_prefetch(builder, builder.inttoptr(at, POINTER), writing=True)
        for chain, lanes in enumerate(chains):
            at = builder.add(place, INT64(plane * philox.PLANE_BYTES + chain * LANES * 8))
            x = lanes[2 * plane]
            x = x if finish is None else finish(builder, x, *rest)
            builder.store(x, builder.inttoptr(at, x.type.as_pointer())).align = 4
    more = builder.add(computed, INT64(step))
    computed.add_incoming(more, loop)
    counters.add_incoming(builder.add(counters, _constant(step, counters)), loop)
    builder.cbranch(builder.icmp_signed("<", more, width), loop, done)

    builder.position_at_end(done)
    builder.ret_void()
    return function


def _arguments(builder: Any, args: Any) -> list[Any]:
    address, index, width, stream = args
    words = [
        half
        for x in (*cgutils.unpack_tuple(builder, stream, 2), index)
        for half in (builder.and_(x, INT64(0xFFFFFFFF)), builder.lshr(x, INT64(32)))
    ]
    k0, k1, c2, c3, c0, c1 = words
    return [address, width, k0, k1, c0, c1, c2, c3]


@intrinsic
def words(typingctx: Any, address: Any, index: Any, width: Any, stream: Any) -> Any:
    """Write the two planes of a run: the lanes of the counters from `index` on.

    `address` is that of a run's memory, `index` (uint64) that of its first counter. At least the
    first `width` counters are computed: as many as whole steps hold.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(_run(builder.module), _arguments(builder, args))
        return context.get_dummy_value()

    return types.void(types.intp, types.uint64, types.intp, stream), codegen


@intrinsic
def uniforms(
    typingctx: Any, address: Any, index: Any, width: Any, stream: Any, numbers: Any
) -> Any:
    """Write a run of float32 from `draws.uniform`, whose `numbers` are low, scale and last."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        *place, numbers = args
        numbers = cgutils.unpack_tuple(builder, numbers, 3)
        builder.call(_run(builder.module, _uniform), [*_arguments(builder, place), *numbers])
        return context.get_dummy_value()

    three = types.UniTuple(types.float32, 3)
    return types.void(types.intp, types.uint64, types.intp, stream, three), codegen
