"""Losses as modules. `nn.functional` holds the same as functions, with their formulas."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from minnet import functional as F
from minnet.nn.module import Module


class _Loss(Module):
    """A loss over a batch, reduced to its "mean" or "sum", or not at all ("none").

    `size_average` and `reduce` are torch's old way to say so; they warn.
    """

    _function: Any
    _options: ClassVar[tuple[str, ...]] = ("reduction",)  # attributes, and the function's arguments

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            if reduce is False:
                reduction = "none"
            else:
                reduction = "sum" if size_average is False else "mean"
            warnings.warn(
                "size_average and reduce args will be deprecated, please use "
                f"reduction='{reduction}' instead.",
                stacklevel=2,
            )
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Any:
        options = {name: getattr(self, name) for name in self._options}
        return type(self)._function(input, target, **options)


class L1Loss(_Loss):
    """|x − y|.

    Example:
        >>> import minnet
        >>> minnet.nn.L1Loss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.0, 4.0]))
        tensor(1.5000)
    """

    _function: Any = staticmethod(F.l1_loss)


class MSELoss(_Loss):
    """(x − y)².

    Example:
        >>> import minnet
        >>> minnet.nn.MSELoss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.0, 4.0]))
        tensor(2.5000)
    """

    _function: Any = staticmethod(F.mse_loss)


class SmoothL1Loss(_Loss):
    """(x − y)² / (2 `beta`) where |x − y| < `beta`, else |x − y| − `beta`/2.

    Girshick (2015), "Fast R-CNN".

    Example:
        >>> import minnet
        >>> minnet.nn.SmoothL1Loss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.5, 4.0]))
        tensor(0.8125)
    """

    _function: Any = staticmethod(F.smooth_l1_loss)
    _options = ("reduction", "beta")

    def __init__(
        self,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta


class HuberLoss(_Loss):
    """(x − y)²/2 where |x − y| < `delta`, else `delta` · (|x − y| − `delta`/2).

    Huber (1964), "Robust estimation of a location parameter".

    Raises:
        TypeError: if `delta` is not a number.

    Example:
        >>> import minnet
        >>> minnet.nn.HuberLoss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.5, 4.0]))
        tensor(0.8125)
    """

    _function: Any = staticmethod(F.huber_loss)
    _options = ("reduction", "delta")

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        if not isinstance(delta, float | int):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta


class NLLLoss(_Loss):
    """−`weight`[y] · x[y], for log-probabilities x, as `LogSoftmax` gives them, and classes y.

    Args:
        weight: (C,), a weight for each class. The mean divides by the sum of the weights used.
        ignore_index: a target that counts for nothing.

    Shape:
        input (N, C) or (C,), target (N,) or () int64.

    Example:
        >>> import minnet
        >>> log_p = minnet.tensor([[-0.5, -1.0], [-2.0, -0.1]])
        >>> minnet.nn.NLLLoss()(log_p, minnet.tensor([0, 1]))
        tensor(0.3000)
    """

    _function: Any = staticmethod(F.nll_loss)
    _options = ("weight", "ignore_index", "reduction")

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index


class CrossEntropyLoss(_Loss):
    """−log softmax(x)[y], for logits x and classes y: `LogSoftmax` and `NLLLoss` in one.

    Args:
        weight: (C,), a weight for each class. The mean divides by the sum of the weights used.
        ignore_index: a target that counts for nothing.
        label_smoothing: the share of each target that is spread over all classes, in [0, 1].

    Shape:
        input (N, C) or (C,); target (N,) or () int64, or probabilities of the input's shape.

    Example:
        >>> import minnet
        >>> logits = minnet.zeros(4, 10, requires_grad=True)
        >>> minnet.nn.CrossEntropyLoss()(logits, minnet.tensor([3, 1, 4, 1]))
        tensor(2.3026, grad_fn=<NllLossBackward0>)
    """

    _function: Any = staticmethod(F.cross_entropy)
    _options = ("weight", "ignore_index", "reduction", "label_smoothing")

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing


class BCEWithLogitsLoss(_Loss):
    """−(p · y log σ(x) + (1 − y) log(1 − σ(x))) · w for logits x and probabilities y.

    Args:
        weight: w, a weight for each element of the batch.
        pos_weight: p, a weight for the positive class.

    Example:
        >>> import minnet
        >>> minnet.nn.BCEWithLogitsLoss()(minnet.tensor([0.0, 2.0]), minnet.tensor([1.0, 1.0]))
        tensor(0.4100)
    """

    _function: Any = staticmethod(F.binary_cross_entropy_with_logits)
    _options = ("weight", "pos_weight", "reduction")

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
