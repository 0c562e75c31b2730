"""Reductions and order, against torch's answers and for minnet's own promises."""

import mpmath
import numpy as np
import pytest
from gradcheck import check_gradient
from naive import reduce as naive
from oracle import check, table

import minnet


@table("reduce")
def test_known_answers(library, program, known):
    check(library, program, known)


@pytest.mark.parametrize("name", ["max", "min", "sort", "topk"])
def test_named_results_print_as_torchs(name):
    x = minnet.tensor([3.0])
    result = getattr(x, name)(1) if name == "topk" else getattr(x, name)(0)
    inside = "[3.]", "[0]"
    values, indices = inside if name in ("sort", "topk") else ("3.", "0")
    assert repr(result) == (
        f"torch.return_types.{name}(\nvalues=tensor({values}),\nindices=tensor({indices}))"
    )


@pytest.mark.parametrize("n", [2, 8, 16, 64, 257])
def test_the_first_of_the_two_zeros_is_the_extreme(n):
    """NumPy's maximum takes one or the other by the width of its vectors."""
    a = np.zeros(n, np.float32)
    a[1:] = -0.0
    x = minnet.tensor(a)
    for got in (x.max(), x.min(), x.amax(0), x.amin(), x.max(0).values, x.min(0)[0]):
        assert not np.signbit(got.numpy())
    for got in ((-x).max(), (-x).min(), (-x).amax(0), (-x).amin(), (-x).max(0)[0]):
        assert np.signbit(got.numpy())


def test_a_float32_sum_is_rounded_once():
    a = np.array([1e8, 1.0, -1e8, 1.0] * 100, np.float32)
    assert minnet.tensor(a).sum().item() == 200.0
    assert minnet.tensor(a).mean().item() == 0.5


@pytest.mark.parametrize("name", ["var", "std"])
def test_too_few_elements_for_a_variance_warn(name):
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert getattr(minnet.ones(1), name)().isnan()
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert getattr(minnet.ones(3, 1), name)(1).isnan().all()


def test_a_norm_neither_overflows_nor_vanishes():
    assert minnet.tensor([3e30, 4e30]).norm().item() == np.float32(5e30)
    assert minnet.tensor([3e-30, 4e-30]).norm().item() == np.float32(5e-30)


def test_norms_that_minnet_lacks_say_so():
    with pytest.raises(NotImplementedError, match="no nuclear norm"):
        minnet.ones(2).norm("nuc")
    with pytest.raises(RuntimeError, match="Order abc not supported"):
        minnet.ones(2).norm("abc")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0, 1, 2, 3, 0.5, 1.5, -1, -2, float("inf"), -float("inf")])
def test_norms_of_any_order_are_torchs(p, dtype):
    torch = pytest.importorskip("torch")
    inf, nan = float("inf"), float("nan")
    for data in ([3, -4, 0], [0, 0], [2, -2, 1], [inf, 1], [nan, 1], [1e3, 1e-3, -5], [[1, 2], []]):
        data = np.array(data[0] if isinstance(data[0], list) else data, dtype)
        theirs, ours = torch.tensor(data).requires_grad_(), minnet.tensor(data).requires_grad_()
        for y in (theirs.norm(p), ours.norm(p)):
            y.backward()
        np.testing.assert_allclose(ours.norm(p).item(), theirs.norm(p).item(), rtol=1e-6)
        assert (ours.grad is None) == (theirs.grad is None)
        if ours.grad is not None:
            np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-5)
    for shape, dim in (((0,), None), ((3, 0), 0), ((3, 0), 1), ((0, 3), (0, 1))):
        answers = []
        for library in (torch, minnet):
            try:
                answers.append(library.zeros(shape).norm(p, dim).tolist())
            except RuntimeError as error:
                answers.append(str(error)[:45])
        assert answers[0] == answers[1]


def spread(dtype):
    """Yield samples far from 0 and of all sizes that a dtype has."""
    rng = np.random.default_rng(6)
    limits = np.finfo(dtype)
    for offset in (0, 1, 1e6, -1e8, 1e14):
        for scale in (1, 1e-3, 1e30, 1e-30, 1e-38, 1e200, 1e-200, 1e-300, 1e290):
            if float(limits.tiny) < scale and scale * max(abs(offset), 1) < float(limits.max) / 100:
                x = ((rng.standard_normal(40) + offset) * scale).astype(dtype)
                if len(np.unique(x)) > 1:
                    yield x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variances_and_their_gradients_are_accurate_at_any_offset_and_scale(dtype):
    limits = np.finfo(dtype)
    for a in spread(dtype):
        with mpmath.workprec(300):
            numbers, free = [mpmath.mpf(float(v)) for v in a], a.size - 1
            far = [v - sum(numbers) / a.size for v in numbers]
            variance = sum(v * v for v in far) / free
            root = mpmath.sqrt(variance)
            for name, value, slope in (("var", variance, 2), ("std", root, 1 / root)):
                x = minnet.tensor(a).requires_grad_()
                y = getattr(x, name)()
                y.backward()
                if value > float(limits.max):
                    assert y.item() == np.inf
                elif value > float(limits.tiny):
                    assert abs(y.item() / value - 1) < 2 * limits.eps
                expected = [slope * v / free for v in far]
                largest = max(map(abs, expected))
                for got, e in zip(x.grad.tolist(), expected, strict=True):
                    assert abs(got - e) < 2 * limits.eps * largest + limits.tiny


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [2, 3, 0.5, -1, 100])
def test_norms_neither_overflow_nor_vanish(p, dtype):
    for scale in (1, 1e30, 1e-30, 1e200, 1e-200, 1e300, 1e-300):
        if float(np.finfo(dtype).tiny) < scale < float(np.finfo(dtype).max):
            a = (np.array([3, -4, 2, 1]) * scale).astype(dtype)
            expected = (np.abs(a.astype(np.float64) / scale) ** p).sum() ** (1 / p) * scale
            np.testing.assert_allclose(minnet.tensor(a).norm(p).item(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "mean", "norm"])
def test_a_reduction_heeds_its_dtype_as_torch(name):
    torch = pytest.importorskip("torch")
    names = "uint8 int8 int32 int64 float32 float64 bool".split()
    for source in names:
        for wanted in names:
            answers = []
            for library in (torch, minnet):
                x = library.tensor([1.5, 200, 77]).to(getattr(library, source))
                dim = (0,) if name == "cumsum" else ()
                try:
                    y = getattr(x, name)(*dim, dtype=getattr(library, wanted))
                    answers.append((str(y.dtype), y.tolist()))
                except RuntimeError as error:
                    answers.append((type(error), str(error)[:40]))
            assert answers[0] == answers[1], (source, wanted)


def test_a_gradient_through_a_wider_dtype_is_computed_in_it():
    x = minnet.tensor([1e30, 1e30, 1e-30, 1e-30], requires_grad=True)
    y = x.prod(dtype=minnet.float64)
    y.backward()
    assert y.dtype is minnet.float64
    np.testing.assert_allclose(x.grad.numpy(), [1e-30, 1e-30, 1e30, 1e30], rtol=1e-6)


@pytest.mark.parametrize("axes", [0, 2, (0, 1), (0, 2), (1, 2), (0, 1, 2), (-1, -3)])
def test_extremes_over_several_dims_are_numpys(axes):
    a = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x = minnet.tensor(a)
    for keep in (False, True):
        np.testing.assert_array_equal(x.amax(axes, keep).numpy(), a.max(axes, keepdims=keep))
        np.testing.assert_array_equal(x.amin(axes, keep).numpy(), a.min(axes, keepdims=keep))


SMALL = np.array([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("shape", [(2, 5, 1), (3, 64, 1), (2, 201, 1), (2, 9, 4), (1, 200, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.bool_])
def test_extremes_take_the_first_place_and_a_nan_before_all(dtype, shape, largest):
    rng = np.random.default_rng(2)
    for few in (2, 4, 5, 7):  # with ties, with and without NaN
        a = rng.choice(SMALL[:few], shape)
        if np.dtype(dtype).kind != "f":
            a = rng.random(shape) * 3
        x = minnet.tensor(a.astype(dtype))
        values, indices = (x.max if largest else x.min)(1)
        expected, places = naive.extreme(x.numpy(), largest)
        np.testing.assert_array_equal(indices.numpy(), places)
        np.testing.assert_array_equal(values.numpy(), expected)
        if x.is_floating_point():
            np.testing.assert_array_equal(np.signbit(values.numpy()), np.signbit(expected))
        where = (x.argmax if largest else x.argmin)(1, keepdim=True)
        np.testing.assert_array_equal(where.numpy(), places[:, None])


def test_the_extreme_of_nothing_is_an_error():
    with pytest.raises(RuntimeError, match=r"max\(\): Expected reduction dim to be specified"):
        minnet.zeros(0).max()
    with pytest.raises(IndexError, match="Expected reduction dim 1 to have non-zero size"):
        minnet.zeros(3, 0).min(1)
    assert minnet.zeros(0, 3).max(1)[0].shape == (0,)


def test_a_product_has_the_same_bits_in_any_order_of_memory():
    x = minnet.rand(3, 4, 5, generator=minnet.Generator(seed=0)) + 0.5
    for order in ((0, 2, 1), (2, 0, 1), (2, 1, 0)):
        inverse = [order.index(d) for d in range(3)]
        assert x.permute(order).contiguous().permute(inverse).prod().item() == x.prod().item()


RNG = np.random.default_rng(3)
CUBES = RNG.permutation(24).reshape(2, 3, 4) * 0.1 - 1.23  # no two are equal
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [1.5, -2.0, 3.0]])
TWICE = {
    "sum": lambda x: (x * x).sum((0, 2)),
    "mean": lambda x: (x * x).mean(1, keepdim=True),
    "var": lambda x: x.var((0, 2), correction=0),
    "var all": lambda x: x.var(),
    "std": lambda x: x.std(1, keepdim=True),
    "std all": lambda x: x.std(),
    "max": lambda x: (x**3).max(1).values,
    "max all": lambda x: (x**3).max(),
    "min": lambda x: (x**3).min(0, keepdim=True)[0],
    "amax": lambda x: (x**3).amax((0, 2)),
    "amin": lambda x: (x**3).amin((1,), keepdim=True),
    "prod": lambda x: x.prod(1),
    "prod all": lambda x: (x + 2).prod(),
    "cumsum": lambda x: (x**3).cumsum(1),
    "norm": lambda x: x.norm(2, (0, 2)),
    "norm 1": lambda x: (x * x).norm(1, 1, keepdim=True),
    "norm inf": lambda x: (x * x).norm(float("inf"), 0),
    "norm -inf": lambda x: (x * x).norm(-float("inf"), 0),
    "norm 3": lambda x: x.norm(3, 1),
    "norm 1.5": lambda x: x.norm(1.5, (0, 2), keepdim=True),
    "norm -2": lambda x: x.norm(-2),
    "sort": lambda x: (x**3).sort(1, descending=True).values,
    "topk": lambda x: (x**3).topk(2, 0).values,
}


def slope(f):
    """Return the function that gives the gradient of `f`, itself a function of x and dy."""

    def gradient(x, dy):
        recorded = minnet.is_grad_enabled()
        with minnet.enable_grad():
            (g,) = minnet.autograd.grad(f(x.requires_grad_()), x, dy, create_graph=True)
        return g + 0 * x if recorded else g.detach()

    return gradient


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name):
    f, dy = TWICE[name], RNG.standard_normal(TWICE[name](minnet.tensor(CUBES)).shape)
    check_gradient(slope(f), CUBES, dy)


@pytest.mark.parametrize("over", [None, 0, 1])
def test_a_product_with_zeros_has_exact_derivatives_of_any_order(over):
    f = lambda x: x.prod() if over is None else x.prod(over)  # noqa: E731
    dy = RNG.standard_normal(f(minnet.tensor(ZEROS)).shape)
    check_gradient(slope(f), ZEROS, dy)
    twice = slope(lambda x: slope(f)(x, minnet.tensor(dy)))
    check_gradient(twice, ZEROS, RNG.standard_normal(ZEROS.shape))


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_recorded_gradient_has_the_same_bits(name, dtype):
    x = minnet.tensor(np.random.default_rng(4).standard_normal((2, 3, 4)).astype(dtype))
    x[0, :, 0] = x[1, 2, 1] = 0.0  # zeros, and ties
    y = TWICE[name](x.requires_grad_())
    dy = minnet.ones_like(y)
    (plain,) = minnet.autograd.grad(y, x, dy, retain_graph=True)
    (recorded,) = minnet.autograd.grad(y, x, dy, create_graph=True)
    assert plain.numpy().tobytes() == recorded.detach().numpy().tobytes()


@pytest.mark.parametrize("name", ["std", "norm"])
def test_where_a_root_is_zero_so_are_its_derivatives(name):
    x = minnet.zeros(3, requires_grad=True)
    (g,) = minnet.autograd.grad(getattr(x, name)(), x, create_graph=True)
    assert g.tolist() == [0.0] * 3
    assert minnet.autograd.grad((g + g * g).sum(), x)[0].tolist() == [0.0] * 3


def test_a_dtype_that_is_asked_for_overflows_in_silence():
    x = minnet.tensor([1e300], dtype=minnet.float64)
    assert x.sum(dtype=minnet.float32).isinf() and x.mean(dtype=minnet.float32).isinf()
