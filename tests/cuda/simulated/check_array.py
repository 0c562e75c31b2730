"""`Array` beside NumPy: the same calls on both, bit for bit."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

from minnet.kernels.cuda.array import as_array, empty, from_host, to_host
from minnet.kernels.cuda.array import of_memory as of_memory

RNG = np.random.default_rng(0)
SINGLES = RNG.standard_normal((3, 4)).astype(np.float32)
SINGLES[0, 1], SINGLES[1, 2], SINGLES[2, 0], SINGLES[2, 3] = np.nan, np.inf, 0.0, -0.0
OTHERS = RNG.standard_normal((3, 4)).astype(np.float32)
WHOLE = RNG.integers(-9, 9, (3, 4))
BYTES = RNG.integers(0, 256, (3, 4)).astype(np.uint8)
TRUTHS = SINGLES > 0


def same(got, expected):
    got, expected = to_host(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)


VIEWS = {
    "row": lambda x: x[1],
    "element": lambda x: x[2, 1],
    "last": lambda x: x[-1, -1],
    "steps": lambda x: x[1:, ::2],
    "backward": lambda x: x[::-1, ::-2],
    "new axis": lambda x: x[:, None, 1:],
    "ellipsis": lambda x: x[..., 2],
    "nothing": lambda x: x[3:],
    "transpose": lambda x: x.T,
    "transpose of some": lambda x: x[None].transpose(1, 0, 2),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "reshape": lambda x: x.reshape(2, -1),
    "reshape by copy": lambda x: x.T.reshape(2, 6),
    "ravel": lambda x: x[:, 1:].ravel(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "bits": lambda x: x.view(np.uint8),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "broadcast_to": lambda x: np.broadcast_to(x[:, :1], (2, 3, 4)),
    "moveaxis": lambda x: np.moveaxis(x[None], 0, -1),
    "flip": lambda x: np.flip(x, 1),
    "diagonal": lambda x: np.diagonal(x, 1),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(name):
    view = VIEWS[name](from_host(SINGLES))
    expected = VIEWS[name](SINGLES)
    same(view, expected)
    assert view.flags.c_contiguous == expected.flags.c_contiguous
    assert view.strides == expected.strides or view.flags.c_contiguous
    assert (view.ndim, view.size, view.nbytes) == (expected.ndim, expected.size, expected.nbytes)


def test_a_view_shares_memory_and_a_copy_does_not():
    x = from_host(WHOLE)
    view, copy = x[1, ::2], x.copy()
    assert np.may_share_memory(view, x)
    assert not np.may_share_memory(copy, x)
    assert view.base is x
    view[...] = 100
    expected = WHOLE.copy()
    expected[1, ::2] = 100
    same(x, expected)
    same(copy, WHOLE)


BINARY = [
    np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.minimum, np.equal,
    np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and,
    np.logical_or, np.floor_divide, np.remainder,
]  # fmt: skip


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda u: u.__name__)
def test_ufuncs_of_two(ufunc):
    with np.errstate(all="ignore"):
        same(ufunc(from_host(SINGLES), from_host(OTHERS)), ufunc(SINGLES, OTHERS))
        # broadcast, of other strides, a number on either side
        same(ufunc(from_host(SINGLES).T, from_host(OTHERS)[:, 1]), ufunc(SINGLES.T, OTHERS[:, 1]))
        same(ufunc(from_host(SINGLES), 0.3), ufunc(SINGLES, 0.3))
        same(ufunc(0.3, from_host(OTHERS)), ufunc(0.3, OTHERS))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.subtract, np.floor_divide, np.remainder])
def test_whole_numbers_wrap_and_divide_as_numpys(ufunc):
    nonzero = np.where(WHOLE == 0, 3, WHOLE)
    same(ufunc(from_host(WHOLE), from_host(nonzero)), ufunc(WHOLE, nonzero))
    same(ufunc(from_host(BYTES), 7), ufunc(BYTES, 7))


@pytest.mark.parametrize("ufunc", [np.bitwise_and, np.bitwise_or, np.bitwise_xor])
def test_bits(ufunc):
    same(ufunc(from_host(WHOLE), from_host(WHOLE.T.copy()).T), ufunc(WHOLE, WHOLE))
    same(ufunc(from_host(TRUTHS), True), ufunc(TRUTHS, True))


@pytest.mark.parametrize(
    "ufunc",
    [
        np.negative, np.absolute, np.sign, np.square, np.sqrt, np.reciprocal, np.floor, np.ceil,
        np.rint, np.trunc, np.isnan, np.isinf, np.isfinite, np.logical_not,
    ],
    ids=lambda u: u.__name__,
)  # fmt: skip
def test_ufuncs_of_one(ufunc):
    with np.errstate(all="ignore"):
        same(ufunc(from_host(SINGLES)), ufunc(SINGLES))
        same(ufunc(from_host(SINGLES * 3)[::-1, 1:]), ufunc((SINGLES * 3)[::-1, 1:]))


def test_signed_zeros_keep_their_sign():
    x = np.array([0.0, -0.0], np.float32)
    for function in (np.negative, np.sqrt, np.floor, np.rint):
        assert np.signbit(to_host(function(from_host(x)))).tolist() == (
            np.signbit(function(x)).tolist()
        )


def test_operators_in_place():
    x, h = from_host(SINGLES), SINGLES.copy()
    for a, other in ((x, from_host(OTHERS)), (h, OTHERS)):
        a -= other
        a *= 2
        a /= np.float32(3)
        a += other
    same(x, h)


def test_an_operand_that_is_written_to_meanwhile_is_read_first():
    x, h = from_host(WHOLE), WHOLE.copy()
    np.add(x[1:], x[:-1], out=x[1:])
    np.add(h[1:], h[:-1], out=h[1:])
    same(x, h)
    x[:, 1:], h[:, 1:] = x[:, :-1], h[:, :-1].copy()
    same(x, h)


def test_casts():
    finite = np.nan_to_num(SINGLES, nan=2.5, posinf=-7.9)
    for dtype in (np.float64, np.int64, np.uint8, np.bool_):
        source = np.abs(finite) if dtype == np.uint8 else finite
        same(from_host(source).astype(dtype), source.astype(dtype))
    x = from_host(SINGLES)
    assert x.astype(np.float32, copy=False) is x


def test_assignment():
    x, h = from_host(SINGLES), SINGLES.copy()
    for a, other in ((x, from_host(OTHERS)), (h, OTHERS)):
        a[0] = 7
        a[:, 1] = other[:, 2]
        a[1:, ::2] = np.arange(4).reshape(2, 2)  # of the host, in another dtype
        a[2] = other[:1]
        a[a > 1] = -1
        a[2, 3] = other[0, 0]
    same(x, h)


def test_selection():
    same(np.where(from_host(TRUTHS), from_host(SINGLES), 0.0), np.where(TRUTHS, SINGLES, 0.0))
    same(np.clip(from_host(SINGLES), -1, 1), np.clip(SINGLES, -1, 1))
    rows = np.array([2, -3, 2])
    same(from_host(SINGLES)[rows], SINGLES[rows])
    same(from_host(SINGLES)[from_host(rows)], SINGLES[rows])
    same(np.take(from_host(SINGLES), rows, 1), np.take(SINGLES, rows, 1))
    same(np.take(from_host(SINGLES), 1, 1), np.take(SINGLES, 1, 1))
    order = OTHERS.argsort(1)
    same(
        np.take_along_axis(from_host(OTHERS), from_host(order), 1),
        np.take_along_axis(OTHERS, order, 1),
    )
    x, h = from_host(WHOLE), WHOLE.copy()
    np.put_along_axis(x, from_host(order[:, :1]), from_host(order[:, 1:2]), 1)
    np.put_along_axis(h, order[:, :1], order[:, 1:2], 1)
    same(x, h)


def test_joining():
    x, y = from_host(SINGLES), from_host(OTHERS)
    same(np.concatenate([x, y], 1), np.concatenate([SINGLES, OTHERS], 1))
    same(np.concatenate([x, from_host(WHOLE)]), np.concatenate([SINGLES, WHOLE]))
    same(np.stack([x, y], 1), np.stack([SINGLES, OTHERS], 1))
    same(np.tril(x, -1), np.tril(SINGLES, -1))
    same(np.triu(x, 1), np.triu(SINGLES, 1))


def test_reductions_of_whole_numbers_and_truths():
    long = RNG.integers(0, 3, (2, 100, 3))
    for x in (WHOLE, BYTES, TRUTHS, long):
        for axis in (None, 0, 1, -1, (0, 1)):
            for keepdims in (False, True):
                options = {"axis": axis, "keepdims": keepdims}
                expected = np.sum(x, dtype=np.int64, **options)
                same(np.sum(from_host(x), dtype=np.int64, **options), expected)
        same(np.any(from_host(x)), np.any(x))
        same(np.all(from_host(x), 1), np.all(x, 1))
    same(from_host(WHOLE[:0]).sum(0), WHOLE[:0].sum(0))


@pytest.mark.parametrize("function", [np.argmax, np.argmin])
def test_places_of_extremes(function):
    ties = RNG.integers(0, 4, (2, 100, 2)).astype(np.float32)
    for x in (ties, SINGLES, WHOLE):
        for axis in (None, 0, 1):
            same(function(from_host(x), axis), function(x, axis))
    same(function(from_host(SINGLES), 1, keepdims=True), function(SINGLES, 1, keepdims=True))
    with pytest.raises(ValueError, match="empty"):
        function(from_host(SINGLES[:0]), 0)


def test_making():
    like = empty(0, np.float32)
    same(np.zeros((2, 3), np.int64, like=like), np.zeros((2, 3), np.int64))
    same(np.ones(2, np.float32, like=like), np.ones(2, np.float32))
    same(np.full((2,), 2.5, np.float32, like=like), np.full((2,), 2.5, np.float32))
    same(np.arange(5, like=like), np.arange(5))
    same(np.eye(2, 3, dtype=np.float32, like=like), np.eye(2, 3, dtype=np.float32))
    same(np.asarray([[1, 2]], like=like), np.asarray([[1, 2]]))
    x = from_host(SINGLES)
    same(np.zeros_like(x), np.zeros_like(SINGLES))
    same(np.full_like(x, 3), np.full_like(SINGLES, 3))
    assert np.empty_like(x, dtype=np.int64).dtype == np.int64


def test_numbers_and_copies():
    x = from_host(WHOLE)
    assert x[1, 2].item() == WHOLE[1, 2] == int(x[1, 2]) == x.tolist()[1][2]
    assert float(from_host(OTHERS)[0, 0]) == OTHERS[0, 0]
    assert len(x) == 3
    same(deepcopy(x), WHOLE)
    same(pickle.loads(pickle.dumps(x.T)), WHOLE.T)
    assert repr(x) == "Array(shape=(3, 4), dtype=int64, device='cuda:0')"


def test_half_precisions_move_as_bits():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.float16, ml_dtypes.bfloat16):
        x = OTHERS.astype(dtype)
        device = from_host(x)
        same(device.T.copy(), x.T)
        device[0] = 1.5
        assert to_host(device)[0, 0] == dtype(1.5)


# Refusals


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda x: np.asarray(x), TypeError, "Use Tensor.cpu()"),
        (lambda x: np.argsort(x), NotImplementedError, "np.argsort is not supported on cuda:0"),
        (lambda x: np.add.at(x, 0, 1), NotImplementedError, "add.at is not supported"),
        (lambda x: np.exp(x), NotImplementedError, "np.exp is not supported"),
        (lambda x: np.add(x, 1, where=x > 0), NotImplementedError, "where="),
        (lambda x: x[x > 0], NotImplementedError, "size that depends on the data"),
        (lambda x: x[[0], [1]], NotImplementedError, "several arrays"),
        (lambda x: x + SINGLES, RuntimeError, "at least two devices, cuda:0 and cpu"),
        (lambda x: np.where(TRUTHS, x, x), RuntimeError, "at least two devices"),
        (lambda x: np.concatenate([x, SINGLES]), RuntimeError, "at least two devices"),
        (lambda x: np.add(SINGLES, x, out=SINGLES.copy()), RuntimeError, "at least two devices"),
        (lambda x: x[5], IndexError, "index 5 is out of bounds"),
        (lambda x: x[[0, 3]], IndexError, "index 3 is out of bounds for axis 0 with size 3"),
        (lambda x: x[from_host(np.array([-4]))], IndexError, "index -4 is out of bounds"),
        (lambda x: x + x.T, ValueError, "shape mismatch"),
        (lambda x: x.reshape(5), ValueError, "cannot reshape"),
        (lambda x: x.__setitem__(0, SINGLES), ValueError, "broadcast"),
        (lambda x: np.broadcast_to(x, (2, 3, 4)).fill(0), ValueError, "read-only"),
        (lambda x: bool(x), ValueError, "more than one element"),
        (lambda x: int(x), TypeError, "one element"),
        (lambda x: x + "a", TypeError, ""),
    ],
)
def test_refusals(use, error, words):
    x = from_host(SINGLES)
    with pytest.raises(error) as raised:
        use(x)
    assert words in str(raised.value)
    same(x, SINGLES)


def test_a_number_of_the_host_without_dims_goes_with_all():
    half = np.array(0.5, np.float32)
    same(from_host(SINGLES) * half, SINGLES * half)
    assert as_array(from_host(SINGLES)).shape == (3, 4)
