"""`Generator`: where random numbers come from, and the checks of what it is asked for."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import secrets
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from minnet import kernels
from minnet.random.engine import Engine
from minnet.random.philox_engine import PhiloxEngine
from minnet.random.torch_engine import TorchEngine
from minnet.scalar import finfo, real
from minnet.size import integer
from minnet.variable import Variable, wrap

# torch's, so that a script that prints it sees the same number.
DEFAULT_SEED = 67280421310721
LIMIT = 1 << 64
ENGINES: dict[str, type[Engine]] = {e.name: e for e in (PhiloxEngine, TorchEngine)}
_default_engine = PhiloxEngine.name


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"manual_seed expected an int, but got {type(seed).__name__}")
    seed = int(seed)
    if not -(LIMIT >> 1) <= seed < LIMIT:
        raise ValueError(
            f"Overflow when unpacking long long: the seed {seed} does not fit into 64 bits"
        )
    return seed % LIMIT


def _new_engine(name: Any, seed: Any) -> Engine:
    seed = _checked_seed(seed)
    if name is None:
        name = _default_engine
    if not isinstance(name, str) or name not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(map(repr, ENGINES))}, got {name!r}")
    return ENGINES[name](seed)


class Generator:
    """A source of random numbers: a seed, an engine, and how far it has been drawn.

    With the engine "philox" every fill takes the next draw number, whatever its size, and is a pure
    function of (seed, draw, element index): the same for any number of threads, on any machine, and
    independent of the shapes of the fills before it. So a fill can also start in the middle
    (`start`) and then gives a part of the larger one.

    With the engine "torch" the numbers are those of torch 2.13 on x86 for the same seed: uniform,
    normal (float32, float16, bfloat16), Bernoulli and whole numbers and permutations to the bit,
    so that networks start as they do there, see the same batches and drop the same units. In
    float64 normals and exponentials differ by a few units in the last place. Numbers are drawn in
    sequence: each fill depends on all those before it.

    Args:
        device: "cpu" or "cuda". Every generator fills tensors of both, with the same bits.
        seed: a 64-bit int; torch's default seed, if None.
        engine: "philox" or "torch"; that of `set_default_engine`, if None.

    Raises:
        RuntimeError: for a device that cannot be used.
        ValueError: for another engine, or a seed that does not fit into 64 bits.
        TypeError: if the seed is not an int.

    Example:
        >>> import minnet
        >>> g = minnet.Generator().manual_seed(0)
        >>> a = minnet.rand(3, generator=g)
        >>> b = minnet.rand(3, generator=minnet.Generator(seed=0))
        >>> minnet.equal(a, b)
        True
        >>> g
        <Generator seed=0 engine=philox draw=1>
        >>> minnet.randperm(10, generator=minnet.Generator(seed=42, engine="torch"))
        tensor([2, 6, 1, 8, 4, 5, 0, 9, 3, 7])
    """

    def __init__(self, device: Any = "cpu", *, seed: int | None = None, engine: str | None = None):
        self.device = kernels.checked(device)
        self._engine = _new_engine(engine, DEFAULT_SEED if seed is None else seed)

    def __repr__(self) -> str:
        engine = self._engine
        return f"<Generator seed={engine.seed} engine={engine.name} {engine.unit}={engine.drawn()}>"

    def __reduce__(self) -> Any:
        engine = self._engine
        return _restored, (engine.name, engine.state().tobytes(), engine.children)

    @property
    def engine(self) -> str:
        """The name of the engine: "philox" or "torch"."""
        return self._engine.name

    @property
    def draw(self) -> int:
        """How far numbers have been drawn: fills with "philox", 32-bit words with "torch".

        Words are counted since the seed or the state was set.
        """
        return self._engine.drawn()

    def manual_seed(self, seed: int) -> Generator:
        """Set the seed, start over, and return the generator. The engine stays."""
        self._engine = _new_engine(self.engine, seed)
        return self

    def initial_seed(self) -> int:
        """Return the seed."""
        return self._engine.seed

    def seed(self) -> int:
        """Set a seed from the operating system's randomness, and return it."""
        self.manual_seed(secrets.randbits(64))
        return self._engine.seed

    # Other generators

    def fold_in(self, name: str | bytes | int) -> Generator:
        """Return a generator whose numbers belong to a name, with the same engine.

        It depends on the seed and the name only, not on what has been drawn: weights drawn from
        `generator.fold_in(name_of_the_parameter)` stay when a layer is added before them. Its seed
        is the BLAKE2b hash (8 bytes, read little-endian, personalized "minnet.fold_in") of the seed
        (8 bytes, little-endian), the letter s, b or i for the type, and the name: in UTF-8, as it
        is, or in decimal.

        Raises:
            TypeError: if `name` is none of these types.

        Example:
            >>> import minnet
            >>> g = minnet.Generator(seed=0)
            >>> g.fold_in("fc1.weight")
            <Generator seed=12371604653913157131 engine=philox draw=0>
        """
        if isinstance(name, str):
            content = b"s" + name.encode()
        elif isinstance(name, bytes):
            content = b"b" + name
        elif isinstance(name, int | np.integer) and not isinstance(name, bool):
            content = b"i" + str(int(name)).encode()
        else:
            raise TypeError(f"fold_in expects a str, bytes or int, got {type(name).__name__}")
        return self._derived(b"minnet.fold_in", content)

    def spawn(self, n_children: int) -> list[Generator]:
        """Return new generators, independent of one another and of this one.

        They depend on the seed and on how many were spawned before, as NumPy's do: a second call
        gives others. Their seeds are hashes as in `fold_in`, personalized "minnet.spawn", of the
        seed and the number of the child (8 bytes each).

        Raises:
            TypeError: if `n_children` is not an int.
            ValueError: if it is negative.

        Example:
            >>> import minnet
            >>> first, second = minnet.Generator(seed=0).spawn(2)
            >>> minnet.equal(minnet.rand(3, generator=first), minnet.rand(3, generator=second))
            False
        """
        if isinstance(n_children, bool) or not isinstance(n_children, int | np.integer):
            raise TypeError(f"spawn expects an int, got {type(n_children).__name__}")
        if n_children < 0:
            raise ValueError(f"n_children must be non-negative, got {n_children}")
        first = self._engine.take_children(int(n_children))
        return [
            self._derived(b"minnet.spawn", child.to_bytes(8, "little"))
            for child in range(first, first + int(n_children))
        ]

    def _derived(self, purpose: bytes, content: bytes) -> Generator:
        content = self._engine.seed.to_bytes(8, "little") + content
        seed = hashlib.blake2b(content, digest_size=8, person=purpose).digest()
        return Generator(self.device, seed=int.from_bytes(seed, "little"), engine=self._engine.name)

    def clone_state(self) -> Generator:
        """Return a new generator in the same state."""
        return copy.copy(self)

    # The state

    def get_state(self) -> Any:
        """Return the state as a uint8 tensor, to go on from with `set_state` or to save.

        With "torch" it is the tensor of 5056 bytes that torch's `Generator.get_state` returns, and
        either library goes on from the other's. (It does not hold how many children were spawned.)
        With "philox" it is 40 bytes.

        Example:
            >>> import minnet
            >>> g = minnet.Generator(seed=0)
            >>> state = g.get_state()
            >>> a = minnet.rand(3, generator=g)
            >>> g.set_state(state)
            >>> minnet.equal(a, minnet.rand(3, generator=g))
            True
        """
        return wrap(self._engine.state())

    def set_state(self, new_state: Any) -> None:
        """Go on from a state of `get_state`.

        Raises:
            TypeError: if it is not a uint8 tensor.
            RuntimeError: if it is damaged, of a wrong size, or a state of another engine.
        """
        if not isinstance(new_state, Variable):
            raise TypeError(
                f"expected a torch.ByteTensor, a uint8 tensor, but got {type(new_state).__name__}"
            )
        if new_state.array.dtype != np.uint8:
            raise TypeError(
                "RNG state must be a torch.ByteTensor, a uint8 tensor, but got "
                f"{new_state.describe()}"
            )
        self._engine.restore(kernels.moved(new_state.array, "cpu").ravel())

    # Fills of arrays, in place. `place` is `start`, the index of the array's first element within a
    # larger fill of the same draw, and `progress`, called as `progress(done, total)` now and then
    # while a long one runs.

    def uniform(self, array: np.ndarray, low: float = 0.0, high: float = 1.0, **place: Any) -> None:
        """Fill a float array with U[low, high).

        Raises:
            RuntimeError: if low > high, a bound is not finite, or the range overflows the dtype.
            TypeError, ValueError: if the array cannot be filled: its dtype is not floating point,
                it is read-only, or its elements share memory.
        """
        _check_floats(array)
        low, high = real(low, "uniform_(): 'from'"), real(high, "uniform_(): 'to'")
        _check_range(array.dtype, low, high)
        self._fill("uniform", array, low, high, **place)

    def normal(self, array: np.ndarray, mean: float = 0.0, std: float = 1.0, **place: Any) -> None:
        """Fill a float array with N(mean, std²).

        Raises:
            RuntimeError: if std is negative or NaN.
        """
        _check_floats(array)
        mean, std = real(mean, "normal_(): 'mean'"), real(std, "normal_(): 'std'")
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        self._fill("normal", array, mean, std, **place)

    def trunc_normal(
        self,
        array: np.ndarray,
        mean: float = 0.0,
        std: float = 1.0,
        a: float = -2.0,
        b: float = 2.0,
        **place: Any,
    ) -> None:
        """Fill a float array with N(mean, std²) truncated to [a, b].

        Raises:
            ValueError: if std is not positive and finite, mean is not finite, or a >= b.
        """
        _check_floats(array)
        mean, std, a, b = (real(x, "trunc_normal_(): an argument") for x in (mean, std, a, b))
        if not (0 < std < math.inf and math.isfinite(mean)):
            raise ValueError(
                f"trunc_normal_ expects a finite mean and std > 0, got {mean:g} and {std:g}"
            )
        if not a < b:
            raise ValueError(f"trunc_normal_ expects a < b, but found a={a:g} and b={b:g}")
        self._fill("trunc_normal", array, mean, std, a, b, **place)

    def bernoulli(self, array: np.ndarray, p: float = 0.5, **place: Any) -> None:
        """Fill an array with 1 with probability `p`, else 0.

        Raises:
            RuntimeError: if p is not in [0, 1].
        """
        _check_writable(array)
        p = real(p, "bernoulli_(): 'p'")
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        self._fill("bernoulli", array, p, **place)

    def exponential(self, array: np.ndarray, rate: float = 1.0, **place: Any) -> None:
        """Fill a float array with numbers x >= 0 of density rate · exp(-rate · x).

        Raises:
            RuntimeError: if rate is not positive.
        """
        _check_floats(array)
        rate = real(rate, "exponential_(): 'lambd'")
        if not rate > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
        self._fill("exponential", array, rate, **place)

    def integers(
        self, array: np.ndarray, low: int | None = None, high: int | None = None, **place: Any
    ) -> None:
        """Fill an array with whole numbers from [low, high), all equally likely.

        Without bounds they are all that are not negative: up to the largest of a whole dtype, up to
        that below which a float holds every whole number (2²⁴ in float32).

        Raises:
            RuntimeError: if the range is empty or does not fit into the dtype.
        """
        _check_writable(array)
        if array.dtype == bool:
            smallest, largest = 0, 1
        elif array.dtype.kind in "iu":
            smallest, largest = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        else:
            largest = 2 ** (finfo(array.dtype).nmant + 1)
            smallest = -largest
        if low is None or high is None:
            self._engine.any_integers(array, largest + 1, **_checked_place(**place))
            return
        low, high = integer(low), integer(high)
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        if low < smallest or high - 1 > largest:
            raise RuntimeError(
                f"random_ expects values within [{smallest}, {largest}] for {array.dtype}, but got "
                f"from={low} and to={high}"
            )
        self._fill("integers", array, low, high, **place)

    def _fill(self, kind: str, array: np.ndarray, *args: Any, **place: Any) -> None:
        self._engine.fill(kind, array, *args, **(_checked_place(**place) if place else {}))

    def permutation(self, n: int) -> np.ndarray:
        """Return a random order of 0 … n - 1 as int64."""
        return self._engine.permutation(integer(n))


def _checked_place(start: Any = 0, progress: Any = None) -> dict[str, Any]:
    start = integer(start)
    if not 0 <= start < 1 << 63:
        raise ValueError(f"start must be an index of an element, got {start}")
    if not (progress is None or callable(progress)):
        raise TypeError(f"progress must be a function, got {type(progress).__name__}")
    return {"start": start, "progress": progress}


def _check_writable(array: np.ndarray) -> None:
    if not array.flags.writeable:
        raise ValueError("the array to fill is read-only: fill a copy of it")
    if (
        0 in array.strides
        and array.size
        and any(
            stride == 0 and size > 1
            for stride, size in zip(array.strides, array.shape, strict=True)
        )
    ):
        raise ValueError(
            "more than one element of the array to fill lies at a single place in memory, as after "
            "np.broadcast_to: fill a copy of it"
        )


def _check_floats(array: np.ndarray) -> None:
    _check_writable(array)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise TypeError(f"expected an array of floats to fill, got dtype {array.dtype}")


@lru_cache(maxsize=256)  # a network's layers ask for few ranges, and again and again
def _check_range(dtype: np.dtype, low: float, high: float) -> None:
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    limit = float(finfo(dtype).max)
    if not (-limit <= low and high <= limit and high - low <= limit):
        raise RuntimeError(
            f"uniform_ expects from, to and to - from within {dtype}'s range, but found "
            f"from={low:g} and to={high:g}"
        )


def _restored(engine: str, state: bytes, children: int) -> Generator:
    generator = Generator(engine=engine)
    generator._engine.restore(np.frombuffer(state, np.uint8))
    generator._engine.children = children
    return generator


_default = Generator()
_default.seed()


def default_generator() -> Generator:
    """Return the generator of every draw that names none."""
    return _default


def resolve(generator: Any) -> Generator:
    """Return the given generator, or the default one for None.

    Raises:
        TypeError: if it is neither.
    """
    if generator is None:
        return _default
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be a minnet.Generator or None, got {type(generator).__name__}"
        )
    return generator


def set_default_engine(engine: str) -> None:
    """Set the engine of generators and of `manual_seed` where none is named: "philox" at first.

    The default generator starts over with it, from a seed of the operating system's randomness.

    Raises:
        ValueError: if there is no such engine.

    Example:
        >>> import minnet
        >>> minnet.random.set_default_engine("torch")
        >>> minnet.manual_seed(0)
        <Generator seed=0 engine=torch words=0>
        >>> minnet.random.set_default_engine("philox")
    """
    global _default_engine
    _default._engine = _new_engine(engine, secrets.randbits(64))
    _default_engine = engine


def for_pass(generator: Any) -> Generator:
    """Return what a pass in random order draws from: the given generator, or for None the default.

    Of torch's default generator, only the seed of another is drawn.
    """
    seed = None if generator is not None else _default._engine.pass_seed()
    return resolve(generator) if seed is None else Generator(seed=seed, engine=_default.engine)


def manual_seed(seed: int, engine: str | None = None) -> Generator:
    """Set the seed and the engine of the default generator, and return it.

    Args:
        seed: a 64-bit int.
        engine: "philox", or "torch" for the numbers of torch 2.13: see `Generator`. That of
            `set_default_engine`, if None.

    Raises:
        TypeError: if the seed is not an int.
        ValueError: if it does not fit into 64 bits, or there is no such engine.

    Example:
        >>> import minnet
        >>> minnet.manual_seed(0, engine="torch")
        <Generator seed=0 engine=torch words=0>
        >>> minnet.rand(2)  # torch's
        tensor([0.4963, 0.7682])
        >>> minnet.manual_seed(0)
        <Generator seed=0 engine=philox draw=0>
    """
    _default._engine = _new_engine(engine, seed)
    return _default


# As Python's `random`: the methods of the default generator, which stays the same object.
seed, initial_seed = _default.seed, _default.initial_seed
get_rng_state, set_rng_state = _default.get_state, _default.set_state


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Let the block draw from the default generator, and set that back afterwards.

    The block may seed it anew, with another engine too.

    Args:
        devices: none or an empty list, as there are no others than the CPU.
        enabled: without it the block just runs.

    Raises:
        RuntimeError: if `devices` names any.

    Example:
        >>> import minnet
        >>> _ = minnet.manual_seed(0)
        >>> with minnet.random.fork_rng():
        ...     x = minnet.rand(3)
        >>> minnet.equal(x, minnet.rand(3))
        True
    """
    if devices:
        raise RuntimeError(f"fork_rng has no devices but the CPU to fork, got devices={devices!r}")
    if not enabled:
        yield
        return
    before = _default._engine
    _default._engine = copy.copy(_default)._engine
    try:
        yield
    finally:
        _default._engine = before


fork = fork_rng
