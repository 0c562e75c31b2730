"""The kernels of the GPU: what `kernels.of` returns for an array of the device.

They are the functions without an underscore in these files, and those that both devices share.
"""

from minnet.kernels import fills, functions_of, philox, reductions, updates
from minnet.kernels.cuda import (
    fill,
    gather,
    host_only,
    linear,
    loss,
    matmul,
    mlp,
    optimize,
    orthogonal,
    pointwise,
    reduce,
)
from minnet.kernels.cuda.host_only import mersenne_twister

SHARED = fills, philox, reductions, updates
OWN = fill, gather, host_only, linear, loss, matmul, mlp, optimize, orthogonal, reduce
globals().update(functions_of(*SHARED, *OWN) | pointwise.FUNCTIONS)
