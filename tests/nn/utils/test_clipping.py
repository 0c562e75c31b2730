"""Gradients are clipped as torch clips them."""

import math

import numpy as np
import pytest

import minnet
from minnet.nn import utils

ORDERS = [2, 1, math.inf, -math.inf, 0, 3, 0.5, "inf"]


def parameters(library, scale=1.0):
    rng = np.random.default_rng(0)
    made = [library.nn.Parameter(library.zeros(shape)) for shape in ((3, 4), (5,), (2,), ())]
    for p in (made[0], made[1], made[3]):  # one has none
        values = scale * rng.standard_normal(tuple(p.shape))
        p.grad = library.tensor(np.asarray(values, np.float32))
    return made


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("most", [0.1, 100.0])
def test_norms_are_torchs(order, most):
    torch = pytest.importorskip("torch")
    ours, theirs = parameters(minnet), parameters(torch)
    a = utils.clip_grad_norm_(iter(ours), most, order)
    b = torch.nn.utils.clip_grad_norm_(iter(theirs), most, order)
    np.testing.assert_allclose(a.item(), b.item(), rtol=1e-6)
    assert a.dtype is minnet.float32 and a.shape == () and not a.requires_grad
    for p, q in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-6)


def test_clipped_gradients_have_the_norm_and_small_ones_stay():
    made = parameters(minnet, 10.0)
    before = [p.grad for p in made]
    total = utils.clip_grad_norm_(made, 1.5)
    gradients = [p.grad for p in made if p.grad is not None]
    np.testing.assert_allclose(utils.get_total_norm(gradients).item(), 1.5, rtol=1e-5)
    assert total.item() > 1.5 and all(p.grad is g for p, g in zip(made, before, strict=True))
    kept = [g.tolist() for g in gradients]
    utils.clip_grad_norm_(made, 2.0)
    assert [g.tolist() for g in gradients] == kept
    (p, *_), one = made, made[0].grad.clone()
    utils.clip_grad_norm_(p, 1e-3)
    np.testing.assert_allclose(p.grad.norm().item(), 1e-3, rtol=1e-3)
    assert one.norm() > 1e-3
    utils.clip_grads_with_norm_(made, 1.0, minnet.tensor(4.0))
    np.testing.assert_allclose(p.grad.norm().item(), 0.25e-3, rtol=1e-3)


def test_values_are_clipped():
    made = parameters(minnet, 3.0)
    before = [None if p.grad is None else p.grad.numpy().copy() for p in made]
    utils.clip_grad_value_(made, 1.25)
    for p, g in zip(made, before, strict=True):
        if g is not None:
            np.testing.assert_array_equal(p.grad.numpy(), g.clip(-1.25, 1.25))
    utils.clip_grad_value_(made[0], 0.5, foreach=True)
    assert abs(made[0].grad.numpy()).max() == 0.5


def test_norms_that_are_not_finite_are_refused_if_wished():
    for bad in (math.nan, math.inf):
        made = parameters(minnet)
        made[1].grad[2] = bad
        before = made[0].grad.tolist()
        with pytest.raises(RuntimeError, match=r"norm of order 2\.0 .* is non-finite"):
            utils.clip_grad_norm_(made, 1.0, error_if_nonfinite=True)
        assert made[0].grad.tolist() == before
        assert not math.isfinite(utils.clip_grad_norm_(made, 1.0).item())
        expected = 0.0 if bad == math.inf else math.nan
        np.testing.assert_array_equal(made[0].grad.numpy(), np.full((3, 4), expected))


def test_nothing_to_clip_is_a_norm_of_zero():
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    assert utils.clip_grad_norm_(parameters(minnet)[2], 1.0).item() == 0
    assert utils.get_total_norm([]).item() == 0
    with pytest.warns(UserWarning, match="is an empty generator"):
        utils.clip_grad_norm_((p for p in ()), 1.0)


@pytest.mark.parametrize(
    "clip", [lambda p: utils.clip_grad_norm_(p, 0.1), lambda p: utils.clip_grad_value_(p, 0.1)]
)
def test_a_gradient_in_read_only_memory_is_refused_before_any_has_changed(clip):
    made = parameters(minnet)
    made[1].grad.array.flags.writeable = False
    before = made[0].grad.tolist()
    with pytest.raises(RuntimeError, match="read-only"):
        clip(made)
    assert made[0].grad.tolist() == before


def test_a_graph_notices_that_its_gradient_was_clipped():
    p = minnet.nn.Parameter(minnet.ones(2))
    (p**2).sum().backward()
    square = (p.grad.requires_grad_() ** 2).sum()
    p.grad.requires_grad_(True)
    utils.clip_grad_norm_(p, 0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.backward()
