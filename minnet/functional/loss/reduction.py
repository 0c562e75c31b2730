"""What losses share: their old flags, their reduction, the gradient of that."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet import dtypes, kernels
from minnet.functional.arithmetic import check_tensors
from minnet.functional.shape import cast
from minnet.operation import operation
from minnet.vocabulary import arrays, tensors


def by_flags(size_average: Any, reduce: Any, reduction: str, stacklevel: int = 3) -> str:
    """Return the reduction; torch's two old flags overrule it, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    average, some = (True if flag is None else flag for flag in (size_average, reduce))
    reduction = "mean" if average and some else "sum" if some else "none"
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def checked(
    function: str,
    reduction: str,
    size_average: Any = None,
    reduce: Any = None,
    stacklevel: int = 3,
    **inputs: Any,
) -> str:
    """Return the reduction of a function that its user calls.

    Raises:
        TypeError: if an input is no tensor; a weight may be None.
        ValueError: if there is no such reduction.
    """
    check_tensors(function, "weight pos_weight", **inputs)
    if size_average is not None or reduce is not None:
        reduction = by_flags(size_average, reduce, reduction, stacklevel + 1)
    if reduction == "elementwise_mean":
        warnings.warn(
            "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.",
            stacklevel=stacklevel,
        )
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"{reduction} is not a valid value for reduction; expected 'none', 'mean' or 'sum'"
        )
    return reduction


def scalar_type(array: np.ndarray) -> str:
    return dtypes.of(array).tensor_type


def reduced(values: Any, reduction: str, shape: Any, divisor: Any = None) -> np.ndarray:
    """Return losses in a shape, or their sum, or that divided: by their number, if not given."""
    values = kernels.as_array(values)
    if reduction == "none":
        return values.reshape(shape)
    divisor = (values.size if divisor is None else divisor) if reduction == "mean" else 1
    return kernels.of(values).total(values.reshape(1, -1, 1), divisor).reshape(())


def each(V: Any, dy: Any, reduction: str, shape: Sequence[int]) -> Any:
    """Return the gradient of each element of a shape that was reduced: one for all, or for each."""
    return V.div(dy, max(math.prod(shape), 1)) if reduction == "mean" else dy


def shape_reduced(shapes: Sequence[tuple[int, ...]], reduction: str) -> tuple[int, ...]:
    return np.broadcast_shapes(*shapes) if reduction == "none" else ()


def in_dtype(x: Any, dtype: np.dtype) -> Any:
    return x if x is None or x.array.dtype == dtype else cast(x, dtype)


def reduce_losses(losses: Any, reduction: str, V: Any = tensors) -> Any:
    """Return losses, or their sum or mean, in a composition."""
    if reduction == "none":
        return losses
    return V.sum(losses) if reduction == "sum" else V.mean(losses)


def one_node(
    node: str, inputs: int, shape: Any = shape_reduced
) -> Callable[[Callable[..., Any]], Any]:
    """Declare an operation by a formula (V, tensors, constants) that gives losses.

    Its value is the formula on arrays, reduced as a last constant says, and its gradients are those
    of the formula on tensors.
    """

    def declare(formula: Callable[..., Any]) -> Any:
        def fused(V: Any, *given: Any) -> Any:
            return reduce_losses(formula(V, *given[:-1]), given[-1], V)

        def value(*given: Any) -> Any:
            return kernels.as_array(fused(arrays, *given))

        value.__name__, value.__module__ = formula.__name__, formula.__module__
        _, *parameters = inspect.signature(formula).parameters.values()
        last = inspect.Parameter("reduction", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        value.__signature__ = inspect.Signature([*parameters, last])  # type: ignore[attr-defined]
        return operation(node, fused=fused, tensors=inputs, numbers=False, where="", shape=shape)(
            value
        )

    return declare
