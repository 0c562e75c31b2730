"""`Optimizer`: parameter groups, state, and what every optimizer does with them."""

from __future__ import annotations

import math
import warnings
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import zip_longest
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from minnet import dtypes, kernels
from minnet.graph import RemovableHandle, register
from minnet.mode import enable_grad
from minnet.nn.module import typename
from minnet.nn.parameter import zero_gradients
from minnet.tensor import Tensor
from minnet.variable import read_only, wrap

Group = dict[str, Any]


class Optimizer:
    """The base of all optimizers. A subclass gives `update`, which makes one step of one group.

    Args:
        params: tensors, (name, tensor) pairs, or dicts with the key "params" and a group's options.
        defaults: the options of groups that do not give their own.

    Raises:
        TypeError: if `params` is a single tensor or a set, or holds something else than tensors, or
            an option is of a wrong type.
        ValueError: if there is no parameter, one is not a leaf, or one is in two groups, or an
            option is out of range.
    """

    # What `load_state_dict` checks of a parameter's state: which tensors have its shape, and what
    # has to be there.
    MOMENTS: tuple[str, ...] = ()
    REQUIRED: tuple[str, ...] = ()
    COUNTERS: ClassVar[Iterable[str]] = ()  # tensors of one number

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}"
            )
        self.check(defaults)
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for p, values in state["state"].items():
            for name in self.COUNTERS if isinstance(p, Tensor) else ():
                if not isinstance(values.get(name, p), Tensor):
                    values[name] = counter(float(values[name]))  # a number, in old files
        self.__dict__.update(state)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def add_param_group(self, param_group: Group) -> None:
        """Add a group of parameters, with its own options or else the defaults.

        Raises:
            TypeError: if it is no dict, "params" is a set or holds something else than tensors, or
                an option is of a wrong type.
            ValueError: if a parameter is not a leaf or is in another group, or an option is out of
                range.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set | frozenset):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
                )
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        group: Group = {**param_group, "params": params}
        if names:
            group["param_names"] = names
        for name, default in self.defaults.items():
            group.setdefault(name, default)
        self.check(group)
        # torch's choices of implementation, `foreach`, `fused` and `capturable`, change nothing:
        # there is one, fused over all parameters of a group.
        if group.get("differentiable"):
            raise NotImplementedError(
                "differentiable=True is not supported: no gradient flows through a step, which "
                "writes into the parameters; compute p - lr * g with tensors instead"
            )
        if group.get("fused") and group.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        known = {p for other in self.param_groups for p in other["params"]}
        for other in self.param_groups:
            if ("param_names" in group) != ("param_names" in other):
                kind = "with names" if "param_names" in group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} to the optimizer"
                )
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        param_group.update(group)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        if not set_to_none:
            zero_gradients(p for group in self.param_groups for p in group["params"])
            return
        for group in self.param_groups:
            for p in group["params"]:
                p._grad = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient, in place.

        Args:
            closure: clears the gradients, computes the loss, calls backward and returns the loss.

        Returns:
            What the closure returned, or None.

        Raises:
            RuntimeError: if a parameter, or what the optimizer keeps of it, is read-only, or does
                not fit its gradient. No parameter of any group has changed then.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if len(self.param_groups) == 1:  # as nearly always, in 0.4 us less
            for _ in self.update(self.param_groups[0]):
                pass
            return loss
        updates = [self.update(group) for group in self.param_groups]
        for _ in zip_longest(*updates):  # the first halves of all, then the second ones
            pass
        return loss

    def update(self, group: Group) -> Iterator[None]:
        """Make one step of one group: check everything, yield, and change nothing before that."""
        raise NotImplementedError

    def check(self, group: Group) -> None:
        """Check the options of a group.

        Raises:
            TypeError, ValueError: if one is of a wrong type or out of range.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the groups as torch does: numbers stand for the parameters."""
        for hook in self._hooks("state_dict_pre").values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        state_dict = {"state": state, "param_groups": groups}
        for hook in self._hooks("state_dict_post").values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` returned. Tensors are copied, and cast to their parameter's dtype.

        Raises:
            TypeError: if it is no dict, or something in it that should be a tensor is none.
            ValueError: if it has other groups than the optimizer, is the state of an optimizer of
                another kind, or of parameters of other shapes. Nothing has changed then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state_dict = {**state_dict}  # which a hook may edit
        for hook in self._hooks("load_state_dict_pre").values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        if not {"state", "param_groups"} <= state_dict.keys():
            raise ValueError(
                "expected the state dict of an optimizer, with the keys 'state' and "
                f"'param_groups', got the keys {list(state_dict)[:5]}"
            )
        if not isinstance(state_dict["state"], Mapping):
            raise TypeError(f"Expected 'state' to be a dict, got {type(state_dict['state'])}.")
        saved = deepcopy(state_dict["param_groups"])
        if not (
            isinstance(saved, list | tuple)
            and all(isinstance(g, dict) and isinstance(g.get("params"), list) for g in saved)
        ):
            raise TypeError(
                "Expected 'param_groups' to be a list of dicts with a list of numbers as 'params'."
            )
        if len(self.param_groups) != len(saved):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, "
                f"and the optimizer has {len(self.param_groups)}"
            )
        params: dict[Any, Tensor] = {}
        names: dict[Any, str] = {}
        for group, loaded in zip(self.param_groups, saved, strict=True):
            if len(group["params"]) != len(loaded["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: {len(loaded['params'])} and {len(group['params'])}"
                )
            params.update(zip(loaded["params"], group["params"], strict=True))
            names.update(zip(loaded["params"], group.get("param_names", ()), strict=False))
            loaded["params"] = group["params"]
            for name, default in self.defaults.items():
                loaded.setdefault(name, default)
            if "param_names" in group:
                loaded.setdefault("param_names", group["param_names"])
            self.check(loaded)
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if number in params:
                self._check_state(names.get(number, f"parameter {number}"), values, params[number])
                state[params[number]] = _copied(values, params[number])
            else:
                state[number] = values
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._hooks("load_state_dict_post").values():
            hook(self)

    # Hooks

    def _hooks(self, when: str) -> OrderedDict[int, Any]:
        """Return the hooks of one kind. As torch's, they stay behind where a copy is made."""
        kinds = vars(self).setdefault("_registered", defaultdict(OrderedDict))
        return kinds[when]

    def hook_step(self) -> None:
        """Let `step` call its hooks from now on, and note in `_opt_called` that it was called.

        Only then it is an attribute: a step that has no hooks does not look for any.
        """
        own = vars(self)
        if not isinstance(own.get("step"), HookedStep):
            own["step"] = HookedStep(self, own.get("step"))

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step.

        `args` begins with the optimizer. What the hook returns, a pair, replaces both.
        """
        self.hook_step()
        return register(self._hooks("step_pre"), hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step.

        Example:
            >>> import minnet
            >>> optimizer = minnet.optim.SGD([minnet.nn.Parameter(minnet.ones(1))])
            >>> with optimizer.register_step_post_hook(lambda *_: print("made a step")):
            ...     optimizer.step()
            made a step
        """
        self.hook_step()
        return register(self._hooks("step_post"), hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` reads the optimizer."""
        return register(self._hooks("state_dict_pre"), hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after `state_dict`, to edit or replace it."""
        return register(self._hooks("state_dict_post"), hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `load_state_dict` reads this shallow copy."""
        return register(self._hooks("load_state_dict_pre"), hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return register(self._hooks("load_state_dict_post"), hook, prepend)

    def _check_state(self, owner: str, values: Mapping[str, Any], p: Tensor) -> None:
        """Check what was saved of a parameter before any of it is taken."""
        if not isinstance(values, Mapping):
            raise TypeError(f"the state of {owner} should be a dict, but got {type(values)}")
        missing = [name for name in self.REQUIRED if values and name not in values]
        if missing:
            raise ValueError(
                f"loaded state dict has no {' and no '.join(missing)} of {owner}, but "
                f"{', '.join(values)}: is it of another kind of optimizer than "
                f"{type(self).__name__}?"
            )
        for name, value in values.items():
            needed = name in self.REQUIRED
            if not needed and (value is None or name not in self.MOMENTS):
                continue
            number = isinstance(value, int | float) and name not in self.MOMENTS
            if not number and not hasattr(value, "shape"):
                raise TypeError(
                    f"loaded state dict has, as {name} of {owner}, no tensor but {value!r}"
                )
            found = [] if number else list(value.shape)
            expected = list(p.shape) if name in self.MOMENTS else []
            if found != expected:
                raise ValueError(
                    f"size mismatch for {name} of {owner}: the shape in the loaded state dict is "
                    f"{found}, and the optimizer needs {expected}; is it of another model?"
                )


class HookedStep:
    """The `step` of an optimizer that has hooks: it calls them around the class's own.

    It knows the optimizer weakly, so that an optimizer is free as soon as nobody holds it.
    """

    def __init__(self, optimizer: Optimizer, overriding: Callable[..., Any] | None):
        self.optimizer = weakref.ref(optimizer)
        self.overriding = overriding

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        optimizer = self.optimizer()
        if optimizer is None:
            raise ReferenceError("the optimizer of this step is gone")
        optimizer._opt_called = True  # type: ignore[attr-defined]
        args = (optimizer, *args)
        for hook in tuple(optimizer._hooks("step_pre").values()):
            replaced = hook(optimizer, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        "a step pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {replaced}."
                    )
                args, kwargs = replaced
        if self.overriding is None:
            result = type(optimizer).step(*args, **kwargs)
        else:
            result = self.overriding(*args[1:], **kwargs)
        for hook in tuple(optimizer._hooks("step_post").values()):
            hook(optimizer, args, kwargs)
        return result


def counter(value: float) -> Tensor:
    """Return a number as an optimizer's state has it: a tensor, which Python reads."""
    return wrap(np.array(value, dtypes.get_default_dtype().numpy))


def options(given: dict[str, Any]) -> dict[str, Any]:
    """Return of what an optimizer's `__init__` was given, its `locals()`, a group's options."""
    return {k: v for k, v in given.items() if k not in ("self", "params", "__class__")}


def finite(options: dict[str, Any], least: float = 0.0, end: float = math.inf) -> None:
    """Check numbers, given by what an error calls them: they are in [least, end), and finite.

    Raises:
        TypeError: if one is neither a number nor a tensor of one.
        ValueError: if one is out of range.
    """
    for name, value in options.items():
        single = isinstance(value, Tensor) and value.nelement() == 1
        number: Any = value.item() if single else value
        if not isinstance(number, Real):
            raise TypeError(f"the {name} should be a number, but got {value!r}")
        if not (least <= float(number) < end and -math.inf < float(number)):
            raise ValueError(f"Invalid {name}: {value}")


def flags(group: Group, *names: str) -> None:
    """Check options that are true or false. A string would always be true.

    Raises:
        TypeError: if one is neither, nor a number or None, which torch takes, too.
    """
    for name in names:
        if not isinstance(group[name], bool | np.bool_ | int | None):
            raise TypeError(f"{name} should be True or False, but got {group[name]!r}")


def _copied(value: Any, p: Tensor, key: Any = None) -> Any:
    if hasattr(value, "__array__") and not isinstance(value, np.generic):  # torch's tensors too
        array = value.array if isinstance(value, Tensor) else np.asarray(value)
        if key == "step":  # which Python reads
            return wrap(kernels.moved(array, "cpu").copy(order="C"))
        return wrap(kernels.moved(array, p.device).astype(p.array.dtype, order="C"))
    if isinstance(value, dict):
        return {k: _copied(v, p, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(v, p) for v in value)
    return deepcopy(value)


def trained(group: Group) -> list[tuple[Tensor, np.ndarray, np.ndarray]]:
    """Return each parameter that has a gradient, its array and its gradient, both contiguous.

    A parameter that is not contiguous is worked on in a copy; `written` writes it back.

    Raises:
        RuntimeError: if a gradient does not fit, or a parameter may not be written to.
    """
    found = []
    for p in group["params"]:
        gradient = p._grad
        if gradient is None:
            continue
        w, g = p.array, gradient.array
        if g.shape != w.shape or g.dtype is not w.dtype:
            _fits(g, w, "gradient")
        if not (w.flags.carray and g.flags.carray):  # contiguous, aligned and writable
            if not w.flags.writeable:
                raise read_only(f"a parameter of shape {list(w.shape)}")
            w, g = w if w.flags.carray else w.copy(order="C"), g.copy(order="C")
        found.append((p, w, g))
    return found


def written(found: list[tuple[Tensor, np.ndarray, np.ndarray]]) -> None:
    """Note that what `trained` returned has been updated."""
    for p, w, _ in found:
        if w is not p.array:
            p.array[...] = w
        (p._counter or p.counter())[0] += 1  # `bump`, without a call


def row(
    p: Tensor,
    w: np.ndarray,
    g: np.ndarray,
    state: dict[str, Any],
    fresh: dict[Tensor, dict[str, Any]],
    names: Iterable[str],
) -> list[np.ndarray]:
    """Return what a kernel takes of a parameter: it, its gradient, and the running averages.

    A running average has the parameter's shape, and begins with zeros: in `fresh`, until the step
    is certain.

    Raises:
        RuntimeError: if one does not fit, or may not be written to.
    """
    shape, dtype = w.shape, w.dtype
    found = [w, g]
    for name in names:
        tensor = state.get(name)
        if tensor is None:
            new = fresh.setdefault(p, {})
            tensor = new.get(name)  # where the group has the parameter twice
            if tensor is None:
                tensor = new[name] = wrap(np.zeros_like(w, order="C"))
        array = tensor.array
        if array.shape != shape or array.dtype is not dtype or not array.flags.carray:
            _fits(array, w, name)
            if not array.flags.writeable:
                raise read_only(f"the {name} of a parameter")
            if not array.flags.carray:
                raise RuntimeError(f"the {name} of a parameter has to be contiguous")
        found.append(array)
    return found


def _fits(array: np.ndarray, parameter: np.ndarray, name: str) -> None:
    # The kernels run over memory without a look at its size.
    if array.shape != parameter.shape or array.dtype != parameter.dtype:
        raise RuntimeError(
            f"the {name} of a parameter is {array.dtype} of shape {list(array.shape)}, but the "
            f"parameter is {parameter.dtype} of shape {list(parameter.shape)}; they have to agree"
        )
