"""`save` and `load`: tensors, and what goes with them, in a safetensors file or one of torch's.

In a safetensors file, the tensors lie by name, where any program that reads safetensors finds them:
the name is the keys that lead to a tensor, joined by dots, so that a plain `state_dict` keeps its
own. All else is JSON in the file's metadata, with a hash of everything, by which damage is noticed.
The format is written down in docs/checkpoints.md. torch's format is in `archive`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minnet import atomic, dtypes, kernels
from minnet.creation import from_numpy
from minnet.variable import Variable

VERSION = 1
ENTRY = "minnet"
DEEPEST = 100  # levels of nesting
LONGEST = 100_000_000  # bytes of a header that safetensors reads
# safetensors' names: "F32", "I64", "U8", "BOOL".
DTYPES = {
    f"{d.kind.upper()}{8 * d.itemsize}" if d.kind != "b" else "BOOL": d for d in dtypes.OF_NUMPY
}
SCALARS = (str, int, float, bool, type(None))
# What reading a header or a description may raise that `save` has not written.
MALFORMED = ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
ZIP, PICKLE = b"PK\x03\x04", b"\x80"  # how they begin


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "files of safetensors need its package: python -m pip install "
            '"minnet[safetensors]"; under a name that does not end with .safetensors, save writes '
            "a file of torch's, which needs none"
        ) from None
    return safetensors


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write a `state_dict`, or a whole checkpoint, to a file.

    To a name that ends with ".safetensors" it is a safetensors file, which needs that package. To
    any other it is a file of `torch.save`, which `torch.load` reads.

    The file appears whole or not at all: an older one stays until the new one is complete and on
    the disk, whether the process is killed, the disk full, or the power gone.

    Args:
        obj: tensors, numbers, strings, booleans and None, in dicts, lists and tuples, as deep as
            you like. Of a model, an optimizer or a scheduler that is its `state_dict()`, of a
            generator its `get_state()`.
        f: the path of the file, or an object with `write`, which gets a file of torch's.
        pickle_module, pickle_protocol, _use_new_zipfile_serialization: accepted for torch's sake.

    Raises:
        TypeError: if there is anything else in `obj`. A file of torch's also holds bytes, sets,
            complex numbers, dtypes, devices and sizes; NumPy's numbers become Python's.
        ValueError: if it is nested too deep, or for a safetensors file contains itself, or what is
            not tensors is larger than a header may be.
        ImportError: if a safetensors file is asked for, and the package is not installed.
        OSError: if the file cannot be written.

    Example:
        >>> import minnet, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
        >>> model = minnet.nn.Linear(2, 1)
        >>> optimizer = minnet.optim.Adam(model.parameters(), lr=0.01)
        >>> state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
        >>> minnet.save(state, path)
        >>> loaded = minnet.load(path)
        >>> loaded["epoch"], loaded["optimizer"]["param_groups"][0]["betas"]
        (3, (0.9, 0.999))
        >>> model.load_state_dict(loaded["model"])
        <All keys matched successfully>
    """
    if hasattr(f, "write"):
        whole = io.BytesIO()
        _archive().write(obj, whole, _refusal)
        f.write(whole.getvalue())
        return
    if not os.fspath(f).endswith(".safetensors"):
        with atomic.replacing(f) as file:
            _archive().write(obj, file, _refusal)
        return
    arrays: dict[str, np.ndarray] = {}
    content = _described(obj, "", arrays, 0)
    entry = {"version": VERSION, "blake2b": _hash(content, arrays), "content": content}
    data = _library().numpy.save(arrays, {ENTRY: json.dumps(entry)})
    header = int.from_bytes(data[:8], "little")
    if header > LONGEST:
        raise ValueError(
            f"what is not tensors takes {header} bytes, and a header has at most {LONGEST}: "
            "make tensors of long lists of numbers"
        )
    with atomic.replacing(f) as file:
        file.write(data)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """Read what `save` or `torch.save` wrote, or the tensors of any safetensors file, by name.

    Which it is, the content tells. Nothing in a file is run, whatever it holds. Tensors in bfloat16
    become float32, which holds the same numbers.

    Args:
        f: the path of the file, or an object with `read`.
        map_location: the device for the tensors: the CPU, wherever they were, unless it is given;
            or a dict from where they were to where they shall be.
        pickle_module, weights_only, mmap: accepted for torch's sake; there is no other way.

    Raises:
        FileNotFoundError: if there is no such file.
        RuntimeError: if the device cannot be used.
        ValueError: if it is not a whole file, or is damaged, or holds what could run code.
        TypeError: if it holds a dtype that minnet lacks.
        ImportError: if it is a safetensors file, and that package is not installed.

    Example:
        >>> import minnet, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
        >>> minnet.save({"weight": minnet.ones(2)}, path)
        >>> minnet.load(path)
        {'weight': tensor([1., 1.])}
    """
    place = _placing(map_location)
    device = place("cpu")
    with io.BytesIO(f.read()) if hasattr(f, "read") else open(f, "rb") as file:
        if file.seekable():
            start = file.read(len(ZIP))
            file.seek(0)
            if start == ZIP:
                return _archive().read(file, f, place)
        library = _library()
        data = _content(file, f)
    try:
        views = library.deserialize(data)
    except library.SafetensorError as error:
        if data.startswith(PICKLE):
            raise ValueError(
                f"{f} is a pickle, as torch.save wrote before version 1.6, or with "
                "_use_new_zipfile_serialization=False: read it with torch, and save it again"
            ) from None
        raise ValueError(
            f"{f} is not a whole safetensors file, but damaged, cut short or another kind of file "
            f"({len(data)} bytes read; {error}); save it again, or take an older one"
        ) from None
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    entry = (header.pop("__metadata__", None) or {}).get(ENTRY)
    found = dict(views)  # in an order that differs from call to call
    arrays = {name: _array(f, name, **found[name]) for name in header}
    tensors = {name: from_numpy(array).to(device) for name, array in arrays.items()}
    if entry is None:
        return tensors
    newer = False
    try:
        known = json.loads(entry)
        newer = known["version"] > VERSION
        if not newer and known["blake2b"] == _hash(known["content"], arrays):
            return _restored(known["content"], tensors)
    except MALFORMED:
        pass  # not what `save` writes
    if newer:
        raise ValueError(
            f"{f} is in version {known['version']} of minnet's format, and this minnet reads "
            f"version {VERSION}: install a newer one"
        )
    raise ValueError(
        f"{f} is damaged: its content is not what minnet.save wrote; save it again, or take an "
        "older one"
    )


def _archive() -> Any:
    from minnet import archive  # on first use: it imports zipfile

    return archive


def _placing(map_location: Any) -> Callable[[str], Any]:
    """Return a function that gives the device for tensors from where they were."""
    if isinstance(map_location, Mapping):
        return lambda location: kernels.checked(map_location.get(location))
    if callable(map_location):  # `lambda storage, location: storage`, which leaves it on the CPU
        return lambda location: kernels.checked(map_location(None, location))
    device = kernels.checked(map_location)
    return lambda location: device


def _content(file: Any, name: Any) -> bytes:
    """Return the bytes of a file; of one whose header is not safetensors', as far as that goes.

    Raises:
        ValueError: if it is longer than its header says, before memory is taken for it.
    """
    size = file.seek(0, os.SEEK_END) if file.seekable() else 0
    if not size:  # empty, or no ordinary file
        return file.read()
    file.seek(0)
    start = file.read(8)
    header = int.from_bytes(start, "little")
    if header > LONGEST:
        return start
    start += file.read(min(header, size))
    try:
        tensors = json.loads(start[8:])
        tensors.pop("__metadata__", None)
        ends = (int(tensor["data_offsets"][1]) for tensor in tensors.values())
        expected = len(start) + max(ends, default=0)
    except MALFORMED:
        return start
    if size > expected:
        raise ValueError(
            f"{name} is not a whole safetensors file, but damaged or another kind of file: its "
            f"header says {expected} bytes, and it has {size}; save it again, or take an older one"
        )
    file.seek(0)
    return file.read()


def _described(value: Any, name: str, arrays: dict[str, np.ndarray], depth: int) -> Any:
    """Return a value as JSON holds it, and put its tensors into `arrays` by their names."""
    if isinstance(value, SCALARS):
        return value
    if depth > DEEPEST:
        raise ValueError(f"{name[:50]}... is nested deeper than {DEEPEST} levels, or holds itself")
    if isinstance(value, Variable):
        name = name or "tensor"
        while name in arrays:  # {"a": {"b": x}, "a.b": y}
            name += "_"
        # A copy: what another thread changes meanwhile would not have the hash that is written.
        arrays[name] = np.array(kernels.moved(value.array, "cpu"), order="C")
        return {"tensor": name}

    def inner(key: Any, item: Any) -> Any:
        return _described(item, f"{name}.{key}" if name else str(key), arrays, depth + 1)

    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, SCALARS):
                raise TypeError(
                    f"save expects strings and numbers as keys, got {type(key).__name__}{_at(name)}"
                )
        return {"dict": [[key, inner(key, item)] for key, item in value.items()]}
    if type(value) in (list, tuple):
        items = [inner(i, item) for i, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    raise _refusal(value, name)


def _refusal(value: Any, name: str) -> TypeError:
    """Return the error for what is not saved, and lies at the keys in `name`."""
    if not isinstance(value, type) and hasattr(value, "load_state_dict"):
        return TypeError(
            f"save takes the state of a {type(value).__name__}{_at(name)}, not the object, whose "
            "loading would run code:\n"
            "    minnet.save(x.state_dict(), path)\n"
            "    x.load_state_dict(minnet.load(path))"
        )
    methods = () if isinstance(value, type) else ("get_state", "tolist")
    method = next((m for m in methods if hasattr(value, m)), None)
    return TypeError(
        "save expects tensors, numbers, strings, booleans and None, in dicts, lists and tuples, "
        f"got {type(value).__name__}{_at(name)}" + (f"; give its {method}()" if method else "")
    )


def _at(name: str) -> str:
    return f" at {name}" if name else ""


def _restored(node: Any, tensors: dict[str, Any]) -> Any:
    """Return the value that `_described` described; ValueError, KeyError or TypeError if none."""
    if isinstance(node, SCALARS):
        return node
    if isinstance(node, list):
        return [_restored(item, tensors) for item in node]
    ((kind, inner),) = node.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "tuple":
        return tuple(_restored(item, tensors) for item in inner)
    if kind == "dict":
        return {key: _restored(item, tensors) for key, item in inner}
    raise ValueError(kind)


def _hash(content: Any, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _array(f: Any, name: str, dtype: str, shape: list[int], data: Any) -> np.ndarray:
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if dtype not in DTYPES:
        raise TypeError(
            f"{f} holds {name} in {dtype}, and minnet has {', '.join(DTYPES)} only: convert it in "
            "the program that wrote it, with tensor.float() say"
        )
    if dtype == "BOOL":
        return (np.frombuffer(data, np.uint8) != 0).reshape(shape)  # whatever the bytes are
    array: np.ndarray = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    return np.require(array, requirements="W")
