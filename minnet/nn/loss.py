"""Losses as modules. `nn.functional` holds the same as functions, with their formulas."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from minnet.nn import functional as F
from minnet.nn.module import Module


class _Loss(Module):
    """A loss over a batch, reduced to its "mean" or "sum", or not at all ("none").

    A class names its function, whose further parameters are those of `__init__` and become
    attributes. `size_average` and `reduce` are torch's old way to say the reduction; they warn.
    """

    _function: Any
    _signature: inspect.Signature

    def __init_subclass__(cls, function: str = "", **options: Any):
        super().__init_subclass__(**options)
        if not function:
            return
        cls._function = staticmethod(getattr(F, function))
        _, _, *parameters = inspect.signature(cls._function).parameters.values()
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
        size_average, reduce = options.pop("size_average", None), options.pop("reduce", None)
        if size_average is not None or reduce is not None:
            average = "sum" if size_average is False else "mean"
            options["reduction"] = "none" if reduce is False else average
            warnings.warn(
                "size_average and reduce args will be deprecated, please use "
                f"reduction='{options['reduction']}' instead.",
                stacklevel=3,
            )
        self._options = tuple(options)
        for name, value in options.items():
            if "weight" in name:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, input: Any, target: Any) -> Any:
        options = {name: getattr(self, name) for name in self._options}
        return self._function(input, target, **options)


class L1Loss(_Loss, function="l1_loss"):
    """|x − y|.

    Example:
        >>> import minnet
        >>> minnet.nn.L1Loss()(minnet.tensor([1.0, 2.0]), minnet.tensor([0.0, 4.0]))
        tensor(1.5000)
    """


class MSELoss(_Loss, function="mse_loss"):
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


class HuberLoss(_Loss, function="huber_loss"):
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
