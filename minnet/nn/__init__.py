"""Layers, networks and losses, by torch's names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from minnet.nn import activation, functional, init, loss, modules
from minnet.nn.activation import *  # noqa: F403
from minnet.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from minnet.nn.convolution import (
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Fold,
    Unfold,
)
from minnet.nn.distance import CosineSimilarity, PairwiseDistance
from minnet.nn.dropout import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from minnet.nn.embedding import Embedding
from minnet.nn.flatten import Flatten, Unflatten
from minnet.nn.linear import Identity, Linear
from minnet.nn.loss import *  # noqa: F403
from minnet.nn.module import Module
from minnet.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
)
from minnet.nn.padding import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from minnet.nn.parameter import Parameter
from minnet.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
    Upsample,
)
from minnet.nn.recurrent import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    LSTMCell,
    RNNBase,
    RNNCell,
)

if TYPE_CHECKING:
    from minnet.nn import utils as utils

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AlphaDropout", "AvgPool1d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d",
    "CircularPad1d", "CircularPad2d", "ConstantPad1d", "ConstantPad2d", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "CosineSimilarity", "Dropout", "Dropout1d", "Dropout2d",
    "Dropout3d", "Embedding", "FeatureAlphaDropout", "Flatten", "Fold", "GRU", "GRUCell",
    "GroupNorm", "Identity", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LSTM",
    "LSTMCell", "LayerNorm", "Linear", "MaxPool1d", "MaxPool2d", "Module", "ModuleDict",
    "ModuleList", "PairwiseDistance", "Parameter", "ParameterDict", "ParameterList", "RMSNorm",
    "RNN", "RNNBase", "RNNCell", "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d",
    "ReplicationPad2d", "Sequential", "Unflatten", "Unfold", "Upsample", "ZeroPad1d", "ZeroPad2d",
    "functional", "init", "modules", *activation.__all__, *loss.__all__,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "utils":  # imported on first use
        return import_module("minnet.nn.utils")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
