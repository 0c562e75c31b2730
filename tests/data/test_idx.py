"""IDX files: every type is read, and whatever does not fit is refused with what was found."""

import gzip
import os
import struct
import tracemalloc

import numpy as np
import ordinary
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minnet.data import idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def written(array: np.ndarray) -> bytes:
    """Return an array as an IDX file."""
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: hnp.arrays(
            np.dtype(code), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)
        )
    )
)
def test_every_type_and_shape_comes_back_in_native_order(array):
    read = idx.parse(written(array), "array")
    assert read.dtype == array.dtype and read.dtype.isnative
    assert read.flags.c_contiguous and read.flags.writeable
    np.testing.assert_array_equal(read, array)


def test_values_are_big_endian():
    data = bytes([0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0xFF, 0xFF, 0xFF, 0xFE])
    np.testing.assert_array_equal(idx.parse(data, "array"), [258, -2])


@pytest.mark.parametrize("name", ["labels", "labels.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_gzip_is_known_by_content_and_not_by_name(tmp_path, name, pack):
    labels = np.arange(7, dtype=np.uint8)
    (tmp_path / name).write_bytes(pack(written(labels)))
    np.testing.assert_array_equal(idx.read(tmp_path / name), labels)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        idx.read(tmp_path / "nowhere")


IMAGES = written(np.zeros((2, 3, 4), np.uint8))  # 16 + 24 bytes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file: .* found nothing"),
        (b"\0\0\x08", "not an IDX file: .* found 00 00 08"),
        (b"PK\x03\x04 and more", "not an IDX file: .* found 50 4b 03 04"),
        (b"\0\0\x07\x01\0\0\0\0", "not an IDX file: .* found 00 00 07 01"),
        (b"\0\x01" + IMAGES[2:], "not an IDX file: .* found 00 01 08 03"),
        (IMAGES[:9], "truncated: expected a header of 16 bytes, found 9 bytes"),
        (IMAGES[:-1], r"truncated: expected 40 bytes for shape \(2, 3, 4\) .*, found 39 bytes"),
        (IMAGES[:16], "truncated: expected 40 bytes .*, found 16 bytes"),
        (IMAGES + b"\0", r"too long: expected 40 bytes for .* dtype uint8, found more"),
        (b"\0\0\x0e\x04" + b"\xff" * 16, "truncated: expected 27222\\d+ bytes .*, found 20 bytes"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path, data, message):
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"t10k-images-idx3-ubyte is {message}"):
        idx.read(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-20],
        lambda packed: packed[:12],
        lambda packed: packed[:60] + bytes([packed[60] ^ 0xFF]) + packed[61:],
        lambda packed: packed[:-8] + bytes(8),
        lambda packed: packed[:-4] + bytes(4),
        lambda packed: packed + b"more",
        lambda packed: packed[:2],
    ],
    ids=["cut", "header only", "a flipped byte", "wrong checksum", "wrong size", "trailing bytes",
         "magic number only"],
)  # fmt: skip
def test_damaged_gzip_is_refused(tmp_path, damage):
    noise = np.random.default_rng(0).integers(0, 256, 500, dtype=np.uint8)
    path = tmp_path / "labels.gz"
    path.write_bytes(damage(gzip.compress(written(noise))))
    with pytest.raises(ValueError, match=r"labels\.gz is a damaged or truncated gzip file of \d+"):
        idx.read(path)


def peak(call):
    """Return the most memory, in bytes, that a call held at once."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_header_of_absurd_sizes_takes_no_memory(tmp_path):
    path = tmp_path / "images"
    for dimensions in (1, 3, 255):
        path.write_bytes(bytes([0, 0, 0x0E, dimensions]) + b"\xff" * 4 * dimensions + bytes(1000))

        def refused():
            with pytest.raises(ValueError, match=r"is truncated: expected \d{11,} bytes"):
                idx.read(path)

        assert peak(refused) < 10 * idx.PIECE


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("header", [IMAGES[:16], b"another kind of file"])
def test_no_more_is_read_than_the_header_says(tmp_path, packed, header):
    path = tmp_path / "images"
    if packed:
        with gzip.open(path, "wb", 1) as file:
            file.write(header)
            for _ in range(40):
                file.write(bytes(1 << 20))
        assert path.stat().st_size < 1 << 20
    else:
        path.write_bytes(header)
        os.truncate(path, 1 << 40)  # a terabyte that takes no space

    def refused():
        with pytest.raises(ValueError, match=r"is too long: .* found more|is not an IDX file"):
            idx.read(path)

    assert peak(refused) < 10 * idx.PIECE


def test_a_gzip_file_of_several_parts_is_one_file(tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(IMAGES[:20]) + gzip.compress(IMAGES[20:]))
    assert idx.read(path).shape == (2, 3, 4)


def test_a_folder_and_a_file_that_may_not_be_read(tmp_path):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        idx.read(tmp_path)
    path = tmp_path / "images"
    path.write_bytes(IMAGES)
    path.chmod(0)
    with ordinary.rights(), pytest.raises(PermissionError, match="images"):
        idx.read(path)
