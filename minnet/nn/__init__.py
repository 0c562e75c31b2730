"""Layers, networks and losses, by torch's names."""

from __future__ import annotations

from minnet.nn import activation, functional, init
from minnet.nn.activation import *  # noqa: F403
from minnet.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
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
from minnet.nn.parameter import Parameter

__all__ = [
    "AlphaDropout", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d",
    "CosineSimilarity", "CrossEntropyLoss", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d",
    "Embedding", "FeatureAlphaDropout", "Flatten", "GroupNorm", "HuberLoss", "Identity",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "L1Loss", "LayerNorm", "Linear",
    "MSELoss", "Module", "ModuleDict", "ModuleList", "NLLLoss", "PairwiseDistance", "Parameter",
    "ParameterDict", "ParameterList", "RMSNorm", "Sequential", "SmoothL1Loss", "Unflatten",
    "functional", "init", *activation.__all__,
]  # fmt: skip
