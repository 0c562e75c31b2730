"""Compiled kernels on disk: one file for each kernel, argument types and processor.

Numba's own cache has three gaps that matter here: it does not see a change in a helper that lives
in another file, it keys a parallel and a serial compilation alike, and its numbered data files can
be paired wrongly by processes that compile at the same time. Here a file holds a hash of all that
its machine code depends on, with the code itself, so that it is either the right one or refused:

- the bytecode of every module of kernels, which holds their constants too;
- the versions of Python, NumPy, Numba and llvmlite;
- the kernel, serial or parallel, and its argument types;
- the target, the processor's name and its features, and Numba's options.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import shutil
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import config
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult

from minnet import atomic
from minnet.kernels import linking

SOURCES = Path(__file__).parent
KEPT = 4  # versions, so that environments that share a checkout do not delete each other's
CHECK = hashlib.sha256().digest_size

# Numba's options that change no machine code, but where it is kept and how many threads run it.
# Nor do those of CUDA.
ELSEWHERE = {
    *("CACHE_DIR", "CACHE_LOCATOR_CLASSES", "DEBUG_CACHE"),
    *("NUMBA_NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS"),
    *("THREADING_LAYER", "THREADING_LAYER_PRIORITY"),
}

log = logging.getLogger("minnet.kernels")


def _sources() -> list[Path]:
    return sorted(SOURCES.rglob("*.py"))


def _times() -> list[tuple[str, int, int, int]]:
    """Return what tells that a source was written since: far cheaper than to read them all."""
    known = [(str(source), source.stat()) for source in _sources()]
    return [(name, s.st_mtime_ns, s.st_ctime_ns, s.st_size) for name, s in known]


def _parts(code: CodeType) -> Iterator[Any]:
    """Yield all that decides what a code object does; its lines and its file do not."""
    yield code.co_code, code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars
    yield code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    yield getattr(code, "co_exceptiontable", None)  # from Python 3.11 on
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)
        else:  # a set of strings has another order in each process
            yield sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant


def stamp() -> str:
    """Return a hash of the bytecode of all kernels and of the versions that compile it.

    Bytecode, and not source: of a file that was changed twice within a second, Python can run the
    older version, and that is what is compiled.
    """
    versions = sys.version, np.__version__, numba.__version__, llvmlite.__version__
    digest = hashlib.sha256(repr(versions).encode())
    for source in _sources():
        digest.update(source.relative_to(SOURCES).as_posix().encode())
        code = SourceFileLoader(source.stem, str(source)).get_code(source.stem)
        assert code is not None
        digest.update(repr(list(_parts(code))).encode())
    return digest.hexdigest()[:16]


def folders() -> list[Path]:
    """Return the folders that may hold compiled kernels, best first.

    A folder that all users share, such as /tmp, is not among them: what is loaded from here is run.
    """
    return [parent / f"kernels-{STAMP}" for parent in _parents()]


def _parents() -> Iterator[Path]:
    # Two installations do not share a folder, or each would delete the other's files.
    own = "minnet-" + hashlib.sha256(str(SOURCES).encode()).hexdigest()[:8]
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR) / own
        return
    yield SOURCES / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(RuntimeError):  # no home directory
        yield (Path(home) if home else Path.home() / ".cache") / own


# Taken before any kernel is imported, since `jit.py` imports this module first.
_TIMES = _times()
STAMP = stamp()


def current() -> bool:
    """Say whether the stamp is that of the sources, as far as they can be seen.

    While a process runs, a file may be edited, or minnet be installed anew. Kernels that were
    imported before or after are then compiled for this process only.
    """
    try:
        return bool(_TIMES) and _times() == _TIMES
    except OSError:
        return False


def _options() -> str:
    options = {name: value for name, value in vars(config).items() if name.isupper()}
    kept = {name for name in options if name not in ELSEWHERE and "CUDA" not in name}
    return repr([(name, options[name]) for name in sorted(kept)])


def keep(name: str, content: bytes) -> None:
    """Write a file into the first folder that takes it; warn, once, where none does."""
    reasons = []
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic.replacing(folder / name, durable=False) as file:
                file.write(content)
        except OSError as error:
            reasons.append(f"{folder.parent}: {error.strerror}")
        else:
            _delete_old_versions(folder)
            return
    _warn("; ".join(reasons))


@cache  # once
def _delete_old_versions(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process does the same
        versions = sorted(folder.parent.glob("kernels-*"), key=lambda path: path.stat().st_mtime)
        for other in versions[:-KEPT]:
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)


_warned = False


def _warn(reasons: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "minnet found no folder to keep compiled kernels in, so they are compiled again in "
            f"every process ({reasons}); set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )


class KernelCache(_Cache):
    """The cache of one function in one form: "serial", "parallel" or "block"."""

    def __init__(self, function: Any, form: str):
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}.{form}"
        self._kernel = function.__module__, function.__name__, form
        self._enabled = True

    @property
    def cache_path(self) -> str:
        return str(folders()[0])

    def _key(self, signature: Any, codegen: Any) -> bytes:
        return repr((STAMP, self._kernel, signature, codegen.magic_tuple(), _options())).encode()

    def _file(self, key: bytes) -> str:
        return f"{self._name}-{hashlib.sha256(key).hexdigest()[:24]}.nbc"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        if self._enabled and current():
            key = self._key(sig, target_context.codegen())
            for folder in folders():
                try:
                    content = (folder / self._file(key)).read_bytes()
                except OSError:  # absent, or not for us to read
                    continue
                check, code = content[:CHECK], content[CHECK:]
                if check == hashlib.sha256(key + code).digest():
                    calls, parts = pickle.loads(code)
                    linking.link(calls)
                    return CompileResult._rebuild(target_context, *parts)
                log.info("%s is damaged", folder / self._file(key))
        log.info("compiling %s", self._name)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if self._enabled and current():
            key = self._key(sig, data.codegen)
            content = linking.calls(data.library), data._reduce()
            code = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
            keep(self._file(key), hashlib.sha256(key + code).digest() + code)

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        for folder in folders():
            for file in folder.glob(f"{self._name}-*.nbc"):
                with contextlib.suppress(OSError):
                    file.unlink()
