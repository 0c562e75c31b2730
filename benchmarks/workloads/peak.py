"""The fma peak: floating-point operations in registers alone, as fast as the cores do them."""

from __future__ import annotations

from threading import Thread
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minnet.kernels.simd import vector_bytes
from workloads.workload import Run

LANES = vector_bytes() // 4
# More than the units of a core times the cycles of an fma, so that none waits for a result; with
# the two constants they still fit into 16 registers.
CHAINS = 12
FLOP = 2 * LANES * CHAINS  # of a turn of the loop


@intrinsic
def _fmas(typingctx: Any, turns: Any) -> Any:
    """Return a number that all chains x = x / 2 + 1 go into, after so many turns of each."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), LANES)
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f32"
        )
        half, one = (ir.Constant(vector, [x] * LANES) for x in (0.5, 1.0))
        chains = [cgutils.alloca_once(builder, vector) for _ in range(CHAINS)]
        # Each chain starts elsewhere, or the compiler computes one for all.
        for i, chain in enumerate(chains):
            builder.store(ir.Constant(vector, [float(i)] * LANES), chain)
        with cgutils.for_range(builder, args[0]):
            for chain in chains:
                builder.store(builder.call(fma, [builder.load(chain), half, one]), chain)
        total = builder.load(chains[0])
        for chain in chains[1:]:
            total = builder.fadd(total, builder.load(chain))
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.intp), codegen


@numba.njit(nogil=True)
def _loop(turns: Any, out: Any) -> None:
    out[0] = _fmas(turns)


def fma_peak(flop: int, threads: int) -> Run:
    """Return what makes about so many operations in float32, on so many threads."""
    out = np.zeros((threads, 1), np.float32)
    turns = round(flop / (FLOP * threads))

    def run() -> None:
        workers = [Thread(target=_loop, args=(turns, row)) for row in out]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    run()
    np.testing.assert_allclose(out, 2 * CHAINS)  # the limit of x / 2 + 1
    return run
