"""`initializer`: what a function lifted by it does beyond its own fill."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from initializers import DRAWN, FILLS, fill, shape_for

import minnet
from minnet.nn import init
from minnet.nn.init.initializer import initializer


@initializer
def twice_uniform_(tensor, scale=2.0, generator=None):
    """Fill with scale · U[0, 1)."""
    if scale < 0:
        raise ValueError("scale")
    assert type(tensor) is np.ndarray and tensor.flags.writeable
    generator.uniform(tensor)
    tensor *= scale
    return scale / 12**0.5, (4, 3)


def test_the_function_gets_an_array_and_a_generator_and_returns_the_object():
    tensor = minnet.nn.Parameter(minnet.zeros(3, 4))
    assert twice_uniform_(tensor, 3.0) is tensor
    assert twice_uniform_(tensor=tensor, scale=1.0) is tensor
    assert tensor.max() < 1 and tensor.requires_grad and tensor.is_leaf


def test_the_generator_may_come_by_place_by_name_or_not_at_all():
    def draw(*args, **kwargs):
        return twice_uniform_(minnet.zeros(5), *args, **kwargs).numpy()

    minnet.manual_seed(1)
    wanted = draw()
    np.testing.assert_array_equal(draw(2.0, minnet.Generator(seed=1)), wanted)
    np.testing.assert_array_equal(draw(generator=minnet.Generator(seed=1)), wanted)
    np.testing.assert_array_equal(draw(2.0, generator=minnet.Generator(seed=1)), wanted)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1.0, None, 3), {}), ((), {"scole": 1.0}), ((1.0,), {"scale": 2.0})]
)
def test_arguments_that_do_not_fit_are_a_type_error_that_names_the_function(args, kwargs):
    tensor = minnet.full((3,), 7.0)
    with pytest.raises(TypeError, match="twice_uniform_"):
        twice_uniform_(tensor, *args, **kwargs)
    assert (tensor == 7).all() and tensor.counter() == [0]


def test_a_call_that_fails_leaves_tensor_version_provenance_and_generator():
    tensor, generator = minnet.full((3,), 7.0), minnet.Generator(seed=1)
    with pytest.raises(ValueError, match="scale"):
        twice_uniform_(tensor, -1.0, generator)
    assert (tensor == 7).all() and tensor.counter() == [0]
    assert repr(generator) == repr(minnet.Generator(seed=1))
    assert init.provenance(tensor)["tensor"].function is None


@pytest.mark.parametrize("name", FILLS)
def test_each_fill_raises_the_version_by_one(name):
    tensor = minnet.zeros(shape_for(name))
    fill(name, tensor)
    assert tensor.counter() == [1]


@pytest.mark.parametrize("name", FILLS)
def test_help_shows_what_the_user_calls(name):
    function = getattr(init, name)
    signature = inspect.signature(function)
    assert next(iter(signature.parameters)) == "tensor"
    assert signature.return_annotation == "T"
    assert function.__name__ == name and function.__doc__
    if name in DRAWN:
        generator = signature.parameters["generator"]
        assert (generator.default, generator.annotation) == (None, "Generator | None")


STDS = {"constant_": 0.0, "ones_": 0.0, "zeros_": 0.0, "eye_": None, "dirac_": None}


# The number of dimensions that each takes, where it is not any.
ONLY = {"sparse_": (2,), "eye_": (2,), "dirac_": (3, 4, 5), "delta_orthogonal_": (3, 4, 5)}
ONLY |= dict.fromkeys(("looks_linear_", "zero_init_"), (2,))
SHAPES = [(60, 40), (40, 60), (30, 10, 8), (12, 10, 3, 5), (10, 8, 2, 3, 4)]


CASES = [(f, s) for f in FILLS for s in SHAPES if len(s) in ONLY.get(f, (len(s),))]


@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_the_promised_std_is_the_std_of_the_elements(name, shape):
    minnet.manual_seed(5)
    tensor = fill(name, minnet.empty(shape, dtype=minnet.float64))
    promised = init.provenance(tensor)["tensor"].std
    if name in STDS:
        assert promised == STDS[name]
    else:
        # Of n elements the std errs by sqrt((kurtosis - 1) / 4n); sparse_'s kurtosis is 6.
        assert np.sqrt(np.mean((tensor.numpy() - (0.5 if name == "uniform_" else 0)) ** 2)) == (
            pytest.approx(promised, rel=5 * np.sqrt(5 / 4 / tensor.numel()))
        )


@pytest.mark.parametrize(
    ("a", "b"),
    [(-2, 2), (0, 1), (-1, 3), (1.5, 3), (-3, -1.5), (4, 5), (-np.inf, 0), (-np.inf, np.inf)],
)
def test_the_std_of_a_truncated_normal_is_scipys(a, b):
    stats = pytest.importorskip("scipy.stats")
    tensor = minnet.empty(4, dtype=minnet.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the mean is outside
        init.trunc_normal_(tensor, 1.0, 0.5, 1 + 0.5 * a, 1 + 0.5 * b)
    found = init.provenance(tensor)["tensor"].std
    assert found == pytest.approx(0.5 * stats.truncnorm(a, b).std(), rel=1e-6)


def test_a_truncated_normal_far_out_promises_no_std():
    tensor = minnet.empty(4)
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(tensor, a=8.0, b=9.0)
    assert init.provenance(tensor)["tensor"].std is None
