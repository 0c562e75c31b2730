"""Functions that make tensors."""

from __future__ import annotations

import inspect
import math
import warnings
from functools import partial, wraps
from typing import Any

import numpy as np

from minnet import dtypes, formats, kernels, random, scalar
from minnet.functional.arithmetic import only_floating
from minnet.functional.shape import expand
from minnet.kernels.fused import fused
from minnet.operation import Number, Tensor, composite, operation
from minnet.reading import read
from minnet.size import integer, ints
from minnet.variable import Variable, wrap
from minnet.vocabulary import zero

DLPACK_CPU = 1  # kDLCPU of dlpack.h


def _finished(array: Any, requires_grad: bool) -> Any:
    out = wrap(array)
    return out.requires_grad_(True) if requires_grad else out


def _as(input: Any, dtype: Any, device: Any) -> tuple[Any, Any]:
    """Return a dtype and a device, a tensor's where there is none."""
    return (
        dtypes.of(input.array) if dtype is None else dtype,
        kernels.device_of(input.array) if device is None else device,
    )


def _maker(function: Any = None, *, where: str = "minnet", aliases: str = "") -> Any:
    """Declare a function that makes a tensor, by one that makes the array.

    What it takes beside is the same for all: `dtype`, `device` and `requires_grad`. The array's
    function is given the dtype, one of NumPy's, and what NumPy's functions take as `like`. Unless
    there is a tensor `input` to be like, its own default for the dtype counts before the user's.
    """
    if function is None:
        return partial(_maker, where=where, aliases=aliases)
    signature = inspect.signature(function)
    *own, last, _ = signature.parameters.values()
    of_input, default, unset = own[0].name == "input", last.default, last.empty

    def made(
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
        **rest: Any,
    ) -> Any:
        if of_input:
            formats.check(memory_format)
            dtype, device = _as(args[0] if args else rest["input"], dtype, device)
        elif memory_format is not None:
            name = function.__name__
            raise TypeError(f"{name}() got an unexpected keyword argument 'memory_format'")
        elif dtype is None:
            dtype = dtypes.get_default_dtype() if default is unset else default
        dtype = dtype if dtype is None else dtypes.numpy_of(dtype)
        array = function(*args, dtype=dtype, like=kernels.like(device), **rest)
        return _finished(array, requires_grad)

    options = list(inspect.signature(made).parameters.values())[1 : -1 if of_input else -2]
    made.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
    return composite(wraps(function)(made), where=where, aliases=aliases, out=not of_input)


def _sizes(size: tuple[Any, ...]) -> tuple[int, ...]:
    if not size:
        raise TypeError('missing 1 required positional arguments: "size"')
    shape = ints(size)
    for n in shape:
        if n < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    return shape


@composite(where="minnet")
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """Return a new tensor with a copy of the data: numbers, nested lists, arrays.

    Python floats become the default dtype (float32), ints int64, bools bool; arrays of any library
    and NumPy's numbers keep theirs. In a list of several kinds they combine.

    Raises:
        TypeError: for data that are not numbers, or an array of a dtype that minnet lacks.
        ValueError: for nested lists of unequal lengths, and an int that int64 does not hold.
        RuntimeError: for a number that an integer dtype does not hold. (A float that is too large
            is infinite, and arrays are cast.)

    Example:
        >>> import minnet
        >>> minnet.tensor([[1.0, 2.0], [3.0, 4.5]])
        tensor([[1.0000, 2.0000],
                [3.0000, 4.5000]])
    """
    if isinstance(data, Variable):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
    array = read(data, dtype)
    there = kernels.moved(array, device)
    return _finished(there.copy() if there is array else there, requires_grad)


@composite(where="minnet")
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """Return the data as a tensor that shares memory with it, if it is an array of the dtype.

    Example:
        >>> import minnet
        >>> minnet.as_tensor([1, 2])
        tensor([1, 2])
    """
    if isinstance(data, Variable):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
    return _finished(kernels.moved(read(data, dtype), device), False)


@composite(where="minnet")
def from_numpy(array: np.ndarray) -> Any:
    """Return a tensor that shares memory with an array.

    Raises:
        TypeError: if it is not an array, or of a dtype that minnet lacks.

    Example:
        >>> import minnet, numpy
        >>> a = numpy.zeros(2, numpy.float32)
        >>> x = minnet.from_numpy(a)
        >>> a[0] = 7
        >>> x
        tensor([7., 0.])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.of(array)
    return wrap(array)


@composite(where="minnet")
def from_dlpack(ext_tensor: Any) -> Any:
    """Return a tensor that shares memory with another library's tensor, on the CPU or the GPU.

    Raises:
        TypeError: if it does not speak DLPack, or has a dtype that minnet lacks.

    Example:
        >>> import minnet, numpy
        >>> a = numpy.zeros(2, numpy.float32)
        >>> x = minnet.from_dlpack(a)
        >>> a[0] = 7
        >>> x
        tensor([7., 0.])
    """
    if not hasattr(ext_tensor, "__dlpack_device__"):
        raise TypeError(f"expected a tensor that speaks DLPack, got {type(ext_tensor).__name__}")
    on_cpu = int(ext_tensor.__dlpack_device__()[0]) == DLPACK_CPU
    array = np.from_dlpack(ext_tensor) if on_cpu else kernels.foreign(ext_tensor)
    dtypes.of(array)
    return wrap(array)


@_maker
def zeros(*size: Any, dtype: Any, like: Any) -> Any:
    """Return a tensor of zeros.

    Example:
        >>> import minnet
        >>> minnet.zeros(2, 2)
        tensor([[0., 0.],
                [0., 0.]])
    """
    return np.zeros(_sizes(size), dtype, like=like)


@_maker
def ones(*size: Any, dtype: Any, like: Any) -> Any:
    """Return a tensor of ones.

    Example:
        >>> import minnet
        >>> minnet.ones(2)
        tensor([1., 1.])
    """
    return np.ones(_sizes(size), dtype, like=like)


@_maker
def empty(*size: Any, dtype: Any, like: Any) -> Any:
    """Return a tensor whose elements are not set.

    Example:
        >>> import minnet
        >>> minnet.empty(2, 3).shape
        torch.Size([2, 3])
    """
    return np.empty(_sizes(size), dtype, like=like)


def _full(shape: tuple[int, ...], fill_value: Any, dtype: np.dtype | None, like: Any) -> Any:
    value = scalar.number(fill_value, "full(): argument 'fill_value' (position 2)")
    dtype = dtypes.common(value) if dtype is None else dtype
    return np.full(shape, scalar.fitted(value, dtype), dtype, like=like)


@_maker
def full(size: Any, fill_value: Any, *, dtype: Any = None, like: Any) -> Any:
    """Return a tensor of one value, in the dtype of a Python number like it unless one is given.

    Raises:
        TypeError: if the value is no number.
        RuntimeError: if it does not fit the dtype.

    Example:
        >>> import minnet
        >>> minnet.full((2,), 7)
        tensor([7, 7])
    """
    return _full(_sizes((size,)), fill_value, dtype, like)


@_maker
def zeros_like(input: Tensor, *, dtype: Any, like: Any) -> Any:
    """Return zeros of a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.zeros_like(minnet.tensor([1, 2]))
        tensor([0, 0])
    """
    return np.zeros(input.array.shape, dtype, like=like)


@_maker
def ones_like(input: Tensor, *, dtype: Any, like: Any) -> Any:
    """Return ones of a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.ones_like(minnet.tensor([1, 2]))
        tensor([1, 1])
    """
    return np.ones(input.array.shape, dtype, like=like)


@_maker
def empty_like(input: Tensor, *, dtype: Any, like: Any) -> Any:
    """Return an unset tensor of a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.empty_like(minnet.tensor([1, 2])).dtype
        torch.int64
    """
    return np.empty(input.array.shape, dtype, like=like)


@_maker
def full_like(input: Tensor, fill_value: Any, *, dtype: Any, like: Any) -> Any:
    """Return one value in a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.full_like(minnet.tensor([1, 2]), 7)
        tensor([7, 7])
    """
    return _full(input.array.shape, fill_value, dtype, like)


@composite(where="Tensor")
def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a new tensor with a copy of the data, in this tensor's dtype unless one is given.

    Example:
        >>> import minnet
        >>> minnet.ones(1).new_tensor([1, 2])
        tensor([1., 2.])
    """
    d, place = _as(input, dtype, device)
    return tensor(data, dtype=d, device=place, requires_grad=requires_grad)


@_maker(where="Tensor")
def new_full(input: Tensor, size: Any, fill_value: Any, *, dtype: Any, like: Any) -> Tensor:
    """Return a tensor of one value, in this tensor's dtype unless one is given.

    Example:
        >>> import minnet
        >>> minnet.ones(1).new_full((2,), 3)
        tensor([3., 3.])
    """
    return _full(_sizes((size,)), fill_value, dtype, like)


@_maker(where="Tensor", aliases="new_empty")
def new_zeros(input: Tensor, *size: Any, dtype: Any, like: Any) -> Tensor:
    """Return zeros, in this tensor's dtype unless one is given.

    Example:
        >>> import minnet
        >>> minnet.tensor([5]).new_zeros(2)
        tensor([0, 0])
    """
    return np.zeros(_sizes(size), dtype, like=like)


@_maker(where="Tensor")
def new_ones(input: Tensor, *size: Any, dtype: Any, like: Any) -> Tensor:
    """Return ones, in this tensor's dtype unless one is given.

    Example:
        >>> import minnet
        >>> minnet.tensor([5]).new_ones(2)
        tensor([1, 1])
    """
    return np.ones(_sizes(size), dtype, like=like)


@_maker
def eye(n: int, m: int | None = None, *, dtype: Any, like: Any) -> Any:
    """Return the matrix with ones on the main diagonal.

    Raises:
        RuntimeError: if a size is negative.

    Example:
        >>> import minnet
        >>> minnet.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows, columns = _sizes((n, n if m is None else m))
    return np.eye(rows, columns, dtype=dtype, like=like)


@_maker
def arange(
    start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None, like: Any
) -> Any:
    """Return start, start + step, … below `end`: int64 if all are ints, else the default dtype.

    Raises:
        TypeError: if a bound or the step is no number.
        RuntimeError: if a bound is not finite, or the step is 0 or leads away from `end`.

    Example:
        >>> import minnet
        >>> minnet.arange(1, 10, 3)
        tensor([1, 4, 7])
    """
    if start is None or end is None:
        start, end = 0, end if start is None else start
    if end is None:
        raise TypeError('arange() missing 1 required positional arguments: "end"')
    start, end, step = (scalar.number(v, "arange(): a bound") for v in (start, end, step))
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if dtype == np.int64:
        start, end, step = int(start), int(end), int(step)
    whole = all(isinstance(v, int) for v in (start, end, step))
    fractions = dtype is None or dtype.kind == "f"
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    n = -((start - end) // step) if whole else math.ceil((end - start) / step)
    if not fractions:  # torch counts in fractions, and steps in whole numbers
        start, step = int(start), int(step)
    if dtype is None:
        dtype = np.dtype(np.int64) if whole else dtypes.get_default_dtype().numpy
    if dtype.kind != "f":
        return np.asarray((start + np.arange(n) * step).astype(dtype), like=like)
    return np.asarray(_steps(start, step, n, dtype), like=like)


def _steps(start: float, step: float, n: int, dtype: np.dtype) -> np.ndarray:
    """Return n numbers from `start` on, with torch's roundings.

    Torch computes in float64 and writes two vectors of `width` at once: the first number of each
    is rounded to the dtype before the others are counted from it. The rest is written one by one.
    """
    width = 8 if dtype == np.float32 else 4
    i = np.arange(n)
    values = fused(step, i, start, np.float64)
    first = fused(step, i // width * width, start, np.float64).astype(dtype)
    paired = n // (2 * width) * 2 * width
    values[:paired] = fused(step, i % width, first, np.float64)[:paired]
    return values.astype(dtype)


@_maker
@np.errstate(all="ignore")
def linspace(start: float, end: float, steps: int, *, dtype: Any, like: Any) -> Any:
    """Return `steps` numbers from start to end, both included, at equal distances.

    Raises:
        TypeError: if an end is no number, or `steps` no integer.
        RuntimeError: if `steps` is negative, or an end does not fit the dtype.

    Example:
        >>> import minnet
        >>> minnet.linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    steps = integer(steps)
    start, end = (scalar.number(v, "linspace(): an end") for v in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    real = dtype.type if dtype.kind == "f" else np.float64
    first, last = (real(scalar.fitted(v, dtype)) for v in (start, end))
    step = (last - first) / real(max(steps - 1, 1))
    i = np.arange(steps)
    # From the nearer end, as torch.
    rising = fused(step, i, first, real)
    values = np.where(i < max(steps // 2, steps == 1), rising, fused(-step, i[::-1], last, real))
    return np.asarray(values.astype(dtype), like=like)


# Random tensors


def _random(name: str, size: Any, dtype: np.dtype, like: Any, generator: Any = None) -> Any:
    """Return an array of draws from U[0, 1) for "rand", from N(0, 1) for "randn"."""
    if dtype.kind != "f":
        raise NotImplementedError(
            f'"{name}" is not implemented for {dtypes.OF_NUMPY[dtype]}; give a float dtype'
        )
    array = np.empty(_sizes(size), dtype, like=like)
    generator = random.resolve(generator)
    (generator.uniform if name == "rand" else generator.normal)(array, 0.0, 1.0)
    return array


@_maker
def rand(*size: Any, generator: Any = None, dtype: Any, like: Any) -> Any:
    """Return draws from U[0, 1).

    Example:
        >>> import minnet
        >>> minnet.rand(2, 3).shape
        torch.Size([2, 3])
    """
    return _random("rand", size, dtype, like, generator)


@_maker
def randn(*size: Any, generator: Any = None, dtype: Any, like: Any) -> Any:
    """Return draws from N(0, 1).

    Example:
        >>> import minnet
        >>> _ = minnet.manual_seed(0)
        >>> minnet.randn(2, 2).shape
        torch.Size([2, 2])
    """
    return _random("randn", size, dtype, like, generator)


@_maker
def rand_like(input: Tensor, *, generator: Any = None, dtype: Any, like: Any) -> Any:
    """Return draws from U[0, 1) in a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.rand_like(minnet.ones(2)).shape
        torch.Size([2])
    """
    return _random("rand", input.array.shape, dtype, like, generator)


@_maker
def randn_like(input: Tensor, *, generator: Any = None, dtype: Any, like: Any) -> Any:
    """Return draws from N(0, 1) in a tensor's shape and dtype.

    Example:
        >>> import minnet
        >>> minnet.randn_like(minnet.ones(2)).shape
        torch.Size([2])
    """
    return _random("randn", input.array.shape, dtype, like, generator)


@_maker
def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = dtypes.int64,
    like: Any,
) -> Any:
    """Return whole numbers from [low, high), all equally likely: `randint(high, size)` starts at 0.

    Raises:
        TypeError: if a bound is no integer.
        RuntimeError: if the range is empty, or does not fit the dtype.

    Example:
        >>> import minnet
        >>> x = minnet.randint(3, 5, (100,))
        >>> sorted(set(x.tolist()))
        [3, 4]
    """
    if size is None:  # randint(high, size)
        low, high, size = None, low, high
    if size is None:
        raise TypeError("randint() missing required argument: 'size'")
    low, high = (0, low) if high is None else (low, high)
    low, high = 0 if low is None else integer(low), integer(high)
    array = np.empty(_sizes((size,)), dtype, like=like)
    random.resolve(generator).integers(array, low, high)
    return array


@_maker
def randperm(n: int, *, generator: Any = None, dtype: Any = dtypes.int64, like: Any) -> Any:
    """Return a random order of 0 … n - 1.

    Raises:
        TypeError: if n is no integer.
        RuntimeError: if n is negative, or more than the dtype can number.
        NotImplementedError: if the dtype is bool.

    Example:
        >>> import minnet
        >>> minnet.randperm(4).sort().values
        tensor([0, 1, 2, 3])
    """
    n = integer(n)
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    if dtype.kind == "b":
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'")
    largest = 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else np.iinfo(dtype).max
    if n - 1 > largest:
        raise RuntimeError(
            f"n cannot be greater than {largest + 1} for {dtypes.OF_NUMPY[dtype].tensor_type} type."
        )
    order = random.resolve(generator).permutation(n)
    return np.asarray(order.astype(dtype, copy=False), like=like)


@composite(where="minnet Tensor", out=True)
def bernoulli(input: Any, p: Any = None, *, generator: Any = None) -> Any:
    """Return 1 with the probability that each element of `input` gives (or `p`), else 0.

    Raises:
        RuntimeError: if a probability lies outside [0, 1].

    Example:
        >>> import minnet
        >>> minnet.bernoulli(minnet.tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    result = wrap(np.empty_like(input.array, order="C"))
    return result.bernoulli_(input if p is None else p, generator=generator)


def _drawn(name: str) -> Any:
    """Declare a change in place to random numbers."""
    return operation(name, zero, where="Tensor", named="generator", draws=True, quiet=True)


@_drawn("UniformBackward0")
def uniform_(input: Tensor, a: Number = 0.0, b: Number = 1.0, generator: Any = None) -> Tensor:
    """Fill with draws from U[a, b), and return the tensor. The upper end is never drawn.

    Torch's names for the bounds, `from` and `to`, are taken too.

    Raises:
        RuntimeError: if a > b, the dtype is not floating point, or the tensor is a leaf that
            requires grad, outside `no_grad`.

    Example:
        >>> import minnet
        >>> x = minnet.empty(1000).uniform_(-1, 1)
        >>> bool((x >= -1).all() and (x < 1).all())
        True
    """
    only_floating(input, "check_uniform_bounds")
    random.resolve(generator).uniform(input, a, b)
    return input


@_drawn("NormalBackward0")
def normal_(input: Tensor, mean: Number = 0.0, std: Number = 1.0, generator: Any = None) -> Tensor:
    """Fill with draws from N(mean, std²), and return the tensor.

    Raises:
        RuntimeError: if std < 0, the dtype is not floating point, or the tensor is a leaf that
            requires grad, outside `no_grad`.

    Example:
        >>> import minnet
        >>> minnet.empty(2).normal_(3, 0)
        tensor([3., 3.])
    """
    only_floating(input, "normal_kernel_cpu")
    random.resolve(generator).normal(input, mean, std)
    return input


@_drawn("ExponentialBackward0")
def exponential_(input: Tensor, lambd: Number = 1, generator: Any = None) -> Tensor:
    """Fill with draws x >= 0 of density lambd · exp(-lambd · x), and return the tensor.

    Raises:
        RuntimeError: if `lambd` is not above 0, the dtype is not floating point, or the tensor is a
            leaf that requires grad, outside `no_grad`.

    Example:
        >>> import minnet
        >>> bool((minnet.empty(100).exponential_(2) >= 0).all())
        True
    """
    if input.dtype.kind != "f":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of(input).tensor_type}"
        )
    random.resolve(generator).exponential(input, lambd)
    return input


@operation(
    lambda p: f"BernoulliBackward{1 if kernels.is_array(p) else 2}",
    zero,
    tensors=2,
    where="Tensor",
    named="generator",
    draws=True,
    quiet=True,
)
def bernoulli_(input: Tensor, p: Tensor | Number = 0.5, generator: Any = None) -> Tensor:
    """Fill with 1 with probability `p`, else 0, and return the tensor.

    `p` is a number, or a floating point tensor with a probability for each element.

    Raises:
        RuntimeError: if a probability lies outside [0, 1], the shape of `p` does not expand to this
            one's, or the tensor is a leaf that requires grad, outside `no_grad`.
        NotImplementedError: if `p` is a tensor of whole numbers.

    Example:
        >>> import minnet
        >>> minnet.empty(2).bernoulli_(minnet.tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    if not kernels.is_array(p):
        random.resolve(generator).bernoulli(input, p)
        return input
    chances = expand.operation.value(p, input.shape)
    only_floating(chances, "bernoulli_tensor_cpu_p_")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    uniform = np.empty_like(input, dtype=chances.dtype)
    random.resolve(generator).uniform(uniform, 0.0, 1.0)
    input[...] = uniform < chances
    return input


@_drawn("RandomBackward0")
def random_(input: Tensor, a: Any = None, b: Any = None, generator: Any = None) -> Tensor:
    """Fill with whole numbers from [a, b), or from [0, a), and return the tensor.

    Without bounds from all that are not negative and that the dtype holds; in a float, from 0 to
    that below which it holds every one (2²⁴ in float32). Torch's names for the bounds, `from` and
    `to`, are taken too.

    Raises:
        RuntimeError: if the range is empty, or the tensor is a leaf that requires grad, outside
            `no_grad`.

    Example:
        >>> import minnet
        >>> bool((minnet.empty(100).random_(3) < 3).all())
        True
    """
    if b is None:
        a, b = None, a
    if b is not None:
        a = 0 if a is None else a
    random.resolve(generator).integers(input, a, b)
    return input
