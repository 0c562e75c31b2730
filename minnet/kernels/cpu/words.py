"""Random words: Philox for a run of counters, in vector IR.

Left to LLVM, Philox in a loop runs at three quarters of this speed: it spends shuffles on packing
words that the lanes of `philox.py` need not have, and multiplies 64 by 64 bits where a word does
not change from counter to counter.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minnet.kernels import philox
from minnet.kernels.simd import vector_bytes

INT32, INT64 = ir.IntType(32), ir.IntType(64)
LANES = vector_bytes() // 8
# Independent vectors of counters in the loop, to hide the latency of the multiplication: as many as
# fit into the registers. AVX-512 and NEON have 32, AVX and SSE 16.
CHAINS = 4 if vector_bytes() == 64 else 2
VECTOR = ir.VectorType(INT64, LANES)


# A word that is the same in all counters of the run is a scalar, and what is made of it stays one.


def _varies(x: Any) -> bool:
    return isinstance(x.type, ir.VectorType)


def _constant(x: int, like: Any) -> Any:
    return ir.Constant(VECTOR, [x] * LANES) if _varies(like) else INT64(x)


def _spread(builder: Any, x: Any) -> Any:
    """Return a vector with x in every lane."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, x, INT32(0))
    return builder.shuffle_vector(
        first, undefined, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES)
    )


def _product(builder: Any, word: Any, multiplier: Any) -> Any:
    word = builder.and_(word, _constant(0xFFFFFFFF, word))
    return builder.mul(word, _constant(int(multiplier), word))


def _high(builder: Any, product: Any, word: Any, key: Any) -> Any:
    """Return the high half of a product, combined with another word and a round's key."""
    half = _constant(32, product)
    if _varies(product) and _varies(word):
        both = builder.xor(word, _spread(builder, key))
        return builder.xor(builder.lshr(product, half), both)
    if _varies(product):
        # Combined before the shift, which shows LLVM that the upper half of the result is empty.
        both = builder.shl(builder.xor(word, key), INT64(32))
        return builder.lshr(builder.xor(product, _spread(builder, both)), half)
    high = builder.lshr(product, half)
    if _varies(word):
        return builder.xor(word, _spread(builder, builder.xor(high, key)))
    return builder.xor(high, builder.xor(builder.and_(word, INT64(0xFFFFFFFF)), key))


def _lane(builder: Any, product: Any, word: Any, key: Any) -> Any:
    """Return both words that the last round makes of a product: the lane."""
    both = builder.xor(word, _spread(builder, key))
    return builder.xor(product, builder.shl(both, _constant(32, both)))


def _run(module: Any) -> Any:
    """Return the function of `words`, on integers."""
    name = "minnet.words"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT64] * 8), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    address, width, k0, k1, *counter = function.args
    entry, loop, done = (function.append_basic_block(part) for part in ("entry", "loop", "done"))

    builder = ir.IRBuilder(entry)
    low = INT64(0xFFFFFFFF)
    keys = []
    for _ in range(philox.ROUNDS):
        keys.append((k0, k1))
        k0 = builder.and_(builder.add(k0, INT64(int(philox.WEYL_0))), low)
        k1 = builder.and_(builder.add(k1, INT64(int(philox.WEYL_1))), low)
    start = builder.add(_spread(builder, counter[0]), ir.Constant(VECTOR, list(range(LANES))))
    builder.branch(loop)

    builder.position_at_end(loop)
    done_counters = builder.phi(INT64)
    done_counters.add_incoming(INT64(0), entry)
    index = builder.phi(VECTOR)
    index.add_incoming(start, entry)
    chains: list[Any] = [
        (builder.add(index, _constant(chain * LANES, index)), *counter[1:])
        for chain in range(CHAINS)
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
    for chain, (first, _, second, _) in enumerate(chains):
        counters = builder.add(done_counters, INT64(chain * LANES))
        place = builder.add(address, builder.mul(counters, INT64(8)))
        for plane, lanes in ((0, first), (philox.PLANE_BYTES, second)):
            pointer = builder.inttoptr(builder.add(place, INT64(plane)), VECTOR.as_pointer())
            builder.store(lanes, pointer).align = 4
    step = CHAINS * LANES
    more = builder.add(done_counters, INT64(step))
    done_counters.add_incoming(more, loop)
    index.add_incoming(builder.add(index, _constant(step, index)), loop)
    builder.cbranch(builder.icmp_signed("<", more, width), loop, done)

    builder.position_at_end(done)
    builder.ret_void()
    return function


@intrinsic
def words(typingctx: Any, address: Any, index: Any, width: Any, stream: Any) -> Any:
    """Write the two planes of a run: the lanes of the counters from `index` on.

    `address` is that of a run's memory, `index` (uint64) that of its first counter. At least the
    first `width` counters are computed, and at least one: as many as whole vectors hold.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, index, width, stream = args
        words = [
            half
            for x in (*cgutils.unpack_tuple(builder, stream, 2), index)
            for half in (builder.and_(x, INT64(0xFFFFFFFF)), builder.lshr(x, INT64(32)))
        ]
        k0, k1, c2, c3, c0, c1 = words
        builder.call(_run(builder.module), [address, width, k0, k1, c0, c1, c2, c3])
        return context.get_dummy_value()

    return types.void(types.intp, types.uint64, types.intp, stream), codegen
