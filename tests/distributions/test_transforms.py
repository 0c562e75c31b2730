"""Transforms, constraints and divergences, beside torch's and from their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from distributions.examples import TRANSFORMS, A, B, P, made, plain, same, t

import minnet
from minnet import distributions as D


def outcome(function):
    try:
        return function()
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_are_torchs(name):
    torch = pytest.importorskip("torch")
    found = []
    for L in (minnet, torch):
        make, values = TRANSFORMS[name]
        f, x = make(L, L.distributions.transforms), t(L, values)
        y = f(x)
        shape = (5, *x.shape)
        found.append(
            [
                y,
                outcome(lambda f=f, y=y: f.inv(y)),
                outcome(lambda f=f, x=x, y=y: f.log_abs_det_jacobian(x, y)),
                tuple(f.forward_shape(x.shape)),
                tuple(f.inverse_shape(y.shape)),
                tuple(f.forward_shape(shape)),
                f.domain.event_dim,
                f.codomain.event_dim,
                repr(f.domain),
                repr(f.codomain),
                repr(f),
                f.bijective,
                f == make(L, L.distributions.transforms),
                f.inv.inv is f,
                outcome(lambda f=f: f.sign * 1),
            ]
        )
    for got, want in zip(*found, strict=True):
        if hasattr(got, "shape"):
            same(got, want, rtol=1e-8)
        elif isinstance(got, type) or isinstance(want, type):
            assert isinstance(got, type) and isinstance(want, type)
        else:
            assert got == want


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if n not in ("abs", "softmax")])
def test_an_inverse_undoes_and_a_jacobian_is_the_derivatives(name):
    make, values = TRANSFORMS[name]
    f, x = make(minnet, D.transforms), t(minnet, values)
    np.testing.assert_allclose(plain(f.inv(f(x))), values, rtol=1e-7, atol=1e-9)
    if f.bijective and f.domain.event_dim == f.codomain.event_dim == 0:
        x.requires_grad_()
        y = f(x)
        (slope,) = minnet.autograd.grad(y.sum(), x)
        same(f.log_abs_det_jacobian(x, y), slope.abs().log(), rtol=1e-7, atol=1e-9)


def test_a_cache_gives_back_what_was_given():
    for f in (D.transforms.TanhTransform(cache_size=1), D.transforms.TanhTransform().with_cache()):
        x = minnet.tensor([20.0])
        y = f(x)
        assert f.inv(y) is x and f(x) is y
        assert f.inv.inv is f and f.with_cache() is f
        assert f.with_cache(0).inv(y) is not x
    base = D.transforms.ComposeTransform([D.transforms.ExpTransform()], cache_size=1)
    x = minnet.ones(2)
    assert base.inv(base(x)) is x


SETS = (
    "boolean real positive nonnegative unit_interval nonnegative_integer positive_integer".split()
)
VECTORS = "simplex one_hot real_vector".split()
MATRICES = (
    "lower_triangular lower_cholesky square symmetric positive_definite positive_semidefinite"
).split()


def test_constraints_are_torchs():
    torch = pytest.importorskip("torch")
    nan = float("nan")
    numbers = np.array([-1.0, 0.0, 0.25, 1.0, 2.0, nan, np.inf])
    vectors = np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0], [-1.0, 2.0], [nan, 1.0]])
    matrices = np.array(
        [np.eye(2), [[1, 2], [0, 1]], [[1, 0], [2, 1]], [[2, 1], [1, 2]], [[1, 2], [2, 1]],
         [[1, 1], [1, 1]], [[-1, 0], [0, 1]]],
        float,
    )  # fmt: skip
    c, d = D.constraints, torch.distributions.constraints
    tried = [(getattr(c, n), getattr(d, n), numbers) for n in SETS]
    tried += [(getattr(c, n), getattr(d, n), vectors) for n in VECTORS]
    tried += [(getattr(c, n), getattr(d, n), m) for n in MATRICES for m in (matrices, matrices[0])]
    for name, args in {
        "greater_than": (0.25,), "greater_than_eq": (0.25,), "less_than": (1.0,),
        "interval": (0.25, 1.0), "half_open_interval": (0.25, 1.0), "integer_interval": (0, 1),
    }.items():  # fmt: skip
        tried.append((getattr(c, name)(*args), getattr(d, name)(*args), numbers))
    tried.append((c.independent(c.positive, 1), d.independent(d.positive, 1), vectors))
    tried.append((c.multinomial(2), d.multinomial(2), vectors))
    for ours, theirs, values in tried:
        same(ours.check(t(minnet, values)), theirs.check(t(torch, values)))
        assert repr(ours) == repr(theirs) or repr(theirs) == "Multinomial()"
        assert (ours.event_dim, ours.is_discrete) == (theirs.event_dim, theirs.is_discrete)
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)
    with pytest.raises(ValueError, match="dependent"):
        c.dependent.check(minnet.zeros(1))
    with pytest.raises(ValueError, match=r"Expected value\.dim"):
        c.independent(c.real, 2).check(minnet.zeros(1))


# Divergences

PAIRED = [
    "Normal", "Laplace", "Uniform", "Exponential", "Gamma", "Beta", "LogNormal", "Bernoulli",
    "Bernoulli by logits", "Binomial", "Poisson", "Categorical", "Categorical by logits",
    "OneHotCategorical", "MultivariateNormal by root", "MultivariateNormal by covariance",
    "MultivariateNormal by precision", "Independent",
]  # fmt: skip


@pytest.mark.parametrize(("p", "q"), list(itertools.product(PAIRED, PAIRED)))
def test_divergences_are_torchs(p, q):
    torch = pytest.importorskip("torch")
    found = []
    for L in (minnet, torch):
        pair = made(L, p)[0], made(L, q)[0]
        found.append(outcome(lambda pair=pair, L=L: L.distributions.kl_divergence(*pair)))
    ours, theirs = found
    if isinstance(ours, type) or isinstance(theirs, type):
        assert ours is theirs
    else:
        same(ours, theirs, rtol=1e-8)


def test_divergences_at_the_ends():
    torch = pytest.importorskip("torch")
    found = []
    for L in (minnet, torch):
        d = L.distributions
        a, b = L.tensor([0.0, 0.5, 1.0, 0.5, 1.0]), L.tensor([0.5, 0.0, 1.0, 1.0, 0.5])
        unit, wide = d.Uniform(L.zeros(3), L.ones(3)), d.Uniform(L.tensor([-1.0, 0.5, 0.0]), 2.0)
        shares = L.tensor([[0.0, 0.5, 0.5], [0.2, 0.8, 0.0]])
        others = L.tensor([[0.5, 0.5, 0.0], [0.3, 0.7, 0.0]])
        ones = L.ones(3)
        found.append(
            [
                d.kl_divergence(d.Bernoulli(a), d.Bernoulli(b)),
                d.kl_divergence(d.Categorical(shares), d.Categorical(others)),
                d.kl_divergence(unit, wide),
                d.kl_divergence(wide, unit),
                d.kl_divergence(wide, d.Exponential(ones)),
                d.kl_divergence(wide, d.Gamma(ones * 2, ones)),
                d.kl_divergence(unit, d.Beta(ones * 2, ones * 3)),
                d.kl_divergence(d.Beta(ones * 2, ones), wide),
                d.kl_divergence(d.Binomial(5, ones * 0.5), d.Binomial(4, ones * 0.5)),
            ]
        )
    for ours, theirs in zip(*found, strict=True):
        same(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_divergence_is_the_mean_of_the_difference_of_log_probabilities():
    pairs = [
        (D.Normal(t(minnet, 0.3), 0.5), D.Laplace(t(minnet, 0.0), 1.0)),
        (D.Uniform(t(minnet, 0.2), 0.9), D.Beta(t(minnet, 2.0), 3.0)),
        (D.Exponential(t(minnet, 1.5)), D.Gamma(t(minnet, 2.0), 1.0)),
        (D.MultivariateNormal(t(minnet, A[0]), t(minnet, np.diag(B[0]))),
         D.MultivariateNormal(t(minnet, A[1]), t(minnet, np.diag(B[1])))),
    ]  # fmt: skip
    minnet.manual_seed(2)
    for p, q in pairs:
        x = p.sample((100_000,))
        gaps = p.log_prob(x) - q.log_prob(x)
        far = abs(gaps.mean() - D.kl_divergence(p, q)).item()
        assert far < 6 * gaps.std().item() / 100_000**0.5 + 1e-12


def test_a_formula_of_a_users_own_is_found_by_the_nearest_types():
    class Mine(D.Normal):
        pass

    ones = Mine(t(minnet, P), 1.0), Mine(t(minnet, P), 2.0)
    same(D.kl_divergence(*ones), D.kl_divergence(*(D.Normal(x.loc, x.scale) for x in ones)))
    D.register_kl(Mine, D.Normal)(lambda p, q: minnet.zeros(1))
    assert D.kl_divergence(*ones).item() == 0
    with pytest.raises(TypeError, match="to be a Distribution subclass"):
        D.register_kl(int, D.Normal)
