"""Layers, networks and losses, by torch's names."""

from __future__ import annotations

from minnet.nn import activation, functional, init, modules
from minnet.nn.activation import *  # noqa: F403
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
    "BCEWithLogitsLoss", "CrossEntropyLoss", "Dropout", "Flatten", "HuberLoss", "Identity",
    "L1Loss", "Linear", "MSELoss", "Module", "ModuleDict", "ModuleList", "NLLLoss", "Parameter",
    "ParameterDict", "ParameterList", "Sequential", "SmoothL1Loss", "Unflatten", "functional",
    "init", *activation.__all__,
]  # fmt: skip
