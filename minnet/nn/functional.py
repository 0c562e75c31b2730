"""The functions behind the layers, by torch.nn.functional's names, made by their declarations."""

from minnet import functional  # noqa: F401 - declares them
from minnet.operation import exported

globals().update(exported("F"))
__all__ = sorted(exported("F"))
