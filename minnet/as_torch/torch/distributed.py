"""torch.distributed: not there, which programs ask before they use it."""


def is_available() -> bool:
    """Return False."""
    return False


def is_initialized() -> bool:
    """Return False."""
    return False
