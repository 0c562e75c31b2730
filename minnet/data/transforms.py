"""What becomes of an image: `ToFloat`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.variable import Variable, wrap


class ToFloat:
    """(x / 255 − mean) / std in float32, of uint8 images x: pixels that a network can learn from.

    The data sets of images here do it while they gather a batch, in one pass: their images stay in
    uint8, a fourth of the memory, and a batch has the bits of `(x.float() / 255 - mean) / std`.

    Args:
        mean, std: of the pixels, after the division by 255.

    Raises:
        ValueError: if `std` is not above 0.
        TypeError: if an image is not a uint8 tensor, when it is called.

    Example:
        >>> import minnet
        >>> half = minnet.data.ToFloat(mean=0.5, std=0.5)
        >>> half(minnet.tensor([0, 51, 255], dtype=minnet.uint8))
        tensor([-1.0000, -0.6000,  1.0000])
        >>> digits = minnet.data.GeneratedDigits(n=100, transform=half)
        >>> images, labels = next(iter(minnet.data.DataLoader(digits, batch_size=32)))
        >>> images.shape, images.dtype
        (torch.Size([32, 28, 28]), torch.float32)
    """

    def __init__(self, mean: float = 0.0, std: float = 1.0):
        if not std > 0:
            raise ValueError(f"ToFloat expects a standard deviation above 0, got std={std}")
        self.mean = mean
        self.std = std

    def __call__(self, image: Any) -> Any:
        if not isinstance(image, Variable) or image.array.dtype != np.uint8:
            got = f"one of {image.array.dtype}" if isinstance(image, Variable) else type(image)
            raise TypeError(f"ToFloat expects a uint8 tensor, got {got}")
        single = np.float32
        return wrap((image.array / single(255) - single(self.mean)) / single(self.std))

    def scaling(self) -> tuple[float, float, tuple[int, ...]] | None:
        """Return mean, std and the dimensions before a picture's own, if this is all it does.

        A data set of pictures asks its transform, and then makes a batch in one pass.
        """
        return (self.mean, self.std, ()) if type(self) is ToFloat else None

    def __repr__(self) -> str:
        return f"ToFloat(mean={self.mean}, std={self.std})"
