"""Orthogonal initializers: orthogonality, the gain, the uniform law, and torch's own matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from naive.orthogonal import gram_schmidt_rows
from scipy import stats

import minnet
from minnet.nn import init


@pytest.fixture(autouse=True)
def seed():
    minnet.manual_seed(20240607)


@pytest.mark.parametrize(
    "shape",
    [
        (40, 15),
        (15, 40),
        (30, 30),
        (1, 10),
        (10, 1),
        (1, 1),
        (8, 3, 3, 3),
        (64, 3, 3, 3),
        (5, 7, 2),
    ],
)
@pytest.mark.parametrize("gain", [1, math.sqrt(2), 0.1])
@pytest.mark.parametrize(("dtype", "atol"), [(minnet.float32, 2e-6), (minnet.float64, 1e-13)])
def test_shorter_side_is_orthogonal_with_the_gain(shape, gain, dtype, atol):
    tensor = minnet.full(shape, 7.0, dtype=dtype)
    assert init.orthogonal_(tensor, gain) is tensor
    assert tensor.dtype == dtype and tuple(tensor.shape) == shape
    w = tensor.numpy().reshape(shape[0], -1).astype(np.float64)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), rtol=0, atol=atol)


class TorchEngine(minnet.Generator):
    """A generator that says it is torch's, and draws what it was given."""

    engine = "torch"

    def __init__(self, normals):
        super().__init__(seed=0)
        self.normals = normals

    def normal(self, array):
        array[...] = self.normals


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (3, 2, 2), (70, 66), (66, 70)])
def test_with_torchs_engine_it_is_gram_schmidt_of_the_normals(shape):
    matrix = (shape[0], math.prod(shape[1:]))
    normals = np.random.default_rng(2).normal(size=matrix)
    engine = TorchEngine(normals)
    w = init.orthogonal_(minnet.empty(shape, dtype=minnet.float64), gain=3, generator=engine)
    if matrix[0] >= matrix[1]:
        expected = gram_schmidt_rows(normals.T).T
    else:
        expected = gram_schmidt_rows(normals)
    np.testing.assert_allclose(w.numpy(), 3 * expected.reshape(shape), rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape", [(20, 12), (12, 20), (30, 30), (16, 3, 3, 3), (100, 80)])
def test_with_torchs_engine_it_is_torchs(shape):
    torch = pytest.importorskip("torch")
    generator = minnet.Generator(seed=5, engine="torch")
    w = init.orthogonal_(minnet.empty(shape), gain=0.7, generator=generator)
    torch.manual_seed(5)
    expected = torch.nn.init.orthogonal_(torch.empty(shape), gain=0.7)
    np.testing.assert_allclose(w.numpy(), expected.numpy(), rtol=0, atol=1e-5)


def test_it_takes_one_draw_of_normals_with_the_shorter_side_first():
    generator, expected = minnet.Generator(seed=3), minnet.Generator(seed=3)
    w = init.orthogonal_(minnet.empty(1, 6), generator=generator).numpy()
    normals = np.empty((1, 6), np.float32)
    expected.normal(normals)
    np.testing.assert_allclose(w, normals / np.linalg.norm(normals), rtol=1e-6)
    assert generator.draw == expected.draw == 1


def test_a_tall_matrix_is_a_wide_one_transposed():
    wide = init.orthogonal_(minnet.empty(5, 9), generator=minnet.Generator(seed=1)).numpy()
    tall = init.orthogonal_(minnet.empty(9, 5), generator=minnet.Generator(seed=1)).numpy()
    np.testing.assert_array_equal(tall, wide.T)


@pytest.mark.parametrize("shape", [(40, 15), (15, 40), (30, 30)])
def test_half_precision_is_single_precision_rounded_once(shape):
    half = init.orthogonal_(np.empty(shape, np.float16), 2, generator=minnet.Generator(seed=1))
    single = init.orthogonal_(np.empty(shape, np.float32), 2, generator=minnet.Generator(seed=1))
    np.testing.assert_array_equal(half, single.astype(np.float16))


def test_bfloat16_is_single_precision_rounded_once():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    half = init.orthogonal_(
        np.empty((9, 5), ml_dtypes.bfloat16), generator=minnet.Generator(seed=1)
    )
    single = init.orthogonal_(np.empty((9, 5), np.float32), generator=minnet.Generator(seed=1))
    np.testing.assert_array_equal(half, single.astype(ml_dtypes.bfloat16))


def test_a_gain_may_be_any_number():
    expected = init.orthogonal_(np.empty((3, 4), np.float32), 0.3, minnet.Generator(seed=1))
    for gain in (np.float64(0.3), np.array(0.3), minnet.tensor(0.3, dtype=minnet.float64)):
        w = init.orthogonal_(np.empty((3, 4), np.float32), gain, minnet.Generator(seed=1))
        np.testing.assert_array_equal(w, expected)


@pytest.mark.parametrize("order", ["F", "strided"])
def test_any_strides(order):
    expected = init.orthogonal_(np.empty((6, 4, 2)), generator=minnet.Generator(seed=1))
    array = np.empty((6, 4, 2), order="F") if order == "F" else np.empty((12, 8, 2))[::2, ::-2]
    assert init.orthogonal_(array, generator=minnet.Generator(seed=1)) is array
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("gain", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        (np.tanh, np.tanh),
        (minnet.nn.GELU(), lambda x: minnet.nn.functional.gelu(minnet.from_numpy(x)).numpy()),
    ],
    ids=["name", "function", "module"],
)
def test_the_critical_gain_of_an_activation_keeps_the_second_moment(gain, function):
    y = np.random.default_rng(0).normal(size=(200, 400))
    for _ in range(3):
        w = init.orthogonal_(np.empty((400, 400)), gain)
        y = function(y) @ w.T
    assert (y**2).mean() == pytest.approx(1, abs=0.15)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    # Each entry of a uniform 3 x 3 orthogonal matrix is uniform on [-1, 1] (Archimedes), and the
    # two signs of the determinant are equally likely. Without the sign fix neither holds.
    draws = np.stack([init.orthogonal_(minnet.empty(3, 3)).numpy() for _ in range(2000)])
    for i, j in np.ndindex(3, 3):
        assert stats.kstest(draws[:, i, j], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    positive = int((np.linalg.det(draws) > 0).sum())
    assert stats.binomtest(positive, len(draws)).pvalue > 1e-3


def test_orthogonal_keeps_the_norm_of_what_passes_through_a_deep_stack():
    x = np.random.default_rng(0).normal(size=50)
    y = x
    for _ in range(50):
        y = init.orthogonal_(minnet.empty(50, 50, dtype=minnet.float64)).numpy() @ y
    assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x), rel=1e-12)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_orthogonal_needs_two_dimensions(shape):
    tensor = minnet.ones(shape)
    with pytest.raises(ValueError) as error:
        init.orthogonal_(tensor)
    assert str(error.value) == "Only tensors with 2 or more dimensions are supported"
    np.testing.assert_array_equal(tensor.numpy(), 1)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_orthogonal_of_no_elements_does_nothing(shape):
    tensor = minnet.empty(shape)
    assert init.orthogonal_(tensor) is tensor


# delta_orthogonal_


@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 5, 3, 3), (8, 3, 1, 2, 5), (4, 2, 4)])
@pytest.mark.parametrize("gain", [1, 0.5, "relu"])
def test_delta_orthogonal_is_orthogonal_at_the_middle_and_zero_around(shape, gain):
    w = init.delta_orthogonal_(np.full(shape, 7.0), gain)
    middle = (slice(None), slice(None), *(k // 2 for k in shape[2:]))
    square = (math.sqrt(2) if gain == "relu" else gain) ** 2
    gram = w[middle].T @ w[middle]
    np.testing.assert_allclose(gram, square * np.eye(shape[1]), rtol=0, atol=1e-13)
    assert np.count_nonzero(w) == w[middle].size


def circular_convolution(x, weight):
    """x (in, n) with weight (out, in, k), stride 1, index k // 2 in place."""
    size = weight.shape[2]
    return sum(weight[:, :, i] @ np.roll(x, size // 2 - i, axis=1) for i in range(size))


def test_a_deep_convolutional_network_with_delta_orthogonal_keeps_norms_exactly():
    x = np.random.default_rng(0).normal(size=(8, 20))
    y, z = x, x
    for _ in range(50):
        y = circular_convolution(y, init.delta_orthogonal_(np.empty((8, 8, 3))))
        z = circular_convolution(z, init.orthogonal_(np.empty((8, 8, 3))))
    assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x), rel=1e-12)
    assert not np.linalg.norm(z) == pytest.approx(np.linalg.norm(x), rel=0.1)


def test_delta_orthogonal_is_uniform():
    draws = np.stack([init.delta_orthogonal_(np.empty((3, 2, 3)))[:, :, 1] for _ in range(1500)])
    for i, j in np.ndindex(3, 2):  # uniform on [-1, 1], as a coordinate on a sphere
        assert stats.kstest(draws[:, i, j], stats.uniform(-1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((4, 4), "3, 4, or 5 dimensions"),
        ((4, 4, 1, 1, 1, 1), "3, 4, or 5 dimensions"),
        ((3, 4, 3), r"at most as many inputs as outputs, got .* shape \(3, 4, 3\)"),
    ],
)
def test_delta_orthogonal_refuses_shapes_it_cannot_fill(shape, text):
    w = np.full(shape, 7.0)
    with pytest.raises(ValueError, match=text):
        init.delta_orthogonal_(w)
    np.testing.assert_array_equal(w, 7)


def test_delta_orthogonal_is_jaxs_but_for_the_draw():
    jax = pytest.importorskip("jax")
    theirs = np.asarray(jax.nn.initializers.delta_orthogonal()(jax.random.key(0), (3, 3, 4, 6)))
    ours = init.delta_orthogonal_(np.empty((6, 4, 3, 3)))
    np.testing.assert_array_equal(ours != 0, theirs.transpose(3, 2, 0, 1) != 0)
