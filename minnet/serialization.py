"""`save` and `load`: tensors by name in a safetensors file, which other frameworks read too."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minnet import kernels
from minnet.autograd import Variable
from minnet.creation import from_numpy


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'saving and loading need safetensors: python -m pip install "minnet[safetensors]"'
        ) from None
    return safetensors


def save(obj: Mapping[str, Any], f: str | os.PathLike[str]) -> None:
    """Write tensors by name, such as a `state_dict`, to a safetensors file.

    The file appears whole or not at all: an older one stays until the new one is complete.

    Args:
        obj: a mapping from names to tensors.
        f: the path of the file.

    Raises:
        TypeError: if `obj` is anything else.
        ImportError: if safetensors is not installed.
        OSError: if the file cannot be written.

    Example:
        >>> import minnet, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> minnet.save({"weight": minnet.ones(2)}, path)
        >>> minnet.load(path)
        {'weight': tensor([1., 1.])}
    """
    if not isinstance(obj, Mapping):
        raise TypeError(
            "save expects a mapping from names to tensors, such as model.state_dict(), got "
            f"{type(obj).__name__}"
        )
    arrays = {}
    for name, value in obj.items():
        if not isinstance(name, str) or not isinstance(value, Variable):
            raise TypeError(
                "save expects a mapping from names to tensors, got "
                f"{type(name).__name__} {name!r}: {type(value).__name__}"
            )
        arrays[name] = np.asarray(kernels.moved(value.array, "cpu"), order="C")
    content = _library().numpy.save(arrays)
    path = Path(f)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(f: str | os.PathLike[str], map_location: Any = None) -> dict[str, Any]:
    """Read the tensors of a safetensors file, to the CPU or the device `map_location`.

    Raises:
        RuntimeError: if the device cannot be used.
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole safetensors file.
        TypeError: if it holds a dtype that minnet lacks.
        ImportError: if safetensors is not installed.
    """
    device = kernels.checked(map_location)
    library = _library()
    content = Path(f).read_bytes()
    try:
        arrays = library.numpy.load(content)
    except library.SafetensorError as error:
        raise ValueError(f"{f} is not a whole safetensors file: {error}") from None
    return {name: from_numpy(array).to(device) for name, array in arrays.items()}
