"""The kernels of the GPU: what `kernels.of` returns for an array of the device."""

from minnet.kernels.cuda.fill import (
    bernoulli,
    exponential,
    integers,
    normal,
    permutation,
    stream,
    trunc_normal,
    uniform,
)
from minnet.kernels.cuda.gather import (
    rows,
    scaled_rows,
)
from minnet.kernels.cuda.host_only import (
    digits,
    mersenne_twister,
)
from minnet.kernels.cuda.linear import (
    linear,
    linear_backward,
)
from minnet.kernels.cuda.loss import (
    bce_with_logits,
    bce_with_logits_backward,
    check_target,
    cross_entropy,
    cross_entropy_backward,
    squared_error,
    squared_error_backward,
)
from minnet.kernels.cuda.matmul import (
    matmul,
)
from minnet.kernels.cuda.mlp import (
    mlp,
    mlp_backward,
)
from minnet.kernels.cuda.optimize import (
    adam_step,
    sgd_step,
)
from minnet.kernels.cuda.orthogonal import (
    gram_schmidt_rows,
    random_rows,
)
from minnet.kernels.cuda.pointwise import FUNCTIONS
from minnet.kernels.cuda.reduce import (
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
