"""`autograd.Function`: operations of the user's own."""

import gc
import weakref

import pytest

import minnet
from minnet.autograd import Function, grad, gradcheck, gradgradcheck
from minnet.autograd.function import once_differentiable


def leaf(*values):
    return minnet.tensor(values, dtype=minnet.float64, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * dy


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * y


class SinCos(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return (x * scale).sin(), (x * scale).cos()

    @staticmethod
    def backward(ctx, ds, dc):
        (x,) = ctx.saved_tensors
        k = ctx.scale
        return (ds * (x * k).cos() - dc * (x * k).sin()) * k, None


@pytest.mark.parametrize("f", [Cube.apply, Exp.apply, lambda x: SinCos.apply(x, 2.0)])
def test_derivatives_of_first_and_second_order(f):
    assert gradcheck(f, leaf(0.5, -1.0, 2.0))
    assert gradgradcheck(f, leaf(0.5, -1.0, 2.0))


def test_how_it_prints_and_what_it_needs():
    x, y = leaf(1.0), minnet.ones(1, dtype=minnet.float64)
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, a, b):
            seen.append(ctx.needs_input_grad)
            assert not minnet.is_grad_enabled()
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, dy):
            a, b = ctx.saved_tensors
            return dy * b, dy * a if ctx.needs_input_grad[1] else None

    out = Product.apply(x, y)
    assert seen == [(True, False)]
    assert repr(out).endswith("grad_fn=<ProductBackward>)")
    assert out.grad_fn.name() == "ProductBackward"
    out.backward()
    assert x.grad.tolist() == [1]
    assert Product.apply(y, y).grad_fn is None
    with minnet.no_grad():
        assert Product.apply(x, y).grad_fn is None


def test_setup_context_takes_the_place_of_ctx_in_forward():
    class Square(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    assert gradcheck(Square.apply, leaf(1.0, -2.0))


def test_gradients_that_have_not_come_are_zeros_or_none():
    for materialize, expected in ((True, minnet.Tensor), (False, type(None))):
        seen = []

        class Two(Function):
            @staticmethod
            def forward(ctx, x, materialize=materialize):
                ctx.set_materialize_grads(materialize)
                return x + 1, x * 2

            @staticmethod
            def backward(ctx, da, db, seen=seen):
                seen.append(type(db))
                return da

        x = leaf(1.0)
        Two.apply(x)[0].backward()
        assert seen == [expected] and x.grad.tolist() == [1]


def test_results_without_a_gradient():
    class Rounded(Function):
        @staticmethod
        def forward(ctx, x):
            index = x.round()
            ctx.mark_non_differentiable(index)
            return x * 2, index

        @staticmethod
        def backward(ctx, dy, dindex):
            return dy * 2

    a, b = Rounded.apply(leaf(1.4, 2.6))
    assert a.requires_grad and not b.requires_grad


def test_a_dirty_input_takes_the_history():
    class Doubled(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, dy):
            return 2 * dy

    x = leaf(1.0, 2.0)
    h = x * 1
    out = Doubled.apply(h)
    assert out is h and h.grad_fn.name() == "DoubledBackward"
    h.sum().backward()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        Doubled.apply(leaf(1.0))
    base = leaf(1.0, 2.0) * 1
    Doubled.apply(base[1:])
    assert base.tolist() == [1, 4] and base.grad_fn.name() == "torch::autograd::CopySlices"


def test_a_returned_input_is_another_tensor():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, dy):
            return dy * 5

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x and x.is_leaf
    y.backward()
    assert x.grad.tolist() == [5]


def test_a_saved_tensor_that_was_changed_is_noticed():
    x = leaf(1.0)
    h = x * 1
    y = Cube.apply(h)
    with minnet.no_grad():
        h.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    z = Exp.apply(x)
    with minnet.no_grad():
        z.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_a_second_backward_says_that_the_graph_is_freed():
    y = Cube.apply(leaf(1.0))
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_no_cycle_keeps_a_result_alive():
    gc.disable()
    try:
        y = Exp.apply(leaf(1.0))
        array = weakref.ref(y.array)
        del y
        assert array() is None
    finally:
        gc.enable()


def returning(value):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            return value(dy)

    return Wrong


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (lambda dy: dy, RuntimeError, r"incorrect number of gradients \(expected 2, got 1\)"),
        (lambda dy: (dy, None, dy), RuntimeError, r"\(expected 2, got 3\)"),
        (lambda dy: (minnet.ones(5), None), RuntimeError, r"got \[5\] but expected shape"),
        (lambda dy: (3.0, None), TypeError, "expected Tensor or None"),
    ],
)
def test_a_wrong_backward_changes_nothing(value, error, message):
    x = leaf(1.0, 2.0)
    with pytest.raises(error, match=message):
        returning(value).apply(x, 2).sum().backward()
    assert x.grad is None


def test_more_nones_than_arguments_are_fine_and_a_gradient_is_summed():
    x = leaf(1.0, 2.0)
    returning(lambda dy: (dy, None, None)).apply(x, 1).sum().backward()
    returning(lambda dy: (minnet.ones(3, 2), None)).apply(x, 1).sum().backward()
    assert x.grad.tolist() == [4, 4]


def test_what_is_not_there_says_so():
    class Nothing(Function):
        pass

    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="forward function"):
        Nothing.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match="backward method"):
        Forward.apply(leaf(1.0)).backward()
    with pytest.raises(RuntimeError, match="should not be instantiated"):
        Forward()
    with pytest.raises(TypeError, match="can only save variables"):

        class Number(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(3)

        Number.apply(leaf(1.0))


def test_once_differentiable_refuses_a_second_derivative():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @once_differentiable
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    x = leaf(3.0)
    (g,) = grad(Once.apply(x) * x, x, create_graph=True)
    assert g.tolist() == [27]
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        g.backward()


def test_the_checks_find_a_wrong_derivative():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x**2

        @staticmethod
        def backward(ctx, dy):
            return dy

    assert not gradcheck(Wrong.apply, leaf(1.0), raise_exception=False)
    with pytest.raises(
        RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"
    ):
        gradcheck(Wrong.apply, leaf(1.0))
    for check in (gradcheck, gradgradcheck):
        with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
            check(Wrong.apply, leaf(1.0).detach())
    with pytest.raises(ValueError, match="at least one output to require gradient"):
        gradgradcheck(lambda x: x.detach(), leaf(1.0))
    with pytest.raises(RuntimeError, match="is expanded or read-only"):
        gradcheck(minnet.exp, leaf(1.0).expand(3))


def test_the_checks_take_any_layout_and_results_without_gradient():
    x = minnet.rand(2, 3, dtype=minnet.float64, requires_grad=True)
    for f in (lambda x: x.t() ** 3, lambda x: (x**3, x.detach() * 0)):
        assert gradcheck(f, x) and gradgradcheck(f, x)


def test_a_check_that_fails_leaves_its_input_as_it_was():
    x, calls = leaf(1.0, 2.0), []

    def f(x):
        calls.append(x)
        if len(calls) == 3:
            raise KeyError
        return x * 2

    with pytest.raises(KeyError):
        gradcheck(f, x)
    assert x.tolist() == [1, 2]
