"""Sequences of several lengths as one tensor, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import minnet.functional as V
from minnet.creation import as_tensor, full
from minnet.tensor import Tensor

__all__ = ["pad_sequence", "unpad_sequence"]


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Return sequences (L_i, *) as one tensor (longest, N, *), filled up with `padding_value`.

    Args:
        sequences: tensors that differ in their first dim alone.
        batch_first: whether the result is (N, longest, *).
        padding_side: "right" (behind each sequence) or "left".

    Raises:
        RuntimeError: if there is none, another dim differs, or the side is neither.

    Example:
        >>> import minnet
        >>> from minnet.nn.utils.rnn import pad_sequence
        >>> pad_sequence([minnet.tensor([1, 2, 3]), minnet.tensor([4])], batch_first=True)
        tensor([[1, 2, 3],
                [4, 0, 0]])
    """
    rows = list(sequences)
    if not rows:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("right", "left"):
        raise RuntimeError(f'padding_side should be "right" or "left", got {padding_side!r}')
    longest = max(len(row) for row in rows)
    padded = []
    for row in rows:
        if row.shape[1:] != rows[0].shape[1:]:
            raise RuntimeError(
                "sequences may differ in their first dim alone, got the shapes "
                f"{list(rows[0].shape)} and {list(row.shape)}"
            )
        missing = (longest - len(row), *row.shape[1:])
        space = full(missing, padding_value, dtype=row.dtype, device=row.device)
        padded.append(V.cat([row, space] if padding_side == "right" else [space, row]))
    return V.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Any]:
    """Return the sequences of a padded tensor: its columns, or rows, as far as `lengths` say.

    Example:
        >>> import minnet
        >>> from minnet.nn.utils.rnn import unpad_sequence
        >>> unpad_sequence(minnet.tensor([[1, 2, 3], [4, 0, 0]]), [3, 1], batch_first=True)
        [tensor([1, 2, 3]), tensor([4])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n] for row, n in zip(rows, as_tensor(lengths).tolist(), strict=True)]
