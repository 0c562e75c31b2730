"""Draws from distributions that tensors describe: `normal`, `multinomial` and their kin.

With the torch engine each takes its numbers as torch does, so the values are torch's.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes, kernels, random
from minnet.functional.arithmetic import add, mul, only_floating
from minnet.functional.elementary import lgamma
from minnet.mode import no_grad
from minnet.operation import Number, Tensor, composite, operation
from minnet.size import integer, ints
from minnet.variable import Variable, wrap
from minnet.vocabulary import zero


@composite(where="minnet", out="exact")
def normal(
    mean: Tensor | Number,
    std: Tensor | Number = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return draws from N(mean, std²): of tensors that broadcast, or of numbers and a size.

    Raises:
        RuntimeError: if a `std` is negative.
        TypeError: if there is neither a tensor nor a size.

    Example:
        >>> import minnet
        >>> minnet.normal(minnet.tensor([1.0, 2.0]), 0.0)
        tensor([1., 2.])
        >>> minnet.normal(0.0, 1.0, (2, 3)).shape
        torch.Size([2, 3])
    """
    given = [x for x in (mean, std) if isinstance(x, Variable)]
    if size is None and not given:
        raise TypeError("normal() expects a tensor as mean or std, or a size: normal(0., 1., (2,))")
    fill = random.resolve(generator).normal
    if size is not None:
        kind = dtypes.numpy_of(dtype or dtypes.get_default_dtype())
        array = np.empty(ints((size,)), kind, like=kernels.like(device))
        only_floating(array, "normal_kernel_cpu")
        fill(array, mean, std)
        return wrap(array).requires_grad_(requires_grad)
    kind = np.result_type(*(x.array for x in given))
    shape = np.broadcast_shapes(*(x.array.shape for x in given))
    array = np.empty_like(given[0].array, kind, "C", shape=shape)
    only_floating(array, "normal_kernel_cpu")
    if not isinstance(std, Variable):
        fill(array, 0.0, std)
        with no_grad():
            return add(wrap(array), mean)
    if (std.array < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    fill(array, 0.0, 1.0)
    with no_grad():
        return add(mul(wrap(array), std), mean)


def _chances(array: np.ndarray) -> np.ndarray:
    """Return rows of weights that can be drawn from.

    Raises:
        RuntimeError: if they cannot.
    """
    if array.dtype.kind != "f":
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{dtypes.of(array).tensor_type}"
        )
    if array.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    rows = array.reshape(-1, array.shape[-1])
    if not ((rows >= 0) & (rows < math.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (rows > 0).any(1).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    return rows


@composite(out="exact")
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None
) -> Tensor:
    """Return indices drawn with the weights of each row, which need not sum to 1.

    Args:
        input: (N,) or (rows, N), not negative.
        num_samples: how many for each row.
        replacement: whether an index may be drawn again.

    Returns:
        (num_samples,) or (rows, num_samples), int64.

    Raises:
        RuntimeError: if a weight is negative, infinite or NaN, all of a row are 0, or there are
            fewer than `num_samples` to draw without replacement.

    Example:
        >>> import minnet
        >>> minnet.multinomial(minnet.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
        tensor([1, 1])
    """
    n = integer(num_samples)
    if n <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {n}")
    array = input.array
    if not replacement and array.ndim and n > array.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    weights, draw = _chances(array), random.resolve(generator)
    if n == 1 or not replacement:
        # Of exponentials with these rates the first to come; so without replacement all in order.
        times = np.empty_like(weights, order="C")
        draw.exponential(times, 1.0)
        with np.errstate(all="ignore"):
            speed = weights / times
        if n == 1:
            found = speed.argmax(1)[:, None]
        else:
            found = np.flip(np.argsort(np.flip(speed, 1), 1, kind="stable"), 1)[:, :n]
            found = speed.shape[1] - 1 - found
    else:
        total = np.cumsum(weights, 1)
        total /= total[:, -1:]
        total[:, -1] = 1
        uniform = np.empty((len(weights), n))
        draw.uniform(uniform, 0.0, 1.0)
        found = np.stack([np.searchsorted(t, u) for t, u in zip(total, uniform, strict=True)])
    return wrap(np.ascontiguousarray(found.reshape(*array.shape[:-1], n), np.int64))


_drawn = partial(operation, where="Tensor", named="generator", draws=True)


def _uniform(input: np.ndarray, generator: Any) -> np.ndarray:
    """Return draws from U[0, 1) in double precision, an element for each of the input."""
    uniform = np.empty_like(input, np.float64)
    random.resolve(generator).uniform(uniform, 0.0, 1.0)
    return uniform


def _by_transform(input: np.ndarray, values: Any) -> np.ndarray:
    input[...] = values
    return input


@_drawn("CauchyBackward0", zero)
def cauchy_(input: Tensor, median: Number = 0, sigma: Number = 1, generator: Any = None) -> Tensor:
    """Fill with draws of density 1 / (pi sigma (1 + ((x - median) / sigma)²)).

    Raises:
        RuntimeError: if sigma is not above 0.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> minnet.empty(3).cauchy_().shape
        torch.Size([3])
    """
    only_floating(input, "cauchy")
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    uniform = _uniform(input, generator)
    return _by_transform(input, median + sigma * np.tan(math.pi * (uniform - 0.5)))


@_drawn("GeometricBackward0", zero)
def geometric_(input: Tensor, p: Number, generator: Any = None) -> Tensor:
    """Fill with how many trials it takes to the first success, of the chance `p` each.

    Raises:
        RuntimeError: if p is not in (0, 1).

    Example:
        >>> import minnet
        >>> bool((minnet.empty(9).geometric_(0.5) >= 1).all())
        True
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    uniform = _uniform(input, generator)
    return _by_transform(input, np.ceil(np.log(uniform) / math.log1p(-p)))


@_drawn("LogNormalBackward0", zero)
def log_normal_(input: Tensor, mean: Number = 1, std: Number = 2, generator: Any = None) -> Tensor:
    """Fill with e to the power of draws from N(mean, std²).

    Raises:
        RuntimeError: if std is not above 0.
        NotImplementedError: if the dtype is not floating point.

    Example:
        >>> import minnet
        >>> bool((minnet.empty(9).log_normal_() > 0).all())
        True
    """
    only_floating(input, "log_normal")
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    # One after the other, as torch: an array that is not contiguous is drawn so.
    numbers = np.empty((*input.shape, 2))[..., 0]
    random.resolve(generator).normal(numbers, mean, std)
    return _by_transform(input, np.exp(numbers))


@composite(where="minnet")
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Return counts drawn from Poisson distributions of the given means.

    Below a mean of 10 it is how many exponentials fit into the mean one after the other; from there
    on, Hörmann (1993), "The transformed rejection method for generating Poisson random variables".
    The values are not torch's with the torch engine.

    Raises:
        RuntimeError: if a mean is negative.

    Example:
        >>> import minnet
        >>> minnet.poisson(minnet.tensor([0.0, 0.0]))
        tensor([0., 0.])
    """
    rates = input.array
    only_floating(rates, "poisson_cpu")
    if not (rates >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    seed = np.empty(min(rates.size, 1), np.int64)  # one draw, however many these counts take
    random.resolve(generator).integers(seed, 0, 2**62)
    if not rates.size:
        return wrap(np.empty_like(rates, order="C"))
    many, draw = rates >= 10, random.Generator(seed=int(seed[0]))
    left, counts = np.where(many, 0, rates).astype(np.float64), np.zeros_like(rates)
    step = np.empty(left.shape)
    while (left > 0).any():
        draw.exponential(step, 1.0)
        left -= step
        counts += left > 0
    if many.any():
        counts[many] = _many(rates[many].astype(np.float64), draw)
    return wrap(counts)


@np.errstate(all="ignore")
def _many(mean: np.ndarray, draw: Any) -> np.ndarray:
    """Return Poisson counts of means from 10 on, by Hörmann's rejection "PTRS"."""
    b = 0.931 + 2.53 * np.sqrt(mean)
    a = -0.059 + 0.02483 * b
    scale, squeeze = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    counts, pending = mean.copy(), np.isfinite(mean)
    u, v = np.empty(mean.shape), np.empty(mean.shape)
    while pending.any():
        draw.uniform(u, -0.5, 0.5)
        draw.uniform(v)
        edge = 0.5 - np.abs(u)
        k = np.floor((2 * a / edge + b) * u + mean + 0.43)
        density = k * np.log(mean) - mean - lgamma.operation.run(k + 1)
        within = np.log(v * scale / (a / (edge * edge) + b)) <= density
        taken = (edge >= 0.07) & (v <= squeeze)
        taken |= (k >= 0) & ((edge >= 0.013) | (v <= edge)) & within
        counts[pending & taken] = k[pending & taken]
        pending &= ~taken
    return counts
