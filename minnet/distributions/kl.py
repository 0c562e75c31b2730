"""Kullback and Leibler's divergence between two distributions, by their types."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minnet.distributions.compound import Independent, TransformedDistribution
from minnet.distributions.continuous import Beta, Exponential, Gamma, Laplace, Normal, Uniform
from minnet.distributions.discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    OneHotCategorical,
    Poisson,
)
from minnet.distributions.distribution import Distribution, sum_rightmost
from minnet.distributions.multivariate import MultivariateNormal, half_log_det, solve_lower
from minnet.functions import digamma, erf, full_like, lgamma, where, xlogy
from minnet.nn.functional import softplus

__all__ = ["kl_divergence", "register_kl"]

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}
EULER = 0.5772156649015329


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """Enter the function below as the divergence of one type, and what is derived, from another.

    Raises:
        TypeError: if one is no type of distributions.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type) or not issubclass(kind, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def enter(function: Any) -> Any:
        _FORMULAS[type_p, type_q] = function
        return function

    return enter


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """Return the mean, over draws from p, of p.log_prob - q.log_prob, for each place of the batch.

    Raises:
        NotImplementedError: if no formula is known for the two types.

    Example:
        >>> import minnet
        >>> from minnet.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
        tensor(0.5000)
    """
    for kind_p in type(p).__mro__:  # the nearest first
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _FORMULAS:
                return _FORMULAS[kind_p, kind_q](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


def _same(kind: type) -> Callable[[Any], Any]:
    return register_kl(kind, kind)


# Of a kind


@_same(Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@_same(Laplace)
def _laplace(p: Any, q: Any) -> Any:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@_same(Uniform)
def _uniform(p: Any, q: Any) -> Any:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, found)


@_same(Exponential)
def _exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@_same(Gamma)
def _gamma(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    logs = b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a)
    return logs + (a - b) * digamma(a) + (q.rate - p.rate) * (a / p.rate)


@_same(Beta)
def _beta(p: Any, q: Any) -> Any:
    more1, more0 = p.concentration1 - q.concentration1, p.concentration0 - q.concentration0
    slopes = more1 * digamma(p.concentration1) + more0 * digamma(p.concentration0)
    slopes = slopes - (more1 + more0) * digamma(p._total)
    return q._log_normalizer() - p._log_normalizer() + slopes


@_same(Poisson)
def _poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@_same(Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    ones = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    ones = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, ones))
    zeros = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return ones + where(p.probs == 1, 0.0, where(q.probs == 1, math.inf, zeros))


@_same(Binomial)
def _binomial(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    each = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, math.inf, p.total_count * each)


@_same(Categorical)
def _categorical(p: Any, q: Any) -> Any:
    terms = p.probs * (p.logits - q.logits)
    terms = where(p.probs == 0, 0.0, where(q.probs == 0, math.inf, terms))
    return terms.sum(-1)


@_same(OneHotCategorical)
def _one_hot_categorical(p: Any, q: Any) -> Any:
    return _categorical(p._categorical, q._categorical)


@_same(MultivariateNormal)
def _multivariate_normal(p: Any, q: Any) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be "
            f"computed: {p.event_shape} and {q.event_shape}"
        )
    P, Q = p.scale_tril, q.scale_tril
    spread = solve_lower(Q, P).pow(2).sum((-2, -1))
    away = solve_lower(Q, (q.loc - p.loc).unsqueeze(-1)).pow(2).sum((-2, -1))
    return half_log_det(Q) - half_log_det(P) + 0.5 * (spread + away - p.event_shape[0])


@_same(Independent)
def _independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the two have different reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@_same(TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the two have different transforms or event shapes")
    return kl_divergence(p.base_dist, q.base_dist)


# Of two kinds: -entropy(p) less the mean of log q, which needs the moments of p


for _kind in (Beta, Exponential, Gamma, Laplace, Uniform):

    @register_kl(_kind, Normal)
    def _to_normal(p: Any, q: Any) -> Any:
        away = p.variance + (p.mean - q.loc).pow(2)
        size = q.scale.log() + 0.5 * math.log(2 * math.pi)
        return size + away / (2 * q.scale.pow(2)) - p.entropy()


for _kind in (Beta, Gamma, Uniform):

    @register_kl(_kind, Exponential)
    def _to_exponential(p: Any, q: Any) -> Any:
        found = q.rate * p.mean - q.rate.log() - p.entropy()
        return (
            found if type(p).support is not Uniform.support else where(p.low < 0, math.inf, found)
        )


@register_kl(Beta, Uniform)
def _beta_to_uniform(p: Any, q: Any) -> Any:
    found = (q.high - q.low).log() - p.entropy()
    return where((q.low > 0) | (q.high < 1), math.inf, found)


def _to_gamma(p: Any, q: Any, mean_of_log: Any) -> Any:
    a = q.concentration
    return q.rate * p.mean - (a - 1) * mean_of_log + lgamma(a) - a * q.rate.log() - p.entropy()


@register_kl(Exponential, Gamma)
def _exponential_to_gamma(p: Any, q: Any) -> Any:
    return _to_gamma(p, q, -EULER - p.rate.log())


@register_kl(Beta, Gamma)
def _beta_to_gamma(p: Any, q: Any) -> Any:
    return _to_gamma(p, q, digamma(p.concentration1) - digamma(p._total))


def _mean_log(low: Any, high: Any) -> Any:
    """Return the mean of log x, for x uniform between two bounds."""
    return (xlogy(high, high) - xlogy(low, low)) / (high - low) - 1


@register_kl(Uniform, Gamma)
def _uniform_to_gamma(p: Any, q: Any) -> Any:
    return where(p.low < 0, math.inf, _to_gamma(p, q, _mean_log(p.low, p.high)))


@register_kl(Uniform, Beta)
def _uniform_to_beta(p: Any, q: Any) -> Any:
    logs = (q.concentration1 - 1) * _mean_log(p.low, p.high)
    logs = logs + (q.concentration0 - 1) * _mean_log(1 - p.high, 1 - p.low)
    found = q._log_normalizer() - logs - p.entropy()
    return where((p.low < 0) | (p.high > 1), math.inf, found)


@register_kl(Normal, Laplace)
def _normal_to_laplace(p: Any, q: Any) -> Any:
    away = p.loc - q.loc
    far = away / p.scale
    mean = math.sqrt(2 / math.pi) * p.scale * (-0.5 * far.pow(2)).exp()
    mean = mean + away * erf(math.sqrt(0.5) * far)
    return (2 * q.scale).log() + mean / q.scale - p.entropy()


@register_kl(Bernoulli, Poisson)
def _bernoulli_to_poisson(p: Any, q: Any) -> Any:
    return q.rate - p.probs * q.rate.log() - p.entropy()


# Where p has draws that q cannot have


def _infinite(p: Any, q: Any) -> Any:
    return full_like(p.mean + q.mean, math.inf)


for kind, others in {
    Exponential: (Beta, Uniform),
    Gamma: (Beta, Uniform),
    Laplace: (Beta, Exponential, Gamma, Uniform),
    Normal: (Beta, Exponential, Gamma, Uniform),
    Poisson: (Bernoulli, Binomial),
}.items():
    for other in others:
        register_kl(kind, other)(_infinite)
