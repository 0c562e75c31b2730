"""What would be wrong in silence: memory that is shared, arguments that change, hooks that err."""

import gc
import weakref

import numpy as np
import pytest

import minnet
from minnet.autograd import Function, grad, graph


def leaf(values, dtype=None):
    return minnet.tensor(values, dtype=dtype, requires_grad=True)


def test_a_view_of_a_base_that_is_laid_out_otherwise():
    for change, expected in (
        (lambda v: v[0:2].zero_(), [[0, 0], [2, 2], [2, 2]]),
        (lambda v: v.mul_(3), [[6, 6]] * 3),
        (lambda v: v[1::2].copy_(minnet.ones(3)), [[2, 0], [2, 0], [2, 0]]),
    ):
        x = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        base = x.t() * 2  # in the order of columns
        change(base.t().view(-1))
        (g,) = grad(base.sum(), x, create_graph=True)
        assert g.tolist() == expected


class Twice(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(b)
        return a + b

    @staticmethod
    def backward(ctx, dy):
        dy = dy * 2
        return dy, dy


def test_each_leaf_owns_a_gradient_that_a_function_or_a_hook_gave():
    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    Twice.apply(a, b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [2, 2]
    x, mine, seen = leaf([1.0, 2.0]), minnet.tensor([5.0, 6.0]), []
    y = x * 3
    y.grad_fn.register_hook(lambda inputs, outputs: (mine, None))
    y.sum().backward()
    x.grad.zero_()
    assert mine.tolist() == [5, 6]
    z = x * 3
    z.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs[0]))
    x.grad = None
    z.sum().backward()
    x.grad.zero_()
    assert seen[0].tolist() == [3, 3]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, d: x.sum(d),
        lambda x, d: x.mean(d),
        lambda x, d: x.var(d),
        lambda x, d: x.norm(2, d),
        lambda x, d: x.amax(d),
        lambda x, d: x.logsumexp(d),
        lambda x, d: x.flip(d),
    ],
)
def test_a_list_may_change_afterwards(f):
    x, dims = leaf([[1.0, 2.0, 0.0], [3.0, 5.0, 1.0]]), [0]
    y = f(x, dims)
    dims[0] = 1
    v = minnet.rand(y.shape)
    (found,) = grad(y, x, v)
    (expected,) = grad(f(x, [0]), x, v)
    assert minnet.equal(found, expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, a: x * a,
        lambda x, a: x / a,
        lambda x, a: a / x,
        lambda x, a: x**a,
        lambda x, a: minnet.where(x > a, x * 2, x),
    ],
)
def test_an_array_may_change_afterwards(f):
    x, a = leaf([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
    y = f(x, a)
    (expected,) = grad(f(x, a), x, minnet.ones(2))
    a[:] = 1
    (found,) = grad(y, x, minnet.ones(2))
    assert minnet.equal(found, expected)


def test_a_stale_view_is_a_root():
    x = leaf([1.0, 2.0])
    base = x * 2
    view = base[0]
    base.mul_(3)
    view.backward(inputs=[x])
    assert x.grad.tolist() == [6, 0]


def test_hooks_that_return_something_else():
    def refused(register, error=RuntimeError, match="shape"):
        x = leaf([1.0, 2.0])
        y = x * 2
        register(x, y)
        with pytest.raises(error, match=match):
            y.sum().backward()
        assert x.grad is None

    refused(lambda x, y: x.register_hook(lambda g: g.double()))
    refused(lambda x, y: y.register_hook(lambda g: minnet.ones(3, 2)))
    refused(lambda x, y: y.register_hook(lambda g: 3))
    refused(lambda x, y: y.grad_fn.register_prehook(lambda gs: (minnet.ones(3, 2),)))
    refused(lambda x, y: y.grad_fn.register_prehook(lambda gs: gs[0]), TypeError, "expected tuple")
    refused(lambda x, y: y.grad_fn.register_hook(lambda i, o: (minnet.ones(3, 2), None)))
    refused(lambda x, y: y.grad_fn.register_hook(lambda i, o: ()), RuntimeError, "incorrect number")


def test_a_hook_may_register_a_hook():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    a, b = x.unbind()
    c = minnet.ones(2)
    a.register_hook(lambda g: b.register_hook(lambda g: None) and None)
    (a * c + b).sum().backward()
    assert x.grad.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sort(0)[0],
        lambda x: x.topk(2)[0],
        lambda x: x.max(0)[0],
    ],
)
def test_a_node_that_keeps_constants_is_freed(f):
    y = f(leaf([3.0, 1.0, 2.0])).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_hooked_modules_keep_nothing_alive():
    module = minnet.nn.Linear(2, 2)
    module.register_full_backward_hook(lambda *_: None)
    kept = []
    for _ in range(3):
        x = minnet.ones(1, 2, requires_grad=True)
        module(x * 1).sum().backward()
        kept.append(weakref.ref(x))
    del x
    gc.collect()
    assert [r() for r in kept] == [None] * 3


def test_saved_tensor_hooks_that_raise_leave_everything_as_it_was():
    def pack(t):
        raise ValueError("full")

    x = leaf([1.0, 2.0])
    b = x * 1
    with pytest.raises(ValueError, match="full"), graph.saved_tensors_hooks(pack, lambda t: t):
        b.exp_()
    assert b.tolist() == [1, 2]
    b.sum().backward()
    assert x.grad.tolist() == [1, 1]
    with graph.saved_tensors_hooks(lambda t: 0, lambda t: 3):
        y = x * x
    with pytest.raises(TypeError, match="expected to be a Tensor but got result of type int"):
        y.sum().backward()
    with graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * 1
        z = y * y
    with minnet.no_grad():
        y.zero_()
    assert grad(z.sum(), x)[0].tolist() == [2, 4]


def test_out_is_refused_before_anything_changes():
    out = minnet.zeros(0, dtype=minnet.int64)
    with pytest.raises(RuntimeError, match="can't be cast"):
        minnet.add(minnet.ones(2), minnet.ones(2), out=out)
    assert out.shape == (0,)
    values, indices = minnet.empty(0), minnet.empty(0, dtype=minnet.bool)
    with pytest.raises(RuntimeError, match="Expected out tensor"):
        minnet.max(minnet.ones(2, 2), 1, out=(values, indices))
    assert values.shape == (0,)
    with pytest.raises(RuntimeError, match=r"has shape \[3\]"):
        minnet.exp(minnet.ones(2), out=minnet.zeros(3))


def test_inputs_of_backward():
    x = leaf([1.0])
    y = x * 2
    y.backward(inputs=[y, y])
    assert y.grad.tolist() == [1]
    with pytest.raises(RuntimeError, match="non-empty"):
        grad(x * 2, [])
    with pytest.raises(RuntimeError, match="does not require grad"):
        (x * 2).backward(inputs=[3])
    x.grad = minnet.zeros(1).expand(1)
    z = leaf([1.0, 1.0])
    z.grad = minnet.zeros(1).expand(2)
    (z * 3).sum().backward()
    assert z.grad.tolist() == [3, 3]


def test_two_spellings_of_one_argument():
    with pytest.raises(TypeError, match="multiple values for argument 'dim'"):
        minnet.ones(2).sum(dim=0, axis=0)
    with pytest.raises(TypeError, match="multiple values for argument 'other'"):
        minnet.add(minnet.ones(2), x2=1, other=2)


def test_nodes_tell_of_all_inputs():
    x, c = leaf([1.0]), minnet.ones(1)
    (none, _), (kept, _) = (c * x).grad_fn.next_functions
    assert none is None and kept.variable is x
    seen = []
    y = c * x
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(inputs))
    y.backward()
    assert seen[0][0] is None and seen[0][1].tolist() == [1]
    y.grad_fn.metadata["mine"] = 1
    assert y.grad_fn.metadata == {"mine": 1}
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="in its 1th output"):
        with minnet.autograd.set_detect_anomaly(True):
            (minnet.zeros(1) / leaf([0.0])).backward()
