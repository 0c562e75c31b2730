"""A value that does not fit is an error wherever a value enters: every entry, dtype and value."""

import inspect
import math
import warnings
from typing import Any

import numpy as np
import pytest
from initializers import ARGUMENTS, FILLS, shape_for
from oracle import check, table

import minnet
from minnet.data import default_collate
from minnet.nn import init

nan, inf = math.nan, math.inf
DTYPES = ("uint8", "int8", "int16", "int32", "int64", "bool", "float32", "float64")
R, Over, V, T = RuntimeError, OverflowError, ValueError, TypeError

# torch 2.13's table: what a number becomes in each of the dtypes above, or the error.
NUMBERS: list[tuple[Any, list[Any]]] = [
    (2, [2, 2, 2, 2, 2, True, 2.0, 2.0]),
    (True, [1, 1, 1, 1, 1, True, 1.0, 1.0]),
    (300, [R, R, 300, 300, 300, True, 300.0, 300.0]),
    (-1, [255, -1, -1, -1, -1, True, -1.0, -1.0]),
    (-129, [127, R, -129, -129, -129, True, -129.0, -129.0]),
    (-256, [R, R, -256, -256, -256, True, -256.0, -256.0]),
    (1.7, [1, 1, 1, 1, 1, True, float(np.float32(1.7)), 1.7]),
    (-0.5, [R, 0, 0, 0, 0, True, -0.5, -0.5]),
    (-1.7, [R, -1, -1, -1, -1, True, float(np.float32(-1.7)), -1.7]),
    (255.5, [R, R, 255, 255, 255, True, 255.5, 255.5]),
    (-128.5, [R, R, -128, -128, -128, True, -128.5, -128.5]),
    (0.0, [0, 0, 0, 0, 0, False, 0.0, 0.0]),
    (nan, [R, R, R, R, R, True, nan, nan]),
    (inf, [R, R, R, R, R, True, inf, inf]),
    (-inf, [R, R, R, R, R, True, -inf, -inf]),
    (1e39, [R, R, R, R, R, True, R, 1e39]),
    (2**31, [R, R, R, R, 2**31, True, 2.0**31, 2.0**31]),
    (2**63, [R, R, R, R, R, True, 2.0**63, 2.0**63]),
    (-(2**63), [R, R, R, R, -(2**63), True, -(2.0**63), -(2.0**63)]),
    (2**64, [Over] * 8),
    (-(2**63) - 1, [Over] * 8),
    (np.int64(300), [R, R, 300, 300, 300, True, 300.0, 300.0]),
    (np.float64(1e39), [R, R, R, R, R, True, R, 1e39]),
    (None, [T] * 8),
    ("1", [T] * 8),
    (object(), [T] * 8),
]
# What is read as data is more than a number: a float may overflow to infinity, an int to a float.
DATA = {
    repr(1e39): [R, R, R, R, R, True, inf, 1e39],
    repr(2**63): [V, V, V, V, V, True, 2.0**63, 2.0**63],
    repr(2**64): [V, V, V, V, V, True, 2.0**64, 2.0**64],
    repr(-(2**63) - 1): [V, V, V, V, V, True, -(2.0**63), -(2.0**63)],
    repr(np.float64(1e39)): [R, R, R, R, R, True, inf, 1e39],
}
# Here ours is other than torch's on purpose: an error of another type, or no wrong number.
UNLIKE_TORCH = {
    *((entry, n) for entry in ("[0]", "[:]", "[list]", "[mask]") for n in (2**63, 2**64)),
    *((entry, -(2**63) - 1) for entry in ("[0]", "[:]", "[list]", "[mask]")),
    *((entry, n) for entry in ("tensor [[]]", "as_tensor", "new_tensor", "Tensor") for n in ("1",)),
    *(("copy_", n) for n, _ in NUMBERS[1:]),  # a cast, in silence
}


def written(write):
    """Return an entry that writes into a tensor of zeros and, if it raises, leaves it as it is."""

    def entry(L, dtype, value):
        x = L.zeros(2, dtype=getattr(L, dtype))
        version = x._version
        try:
            write(L, x, value)
        except Exception:
            assert x.tolist() == [0, 0]
            assert x._version == version
            raise
        return x.tolist()[0]

    return entry


def made(make):
    return lambda L, dtype, value: make(L, getattr(L, dtype), value)


def put(key):
    def write(L, x, value):
        x[key(L)] = value

    return written(write)


WRITERS = {
    "[0]": put(lambda L: 0),
    "[:]": put(lambda L: slice(None)),
    "[list]": put(lambda L: [0]),
    "[mask]": put(lambda L: L.tensor([True, False])),
    "fill_": written(lambda L, x, v: x.fill_(v)),
    "copy_": written(lambda L, x, v: x.copy_(v)),
    "masked_fill_": written(lambda L, x, v: x.masked_fill_(L.tensor([True, False]), v)),
    "constant_": written(lambda L, x, v: L.nn.init.constant_(x, v)),
}
MAKERS = {
    "full": made(lambda L, d, v: L.full((1,), v, dtype=d).tolist()[0]),
    "full_like": made(lambda L, d, v: L.full_like(L.zeros(1, dtype=d), v).tolist()[0]),
    "new_full": made(lambda L, d, v: L.zeros(1, dtype=d).new_full((1,), v).tolist()[0]),
    "masked_fill": made(
        lambda L, d, v: L.zeros(1, dtype=d).masked_fill(L.tensor([True]), v).tolist()[0]
    ),
}
READERS = {
    "tensor": made(lambda L, d, v: L.tensor(v, dtype=d).item()),
    "tensor [[]]": made(lambda L, d, v: L.tensor([[0], [v]], dtype=d).tolist()[1][0]),
    "as_tensor": made(lambda L, d, v: L.as_tensor([v], dtype=d).tolist()[0]),
    "new_tensor": made(lambda L, d, v: L.zeros(1, dtype=d).new_tensor([v]).tolist()[0]),
}
ENTRIES = WRITERS | MAKERS | READERS


@pytest.mark.parametrize("library", ["minnet", "torch"])
@pytest.mark.parametrize("value, row", NUMBERS, ids=[repr(n)[:12] for n, _ in NUMBERS])
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_number_becomes_or_that_it_is_refused(entry, value, row, library):
    L = pytest.importorskip(library)
    if library == "torch" and (entry, value) in UNLIKE_TORCH:
        pytest.skip("ours is its own")
    if entry in READERS:
        row = DATA.get(repr(value), row)
    for dtype, wanted in zip(DTYPES, row, strict=True):
        if isinstance(wanted, type):
            with pytest.raises(wanted):
                ENTRIES[entry](L, dtype, value)
        else:
            got = ENTRIES[entry](L, dtype, value)
            assert repr(got) == repr(wanted), dtype


@pytest.mark.parametrize("value", [1j, np.complex64(1), np.timedelta64(5, "ns"), b"1", [[1]], {}])
@pytest.mark.parametrize("entry", WRITERS | MAKERS)
def test_what_is_no_real_number_is_refused(entry, value):
    for dtype in DTYPES:
        with pytest.raises(TypeError):
            ENTRIES[entry](minnet, dtype, value)


@pytest.mark.parametrize("value", [1j, np.complex64(1), "a", b"1", {}, {1}, None, [1, "2"]])
def test_data_that_are_no_real_numbers_are_refused(value):
    for read in (minnet.tensor, minnet.as_tensor, minnet.ones(1).new_tensor, minnet.Tensor):
        for data in (value, [value], [[1.0], [value]]):
            with pytest.raises((TypeError, RuntimeError, ValueError)):
                read(data)


# An operation's result has a dtype of its own, in which a number must fit that is put there as it
# is; in arithmetic it wraps around, as torch's does.


def numbers_in_operations(L):
    x = {name: L.ones(2, dtype=getattr(L, name)) for name in DTYPES}
    mask = L.tensor([True, False])
    for name in DTYPES:
        for n in (300, -1, -129, 2**31, 1.5, -1.5, nan, np.float64(1.5), np.float32(1.5)):
            yield "where", name, n, lambda x=x[name], n=n: L.where(mask, x, n)
            yield "clamp", name, n, lambda x=x[name], n=n: x.clamp(min=n)
            yield "clamp_", name, n, lambda x=x[name], n=n: x.clone().clamp_(max=n)
            yield "add", name, n, lambda x=x[name], n=n: x + n
            yield "radd", name, n, lambda x=x[name], n=n: n + x
            yield "mul", name, n, lambda x=x[name], n=n: x * n
            yield "rsub", name, n, lambda x=x[name], n=n: n - x
            yield "div", name, n, lambda x=x[name], n=n: n / x
            yield "lt", name, n, lambda x=x[name], n=n: x < n
            yield "alpha", name, n, lambda x=x[name], n=n: L.add(x, x, alpha=n)


def test_a_number_in_an_operation_is_as_in_torch_and_one_of_numpy_as_pythons():
    torch = pytest.importorskip("torch")

    def outcome(call):
        try:
            result = call()
        except Exception as error:
            return type(error).__name__
        return str(result.dtype), str(result.tolist())

    for ours, theirs in zip(
        numbers_in_operations(minnet), numbers_in_operations(torch), strict=True
    ):
        assert outcome(ours[-1]) == outcome(theirs[-1]), ours[:-1]


@pytest.mark.parametrize("number", [np.float64(2), np.float32(2), np.int64(2), np.uint8(2)])
@pytest.mark.parametrize("name", DTYPES)
def test_a_number_of_numpy_is_one_of_python_in_arithmetic(name, number):
    x = minnet.ones(2, dtype=getattr(minnet, name))
    for f in (
        lambda n: x + n,
        lambda n: n + x,
        lambda n: x * n,
        lambda n: n / x,
        lambda n: minnet.where(x > 0, x, n),
        lambda n: x.clamp(max=n) if name != "bool" else x + n,
        lambda n: x.masked_fill(x > 0, n),
    ):
        assert f(number).dtype is f(number.item()).dtype


# Indices


@pytest.mark.parametrize("key", [minnet.tensor([1, 0, 1]).byte(), np.array([1, 0, 1], np.uint8)])
def test_a_uint8_mask_selects_and_warns_as_torchs(key):
    x = minnet.arange(6).reshape(3, 2)
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8") as caught:
        assert x[key].tolist() == [[0, 1], [4, 5]]
        x[key] = 7
        assert x[:, minnet.tensor([0, 1]).byte()].tolist() == [[7], [3], [7]]
    assert {w.filename for w in caught} == {__file__}
    with pytest.warns(UserWarning), pytest.raises(IndexError):
        x[minnet.tensor([1, 0]).byte()]


def test_a_uint8_condition_warns_as_torchs():
    mask, x = minnet.tensor([2, 0]).byte(), minnet.ones(2)
    with pytest.warns(UserWarning, match="where received a uint8 condition tensor") as caught:
        assert minnet.where(mask, x, 0).tolist() == [1, 0]
        assert x.where(mask, minnet.zeros(2)).tolist() == [1, 0]
    assert __file__ in {w.filename for w in caught}


def test_indices_that_would_be_others_are_refused():
    x = minnet.arange(3)
    with pytest.raises(IndexError):
        x[np.array([2**64 - 1], np.uint64)]
    with pytest.raises(TypeError):
        x[minnet.tensor(1.5) :]


def test_an_array_that_is_assigned_fits():
    x = minnet.zeros(2, dtype=minnet.uint8)
    for array in (np.array([300, 1]), np.array([nan, 1]), np.array(300), np.array([-0.5])):
        for key in (slice(None), [0, 1]):
            with pytest.raises(RuntimeError, match="without overflow"):
                x[key] = array
    with pytest.raises(TypeError, match="can't assign"):
        x[:] = np.array(["1", "2"])
    with pytest.raises(TypeError, match="can't assign a list"):
        x[:] = [1, 2]
    for write in (x.fill_, x.copy_):
        with pytest.raises(TypeError, match="must be Tensor, not ndarray"):
            write(np.array(300))
    x[[0, 1]] = np.array([1.0, 2.0])
    assert x.tolist() == [1, 2]


# Data of other libraries keep their dtype


class Foreign:
    """What pandas, polars, arrow and torch have in common."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, i):
        return self.array[i].item()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.uint8, np.bool_])
def test_what_has_a_dtype_keeps_it(kind):
    array = np.ones(3, kind)
    wanted = minnet.from_numpy(array).dtype
    for data in (array, Foreign(array), array[0], [array[0]], [[array[0]], [array[1]]], [array]):
        assert minnet.tensor(data).dtype is wanted
        assert minnet.as_tensor(data).dtype is wanted
    assert minnet.tensor([Foreign(array), Foreign(array)]).dtype is wanted
    for sample in (array, array[0], minnet.tensor(array)):
        assert default_collate([sample, sample]).dtype is wanted
    assert np.shares_memory(minnet.as_tensor(Foreign(array)).numpy(), array)
    for make in (minnet.tensor, minnet.Tensor):
        assert not np.shares_memory(make(Foreign(array)).numpy(), array)


def test_a_tensor_of_torchs_keeps_its_dtype():
    torch = pytest.importorskip("torch")
    assert minnet.tensor(torch.ones(2, dtype=torch.float64)).dtype is minnet.float64
    assert minnet.tensor([torch.tensor(1.5, dtype=torch.float64)]).dtype is minnet.float64


@pytest.mark.parametrize("kind", [object, "U1", "datetime64[s]", complex])
def test_arrays_that_hold_no_numbers_are_refused_with_a_dtype_too(kind):
    array = np.zeros(2, kind)
    for data in (array, Foreign(array), [array]):
        for dtype in (None, minnet.float32, minnet.int64):
            with pytest.raises(TypeError):
                minnet.tensor(data, dtype=dtype)


@table("values")
def test_known_answers(library, program, known):
    check(library, program, known)


# Arguments of draws: a number, or an error before anything was drawn or written

BAD = [None, "1", b"1", [1.0], 1j, object(), np.array([1.0, 2.0]), np.timedelta64(1, "s")]
FILLS_OF_GENERATOR = {
    "uniform": {"low": 0.0, "high": 1.0},
    "normal": {"mean": 0.0, "std": 1.0},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -1.0, "b": 1.0},
    "bernoulli": {"p": 1.0},
    "exponential": {"rate": 1.0},
    "integers": {"low": 0, "high": 5},
}
PLACES = {"start": [None, 1.5, "1", True, -1, 2**63], "progress": [1, "print"]}


def refused(generator, x, call):
    """Check that a call raises a clear error, and neither draws nor writes."""
    state, before, version = generator.get_state(), x.clone(), x._version
    with pytest.raises((TypeError, ValueError, RuntimeError)) as caught:
        call()
    assert "NoneType' object has no attribute" not in str(caught.value)
    assert minnet.equal(generator.get_state(), state)
    assert minnet.equal(x, before)
    assert x._version == version


@pytest.mark.parametrize("engine", ["philox", "torch"])
@pytest.mark.parametrize("name", FILLS_OF_GENERATOR)
def test_a_generator_refuses_what_is_no_number(name, engine):
    g = minnet.Generator(seed=0, engine=engine)
    x = minnet.zeros(4)
    fill = getattr(g, name)
    good = FILLS_OF_GENERATOR[name]
    numbers = [1.5, True, np.float64(1), minnet.tensor(1.0)] if name == "integers" else []
    bad = [n for n in BAD if n is not None or name != "integers"]  # None is no bound there
    for argument in good:
        for value in (*bad, *numbers, nan if argument not in ("mean", "a", "b") else "x"):
            refused(g, x, lambda: fill(x.array, **{**good, argument: value}))  # noqa: B023
    for argument, values in PLACES.items():
        for value in values:
            refused(g, x, lambda: fill(x.array, **good, **{argument: value}))  # noqa: B023


@pytest.mark.parametrize("name", FILLS_OF_GENERATOR)
def test_a_generator_takes_numbers_of_any_library(name):
    good = FILLS_OF_GENERATOR[name]
    results = []
    kinds = [np.int64, minnet.tensor] if name == "integers" else [np.float32, minnet.tensor, float]
    for kind in (lambda n: n, *kinds):
        x = np.zeros(4, np.float32)
        given = {argument: kind(value) for argument, value in good.items()}
        getattr(minnet.Generator(seed=0), name)(x, **given)
        results.append(x.tolist())
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("value", [2.5, nan, "3", [3], True, np.float64(3), minnet.tensor(3.0)])
def test_draws_of_integers_take_integers_only(value):
    g = minnet.Generator(seed=0)
    x = minnet.zeros(3)
    for call in (
        lambda: minnet.randint(value, (3,), generator=g),
        lambda: minnet.randint(0, value, (3,), generator=g),
        lambda: minnet.randint(value, 9, (3,), generator=g),
        lambda: minnet.randperm(value, generator=g),
        lambda: x.random_(value, generator=g),
        lambda: x.random_(0, value, generator=g),
        lambda: g.permutation(value),
    ):
        refused(g, x, call)


def test_randint_by_the_name_of_its_size_starts_at_zero():
    assert set(minnet.randint(3, size=(200,)).tolist()) == {0, 1, 2}
    for bounds in ((None,), (3, None), (None, None)):
        if bounds != (3, None):
            with pytest.raises(TypeError):
                minnet.randint(*bounds, size=(3,))


def numbers_of(name):
    """Return the parameters of an initializer that are numbers, and of those that may be names."""
    parameters = inspect.signature(getattr(init, name)).parameters.values()
    return [p.name for p in parameters if p.annotation == "float" or p.name == "gain"]


INITIALIZERS = [(name, argument) for name in FILLS for argument in numbers_of(name)]


@pytest.mark.parametrize("name, argument", INITIALIZERS)
def test_an_initializer_refuses_what_is_no_number(name, argument):
    x = minnet.ones(shape_for(name))
    function = getattr(init, name)
    g = minnet.Generator(seed=0)
    names = list(inspect.signature(function).parameters)[1:]
    given = dict(zip(names, ARGUMENTS.get(name, ()), strict=False))
    drawn = {"generator": g} if "generator" in names else {}
    for value in BAD:
        if argument != "gain" or not isinstance(value, str):
            refused(g, x, lambda: function(x, **{**given, argument: value}, **drawn))  # noqa: B023


@pytest.mark.parametrize("name, argument", INITIALIZERS)
def test_an_initializer_takes_numbers_of_any_library(name, argument):
    function = getattr(init, name)
    parameters = inspect.signature(function).parameters
    given = dict(zip(list(parameters)[1:], ARGUMENTS.get(name, ()), strict=False))
    default = parameters[argument].default
    value = given.get(argument, 0.5 if default is inspect.Parameter.empty else default)
    results = []
    for kind in (lambda n: n, np.float64, lambda n: minnet.tensor(n, dtype=minnet.float64)):
        minnet.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = function(minnet.zeros(shape_for(name)), **{**given, argument: kind(value)})
        results.append(x.tolist())
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_an_initializer_of_a_constant_fits_arrays_of_any_library(dtype):
    array = np.zeros(2, dtype)
    for value in (nan, 1e39) if dtype != "float32" else (1e39,):
        with pytest.raises(RuntimeError, match="without overflow"):
            init.constant_(array, value)
    assert array.tolist() == [0, 0]
