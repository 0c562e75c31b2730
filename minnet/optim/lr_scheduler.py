"""Learning rates that change in training, by torch.optim.lr_scheduler's names and arithmetic.

A scheduler is stepped after the optimizer, once an epoch or once a batch, and writes the next rate
into the optimizer's groups. All compute in Python's floats, in torch's order, and so have its bits.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, SupportsFloat

from minnet.optim.optimizer import Group, HookedStep, Optimizer
from minnet.tensor import Tensor

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts",
    "CyclicLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip

ORDER = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. If epoch is different from "
    "None, the closed form is used instead of the chainable form, where available."
)


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _rates(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    return [_kept(group[key]) for group in optimizer.param_groups]


def _set_rate(group: Group, value: Any) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(float(value))
    else:
        group["lr"] = value


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Return an option's value for each group: those of a list, or one for all.

    Raises:
        ValueError: if a list is not as long as there are groups.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [_kept(value) for _ in range(groups)]
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {groups}."
        )
    return [_kept(v) for v in value]


def _require_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def cosine(start: Any, end: Any, share: float) -> Any:
    """Return the point at a share of the way from start to end, along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def linear(start: Any, end: Any, share: float) -> Any:
    """Return the point at a share of the way from start to end."""
    return (end - start) * share + start


ANNEALING = {"cos": cosine, "linear": linear}


def require_annealing(strategy: Any) -> None:
    """Check the name of a way from one rate to another.

    Raises:
        ValueError: if it is neither "cos" nor "linear".
    """
    if strategy not in ANNEALING:
        raise ValueError(
            f"anneal_strategy must be one of 'cos' or 'linear', instead got {strategy}"
        )


class LRScheduler:
    """The base of all schedulers. A subclass gives `get_lr`, the rates of this epoch.

    Making one makes the first step, to epoch `last_epoch` + 1. `base_lrs` has what the groups have
    as "initial_lr": their rates when they first met a scheduler.

    Args:
        optimizer: whose rates it sets.
        last_epoch: the last epoch of a training that goes on; -1 begins one.

    Raises:
        TypeError: if `optimizer` is none.
        KeyError: if a training is to go on, and a group has no "initial_lr".

    Example:
        >>> import minnet
        >>> from minnet.optim.lr_scheduler import LRScheduler
        >>> class Halving(LRScheduler):
        ...     def get_lr(self):
        ...         return [lr * 0.5 ** self.last_epoch for lr in self.base_lrs]
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = Halving(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    _get_lr_called_within_step = False
    _is_initial = False
    # Attributes that are lists of functions or schedulers: their own state is saved in their place.
    _HOLDERS: tuple[str, ...] = ()

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        _require_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _kept(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0: load the optimizer's state first, or begin "
                    "with last_epoch=-1"
                )
        self.base_lrs = _rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer.hook_step()  # which notes that there was a step: see `step`
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with self._set("_is_initial"):
            self.step()

    @contextmanager
    def _set(self, flag: str) -> Iterator[None]:
        setattr(self, flag, True)
        try:
            yield
        finally:
            setattr(self, flag, False)

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer; of a callable object its attributes, of a function None."""
        state = {k: v for k, v in vars(self).items() if k != "optimizer"}
        for name in self._HOLDERS:
            state[name] = [_state_of(held) for held in state[name]]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned. The optimizer's own has to be loaded, too.

        Raises:
            TypeError: if it is no dict.
            ValueError: if it is of another number of functions or schedulers.
            KeyError: if it has none. Nothing has changed then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        held = [
            pair
            for name in self._HOLDERS
            for pair in zip(getattr(self, name), state_dict[name], strict=True)
        ]
        vars(self).update({k: v for k, v in state_dict.items() if k not in self._HOLDERS})
        for own, state in held:
            if isinstance(own, LRScheduler):
                own.load_state_dict(state)
            elif state is not None:
                vars(own).update(state)

    def get_last_lr(self) -> list[Any]:
        """Return the rates that were set last, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Return the rates of this epoch. `step` calls it; `get_last_lr` is for others.

        Raises:
            NotImplementedError: by the base.
        """
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                stacklevel=2,
            )
        return [self._next(i, group["lr"]) for i, group in enumerate(self.optimizer.param_groups)]

    def _next(self, i: int, lr: Any) -> Any:
        """Return the rate of a group in this epoch, from its present one."""
        raise NotImplementedError

    def _base(self, i: int) -> Any:
        if i >= len(self.base_lrs):
            raise ValueError(
                f"the scheduler was made for {len(self.base_lrs)} parameter groups, and the "
                f"optimizer has {len(self.optimizer.param_groups)} now; make another one"
            )
        return self.base_lrs[i]

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or (deprecated) of a given one."""
        if self._step_count == 1:
            if not isinstance(vars(self.optimizer).get("step"), HookedStep):
                warnings.warn(
                    "Seems like `optimizer.step()` has been overridden after learning rate "
                    "scheduler initialization. Please, make sure to call `optimizer.step()` before "
                    f"`lr_scheduler.step()`. See more details at {ORDER}",
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. You should "
                    "call them in the opposite order: `optimizer.step()` before "
                    "`lr_scheduler.step()`. Otherwise the first value of the learning rate "
                    f"schedule is skipped. See more details at {ORDER}",
                    stacklevel=2,
                )
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, stacklevel=2)
        before = self._step_count, self.last_epoch
        self._step_count += 1
        try:
            self._update_lr(epoch)
        except BaseException:
            self._step_count, self.last_epoch = before
            raise

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = getattr(self, "_get_closed_form_lr", None)
        with self._set("_get_lr_called_within_step"):
            self._write(self.get_lr() if epoch is None or closed is None else closed())

    def _write(self, rates: Sequence[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            _set_rate(group, lr)
        self._last_lr = _rates(self.optimizer)


_LRScheduler = LRScheduler  # its name before torch 2.0


def _state_of(held: Any) -> Any:
    if isinstance(held, LRScheduler):
        return held.state_dict()
    # Of a function, only its code would tell anything.
    return None if isinstance(held, type(_state_of)) else vars(held).copy()


class _ClosedForm(LRScheduler):
    """A scheduler that also has a formula of the epoch alone: `_at`, for `step(epoch)`."""

    def _at(self, base: Any) -> Any:
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[Any]:
        return [self._at(base) for base in self.base_lrs]


class LambdaLR(LRScheduler):
    """The rate in epoch t is its base times lr_lambda(t).

    Args:
        optimizer: whose rates it sets.
        lr_lambda: a function of the epoch, or a list of one for each group. `state_dict` has the
            attributes of a callable object, and nothing of a function.
        last_epoch: as `LRScheduler`.

    Raises:
        ValueError: if there are not as many functions as groups.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    _HOLDERS = ("lr_lambdas",)

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        _require_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        several = isinstance(lr_lambda, list | tuple)
        if several and len(lr_lambda) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
        self.lr_lambdas = list(lr_lambda) if several else [lr_lambda] * groups
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        return self._base(i) * self.lr_lambdas[i](self.last_epoch)


class MultiplicativeLR(LambdaLR):
    """The rate in epoch t is the last one times lr_lambda(t). Arguments and errors: `LambdaLR`'s.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def _next(self, i: int, lr: Any) -> Any:
        return lr if self._is_initial else lr * self.lr_lambdas[i](self.last_epoch)


class StepLR(_ClosedForm):
    """The rate is multiplied by gamma every `step_size` epochs.

    Args:
        optimizer: whose rates it sets.
        step_size: how many epochs have one rate.
        gamma: the factor.
        last_epoch: as `LRScheduler`.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return lr
        return lr * self.gamma

    def _at(self, base: Any) -> Any:
        return base * self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_ClosedForm):
    """The rate is multiplied by gamma at each milestone.

    Args:
        optimizer: whose rates it sets.
        milestones: epochs; one that is there twice counts twice.
        gamma: the factor.
        last_epoch: as `LRScheduler`.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        times = self.milestones.get(self.last_epoch)
        return lr if times is None else lr * self.gamma**times

    def _at(self, base: Any) -> Any:
        milestones = sorted(Counter(self.milestones).elements())
        return base * self.gamma ** bisect_right(milestones, self.last_epoch)


class ConstantLR(_ClosedForm):
    """The rate is multiplied by a factor until `total_iters` epochs are over.

    Args:
        optimizer: whose rates it sets.
        factor: in [0, 1].
        total_iters: how many epochs have the small rate.
        last_epoch: as `LRScheduler`.

    Raises:
        ValueError: if the factor is out of range.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> minnet.optim.lr_scheduler.ConstantLR(optimizer, factor=0.25).get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 <= factor <= 1:
            raise ValueError(
                f"Constant multiplicative factor expected to be between 0 and 1, got {factor}."
            )
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        if self.last_epoch == 0:
            return lr * self.factor
        return lr * (1.0 / self.factor) if self.last_epoch == self.total_iters else lr

    def _at(self, base: Any) -> Any:
        return base * (self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor))


class LinearLR(_ClosedForm):
    """The rate's factor goes from one to another along a line, in `total_iters` epochs.

    Args:
        optimizer: whose rates it sets.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: how many epochs it takes.
        last_epoch: as `LRScheduler`.

    Raises:
        ValueError: if a factor is out of range.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.LinearLR(optimizer, 0.5, total_iters=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to "
                f"1, got {start_factor}."
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(
                f"Ending multiplicative factor expected to be between 0 and 1, got {end_factor}."
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        way = self.end_factor - self.start_factor
        so_far = self.total_iters * self.start_factor + (self.last_epoch - 1) * way
        return lr * (1.0 + way / so_far)

    def _at(self, base: Any) -> Any:
        way = self.end_factor - self.start_factor
        epoch = min(self.total_iters, self.last_epoch)
        return base * (self.start_factor + way * epoch / self.total_iters)


class ExponentialLR(_ClosedForm):
    """The rate is multiplied by gamma every epoch.

    Args:
        optimizer: whose rates it sets.
        gamma: the factor.
        last_epoch: as `LRScheduler`.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        return lr if self._is_initial else lr * self.gamma

    def _at(self, base: Any) -> Any:
        return base * self.gamma**self.last_epoch


class PolynomialLR(_ClosedForm):
    """The rate falls to zero in `total_iters` epochs, as base (1 - t / total_iters)^power.

    Args:
        optimizer: whose rates it sets.
        total_iters: how many epochs it takes.
        power: the exponent.
        last_epoch: as `LRScheduler`.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5625]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ):
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return lr * (left / before) ** self.power

    def _at(self, base: Any) -> Any:
        epoch = min(self.total_iters, self.last_epoch)
        return base * (1.0 - epoch / self.total_iters) ** self.power


class CosineAnnealingLR(_ClosedForm):
    """The rate goes down to `eta_min` along half a cosine in `T_max` epochs, and then up again.

        lr = eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), without
    the restarts.

    Args:
        optimizer: whose rates it sets.
        T_max: how many epochs the way down takes.
        eta_min: the least rate.
        last_epoch: as `LRScheduler`.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        t, half, least = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return lr
        if self._step_count == 1 and t > 0:  # where SequentialLR begins with it
            return least + (self._base(i) - least) * (1 + math.cos(t * math.pi / half)) / 2
        if (t - 1 - half) % (2 * half) == 0:  # at the bottom, where the ratio below is 0 / 0
            return lr + (self._base(i) - least) * (1 - math.cos(math.pi / half)) / 2
        ratio = (1 + math.cos(math.pi * t / half)) / (1 + math.cos(math.pi * (t - 1) / half))
        return ratio * (lr - least) + least

    def _at(self, base: Any) -> Any:
        share = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return self.eta_min + (base - self.eta_min) * share / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """The rate goes down to `eta_min` along half a cosine, and begins again at its base.

        lr = eta_min + (base - eta_min) (1 + cos(pi T_cur / T_i)) / 2

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    Args:
        optimizer: whose rates it sets.
        T_0: how many epochs the first way down takes.
        T_mult: how many times as many the next one takes.
        eta_min: the least rate.
        last_epoch: as `LRScheduler`.

    Raises:
        ValueError: if an option is of a wrong type or out of range.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> schedulers = minnet.optim.lr_scheduler
        >>> scheduler = schedulers.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, float | int):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def _next(self, i: int, lr: Any) -> Any:
        share = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return self.eta_min + (self._base(i) - self.eta_min) * share / 2

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of a given one, which may be a fraction.

        Raises:
            ValueError: if the epoch is negative. Nothing has changed then.
        """
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._place(0 if epoch is None else epoch)
        self.last_epoch = math.floor(epoch or 0)
        with self._set("_get_lr_called_within_step"):
            self._write(self.get_lr())

    def _place(self, epoch: float) -> None:
        """Find the way down that an epoch lies in."""
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n


class _MomentumCycle(LRScheduler):
    """A scheduler that moves the momentum, or Adam's beta1, against the rate."""

    use_beta1: bool

    def _begin_momentum(self, optimizer: Optimizer, base: Any, most: Any, begins: bool) -> Any:
        """Return both momentums of each group, which a new training begins with."""
        if not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        bases = for_each_group("base_momentum", optimizer, base)
        mosts = for_each_group("max_momentum", optimizer, most)
        if begins:
            for group, low, high in zip(optimizer.param_groups, bases, mosts, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return bases, mosts

    def _set_momentum(self, group: Group, value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_MomentumCycle):
    """The rate goes from its base up to `max_lr` and down again, along lines, again and again.

    Smith, "Cyclical learning rates for training neural networks" (2017). It is stepped after every
    batch.

    Args:
        optimizer: whose rates it sets.
        base_lr: the least rate, or one for each group.
        max_lr: the largest rate of the first cycle, or one for each group.
        step_size_up: how many steps the way up takes.
        step_size_down: how many the way down takes, as many unless given.
        mode: "triangular" keeps the height of the cycles, "triangular2" halves it each time, and
            with "exp_range" step t has gamma^t of it.
        gamma: the factor of "exp_range".
        scale_fn: a function of the cycle or the step in place of a mode.
        scale_mode: what it is a function of, "cycle" or "iterations".
        cycle_momentum: move the momentum against the rate, between the two that follow.
        base_momentum: the least momentum, or one for each group.
        max_momentum: the largest momentum, or one for each group.
        last_epoch: the last step of a training that goes on; -1 begins one.

    Raises:
        TypeError: if `optimizer` is none.
        ValueError: if an option is not as long as there are groups, the mode is unknown, or the
            optimizer has no momentum.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], momentum=0.9)
        >>> scheduler = minnet.optim.lr_scheduler.CyclicLR(optimizer, 0.5, 1.5, step_size_up=2)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 1.0, 1.5, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ):
        _require_optimizer(optimizer)
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(
                "mode is invalid and scale_fn is None: expected 'triangular', 'triangular2' or "
                f"'exp_range', got {mode!r}"
            )
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._choose_scale()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            both = self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
            self.base_momentums, self.max_momentums = both
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                _set_rate(group, lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _choose_scale(self) -> None:
        if self._scale_fn_custom is None:
            self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"

    @property
    def _scale_fn_ref(self) -> Callable[[float], float]:
        if self.mode == "triangular":
            return lambda x: 1.0
        return (lambda x: 1 / 2.0 ** (x - 1)) if self.mode == "triangular2" else self._power

    def _power(self, x: float) -> float:
        return self.gamma**x

    def scale_fn(self, x: float) -> float:
        """Return the share of its height that a cycle, or a step, has."""
        return (self._scale_fn_custom or self._scale_fn_ref)(x)

    def get_lr(self) -> list[Any]:
        """Return the rates of this step, and set its momentums."""
        rates = super().get_lr()
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            both = zip(groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in both:
                self._set_momentum(group, high - self._height(high - low))
        return rates

    def _next(self, i: int, lr: Any) -> Any:
        base = self._base(i)
        return base + self._height(self.max_lrs[i] - base)

    def _height(self, whole: Any) -> Any:
        """Return how much of a cycle's whole height this step has."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        up = x <= self.step_ratio
        share = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        by_cycle = self.scale_mode == "cycle"
        return whole * share * self.scale_fn(cycle if by_cycle else self.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer, and of a scale function what `LambdaLR` would."""
        state = super().state_dict()
        scale_fn = state["_scale_fn_custom"]
        state["_scale_fn_custom"] = None if scale_fn is None else _state_of(scale_fn)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        saved, own = state_dict["_scale_fn_custom"], self._scale_fn_custom
        super().load_state_dict({**state_dict, "_scale_fn_custom": own})
        if saved is not None:
            vars(own).update(saved)
        self._choose_scale()


class OneCycleLR(_MomentumCycle):
    """The rate goes up to `max_lr` once, and down to nearly nothing: one step for each batch.

    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates" (2018).

    Args:
        optimizer: whose rates it sets.
        max_lr: the largest rate, or one for each group.
        total_steps: how many steps there are, or else
        epochs, steps_per_epoch: two numbers whose product it is.
        pct_start: the share of the steps that the way up takes.
        anneal_strategy: the form of the ways, "cos" or "linear".
        cycle_momentum: move the momentum against the rate, between the two that follow.
        base_momentum: the least momentum, or one for each group.
        max_momentum: the largest momentum, or one for each group.
        div_factor: the first rate is max_lr / div_factor.
        final_div_factor: the last one is the first one / final_div_factor.
        three_phase: go down to the first rate in as many steps as up, and then to the last one.
        last_epoch: the last step of a training that goes on; -1 begins one.

    Raises:
        TypeError: if `optimizer` is none.
        ValueError: if an option is of a wrong type or out of range, or the optimizer has no
            momentum; in `step`, if all steps have been made.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], momentum=0.9)
        >>> scheduler = minnet.optim.lr_scheduler.OneCycleLR(
        ...     optimizer, 1.0, total_steps=5, pct_start=0.6, anneal_strategy="linear", div_factor=2
        ... )
        >>> rates = []
        >>> for _ in range(3):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.75, 1.0]
    """

    _anneal_func_type = "cos"  # of states older than the attribute

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        _require_optimizer(optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        given = {"total_steps": total_steps}
        if total_steps is None:
            given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        for name, value in given.items():
            if not isinstance(value, int) or value <= 0:
                raise ValueError(f"Expected positive integer {name}, but got {value}")
        self.total_steps: int = total_steps or epochs * steps_per_epoch  # type: ignore[operator]
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        require_annealing(anneal_strategy)
        peak, end = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        down = float(2 * pct_start * self.total_steps) - 2
        ways = [(peak, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            ways.append((down, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
            ways.append((end, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
        else:
            ways.append((end, "max_lr", "min_lr", "base_momentum", "max_momentum"))
        names = "end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"
        self._schedule_phases: list[dict[str, Any]] = [
            dict(zip(names, way, strict=True)) for way in ways
        ]
        self._anneal_func_type = anneal_strategy
        max_lrs = for_each_group("max_lr", optimizer, max_lr)
        begins = last_epoch == -1
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, begins)
        if begins:
            for group, most in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    _annealing_cos = staticmethod(cosine)
    _annealing_linear = staticmethod(linear)

    def get_lr(self) -> list[Any]:
        """Return the rates of this step, and set its momentums.

        Raises:
            ValueError: if all steps have been made.
        """
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        rates = super().get_lr()
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                self._set_momentum(group, self._between(group, "momentum"))
        return rates

    def _between(self, group: Group, what: str) -> Any:
        start = 0.0
        *others, phase = self._schedule_phases
        for other in others:
            if self.last_epoch <= other["end_step"]:
                phase = other
                break
            start = other["end_step"]
        share = (self.last_epoch - start) / (phase["end_step"] - start)
        ends = group[phase[f"start_{what}"]], group[phase[f"end_{what}"]]
        return ANNEALING[self._anneal_func_type](*ends, share)

    def _next(self, i: int, lr: Any) -> Any:
        return self._between(self.optimizer.param_groups[i], "lr")


class ReduceLROnPlateau(LRScheduler):
    """The rate is multiplied by a factor when a measure has not become better for some epochs.

    Args:
        optimizer: whose rates it sets.
        mode: whether better is less, "min", or more, "max".
        factor: below 1.
        patience: how many epochs without an improvement are borne.
        threshold: by how much a better measure has to be better.
        threshold_mode: "rel" takes the threshold as a share of the best measure, "abs" as it is.
        cooldown: how many epochs after a reduction are not counted.
        min_lr: the least rate, or one for each group.
        eps: a reduction by less is not made.

    Raises:
        TypeError: if `optimizer` is none.
        ValueError: if an option is out of range.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.1]
    """

    mode_worse: float

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ):
        if not factor < 1.0:
            raise ValueError(f"Factor should be < 1.0, got {factor}.")
        _require_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        several = isinstance(min_lr, list | tuple)
        if several and len(min_lr) != groups:
            raise ValueError(f"expected {groups} min_lrs, got {len(min_lr)}")
        self.factor = factor
        self.optimizer = optimizer
        self.default_min_lr = None if several else min_lr
        self.min_lrs = list(min_lr) if several else [min_lr] * groups
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = _rates(optimizer)
        self._init_is_better(mode, threshold, threshold_mode)
        self._reset()

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def _init_is_better(self, mode: str, threshold: float, threshold_mode: str) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.mode_worse = math.inf if mode == "min" else -math.inf

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take a measure, and reduce the rates where it is time to.

        Raises:
            RuntimeError: if the optimizer has got groups that no least rate is known of.
        """
        current = float(metrics)
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = _rates(self.optimizer)

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from "
                    f"when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due "
                    "to a new param group being added to the optimizer. Please modify the "
                    "`min_lrs` field to match the length of the `optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                _set_rate(group, new)

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted now, after a reduction."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        step = self.threshold if self.mode == "max" else -self.threshold
        bound = best * (1.0 + step) if self.threshold_mode == "rel" else best + step
        return a > bound if self.mode == "max" else a < bound

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        super().load_state_dict(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)


class _Several(LRScheduler):
    """A scheduler that is made of others."""

    _HOLDERS = ("_schedulers",)

    def _check(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
        """Return the optimizer of all schedulers."""
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        for i, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {i} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires "
                    "additional kwargs to be specified when calling `step`, but got one at index "
                    f"{i} in the given schedulers sequence."
                )
            optimizer = optimizer or scheduler.optimizer
            if optimizer is not scheduler.optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got "
                    f"scheduler {type(scheduler).__name__} at index {i} has "
                    f"{scheduler.optimizer}, which is different from {type(optimizer).__name__}."
                )
        assert optimizer is not None  # for the type checker: there is one scheduler at least
        return optimizer


class SequentialLR(_Several):
    """Schedulers that follow each other: each takes over at a milestone, at its epoch 0.

    Args:
        optimizer: whose rates they set.
        schedulers: all of this optimizer.
        milestones: the epochs at which the second one takes over, the third one, ...
        last_epoch: as `LRScheduler`.

    Raises:
        TypeError: if one has no optimizer.
        ValueError: if there is none, one is of another optimizer or a `ReduceLROnPlateau`, or the
            milestones are not one less.

    Example:
        >>> import minnet
        >>> from minnet.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> first, second = ConstantLR(optimizer, 0.25), ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [first, second], milestones=[2])
        >>> rates = []
        >>> for _ in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.25, 0.25, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ):
        self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} "
                f"and the number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:  # takes back what making the schedulers has done
            _set_rate(group, group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the step that each scheduler made when it was made."""
        inner = getattr(self if sched is None else sched, "_schedulers", None)
        if inner is not None:
            for scheduler in inner:
                self.recursive_undo(scheduler)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Set the rates of the next epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Several):
    """Schedulers that are all stepped together: their factors multiply.

    Args:
        schedulers: all of one optimizer.
        optimizer: theirs, the first one's unless given.

    Raises:
        TypeError: if one has no optimizer.
        ValueError: if there is none, or one is of another optimizer or a `ReduceLROnPlateau`.

    Example:
        >>> import minnet
        >>> from minnet.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> both = ConstantLR(optimizer, 0.25), ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = ChainedScheduler(both)
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        self.optimizer = self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = _rates(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Set the rates of the next epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = _rates(self.optimizer)
