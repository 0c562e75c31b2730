"""Vector IR, what Numba's Python cannot say: fma, the SIMD width, and the inner loops of matmul.

Each intrinsic on memory takes addresses and distances in bytes as integers, and an array element
`like` whose type is that of the elements.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import carray, int64, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from minnet.kernels.jit import device

INT32, INT64 = ir.IntType(32), ir.IntType(64)
POINTER = ir.IntType(8).as_pointer()
LINE = 64  # bytes of a cache line


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, rounded once. All three float32 or all three float64.

    Numba on the CPU never contracts a multiply and an add, on CUDA it always does: where the bits
    matter, the fma is written out.
    """
    if not (x == y == z and x in (types.float32, types.float64)):
        raise TypeError(f"fma expects three float32 or three float64, got {x}, {y}, {z}")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(fma_function(builder.module, args[0].type), args)

    return x(x, x, x), codegen


def itemsize_of(scalar: Any) -> int:
    return 4 if isinstance(scalar, ir.FloatType) else 8


def fma_function(module: Any, kind: Any) -> Any:
    """Return LLVM's fma for a scalar or a vector type."""
    vector = isinstance(kind, ir.VectorType)
    name = f"f{8 * itemsize_of(kind.element if vector else kind)}"
    name = f"llvm.fma.v{kind.count}{name}" if vector else f"llvm.fma.{name}"
    return cgutils.get_or_insert_function(module, ir.FunctionType(kind, [kind] * 3), name)


@cache
def vector_bytes() -> int:
    """Return the width of the target's vector registers: 64 (AVX-512), 32 (AVX) or 16 bytes."""
    features = cpu_target.target_context.codegen()._tm_features.split(",")
    return 64 if "+avx512f" in features else 32 if "+avx" in features else 16


# Single elements and blocks of memory


@intrinsic
def load(typingctx: Any, like: Any, address: Any) -> Any:
    """Return the element at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[1], context.get_value_type(like).as_pointer())
        return builder.load(pointer)

    return like(like, types.intp), codegen


@intrinsic
def store(typingctx: Any, address: Any, element: Any) -> Any:
    """Write an element to an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], context.get_value_type(element).as_pointer())
        builder.store(args[1], pointer)
        return context.get_dummy_value()

    return types.void(types.intp, element), codegen


@device
def address(array: Any) -> Any:
    """Return where an array begins. Numba's is a uint64, which an int64 makes a float64."""
    return int64(array.ctypes.data)


@intrinsic
def pointer(typingctx: Any, like: Any, address: Any) -> Any:
    """Return an address as a pointer to elements: what `numba.carray` makes an array of."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[1], context.get_value_type(like).as_pointer())

    return types.CPointer(like)(like, types.intp), codegen


@device
def flat(array: Any) -> Any:
    """Return a contiguous array in one dim. Numba takes 0.2 s longer to compile its `reshape`."""
    return carray(pointer(array.dtype.type(0), address(array)), array.size)


@intrinsic
def copy(typingctx: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes between addresses that do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        to, source, count = args
        cgutils.raw_memcpy(
            builder, builder.inttoptr(to, POINTER), builder.inttoptr(source, POINTER), count, 1
        )
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


def emit_prefetch(builder: Any, pointer: Any, writing: bool) -> None:
    """Begin to fetch a cache line, to be read or written."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, INT32, INT32, INT32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    keep, data = INT32(3), INT32(1)
    builder.call(function, [pointer, INT32(int(writing)), keep, data])


@intrinsic
def prefetch(typingctx: Any, address: Any) -> Any:
    """Begin to fetch the cache line of an address, and do not wait for it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        emit_prefetch(builder, builder.inttoptr(args[0], POINTER), writing=False)
        return context.get_dummy_value()

    return types.void(types.intp), codegen


# Masks


MASK = 64  # elements, a bit each


@intrinsic
def outside(typingctx: Any, like: Any, address: Any, low: Any, high: Any) -> Any:
    """Return which of MASK elements are outside [low, high], as the bits of a uint64.

    The first element has the lowest bit. NaN is outside.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = context.get_value_type(like)
        vector = ir.VectorType(scalar, MASK)
        x = builder.load(builder.inttoptr(args[1], vector.as_pointer()))
        x.align = itemsize_of(scalar)
        below = builder.fcmp_unordered("<", x, splat(builder, args[2], vector))
        above = builder.fcmp_unordered(">", x, splat(builder, args[3], vector))
        return builder.bitcast(builder.or_(below, above), INT64)

    return types.uint64(like, types.intp, like, like), codegen


@intrinsic
def lowest(typingctx: Any, mask: Any) -> Any:
    """Return the index of the lowest bit that is set in a mask that is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.uint64), codegen


# The tile of matmul: `rows` x `vectors` accumulators, which have to fit into the registers beside a
# row of B and one element of A. AVX-512 and NEON have 32 registers, AVX and SSE 16.

TILE_ROWS, TILE_VECTORS = (12, 2) if vector_bytes() == 64 else (6, 2)
TILE_HEIGHTS = tuple(h for h in (12, 8, 6, 4, 2, 1) if h <= TILE_ROWS)
# Rows of A that share a pointer: x86 addresses a base plus one or two distances in a load.
ROWS_A_POINTER = 3
ROWS_AHEAD = 8  # of B that are fetched before their turn


def define(module: Any, name: str, arguments: list[Any]) -> tuple[Any, bool]:
    """Return a function of such arguments in a module, and whether it is new and to be filled."""
    if name in module.globals:
        return module.globals[name], False
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    return function, True


def splat(builder: Any, element: Any, vector: Any) -> Any:
    """Return a vector with the element in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, element, INT32(0))
    lanes = ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, lanes)


def _opaque(builder: Any, pointer: Any) -> Any:
    """Return a pointer of which the compiler does not see where it came from.

    LLVM reaches each of several pointers by an addition to the one before: in the loop of a tile
    that is a chain of additions as long as it takes to do the fmas.
    """
    kind = ir.FunctionType(POINTER, [POINTER])
    return builder.asm(kind, "", "=r,0", [pointer], False)


def _tile(module: Any, scalar: Any, rows: int, vectors: int) -> Any:
    """Return the function of one tile: C = A B, or C += A B, as a chain of fmas over k."""
    size = itemsize_of(scalar)
    vector = ir.VectorType(scalar, vector_bytes() // size)
    function, new = define(module, f"minnet.tile.f{8 * size}.{rows}x{vectors}", [INT64] * 9)
    if not new:
        return function
    depth, a, a_row, a_k, b, b_k, c, c_row, resume = function.args
    entry, partial, loop, done = (
        function.append_basic_block(name) for name in ("entry", "partial", "loop", "done")
    )
    builder = ir.IRBuilder(entry)
    fused = fma_function(module, vector)
    where = [(r, v) for r in range(rows) for v in range(vectors)]

    def at(pointer: Any, kind: Any, distance: Any = None) -> Any:
        pointer = pointer if distance is None else builder.gep(pointer, [distance])
        return builder.bitcast(pointer, kind.as_pointer())

    def read(pointer: Any, kind: Any, distance: Any = None) -> Any:
        element = builder.load(at(pointer, kind, distance))
        element.align = size
        return element

    def column(v: int) -> Any:
        return INT64(v * vector_bytes())

    def phi(kind: Any, start: Any, resumed: Any) -> Any:
        node = builder.phi(kind)
        node.add_incoming(start, entry)
        node.add_incoming(resumed, partial)
        return node

    c_rows = [builder.inttoptr(c, POINTER)]
    for _ in range(1, rows):
        c_rows.append(builder.gep(c_rows[-1], [c_row]))
    starts = [builder.inttoptr(a, POINTER)]
    stride = builder.mul(a_row, INT64(ROWS_A_POINTER))
    for _ in range(ROWS_A_POINTER, rows, ROWS_A_POINTER):
        starts.append(builder.gep(starts[-1], [stride]))
    starts = [_opaque(builder, start) for start in starts]
    offsets = [INT64(0), a_row]
    while len(offsets) < ROWS_A_POINTER:
        offsets.append(builder.add(offsets[-1], a_row))
    b_start = builder.inttoptr(b, POINTER)
    # The tile to the right is next: its C arrives meanwhile. The chains of a tile wait for it
    # otherwise, and a product of 1024 x 1024 takes 1.05 times as long.
    width = vectors * vector_bytes()
    for pointer in c_rows:
        for distance in (width, 2 * width - 1):  # a row may touch two cache lines
            emit_prefetch(builder, builder.gep(pointer, [INT64(distance)]), writing=True)
    builder.cbranch(builder.icmp_signed("!=", resume, INT64(0)), partial, loop)

    builder.position_at_end(partial)  # the chain goes on from what C holds
    held = [read(c_rows[r], vector, column(v)) for r, v in where]
    builder.branch(loop)

    builder.position_at_end(loop)
    zero = ir.Constant(vector, [0.0] * vector.count)
    sums = [phi(vector, zero, x) for x in held]
    left = phi(INT64, depth, depth)
    a_pointers = [phi(POINTER, s, s) for s in starts]
    b_pointer = phi(POINTER, b_start, b_start)
    b_row = [read(b_pointer, vector, column(v)) for v in range(vectors)]
    ahead = builder.gep(b_pointer, [builder.mul(b_k, INT64(ROWS_AHEAD))])
    for v in range(vectors):
        emit_prefetch(builder, builder.gep(ahead, [column(v)]), writing=False)
    results = []
    for r in range(rows):
        element = read(a_pointers[r // ROWS_A_POINTER], scalar, offsets[r % ROWS_A_POINTER])
        spread = splat(builder, element, vector)
        for v in range(vectors):
            results.append(builder.call(fused, [spread, b_row[v], sums[r * vectors + v]]))
    for node, x in zip(sums, results, strict=True):
        node.add_incoming(x, loop)
    for node in a_pointers:
        node.add_incoming(builder.gep(node, [a_k]), loop)
    b_pointer.add_incoming(builder.gep(b_pointer, [b_k]), loop)
    rest = builder.sub(left, INT64(1))
    left.add_incoming(rest, loop)
    builder.cbranch(builder.icmp_signed(">", rest, INT64(0)), loop, done)

    builder.position_at_end(done)
    for (r, v), x in zip(where, results, strict=True):
        builder.store(x, at(c_rows[r], vector, column(v))).align = size
    builder.ret_void()
    return function


@intrinsic
def tile(typingctx, like, rows, vectors, depth, a, a_row, a_k, b, b_k, c, c_row, resume):
    """Compute `rows` x `vectors` vectors of C = A B, and of C += A B where `resume` is not 0.

    `rows` is one of TILE_HEIGHTS, `vectors` at most TILE_VECTORS, `depth` at least 1. Each element
    is a chain of fmas over k = 0, 1, …: the order contract.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = context.get_value_type(like)
        _, rows, vectors, *rest = args
        after = builder.append_basic_block("after")
        shape = builder.add(builder.mul(rows, INT64(TILE_VECTORS)), vectors)
        switch = builder.switch(shape, after)
        for height in TILE_HEIGHTS:
            for width in range(1, TILE_VECTORS + 1):
                function = _tile(builder.module, scalar, height, width)
                case = builder.append_basic_block(f"tile{height}x{width}")
                switch.add_case(INT64(height * TILE_VECTORS + width), case)
                with builder.goto_block(case):
                    builder.call(function, rest)
                    builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 11), codegen


def _transpose(module: Any, scalar: Any) -> Any:
    size = itemsize_of(scalar)
    lanes, group = vector_bytes() // size, 16 // size  # shuffles are cheap within 16 bytes
    vector = ir.VectorType(scalar, lanes)
    function, new = define(module, f"minnet.transpose.f{8 * size}", [INT64] * 5)
    if not new:
        return function
    source, stride, count, target, pitch = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))

    def shuffled(x: Any, y: Any, order: list[int]) -> Any:
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, lanes), order))

    rows = []
    last = builder.sub(count, INT64(1))
    for i in range(lanes):
        row = builder.select(builder.icmp_signed("<", INT64(i), last), INT64(i), last)
        address = builder.add(source, builder.mul(row, stride))
        x = builder.load(builder.inttoptr(address, vector.as_pointer()))
        x.align = size
        rows.append(x)
    # Transpose the squares of `group` x `group` elements ...
    low = [
        e // 2 + start + (lanes if e % 2 else 0)
        for start in range(0, lanes, group)
        for e in range(group)
    ]
    high = [i + group // 2 for i in low]
    done = 1
    while done < group:
        merged = list(rows)
        for start in range(0, lanes, group):
            for i in range(start, start + group // 2):
                x, y = rows[i], rows[i + group // 2]
                merged[2 * i - start] = shuffled(x, y, low)
                merged[2 * i - start + 1] = shuffled(x, y, high)
        rows = merged
        done *= 2
    # ... then exchange squares across the diagonal, the largest first.
    distance = lanes // 2
    while distance >= group:
        for i in range(lanes):
            if not i & distance:
                x, y = rows[i], rows[i + distance]
                upper = [e if not e & distance else lanes + e - distance for e in range(lanes)]
                lower = [e + distance if not e & distance else lanes + e for e in range(lanes)]
                rows[i], rows[i + distance] = shuffled(x, y, upper), shuffled(x, y, lower)
        distance //= 2
    for i, x in enumerate(rows):
        address = builder.add(target, builder.mul(INT64(i), pitch))
        builder.store(x, builder.inttoptr(address, vector.as_pointer())).align = size
    builder.ret_void()
    return function


@intrinsic
def transpose(
    typingctx: Any, like: Any, source: Any, stride: Any, count: Any, target: Any, pitch: Any
) -> Any:
    """Transpose a square of as many rows and columns as a vector has lanes.

    Row i is read at `source` + i * `stride`; rows from `count` on repeat the last one. Row i of the
    result is written at `target` + i * `pitch`.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(_transpose(builder.module, context.get_value_type(like)), args[1:])
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 5), codegen
