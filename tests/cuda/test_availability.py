"""`minnet.cuda` on machines with and without a driver, by a stand-in for the driver's library."""

import ctypes
import subprocess
import sys
from typing import ClassVar

import pytest

import minnet
from minnet.kernels import availability


class Driver:
    """Answers as the driver's library does."""

    def __init__(self, version=13_000, init=0, devices=1):
        self._version, self._init, self._devices = version, init, devices

    def cuDriverGetVersion(self, pointer):
        pointer._obj.value = self._version
        return 0

    def cuInit(self, flags):
        return self._init

    def cuDeviceGetCount(self, pointer):
        pointer._obj.value = self._devices
        return 0


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Ask anew in each test, and forget the answer after it."""

    def forget():
        availability._why_not.cache_clear()
        availability.device_count.cache_clear()

    for name in ("NUMBA_ENABLE_CUDASIM", "NUMBA_DISABLE_CUDA", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(availability, "_used", False)
    forget()
    yield
    forget()


def with_driver(monkeypatch, driver, installed=True):
    monkeypatch.setattr(availability, "_library", lambda: driver)
    monkeypatch.setattr(availability, "PACKAGE", "numba" if installed else "no_such_package")


def test_a_machine_with_a_gpu_can_use_it(monkeypatch):
    with_driver(monkeypatch, Driver(devices=2))
    assert minnet.cuda.is_available()
    assert minnet.cuda.why_not() is None
    assert minnet.cuda.device_count() == 2
    assert minnet.cuda.current_device() == 0


def test_no_driver(monkeypatch):
    def missing():
        return ctypes.CDLL("libcuda_that_is_not_there.so.1")

    monkeypatch.setattr(availability, "_library", missing)
    assert not minnet.cuda.is_available()
    assert minnet.cuda.device_count() == 0
    assert "no NVIDIA driver" in minnet.cuda.why_not()
    assert "libcuda_that_is_not_there" in minnet.cuda.why_not()


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (Driver(version=12_040), ["too old", "CUDA 12.4", "13.0", "update the driver"]),
        (Driver(init=100), ["no GPU"]),
        (Driver(devices=0), ["no GPU"]),
        (Driver(init=999), ["error 999"]),
    ],
)
def test_a_driver_that_is_no_good(monkeypatch, driver, words):
    with_driver(monkeypatch, driver)
    assert not minnet.cuda.is_available()
    for word in words:
        assert word in minnet.cuda.why_not()


def test_hidden_devices_are_named(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    with_driver(monkeypatch, Driver(init=100))
    assert "CUDA_VISIBLE_DEVICES is '7'" in minnet.cuda.why_not()


def test_what_to_install(monkeypatch):
    with_driver(monkeypatch, Driver(), installed=False)
    assert 'pip install "minnet[cuda]"' in minnet.cuda.why_not()


def test_numba_told_not_to(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_CUDA", "1")
    with_driver(monkeypatch, Driver())
    assert "NUMBA_DISABLE_CUDA" in minnet.cuda.why_not()


@pytest.mark.parametrize(
    "use",
    [
        lambda: minnet.zeros(2, device="cuda"),
        lambda: minnet.tensor([1.0]).cuda(),
        lambda: minnet.tensor([1.0]).to("cuda:0"),
        lambda: minnet.tensor([1.0]).cuda(0),
        lambda: minnet.nn.Linear(2, 2).cuda(),
        lambda: minnet.Generator(device="cuda"),
        lambda: minnet.randn(2, device=minnet.device("cuda")),
        lambda: minnet.cuda.synchronize(),
        lambda: minnet.cuda.mem_get_info(),
        lambda: minnet.cuda.current_device(),
    ],
)
def test_use_without_a_gpu_says_why(monkeypatch, use):
    with_driver(monkeypatch, Driver(init=100))
    with pytest.raises(RuntimeError, match="CUDA is not available: the NVIDIA driver finds no GPU"):
        use()


class OnGPU:
    """An array of another library on the GPU."""

    __cuda_array_interface__: ClassVar = {
        "shape": (3,),
        "typestr": "<f4",
        "data": (0, False),
        "version": 3,
    }


class Packed:
    """An array of another library on the GPU that speaks DLPack only."""

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, **options):
        raise AssertionError("not to be asked for")


@pytest.mark.parametrize("holder", [OnGPU(), Packed()])
@pytest.mark.parametrize("take", [minnet.nn.init.zeros_, minnet.nn.init.normal_])
def test_device_arrays_of_others_are_refused_before_a_draw(monkeypatch, holder, take):
    with_driver(monkeypatch, Driver(init=100))
    before = minnet.random.default_generator().draw
    with pytest.raises(RuntimeError, match="CUDA is not available"):
        take(holder)
    assert minnet.random.default_generator().draw == before


def test_what_can_be_asked_without_a_gpu(monkeypatch):
    with_driver(monkeypatch, Driver(init=100))
    assert not minnet.cuda.is_initialized()
    minnet.cuda.empty_cache()
    before = minnet.random.default_generator().initial_seed()
    minnet.cuda.manual_seed(before + 1)  # ignored, as torch does
    assert minnet.initial_seed() == before


def test_a_cuda_interface_is_not_offered_by_tensors_of_the_cpu():
    assert not hasattr(minnet.zeros(2), "__cuda_array_interface__")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "mps"])
def test_unknown_devices(name):
    with pytest.raises(RuntimeError, match="device type at start of device string"):
        minnet.zeros(1, device=name)


def test_asking_imports_no_numba():
    program = (
        "import sys, minnet; minnet.cuda.is_available(); minnet.cuda.why_not();"
        "minnet.cuda.device_count(); minnet.zeros(2, device='cpu').to('cpu');"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
