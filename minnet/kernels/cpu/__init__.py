"""The kernels of the CPU: what `kernels.of` returns for a NumPy array.

They are the functions without an underscore in these files, and those that both devices share.
"""

from minnet.kernels import fills, functions_of, philox, reductions, updates
from minnet.kernels.cpu import (
    digits,
    fill,
    gather,
    linear,
    loss,
    matmul,
    mersenne_twister,
    mlp,
    normalize,
    optimize,
    orthogonal,
    pointwise,
    reduce,
)

SHARED = fills, philox, reductions, updates
OWN = digits, fill, gather, linear, loss, matmul, mlp, normalize, optimize, orthogonal, reduce
globals().update(functions_of(*SHARED, *OWN) | pointwise.FUNCTIONS)
