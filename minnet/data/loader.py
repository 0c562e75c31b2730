"""`DataLoader`: a data set, batch by batch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from minnet import random
from minnet.data.collate import default_collate, default_convert
from minnet.data.dataset import takes_batches


class DataLoader:
    """Goes through a data set in batches, in order or shuffled anew each time.

    A batch of a data set held in arrays (`TensorDataset`, `MNIST`, `GeneratedDigits`, a `Subset` or
    split of them) is one indexing operation per array, so there is nothing that worker processes
    could speed up: all is loaded in the calling process. `num_workers` above 0 is accepted with a
    warning and changes nothing, nor do the other arguments about workers and pinned memory.

    Args:
        dataset: whatever has `__getitem__` and `__len__`.
        batch_size: samples in a batch; None gives single samples.
        shuffle: a new random order each time.
        sampler: indices in the order to take them, instead of `shuffle`.
        batch_sampler: lists of indices, one for each batch.
        collate_fn: makes a batch of a list of samples; `default_collate` if not given.
        drop_last: leave out a last batch that is not full.
        generator: where the order comes from; the default generator if not given.

    Raises:
        TypeError: if `dataset` has no length or cannot be indexed.
        ValueError: if an option is out of range, or two exclude each other.

    Example:
        >>> import minnet
        >>> data = minnet.data.TensorDataset(minnet.arange(5))
        >>> loader = minnet.data.DataLoader(data, batch_size=2, drop_last=True)
        >>> len(loader), list(loader)
        (2, [[tensor([0, 1])], [tensor([2, 3])]])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Any = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        for method in ("__getitem__", "__len__"):
            if not hasattr(dataset, method):
                raise TypeError(
                    "DataLoader expects a dataset with __getitem__ and __len__, got "
                    f"{type(dataset).__name__} without {method}"
                )
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; "
                "use num_workers=0 to disable multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None:
            if drop_last:
                raise ValueError(
                    "batch_size=None option disables auto-batching and is mutually exclusive with "
                    "drop_last"
                )
        elif not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(
                f"batch_size should be a positive integer value, but got batch_size={batch_size}"
            )
        if shuffle and len(dataset) == 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got num_samples=0"
            )
        if num_workers > 0:
            warnings.warn(
                f"num_workers={num_workers} has no effect: minnet loads in the calling process, "
                "where a batch of a data set held in arrays is one indexing operation",
                stacklevel=2,
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self._batched = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)

    def __len__(self) -> int:
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.dataset if self.sampler is None else self.sampler)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        self._engine.begin_pass()
        if not self._batched:
            return (self.collate_fn(self.dataset[i]) for i in self._samples_in_order())
        if self.collate_fn is default_collate and takes_batches(self.dataset):
            batch = self.dataset.__getbatch__
            return (batch(np.asarray(indices, np.int64)) for indices in self._batches())
        return (self.collate_fn(self._samples(indices)) for indices in self._batches())

    def _samples_in_order(self) -> Iterator[Any]:
        if self.sampler is not None:
            yield from self.sampler
            return
        yield from self._order().tolist()
        self._end()

    @property
    def _engine(self) -> Any:
        return random.resolve(self.generator)._engine

    def _order(self) -> np.ndarray:
        n = len(self.dataset)
        return self._engine.order(n, self.generator is not None) if self.shuffle else np.arange(n)

    def _end(self) -> None:
        """Note that the last sample has been taken. A pass that is broken off never gets here."""
        if self.shuffle:
            self._engine.end_pass(len(self.dataset), self.generator is not None)

    def _batches(self) -> Iterator[Any]:
        """Yield the indices of each batch."""
        if self.batch_sampler is not None:
            yield from self.batch_sampler
            return
        size: Any = self.batch_size
        if self.sampler is None:
            order = self._order()
            whole = len(order) // size * size
            for start in range(0, whole, size):
                yield order[start : start + size]
            self._end()
            if whole < len(order) and not self.drop_last:
                yield order[whole:]
            return
        indices = iter(self.sampler)
        for batch in iter(lambda: list(islice(indices, size)), []):
            if len(batch) == size or not self.drop_last:
                yield batch

    def _samples(self, indices: Any) -> list[Any]:
        indices = indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
        if hasattr(self.dataset, "__getitems__"):  # torch's protocol for taking several at once
            return self.dataset.__getitems__(indices)
        return [self.dataset[i] for i in indices]
