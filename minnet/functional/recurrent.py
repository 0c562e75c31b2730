"""What recurrent layers do at each time, between their products: the gates of LSTM and GRU.

Each is a fusion of sums, products and activations, as one node: of a small layer, those are nearly
all of the time (LSTM(10, 32) over 50 times takes 3 times as long without).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet import kernels
from minnet.operation import Tensor, operation


def _lstm(V: Any, x: Any, h: Any, cell: Any) -> Any:
    i, f, g, o = V.chunk(V.add(x, h), 4, -1)
    i, f, g, o = V.sigmoid(i), V.sigmoid(f), V.tanh(g), V.sigmoid(o)
    cell = V.add(V.mul(f, cell), V.mul(i, g))
    return V.mul(o, V.tanh(cell)), cell


def _lstm_back(V: Any, dy: Any, wanted: Any, cell: Any, kept: Any) -> Any:
    k = kernels.of(cell)
    gates, g, t = kept
    n = g.shape[-1]
    i, f, o = gates[..., :n], gates[..., n : 2 * n], gates[..., 3 * n :]
    dh, dc = dy
    dc = dc + k.tanh_backward(dh * o, t)
    slopes = np.concatenate([dc * g, dc * cell, dc * i, dh * t], -1)
    dx = k.sigmoid_backward(slopes, gates)
    dx[..., 2 * n : 3 * n] = k.tanh_backward(slopes[..., 2 * n : 3 * n], g)
    return dx, dx, dc * f


@operation(
    "ThnnFusedLstmCellBackward0",
    joint=_lstm_back,
    fused=_lstm,
    reads=("cell", "cell", "cell"),
    several=True,
    keeps="intermediate",
    numbers=False,
    where="",
    quiet=True,
    shape=lambda shapes: (shapes[2],) * 2,
)
def lstm_gates(x: Tensor, h: Tensor, cell: Tensor, keep: bool = False) -> Any:
    """Return the new hidden state and the new cell, (N, hidden).

    x, h: (N, 4 · hidden), what input gate, forget gate, cell and output gate are given.
    """
    k = kernels.of(x)
    total = x + h
    n = cell.shape[-1]
    gates, g = k.sigmoid(total), k.tanh(total[..., 2 * n : 3 * n])
    cell = gates[..., n : 2 * n] * cell
    cell += gates[..., :n] * g
    t = k.tanh(cell)
    return (gates[..., 3 * n :] * t, cell), (gates, g, t) if keep else None


def _gru(V: Any, x: Any, h: Any, hidden: Any) -> Any:
    (xr, xz, xn), (hr, hz, hn) = V.chunk(x, 3, -1), V.chunk(h, 3, -1)
    r, z = V.sigmoid(V.add(xr, hr)), V.sigmoid(V.add(xz, hz))
    n = V.tanh(V.add(xn, V.mul(r, hn)))
    return V.add(V.mul(V.sub(hidden, n), z), n)


def _gru_back(V: Any, dy: Any, wanted: Any, h: Any, hidden: Any, kept: Any) -> Any:
    k = kernels.of(dy)
    gates, new = kept
    n = new.shape[-1]
    r, z = gates[..., :n], gates[..., n:]
    dhidden = dy * z
    dn = k.tanh_backward(dy - dhidden, new)
    slopes = np.concatenate([dn * h[..., 2 * n :], dy * (hidden - new)], -1)
    dgates = k.sigmoid_backward(slopes, gates)
    dx, dh = np.concatenate([dgates, dn], -1), np.concatenate([dgates, dn * r], -1)
    return dx, dh, dhidden


@operation(
    "ThnnFusedGruCellBackward0",
    joint=_gru_back,
    fused=_gru,
    reads=("h hidden", "h hidden", "h hidden"),
    keeps="intermediate",
    numbers=False,
    where="",
    quiet=True,
    shape=lambda shapes: shapes[2],
)
def gru_gates(x: Tensor, h: Tensor, hidden: Tensor, keep: bool = False) -> Any:
    """Return the new hidden state, (N, hidden).

    x, h: (N, 3 · hidden), what reset gate, update gate and new state are given.
    """
    k = kernels.of(x)
    n = hidden.shape[-1]
    gates = k.sigmoid(x[..., : 2 * n] + h[..., : 2 * n])
    new = k.tanh(x[..., 2 * n :] + gates[..., :n] * h[..., 2 * n :])
    out = (hidden - new) * gates[..., n:]
    out += new
    return out, (gates, new) if keep else None
