"""Distributions made from others: independent dims, mixtures, functions of a random variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minnet.autograd import no_grad
from minnet.distributions import constraints
from minnet.distributions.continuous import Normal
from minnet.distributions.discrete import Categorical
from minnet.distributions.distribution import Distribution, sum_rightmost
from minnet.distributions.transforms import ComposeTransform, ExpTransform, Transform
from minnet.functions import log_softmax, logsumexp
from minnet.size import Size


class Independent(Distribution):
    """Another, of which some batch dims belong to one event: their log-probabilities are summed.

    Raises:
        ValueError: if the base has fewer batch dims.

    Example:
        >>> import minnet
        >>> from minnet.distributions import Independent, Normal
        >>> Independent(Normal(minnet.zeros(2, 3), 1.0), 1).log_prob(minnet.zeros(2, 3))
        tensor([-2.7568, -2.7568])
    """

    base_dist: Distribution

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ):
        batch, n = base_distribution.batch_shape, reinterpreted_batch_ndims
        if n > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {n} vs {len(batch)}"
            )
        cut = len(batch) - n
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        event = (*batch[cut:], *base_distribution.event_shape)
        super().__init__(batch[:cut], event, validate_args)

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @property
    def support(self) -> Any:
        n, support = self.reinterpreted_batch_ndims, self.base_dist.support
        return constraints.independent(support, n) if n else support

    mean = property(lambda self: self.base_dist.mean)
    mode = property(lambda self: self.base_dist.mode)
    variance = property(lambda self: self.base_dist.variance)

    def sample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Any:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """One of several components, drawn by chances.

    Args:
        mixture_distribution: a `Categorical` of K classes.
        component_distribution: of a batch shape (…, K).

    Raises:
        ValueError: if the first is no `Categorical`, or the shapes do not fit together.

    Example:
        >>> import minnet
        >>> from minnet.distributions import Categorical, MixtureSameFamily, Normal
        >>> halves, ends = Categorical(minnet.ones(2)), Normal(minnet.tensor([-1.0, 1.0]), 0.1)
        >>> MixtureSameFamily(halves, ends).log_prob(minnet.tensor(1.0))
        tensor(0.6905)
    """

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                "The Mixture distribution needs to be an instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        own, theirs = mixture_distribution.batch_shape, component_distribution.batch_shape
        if any(1 not in (n, m) and n != m for n, m in zip(own[::-1], theirs[-2::-1], strict=False)):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({own}) is not compatible with "
                f"`component_distribution.batch_shape`({Size(theirs[:-1])})"
            )
        k = mixture_distribution.logits.shape[-1]
        if k != theirs[-1]:
            raise ValueError(
                f"`mixture_distribution component` ({k}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({theirs[-1]})"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(theirs[:-1], component_distribution.event_shape, validate_args)

    @property
    def support(self) -> Any:
        return constraints.of_components(self.component_distribution.support)

    def _average(self, values: Any) -> Any:
        """Return the mean, by the chances, of what each component has."""
        chances = self.mixture_distribution.probs
        chances = chances.reshape(*chances.shape, *[1] * self._event_ndims)
        return (chances * values).sum(-1 - self._event_ndims)

    @property
    def mean(self) -> Any:
        return self._average(self.component_distribution.mean)

    @property
    def variance(self) -> Any:
        within = self._average(self.component_distribution.variance)
        away = self.component_distribution.mean - self._pad(self.mean)
        return within + self._average(away.pow(2.0))

    def cdf(self, value: Any) -> Any:
        value = self.component_distribution.cdf(self._pad(value))
        return (value * self.mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        each = self.component_distribution.log_prob(self._pad(value))
        return logsumexp(each + log_softmax(self.mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            chosen = self.mixture_distribution.sample(sample_shape)
            drawn = self.component_distribution.sample(sample_shape)
            dim = len(sample_shape) + len(self._batch_shape)
            chosen = chosen.expand(drawn.shape[:dim]).reshape(
                *drawn.shape[:dim], *[1] * (1 + self._event_ndims)
            )
            chosen = chosen.expand(*drawn.shape[:dim], 1, *self._event_shape)
            return drawn.gather(dim, chosen).squeeze(dim)

    def _pad(self, value: Any) -> Any:
        return value.unsqueeze(-1 - self._event_ndims)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
        )


class TransformedDistribution(Distribution):
    """The distribution of a function of a random variable: of f(x), where x has the base's.

    Args:
        base_distribution: of x.
        transforms: f, or a list, of which the first is applied first.

    Raises:
        ValueError: if they are no transforms, or the base has too few dims for them.

    Example:
        >>> import minnet
        >>> from minnet.distributions import Normal, TransformedDistribution, transforms
        >>> squashed = TransformedDistribution(Normal(0.0, 1.0), transforms.TanhTransform())
        >>> squashed.log_prob(minnet.tensor(0.5))
        tensor(-0.7821)
    """

    base_dist: Any

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ):
        found = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(found, list) or not all(isinstance(t, Transform) for t in found):
            raise ValueError(
                f"transforms must be a Transform or a list of Transforms, but was {transforms}"
            )
        base, whole = base_distribution, ComposeTransform(found)
        shape, own = Size((*base.batch_shape, *base.event_shape)), len(base.event_shape)
        taken, given = whole.domain.event_dim, whole.codomain.event_dim
        if len(shape) < taken:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {taken}, but got "
                f"{shape}."
            )
        after = whole.forward_shape(shape)
        before = whole.inverse_shape(after)
        if tuple(before) != tuple(shape):
            base = base.expand(before[: len(before) - own])
        self.base_dist = Independent(base, taken - own) if taken > own else base
        self.transforms = found
        cut = len(after) - max(given, own + given - taken)
        super().__init__(after[:cut], after[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def _transformed(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        dims, found, y = len(self._event_shape), 0.0, value
        for transform in reversed(self.transforms):
            x, taken = transform.inv(y), transform.domain.event_dim
            dims += taken - transform.codomain.event_dim
            found = found - sum_rightmost(transform.log_abs_det_jacobian(x, y), dims - taken)
            y = x
        own = len(self.base_dist.event_shape)
        return found + sum_rightmost(self.base_dist.log_prob(y), dims - own)

    def _rising(self, chance: Any) -> Any:
        """Return a chance, or one minus it where the transforms fall."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return chance if isinstance(sign, int) and sign == 1 else sign * (chance - 0.5) + 0.5

    def cdf(self, value: Any) -> Any:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._rising(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Any:
        return self._transformed(self.base_dist.icdf(self._rising(value)))


class LogNormal(TransformedDistribution):
    """exp(x), where x is normal.

    Example:
        >>> import minnet
        >>> minnet.distributions.LogNormal(0.0, 1.0).mean
        tensor(1.6487)
    """

    arg_constraints = Normal.arg_constraints
    support = constraints.positive

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    loc = property(lambda self: self.base_dist.loc)
    scale = property(lambda self: self.base_dist.scale)

    @property
    def mean(self) -> Any:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Any:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Any:
        squared = self.scale.pow(2)
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Any:
        return self.base_dist.entropy() + self.loc
