"""What programs ask of `torch.cuda` that minnet.cuda does not have."""

from __future__ import annotations

from typing import Any

from minnet import cuda, random

__all__ = [
    "get_rng_state", "get_rng_state_all", "ipc_collect", "is_bf16_supported", "seed", "seed_all",
    "set_device", "set_rng_state", "set_rng_state_all",
]  # fmt: skip


def set_device(device: Any) -> None:
    """Check that it is the one GPU that is computed on.

    Raises:
        RuntimeError: if CUDA is not available, or the device is another one.
    """
    number = device if isinstance(device, int) else cuda.devices.device(device).index or 0
    if number != cuda.current_device():
        raise RuntimeError(
            f"minnet computes on one GPU, cuda:0, and got {device}: CUDA_VISIBLE_DEVICES chooses it"
        )


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False: minnet computes in float32."""
    return False


def ipc_collect() -> None:
    """Do nothing: no memory is shared with other processes."""


# One stream of numbers fills tensors of both devices: it is the CPU's, and kept and set there.


def seed() -> None:
    """Set a random seed, where there is a GPU."""
    if cuda.is_available():
        random.seed()


seed_all = seed


def get_rng_state(device: Any = "cuda") -> Any:
    """Return the state of the default generator, which fills tensors of both devices.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    cuda.current_device()
    return random.get_rng_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the default generator.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    cuda.current_device()
    random.set_rng_state(new_state)


def get_rng_state_all() -> list[Any]:
    """Return the states of all GPUs: one, or none."""
    return [get_rng_state() for _ in range(min(cuda.device_count(), 1))]


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of all GPUs."""
    for state in new_states:
        set_rng_state(state)
