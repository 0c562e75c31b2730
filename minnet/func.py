"""Modules as functions of their parameters, by torch.func's name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from minnet.nn.module import Module, typename
from minnet.tensor import Tensor

__all__ = ["functional_call"]

_INSTEAD = {
    name: "minnet.autograd.grad(outputs, inputs) returns gradients; with create_graph=True they "
    "have gradients themselves"
    for name in ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize")
}
_INSTEAD |= {
    name: "write the operation with a dimension for the batch: matmul, einsum and elementwise "
    "operations broadcast over leading ones"
    for name in ("vmap", "stack_module_state")
}


def __getattr__(name: str) -> Any:
    advice = f": {_INSTEAD[name]}" if name in _INSTEAD else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{advice}")


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers.

    Gradients flow to these tensors. The module itself has its own again afterwards, also where the
    call fails; what it assigned to a buffer meanwhile is put into the dict.

    Args:
        module: what is called.
        parameter_and_buffer_dicts: tensors by path, as of `named_parameters`, in one dict or in
            several. What is not among them remains the module's own.
        args: a tuple of arguments, or a single one.
        kwargs: named arguments.
        tie_weights: a tensor that the module has by two names is replaced at both by either.
        strict: whether the names must be exactly the module's.

    Returns:
        What the module returns.

    Raises:
        TypeError: if a value is no tensor.
        ValueError: if there is no dict, a name is in two, or two tensors are given for a tied one.
        RuntimeError: with `strict`, if a name is missing or unexpected.

    Example:
        >>> import minnet
        >>> from minnet.func import functional_call
        >>> layer = minnet.nn.Linear(2, 1)
        >>> weight = minnet.tensor([[1.0, 2.0]], requires_grad=True)
        >>> replaced = {"weight": weight, "bias": minnet.zeros(1)}
        >>> out = functional_call(layer, replaced, minnet.ones(1, 2))
        >>> out
        tensor([[3.]], grad_fn=<AddmmBackward0>)
        >>> out.sum().backward()
        >>> weight.grad
        tensor([[1., 1.]])
    """
    given = _merged(parameter_and_buffer_dicts)
    places: dict[str, tuple[dict[str, Any], str]] = {}
    registry: dict[str, Any]
    for path, inner in module.named_modules(remove_duplicate=False):
        for registry in (inner._parameters, inner._buffers):
            for name, member in registry.items():
                if member is not None:
                    places[f"{path}.{name}" if path else name] = registry, name
    new = _tied(given, places) if tie_weights else dict(given)
    if strict:
        _require_exactly(module, new, places)
    swapped = [(*places[path], path) for path in new if path in places]
    own = [registry[name] for registry, name, _ in swapped]
    arguments = args if isinstance(args, tuple) else () if args is None else (args,)
    try:
        for registry, name, path in swapped:
            registry[name] = new[path]
        return module(*arguments, **(kwargs or {}))
    finally:
        for (registry, name, path), member in zip(swapped, own, strict=True):
            if path in given and registry[name] is not new[path]:
                given[path] = registry[name]
            registry[name] = member


def _merged(given: Any) -> Any:
    """Return one dict of all tensors: the given one itself, or all of several together."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not all(isinstance(each, Mapping) for each in given):
            raise ValueError(
                "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
            )
        counts = Counter(name for each in given for name in each)
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
                "ambiguous"
            )
        given = {name: value for each in given for name, value in each.items()}
    elif not isinstance(given, Mapping):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"expected a tensor for {name!r}, but got {typename(value)}")
    return given


def _tied(given: Mapping[str, Tensor], places: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what is given, for all names of each of the module's tensors."""
    names: defaultdict[int, list[str]] = defaultdict(list)
    for path, (registry, name) in places.items():
        names[id(registry[name])].append(path)
    new = dict(given)
    for tied in names.values():
        values = {id(given[path]): given[path] for path in tied if path in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(tied)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for value in values.values():
            new |= dict.fromkeys(tied, value)
    return new


def _require_exactly(module: Module, new: Mapping[str, Any], places: Mapping[str, Any]) -> None:
    wrong = {
        "Unexpected": [name for name in new if name not in places],
        "Missing": [name for name in places if name not in new],
    }
    errors = [f"{k} key(s): {', '.join(map(repr, v))}." for k, v in wrong.items() if v]
    if errors:
        lines = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t{lines}")
