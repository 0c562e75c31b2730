"""Observation: one pass forward and back through a network, which leaves no trace in it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minnet.autograd import enable_grad, grad
from minnet.creation import randn
from minnet.functional import cross_entropy, mse_loss
from minnet.nn import CrossEntropyLoss, Module
from minnet.random import Generator, get_rng_state, set_rng_state
from minnet.tensor import Tensor


class Moments(NamedTuple):
    """The mean, the second moment, and how far chance moves the latter.

    `noise` is the relative standard error of the second moment as an estimate of that of infinitely
    many units: the units (the last dimension) count as independent, the samples do not.
    """

    mean: float
    second: float
    noise: float

    @property
    def std(self) -> float:
        """The standard deviation."""
        return math.sqrt(max(self.second - self.mean**2, 0.0))


def moments(array: np.ndarray) -> Moments:
    """Return the moments of an array of shape (..., units), summed in double precision."""
    values = array.reshape(-1, array.shape[-1] if array.ndim else 1).astype(np.float64)
    with np.errstate(all="ignore"):
        of_units = np.mean(values**2, axis=0)
        second = float(of_units.mean())
        noise = math.inf
        if len(of_units) > 1 and 0 < second < math.inf:
            noise = float(of_units.std(ddof=1)) / second / math.sqrt(len(of_units))
        return Moments(float(values.mean()), second, noise)


@dataclass
class Call:
    """One call of a module that has no modules inside.

    Attributes:
        name: the module's name in the network.
        module: the module.
        source: the number of the call whose output this one's input is, or None.
        input: the moments of its input.
        output: the moments of its output.
        result: the output.
        passes: whether its output holds its input's values, in any shape.
        gradient: the moments of the gradient for the output, or None where none came.
    """

    name: str
    module: Module
    source: int | None
    input: Moments
    output: Moments
    result: Tensor
    passes: bool
    gradient: Moments | None = None


@dataclass
class Observation:
    """What one pass forward and back has shown.

    Attributes:
        calls: the calls of the innermost modules, in order.
        output: the moments of the network's output.
        loss: the loss, or None without one: then the gradients are those of the output's product
            with standard normal numbers.
        classes: the number of classes if the loss is a cross-entropy, else None.
        gradients: the gradient for each parameter that one came for, by name.
    """

    calls: list[Call]
    output: Moments
    loss: float | None
    classes: int | None
    gradients: dict[str, np.ndarray] = field(default_factory=dict)


def observe(
    net: Module, x: Tensor, y: Tensor | None = None, loss: Callable[..., Any] | None = None
) -> Observation:
    """Pass a batch through a network and back, in evaluation mode, and note what passes.

    Nothing stays changed: hooks, modes, buffers, the default generator, and every `.grad`.

    Raises:
        TypeError: the network does not return one tensor, or the loss not a number.
    """
    calls: list[Call] = []
    sources: dict[int, int] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(module: Module, args: tuple[Any, ...], result: Any) -> None:
            if not (args and isinstance(args[0], Tensor) and isinstance(result, Tensor)):
                return
            before, after = args[0].array, result.array
            passes = before.size == after.size and np.array_equal(before.ravel(), after.ravel())
            source = sources.get(id(args[0]))
            call = Call(name, module, source, moments(before), moments(after), result, passes)
            if result is not args[0]:  # an identity's output is still its source's
                sources[id(result)] = len(calls)
                calls.append(call)

        return hook

    with _untouched(net), enable_grad():
        with contextlib.ExitStack() as hooks:
            for name, module in net.named_modules():
                if next(iter(module.children()), None) is None:
                    hooks.callback(module.register_forward_hook(note(name)).remove)
            if x.is_floating_point():
                x = x.detach().requires_grad_()
            output = net(x)
        if not isinstance(output, Tensor):
            raise TypeError(f"the network must return a tensor, got {type(output).__name__}")
        value, cotangent, classes = _value(output, y, loss)
        found = Observation(
            calls,
            moments(output.array),
            None if cotangent is not None else float(value.item()),
            classes,
        )
        if value.requires_grad:
            _note_gradients(found, net, value, cotangent)
    return found


def _value(output: Tensor, y: Any, loss: Any) -> tuple[Tensor, Tensor | None, int | None]:
    """Return what is differentiated, its cotangent if it is no loss, and the number of classes."""
    if y is None and loss is None:
        normal = randn(output.shape, generator=Generator(seed=0), dtype=output.dtype)
        return output, normal, None
    if loss is None:
        loss = mse_loss if y.is_floating_point() else cross_entropy
    value = loss(output) if y is None else loss(output, y)
    if not isinstance(value, Tensor) or value.nelement() != 1:
        raise TypeError(f"the loss must return a tensor of one number, got {value!r}")
    entropy = loss is cross_entropy or isinstance(loss, CrossEntropyLoss)
    return value, None, output.shape[1 if output.ndim > 1 else 0] if entropy else None


def _note_gradients(found: Observation, net: Module, value: Tensor, cotangent: Any) -> None:
    parameters = {name: p for name, p in net.named_parameters() if p.requires_grad}
    flowing = [call for call in found.calls if call.result.requires_grad]
    wanted = [call.result for call in flowing] + list(parameters.values())
    gradients = grad(value, wanted, cotangent, allow_unused=True)
    for call, gradient in zip(flowing, gradients, strict=False):
        if gradient is not None:
            call.gradient = moments(gradient.array)
    for name, gradient in zip(parameters, gradients[len(flowing) :], strict=True):
        if gradient is not None:
            found.gradients[name] = gradient.array


@contextlib.contextmanager
def _untouched(net: Module) -> Iterator[None]:
    """Set a network to evaluate, without writing over inputs, and put all back in the end."""
    modules = list(net.modules())
    # `_hooked` as well: a module that has had hooks is called a slower way.
    state = [
        {k: vars(m)[k] for k in ("training", "inplace", "_hooked") if k in vars(m)} for m in modules
    ]
    buffers = [(buffer, buffer.array.copy()) for buffer in net.buffers()]
    draws = get_rng_state()
    try:
        net.eval()
        for module in modules:
            if "inplace" in vars(module):
                module.inplace = False
        yield
    finally:
        for module, values in zip(modules, state, strict=True):
            for key, value in values.items():
                setattr(module, key, value)
        for buffer, before in buffers:
            if not np.array_equal(buffer.array, before, equal_nan=before.dtype.kind == "f"):
                buffer.array[...] = before
        set_rng_state(draws)
