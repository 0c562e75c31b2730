"""Distributions of vectors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from minnet import linalg
from minnet.distributions import constraints
from minnet.distributions.distribution import Distribution, empty_as, lazy_property
from minnet.functions import broadcast_shapes, eye, flip


def solve_lower(L: Any, right: Any) -> Any:
    """Return X with L X = the right side, for lower triangular L."""
    return linalg.solve_triangular(L, right, upper=False)


def half_log_det(L: Any) -> Any:
    """Return log(det(L Lᵀ)) / 2, for lower triangular L."""
    return L.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """exp(-(x - loc)ᵀ Σ⁻¹ (x - loc) / 2) / √((2π)ᴰ det Σ).

    Args:
        loc: (…, D).
        covariance_matrix: Σ, (…, D, D).
        precision_matrix: its inverse.
        scale_tril: L, lower triangular with a positive diagonal, Σ = L Lᵀ. It is what is computed
            with, so the fastest to give.

    Raises:
        ValueError: unless exactly one of the three is given, with dims enough.

    Example:
        >>> import minnet
        >>> at = minnet.distributions.MultivariateNormal(minnet.zeros(2), minnet.eye(2))
        >>> at.log_prob(minnet.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    loc: Any

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError(
                f"{name} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand(*batch, -1)
        vars(self)[name] = matrix.expand(*batch, -1, -1)
        super().__init__(batch, loc.shape[-1:], validate_args)

    @lazy_property
    def scale_tril(self) -> Any:
        if "covariance_matrix" in vars(self):
            return linalg.cholesky(self.covariance_matrix)
        # The precision's root from its last row on, so that the inverse is lower triangular.
        root = flip(linalg.cholesky(flip(self.precision_matrix, (-2, -1))), (-2, -1))
        return solve_lower(root.transpose(-2, -1), eye(root.shape[-1], dtype=root.dtype))

    @lazy_property
    def covariance_matrix(self) -> Any:
        return self.scale_tril @ self.scale_tril.transpose(-2, -1)

    @lazy_property
    def precision_matrix(self) -> Any:
        return linalg.inv(self.covariance_matrix)

    mean = property(lambda self: self.loc)
    mode = property(lambda self: self.loc)

    @property
    def variance(self) -> Any:
        return self.scale_tril.pow(2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Any:
        noise = empty_as(self.loc, self._extended_shape(sample_shape)).normal_()
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Any:
        self._validate_sample(value)
        away = solve_lower(self.scale_tril, (value - self.loc).unsqueeze(-1)).pow(2).sum((-2, -1))
        size = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (size + away) - half_log_det(self.scale_tril)

    def entropy(self) -> Any:
        half = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return half + half_log_det(self.scale_tril)
