"""What all initializers have in common: torch's signatures, and how they treat a tensor."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from initializers import ARGUMENTS, DRAWN, FILLS, TORCHS, TORCHS_DRAWN, fill, shape_for

import minnet
from minnet.nn import init

DEPRECATED = [f[:-1] for f in TORCHS if f not in ("trunc_normal_", "ones_", "zeros_")]


@pytest.fixture(autouse=True)
def seed():
    minnet.manual_seed(20240607)


def test_the_fifteen_functions_are_here():
    assert {*TORCHS, "calculate_gain"} <= set(init.__all__)
    assert all(hasattr(init, name) for name in init.__all__)


@pytest.mark.parametrize("name", DRAWN)
def test_generator_draws_what_the_global_seed_draws(name):
    minnet.manual_seed(7)
    by_seed = fill(name, minnet.zeros(shape_for(name))).numpy()
    generator = minnet.Generator().manual_seed(7)
    by_generator = fill(name, minnet.zeros(shape_for(name)), generator=generator).numpy()
    np.testing.assert_array_equal(by_seed, by_generator)


@pytest.mark.parametrize("name", DRAWN)
def test_generator_leaves_the_global_one_alone(name):
    minnet.manual_seed(7)
    expected = minnet.rand(5).numpy()
    minnet.manual_seed(7)
    fill(name, minnet.zeros(shape_for(name)), generator=minnet.Generator().manual_seed(7))
    np.testing.assert_array_equal(minnet.rand(5).numpy(), expected)


@pytest.mark.parametrize("name", DRAWN)
def test_two_calls_draw_different_values(name):
    first, second = (fill(name, minnet.zeros(shape_for(name))).numpy() for _ in range(2))
    changed = (first != second).mean()
    assert changed > {"sparse_": 0.7, "delta_orthogonal_": 0.33}.get(name, 0.99)


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize(
    "make",
    [lambda s: minnet.zeros(s, requires_grad=True), lambda s: minnet.nn.Parameter(minnet.zeros(s))],
    ids=["leaf", "parameter"],
)
def test_a_parameter_stays_a_leaf_that_requires_grad(name, make):
    tensor = make(shape_for(name))
    array, kind = tensor.detach().numpy(), type(tensor)
    assert fill(name, tensor) is tensor
    assert type(tensor) is kind
    assert tensor.requires_grad and tensor.is_leaf
    assert tensor.grad_fn is None and tensor.grad is None
    assert minnet.is_grad_enabled()
    if name != "zeros_":
        assert array.any()  # filled in place: memory seen before shows it
    (tensor * 2).sum().backward()
    np.testing.assert_array_equal(tensor.grad.numpy(), 2)


@pytest.mark.parametrize("name", FILLS)
def test_backward_notices_that_a_saved_tensor_was_filled(name):
    tensor = minnet.ones(shape_for(name), requires_grad=True)
    loss = (tensor * tensor).sum()
    fill(name, tensor)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    assert tensor.grad is None


@pytest.mark.parametrize("name", FILLS)
def test_an_expanded_tensor_is_refused_and_left_as_it_was(name):
    base = minnet.full((*shape_for(name)[:-1], 1), 7.0)
    with pytest.raises(RuntimeError, match="cannot be written to"):
        fill(name, base.expand(shape_for(name)))
    np.testing.assert_array_equal(base.numpy(), 7)


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_no_generator_is_refused(name):
    tensor = minnet.full(shape_for(name), 7.0)
    with pytest.raises(TypeError, match=r"generator must be a minnet\.Generator"):
        fill(name, tensor, generator=np.random.default_rng(0))
    np.testing.assert_array_equal(tensor.numpy(), 7)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("uniform_", None),
        ("normal_", None),
        ("trunc_normal_", "1"),
        ("constant_", "1"),
        ("xavier_normal_", None),
        ("orthogonal_", None),
        ("sparse_", None),
        ("dirac_", 2.0),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused_and_changes_nothing(name, argument):
    tensor = minnet.full(shape_for(name), 7.0)
    with pytest.raises((TypeError, ValueError)):
        getattr(init, name)(tensor, argument)
    np.testing.assert_array_equal(tensor.numpy(), 7)


@pytest.mark.parametrize("name", FILLS)
@pytest.mark.parametrize("dtype", [minnet.float32, minnet.float64], ids=str)
def test_a_view_gets_the_values_that_a_contiguous_tensor_gets(name, dtype):
    shape = shape_for(name)
    minnet.manual_seed(7)
    contiguous = fill(name, minnet.zeros(shape, dtype=dtype)).numpy()

    minnet.manual_seed(7)
    transposed = minnet.zeros(shape[::-1], dtype=dtype).permute(*reversed(range(len(shape))))
    assert not transposed.is_contiguous()
    assert fill(name, transposed) is transposed
    np.testing.assert_array_equal(transposed.numpy(), contiguous)

    minnet.manual_seed(7)
    base = minnet.full((*shape[:-1], 2 * shape[-1]), 7.0, dtype=dtype)
    fill(name, base[..., ::2])
    np.testing.assert_array_equal(base.numpy()[..., ::2], contiguous)
    np.testing.assert_array_equal(base.numpy()[..., 1::2], 7)


@pytest.mark.parametrize("name", FILLS)
def test_float64_is_more_than_float32_widened(name):
    w = fill(name, minnet.zeros(shape_for(name), dtype=minnet.float64)).numpy()
    assert w.dtype == np.float64
    if name in DRAWN:
        assert (w[w != 0] != w[w != 0].astype(np.float32)).mean() > 0.9


@pytest.mark.parametrize("name", [n for n in FILLS if n not in TORCHS])
@pytest.mark.parametrize("dtype", [minnet.int64, minnet.bool], ids=str)
def test_only_floats_are_filled(name, dtype):
    tensor = minnet.ones(shape_for(name), dtype=dtype)
    with pytest.raises(NotImplementedError, match="not implemented for"):
        fill(name, tensor)
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize("name", [n for n in FILLS if n not in TORCHS])
@pytest.mark.parametrize("shape", [(), (5,)])
def test_a_vector_has_no_fans_and_is_no_matrix(name, shape):
    tensor = minnet.ones(shape)
    with pytest.raises(ValueError, match="dimensions"):
        fill(name, tensor)
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize("name", [n for n in FILLS if n not in TORCHS])
@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4, 0, 3), (4, 2, 0)])
def test_a_tensor_without_elements_is_returned_as_it_is(name, shape):
    if name == "delta_orthogonal_":
        shape = (4, 0, 3)
    tensor = minnet.empty(shape)
    assert fill(name, tensor) is tensor


@pytest.mark.parametrize("name", DEPRECATED)
def test_deprecated_alias_warns_and_does_the_same(name):
    minnet.manual_seed(7)
    expected = fill(name + "_", minnet.zeros(shape_for(name + "_"))).numpy()
    minnet.manual_seed(7)
    with pytest.warns(FutureWarning) as record:
        tensor = getattr(init, name)(
            minnet.zeros(shape_for(name + "_")), *ARGUMENTS.get(name + "_", ())
        )
    np.testing.assert_array_equal(tensor.numpy(), expected)
    assert [str(w.message) for w in record] == [
        f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`."
    ]
    assert record[0].filename == __file__


@pytest.mark.parametrize("name", ["calculate_gain", *TORCHS])
def test_signature_is_torchs(name):
    torch = pytest.importorskip("torch")

    def parameters(module):
        signature = inspect.signature(getattr(module, name))
        # Ours may take more, by keyword only.
        more = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
        parameters = [p for p in signature.parameters.values() if p.kind not in more]
        return [(p.name, p.kind, p.default) for p in parameters]

    assert parameters(init) == parameters(torch.nn.init)


def test_every_public_name_of_torch_is_here():
    torch = pytest.importorskip("torch")
    assert set(torch.nn.init.__all__) <= set(init.__all__)


@pytest.mark.parametrize("name", [*TORCHS_DRAWN, "eye_", "dirac_"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (3, 2, 3), (2, 2, 2, 2, 2, 2), (0, 3), (0,)])
def test_shapes_are_refused_where_torch_refuses_them_with_its_text(name, shape):
    torch = pytest.importorskip("torch")

    def outcome(library):
        try:
            getattr(library.nn.init, name)(library.zeros(shape), *ARGUMENTS.get(name, ()))
        except ValueError as error:
            return str(error)
        except UserWarning as warning:
            return str(warning)
        return "filled"

    assert outcome(minnet) == outcome(torch)
