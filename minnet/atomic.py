"""`replacing`: a file that appears whole or not at all, whatever happens while it is written."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that somebody has open cannot be deleted anyway
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], durable: bool = True) -> Iterator[BinaryIO]:
    """Give a binary file to write, which takes the place of `path` when the block ends.

    What a reader finds under `path`, at any moment, is the older file or the whole new one. If the
    block raises, or the disk is full, the older file stays and nothing else is left. A killed
    process leaves its unfinished `.name.*.part`; the next one that writes `path` deletes it.

    As `open` would, it follows symbolic links, keeps the mode of an older file, gives a new one the
    mode that the umask leaves, and refuses to overwrite what may not be written. A pipe or a device
    is written straight into.

    Args:
        path: where the file shall be.
        durable: return only when it would also survive a failure of power.

    Raises:
        OSError: if the file cannot be written; it names `path`.

    Example:
        >>> import pathlib, tempfile
        >>> from minnet.atomic import replacing
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "file"
        >>> with replacing(path) as file:
        ...     _ = file.write(b"whole")
        ...     path.exists()
        False
        >>> path.read_bytes()
        b'whole'
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():  # a directory is refused here
            with open(target, "wb") as device:
                yield device
            return
        mode = None
        if target.exists():
            os.close(os.open(target, os.O_WRONLY))  # refused where it may not be written
            mode = stat.S_IMODE(target.stat().st_mode)
        _remove_leftovers(target)
        file, part = _new_part(target)
        try:
            yield file
            file.flush()
            if mode is not None:
                os.chmod(part, mode)
            if durable:
                os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # an open file cannot be renamed there
            os.replace(part, target)  # while its lock still holds others off
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        file.close()
        if durable:
            _sync_folder(target.parent)
    except OSError as error:
        # What says nothing, or the unfinished file's name. An error of a network has no number.
        if error.errno is not None and (error.filename is None or ".part" in str(error.filename)):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise


def _parts(target: Path) -> str:
    # A name may have 255 bytes, and four a character.
    return f".{target.name[:50]}."


def _new_part(target: Path) -> tuple[BinaryIO, Path]:
    """Return a new file beside the target, locked as long as it is open, and its path."""
    while True:
        part = target.with_name(f"{_parts(target)}{secrets.token_hex(4)}.part")
        file = open(part, "xb")
        try:
            _lock(file)
        except BlockingIOError:  # somebody took it for a leftover before it was locked
            file.close()
            continue
        except OSError:  # a file system without locks; nobody will delete what is left there
            return file, part
        if os.fstat(file.fileno()).st_nlink or fcntl is None:
            return file, part
        file.close()  # deleted just before it was locked


def _remove_leftovers(target: Path) -> None:
    """Delete the unfinished files of killed processes: those that nobody holds a lock on."""
    pattern = glob.escape(_parts(target)) + 8 * "[0-9a-f]" + ".part"
    for part in target.parent.glob(pattern):
        with contextlib.suppress(OSError):
            if fcntl is None:
                part.unlink()
                continue
            with open(part, "rb") as file:
                _lock(file)
                part.unlink()


def _lock(file: Any) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable too, where folders can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
