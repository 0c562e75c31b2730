"""The functions that `minnet` exports: the operations, made by their declarations."""

from minnet import creation, functional, ranges  # noqa: F401 - declare them
from minnet.operation import exported

globals().update(exported("minnet"))
__all__ = sorted(exported("minnet"))
