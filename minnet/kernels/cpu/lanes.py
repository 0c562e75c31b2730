"""The 64 lanes that adjacent elements are reduced in, in vector IR.

Element i goes to lane i % 64, and the lanes are joined by halves: 0 with 32, 1 with 33, ...; 0 with
16, ... LLVM keeps an array of lanes in memory, and joins them one by one: short rows then take
several times as long (measured: 131 in place of 20 ns for the largest of 100).

Each intrinsic reduces the first `laps` * 64 elements, at least 64, from an address on; `like` is of
their type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minnet.kernels.simd import INT32, INT64, itemsize_of

LANES = 64
DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
Join = Callable[[Any, Any, Any], Any]


def _element(builder: Any, scalar: Any, address: Any, lap: Any) -> Any:
    vector = ir.VectorType(scalar, LANES)
    start = builder.inttoptr(address, vector.as_pointer())
    x = builder.load(builder.gep(start, [lap]))
    x.align = itemsize_of(scalar)
    return x


def _double(builder: Any, x: Any) -> Any:
    return x if x.type == DOUBLES else builder.fpext(x, DOUBLES)


def _reduced(builder: Any, laps: Any, start: Any, element: Callable[[Any], Any], join: Join) -> Any:
    """Return the lanes' joint value; element(lap) is the vector of a lap."""
    before = builder.basic_block
    loop, after = builder.append_basic_block("lap"), builder.append_basic_block("joined")
    builder.branch(loop)
    builder.position_at_end(loop)
    lap, lanes = builder.phi(INT64), builder.phi(start.type)
    joined = join(builder, lanes, element(lap))
    following = builder.add(lap, INT64(1))
    lap.add_incoming(INT64(0), before)
    lap.add_incoming(following, loop)
    lanes.add_incoming(start, before)
    lanes.add_incoming(joined, loop)
    builder.cbranch(builder.icmp_signed("<", following, laps), loop, after)
    builder.position_at_end(after)
    count = LANES
    while count > 1:
        count //= 2
        halves = [
            builder.shuffle_vector(
                *(joined, ir.Constant(joined.type, ir.Undefined)),
                ir.Constant(ir.VectorType(INT32, count), list(range(first, first + count))),
            )
            for first in (0, count)
        ]
        joined = join(builder, *halves)
    return builder.extract_element(joined, INT32(0))


def _plus(builder: Any, total: Any, x: Any) -> Any:
    return builder.fadd(total, x)


def _larger(builder: Any, best: Any, x: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", x, best), x, best)


def _sum(builder: Any, scalar: Any, laps: Any, *addresses: Any) -> Any:
    """Return the sum of the elements at an address, or of the products of those at two."""

    def element(lap: Any) -> Any:
        factors = [_double(builder, _element(builder, scalar, a, lap)) for a in addresses]
        return builder.fmul(*factors) if len(factors) > 1 else factors[0]

    return _reduced(builder, laps, ir.Constant(DOUBLES, [0.0] * LANES), element, _plus)


@intrinsic
def lanes_sum(typingctx: Any, like: Any, x: Any, laps: Any) -> Any:
    """Return the sum as a float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _sum(builder, context.get_value_type(like), args[2], args[1])

    return types.float64(like, types.intp, types.intp), codegen


@intrinsic
def lanes_dot(typingctx: Any, like: Any, x: Any, y: Any, laps: Any) -> Any:
    """Return the sum of the products with the elements at y, as a float64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _sum(builder, context.get_value_type(like), args[3], args[1], args[2])

    return types.float64(like, types.intp, types.intp, types.intp), codegen


@intrinsic
def lanes_max(typingctx: Any, like: Any, x: Any, laps: Any) -> Any:
    """Return the largest element that is not NaN; -inf where there is none."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar, (_, x, laps) = context.get_value_type(like), args
        low = ir.Constant(ir.VectorType(scalar, LANES), [float("-inf")] * LANES)
        return _reduced(builder, laps, low, lambda lap: _element(builder, scalar, x, lap), _larger)

    return like(like, types.intp, types.intp), codegen
