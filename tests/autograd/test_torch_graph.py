"""What is seen of the graph, program by program, beside torch: nodes, hooks, edges, views."""

from __future__ import annotations

import warnings

import pytest

import minnet

torch = pytest.importorskip("torch")

PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


def leaf(L, *values):
    return L.tensor(values or (1.0, 2.0), requires_grad=True)


def doubling(L):
    class Doubling(L.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.note, ctx.values = 5, "mine"
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            assert ctx.values == "mine"
            return dy * 2 * getattr(ctx, "factor", 1)

    return Doubling


@program
def context_of_a_function(L):
    x = leaf(L)
    y = doubling(L).apply(x)
    node = y.grad_fn
    node.factor = 3
    found = (
        [s is x for s in node.saved_tensors], node.note, node.needs_input_grad, node.metadata,
        type(node).__name__, node.name(), isinstance(node, L.autograd.graph.Node),
    )  # fmt: skip
    y.sum().backward()
    return found, x.grad.tolist(), node.note


@program
def saved_tensors_of_a_freed_function(L):
    y = doubling(L).apply(leaf(L))
    y.sum().backward()
    return y.grad_fn.saved_tensors


@program
def classes_of_nodes(L):
    x = leaf(L)
    ys = x * x, x.exp(), x.sum(), x.view(1, 2), x[0], x.unbind()[0], x[:1].mul(2)
    return [type(y.grad_fn).__name__ for y in ys], type((x * x).grad_fn) is type((x * 2).grad_fn)


@program
def accumulators(L):
    x = leaf(L)
    node = (x * 2).grad_fn.next_functions[0][0]
    return (
        type(node).__name__, node.name(), node.variable is x, node.next_functions, node.metadata,
        node is (x * 3).grad_fn.next_functions[0][0], isinstance(node, L.autograd.graph.Node),
    )  # fmt: skip


@program
def hooks_of_an_accumulator(L):
    x, seen = leaf(L), []
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    after = node.register_hook(lambda gi, go: seen.append((gi, go[0].tolist(), x.grad.tolist())))
    before = node.register_prehook(lambda go: seen.append((go[0].tolist(), x.grad)))
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_post_accumulate_grad_hook(lambda x: seen.append(("done", x.grad.tolist())))
    y.sum().backward()
    after.remove()
    before.remove()
    (x * 3).sum().backward()
    return seen, type(after).__name__


@program
def prehook_of_an_accumulator_replaces(L):
    x = leaf(L)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    node.register_prehook(lambda go: (go[0] * 10,))
    y.sum().backward()
    return x.grad.tolist()


@program
def prehook_of_an_accumulator_returns_no_tuple(L):
    x = leaf(L)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    node.register_prehook(lambda go: go[0] * 10)
    try:
        y.sum().backward()
    finally:
        assert x.grad is None


@program
def hooks_of_an_accumulator_are_not_called_by_grad(L):
    x, seen = leaf(L), []
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda gi, go: seen.append("after"))
    node.register_prehook(lambda go: seen.append("before"))
    x.register_hook(lambda g: seen.append("tensor"))
    (g,) = L.autograd.grad(y.sum(), x)
    return seen, g.tolist()


@program
def hooks_on_unused_results(L):
    x, seen = leaf(L, 1.0, 2.0, 3.0), []
    a, b = x.split([1, 2])
    b.register_hook(lambda g: seen.append(g))
    a.grad_fn.register_prehook(lambda go: seen.append([g is None for g in go]))
    a.grad_fn.register_hook(lambda gi, go: seen.append([g is None for g in go]))
    b.retain_grad()
    (a * 2).backward()
    return seen, x.grad.tolist(), b.grad


def multi(L, mode):
    x, y, seen = leaf(L), leaf(L), []

    def fn(found):
        many = found if mode == "all" else [found]
        seen.append([g if g is None else g.tolist() for g in many])

    hooks = L.autograd.graph.register_multi_grad_hook([x, y], fn, mode=mode)
    (x * 2).sum().backward()
    (x * 2 + y * 3).sum().backward()
    (x * y).sum().backward(inputs=[x])
    hooks.remove()
    (x + y).sum().backward()
    return seen


@program
def hooks_on_several_tensors(L):
    return multi(L, "all")


@program
def hook_on_the_first_of_several_tensors(L):
    return multi(L, "any")


@program
def hook_on_several_tensors_in_another_mode(L):
    return multi(L, "most")


@program
def hooks_on_several_results(L):
    x, seen = leaf(L), []
    a, b = x * 2, x * 3
    L.autograd.graph.register_multi_grad_hook(
        [a, b], lambda found: seen.append([g.tolist() for g in found])
    )
    (a * b).sum().backward()
    return seen


@program
def gradient_edges(L):
    x = leaf(L)
    y = x * 2
    edges = [L.autograd.graph.get_gradient_edge(t) for t in (y, x)]
    found = L.autograd.grad((y * 3).sum(), edges, retain_graph=True)
    (made,) = L.autograd.grad(y.sum() * 5, L.autograd.graph.GradientEdge(y.grad_fn, 0))
    names = [type(e.node).__name__ for e in edges], type(edges[0]).__name__, edges[0].output_nr
    return names, [g.tolist() for g in found], made.tolist()


@program
def backward_from_edges(L):
    x, w = leaf(L), leaf(L)
    edge = L.autograd.graph.get_gradient_edge((x * w).sum())
    L.autograd.backward(edge, retain_graph=True)
    L.autograd.backward(edge, inputs=[L.autograd.graph.get_gradient_edge(x)], retain_graph=True)
    many = L.autograd.graph.get_gradient_edge(x * 2)
    L.autograd.backward([many, edge], [L.ones(2), None])
    return x.grad.tolist(), w.grad.tolist(), L.autograd.grad(
        L.autograd.graph.get_gradient_edge(x * 2), x, L.ones(2)
    )[0].tolist()  # fmt: skip


@program
def backward_from_an_edge_of_many(L):
    L.autograd.backward(L.autograd.graph.get_gradient_edge(leaf(L) * 2))


@program
def edge_of_what_needs_no_gradient(L):
    L.autograd.graph.get_gradient_edge(L.ones(1))


@program
def saved_tensors_hooks_disabled(L):
    G = L.autograd.graph
    with G.disable_saved_tensors_hooks("first"):
        with G.disable_saved_tensors_hooks("second"):
            (leaf(L) ** 2).sum().backward()
        with G.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass


@program
def saved_tensors_hooks_disabled_inside(L):
    G = L.autograd.graph
    with (
        G.saved_tensors_hooks(lambda t: t, lambda t: t),
        G.disable_saved_tensors_hooks("not inside"),
    ):
        pass


@program
def grad_is_deleted(L):
    x = leaf(L)
    x.sum().backward()
    del x.grad
    return x.grad


@program
def grad_of_a_non_leaf(L):
    x = leaf(L)
    y, z, v = x * 2, x * 3, x.view(2, 1)
    z.retain_grad()
    before = z.grad
    (y + z).sum().backward()
    return y.grad, y.grad, v.grad, before, z.grad.tolist()


@program
def grad_of_what_has_none(L):
    x = leaf(L)
    with L.no_grad():
        y = x * 2
    z = (x * 2).detach_()
    w = x * 2
    w.grad = L.ones(2)
    return y.grad, z.grad, L.ones(2)[:1].grad, x.detach().grad, x.data.grad, w.grad.tolist()


def view_without_history(L, use):
    base = L.zeros(3)
    with L.no_grad():
        v = base[:2]
    base.add_(L.cat([leaf(L), leaf(L)[:1]]))
    return use(L, v)


@program
def view_made_without_history_then_used(L):
    return view_without_history(L, lambda L, v: v * 2)


@program
def view_made_without_history_then_changed(L):
    return view_without_history(L, lambda L, v: v.mul_(2))


@program
def view_made_without_history_then_looked_at(L):
    return view_without_history(L, lambda L, v: v.is_leaf)


@program
def view_made_without_history_used_without(L):
    def use(L, v):
        with L.no_grad():
            return (v * 2).tolist(), v.mul_(3).tolist(), v.tolist()

    return view_without_history(L, use)


@program
def view_made_in_inference_mode_then_used(L):
    base = L.zeros(3)
    with L.inference_mode():
        v = base[:2]
    base.add_(L.cat([leaf(L), leaf(L)[:1]]))
    return v * 2


@program
def view_without_history_of_a_plain_base(L):
    base = L.zeros(3)
    with L.no_grad():
        v = base[:2]
    v.add_(1)
    return base.tolist(), base.requires_grad, base._version, v._version


@program
def changed_results_of_one_operation(L):
    a, _ = L.zeros(2).unbind()
    a.add_(leaf(L, 1.0)[0])


@program
def bases_and_versions(L):
    x = L.zeros(4)
    a = x.view(2, 2)
    others = [a, a[0], x.detach(), x.reshape(2, 2), x.expand(2, 4), x.clone(), x.contiguous()]
    found = [o._base is x for o in others], [o._is_view() for o in (a, a[0], x, x.clone())]
    x.zero_()
    a[0] = 1
    a[0].detach().add_(1)
    x.data.add_(1)
    return found, [o._version for o in (x, a, others[1], others[2], others[5])]


def outcome(f, L):
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            found = f(L)
        except Exception as error:
            found = type(error).__name__, str(error)[-38:]
    return repr(found), [(w.category, str(w.message)[:60]) for w in noted]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_graph_is_seen_as_torchs(name):
    assert outcome(PROGRAMS[name], minnet) == outcome(PROGRAMS[name], torch)
