"""All layers in one call, bit for bit against the layers one by one."""

import importlib
from itertools import pairwise

import naive.mlp as naive
import numpy as np
import pytest

from minnet.kernels import engine
from minnet.kernels.cpu import mlp, mlp_backward

module = importlib.import_module("minnet.kernels.cpu.mlp")

NETWORKS = [
    ((5, 7), (None,)),
    ((1, 1), ("tanh",)),
    ((8, 64, 64, 1), ("tanh", "tanh", None)),
    ((20, 33, 17, 10), ("relu", "sigmoid", "relu")),
    ((3, 9, 70, 2, 5), ("sigmoid", None, "tanh", "sigmoid")),
    ((784, 128, 10), ("relu", None)),
]


def case(samples, sizes, names, dtype=np.float32, bias=True):
    """Return x, the layers and dy."""
    rng = np.random.default_rng(samples)
    x = rng.standard_normal((samples, sizes[0])).astype(dtype)
    layers = [
        (
            (rng.standard_normal((o, i)) / np.sqrt(i)).astype(dtype),
            rng.standard_normal(o).astype(dtype) if bias else None,
            name,
        )
        for (i, o), name in zip(pairwise(sizes), names, strict=True)
    ]
    return x, layers, rng.standard_normal((samples, sizes[-1])).astype(dtype)


def arrays_of(x, layers):
    return [x, *(array for w, bias, _ in layers for array in (w, bias))]


def run(x, layers, keep):
    return mlp(arrays_of(x, layers), tuple(name for *_, name in layers), keep)


def same_bits(got, expected):
    kind = f"u{expected.itemsize}"
    np.testing.assert_array_equal(got.view(kind), np.ascontiguousarray(expected).view(kind))


@pytest.mark.parametrize("samples", [1, 19, 64])
@pytest.mark.parametrize(("sizes", "names"), NETWORKS)
def test_equals_the_twin(samples, sizes, names, form):
    x, layers, dy = case(samples, sizes, names)
    outputs = naive.mlp(x, layers)
    for keep in (True, False):
        y, kept = run(x, layers, keep)
        same_bits(y, outputs[-1])
        if keep:
            gradients = mlp_backward(dy, kept, range(1 + 2 * len(layers)))
            expected = naive.mlp_backward(dy, outputs, layers)
            for got, twin in zip(gradients, expected, strict=True):
                same_bits(got, twin)


def test_equals_the_twin_in_float64(form):
    names = "tanh", "relu", None
    x, layers, dy = case(13, (6, 18, 5, 3), names, np.float64)
    y, kept = run(x, layers, True)
    outputs = naive.mlp(x, layers)
    same_bits(y, outputs[-1])
    expected = naive.mlp_backward(dy, outputs, layers)
    for got, twin in zip(mlp_backward(dy, kept, range(7)), expected, strict=True):
        same_bits(got, twin)


@pytest.mark.parametrize("wanted", [[0], [5], [6], [4, 3], [6, 2], [1], [6, 5, 4, 3, 2, 1, 0]])
def test_computes_what_is_wanted_and_nothing_else(wanted, form):
    names = "relu", "tanh", "sigmoid"
    x, layers, dy = case(12, (5, 6, 7, 4), names)
    _, kept = run(x, layers, True)
    expected = naive.mlp_backward(dy, naive.mlp(x, layers), layers)
    for position, got in enumerate(mlp_backward(dy, kept, wanted)):
        if position in wanted:
            same_bits(got, expected[position])
        else:
            assert got.size == 0


def test_without_biases(form):
    names = "relu", None
    x, layers, dy = case(9, (4, 20, 3), names, bias=False)
    y, kept = run(x, layers, True)
    zeros = [(w, np.zeros(len(w), w.dtype), name) for w, _, name in layers]
    outputs = naive.mlp(x, zeros)
    same_bits(y, outputs[-1])
    gradients, expected = mlp_backward(dy, kept, [3, 1, 0]), naive.mlp_backward(dy, outputs, zeros)
    for position in (0, 1, 3):
        same_bits(gradients[position], expected[position])


def test_many_layers():
    names = ("tanh",) * 23
    x, layers, dy = case(4, (3,) * 24, names)
    y, kept = run(x, layers, True)
    outputs = naive.mlp(x, layers)
    same_bits(y, outputs[-1])
    same_bits(run(x, layers, False)[0], y)
    expected = naive.mlp_backward(dy, outputs, layers)
    for got, twin in zip(mlp_backward(dy, kept, range(47)), expected, strict=True):
        same_bits(got, twin)


def test_nan_and_infinity_pass_through():
    names = "relu", "tanh", "sigmoid", None
    layers = [(np.eye(4, dtype=np.float32), np.zeros(4, np.float32), name) for name in names]
    x = np.array([[np.nan, 1, 2, 3], [np.inf, 1, -1, 0], [1, 1, 1, 1]], np.float32)
    y, kept = run(x, layers, True)
    assert np.isnan(y[:2]).all() and not np.isnan(y[2]).any()  # inf 0 is NaN
    dy = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [np.nan, 1, 1, 0]], np.float32)
    dx, dw, *_, db = mlp_backward(dy, kept, range(9))
    assert np.isnan(dx[0]).all() and np.isnan(dx[2]).all() and np.isnan(dw).all()
    np.testing.assert_array_equal(db, [np.nan, 3, 3, 2])


@pytest.mark.parametrize("layout", ["transposed", "broadcast", "read-only"])
def test_any_layout_of_the_gradient(layout):
    names = "relu", None
    x, layers, dy = case(6, (3, 8, 4), names)
    if layout == "transposed":
        given = np.asfortranarray(dy)
    elif layout == "broadcast":
        given = np.broadcast_to(dy[:1], dy.shape)
    else:
        given = dy.copy()
        given.flags.writeable = False
    _, kept = run(x, layers, True)
    expected = naive.mlp_backward(given.copy(), naive.mlp(x, layers), layers)
    for got, twin in zip(mlp_backward(given, kept, range(5)), expected, strict=True):
        same_bits(got, twin)


def test_changes_neither_its_operands_nor_what_it_kept():
    names = "relu", "tanh"
    x, layers, dy = case(6, (3, 8, 4), names)
    before = [array.copy() for array in (*arrays_of(x, layers), dy)]
    _, kept = run(x, layers, True)
    once = mlp_backward(dy, kept, range(5))
    again = mlp_backward(dy, kept, range(5))
    for a, b in zip((*arrays_of(x, layers), dy, *once), (*before, *again), strict=True):
        same_bits(a, b)
    assert not any(np.may_share_memory(a, b) for a, b in zip(once, again, strict=True))


def other_dtype(arrays):
    arrays[3] = arrays[3].astype(np.float64)


def strided(arrays):
    arrays[1] = np.asfortranarray(arrays[1])


def other_width(arrays):
    arrays[0] = np.ones((6, 4), np.float32)


def other_bias(arrays):
    arrays[2] = np.ones(1, np.float32)


def no_element(arrays):
    arrays[2] = np.empty(0, np.float32)


def scalar(arrays):
    arrays[3] = np.array(1, np.float32)


def number(arrays):
    arrays[1] = 2.0


def vector(arrays):
    arrays[0] = arrays[0][0]


def no_samples(arrays):
    arrays[0] = arrays[0][:0]


def many_samples(arrays):
    arrays[0] = np.ones((4097, 3), np.float32)


def integers(arrays):
    arrays[:] = [array.astype(np.int64) for array in arrays]


def no_inputs(arrays):
    arrays[:2] = np.ones((6, 0), np.float32), np.ones((8, 0), np.float32)


def no_outputs(arrays):
    arrays[3:] = np.ones((0, 8), np.float32), np.ones(0, np.float32)


def no_array(arrays):
    arrays[3] = None


CHANGES = [
    other_dtype, strided, other_width, other_bias, no_element, scalar, number, vector, no_samples,
    many_samples, integers, no_inputs, no_outputs, no_array,
]  # fmt: skip


def test_takes_arrays_that_are_read_only_or_not_aligned():
    x, layers, _ = case(6, (3, 8, 4), ("relu", None))
    expected = run(x, layers, False)[0]
    moved = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    moved[...] = x
    assert not moved.flags.aligned
    same_bits(run(moved, layers, False)[0], expected)
    x.flags.writeable = layers[1][0].flags.writeable = False
    same_bits(run(x, layers, False)[0], expected)


@pytest.mark.parametrize("change", CHANGES)
def test_takes_nothing_else(change):
    x, layers, _ = case(6, (3, 8, 4), ("relu", None))
    arrays, names = arrays_of(x, layers), ("relu", None)
    for given in (arrays, [*arrays[:2], None, *arrays[3:]]):
        assert mlp(given, names, True) is not None
    change(arrays)
    assert mlp(arrays, names, True) is None


def test_takes_nothing_while_a_blas_multiplies():
    x, layers, _ = case(6, (3, 8, 4), ("relu", None))
    engine.set_matmul("blas")
    try:
        assert mlp(arrays_of(x, layers), ("relu", None), True) is None
    finally:
        engine.set_matmul("minnet")


@pytest.mark.parametrize("way", [module.INFERENCE, module.BACKWARD, module.BACKWARD_TO_INPUT])
def test_two_layers_at_most_are_kept_for_no_backward(way):
    sizes, names = (3, 50, 20, 40, 30, 2), ("relu",) * 5
    *_, kept = module._plan(way, 10, sizes, names, np.inf, 1)
    assert kept <= 10 * 2 * 50
    *_, kept = module._plan(module.FORWARD, 10, sizes, names, np.inf, 1)
    assert kept == 10 * (50 + 20 + 40 + 30)
