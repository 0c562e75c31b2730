"""From real numbers to a constraint: `biject_to` by a bijection, `transform_to` by any function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minnet.distributions import constraints as c
from minnet.distributions import transforms as t


class ConstraintRegistry:
    """A table of functions that give the transform to a constraint. Called, it looks one up.

    Example:
        >>> import minnet
        >>> from minnet.distributions import constraints, transform_to
        >>> transform_to(constraints.positive)(minnet.zeros(1))
        tensor([1.])
    """

    def __init__(self) -> None:
        self._factories: dict[type, Callable[[Any], Any]] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Enter a function that takes such a constraint, given by its class or by one of it.

        Raises:
            TypeError: if it is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, c.Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, c.Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._factories[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """Return the transform to a constraint.

        Raises:
            NotImplementedError: if none is known.
        """
        if type(constraint) not in self._factories:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return self._factories[type(constraint)](constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _above(constraint: Any) -> Any:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.lower_bound, 1)])


def _below(constraint: Any) -> Any:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.upper_bound, -1)])


def _between(constraint: Any) -> Any:
    low, high = constraint.lower_bound, constraint.upper_bound
    if type(low) is type(high) is float and (low, high) == (0.0, 1.0):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


for _registry in (biject_to, transform_to):
    _registry.register(c.real, lambda _: t.identity_transform)
    _registry.register(
        c.independent,
        lambda constraint, of=_registry: t.IndependentTransform(
            of(constraint.base_constraint), constraint.reinterpreted_batch_ndims
        ),
    )
    _registry.register(c.greater_than, _above)
    _registry.register(c.greater_than_eq, _above)
    _registry.register(c.less_than, _below)
    _registry.register(c.interval, _between)
    _registry.register(c.half_open_interval, _between)
biject_to.register(c.simplex, lambda _: t.StickBreakingTransform())
transform_to.register(c.simplex, lambda _: t.SoftmaxTransform())
transform_to.register(c.lower_cholesky, lambda _: t.LowerCholeskyTransform())
