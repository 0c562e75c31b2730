"""Fuzzed: creation, fills, initializers, layers, optimizers and printing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from fuzz.compare import check, fuzzed, torch
from fuzz.strategies import ANY, DTYPES, FLOATS, PLAIN, Recipe, arrays, shapes, tensors
from hypothesis import strategies as st

INTS = st.integers(-4, 12)


@fuzzed(st.data(), st.sampled_from(DTYPES))
def test_creation(data, dtype):
    shape = data.draw(shapes())
    n, m, step = data.draw(INTS), data.draw(INTS), data.draw(st.sampled_from([1, 2, -1, 0, 0.5]))
    check("creation", lambda t: t.full(shape, abs(n), dtype=getattr(t, dtype)))
    check("creation", lambda t: t.zeros(shape, dtype=getattr(t, dtype)))
    check("creation", lambda t: t.eye(n, m))
    check("creation", lambda t: t.arange(n, m, step))
    check("creation", lambda t: t.linspace(n, m, max(n, 0)), rtol=8, atol=8)


NUMBERS = st.integers(-9, 9) | st.sampled_from([0.5, -1.25, True])
NESTED = st.lists(
    st.lists(NUMBERS | st.lists(NUMBERS, min_size=1, max_size=2), min_size=1, max_size=2)
)


# torch drops what follows an empty list; minnet refuses it.
@fuzzed(NUMBERS | NESTED)
def test_tensors_of_nested_lists(content):
    check("creation", lambda t: t.tensor(content))


@fuzzed(tensors(values=ANY), examples=150)
def test_printing(x):
    check("printing", lambda t, x: repr(x), x, grad=False)


@fuzzed(
    st.data(),
    st.sampled_from(
        "uniform_ normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ "
        "trunc_normal_ zeros_ ones_ eye_ sparse_ dirac_".split()
    ),
)
def test_initializers_with_torchs_numbers(data, name):
    shape = data.draw(shapes(4, 6))
    seed = data.draw(st.integers(0, 2**32))
    arguments = (0.5,) if name == "sparse_" else ()
    if name == "dirac_" and 0 in shape:  # which torch leaves with an IndexError
        return
    fans = sum(shape[:2]) * np.prod(shape[2:])
    if name.startswith("xavier") and not fans:  # and this with a ZeroDivisionError
        return

    def program(t):
        t.manual_seed(seed, **({} if t.__name__ == "torch" else {"engine": "torch"}))
        return getattr(t.nn.init, name)(t.empty(shape), *arguments)

    check("fills", program, rtol=1e-9, atol=1e-9)


@fuzzed(st.data(), shapes(3, 20), st.integers(0, 2**32))
def test_random_numbers_of_torch(data, shape, seed):
    low, high = data.draw(INTS), data.draw(INTS)

    def program(t):
        t.manual_seed(seed, **({} if t.__name__ == "torch" else {"engine": "torch"}))
        whole = t.randint(low, high, shape) if low < high else t.randperm(abs(low))
        return t.rand(shape), t.randn(shape), whole, t.bernoulli(t.rand(shape))

    check("fills", program, rtol=1e-9, atol=1e-9)


RATES = st.sampled_from([0.0, 1e-3, 0.1, 1.0])
OPTIMIZERS = {
    "SGD": {
        "momentum": [0, 0.9],
        "dampening": [0, 0.5],
        "weight_decay": [0, 0.1],
        "nesterov": [False, True],
        "maximize": [False, True],
    },
    "Adam": {
        "betas": [(0.9, 0.999), (0.0, 0.0), (0.5, 0.9)],
        "eps": [1e-8, 1e-3],
        "weight_decay": [0, 0.1],
        "amsgrad": [False, True],
        "maximize": [False, True],
    },
}
OPTIMIZERS["AdamW"] = OPTIMIZERS["Adam"]


@fuzzed(st.data(), st.sampled_from(sorted(OPTIMIZERS)), st.sampled_from(FLOATS), examples=120)
def test_optimizer_steps(data, name, dtype):
    choices = OPTIMIZERS[name]
    options = {
        k: data.draw(st.sampled_from(v)) for k, v in choices.items() if data.draw(st.booleans())
    }
    rate = data.draw(RATES)
    sizes = [data.draw(shapes(2)) for _ in range(data.draw(st.integers(1, 3)))]
    weights = [data.draw(arrays(s, dtype)) for s in sizes]
    slopes = [[data.draw(arrays(s, dtype)) for s in sizes] for _ in range(3)]

    def program(t):
        params = [t.nn.Parameter(t.tensor(w)) for w in weights]
        optimizer = getattr(t.optim, name)(params, lr=rate, **options)
        for step in slopes:
            for p, g in zip(params, step, strict=True):
                p.grad = t.tensor(g)
            optimizer.step()
        return [p.detach() for p in params]

    check("optimizers", program, rtol=20, atol=20)


LAYERS = ["ReLU", "LeakyReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "ELU", "SELU", "Softplus"]


@fuzzed(st.data(), st.sampled_from(FLOATS))
def test_networks(data, dtype):
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    kinds = [data.draw(st.sampled_from(LAYERS)) for _ in sizes[1:]]
    bias = data.draw(st.booleans())
    batch = data.draw(st.sampled_from([(), (0,), (1,), (5,), (2, 3)]))
    x = Recipe(data.draw(arrays((*batch, sizes[0]), dtype)))
    weights = [data.draw(arrays((o, i), dtype)) for i, o in pairwise(sizes)]

    def program(t, x):
        layers = []
        for w, kind in zip(weights, kinds, strict=True):
            layer = t.nn.Linear(w.shape[1], w.shape[0], bias=bias, dtype=getattr(t, dtype))
            with t.no_grad():
                layer.weight.copy_(t.tensor(w))
                if bias:
                    layer.bias.fill_(0.25)
            layers += [layer, getattr(t.nn, kind)()]
        net = t.nn.Sequential(*layers)
        y = net(x)
        y.sum().backward(retain_graph=True)
        return [y, *(p.grad.clone() for p in net.parameters()), str(net)]

    scale = float(np.prod([1 + 8 * n for n in sizes]))
    check("networks", program, x, rtol=50, atol=50 * scale)


@fuzzed(tensors(dtypes=FLOATS, values=PLAIN), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 99))
def test_dropout_with_torchs_numbers(x, p, seed):
    def program(t, x):
        t.manual_seed(seed, **({} if t.__name__ == "torch" else {"engine": "torch"}))
        return t.nn.functional.dropout(x, p), t.nn.Dropout(p).eval()(x)

    if torch is None:  # the mask is drawn in the order of the memory, as torch's is
        x = x.dense()
    check("networks", program, x)
