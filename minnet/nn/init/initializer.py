"""`initializer`: lifts a fill of a NumPy array to one of anything that holds an array."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from minnet import kernels, random
from minnet.nn.init import holders
from minnet.nn.init.provenance import Record
from minnet.scalar import number
from minnet.variable import Variable, described

P = ParamSpec("P")
T = TypeVar("T")
_Promise = float | tuple[float, tuple[int, int] | None] | None
_FLOATS = {np.dtype(kind) for kind in (np.float16, np.float32, np.float64)}


class Initializer(Protocol[P]):
    """An initializer as its users see it: it fills what it is given, and returns that."""

    __name__: str

    def __call__(self, tensor: T, *args: P.args, **kwargs: P.kwargs) -> T:
        """Fill `tensor` in place, and return it."""


@overload
def initializer(function: Callable[Concatenate[np.ndarray, P], _Promise]) -> Initializer[P]: ...


@overload
def initializer(
    *, any_dtype: bool = ..., on_host: bool = ...
) -> Callable[[Callable[Concatenate[np.ndarray, P], _Promise]], Initializer[P]]: ...


def initializer(function: Any = None, *, any_dtype: bool = False, on_host: bool = False) -> Any:
    """Make an initializer of a function that fills an array.

    The function's first parameter, `tensor`, arrives as a writable array of floats in any strides;
    `generator`, if it is the last one that can be given by position, as a `minnet.Generator`, never
    None; one annotated as `float`, as a number of Python's. The function first checks its
    arguments, then writes, so that a call that fails changes nothing. It returns the standard
    deviation that the elements are to have, or None where there is none to name; and with it, as a
    second value, the (fan_in, fan_out) it went by, where they are not the shape's own.

    What is lifted takes anything that holds an array (see `holders`) and returns that very object.
    Gradients do not see the fill, but a backward that needs the old values does: the tensor's
    version goes up. How the tensor was initialized is noted on it; see `provenance`.

    A warning in the function names its caller's line with ``stacklevel=3``.

    Args:
        function: fills the array.
        any_dtype: whether integers and bools can be filled as well.
        on_host: whether the function does more than one fill: a tensor of the GPU is then made on
            the CPU, with the same bits, and copied to where it is.

    Example:
        >>> import minnet
        >>> @initializer
        ... def halves_(tensor, generator=None):
        ...     generator.bernoulli(tensor, 0.5)
        ...     tensor -= 0.5
        ...     return 0.5
        >>> w = minnet.nn.Parameter(minnet.zeros(3))
        >>> halves_(w) is w, w.abs()
        (True, tensor([0.5000, 0.5000, 0.5000], grad_fn=<AbsBackward0>))
    """
    if function is None:
        return functools.partial(initializer, any_dtype=any_dtype, on_host=on_host)
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    names = list(signature.parameters)
    draws = "generator" in names
    place = names.index("generator") - 1 if draws else 0  # behind the tensor
    reals = {
        p.name: f"{function.__name__}(): argument '{p.name}'"
        for p in parameters
        if p.annotation in (float, "float")
    }

    def plain(name: str, x: Any) -> Any:
        return x if type(x) is float or name not in reals else number(x, reals[name])

    @functools.wraps(function)
    def initialize(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        array = holders.array_to_fill(tensor)
        if not any_dtype and array.dtype not in _FLOATS and array.dtype.name != "bfloat16":
            raise NotImplementedError(_no_floats(function.__name__, tensor, array))
        if not array.flags.writeable:
            raise RuntimeError(holders.not_writable(tensor))
        args = (*map(plain, names[1:], args), *args[len(names) - 1 :])
        kwargs = {name: plain(name, x) for name, x in kwargs.items()}
        made = kernels.staged(array) if on_host else array
        generator, given = None, kwargs
        if draws:
            if len(args) > place:
                generator = random.resolve(args[place])
                args = args[:place] + args[place + 1 :]  # what is left over is refused below
            else:
                generator = random.resolve(kwargs.pop("generator", None))
            given = {**kwargs, "generator": generator}
        record = Record(function, args, kwargs, array.shape, generator)
        promise = function(made, *args, **given)
        if made is not array:
            array[...] = made
        holders.changed(tensor)
        record.keep(tensor, promise)
        return tensor

    parameters[0] = parameters[0].replace(annotation="T")
    if draws:
        parameters[place + 1] = parameters[place + 1].replace(annotation="Generator | None")
    initialize.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation="T"
    )
    initialize.draws = draws  # type: ignore[attr-defined]
    return initialize


def is_empty(tensor: np.ndarray, generator: Any) -> bool:
    """Say whether a tensor has no elements: there is nothing to fill, but the draw is taken.

    What is drawn next must not depend on a shape. (torch's engine draws in sequence, and for an
    empty tensor nothing, as torch.)
    """
    if tensor.size == 0:
        generator.normal(tensor)
    return tensor.size == 0


def working_dtype(tensor: np.ndarray) -> np.dtype:
    """Return the dtype in which to compute a matrix for `tensor`: at least float32."""
    return np.dtype(np.float64 if tensor.itemsize == 8 else np.float32)


def dimensions(fit: bool, which: str) -> None:
    """Check the number of a tensor's dimensions, for those that take not all.

    Raises:
        ValueError: it does not fit.
    """
    if not fit:
        raise ValueError(f"Only tensors with {which} dimensions are supported")


def _no_floats(name: str, tensor: Any, array: np.ndarray) -> str:
    kind = str(array.dtype)
    if isinstance(tensor, Variable):
        kind = described((), array.dtype).split()[0].removeprefix("torch.").removesuffix("Tensor")
    return (
        f'"{name}" not implemented for {kind!r}; it needs floating point elements: '
        "float16, bfloat16, float32 or float64, in the machine's byte order"
    )
