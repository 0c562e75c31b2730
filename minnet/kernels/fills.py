"""Random fills of either device: what a user gives, as the numbers that a kernel takes.

Each fills an array with the elements [start, start + size) of a conceptual tensor, and calls
`progress` with how many are done, and of how many. The kernel is found by its name on the array's
device: in `fill_by` of `cpu/fill.py` and `cuda/fill.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from minnet.kernels import of
from minnet.kernels.draws import UNIT
from minnet.kernels.philox import Stream

Progress = Callable[[int, int], Any]


def _computing(dtype: np.dtype) -> Any:
    """Return the type in which a fill is computed: half types are, in float32, rounded once."""
    return np.float64 if dtype.char == "d" else np.float32


def uniform(
    out: Any, stream: Stream, low: float, high: float, start: int = 0,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Fill a float array with U[low, high): one fma, and never the upper end."""
    numbers = _uniform_numbers(out.dtype, low, high)
    of(out).fill_by("uniform", out, _computing(out.dtype), stream, numbers, start, progress)


@lru_cache(maxsize=256)
def _uniform_numbers(dtype: np.dtype, low: float, high: float) -> tuple[Any, ...]:
    """Return low, the scale of `whole`, and the last number below high, in the computing type."""
    own, real = dtype.type, _computing(dtype)
    first, end = real(low), real(high)
    last = own(high)
    if real(last) >= end > first:
        last = np.nextafter(last, own(low))
    if first == end:
        last = end
    return first, (end - first) * real(UNIT[real is np.float64]), min(real(last), end)


@np.errstate(all="ignore")  # a parameter may round to infinity
def normal(
    out: Any, stream: Stream, mean: float, std: float, start: int = 0,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Fill a float array with N(mean, std²)."""
    real = _computing(out.dtype)
    of(out).fill_by("normal", out, real, stream, (real(mean), real(std)), start, progress)


@np.errstate(all="ignore")
def exponential(
    out: Any, stream: Stream, rate: float, start: int = 0, progress: Progress | None = None
) -> None:
    """Fill a float array with exponential draws of mean 1 / rate, all above 0."""
    real = _computing(out.dtype)
    of(out).fill_by("exponential", out, real, stream, (real(1 / rate),), start, progress)


@np.errstate(all="ignore")
def trunc_normal(
    out: Any, stream: Stream, mean: float, std: float, a: float, b: float, start: int = 0,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Fill a float array with N(mean, std²) truncated to [a, b], by rejection element by element.

    The proposal is the one that accepts most often: the normal itself, a uniform, or an exponential
    in the tail (Robert 1995, "Simulation of truncated normal variables"). At least a quarter of the
    proposals is accepted wherever [a, b] lies.
    """
    own, real = out.dtype.type, _computing(out.dtype)
    low, high = (a - mean) / std, (b - mean) / std
    numbers = (real(mean), real(std), real(own(a)), real(own(b)))
    if _mass(low, high) > 0.25:
        of(out).fill_by("truncated", out, real, stream, numbers, start, progress)
        return
    if high <= 0:  # the left tail is the right one, mirrored
        low, high, std = -high, -low, -std
    rate = 0.0  # of the exponential; 0 is a uniform
    if low > 0:
        best = (low + math.sqrt(low * low + 4)) / 2
        # The uniform accepts less often than the exponential once the interval is long.
        if high - low > 1 / best * math.exp(min((low * low - low * best) / 2 + 0.5, 700.0)):
            rate = best
    scale = (real(high) - real(low)) * real(UNIT[real is np.float64]) if rate == 0 else real(0)
    tail = (real(mean), real(std), *numbers[2:], real(low), real(high), scale, real(rate))
    of(out).fill_by("tail", out, real, stream, tail, start, progress)


def _mass(low: float, high: float) -> float:
    """Return the probability that N(0, 1) lies in [low, high]."""
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


def bernoulli(
    out: Any, stream: Stream, p: float, start: int = 0, progress: Progress | None = None
) -> None:
    """Fill an array with 1 with probability `p` (to 2⁻³²), else 0: the same in every dtype."""
    ones = round(p * 2**32)  # of the words, the lowest
    if ones:
        numbers = (np.uint32(ones - 1),)
        of(out).fill_by("bernoulli", out, np.float32, stream, numbers, start, progress)
    else:
        out[...] = 0


def integers(
    out: Any, stream: Stream, low: int, high: int, start: int = 0, progress: Progress | None = None
) -> None:
    """Fill an array with whole numbers from [low, high), all equally likely."""
    span = high - low  # 2**64 is taken as 0; the last number is the least rest that is kept
    numbers = tuple(np.uint64(x % (1 << 64)) for x in (low, span, (1 << 64) % span))
    of(out).fill_by("integers", out, np.int64, stream, numbers, start, progress)
