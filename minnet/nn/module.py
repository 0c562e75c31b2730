"""`Module`: a tree of layers with parameters and buffers, and everything that walks it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from minnet import dtypes
from minnet.devices import device as Device
from minnet.graph import RemovableHandle, register
from minnet.mode import no_grad
from minnet.nn.hooks import EVERYWHERE, Hook, call_with_hooks
from minnet.nn.members import REGISTRIES, Members
from minnet.nn.parameter import Parameter, zero_gradients
from minnet.nn.state import State, unchanged_on_failure
from minnet.tensor import Tensor

M = TypeVar("M", bound="Module")
HOOKS = (
    "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks",
    "_state_dict_pre_hooks", "_state_dict_hooks", "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)  # fmt: skip


def typename(value: Any) -> str:
    """Return the name of a value's type (or of a class) as torch's messages give it."""
    if isinstance(value, Tensor):
        return f"torch.{dtypes.of(value.array).tensor_type}Tensor"
    cls = value if isinstance(value, type) else type(value)
    module = "" if cls.__module__ in ("builtins", "__builtin__") else f"{cls.__module__}."
    return f"{module}{cls.__qualname__}"


def require_module(value: Any) -> None:
    """Check that a value can be a child: a module, or None.

    Raises:
        TypeError: if it is neither.
    """
    if value is not None and not isinstance(value, Module):
        raise TypeError(f"{typename(value)} is not a Module subclass")


def indent(text: str) -> str:
    """Return the text with every line but the first two columns further right."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(f"  {line}" if line.strip() else "" for line in rest)])


def _forward_unimplemented(self: Module, *input: Any) -> None:
    """Compute the module's output. Subclasses define it; callers call the module itself.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(State):
    """The base of all layers and networks.

    A subclass calls `super().__init__()`, assigns parameters, buffers and other modules to
    attributes, which registers them in order, and defines `forward`. It is used by calling it.

    Example:
        >>> import minnet
        >>> from minnet import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(4, 3)
        ...         self.out = nn.Linear(3, 2, bias=False)
        ...     def forward(self, x):
        ...         return self.out(minnet.relu(self.hidden(x)))
        >>> net = Net()
        >>> net(minnet.ones(5, 4)).shape
        torch.Size([5, 2])
        >>> [name for name, _ in net.named_parameters()]
        ['hidden.weight', 'hidden.bias', 'out.weight']
        >>> net
        Net(
          (hidden): Linear(in_features=4, out_features=3, bias=True)
          (out): Linear(in_features=3, out_features=2, bias=False)
        )
    """

    training: bool
    _hooked: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self, *args: Any, **kwargs: Any):
        name = f"{type(self).__name__}.__init__()"
        if kwargs:
            raise TypeError(f"{name} got an unexpected keyword argument '{next(iter(kwargs))}'")
        if args:
            raise TypeError(f"{name} takes 1 positional argument but {len(args) + 1} were given")
        attributes = self.__dict__
        for registry in REGISTRIES:
            attributes.get(registry, {}).clear()  # a second __init__ starts afresh, as torch's
            attributes[registry] = Members(self)
        attributes["training"] = True
        attributes["_hooked"] = False
        attributes["_non_persistent_buffers_set"] = set()
        for hooks in HOOKS:
            attributes[hooks] = OrderedDict()

    # Attributes and registration

    def __getattr__(self, name: str) -> Any:
        # Reached only when the name is not in __dict__: a registry may hold it alone after a
        # subclass's own __setstate__.
        for registry in REGISTRIES:
            members = self.__dict__.get(registry)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in attributes:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            if "." in name or name == "" or hasattr(type(self), name):
                self._check_name("_parameters", "parameter", name)
            self._move("_parameters", name, value)
        elif isinstance(value, Module) and name not in attributes.get("_parameters", ()):
            if "_modules" not in attributes:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._move("_modules", name, value)
        elif "_modules" not in attributes:
            super().__setattr__(name, value)
        elif name in REGISTRIES:
            members = dict(value)  # it may be the registry itself
            attributes[name].clear()
            attributes[name].update(members)
        else:
            for registry, kind, expected in (
                ("_parameters", "parameter", "torch.nn.Parameter"),
                ("_modules", "child module", "torch.nn.Module"),
                ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor"),
            ):
                if name in attributes[registry]:
                    if value is not None and not (kind == "buffer" and isinstance(value, Tensor)):
                        raise TypeError(
                            f"cannot assign '{typename(value)}' as {kind} '{name}' "
                            f"({expected} or None expected)"
                        )
                    attributes[registry][name] = value
                    return
            super().__setattr__(name, value)

    def _move(self, registry: str, name: str, value: Any) -> None:
        """Put a member where it belongs now, whatever the name stood for before."""
        attributes = self.__dict__
        for other in REGISTRIES:
            if other != registry and name in attributes[other]:
                del attributes[other][name]
        attributes.pop(name, None)
        attributes["_non_persistent_buffers_set"].discard(name)
        attributes[registry][name] = value

    def __delattr__(self, name: str) -> None:
        for registry in REGISTRIES:
            if name in self.__dict__.get(registry, ()):
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        members = [name for registry in REGISTRIES for name in self.__dict__.get(registry, ())]
        names = {*dir(type(self)), *self.__dict__, *members}
        return sorted(name for name in names if not name[:1].isdigit())

    def _check_name(self, registry: str, kind: str, name: Any) -> None:
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")

    def _check_kind(self, value: Any, kind: type, place: str) -> None:
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"cannot assign '{typename(value)}' object to {place} or None required)"
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or reserve its name with None.

        Raises:
            KeyError: if the name is empty, has a dot, or is an attribute already.
            TypeError: if `param` is neither a Parameter nor None.
        """
        self._check_name("_parameters", "parameter", name)
        self._check_kind(param, Parameter, f"parameter '{name}' (torch.nn.Parameter")
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not trained.

        Args:
            name: the attribute's name.
            tensor: its value, or None to reserve the name.
            persistent: whether it is part of the `state_dict`.

        Raises:
            KeyError: if the name is empty, has a dot, or is an attribute already.
            TypeError: if `tensor` is neither a tensor nor None.
        """
        self._check_name("_buffers", "buffer", name)
        self._check_kind(tensor, Tensor, f"buffer '{name}' (torch Tensor")
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module, or reserve its name with None.

        Raises:
            KeyError: if the name is empty, has a dot, or is an attribute already.
            TypeError: if `module` is neither a Module nor None.
        """
        require_module(module)
        self._check_name("_modules", "module", name)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module: another name of `add_module`."""
        self.add_module(name, module)

    # Members by path

    def get_submodule(self, target: str) -> Module:
        """Return the module at a dotted path such as "encoder.0"; the empty path is this module.

        Raises:
            AttributeError: if there is none.
        """
        module = self
        for name in target.split(".") if target else ():
            module = module._attribute(name, Module, "nn.Module")
        return module

    def _attribute(self, name: str, kind: type, what: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        found = getattr(self, name)
        if not isinstance(found, kind):
            raise AttributeError(f"`{name}` is not an {what}")
        return found

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module at a dotted path; with `strict` only in place of another.

        Raises:
            ValueError: if the path is empty or `module` is not a module.
            AttributeError: if the parent does not exist, or what is to be replaced is no module.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent._attribute(name, Module, "nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a dotted path such as "fc1.weight".

        Raises:
            AttributeError: if there is none.
        """
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._attribute(name, Parameter, "nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path such as "norm.running_mean".

        Raises:
            AttributeError: if there is none.
        """
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = module._attribute(name, object, "")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    # Walks

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield every module of the tree with its path, parents first; a shared one once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield every module of the tree, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct children with their names; a shared one once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the direct children."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, member in module.__dict__[registry].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their paths, in order of registration; a shared one once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, of this module alone if not `recurse`. What an optimizer takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their paths, in order of registration; a shared one once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module of the tree, children first, and return the module.

        This is how initialization reaches a network.

        Example:
            >>> from minnet import nn
            >>> def init(m):
            ...     if isinstance(m, nn.Linear):
            ...         nn.init.constant_(m.weight, 0.5)
            >>> nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU()).apply(init)[0].weight
            Parameter containing:
            tensor([[0.5000, 0.5000]], requires_grad=True)
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # Modes

    def train(self: M, mode: bool = True) -> M:
        """Put the tree into training mode, or with False into evaluation mode.

        Raises:
            ValueError: if `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: M) -> M:
        """Put the tree into evaluation mode: dropout lets everything pass."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Let gradients flow to all parameters, or with False freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop all gradients, or with `set_to_none=False` fill them with zeros."""
        if not set_to_none:
            zero_gradients(self.parameters())
            return
        for parameter in self.parameters():
            parameter.grad = None

    # Conversion

    def _apply(self: M, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> M:
        """Put `fn` of each parameter, gradient and buffer in its place; children come first.

        All conversions pass through it. A subclass that holds other tensors may extend it.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    new, grad = fn(parameter), parameter.grad
                    parameter.grad = None  # it must have the parameter's dtype at any time
                    parameter.data = new
                    if grad is not None:
                        parameter.grad = fn(grad)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def _converted(self: M, fn: Callable[[Tensor], Tensor]) -> M:
        with unchanged_on_failure(self):
            return self._apply(fn)

    def to(self: M, *args: Any, **kwargs: Any) -> M:
        """Convert in place: `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`.

        Only floating point parameters and buffers change their dtype.

        Raises:
            TypeError: if the dtype is not floating point, or the arguments are not understood.
            RuntimeError: if the device is not available.

        Example:
            >>> import minnet
            >>> minnet.nn.Linear(2, 1).to(minnet.float64).weight.dtype
            torch.float64
        """
        kwargs.pop("non_blocking", None)
        device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
        for arg in args:
            if isinstance(arg, Tensor):
                device, dtype = arg.device, arg.dtype
            elif isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, str | Device):
                device = Device(arg)
            elif arg is not None and not isinstance(arg, bool):  # a bool is non_blocking
                kwargs[typename(arg)] = arg
        if kwargs:
            raise TypeError(
                "to() expects a device, a dtype, both, or a tensor, but got "
                f"{', '.join(map(str, kwargs))}"
            )
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(t: Tensor) -> Tensor:
            return t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype)

        return self._converted(convert)

    def type(self: M, dst_type: Any) -> M:
        """Convert all parameters and buffers to a dtype."""
        return self._converted(lambda t: t.type(dst_type))

    def float(self: M) -> M:
        """Convert floating point parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self: M) -> M:
        """Convert floating point parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def cpu(self: M) -> M:
        """Move all parameters and buffers to the CPU."""
        return self.to("cpu")

    def cuda(self: M, device: Any = None) -> M:
        """Move all parameters and buffers to a GPU."""
        return self.to(Device("cuda", device) if isinstance(device, int) else device or "cuda")

    # Hooks

    def _register(self, hooks: Any, hook: Any, prepend: bool) -> RemovableHandle:
        # Calls look at this one flag. It stays when the hooks go; the slower way is right as well.
        self._hooked = True
        return register(hooks, hook, prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before every forward; what it returns replaces the arguments.

        Args:
            hook: returns None, the new argument, or a tuple of all of them. With `with_kwargs` it
                is `hook(module, args, kwargs)` and returns None or `(args, kwargs)`.
            prepend: call it before those already registered.
        """
        return self._register(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after every forward; what it returns is the output.

        Args:
            hook: returns None to keep the output. With `with_kwargs` it is
                `hook(module, args, kwargs, output)`.
            prepend: call it before those already registered.
            always_call: call it even when the forward fails; the output is None then.

        Example:
            >>> import minnet
            >>> from minnet import nn
            >>> layer = nn.Linear(3, 2)
            >>> with layer.register_forward_hook(lambda m, args, out: print(out.shape)):
            ...     _ = layer(minnet.ones(5, 3))
            torch.Size([5, 2])
        """
        return self._register(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` in backward before the module's own gradients.

        `grad_output` is a tuple; what the hook returns replaces it.
        """
        return self._register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` in backward, after the module's gradients.

        Both are tuples, one entry for each positional argument and each output, None where that is
        no tensor. What the hook returns replaces `grad_input`.
        """
        return self._register(self._backward_hooks, hook, prepend)

    # Call

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked or EVERYWHERE:
            return call_with_hooks(self, args, kwargs)
        if kwargs:
            return self.forward(*args, **kwargs)
        return self.forward(*args)  # an empty ** would cost another 60 ns

    # Printing and copying

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return what the module prints of itself between the parentheses. Subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {indent(repr(module))}" for name, module in self._modules.items()]
        body = "\n  " + "\n  ".join(lines) + "\n" if lines else ""
        return f"{self._get_name()}({body})"

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for registry in REGISTRIES:
            state[registry] = dict(state.get(registry, ()))
            for name in state[registry]:
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        attributes = self.__dict__
        attributes.update(state)
        for registry in REGISTRIES:
            members = Members(self)
            members.update(state.get(registry, ()))
            attributes[registry] = members


CALL = Module.__call__  # by which it is known whether somebody has put another in its place
