"""Digits drawn by minnet itself: what to train on where there is no network and no file."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import kernels
from minnet.data.images import LabelledImages


class GeneratedDigits(LabelledImages):
    """Handwritten digits, 28 x 28, drawn as strokes under random affine and elastic distortion.

    They look like MNIST and have its shapes, dtypes and mean ink, and they are somewhat harder for
    a linear model. Image i depends on the seed, the split and i alone: not on n, and not on the
    machine or the number of threads.

    Args:
        train: which split, training or test. The two share no image.
        n: how many, 60,000 to train on and 10,000 to test with if not given.
        seed: below 2**64.
        transform: called with each image, a uint8 tensor (28, 28), when a sample is taken.
        target_transform: called with each label, an int.

    Attributes:
        data: the images, a uint8 tensor (n, 28, 28).
        targets: the labels, an int64 tensor (n,).

    Raises:
        ValueError: if `n` or `seed` is out of range.

    Example:
        >>> import minnet
        >>> digits = minnet.data.GeneratedDigits(n=6)
        >>> image, label = digits[0]
        >>> image.shape, label
        (torch.Size([28, 28]), 4)
    """

    def __init__(
        self,
        train: bool = True,
        n: int | None = None,
        seed: int = 0,
        transform: Any = None,
        target_transform: Any = None,
    ):
        if n is None:
            n = 60_000 if train else 10_000
        if not 0 <= n < 2**32:
            raise ValueError(f"GeneratedDigits expects n from 0 to 2**32 - 1, got n={n}")
        if not 0 <= seed < 2**64:
            raise ValueError(f"GeneratedDigits expects a seed from 0 to 2**64 - 1, got seed={seed}")
        self.train = train
        self.seed = seed
        images = np.empty((n, 28, 28), np.uint8)
        labels = np.empty(n, np.int64)
        kernels.of(images).digits(images, labels, seed, 0 if train else 1)
        super().__init__(images, labels, transform, target_transform)

    def __repr__(self) -> str:
        return self._describe(f"Seed: {self.seed}")
