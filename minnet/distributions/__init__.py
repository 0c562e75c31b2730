"""Distributions, by torch's names: draws, densities, entropies, divergences."""

import sys

from minnet.distributions import (
    compound,
    constraints,
    continuous,
    discrete,
    distribution,
    kl,
    multivariate,
    transforms,
)
from minnet.distributions.compound import (
    Independent,
    LogNormal,
    MixtureSameFamily,
    TransformedDistribution,
)
from minnet.distributions.continuous import Beta, Exponential, Gamma, Laplace, Normal, Uniform
from minnet.distributions.discrete import (
    Bernoulli,
    Binomial,
    Categorical,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    Poisson,
)
from minnet.distributions.distribution import Distribution
from minnet.distributions.kl import kl_divergence, register_kl
from minnet.distributions.multivariate import MultivariateNormal
from minnet.distributions.transforms import *  # noqa: F403

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Distribution", "Exponential", "Gamma",
    "Independent", "Laplace", "LogNormal", "MixtureSameFamily", "MultivariateNormal", "Normal",
    "OneHotCategorical", "OneHotCategoricalStraightThrough", "Poisson", "TransformedDistribution",
    "Uniform", "constraints", "kl", "kl_divergence", "register_kl",
    "transforms", *transforms.__all__,
]  # fmt: skip

# torch's name of the module that has each, as in `from torch.distributions.normal import Normal`
_MODULES = {
    compound: "independent log_normal mixture_same_family transformed_distribution",
    continuous: "beta exponential gamma laplace normal uniform",
    discrete: "bernoulli binomial categorical one_hot_categorical poisson",
    multivariate: "multivariate_normal",
    distribution: "utils",
}
for _module, _names in _MODULES.items():
    for _name in _names.split():
        globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _module


def __getattr__(name: str) -> object:
    raise AttributeError(f"minnet.distributions has no {name!r}; it has {', '.join(__all__)}")
