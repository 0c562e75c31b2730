"""Labelled images held in memory: what the data sets of pictures have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from minnet import kernels
from minnet.data.collate import default_collate
from minnet.data.dataset import Dataset, rows
from minnet.tensor import Tensor
from minnet.variable import wrap


class LabelledImages(Dataset):
    """A data set with `data`, uint8 (n, height, width), and `targets`, int64 (n,).

    A sample is (image, label): a uint8 tensor (height, width) and an int, each through its
    transform where there is one.
    """

    classes: ClassVar = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    train: bool

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        transform: Any = None,
        target_transform: Any = None,
    ):
        self.data = wrap(images)
        self.targets = wrap(labels.astype(np.int64))
        self.transform = transform
        self.target_transform = target_transform

    # Names of older programs
    train_data = test_data = property(lambda self: self.data)
    train_labels = test_labels = property(lambda self: self.targets)

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, label = self.data[index], int(self.targets[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __getbatch__(self, indices: np.ndarray) -> Any:
        transform, data, targets = self.transform, self.data, self.targets
        scaling = transform.scaling() if hasattr(transform, "scaling") else None
        plain = (scaling or transform is None) and self.target_transform is None
        held = type(data) is type(targets) is Tensor
        if not (plain and held) or (scaling and data.array.dtype != np.uint8):
            return default_collate([self[i] for i in indices.tolist()])
        if scaling is None:
            return [rows(data, indices), rows(targets, indices)]
        images, (mean, std, before) = data.array, scaling
        batch = kernels.of(images).scaled_rows(images, indices, mean, std)
        if before:
            batch = batch.reshape(len(indices), *before, *images.shape[1:])
        return [wrap(batch), rows(targets, indices)]

    def _describe(self, source: str) -> str:
        split = "Train" if self.train else "Test"
        lines = [f"Number of datapoints: {len(self)}", source, f"Split: {split}"]
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])
