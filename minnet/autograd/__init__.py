"""Differentiation: gradients, functions of one's own, products with Jacobians, checks."""

from minnet.autograd import function, functional, graph
from minnet.autograd.anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from minnet.autograd.function import Function
from minnet.autograd.gradcheck import gradcheck, gradgradcheck
from minnet.backward import backward, grad
from minnet.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minnet.typed import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
