"""From a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minnet import creation, dtypes, functional
from minnet.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples into a batch with a new first dimension.

    Tensors and arrays are stacked, and numbers become a tensor (a float64 one, if the first is a
    float of Python). Strings are only gathered. Dicts, tuples, named tuples and lists are joined
    entry by entry, a tuple into a list.

    Raises:
        TypeError: if a sample is of another type.
        RuntimeError: if shapes or lengths differ, or a number has None or the like beside it.

    Example:
        >>> import minnet
        >>> minnet.data.default_collate([(1, "a"), (2, "b")])
        [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    kind = type(first)
    if isinstance(first, Tensor):
        return functional.stack(list(batch))
    if isinstance(first, np.ndarray) and first.dtype.kind in "buif":
        return functional.stack([creation.as_tensor(sample) for sample in batch])
    if isinstance(first, np.bool_ | np.integer | np.floating | int):
        return creation.tensor(batch)
    if isinstance(first, float):
        return creation.tensor(batch, dtype=dtypes.float64)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return kind(*fields) if hasattr(first, "_fields") else fields
    described = f"{kind} of dtype {first.dtype}" if hasattr(first, "dtype") else kind
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {described}; pass collate_fn to join such samples"
    )


def default_convert(sample: Any) -> Any:
    """Turn the arrays in a sample into tensors: what a `DataLoader` without batches gives."""
    if isinstance(sample, np.ndarray | np.generic) and sample.dtype.kind in "buif":
        return creation.as_tensor(sample)
    if isinstance(sample, Mapping):
        return {key: default_convert(value) for key, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*(default_convert(value) for value in sample))
    if isinstance(sample, tuple | list):
        return [default_convert(value) for value in sample]
    return sample
