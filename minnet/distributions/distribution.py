"""What distributions share: shapes, checks, and how parameters are taken and expanded."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from minnet.autograd import enable_grad, no_grad
from minnet.distributions.constraints import Constraint, has, is_dependent
from minnet.dtypes import get_default_dtype
from minnet.functions import broadcast_tensors, empty, tensor
from minnet.size import Size
from minnet.variable import Variable

_NUMBERS = (float, int, bool, np.number)


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Return tensors and numbers as tensors of one shape. A number takes the first tensor's dtype.

    Raises:
        ValueError: if one is neither.
    """
    if not all(isinstance(x, (Variable, *_NUMBERS)) for x in values):
        raise ValueError(
            "Input arguments must all be instances of Number or torch.Tensor, got "
            + ", ".join(type(x).__name__ for x in values)
        )
    like: Any = next((x for x in values if isinstance(x, Variable)), None)
    if like is None:
        options: Any = {"dtype": get_default_dtype()}
    else:
        options = {"dtype": like.dtype, "device": like.device}
    given = [x if isinstance(x, Variable) else tensor(x, **options) for x in values]
    return broadcast_tensors(*given)


def is_tensor(x: Any) -> bool:
    """Return whether it is a tensor."""
    return isinstance(x, Variable)


def empty_as(like: Any, shape: Any) -> Any:
    """Return an empty tensor of a dtype and a device."""
    return empty(shape, dtype=like.dtype, device=like.device)


def finfo(x: Any) -> Any:
    """Return the limits of a tensor's dtype."""
    return np.finfo(x.array.dtype)


def sum_rightmost(value: Any, dims: int) -> Any:
    """Return the sum over the last dims."""
    return value.reshape(*value.shape[: value.dim() - dims], -1).sum(-1) if dims else value


class lazy_property:
    """An attribute that is computed when first asked for, with its history."""

    def __init__(self, function: Callable[[Any], Any]):
        self.function, self.__doc__ = function, function.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        vars(instance)[self.function.__name__] = value
        return value


class Distribution:
    """A distribution of events of `event_shape`, one for each place of `batch_shape`.

    A subclass sets `arg_constraints`, `support`, and what it knows of `rsample` or `sample`,
    `log_prob`, `cdf`, `icdf`, `entropy`, `mean`, `mode`, `variance`, `stddev`.

    Args:
        batch_shape: of the parameters.
        event_shape: of one draw.
        validate_args: whether parameters and values are checked; by default they are, unless
            Python runs with `-O` or `set_default_validate_args(False)` was called.

    Raises:
        ValueError: if a parameter is not in the set that `arg_constraints` says.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: ClassVar[Any] = {}
    support: Any = None
    _validate_args: bool = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Set whether distributions check parameters and values, unless told by `validate_args`."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Any = (),
        event_shape: Any = (),
        validate_args: bool | None = None,
    ):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if not is_dependent(constraint) and not self._is_lazy(name):
                    self._check(f"parameter {name}", getattr(self, name), constraint)
        super().__init__()

    def _is_lazy(self, name: str) -> bool:
        return name not in vars(self) and isinstance(getattr(type(self), name), lazy_property)

    def _take(self, validate_args: bool | None, **parameters: Any) -> None:
        """Initialize by parameters that are numbers or tensors that broadcast."""
        vars(self).update(zip(parameters, broadcast_all(*parameters.values()), strict=True))
        Distribution.__init__(self, getattr(self, next(iter(parameters))).shape, (), validate_args)

    def _check(self, what: str, value: Any, constraint: Constraint) -> None:
        with np.errstate(all="ignore"):
            fits = has(constraint, value.array).all()
        if not fits:
            kind = f"({type(value).__name__} of shape {tuple(value.shape)})"
            if what.startswith("parameter"):
                said = f"{what} {kind} of distribution {self!r} to satisfy the constraint "
                said += f"{constraint!r}"
            else:
                said = f"{what} {kind} to be within the support ({constraint!r}) of the "
                said += f"distribution {self!r}"
            raise ValueError(f"Expected {said}, but found invalid values:\n{value}")

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """Return the distribution with its batch dims expanded, as tensors are by `expand`."""
        shape, known = Size(batch_shape), len(self._batch_shape)
        new = copy.copy(self)
        value: Any
        for name, value in vars(self).items():
            if is_tensor(value):
                vars(new)[name] = value.expand(*shape, *value.shape[known:])
            elif isinstance(value, Distribution):
                vars(new)[name] = value.expand((*shape, *value.batch_shape[known:]))
        new._batch_shape = shape
        return new

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw."""
        return self._event_shape

    def _missing(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not implement {what}")

    @property
    def mean(self) -> Any:
        """The mean."""
        raise self._missing("mean")

    @property
    def mode(self) -> Any:
        """The most probable value."""
        raise self._missing("mode")

    @property
    def variance(self) -> Any:
        """The variance."""
        raise self._missing("variance")

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Any:
        """Return draws of the shape sample_shape + batch_shape + event_shape, without a history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Return draws that are functions of the parameters, so that gradients reach these."""
        raise self._missing("rsample")

    def log_prob(self, value: Any) -> Any:
        """Return the logarithm of the density, or of the probability, at a value.

        Raises:
            ValueError: if the value is not in the support, unless arguments are not validated.
        """
        raise self._missing("log_prob")

    def cdf(self, value: Any) -> Any:
        """Return the probability of at most a value."""
        raise self._missing("cdf")

    def icdf(self, value: Any) -> Any:
        """Return the value that is not exceeded with a probability: the inverse of `cdf`."""
        raise self._missing("icdf")

    def enumerate_support(self, expand: bool = True) -> Any:
        """Return all values of a discrete distribution, along a first dim."""
        raise self._missing("enumerate_support")

    def entropy(self) -> Any:
        """Return the mean of -log_prob, in nats."""
        raise self._missing("entropy")

    def perplexity(self) -> Any:
        """Return e to the power of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def _over_batch(self, values: Any, expand: bool) -> Any:
        """Return values along a first dim, for each place of the batch."""
        values = values.reshape(-1, *[1] * len(self._batch_shape), *self._event_shape)
        return values.expand(-1, *self._batch_shape, *self._event_shape) if expand else values

    def _validate_sample(self, value: Any) -> None:
        """Check a value.

        Raises:
            ValueError: if its shape does not fit, or it is not in the support.
        """
        if not self._validate_args:
            return
        if not is_tensor(value):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape, event = value.array.shape, tuple(self._event_shape)
        expected = (*self._batch_shape, *event)
        if shape != expected:
            if shape[len(shape) - len(event) :] != event:
                raise ValueError(
                    "The right-most size of value must match event_shape: "
                    f"{Size(shape)} vs {Size(event)}."
                )
            pairs = zip(shape[::-1], expected[::-1], strict=False)
            if any(1 not in pair and pair[0] != pair[1] for pair in pairs):
                raise ValueError(
                    "Value is not broadcastable with batch_shape+event_shape: "
                    f"{Size(shape)} vs {Size(expected)}."
                )
        support = self.support
        if support is not None:
            self._check("value argument", value, support)

    def __repr__(self) -> str:
        given = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        said = (f"{name}: {x if x.numel() == 1 else x.shape}" for name, x in given.items())
        return f"{type(self).__name__}({', '.join(said)})"
