"""CUDA: whether there is a GPU to compute on, which one, and how much of its memory is taken.

Tensors move by `.cuda()`, `.cpu()` and `.to(device)`, or are made where they are to live by
`device="cuda"`. There is one GPU for a process, "cuda:0"; CUDA_VISIBLE_DEVICES chooses which.

Example:
    >>> import minnet
    >>> device = "cuda" if minnet.cuda.is_available() else "cpu"
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minnet import devices, random
from minnet.devices import OutOfMemoryError as OutOfMemoryError
from minnet.kernels import availability


def is_available() -> bool:
    """Return whether tensors can live on a GPU. Never raises, and costs no import of Numba.

    It asks the driver, which a process that is forked later then cannot use: start others by
    'spawn'.

    Example:
        >>> import minnet
        >>> minnet.cuda.is_available() == (minnet.cuda.why_not() is None)
        True
    """
    return availability.why_not() is None


def why_not() -> str | None:
    """Return the reason why `is_available()` is false, and what to do; None where it is true."""
    return availability.why_not()


def device_count() -> int:
    """Return the number of GPUs that the driver shows, 0 where none can be used."""
    return availability.device_count()


def _memory() -> Any:
    """Return the module that knows the memory of the GPU."""
    availability.require()
    return import_module("minnet.kernels.cuda.memory")


def _known(device: Any) -> None:
    if device is not None:
        name = f"cuda:{device}" if isinstance(device, int) else device
        if devices.device(name).type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {device}")
        availability.require()
        import_module("minnet.kernels").like(name)


def is_initialized() -> bool:
    """Return whether this process has used CUDA."""
    return availability.used()


def current_device() -> int:
    """Return the number of the GPU that is computed on: 0.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    availability.require()
    return 0


def get_device_name(device: Any = None) -> str:
    """Return the name of the GPU.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    _known(device)
    return _memory().device_name()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """Return the GPU's compute capability: (9, 0) for sm_90.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    _known(device)
    return _memory().compute_capability()


def synchronize(device: Any = None) -> None:
    """Wait until all work on the GPU is done. Kernels are queued, and calls return before that.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    _known(device)
    _memory().synchronize()


# Memory, in bytes


def memory_allocated(device: Any = None) -> int:
    """Return how many bytes the tensors on the GPU take."""
    return _figure("allocated", device)


def max_memory_allocated(device: Any = None) -> int:
    """Return the most bytes that tensors took at a time, since `reset_peak_memory_stats`."""
    return _figure("most_allocated", device)


def memory_reserved(device: Any = None) -> int:
    """Return how many bytes were taken from the driver: those of tensors, and what is kept."""
    return _figure("reserved", device)


def _figure(name: str, device: Any) -> int:
    _known(device)
    return getattr(_memory(), name) if availability.used() else 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let `max_memory_allocated` start from what is taken now."""
    _known(device)
    _memory().reset_peak()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return how many bytes of the GPU's memory are free, and how many it has.

    Raises:
        RuntimeError: if CUDA is not available.
    """
    _known(device)
    return _memory().mem_get_info()


def empty_cache() -> None:
    """Give memory that is kept for later tensors back to the driver, for other programs."""
    if availability.used():
        _memory().give_back()


# Random numbers


def manual_seed(seed: int) -> None:
    """Set the seed of the default generator, which fills tensors of both devices with one stream.

    Where CUDA is not available it does nothing, as in torch.
    """
    if is_available():
        random.manual_seed(seed, random.default_generator().engine)


manual_seed_all = manual_seed
