"""Jacobian: the singular values of ∂output/∂input for some samples, measured."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minnet.doctor.framework import to_array
from minnet.doctor.moments import moments

SAMPLES = 4  # whose Jacobians are measured
OUTPUTS = 256  # a network with more is not asked
ELEMENTS = 1 << 21  # of all rows that go through the network


class Singular(NamedTuple):
    """Singular values of ∂output/∂input.

    Attributes:
        values: of some samples, each descending, (samples, values).
        noise: the relative standard error of the mean of all derivatives' squares, by the chance of
            the input's elements.
    """

    values: np.ndarray
    noise: float


def singular_values(library: Any, net: Any, x: Any, output: np.ndarray) -> Singular | None:
    """Return the Jacobian's singular values for some samples, or None.

    A sample goes through the network as often as there are outputs, and back once for each.

    Args:
        library: minnet or torch.
        net: the network, which is to be in evaluation mode.
        x: the batch.
        output: what the network gave for it.
    """
    if x.ndim < 2 or output.ndim != 2 or len(output) != len(x) or not x.is_floating_point():
        return None
    outputs, inputs = output.shape[1], math.prod(x.shape[1:])
    samples = min(SAMPLES, len(x), ELEMENTS // max(outputs * inputs, 1))
    if not 0 < outputs <= OUTPUTS or samples == 0 or inputs == 0:
        return None
    copies = to_array(x[:samples]).repeat(outputs, axis=0)
    leaf = library.from_numpy(copies).to(x.device, x.dtype).requires_grad_()
    again = net(leaf.clone())
    if not np.allclose(to_array(again)[::outputs], output[:samples], rtol=1e-3, atol=1e-6):
        return None  # what a sample gives depends on the others
    rows = np.tile(np.eye(outputs, dtype=np.float32), (samples, 1))
    rows = library.from_numpy(rows).to(again.device, again.dtype)
    if not again.requires_grad:
        return None
    (gradient,) = library.autograd.grad(again, [leaf], rows, allow_unused=True)
    if gradient is None:
        return None
    jacobians = to_array(gradient).reshape(samples, outputs, inputs).astype(np.float64)
    if not np.isfinite(jacobians).all():
        return None
    noise = moments(jacobians).noise
    if outputs > inputs:
        jacobians = jacobians.transpose(0, 2, 1)
    squares = np.linalg.eigvalsh(jacobians @ jacobians.transpose(0, 2, 1))[:, ::-1]
    return Singular(np.sqrt(np.maximum(squares, 0)), noise if math.isfinite(noise) else 0.0)
