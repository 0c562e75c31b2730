"""Features: how many dimensions of its width a layer uses to tell the samples of a batch apart."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

SAMPLES = 512  # at most; their number bounds the rank
RESOLUTION = float(np.finfo(np.float32).eps)


class Features(NamedTuple):
    """The singular values of a layer's outputs on a batch, a matrix (samples, units), in brief.

    Attributes:
        possible: the largest rank that the matrix can have.
        rank: the number of singular values above rounding in float32.
        effective_rank: exp(-Σ p ln p) with p the singular values over their sum: of equal ones it
            is their number. Roy and Vetterli (2007), "The effective rank".
        condition: the largest singular value over the smallest of those possible.
    """

    possible: int
    rank: int
    effective_rank: float
    condition: float


def features(outputs: np.ndarray) -> Features | None:
    """Return the features of outputs of shape (..., units), or None if there is none to tell.

    Example:
        >>> import numpy as np
        >>> features(np.eye(4)[:3])
        Features(possible=3, rank=3, effective_rank=3.0, condition=1.0)
    """
    matrix = outputs.reshape(-1, outputs.shape[-1] if outputs.ndim else 1)[:SAMPLES]
    possible = min(matrix.shape)
    scale = float(np.abs(matrix).max(initial=0.0))
    if possible == 0 or not math.isfinite(scale):
        return None
    if scale == 0:
        return Features(possible, 0, 0.0, math.inf)
    matrix = matrix.astype(np.float64) / scale
    # The squares' digits do: what is lost is below float32's resolution.
    small = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(small)[::-1], 0))
    rank = int((values > values[0] * max(matrix.shape) * RESOLUTION).sum())
    shares = values[values > 0] / values.sum()
    effective = math.exp(-float((shares * np.log(shares)).sum()))
    condition = float(values[0] / values[-1]) if rank == possible else math.inf
    return Features(possible, rank, round(effective, 9), condition)
