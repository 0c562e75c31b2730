"""Layers, networks and losses, by torch's names."""

from __future__ import annotations

from minnet.nn import functional, init
from minnet.nn.activation import (
    ELU,
    GELU,
    SELU,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from minnet.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from minnet.nn.dropout import Dropout
from minnet.nn.flatten import Flatten, Unflatten
from minnet.nn.linear import Identity, Linear
from minnet.nn.loss import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from minnet.nn.module import Module
from minnet.nn.parameter import Parameter

__all__ = [
    "ELU", "GELU", "SELU", "BCEWithLogitsLoss", "CrossEntropyLoss", "Dropout", "Flatten",
    "Hardtanh", "HuberLoss", "Identity", "L1Loss", "LeakyReLU", "Linear", "LogSigmoid",
    "LogSoftmax", "MSELoss", "Module", "ModuleDict", "ModuleList", "NLLLoss", "Parameter",
    "ParameterDict", "ParameterList", "ReLU", "ReLU6", "Sequential", "SiLU", "Sigmoid",
    "SmoothL1Loss", "Softmax", "Softplus", "Tanh", "Unflatten", "functional", "init",
]  # fmt: skip
