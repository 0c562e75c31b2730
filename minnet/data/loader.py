"""`DataLoader`: a data set, batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet import random
from minnet.data.collate import default_collate, default_convert
from minnet.data.dataset import takes_batches
from minnet.data.sampler import BatchSampler, RandomSampler, SequentialSampler

# As in torch: the samplers are made of them.
FIXED = {"batch_size", "batch_sampler", "dataset", "drop_last", "sampler"}


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
        if num_workers > 0:
            warnings.warn(
                f"num_workers={num_workers} has no effect: minnet loads in the calling process, "
                "where a batch of a data set held in arrays is one indexing operation",
                stacklevel=2,
            )
        if sampler is None:
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
        self.generator = generator
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

    def __iter__(self) -> Iterator[Any]:
        random.resolve(self.generator)._engine.pass_seed()  # torch's for workers, with or without
        # A `map` goes on after a sample that raised, where a generator would have ended.
        if self.batch_sampler is None:
            return map(lambda i: self.collate_fn(self.dataset[i]), self.sampler)
        fast = type(self.batch_sampler) is BatchSampler
        batches = self.batch_sampler.batches() if fast else self.batch_sampler
        if self.collate_fn is default_collate and takes_batches(self.dataset):
            batch = self.dataset.__getbatch__
            return map(lambda indices: batch(np.asarray(indices, np.int64)), batches)
        return map(lambda indices: self.collate_fn(self._samples(indices)), batches)

    def _samples(self, indices: Any) -> list[Any]:
        indices = indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
        if hasattr(self.dataset, "__getitems__"):  # torch's protocol for taking several at once
            return self.dataset.__getitems__(indices)
        return [self.dataset[i] for i in indices]
