"""`autograd.Function`: operations of the user's own."""

import collections
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
    assert seen == [(True, False), (False, False), (True, False)]


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
            ctx.save_for_backward(index)
            return x * 2, index, index.int()

        @staticmethod
        def backward(ctx, dy, *others):
            assert not ctx.saved_tensors[0].requires_grad
            assert [d.tolist() for d in others] == [[0, 0], [0, 0]]
            return dy * 2

    a, *others = Rounded.apply(leaf(1.4, 2.6))
    assert a.requires_grad and not any(b.requires_grad for b in others)
    grad(a.sum() + a.prod(), a.grad_fn.next_functions[0][0].variable, create_graph=True)


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


def function(forward, backward=lambda ctx, *dys: dys[0]):
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("F", (Function,), members).apply


@pytest.mark.parametrize(
    "forward",
    [
        lambda ctx, a: a,
        lambda ctx, a: a.view(-1),
        lambda ctx, a: (a[:], a * 2),
        lambda ctx, a: (a * 1).view(2, 1),  # of another tensor than the argument
    ],
)
def test_a_result_in_shared_memory_is_a_view_that_cannot_be_changed(forward):
    a = leaf(1.0, 2.0) * 1
    y = function(forward)(a)
    y = y[0] if isinstance(y, tuple) else y
    assert y._base is not None and y.grad_fn.name() == "FBackward"
    with pytest.raises(RuntimeError, match=r"Output 0 .* is a view and is being modified inplace"):
        y.mul_(2)
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        y[:1].mul_(2)
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        function(lambda ctx, x: ctx.mark_dirty(x) or x)(y)
    assert a.tolist() == [1, 2]


@pytest.mark.parametrize("forward", [lambda ctx, a: a, lambda ctx, a: a.view(-1)])
def test_such_a_view_is_refused_when_its_base_has_changed(forward):
    a = leaf(1.0, 2.0) * 1
    y = function(forward)(a)
    part, _ = y.unbind()
    a.mul_(2)
    for use in (lambda: y.sum().backward(), lambda: y * 2, part.backward):
        with pytest.raises(RuntimeError, match="its base was changed in place"):
            use()


def test_without_gradients_what_is_returned_stays_what_it_is():
    x, plain = leaf(1.0, 2.0), minnet.ones(2)
    same = function(lambda ctx, a: a)
    y = same(plain)
    assert y is not plain and y._base is plain
    assert y.mul_(2) is y and plain.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        y.mul_(leaf(1.0, 2.0))
    with minnet.no_grad():
        y = same(x)
    assert y is not x and not y.requires_grad and y._base is None
    y.mul_(2)
    assert x.tolist() == [2, 4]


def test_what_is_marked_as_dirty_counts_as_changed():
    def forward(ctx, x):
        x.array[...] *= 2
        ctx.mark_dirty(x)
        return x

    for mode in (minnet.enable_grad, minnet.no_grad):
        x = leaf(1.0, 2.0)
        h = x.exp()
        with mode():
            y = function(forward)(h)
        assert y._version == h._version == 1 and (y is h) == y.requires_grad
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            h.sum().backward()
    part = (leaf(1.0, 2.0) * 1)[1:]
    with pytest.raises(RuntimeError, match="cannot return more than one Tensor"):
        function(lambda ctx, x: (forward(ctx, x), x * 2))(part)
    with pytest.raises(RuntimeError, match="returns multiple views"):
        function(forward)((leaf(1.0, 2.0) * 1).unbind()[0])
    with pytest.warns(UserWarning, match="Only input Tensors should be given"):
        function(lambda ctx, x: ctx.mark_dirty(y := x * 2) or y)(leaf(1.0))


@pytest.mark.parametrize("saved", ["argument", "result"])
def test_saved_tensors_hooks_keep_the_second_derivative(saved):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x if saved == "argument" else y)
        return y

    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * (y.exp() if saved == "argument" else y)

    x = leaf(0.5, -1.0)
    with minnet.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda t: leaf(*t)):
        y = function(forward, backward)(x)
    (g,) = grad(y.sum(), x, create_graph=True)
    (h,) = grad(g.sum(), x)
    assert minnet.equal(h, x.exp())
    with minnet.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = function(forward, backward)(x)
    with pytest.raises(TypeError, match="expected to be a Tensor but got result of type"):
        y.sum().backward()


def test_a_leaf_that_has_another_array_since_keeps_the_second_derivative():
    x = leaf(2.0)
    y = Cube.apply(x)
    x.data = minnet.tensor([5.0], dtype=minnet.float64)
    (g,) = grad(y.sum(), x, create_graph=True)
    assert grad(g.sum(), x)[0].tolist() == [12]


def test_only_a_tuple_of_results_is_taken_apart():
    pair = collections.namedtuple("pair", "a b")
    found = function(lambda ctx, x: [x * 1, x * 2])(leaf(1.0))
    assert type(found) is list and not found[0].requires_grad
    found = function(lambda ctx, x: pair(x * 1, x * 2))(leaf(1.0))
    assert type(found) is tuple and found[1].requires_grad
    found = function(lambda ctx, x: (x * 1, None, 3))(leaf(1.0))
    assert found[0].requires_grad and found[1:] == (None, 3)
    assert function(lambda ctx, x: None)(leaf(1.0)) is None


def test_a_vjp_is_a_backward_by_another_name():
    def define(**members):
        methods = {name: staticmethod(member) for name, member in members.items()}
        return type("F", (Function,), {"forward": staticmethod(lambda ctx, x: x * 2), **methods})

    x = leaf(1.0)
    define(vjp=lambda ctx, dy: dy * 5).apply(x).backward()
    assert x.grad.tolist() == [5]
    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        define(vjp=lambda ctx, dy: dy, backward=lambda ctx, dy: dy).apply(x).backward()


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
