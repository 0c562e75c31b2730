"""Cases of every differentiable operation: a function of tensors that returns one, and arrays.

Odd shapes, broadcasting, ties kept away. Tests of derivatives enumerate them.
"""

from __future__ import annotations

import numpy as np

import minnet
from minnet import functional as F
from minnet.functional import activation
from minnet.functional import normalization as N
from minnet.functional.embedding import embedding
from minnet.functional.mlp import mlp
from minnet.functional.recurrent import KINDS, recurrent
from minnet.nn import functional as nn
from minnet.operation import DECLARED


def put(x, key, value):
    """Return a copy of `x` with a value assigned at an index."""
    y = x.clone()
    y[key] = value
    return y


RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.standard_normal(shape)


def positive(*shape):
    return RNG.uniform(0.5, 2.0, shape)


def apart(*shape):
    """Distinct numbers at least 0.1 apart, so that no step crosses a tie or a kink at 0."""
    n = int(np.prod(shape))
    return (RNG.permutation(n) * 0.1 - 0.05 * n + 0.025).reshape(shape)


SHAPES = [(), (1,), (0,), (5,), (2, 3), (2, 0, 3), (1, 2, 1)]
PAIRS = [
    ((), ()),
    ((), (3,)),
    ((2, 3), ()),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 3)),
    ((1,), (0,)),
    ((4, 1, 2), (3, 1)),
]
at = minnet.tensor([0, 2, 2])
mask = minnet.tensor([[True, False, True], [False, False, True]])

UNARY = {
    "neg": (F.neg, normal),
    "abs": (F.abs, apart),
    "sign": (F.sign, apart),
    "sqrt": (F.sqrt, positive),
    "rsqrt": (F.rsqrt, positive),
    "reciprocal": (F.reciprocal, positive),
    "square": (F.square, normal),
    "floor": (F.floor, apart),
    "ceil": (F.ceil, apart),
    "round": (F.round, apart),
    "trunc": (F.trunc, apart),
    "pow 0": (lambda x: x**0, normal),
    "pow 1": (lambda x: x**1, normal),
    "pow 2": (lambda x: x**2, normal),
    "pow 3": (lambda x: x**3, normal),
    "pow -1": (lambda x: x**-1, positive),
    "pow 0.5": (lambda x: x**0.5, positive),
    "pow 2.5": (lambda x: x**2.5, positive),
    "2 ** x": (lambda x: 2**x, normal),
    "x + 2": (lambda x: x + 2, normal),
    "2 - x": (lambda x: 2 - x, normal),
    "3 * x": (lambda x: 3 * x, normal),
    "2 / x": (lambda x: 2 / x, positive),
    "x / 4": (lambda x: x / 4, normal),
    "x % 0.7": (lambda x: x % 0.7, lambda *s: 0.31 + 0.02 * apart(*s)),
    "clamp": (lambda x: x.clamp(-0.1, 0.1), apart),
    "clone": (F.clone, normal),
    "cast": (lambda x: x.float().double() * 0 + x.to(minnet.float64, copy=True), normal),
    "filled": (lambda x: F.filled(x, 3.0) + x, normal),
    "sum": (F.sum, normal),
    "prod": (F.prod, normal),
    "norm": (F.norm, lambda *s: positive(*s) if 0 not in s else normal(*s)),
    "norm 1": (lambda x: x.norm(1), apart),
    "reshape": (lambda x: x.reshape(-1), lambda *s: normal(*s)),
    "flatten": (F.flatten, normal),
    "unsqueeze": (lambda x: x.unsqueeze(-1) * 2, normal),
    "squeeze": (lambda x: x.squeeze() * 2, normal),
    "expand": (lambda x: x.expand(2, *x.shape) * 2, normal),
    "repeat": (lambda x: x.repeat(2, *([1] * x.ndim)), normal),
    "T": (lambda x: x.permute(tuple(reversed(range(x.ndim)))) * 2, normal),
    "stack": (lambda x: minnet.stack([x, x * 2], -1), normal),
    "x[None]": (lambda x: x[None], normal),
    "x[...]": (lambda x: x[...] * 2, normal),
    "dropout": (lambda x: (minnet.manual_seed(0), F.dropout(x, 0.5))[1], normal),
}
BINARY = {
    "add": (F.add, normal, normal),
    "add alpha": (lambda x, y: F.add(x, y, alpha=-0.5), normal, normal),
    "sub": (F.sub, normal, normal),
    "rsub": (lambda x, y: y - x, normal, normal),
    "mul": (F.mul, normal, normal),
    "div": (F.div, normal, positive),
    "div floor": (
        lambda x, y: F.div(x, y, rounding_mode="floor") + 0 * x * y,
        lambda *s: RNG.uniform(2.1, 2.4, s),
        lambda *s: RNG.uniform(1.0, 1.05, s),
    ),
    "remainder": (
        F.remainder,
        lambda *s: RNG.uniform(2.1, 2.4, s),
        lambda *s: RNG.uniform(1.0, 1.05, s),
    ),
    "pow": (F.pow, positive, normal),
    "maximum": (F.maximum, normal, normal),
    "minimum": (F.minimum, normal, normal),
    "clamp to tensors": (lambda x, y: F.clamp(x, y, y + 0.4), normal, normal),
    "where": (lambda x, y: F.where((x > 0) & (y > -9), x, y), normal, normal),
    "compared": (
        lambda x, y: (
            x * y + minnet.stack([F.eq(x, y), x != y, x < y, x <= y, x > y, x >= y]).sum(0)
        ),
        normal,
        normal,
    ),
}
OTHERS = {
    "sum dims": (lambda x: x.sum((0, -1), keepdim=True), normal(2, 3, 4)),
    "sum dim": (lambda x: x.sum(1), normal(2, 3, 4)),
    "mean": (F.mean, normal(2, 3)),
    "mean dims": (lambda x: x.mean((0, 2)), normal(2, 3, 4)),
    "mean 0-dim": (F.mean, normal()),
    "var": (F.var, normal(5)),
    "var dims": (lambda x: x.var((0, 2), keepdim=True, correction=0), normal(2, 3, 4)),
    "std": (F.std, normal(2, 3)),
    "std dim": (lambda x: x.std(1), normal(2, 3)),
    "max": (F.max, apart(2, 3)),
    "max 0-dim": (F.max, apart()),
    "max dim": (lambda x: x.max(0).values, apart(3, 2)),
    "max keepdim": (lambda x: x.max(-1, keepdim=True)[0], apart(3, 2)),
    "max dim of 0-dim": (lambda x: x.max(0).values, apart()),
    "min": (F.min, apart(2, 3)),
    "min dim": (lambda x: x.min(1).values, apart(3, 2)),
    "amax": (lambda x: x.amax((0, 2)), apart(2, 3, 2)),
    "amin": (lambda x: x.amin((1,), keepdim=True), apart(2, 3, 2)),
    "norm inf": (lambda x: x.norm(float("inf"), 1), apart(2, 3)),
    "norm dim": (lambda x: x.norm(dim=0, keepdim=True), normal(2, 3)),
    "prod dim": (lambda x: x.prod(1, keepdim=True), normal(2, 3)),
    "prod with a zero": (F.prod, np.array([[0.0, 2.0], [3.0, 4.0]])),
    "cumsum": (lambda x: x.cumsum(1), normal(2, 3)),
    "cumsum first": (lambda x: x.cumsum(0), normal(3, 2)),
    "cumsum 0-dim": (lambda x: x.cumsum(0), normal()),
    "sort": (lambda x: x.sort(0).values, apart(4, 2)),
    "sort descending": (lambda x: x.sort(descending=True).values, apart(2, 4)),
    "sort 0-dim": (lambda x: x.sort().values * 2, apart()),
    "topk": (lambda x: x.topk(2, dim=0).values, apart(4, 2)),
    "topk smallest": (lambda x: x.topk(1, largest=False).values, apart(4)),
    "transpose": (lambda x: x.transpose(0, 2), normal(2, 3, 4)),
    "t": (lambda x: x.t() * 2, normal(2, 3)),
    "view": (lambda x: x.contiguous().view(3, 2), normal(2, 3)),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)), normal(2, 4)),
    "flip": (lambda x: x.flip(0, 2), normal(2, 3, 4)),
    "cat": (lambda x, y: minnet.cat([x, y, x]), normal(2, 3), normal(1, 3)),
    "cat last": (lambda x, y: minnet.cat([x, y], -1), normal(2, 3), normal(2, 0)),
    "stack first": (lambda x, y: minnet.stack([x, y]), normal(2, 3), normal(2, 3)),
    "split": (lambda x: x.split([1, 2], 1)[1] * x.chunk(3, 1)[0], normal(2, 3)),
    "unbind": (lambda x: x.unbind(1)[2] - x.unbind(1)[0], normal(2, 3)),
    "narrow": (lambda x: x.narrow(1, 1, 2), normal(2, 3)),
    "x[i]": (lambda x: x[1] * x[-1], normal(3, 2)),
    "x[:, i]": (lambda x: x[:, 1], normal(3, 2)),
    "x[slices]": (lambda x: x[1:, ::2], normal(3, 3)),
    "x[array]": (lambda x: x[at], normal(3, 2)),
    "x[i, :, array]": (lambda x: x[1, :, at], normal(2, 2, 3)),
    "x[arrays]": (lambda x: x[at, [0, 0, 1]], normal(3, 2)),
    "x[mask]": (lambda x: x[mask], normal(2, 3)),
    "masked_select": (lambda x: x.masked_select(mask[0]), normal(2, 3)),
    "index_select": (lambda x: x.index_select(1, at), normal(2, 3)),
    "gather": (lambda x: x.gather(1, minnet.tensor([[0, 0, 2], [1, 2, 1]])), normal(2, 3)),
    "gather 0-dim": (lambda x: x.gather(0, minnet.tensor(0)) * 2, normal()),
    "put": (lambda x, v: put(x, (slice(1), [0, 2]), v), normal(2, 3), normal(2)),
    "put number": (lambda x: put(x, 1, 5.0) * 2, normal(2, 3)),
    "tril": (lambda x: x.tril(-1), normal(2, 3, 3)),
    "triu": (lambda x: x.triu(1), normal(3, 2)),
    "diag": (lambda x: x.diag(1), normal(3)),
    "diag of a matrix": (lambda x: x.diag(-1), normal(3, 2)),
    "mm": (F.mm, normal(2, 3), normal(3, 4)),
    "mm transposed": (lambda a, b: F.mm(a.t(), b.t()), normal(3, 2), normal(4, 3)),
    "mm empty": (F.mm, normal(2, 0), normal(0, 3)),
    "addmm": (F.addmm, normal(4), normal(2, 3), normal(3, 4)),
    "bmm": (F.bmm, normal(2, 2, 3), normal(2, 3, 1)),
    "dot": (F.dot, normal(3), normal(3)),
    "outer": (F.outer, normal(3), normal(2)),
    "linear": (F.linear, normal(2, 3), normal(4, 3), normal(4)),
    "linear of a vector": (F.linear, normal(3), normal(4, 3), normal(4)),
    "linear of many dims": (F.linear, normal(2, 1, 2, 3), normal(4, 3), normal(4)),
    "linear of nothing": (F.linear, normal(0, 3), normal(4, 3), normal(4)),
    "linear without bias": (F.linear, normal(2, 3), normal(4, 3)),
    "linear by a vector": (F.linear, normal(2, 3), normal(3), normal()),
    "linear with one bias": (F.linear, normal(2, 3), normal(4, 3), normal(1)),
}
RANKS = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3), (3, 3), (4, 3), (3, 4)]
for a, b in RANKS:
    left = (*[2] * (a - 2), *([3] if a > 1 else []), 4)
    right = (*[2] * (b - 2), 4, *([5] if b > 1 else []))
    OTHERS[f"matmul {a} {b}"] = (F.matmul, normal(*left), normal(*right))
OTHERS["matmul broadcast"] = (F.matmul, normal(2, 1, 3, 4), normal(3, 4, 2))

smooth = lambda *s: 2 * normal(*s)  # noqa: E731
for name in "exp expm1 sin cos erf tanh sigmoid silu gelu softplus logsigmoid".split():
    UNARY[name] = (getattr(activation, name), smooth)
for name in "relu leaky_relu elu selu relu6 hardtanh".split():
    UNARY[name] = (getattr(activation, name), apart)
for name in "log log1p".split():
    UNARY[name] = (getattr(activation, name), positive)
UNARY["gelu tanh"] = (lambda x: activation.gelu(x, approximate="tanh"), smooth)

classes = minnet.tensor([1, 0, 2, 1])
many = minnet.tensor([[1, 0], [2, 1]])
weights = minnet.tensor([0.5, 2.0, 1.5])  # of the classes
for f in (F.softmax, F.log_softmax, F.logsumexp):
    OTHERS[f.__name__] = (lambda x, f=f: f(x, 1), normal(2, 3, 2))
OTHERS |= {
    "cross_entropy": (lambda x: F.cross_entropy(x, classes), normal(4, 3)),
    "cross_entropy summed": (
        lambda x: F.cross_entropy(x, classes, ignore_index=2, reduction="sum"),
        normal(4, 3),
    ),
    "cross_entropy weighted": (
        lambda x: F.cross_entropy(x, classes, weights.to(x.dtype)),
        normal(4, 3),
    ),
    "cross_entropy weighted, of many dims": (
        lambda x: F.cross_entropy(x, many, weights.to(x.dtype), reduction="none"),
        normal(2, 3, 2),
    ),
    "cross_entropy of many dims": (lambda x: F.cross_entropy(x, many), normal(2, 3, 2)),
    "cross_entropy of probabilities": (F.cross_entropy, normal(4, 3), positive(4, 3)),
    "cross_entropy smoothed": (
        lambda x: F.cross_entropy(x, classes, label_smoothing=0.2, reduction="none"),
        normal(4, 3),
    ),
    "nll_loss": (lambda x: F.nll_loss(x, classes, ignore_index=2), normal(4, 3)),
    "nll_loss of many dims": (lambda x: F.nll_loss(x, many), normal(2, 3, 2)),
    "mse_loss": (F.mse_loss, normal(2, 3), normal(2, 3)),
    "l1_loss": (F.l1_loss, apart(2, 3), 0.01 * normal(2, 3)),
    "smooth_l1_loss": (F.smooth_l1_loss, 3 * apart(2, 3), 0.01 * normal(2, 3)),
    "huber_loss": (F.huber_loss, 3 * apart(2, 3), 0.01 * normal(2, 3)),
    "bce": (F.binary_cross_entropy_with_logits, normal(2, 3), positive(2, 3) / 2),
}

POSSIBLE = {
    f"{name} {shape}": (f, make(*shape)) for name, (f, make) in UNARY.items() for shape in SHAPES
}
POSSIBLE |= {
    f"{name} {a} {b}": (f, left(*a), right(*b))
    for name, (f, left, right) in BINARY.items()
    for a, b in PAIRS
}


def hooked(x):
    """Return tanh by a module whose gradients are watched."""
    module = minnet.nn.Tanh()
    module.register_full_backward_hook(lambda *_: None)
    return module(x * 1)


def drawn(x, name):
    """Return `x` twice, one of which was overwritten with draws."""
    minnet.manual_seed(0)
    return getattr(x * 1, name)() * 0 + x


def through_views(x, y):
    """Return a tensor that was changed in place through views, and views of views."""
    h = x.contiguous() * 1
    early = h[0]
    h[:, 0] = y
    h.t()[1].mul_(y)
    h.view(-1)[1:3].exp_()
    return h * early


def assigned(x, y):
    h = x * 1
    h[1].copy_(y)
    h[0].fill_(y[0])
    h[:, 2].zero_()
    return h * h


apart_weights = positive(3)
OTHERS |= {
    "a watched module": (hooked, normal(2, 3)),
    "through views": (through_views, normal(2, 3), normal(2)),
    "assigned": (assigned, normal(2, 3), normal(3)),
    "masked_fill": (lambda x, y: x.masked_fill(mask, y), normal(2, 3), normal()),
    "rsub of tensors": (F.rsub, normal(2, 3), normal(3)),
    "layers together": (
        lambda x, *p: mlp(x, list(p), ["tanh", "sigmoid", None]),
        normal(3, 2),
        normal(4, 2),
        normal(4),
        normal(3, 4),
        normal(3),
        normal(2, 3),
        normal(2),
    ),
    "layers together, without biases": (
        lambda x, w, v: mlp(x, [w, None, v, None], ["relu", "tanh"]),
        normal(3, 2),
        normal(4, 2),
        normal(2, 4),
    ),
    "cross_entropy of probabilities, weighted": (
        lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.1),
        normal(4, 3),
        positive(4, 3),
        positive(3),
    ),
    "cross_entropy smoothed, weighted": (
        lambda x: F.cross_entropy(
            x,
            classes,
            minnet.tensor(apart_weights, dtype=x.dtype),
            ignore_index=2,
            label_smoothing=0.2,
        ),
        normal(4, 3),
    ),
    "nll_loss weighted": (
        lambda x: F.nll_loss(x, classes, minnet.tensor(apart_weights, dtype=x.dtype)),
        normal(4, 3),
    ),
    "bce weighted": (
        F.binary_cross_entropy_with_logits,
        normal(2, 3),
        positive(2, 3) / 2,
        positive(2, 3),
    ),
    "bce with pos_weight": (
        lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p),
        normal(2, 3),
        positive(2, 3) / 2,
        positive(2, 3),
        positive(3),
    ),
}
OTHERS["bernoulli_ of chances"] = (
    lambda x: (minnet.manual_seed(0), x + 0 * (x * 1).bernoulli_(minnet.full_like(x, 0.5)))[1],
    normal(2, 3),
)
OTHERS |= {
    name: (lambda x, name=name: drawn(x, name), normal(2, 3))
    for name in "normal_ uniform_ exponential_ bernoulli_ random_".split()
}


def seeded(f, *options):
    """Return a function that draws the same numbers in every call."""
    return lambda *xs: (minnet.manual_seed(0), f(*xs, *options))[1]


rows = minnet.tensor([[0, 2], [2, 1]])
OTHERS |= {
    "threshold": (lambda x: activation.threshold(x, 0.1, 5.0), apart(3, 4)),
    "prelu": (activation.prelu, apart(2, 3), positive(1)),
    "prelu by channel": (activation.prelu, apart(2, 3, 2), positive(3)),
    "rrelu drawn": (seeded(activation.rrelu, 0.1, 0.3, True), apart(3, 4)),
    "softmin": (lambda x: activation.softmin(x, 0), normal(3, 4)),
    "gumbel_softmax": (seeded(activation.gumbel_softmax, 0.7), normal(3, 4)),
    "gumbel_softmax hard": (seeded(activation.gumbel_softmax, 0.7, True), normal(3, 4)),
    "batch_norm": (
        lambda x, *p: N.batch_norm(x, None, None, *p, True),
        normal(5, 3),
        positive(3),
        normal(3),
    ),
    "batch_norm of many dims": (
        lambda x, *p: N.batch_norm(x, None, None, *p, True),
        normal(3, 2, 2),
        positive(2),
        normal(2),
    ),
    "batch_norm without affine": (
        lambda x: N.batch_norm(x, None, None, None, None, True),
        normal(5, 3),
    ),
    "batch_norm evaluated": (N.batch_norm, normal(2, 3), normal(3), positive(3), normal(3)),
    "instance_norm": (lambda x, w: N.instance_norm(x, weight=w), normal(2, 3, 4), positive(3)),
    "group_norm": (lambda x, *p: N.group_norm(x, 2, *p), normal(2, 4, 3), positive(4), normal(4)),
    "layer_norm": (
        lambda x, *p: N.layer_norm(x, (4,), *p),
        normal(2, 3, 4),
        positive(4),
        normal(4),
    ),
    "layer_norm of two dims": (
        lambda x, b: N.layer_norm(x, (3, 4), None, b),
        normal(2, 3, 4),
        normal(3, 4),
    ),
    "rms_norm": (lambda x, w: N.rms_norm(x, (4,), w), normal(3, 4), positive(4)),
    "normalize": (N.normalize, normal(2, 3)),
    "embedding": (lambda w: embedding(rows, w), normal(3, 2)),
    "embedding with padding": (lambda w: embedding(rows, w, 2), normal(3, 2)),
    "embedding by frequency": (lambda w: embedding(rows, w, scale_grad_by_freq=True), normal(3, 2)),
    "cosine_similarity": (F.cosine_similarity, normal(2, 3), normal(2, 3)),
    "pairwise_distance": (F.pairwise_distance, normal(2, 3), normal(3)),
    "dropout2d": (seeded(F.dropout2d), normal(2, 3, 2, 2)),
    "alpha_dropout": (seeded(F.alpha_dropout, 0.5, True), normal(3, 4)),
    "feature_alpha_dropout": (seeded(F.feature_alpha_dropout, 0.5, True), normal(3, 4, 2)),
}

# Every other activation, so that a new one has its case.
OTHERS |= {
    d.name: (d.function, 2 * apart(3, 4))
    for d in DECLARED.values()
    if d.function.__module__ == activation.__name__ and d.where and d.name not in UNARY | OTHERS
}

strided = {"stride": (2, 1), "padding": (1, 0), "groups": 2}
OTHERS |= {
    "conv1d": (
        lambda x, w: nn.conv1d(x, w, padding="same", dilation=2),
        normal(2, 2, 5),
        normal(3, 2, 2),
    ),
    "conv2d": (nn.conv2d, normal(2, 2, 3, 4), normal(3, 2, 2, 3), normal(3)),
    "conv2d in steps": (
        lambda x, w: nn.conv2d(x, w, **strided),
        normal(2, 4, 4, 3),
        normal(4, 2, 3, 2),
    ),
    "conv_transpose1d": (nn.conv_transpose1d, normal(2, 2, 3), normal(2, 3, 2), normal(3)),
    "conv_transpose2d": (
        lambda x, w: nn.conv_transpose2d(x, w, output_padding=(1, 0), **strided),
        normal(2, 4, 2, 3),
        normal(4, 2, 3, 2),
    ),
    "unfold": (lambda x: nn.unfold(x, (2, 3), 1, (1, 0), 2), normal(2, 2, 3, 4)),
    "fold": (lambda x: nn.fold(x, (3, 4), (2, 3), 1, (1, 0), 2), normal(2, 6, 2)),
    "pad": (lambda x: nn.pad(x, (1, -1, 0, 2), value=3.0), normal(2, 3)),
    "pad reflected": (lambda x: nn.pad(x, (2, 1), "reflect"), normal(2, 3)),
    "pad replicated": (lambda x: nn.pad(x, (2, 0), "replicate"), normal(2, 3)),
    "pad circular": (lambda x: nn.pad(x, (1, 2), "circular"), normal(2, 3)),
    "max_pool1d": (lambda x: nn.max_pool1d(x, 2), apart(2, 2, 5)),
    "max_pool2d": (lambda x: nn.max_pool2d(x, 3, 2, 1, ceil_mode=True), apart(2, 2, 4, 5)),
    "max_pool2d dilated": (lambda x: nn.max_pool2d(x, 2, 1, 1, 2), apart(2, 4, 4)),
    "adaptive_max_pool2d": (lambda x: nn.adaptive_max_pool2d(x, (2, 3)), apart(2, 5, 4)),
    "avg_pool1d": (lambda x: nn.avg_pool1d(x, 2, 1), normal(2, 5)),
    "avg_pool2d": (
        lambda x: nn.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        normal(2, 2, 4, 5),
    ),
    "adaptive_avg_pool2d": (lambda x: nn.adaptive_avg_pool2d(x, (2, 5)), normal(2, 5, 4)),
    "interpolate": (lambda x: nn.interpolate(x, scale_factor=(1.7, 0.5)), normal(2, 2, 3, 4)),
}


def over_time(mode, reverse=False):
    """Return a case of a recurrent layer: all that it returns, in one tensor."""

    def f(x, w, b, *state):
        state = (*state, None)[:2]
        outputs, *end = recurrent(x, w, b, *state, mode, reverse)
        return minnet.cat([outputs, *(3 * h[None] for h in end)])

    gates, states = KINDS[mode].gates, KINDS[mode].states
    sizes = (3, 2, gates * 2), (gates * 2, 2), (gates * 2,), *[(2, 2)] * states
    return f, *(normal(*size) for size in sizes)


OTHERS |= {f"over time: {mode}": over_time(mode) for mode in KINDS}
OTHERS |= {f"over time, reversed: {mode}": over_time(mode, True) for mode in ("GRU", "LSTM")}
OTHERS["over time, without bias"] = (
    lambda x, w, h: recurrent(x, w, None, h, None, "RNN_TANH", False)[0],
    normal(3, 2, 2),
    normal(2, 2),
    normal(2, 2),
)

signs = minnet.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])
OTHERS |= {
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        positive(2, 3) / 4,
        positive(2, 3) / 4,
        positive(3),
    ),
    "kl_div": (lambda x, t: F.kl_div(x, t, reduction="sum"), normal(2, 3), positive(2, 3)),
    "poisson_nll_loss": (lambda x, t: F.poisson_nll_loss(x, t, full=True), normal(2), positive(2)),
    "gaussian_nll_loss": (F.gaussian_nll_loss, normal(2, 3), normal(3), positive(2, 3)),
    "soft_margin_loss": (F.soft_margin_loss, normal(2, 3), normal(3)),
    "hinge_embedding_loss": (lambda x: F.hinge_embedding_loss(x, signs), apart(2, 3)),
    "multilabel_soft_margin_loss": (
        F.multilabel_soft_margin_loss,
        normal(2, 3),
        positive(2, 3),
        positive(3),
    ),
    "multi_margin_loss": (
        lambda x: F.multi_margin_loss(x, minnet.tensor([0, 2]), 2, 5.0),
        apart(2, 3),
    ),
    "multilabel_margin_loss": (
        lambda x: F.multilabel_margin_loss(x, minnet.tensor([[1, 0, -1], [2, -1, 0]])),
        apart(2, 3),
    ),
    "margin_ranking_loss": (
        lambda x, y: F.margin_ranking_loss(x, y, signs, 0.05),
        apart(2, 3),
        0.01 * normal(2, 3),
    ),
    "cosine_embedding_loss": (
        lambda x, y: F.cosine_embedding_loss(x, y, signs[0, :2], -2.0),
        normal(2, 3),
        normal(2, 3),
    ),
    "triplet_margin_loss": (
        lambda x, y, z: F.triplet_margin_loss(x, y, z, 9.0),
        normal(2, 3),
        normal(2, 3),
        normal(2, 3),
    ),
    "linear_cross_entropy": (
        lambda x, w, b: F.linear_cross_entropy(x, w, minnet.tensor([0, 2]), linear_bias=b),
        normal(2, 2),
        normal(3, 2),
        normal(3),
    ),
}

# Further elementary functions
inner = lambda *s: RNG.uniform(-0.8, 0.8, s)  # noqa: E731
for name in "tan asin acos atan sinh cosh asinh atanh exp2 erfc erfinv sinc frac deg2rad".split():
    OTHERS[name] = (getattr(F, name), inner(2, 3))
for name in "acosh log2 log10 lgamma digamma rad2deg".split():
    OTHERS[name] = (getattr(F, name), 1 + positive(2, 3))
for name in "atan2 hypot logaddexp logaddexp2 xlogy fmod fmax fmin copysign heaviside".split():
    OTHERS[name] = (getattr(F, name), positive(2, 3), 3 + positive(3))
OTHERS |= {
    "polygamma": (lambda x: F.polygamma(2, x), positive(3)),
    "logit": (lambda x: F.logit(x, 0.1), 0.5 + inner(3) / 2),
    "ldexp": (F.ldexp, normal(2, 3), normal(3)),
    "clamp_min": (lambda x: F.clamp_min(x, 0.1) + F.clamp_max(x, -0.1), apart(2, 3)),
    "nan_to_num": (F.nan_to_num, normal(2, 3)),
    "lerp": (F.lerp, normal(2, 3), normal(2, 3), inner(3)),
    "lerp by a number": (lambda x, y: x.lerp(y, 0.7), normal(2, 3), normal(2, 3)),
    "addcmul": (lambda *xs: F.addcmul(*xs, value=2), normal(2, 3), normal(3), normal(2, 1)),
    "addcdiv": (F.addcdiv, normal(2, 3), normal(3), positive(2, 1)),
}

# Arrangements
OTHERS |= {
    "meshgrid": (lambda *xs: minnet.stack(F.meshgrid(*xs, indexing="xy")), normal(2), normal(3)),
    "cartesian_prod": (F.cartesian_prod, normal(2), normal(3)),
    "roll": (lambda x: x.roll((1, -1), (0, 1)), normal(2, 3)),
    "rot90": (lambda x: x.rot90(3), normal(2, 3)),
    "movedim": (lambda x: x.movedim((0, 1), (2, 0)) * 2, normal(2, 3, 2)),
    "tile": (lambda x: x.tile(2), normal(2, 3)),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1), normal(2, 3)),
    "column_stack": (lambda *xs: F.column_stack(xs), normal(2), normal(2, 3)),
    "tensor_split": (lambda x: x.tensor_split(2, 1)[0], normal(2, 3)),
    "windows along a dim": (lambda x: x.unfold(1, 2, 1), normal(2, 4)),
    "diagonal": (lambda x: x.diagonal(1, 0, 2) * 2, normal(3, 2, 3)),
    "diag_embed": (lambda x: x.diag_embed(-1), normal(2, 3)),
    "trace": (F.trace, normal(3, 2)),
    "block_diag": (F.block_diag, normal(2, 1), normal(1, 2)),
    "sum_to_size": (lambda x: x.sum_to_size(1, 3), normal(2, 3)),
}
OTHERS |= {
    name: (lambda x, name=name: drawn(x, name), normal(2, 3)) for name in ("cauchy_", "log_normal_")
}
OTHERS["geometric_"] = (lambda x: (x * 1).geometric_(0.5) * 0 + x, normal(2, 3))

# Reading and writing at indices
where_to = minnet.tensor([[0, 2, 0], [1, 0, 0]])
OTHERS |= {
    "scatter": (lambda x, y: x.scatter(1, where_to[:, :2], y), normal(2, 3), normal(2, 3)),
    "scatter_add": (lambda x, y: x.scatter_add(1, where_to, y), normal(2, 3), normal(2, 3)),
    "index_add": (lambda x, y: x.index_add(0, at, y, alpha=2), normal(3, 2), normal(3, 2)),
    "index_copy": (lambda x, y: x.index_copy(1, at[:2], y), normal(2, 3), normal(2, 2)),
    "index_fill": (lambda x, y: x.index_fill(1, at, y), normal(2, 3), normal()),
    "index_put": (lambda x, y: x.index_put((at, at), y, True), normal(3, 3), normal(3)),
    "take": (lambda x: x.take(where_to), normal(2, 3)),
    "take_along_dim": (lambda x: x.take_along_dim(where_to, 1), normal(1, 3)),
    "masked_scatter": (lambda x, y: x.masked_scatter(mask, y), normal(2, 3), normal(5)),
    "select_scatter": (lambda x, y: F.select_scatter(x, y, 1, 2), normal(2, 3), normal(2)),
}
for reduction in ("mean", "amax", "amin", "prod"):
    OTHERS[f"scatter_reduce {reduction}"] = (
        lambda x, y, how=reduction: x.scatter_reduce(1, where_to, y, how),
        apart(2, 3),
        apart(2, 3) + 0.01,
    )

# Statistics
OTHERS |= {
    "nansum": (lambda x: x.nansum(1), normal(2, 3)),
    "nanmean": (lambda x: x.nanmean(1), normal(2, 3)),
    "median": (F.median, apart(5)),
    "median dim": (lambda x: x.median(1).values, apart(2, 4)),
    "nanmedian": (F.nanmedian, apart(2, 3)),
    "kthvalue": (lambda x: x.kthvalue(2, 0).values, apart(3, 2)),
    "mode": (lambda x: x.mode().values, apart(2, 3)),
    "quantile": (lambda x: x.quantile(0.3, 1), apart(2, 4)),
    "quantile of several": (F.quantile, apart(4), np.array([0.2, 0.7])),
    "nanquantile": (lambda x: F.nanquantile(x, 0.6, 0, interpolation="midpoint"), apart(4, 2)),
    "cummax": (lambda x: x.cummax(1).values, apart(2, 4)),
    "cummin": (lambda x: x.cummin(0).values, apart(4, 2)),
    "cumprod": (lambda x: x.cumprod(1), normal(2, 4)),
    "cumprod with a zero": (lambda x: x.cumprod(0), np.array([2.0, 0.0, 3.0, 4.0])),
    "diff": (lambda x: x.diff(2), normal(2, 4)),
    "trapezoid": (F.trapezoid, normal(2, 4), normal(4)),
    "cov": (F.cov, normal(2, 4)),
    "corrcoef": (F.corrcoef, normal(2, 4)),
    "cdist": (F.cdist, normal(2, 3), normal(4, 3)),
    "cdist 3": (lambda *xs: F.cdist(*xs, p=3), normal(2, 3), normal(2, 3) + 5),
    "renorm": (lambda x: x.renorm(2, 0, 1.0), normal(2, 3)),
    "norm 3": (lambda x: x.norm(3, 1), normal(2, 3)),
    "norm 0": (lambda x: x.norm(0) * x, normal(2, 3)),
}

# Products of several
OTHERS |= {
    f"einsum {equation}": (
        lambda *xs, e=equation: F.einsum(e, *xs),
        *map(lambda s: normal(*s), shapes),
    )
    for equation, *shapes in (
        ("ij,jk->ki", (2, 3), (3, 2)),
        ("bij,bj->bi", (2, 2, 3), (2, 3)),
        ("ii->i", (3, 3)),
        ("...i,i", (2, 3), (3,)),
        ("ab,bc,cd", (2, 3), (3, 2), (2, 2)),
        ("i,j->", (2,), (3,)),
    )
}
OTHERS |= {
    "tensordot": (lambda x, y: F.tensordot(x, y, ([0, 1], [1, 0])), normal(2, 3), normal(3, 2)),
    "baddbmm": (
        lambda *xs: F.baddbmm(*xs, beta=2, alpha=3),
        normal(2),
        normal(1, 3, 2),
        normal(1, 2, 2),
    ),
    "addbmm": (F.addbmm, normal(2), normal(2, 3, 2), normal(2, 2, 2)),
    "addmv": (F.addmv, normal(1), normal(2, 3), normal(3)),
    "addr": (F.addr, normal(3), normal(2), normal(3)),
    "inner": (F.inner, normal(2, 3), normal(3)),
    "kron": (F.kron, normal(2), normal(2, 3)),
    "cross": (F.cross, normal(2, 3), normal(1, 3)),
    "chain_matmul": (F.chain_matmul, normal(2, 3), normal(3, 1), normal(1, 2)),
}

# Linear algebra
L = minnet.linalg


def definite(x):
    """Return symmetric positive-definite matrices."""
    return F.matmul(x, x.mT) + minnet.eye(x.shape[-1], dtype=x.dtype)


OTHERS |= {
    "inv": (lambda x: L.inv(definite(x)), normal(2, 3, 3)),
    "det": (L.det, normal(2, 3, 3)),
    "slogdet": (lambda x: L.slogdet(x).logabsdet, normal(3, 3)),
    "logdet": (lambda x: F.logdet(definite(x)), normal(3, 3)),
    "cholesky": (lambda x: L.cholesky(definite(x)), normal(2, 3, 3)),
    "solve": (lambda x, y: L.solve(definite(x), y), normal(2, 3, 3), normal(3, 2)),
    "solve a vector": (lambda x, y: L.solve(definite(x), y), normal(3, 3), normal(3)),
    "solve from the right": (
        lambda x, y: L.solve(definite(x), y, left=False),
        normal(3, 3),
        normal(2, 3),
    ),
    "solve_triangular": (
        lambda x, y: L.solve_triangular(definite(x), y, upper=True),
        normal(3, 3),
        normal(3, 1),
    ),
    "cholesky_solve": (lambda y, x: F.cholesky_solve(y, definite(x)), normal(3, 2), normal(3, 3)),
    "matrix_power": (lambda x: L.matrix_power(x, 3), normal(2, 2)),
    "eigh": (
        lambda x: L.eigh(definite(x)).eigenvectors.abs() + L.eigvalsh(definite(x)),
        apart(3, 3),
    ),
    "svd": (
        lambda x: L.svd(x, False).U.abs().sum() + L.svd(x, False).Vh.abs() + L.svdvals(x).sum(),
        normal(3, 2),
    ),
    "svd of a wide matrix": (lambda x: L.svd(x, False).Vh.abs(), normal(2, 3)),
    "qr": (lambda x: L.qr(x).Q.abs() @ L.qr(x).R.abs(), normal(3, 2)),
    "pinv": (L.pinv, normal(3, 2)),
    "matrix_norm 2": (lambda x: L.matrix_norm(x, 2) + L.matrix_norm(x, "nuc"), normal(2, 3)),
    "matrix_norm": (lambda x: L.matrix_norm(x, 1), apart(2, 3)),
}

CASES = POSSIBLE | OTHERS

# Not differentiable twice, as in torch.
SECOND_ORDER_EXEMPT: set[str] = set()
