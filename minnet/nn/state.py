"""State: what a module keeps in its `state_dict`, and how it is loaded."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minnet import dtypes
from minnet.mode import no_grad
from minnet.nn.init.provenance import note_loaded
from minnet.nn.parameter import Parameter
from minnet.tensor import Tensor
from minnet.variable import wrap

if TYPE_CHECKING:
    from minnet.nn.module import Module


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find, and what it did not need."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_{super().__repr__()}"

    __str__ = __repr__


def own_state(module: Module) -> dict[str, Tensor]:
    """Return the parameters and persistent buffers of one module, without its children's."""
    hidden = module._non_persistent_buffers_set
    buffers = {k: v for k, v in module._buffers.items() if k not in hidden}
    return {k: v for k, v in {**module._parameters, **buffers}.items() if v is not None}


class _Plan:
    """What a state would change in a tree of modules, and what speaks against it."""

    def __init__(self, metadata: Mapping[str, Any], assign: bool):
        self.metadata = metadata
        self.assign = assign
        self.keys = IncompatibleKeys([], [])
        self.errors: list[str] = []
        self.updates: list[tuple[Module, str, Tensor, Tensor]] = []

    def visit(self, module: Module, state: dict[str, Any], prefix: str) -> None:
        """Add a module and its children. The keys of `state` start with `prefix`."""
        local = dict(self.metadata.get(prefix[:-1], {}))
        for hook in module._load_state_dict_pre_hooks.values():
            hook(module, state, prefix, local, True, *self.keys, self.errors)
        own = own_state(module)
        for name, member in own.items():
            if prefix + name in state:
                self.compare(module, name, member, prefix + name, state[prefix + name])
            else:
                self.keys.missing_keys.append(prefix + name)
        for key in state:
            child, dot, _ = key[len(prefix) :].partition(".")
            if key.startswith(prefix) and child not in (module._modules if dot else own):
                self.keys.unexpected_keys.append(key)
        for name, inner in module._modules.items():
            if inner is not None:
                path = f"{prefix}{name}."
                self.visit(inner, {k: v for k, v in state.items() if k.startswith(path)}, path)

    def compare(self, module: Module, name: str, member: Tensor, key: str, given: Any) -> None:
        """Add the update of one member, or the reason why it cannot be."""
        value = _as_tensor(given, member)
        if value is not None and member.shape == () and value.shape == (1,):
            value = value[0]  # as torch saved scalars once
        if value is None:
            self.errors.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or '
                f"Tensor-like object from checkpoint but received {type(given)}"
            )
        elif value.shape != member.shape:
            self.errors.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {member.shape}."
            )
        elif not self.assign and not member.array.flags.writeable:
            self.errors.append(f"cannot copy into {key}: its memory is read-only; use assign=True")
        else:
            self.updates.append((module, name, member, value))

    def carry_out(self) -> None:
        """Copy, or put the given tensors in place of the module's."""
        if self.assign:
            new = [_in_place_of(member, value) for _, _, member, value in self.updates]
            for (module, name, _, _), tensor in zip(self.updates, new, strict=True):
                setattr(module, name, tensor)
                note_loaded(tensor)
            return
        with no_grad():
            for _, _, member, value in self.updates:
                member.copy_(value)
                note_loaded(member)


def load(
    module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Do what `Module.load_state_dict` says: first check everything, then copy."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    plan = _Plan(getattr(state_dict, "_metadata", {}), assign)
    plan.visit(module, dict(state_dict), "")
    missing, unexpected = (", ".join(f'"{key}"' for key in keys) for keys in plan.keys)
    if strict and unexpected:
        plan.errors.insert(0, f"Unexpected key(s) in state_dict: {unexpected}. ")
    if strict and missing:
        plan.errors.insert(0, f"Missing key(s) in state_dict: {missing}. ")
    if plan.errors:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t"
            + "\n\t".join(plan.errors)
        )
    plan.carry_out()
    return plan.keys


def _in_place_of(member: Tensor, value: Tensor) -> Tensor:
    """Return a given tensor as what the module's member is: a parameter, trained or not."""
    if not isinstance(member, Parameter):
        return value
    if not isinstance(value, Parameter):
        return Parameter(value, member.requires_grad)
    return value.requires_grad_(member.requires_grad)


def _as_tensor(value: Any, like: Tensor) -> Tensor | None:
    """Return a state's value as a tensor: another library's too, if NumPy can read it."""
    if isinstance(value, Tensor):
        return value
    try:
        array = np.asarray(value) if hasattr(value, "__array__") else None
    except (TypeError, RuntimeError):
        return None
    if array is None or array.dtype.kind not in "fiub":
        return None
    known = array.dtype in dtypes.OF_NUMPY  # float16, say, is not
    return wrap(array if known else array.astype(like.array.dtype))
