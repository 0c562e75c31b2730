"""Arrays handed to and taken from other libraries, by stand-ins for device arrays of theirs.

Under the simulator the device's memory is the host's. So NumPy and torch can take part themselves
where the device's number in DLPack is the CPU's for the length of a test.
"""

import gc

import numpy as np
import pytest

import minnet
from minnet.kernels.cuda import dlpack
from minnet.kernels.cuda.array import as_array, from_host, to_host
from minnet.nn import init

WHOLE = np.arange(12).reshape(3, 4)


class Described:
    """A device array of another library that has the CUDA array interface, such as CuPy's."""

    def __init__(self, array, **changes):
        address, read_only = array.__array_interface__["data"]
        self._array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "strides": array.strides,
            "typestr": array.dtype.str,
            "data": (address, read_only),
            "version": 3,
            **changes,
        }


class Packed:
    """A device array of another library that speaks DLPack only."""

    def __init__(self, array, device=(dlpack.CUDA, 0)):
        self._array, self._device = from_host(array), device

    def __dlpack_device__(self):
        return self._device

    def __dlpack__(self, stream=None):
        assert stream == 1  # the order that our work is queued in
        return self._array.__dlpack__(stream=stream)


@pytest.mark.parametrize("view", [WHOLE, WHOLE.T, WHOLE[::-1, 1:], WHOLE[1:1], WHOLE[1, 2, ...]])
def test_the_cuda_array_interface_is_read_in_place(view):
    base = view.copy()
    holder = Described(base)
    array = as_array(holder)
    np.testing.assert_array_equal(to_host(array), base)
    assert array.shape == base.shape
    array.fill(5)
    assert (base == 5).all()


def test_row_order_is_what_no_strides_mean():
    array = as_array(Described(WHOLE.copy(), strides=None))
    np.testing.assert_array_equal(to_host(array), WHOLE)


def test_the_holder_lives_as_long_as_its_memory_is_seen():
    class Watched(Described):
        gone = False

        def __del__(self):
            Watched.gone = True

    view = as_array(Watched(WHOLE.copy()))[1:]
    gc.collect()
    assert not Watched.gone
    del view
    gc.collect()
    assert Watched.gone


def test_what_cannot_be_read():
    with pytest.raises(ValueError, match="mask"):
        as_array(Described(WHOLE.copy(), mask=object()))
    with pytest.raises(TypeError, match=r"__cuda_array_interface__ or DLPack, got list"):
        as_array([1, 2])
    read_only = as_array(Described(WHOLE.copy(), data=(WHOLE.ctypes.data, True)))
    with pytest.raises(ValueError, match="read-only"):
        read_only.fill(0)
    with pytest.raises(TypeError, match="DLPack's device 1"):
        as_array(Packed(WHOLE, (1, 0)))
    with pytest.raises(RuntimeError, match="cuda:1"):
        as_array(Packed(WHOLE, (dlpack.CUDA, 1)))


def test_the_cuda_array_interface_is_written():
    x = minnet.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
    offer = x.T.__cuda_array_interface__
    assert offer["shape"] == (2, 2)
    assert offer["strides"] == (4, 8)
    assert offer["typestr"] == "<f4"
    assert offer["data"] == (x.data_ptr(), False)
    assert offer["version"] == 3
    assert offer["stream"] == 1
    assert x.__cuda_array_interface__["strides"] is None
    with pytest.raises(RuntimeError, match="detach"):
        x.requires_grad_().__cuda_array_interface__  # noqa: B018


@pytest.mark.parametrize("view", [WHOLE, WHOLE.T, WHOLE[1, 2], WHOLE[1:1]])
def test_dlpack_goes_both_ways(view):
    packed = Packed(view)
    tensor = minnet.from_dlpack(packed)
    assert tensor.is_cuda
    np.testing.assert_array_equal(tensor.cpu().numpy(), view)
    if view.size:
        tensor.fill_(5)
        assert (to_host(packed._array) == 5).all()


def test_dlpack_keeps_memory_until_it_is_given_back():
    before = len(dlpack._handed_out)
    x = from_host(WHOLE)
    capsule = x.__dlpack__()
    assert len(dlpack._handed_out) == before + 1
    del capsule  # that nobody took
    assert len(dlpack._handed_out) == before
    y = as_array(Packed(WHOLE))
    assert len(dlpack._handed_out) == before + 1
    del y
    gc.collect()
    assert len(dlpack._handed_out) == before


@pytest.fixture
def as_the_cpu(monkeypatch):
    monkeypatch.setattr(dlpack, "CUDA", 1)


def test_numpy_reads_and_writes_what_is_packed(as_the_cpu):
    x = from_host(WHOLE)
    seen = np.from_dlpack(Unordered(x.T))
    np.testing.assert_array_equal(seen, WHOLE.T)
    x[0, 0] = 99
    assert seen[0, 0] == 99
    del x
    gc.collect()
    assert seen[0, 0] == 99
    source = WHOLE.astype(np.float32).T
    array = as_array(Unordered(source))
    np.testing.assert_array_equal(to_host(array), source)


class Unordered:
    """What a library of the CPU makes of DLPack: there are no streams."""

    def __init__(self, holder):
        self._holder = holder

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **options):
        return self._holder.__dlpack__()


def test_torch_reads_and_writes_what_is_packed(as_the_cpu):
    torch = pytest.importorskip("torch")
    for dtype in (torch.float32, torch.int64, torch.uint8, torch.bool, torch.float16):
        source = torch.arange(6).reshape(2, 3).to(dtype)
        array = as_array(Unordered(source.T))
        np.testing.assert_array_equal(to_host(array), source.T.numpy())
        back = torch.from_dlpack(Unordered(array))
        assert back.data_ptr() == source.data_ptr()
        assert torch.equal(back, source.T)
    ml_dtypes = pytest.importorskip("ml_dtypes")
    halves = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    array = as_array(Unordered(halves))
    assert array.dtype == ml_dtypes.bfloat16
    array.fill(0.25)
    assert halves.tolist() == [0.25, 0.25]
    assert torch.from_dlpack(Unordered(array)).dtype == torch.bfloat16


def test_tensors_are_made_on_memory_of_others():
    base = np.zeros(3, np.float32)
    x = minnet.as_tensor(Described(base))
    assert x.is_cuda
    x.fill_(2)
    assert base.tolist() == [2, 2, 2]
    copied = minnet.tensor(Described(base))
    copied.fill_(3)
    assert base.tolist() == [2, 2, 2]
    with pytest.raises(TypeError, match="dtype"):
        minnet.from_dlpack(Packed(np.zeros(2, np.uint16)))
    shared = minnet.from_dlpack(base)
    shared[0] = 7
    assert base[0] == 7


# Initializers, in place


def test_initializers_fill_device_arrays_of_others():
    base = np.empty((4, 6), np.float32)
    holder = Described(base)
    assert init.constant_(holder, 0.5) is holder
    assert (base == 0.5).all()
    expected = np.empty((4, 6), np.float32)
    for fill in (init.eye_, init.zeros_, init.ones_, lambda x: init.orthogonal_(x, 2.0)):
        minnet.manual_seed(3)
        fill(holder)
        minnet.manual_seed(3)
        fill(expected)
        np.testing.assert_array_equal(base, expected)


def test_initializers_refuse_what_cannot_be_written():
    base = np.zeros((2, 2), np.float32)
    with pytest.raises(RuntimeError, match="read-only"):
        init.zeros_(Described(base, data=(base.ctypes.data, True)))
    spread = np.lib.stride_tricks.as_strided(base, (3, 2), (0, 4))
    with pytest.raises(RuntimeError, match="expanded"):
        init.zeros_(Described(spread))
