"""The engine: graphs, modes, errors, hooks. Operations have their own tests."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minnet
from minnet import autograd
from minnet.operation import operation


def leaf(*values):
    return minnet.tensor([float(v) for v in values], requires_grad=True)


def test_gradients_of_a_small_expression():
    x, y = leaf(1, 2, 3), leaf(4, 5, 6)
    (x * y + x / y - y).sum().backward()
    np.testing.assert_array_equal(
        x.grad.numpy(), np.float32([4, 5, 6]) + np.float32(1) / np.float32([4, 5, 6])
    )
    np.testing.assert_allclose(
        y.grad.numpy(), [1 - 1 / 16 - 1, 2 - 2 / 25 - 1, 3 - 3 / 36 - 1], rtol=1e-6
    )


def test_a_diamond_graph_5000_deep_finishes():
    x = leaf(1)
    y = x
    for _ in range(5000):
        y = y * 0.25 + y * 0.75
    y.sum().backward()
    assert x.grad.item() == 1.0


def test_a_chain_100000_deep_is_walked_and_freed_without_recursion():
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y
    gc.collect()


def test_gradients_accumulate_until_they_are_cleared():
    x = leaf(2)
    for expected in (3.0, 6.0):
        (x * 3).backward()
        assert x.grad.item() == expected
    x.grad = None
    (x * 3).backward()
    assert x.grad.item() == 3.0


def test_each_leaf_owns_its_gradient():
    x, y = leaf(1, 2), leaf(3, 4)
    seed = minnet.ones(2)
    (x + y).backward(seed)
    x.grad.zero_()
    assert y.grad.tolist() == [1, 1] and seed.tolist() == [1, 1]
    z = leaf(1, 2)
    z.backward(seed)
    z.grad.zero_()
    assert seed.tolist() == [1, 1]


def test_an_unneeded_gradient_is_never_computed():
    calls = []

    @operation(
        "ProbeBackward0",
        lambda V, dy: calls.append("input") or dy,
        lambda V, dy: calls.append("other") or dy,
        where="",
    )
    def probe(input, other):
        return input + other

    probe(minnet.ones(2), leaf(1, 2)).sum().backward()
    assert calls == ["other"]


def test_saved_values_are_freed_and_a_second_backward_says_so():
    x = leaf(1, 2)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [2, 4]
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.tolist() == [6, 12]


def test_what_saves_nothing_can_run_again():
    x = leaf(1, 2)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2, 2]


def test_backward_frees_the_arrays_it_kept():
    x = leaf(1, 2)
    h = x * 2
    kept = weakref.ref(h.array)
    y = (h * h).sum()
    del h
    assert kept() is not None
    y.backward()
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("retain", [False, True])
def test_changing_a_saved_input_in_place_is_noticed(retain):
    x = leaf(1, 2)
    h = x * 1
    y = (h * h).sum()
    h.add_(1)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: \[torch.FloatTensor \[2\]\]"
    ):
        y.backward(retain_graph=retain)
    assert x.grad is None


def test_changing_a_saved_result_in_place_is_noticed():
    x = leaf(1, 2)
    y = x.sqrt()
    z = y.sum()
    with minnet.no_grad():
        y.zero_()
    with pytest.raises(
        RuntimeError,
        match="which is output 0 of SqrtBackward0, is at version 1; expected version 0",
    ):
        z.backward()


def test_changing_a_saved_value_through_a_view_is_noticed():
    x = leaf(1, 2)
    w = minnet.ones(2)
    y = (x * w).sum()
    w.view(2)[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_changing_what_backward_does_not_need_is_fine():
    x = leaf(1, 2)
    w = minnet.ones(2)
    y = (x + w).sum()
    w.zero_()
    h = x * 2  # saves the number, not the tensor
    z = h.sum()
    with minnet.no_grad():
        h.zero_()
    (y + z).backward()
    assert x.grad.tolist() == [3, 3]


def test_a_constant_factor_may_change_when_only_it_is_saved_for_nobody():
    x, c = leaf(1, 2), minnet.ones(2)
    h = x * 1
    y = h * c  # the gradient of h needs c; that of c is not needed, so h may change
    with minnet.no_grad():
        h.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_a_failing_backward_changes_no_gradient():
    x, w = leaf(1, 2), minnet.ones(2)
    first = x * 3
    second = x * w
    w.zero_()
    with pytest.raises(RuntimeError, match="inplace"):
        (first.sum() + second.sum()).backward()
    assert x.grad is None


def test_errors_of_backward():
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        minnet.ones(1).backward()
    x = leaf(1, 2)
    with pytest.raises(
        RuntimeError, match="grad can be implicitly created only for scalar outputs"
    ):
        (x * 2).backward()
    with pytest.raises(
        RuntimeError,
        match=r"shape of torch.Size\(\[3\]\) and output\[0\] has a shape of torch.Size\(\[2\]\)",
    ):
        (x * 2).backward(minnet.ones(3))
    with pytest.raises(TypeError, match="gradients can be either Tensors or None, but got list"):
        autograd.backward([x * 2], [[1.0, 1.0]])
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (x * 2).sum().backward(inputs=[])
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype"):
        minnet.tensor([1, 2], requires_grad=True)
    with pytest.raises(
        RuntimeError, match="you can only change requires_grad flags of leaf variables"
    ):
        (x * 2).requires_grad_(False)


def test_requires_grad_can_be_switched_off():
    x = leaf(1)
    x.requires_grad_(False)
    assert not x.requires_grad and (x * 2).grad_fn is None
    x.requires_grad = True
    assert (x * 2).requires_grad


def test_no_grad_as_block_decorator_and_nested():
    x = leaf(1)
    with minnet.no_grad():
        assert not (x * 2).requires_grad
        with minnet.enable_grad():
            assert (x * 2).requires_grad
        assert not minnet.is_grad_enabled()
    assert minnet.is_grad_enabled()

    @minnet.no_grad()
    def with_parentheses():
        return x * 2

    @minnet.no_grad
    def without():
        return x * 2

    assert with_parentheses.__name__ == "with_parentheses"
    assert not with_parentheses().requires_grad and not without().requires_grad
    assert minnet.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), minnet.no_grad():
        1 / 0  # noqa: B018
    assert minnet.is_grad_enabled()


def test_set_grad_enabled_acts_at_once_and_as_a_block():
    try:
        minnet.set_grad_enabled(False)
        assert not minnet.is_grad_enabled()
        with minnet.set_grad_enabled(True):
            assert minnet.is_grad_enabled()
        assert not minnet.is_grad_enabled()
    finally:
        minnet.set_grad_enabled(True)


def test_grad_mode_belongs_to_its_thread():
    seen = []
    with minnet.no_grad():
        thread = threading.Thread(target=lambda: seen.append(minnet.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_grad_returns_gradients_and_leaves_the_fields_alone():
    x, y = leaf(1, 2), leaf(3, 4)
    h = x * y
    out = (h * h).sum()
    dh, dx = autograd.grad(out, [h, x])
    assert dh.tolist() == [6, 16] and dx.tolist() == [18, 64]
    assert x.grad is None and y.grad is None and not dx.requires_grad


def test_grad_does_not_run_what_it_does_not_need():
    x, y = leaf(1), leaf(2)
    unused = x * 5

    def not_needed(V, dy):
        raise AssertionError("not needed")

    @operation("ProbeBackward0", not_needed, where="")
    def boom(input):
        return input.copy()

    out = boom(unused) + y * 2
    (dy,) = autograd.grad(out, y)
    assert dy.item() == 2
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        autograd.grad(y * 2, x)
    assert autograd.grad(y * 2, [x, y], allow_unused=True)[0] is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        autograd.grad(y * 2, minnet.ones(1))


def test_backward_into_chosen_inputs_only():
    x, y = leaf(1), leaf(2)
    h = x * y
    (h * 3).backward(inputs=[y, h])
    assert x.grad is None and y.grad.item() == 3 and h.grad.item() == 3


def test_several_roots():
    x = leaf(1, 2)
    autograd.backward([x.sum(), (x * x)], [None, minnet.ones(2)])
    assert x.grad.tolist() == [3, 5]


def test_a_root_that_is_also_an_inner_node():
    x = leaf(2)
    h = x * x
    autograd.backward([h * 3, h], [minnet.ones(1), minnet.ones(1)])
    assert x.grad.item() == 16


def test_hooks_see_and_replace_gradients():
    x = leaf(1, 2)
    h = x * 2
    seen = []
    handle = h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    h.sum().backward()
    assert seen == [[1, 1]] and x.grad.tolist() == [21, 21]
    handle.remove()
    (x * 2).sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        minnet.ones(1).register_hook(print)
    y = x * 2
    y.register_hook(lambda g: minnet.ones(5))
    with pytest.raises(RuntimeError, match="gradient's shape"):
        y.sum().backward()


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor():
    x = leaf(1, 2)
    h = x * 2
    h.retain_grad()
    (h * h).sum().backward()
    assert h.retains_grad and h.grad.tolist() == [4, 8]


def test_gradients_have_the_inputs_dtype_and_shape():
    x = minnet.tensor([1.0, 2.0], requires_grad=True)
    y = minnet.tensor([[3.0], [4.0]], dtype=minnet.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype is minnet.float32 and x.grad.tolist() == [7, 7]
    assert y.grad.dtype is minnet.float64 and y.grad.tolist() == [[3], [3]]


def test_in_place_on_a_leaf_that_requires_grad_is_refused_and_changes_nothing():
    x = leaf(1, 2)
    changes = [
        lambda: x.add_(1),
        lambda: x.zero_(),
        lambda: x.normal_(),
        lambda: x.copy_(minnet.ones(2)),
        lambda: x.__setitem__(0, 5.0),
        lambda: x.view(2).mul_(2),
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            change()
    assert x.tolist() == [1, 2]
    with minnet.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 3] and x.is_leaf and x.requires_grad


def test_in_place_on_a_result_continues_its_history():
    x = leaf(1, -2)
    y = x * 3
    y *= 2
    y.clamp_(min=0)
    y[1] = x[0] * 10
    assert y.tolist() == [6, 10]
    y.sum().backward()
    assert x.grad.tolist() == [16, 0]


def test_the_result_of_an_integer_operation_has_no_history():
    x = leaf(1, 2)
    assert (x > 1).grad_fn is None and x.argmax().grad_fn is None and x.long().grad_fn is None


def test_grad_fn_names_and_next_functions():
    x = leaf(1)
    y = x * 2 + 1
    assert y.grad_fn.name() == "AddBackward0"
    inner = y.grad_fn.next_functions[0][0]
    assert inner.name() == "MulBackward0" and inner.next_functions[0][0].variable is x
    assert repr(y.grad_fn).startswith("<AddBackward0 object at 0x")


def test_wrong_types_are_named():
    with pytest.raises(
        TypeError, match=r"sqrt\(\): argument 'input' \(position 1\) must be Tensor, not list"
    ):
        minnet.sqrt([1.0])
    with pytest.raises(TypeError, match='missing 1 required positional arguments: "input"'):
        minnet.sqrt()


def test_infinities_pass_in_silence_and_numpy_warns_again_afterwards():
    linear = minnet.nn.functional.linear
    big = np.full((1, 2), 3e38, np.float32)

    def fed(w):
        return linear(minnet.tensor(big), w, minnet.zeros(1)).sum()

    def weight():
        return minnet.tensor(np.zeros((1, 2), np.float32), requires_grad=True)

    scaled, accumulated, shared = weight(), weight(), weight()
    (scaled * minnet.tensor(big)).sum().backward(minnet.tensor(10.0))  # in a VJP
    for _ in range(2):  # where a gradient is added to that of another backward
        fed(accumulated).backward()
    minnet.autograd.backward([fed(shared), fed(shared)])  # and to one of this
    for w in (scaled, accumulated, shared):
        assert np.isinf(w.grad.numpy()).all()
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.multiply(big, big)
