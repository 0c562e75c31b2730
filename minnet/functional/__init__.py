"""Operations: one function on arrays each, its value first and its derivatives right below."""

from minnet.functional.activation import (
    cos as cos,
)
from minnet.functional.activation import (
    elu as elu,
)
from minnet.functional.activation import (
    erf as erf,
)
from minnet.functional.activation import (
    exp as exp,
)
from minnet.functional.activation import (
    expm1 as expm1,
)
from minnet.functional.activation import (
    gelu as gelu,
)
from minnet.functional.activation import (
    hardtanh as hardtanh,
)
from minnet.functional.activation import (
    leaky_relu as leaky_relu,
)
from minnet.functional.activation import (
    log as log,
)
from minnet.functional.activation import (
    log1p as log1p,
)
from minnet.functional.activation import (
    logsigmoid as logsigmoid,
)
from minnet.functional.activation import (
    relu as relu,
)
from minnet.functional.activation import (
    relu6 as relu6,
)
from minnet.functional.activation import (
    selu as selu,
)
from minnet.functional.activation import (
    sigmoid as sigmoid,
)
from minnet.functional.activation import (
    silu as silu,
)
from minnet.functional.activation import (
    sin as sin,
)
from minnet.functional.activation import (
    softplus as softplus,
)
from minnet.functional.activation import (
    tanh as tanh,
)
from minnet.functional.arithmetic import (
    abs as abs,
)
from minnet.functional.arithmetic import (
    add as add,
)
from minnet.functional.arithmetic import (
    allclose as allclose,
)
from minnet.functional.arithmetic import (
    bitwise_and as bitwise_and,
)
from minnet.functional.arithmetic import (
    bitwise_not as bitwise_not,
)
from minnet.functional.arithmetic import (
    bitwise_or as bitwise_or,
)
from minnet.functional.arithmetic import (
    bitwise_xor as bitwise_xor,
)
from minnet.functional.arithmetic import (
    ceil as ceil,
)
from minnet.functional.arithmetic import (
    clamp as clamp,
)
from minnet.functional.arithmetic import (
    div as div,
)
from minnet.functional.arithmetic import (
    eq as eq,
)
from minnet.functional.arithmetic import (
    equal as equal,
)
from minnet.functional.arithmetic import (
    floor as floor,
)
from minnet.functional.arithmetic import (
    floor_divide as floor_divide,
)
from minnet.functional.arithmetic import (
    ge as ge,
)
from minnet.functional.arithmetic import (
    gt as gt,
)
from minnet.functional.arithmetic import (
    isclose as isclose,
)
from minnet.functional.arithmetic import (
    isfinite as isfinite,
)
from minnet.functional.arithmetic import (
    isinf as isinf,
)
from minnet.functional.arithmetic import (
    isnan as isnan,
)
from minnet.functional.arithmetic import (
    le as le,
)
from minnet.functional.arithmetic import (
    logical_and as logical_and,
)
from minnet.functional.arithmetic import (
    logical_not as logical_not,
)
from minnet.functional.arithmetic import (
    logical_or as logical_or,
)
from minnet.functional.arithmetic import (
    lt as lt,
)
from minnet.functional.arithmetic import (
    maximum as maximum,
)
from minnet.functional.arithmetic import (
    minimum as minimum,
)
from minnet.functional.arithmetic import (
    mul as mul,
)
from minnet.functional.arithmetic import (
    ne as ne,
)
from minnet.functional.arithmetic import (
    neg as neg,
)
from minnet.functional.arithmetic import (
    positive as positive,
)
from minnet.functional.arithmetic import (
    pow as pow,
)
from minnet.functional.arithmetic import (
    reciprocal as reciprocal,
)
from minnet.functional.arithmetic import (
    remainder as remainder,
)
from minnet.functional.arithmetic import (
    round as round,
)
from minnet.functional.arithmetic import (
    rsqrt as rsqrt,
)
from minnet.functional.arithmetic import (
    rsub as rsub,
)
from minnet.functional.arithmetic import (
    sign as sign,
)
from minnet.functional.arithmetic import (
    sqrt as sqrt,
)
from minnet.functional.arithmetic import (
    square as square,
)
from minnet.functional.arithmetic import (
    sub as sub,
)
from minnet.functional.arithmetic import (
    trunc as trunc,
)
from minnet.functional.arithmetic import (
    where as where,
)
from minnet.functional.dropout import (
    dropout as dropout,
)
from minnet.functional.linear import (
    addmm as addmm,
)
from minnet.functional.linear import (
    bmm as bmm,
)
from minnet.functional.linear import (
    dot as dot,
)
from minnet.functional.linear import (
    linear as linear,
)
from minnet.functional.linear import (
    matmul as matmul,
)
from minnet.functional.linear import (
    mm as mm,
)
from minnet.functional.linear import (
    outer as outer,
)
from minnet.functional.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from minnet.functional.loss import (
    cross_entropy as cross_entropy,
)
from minnet.functional.loss import (
    huber_loss as huber_loss,
)
from minnet.functional.loss import (
    l1_loss as l1_loss,
)
from minnet.functional.loss import (
    log_softmax as log_softmax,
)
from minnet.functional.loss import (
    logsumexp as logsumexp,
)
from minnet.functional.loss import (
    mse_loss as mse_loss,
)
from minnet.functional.loss import (
    nll_loss as nll_loss,
)
from minnet.functional.loss import (
    smooth_l1_loss as smooth_l1_loss,
)
from minnet.functional.loss import (
    softmax as softmax,
)
from minnet.functional.reduce import (
    all as all,
)
from minnet.functional.reduce import (
    amax as amax,
)
from minnet.functional.reduce import (
    amin as amin,
)
from minnet.functional.reduce import (
    any as any,
)
from minnet.functional.reduce import (
    argmax as argmax,
)
from minnet.functional.reduce import (
    argmin as argmin,
)
from minnet.functional.reduce import (
    argsort as argsort,
)
from minnet.functional.reduce import (
    count_nonzero as count_nonzero,
)
from minnet.functional.reduce import (
    cumsum as cumsum,
)
from minnet.functional.reduce import (
    max as max,
)
from minnet.functional.reduce import (
    mean as mean,
)
from minnet.functional.reduce import (
    min as min,
)
from minnet.functional.reduce import (
    norm as norm,
)
from minnet.functional.reduce import (
    prod as prod,
)
from minnet.functional.reduce import (
    sort as sort,
)
from minnet.functional.reduce import (
    std as std,
)
from minnet.functional.reduce import (
    sum as sum,
)
from minnet.functional.reduce import (
    topk as topk,
)
from minnet.functional.reduce import (
    var as var,
)
from minnet.functional.shape import (
    broadcast_to as broadcast_to,
)
from minnet.functional.shape import (
    cast as cast,
)
from minnet.functional.shape import (
    cat as cat,
)
from minnet.functional.shape import (
    chunk as chunk,
)
from minnet.functional.shape import (
    clone as clone,
)
from minnet.functional.shape import (
    concat as concat,
)
from minnet.functional.shape import (
    concatenate as concatenate,
)
from minnet.functional.shape import (
    contiguous as contiguous,
)
from minnet.functional.shape import (
    diag as diag,
)
from minnet.functional.shape import (
    expand as expand,
)
from minnet.functional.shape import (
    expand_as as expand_as,
)
from minnet.functional.shape import (
    filled as filled,
)
from minnet.functional.shape import (
    flatten as flatten,
)
from minnet.functional.shape import (
    flip as flip,
)
from minnet.functional.shape import (
    gather as gather,
)
from minnet.functional.shape import (
    index as index,
)
from minnet.functional.shape import (
    index_select as index_select,
)
from minnet.functional.shape import (
    ints as ints,
)
from minnet.functional.shape import (
    masked_select as masked_select,
)
from minnet.functional.shape import (
    narrow as narrow,
)
from minnet.functional.shape import (
    nonzero as nonzero,
)
from minnet.functional.shape import (
    numel as numel,
)
from minnet.functional.shape import (
    permute as permute,
)
from minnet.functional.shape import (
    put as put,
)
from minnet.functional.shape import (
    repeat as repeat,
)
from minnet.functional.shape import (
    reshape as reshape,
)
from minnet.functional.shape import (
    reshape_as as reshape_as,
)
from minnet.functional.shape import (
    select as select,
)
from minnet.functional.shape import (
    size as size,
)
from minnet.functional.shape import (
    split as split,
)
from minnet.functional.shape import (
    squeeze as squeeze,
)
from minnet.functional.shape import (
    stack as stack,
)
from minnet.functional.shape import (
    t as t,
)
from minnet.functional.shape import (
    transpose as transpose,
)
from minnet.functional.shape import (
    tril as tril,
)
from minnet.functional.shape import (
    triu as triu,
)
from minnet.functional.shape import (
    unbind as unbind,
)
from minnet.functional.shape import (
    unflatten as unflatten,
)
from minnet.functional.shape import (
    unsqueeze as unsqueeze,
)
from minnet.functional.shape import (
    view as view,
)
from minnet.functional.shape import (
    view_as as view_as,
)
