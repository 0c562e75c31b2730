"""Losses as modules. `nn.functional` holds the same as functions, with their formulas."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from minnet.functional.loss.reduction import by_flags
from minnet.nn import functional as F
from minnet.nn.distance import PairwiseDistance
from minnet.nn.linear import Linear
from minnet.nn.module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss",
    "GaussianNLLLoss", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss",
    "LinearCrossEntropyLoss", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "PoissonNLLLoss", "SmoothL1Loss",
    "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip


class _Loss(Module):
    """A loss over a batch, reduced to its "mean" or "sum", or not at all ("none").

    A class names its function, the number of its inputs, and what it does not take. The other
    parameters are those of `__init__` and become attributes. `size_average` and `reduce` are
    torch's old way to say the reduction; they warn.
    """

    _function: Any
    _signature: inspect.Signature

    def __init_subclass__(cls, function: str = "", inputs: int = 2, without: str = "", **rest: Any):
        super().__init_subclass__(**rest)
        if not function:
            return
        cls._function = staticmethod(getattr(F, function))
        parameters = list(inspect.signature(cls._function).parameters.values())[inputs:]
        parameters = [p for p in parameters if p.name != without]
        cls._signature = inspect.Signature(parameters)
        if "__init__" not in vars(cls):

            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
                self._set(args, kwargs)

            self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
            __init__.__signature__ = inspect.Signature([self, *parameters])  # type: ignore[attr-defined]
            cls.__init__ = __init__  # type: ignore[method-assign]

    def _set(self, args: Any, kwargs: Any) -> None:
        super().__init__()
        try:
            given = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__() {error}") from None
        given.apply_defaults()
        options = given.arguments
        flags = options.pop("size_average", None), options.pop("reduce", None)
        try:
            options["reduction"] = by_flags(*flags, options["reduction"], 4)
        except RuntimeError as error:  # a tensor stands for a flag
            name = type(self).__name__
            raise RuntimeError(
                f"{error}; {name} takes the tensors when it is called, {name}()(input, target)"
            ) from None
        self._options = tuple(options)
        for name, value in options.items():
            if "weight" in name:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input: Any, target: Any) -> Any:
        options = {name: getattr(self, name) for name in self._options}
        return self._function(input, target, **options)

    def _of_three(self, *inputs: Any) -> Any:
        return self._function(*inputs, **{name: getattr(self, name) for name in self._options})


class L1Loss(_Loss, function="l1_loss", without="weight"):
    """|x − y|.

    Example:
        >>> import minnet
        >>> minnet.nn.L1Loss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.0, 4.0]))
        tensor(1.5000)
    """


class MSELoss(_Loss, function="mse_loss", without="weight"):
    """(x − y)².

    Example:
        >>> import minnet
        >>> minnet.nn.MSELoss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.0, 4.0]))
        tensor(2.5000)
    """


class SmoothL1Loss(_Loss, function="smooth_l1_loss"):
    """(x − y)² / (2 `beta`) where |x − y| < `beta`, else |x − y| − `beta`/2.

    Girshick (2015), "Fast R-CNN".

    Example:
        >>> import minnet
        >>> minnet.nn.SmoothL1Loss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.5, 4.0]))
        tensor(0.8125)
    """


class HuberLoss(_Loss, function="huber_loss", without="weight"):
    """(x − y)²/2 where |x − y| < `delta`, else `delta` · (|x − y| − `delta`/2).

    Huber (1964), "Robust estimation of a location parameter".

    Raises:
        TypeError: if `delta` is not a number.

    Example:
        >>> import minnet
        >>> minnet.nn.HuberLoss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.5, 4.0]))
        tensor(0.8125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        if not isinstance(delta, float | int):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        self._set((reduction, delta), {})


class NLLLoss(_Loss, function="nll_loss"):
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


class CrossEntropyLoss(_Loss, function="cross_entropy"):
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


class LinearCrossEntropyLoss(
    _Loss, function="linear_cross_entropy", inputs=3, without="linear_bias"
):
    """`CrossEntropyLoss` of a `Linear` layer, which is a part of it.

    Args:
        in_features: D.
        num_classes: C.
        out_features: (d1, …), for logits (N, C, d1, …).
        bias: whether the layer has one.
        options: None; there is no computation in chunks.

    Raises:
        RuntimeError: if `weight` has not the shape (C,), or `label_smoothing` is not in [0, 1].

    Shape:
        input (N, D) or (D,); target as that of `CrossEntropyLoss`.

    Example:
        >>> import minnet
        >>> loss = minnet.nn.LinearCrossEntropyLoss(3, 4)
        >>> minnet.nn.init.zeros_(loss.linear.weight)
        Parameter containing:
        tensor([[0., 0., 0.],
                [0., 0., 0.],
                [0., 0., 0.],
                [0., 0., 0.]], requires_grad=True)
        >>> loss(minnet.ones(2, 3), minnet.tensor([0, 3]))
        tensor(1.3863, grad_fn=<NllLossBackward0>)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: None = None,
    ):
        if weight is not None and weight.shape != (num_classes,):
            raise RuntimeError(
                f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        given = dict(weight=weight, reduction=reduction, ignore_index=ignore_index)
        self._set((), given | dict(label_smoothing=label_smoothing, options=options))
        self.num_classes, self.out_features = num_classes, out_features
        size = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, size, bias, device, dtype)

    def forward(self, input: Any, target: Any) -> Any:
        shape, layer = (self.num_classes, *self.out_features), self.linear
        options = {name: getattr(self, name) for name in self._options}
        if layer.bias is not None:
            options["linear_bias"] = layer.bias.reshape(shape)
        weight = layer.weight.reshape(*shape, layer.in_features)
        return self._function(input, weight, target, **options)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class BCEWithLogitsLoss(_Loss, function="binary_cross_entropy_with_logits"):
    """−(p · y log σ(x) + (1 − y) log(1 − σ(x))) · w for logits x and probabilities y.

    Args:
        weight: w, a weight for each element of the batch.
        pos_weight: p, a weight for the positive class.

    Example:
        >>> import minnet
        >>> minnet.nn.BCEWithLogitsLoss()(minnet.tensor([0.0, 2.0]), minnet.tensor([1.0, 1.0]))
        tensor(0.4100)
    """


class BCELoss(_Loss, function="binary_cross_entropy"):
    """−(y log x + (1 − y) log(1 − x)) · w for probabilities x, as `Sigmoid` gives them, and y.

    Args:
        weight: w, a weight for each element of the batch.

    Example:
        >>> import minnet
        >>> minnet.nn.BCELoss()(minnet.tensor([0.5, 0.25]), minnet.tensor([1.0, 0.0]))
        tensor(0.4904)
    """


class KLDivLoss(_Loss, function="kl_div"):
    """y (log y − x), for log-probabilities x and probabilities y; "batchmean" is the divergence.

    Args:
        log_target: whether the target is log y.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[0.5, 0.5]]).log(), minnet.tensor([[0.25, 0.75]])
        >>> minnet.nn.KLDivLoss(reduction="batchmean")(x, y)
        tensor(0.1308)
    """


class PoissonNLLLoss(_Loss, function="poisson_nll_loss"):
    """exp(x) − y x, for counts y and the logarithms x of their rates.

    Args:
        log_input: whether x is a logarithm; else the loss is x − y log(x + `eps`).
        full: whether log(y!) is added, by Stirling's formula, where y > 1.

    Example:
        >>> import minnet
        >>> minnet.nn.PoissonNLLLoss()(minnet.zeros(2), minnet.tensor([1.0, 2.0]))
        tensor(1.)
    """


class GaussianNLLLoss(_Loss, function="gaussian_nll_loss", inputs=3):
    """(log v + (x − y)² / v) / 2, for means x and variances v ≥ `eps`.

    Nix, Weigend (1994), "Estimating the mean and variance of the target probability distribution".

    Args:
        full: whether log(2 π) / 2 is added.

    Example:
        >>> import minnet
        >>> x, y, v = minnet.zeros(2), minnet.tensor([1.0, 2.0]), minnet.ones(2)
        >>> minnet.nn.GaussianNLLLoss()(x, y, v)
        tensor(1.2500)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        self._set((full, eps, reduction), {})

    def forward(self, input: Any, target: Any, var: Any) -> Any:  # type: ignore[override]
        return self._of_three(input, target, var)


class SoftMarginLoss(_Loss, function="soft_margin_loss"):
    """log(1 + exp(−y x)), for scores x and y of −1 or 1.

    Example:
        >>> import minnet
        >>> minnet.nn.SoftMarginLoss()(minnet.tensor([2.0, 0.0]), minnet.tensor([1.0, -1.0]))
        tensor(0.4100)
    """


class HingeEmbeddingLoss(_Loss, function="hinge_embedding_loss"):
    """x where y = 1, max(0, `margin` − x) where y = −1, for distances x.

    Example:
        >>> import minnet
        >>> minnet.nn.HingeEmbeddingLoss()(minnet.tensor([0.5, 0.25]), minnet.tensor([1, -1]))
        tensor(0.6250)
    """


class MultiLabelSoftMarginLoss(_Loss, function="multilabel_soft_margin_loss"):
    """−(y log σ(x) + (1 − y) log σ(−x)) · w, a mean over the classes.

    Args:
        weight: w, a weight for each class.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[2.0, 0.0]]), minnet.tensor([[1.0, 0.0]])
        >>> minnet.nn.MultiLabelSoftMarginLoss()(x, y)
        tensor(0.4100)
    """


class MultiMarginLoss(_Loss, function="multi_margin_loss"):
    """w[y] Σᵢ max(0, `margin` − x[y] + x[i])ᵖ / C, over the classes i other than y.

    Args:
        p: 1 or 2.
        weight: w, a weight for each class.

    Raises:
        ValueError: if `p` is neither 1 nor 2, or `weight` has not one dim.

    Example:
        >>> import minnet
        >>> minnet.nn.MultiMarginLoss()(minnet.tensor([[0.1, 0.2, 0.4, 0.8]]), minnet.tensor([3]))
        tensor(0.3250)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError("weight must be one-dimensional")
        self._set((p, margin, weight, size_average, reduce, reduction), {})


class MultiLabelMarginLoss(_Loss, function="multilabel_margin_loss"):
    """Σᵢⱼ max(0, 1 − x[yⱼ] + x[i]) / C, over labels yⱼ, ended by −1, and the classes i else.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[0.1, 0.2, 0.4, 0.8]]), minnet.tensor([[3, 0, -1, 1]])
        >>> minnet.nn.MultiLabelMarginLoss()(x, y)
        tensor(0.8500)
    """


class MarginRankingLoss(_Loss, function="margin_ranking_loss", inputs=3):
    """max(0, `margin` − y (x₁ − x₂)), for y of 1 where x₁ is to be greater, else −1.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([1.0, 2.0]), minnet.tensor([3.0, 1.0])
        >>> minnet.nn.MarginRankingLoss()(x, y, minnet.tensor([1, 1]))
        tensor(1.)
    """

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:  # type: ignore[override]
        return self._of_three(input1, input2, target)


class CosineEmbeddingLoss(_Loss, function="cosine_embedding_loss", inputs=3):
    """1 − cos(x₁, x₂) where y = 1, max(0, cos(x₁, x₂) − `margin`) where y = −1.

    Example:
        >>> import minnet
        >>> x, y = minnet.tensor([[1.0, 0.0]]), minnet.tensor([[3.0, 4.0]])
        >>> minnet.nn.CosineEmbeddingLoss()(x, y, minnet.tensor([1]))
        tensor(0.4000)
    """

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:  # type: ignore[override]
        return self._of_three(input1, input2, target)


class TripletMarginLoss(_Loss, function="triplet_margin_loss", inputs=3):
    """max(0, `margin` + |a − p| − |a − n|), for anchors a, what they resemble p, and what not n.

    Balntas, Riba, Ponsa, Mikolajczyk (2016), "Learning local feature descriptors with triplets and
    shallow convolutional neural networks".

    Args:
        p: of the norm.
        swap: whether n's distance is that to the nearer of a and p.

    Raises:
        ValueError: if the margin is not positive.

    Example:
        >>> import minnet
        >>> a, p, n = minnet.zeros(1, 2), minnet.tensor([[3.0, 4.0]]), minnet.tensor([[0.0, 2.0]])
        >>> minnet.nn.TripletMarginLoss()(a, p, n)
        tensor(4.0000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        if margin <= 0:
            raise ValueError(
                f"TripletMarginLoss: expected margin to be greater than 0, got {margin}"
            )
        self._set((margin, p, eps, swap, size_average, reduce, reduction), {})

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:  # type: ignore[override]
        return self._of_three(anchor, positive, negative)


class TripletMarginWithDistanceLoss(_Loss, function="triplet_margin_with_distance_loss", inputs=3):
    """max(0, `margin` + d(a, p) − d(a, n)), by any distance d of vectors.

    Args:
        distance_function: d; `PairwiseDistance()` unless given.
        swap: whether n's distance is that to the nearer of a and p.

    Raises:
        ValueError: if the margin is not positive.

    Example:
        >>> import minnet
        >>> a, p, n = minnet.zeros(1, 2), minnet.tensor([[3.0, 4.0]]), minnet.tensor([[0.0, 2.0]])
        >>> minnet.nn.TripletMarginWithDistanceLoss(
        ...     distance_function=lambda x, y: (x - y).abs().amax(1)
        ... )(a, p, n)
        tensor(3.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin}"
            )
        if distance_function is None:
            distance_function = PairwiseDistance()
        options = dict(distance_function=distance_function, margin=margin)
        self._set((), options | dict(swap=swap, reduction=reduction))

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:  # type: ignore[override]
        return self._of_three(anchor, positive, negative)
