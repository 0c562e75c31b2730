"""torch.backends.mkl: minnet computes without it."""


def is_available() -> bool:
    """Return False."""
    return False
