"""`Methods`: the methods of `Tensor` that operations declare, made by their declarations."""

from minnet import creation, functional  # noqa: F401 - declare them
from minnet.operation import exported


class Methods:
    """What `Tensor` inherits: `x.exp()` is `exp(x)`, and `x.exp_()` changes x in place."""

    __slots__ = ()


for _name, _function in exported("Tensor").items():
    setattr(Methods, _name, _function)
