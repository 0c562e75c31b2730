"""torchvision.utils: pictures of batches of pictures."""

from __future__ import annotations

import math
from typing import Any

from minnet import full, no_grad, stack


@no_grad()
def make_grid(
    tensor: Any,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Any:
    """Return one picture (3, H, W) of a batch (B, C, H, W), or of a list of pictures.

    Args:
        nrow: pictures in a row.
        padding: pixels around each.
        normalize: scale the values to [0, 1].
        value_range: what is scaled to [0, 1]; the smallest and the largest value, if None.
        scale_each: scale each picture by itself.
        pad_value: the colour around the pictures.

    Raises:
        TypeError: if it is no tensor, and no list of tensors.
    """
    images = stack(tensor) if isinstance(tensor, list | tuple) else tensor
    if not hasattr(images, "unsqueeze"):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    while images.dim() < 4:
        images = images.unsqueeze(0)
    if images.size(1) == 1:
        images = images.expand(-1, 3, -1, -1)
    if normalize:
        parts = images.split(1) if scale_each else (images,)
        images = stack([x for part in parts for x in _scaled(part, value_range)])
    n, channels, height, width = images.shape
    if n == 1:
        return images.squeeze(0)
    columns = min(nrow, n)
    height, width = height + padding, width + padding
    shape = (channels, height * math.ceil(n / columns) + padding, width * columns + padding)
    grid = full(shape, pad_value, dtype=images.dtype)
    for k, image in enumerate(images):
        top, left = k // columns * height + padding, k % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


def _scaled(images: Any, value_range: tuple[float, float] | None) -> Any:
    low, high = value_range or (float(images.min()), float(images.max()))
    return (images.clamp(low, high) - low) / max(high - low, 1e-5)


@no_grad()
def save_image(tensor: Any, fp: Any, format: str | None = None, **options: Any) -> None:
    """Write a batch of pictures, with values from 0 to 1, into a file. Needs Pillow.

    The options are those of `make_grid`.
    """
    from PIL import Image

    grid = make_grid(tensor, **options).mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0)
    Image.fromarray(grid.numpy().astype("uint8")).save(fp, format=format)
