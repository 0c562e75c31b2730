"""What hooks into the graph: nodes, hooks, saved tensors, anomalies, threads, modes."""

import threading

import numpy as np
import pytest

import minnet
from minnet import autograd


def leaf(*values):
    return minnet.tensor([float(v) for v in values], requires_grad=True)


def test_nodes_name_themselves_and_those_before():
    x = leaf(1, 2)
    y = (x * 2).exp()
    assert y.grad_fn.name() == "ExpBackward0"
    (before,) = y.grad_fn.next_functions
    assert before[0].name() == "MulBackward0" and before[1] == 0
    last, number = before[0].next_functions
    assert number == (None, 0)
    assert last[0].name() == "torch::autograd::AccumulateGrad" and last[0].variable is x


def test_hooks_of_a_node_see_and_replace_gradients():
    x = leaf(1, 2)
    y = x * 3
    seen = []
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 2,))
    handle = y.grad_fn.register_hook(
        lambda inputs, outputs: seen.append((inputs[0].tolist(), outputs[0].tolist()))
    )
    y.sum().backward(retain_graph=True)
    assert seen == [([6, 6], [2, 2])] and x.grad.tolist() == [6, 6]
    handle.remove()
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10, None))
    x.grad = None
    y.sum().backward()
    assert len(seen) == 1 and x.grad.tolist() == [60, 60]


def test_a_hook_on_each_result_of_a_node():
    x = minnet.tensor([[3.0, 1.0], [2.0, 4.0]], requires_grad=True)
    a, b = x.unbind()
    seen = []
    a.register_hook(lambda g: seen.append(("a", g.tolist())))
    b.register_hook(lambda g: g * 10)
    (a.sum() + b.sum()).backward()
    assert seen == [("a", [1, 1])] and x.grad.tolist() == [[1, 1], [10, 10]]


def test_a_hook_that_raises_changes_no_gradient():
    x, y = leaf(1), leaf(2)

    def boom(g):
        raise ValueError("no")

    h = x * 2
    h.register_hook(boom)
    with pytest.raises(ValueError, match="no"):
        (h + y).backward()
    assert x.grad is None and y.grad is None and minnet.is_grad_enabled()


def test_hooks_after_the_gradient_is_added():
    x = leaf(1, 2)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda x: seen.append(x.grad.tolist()))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    assert seen == [[2, 2], [4, 4]]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    # It may step and drop the gradient, so that none is kept.
    x.register_post_accumulate_grad_hook(lambda x: setattr(x, "grad", None))
    (x * 2).sum().backward()
    assert x.grad is None


def test_saved_tensors_go_through_the_hooks():
    x = leaf(1, 2)
    stored = []

    def pack(t):
        stored.append(t.numpy().copy())
        return len(stored) - 1

    with autograd.graph.saved_tensors_hooks(pack, lambda i: minnet.from_numpy(stored[i])):
        y = (x * x).exp()
    assert len(stored) == 3
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2 * np.e, 4 * np.e**4], rtol=1e-6)
    z = (x * x).sum()
    z.backward()
    assert len(stored) == 3
    with autograd.graph.save_on_cpu():
        (x * x).sum().backward()


def test_anomalies_are_found_where_they_began():
    x = leaf(0)
    with autograd.detect_anomaly():
        assert minnet.is_anomaly_enabled()
        y = x.sqrt() * 0  # the line that is named
        with (
            pytest.warns(UserWarning, match="the line that is named"),
            pytest.raises(
                RuntimeError, match="Function 'SqrtBackward0' returned nan values in its 0th"
            ),
        ):
            y.backward()
    assert not minnet.is_anomaly_enabled() and x.grad is None
    with autograd.set_detect_anomaly(True, check_nan=False):
        (x.sqrt() * 0).backward()
    assert np.isnan(x.grad.item())


def test_when_the_search_for_anomalies_is_on():
    search, seen = autograd.detect_anomaly(), [minnet.is_anomaly_enabled()]
    with search:
        with search:
            pass
        seen.append(minnet.is_anomaly_enabled())
    with search:
        seen.append(minnet.is_anomaly_enabled())
    assert seen == [False, True, True] and not minnet.is_anomaly_enabled()
    autograd.set_detect_anomaly(True)
    assert minnet.is_anomaly_enabled()
    autograd.set_detect_anomaly(False)
    assert not minnet.is_anomaly_enabled()


def test_all_gradients_that_threads_send_to_one_leaf_are_added():
    x = minnet.zeros(1000, requires_grad=True)

    def run():
        for _ in range(200):
            (x * 1).sum().backward()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (x.grad == 800).all()


def test_grad_modes_decorate_functions_and_generators():
    x = leaf(1)

    @minnet.no_grad()
    def numbers():
        for _ in range(2):
            assert not minnet.is_grad_enabled()
            sent = yield x * 2
            assert sent == "more" and not minnet.is_grad_enabled()
        return "end"

    generator = numbers()
    first = next(generator)
    assert minnet.is_grad_enabled() and not first.requires_grad
    assert not generator.send("more").requires_grad
    with pytest.raises(StopIteration) as stop:
        generator.send("more")
    assert stop.value.value == "end" and minnet.is_grad_enabled()

    @minnet.set_grad_enabled(False)
    def off():
        return x * 2

    assert minnet.is_grad_enabled() and not off().requires_grad

    @minnet.inference_mode()
    def inferred():
        return minnet.is_inference_mode_enabled(), x * 2

    inside, y = inferred()
    assert inside and not y.requires_grad and not minnet.is_inference_mode_enabled()
    for outer in (minnet.no_grad, minnet.inference_mode):
        with outer(), minnet.inference_mode(False):
            assert (x * 2).requires_grad and not minnet.is_inference_mode_enabled()

    closed = []

    @minnet.no_grad()
    def raising():
        try:
            yield 1
        except KeyError:
            assert not minnet.is_grad_enabled()
            yield 2
        finally:
            closed.append(minnet.is_grad_enabled())

    generator = raising()
    next(generator)
    assert generator.throw(KeyError()) == 2
    generator.close()
    assert closed == [False] and minnet.is_grad_enabled()
