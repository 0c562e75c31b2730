"""Provenance: how a tensor was initialized, noted on it when it is."""

from __future__ import annotations

import inspect
import math
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from copy import copy as shallow_copy
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

from minnet.nn import kinds
from minnet.nn.init import holders
from minnet.nn.init.fans import fans_in
from minnet.variable import Variable

_HERE = "minnet.nn.init"
LEAST = 11  # columns that a name or a call keeps where the terminal is narrow
_INSIDE = ("minnet.nn.module", "minnet.nn.state", "minnet.doctor.examination")


# Of what is no tensor of minnet. An attribute of a torch parameter would be pickled with it.
_others: dict[int, tuple[weakref.ref[Any], Record]] = {}


def noted(tensor: Any) -> Record | None:
    """Return what is noted on a tensor or array, or None."""
    if isinstance(tensor, Variable):
        return getattr(tensor, "_initialization", None)
    owner, record = _others.get(id(tensor), (None, None))
    return record if owner is not None and owner() is tensor else None


def _note(tensor: Any, record: Record) -> None:
    if isinstance(tensor, Variable):
        tensor._initialization = record  # type: ignore[attr-defined]
        return
    key = id(tensor)
    with suppress(TypeError):  # some buffers cannot be referred to weakly
        _others[key] = weakref.ref(tensor, lambda _: _others.pop(key, None)), record


_signature = cache(inspect.signature)


class Record:
    """What a fill notes on its tensor. Made at each fill, so it computes nothing."""

    __slots__ = (
        "args", "code", "draw", "engine", "fans", "function", "instruction", "kwargs", "previous",
        "seed", "shape", "std", "version", "whole",
    )  # fmt: skip

    def __init__(
        self,
        function: Callable[..., Any] | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        shape: tuple[int, ...],
        generator: Any = None,
    ):
        self.function, self.args, self.kwargs, self.shape = function, args, kwargs, shape
        self.seed = self.draw = self.engine = None
        if generator is not None:
            self.seed, self.draw = generator.initial_seed(), generator.draw
            self.engine = generator.engine
        frame: Any = sys._getframe(2)
        if frame.f_globals.get("__package__") == _HERE or function is None:
            frame = _users(frame)
        self.code: CodeType = frame.f_code
        self.instruction: int = frame.f_lasti

    def keep(self, tensor: Any, promise: Any) -> None:
        """Note the record on a tensor, or on the one it is a view of; an array has no room."""
        self.std, self.fans = promise if type(promise) is tuple else (promise, None)
        base = getattr(tensor, "_base", None)
        owner = tensor if base is None else base
        self.whole = base is None or tensor.nelement() == base.nelement()
        self.version = holders.version(tensor)
        self.previous = noted(owner)
        if self.previous is not None:
            self.previous.previous = None  # else a tensor filled in a loop would keep all records
            if self.version is not None and self.previous.version != self.version - 1:
                self.previous = None  # what it filled has been in use, and trained
        _note(owner, self)

    @property
    def name(self) -> str:
        """The initializer's name."""
        return "load_state_dict" if self.function is None else self.function.__name__

    @property
    def arguments(self) -> dict[str, Any]:
        """What the initializer was given, by name, without the tensor and the generator."""
        if self.function is None:
            return {}
        signature = _signature(self.function)
        given = signature.bind(None, *self.args, **self.kwargs).arguments
        _, *kinds = signature.parameters.values()  # the first is the tensor
        arguments: dict[str, Any] = {}
        for parameter in kinds:
            if parameter.name in given:
                value = given[parameter.name]
                keywords = parameter.kind is parameter.VAR_KEYWORD
                arguments |= value if keywords else {parameter.name: value}
        return arguments

    @property
    def default(self) -> bool:
        """Whether a layer's own `reset_parameters` did it."""
        return self.code.co_name.lstrip("_") == "reset_parameters"

    @property
    def explicit(self) -> bool:
        """Whether the user asked for it, and for the whole tensor."""
        return self.function is not None and self.whole and not self.default

    @property
    def where(self) -> str:
        """The file and line that asked for it."""
        lines = (
            line
            for start, end, line in self.code.co_lines()
            if start <= self.instruction < end and line is not None
        )
        line = next(lines, self.code.co_firstlineno)
        return f"{os.path.basename(self.code.co_filename)}:{line}"

    def of_copy(self, same: bool) -> Record:
        """Return the record for a copy of the tensor that has the `same` values since the fill."""
        copy = shallow_copy(self)
        copy.version = 0 if same else -1
        return copy

    def __reduce__(self) -> Any:
        facts = {name: getattr(self, name) for name in FACTS}
        arguments = {name: _plain(value) for name, value in self.arguments.items()}
        engine = None if self.engine is None else str(self.engine)
        function = None if self.function is None else self.name
        return Told, (facts | {"arguments": arguments, "engine": engine, "function": function},)


class Told(Record):
    """A record that was copied or pickled: it has words where the other has functions and frames.

    Functions, and arguments of other kinds than numbers, may be known to one process alone.
    """

    __slots__ = ("arguments", "default", "name", "where")

    def __init__(self, facts: dict[str, Any]):
        for name, value in facts.items():
            setattr(self, name, value)


FACTS = (*Told.__slots__, "draw", "fans", "previous", "seed", "shape", "std", "version", "whole")


class _Words(str):
    """What an argument looked like."""

    __slots__ = ()
    __repr__ = str.__str__


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in (tuple, list):
        return kind(map(_plain, value))
    return value if kind in (bool, int, float, str, type(None)) else _Words(_short(value))


def _users(frame: Any) -> Any:
    """Return the frame that called into this package, by itself or through a module's methods."""
    while frame.f_back is not None and (
        frame.f_globals.get("__package__") == _HERE
        or frame.f_globals.get("__name__") in _INSIDE
        or frame.f_code.co_name == "apply"
    ):
        frame = frame.f_back
    return frame


def note_loaded(tensor: Any) -> None:
    """Note that a tensor's values were loaded from a state."""
    Record(None, (), {}, tensor.shape).keep(tensor, None)


def hand_on(source: Any, copy: Any) -> None:
    """Note on a copy what is noted on its source."""
    record = noted(source)
    if record is not None:
        record = record.of_copy(record.version == holders.version(source))
        if not record.version:
            record.version = holders.version(copy)
        _note(copy, record)


@dataclass(frozen=True)
class Initialization:
    """How one parameter was initialized.

    Attributes:
        name: its full name in the network.
        shape: its shape.
        state: "initialized", by a call of yours; "default", by its layer; "in part", the last of
            calls that fill views of it; "loaded", from a state; "set in place", by something else;
            "created" with values; or "never initialized".
        function: the initializer's name, or None.
        arguments: what it was given, by name.
        fans: the (fan_in, fan_out) that the initializer went by, or else those of the layer's
            weight; None below two dimensions.
        std: the standard deviation that the initializer promises, or None.
        seed: the generator's seed, or None where nothing was drawn.
        engine: the generator's engine.
        draw: the number of the draw: with seed and shape it says all the bits.
        where: the file and line of the call.
        before: the call of yours that this one has overwritten, or None. That of a layer's default
            does not count, nor one whose values were changed in place since, as training does.
        changed: whether it was changed in place since, as training does. A change through `.data`
            or a NumPy view goes unnoticed.
    """

    name: str
    shape: tuple[int, ...]
    state: str
    function: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    fans: tuple[int, int] | None = None
    std: float | None = None
    seed: int | None = None
    engine: str | None = None
    draw: int | None = None
    where: str | None = None
    before: str | None = None
    changed: bool = False

    @property
    def call(self) -> str:
        """The call, as it would be written."""
        given = ", ".join(f"{k}={_short(v)}" for k, v in self.arguments.items())
        return self.state if self.function is None else f"{self.function}({given})"

    @property
    def both(self) -> str:
        """The two calls of yours that filled it, one over the other, in words."""
        return f"by {self.before}, then by {self.function} at {self.where}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return getattr(value, "__name__", None) or repr(value)


class Provenance(dict[str, Initialization]):
    """How each parameter of a network was initialized, by name. It prints as a table."""

    @property
    def never(self) -> list[str]:
        """The parameters that were never initialized."""
        return [name for name, found in self.items() if found.state == "never initialized"]

    @property
    def twice(self) -> list[str]:
        """The parameters that two calls of yours have filled, one over the other."""
        return [name for name, found in self.items() if found.before is not None]

    @property
    def changed(self) -> list[str]:
        """The parameters that were changed in place after they were initialized."""
        return [name for name, found in self.items() if found.changed]

    def __repr__(self) -> str:
        head = ("parameter", "shape", "initializer", "fans", "std", "seed:draw", "state")
        width = shutil.get_terminal_size((100, 24)).columns
        # The calls give way first, then the names.
        lines = table([head, *map(_row, self.values())], width, (2, 0), range(len(head)))
        if self.never:
            lines.append(f"never initialized: {', '.join(self.never)}")
        lines += [f"initialized twice: {name}, {self[name].both}" for name in self.twice]
        return "\n".join(lines)


def table(
    rows: Sequence[Sequence[str]], width: int, give_way: Iterable[int], left: Collection[int]
) -> list[str]:
    """Return rows of cells, the first of them a head, as lines with aligned columns.

    Args:
        rows: the cells.
        width: of the terminal.
        give_way: columns that are cut where it is narrow, in this order, to no less than LEAST.
        left: columns that are aligned to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for column in give_way:
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        widths[column] = max(min(widths[column], LEAST), widths[column] - max(excess, 0))
    lines = []
    for row in rows:
        cells = []
        for i, (cell, size) in enumerate(zip(row, widths, strict=True)):
            if len(cell) > size:  # of a name the end tells more
                cell = f"{cell[: size - 1]}…" if i else f"…{cell[len(cell) - size + 1 :]}"
            cells.append(cell.ljust(size) if i in left else cell.rjust(size))
        lines.append("  ".join(cells).rstrip())
    return lines


def _row(found: Initialization) -> tuple[str, ...]:
    source = ""
    if found.seed is not None:
        seed = str(found.seed)
        source = f"{seed if len(seed) <= 6 else f'{seed[:4]}…'}:{found.draw}"
        source = source if found.engine == "philox" else f"{found.engine} {source}"
    return (
        found.name,
        "×".join(map(str, found.shape)),
        found.call if found.function else "",
        "" if found.fans is None else f"{found.fans[0]}→{found.fans[1]}",
        "" if found.std is None else f"{found.std:.4g}",
        source,
        found.state + (", changed" if found.changed else ""),
    )


def provenance(net: Any) -> Provenance:
    """Return how each parameter of a network was initialized: data that prints as a table.

    Every initializer notes on the tensor it fills its own name and arguments, the std that they
    promise, the generator's seed, engine and draw, and the line of the call. A layer's default is
    one of them; to overwrite it is what initializing is. To overwrite a call of your own is
    suspicious, unless the values have been in use and were trained in between; and so is a
    parameter that nobody has filled: both are named below the table, and in `twice` and `never`. A
    parameter made of given values (ones for a scale) is "created": if it
    is constant, and not a matrix of zeros.

    A copy and a pickle have their source's provenance, `load_state_dict` overwrites it, and what
    was changed in place later is told by the version counter.

    Args:
        net: a network of minnet, or of torch if its weights were filled by these functions; or a
            single tensor.

    Example:
        >>> import minnet
        >>> from minnet import nn
        >>> from minnet.nn import init
        >>> _ = minnet.manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> _ = init.xavier_normal_(net[0].weight, gain=0.5)
        >>> found = init.provenance(net)
        >>> found["0.weight"].std, found["0.weight"].draw, found["2.bias"].state
        (0.2041241452319315, 4, 'default')
        >>> init.provenance(net[0])
        parameter  shape  initializer               fans  std     seed:draw  state
        weight     8×4    xavier_normal_(gain=0.5)  4→8   0.2041  0:4        initialized
        bias       8      uniform_(a=-0.5, b=0.5)         0.2887  0:1        default
    """
    if hasattr(net, "named_parameters"):
        modules = dict(net.named_modules())
        return Provenance(
            (name, _found(name, p, modules[name.rpartition(".")[0]]))
            for name, p in net.named_parameters()
        )
    return Provenance(tensor=_found("tensor", net, None))


def _found(name: str, tensor: Any, module: Any) -> Initialization:
    shape = tuple(tensor.shape)
    record = noted(tensor)
    version = holders.version(tensor)
    if record is None:
        given = "created" if _is_given(tensor) else "never initialized"
        return Initialization(name, shape, "set in place" if version else given)
    changed = version != record.version
    if record.function is None:
        return Initialization(name, shape, "loaded", where=record.where, changed=changed)
    before = record.previous if record.explicit else None
    both = record.fans
    if both is None and len(record.shape) > 1:
        layout = kinds.layout(module, name.rpartition(".")[2], tensor) if record.whole else {}
        both = fans_in(record, layout)
    return Initialization(
        name,
        shape,
        "initialized" if record.explicit else "default" if record.default else "in part",
        record.name,
        record.arguments,
        both,
        None if record.std is None or math.isnan(record.std) else float(record.std),
        record.seed,
        None if record.engine is None else str(record.engine),
        record.draw,
        record.where,
        f"{before.name} at {before.where}" if before is not None and before.explicit else None,
        changed,
    )


def _is_given(tensor: Any) -> bool:
    """Say whether values look like those of a scale of ones or a bias of zeros: not like memory."""
    array = holders.array_of(tensor)
    first = array[(0,) * array.ndim] if array.size else 1
    return bool((array == first).all()) and (first != 0 or array.ndim < 2)
