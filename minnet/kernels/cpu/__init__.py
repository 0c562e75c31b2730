"""The kernels of the CPU: what `kernels.of` returns for a NumPy array."""

from minnet.kernels.cpu import mersenne_twister
from minnet.kernels.cpu.digits import (
    digits,
)
from minnet.kernels.cpu.fill import (
    bernoulli,
    exponential,
    integers,
    normal,
    permutation,
    stream,
    trunc_normal,
    uniform,
)
from minnet.kernels.cpu.gather import (
    rows,
    scaled_rows,
)
from minnet.kernels.cpu.linear import (
    linear,
    linear_backward,
)
from minnet.kernels.cpu.loss import (
    bce_with_logits,
    bce_with_logits_backward,
    check_target,
    cross_entropy,
    cross_entropy_backward,
    squared_error,
    squared_error_backward,
)
from minnet.kernels.cpu.matmul import (
    matmul,
)
from minnet.kernels.cpu.mlp import (
    mlp,
    mlp_backward,
)
from minnet.kernels.cpu.optimize import (
    adam_step,
    sgd_step,
)
from minnet.kernels.cpu.orthogonal import (
    gram_schmidt_rows,
    random_rows,
)
from minnet.kernels.cpu.pointwise import FUNCTIONS
from minnet.kernels.cpu.reduce import (
    log_softmax,
    log_softmax_backward,
    logsumexp,
    mean,
    softmax,
    softmax_backward,
    sum,
    sum_rows,
    total,
)

globals().update(FUNCTIONS)
