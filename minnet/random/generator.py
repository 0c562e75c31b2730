"""`Generator`: a seed and the number of the next draw. The bits come from Philox4x32-10."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
from typing import Any

import numpy as np

from minnet import devices, kernels

# torch's, so that a script that prints it sees the same number.
DEFAULT_SEED = 67280421310721
LIMIT = 1 << 64


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"manual_seed expected an int, but got {type(seed).__name__}")
    seed = int(seed)
    if not -(LIMIT >> 1) <= seed < LIMIT:
        raise RuntimeError(
            f"Overflow when unpacking long: the seed {seed} does not fit into 64 bits"
        )
    return seed % LIMIT


class Generator:
    """A source of random numbers: a 64-bit seed, and the number of draws so far.

    Every fill takes the next draw number, whatever its size, and is a pure function of (seed, draw,
    element index): the same for any number of threads, on any machine, and independent of the
    shapes of the fills before it.

    Args:
        device: "cpu".
        seed: a 64-bit int; torch's default seed, if None.

    Raises:
        RuntimeError: for another device, or a seed that does not fit into 64 bits.
        TypeError: if the seed is not an int.

    Example:
        >>> import minnet
        >>> g = minnet.Generator().manual_seed(0)
        >>> a = minnet.rand(3, generator=g)
        >>> b = minnet.rand(3, generator=minnet.Generator(seed=0))
        >>> minnet.equal(a, b)
        True
    """

    def __init__(self, device: Any = "cpu", *, seed: int | None = None):
        devices.require_cpu(device)
        self.device = devices.device(device)
        self._lock = threading.Lock()
        self._seed = DEFAULT_SEED if seed is None else _checked_seed(seed)
        self._draw = 0

    def __repr__(self) -> str:
        return f"<Generator seed={self._seed} draw={self._draw}>"

    def manual_seed(self, seed: int) -> Generator:
        """Set the seed, start over at draw 0, and return the generator."""
        self._seed, self._draw = _checked_seed(seed), 0
        return self

    def initial_seed(self) -> int:
        """Return the seed."""
        return self._seed

    def seed(self) -> int:
        """Set a seed from the operating system's randomness, and return it."""
        self.manual_seed(secrets.randbits(64))
        return self._seed

    def fold_in(self, name: str) -> Generator:
        """Return a generator whose stream is independent of this one's, decided by seed and name.

        Example:
            >>> import minnet
            >>> minnet.Generator(seed=0).fold_in("fc.weight").initial_seed() != 0
            True
        """
        text = f"{self._seed}:{name}".encode()
        seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
        return Generator(self.device, seed=seed)

    def _stream(self, kernels_module: Any) -> Any:
        with self._lock:
            draw = self._draw
            self._draw = draw + 1
        return kernels_module.stream(self._seed, draw)

    # Fills of arrays, in place

    def uniform(
        self, array: np.ndarray, low: float = 0.0, high: float = 1.0, start: int = 0
    ) -> None:
        """Fill a float array with U[low, high).

        Raises:
            RuntimeError: if low > high, a bound is not finite, or the range overflows the dtype.
        """
        low, high = float(low), float(high)
        if not low <= high:
            raise RuntimeError(
                f"uniform_ expects to return a [from, to) range, but found from={low:g} > "
                f"to={high:g}"
            )
        limit = float(np.finfo(array.dtype).max)
        if not (-limit <= low and high <= limit and high - low <= limit):
            raise RuntimeError(
                f"uniform_ expects from, to and to - from within {array.dtype}'s range, but found "
                f"from={low:g} and to={high:g}"
            )
        k = kernels.of(array)
        k.uniform(array, self._stream(k), low, high, start)

    def normal(
        self, array: np.ndarray, mean: float = 0.0, std: float = 1.0, start: int = 0
    ) -> None:
        """Fill a float array with N(mean, std²).

        Raises:
            RuntimeError: if std is negative or NaN.
        """
        mean, std = float(mean), float(std)
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        k = kernels.of(array)
        k.normal(array, self._stream(k), mean, std, start)

    def trunc_normal(
        self,
        array: np.ndarray,
        mean: float = 0.0,
        std: float = 1.0,
        a: float = -2.0,
        b: float = 2.0,
        start: int = 0,
    ) -> None:
        """Fill a float array with N(mean, std²) truncated to [a, b].

        Raises:
            ValueError: if std is not positive and finite, mean is not finite, or a >= b.
        """
        mean, std, a, b = float(mean), float(std), float(a), float(b)
        if not (0 < std < math.inf and math.isfinite(mean)):
            raise ValueError(
                f"trunc_normal_ expects a finite mean and std > 0, got {mean:g} and {std:g}"
            )
        if not a < b:
            raise ValueError(f"trunc_normal_ expects a < b, but found a={a:g} and b={b:g}")
        k = kernels.of(array)
        k.trunc_normal(array, self._stream(k), mean, std, a, b, start)

    def bernoulli(self, array: np.ndarray, p: float = 0.5, start: int = 0) -> None:
        """Fill an array with 1 with probability `p`, else 0.

        Raises:
            RuntimeError: if p is not in [0, 1].
        """
        p = float(p)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        k = kernels.of(array)
        k.bernoulli(array, self._stream(k), p, start)

    def integers(self, array: np.ndarray, low: int, high: int, start: int = 0) -> None:
        """Fill an array with whole numbers from [low, high), all equally likely.

        Raises:
            RuntimeError: if the range is empty or does not fit into the dtype.
        """
        low, high = int(low), int(high)
        if low >= high:
            raise RuntimeError(
                f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
            )
        if array.dtype == bool:
            smallest, largest = 0, 1
        elif array.dtype.kind == "f":
            largest = 2 ** (np.finfo(array.dtype).nmant + 1)
            smallest = -largest
        else:
            smallest, largest = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        if low < smallest or high - 1 > largest:
            raise RuntimeError(
                f"random_ expects values within [{smallest}, {largest}] for {array.dtype}, but got "
                f"from={low} and to={high}"
            )
        k = kernels.of(array)
        k.integers(array, self._stream(k), low, high, start)

    def permutation(self, n: int) -> np.ndarray:
        """Return a random order of 0 … n - 1 as int64."""
        k = kernels.of(None)
        return k.permutation(n, self._stream(k))


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


def manual_seed(seed: int) -> Generator:
    """Set the seed of the default generator, and return it.

    Raises:
        TypeError: if the seed is not an int.
        RuntimeError: if it does not fit into 64 bits.

    Example:
        >>> import minnet
        >>> minnet.manual_seed(0)
        <Generator seed=0 draw=0>
    """
    return _default.manual_seed(seed)


def seed() -> int:
    """Set the default generator's seed from the operating system's randomness, and return it."""
    return _default.seed()


def initial_seed() -> int:
    """Return the default generator's seed."""
    return _default.initial_seed()
