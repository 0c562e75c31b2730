"""What holds samples: by index or one after another, joined, chosen from, and split."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from minnet import kernels, random
from minnet.tensor import Tensor
from minnet.variable import wrap

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index. A subclass defines `__getitem__` and `__len__`.

    It may also define `__getbatch__(indices)`, from an int64 array to what `default_collate` would
    make of those samples: `DataLoader` then takes a whole batch in one call. That is how the data
    sets here that live in arrays are read at the speed of memory.

    Example:
        >>> import minnet
        >>> class Squares(minnet.data.Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, i):
        ...         return i, i * i
        >>> list(minnet.data.DataLoader(Squares(), batch_size=4))
        [[tensor([0, 1, 2, 3]), tensor([0, 1, 4, 9])]]
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Any) -> Dataset[Any]:
        return ConcatDataset([self, other])

    # No __len__ here: len() of a subclass without one should be Python's own TypeError.


class IterableDataset(Dataset[T]):
    """Samples one after another, such as lines of a file: a subclass defines `__iter__`.

    A `DataLoader` takes them as they come and cannot shuffle them.

    Example:
        >>> import minnet
        >>> class Countdown(minnet.data.IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(minnet.data.DataLoader(Countdown(), batch_size=2))
        [tensor([3, 2]), tensor([1])]
        >>> list(Countdown() + Countdown())
        [3, 2, 1, 3, 2, 1]
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Any) -> Dataset[Any]:
        return ChainDataset([self, other])


def takes_batches(dataset: Any) -> bool:
    """Say whether `__getbatch__` speaks for a data set.

    It does not where a subclass changed `__getitem__` and kept its parent's `__getbatch__`.
    """
    for cls in type(dataset).__mro__:
        if "__getbatch__" in cls.__dict__:
            return not isinstance(dataset, Subset) or takes_batches(dataset.dataset)
        if "__getitem__" in cls.__dict__:
            return False
    return False


def rows(tensor: Any, indices: np.ndarray) -> Any:
    """Return a copy of some rows of a tensor: `tensor[indices]`."""
    if tensor.requires_grad:
        return tensor[wrap(indices)]
    array = tensor.array
    return wrap(kernels.of(array).rows(array, indices))


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors of one length: sample i is the tuple of their rows i.

    Raises:
        TypeError: if an argument is not a tensor.
        ValueError: if there is none, or their lengths differ.

    Example:
        >>> import minnet
        >>> data = minnet.data.TensorDataset(minnet.eye(3), minnet.tensor([7, 8, 9]))
        >>> data[1]
        (tensor([0., 1., 0.]), tensor(8))
    """

    def __init__(self, *tensors: Tensor):
        if not tensors:
            raise ValueError("TensorDataset expects at least one tensor, got none")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"TensorDataset expects tensors, got {type(tensor).__name__}; "
                    "minnet.as_tensor makes one of an array or a list"
                )
            if tensor.ndim == 0:
                raise ValueError("TensorDataset expects tensors with rows, got one of shape []")
        if any(len(tensor) != len(tensors[0]) for tensor in tensors):
            raise ValueError(
                "Size mismatch between tensors: expected one length, got "
                f"{[len(tensor) for tensor in tensors]}"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: np.ndarray) -> list[Any]:
        return [rows(tensor, indices) for tensor in self.tensors]

    def __len__(self) -> int:
        return len(self.tensors[0])


class StackDataset(Dataset[Any]):
    """Data sets of one length side by side: sample i is the tuple, or dict, of their samples i.

    Attributes:
        datasets: a tuple of them, or where they were passed by name, a dict.

    Raises:
        ValueError: if there is none, their lengths differ, or some are named and some not.

    Example:
        >>> import minnet
        >>> minnet.data.StackDataset(x="abc", y=range(3))[1]
        {'x': 'b', 'y': 1}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset expects data sets, all of them by name or none: got "
                f"{len(args)} without and {len(kwargs)} with a name"
            )
        lengths = [len(dataset) for dataset in (*args, *kwargs.values())]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: expected one length, got {lengths}")
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        datasets = self.datasets.values() if isinstance(self.datasets, dict) else self.datasets
        return len(next(iter(datasets)))


class ConcatDataset(Dataset[T]):
    """Data sets one after another, which `+` makes of two.

    Attributes:
        datasets: a list of them.
        cumulative_sizes: for each, where the next one begins.

    Raises:
        AssertionError: if there is none, or one is an `IterableDataset`.
        IndexError, ValueError: by indexing beyond the end, or before the beginning.

    Example:
        >>> import minnet
        >>> both = minnet.data.ConcatDataset(["abc", "de"])
        >>> len(both), both[3], both[-1], both.cumulative_sizes
        (5, 'd', 'e', [3, 5])
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError(
                "ConcatDataset does not support IterableDataset: ChainDataset joins such"
            )
        self.cumulative_sizes = list(accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T:
        n = len(self)
        if index < -n:
            raise ValueError(
                f"absolute value of index should not exceed dataset length: got {index} of {n}"
            )
        if index >= n:
            raise IndexError(f"index {index} is out of range for {n} samples")
        place = index % n
        number = bisect_right(self.cumulative_sizes, place)
        start = self.cumulative_sizes[number - 1] if number else 0
        return self.datasets[number][place - start]


class ChainDataset(IterableDataset[T]):
    """Iterable data sets one after another, which `+` makes of two.

    Raises:
        AssertionError: if one of them is no `IterableDataset`, when its turn comes.
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}"
                )
            yield dataset

    def __iter__(self) -> Iterator[T]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[T]):
    """The samples of a data set at the given indices.

    Example:
        >>> import minnet
        >>> minnet.data.Subset("abcdef", [4, 2])[0]
        'e'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        several = getattr(self.dataset, "__getitems__", None)
        if several is None or type(self).__getitem__ is not Subset.__getitem__:
            return [self[i] for i in indices]
        return several([self.indices[i] for i in indices])

    def __getbatch__(self, indices: np.ndarray) -> Any:
        return self.dataset.__getbatch__(np.asarray(self.indices, np.int64).take(indices))

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Any = None
) -> list[Subset]:
    """Cut a data set at random into parts that do not overlap.

    `lengths` are numbers of samples, or fractions that sum to 1; what rounding down leaves over
    goes one by one to the first parts.

    Raises:
        ValueError: if the lengths do not sum to the length of the data set, or a fraction is not
            between 0 and 1.

    Example:
        >>> import minnet
        >>> parts = minnet.data.random_split(range(10), [0.75, 0.25])
        >>> [len(part) for part in parts], sorted(i for part in parts for i in part)
        ([8, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.",
                    stacklevel=2,
                )
        lengths = sizes
    if sum(lengths) != n:
        raise ValueError(
            "Sum of input lengths does not equal the length of the input dataset! "
            f"Expected {n}, got {list(lengths)}"
        )
    ends = np.cumsum([int(length) for length in lengths])
    order = random.resolve(generator).permutation(n)
    return [Subset(dataset, part.tolist()) for part in np.split(order, ends[:-1])]
