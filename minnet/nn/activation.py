"""Activation layers: functions of one tensor, mostly element by element."""

from __future__ import annotations

from typing import Any

from minnet.creation import empty
from minnet.nn import functional as F
from minnet.nn.init import constant_
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]  # fmt: skip


class _Activation(Module):
    """What activations share: `forward`, by a function's name, and how the attributes print.

    The attributes that `__init__` sets by its parameters are the function's further arguments. With
    `inplace` its in-place form is called.
    """

    _names: tuple[str, ...]

    def __init_subclass__(cls, function: str = "", **options: Any):
        super().__init_subclass__(**options)
        if not function:
            return
        code = cls.__init__.__code__
        parameters = code.co_varnames[1 : code.co_argcount]
        names = cls._names = tuple(name for name in parameters if name != "inplace")
        call: Any = getattr(F, function)
        in_place: Any = getattr(F, f"{function}_") if "inplace" in parameters else None

        def forward(self: Any, input: Any) -> Any:
            attributes = self.__dict__
            chosen = in_place if attributes.get("inplace") else call
            return chosen(input, *map(attributes.__getitem__, names))

        # One for each class, by which a Sequential knows it.
        cls.forward = forward if parameters else lambda self, input: call(input)

    def extra_repr(self) -> str:
        given = [f"{name}={getattr(self, name)!r}" for name in self._names]
        return ", ".join(given + ["inplace=True"] * bool(getattr(self, "inplace", False)))


class _InPlace(_Activation):
    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace


class ReLU(_InPlace, function="relu"):
    """max(0, x). Its derivative at 0 is 0.

    Args:
        inplace: overwrite the input, in place of allocating the result.

    Example:
        >>> import minnet
        >>> minnet.nn.ReLU()(minnet.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """


class Hardtanh(_InPlace, function="hardtanh"):
    """x, limited to the range from `min_val` to `max_val`.

    Raises:
        ValueError: if the range is empty.

    Example:
        >>> import minnet
        >>> minnet.nn.Hardtanh()(minnet.tensor([-3.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        if max_val <= min_val:
            raise ValueError(f"max_val ({max_val}) must be greater than min_val ({min_val})")
        self.min_val = min_val
        self.max_val = max_val


class ReLU6(Hardtanh):
    """min(max(0, x), 6).

    Example:
        >>> import minnet
        >>> minnet.nn.ReLU6()(minnet.tensor([-1.0, 3.0, 8.0]))
        tensor([0., 3., 6.])
    """

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Hardswish(_InPlace, function="hardswish"):
    """x · ReLU6(x + 3) / 6.

    Howard and others (2019), "Searching for MobileNetV3".

    Example:
        >>> import minnet
        >>> minnet.nn.Hardswish()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.3333,  1.6667])
    """

    def extra_repr(self) -> str:
        return ""  # as torch's


class Hardsigmoid(_InPlace, function="hardsigmoid"):
    """ReLU6(x + 3) / 6.

    Example:
        >>> import minnet
        >>> minnet.nn.Hardsigmoid()(minnet.tensor([-1.0, 2.0]))
        tensor([0.3333, 0.8333])
    """

    def extra_repr(self) -> str:
        return ""  # as torch's


class LeakyReLU(_InPlace, function="leaky_relu"):
    """x where x > 0, else `negative_slope` · x.

    Maas, Hannun, Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Example:
        >>> import minnet
        >>> minnet.nn.LeakyReLU(0.5)(minnet.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__(inplace)
        self.negative_slope = negative_slope


class ELU(_InPlace, function="elu"):
    """x where x > 0, else `alpha` · (exp(x) − 1).

    Clevert, Unterthiner, Hochreiter (2015), "Fast and accurate deep network learning by exponential
    linear units (ELUs)".

    Example:
        >>> import minnet
        >>> minnet.nn.ELU()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha


class CELU(_InPlace, function="celu"):
    """x where x > 0, else `alpha` · (exp(x / `alpha`) − 1).

    Barron (2017), "Continuously differentiable exponential linear units".

    Example:
        >>> import minnet
        >>> minnet.nn.CELU(2.0)(minnet.tensor([-1.0, 2.0]))
        tensor([-0.7869,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha


class SELU(_InPlace, function="selu"):
    """The ELU scaled so that N(0, 1) keeps its mean and variance.

    Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-normalizing neural networks".

    Example:
        >>> import minnet
        >>> minnet.nn.SELU()(minnet.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """


class SiLU(_InPlace, function="silu"):
    """x · sigmoid(x), also known as swish.

    Elfwing, Uchibe, Doya (2018), "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning".

    Example:
        >>> import minnet
        >>> minnet.nn.SiLU()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """


class Mish(_InPlace, function="mish"):
    """x · tanh(log(1 + exp(x))).

    Misra (2019), "Mish: a self regularized non-monotonic activation function".

    Example:
        >>> import minnet
        >>> minnet.nn.Mish()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """


class GELU(_Activation, function="gelu"):
    """x · Φ(x) with Φ the standard normal distribution function.

    Hendrycks, Gimpel (2016), "Gaussian error linear units (GELUs)".

    Args:
        approximate: "none", or "tanh" for x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Example:
        >>> import minnet
        >>> minnet.nn.GELU()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate


class Sigmoid(_Activation, function="sigmoid"):
    """1 / (1 + exp(−x)).

    Example:
        >>> import minnet
        >>> minnet.nn.Sigmoid()(minnet.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """


class LogSigmoid(_Activation, function="logsigmoid"):
    """log(1 / (1 + exp(−x))).

    Example:
        >>> import minnet
        >>> minnet.nn.LogSigmoid()(minnet.tensor([0.0, 2.0]))
        tensor([-0.6931, -0.1269])
    """


class Tanh(_Activation, function="tanh"):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)).

    Example:
        >>> import minnet
        >>> minnet.nn.Tanh()(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """


class Softplus(_Activation, function="softplus"):
    """log(1 + exp(`beta` · x)) / `beta`; x itself where `beta` · x > `threshold`.

    Example:
        >>> import minnet
        >>> minnet.nn.Softplus()(minnet.tensor([0.0, 2.0]))
        tensor([0.6931, 2.1269])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold


class Softsign(_Activation, function="softsign"):
    """x / (1 + |x|).

    Example:
        >>> import minnet
        >>> minnet.nn.Softsign()(minnet.tensor([-1.0, 3.0]))
        tensor([-0.5000,  0.7500])
    """


class Softmax(_Activation, function="softmax"):
    """exp(x) / Σ exp(x) along `dim`: positive numbers that sum to 1.

    Example:
        >>> import minnet
        >>> minnet.nn.Softmax(dim=1)(minnet.tensor([[0.0, 0.0], [1.0, 2.0]]))
        tensor([[0.5000, 0.5000],
                [0.2689, 0.7311]])
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim


class LogSoftmax(_Activation, function="log_softmax"):
    """x − log Σ exp(x) along `dim`.

    Example:
        >>> import minnet
        >>> minnet.nn.LogSoftmax(dim=1)(minnet.tensor([[1.0, 2.0]]))
        tensor([[-1.3133, -0.3133]])
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim


class Softmin(_Activation, function="softmin"):
    """exp(−x) / Σ exp(−x) along `dim`.

    Example:
        >>> import minnet
        >>> minnet.nn.Softmin(dim=0)(minnet.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim


class Softmax2d(_Activation):
    """Softmax over the channels of each pixel.

    Shape:
        input and output (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: if the input has other dims.

    Example:
        >>> import minnet
        >>> minnet.nn.Softmax2d()(minnet.zeros(1, 2, 1, 1)).flatten()
        tensor([0.5000, 0.5000])
    """

    _names = ()

    def forward(self, input: Any) -> Any:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)


class Threshold(_InPlace, function="threshold"):
    """x where x > `threshold`, else `value`.

    Example:
        >>> import minnet
        >>> minnet.nn.Threshold(1.0, -5.0)(minnet.tensor([0.0, 2.0]))
        tensor([-5.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value


class Hardshrink(_Activation, function="hardshrink"):
    """x where |x| > `lambd`, else 0.

    Example:
        >>> import minnet
        >>> minnet.nn.Hardshrink()(minnet.tensor([-1.0, 0.3, 2.0]))
        tensor([-1.,  0.,  2.])
    """

    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Softshrink(_Activation, function="softshrink"):
    """x moved by `lambd` towards 0, and 0 where |x| ≤ `lambd`.

    Example:
        >>> import minnet
        >>> minnet.nn.Softshrink()(minnet.tensor([-1.0, 0.3, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])
    """

    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Tanhshrink(_Activation, function="tanhshrink"):
    """x − tanh(x).

    Example:
        >>> import minnet
        >>> minnet.nn.Tanhshrink()(minnet.tensor([0.0, 2.0]))
        tensor([0.0000, 1.0360])
    """


class GLU(_Activation, function="glu"):
    """a · sigmoid(b), where a and b are the two halves of `dim`.

    Dauphin, Fan, Auli, Grangier (2017), "Language modeling with gated convolutional networks".

    Example:
        >>> import minnet
        >>> minnet.nn.GLU()(minnet.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim


class RReLU(_InPlace):
    """x where x > 0, else x times a slope: from U(`lower`, `upper`), or in evaluation their mean.

    Xu, Wang, Chen, Li (2015), "Empirical evaluation of rectified activations in convolution
    network".

    Example:
        >>> import minnet
        >>> minnet.nn.RReLU(0.1, 0.3).eval()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.2000,  2.0000])
    """

    _names = "lower", "upper"

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Any) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class PReLU(_Activation):
    """x where x > 0, else x times a slope that is learned: one for all, or one for each channel.

    He, Zhang, Ren, Sun (2015), "Delving deep into rectifiers: surpassing human-level performance on
    ImageNet classification".

    Args:
        num_parameters: 1, or the number of channels.
        init: what the slopes start as.
        device: where they live.
        dtype: their floating point dtype.

    Shape:
        input and output (N, C, …); `weight` (num_parameters,).

    Example:
        >>> import minnet
        >>> minnet.nn.PReLU()(minnet.tensor([-1.0, 2.0])).tolist()
        [-0.25, 2.0]
    """

    _names = ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to what they start as."""
        constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)
