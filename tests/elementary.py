"""The functions of `minnet.kernels.numeric` on arrays, for the twins of what uses them."""

import numpy as np

from minnet.kernels import numeric
from minnet.kernels.jit import kernel


@kernel
def _exp(x, out):
    for i in range(x.size):
        out[i] = numeric.exp(x[i])


@kernel
def _log(x, out):
    for i in range(x.size):
        out[i] = numeric.log(x[i])


@kernel
def _log1p(x, out):
    for i in range(x.size):
        out[i] = numeric.log1p(x[i])


@kernel
def _sigmoid(x, out):
    for i in range(x.size):
        out[i] = numeric.sigmoid(x[i])


def _on_arrays(run):
    def function(x):
        out = np.empty_like(x)
        run(np.ascontiguousarray(x), out)
        return out

    return function


exp, log, log1p, sigmoid = map(_on_arrays, (_exp, _log, _log1p, _sigmoid))
