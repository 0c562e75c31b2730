"""The kernels of the CPU: what `kernels.of` returns for a NumPy array."""

from minnet.kernels.cpu.digits import (
    digits as digits,
)
from minnet.kernels.cpu.fill import (
    bernoulli as bernoulli,
)
from minnet.kernels.cpu.fill import (
    integers as integers,
)
from minnet.kernels.cpu.fill import (
    normal as normal,
)
from minnet.kernels.cpu.fill import (
    permutation as permutation,
)
from minnet.kernels.cpu.fill import (
    stream as stream,
)
from minnet.kernels.cpu.fill import (
    trunc_normal as trunc_normal,
)
from minnet.kernels.cpu.fill import (
    uniform as uniform,
)
from minnet.kernels.cpu.loss import (
    bce_with_logits as bce_with_logits,
)
from minnet.kernels.cpu.loss import (
    bce_with_logits_backward as bce_with_logits_backward,
)
from minnet.kernels.cpu.loss import (
    check_target as check_target,
)
from minnet.kernels.cpu.loss import (
    cross_entropy as cross_entropy,
)
from minnet.kernels.cpu.loss import (
    cross_entropy_backward as cross_entropy_backward,
)
from minnet.kernels.cpu.matmul import matmul as matmul
from minnet.kernels.cpu.optimize import (
    adam_step as adam_step,
)
from minnet.kernels.cpu.optimize import (
    sgd_step as sgd_step,
)
from minnet.kernels.cpu.pointwise import (
    cos as cos,
)
from minnet.kernels.cpu.pointwise import (
    elu as elu,
)
from minnet.kernels.cpu.pointwise import (
    elu_backward as elu_backward,
)
from minnet.kernels.cpu.pointwise import (
    erf as erf,
)
from minnet.kernels.cpu.pointwise import (
    exp as exp,
)
from minnet.kernels.cpu.pointwise import (
    expm1 as expm1,
)
from minnet.kernels.cpu.pointwise import (
    gelu as gelu,
)
from minnet.kernels.cpu.pointwise import (
    gelu_backward as gelu_backward,
)
from minnet.kernels.cpu.pointwise import (
    hardtanh as hardtanh,
)
from minnet.kernels.cpu.pointwise import (
    hardtanh_backward as hardtanh_backward,
)
from minnet.kernels.cpu.pointwise import (
    leaky_relu as leaky_relu,
)
from minnet.kernels.cpu.pointwise import (
    leaky_relu_backward as leaky_relu_backward,
)
from minnet.kernels.cpu.pointwise import (
    log as log,
)
from minnet.kernels.cpu.pointwise import (
    log1p as log1p,
)
from minnet.kernels.cpu.pointwise import (
    logsigmoid as logsigmoid,
)
from minnet.kernels.cpu.pointwise import (
    logsigmoid_backward as logsigmoid_backward,
)
from minnet.kernels.cpu.pointwise import (
    relu as relu,
)
from minnet.kernels.cpu.pointwise import (
    relu_backward as relu_backward,
)
from minnet.kernels.cpu.pointwise import (
    selu as selu,
)
from minnet.kernels.cpu.pointwise import (
    selu_backward as selu_backward,
)
from minnet.kernels.cpu.pointwise import (
    sigmoid as sigmoid,
)
from minnet.kernels.cpu.pointwise import (
    sigmoid_backward as sigmoid_backward,
)
from minnet.kernels.cpu.pointwise import (
    silu as silu,
)
from minnet.kernels.cpu.pointwise import (
    silu_backward as silu_backward,
)
from minnet.kernels.cpu.pointwise import (
    sin as sin,
)
from minnet.kernels.cpu.pointwise import (
    softplus as softplus,
)
from minnet.kernels.cpu.pointwise import (
    softplus_backward as softplus_backward,
)
from minnet.kernels.cpu.pointwise import (
    tanh as tanh,
)
from minnet.kernels.cpu.pointwise import (
    tanh_backward as tanh_backward,
)
from minnet.kernels.cpu.reduce import (
    argmax as argmax,
)
from minnet.kernels.cpu.reduce import (
    argmin as argmin,
)
from minnet.kernels.cpu.reduce import (
    log_softmax as log_softmax,
)
from minnet.kernels.cpu.reduce import (
    log_softmax_backward as log_softmax_backward,
)
from minnet.kernels.cpu.reduce import (
    logsumexp as logsumexp,
)
from minnet.kernels.cpu.reduce import (
    max as max,
)
from minnet.kernels.cpu.reduce import (
    mean as mean,
)
from minnet.kernels.cpu.reduce import (
    min as min,
)
from minnet.kernels.cpu.reduce import (
    softmax as softmax,
)
from minnet.kernels.cpu.reduce import (
    softmax_backward as softmax_backward,
)
from minnet.kernels.cpu.reduce import (
    sum as sum,
)
from minnet.kernels.cpu.reduce import (
    sum_rows as sum_rows,
)
from minnet.kernels.cpu.reduce import (
    total as total,
)
