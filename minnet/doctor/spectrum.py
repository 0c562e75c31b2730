"""Spectrum: what free probability says of the singular values of the input-output Jacobian.

Pennington, Schoenholz and Ganguli (2017), "Resurrecting the sigmoid in deep learning through
dynamical isometry"; (2018), "The emergence of spectral universality in deep networks". For one
sample J = W_L D_L-1 ... D_1 W_1 with D = diag f'(z). If the factors' singular vectors have nothing
to do with each other (they are free), their spectra decide that of J: its moments by a recursion,
its edge by multiplying S-transforms. In place of an S-transform stand inverse moment functions,
at t = trace of M(z) = Σ λz/(1 - λz), which is the same for JJᵀ and JᵀJ, whatever the widths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minnet.doctor.mean_field import Means, is_homogeneous
from minnet.doctor.moments import mean_square
from minnet.doctor.observation import Call, Observation
from minnet.doctor.prediction import Prediction
from minnet.doctor.units import normal_values
from minnet.nn.init.elementwise import Function

NEWTON = 60  # steps, at most; a few do


@dataclass(frozen=True)
class Jacobian:
    """The singular values of the input-output Jacobian.

    Attributes:
        singular_values: of some samples, each descending.
        mean_square: the mean of their squares, measured.
        mean_square_predicted: by mean-field theory, or None where there is none.
        error: the relative standard error of the measured around the predicted one.
        spread: the variance of the squares over the square of their mean, measured.
        spread_predicted: by free probability, or None.
        largest: the largest singular value, averaged over the samples.
        largest_predicted: the edge of the spectrum for infinite widths; None unless all weights
            are independent or orthogonal.
        why: why there is no theory, or "".
    """

    singular_values: list[list[float]]
    mean_square: float
    spread: float
    largest: float
    mean_square_predicted: float | None = None
    error: float = 0.0
    spread_predicted: float | None = None
    largest_predicted: float | None = None
    why: str = ""

    def __str__(self) -> str:
        smallest = min(values[-1] for values in self.singular_values)
        rms = math.sqrt(self.mean_square)
        text = f"Jacobian: singular values {smallest:.2g} to {self.largest:.2g}, rms {rms:.2g}"
        if self.mean_square_predicted is None:
            return f"{text} ({self.why})"
        theory = f"rms {math.sqrt(self.mean_square_predicted):.2g}"
        if self.largest_predicted is not None:
            theory += f", largest {self.largest_predicted:.2g}"
        return f"{text} (theory: {theory})"


def compare(found: Observation, predictions: list[Prediction]) -> Jacobian | None:
    """Return what was measured beside the theory, or None if nothing was."""
    if found.jacobian is None:
        return None
    singular = found.jacobian.values
    squares = singular**2
    mean = float(squares.mean())
    spread = float((squares**2).mean()) / mean**2 - 1 if mean else 0.0
    largest = float(singular[:, 0].mean())
    path, why = _path(found, predictions)
    values = singular.tolist()
    first = predictions[0]
    error = math.hypot(first.gradient_error, found.jacobian.noise)
    after = None if found.last is None else found.calls[found.last].gradient
    inputs, outputs = math.prod(found.calls[0].values.shape[1:]), found.outputs
    if why:
        # What is no chain may have a theory of its gradients nevertheless.
        known = _is_predicted(found, predictions)
        if not (known and first.gradient and after and after.second):
            return Jacobian(values, mean, spread, largest, why=why)
        predicted = first.gradient / after.second * inputs / min(inputs, outputs)
        return Jacobian(values, mean, spread, largest, predicted, error, why=why)
    # Of the outputs' eigenvalues of JJᵀ, or the inputs' of JᵀJ, those that are not 0 by the shape.
    factors = _factors(found.calls, predictions, path)
    m1, m2 = _moments(factors)
    share = outputs / min(inputs, outputs)
    m1, m2 = m1 * share, m2 * share
    edge = _edge(factors, inputs)
    return Jacobian(
        values, mean, spread, largest, m1, error, max(m2 / m1**2 - 1, 0.0) if m1 else None, edge
    )


def _is_predicted(found: Observation, predictions: list[Prediction]) -> bool:
    """Return whether the input's gradient is predicted from the output's, all the way."""
    reached = {0}
    for k, call in enumerate(found.calls):
        if reached.intersection(call.sources):
            reached.add(k)
    return all(k == found.last or predictions[k].gradient_error for k in reached)


def _path(found: Observation, predictions: list[Prediction]) -> tuple[list[int], str]:
    """Return the calls from the input to the output, if they are one chain with a theory."""
    path: list[int] = []
    k = found.last
    while k:
        call = found.calls[k]
        if len(call.sources) != 1:
            return [], "no theory where the network is no chain of layers"
        known = call.passes or predictions[k].weight is not None or predictions[k].means is not None
        if not known:
            return [], predictions[k].why or f"no theory for {call.kind}"
        path.append(k)
        k = call.sources[0]
    if k is None or not path:
        return [], "no theory where the network is no chain of layers"
    if found.calls[0].values.ndim != 2:
        if any(found.calls[i].values.ndim != 2 for i in path):
            return [], "no theory where a layer is applied to several parts of a sample"
    return path[::-1], ""


class LinearFactor(NamedTuple):
    """A weight: its shape, and the mean and mean square of the eigenvalues of WᵀW."""

    outputs: int
    inputs: int
    first: float
    second: float


class SlopeFactor(NamedTuple):
    """The slopes of an activation's units: what they are drawn from, and their number."""

    units: int
    means: Means
    function: Function
    q: float


Factor = LinearFactor | SlopeFactor


def _factors(calls: list[Call], predictions: list[Prediction], path: list[int]) -> list[Factor]:
    factors: list[Factor] = []
    for k in path:
        call, means = calls[k], predictions[k].means
        if call.weight is not None:
            n, m = call.weight.shape
            rows = call.weight if n <= m else call.weight.T
            square = rows @ rows.T  # W Wᵀ, or Wᵀ W
            first = float(square.trace(dtype=np.float64)) / m
            factors.append(LinearFactor(n, m, first, mean_square(square) * square.size / m))
        elif call.function is not None and means is not None:
            q = predictions[call.sources[0]].second or 0.0
            factors.append(SlopeFactor(call.values.shape[-1], means, call.function, q))
    return factors


def _moments(factors: list[Factor]) -> tuple[float, float]:
    """Return the mean and the mean square of the eigenvalues of JJᵀ.

    For free A and B, with τ the mean of the eigenvalues: τ(AB) = τ(A)τ(B), and
    τ(ABAB) = τ(A²)τ(B)² + τ(A)²τ(B²) - τ(A)²τ(B)².
    """
    first = second = 1.0
    for factor in factors:
        if isinstance(factor, SlopeFactor):
            a, b, share = factor.means.slope, factor.means.slope_fourth, 1.0
        else:
            a, b, share = factor.first, factor.second, factor.inputs / factor.outputs
        first, second = (share * first * a, share * (second * a**2 + first**2 * (b - a**2)))
    return first, second


def _edge(factors: list[Factor], inputs: int) -> float | None:
    """Return the largest singular value for infinite widths."""
    t = inputs * np.geomspace(1e-4, 1e4, 80)
    log_z = np.log(t / inputs) - np.log1p(t / inputs)  # of the identity
    known: dict[tuple[Function, float, int], np.ndarray | None] = {}
    for factor in factors:
        if isinstance(factor, SlopeFactor):
            q = 1.0 if is_homogeneous(factor.function) else factor.q
            x, key = t / factor.units, (factor.function, q, factor.units)
            if key not in known:
                known[key] = _inverse(_slopes(factor.function, q), x)
            z = known[key]
            if z is None:
                return None
            log_z += np.log(z) + np.log1p(x) - np.log(x)
            continue
        n, m, a, _ = factor
        kind = _kind(factor)
        x_n, x_m = t / n, t / m
        if kind == "independent":
            log_z -= math.log(a) + np.log1p(x_n)
        elif kind == "orthogonal":
            x, square = (x_n, a * m / n) if n <= m else (x_m, a)
            log_z += np.log(x) - np.log1p(x) - math.log(square) + np.log1p(x_m) - np.log(x_m)
        else:
            return None
    return math.exp(-float(log_z.max()) / 2)


def _kind(factor: LinearFactor) -> str:
    """Return whether a weight's spectrum is that of independent or of orthogonal weights."""
    n, m, a, b = factor
    if a == 0:
        return ""
    # 0 for orthogonal weights and 1 for independent ones.
    excess = (b / a**2 - max(1.0, m / n)) / min(1.0, m / n)
    return "orthogonal" if abs(excess) < 0.1 else "independent" if 0.5 < excess < 1.5 else ""


@lru_cache(maxsize=64)
def _slopes(f: Function, q: float) -> np.ndarray:
    """Return values of f'(z)² of equal probability, z ~ N(0, q)."""
    z = math.sqrt(q) * normal_values(60)
    step = 1e-5 * math.sqrt(q)
    return ((f(z + step) - f(z - step)) / (2 * step)) ** 2


def _inverse(values: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """Return the z for which the mean of v z / (1 - v z) is x, for each x above 0."""
    largest = values.max()
    if not largest > 0:
        return None
    values, counts = np.unique(np.round(values / largest, 6), return_counts=True)
    shares = values * counts / counts.sum()
    # With u = z / (1 - z) it is the mean of v u / (1 + (1 - v) u), which rises and is concave:
    # Newton's steps from below do not overshoot.
    u = x / shares.sum()
    for _ in range(NEWTON):
        rest = 1 + np.multiply.outer(u, 1 - values)
        change = (x - u * (1 / rest @ shares)) / (rest**-2 @ shares)
        u += change
        if (change <= 1e-9 * u).all():
            break
    return u / (1 + u) / largest
