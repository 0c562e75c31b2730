"""Parametrizations: a tensor of a module that is computed from others each time it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from minnet.mode import no_grad
from minnet.nn.container import ModuleDict, ModuleList
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter
from minnet.tensor import Tensor

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization",
    "remove_parametrizations", "type_before_parametrizations",
]  # fmt: skip

_cache: dict[tuple[int, str], Tensor] = {}
_caching = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once while it is on, and keep it.

    Example:
        >>> from minnet.nn.utils import parametrize
        >>> with parametrize.cached():
        ...     pass
    """
    global _caching
    _caching += 1
    try:
        yield
    finally:
        _caching -= 1
        if not _caching:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _inverse(parametrizations: Any, value: Any, strict: bool) -> Any:
    """Return what parametrizations compute a value from, by their right inverses."""
    with no_grad():
        for module in reversed(list(parametrizations)):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    if strict:
                        raise
            elif strict:
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse."
                )
    return value


def _require_same(old: Tensor, new: Any, who: str) -> None:
    """Check that a tensor takes the place of another one.

    Raises:
        ValueError: if it is none, or has another dtype or shape.
    """
    if not isinstance(new, Tensor):
        raise ValueError(f"{who} must return a tensor. Got {type(new).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(old, what) != getattr(new, what):
            raise ValueError(
                f"{who} may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
                f"before: {getattr(old, what)}\nafter: {getattr(new, what)}"
            )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in turn, and what the first one takes.

    That is `original`, or `original0`, `original1`, ... where `right_inverse` returned several.

    Args:
        modules: the parametrizations.
        original: the tensor that they are to compute from now on.
        unsafe: do not check that they keep its dtype and shape.

    Raises:
        ValueError: if there is none, or they return something else.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        like = original.detach()
        new = _inverse(self, original, strict=False)
        self.is_tensor = isinstance(new, Tensor)
        if not self.is_tensor and not isinstance(new, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.ntensors = 1 if self.is_tensor else len(new)
        kept = original.data
        if self.is_tensor:
            for what in ("dtype", "device"):
                if getattr(original, what) != getattr(new, what):
                    raise ValueError(
                        f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                        f"original.{what}: {getattr(original, what)}\n"
                        f"right_inverse(original).{what}: {getattr(new, what)}"
                    )
            if new is not original:
                original.data = new
            _register(self, "original", original)
        else:
            for i, tensor in enumerate(new):
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                        f"tuple...). Got element {i} of the sequence with type "
                        f"{type(tensor).__name__}."
                    )
                if isinstance(original, Parameter):
                    tensor = Parameter(tensor, original.requires_grad)
                _register(self, f"original{i}", tensor.requires_grad_(original.requires_grad))
        if not unsafe:
            try:
                _require_same(like, self(), "A parametrization")
            except ValueError:
                original.data = kept
                raise

    def originals(self) -> list[Tensor]:
        """Return what the first parametrization takes."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set what is computed from, so that a value comes out.

        Raises:
            RuntimeError: if a parametrization has no inverse.
            ValueError: if the inverse returns something else. Nothing has changed then.
        """
        found = _inverse(self, value, strict=True)
        new = [found] if self.is_tensor else list(found)
        originals = self.originals()
        if len(new) != len(originals):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got "
                f"a sequence of length {len(new)}."
            )
        for i, (tensor, original) in enumerate(zip(new, originals, strict=True)):
            if not isinstance(tensor, Tensor):
                kind = type(tensor).__name__
                raise ValueError(f"`right_inverse` should return a tensor. Got {kind}")
            if tensor.dtype != original.dtype:
                raise ValueError(
                    f"The tensor {i} returned by `right_inverse` has dtype {tensor.dtype} while "
                    f"`original` has dtype {original.dtype}"
                )
        for tensor, original in zip(new, originals, strict=True):
            original.data = tensor

    def forward(self) -> Any:
        """Return the parametrized tensor."""
        first, *others = self
        x = first(*self.originals())
        for module in others:
            x = module(x)
        return x


class _Parametrized(Module):
    """What the class of a parametrized module has besides that of the module."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copy = memo[id(self)] = type(self).__new__(type(self))
        copy.__setstate__(deepcopy(super().__getstate__(), memo))
        return copy

    def __getstate__(self) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()."
        )


def _property(name: str) -> property:
    def read(self: Module) -> Tensor:
        computed = self.parametrizations[name]
        if not _caching:
            return computed()
        key = id(self), name
        if key not in _cache:
            _cache[key] = computed()
        return _cache[key]

    def write(self: Module, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(read, write)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a parameter or buffer be what a module computes from it, or from its right inverse.

    Reading `module.weight` computes it anew; assigning to it sets what it is computed from, where
    `parametrization.right_inverse` says how. What it is computed from is
    `module.parametrizations.weight.original`. A further parametrization takes the first one's
    result.

    Args:
        module: whose tensor it is; its class changes to one of its own.
        tensor_name: the tensor's attribute.
        parametrization: takes the tensor and returns another one of its shape and dtype.
        unsafe: do not check that it does.

    Returns:
        The module.

    Raises:
        ValueError: if there is no such tensor, or the parametrization changes its dtype or shape.

    Example:
        >>> from minnet import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).t()
        >>> layer = nn.Linear(3, 3)
        >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.t()).all())
        True
        >>> [name for name, _ in layer.named_parameters()]
        ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            old = getattr(module, tensor_name)
            new = parametrization(old)
            _require_same(old, new, "Registering a parametrization")
            if hasattr(parametrization, "right_inverse"):
                back = _inverse([parametrization], new, strict=False)
                _require_same(old, back, "parametrization.right_inverse")
        held = module.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        original = getattr(module, tensor_name)
        held = ParametrizationList([parametrization], original, unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            cls = type(module)
            bases = (_Parametrized, cls)
            module.__class__ = type(f"Parametrized{cls.__name__}", bases, {"_before": cls})
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        module.parametrizations[tensor_name] = held
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Return whether a module has parametrizations, or whether this tensor of it has.

    Example:
        >>> from minnet import nn
        >>> nn.utils.parametrize.is_parametrized(nn.Linear(3, 3), "weight")
        False
    """
    held = vars(module).get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Take all parametrizations off a tensor.

    Args:
        module: whose tensor it is.
        tensor_name: the tensor's attribute.
        leave_parametrized: keep what was computed last; otherwise what it was computed from.

    Returns:
        The module.

    Raises:
        ValueError: if the tensor has none, or was computed from several that are to be kept.

    Example:
        >>> from minnet import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> nn.utils.parametrize.remove_parametrizations(layer, "weight")
        Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    if not held.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    original = held.originals()[0]
    if leave_parametrized:
        with no_grad():
            computed = getattr(module, tensor_name)
        if held.is_tensor:
            original.data = computed
        else:
            trained = original.requires_grad
            original = Parameter(computed) if trained else computed
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type_before_parametrizations(module)
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before it was parametrized.

    Example:
        >>> from minnet import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
        >>> type(layer).__name__
        'ParametrizedLinear'
        >>> nn.utils.parametrize.type_before_parametrizations(layer).__name__
        'Linear'
    """
    return getattr(type(module), "_before", type(module))
