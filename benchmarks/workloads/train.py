"""Training MLPs: a step, and an epoch of data in MNIST's shape, from the same weights for all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import cycle, pairwise
from types import ModuleType
from typing import Any

import numpy as np

from workloads.workload import Run, Workload, need

LEARNING_RATE = {"sgd": 0.1, "adam": 1e-3}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
CHECKED_STEPS = 10

Weights = list[np.ndarray]  # W0 (out, in), b0 (out,), W1, b1, …
# What to time, and what returns the weights it has reached.
Trainer = tuple[Run, Callable[[], Weights]]


@dataclass(frozen=True)
class Problem:
    """An MLP on generated data: classes with ReLU and cross-entropy, or one number with tanh."""

    sizes: tuple[int, ...]
    batch: int
    optimizer: str
    samples: int

    @property
    def classes(self) -> bool:
        return self.sizes[-1] > 1

    @property
    def rate(self) -> float:
        return LEARNING_RATE[self.optimizer]

    @property
    def flop(self) -> int:
        """Of the products over all samples; the first layer needs no dx."""
        layers = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        return 2 * self.samples * (3 * sum(layers) - layers[0])


@lru_cache(maxsize=1)
def data(p: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs, and what a random linear teacher makes of them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((p.samples, p.sizes[0]), np.float32)
    x *= np.float32(0.3)  # the length of MNIST's images, about
    y = x @ rng.standard_normal((p.sizes[0], p.sizes[-1]), np.float32)
    return x, (y.argmax(1) if p.classes else y)


@lru_cache(maxsize=1)
def initial(p: Problem) -> Weights:
    """Return He-normal weights, and zeros."""
    rng = np.random.default_rng(1)
    weights: Weights = []
    for n_in, n_out in pairwise(p.sizes):
        weights.append(rng.standard_normal((n_out, n_in), np.float32) * np.float32(2 / n_in) ** 0.5)
        weights.append(np.zeros(n_out, np.float32))
    return weights


def batches(p: Problem, *arrays: Any) -> Iterable[Any]:
    """Return the batches of some arrays, in order."""
    starts = range(0, len(arrays[0]), p.batch)
    return [tuple(array[i : i + p.batch] for array in arrays) for i in starts]


# The check: from the same weights, the same loss after the same steps


def loss(p: Problem, weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    h = x.astype(np.float64)
    for i in range(0, len(weights), 2):
        h = h @ weights[i].T.astype(np.float64) + weights[i + 1]
        if i + 2 < len(weights):
            h = np.maximum(h, 0) if p.classes else np.tanh(h)
    if not p.classes:
        return float(np.square(h - y).mean())
    h -= h.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(h).sum(1)) - h[np.arange(len(y)), y]))


@lru_cache(maxsize=1)
def expected(p: Problem) -> float:
    """Return the loss after the checked steps, in float64, and see that they changed it."""
    x, y = (array[: CHECKED_STEPS * p.batch] for array in data(p))
    step, weights = numpy_step(p, np.float64)
    for batch in batches(p, x.astype(np.float64), y):
        step(*batch)
    before, after = loss(p, initial(p), x, y), loss(p, weights(), x, y)
    assert after < 0.99 * before, f"{p}: a loss of {after} after {before} shows nothing"
    return after


def checked(make: Callable[..., Trainer], p: Problem, runs: int) -> Run:
    """Check a trainer, whose `runs` runs make the checked steps, and return a fresh one's run."""
    x, y = data(p)
    end = CHECKED_STEPS * p.batch
    run, weights = make(p, x[:end], y[:end], shuffle=False)
    for _ in range(runs):
        run()
    np.testing.assert_allclose(loss(p, weights(), x[:end], y[:end]), expected(p), rtol=1e-4)
    return make(p, x, y, shuffle=True)[0]


# minnet and torch: one program for both


def eager(module: ModuleType, p: Problem, fused: bool) -> tuple[Callable[..., Any], Any]:
    """Return a training step on (x, y) and what returns the weights."""
    nn = module.nn
    layers = []
    for n_in, n_out in pairwise(p.sizes):
        layers += [nn.Linear(n_in, n_out), nn.ReLU() if p.classes else nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    with module.no_grad():
        for parameter, weight in zip(model.parameters(), initial(p), strict=True):
            parameter.copy_(module.from_numpy(weight))
    criterion = nn.functional.cross_entropy if p.classes else nn.functional.mse_loss
    kind = {"sgd": module.optim.SGD, "adam": module.optim.Adam}[p.optimizer]
    optimizer = kind(model.parameters(), lr=p.rate, **({"fused": True} if fused else {}))

    def step(x: Any, y: Any) -> Any:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda: [parameter.detach().numpy() for parameter in model.parameters()]


def eager_step(name: str, fused: bool, p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    module = need(name)
    step, weights = eager(module, p, fused)
    turn = cycle(batches(p, module.from_numpy(x), module.from_numpy(y)))
    return lambda: step(*next(turn)), weights


def loader_epoch(name: str, p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    """The ordinary loop over a `DataLoader`."""
    module = need(name)
    step, weights = eager(module, p, fused=False)
    tools = need("minnet.data" if name == "minnet" else "torch.utils.data")
    dataset = tools.TensorDataset(module.from_numpy(x), module.from_numpy(y))
    loader = tools.DataLoader(dataset, batch_size=p.batch, shuffle=shuffle)

    def run() -> Any:
        for inputs, targets in loader:
            loss = step(inputs, targets)
        return loss

    return run, weights


def sliced_epoch(fused: bool, p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    """torch without its `DataLoader`, which collates sample by sample: a batch is one indexing."""
    torch = need("torch")
    step, weights = eager(torch, p, fused)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def run() -> Any:
        order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
        for (indices,) in batches(p, order):
            loss = step(inputs[indices], targets[indices])
        return loss

    return run, weights


# Plain NumPy, written by hand; in float64 it is what the others are checked against


def numpy_step(p: Problem, dtype: Any = np.float32) -> tuple[Callable[..., None], Any]:
    # (in, out), so that the forward product needs no transpose
    parameters = [np.ascontiguousarray(w.T).astype(dtype) for w in initial(p)]
    last = len(parameters) // 2 - 1
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in parameters]
    t = 0

    def update(i: int, gradient: np.ndarray) -> None:
        if p.optimizer == "adam":
            m, v = moments[i]
            m *= BETA1
            m += (1 - BETA1) * gradient
            v *= BETA2
            gradient *= gradient
            gradient *= 1 - BETA2
            v += gradient
            root = np.sqrt(v)
            root /= (1 - BETA2**t) ** 0.5
            root += EPSILON
            gradient = m / root
            gradient *= p.rate / (1 - BETA1**t)
        else:
            gradient *= p.rate
        parameters[i] -= gradient

    def step(x: np.ndarray, y: np.ndarray) -> None:
        nonlocal t
        t += 1
        h = [x]
        for i in range(last + 1):
            z = h[i] @ parameters[2 * i]
            z += parameters[2 * i + 1]
            if i < last:
                h.append(np.maximum(z, 0, out=z) if p.classes else np.tanh(z, out=z))
        if p.classes:
            z -= z.max(1, keepdims=True)
            np.exp(z, out=z)
            z /= z.sum(1, keepdims=True)
            z[np.arange(len(y)), y] -= 1
            z /= len(y)
        else:
            z -= y
            z *= 2 / z.size
        for i in range(last, -1, -1):
            dw, db = h[i].T @ z, z.sum(0)
            if i:
                z = z @ parameters[2 * i].T
                z *= (h[i] > 0) if p.classes else 1 - h[i] ** 2
            update(2 * i, dw)
            update(2 * i + 1, db)

    return step, lambda: [w.T for w in parameters]


def numpy_steps(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    step, weights = numpy_step(p)
    turn = cycle(batches(p, x, y))
    return lambda: step(*next(turn)), weights


def numpy_epoch(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    step, weights = numpy_step(p)
    rng = np.random.default_rng(0)

    def run() -> None:
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        for (indices,) in batches(p, order):
            step(x[indices], y[indices])

    return run, weights


# jax: a compiled step, called step by step or in a compiled loop over the epoch


def jax_step(p: Problem) -> tuple[Any, Callable[..., Any], Any]:
    """Return the state, a pure step (state, x, y) -> state, and what gives a state's weights."""
    jax = need("jax")
    jnp = jax.numpy
    parameters = [jnp.asarray(w.T) for w in initial(p)]
    zeros = [jnp.zeros_like(w) for w in parameters]

    def objective(parameters: Any, x: Any, y: Any) -> Any:
        for i in range(0, len(parameters), 2):
            x = x @ parameters[i] + parameters[i + 1]
            if i + 2 < len(parameters):
                x = jax.nn.relu(x) if p.classes else jnp.tanh(x)
        if not p.classes:
            return jnp.mean((x - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))

    def step(state: Any, x: Any, y: Any) -> Any:
        w, m, v, t = state
        g = jax.grad(objective)(w, x, y)
        t = t + 1
        if p.optimizer == "sgd":
            return jax.tree.map(lambda w, g: w - p.rate * g, w, g), m, v, t
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        c1, c2 = 1 - BETA1**t, 1 - BETA2**t
        w = jax.tree.map(
            lambda w, m, v: w - p.rate / c1 * m / (jnp.sqrt(v / c2) + EPSILON), w, m, v
        )
        return w, m, v, t

    state = (parameters, zeros, zeros, jnp.float32(0))
    return state, jax.jit(step), lambda state: [np.asarray(w).T for w in state[0]]


def jax_steps(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    jax = need("jax")
    state, step, weights = jax_step(p)
    turn = cycle([jax.device_put(batch) for batch in batches(p, x, y)])

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(step(state, *next(turn)))

    return run, lambda: weights(state)


def jax_jit_epoch(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    jax = need("jax")
    state, step, weights = jax_step(p)
    rng = np.random.default_rng(0)

    def run() -> None:
        nonlocal state
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        for (indices,) in batches(p, order):
            state = step(state, x[indices], y[indices])
        jax.block_until_ready(state)

    return run, lambda: weights(state)


def jax_scan_epoch(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    jax = need("jax")
    state, step, weights = jax_step(p)
    inputs, targets = jax.device_put((x, y))
    rng = np.random.default_rng(0)

    @jax.jit
    def epoch(state: Any, inputs: Any, targets: Any, order: Any) -> Any:
        def body(state: Any, indices: Any) -> Any:
            return step(state, inputs[indices], targets[indices]), None

        return jax.lax.scan(body, state, order)[0]

    def run() -> None:
        nonlocal state
        order = rng.permutation(len(x)) if shuffle else np.arange(len(x))
        order = order.reshape(-1, p.batch)
        state = jax.block_until_ready(epoch(state, inputs, targets, order))

    run()  # compiles
    state = jax_step(p)[0]
    return run, lambda: weights(state)


# scikit-learn, and the limit


def sklearn_epoch(p: Problem, x: Any, y: Any, shuffle: bool) -> Trainer:
    """scikit-learn: `fit` of one epoch, `warm_start` so that it goes on from given weights."""
    networks = need("sklearn.neural_network", "scikit-learn")
    model = networks.MLPClassifier(
        p.sizes[1:-1], solver=p.optimizer, alpha=0, batch_size=p.batch, shuffle=shuffle,
        learning_rate_init=p.rate, momentum=0, max_iter=1, warm_start=True,
    )  # fmt: skip

    def fit(x: Any, y: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that one epoch has not converged
            model.fit(x, y)

    fit(x[: p.sizes[-1]], np.arange(p.sizes[-1]))  # makes the layers
    model.coefs_ = [w.T.copy() for w in initial(p)[::2]]
    model.intercepts_ = [b.copy() for b in initial(p)[1::2]]

    def weights() -> Weights:
        layers = zip(model.coefs_, model.intercepts_, strict=True)
        return [array for w, b in layers for array in (w.T, b)]

    return lambda: fit(x, y), weights


def arithmetic(p: Problem) -> Run:
    """The limit: as many operations in one large product by NumPy's BLAS."""
    side = 1024
    rng = np.random.default_rng(0)
    a = rng.standard_normal((round(p.flop / (2 * side * side)), side), np.float32)
    b = rng.standard_normal((side, side), np.float32)
    run = partial(np.matmul, a, b)
    np.testing.assert_allclose(run()[0], a[0].astype(np.float64) @ b, atol=1e-2)
    return run


def step(
    name: str, sizes: tuple[int, ...], batch: int, optimizer: str, target: float = 0
) -> Workload:
    p = Problem(sizes, batch, optimizer, samples=100 * batch)
    makers: dict[str, Callable[..., Trainer]] = {
        "minnet": partial(eager_step, "minnet", False),
        "torch": partial(eager_step, "torch", False),
        "torch fused": partial(eager_step, "torch", True),
        "numpy": numpy_steps,
        "jax jit": jax_steps,
    }
    return Workload(
        f"{name} step, {optimizer}",
        {peer: partial(checked, make, p, CHECKED_STEPS) for peer, make in makers.items()},
        {"torch": 1 / target} if target else {},
        flop=p.flop * batch // p.samples,
    )


def epoch(optimizer: str, targets: dict[str, float]) -> Workload:
    # 937 full batches: MNIST but for its last half batch, which not every peer would train on.
    p = Problem((784, 128, 10), 64, optimizer, samples=937 * 64)
    makers: dict[str, Callable[..., Trainer]] = {
        "minnet": partial(loader_epoch, "minnet"),
        "torch": partial(loader_epoch, "torch"),
        "torch sliced": partial(sliced_epoch, False),
        "torch sliced, fused": partial(sliced_epoch, True),
        "numpy": numpy_epoch,
        "jax jit": jax_jit_epoch,
        "jax scan": jax_scan_epoch,
        "sklearn": sklearn_epoch,
    }
    peers = {peer: partial(checked, make, p, 1) for peer, make in makers.items()}
    return Workload(
        f"784-128-10 batch 64 epoch, {optimizer}",
        {**peers, "arithmetic alone": partial(arithmetic, p)},
        {peer: 1 / ratio for peer, ratio in targets.items()},
        flop=p.flop,
    )


WORKLOADS = [
    step("784-128-10 batch 64", (784, 128, 10), 64, "sgd"),
    step("784-128-10 batch 64", (784, 128, 10), 64, "adam"),
    step("8-64-64-1 batch 32", (8, 64, 64, 1), 32, "adam", 0.12),
    step("784-1024-1024-10 batch 256", (784, 1024, 1024, 10), 256, "sgd", 1.0),
    epoch("sgd", {"torch": 0.3, "jax scan": 0.65, "numpy": 0.6, "arithmetic alone": 1.6}),
    epoch("adam", {"torch": 0.25, "sklearn": 0.1}),
]
