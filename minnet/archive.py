"""torch's file format: a zip archive of a pickle and the bytes of tensors. No code is run.

The pickle is written, and read, by an interpreter of a few of its instructions: those that make
containers, numbers, strings and tensors. It knows a dozen names of functions and classes, each of
which stands for something of this file's own; nothing is imported by a name that a file gives, and
no object of Python's can be reached and changed.
"""

from __future__ import annotations

import math
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from minnet import dtypes, kernels
from minnet.devices import device as Device
from minnet.nn.parameter import Parameter
from minnet.size import Size
from minnet.variable import Variable, wrap

FOLDER = "archive"
STORAGES = {f"torch.{d.tensor_type}Storage": d.numpy for d in dtypes.ALL}
DTYPES = {f"torch.{d.name}": d for d in dtypes.ALL}
# As `pickle` writes them for Python 2: torch reads these names only.
SET, COMPLEX = "__builtin__.set", "__builtin__.complex"
KEYS = (str, int, float, bool, type(None), bytes, complex, dtypes.dtype, Device)
# What a file that is damaged may lead to.
MALFORMED = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, RuntimeError, TypeError, ValueError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


class Refused(Exception):
    """A file is whole, but asks for what is not given: its argument is the error to be raised."""


def write(value: Any, file: BinaryIO, refusal: Callable[[Any, str], TypeError]) -> None:
    """Write a value as torch does.

    Args:
        value: tensors, numbers, strings and what else torch reads without running code.
        file: where to; nothing is written if this raises.
        refusal: gives the error for what cannot be written, and the keys that lead to it.

    Raises:
        TypeError: if there is anything else in the value.
        ValueError: if it is nested too deep.
    """
    writer = _Writer(refusal)
    try:
        writer.put(value, "")
    except RecursionError:
        raise ValueError("the value is nested too deep to be saved") from None
    records = {"data.pkl": bytes(writer.out + b"."), "byteorder": b"little", "version": b"3\n"}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in [*records.items(), *writer.storages.items()]:
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}")  # of 1980: one content makes one file
            archive.writestr(entry, content)


class _Writer:
    """Writes a pickle of protocol 2, as torch reads it."""

    def __init__(self, refusal: Callable[[Any, str], TypeError]):
        self.out = bytearray(b"\x80\x02")
        self.refusal = refusal
        self.known: dict[int, tuple[int, Any]] = {}  # by identity: its number, and it, kept alive
        self.storages: dict[str, Any] = {}
        self.places: dict[Any, tuple[str, int]] = {}

    def put(self, value: Any, place: str) -> None:
        """Write a value, to which the keys in `place` lead."""
        out = self.out
        if isinstance(value, np.generic) and isinstance(value.item(), bool | int | float):
            value = value.item()
        if id(value) in self.known:
            out += b"j" + struct.pack("<I", self.known[id(value)][0])
        elif value is None or value is True or value is False:
            out += {None: b"N", True: b"\x88", False: b"\x89"}[value]
        elif isinstance(value, int):
            size = value.bit_length() // 8 + 1
            if size <= 4:
                out += b"J" + struct.pack("<i", value)
            elif size <= 255:
                out += b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
            else:
                raise ValueError(f"an int of {size} bytes is more than torch reads")
        elif isinstance(value, float):
            out += b"G" + struct.pack(">d", value)
        elif isinstance(value, str):
            text = value.encode("utf-8", "surrogatepass")
            out += b"X" + struct.pack("<I", len(text)) + text
        elif isinstance(value, bytes):
            self.call("_codecs.encode", value.decode("latin1"), "latin1")
        elif isinstance(value, complex):
            self.call(COMPLEX, value.real, value.imag)
        elif isinstance(value, Variable):
            self.tensor(value)
            self.remember(value)
        elif isinstance(value, Mapping):
            if isinstance(value, OrderedDict):
                self.call("collections.OrderedDict")
            else:
                out += b"}"
            self.remember(value)
            out += b"("
            for key, item in value.items():
                if not _is_key(key):
                    raise self.refusal(key, f"the keys of {place or 'it'}")
                self.put(key, place)
                self.put(item, f"{place}.{key}" if place else str(key))
            out += b"u"
            if hasattr(value, "_metadata"):  # of a state_dict
                self.put({"_metadata": value._metadata}, place)
                out += b"b"
        elif type(value) is list:
            out += b"]"
            self.remember(value)
            out += b"("
            self.items(value, place)
            out += b"e"
        elif type(value) is tuple:
            out += b"("
            self.items(value, place)
            out += b"t"
        elif type(value) is Size:
            self.call("torch.Size", tuple(value))
        elif type(value) is set and all(map(_is_key, value)):
            self.call(SET, list(value))
        elif isinstance(value, Device):
            self.call("torch.device", value.type, *(() if value.index is None else (value.index,)))
        elif isinstance(value, dtypes.dtype):
            self.name(f"torch.{value.name}")
        else:
            raise self.refusal(value, place)

    def items(self, values: Any, place: str = "") -> None:
        for i, value in enumerate(values):
            self.put(value, f"{place}.{i}" if place else str(i))

    def remember(self, value: Any) -> None:
        self.known[id(value)] = len(self.known), value
        self.out += b"r" + struct.pack("<I", len(self.known) - 1)

    def name(self, name: str) -> None:
        module, _, function = name.rpartition(".")
        self.out += f"c{module}\n{function}\n".encode()

    def call(self, name: str, *arguments: Any) -> None:
        self.name(name)
        self.put(arguments, "")
        self.out += b"R"

    def tensor(self, x: Any) -> None:
        parameter = isinstance(x, Parameter)
        if parameter:
            self.name("torch._utils._rebuild_parameter")
            self.out += b"("
        self.name("torch._utils._rebuild_tensor_v2")
        self.out += b"(("
        storage, size = self.storage(x)
        self.put("storage", "")
        self.name(f"torch.{dtypes.of(x.array).tensor_type}Storage")
        self.items((storage, "cpu", size))
        self.out += b"tQ"
        shape = tuple(x.array.shape)
        strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
        self.items((0, shape, strides, x.requires_grad and not parameter, OrderedDict()))
        self.out += b"tR"
        if parameter:
            self.items((x.requires_grad, OrderedDict()))
            self.out += b"tR"

    def storage(self, x: Any) -> tuple[str, int]:
        """Return the name of a tensor's storage, and its size. What is tied shares one."""
        array = x.array
        place = x.data_ptr(), array.shape, array.strides, array.dtype
        if place not in self.places:
            name = str(len(self.places))
            self.places[place] = name, array.size
            # A copy, which no other thread changes while it is written.
            content = np.array(kernels.moved(array, "cpu"), order="C")
            content = content.astype(content.dtype.newbyteorder("<"), copy=False)
            self.storages[f"data/{name}"] = content.reshape(-1).view(np.uint8).data
        return self.places[place]


def read(file: BinaryIO, name: Any, place: Callable[[str], Any]) -> Any:
    """Return what `write` or `torch.save` has written.

    Args:
        file: the archive.
        name: what to call it in errors.
        place: gives the device of tensors that were on another.

    Raises:
        TypeError: if it holds tensors of a dtype that minnet lacks.
        ValueError: if it is damaged, or asks for anything else than data.
    """
    try:
        return _Reader(file, name, place).value()
    except Refused as refused:
        raise refused.args[0] from None
    except MALFORMED as error:
        raise ValueError(
            f"{name} is damaged, cut short, or no file of torch.save ({error}); save it again, or "
            "take an older one"
        ) from None


class _Global:
    """What a name in a pickle stands for. It has nothing that a pickle could change."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


class _Reader:
    """Reads the pickle of an archive, and makes the tensors that it tells of."""

    def __init__(self, file: BinaryIO, name: Any, place: Callable[[str], Any]):
        self.file, self.place = name, place
        self.archive = zipfile.ZipFile(file)
        entries = self.archive.infolist()
        size = file.seek(0, 2)
        # Neither compressed nor twice the same bytes: the memory needed is the file's.
        if any(e.compress_type for e in entries) or sum(e.file_size for e in entries) > size:
            raise ValueError("compressed")
        pickles = [e.filename for e in entries if e.filename.endswith("/data.pkl")]
        self.folder = pickles[0].removesuffix("data.pkl")
        self.pickle = self.archive.read(f"{self.folder}data.pkl")
        self.order: Any = "<"
        if f"{self.folder}byteorder" in self.archive.namelist():
            self.order = {b"little": "<", b"big": ">"}[self.archive.read(f"{self.folder}byteorder")]
        self.storages: dict[tuple[str, str], Any] = {}
        self.copied = self.uncalled = 0
        self.functions: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": lambda: OrderedDict(),
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_parameter": self.parameter,
            "torch.Size": self.size,
            "torch.device": lambda kind, index=None: Device(kind, index and int(index)),
            "_codecs.encode": self.bytes,
            **dict.fromkeys(("__builtin__.bytes", "builtins.bytes"), lambda: b""),
            **dict.fromkeys((SET, "builtins.set"), self.set),
            **dict.fromkeys((COMPLEX, "builtins.complex"), lambda re, im: complex(re, im)),
        }

    def value(self) -> Any:
        """Return what the pickle makes."""
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[int, Any] = {}

        def items() -> list[Any]:
            """Return what lies above the last mark."""
            start = marks.pop()
            found = stack[start:]
            del stack[start:]
            return found

        given: Any
        for code, given, _ in pickletools.genops(self.pickle):
            kind = code.name
            if kind in CONSTANTS:
                stack.append(given)
            elif kind in FIXED:
                stack.append(FIXED[kind]())
            elif kind == "MARK":
                marks.append(len(stack))
            elif kind in ("BINPUT", "LONG_BINPUT", "PUT"):
                memo[given] = stack[-1]
            elif kind == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif kind in ("BINGET", "LONG_BINGET", "GET"):
                stack.append(memo[given])
                self.uncalled += type(stack[-1]) is _Global
            elif kind == "GLOBAL":
                stack.append(self.named(given.replace(" ", ".", 1)))
            elif kind == "STACK_GLOBAL":
                function, module = stack.pop(), stack.pop()
                stack.append(self.named(f"{module}.{function}"))
            elif kind in ("TUPLE1", "TUPLE2", "TUPLE3"):
                count = int(kind[-1])
                stack[-count:] = [tuple(stack[-count:])]
            elif kind == "TUPLE":
                stack.append(tuple(items()))
            elif kind == "LIST":
                stack.append(items())
            elif kind in ("APPEND", "APPENDS"):
                found = items() if kind == "APPENDS" else [stack.pop()]
                _exactly(stack[-1], list).extend(found)
            elif kind in ("SETITEM", "SETITEMS", "DICT"):
                found = items() if kind != "SETITEM" else [stack.pop(-2), stack.pop()]
                if kind == "DICT":
                    stack.append({})
                target = _exactly(stack[-1], dict, OrderedDict)
                for key, item in zip(found[::2], found[1::2], strict=True):
                    target[_key(key)] = item
            elif kind == "ADDITEMS":
                found = items()
                _exactly(stack[-1], set).update(map(_key, found))
            elif kind == "BUILD":
                ((name, metadata),) = stack.pop().items()
                if name != "_metadata":
                    raise ValueError(f"an attribute {name}")
                _exactly(stack[-1], OrderedDict)._metadata = metadata
            elif kind in ("REDUCE", "NEWOBJ"):
                arguments = _exactly(stack.pop(), tuple)
                stack.append(self.functions[_exactly(stack.pop(), _Global).name](*arguments))
                self.uncalled -= 1
            elif kind == "BINPERSID":
                stack.append(self.storage(*stack.pop()))
                self.uncalled -= 1
            elif kind not in ("PROTO", "FRAME", "STOP"):
                raise ValueError(f"the instruction {kind}")
        if self.uncalled:
            raise ValueError("a function or class as a value")
        (value,) = stack
        return value

    def named(self, name: str) -> Any:
        """Return what a name stands for.

        Raises:
            Refused: if it is none of those that are known.
        """
        if name in DTYPES:
            return DTYPES[name]
        if name in self.functions or name.endswith("Storage"):
            self.uncalled += 1
            return _Global(name)
        raise Refused(
            ValueError(
                f"{self.file} asks for {name}, and load makes tensors, numbers, strings and their "
                "containers only: anything else could run code. Of a model, an optimizer or a "
                "scheduler save the state_dict(), of other objects what they are made of"
            )
        )

    def storage(self, kind: str, of: Any, key: str, location: str, size: int) -> Any:
        """Return a tensor of one dim on what is stored under a key, and the device for it."""
        if kind != "storage":
            raise ValueError(kind)
        name = _exactly(of, _Global).name
        if (key, name) not in self.storages:
            content = self.archive.read(f"{self.folder}data/{key}")
            dtype = STORAGES.get(name)
            if name == "torch.BFloat16Storage":  # the upper half of a float32
                halves = np.frombuffer(content, f"{self.order}u2").astype(np.uint32)
                array = (halves << 16).view(np.float32)
            elif dtype == np.bool_:
                array = np.frombuffer(content, np.uint8) != 0  # whatever the bytes are
            elif dtype is None:
                raise Refused(
                    TypeError(
                        f"{self.file} holds a tensor in a {name}, and minnet has "
                        f"{', '.join(d.name for d in dtypes.ALL)} only: convert it in the program "
                        "that wrote it, with tensor.float() say"
                    )
                )
            else:
                array = np.frombuffer(content, dtype.newbyteorder(self.order)).astype(dtype)
            if array.size != size:
                raise ValueError(f"{array.size} elements instead of {size}")
            try:
                device = self.place(location)
            except Exception as error:  # the user's, of a device or a function
                raise Refused(error) from None
            self.storages[key, name] = wrap(array), device
        return self.storages[key, name]

    def tensor(
        self, storage: Any, offset: int, shape: Any, strides: Any, requires_grad: bool,
        hooks: Any, metadata: Any = None,
    ) -> Any:  # fmt: skip
        """Return a tensor on a storage, after a look at where its elements are."""
        base, device = _exactly(storage, tuple)
        array, offset = base.array, int(offset)
        shape, strides = tuple(map(int, shape)), tuple(map(int, strides))
        pairs = list(zip(shape, strides, strict=True))
        last = offset + sum((n - 1) * step for n, step in pairs)
        if min((offset, *shape, *strides)) < 0 or (last >= array.size and 0 not in shape):
            raise ValueError("a tensor beyond its storage")
        expanded = any(n > 1 and not step for n, step in pairs)
        if 0 in shape:
            view = np.empty(shape, array.dtype)
        else:
            view = np.lib.stride_tricks.as_strided(
                array[offset:],
                shape,
                [step * array.itemsize for step in strides],
                writeable=not expanded,
            )
        out = wrap(view)
        out._counter = base.counter()  # what is tied is changed together
        return out.to(device).requires_grad_(_exactly(requires_grad, bool))

    def parameter(self, data: Any, requires_grad: bool, hooks: Any) -> Any:
        return Parameter(data, _exactly(requires_grad, bool))

    def bytes(self, text: str, encoding: str) -> bytes:
        self.count(text)
        return _exactly(text, str).encode({"latin1": "latin1"}[encoding])

    def size(self, sizes: Any) -> Size:
        self.count(sizes)
        return Size(map(int, sizes))

    def set(self, values: Any = ()) -> set[Any]:
        self.count(values)
        return set(map(_key, values))

    def count(self, values: Any) -> None:
        """Note a copy. A few bytes could ask for many of something large."""
        self.copied += len(values)
        if self.copied > len(self.pickle):
            raise ValueError("copies")


CONSTANTS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "EMPTY_DICT": dict,
    "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set,
}  # fmt: skip


def _exactly(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{type(value).__name__} in place of {kinds[0].__name__}")
    return value


def _key(value: Any) -> Any:
    """Return what may be a key: no deep tuple, whose hash could overflow the stack."""
    if not _is_key(value):
        raise TypeError(f"a key of type {type(value).__name__}")
    return value


def _is_key(value: Any) -> bool:
    flat = value if type(value) is tuple else (value,)
    return all(isinstance(item, KEYS) for item in flat)
