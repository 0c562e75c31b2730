"""Symbols: a block is compiled once, by itself, and whoever calls it knows its symbol only.

Left to itself, Numba copies all that a kernel calls into the kernel's library and optimizes it
there again, and twice more in a parallel kernel. So the tiles of matmul alone took 5 s for each
kernel that multiplies (measured).

A symbol names a block and its argument types. LLVM stops the process where it finds a symbol
undefined, so what calls a block is kept on disk with a list of the blocks it calls, and these are
loaded first. No file holds an address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

from llvmlite import binding

PREFIX = "minnet.block."

Types = tuple[Any, ...]  # of arguments
Call = tuple[str, Types]  # the name of a block, and the types that it takes


class Block(Protocol):
    def link(self, types: Types) -> str:
        """Define the symbol for some argument types, and return it."""


_blocks: dict[str, Block] = {}
_defined: dict[str, Call] = {}


def add(name: str, block: Block) -> None:
    """Name a block, from the time its module is imported on."""
    if name in _blocks:
        raise ValueError(f"there are two blocks of the name {name}")
    _blocks[name] = block


def symbol_of(name: str, types: Types) -> str:
    return f"{PREFIX}{name}.{hashlib.sha256(repr(types).encode()).hexdigest()[:16]}"


def is_defined(symbol: str) -> bool:
    return symbol in _defined


def define(name: str, types: Types, address: int) -> None:
    """Let a symbol stand for a compiled block."""
    symbol = symbol_of(name, types)
    binding.add_symbol(symbol, address)
    _defined[symbol] = name, types


def calls(library: Any) -> list[Call]:
    """Return the blocks that a compiled library calls."""
    names = [f.name for f in library._final_module.functions if f.is_declaration]
    return [_defined[name] for name in names if name.startswith(PREFIX)]


def link(calls: Iterable[Call]) -> None:
    """Define the symbols of some blocks, which are loaded or compiled for it."""
    for name, types in calls:
        _blocks[name].link(types)
