"""Distributions beside torch's: densities, moments, draws, gradients, shapes, words, refusals."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from distributions.examples import EXAMPLES, A, B, P, made, plain, same, t

import minnet
from minnet import distributions as D

MISSING = {("cdf", "Gamma"), ("entropy", "Poisson"), ("perplexity", "Poisson"), ("mode", "Beta")}
UNDRAWN = {"Gamma", "Beta", "Binomial", "Binomial by logits"}  # densities only
PROPERTIES = "mean mode variance stddev batch_shape event_shape has_rsample has_enumerate_support"


def answer(function):
    try:
        return function()
    except NotImplementedError:
        return "not implemented"


@pytest.mark.parametrize("name", EXAMPLES)
def test_densities_and_moments_are_torchs(name):
    torch = pytest.importorskip("torch")
    (ours, _, x), (theirs, _, y) = (made(L, name) for L in (minnet, torch))
    calls = {
        "log_prob": (lambda d, v: d.log_prob(v)),
        "log_prob of several": lambda d, v: d.log_prob(v.expand(4, *v.shape)),
        "entropy": lambda d, v: d.entropy(),
        "perplexity": lambda d, v: d.perplexity(),
        "cdf": lambda d, v: d.cdf(v),
        "icdf": lambda d, v: d.icdf(t(minnet if d is ours else torch, P)),
        "enumerate_support": lambda d, v: d.enumerate_support(),
        "enumerate_support, not expanded": lambda d, v: d.enumerate_support(expand=False),
        **{p: (lambda d, v, p=p: getattr(d, p)) for p in PROPERTIES.split()},
    }
    for what, call in calls.items():
        if what == "has_rsample" and name in UNDRAWN:
            continue
        got, want = (
            answer(lambda call=call: call(ours, x)),
            answer(lambda call=call: call(theirs, y)),
        )
        if (what, name) in MISSING:
            continue
        if isinstance(got, str) or isinstance(want, str):
            assert got == want, what
        else:
            same(got, want, err_msg=what)


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (made(L, name)[0] for L in (minnet, torch))
    if name != "Beta":  # torch's are those of its Dirichlet
        assert repr(ours) == repr(theirs)
    assert repr(ours.support) == repr(theirs.support)


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_of_densities_are_torchs(name):
    torch = pytest.importorskip("torch")
    gradients = []
    for L in (minnet, torch):
        d, parameters, x = made(L, name, grad=True)
        d.log_prob(x).sum().backward()
        gradients.append([p.grad for p in parameters])
    for got, want in zip(*gradients, strict=True):
        if want is not None:
            same(got, want, rtol=1e-8)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in UNDRAWN | {"Poisson"}])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_draws_are_torchs_with_torchs_engine(name, shape):
    torch = pytest.importorskip("torch")
    (ours, mine, _), (theirs, others, _) = (made(L, name, grad=True) for L in (minnet, torch))
    try:
        for draw in ("sample", "rsample"):
            minnet.manual_seed(5, engine="torch")
            torch.manual_seed(5)
            if draw == "rsample" and not theirs.has_rsample:
                with suppress(NotImplementedError):
                    ours.rsample(shape)
                    pytest.fail("rsample was not refused")
                continue
            got, want = getattr(ours, draw)(shape), getattr(theirs, draw)(shape)
            same(got, want, rtol=1e-6, atol=1e-7)
            assert got.requires_grad == want.requires_grad == (draw == "rsample")
            if draw == "rsample":
                got.pow(2).sum().backward()
                want.pow(2).sum().backward()
                for p, q in zip(mine, others, strict=True):
                    if q.grad is not None:
                        same(p.grad, q.grad, rtol=1e-5, atol=1e-6)
    finally:
        minnet.manual_seed(0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_expanded_is_as_torchs(name):
    torch = pytest.importorskip("torch")
    (ours, _, x), (theirs, _, y) = (made(L, name) for L in (minnet, torch))
    ours, theirs = (d.expand((2, *d.batch_shape)) for d in (ours, theirs))
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    same(ours.log_prob(x), theirs.log_prob(y))
    if name not in UNDRAWN:
        assert ours.sample((2,)).shape == (2, *ours.batch_shape, *ours.event_shape)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in UNDRAWN])
def test_draws_have_the_moments_and_lie_in_the_support(name):
    d, _, _ = made(minnet, name)
    minnet.manual_seed(1)
    x = d.sample((20_000,))
    assert d.support.check(x).all()
    if not name.startswith(("Transformed", "Categorical")):
        error = 6 * d.stddev / 20_000**0.5
        assert ((x.double().mean(0) - d.mean).abs() <= error).all()


def test_known_answers():
    """Without torch: written out."""
    chances, halves = D.Categorical(minnet.tensor([1.0, 3.0])), D.Binomial(3, minnet.tensor(0.5))
    found = {
        D.Normal(0.0, 2.0).log_prob(minnet.tensor(2.0)): -0.5 - np.log(2 * np.sqrt(2 * np.pi)),
        D.Normal(0.0, 1.0).cdf(minnet.tensor(0.0)): 0.5,
        chances.log_prob(minnet.tensor(1)): np.log(0.75),
        halves.log_prob(minnet.tensor(1.0)): np.log(3 / 8),
        D.Exponential(2.0).icdf(minnet.tensor(0.5)): np.log(2) / 2,
        D.kl_divergence(D.Normal(1.0, 1.0), D.Normal(0.0, 1.0)): 0.5,
    }
    for got, want in found.items():
        same(got, np.float32(want), rtol=1e-6)


def test_densities_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    theirs = {
        "Normal": stats.norm(A, B), "Laplace": stats.laplace(A, B), "Uniform": stats.uniform(A, B),
        "Exponential": stats.expon(scale=1 / B), "Gamma": stats.gamma(B, scale=1 / P),
        "Beta": stats.beta(B, P + 1), "LogNormal": stats.lognorm(B, scale=np.exp(A)),
    }  # fmt: skip
    for name, law in theirs.items():
        d, _, x = made(minnet, name)
        same(d.log_prob(x), law.logpdf(plain(x)), rtol=1e-8)
        same(d.mean, law.mean(), rtol=1e-8)
        same(d.variance, law.var(), rtol=1e-8)
        same(d.entropy(), law.entropy(), rtol=1e-8)
        if name not in ("Gamma", "Beta"):
            same(d.cdf(x), law.cdf(plain(x)), rtol=1e-8)
            same(d.icdf(t(minnet, P)), law.ppf(P), rtol=1e-7)
    for name, law in {"Poisson": stats.poisson(B), "Binomial": stats.binom(5, P)}.items():
        d, _, x = made(minnet, name)
        same(d.log_prob(x), law.logpmf(plain(x)), rtol=1e-8)
    d, (loc, root), x = made(minnet, "MultivariateNormal by root")
    law = stats.multivariate_normal(plain(loc)[0], plain(root) @ plain(root).T)
    same(d.log_prob(x)[0], law.logpdf(plain(x)[0]), rtol=1e-8)
    same(d.entropy()[0], np.float64(law.entropy()), rtol=1e-8)


def test_discrete_chances_sum_to_one():
    for name in ("Bernoulli", "Binomial", "Categorical", "OneHotCategorical"):
        d, _, _ = made(minnet, name)
        total = d.log_prob(d.enumerate_support()).exp().sum(0)
        np.testing.assert_allclose(plain(total), 1, rtol=1e-12)


REFUSED = [
    lambda L, D: D.Normal(0.0, -1.0),
    lambda L, D: D.Normal(L.tensor(float("nan")), 1.0),
    lambda L, D: D.Normal("a", 1.0),
    lambda L, D: D.Normal(L.zeros(2), L.ones(3)),
    lambda L, D: D.Uniform(1.0, 0.0),
    lambda L, D: D.Exponential(0.0),
    lambda L, D: D.Bernoulli(),
    lambda L, D: D.Bernoulli(0.5, 0.0),
    lambda L, D: D.Bernoulli(1.5),
    lambda L, D: D.Bernoulli(0.5).log_prob(L.tensor(0.5)),
    lambda L, D: D.Categorical(),
    lambda L, D: D.Categorical(L.tensor(0.5)),
    lambda L, D: D.Categorical(L.tensor([0.5, -0.5])),
    lambda L, D: D.Categorical(L.tensor([0.0, 0.0])),
    lambda L, D: D.Categorical(logits=L.tensor([float("nan"), 0.0])),
    lambda L, D: D.Categorical(L.ones(3)).log_prob(L.tensor(3)),
    lambda L, D: D.Categorical(L.ones(3)).log_prob(L.tensor(1.5)),
    lambda L, D: D.Categorical(L.ones(2, 3)).log_prob(L.tensor([1, 1, 1])),
    lambda L, D: D.OneHotCategorical(L.ones(3)).log_prob(L.tensor([1.0, 1.0, 0.0])),
    lambda L, D: D.OneHotCategorical(L.ones(3)).log_prob(L.tensor([1.0, 0.0])),
    lambda L, D: D.Normal(0.0, 1.0).log_prob(0.5),
    lambda L, D: D.Normal(L.zeros(2), 1.0).log_prob(L.zeros(3)),
    lambda L, D: D.Normal(0.0, 1.0).log_prob(L.tensor(float("nan"))),
    lambda L, D: D.Uniform(0.0, 1.0).log_prob(L.tensor(2.0)),
    lambda L, D: D.Exponential(1.0).cdf(L.tensor(-1.0)),
    lambda L, D: D.MultivariateNormal(L.zeros(2)),
    lambda L, D: D.MultivariateNormal(L.zeros(()), L.eye(2)),
    lambda L, D: D.MultivariateNormal(L.zeros(2), L.eye(2), L.eye(2)),
    lambda L, D: D.MultivariateNormal(L.zeros(2), L.ones(2)),
    lambda L, D: D.MultivariateNormal(L.zeros(2), L.ones(2, 2) * 2 - 3 * L.eye(2)),
    lambda L, D: D.MultivariateNormal(L.zeros(2), L.tensor([[1.0, 0.5], [0.0, 1.0]])),
    lambda L, D: D.MultivariateNormal(L.zeros(2), scale_tril=L.ones(2, 2)),
    lambda L, D: D.Independent(D.Normal(0.0, 1.0), 1),
    lambda L, D: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(0.0, 1.0)),
    lambda L, D: D.MixtureSameFamily(D.Categorical(L.ones(2)), D.Normal(L.zeros(3), 1.0)),
    lambda L, D: D.MixtureSameFamily(D.Categorical(L.ones(2)), L.zeros(2)),
    lambda L, D: D.TransformedDistribution(D.Normal(0.0, 1.0), 1),
    lambda L, D: D.TransformedDistribution(
        D.Normal(0.0, 1.0), D.transforms.StickBreakingTransform()
    ),
    lambda L, D: D.LogNormal(0.0, 1.0).log_prob(L.tensor(-1.0)),
    lambda L, D: D.Normal(0.0, 1.0).mean_of_nothing,
    lambda L, D: D.Categorical(L.ones(2)).rsample(),
    lambda L, D: D.Categorical(L.ones(2)).cdf(L.tensor(0)),
    lambda L, D: D.transforms.ReshapeTransform((2,), (3,)),
    lambda L, D: D.transforms.ExpTransform(cache_size=2),
    lambda L, D: D.kl_divergence(D.Bernoulli(0.5), D.Normal(0.0, 1.0)),
    lambda L, D: D.Binomial(L.tensor([1, 2]), L.tensor(0.5)).enumerate_support(),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_torch_refuses_is_refused(number):
    torch = pytest.importorskip("torch")
    outcomes = []
    for L in (minnet, torch):
        with pytest.raises(Exception) as seen:
            REFUSED[number](L, L.distributions)
        outcomes.append(seen)
    ours, theirs = outcomes
    assert ours.type is theirs.type or issubclass(ours.type, theirs.type)
    words = str(theirs.value).split(", but found")[0]
    if words.startswith(("Expected parameter", "Expected value")):
        assert str(ours.value).split(", but found")[0] == words


def test_validation_can_be_left_out():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    found = D.Bernoulli(minnet.tensor(0.5), validate_args=False).log_prob(minnet.tensor(0.5))
    assert minnet.isfinite(found)
    D.Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError):
        D.Distribution.set_default_validate_args(2)


def test_numbers_take_the_default_dtype_or_a_tensors():
    assert D.Normal(0, 1).loc.dtype is minnet.float32
    assert D.Normal(0, minnet.ones(2, dtype=minnet.float64)).loc.dtype is minnet.float64
    assert D.Normal(0, 1).batch_shape == () == D.Bernoulli(0.5).sample().shape
    assert D.Normal(minnet.zeros(1), 1).batch_shape == (1,)


def test_lazy_parameters_keep_their_history():
    logits = minnet.zeros(3, requires_grad=True)
    d = D.Categorical(logits=logits)
    with minnet.no_grad():
        d.sample()
        assert d.probs.requires_grad
    d.probs[0].backward()
    assert logits.grad is not None


def test_a_subclass_of_a_users_own_works():
    class Shifted(D.Distribution):
        arg_constraints = {"by": D.constraints.real}  # noqa: RUF012
        has_rsample = True

        def __init__(self, by, validate_args=None):
            self.by = by
            super().__init__(by.shape, validate_args=validate_args)

        @D.constraints.dependent_property(is_discrete=False, event_dim=0)
        def support(self):
            return D.constraints.greater_than(self.by)

        def rsample(self, sample_shape=()):
            return self.by + minnet.rand(self._extended_shape(sample_shape))

        def log_prob(self, value):
            self._validate_sample(value)
            return minnet.zeros_like(value)

    d = Shifted(minnet.zeros(2)).expand((3, 2))
    assert d.sample((4,)).shape == (4, 3, 2)
    with pytest.raises(ValueError, match=r"GreaterThan\(lower_bound="):
        d.log_prob(-minnet.ones(3, 2))


def test_every_name_is_torchs_and_modules_have_torchs_names():
    torch = pytest.importorskip("torch")
    assert {n for n in D.__all__ if not hasattr(torch.distributions, n)} == set()
    for name in D.__all__:
        module = getattr(getattr(torch.distributions, name), "__module__", None)
        if isinstance(module, str) and module.startswith("torch.distributions."):
            short = module.rpartition(".")[2]
            assert getattr(getattr(D, short), name, None) is getattr(D, name), (short, name)
            assert sys.modules[f"minnet.distributions.{short}"] is getattr(D, short)


def test_the_package_is_imported_on_first_use():
    program = (
        "import sys, minnet; assert 'minnet.distributions' not in sys.modules; "
        "assert minnet.distributions.Normal(0.0, 1.0); "
        "from minnet.distributions.normal import Normal; "
        "import minnet.distributions.categorical as c; assert c.Categorical"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        minnet.nothing  # noqa: B018
    with pytest.raises(AttributeError, match=r"no 'Wishart'; it has Bernoulli, Beta"):
        D.Wishart  # noqa: B018


def test_what_a_distribution_does_not_have_is_named():
    d = D.Distribution()
    for what in ("mean", "mode", "variance", "stddev"):
        with pytest.raises(NotImplementedError, match="Distribution does not implement"):
            getattr(d, what)
    for what in ("sample", "rsample", "entropy", "enumerate_support"):
        with pytest.raises(NotImplementedError, match="Distribution does not implement"):
            getattr(d, what)()
    for what in ("log_prob", "cdf", "icdf"):
        with pytest.raises(NotImplementedError, match=f"Distribution does not implement {what}"):
            getattr(d, what)(minnet.zeros(1))
    for name in UNDRAWN:
        with pytest.raises(NotImplementedError, match="does not implement rsample"):
            made(minnet, name)[0].sample()
