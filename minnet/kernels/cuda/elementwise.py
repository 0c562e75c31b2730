"""NumPy's ufuncs on the device: one kernel for each number of operands, of any strides.

A kernel takes arrays that broadcast and numbers alike: a number comes as a tuple of one element,
read at stride 0. Dims that lie behind one another in all operands are made one, so that most calls
run over one dim and divide nothing. Dtypes are what NumPy's own resolution says. Each is one IEEE
operation, so the bits are NumPy's; `power` and `log` are but close.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np

from minnet import kernels
from minnet.kernels import numeric
from minnet.kernels.cuda.array import Array, empty, from_host, unsupported, upload
from minnet.kernels.cuda.driver import SIMULATED, THREADS, blocks, cuda, function
from minnet.kernels.jit import device
from minnet.kernels.numeric import like

WHOLE = 2.0**52  # above, every float is whole
MOST_BLOCKS = 1 if SIMULATED else 4096  # a thread takes several elements where there are more

# What one element is computed by


# Numba's CUDA has neither NumPy's roots and roundings, nor roundings that return a float.


@device
def _trunc(x: Any) -> Any:
    if not abs(x) < like(x, WHOLE):  # whole already, or NaN
        return x
    whole = like(x, np.int64(x))
    return whole if whole != like(x, 0) else x * like(x, 0)  # a zero has the sign of x


@device
def _floor(x: Any) -> Any:
    whole = _trunc(x)
    return whole - like(x, 1) if whole > x else whole


@device
def _ceil(x: Any) -> Any:
    whole = _trunc(x)
    return whole + like(x, 1) if whole < x else whole


@device
def _rint(x: Any) -> Any:
    below, half = _floor(x), like(x, 0.5)
    rest = x - below
    odd = _floor(below * half) != below * half
    up = rest > half or (rest == half and odd)
    whole = below + like(x, 1) if up else below
    return whole if whole != like(x, 0) else x * like(x, 0)


@device
def _clip(x: Any, low: Any, high: Any) -> Any:
    above = x if x >= low or x != x else low
    return above if above <= high or above != above else high


FUNCTIONS: dict[Any, Any] = {
    "copy": device(lambda x: x),
    "where": device(lambda condition, x, y: x if condition else y),
    "clip": _clip,
    np.positive: device(lambda x: x),
    np.negative: device(lambda x: -x),
    np.absolute: device(lambda x: abs(x)),
    np.sign: device(lambda x: (x > 0) - (x < 0) if x == x else x),
    np.square: device(lambda x: x * x),
    np.sqrt: device(lambda x: math.sqrt(x)),
    np.reciprocal: device(lambda x: 1 / x),
    np.floor: _floor,
    np.ceil: _ceil,
    np.rint: _rint,
    np.trunc: _trunc,
    np.log: device(lambda x: numeric.log(x)),
    np.isnan: device(lambda x: x != x),
    np.isinf: device(lambda x: abs(x) == np.inf),
    np.isfinite: device(lambda x: abs(x) < np.inf),
    np.logical_not: device(lambda x: x == 0),
    np.invert: device(lambda x: ~x),
    np.add: device(lambda x, y: x + y),
    np.subtract: device(lambda x, y: x - y),
    np.multiply: device(lambda x, y: x * y),
    np.true_divide: device(lambda x, y: x / y),
    np.floor_divide: device(lambda x, y: x // y),
    np.remainder: device(lambda x, y: x % y),
    np.power: device(lambda x, y: x**y),
    np.maximum: device(lambda x, y: x if x >= y or x != x else y),
    np.minimum: device(lambda x, y: x if x <= y or x != x else y),
    np.equal: device(lambda x, y: x == y),
    np.not_equal: device(lambda x, y: x != y),
    np.less: device(lambda x, y: x < y),
    np.less_equal: device(lambda x, y: x <= y),
    np.greater: device(lambda x, y: x > y),
    np.greater_equal: device(lambda x, y: x >= y),
    np.logical_and: device(lambda x, y: (x != 0) & (y != 0)),
    np.logical_or: device(lambda x, y: (x != 0) | (y != 0)),
    np.bitwise_and: device(lambda x, y: x & y),
    np.bitwise_or: device(lambda x, y: x | y),
    np.bitwise_xor: device(lambda x, y: x ^ y),
}

# The kernels. Each `at` is an operand's first index and its strides in elements.


@function
def _size(shape):
    size = 1
    for n in shape:
        size *= n
    return size


@function
def _places(i, shape, out_at, x_at, y_at, z_at):
    """Return where element i of a shape is in the result and in up to three operands."""
    rest, o, a, b, c = i, out_at[0], x_at[0], y_at[0], z_at[0]
    for d in range(len(shape) - 1, 0, -1):
        k = rest % shape[d]
        rest //= shape[d]
        o += k * out_at[d + 1]
        a += k * x_at[d + 1]
        b += k * y_at[d + 1]
        c += k * z_at[d + 1]
    return o + rest * out_at[1], a + rest * x_at[1], b + rest * y_at[1], c + rest * z_at[1]


@cache
def _kernel(name: Any, operands: int) -> Any:
    """Return the kernel of an entry of `FUNCTIONS`."""
    f = FUNCTIONS[name]

    def of_one(shape, out, out_at, x, x_at):
        for i in range(cuda.grid(1), _size(shape), cuda.gridsize(1)):
            o, a, _, _ = _places(i, shape, out_at, x_at, x_at, x_at)
            out[o] = f(x[a])

    def of_two(shape, out, out_at, x, x_at, y, y_at):
        for i in range(cuda.grid(1), _size(shape), cuda.gridsize(1)):
            o, a, b, _ = _places(i, shape, out_at, x_at, y_at, y_at)
            out[o] = f(x[a], y[b])

    def of_three(shape, out, out_at, x, x_at, y, y_at, z, z_at):
        for i in range(cuda.grid(1), _size(shape), cuda.gridsize(1)):
            o, a, b, c = _places(i, shape, out_at, x_at, y_at, z_at)
            out[o] = f(x[a], y[b], z[c])

    return cuda.jit((of_one, of_two, of_three)[operands - 1])


def _merged(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> Any:
    """Return a shape and the operands' strides with as few dims as they can do with, at least one.

    The first index of an element counts slowest, so the first dim needs no division.
    """
    dims = [d for d, n in enumerate(shape) if n != 1]
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for d in dims:
        if sizes and all(s[-1] == o[d] * shape[d] for s, o in zip(steps, strides, strict=True)):
            sizes[-1] *= shape[d]
            for s, o in zip(steps, strides, strict=True):
                s[-1] = o[d]
        else:
            sizes.append(shape[d])
            for s, o in zip(steps, strides, strict=True):
                s.append(o[d])
    if not sizes:
        return (1,), [(0,)] * len(strides)
    return tuple(sizes), [tuple(s) for s in steps]


def _window(array: Array) -> tuple[Any, int]:
    """Return Numba's flat array over an operand's elements, and the index of the first."""
    if array.layout.flags.c_contiguous:
        flat = array if array.ndim == 1 else array.reshape(-1)
        return flat.memory, 0
    low = sum(min(s, 0) * (n - 1) for s, n in zip(array.strides, array.shape, strict=True))
    high = sum(max(s, 0) * (n - 1) for s, n in zip(array.strides, array.shape, strict=True))
    start = array.layout.ctypes.data + low - array.block.layout.ctypes.data
    whole = array.block.layout[start : start + high - low + array.itemsize].view(array.dtype)
    return Array(array.block, whole).memory, -low // array.itemsize


def _launch(name: Any, out: Array, operands: list[Any]) -> None:
    """Write the function of arrays and typed numbers, which broadcast to `out`, to `out`."""
    if not out.size:
        return
    shape = out.shape
    numbers = (0,) * len(shape)
    strides = [out.strides] + [
        np.broadcast_to(x.layout, shape).strides if isinstance(x, Array) else numbers
        for x in operands
    ]
    sizes, steps = _merged(shape, strides)
    arguments: list[Any] = []
    for x, step in zip([out, *operands], steps, strict=True):
        if isinstance(x, Array):
            window, first = _window(x)
            arguments += [window, (first, *(s // x.itemsize for s in step))]
        else:
            arguments += [(x,), (0, *step)]
    grid = min(blocks(out.size), MOST_BLOCKS)
    _kernel(name, len(operands))[grid, THREADS](sizes, *arguments)


# Calls


@lru_cache(maxsize=512)
def _resolved(ufunc: Any, kinds: tuple[Any, ...], dtype: Any) -> tuple[np.dtype, ...]:
    """Return the dtypes that NumPy takes the operands in, and that of the result."""
    fixed = {} if dtype is None else {"signature": (None,) * len(kinds) + (np.dtype(dtype),)}
    return ufunc.resolve_dtypes((*kinds, None), **fixed)


def _kind(x: Any) -> Any:
    if isinstance(x, bool):
        return np.dtype(bool)
    return type(x) if isinstance(x, int | float) and not isinstance(x, np.generic) else x.dtype


def operands(values: Any) -> list[Any]:
    """Return arrays and numbers as they can stand beside each other.

    Raises:
        RuntimeError: for an array of the host, unless it has no dims: such a one is a number, as in
            torch.
    """
    found = []
    for x in values:
        if isinstance(x, np.ndarray):
            if x.ndim:
                raise kernels.mixed({"cpu", "cuda:0"})
            x = x[()]
        elif not isinstance(x, Array | int | float | np.generic):
            raise TypeError(f"expected an array or a number, got {type(x).__name__}")
        found.append(x)
    return found


def _typed(x: Any, dtype: np.dtype) -> Any:
    """Return an operand in a dtype."""
    if isinstance(x, Array):
        return x.astype(dtype, copy=False)
    with np.errstate(all="ignore"):
        return dtype.type(x)


def apply(ufunc: Any, inputs: Any, *, out: Any = None, dtype: Any = None, **options: Any) -> Array:
    """Return a ufunc of arrays and numbers, of which one at least is an array of the device.

    Raises:
        NotImplementedError: for another ufunc or option than those there are kernels for.
        RuntimeError: for arrays on several devices.
    """
    if ufunc not in FUNCTIONS or options:
        raise unsupported(f"np.{ufunc.__name__}" + "".join(f", {name}=" for name in options))
    inputs = operands(inputs)
    *loop, result = _resolved(ufunc, tuple(_kind(x) for x in inputs), dtype)
    inputs = [_typed(x, d) for x, d in zip(inputs, loop, strict=True)]
    shape = broadcast(inputs)
    if out is None:
        target = made = empty(shape, result)
    else:
        (target,) = out
        if not isinstance(target, Array):
            raise kernels.mixed({"cpu", "cuda:0"})
        if target.shape != shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {target.shape} doesn't match the "
                f"broadcast shape {shape}"
            )
        if not np.can_cast(result, target.dtype, "same_kind"):
            raise np.exceptions.DTypePromotionError(
                f"cannot cast the result of {ufunc.__name__} from {result} to {target.dtype}"
            )
        aside = result != target.dtype or any(_overlaps(target, x) for x in inputs)
        made = empty(shape, result) if aside else target
    _launch(ufunc, made, inputs)
    if made is not target:
        copy(target, made)
    return target


def _overlaps(target: Array, x: Any) -> bool:
    """Say whether writing the result may change an operand before it is read."""
    if not isinstance(x, Array) or not np.may_share_memory(target.layout, x.layout):
        return False
    same = target.layout.ctypes.data == x.layout.ctypes.data
    return not (same and target.shape == x.shape and target.strides == x.strides)


def broadcast(values: Any) -> tuple[int, ...]:
    """Return the shape that arrays and numbers broadcast to.

    Raises:
        ValueError: if they do not.
    """
    return np.broadcast_shapes(*(x.shape for x in values if isinstance(x, Array)))


def copy(target: Array, value: Any) -> None:
    """Write a value, which broadcasts, into an array: an array of either device, or a number."""
    if not target.flags.writeable:
        raise ValueError("assignment destination is read-only")
    if isinstance(value, np.ndarray) and value.ndim:
        host = value.astype(target.dtype, copy=False)
        if host.shape == target.shape and target.flags.c_contiguous:
            upload(host, target)
            return
        value = from_host(host)
    if isinstance(value, Array):
        source = value
        while source.ndim > target.ndim and source.shape[0] == 1:
            source = source[0]
        if source.ndim > target.ndim or broadcast((source, target)) != target.shape:
            raise ValueError(
                f"could not broadcast input array from shape {value.shape} into shape "
                f"{target.shape}"
            )
        if _overlaps(target, source):
            source = source.copy()
    else:
        source = _typed(np.asarray(value)[()], target.dtype)
    halves = [x.dtype for x in (target, source) if x.dtype.itemsize == 2 and x.dtype.kind in "fV"]
    if halves:  # no arithmetic is done in these: they move as bits
        if target.dtype != source.dtype:
            raise unsupported(f"a cast from {source.dtype} to {target.dtype}")
        target = target.view(np.uint16)
        source = source.view(np.uint16)
    _launch("copy", target, [source])


def _of_three(name: str, dtype: np.dtype, *values: Any) -> Array:
    out = empty(broadcast(values), dtype)
    _launch(name, out, list(values))
    return out


def where(condition: Any, x: Any, y: Any) -> Array:
    """Return x where the condition is true, and y elsewhere."""
    condition, x, y = operands((condition, x, y))
    dtype = np.result_type(*(v if not isinstance(v, Array) else v.dtype for v in (x, y)))
    chosen = _typed(condition, np.dtype(bool))
    return _of_three("where", dtype, chosen, _typed(x, dtype), _typed(y, dtype))


def clip(x: Any, low: Any, high: Any) -> Array:
    """Return x held within [low, high], in its own dtype."""
    x, low, high = operands((x, low, high))
    return _of_three("clip", x.dtype, x, _typed(low, x.dtype), _typed(high, x.dtype))
