"""Clipping of gradients, by their norm or their values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import numpy as np

from minnet import kernels, vocabulary
from minnet.creation import tensor
from minnet.mode import no_grad
from minnet.tensor import Tensor
from minnet.variable import read_only, wrap


def _listed(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Any) -> list[Tensor]:
    """Return the gradients of parameters, which are going to be written to."""
    gradients = [p.grad for p in _listed(parameters) if p.grad is not None]
    for gradient in gradients:
        if not gradient.array.flags.writeable:
            raise read_only("a gradient")
    return gradients


@np.errstate(all="ignore")
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all tensors together, as of one vector.

    Args:
        tensors: one or several.
        norm_type: the order of the norm, any number, also infinite.
        error_if_nonfinite: refuse a norm that is infinite or NaN.
        foreach: changes nothing.

    Returns:
        A scalar on the first tensor's device; 0 if there is none.

    Raises:
        RuntimeError: if the norm is not finite and was to be refused.

    Example:
        >>> import minnet
        >>> minnet.nn.utils.get_total_norm([minnet.tensor([3.0]), minnet.tensor([0.0, 4.0])])
        tensor(5.)
    """
    listed, p = _listed(tensors), float(norm_type)
    if not listed:
        return tensor(0.0)
    device = listed[0].device
    if p == 0:  # as torch: the norm of the norms, which is that of one vector for all other orders
        listed = [x.norm(0) for x in listed]
    flat = np.concatenate([kernels.moved(x.array, device).ravel() for x in listed])
    total = wrap(vocabulary.arrays.vector_norm(flat, None, False, p))
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@np.errstate(all="ignore")
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients of parameters by max_norm / (total_norm + 1e-6), if that is below 1.

    Args:
        parameters: those that have no gradient are left out.
        max_norm: the norm that they shall have at most.
        total_norm: the norm that they have.
        foreach: changes nothing.

    Raises:
        RuntimeError: if a gradient may not be written to. None has changed then.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.zeros(2))
        >>> p.grad = minnet.tensor([3.0, 4.0])
        >>> minnet.nn.utils.clip_grads_with_norm_(p, 1.0, minnet.tensor(5.0))
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    total = total_norm.array
    share = np.minimum(1 / (total + total.dtype.type(1e-6)) * total.dtype.type(max_norm), 1)
    for gradient in _gradients(parameters):  # arrays, as `mul_` would take five times as long
        array = gradient.array
        own = kernels.moved(np.asarray(share), gradient.device).astype(array.dtype)
        np.multiply(array, own, out=array)
        gradient.bump()


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of parameters, so that together they have at most a given norm.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013).

    Args:
        parameters: those that have no gradient are left out.
        max_norm: the norm that they shall have at most.
        norm_type: the order of the norm.
        error_if_nonfinite: refuse a norm that is infinite or NaN.
        foreach: changes nothing.

    Returns:
        The norm before.

    Raises:
        RuntimeError: if the norm is not finite and was to be refused, or a gradient may not be
            written to. None has changed then.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.zeros(2))
        >>> p.grad = minnet.tensor([3.0, 4.0])
        >>> minnet.nn.utils.clip_grad_norm_([p], max_norm=1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    if isinstance(parameters, GeneratorType) and not listed:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


@no_grad()
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Bring each element of the gradients of parameters into [-clip_value, clip_value].

    Args:
        parameters: those that have no gradient are left out.
        clip_value: the bound.
        foreach: changes nothing.

    Raises:
        RuntimeError: if a gradient may not be written to. None has changed then.

    Example:
        >>> import minnet
        >>> p = minnet.nn.Parameter(minnet.zeros(2))
        >>> p.grad = minnet.tensor([-3.0, 0.5])
        >>> minnet.nn.utils.clip_grad_value_([p], 1.0)
        >>> p.grad
        tensor([-1.0000,  0.5000])
    """
    bound = float(clip_value)
    for gradient in _gradients(parameters):
        gradient.clamp_(-bound, bound)
