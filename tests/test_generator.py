"""Generators: seeds, draws, and checks of what they are asked for."""

import numpy as np
import pytest

import minnet
from minnet.random import DEFAULT_SEED, Generator

# Bits of float32, and whole numbers, under seed 0 in draws 0 to 3.
UNIFORM = [1063348677, 1053577168, 1052337152, 1064887500]
NORMAL = [3199453375, 1065950261, 3204623066, 3207540352]
INTEGERS = [2, 46, 86, 21, 1, 91, 58, 35]
PERMUTATION = [7, 3, 6, 0, 4, 5, 2, 1]


def test_a_seed_repeats_its_numbers():
    minnet.manual_seed(3)
    a = minnet.rand(5), minnet.randn(7), minnet.randint(10, (4,)), minnet.randperm(6)
    minnet.manual_seed(3)
    b = minnet.rand(5), minnet.randn(7), minnet.randint(10, (4,)), minnet.randperm(6)
    for x, y in zip(a, b, strict=True):
        assert minnet.equal(x, y)
    minnet.manual_seed(4)
    assert not minnet.equal(a[0], minnet.rand(5))


def test_stored_answers():
    """The bit contract's own known answers: a change of any of these bits is a new contract."""
    minnet.manual_seed(0)
    np.testing.assert_array_equal(minnet.rand(4).numpy().view(np.uint32), UNIFORM)
    np.testing.assert_array_equal(minnet.randn(4).numpy().view(np.uint32), NORMAL)
    assert minnet.randint(100, (8,)).tolist() == INTEGERS
    assert minnet.randperm(8).tolist() == PERMUTATION


def test_a_fill_does_not_depend_on_the_sizes_of_earlier_fills():
    after = []
    for n in (1, 10_000):
        minnet.manual_seed(0)
        minnet.rand(n)
        after.append(minnet.randn(5))
    assert minnet.equal(*after)


def test_a_shorter_fill_is_the_start_of_a_longer_one():
    long, short = (minnet.randn(n, generator=Generator(seed=1)) for n in (5000, 17))
    assert minnet.equal(long[:17], short)


def test_start_fills_a_part():
    whole, part = np.empty(100, np.float32), np.empty(30, np.float32)
    Generator(seed=1).normal(whole)
    Generator(seed=1).normal(part, start=50)
    np.testing.assert_array_equal(part, whole[50:80])


def test_default_seeds():
    assert Generator().initial_seed() == DEFAULT_SEED == 67280421310721
    g = Generator()
    assert g.seed() == g.initial_seed() != DEFAULT_SEED
    assert minnet.manual_seed(7) is minnet.random.default_generator()
    assert minnet.initial_seed() == 7


def test_the_default_generator_differs_from_process_to_process():
    import subprocess
    import sys

    code = "import minnet; print(minnet.initial_seed())"
    seeds = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(seeds) == 2


def test_negative_seeds_wrap_and_others_are_refused():
    assert Generator(seed=-1).initial_seed() == 2**64 - 1
    assert minnet.equal(
        minnet.rand(3, generator=Generator(seed=-1)),
        minnet.rand(3, generator=Generator(seed=2**64 - 1)),
    )
    for bad in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match=r"Overflow .* does not fit into 64 bits"):
            minnet.manual_seed(bad)
    for bad in (1.0, "0", None, True):
        with pytest.raises(TypeError, match="expected an int"):
            minnet.manual_seed(bad)


def test_repr_shows_seed_and_draw():
    g = Generator(seed=5)
    minnet.rand(1, generator=g)
    assert repr(g) == "<Generator seed=5 engine=philox draw=1>"


def test_an_argument_that_is_no_generator_is_named():
    with pytest.raises(TypeError, match=r"must be a minnet.Generator or None, got int"):
        minnet.rand(3, generator=0)
    with pytest.raises(RuntimeError, match="cuda"):
        Generator("cuda")


@pytest.mark.parametrize("engine", ["philox", "torch"])
@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: x.uniform_(1, 0), RuntimeError, r"found from=1 > to=0"),
        (lambda x: x.uniform_(0, float("inf")), RuntimeError, "range"),
        (lambda x: x.uniform_(0, float("nan")), RuntimeError, "range"),
        (lambda x: x.uniform_(-3e38, 3e38), RuntimeError, "range"),
        (lambda x: x.normal_(0, -1), RuntimeError, "found std -1"),
        (lambda x: x.normal_(0, float("nan")), RuntimeError, "found std nan"),
        (lambda x: x.bernoulli_(1.5), RuntimeError, "p to be in"),
        (lambda x: x.random_(3, 3), RuntimeError, "from=3 >= to=3"),
        (lambda x: x.random_(0, 1 << 30), RuntimeError, "float32"),
        (lambda x: x.long().uniform_(), RuntimeError, "floating point"),
        (lambda x: x.exponential_(0), RuntimeError, "lambda > 0.0, but found lambda=0"),
        (lambda x: x.exponential_(-1), RuntimeError, "found lambda=-1"),
        (lambda x: x.exponential_(float("nan")), RuntimeError, "found lambda=nan"),
        (lambda x: x.long().exponential_(), RuntimeError, "but you specified Long"),
        (lambda x: x.bernoulli_(float("nan")), RuntimeError, "p to be in"),
        (lambda x: x.bernoulli_(x.long()), NotImplementedError, "not implemented for 'Long'"),
        (lambda x: x.bernoulli_(minnet.zeros(2)), RuntimeError, "expanded size"),
        (lambda x: minnet.bernoulli(x + 2), RuntimeError, "p_in >= 0 && p_in <= 1"),
        (lambda x: minnet.randperm(-1), RuntimeError, "non-negative"),
        (lambda x: minnet.randperm(257, dtype=minnet.uint8), RuntimeError, "greater than 256 for"),
        (lambda x: minnet.randperm(2, dtype=minnet.bool), NotImplementedError, "for 'Bool'"),
        (lambda x: x.requires_grad_().uniform_(), RuntimeError, "a leaf Variable"),
        (lambda x: x.expand(2, 3).normal_(), RuntimeError, "Please clone"),
        (lambda x: x.expand(2, 3).exponential_(), RuntimeError, "Please clone"),
        (lambda x: x.byte().random_(0, 300), RuntimeError, "uint8"),
    ],
)
def test_bad_requests_raise_and_change_nothing(call, error, text, engine):
    x = minnet.zeros(3)
    g = minnet.manual_seed(0, engine)
    with pytest.raises(error, match=text):
        call(x)
    assert x.tolist() == [0, 0, 0] and (g.initial_seed(), g.engine, g.draw) == (0, engine, 0)
    minnet.manual_seed(0)


def test_fills_of_every_dtype():
    for dtype in (minnet.float32, minnet.float64):
        x = minnet.zeros(1000, dtype=dtype).normal_(2, 0.5)
        assert x.dtype is dtype and abs(x.mean().item() - 2) < 0.1
    for dtype in (minnet.int64, minnet.uint8, minnet.float32):
        x = minnet.zeros(1000, dtype=dtype).random_(3, 5)
        assert x.dtype is dtype and set(x.tolist()) == {3, 4}
    assert set(minnet.zeros(100, dtype=minnet.bool).random_(2).tolist()) == {True, False}
    assert set(minnet.zeros(100).bernoulli_(0.5).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("dtype", "largest"),
    [
        ("uint8", 255),
        ("int8", 127),
        ("int16", 2**15 - 1),
        ("int32", 2**31 - 1),
        ("int64", 2**63 - 1),
        ("float32", 2**24),
        ("float64", 2**53),
        ("bool", 1),
    ],
)
@pytest.mark.parametrize("engine", ["philox", "torch"])
def test_whole_numbers_without_bounds_span_the_dtype(dtype, largest, engine):
    g = Generator(seed=0, engine=engine)
    x = minnet.empty(5000, dtype=getattr(minnet, dtype)).random_(generator=g)
    values = np.array(x.tolist(), float) / largest
    assert 0 <= values.min() < 0.01 and 0.99 < values.max() <= 1
    assert abs(values.mean() - 0.5) < 0.03


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("engine", ["philox", "torch"])
def test_arrays_of_16_bit_floats(name, engine):
    if name == "bfloat16":
        dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    else:
        dtype = np.dtype(np.float16)
    g = Generator(seed=0, engine=engine)
    x = np.empty(10_000, dtype)
    for fill, mean, std in (("uniform", 0.5, 12**-0.5), ("normal", 0, 1), ("exponential", 1, 1)):
        getattr(g, fill)(x)
        drawn = x.astype(float)
        assert abs(drawn.mean() - mean) < 0.05 and abs(drawn.std() - std) < 0.05
    g.integers(x)
    largest = {"float16": 2048, "bfloat16": 256}[name]
    assert 0 <= x.min() and 0.98 * largest < x.max() <= largest
    g.uniform(x, 0.0, 3.0)
    assert x.max() < 3
    before = x.copy()
    with pytest.raises(RuntimeError, match=f"within {name}'s range"):
        g.uniform(x, 0.0, 1e39)
    np.testing.assert_array_equal(x, before)


def test_bernoulli_with_one_chance_for_all():
    minnet.manual_seed(0)
    a = minnet.bernoulli(minnet.zeros(1000), 0.25)
    minnet.manual_seed(0)
    assert minnet.equal(a, minnet.zeros(1000).bernoulli_(0.25))


def test_exponentials():
    g = Generator(seed=0)
    x = minnet.empty(100_000).exponential_(2.0, generator=g)
    assert g.draw == 1 and x.min() >= 0
    assert abs(x.mean().item() - 0.5) < 0.01 and abs(x.std().item() - 0.5) < 0.01
    whole, part = np.empty(100, np.float32), np.empty(30, np.float32)
    Generator(seed=1).exponential(whole)
    Generator(seed=1).exponential(part, start=50)
    np.testing.assert_array_equal(part, whole[50:80])


FILLS = ["uniform", "normal", "trunc_normal", "bernoulli", "integers", "exponential"]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("engine", ["philox", "torch"])
def test_a_long_fill_reports_progress(fill, engine):
    reports = []
    array = np.empty(10_000_001, np.float32)
    arguments = {"integers": (0, 5), "bernoulli": (0.5,)}.get(fill, ())
    g = Generator(seed=0, engine=engine)
    getattr(g, fill)(array, *arguments, progress=lambda *r: reports.append(r))
    assert len(reports) > 1 and reports[-1] == (array.size, array.size)
    assert all(done <= total == array.size for done, total in reports)


def test_threads_draw_different_numbers_from_one_generator():
    import threading

    g = Generator(seed=0)
    drawn = []
    workers = [
        threading.Thread(
            target=lambda: drawn.extend(minnet.rand(1, generator=g).item() for _ in range(50))
        )
        for _ in range(4)
    ]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert len(set(drawn)) == 200 and g.draw == 200


@pytest.mark.parametrize("engine", ["philox", "torch"])
@pytest.mark.parametrize(
    ("array", "error", "text"),
    [
        (np.zeros(3, np.int64), TypeError, "array of floats to fill, got dtype int64"),
        (np.broadcast_to(np.zeros(3, np.float32), (2, 3)), ValueError, "read-only"),
        (
            np.lib.stride_tricks.as_strided(np.zeros(3, np.float32), (2, 3), (0, 4)),
            ValueError,
            "single place in memory",
        ),
    ],
)
@pytest.mark.parametrize("name", ["uniform", "normal", "trunc_normal", "exponential"])
def test_arrays_that_cannot_be_filled(name, array, error, text, engine):
    g = Generator(seed=0, engine=engine)
    before = repr(g)
    with pytest.raises(error, match=text):
        getattr(g, name)(array)
    assert repr(g) == before and not array.any()


@pytest.mark.parametrize("name", ["bernoulli", "integers"])
def test_whole_numbers_need_memory_of_their_own_too(name):
    for array in (
        np.broadcast_to(np.zeros(3, np.int64), (2, 3)),
        np.lib.stride_tricks.as_strided(np.zeros(3, np.int64), (2, 3), (0, 8)),
    ):
        with pytest.raises(ValueError, match=r"read-only|single place"):
            getattr(Generator(seed=0), name)(array)


def test_progress_reaches_the_fill():
    calls = []
    Generator(seed=0).normal(np.empty(3_000_000, np.float32), progress=lambda *a: calls.append(a))
    assert calls[-1] == (3_000_000, 3_000_000) and len(calls) == 3
