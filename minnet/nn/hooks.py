"""Hooks: functions that a module calls before, after and behind its forward."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minnet import operation
from minnet.autograd.function import share
from minnet.graph import RemovableHandle, register
from minnet.mode import is_grad_enabled
from minnet.tensor import Tensor
from minnet.variable import wrap


class Hook(NamedTuple):
    """A registered function and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


# Hooks on all modules: the attribute that holds a module's own of that kind, and the hook. Every
# call asks whether there are any.
EVERYWHERE: OrderedDict[int, tuple[str, Any]] = OrderedDict()


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before every forward of every module; see `Module`'s method.

    Hooks on all modules are called before a module's own.
    """
    return register(EVERYWHERE, ("_forward_pre_hooks", Hook(hook)))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every forward of every module; see `Module`'s method.

    Example:
        >>> import minnet
        >>> from minnet import nn
        >>> from minnet.nn.modules.module import register_module_forward_hook
        >>> net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        >>> with register_module_forward_hook(lambda m, args, out: print(type(m).__name__)):
        ...     _ = net(minnet.ones(5, 3))
        Linear
        ReLU
        Sequential
    """
    return register(EVERYWHERE, ("_forward_hooks", Hook(hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` in every module's backward; see `Module`'s method."""
    return register(EVERYWHERE, ("_backward_pre_hooks", hook))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` in every module's backward; see its method."""
    return register(EVERYWHERE, ("_backward_hooks", hook))


def _hooks(module: Any, kind: str) -> dict[int, Any]:
    """Return the hooks to call: those on all modules, then the module's own."""
    everywhere = {key: hook for key, (of, hook) in EVERYWHERE.items() if of == kind}
    return everywhere | getattr(module, kind)


Gradients = tuple[Tensor | None, ...]


def _shown(V: Any, dy: Any, wanted: Any, hook: Any) -> list[Any]:
    """Return the gradients after `hook` has seen, and perhaps replaced, all of them together."""
    recorded = V is operation.tensors
    found = hook([g if g is None or recorded else wrap(g) for g in dy])
    return [g if g is None or recorded else g.array for g in found]


@operation.operation(
    "BackwardHookFunctionBackward", joint=_shown, variadic=True, several=True, fills=False,
    foreign=True, where="", quiet=True, shape=lambda shapes: tuple(shapes),
)  # fmt: skip
def _watched(tensors: Any, hook: Any) -> Any:
    """Return the same arrays: identities, which show `hook` all their gradients."""
    return tensors


def _watch(
    values: tuple[Any, ...], hook: Callable[[list[Tensor | None], list[bool]], Sequence[Any] | None]
) -> tuple[Any, ...]:
    """Return `values` with identities behind the tensors, which show `hook` all their gradients.

    `hook(gradients, arrived)` gets one gradient for each value (None where that is no tensor) and
    whether one came; one that did not is zero. It may return others. The forward copies nothing,
    and what it returns are views: a change in place would escape the hook.
    """
    flowing = [k for k, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
    # Not the values themselves, which the graph would keep alive.
    like = [(v.array.shape, v.array.dtype) if isinstance(v, Tensor) else None for v in values]

    def called(dys: list[Any]) -> list[Any]:
        arrived = [False] * len(like)
        device = next((g.array for g in dys if g is not None), None)
        gradients: list[Any] = [
            None if x is None else wrap(np.zeros(*x, like=device)) for x in like
        ]
        for k, g in zip(flowing, dys, strict=True):
            if g is not None:
                gradients[k], arrived[k] = g, True
        replaced = hook(gradients, arrived)
        if replaced is None:
            return [gradients[k] for k in flowing]
        new = [replaced[k] for k in flowing]
        return [
            g if g is None else g.expand(like[k][0])  # type: ignore[index]
            for g, k in zip(new, flowing, strict=True)
        ]

    outs = _watched([values[k] for k in flowing], called)
    watched = list(values)
    for k, out in zip(flowing, outs, strict=True):
        share(out, values[k])
        watched[k] = out
    return tuple(watched)


def _flows(values: Sequence[Any]) -> bool:
    return is_grad_enabled() and any(isinstance(v, Tensor) and v.requires_grad for v in values)


class BackwardHooks:
    """One call of a module whose gradients are watched: `inputs`, then `outputs`."""

    def __init__(
        self,
        module: Any,
        pre_hooks: Iterable[Callable[..., Any]],
        hooks: Iterable[Callable[..., Any]],
    ):
        self.module = module
        self.pre_hooks = tuple(pre_hooks)
        self.hooks = tuple(hooks)
        self.grad_outputs: Gradients | None = None
        self.inputs_flow = False
        self.n_inputs = 0

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments, watched if gradients flow to them."""
        self.n_inputs = len(args)
        self.inputs_flow = _flows(args)
        return _watch(args, self._at_inputs) if self.inputs_flow else args

    def outputs(self, result: Any) -> Any:
        """Return the module's result, watched if gradients come from it."""
        values = result if isinstance(result, tuple) else (result,)
        if not isinstance(result, Tensor | tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
        if not _flows(values):
            return result
        watched = _watch(values, self._at_outputs)
        if not isinstance(result, tuple):
            return watched[0]
        # A namedtuple takes its fields one by one.
        return watched if type(result) is tuple else type(result)(*watched)

    def _at_outputs(self, gradients: list[Tensor | None], arrived: list[bool]) -> Any:
        self.grad_outputs = tuple(g if a else None for g, a in zip(gradients, arrived, strict=True))
        for hook in self.pre_hooks:
            replaced = hook(self.module, self.grad_outputs)
            if replaced is not None:
                self.grad_outputs = _checked(replaced, self.grad_outputs, "pre hook", "grad_output")
        grad_outputs = self.grad_outputs
        if not self.inputs_flow:
            self._call_without_inputs()
        return grad_outputs

    def _at_inputs(self, gradients: list[Tensor | None], arrived: list[bool]) -> Any:
        if self.grad_outputs is None:  # backward started between the inputs and the outputs
            return None
        grad_inputs: Gradients = tuple(gradients)
        for hook in self.hooks:
            replaced = hook(self.module, grad_inputs, self.grad_outputs)
            if replaced is not None:
                grad_inputs = _checked(replaced, grad_inputs, "hook", "grad_input")
        self.grad_outputs = None
        return grad_inputs

    def _call_without_inputs(self) -> None:
        if self.hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs require gradients. See https://docs.pytorch.org/docs/main/"
                "generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for "
                "more details.",
                stacklevel=5,
            )
        for hook in self.hooks:
            result = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if result is not None and not (
                isinstance(result, tuple) and all(g is None for g in result)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None


def _checked(replaced: Any, old: Gradients, hook: str, what: str) -> Gradients:
    replaced = replaced if isinstance(replaced, tuple | list) else (replaced,)
    if len(replaced) != len(old):
        raise RuntimeError(
            f"Backward {hook} returned an invalid number of {what}, got {len(replaced)}, "
            f"but expected {len(old)}"
        )
    for gradient in replaced:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise TypeError(
                f"Backward {hook} must return None or a tuple of tensors and None for {what}, got "
                f"{type(gradient).__name__} in it"
            )
    return tuple(replaced)


def _call_forward_hook(module: Any, hook: Hook, args: Any, kwargs: Any, result: Any) -> Any:
    """Return the output as the hook leaves it."""
    if hook.with_kwargs:
        replaced = hook.function(module, args, kwargs, result)
    else:
        replaced = hook.function(module, args, result)
    return result if replaced is None else replaced


def _call_pre_hook(
    module: Any, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as the hook leaves them."""
    if not hook.with_kwargs:
        replaced = hook.function(module, args)
        if replaced is not None:
            args = replaced if isinstance(replaced, tuple) else (replaced,)
        return args, kwargs
    replaced = hook.function(module, args, kwargs)
    if replaced is None:
        return args, kwargs
    if not isinstance(replaced, tuple) or len(replaced) != 2:
        raise RuntimeError(
            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
            f"{replaced}."
        )
    return replaced


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module's forward with all its hooks around it."""
    result = None
    called: set[int] = set()
    try:
        for hook in _hooks(module, "_forward_pre_hooks").values():
            args, kwargs = _call_pre_hook(module, hook, args, kwargs)
        watch = None
        pre_hooks, hooks = _hooks(module, "_backward_pre_hooks"), _hooks(module, "_backward_hooks")
        if pre_hooks or hooks:
            watch = BackwardHooks(module, pre_hooks.values(), hooks.values())
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for key, hook in _hooks(module, "_forward_hooks").items():
            called.add(key)
            result = _call_forward_hook(module, hook, args, kwargs, result)
        return result if watch is None else watch.outputs(result)
    except Exception:
        for key, hook in _hooks(module, "_forward_hooks").items():
            if hook.always_call and key not in called:
                try:
                    result = _call_forward_hook(module, hook, args, kwargs, result)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=3,
                    )
        raise
