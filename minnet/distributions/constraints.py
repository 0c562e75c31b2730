"""Sets that parameters and samples belong to; `check` says of each value whether it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.variable import wrap

__all__ = [
    "Constraint", "boolean", "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent",
    "less_than", "lower_cholesky", "lower_triangular", "multinomial", "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "positive_semidefinite", "real", "real_vector", "simplex", "square", "symmetric",
    "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values, each of `event_dim` dims.

    Args:
        bounds: become attributes, which its repr names.
    """

    is_discrete = False
    event_dim = 0

    def __init__(self, **bounds: Any):
        vars(self).update(bounds)

    def check(self, value: Any) -> Any:
        """Return a bool tensor: whether each value, of the last `event_dim` dims, is in the set."""
        with np.errstate(all="ignore"):
            return wrap(np.asanyarray(self._has(value.array)))

    def _has(self, value: Any) -> Any:
        """Return what `check` does, on arrays, which takes a tenth of the time."""
        raise NotImplementedError(f"{type(self).__name__} does not define `check`")

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__.lstrip('_')}({bounds})"


def has(constraint: Constraint, value: Any) -> Any:
    """Return what a constraint's `check` says of an array, as an array."""
    if type(constraint).check is Constraint.check:
        return constraint._has(value)
    return constraint.check(wrap(value)).array


class _Dependent(Constraint):
    """A set that depends on the other parameters, so that it is not checked."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def check(self, value: Any) -> Any:
        raise ValueError("Cannot determine validity of dependent constraint")


class dependent_property(property, _Dependent):
    """A `support` or an entry of `arg_constraints` that is computed from the parameters."""

    def __init__(self, function: Any = None, *, is_discrete: Any = None, event_dim: Any = None):
        property.__init__(self, function)

    def __call__(self, function: Any) -> Any:
        return dependent_property(function)


def is_dependent(constraint: Any) -> bool:
    """Return whether a constraint cannot be checked by itself."""
    return isinstance(constraint, _Dependent)


def _array(bound: Any) -> Any:
    return getattr(bound, "array", bound)


class independent(Constraint):
    """The last `reinterpreted_batch_ndims` dims of another set's values belong together."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def _has(self, value: Any) -> Any:
        if value.ndim < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        found = np.asanyarray(has(self.base_constraint, value))
        n = found.ndim - self.reinterpreted_batch_ndims
        return found.reshape(*found.shape[:n], -1).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class of_components(Constraint):
    """What is in the set of each component of a mixture, which is the dim before the values'."""

    def __init__(self, base_constraint: Constraint):
        self.base_constraint = base_constraint
        self.is_discrete, self.event_dim = base_constraint.is_discrete, base_constraint.event_dim

    def _has(self, value: Any) -> Any:
        found = has(self.base_constraint, np.expand_dims(value, -1 - self.event_dim))
        return found.reshape(*value.shape[: value.ndim - self.event_dim], -1).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


# Numbers


class _Real(Constraint):
    def _has(self, value: Any) -> Any:
        return value == value


class _GreaterThan(Constraint):
    lower_bound: Any

    def __init__(self, lower_bound: Any):
        super().__init__(lower_bound=lower_bound)

    def _has(self, value: Any) -> Any:
        return _array(self.lower_bound) < value


class _GreaterThanEq(_GreaterThan):
    def _has(self, value: Any) -> Any:
        return _array(self.lower_bound) <= value


class _LessThan(Constraint):
    upper_bound: Any

    def __init__(self, upper_bound: Any):
        super().__init__(upper_bound=upper_bound)

    def _has(self, value: Any) -> Any:
        return value < _array(self.upper_bound)


class _Interval(Constraint):
    lower_bound: Any
    upper_bound: Any

    def __init__(self, lower_bound: Any, upper_bound: Any):
        super().__init__(lower_bound=lower_bound, upper_bound=upper_bound)

    def _has(self, value: Any) -> Any:
        return (_array(self.lower_bound) <= value) & (value <= _array(self.upper_bound))


class _HalfOpenInterval(_Interval):
    def _has(self, value: Any) -> Any:
        return (_array(self.lower_bound) <= value) & (value < _array(self.upper_bound))


class _Boolean(Constraint):
    is_discrete = True

    def _has(self, value: Any) -> Any:
        return (value == 0) | (value == 1)


class _IntegerInterval(_Interval):
    is_discrete = True

    def _has(self, value: Any) -> Any:
        return (value % 1 == 0) & super()._has(value)


class _IntegerGreaterThan(_GreaterThanEq):
    is_discrete = True

    def _has(self, value: Any) -> Any:
        return (value % 1 == 0) & super()._has(value)


# Vectors


class _OneHot(Constraint):
    is_discrete, event_dim = True, 1

    def _has(self, value: Any) -> Any:
        return _Boolean()._has(value).all(-1) & (value.sum(-1) == 1)


class _Simplex(Constraint):
    event_dim = 1

    def _has(self, value: Any) -> Any:
        return (value >= 0).all(-1) & (abs(value.sum(-1) - 1) < 1e-6)


class _Multinomial(Constraint):
    is_discrete, event_dim = True, 1
    upper_bound: Any

    def __init__(self, upper_bound: Any):
        super().__init__(upper_bound=upper_bound)

    def _has(self, value: Any) -> Any:
        return (value >= 0).all(-1) & (value.sum(-1) <= _array(self.upper_bound))


# Matrices


class _LowerTriangular(Constraint):
    event_dim = 2

    def _has(self, value: Any) -> Any:
        return (np.tril(value) == value).reshape(*value.shape[:-2], -1).all(-1)


class _LowerCholesky(_LowerTriangular):
    def _has(self, value: Any) -> Any:
        return super()._has(value) & (value.diagonal(0, -2, -1) > 0).all(-1)


class _Square(Constraint):
    event_dim = 2

    def _has(self, value: Any) -> Any:
        return np.full(value.shape[:-2], value.shape[-2] == value.shape[-1])


class _Symmetric(_Square):
    def _has(self, value: Any) -> Any:
        square = super()._has(value)
        if not square.all():
            return square
        return np.isclose(value, value.swapaxes(-2, -1), 1e-5, 1e-6).all((-2, -1))


class _PositiveDefinite(_Symmetric):
    def _has(self, value: Any) -> Any:
        symmetric = super()._has(value)
        return (
            symmetric & self._above_zero(np.linalg.eigvalsh(value))
            if symmetric.all()
            else symmetric
        )

    def _above_zero(self, eigenvalues: Any) -> Any:
        return (eigenvalues > 0).all(-1)


class _PositiveSemidefinite(_PositiveDefinite):
    def _above_zero(self, eigenvalues: Any) -> Any:
        return (eigenvalues >= 0).all(-1)


dependent = _Dependent()
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
