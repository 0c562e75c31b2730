"""torch's place for what concerns all modules."""

from minnet.nn.modules import module

__all__ = ["module"]
