"""One fill takes one draw, whatever its size: the shape of a fill never moves a later one's bits.

Every function that draws is tried: the initializers, and all declared operations that take a
generator or draw from the default one.
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from initializers import DRAWN, fill, shape_for

import minnet
from minnet import nn, operation
from minnet.data import random_split
from minnet.nn import init

EMPTY = [(0, 3), (3, 0), (0,), (0, 0), (0, 4, 3), (4, 0, 3), (4, 2, 0)]

# How each is called for a tensor of a shape.
CALLS = {
    "rand": lambda x: minnet.rand(x.shape),
    "randn": lambda x: minnet.randn(x.shape),
    "rand_like": minnet.rand_like,
    "randn_like": minnet.randn_like,
    "randint": lambda x: minnet.randint(5, x.shape),
    "randperm": lambda x: minnet.randperm(x.nelement()),
    "bernoulli": lambda x: minnet.bernoulli(x.fill_(0.5)),
    "bernoulli_": lambda x: x.bernoulli_(),
    "bernoulli_, a tensor": lambda x: x.bernoulli_(minnet.full(x.shape, 0.5)),
    "exponential_": lambda x: x.exponential_(),
    "normal_": lambda x: x.normal_(),
    "uniform_": lambda x: x.uniform_(),
    "random_": lambda x: x.random_(),
    "random_, a range": lambda x: x.random_(7),
    **{
        name: lambda x, name=name: getattr(nn.functional, name)(x, 0.5, True)
        for name in ("dropout", "dropout1d", "dropout3d", "alpha_dropout")
    },
    "dropout2d": lambda x: nn.functional.dropout2d(x[None]),
    "feature_alpha_dropout": lambda x: nn.functional.feature_alpha_dropout(x[None], 0.5, True),
    "dropout, a layer": lambda x: nn.Dropout()(x),
    "normal": lambda x: minnet.normal(x.fill_(0.5), 1.0),
    "normal, by a tensor": lambda x: minnet.normal(0.0, x.fill_(0.5)),
    "randint_like": lambda x: minnet.randint_like(x, 5),
    "cauchy_": lambda x: x.cauchy_(),
    "geometric_": lambda x: x.geometric_(0.5),
    "log_normal_": lambda x: x.log_normal_(),
    "multinomial": lambda x: minnet.multinomial(x.fill_(0.5), 1),
    "poisson": lambda x: minnet.poisson(x.fill_(0.5)),
    "rrelu": lambda x: nn.functional.rrelu(x.fill_(-1), training=True),
    "random_split": lambda x: random_split(range(x.nelement()), [x.nelement(), 0]),
    **{f"init.{name}": lambda x, name=name: fill(name, x) for name in DRAWN},
}
CHECKED = {name.partition(",")[0] for name in CALLS}


def call(name, shape):
    """Return whether it draws for the shape at all, and the numbers that come after it."""
    minnet.manual_seed(20240607)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CALLS[name](minnet.empty(shape))
        except (ValueError, RuntimeError):  # not its number of dimensions
            assert minnet.random.default_generator().draw == 0
            return None
    return minnet.rand(4).tolist()


def shape_of(name):
    return shape_for(name.removeprefix("init."))


@pytest.mark.parametrize("name", CALLS)
def test_an_empty_fill_takes_the_draw_that_any_takes(name):
    expected = call(name, shape_of(name))
    after = [call(name, shape) for shape in EMPTY]
    assert any(after)
    assert all(numbers in (None, expected) for numbers in after)


@pytest.mark.parametrize("name", CALLS)
def test_a_fill_takes_one_draw_whatever_its_size(name):
    shape = tuple(2 * n for n in shape_of(name))
    numbers = call(name, shape_of(name)), call(name, shape)
    minnet.manual_seed(20240607)
    minnet.rand(1)
    expected = minnet.rand(4).tolist()
    assert numbers == (expected, expected)


def test_every_function_that_draws_is_here():
    names = {
        name.rpartition(".")[2]
        for name, declared in operation.DECLARED.items()
        if "generator" in inspect.signature(declared.function).parameters or "dropout" in name
    }
    assert names and names <= CHECKED
    takes = [n for n in init.__all__ if getattr(getattr(init, n), "draws", False)]
    assert {n for n in takes if n.endswith("_")} == set(DRAWN)


@pytest.mark.parametrize("name", [n for n in CALLS if n != "random_split"])
@pytest.mark.parametrize("shape", EMPTY)
def test_torchs_engine_draws_for_an_empty_fill_what_torch_draws_which_is_nothing(name, shape):
    minnet.manual_seed(5, engine="torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            CALLS[name](minnet.empty(shape))
    except (ValueError, RuntimeError):
        pass
    numbers = minnet.rand(4).numpy()
    minnet.manual_seed(5, engine="torch")
    np.testing.assert_array_equal(numbers, minnet.rand(4).numpy())


def test_an_empty_layer_does_not_move_the_next_ones_weights():
    weights = []
    for size in (0, 3, 100):
        minnet.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = nn.Sequential(nn.Linear(size, 4), nn.Linear(4, 4), nn.Linear(4, size))
            net.apply(init.scheme(init.orthogonal_, bias=init.normal_))
        weights.append(net[1].weight.tolist())
    assert weights[0] == weights[1] == weights[2]


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", EMPTY)
def test_an_empty_array_of_any_library_is_filled_as_a_tensor(name, shape):
    """Its strides are 0 in NumPy as well, and nothing in it is expanded."""
    torch = pytest.importorskip("torch")

    def outcome(tensor):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert fill(name, tensor) is tensor
            return [str(w.message) for w in caught]
        except ValueError as error:
            return str(error)

    expected = outcome(minnet.empty(shape))
    assert outcome(np.empty(shape, np.float32)) == outcome(torch.empty(shape)) == expected
