"""A bit of all that minnet computes. Its digests are the same however it is run.

`python tests/workload.py` prints them as JSON. Nothing here draws from the default generator, which
threads share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import minnet
from minnet import nn, optim
from minnet.data import DataLoader, GeneratedDigits, TensorDataset, ToFloat
from minnet.functional import activation

SIDE = 512  # large enough that kernels run in parallel
POINTWISE = (
    "exp expm1 log log1p sin cos erf tanh sigmoid relu leaky_relu hardtanh elu selu gelu gelu_tanh "
    "silu softplus logsigmoid"
).split()


def fills() -> Iterator[minnet.Tensor]:
    for engine in ("philox", "torch"):
        g = minnet.Generator(seed=3, engine=engine)
        for dtype in (minnet.float32, minnet.float64):
            x = minnet.empty(SIDE, SIDE, dtype=dtype)
            yield x.uniform_(-1, 1, generator=g)
            yield x.normal_(generator=g)
            yield x.exponential_(generator=g)
            yield nn.init.trunc_normal_(x, generator=g)
            if engine == "philox":  # the other draws a tail for seconds, as torch does
                yield nn.init.trunc_normal_(x, 0.0, 1.0, 2.0, 9.0, generator=g)
        yield x.float().bernoulli_(0.3, generator=g)
        yield minnet.randint(1000, (SIDE, SIDE), generator=g)
        yield minnet.randperm(SIDE, generator=g)
    yield nn.init.orthogonal_(minnet.empty(64, 96), generator=minnet.Generator(seed=3))
    yield GeneratedDigits(n=200, seed=3).data


def products() -> Iterator[minnet.Tensor]:
    g = minnet.Generator(seed=4)
    a, b = minnet.randn(SIDE, SIDE, generator=g), minnet.randn(SIDE, 96, generator=g)
    yield from (a @ b, a.t() @ b, b.t() @ a.t(), a[0] @ b)
    yield a.double() @ b.double()
    leaves = [t.clone().requires_grad_() for t in (b.t(), minnet.cat([a, a, a]), a[:3].reshape(-1))]
    nn.functional.linear(*leaves).backward(b.t().repeat(1, 3).contiguous())
    yield from (leaf.grad for leaf in leaves)
    x, w, bias = (leaf.detach() for leaf in leaves)
    bias.requires_grad_()
    nn.functional.linear(x, w, bias).backward(b.t().repeat(1, 3).contiguous())
    yield bias.grad


def elements() -> Iterator[minnet.Tensor]:
    x = minnet.randn(SIDE, SIDE, generator=minnet.Generator(seed=5))
    for name in POINTWISE:
        leaf = (x.abs() if name.startswith("log") else x).clone().requires_grad_()
        options = {"approximate": "tanh"} if name == "gelu_tanh" else {}
        y = getattr(activation, name.removesuffix("_tanh"))(leaf, **options)
        y.backward(x)
        yield from (y.detach(), leaf.grad)
    for dim in (0, 1):
        leaf = x.clone().requires_grad_()
        y = leaf.softmax(dim) * leaf.log_softmax(dim) + leaf.logsumexp(dim, keepdim=True)
        y.backward(x)
        yield from (y.detach(), leaf.grad, x.sum(dim), x.mean(dim), x.max(dim).values)
    yield from (x.sum(), x.var(), x.argmax(), x.cumsum(0), x.sort(1).values, x[x > 0])


def normalizations() -> Iterator[minnet.Tensor]:
    x = minnet.randn(SIDE, SIDE, generator=minnet.Generator(seed=9))
    for layer in (nn.LayerNorm(SIDE), nn.BatchNorm1d(SIDE)):  # rows, and columns
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.backward(x)
        yield from (y.detach(), leaf.grad)


def losses() -> Iterator[minnet.Tensor]:
    g = minnet.Generator(seed=6)
    x, target = minnet.randn(SIDE, SIDE, generator=g), minnet.rand(SIDE, SIDE, generator=g)
    classes = minnet.randint(SIDE, (SIDE,), generator=g)
    for loss, against in (
        (nn.CrossEntropyLoss(), classes),
        (nn.BCEWithLogitsLoss(), target),
        (nn.MSELoss(), target),
    ):
        leaf = x.clone().requires_grad_()
        y = loss(leaf, against)
        y.backward()
        yield from (y.detach(), leaf.grad)


def training() -> Iterator[minnet.Tensor]:
    digits = GeneratedDigits(n=320, seed=7, transform=ToFloat())
    table = TensorDataset(digits.data.float().reshape(-1, 784) / 255, digits.targets)
    kinds = (
        (optim.SGD, {}),
        (optim.SGD, {"momentum": 0.9}),
        (optim.Adam, {}),
        (optim.Adam, {"amsgrad": True}),
    )
    for kind, options in kinds:
        g = minnet.Generator(seed=8)
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        for p in net.parameters():
            p.data.uniform_(-0.05, 0.05, generator=g)
        optimizer = kind(net.parameters(), lr=0.01, **options)
        for data in (digits, table):
            for x, y in DataLoader(data, 64, shuffle=True, generator=g):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
        yield from net.state_dict().values()


def digests() -> dict[str, str]:
    """Return a hash of the bits of all results, for each part."""
    found = {}
    for part in (fills, products, elements, normalizations, losses, training):
        digest = hashlib.sha256()
        for x in part():
            digest.update(x.numpy().tobytes())
        found[part.__name__] = digest.hexdigest()[:16]
    return found


if __name__ == "__main__":
    print(json.dumps(digests()))
