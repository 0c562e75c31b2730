"""Functions of tensors against torch: values, dtypes, shapes, gradients and refusals.

Each line is a program of one expression. `x` is a matrix of floats, `i` one of whole numbers, `v`
a vector, `c` a stack of positive-definite matrices; `n` has NaN in it.
"""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest

import minnet
from minnet import linalg

CALLS = """
L.sinh(x) | L.cosh(i) | x.tan() | L.asin(x / 9) | L.arccos(x / 9) | L.atan2(x, x.flip(0))
L.asinh(x) | L.acosh(x.abs() + 1) | L.atanh(x / 9) | L.log2(i) | L.log10(x.abs()) | L.exp2(x)
L.erfc(x) | L.erfinv(x / 9) | L.lgamma(x) | L.digamma(x) | L.polygamma(2, x.abs()) | L.sinc(i)
L.logit(x.abs() / 9) | L.logaddexp(x, x * 2) | L.logaddexp2(x, v) | L.xlogy(i, x.abs())
L.xlogy(x, 2) | L.hypot(x, v) | L.logaddexp(v * L.inf, v * L.inf) | L.fmod(i, 3) | L.fmod(x, v)
L.fmax(x, n) | L.fmin(n, x) | L.frac(x) | L.copysign(x, v) | L.heaviside(x, v) | L.nextafter(x, v)
L.nan_to_num(n, posinf=7.) | L.signbit(x) | L.isposinf(x / 0) | L.isneginf(x / 0) | L.gcd(i, i.t())
L.lcm(i, i + 1) | i << 2 | i >> 1 | L.lerp(x, x * 2, 0.3) | L.lerp(x, x * 2, v)
L.addcmul(x, x, v, value=.5) | x.addcdiv(x, v, value=2) | L.addcdiv(i, i, i) | L.clamp_min(x, 0)
x.clamp_max(v) | L.ldexp(x, i) | L.float_power(i, 2) | L.sgn(x) | x.clone().lerp_(x * 2, .3)
x.clone().fmod_(2) | i.clone().sinh_() | x.clone().addcmul_(x, x)
L.meshgrid(v, v * 2, indexing='ij') | L.meshgrid(v, v[:2], indexing='xy') | L.meshgrid([v, x])
L.roll(x, 1) | L.roll(x, (1, -1), (0, 1)) | L.roll(x, 1, (0, 1)) | L.rot90(x, 3) | x.fliplr()
L.flipud(v) | L.movedim(c, 0, -1) | L.moveaxis(c, (0, 1), (1, 2)) | L.tile(v, (2, 2)) | x.ravel()
L.atleast_2d(v, x) | L.repeat_interleave(x, 2) | x.repeat_interleave(L.tensor([1, 0, 2]), 1)
L.repeat_interleave(i[0]) | L.hstack([v, v]) | L.vstack((v, x)) | L.dstack((v, v))
L.column_stack((v, v)) | L.hstack([]) | L.tensor_split(v, 2) | x.tensor_split((1, 2), 1)
x.hsplit(3) | L.vsplit(x, 4) | v.tensor_split(0) | x.diagonal(1) | L.diag_embed(x, 1)
L.diagflat(x) | L.trace(x) | L.trace(v) | L.block_diag(x, v) | L.zeros(3, 3).fill_diagonal_(2)
L.zeros(5, 2).fill_diagonal_(2, wrap=True) | v.unfold(0, 2, 1) | L.combinations(v, 2)
L.cartesian_prod(v, v) | L.tril_indices(3, 2, -1) | L.broadcast_shapes((2, 1), 3) | x.clone().t_()
x.clone().transpose_(0, 1) | x.clone().unsqueeze_(0) | x[None].clone().squeeze_(0)
x.clone().resize_(4) | x.sum_to_size(1, 3) | L.zeros(3, 3).scatter(1, i, 2.)
L.scatter(x, 1, i, x) | L.scatter_add(x, 1, i, x) | x.scatter_reduce(1, i, x, 'amax')
x.scatter_reduce(1, i, x, 'mean') | x.clone().scatter_(0, i[:1], 5.)
x.scatter(1, i, x, reduce='add') | x.scatter(1, i + 9, x) | x.index_add(0, i[0], L.ones(3, 3))
x.index_copy(1, i[0], x[:, :3]) | x.index_fill(1, i[0], -1.)
x.clone().index_put_((i[0], i[1]), v, accumulate=True) | x.index_put((i[0], i[1]), v)
L.take(x, i) | L.take_along_dim(x, i, 1) | x.masked_scatter(x > 0, x)
L.select_scatter(x, v, 0, 1) | L.argwhere(x > 0) | L.isin(i, L.tensor([0, 2]))
L.searchsorted(v.sort()[0], x) | L.bucketize(x, v.sort()[0], right=True) | L.nansum(n)
L.nanmean(n, 1) | n.median() | n.nanmedian(1) | x.median(1, True) | x.kthvalue(2, 0) | i.mode()
L.quantile(x, .3) | x.quantile(v[:2].abs() / 9, 1, True) | L.nanquantile(n, .5, 0) | x.cummax(1)
n.cummin(0) | x.quantile(.4, 1, interpolation='nearest') | x.cumprod(1) | L.diff(x, 2)
L.trapezoid(x, v) | L.msort(x) | L.unique(i, return_inverse=True, return_counts=True)
i.unique(dim=0) | i.flatten().unique_consecutive() | L.bincount(i[0], v.abs(), 5)
L.bincount(-i[1]) | L.histc(x, 4) | L.histc(x, 3, -1, 1) | L.histogram(v, 3) | L.var_mean(x, 1)
L.std_mean(x) | L.cov(x) | L.corrcoef(x) | L.cdist(x, x * 2) | L.cdist(x, v[None], 1.)
L.dist(x, v) | x.norm(3) | x.norm(-1, 1) | x.norm(0) | L.aminmax(x, dim=0) | x.renorm(2, 0, 1.)
L.einsum('ij,kj->ik', x, x) | L.einsum('...i->...', c) | L.einsum('bii->bi', c)
L.einsum('ij,jk', x, c[0]) | L.tensordot(x, c[0], 1) | L.tensordot(x, x, ([0, 1], [0, 1]))
L.inner(x, v) | L.kron(v, x) | L.mv(x, v) | L.cross(x, v[None]) | L.addmv(x[:, 0], x, v, beta=2)
L.addr(x, x[:, 0], v) | L.ger(v, v) | L.vdot(v, v) | L.baddbmm(c, c, c, beta=.5)
L.addbmm(c[0], c, c) | L.chain_matmul(x, c[0], c[1]) | L.einsum('ij', v) | L.linalg.norm(x)
L.linalg.norm(x, 1) | L.linalg.matrix_norm(c, 'nuc') | L.linalg.vector_norm(x, 3, 1)
L.linalg.inv(c) | L.linalg.det(c) | L.slogdet(c) | L.logdet(c) | L.linalg.cholesky(c, upper=True)
L.linalg.solve(c, v) | L.linalg.solve(c[0], x.t()) | L.linalg.solve(c, x, left=False)
L.inverse(x) | L.linalg.pinv(x) | L.linalg.matrix_rank(c) | L.linalg.eigvalsh(c)
L.linalg.svdvals(x) | L.linalg.inv(c * 0) | L.linalg.qr(x).R.abs()
L.linalg.lstsq(x, x[:, :1]).solution | L.linalg.multi_dot([x, c[0], v]) | L.linalg.cond(c)
L.matrix_power(c, -2) | L.linalg.matrix_power(i, 1) | L.cholesky_solve(x.t(), c[0])
L.linalg.vecdot(x, v) | L.logspace(0, 2, 5) | L.scalar_tensor(3) | L.vander(v, 3)
L.unravel_index(i, (4, 4)) | L.hann_window(5) | L.is_tensor(x) | L.is_signed(i) | L.is_nonzero(x)
x.is_same_size(v) | x.char() | x.new([1]) | x.short() | L.asarray([1.5]) | v[1:].storage_offset()
L.hamming_window(6, False) | L.finfo().eps | L.iinfo(L.uint8).max
""".replace("\n", " | ").split(" | ")


def variables(L, grad):
    rng = np.random.default_rng(3)
    x = L.tensor(rng.normal(0, 3, (4, 3)), requires_grad=grad)
    a = rng.normal(0, 1, (2, 3, 3))
    n = rng.normal(0, 1, (4, 3))
    n[1, 2] = n[3, 0] = math.nan
    return {
        "L": L, "x": x, "v": L.tensor([0.7, -1.2, 2.1], dtype=L.float64, requires_grad=grad),
        "i": L.tensor([[1, 0, 2], [0, 2, 1], [2, 2, 0], [1, 1, 1]]), "n": L.tensor(n),
        "c": L.tensor(a @ a.transpose(0, 2, 1) + np.eye(3), requires_grad=grad),
    }  # fmt: skip


def plain(r):
    if type(r).__name__ == "Size":
        return tuple(r)
    if isinstance(r, tuple | list):
        return [plain(y) for y in r]
    if hasattr(r, "detach"):
        return str(r.dtype), tuple(r.shape), np.array(r.detach().tolist()).ravel()
    return str(r)


def outcome(call, L, grad=False):
    """Return what an expression gives, and the gradients for `x`, `v`, `c`; or what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = variables(L, grad)
            found = eval(call, dict(given))
        except Exception as error:
            kinds = (IndexError, TypeError, ValueError, RuntimeError)
            return next((k.__name__ for k in kinds if isinstance(error, k)), repr(error))
        results = found if isinstance(found, tuple | list) else [found]
        sums = [(y * y.detach().cos()).sum() for y in results if getattr(y, "requires_grad", False)]
        if not sums:
            return plain(found)
        leaves = [given[k] for k in "xvc"]
        slopes = L.autograd.grad(sum(sums), leaves, allow_unused=True)
    return plain(found), [None if g is None else plain(g) for g in slopes]


def assert_same(got, want):
    if isinstance(want, tuple | list) and isinstance(got, tuple | list):
        assert len(got) == len(want)
        for a, b in zip(got, want, strict=True):
            assert_same(a, b)
    elif isinstance(want, np.ndarray):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)
    elif want is None and isinstance(got, tuple):  # no gradient, or one of zeros
        assert not got[2].any()
    else:
        assert got == want


@pytest.mark.parametrize("call", [c for c in CALLS if c])
def test_values_and_refusals_are_torchs(call):
    torch = pytest.importorskip("torch")
    assert_same(outcome(call, minnet), outcome(call, torch))


# No gradients, or in torch none, or others: of the half of a factor that is not read, say.
NO_GRADIENT = (
    "_(", "i.", "i,", "i)", "histog", "msort", "nextafter", "is_", ".is", "linalg.cond",
    "heaviside", "sgn", "bincount", "cholesky_solve", "vander",
)  # fmt: skip


@pytest.mark.parametrize("call", [c for c in CALLS if c and not any(n in c for n in NO_GRADIENT)])
def test_gradients_are_torchs(call):
    torch = pytest.importorskip("torch")
    assert_same(outcome(call, minnet, True), outcome(call, torch, True))


DRAWS = """
L.normal(L.arange(5.), 2.) | L.normal(1.5, L.arange(20.)) | L.normal(L.zeros(3, 1), L.arange(37.))
L.normal(0., 2., (3, 7)) | L.normal(mean=0.5, std=L.ones(17)) | L.multinomial(L.arange(9.), 1)
L.multinomial(L.arange(9.) + 1, 4) | L.multinomial(L.rand(5, 9), 7, True) | L.empty(9).cauchy_()
L.multinomial(L.rand(3, 4).double(), 9, replacement=True) | L.empty(9).log_normal_()
L.empty(9).geometric_(0.3) | L.randint_like(L.ones(9), 3, 17) | L.empty(3, 5).exponential_(2)
""".replace("\n", " | ").split(" | ")


@pytest.mark.parametrize("call", [c for c in DRAWS if c])
def test_draws_with_the_torch_engine_are_torchs(call):
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    want = eval(call, {"L": torch})
    with minnet.random.fork_rng():
        minnet.manual_seed(3, engine="torch")
        got = eval(call, {"L": minnet})
    assert str(got.dtype) == str(want.dtype)
    np.testing.assert_array_equal(got.numpy(), want.numpy())


@pytest.mark.parametrize("engine", ["philox", "torch"])
def test_draws_have_the_distribution(engine):
    g = minnet.Generator(seed=1, engine=engine)
    x = minnet.normal(minnet.full((20000,), 3.0), 0.5, generator=g)
    assert abs(x.mean() - 3) < 0.02 and abs(x.std() - 0.5) < 0.02
    weights = minnet.tensor([1.0, 0.0, 3.0])
    for drawn in (
        minnet.multinomial(weights, 20000, True, generator=g),
        minnet.multinomial(weights.expand(20000, 3), 1, generator=g).ravel(),
    ):
        share = minnet.bincount(drawn, minlength=3) / 20000
        assert (share - minnet.tensor([0.25, 0.0, 0.75])).abs().max() < 0.02
    assert sorted(minnet.multinomial(weights, 2, generator=g).tolist()) == [0, 2]
    counts = minnet.poisson(minnet.full((5000,), 2.5), generator=g)
    assert abs(counts.mean() - 2.5) < 0.1 and abs(counts.var() - 2.5) < 0.2


def test_known_values_without_torch():
    close = np.testing.assert_allclose
    x = minnet.tensor([0.5, 2.0], dtype=minnet.float64)
    close(minnet.lgamma(x), [math.lgamma(0.5), math.lgamma(2.0)], rtol=1e-14)
    close(minnet.digamma(x), [-1.9635100260214235, 0.42278433509846714], rtol=1e-14)
    close(minnet.polygamma(1, x), [math.pi**2 / 2, math.pi**2 / 6 - 1], rtol=1e-14)
    y = minnet.linspace(-0.999, 0.999, 401, dtype=minnet.float64)
    close(minnet.erf(minnet.erfinv(y)), y, rtol=1e-13)
    assert minnet.log2(minnet.tensor([8.0])).item() == 3 and minnet.log10(x * 500)[1].item() == 3
    a = minnet.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=minnet.float64)
    close(linalg.inv(a), [[0.6, -0.2], [-0.2, 0.4]], rtol=1e-14)
    close(linalg.det(a).item(), 5, rtol=1e-14)
    close(linalg.cholesky(a) @ linalg.cholesky(a).mT, a, rtol=1e-14)
    with pytest.raises(linalg.LinAlgError, match=r"linalg\.inv: .*ingular"):
        linalg.inv(minnet.zeros(2, 2))


def test_draws_refuse_what_they_cannot_draw():
    with pytest.raises(RuntimeError, match="std >= 0"):
        minnet.normal(minnet.zeros(2), minnet.tensor([1.0, -1.0]))
    with pytest.raises(TypeError, match="or a size"):
        minnet.normal(0.0, 1.0)
    for weights, n, text in (
        ([1.0, -1.0], 1, "element < 0"), ([0.0, 0.0], 1, "sum of probabilities"),
        ([1.0, 2.0], 3, "without replacement"), ([1, 2], 1, "floating-point"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=text):
            minnet.multinomial(minnet.tensor(weights), n)


def test_a_tensor_changed_in_shape_keeps_its_history():
    x = minnet.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = x * 2
    y.t_().squeeze_(1).mul_(3)
    assert y.shape == (3,)
    (y * minnet.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[6.0, 12.0, 18.0]]
    with pytest.raises(RuntimeError, match="leaf"):
        x.t_()
    with pytest.raises(RuntimeError, match="cannot resize"):
        x.resize_(2)


def test_the_class_of_tensors_has_what_is_loaded_on_first_use():
    program = """
import minnet
assert hasattr(minnet.Tensor, "cosh") and not hasattr(minnet.Tensor, "no_such_name")
assert minnet.Tensor.cosh(minnet.zeros(1)).item() == 1
assert "logaddexp" in dir(minnet.Tensor) and {"meshgrid", "linalg"} <= set(dir(minnet))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("mean", [0.3, 9.9, 10.0, 37.5, 1e4])
def test_poisson_counts_have_their_distribution(mean):
    stats = pytest.importorskip("scipy.stats")
    g = minnet.Generator(seed=3)
    counts = minnet.poisson(minnet.full((20000,), mean, dtype=minnet.float64), generator=g).numpy()
    law = stats.poisson(mean)
    edges = np.unique(law.ppf(np.linspace(0, 1, 12)[1:-1]))
    cells = np.searchsorted(edges, counts)  # how many lie in each of the cells (below, up to, …]
    chances = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    found = np.bincount(cells, minlength=len(edges) + 1)
    assert stats.chisquare(found, chances * counts.size).pvalue > 1e-4


def test_poisson_of_a_huge_mean_ends():
    found = minnet.poisson(minnet.tensor([1e30, float("inf"), 0.0])).tolist()
    assert found == [pytest.approx(1e30), float("inf"), 0.0]


def test_the_angle_of_the_origin_has_no_slope():
    z = minnet.zeros(2, requires_grad=True)
    (slope,) = minnet.autograd.grad(minnet.atan2(z[0], z[1]), z, create_graph=True)
    assert slope.tolist() == [0.0, 0.0]


def test_a_number_at_indices_fits_its_dtype():
    i = minnet.tensor([0])
    with pytest.raises(RuntimeError, match="without overflow"):
        minnet.zeros(2).scatter(0, i, 1e39)
    assert minnet.zeros(2, dtype=minnet.uint8).scatter(0, i, -1).tolist() == [255, 0]
    assert minnet.zeros(2).scatter(0, i, minnet.tensor(1.5)).tolist() == [1.5, 0.0]


@pytest.mark.parametrize("exponent", [-1, 300])
def test_an_exponent_that_bytes_have_not_is_refused(exponent):
    with pytest.raises(RuntimeError):
        minnet.tensor([2], dtype=minnet.uint8) ** exponent
