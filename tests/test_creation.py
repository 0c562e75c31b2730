"""Functions that make tensors, against torch's answers and for minnet's own promises."""

import pickle

import numpy as np
import pytest
from oracle import check, table

import minnet


@table("creation")
def test_known_answers(library, program, known):
    check(library, program, known)


def test_a_tensor_of_a_tensor_warns():
    with pytest.warns(UserWarning, match=r"detach\(\)\.clone\(\)"):
        x = minnet.tensor(minnet.tensor([1.0]))
    assert x.tolist() == [1.0]


@pytest.mark.parametrize(
    "dtype", [np.float16, np.uint16, np.uint32, np.uint64, np.complex64, ">f4"]
)
def test_arrays_of_foreign_dtypes_are_refused_by_name(dtype):
    a = np.zeros(2, dtype)
    for make in (minnet.tensor, minnet.from_numpy, minnet.as_tensor):
        with pytest.raises(TypeError, match="the supported dtypes are: float32, float64, int8"):
            make(a)


def test_tensor_makes_contiguous_copies_and_from_numpy_does_not():
    a = np.arange(6.0).reshape(2, 3).T
    assert minnet.tensor(a).is_contiguous()
    assert minnet.from_numpy(a).stride() == (1, 3)
    assert minnet.from_numpy(a[::-1]).tolist() == a[::-1].tolist()


def test_a_read_only_array_is_shared_but_not_written():
    a = np.zeros(2)
    a.flags.writeable = False
    x = minnet.from_numpy(a)
    with pytest.raises(RuntimeError, match="read-only"):
        x += 1


@pytest.mark.parametrize("make", [minnet.rand, minnet.randn])
def test_random_tensors_follow_their_generator(make):
    a = make(5, generator=minnet.Generator(seed=1))
    b = make((5,), generator=minnet.Generator(seed=1))
    minnet.manual_seed(1)
    assert minnet.equal(a, b) and minnet.equal(a, make(5))
    assert not minnet.equal(a, make(5))


def test_randperm_is_a_permutation():
    p = minnet.randperm(100)
    assert p.dtype is minnet.int64
    assert p.sort().values.tolist() == list(range(100)) != p.tolist()


def test_bernoulli_follows_each_chance():
    x = minnet.bernoulli(minnet.full((4000,), 0.25))
    assert set(x.tolist()) == {0.0, 1.0}
    assert 0.2 < x.mean().item() < 0.3


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_ranges_have_torchs_bits(dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(100):
        n = int(rng.integers(0, 200))
        a, b = (float(v) % 100 for v in rng.normal(size=2) * 10.0 ** rng.integers(-3, 4))
        want = torch.linspace(a, b, n, dtype=getattr(torch, dtype))
        assert minnet.linspace(a, b, n, dtype=getattr(minnet, dtype)).tolist() == want.tolist()
        if "float" in dtype:
            step = rng.choice([0.1, 0.01, 0.3, b / 7])
            want = torch.arange(a, a + step * n, step, dtype=getattr(torch, dtype))
            got = minnet.arange(a, a + step * n, step, dtype=getattr(minnet, dtype))
            assert got.tolist() == want.tolist()


def test_ranges_have_their_bits():
    thirds = minnet.linspace(0, 1, 7)
    assert thirds.numpy().view(np.uint32).tolist() == THIRDS
    tenths = minnet.arange(0, 2, 0.1)
    assert tenths.numpy().view(np.uint32).tolist() == TENTHS


THIRDS = [0, 1042983595, 1051372203, 1056964608, 1059760810, 1062557013, 1065353216]
TENTHS = [
    0,
    1036831949,
    1045220557,
    1050253722,
    1053609165,
    1056964608,
    1058642330,
    1060320051,
    1061997773,
    1063675495,
    1065353216,
    1066192077,
    1067030938,
    1067869798,
    1068708659,
    1069547520,
    1070386381,
    1071225242,
    1072064102,
    1072902963,
]


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "float32"])
def test_ranges_of_fractions_in_whole_dtypes_are_torchs(dtype):
    torch = pytest.importorskip("torch")
    for bounds in ((0, 2.5), (0.5, 4), (1, 9.5, 2.5), (0, 1, 0.5), (3, -1.5, -1), (5,)):
        answers = []
        for library in (torch, minnet):
            try:
                answers.append(library.arange(*bounds, dtype=getattr(library, dtype)).tolist())
            except (RuntimeError, ValueError):
                answers.append("refused")
        assert answers[0] == answers[1], bounds


def test_formats_of_memory_change_nothing():
    x = minnet.ones(2, 3, requires_grad=True)
    for given in (minnet.preserve_format, minnet.contiguous_format, None):
        assert minnet.zeros_like(x, memory_format=given).tolist() == [[0.0] * 3] * 2
        assert x.clone(memory_format=given).is_contiguous()
        assert minnet.clone(x.t(), memory_format=given).tolist() == x.t().tolist()
        assert x.contiguous(memory_format=given) is x
        assert x.to(minnet.float64, memory_format=given).dtype is minnet.float64
    x.clone(memory_format=minnet.preserve_format).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3] * 2
    assert repr(minnet.preserve_format) == "torch.preserve_format"
    assert pickle.loads(pickle.dumps(minnet.preserve_format)) is minnet.preserve_format
    for call in (x.clone, x.contiguous, lambda **k: minnet.ones_like(x, **k)):
        with pytest.raises(TypeError, match=r"memory_format must be .*, not str"):
            call(memory_format="preserve")
    with pytest.raises(TypeError, match="memory_format"):
        minnet.zeros(2, memory_format=minnet.preserve_format)
