"""Distributions of real numbers, each given by a density."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from minnet.autograd import no_grad
from minnet.distributions import constraints
from minnet.distributions.distribution import Distribution, empty_as, finfo
from minnet.functions import digamma, erf, erfinv, full_like, lgamma, normal, rand, xlogy


class _LocScale(Distribution):
    """A density that is moved by `loc` and widened by `scale`."""

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc


class Normal(_LocScale):
    """exp(-((x - loc) / scale)² / 2) / (scale √(2π)).

    Example:
        >>> import minnet
        >>> minnet.distributions.Normal(0.0, 2.0).log_prob(minnet.tensor(2.0))
        tensor(-2.1121)
    """

    @property
    def stddev(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        return self.scale.pow(2)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.loc + empty_as(self.loc, shape).normal_() * self.scale

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        far = -((value - self.loc) ** 2) / (2 * self.scale**2)
        return far - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Any:
        self._validate_sample(value)
        return 0.5 * (1 + erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Laplace(_LocScale):
    """exp(-|x - loc| / scale) / (2 scale).

    Example:
        >>> import minnet
        >>> minnet.distributions.Laplace(0.0, 1.0).cdf(minnet.tensor(0.0))
        tensor(0.5000)
    """

    @property
    def variance(self) -> Any:
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Any:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Any = ()) -> Any:
        u = empty_as(self.loc, self._extended_shape(sample_shape))
        u.uniform_(float(finfo(u).eps) - 1, 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Any:
        self._validate_sample(value)
        d = value - self.loc
        return 0.5 - 0.5 * d.sign() * (-d.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Any:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Any:
        return 1 + (2 * self.scale).log()


class Uniform(Distribution):
    """1 / (high - low), from low to high.

    Example:
        >>> import minnet
        >>> minnet.distributions.Uniform(0.0, 4.0).mean
        tensor(2.)
    """

    has_rsample = True
    low: Any
    high: Any

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self._take(validate_args, low=low, high=high)

    @property
    def arg_constraints(self) -> Any:
        return {
            "low": constraints.less_than(self.high),
            "high": constraints.greater_than(self.low),
        }

    @property
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Any:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Any:
        return math.nan * self.high

    @property
    def stddev(self) -> Any:
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Any:
        return (self.high - self.low).pow(2) / 12

    def rsample(self, sample_shape: Any = ()) -> Any:
        u = rand(self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        inside = ((self.low <= value) & (value < self.high)).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value: Any) -> Any:
        self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Any:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Any:
        return (self.high - self.low).log()


class Exponential(Distribution):
    """rate exp(-rate x), from 0.

    Example:
        >>> import minnet
        >>> minnet.distributions.Exponential(2.0).log_prob(minnet.tensor(0.0)).exp()
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Any:
        return full_like(self.rate, 0)

    @property
    def stddev(self) -> Any:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Any:
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return empty_as(self.rate, self._extended_shape(sample_shape)).exponential_() / self.rate

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Any) -> Any:
        self._validate_sample(value)
        return 1 - (-self.rate * value).exp()

    def icdf(self, value: Any) -> Any:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Any:
        return 1.0 - self.rate.log()


class Gamma(Distribution):
    """rate^a x^(a - 1) exp(-rate x) / Γ(a), from 0; a is the concentration. There are no draws.

    Example:
        >>> import minnet
        >>> minnet.distributions.Gamma(2.0, 1.0).log_prob(minnet.tensor(1.0))
        tensor(-1.)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    concentration: Any
    rate: Any

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate.pow(2)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - lgamma(a)

    def entropy(self) -> Any:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1.0 - a) * digamma(a)


class Beta(Distribution):
    """x^(a - 1) (1 - x)^(b - 1) Γ(a + b) / (Γ(a) Γ(b)), from 0 to 1. There are no draws.

    Example:
        >>> import minnet
        >>> minnet.distributions.Beta(2.0, 2.0).log_prob(minnet.tensor(0.5)).exp()
        tensor(1.5000)
    """

    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    concentration1: Any
    concentration0: Any

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self._take(validate_args, concentration1=concentration1, concentration0=concentration0)

    @property
    def _total(self) -> Any:
        return self.concentration1 + self.concentration0

    @property
    def mean(self) -> Any:
        return self.concentration1 / self._total

    @property
    def variance(self) -> Any:
        total = self._total
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def _log_normalizer(self) -> Any:
        return lgamma(self.concentration1) + lgamma(self.concentration0) - lgamma(self._total)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        terms = xlogy(self.concentration1 - 1, value) + xlogy(self.concentration0 - 1, 1 - value)
        return terms - self._log_normalizer()

    def entropy(self) -> Any:
        a, b, total = self.concentration1, self.concentration0, self._total
        shares = (a - 1) * digamma(a) + (b - 1) * digamma(b)
        return self._log_normalizer() - shares + (total - 2) * digamma(total)
