"""torch.backends.mps: Apple's GPUs, which minnet does not compute on."""


def is_available() -> bool:
    """Return False."""
    return False


is_built = is_available
