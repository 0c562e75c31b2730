"""The kernels of the CPU: what `kernels.of` returns for a NumPy array."""

from minnet.kernels.cpu.digits import (
    digits as digits,
)
from minnet.kernels.cpu.fill import (
    bernoulli as bernoulli,
    integers as integers,
    normal as normal,
    permutation as permutation,
    stream as stream,
    trunc_normal as trunc_normal,
    uniform as uniform,
)
from minnet.kernels.cpu.loss import (
    bce_with_logits as bce_with_logits,
    bce_with_logits_backward as bce_with_logits_backward,
    check_target as check_target,
    cross_entropy as cross_entropy,
    cross_entropy_backward as cross_entropy_backward,
)
try:
    from minnet.kernels.cpu.matmul import matmul as matmul
except ImportError:  # TEMPORARY
    import numpy as _np

    def matmul(a, b, bias=None, out=None):
        r = _np.matmul(a, b)
        return r if bias is None else r + bias
from minnet.kernels.cpu.optimize import (
    adam_step as adam_step,
    sgd_step as sgd_step,
)
from minnet.kernels.cpu.pointwise import (
    cos as cos,
    elu as elu,
    elu_backward as elu_backward,
    erf as erf,
    exp as exp,
    expm1 as expm1,
    gelu as gelu,
    gelu_backward as gelu_backward,
    hardtanh as hardtanh,
    hardtanh_backward as hardtanh_backward,
    leaky_relu as leaky_relu,
    leaky_relu_backward as leaky_relu_backward,
    log as log,
    log1p as log1p,
    logsigmoid as logsigmoid,
    logsigmoid_backward as logsigmoid_backward,
    relu as relu,
    relu_backward as relu_backward,
    selu as selu,
    selu_backward as selu_backward,
    sigmoid as sigmoid,
    sigmoid_backward as sigmoid_backward,
    silu as silu,
    silu_backward as silu_backward,
    sin as sin,
    softplus as softplus,
    softplus_backward as softplus_backward,
    tanh as tanh,
    tanh_backward as tanh_backward,
)
from minnet.kernels.cpu.reduce import (
    argmax as argmax,
    argmin as argmin,
    log_softmax as log_softmax,
    log_softmax_backward as log_softmax_backward,
    logsumexp as logsumexp,
    max as max,
    mean as mean,
    min as min,
    softmax as softmax,
    softmax_backward as softmax_backward,
    sum as sum,
    sum_rows as sum_rows,
    total as total,
)
