"""Which samples come, and when: in order, at random, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, Generic, TypeVar

import numpy as np

from minnet import creation, dtypes, functional, random

T = TypeVar("T", covariant=True)


def lists(items: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Return the items, list by list; where taking one raises, that is no end."""
    rest = iter(items)
    found = iter(lambda: list(islice(rest, size)), [])
    return takewhile(lambda batch: len(batch) == size, found) if drop_last else found


class Sampler(Generic[T]):
    """Indices, or lists of them, in the order to take samples in: a subclass defines `__iter__`.

    It may define `__len__`, which the length of a `DataLoader` asks for.
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")

    # No __len__ here: len() of a subclass without one should be Python's own TypeError.


class _Drawn(Sampler[int]):
    """A sampler that has its indices in arrays, so that no number of them is a Python object."""

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield the indices, array by array."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[int]:
        for piece in self.pieces():
            yield from piece.tolist()


class SequentialSampler(_Drawn):
    """The indices of a data set in order.

    Example:
        >>> import minnet
        >>> list(minnet.data.SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def pieces(self) -> Iterator[np.ndarray]:
        yield np.arange(len(self))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(_Drawn):
    """The indices of a data set in a new random order each time.

    Args:
        data_source: the data set; only its length is asked for.
        replacement: draw each index from all, so that some come again and some do not come.
        num_samples: how many indices; as many as there are samples if not given. Without
            replacement, a further order begins where one ends.
        generator: where the order comes from; the default generator if not given.

    Raises:
        TypeError: if `replacement` is not a bool.
        ValueError: if `num_samples` is not a positive int.

    Example:
        >>> import minnet
        >>> sampler = minnet.data.RandomSampler("abc", num_samples=6)
        >>> len(sampler), sorted(sampler)
        (6, [0, 0, 1, 1, 2, 2])
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def pieces(self) -> Iterator[np.ndarray]:
        n, generator = len(self.data_source), random.for_pass(self.generator)
        if self.replacement:
            for start in range(0, self.num_samples, 32):  # as many at once as torch draws
                indices = np.empty(min(32, self.num_samples - start), np.int64)
                generator.integers(indices, 0, n)
                yield indices
            return
        for _ in range(self.num_samples // n):
            yield generator.permutation(n)
        if rest := self.num_samples % n:
            yield generator.permutation(n)[:rest]
        elif self.generator is not None:
            generator._engine.end_pass(n)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in a new random order each time.

    Example:
        >>> import minnet
        >>> sorted(minnet.data.SubsetRandomSampler([5, 3, 8]))
        [3, 5, 8]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in random.resolve(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Drawn):
    """Indices drawn at random, each as often as its weight says.

    Args:
        weights: a sequence or a tensor of numbers, which need not sum to 1.
        num_samples: how many indices.
        replacement: whether an index may come again.
        generator: where they come from; the default generator if not given.

    Attributes:
        weights: a float64 tensor.

    Raises:
        ValueError: if `num_samples` is not a positive int, `replacement` is not a bool, or
            `weights` has another number of dimensions than 1.
        RuntimeError: by drawing, if weights are not finite, negative, or too few above 0.

    Example:
        >>> import minnet
        >>> len(minnet.data.WeightedRandomSampler([0.1, 3, 0.4], num_samples=5))
        5
    """

    def __init__(
        self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None
    ):
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={num_samples}"
            )
        if not isinstance(replacement, bool):
            raise ValueError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        self.weights = creation.as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def pieces(self) -> Iterator[np.ndarray]:
        yield functional.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        ).numpy()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler, list by list.

    Args:
        sampler: indices; it is read no further than a batch needs.
        batch_size: how many in a list.
        drop_last: leave out a last list that is not full.

    Raises:
        ValueError: if `batch_size` is not a positive int, or `drop_last` is not a bool.

    Example:
        >>> import minnet
        >>> list(minnet.data.BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def batches(self) -> Iterator[np.ndarray | list[int]]:
        """Yield the batches, as arrays where the sampler has its indices in arrays."""
        size, held = self.batch_size, np.empty(0, np.int64)
        if getattr(type(self.sampler), "__iter__", None) is not _Drawn.__iter__:
            yield from lists(self.sampler, size, self.drop_last)
            return
        for piece in self.sampler.pieces():  # type: ignore[attr-defined]
            order = np.concatenate([held, piece]) if len(held) else piece
            whole = len(order) // size * size
            for start in range(0, whole, size):
                yield order[start : start + size]
            held = order[whole:]
        if len(held) and not self.drop_last:
            yield held

    def __iter__(self) -> Iterator[list[int]]:
        return (batch if isinstance(batch, list) else batch.tolist() for batch in self.batches())

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return whole + (rest > 0 and not self.drop_last)
