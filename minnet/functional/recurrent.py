"""Recurrent layers: one layer and direction over all times, as one node.

It is a fusion of a product, sums and activations at each time. Those of a small layer take several
times as long one by one: nearly all of it is what a node costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minnet import kernels
from minnet.operation import Tensor, operation


class Kind(NamedTuple):
    """What a layer does at one time with what input and hidden state give, and its last state.

    A state is the hidden state, and for LSTM the cell.
    """

    gates: int
    states: int
    step: Callable[..., Any]  # (V, given, from hidden, *state) -> the next state, on tensors
    value: Callable[..., Any]  # (kernels, ...) -> the next state, and what `back` reads, on arrays
    # (kernels, gradients of the next state, *what it reads) -> the gradients of what input and
    # hidden state give, and of the last state, None where nothing goes to it directly
    back: Callable[..., Any]


def _simple(name: str) -> Kind:
    def value(k: Any, x: Any, h: Any, hidden: Any) -> Any:
        result = getattr(k, name)(x + h)
        return [result], (result,)

    def back(k: Any, dy: Any, result: Any) -> Any:
        slope = getattr(k, f"{name}_backward")(dy[0], result)
        return slope, slope, [None]

    return Kind(1, 1, lambda V, x, h, hidden: (getattr(V, name)(V.add(x, h)),), value, back)


def _gru(V: Any, x: Any, h: Any, hidden: Any) -> Any:
    (xr, xz, xn), (hr, hz, hn) = V.chunk(x, 3, -1), V.chunk(h, 3, -1)
    r, z = V.sigmoid(V.add(xr, hr)), V.sigmoid(V.add(xz, hz))
    n = V.tanh(V.add(xn, V.mul(r, hn)))
    return (V.add(V.mul(V.sub(hidden, n), z), n),)


def _gru_value(k: Any, x: Any, h: Any, hidden: Any) -> Any:
    n = hidden.shape[-1]
    gates = k.sigmoid(x[:, : 2 * n] + h[:, : 2 * n])
    new = k.tanh(x[:, 2 * n :] + gates[:, :n] * h[:, 2 * n :])
    result = (hidden - new) * gates[:, n:]
    result += new
    return [result], (hidden, h, gates, new)


def _gru_back(k: Any, dy: Any, hidden: Any, h: Any, gates: Any, new: Any) -> Any:
    n = new.shape[-1]
    dhidden = dy[0] * gates[:, n:]
    dnew = k.tanh_backward(dy[0] - dhidden, new)
    slopes = np.concatenate([dnew * h[:, 2 * n :], dy[0] * (hidden - new)], 1)
    dgates = k.sigmoid_backward(slopes, gates)
    both = [np.concatenate([dgates, d], 1) for d in (dnew, dnew * gates[:, :n])]
    return *both, [dhidden]


def _lstm(V: Any, x: Any, h: Any, hidden: Any, cell: Any) -> Any:
    i, f, g, o = V.chunk(V.add(x, h), 4, -1)
    i, f, g, o = V.sigmoid(i), V.sigmoid(f), V.tanh(g), V.sigmoid(o)
    cell = V.add(V.mul(f, cell), V.mul(i, g))
    return V.mul(o, V.tanh(cell)), cell


def _lstm_value(k: Any, x: Any, h: Any, hidden: Any, cell: Any) -> Any:
    h += x
    n = cell.shape[-1]
    gates, g = k.sigmoid(h), k.tanh(h[:, 2 * n : 3 * n])
    result = gates[:, n : 2 * n] * cell
    result += gates[:, :n] * g
    t = k.tanh(result)
    return [gates[:, 3 * n :] * t, result], (cell, gates, g, t)


def _lstm_back(k: Any, dy: Any, cell: Any, gates: Any, g: Any, t: Any) -> Any:
    n = g.shape[-1]
    dhidden, dcell = dy
    dcell = dcell + k.tanh_backward(dhidden * gates[:, 3 * n :], t)
    slopes = np.concatenate([dcell * g, dcell * cell, dcell * gates[:, :n], dhidden * t], 1)
    slope = k.sigmoid_backward(slopes, gates)
    slope[:, 2 * n : 3 * n] = k.tanh_backward(slopes[:, 2 * n : 3 * n], g)
    return slope, slope, [None, dcell * gates[:, n : 2 * n]]


KINDS = {
    "RNN_TANH": _simple("tanh"),
    "RNN_RELU": _simple("relu"),
    "GRU": Kind(3, 1, _gru, _gru_value, _gru_back),
    "LSTM": Kind(4, 2, _lstm, _lstm_value, _lstm_back),
}


def _composition(
    V: Any, given: Any, weight: Any, bias: Any, hidden: Any, cell: Any, mode: str, reverse: bool
) -> Any:
    state = (hidden, cell)[: KINDS[mode].states]
    outputs = []
    for x in V.unbind(given)[:: -1 if reverse else 1]:
        state = KINDS[mode].step(V, x, V.linear(state[0], weight, bias), *state)
        outputs.append(state[0])
    return V.stack(outputs[:: -1 if reverse else 1]), *state


def _back(
    V: Any, dy: Any, wanted: Sequence[int], weight: Any, kept: Any, mode: str, reverse: bool
) -> Any:
    """Return the gradients: of arrays, added up in the order in which nodes would have sent them.

    Of a hidden state: that of the output, what the next time needs directly, and by the product.
    """
    k = kernels.of(weight)
    doutputs, *dstate = dy
    times = range(len(doutputs))[:: -1 if reverse else 1]
    dgiven = kernels.zeros((*doutputs.shape[:2], len(weight)), weight)
    totals: Any = None  # of weight and bias
    dstate[0] = dstate[0] + doutputs[times[-1]]
    for i in range(len(times) - 1, -1, -1):
        before, saved = kept[i]
        dgiven[times[i]], dh, dstate = KINDS[mode].back(k, dstate, *saved)
        dhidden, *slopes = k.linear_backward(dh, before, weight, True, 1 in wanted, 2 in wanted)
        if totals is None:
            totals = slopes
        else:
            for total, slope in zip(totals, slopes, strict=True):
                if total is not None:
                    total += slope
        terms = [doutputs[times[i - 1]]] * (i > 0) + [dstate[0]] * (dstate[0] is not None)
        dstate[0] = sum(terms[1:], terms[0]) + dhidden if terms else dhidden
    dw, db = totals
    return dgiven, dw, db, *dstate


@operation(
    lambda mode: f"{mode.partition('_')[0].title()}Backward0",
    joint=_back,
    fused=_composition,
    reads=("weight",) * 5,
    optional="bias cell",
    several=True,
    keeps="intermediate",
    numbers=False,
    where="",
    shape=lambda shapes, mode: (
        (shapes[0][0], *shapes[3]), *(shapes[3],) * KINDS[mode].states
    ),
)  # fmt: skip
def recurrent(
    given: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    hidden: Tensor,
    cell: Tensor | None,
    mode: str,
    reverse: bool,
    keep: bool = False,
) -> Any:
    """Return the hidden states of all times, (T, N, hidden), and the last state.

    given: (T, N, gates · hidden), what the input gives; weight: (gates · hidden, hidden); bias:
    (gates · hidden,); hidden, cell: (N, hidden). `reverse` begins with the last time.
    """
    k, kind = kernels.of(given), KINDS[mode]
    outputs = kernels.zeros((len(given), *hidden.shape), given)
    # Copies, since the user may change what was given and is returned before backward reads it.
    given_state: tuple[Any, ...] = (hidden, cell)
    state = [x.copy() for x in given_state[: kind.states]]
    kept = []
    for t in range(len(given))[:: -1 if reverse else 1]:
        before = state[0]
        h = k.matmul(before, weight.T) if bias is None else k.linear(before, weight, bias)
        state, saved = kind.value(k, given[t], h, *state)
        outputs[t] = state[0]
        kept.append((before, saved))
    return (outputs, *(x.copy() for x in state)), kept if keep else None
