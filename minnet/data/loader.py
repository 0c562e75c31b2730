"""`DataLoader`: a data set, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import numpy as np

from minnet import random
from minnet.data.collate import default_collate, default_convert
from minnet.data.dataset import IterableDataset, takes_batches
from minnet.data.sampler import BatchSampler, RandomSampler, SequentialSampler, lists

T = TypeVar("T", covariant=True)

# As in torch: the samplers are made of them.
FIXED = {"batch_size", "batch_sampler", "dataset", "drop_last", "persistent_workers", "sampler"}


def get_worker_info() -> None:
    """Return None, as torch does in the process that reads a loader: here there is no other."""
    return None


class DataLoader(Generic[T]):
    """Goes through a data set in batches, in order or shuffled anew each time.

    A batch of a data set held in arrays (`TensorDataset`, `MNIST`, `GeneratedDigits`, a `Subset` or
    split of them) is one indexing operation per array, so there is nothing that worker processes
    could speed up: all is loaded in the calling process. `num_workers` above 0 is accepted with a
    warning and changes nothing, nor do the other arguments about workers and pinned memory; a
    `worker_init_fn` is never called.

    Who catches the error of a sample can go on with the next batch.

    Args:
        dataset: an `IterableDataset`, or whatever has `__getitem__` and, unless a sampler is given,
            `__len__`.
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
        self: DataLoader[Any],
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
        streams = isinstance(dataset, IterableDataset)
        given = sampler is not None or batch_sampler is not None
        methods = () if streams else ("__getitem__",) if given else ("__getitem__", "__len__")
        for method in methods:
            if not hasattr(dataset, method):
                raise TypeError(
                    f"DataLoader expects a dataset with {' and '.join(methods)}, got "
                    f"{type(dataset).__name__} without {method}"
                )
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; "
                "use num_workers=0 to disable multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing: let "
                "num_workers > 0, or prefetch_factor be None"
            )
        if num_workers == 0 and persistent_workers:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if num_workers == 0 and multiprocessing_context is not None:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={num_workers}"
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if streams and (shuffle or given):
            options = {
                "batch_sampler": batch_sampler,
                "sampler": sampler,
                "shuffle": shuffle or None,
            }
            name = max(name for name, value in options.items() if value is not None)
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                f"{name}={options[name]}"
            )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if num_workers > 0:
            warnings.warn(
                f"num_workers={num_workers} has no effect: minnet loads in the calling process, "
                "where a batch of a data set held in arrays is one indexing operation",
                stacklevel=2,
            )
        if streams:
            sampler = dataset  # it says itself what comes when
        elif sampler is None:
            sequential = SequentialSampler(dataset)
            sampler = RandomSampler(dataset, generator=generator) if shuffle else sequential
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        default = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn or default
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and "_made" in self.__dict__:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: "
                "make another"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> Iterator[T]:
        streams = isinstance(self.dataset, IterableDataset)
        fast = type(self.batch_sampler) is BatchSampler
        batches = self.batch_sampler.batches() if fast else self.batch_sampler
        order = iter(() if streams else self.sampler if batches is None else batches)
        # Torch's for workers, with or without any; after the order, before a stream has begun.
        random.resolve(self.generator)._engine.pass_seed()
        # A `map` goes on after a sample that raised, where a generator would have ended.
        if streams:
            size, data = self.batch_size, self.dataset
            return map(self.collate_fn, data if size is None else lists(data, size, self.drop_last))
        if batches is None:
            return map(lambda i: self.collate_fn(self.dataset[i]), order)
        if self.collate_fn is default_collate and takes_batches(self.dataset):
            batch = self.dataset.__getbatch__
            return map(lambda indices: batch(np.asarray(indices, np.int64)), order)
        return map(lambda indices: self.collate_fn(self._samples(indices)), order)

    def _samples(self, indices: Any) -> list[Any]:
        dataset = self.dataset
        indices = indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
        if hasattr(dataset, "__getitems__"):  # torch's protocol for taking several at once
            return dataset.__getitems__(indices)
        return [dataset[i] for i in indices]
