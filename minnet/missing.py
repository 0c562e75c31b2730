"""What is said of a name that is not there: what to use instead, and where the list stands."""

from __future__ import annotations

import re
from typing import Any

INSTEAD = {
    r".*sparse.*|coalesce|ccol.*|crow.*|smm|sspaddmm|hspmm": "all tensors are dense",
    r".*quant.*|q_.*|q?u?int[1-7]|qint.*|quint.*": "there are no quantized tensors",
    r".*complex.*|c(double|float)|chalf|polar|conj.*|resolve_.*|view_as_real|imag|real|angle": (
        "there are no complex tensors; keep the real and the imaginary part in two"
    ),
    r".*[Ss]torage|set_": "a tensor's memory is a NumPy array: x.numpy()",
    r"channels_last.*": "all tensors are in row order: x.contiguous()",
    r"names|rename_?|refine_names|align_.*": "dims have no names; call them by their numbers",
    r"jit|ScriptModule|ScriptFunction|export|fx|compile.*": "call the function itself",
    r"fft|stft|istft": "numpy.fft computes on x.numpy()",
    r"svd_lowrank|pca_lowrank|lobpcg": "minnet.linalg.svd, or minnet.linalg.eigh",
    r"qr|eig|symeig|svd|lstsq|solve|lu|matrix_rank|pinverse": "minnet.linalg has it",
    r"bfloat16|half|float16": "minnet computes in float32: .float()",
    r"vmap|jacrev|jacfwd": "minnet.autograd.functional has jacobian, hessian, vjp, jvp and hvp",
    r"Lazy.*": "give the number of inputs to the layer without Lazy",
    r"MultiheadAttention|Transformer.*|scaled_dot.*": "there is no attention: matmul and softmax",
    r"DataParallel|DistributedDataParallel": "call the network itself: there is one device",
    r"mps|xpu|mtia|hip|distributed|ao|quantization|onnx": "there is only the CPU, and CUDA",
}
LIST = "what there is stands in docs/operations.md"


def advice(name: str) -> str:
    """Return what to say of a name that is not there, behind that it is not."""
    found = [text for pattern, text in INSTEAD.items() if re.fullmatch(pattern, name)]
    return "".join(f"; {text}" for text in [*found[:1], LIST])


def error(holder: str, name: str) -> AttributeError:
    """Return the error for a name that something has not."""
    more = "" if name.startswith("__") else advice(name)
    return AttributeError(f"{holder} has no attribute '{name}'{more}", name=name)


def of_tensor(tensor: Any, name: str) -> Any:
    """Refuse an attribute that tensors have not; where a property has raised, say what it said.

    Raises:
        AttributeError: always.
    """
    if name.startswith("__") or hasattr(type(tensor), name):
        return object.__getattribute__(tensor, name)
    raise error(f"'{type(tensor).__name__}' object", name)
