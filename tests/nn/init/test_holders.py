"""Holders: in place in whatever holds an array, the same bits everywhere, and clear refusals."""

from __future__ import annotations

import array
import ctypes
import subprocess
import sys

import numpy as np
import pytest
from initializers import FILLS, fill, shape_for

import minnet
from minnet.nn import init

SEED = 7


def expected(name, dtype=minnet.float32):
    minnet.manual_seed(SEED)
    return fill(name, minnet.zeros(shape_for(name), dtype=dtype)).numpy()


def halves():
    kinds = [np.dtype(np.float16)]
    try:
        import ml_dtypes
    except ImportError:
        return kinds
    return [*kinds, np.dtype(ml_dtypes.bfloat16)]


def strided(shape, dtype):
    """Views of every kind: reversed, transposed, every other element, off by a byte."""
    yield np.zeros(shape, dtype)[::-1]
    yield np.zeros(shape[::-1], dtype).T
    yield np.zeros((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2]
    yield np.zeros((2, *shape), dtype, order="F")[1]
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    yield np.zeros(size + 1, np.uint8)[1:].view(dtype).reshape(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FILLS)
def test_a_numpy_array_of_any_strides_gets_a_tensors_bits(name, dtype):
    wanted = expected(name, minnet.from_numpy(np.zeros(1, dtype)).dtype)
    for target in (np.zeros(shape_for(name), dtype), *strided(shape_for(name), dtype)):
        minnet.manual_seed(SEED)
        assert fill(name, target) is target
        np.testing.assert_array_equal(target, wanted)


@pytest.mark.parametrize("dtype", halves(), ids=str)
@pytest.mark.parametrize("name", FILLS)
def test_half_precision_is_float32_rounded_once(name, dtype):
    target = np.zeros(shape_for(name), dtype)
    minnet.manual_seed(SEED)
    assert fill(name, target) is target
    assert target.dtype == dtype and target.astype(np.float32).any() == (name != "zeros_")
    np.testing.assert_allclose(target.astype(np.float32), expected(name), rtol=2**-8, atol=2**-14)


def test_a_memmap_is_filled_on_disk(tmp_path):
    path = tmp_path / "weights.npy"
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(20, 12))
    minnet.manual_seed(SEED)
    assert init.kaiming_normal_(mapped) is mapped
    mapped.flush()
    np.testing.assert_array_equal(np.load(path), expected("kaiming_normal_"))


@pytest.mark.parametrize(
    "holder",
    [
        array.array("f", [0.0] * 240),
        memoryview(array.array("f", [0.0] * 240)),
        (ctypes.c_float * 240)(),
        np.ma.zeros(240, np.float32),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_a_buffer_is_filled(holder):
    minnet.manual_seed(SEED)
    assert init.normal_(holder) is holder
    minnet.manual_seed(SEED)
    np.testing.assert_array_equal(np.asarray(holder), init.normal_(minnet.empty(240)).numpy())


class DLPack:
    """Speaks DLPack and nothing else."""

    def __init__(self, values, device=None):
        self.values, self.device = values, device or values.__dlpack_device__()

    def __dlpack__(self, **keywords):
        return self.values.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.device


class Interface:
    """Speaks the array interface and nothing else."""

    def __init__(self, values):
        self.values, self.__array_interface__ = values, values.__array_interface__


@pytest.mark.parametrize("protocol", [DLPack, Interface])
def test_an_object_with_a_protocol_is_filled(protocol):
    holder = protocol(np.zeros((20, 12), np.float32))
    minnet.manual_seed(SEED)
    assert init.xavier_uniform_(holder) is holder
    np.testing.assert_array_equal(holder.values, expected("xavier_uniform_"))


@pytest.mark.parametrize(
    ("holder", "error", "text"),
    [
        ([0.0, 1.0], TypeError, "something that holds an array"),
        ("text", TypeError, "something that holds an array.*got str"),
        (None, TypeError, "something that holds an array"),
        (1.0, TypeError, "something that holds an array"),
        (np.float32(1), TypeError, "something that holds an array"),
        (b"12345678", NotImplementedError, "needs floating point elements"),
        (np.zeros(3, np.int64), NotImplementedError, "'int64'; it needs floating point"),
        (np.zeros(3, ">f4"), NotImplementedError, "byte order"),
        (np.zeros(3, np.complex64), NotImplementedError, "needs floating point elements"),
        (np.zeros(3, np.longdouble), NotImplementedError, "needs floating point elements"),
        (np.array([None]), TypeError, "array of numbers"),
        (np.zeros(3, "f4,f4"), TypeError, "array of numbers"),
        (np.broadcast_to(np.float32(0), 3), RuntimeError, "expanded"),
        (np.frombuffer(b"1234", np.float32), RuntimeError, "read-only"),
        (DLPack(np.zeros(3, np.float32), (99, 0)), RuntimeError, "DLPack device 99"),
    ],
)
@pytest.mark.parametrize("function", [init.normal_, init.uniform_, init.trunc_normal_])
def test_what_cannot_be_filled_is_refused_before_a_draw(function, holder, error, text):
    generator = minnet.Generator(seed=3)
    with pytest.raises(error, match=text):
        function(holder, generator=generator)
    assert repr(generator) == repr(minnet.Generator(seed=3))


@pytest.mark.parametrize("name", FILLS)
def test_a_read_only_array_stays_as_it_was(name):
    target = np.full(shape_for(name), 7, np.float32)
    target.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        fill(name, target)
    assert (target == 7).all()


def test_elements_that_overlap_are_refused():
    base = np.full((3, 1), 7, np.float32)
    target = np.lib.stride_tricks.as_strided(base, (3, 4), (4, 0))
    with pytest.raises(RuntimeError, match="several of its elements are one in memory"):
        init.normal_(target)
    assert (base == 7).all()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_, np.complex64, ">f4"])
def test_constants_fill_arrays_of_any_number(dtype):
    for function, value in [(init.ones_, 1), (init.zeros_, 0), (init.eye_, np.eye(3))]:
        target = np.full((3, 3), 5, dtype)
        assert function(target) is target
        np.testing.assert_array_equal(target, np.broadcast_to(value, (3, 3)).astype(dtype))


def test_a_jax_array_is_immutable():
    jax = pytest.importorskip("jax")
    with pytest.raises(RuntimeError, match="read-only, and an initializer fills in place"):
        init.normal_(jax.numpy.zeros((2, 3)))


# torch


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", FILLS)
def test_a_torch_tensor_gets_a_minnet_tensors_bits(torch, name, kind):
    wanted = expected(name, getattr(minnet, kind))
    shape, dtype = shape_for(name), getattr(torch, kind)
    parameter = torch.nn.Parameter(torch.zeros(shape, dtype=dtype))
    transposed = torch.zeros(shape[::-1], dtype=dtype).permute(*reversed(range(len(shape))))
    for target in (torch.zeros(shape, dtype=dtype), parameter, transposed):
        address, version = target.data_ptr(), target._version
        minnet.manual_seed(SEED)
        assert fill(name, target) is target
        assert target.data_ptr() == address and target._version == version + 1
        np.testing.assert_array_equal(target.detach().numpy(), wanted)
    assert parameter.requires_grad and parameter.is_leaf and parameter.grad_fn is None


def test_torchs_backward_notices_that_a_saved_tensor_was_filled(torch):
    tensor = torch.ones(3, 4, requires_grad=True)
    loss = (tensor * tensor).sum()
    init.xavier_normal_(tensor)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_half_tensor_of_torch_is_filled(torch, kind):
    pytest.importorskip("ml_dtypes")
    tensor = torch.zeros(6, 4, dtype=getattr(torch, kind)).T
    minnet.manual_seed(SEED)
    assert init.orthogonal_(tensor, gain=2) is tensor
    exact = init.orthogonal_(minnet.zeros(4, 6), 2, generator=minnet.Generator(seed=SEED))
    rounded = torch.from_numpy(exact.numpy()).to(tensor.dtype)
    assert torch.equal(tensor, rounded)
    init.eye_(tensor)
    assert torch.equal(tensor, torch.eye(4, 6, dtype=tensor.dtype))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda torch: torch.empty(2, 3, device="meta"), "to_empty"),
        (lambda torch: torch.zeros(2, 3).to_sparse(), "torch.sparse_coo"),
        (lambda torch: torch.zeros(2, 1).expand(2, 3), "expanded"),
        (lambda torch: torch.zeros(2, 3, dtype=torch.int64), "floating point"),
        (lambda torch: torch.zeros(2, 3, dtype=torch.complex64), "floating point"),
    ],
)
def test_torch_tensors_that_cannot_be_filled_are_refused(torch, make, text):
    with pytest.raises(RuntimeError, match=text):
        init.normal_(make(torch))


def test_torchs_apply_takes_an_initializer(torch):
    model = torch.nn.Sequential(torch.nn.Linear(30, 40), torch.nn.ReLU(), torch.nn.Linear(40, 2))

    def initialize(module):
        if isinstance(module, torch.nn.Linear):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            init.zeros_(module.bias)

    minnet.manual_seed(SEED)
    model.apply(initialize)
    first = init.kaiming_normal_(minnet.empty(40, 30), generator=minnet.Generator(seed=SEED))
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), first.numpy())
    assert not model[2].bias.any()
    model(torch.ones(3, 30)).sum().backward()
    assert model[0].weight.grad is not None


def test_filling_an_array_does_not_import_torch():
    program = (
        "import sys, numpy as np; from minnet.nn import init; init.zeros_(np.ones(3));"
        "assert not {'torch', 'ml_dtypes', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
