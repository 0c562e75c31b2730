"""Recurrent layers, and their cells."""

from __future__ import annotations

import math
import warnings
from typing import Any

from minnet.creation import empty, zeros
from minnet.functional.dropout import dropout
from minnet.functional.linear import linear
from minnet.functional.recurrent import KINDS, recurrent
from minnet.functional.shape import cat, squeeze, stack, transpose, unbind, unsqueeze
from minnet.nn import init
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter


def _rnn_mode(nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
    return f"RNN_{nonlinearity.upper()}"


def _draw(module: Module, hidden_size: int) -> None:
    bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNBase(Module):
    """What `RNN`, `GRU` and `LSTM` have in common.

    `mode` is "RNN_TANH", "RNN_RELU", "GRU" or "LSTM".
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                f"element being zeroed, got {dropout}"
            )
        for name, n in (
            ("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers),
        ):  # fmt: skip
            if not isinstance(n, int):
                raise TypeError(f"{name} should be of type int, got: {type(n).__name__}")
            if n <= 0:
                raise ValueError(f"{name} must be greater than zero")
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
        if proj_size:
            raise NotImplementedError(
                f"minnet has no projections: expected proj_size=0, got {proj_size}; put a Linear "
                "behind the layer"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=3,
            )
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bool(bidirectional)
        self.proj_size = proj_size
        given, gates = input_size, KINDS[mode].gates * hidden_size
        for names in self._names():
            shapes = [(gates, given), (gates, hidden_size), (gates,), (gates,)]
            for name, shape in zip(names, shapes, strict=False):
                setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
            if names[0].endswith("_reverse") or not bidirectional:
                given = hidden_size * (1 + self.bidirectional)
        self.reset_parameters()

    def _names(self) -> list[list[str]]:
        """Return the names of the weights of each layer and direction."""
        kinds = ["weight_ih", "weight_hh", *["bias_ih", "bias_hh"] * self.bias]
        return [
            [f"{kind}_l{layer}{suffix}" for kind in kinds]
            for layer in range(self.num_layers)
            for suffix in ["", "_reverse"][: 1 + self.bidirectional]
        ]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names()]

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, from U(−1/√hidden_size, 1/√hidden_size)."""
        _draw(self, self.hidden_size)

    def flatten_parameters(self) -> None:
        """Do nothing: in torch it lays the weights out for a GPU."""

    def _checked(self, input: Any, hx: Any) -> tuple[Any, list[Any]]:
        """Return the input as (time, batch, features), and the states at the start.

        Raises:
            ValueError, RuntimeError: if they do not fit.
        """
        kind = self.mode.partition("_")[0]
        if input.ndim not in (2, 3):
            raise ValueError(
                f"{kind}: Expected input to be 2D or 3D, got {input.ndim}D tensor instead"
            )
        first = self.all_weights[0][0]
        if input.dtype != first.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({first.dtype}). "
                f"Convert input: input.to({first.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )
        batched = input.ndim == 3
        x = input if batched else unsqueeze(input, 1)
        x = transpose(x, 0, 1) if batched and self.batch_first else x
        count = self.num_layers * (1 + self.bidirectional)
        shape = (count, x.shape[1], self.hidden_size)
        if not len(x):
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        expected = KINDS[self.mode].states
        if hx is None:
            return x, [zeros(shape, dtype=x.dtype, device=x.device)] * expected
        states = list(hx) if expected > 1 else [hx]
        if len(states) != expected:
            raise RuntimeError(f"{kind} expects {expected} states, got {len(states)}")
        for state in states:
            if state.ndim != input.ndim:
                raise RuntimeError(
                    f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx should also be "
                    f"{input.ndim}-D but got {state.ndim}-D tensor"
                )
        if not batched:
            states = [unsqueeze(state, 1) for state in states]
        for i, state in enumerate(states):
            if state.shape != shape:
                which = f"hidden[{i}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {which} size {shape}, got {list(state.shape)}")
        return x, states

    def forward(self, input: Any, hx: Any = None) -> Any:
        x, states = self._checked(input, hx)
        begins = [(*state, None)[:2] for state in zip(*map(unbind, states), strict=True)]
        directions = 1 + self.bidirectional
        ends: list[Any] = []
        weights = self.all_weights
        for layer in range(0, len(weights), directions):
            if layer and self.dropout:
                x = dropout(x, self.dropout, self.training)
            outputs = []
            for i in range(layer, layer + directions):
                w_ih, w_hh, b_ih, b_hh = (*weights[i], None, None)[:4]
                given = linear(x, w_ih, b_ih)  # one product for all times
                output, *end = recurrent(given, w_hh, b_hh, *begins[i], self.mode, i > layer)
                outputs.append(output)
                ends.append(end)
            x = outputs[0] if directions == 1 else cat(outputs, -1)
        final = [stack(states) for states in zip(*ends, strict=True)]
        if input.ndim == 2:
            x, final = squeeze(x, 1), [squeeze(state, 1) for state in final]
        elif self.batch_first:
            x = transpose(x, 0, 1)
        return x, tuple(final) if self.mode == "LSTM" else final[0]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"num_layers": 1, "bias": True, "batch_first": False,
                 "dropout": 0, "bidirectional": False}  # fmt: skip
        parts += [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join(parts)


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) over time, in layers; or with relu.

    It takes the arguments of `LSTM`, and the fourth is `nonlinearity`, "tanh" or
    "relu". It returns the outputs and the last hidden state.

    Elman (1990), "Finding structure in time".

    Raises:
        ValueError: for another nonlinearity; and as `LSTM`.

    Example:
        >>> import minnet
        >>> output, h = minnet.nn.RNN(10, 20, nonlinearity="relu")(minnet.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            _rnn_mode(nonlinearity), input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """A layer with gates over time: r and z gate, and h' = (1 − z) n + z h.

    r, z = σ(W x + b + U h + c); n = tanh(W x + b + r (U h + c)). It takes the arguments of `LSTM`
    and returns the outputs and the last hidden state.

    Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), "Learning phrase
    representations using RNN encoder-decoder for statistical machine translation".

    Example:
        >>> import minnet
        >>> output, h = minnet.nn.GRU(10, 20, num_layers=2)(minnet.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory: c' = f c + i g and h' = o tanh(c') over time, in layers.

    i, f, o = σ(W x + b + U h + d); g = tanh(W x + b + U h + d). By default all weights and biases
    are drawn from U(−1/√hidden_size, 1/√hidden_size).

    Hochreiter, Schmidhuber (1997), "Long short-term memory"; Gers, Schmidhuber, Cummins (2000),
    "Learning to forget", for the gate f.

    Args:
        input_size: the number of features of the input.
        hidden_size: that of the hidden state.
        num_layers: how many layers follow each other.
        bias: whether there are biases.
        batch_first: whether input and output are (batch, time, features).
        dropout: the probability by which what a layer but the last gives is zeroed.
        bidirectional: whether there is a second direction, whose outputs come behind the first's.
        proj_size: 0; there are no projections.
        device: where the parameters live.
        dtype: their floating point dtype.

    Shape:
        input (time, batch, input_size), or without batch; states, given and returned,
        (num_layers · directions, batch, hidden_size); output (time, batch, directions ·
        hidden_size). It is called with the input and, unless they are zeros, the states `(h, c)`;
        it returns the output and the last `(h, c)`.

        `weight_ih_l0` (4 hidden_size, input_size), `weight_hh_l0` (4 hidden_size, hidden_size),
        `bias_ih_l0` and `bias_hh_l0` (4 hidden_size,), with the gates i, f, g, o below each other;
        and so on for each layer, with `_reverse` behind the names of the second direction.

    Raises:
        ValueError, TypeError: if an argument is out of range or of another type; and when called,
            if the input or the states do not fit.

    Example:
        >>> import minnet
        >>> layer = minnet.nn.LSTM(10, 20, num_layers=2)
        >>> output, (h, c) = layer(minnet.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
        >>> layer
        LSTM(10, 20, num_layers=2)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)


class RNNCellBase(Module):
    """What the cells have in common."""

    mode = "RNN_TANH"
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = KINDS[self.mode].gates * hidden_size
        self.weight_ih = Parameter(empty(gates, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(gates, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty(gates, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, from U(−1/√hidden_size, 1/√hidden_size)."""
        _draw(self, self.hidden_size)

    def forward(self, input: Any, hx: Any = None) -> Any:
        several = self.mode == "LSTM"
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        x = input if input.ndim == 2 else unsqueeze(input, 0)
        shape = (x.shape[0], self.hidden_size)
        if hx is None:
            state = [zeros(shape, dtype=x.dtype, device=x.device)] * KINDS[self.mode].states
        else:
            state = list(hx) if several else [hx]
            for h in state:
                if h.ndim not in (1, 2):
                    raise ValueError(
                        f"{name}: Expected hidden to be 1D or 2D, got {h.ndim}D instead"
                    )
            state = [unsqueeze(h, 0) if input.ndim == 1 else h for h in state]
        if x.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}"
            )
        for h in state:
            if h.shape != shape:
                raise RuntimeError(
                    f"{name} expects a state of shape {shape} for this input, got {tuple(h.shape)}"
                )
        given = linear(x, self.weight_ih, self.bias_ih)
        begin = (*state, None)[:2]
        _, *end = recurrent(
            unsqueeze(given, 0), self.weight_hh, self.bias_hh, *begin, self.mode, False
        )
        end = end if input.ndim == 2 else [squeeze(h, 0) for h in end]
        return tuple(end) if several else end[0]

    def extra_repr(self) -> str:
        bias = "" if self.bias else f", bias={self.bias}"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(RNNCellBase):
    """One time of an `RNN`: (batch, input_size) and (batch, hidden_size) give the hidden state.

    Example:
        >>> import minnet
        >>> minnet.nn.RNNCell(10, 20)(minnet.randn(3, 10)).shape
        torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        mode = _rnn_mode(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.mode, self.nonlinearity = mode, nonlinearity

    def extra_repr(self) -> str:
        how = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + how


class GRUCell(RNNCellBase):
    """One time of a `GRU`: (batch, input_size) and (batch, hidden_size) give the hidden state.

    Example:
        >>> import minnet
        >>> minnet.nn.GRUCell(10, 20)(minnet.randn(3, 10)).shape
        torch.Size([3, 20])
    """

    mode = "GRU"


class LSTMCell(RNNCellBase):
    """One time of an `LSTM`: (batch, input_size) and the state `(h, c)` give the next `(h, c)`.

    Example:
        >>> import minnet
        >>> h, c = minnet.nn.LSTMCell(10, 20)(minnet.randn(3, 10))
        >>> h.shape, c.shape
        (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    mode = "LSTM"
