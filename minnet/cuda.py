"""CUDA: what scripts ask before they use it."""

from __future__ import annotations


def is_available() -> bool:
    """Return whether tensors can live on a GPU. This version computes on the CPU only.

    Example:
        >>> import minnet
        >>> "cuda" if minnet.cuda.is_available() else "cpu"
        'cpu'
    """
    return False


def device_count() -> int:
    """Return the number of GPUs that tensors can live on."""
    return 0
