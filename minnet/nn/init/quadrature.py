"""Quadrature: the mean of a function, or of a power of it or its derivative, of a normal variable.

Panels under the normal density, each with Gauss-Lobatto nodes, are cut in halves where a panel and
its halves disagree. So kinks and jumps need not be named: bisection closes in on them until what is
wrong there no longer counts. (Lobatto's nodes include the ends, so that a jump just before an end
does not slip through.) A derivative is that of the polynomial through a panel's 16 values: nothing
outside of the panel is evaluated, so no difference is taken across a kink that an end lies on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

REACH = 12  # standard deviations on each side; the density there is 2e-32
NODES = 16
# Two estimates of a panel's part may differ by this, relative to the whole. The finer one is kept.
TOLERANCE = 1e-10
HALVINGS = 44  # 6e-14 wide
PANELS = 1 << 15  # a smooth function takes about 50


@cache
def _rule() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nodes on [-1, 1], their weights, and the matrix that differentiates values."""
    legendre = np.polynomial.Legendre.basis(NODES - 1)
    nodes = np.concatenate([[-1.0], np.sort(legendre.deriv().roots().real), [1.0]])
    weights = 2 / (NODES * (NODES - 1) * legendre(nodes) ** 2)
    distance = nodes[:, np.newaxis] - nodes
    np.fill_diagonal(distance, 1)
    scale = distance.prod(axis=1)  # the barycentric weights' reciprocals
    matrix = scale[:, np.newaxis] / (scale * distance)
    np.fill_diagonal(matrix, 0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return nodes, weights, matrix


def expectation(
    function: Callable[[np.ndarray], np.ndarray],
    power: int = 1,
    *,
    std: float = 1.0,
    derivative: bool = False,
) -> float:
    """Return E[f(x)^power], or E[f'(x)^power] with `derivative`, for x ~ N(0, std²).

    The error is below 1e-9 of E|f^power|, whatever kinks or jumps f has. With `derivative` f may
    have kinks but no jumps; a kink just before a whole multiple of `std`, where a panel ends, can
    hide 1e-7 of the steepest slope's power.

    Args:
        function: maps a 1-D array of float64 to as many values, each to its own, in double
            precision (values rounded to float32 do for the mean, but not for the derivative).
        power: an int, at least 1.
        std: the standard deviation of x.
        derivative: whether to take f' in place of f.

    Raises:
        ValueError: f is not finite somewhere, the mean is not finite, or it does not converge.

    Example:
        >>> import numpy as np
        >>> from minnet.nn.init.quadrature import expectation
        >>> round(expectation(lambda x: np.maximum(x, 0), 2), 9)
        0.5
        >>> round(expectation(np.sin, 2, derivative=True), 9)  # (1 + exp(-2)) / 2
        0.567667642
    """
    if derivative:
        return float(expectations(function, lambda z, y, slope: [slope() ** power], std=std)[0])
    return float(expectations(function, lambda z, y, slope: [y**power], std=std)[0])


# Of z, f(√q z) and a function that returns the slope: the quantities to average, stacked.
Integrand = Callable[[np.ndarray, np.ndarray, Callable[[], np.ndarray]], list[np.ndarray]]


def expectations(
    function: Callable[[np.ndarray], np.ndarray],
    integrand: Integrand,
    *,
    std: float = 1.0,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """Return the means of several quantities of z, f(x) and f'(x), x = std · z, z ~ N(0, 1).

    Args:
        function: f, as for `expectation`.
        integrand: called with arrays of z and f(x), and a function that returns f'(x); returns
            a list of arrays like them.
        std: the standard deviation of x.
        tolerance: two estimates of a panel's part may differ by this, relative to the whole.

    Raises:
        ValueError: f is not finite somewhere, a mean is not finite, or one does not converge.

    Example:
        >>> import numpy as np
        >>> from minnet.nn.init.quadrature import expectations
        >>> means = expectations(np.sin, lambda z, y, slope: [y**2, slope() ** 2])
        >>> [round(float(mean), 9) for mean in means]
        [0.432332358, 0.567667642]
    """
    nodes, weights, matrix = _rule()

    def parts(left: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what each panel adds to the means, in absolute value too, and with f for f'."""
        z = left[:, np.newaxis] + width / 2 * (1 + nodes)
        x = std * z.ravel()
        with np.errstate(all="ignore"):
            y = np.asarray(function(x), np.float64).reshape(z.shape)
            if not np.isfinite(y).all():
                at = x[np.argmin(np.isfinite(y))]
                raise ValueError(f"the function is not finite at {at:.3g}")
            density = np.exp(-(z**2) / 2) * (width / 2 / np.sqrt(2 * np.pi))
            slope = cache(lambda: y @ matrix.T * (2 / (std * width)))
            values = np.stack(integrand(z, y, slope)) * density
            level = np.stack(integrand(z, y, lambda: y)) * density if width == 1 else values
            return values @ weights, np.abs(values) @ weights, np.abs(level) @ weights

    left, width = np.arange(-REACH, REACH, dtype=np.float64), 1.0
    part, size, level = parts(left, width)
    # A slope that is 0 but for rounding is no reason to look closer.
    nothing = 1e-16 * level.sum(axis=1)
    whole = np.maximum(size.sum(axis=1), nothing)
    flat = whole == nothing
    if flat.all():
        return np.zeros(len(part))
    if (np.maximum(size[:, 0], size[:, -1]) > 1e-8 * whole).any():
        raise ValueError("the mean is not finite: the function grows too fast")
    total, done = np.zeros(len(part)), len(left)
    for _ in range(HALVINGS):
        width /= 2
        halves = (left[:, np.newaxis] + (0, width)).ravel()
        finer = parts(halves, width)[0].reshape(len(part), -1, 2)
        agree = np.abs(finer.sum(axis=2) - part) <= tolerance * whole[:, np.newaxis]
        differ = ~agree.all(axis=0)
        total += finer[:, ~differ].sum(axis=(1, 2))
        if not differ.any():
            return np.where(flat, 0.0, total)
        left = halves.reshape(-1, 2)[differ].ravel()
        part = finer[:, differ].reshape(len(part), -1)
        done += len(halves)
        if done > PANELS:
            raise ValueError(
                f"the function is too rough near {std * left[0]:.3g}: its slope is infinite there, "
                "or it is not computed in double precision"
            )
    if not (np.abs(part).sum(axis=1) <= 1e-7 * whole).all():
        raise ValueError(f"the function jumps near {std * left[0]:.3g}")
    return np.where(flat, 0.0, total + part.sum(axis=1))
