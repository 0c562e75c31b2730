"""`pad`: a tensor with a border, of one number or of its own elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet import kernels, scalar
from minnet.functional.shape import cat, index_select
from minnet.operation import Number, Tensor, composite, operation
from minnet.size import ints
from minnet.variable import wrap

# NumPy's names of the ways in which a border is made of the elements.
MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _sides(shape: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return what comes before and after each dim; `sizes` begins with the last dim."""
    pairs = list(zip(sizes[::2], sizes[1::2], strict=True))
    return [(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1]


def _shape_of_bordered(shapes: Any, sizes: Sequence[int]) -> tuple[int, ...]:
    sides = _sides(shapes[0], sizes)
    return tuple(n + a + b for n, (a, b) in zip(shapes[0], sides, strict=True))


@operation(
    "ConstantPadNdBackward0",
    lambda V, dy, sizes: V.bordered(dy, tuple([-n for n in sizes]), 0.0),
    where="",
    shape=_shape_of_bordered,
)
def bordered(input: Tensor, sizes: tuple[int, ...], value: Number) -> Tensor:
    """Return `input` with a border of a number, or without a part where a size is negative."""
    out = kernels.zeros(_shape_of_bordered([input.shape], sizes), input)
    out.fill(scalar.fitted(value, out.dtype))
    source, target = [], []
    for n, (a, b) in zip(input.shape, _sides(input.shape, sizes), strict=True):
        source.append(slice(max(-a, 0), n - max(-b, 0)))
        target.append(slice(max(a, 0), n + a + b - max(b, 0)))
    out[tuple(target)] = input[tuple(source)]
    return out


@composite(where="F")
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: Number | None = None
) -> Tensor:
    """Return a tensor with a border.

    Args:
        input: of any shape.
        pad: how many elements come before and after the last dim, before and after the one before
            it, and so on. A negative number takes elements away.
        mode: "constant" for a border of one number; "reflect" mirrors the elements at the edge,
            "replicate" repeats the edge and "circular" goes on at the other side. These three pad
            all dims but the first two, or all but the first one.
        value: the number of a constant border; 0 unless given.

    Raises:
        RuntimeError: if `pad` does not fit the dims, or the border would need more elements than
            there are.
        NotImplementedError: for another mode, or a number of dims that the mode does not take.

    Example:
        >>> import minnet
        >>> x = minnet.tensor([[[1.0, 2.0, 3.0]]])
        >>> minnet.nn.functional.pad(x, (1, 1)), minnet.nn.functional.pad(x, (1, 1), "reflect")
        (tensor([[[0., 1., 2., 3., 0.]]]), tensor([[[2., 1., 2., 3., 2.]]]))
    """
    shape, sizes = input.array.shape, ints(tuple(pad))
    if mode not in ("constant", *MODES):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(sizes) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(sizes) > 2 * len(shape):
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(sizes)} and input of dimension {len(shape)}"
        )
    sides = _sides(shape, sizes)
    if any(n + min(a, 0) + min(b, 0) < 0 for n, (a, b) in zip(shape, sides, strict=True)):
        raise RuntimeError(
            f"narrow(): length must be non-negative: the padding {list(sizes)} takes away more "
            f"than the shape {list(shape)} has"
        )
    if mode == "constant":
        return bordered(input, sizes, 0 if value is None else value)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if not 0 <= len(shape) - len(sizes) // 2 - 1 <= 1:
        raise NotImplementedError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now; "
            f"{len(sizes) // 2} dims to pad ask for 1 or 2 dims before them, got {list(shape)}"
        )
    if min(sizes, default=0) < 0:
        input = bordered(input, tuple([min(n, 0) for n in sizes]), 0)
    for d, sides_of_dim in enumerate(sides):
        a, b = (max(n, 0) for n in sides_of_dim)
        n = input.array.shape[d]
        most = {"reflect": n - 1, "circular": n}.get(mode, max(a, b) if n else 0)
        if max(a, b) > most:
            raise RuntimeError(
                f"Padding size should be at most {most} at dimension {d} of input "
                f"{list(shape)} in mode {mode!r}, but got padding ({a}, {b})"
            )
        if a or b:
            places = np.pad(np.arange(n), (a, b), MODES[mode])
            before, after = [
                index_select(input, d, wrap(part)) for part in (places[:a], places[a + n :])
            ]
            input = cat([before, input, after], d)
    return input
