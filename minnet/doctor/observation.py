"""Observation: one pass forward and back through a network, which leaves no trace in it."""

from __future__ import annotations

import contextlib
import copy
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minnet.creation import randn
from minnet.doctor import graph
from minnet.doctor.framework import framework_of, to_array
from minnet.doctor.jacobian import Singular, singular_values
from minnet.doctor.moments import Moments, mean_square, moments
from minnet.nn import kinds
from minnet.nn.init.elementwise import Function, of_arrays
from minnet.nn.init.evaluation import evaluating
from minnet.random import Generator, get_rng_state, set_rng_state


class Scaling(NamedTuple):
    """What a normalization does: to variance 1, and then a gain and a shift for each unit.

    Attributes:
        gain: the mean square of the gains.
        shift: the mean square of the shifts.
        epsilon: what it adds to the variance.
        centers: whether it takes the mean away.
        of_samples: whether it normalizes each sample over its units, or each unit over the batch.
    """

    gain: float
    shift: float
    epsilon: float
    centers: bool
    of_samples: bool


@dataclass
class Call:
    """One call of a module that has no modules inside, or of a function between modules.

    Attributes:
        name: the module's name in the network; of a function its own; "+" of a sum, "×" of a
            product with a number.
        kind: the class of the module; "input" for the network's input.
        module: the module, or None.
        sources: the numbers of the calls whose outputs its inputs are; none where that is unknown.
        input: the moments of its input.
        values: its output.
        output: the moments of that.
        scale: by what it multiplies its input, 1 if it only hands it on in some shape; None if it
            does something else.
        weight: the weight of a Linear.
        bias: the bias of a Linear that has one.
        scaling: what a normalization does.
        function: what an activation does, as a function of arrays.
        unread: the operation that hides where its input comes from, or "".
        last: whether its output is the network's.
        shared: whether its output also goes where the calls do not show it.
        gradient: the moments of the gradient for the output, or None where none came; to the
            network's input none goes, which would cost as much as all of the first layer.
    """

    name: str
    kind: str
    module: Any
    sources: tuple[int, ...]
    input: Moments
    values: np.ndarray
    output: Moments
    scale: float | None = None
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    scaling: Scaling | None = None
    function: Function | None = None
    unread: str = ""
    last: bool = False
    shared: bool = False
    gradient: Moments | None = None

    @property
    def passes(self) -> bool:
        """Whether its output holds its input's values."""
        return self.scale == 1


@dataclass
class Observation:
    """What one pass forward and back has shown.

    Attributes:
        calls: the network's input, and the calls of the innermost modules and of the functions
            between them, in order.
        output: the moments of the network's output.
        outputs: their number for a sample.
        last: the number of the call that gave the network's output, or None if none is known to.
        loss: the loss, or None without one: then the gradients are those of the output's product
            with standard normal numbers.
        classes: the number of classes if the loss is a cross-entropy, else None.
        gradients: the gradient for each parameter that one came for, by name.
        jacobian: the singular values of ∂output/∂input; or None where it was not asked for, too
            large, or not of each sample alone.
    """

    calls: list[Call]
    output: Moments
    outputs: int
    last: int | None
    loss: float | None
    classes: int | None
    gradients: dict[str, np.ndarray] = field(default_factory=dict)
    jacobian: Singular | None = None


def observe(
    net: Any, x: Any, y: Any = None, loss: Callable[..., Any] | None = None, jacobian: bool = False
) -> Observation:
    """Pass a batch through a network and back, in evaluation mode, and note what passes.

    Batch normalization alone is in training mode: it will normalize when the training begins.
    Nothing stays changed: hooks, modes, buffers, the default generators, and every `.grad`.

    Args:
        net: a module of minnet or torch.
        x: a batch, a tensor of the network's library.
        y: its targets, likewise.
        loss: called with the output and `y`, or with the output alone.
        jacobian: whether to measure the Jacobian too.

    Raises:
        TypeError: the network does not return one tensor, or the loss not a number.
    """
    library = framework_of(net)
    with _untouched(net, library, len(x) if x.ndim else 1), library.enable_grad():
        tape = _Tape(library)
        with contextlib.ExitStack() as hooks:
            for name, module in net.named_modules():
                if next(iter(module.children()), None) is None:
                    hook = functools.partial(tape.note, name)
                    hooks.callback(module.register_forward_hook(hook).remove)
            output = net(tape.start(x))
        if not isinstance(output, library.Tensor):
            raise TypeError(f"the network must return a tensor, got {type(output).__name__}")
        last, values = tape.end(output), to_array(output)
        value, cotangent, classes = _value(library, output, y, loss)
        outputs = values.shape[-1] if values.ndim else 1
        number = float(value.item()) if cotangent is None else None
        found = Observation(tape.calls, moments(values), outputs, last, number, classes)
        if value.requires_grad:
            parameters = {name: p for name, p in net.named_parameters() if p.requires_grad}
            wanted = [*tape.wanted, *parameters.values()]
            if wanted:
                gradients = library.autograd.grad(value, wanted, cotangent, allow_unused=True)
                arrived = zip(parameters, gradients[len(tape.wanted) :], strict=True)
                found.gradients = {n: to_array(g) for n, g in arrived if g is not None}
        if jacobian:
            found.jacobian = singular_values(library, net, x, values)
    return found


class _Tape:
    """The calls so far, and which of them each tensor comes from."""

    def __init__(self, library: Any):
        self.framework = library
        self.calls: list[Call] = []
        self.wanted: list[Any] = []  # the first outputs that gradients are to reach
        self._reached: set[int] = set()  # these calls, and those after them
        self._numbers: dict[Any, int] = {}  # by what stands for the output in the graph

    def start(self, x: Any) -> Any:
        """Note the network's input, and return it so that what is done with it is recorded."""
        values = to_array(x)
        if x.is_floating_point():
            x = x.detach().requires_grad_().clone()  # a network may write over its input
        found = moments(values)
        self._numbers[_stand_in(x)] = 0
        self.calls.append(Call("", "input", None, (), found, values, found))
        return x

    def note(self, name: str, module: Any, args: tuple[Any, ...], result: Any) -> None:
        """Note a call of a module. A forward hook."""
        tensor = self.framework.Tensor
        if not (args and isinstance(args[0], tensor) and isinstance(result, tensor)):
            for each in args:
                self._lose(each)
            return
        if result is args[0]:  # its output is still its source's
            return
        for other in args[1:]:
            self._lose(other)
        source, unread = self._source(args[0])
        sources = () if source is None else (source,)
        before = to_array(args[0]) if source is None else self.calls[source].values
        given = moments(before) if source is None else self.calls[source].output
        after = to_array(result).copy()  # what comes next may write over it
        kind = type(module).__name__
        call = Call(name, kind, module, sources, given, after, moments(after), unread=unread)
        if isinstance(module, self.framework.nn.Linear):
            call.weight = to_array(module.weight)
            call.bias = None if module.bias is None else to_array(module.bias)
        else:
            call.scaling = _scaling(module)
            call.function = None if call.scaling else elementwise(module)
            same = before.size == after.size and np.array_equal(before.ravel(), after.ravel())
            # A ReLU hands positive numbers on, and is none the less a ReLU.
            if same and (call.function is None or _is_identity(call.function)):
                call.function, call.scale = None, 1.0
        self._add(result, call)

    def end(self, output: Any) -> int | None:
        """Note the network's output, and return the call that gave it if one did."""
        source, _ = self._source(output)
        if source is not None:
            self.calls[source].last = True
        return source

    def _add(self, tensor: Any, call: Call) -> None:
        self._numbers[_stand_in(tensor)] = len(self.calls)
        self.calls.append(call)
        self._watch(tensor, call)

    def _watch(self, tensor: Any, call: Call) -> None:
        """Note the gradient when it comes. The hook goes with the graph."""
        if tensor.grad_fn is not None:
            if not any(source in self._reached for source in call.sources):
                self.wanted.append(tensor)
            self._reached.add(self._numbers[_stand_in(tensor)])

            def note(gradient: Any) -> None:
                call.gradient = moments(to_array(gradient))

            tensor.register_hook(note)

    def _given(self, node: Any) -> np.ndarray | None:
        number = self._numbers.get(node)
        return None if number is None else self.calls[number].values

    def _source(self, tensor: Any) -> tuple[int | None, str]:
        """Return the call that a tensor comes from, or what hides it.

        Functions between are noted as calls.
        """
        node = _stand_in(tensor)
        if node in self._numbers:
            return self._numbers[node], ""
        if tensor.grad_fn is None:
            return None, ""
        steps = graph.read(self.framework, node, self._given, to_array(tensor).copy())
        if steps is None:
            self._lose(tensor)
            return None, graph.operation(node)
        for each, (step, values) in steps.items():
            sources = tuple(self._numbers[source] for source in step.sources)
            before, after = self.calls[sources[0]].output, moments(values)
            name, kind = step.name or "view", "sum" if step.name == "+" else step.name
            call = Call(name, kind, None, sources, before, values, after, step.scale)
            call.function = step.function
            self._numbers[each] = len(self.calls)
            self.calls.append(call)
        self._watch(tensor, self.calls[-1])
        return len(self.calls) - 1, ""

    def _lose(self, tensor: Any) -> None:
        """Note that the calls that a tensor comes from have a reader that is not seen."""
        pending = [_stand_in(tensor)] if isinstance(tensor, self.framework.Tensor) else []
        seen = set(pending)
        for node in pending:  # which grows meanwhile
            if node in self._numbers:
                self.calls[self._numbers[node]].shared = True
            elif graph.is_operation(node):
                fresh = [edge for edge in graph.beneath(node).values() if edge not in seen]
                seen.update(fresh)
                pending += fresh


def _stand_in(tensor: Any) -> Any:
    """Return what stands for a tensor in the graph: a change in place gives it another."""
    return tensor if tensor.grad_fn is None else tensor.grad_fn


def _scaling(module: Any) -> Scaling | None:
    """Return what a module does if it is a normalization of a known kind."""
    kind = kinds.normalization(module)
    of_batch = kind == "batch"
    if kind not in ("batch", "layer", "rms") or (of_batch and not module.training):
        return None

    def of_units(name: str, otherwise: float) -> float:
        tensor = getattr(module, name, None)
        return otherwise if tensor is None else mean_square(to_array(tensor))

    gain, shift = of_units("weight", 1.0), of_units("bias", 0.0)
    epsilon = getattr(module, "eps", None) or 0.0
    return Scaling(gain, shift, epsilon, kind != "rms", not of_batch)


_functions: dict[tuple[type, str], Function | None] = {}


def elementwise(module: Any) -> Function | None:
    """Return a module as a function of arrays, or None if it does not map each element alone."""
    slopes = kinds.of(module).slopes
    if slopes is not None and np.ptp(slopes(module)) == 0:
        return _leaky(kinds.slope(module))
    if [*module.parameters(), *module.buffers()]:
        return None
    known = re.match(r"(minnet|torch)\.nn\.", type(module).__module__) is not None
    key = type(module), repr(module)  # which says all about an activation of the library
    if known and key in _functions:
        return _functions[key]
    try:
        # A copy: the user's module may change its mode while the function lives.
        function = of_arrays(copy.copy(module).forward, type(module).__name__)
    except (TypeError, ValueError):
        function = None
    if known:
        _functions[key] = function
    return function


@functools.cache  # by which it is known that two activations are the same
def _leaky(slope: float) -> Function:
    return lambda z: np.where(z > 0, z, slope * z)


def _is_identity(f: Function) -> bool:
    z = np.linspace(-2.5, 3.5, 7)
    return np.array_equal(f(z), z)


def _value(library: Any, output: Any, y: Any, loss: Any) -> tuple[Any, Any, int | None]:
    """Return what is differentiated, its cotangent if it is no loss, and the number of classes."""
    functional = library.nn.functional
    if y is None and loss is None:
        generator = Generator(seed=0).fold_in("minnet.doctor: gradient")
        normal = randn(tuple(output.shape), generator=generator).numpy()
        return output, library.from_numpy(normal).to(output.device, output.dtype), None
    if loss is None:
        loss = functional.mse_loss if y.is_floating_point() else functional.cross_entropy
    value = loss(output) if y is None else loss(output, y)
    if not isinstance(value, library.Tensor) or value.nelement() != 1:
        raise TypeError(f"the loss must return a tensor of one number, got {value!r}")
    entropy = loss is functional.cross_entropy or isinstance(loss, library.nn.CrossEntropyLoss)
    return value, None, output.shape[1 if output.ndim > 1 else 0] if entropy else None


@contextlib.contextmanager
def _untouched(net: Any, library: Any, samples: int) -> Iterator[None]:
    """Set a network to evaluate, without writing over inputs, and put all back in the end."""
    modules = list(net.modules())
    # `_hooked` as well: a module of minnet that has had hooks is called a slower way.
    state = [{k: vars(m)[k] for k in ("inplace", "_hooked") if k in vars(m)} for m in modules]
    buffers = [(buffer, buffer.detach().clone()) for buffer in net.buffers()]
    draws, own_draws = get_rng_state(), library.get_rng_state()
    try:
        with evaluating(net):
            for module in modules:
                if "inplace" in vars(module):
                    module.inplace = False
                if samples > 1 and kinds.normalization(module) == "batch":
                    module.training = True
            yield
    finally:
        for module, values in zip(modules, state, strict=True):
            for key, value in values.items():
                setattr(module, key, value)
        with library.no_grad():
            for buffer, before in buffers:
                if not np.array_equal(to_array(buffer), to_array(before), equal_nan=True):
                    buffer.copy_(before)
        library.set_rng_state(own_draws)
        set_rng_state(draws)
