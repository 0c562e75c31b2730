"""Compiled kernels on disk: one file for each kernel, argument types and processor.

Numba's own cache has three gaps that matter here: it does not see a change in a helper that lives
in another file, it keys a parallel and a serial compilation alike, and its numbered data files can
be paired wrongly by processes that compile at the same time. Here the folder's name carries a hash
of every kernel source and of Numba's version and options, and the file's name a hash of its whole
key, so that a file is either the right one or absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba import config
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult

SOURCES = Path(__file__).parent
log = logging.getLogger("minnet.kernels")


@cache
def stamp() -> str:
    """Return a hash of all that decides what machine code the kernels become, types aside."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__}".encode())
    for option in ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "BOUNDSCHECK"):
        digest.update(f"{option}={getattr(config, option, None)}".encode())
    for source in sorted(SOURCES.rglob("*.py")):
        digest.update(source.relative_to(SOURCES).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def candidates() -> Iterator[Path]:
    """Yield the folders that may hold the cache, best first."""
    # Two installations do not share a folder, or each would delete the other's files.
    own = "minnet-" + hashlib.sha256(str(SOURCES).encode()).hexdigest()[:8]
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR) / own
        return
    yield SOURCES / "__pycache__"
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(RuntimeError):  # no home directory
        yield (Path(home) if home else Path.home() / ".cache") / own


@cache
def folder() -> Path | None:
    """Return the folder of this version's machine code, or None where none can be written."""
    for parent in candidates():
        path = parent / f"kernels-{stamp()}"
        try:
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        except OSError:
            continue
        for other in parent.glob("kernels-*"):
            if other != path:
                shutil.rmtree(other, ignore_errors=True)
        return path
    warnings.warn(
        "minnet found no folder to keep compiled kernels in, so they are compiled again in every "
        "process; set NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


class KernelCache(_Cache):
    """The cache of one kernel in one form, "serial" or "parallel", for a Numba dispatcher."""

    def __init__(self, function: Any, form: str):
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}.{form}"
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        path = folder()
        return None if path is None else str(path)

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        path = folder()
        key = hashlib.sha256(repr((signature, codegen.magic_tuple())).encode()).hexdigest()[:24]
        return None if path is None else path / f"{self._name}-{key}.nbc"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        path = self._path(sig, target_context.codegen()) if self._enabled else None
        if path is not None:
            try:
                return CompileResult._rebuild(target_context, *pickle.loads(path.read_bytes()))
            except FileNotFoundError:
                pass
            except Exception as error:  # a damaged file is a miss: it is compiled and written again
                log.warning("cannot read %s (%s); compiling it again", path, error)
        log.info("compiling %s", self._name)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        path = self._path(sig, data.codegen) if self._enabled else None
        if path is None:
            return
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                pickle.dump(data._reduce(), file, protocol=-1)
            os.replace(file.name, path)
        except OSError as error:
            log.warning("cannot write %s (%s)", path, error)

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        path = folder()
        for file in path.glob(f"{self._name}-*.nbc") if path else ():
            file.unlink(missing_ok=True)
