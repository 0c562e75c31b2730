"""State: what a module keeps in its `state_dict`, and how it is loaded."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from minnet import dtypes
from minnet.graph import RemovableHandle, register
from minnet.mode import no_grad
from minnet.nn.init.provenance import note_loaded
from minnet.nn.members import REGISTRIES
from minnet.nn.parameter import Parameter
from minnet.tensor import Tensor
from minnet.variable import wrap


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find, and what it did not need."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_{super().__repr__()}"

    __str__ = __repr__


EXTRA = "_extra_state"  # the name of what `get_extra_state` returns, after the module's path
ASSIGN = "assign_to_params_buffers"  # in the metadata of a module whose state is loaded, as torch


@contextmanager
def unchanged_on_failure(
    module: State, contents: bool = False, others: Iterable[Tensor] = ()
) -> Iterator[None]:
    """Put all members of a tree of modules back, to the bit, if the block fails.

    Args:
        module: the root of the tree.
        contents: whether the block may write to the members' memory, too, of which copies are kept.
        others: tensors besides, whose memory it does not write to.
    """
    registries = [m.__dict__[name] for m in module.modules() for name in REGISTRIES]
    found = [(registry, dict(registry)) for registry in registries]
    members = {id(t): t for _, known in found for t in known.values() if isinstance(t, Tensor)}
    kept: list[tuple[Any, ...]] = [
        (
            *(t, t.__class__, t.array, t._grad, t._requires_grad, dict(t.__dict__)),
            None if t.is_inference() else t._version,
            t.array.copy() if contents and t.array.flags.writeable else None,
        )
        for t in {**members, **{id(t): t for t in others}}.values()
    ]
    try:
        yield
    except BaseException:
        for registry, known in found:
            registry.clear()
            registry.update(known)
        for t, *slots, attributes, version, values in kept:
            t.__class__, t.array, t._grad, t._requires_grad = slots
            t.__dict__.clear()
            t.__dict__.update(attributes)
            if values is not None:
                t.array[...] = values
            if version is not None:
                t.counter()[0] = version
        raise


class State:
    """What a module keeps, and how it is loaded: the part of `Module` that programs override."""

    _version = 1  # of the layout of its state, kept in a state_dict's metadata
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_pre_hooks: OrderedDict[int, Any]
    _state_dict_hooks: OrderedDict[int, Any]
    _load_state_dict_pre_hooks: OrderedDict[int, Any]
    _load_state_dict_post_hooks: OrderedDict[int, Any]
    modules: Callable[[], Iterator[Any]]

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return the parameters and persistent buffers by path. They share memory with the module.

        Args:
            destination: a dictionary to add to, in place of a new one.
            prefix: put before every path.
            keep_vars: return the parameters themselves, in place of detached tensors.

        Example:
            >>> from minnet import nn
            >>> {k: tuple(v.shape) for k, v in nn.Linear(3, 2).state_dict().items()}
            {'weight': (2, 3), 'bias': (2,)}
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, metadata)
            destination = destination if replaced is None else replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the state of this module alone into `destination`. Subclasses may extend it."""
        for name, member in self._own_state().items():
            destination[prefix + name] = member if keep_vars else member.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        hidden = self._non_persistent_buffers_set
        buffers = {k: v for k, v in self._buffers.items() if k not in hidden}
        return {k: v for k, v in {**self._parameters, **buffers}.items() if v is not None}

    def get_extra_state(self) -> Any:
        """Return what belongs to the module's state and is no tensor. Subclasses may define it.

        It is saved as `_extra_state` behind the module's path. `minnet.save` takes numbers,
        strings, tensors and containers of them.

        Raises:
            RuntimeError: always; a subclass that defines it has an extra state.

        Example:
            >>> from minnet import nn
            >>> class Counter(nn.Module):
            ...     seen = 0
            ...     def get_extra_state(self):
            ...         return self.seen
            ...     def set_extra_state(self, state):
            ...         self.seen = state
            >>> a, b = Counter(), Counter()
            >>> a.seen = 3
            >>> b.load_state_dict(a.state_dict())
            <All keys matched successfully>
            >>> b.seen
            3
        """
        raise RuntimeError(_no_extra(self, "get"))

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` returned, of a state that is loaded.

        Raises:
            RuntimeError: always; a subclass that has an extra state defines it.
        """
        raise RuntimeError(_no_extra(self, "set"))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy parameters and buffers from a `state_dict`, whose values may be NumPy arrays too.

        A call that fails, for whatever reason, leaves all parameters and buffers as they were.

        Args:
            state_dict: tensors by path. Their shapes must be the module's; dtypes are converted.
            strict: whether the keys must be exactly the module's.
            assign: put the given tensors in place of the module's, in place of copying.

        Returns:
            The missing and the unexpected keys.

        Raises:
            TypeError: if `state_dict` is not a mapping.
            RuntimeError: if a shape does not fit, a value is no tensor, or with `strict` a key is
                missing or unexpected.

        Example:
            >>> from minnet import nn
            >>> a, b = nn.Linear(3, 2), nn.Linear(3, 2)
            >>> a.load_state_dict(b.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        keys, errors = IncompatibleKeys([], []), list[str]()
        metadata = getattr(state_dict, "_metadata", {})
        state: Any = OrderedDict(state_dict)
        state._metadata = metadata

        def visit(module: State, state: dict[str, Any], prefix: str) -> None:
            local = {**metadata.get(prefix[:-1], {})}
            if assign:
                local[ASSIGN] = True
            module._load_from_state_dict(state, prefix, local, True, *keys, errors)
            for name, child in module._modules.items():
                if child is not None:
                    path = f"{prefix}{name}."
                    visit(child, {k: v for k, v in state.items() if k.startswith(path)}, path)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, keys) is not None:
                    raise RuntimeError(
                        "load_state_dict post-hook must return None: it changes the keys in place"
                    )

        given = [t for t in state.values() if isinstance(t, Parameter)] if assign else ()
        with unchanged_on_failure(self, contents=not assign, others=given):
            visit(self, state, "")
            missing, unexpected = (", ".join(f'"{key}"' for key in found) for found in keys)
            if strict and unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {unexpected}. ")
            if strict and missing:
                errors.insert(0, f"Missing key(s) in state_dict: {missing}. ")
            if errors:
                raise RuntimeError(
                    f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                    + "\n\t".join(errors)
                )
        return keys

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load the state of this module alone, whose keys start with `prefix`.

        Subclasses may extend it, to take the states of older versions for example. What does not
        fit is added to the three lists, and `load_state_dict` fails at the end.
        """
        lists = missing_keys, unexpected_keys, error_msgs
        for hook in self._load_state_dict_pre_hooks.values():
            hook(self, state_dict, prefix, local_metadata, strict, *lists)
        own = self._own_state()
        for name, member in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys += [key] if strict else []
                continue
            value = _as_tensor(state_dict[key], member)
            if value is not None and member.shape == () and value.shape == (1,):
                value = value[0]  # as torch saved scalars once
            if value is None:
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or '
                    f"Tensor-like object from checkpoint but received {type(state_dict[key])}"
                )
            elif value.shape != member.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {value.shape} from "
                    f"checkpoint, the shape in current model is {member.shape}."
                )
            elif local_metadata.get(ASSIGN):
                new = _in_place_of(member, value)
                setattr(self, name, new)
                note_loaded(new)
            elif not member.array.flags.writeable:
                error_msgs.append(
                    f"cannot copy into {key}: its memory is read-only; use assign=True"
                )
            else:
                with no_grad():
                    member.copy_(value)
                note_loaded(member)
        extra = prefix + EXTRA
        if type(self).set_extra_state is not State.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        for key in state_dict if strict else ():
            child, dot, _ = key[len(prefix) :].partition(".")
            if key.startswith(prefix) and key != extra:
                if child not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    # Hooks

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` reads the module."""
        return register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata)` after `state_dict`, to edit it."""
        return register(self._state_dict_hooks, partial(_editing, hook))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As the public one; a state that it returns stands for the module's."""
        return register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before `load_state_dict` reads its part of a copy of the
        state, which the hook may edit."""
        return register(self._load_state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As the public one, but the hook gets no module."""
        known = hook if with_module else partial(_without_module, hook)
        return register(self._load_state_dict_pre_hooks, known)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after `load_state_dict` has loaded the module and
        its children. It may edit the lists `missing_keys` and `unexpected_keys`."""
        return register(self._load_state_dict_post_hooks, hook)


# Not closures: a copy of a module has copies of its hooks.
def _editing(hook: Callable[..., Any], *arguments: Any) -> None:
    if hook(*arguments) is not None:
        raise RuntimeError("state_dict post-hook must return None")


def _without_module(hook: Callable[..., Any], module: Any, *arguments: Any) -> Any:
    return hook(*arguments)


def _no_extra(module: State, verb: str) -> str:
    return (
        f"{type(module).__name__} has no extra state: define {verb}_extra_state, or load a state "
        "without one"
    )


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
