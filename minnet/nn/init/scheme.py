"""Schemes: which initializer fills which parameter of a network."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from minnet.nn import kinds
from minnet.nn.init import holders
from minnet.nn.init.evaluation import restored_on_error, unrecorded
from minnet.nn.init.following import FollowingActivations
from minnet.random import Generator

# An initializer, a functools.partial of one, for a type a Scheme as well, or None: leave it alone.
Rule = Any


def scheme(
    weight: Rule = None,
    /,
    *,
    bias: Rule = None,
    rules: Mapping[Any, Rule] | None = None,
    generator: Generator | None = None,
    **arguments: Any,
) -> Scheme:
    """Return a function for a network's `apply` that initializes all of the network.

    `weight` fills every parameter of two or more dimensions, `bias` every one with "bias" in its
    name. Both leave normalization layers as they are (those that `minnet.nn.kinds` takes for one),
    and so is every other parameter, unless `rules` say otherwise. The rules go before them:

    - by the parameter's full name, a pattern: ``"head.*"``, ``"blocks.*.attention.*.weight"``; a *
      stands for anything, dots too. It fills whatever it matches.
    - by the layer's class: ``nn.Linear``. It fills all but the biases; a scheme of its own can
      fill those too.

    Patterns go before classes, and the first that matches decides. A rule of None leaves alone what
    it matches. A rule that nothing is left for is an error. A class of minnet stands for torch's of
    the same name too.

    With ``nonlinearity="auto"`` or ``gain="auto"`` each layer gets the gain of the activation that
    follows it, read from the `Sequential`s that it is in: normalization, dropout and the like are
    passed over, and where no activation comes the layer is "linear". What a `forward` of one's own
    does cannot be read, so a layer outside of a `Sequential` needs a rule.

    An initializer that goes by fans is told how a layer's weight is laid out, where that is not
    (out, in, *kernel): groups, transposed convolutions, the gates of a recurrent layer (each has
    its own fans, and `orthogonal_` makes each orthogonal), the packed matrices of an attention, and
    what `minnet.nn.kinds.register` tells of a layer of your own.
    Keywords of `fans` among the arguments go before. A weight that a parametrization of torch's
    computes is set through it.

    The layers are filled children first, in the order in which `apply` reaches them, a layer or
    parameter that is used twice once only. An embedding's padding row stays zero. Before the first
    is filled all are looked at.

    Args:
        weight: an initializer.
        bias: an initializer for the biases; None leaves them as they are.
        rules: initializers by pattern or class.
        generator: draws all values; None is the default generator.
        arguments: for `weight`.

    Raises:
        TypeError: no initializer and no rules, a rule that is none, or arguments that `weight`
            does not take.
        ValueError: when called: a rule that matches nothing, an "auto" that cannot be read, or a
            weight whose parametrization cannot be set, or not to these values.

    Example:
        >>> from minnet import nn
        >>> from minnet.nn import init
        >>> net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> _ = net.apply(init.scheme(init.kaiming_normal_, nonlinearity="relu", bias=init.zeros_))
        >>> net[0].bias.abs().sum().item()
        0.0
        >>> _ = net.apply(init.scheme(init.orthogonal_, gain="auto", rules={"2.*": init.zeros_}))
        >>> net[2].weight.abs().sum().item()
        0.0
    """
    return Scheme(weight, bias, rules or {}, generator, arguments)


def by_name_(net: Any, scheme: Rule, *, seed: int) -> Any:
    """Initialize a network, each parameter from a stream of its own that its full name decides.

    The stream is ``Generator(seed=seed).fold_in(name)``. So the bits of a parameter depend on the
    seed, its name and its shape, and not on what else the network has: adding, moving or freezing a
    layer leaves all others as they were, and any single parameter can be made again alone.

    Args:
        net: a network of minnet or torch.
        scheme: a `scheme`, or an initializer for the weights.
        seed: a 64-bit int.

    Returns:
        The network.

    Raises:
        ValueError: the scheme has a generator of its own, or does not fit the network.

    Example:
        >>> import minnet
        >>> from minnet import nn
        >>> from minnet.nn import init
        >>> small = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        >>> large = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8))
        >>> for net in (small, large):
        ...     _ = init.by_name_(net, init.xavier_uniform_, seed=1)
        >>> minnet.equal(small[0].weight, large[0].weight)
        True
    """
    if not isinstance(scheme, Scheme):
        scheme = Scheme(scheme, None, {}, None, {})
    if any(each._generator is not None for each in scheme._all()):
        raise ValueError("by_name_ draws from a stream for each name; leave the generator out")
    return scheme._initialize(net, Generator(seed=seed).fold_in)


class Scheme:
    """What `scheme` returns: hand it to a network's `apply`, or call it with the network."""

    def __init__(
        self,
        weight: Rule,
        bias: Rule,
        rules: Mapping[Any, Rule],
        generator: Generator | None,
        arguments: dict[str, Any],
    ):
        if weight is bias is None and not rules:
            raise TypeError("a scheme needs an initializer or rules, but got none")
        if weight is None and arguments:
            raise TypeError(f"there is no initializer that {next(iter(arguments))!r} is for")
        self._weight = _fill(weight, **arguments)
        self._bias = _fill(bias)
        self._patterns = {k: _fill(rule) for k, rule in rules.items() if isinstance(k, str)}
        self._types: dict[type, Any] = {}
        self._generator = generator
        for key, rule in rules.items():
            if isinstance(key, type):
                self._types[key] = rule if isinstance(rule, Scheme) else _fill(rule)
            elif not isinstance(key, str):
                raise TypeError(
                    "a rule is for a class of layers or for a pattern of names such as 'head.*', "
                    f"but got {key!r}"
                )

    def __repr__(self) -> str:
        parts = [] if self._weight is None else [str(self._weight)]
        parts += [] if self._bias is None else [f"bias={self._bias}"]
        rules = [f"{pattern!r}: {rule}" for pattern, rule in self._patterns.items()]
        rules += [f"{cls.__name__}: {rule}" for cls, rule in self._types.items()]
        parts += [f"rules={{{', '.join(rules)}}}"] if rules else []
        return f"scheme({', '.join(parts)})"

    def __call__(self, module: Any) -> Any:
        """Initialize a network, and return it.

        As the function of `apply` it is called with every module, children first. It waits for the
        last call, which is for the network itself: only then are the parameters' full names known,
        and whether each rule has found one.
        """
        return module if _in_the_apply_of_a_parent(self) else self._initialize(module)

    def _all(self) -> Iterator[Scheme]:
        yield self
        for rule in self._types.values():
            if isinstance(rule, Scheme):
                yield from rule._all()

    def _initialize(self, net: Any, generators: Callable[[str], Generator] | None = None) -> Any:
        computed = {module: kinds.computed(module) for module in net.modules()}
        with contextlib.ExitStack() as stack:
            if any(computed.values()):  # only when it has been set is it known what it gives back
                stack.enter_context(restored_on_error(computed))
            for step in self._plan(net, computed):
                step.run(generators(step.name) if generators else step.generator)
        return net

    def _plan(self, net: Any, computed: dict[Any, dict[str, kinds.Computed]]) -> list[_Step]:
        following = FollowingActivations(net)
        used: set[Any] = set()
        # The parts of what is computed are no weights: they are set through it.
        seen = {id(p) for found in computed.values() for each in found.values() for p in each.parts}
        names, plan = [], []
        for path, module in _children_first(net, "", set()):
            members = [(own, getattr(module, own)) for own in computed[module]]
            for own, parameter in module.named_parameters(recurse=False):
                if id(parameter) not in seen:  # nor tied to one before it
                    seen.add(id(parameter))
                    members.append((own, parameter))
            for own, tensor in members:
                name = f"{path}.{own}" if path else own
                names.append(name)
                if hasattr(tensor, "materialize"):  # one of torch's UninitializedParameters
                    raise ValueError(
                        f"{name!r} has no shape yet, as its layer is lazy: call the network with a "
                        "batch first. Nothing was initialized."
                    )
                fill, generator = self._rule(name, own, module, tensor, used)
                if fill is not None:
                    by = computed[module].get(own)
                    step = _Step(name, own, module, tensor, fill, generator, by)
                    step.arguments = fill.arguments_for(step, following)
                    plan.append(step)
        idle = self._idle(used)
        if idle:
            raise ValueError(
                f"no parameter of the {type(net).__name__} is left for {' and for '.join(idle)}; "
                f"they are: {', '.join(names[:8]) or 'none'}{', …' if len(names) > 8 else ''}. "
                "Nothing was initialized. (The scheme itself goes into net.apply, not a function "
                "that calls it.)"
            )
        return plan

    def _rule(
        self, name: str, own: str, module: Any, parameter: Any, used: set[Any]
    ) -> tuple[_Fill | None, Generator | None]:
        """Return what fills a parameter, and from which generator; and note the rule as used."""
        for pattern, rule in self._patterns.items():
            if fnmatchcase(name, pattern):
                used.add((self, pattern))
                return rule, self._generator
        for cls, rule in self._types.items():
            if _is_a(module, cls):
                used.add((self, cls))
                if isinstance(rule, Scheme):
                    fill, generator = rule._rule(name, own, module, parameter, used)
                    if fill is not None:
                        return fill, generator or self._generator
                elif rule is None or "bias" not in own:
                    return rule, self._generator
                break
        if kinds.normalization(module):
            return None, None
        kind = "bias" if "bias" in own else "weight"
        if kind == "weight" and parameter.ndim < 2:
            return None, None
        used.add((self, kind))
        return (self._bias if kind == "bias" else self._weight), self._generator

    def _idle(self, used: set[Any]) -> list[str]:
        """Return the rules that have matched nothing, in words."""
        idle = [f"the pattern {p!r}" for p in self._patterns if (self, p) not in used]
        for cls, rule in self._types.items():
            if (self, cls) not in used:
                idle.append(f"the class {cls.__name__}")
            elif isinstance(rule, Scheme):
                idle += [f"{text} within {cls.__name__}" for text in rule._idle(used)]
        if self._weight is not None and (self, "weight") not in used:
            idle.append(f"the weights' {self._weight}")
        if self._bias is not None and (self, "bias") not in used:
            idle.append(f"the biases' {self._bias}")
        return idle


@dataclass
class _Step:
    """A tensor of a module, and what fills it."""

    name: str
    own: str
    module: Any
    tensor: Any
    fill: _Fill
    generator: Generator | None
    computed: kinds.Computed | None
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layout = kinds.layout(self.module, self.own, self.tensor)
        if self.computed and not self.computed.settable:
            raise self._refusal("older than torch.nn.utils.parametrize, which cannot be set")

    def run(self, generator: Generator | None) -> None:
        """Fill the tensor; one that is computed by setting what it is computed from."""
        tensor = self.tensor.detach().clone() if self.computed else self.tensor
        self.fill(tensor, self.arguments, generator)
        padding = getattr(self.module, "padding_idx", None)
        if padding is not None and self.own == "weight":
            holders.array_of(tensor)[padding] = 0
        if self.computed:
            self._set(tensor)

    def _set(self, tensor: Any) -> None:
        with unrecorded():
            try:
                setattr(self.module, self.own, tensor)
            except (RuntimeError, ValueError) as error:
                raise self._refusal(f"which cannot be set: {error}") from error
            now = getattr(self.module, self.own)
        wanted = holders.array_of(tensor)
        if not np.allclose(holders.array_of(now), wanted, 1e-3, 1e-4 * np.abs(wanted).max()):
            raise self._refusal(f"which makes something else of what {self.fill} gives")

    def _refusal(self, why: str) -> ValueError:
        by = self.computed.by if self.computed else ""
        return ValueError(
            f"{self.name!r} is computed by a parametrization, {by}, {why}. Nothing was "
            "initialized. Initialize the network before it is parametrized, or give the scheme the "
            f"rule {{{self.name!r}: None}}"
        )


class _Fill:
    """An initializer with its arguments."""

    def __init__(self, function: Any, arguments: dict[str, Any]):
        self.function, self.arguments = function, arguments
        self.parameters = inspect.signature(function).parameters
        layout = self.parameters.get("layout")
        self.by_fans = layout is not None and layout.kind is layout.VAR_KEYWORD
        try:
            inspect.signature(function).bind(None, **arguments)
        except TypeError as error:
            raise TypeError(f"{self}: {error}") from None

    def __str__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.arguments.items())
        name = getattr(self.function, "__name__", repr(self.function))
        return f"{name}({given})" if given else name

    def __call__(self, parameter: Any, arguments: dict[str, Any], generator: Any) -> None:
        if generator is not None and "generator" in self.parameters:
            arguments = {"generator": generator, **arguments}
        self.function(parameter, **arguments)

    def arguments_for(self, step: _Step, following: FollowingActivations) -> dict[str, Any]:
        """Return the arguments: with the layer's layout, and what follows it for each "auto"."""
        layout = {k: v for k, v in step.layout.items() if self.by_fans or k in self.parameters}
        arguments = {**layout, **self.arguments}
        for key, value in self.arguments.items():
            if not (isinstance(value, str) and value == "auto"):
                continue
            activation = following.after(step.module, step.name)
            if key == "nonlinearity":
                arguments[key] = activation.nonlinearity
                if activation.slope is not None and "a" in self.parameters:
                    arguments["a"] = activation.slope
            elif key == "gain":
                arguments[key] = activation.gain()
            else:
                raise ValueError(f"{key}='auto': only a nonlinearity or a gain can be read")
        return arguments


def _fill(rule: Rule, **arguments: Any) -> _Fill | None:
    if rule is None:
        return None
    while isinstance(rule, functools.partial) and not rule.args:
        rule, arguments = rule.func, {**rule.keywords, **arguments}
    if not callable(rule) or isinstance(rule, Scheme | type):
        raise TypeError(
            "expected an initializer, such as init.kaiming_normal_ or "
            f"functools.partial(init.normal_, std=0.02), but got {rule!r}"
        )
    return _Fill(rule, arguments)


def _children_first(module: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield every module once with its path, as `apply` reaches them."""
    if id(module) in seen:
        return
    seen.add(id(module))
    for name, child in module.named_children():
        yield from _children_first(child, f"{path}.{name}" if path else name, seen)
    yield path, module


def _is_a(module: Any, cls: type) -> bool:
    """Say whether a module is of a class, or of one that another library names so."""
    return isinstance(module, cls) or any(
        c.__name__ == cls.__name__
        and c.__module__.partition(".")[0] != cls.__module__.partition(".")[0]
        for c in type(module).__mro__
    )


def _in_the_apply_of_a_parent(function: Any) -> bool:
    """Say whether the caller's caller was called by an `apply(function)` within another.

    `apply`, minnet's and torch's alike, tells its function neither which module is the network nor
    when it is done. But it calls itself, so the stack holds one frame of it for each level.
    """
    frame: Any = sys._getframe(2)
    apply = frame.f_code
    if apply.co_name != "apply" or frame.f_locals.get("fn") is not function:
        return False
    while (frame := frame.f_back) is not None:
        if frame.f_code is apply and frame.f_locals.get("fn") is function:
            return True
    return False
