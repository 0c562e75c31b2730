"""Prediction: mean-field theory along the calls of an observation, forward and back.

Where the theory does not reach (a module it does not know, an input that no observed module gave),
what was measured there is taken, and the theory goes on from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.autograd import no_grad
from minnet.creation import from_numpy
from minnet.doctor import mean_field
from minnet.doctor.mean_field import Function
from minnet.doctor.observation import Call
from minnet.nn import Linear, Module


@dataclass
class Prediction:
    """What theory says about one call.

    Attributes:
        second: the second moment of the output, or None without a theory.
        error: the relative standard error to expect when it is compared with the measured one.
        gradient: the second moment of the gradient for the output, or None.
        gradient_error: likewise.
        why: why there is no theory for the call, or "".
        weight: σw² of a Linear.
        bias: σb² of a Linear.
        function: an activation as a function of arrays.
        slope: E[f'(z)²] of an activation.
    """

    second: float | None = None
    error: float = 0.0
    gradient: float | None = None
    gradient_error: float = 0.0
    why: str = ""
    weight: float | None = None
    bias: float = 0.0
    function: Function | None = None
    slope: float | None = None
    # The errors but for the chance of the call's own units: of the variance they are drawn with.
    drawn_error: float = 0.0
    drawn_gradient_error: float = 0.0


def predict(calls: list[Call]) -> list[Prediction]:
    """Return the prediction for each call."""
    functions: dict[int, Function | None] = {}
    predictions: list[Prediction] = []
    for call in calls:
        predictions.append(_forward(call, calls, predictions, functions))
    _backward(calls, predictions)
    return predictions


def sigma_weight(layer: Linear) -> float:
    """Return σw² = fan_in · E[w²] of a layer's actual weights."""
    return layer.in_features * float(np.mean(layer.weight.array.astype(np.float64) ** 2))


def _forward(
    call: Call,
    calls: list[Call],
    predictions: list[Prediction],
    functions: dict[int, Function | None],
) -> Prediction:
    before = None if call.source is None else predictions[call.source]
    second, error = call.input.second, 0.0
    if before is not None and before.second is not None:
        second, error = before.second, before.error
    own = call.output.noise if math.isfinite(call.output.noise) else 0.0
    if not (math.isfinite(second) and math.isfinite(call.output.second)):
        return Prediction(why="not finite")
    if call.passes:
        return Prediction(second, error, drawn_error=error)
    module = call.module
    if isinstance(module, Linear):
        weight, bias = sigma_weight(module), 0.0
        if module.bias is not None:
            bias = float(np.mean(module.bias.array.astype(np.float64) ** 2))
        q = weight * second + bias
        drawn = error * weight * second / q if q else 0.0
        return Prediction(q, math.hypot(drawn, own), weight=weight, bias=bias, drawn_error=drawn)
    key = id(module)
    if key not in functions:
        functions[key] = elementwise(module)
    f = functions[key]
    if f is None:
        return Prediction(why=f"no theory for {type(module).__name__}")
    if call.source is None or not isinstance(calls[call.source].module, Linear):
        return Prediction(why="its input is not a Linear's output", function=f)
    if before is None or before.second is None or before.second == 0:
        return Prediction(why="its input is zero", function=f)
    try:
        moment = mean_field.second_moment(f, before.second)
        slope = mean_field.slope_moment(f, before.second)
    except ValueError as reason:
        return Prediction(why=str(reason), function=f)
    drawn = abs(_elasticity(mean_field.second_moment, f, before.second)) * before.drawn_error
    return Prediction(
        moment, math.hypot(drawn, own), function=f, slope=slope, drawn_error=before.drawn_error
    )


def _elasticity(moment: Callable[[Function, float], float], f: Function, q: float) -> float:
    """Return d ln moment(q) / d ln q."""
    high, low = moment(f, 1.01 * q), moment(f, q / 1.01)
    return math.log(high / low) / math.log(1.01**2) if high > 0 and low > 0 else 0.0


def _backward(calls: list[Call], predictions: list[Prediction]) -> None:
    readers: list[list[int]] = [[] for _ in calls]
    for k, call in enumerate(calls):
        if call.source is not None:
            readers[call.source].append(k)
    for i in reversed(range(len(calls))):
        call, found = calls[i], predictions[i]
        if call.gradient is None:
            continue
        # The gradient starts at the last call, and anew where several read an output.
        found.gradient = call.gradient.second
        if len(readers[i]) != 1:
            continue
        reader, after = calls[readers[i][0]], predictions[readers[i][0]]
        factor = _factor_back(reader, after)
        if factor is None or after.gradient is None:
            continue
        found.gradient = factor * after.gradient
        # An activation's units are those of its input: their chance is to count once.
        error = after.gradient_error if after.slope is None else after.drawn_gradient_error
        if after.slope and after.function and found.second:
            shift = _elasticity(mean_field.slope_moment, after.function, found.second)
            error = math.hypot(error, shift * found.drawn_error)
        own = call.gradient.noise if math.isfinite(call.gradient.noise) else 0.0
        found.drawn_gradient_error = error
        found.gradient_error = error if reader.passes else math.hypot(error, own)


def _factor_back(call: Call, prediction: Prediction) -> float | None:
    """Return the factor on the gradient's second moment from a call's output to its input."""
    if call.passes:
        return 1.0
    if isinstance(call.module, Linear) and prediction.weight is not None:
        return prediction.weight * call.module.out_features / call.module.in_features
    return prediction.slope


def elementwise(module: Module) -> Function | None:
    """Return a module as a function of arrays, or None if it does not map each element alone."""
    if next(module.parameters(), None) is not None or next(module.buffers(), None) is not None:
        return None

    def function(z: np.ndarray) -> np.ndarray:
        with no_grad():
            return module.forward(from_numpy(z.copy())).array

    few = np.linspace(-2.5, 3.5, 7)
    try:
        values, alone = function(few), function(few[:3])
    except Exception:
        return None
    same = values.shape == few.shape and np.allclose(values[:3], alone, equal_nan=True)
    return function if same else None
