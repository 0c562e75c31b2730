"""Programs written for PyTorch, unchanged: `import torch` finds minnet.

From a shell, `python -m minnet.as_torch script.py [args]`; in a notebook, before anything imports
torch, `%load_ext minnet.as_torch` or

    import minnet.as_torch
    minnet.as_torch.install()

The whole process sees it, installed libraries included. A torch that is installed stays as it is.
"""

from __future__ import annotations

import sys
from typing import Any

from minnet.as_torch.finder import ROOTS, Finder
from minnet.kernels import availability
from minnet.random import set_default_engine

__all__ = ["install", "load_ipython_extension"]


class NoCudaError(AssertionError, RuntimeError):
    """CUDA cannot be used: torch's AssertionError without CUDA, its RuntimeError without a GPU."""


def install(engine: str = "torch") -> None:
    """Let `import torch` and `import torchvision` find minnet, in this whole process.

    Done twice it only sets the engine.

    Args:
        engine: whose random numbers are drawn, by the default generator and by new ones: "torch"
            for those of torch 2.13, or "philox".

    Raises:
        RuntimeError: if torch is imported already.
        ValueError: if there is no such engine.
    """
    installed = any(isinstance(finder, Finder) for finder in sys.meta_path)
    if not installed:
        for root in ROOTS:
            if root in sys.modules:
                raise RuntimeError(
                    f"{root} is imported already, and what holds it would not see minnet: call "
                    f"minnet.as_torch.install() before anything imports {root}"
                )
    set_default_engine(engine)
    if not installed:
        sys.meta_path.insert(0, Finder())
        availability.require = _in_torchs_words(availability.require)


def _in_torchs_words(require: Any) -> Any:
    def required() -> None:
        try:
            require()
        except RuntimeError as error:
            raise NoCudaError(f"Torch not compiled with CUDA enabled. {error}") from None

    return required


def load_ipython_extension(ipython: Any) -> None:
    """Do what `%load_ext minnet.as_torch` asks for: `install`."""
    install()
