"""torch.accelerator: the GPU, where minnet finds one."""

from __future__ import annotations

from typing import Any

from minnet import cuda, device

is_available, device_count, synchronize = cuda.is_available, cuda.device_count, cuda.synchronize


def current_accelerator(check_available: bool = False) -> Any:
    """Return the device, or None without a GPU."""
    return device("cuda") if is_available() else None
