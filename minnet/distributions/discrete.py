"""Distributions of whole numbers and of classes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from minnet.autograd import no_grad
from minnet.distributions import constraints
from minnet.distributions.distribution import Distribution, broadcast_all, finfo, lazy_property
from minnet.functions import (
    arange,
    bernoulli,
    broadcast_tensors,
    eye,
    full_like,
    lgamma,
    logsumexp,
    multinomial,
    poisson,
    softmax,
    where,
)
from minnet.nn.functional import binary_cross_entropy_with_logits, one_hot, softplus
from minnet.variable import wrap


def _one_of(probs: Any, logits: Any) -> tuple[str, Any]:
    """Return the name and the value of what is given.

    Raises:
        ValueError: if none is, or both are.
    """
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return ("logits", logits) if probs is None else ("probs", probs)


def _inside(probs: Any) -> Any:
    eps = float(finfo(probs).eps)
    return probs.clamp(eps, 1 - eps)


class _Chances(Distribution):
    """Given by chances `probs`, or by their log-odds `logits`."""

    has_enumerate_support = True

    @lazy_property
    def logits(self) -> Any:
        p = _inside(self.probs)
        return p.log() - (-p).log1p()

    @lazy_property
    def probs(self) -> Any:
        return self.logits.sigmoid()

    @property
    def _param(self) -> Any:
        return vars(self).get("probs", vars(self).get("logits"))

    @property
    def param_shape(self) -> Any:
        """The shape of `probs`."""
        return self._param.shape


class Bernoulli(_Chances):
    """1 with the chance `probs`, else 0.

    Example:
        >>> import minnet
        >>> minnet.distributions.Bernoulli(0.25).log_prob(minnet.tensor(1.0)).exp()
        tensor(0.2500)
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = _one_of(probs, logits)
        self._take(validate_args, **{name: value})

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        likely = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, math.nan, likely)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Any:
        return self._over_batch(arange(2, dtype=self._param.dtype), expand)


class Binomial(_Chances):
    """The number of successes in `total_count` trials, each with the chance `probs`.

    There are no draws.

    Example:
        >>> import minnet
        >>> minnet.distributions.Binomial(3, minnet.tensor(0.5)).log_prob(minnet.tensor(1.0)).exp()
        tensor(0.3750)
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    total_count: Any

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ):
        name, value = _one_of(probs, logits)
        total_count, value = broadcast_all(total_count, value)
        self._take(validate_args, total_count=total_count.to(value.dtype), **{name: value})

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        n = self.total_count
        ways = lgamma(n + 1) - lgamma(value + 1) - lgamma(n - value + 1)
        return ways + value * self.logits - n * softplus(self.logits)

    def entropy(self) -> Any:
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        n = int(self.total_count.max())
        if not (self.total_count == n).all():
            raise NotImplementedError(
                "Inhomogeneous total count not supported by `enumerate_support`."
            )
        return self._over_batch(arange(1 + n, dtype=self._param.dtype), expand)


class Poisson(Distribution):
    """rate^k exp(-rate) / k!.

    Example:
        >>> import minnet
        >>> minnet.distributions.Poisson(2.0).log_prob(minnet.tensor(0.0))
        tensor(-2.)
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return self.rate

    @property
    def mode(self) -> Any:
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - lgamma(value + 1)


class Categorical(_Chances):
    """A class 0, 1, …, with chances `probs`, which are scaled to sum to 1.

    Args:
        probs: (…, C), not negative.
        logits: their logarithms, up to a constant.

    Raises:
        ValueError: unless one of the two is given, with a dim at least.

    Example:
        >>> import minnet
        >>> chances = minnet.distributions.Categorical(minnet.tensor([1.0, 3.0]))
        >>> chances.log_prob(minnet.tensor(1)).exp()
        tensor(0.7500)
    """

    arg_constraints: ClassVar[Any] = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = _one_of(probs, logits)
        if value.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if name == "probs":
            self.probs = value / value.sum(-1, keepdim=True)
        else:
            self.logits = value - logsumexp(value, -1, keepdim=True)
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], (), validate_args)

    @lazy_property
    def logits(self) -> Any:
        return _inside(self.probs).log()

    @lazy_property
    def probs(self) -> Any:
        return softmax(self.logits, -1)

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Any:
        return full_like(self.probs.sum(-1), math.nan)

    @property
    def mode(self) -> Any:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Any:
        return self.mean

    def sample(self, sample_shape: Any = ()) -> Any:
        rows = wrap(self.probs.array.reshape(-1, self._num_events))
        drawn = multinomial(rows, math.prod(sample_shape), True).array.T
        return wrap(drawn.reshape(self._extended_shape(sample_shape)).copy())

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        value, logits = value.long().unsqueeze(-1), self.logits
        if value.shape[:-1] != logits.shape[:-1]:
            value, logits = broadcast_tensors(value, logits)
            value = value[..., :1]
        return logits.gather(-1, value).squeeze(-1)

    def entropy(self) -> Any:
        logits = self.logits.clamp(min=float(finfo(self.logits).min))
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        return self._over_batch(arange(self._num_events), expand)


class OneHotCategorical(Distribution):
    """A class with chances `probs`, as 1 among zeros; see `Categorical`.

    Example:
        >>> import minnet
        >>> minnet.distributions.OneHotCategorical(minnet.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    arg_constraints = Categorical.arg_constraints
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def probs(self) -> Any:
        """The chances."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of `probs`."""
        return self._categorical.param_shape

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        return self._one_hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def _one_hot(self, classes: Any) -> Any:
        return one_hot(classes, self._event_shape[0]).to(self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Any:
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        n, batch = self._event_shape[0], self._batch_shape
        values = eye(n, dtype=self.probs.dtype).reshape(n, *[1] * len(batch), n)
        return values.expand(n, *batch, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical`, whose draws pass gradients to the chances as they are.

    Bengio, Léonard, Courville (2013), "Estimating or propagating gradients through stochastic
    neurons for conditional computation".

    Example:
        >>> import minnet
        >>> from minnet.distributions import OneHotCategoricalStraightThrough
        >>> OneHotCategoricalStraightThrough(minnet.tensor([0.0, 1.0])).rsample()
        tensor([0., 1.])
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
