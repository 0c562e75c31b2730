"""Distributions and transforms to try: each built with minnet or torch, from the same numbers."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(61)
A = RNG.standard_normal((2, 3))
B = RNG.uniform(0.3, 2.0, (2, 3))
P = RNG.uniform(0.1, 0.9, (2, 3))
ROOT = np.tril(RNG.standard_normal((3, 3)), -1) + np.diag(RNG.uniform(0.5, 2.0, 3))
ROOTS = np.stack([ROOT, np.eye(3) * 0.7])


def t(L, values):
    return L.tensor(values, dtype=L.float64)


# name: how it is made, from a library and its distributions; and values of the support
EXAMPLES = {
    "Normal": (lambda L, D, a, b: D.Normal(a, b), (A, B), A * 2),
    "Normal of a number": (lambda L, D, a: D.Normal(a, 0.7), (A,), A * 2),
    "Laplace": (lambda L, D, a, b: D.Laplace(a, b), (A, B), A * 2),
    "Uniform": (lambda L, D, a, b: D.Uniform(a, a + b), (A, B), A + B * 0.3),
    "Exponential": (lambda L, D, b: D.Exponential(b), (B,), P * 3),
    "Gamma": (lambda L, D, a, b: D.Gamma(a, b), (B, P), P * 3),
    "Beta": (lambda L, D, a, b: D.Beta(a, b), (B, P + 1), P),
    "LogNormal": (lambda L, D, a, b: D.LogNormal(a, b), (A, B), P * 3),
    "Bernoulli": (lambda L, D, p: D.Bernoulli(p), (P,), (P > 0.5) * 1.0),
    "Bernoulli by logits": (lambda L, D, a: D.Bernoulli(logits=a), (A,), (P > 0.5) * 1.0),
    "Binomial": (lambda L, D, p: D.Binomial(5, p), (P,), np.floor(P * 6)),
    "Binomial by logits": (lambda L, D, a: D.Binomial(5, logits=a), (A,), np.floor(P * 6)),
    "Poisson": (lambda L, D, b: D.Poisson(b), (B,), np.floor(P * 6)),
    "Categorical": (lambda L, D, p: D.Categorical(p), (P,), np.array([2.0, 0.0])),
    "Categorical by logits": (
        lambda L, D, a: D.Categorical(logits=a), (A,), np.array([[1.0, 0.0], [2.0, 2.0]]),
    ),
    "Categorical of one": (lambda L, D, p: D.Categorical(p), (P[0],), np.array(1.0)),
    "OneHotCategorical": (lambda L, D, p: D.OneHotCategorical(p), (P,), np.eye(3)[[2, 0]]),
    "OneHotCategoricalStraightThrough": (
        lambda L, D, a: D.OneHotCategoricalStraightThrough(logits=a), (A,), np.eye(3)[[1, 0]],
    ),
    "MultivariateNormal by root": (
        lambda L, D, a, r: D.MultivariateNormal(a, scale_tril=r), (A, ROOT), A * 2,
    ),
    "MultivariateNormal by covariance": (
        lambda L, D, a, r: D.MultivariateNormal(a, r @ r.transpose(-2, -1)), (A, ROOTS), A * 2,
    ),
    "MultivariateNormal by precision": (
        lambda L, D, a, r: D.MultivariateNormal(a, precision_matrix=r @ r.transpose(-2, -1)),
        (A[0], ROOTS), A * 2,
    ),
    "Independent": (lambda L, D, a, b: D.Independent(D.Normal(a, b), 1), (A, B), A * 2),
    "Independent of nothing": (lambda L, D, p: D.Independent(D.Bernoulli(p), 0), (P,), P.round()),
    "MixtureSameFamily": (
        lambda L, D, p, a, b: D.MixtureSameFamily(D.Categorical(p), D.Normal(a, b)),
        (P, A, B), np.array([0.3, -0.2]),
    ),
    "MixtureSameFamily of vectors": (
        lambda L, D, p, a, b: D.MixtureSameFamily(
            D.Categorical(p), D.Independent(D.Laplace(a, b), 1)
        ),
        (P[0, :2], A, B), A[0],
    ),
    "TransformedDistribution": (
        lambda L, D, a, b: D.TransformedDistribution(
            D.Normal(a, b), [D.transforms.AffineTransform(0.5, -2.0), D.transforms.TanhTransform()]
        ),
        (A, B), P,
    ),
    "TransformedDistribution of a vector": (
        lambda L, D, a, b: D.TransformedDistribution(
            D.Normal(a[0, :2], b[0, :2]), D.transforms.StickBreakingTransform()
        ),
        (A, B), np.array([0.2, 0.5, 0.3]),
    ),
    "TransformedDistribution that expands": (
        lambda L, D, a, b: D.TransformedDistribution(
            D.Normal(0.0, 1.0), [D.transforms.AffineTransform(a, b)]
        ),
        (A, B), A * 2,
    ),
    "TransformedDistribution of an inverse": (
        lambda L, D, a, b: D.TransformedDistribution(
            D.Uniform(0.0 * a, 0 * a + 1), [D.transforms.SigmoidTransform().inv]
        ),
        (A, B), A * 2,
    ),
}  # fmt: skip

TRANSFORMS = {
    "exp": (lambda L, T: T.ExpTransform(), A),
    "power": (lambda L, T: T.PowerTransform(t(L, 2.5)), B),
    "sigmoid": (lambda L, T: T.SigmoidTransform(), A),
    "softplus": (lambda L, T: T.SoftplusTransform(), A),
    "tanh": (lambda L, T: T.TanhTransform(), A),
    "affine": (lambda L, T: T.AffineTransform(0.3, -1.5), A),
    "affine of tensors": (lambda L, T: T.AffineTransform(t(L, A), t(L, B)), A),
    "affine of vectors": (lambda L, T: T.AffineTransform(1.0, t(L, B[0]), event_dim=1), A),
    "composed": (
        lambda L, T: T.ComposeTransform([T.AffineTransform(0.3, 1.5), T.TanhTransform()]), A,
    ),
    "composed of vectors": (
        lambda L, T: T.ComposeTransform([T.ExpTransform(), T.AffineTransform(1.0, 2.0, 1)]), A,
    ),
    "identity": (lambda L, T: T.identity_transform, A),
    "independent": (lambda L, T: T.IndependentTransform(T.ExpTransform(), 1), A),
    "reshape": (lambda L, T: T.ReshapeTransform((3,), (3, 1)), A),
    "inverse": (lambda L, T: T.ExpTransform().inv, B),
    "inverse of composed": (
        lambda L, T: T.ComposeTransform([T.ExpTransform(), T.AffineTransform(0.0, 2.0)]).inv, B,
    ),
    "stick breaking": (lambda L, T: T.StickBreakingTransform(), A),
    "softmax": (lambda L, T: T.SoftmaxTransform(), A),
    "abs": (lambda L, T: T.AbsTransform(), A),
    "lower cholesky": (lambda L, T: T.LowerCholeskyTransform(), ROOTS),
    "cdf": (
        lambda L, T: T.CumulativeDistributionTransform(
            L.distributions.Normal(t(L, A), t(L, B))
        ),
        A * 2,
    ),
}  # fmt: skip


def made(L, name, grad=False, **options):
    """Return a distribution, its parameters, and values of its support."""
    make, parameters, values = EXAMPLES[name]
    given = [t(L, x).requires_grad_(grad) for x in parameters]
    return make(L, L.distributions, *given, **options), given, t(L, values)


def plain(x):
    return np.asarray(x.detach().numpy() if hasattr(x, "detach") else x)


def same(ours, theirs, **options):
    ours, theirs = plain(ours), plain(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, **{"rtol": 1e-10, "atol": 1e-12} | options)
