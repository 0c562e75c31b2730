"""Elementwise: an activation, of whatever library, as a function of NumPy arrays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.creation import from_numpy
from minnet.mode import no_grad

Function = Callable[[np.ndarray], np.ndarray]


def of_arrays(activation: Callable[[Any], Any], name: str) -> Function:
    """Return a function of arrays from one of arrays, of tensors, of torch's, or of numbers.

    Raises:
        TypeError: it is none of these.
        ValueError: it does not map each element alone.
    """

    def of_tensors(z: np.ndarray) -> np.ndarray:
        with no_grad():
            return activation(from_numpy(z)).numpy()

    def of_torch(z: np.ndarray) -> np.ndarray:
        return activation(sys.modules["torch"].from_numpy(z)).detach().numpy()

    def of_numbers(z: np.ndarray) -> np.ndarray:
        return np.array([float(activation(x)) for x in z.tolist()])

    few = np.linspace(-2.5, 3.5, 7)
    first_error: Exception | None = None
    for form in (activation, of_tensors, of_torch, of_numbers):
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(form(few.copy()), np.float64)
            if values.shape != few.shape:
                raise ValueError(f"it maps 7 elements to the shape {values.shape}")
        except Exception as error:
            first_error = first_error or error
            continue
        with np.errstate(all="ignore"):
            alone = np.asarray(form(few[:3].copy()), np.float64)
        if not np.allclose(values[:3], alone, rtol=1e-5, atol=1e-6, equal_nan=True):
            raise ValueError(
                f"{name} has no gain: what it gives for an element is not the same beside others"
            )
        # An activation may write over its input.
        return lambda z, form=form: form(z.copy())  # type: ignore[misc]
    raise TypeError(
        f"{name} maps neither arrays, minnet or torch tensors, nor numbers, element by element; "
        f"an array of float64 gives {type(first_error).__name__}: {first_error}"
    )
