"""IDX files, the format of MNIST: a magic number, the sizes, and the values, all big-endian."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import Any

import numpy as np

DTYPES: dict[int, np.dtype] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
PIECE = 1 << 20  # bytes read at a time


def content(path: str | os.PathLike[str]) -> bytearray:
    """Return what an IDX file holds, decompressed if it is gzipped, whatever its name.

    Of a file that is longer than its header says, one byte too many is read, so that neither a
    large file of another kind nor one that inflates to terabytes fills the memory.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the compressed data is damaged or cut short.
    """
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            with gzip.GzipFile(fileobj=raw) if packed else raw as file:
                data = _up_to(file, 4)
                if _is_idx(data):
                    data += _up_to(file, 4 * data[3])
                    data += _up_to(file, _size(data) + 1 - len(data))
                return data
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path} is a damaged or truncated gzip file of {os.path.getsize(path)} bytes "
                f"({error}); get the file again"
            ) from error


def _up_to(file: Any, n: int) -> bytearray:
    """Read n bytes, or as many as there are: read(n) would set memory aside for n."""
    data = bytearray()
    while len(data) < n and (piece := file.read(min(n - len(data), PIECE))):
        data += piece
    return data


def _is_idx(data: bytes | bytearray) -> bool:
    return len(data) >= 4 and data[:2] == b"\0\0" and data[2] in DTYPES


def _shape(data: bytes | bytearray) -> tuple[int, ...]:
    return struct.unpack_from(f">{data[3]}I", data, 4)


def _size(data: bytes | bytearray) -> int:
    """Return how many bytes there should be, by the header; 0 if that is cut short."""
    start = 4 + 4 * data[3]
    if len(data) < start:
        return 0
    return start + DTYPES[data[2]].itemsize * math.prod(_shape(data))


def parse(data: bytes | bytearray, name: object) -> np.ndarray:
    """Return the array that IDX data describes, in the machine's byte order.

    `name` is what an error calls the data.

    Raises:
        ValueError: if the magic number is not IDX's, or the sizes do not fit the data's length.
    """
    if not _is_idx(data):
        raise ValueError(
            f"{name} is not an IDX file: expected the bytes 00 00, a type (08, 09, 0b to 0e) and "
            f"the number of dimensions, found {data[:4].hex(' ') or 'nothing'}"
        )
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise ValueError(
            f"{name} is truncated: expected a header of {start} bytes, found {len(data)} bytes"
        )
    shape, dtype, expected = _shape(data), DTYPES[data[2]], _size(data)
    if len(data) != expected:
        long = len(data) > expected
        raise ValueError(
            f"{name} is {'too long' if long else 'truncated'}: expected {expected} bytes for shape "
            f"{shape} and dtype {dtype.name}, found {'more' if long else f'{len(data)} bytes'}"
        )
    values: np.ndarray = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))


def read(path: str | os.PathLike[str]) -> np.ndarray:
    """Read an IDX file, gzipped or not.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not an IDX file, or is damaged, truncated or too long.

    Example:
        >>> import pathlib, tempfile
        >>> from minnet.data import idx
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
        >>> path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        11
        >>> idx.read(path)
        array([7, 2, 1], dtype=uint8)
    """
    return parse(content(path), path)
