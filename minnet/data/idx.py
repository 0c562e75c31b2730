"""IDX files, the format of MNIST: a magic number, the sizes, and the values, all big-endian."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

DTYPES: dict[int, np.dtype] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


def content(path: str | os.PathLike[str]) -> bytes:
    """Return what a file holds, decompressed if it is gzipped, whatever its name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the compressed data is damaged or cut short.
    """
    data = Path(path).read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file of {len(data)} bytes ({error}); "
            "get the file again"
        ) from error


def parse(data: bytes, name: object) -> np.ndarray:
    """Return the array that IDX data describes, in the machine's byte order.

    `name` is what an error calls the data.

    Raises:
        ValueError: if the magic number is not IDX's, or the sizes do not fit the data's length.
    """
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in DTYPES:
        raise ValueError(
            f"{name} is not an IDX file: expected the bytes 00 00, a type (08, 09, 0b to 0e) and "
            f"the number of dimensions, found {data[:4].hex(' ') or 'nothing'}"
        )
    dtype, dimensions = DTYPES[data[2]], data[3]
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(
            f"{name} is truncated: expected a header of {start} bytes, found {len(data)} bytes"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"{name} is {'truncated' if len(data) < expected else 'too long'}: expected {expected} "
            f"bytes for shape {shape} and dtype {dtype.name}, found {len(data)} bytes"
        )
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
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
