"""Averages of a model's weights along its training, by torch.optim.swa_utils' names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from minnet.creation import tensor
from minnet.dtypes import int64
from minnet.mode import no_grad
from minnet.nn.module import Module
from minnet.nn.normalization import _BatchNorm
from minnet.optim.lr_scheduler import LRScheduler, for_each_group, require_annealing
from minnet.optim.optimizer import Optimizer
from minnet.tensor import Tensor

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return the function of `AveragedModel` that takes the mean of all models."""

    @no_grad()
    def swa_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return averaged + (current - averaged) / (int(num_averaged) + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """Return the function of `AveragedModel` that forgets old models, by a factor each time.

    Raises:
        ValueError: if `decay` is not in [0, 1].
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )

    @no_grad()
    def ema_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return ema_update


def _of_all(one: Callable[[Tensor, Tensor, Any], Tensor]) -> Callable[..., None]:
    @no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        for a, c in zip(averaged, current, strict=True):
            a.copy_(one(a, c, num_averaged))

    return update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """Return what `get_swa_avg_fn` does, for lists of tensors in place."""
    return _of_all(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """Return what `get_ema_avg_fn` does, for lists of tensors in place.

    Raises:
        ValueError: if `decay` is not in [0, 1].
    """
    return _of_all(get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of those at several times.

    Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018);
    with `get_ema_avg_fn`, Polyak and Juditsky's exponential averages.

    Args:
        model: what is copied, as `module`.
        device: where the copy lives.
        avg_fn: returns the new average of (average, present parameter, how many there were); the
            mean of all unless given.
        multi_avg_fn: the same in place, for two lists of all of them.
        use_buffers: average the buffers, too, and not only copy them.

    Raises:
        AssertionError: if both functions are given.

    Example:
        >>> import minnet
        >>> model = minnet.nn.Linear(1, 1)
        >>> averaged = minnet.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     minnet.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        Parameter containing:
        tensor([[1.]], requires_grad=True)
        Parameter containing:
        tensor([[2.]], requires_grad=True)
        Parameter containing:
        tensor([[6.]], requires_grad=True)
        >>> averaged.module.weight.item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the averaged model returns."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average."""
        ours, theirs = self._averaged(self.module), self._averaged(model)
        theirs = [c.detach().to(a.device) for a, c in zip(ours, theirs, strict=True)]
        if self.n_averaged.item() == 0:
            for averaged, current in zip(ours, theirs, strict=True):
                averaged.copy_(current)
        else:
            all_of = self.multi_avg_fn or _of_all(self.avg_fn or get_swa_avg_fn())
            all_of([a.detach() for a in ours], theirs, self.n_averaged)
        if not self.use_buffers:
            for own, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                own.copy_(buffer.to(own.device))
        self.n_averaged += 1

    def _averaged(self, model: Module) -> list[Tensor]:
        return [*model.parameters(), *(model.buffers() if self.use_buffers else ())]


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalizations anew, from all data.

    Averaged weights have other activations than those that the statistics are of.

    Args:
        loader: batches; of a list or tuple, the first entry is the model's input.
        model: run on each batch, in training mode.
        device: where a batch goes before.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    try:
        model.train()
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """The rate goes to `swa_lr` in some epochs and stays there: for weights to be averaged.

    Args:
        optimizer: whose rates it sets.
        swa_lr: the last rate, or one for each group.
        anneal_epochs: how many epochs it takes.
        anneal_strategy: the form of the way, "cos" or "linear".
        last_epoch: as `LRScheduler`.

    Raises:
        TypeError: if `optimizer` is none.
        ValueError: if an option is of a wrong type or out of range.

    Example:
        >>> import minnet
        >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))], lr=1.0)
        >>> scheduler = minnet.optim.swa_utils.SWALR(optimizer, 0.5, 2, "linear")
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        require_annealing(anneal_strategy)
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """Return the share of the last rate at a share of the way."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def _next(self, i: int, lr: Any) -> Any:
        step, last = self._step_count - 1, self.optimizer.param_groups[i]["swa_lr"]
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (
            self.anneal_func(max(0, min(1, n / max(1, self.anneal_epochs))))
            for n in (step - 1, step)
        )
        # What the rate began with, from what has become of it.
        first = last if before == 1 else (lr - before * last) / (1 - before)
        return last * now + first * (1 - now)
