"""Activation layers: functions of one tensor, mostly element by element."""

from __future__ import annotations

from typing import Any

from minnet import functional as F
from minnet.nn.module import Module


class _InPlace(Module):
    """What activations share that can overwrite their input: the flag, and how it prints."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_flag(self, extra: str) -> str:
        return f"{extra}, inplace=True" if self.inplace else extra


class ReLU(_InPlace):
    """max(0, x). Its derivative at 0 is 0.

    Args:
        inplace: overwrite the input, in place of allocating the result.

    Example:
        >>> import minnet
        >>> minnet.nn.ReLU()(minnet.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])
    """

    def forward(self, input: Any) -> Any:
        return F.relu(input, inplace=self.inplace)


class Hardtanh(_InPlace):
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

    def forward(self, input: Any) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self._with_flag(f"min_val={self.min_val}, max_val={self.max_val}")


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


class LeakyReLU(_InPlace):
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

    def forward(self, input: Any) -> Any:
        return F.leaky_relu(input, self.negative_slope, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self._with_flag(f"negative_slope={self.negative_slope}")


class ELU(_InPlace):
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

    def forward(self, input: Any) -> Any:
        return F.elu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return self._with_flag(f"alpha={self.alpha}")


class SELU(_InPlace):
    """The ELU scaled so that N(0, 1) keeps its mean and variance.

    Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-normalizing neural networks".

    Example:
        >>> import minnet
        >>> minnet.nn.SELU()(minnet.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """

    def forward(self, input: Any) -> Any:
        return F.selu(input, inplace=self.inplace)


class SiLU(_InPlace):
    """x · sigmoid(x), also known as swish.

    Elfwing, Uchibe, Doya (2018), "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning".

    Example:
        >>> import minnet
        >>> minnet.nn.SiLU()(minnet.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """

    def forward(self, input: Any) -> Any:
        return F.silu(input, inplace=self.inplace)


class GELU(Module):
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

    def forward(self, input: Any) -> Any:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """1 / (1 + exp(−x)).

    Example:
        >>> import minnet
        >>> minnet.nn.Sigmoid()(minnet.tensor([0.0, 2.0]))
        tensor([0.5000, 0.8808])
    """

    def forward(self, input: Any) -> Any:
        return F.sigmoid(input)


class LogSigmoid(Module):
    """log(1 / (1 + exp(−x))).

    Example:
        >>> import minnet
        >>> minnet.nn.LogSigmoid()(minnet.tensor([0.0, 2.0]))
        tensor([-0.6931, -0.1269])
    """

    def forward(self, input: Any) -> Any:
        return F.logsigmoid(input)


class Tanh(Module):
    """(exp(x) − exp(−x)) / (exp(x) + exp(−x)).

    Example:
        >>> import minnet
        >>> minnet.nn.Tanh()(minnet.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """

    def forward(self, input: Any) -> Any:
        return F.tanh(input)


class Softplus(Module):
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

    def forward(self, input: Any) -> Any:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
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

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """x − log Σ exp(x) along `dim`.

    Example:
        >>> import minnet
        >>> minnet.nn.LogSoftmax(dim=1)(minnet.tensor([[1.0, 2.0]]))
        tensor([[-1.3133, -0.3133]])
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
