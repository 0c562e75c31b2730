"""Hooks: when they are called, with what, and what their results do, as in torch."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> layer = nn.ReLU()
>>> log = []
>>> layer.register_forward_pre_hook(lambda m, a: log.append(('pre', type(m).__name__, len(a))))
>>> layer.register_forward_hook(lambda m, a, o: log.append(('post', len(a), tuple(o.shape))))
>>> layer(torch.ones(2))
>>> log
[('pre', 'ReLU', 1), ('post', 1, (2,))]

>>> m = nn.Identity()
>>> m.register_forward_hook(lambda m, a, o: o + 1)
>>> m.register_forward_hook(lambda m, a, o: o * 2)
>>> m(torch.zeros(1)).tolist()
[2.0]

>>> m = nn.Identity()
>>> m.register_forward_hook(lambda m, a, o: o + 1)
>>> m.register_forward_hook(lambda m, a, o: o * 2, prepend=True)
>>> m(torch.ones(1)).tolist()
[3.0]

>>> m = nn.Identity()
>>> m.register_forward_pre_hook(lambda m, a: a[0] + 1)
>>> m.register_forward_pre_hook(lambda m, a: (a[0] * 2,), prepend=True)
>>> m(torch.ones(1)).tolist()
[3.0]

>>> m = nn.Identity()
>>> h = m.register_forward_hook(lambda m, a, o: o + 1)
>>> a = m(torch.zeros(1)).item()
>>> h.remove()
>>> h.remove()
>>> (a, m(torch.zeros(1)).item())
(1.0, 0.0)

>>> m = nn.Identity()
>>> with m.register_forward_hook(lambda m, a, o: o + 1):
...     a = m(torch.zeros(1)).item()
...
>>> (a, m(torch.zeros(1)).item())
(1.0, 0.0)

>>> class Net(nn.Module):
... 
...     def forward(self, x, k=1):
...         return x * k
...
>>> m = Net()
>>> m.register_forward_pre_hook(lambda m, a, k: (a, {'k': k['k'] + 1}), with_kwargs=True)
>>> m.register_forward_hook(lambda m, a, k, o: o + k['k'], with_kwargs=True)
>>> m(torch.ones(1), k=2).tolist()
[6.0]

>>> class Net(nn.Module):
... 
...     def forward(self, x, k=1):
...         return x * k
...
>>> m = Net()
>>> m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
>>> m(torch.ones(1), k=2)
RuntimeError: forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got 3.

>>> class Net(nn.Module):
... 
...     def forward(self, x):
...         raise ValueError('broken')
...
>>> m = Net()
>>> log = []
>>> m.register_forward_hook(lambda m, a, o: log.append('never'))
>>> m.register_forward_hook(lambda m, a, o: log.append(o), always_call=True)
>>> try:
...     m(1)
... except ValueError as e:
...     log.append(str(e))
...
>>> log
[None, 'broken']

>>> class Net(nn.Module):
... 
...     def forward(self, x):
...         return x
...
>>> m = Net()
>>> log = []
>>> def bad(m, a, o):
...     raise ValueError('hook')
...
>>> m.register_forward_hook(bad)
>>> m.register_forward_hook(lambda m, a, o: log.append(o), always_call=True)
>>> try:
...     m(1)
... except ValueError as e:
...     log.append(str(e))
...
>>> log
[1, 'hook']

>>> class Net(nn.Module):
... 
...     def forward(self, x, y):
...         return x * y
...
>>> m = Net()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> y = torch.tensor([3.0], requires_grad=True)
>>> m(x, y).backward()
>>> (log, x.grad, y.grad)
([((tensor([3.]), tensor([2.])), (tensor([1.]),))], tensor([3.]), tensor([2.]))

>>> class Net(nn.Module):
... 
...     def forward(self, x, y):
...         return x * 2
...
>>> m = Net()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> y = torch.tensor([3.0], requires_grad=True)
>>> m(x, y).backward()
>>> (log, x.grad, y.grad)
([((tensor([2.]), tensor([0.])), (tensor([1.]),))], tensor([2.]), tensor([0.]))

>>> class Net(nn.Module):
... 
...     def forward(self, x, k):
...         return x * k
...
>>> m = Net()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> m(x, 5).backward()
>>> log
[((tensor([5.]), None), (tensor([1.]),))]

>>> class Net(nn.Module):
... 
...     def forward(self, x, y):
...         return (x * y, x + y)
...
>>> m = Net()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> y = torch.tensor([3.0], requires_grad=True)
>>> a, b = m(x, y)
>>> a.backward()
>>> log
[((tensor([3.]), tensor([2.])), (tensor([1.]), None))]

>>> class Net(nn.Module):
... 
...     def forward(self, x, y):
...         return (x * y, x + y)
...
>>> m = Net()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> y = torch.tensor([3.0], requires_grad=True)
>>> a, b = m(x, y)
>>> (a * 10 + b).backward()
>>> (log, x.grad)
([((tensor([31.]), tensor([21.])), (tensor([10.]), tensor([1.])))], tensor([31.]))

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: (i[0] * 10,))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
>>> x.grad
tensor([30.])

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: (i[0] * 10,))
>>> m.register_full_backward_hook(lambda m, i, o: (i[0] + 1,))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
>>> x.grad
tensor([31.])

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: (i[0] * 10,))
>>> m.register_full_backward_hook(lambda m, i, o: (i[0] + 1,), prepend=True)
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
>>> x.grad
tensor([40.])

>>> m = nn.Identity()
>>> m.register_full_backward_pre_hook(lambda m, o: (o[0] * 10,))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
>>> x.grad
tensor([30.])

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: (i[0], i[0]))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
RuntimeError: Backward hook returned an invalid number of grad_input, got 2, but expected 1

>>> m = nn.Identity()
>>> m.register_full_backward_pre_hook(lambda m, o: (o[0], o[0]))
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (m(x) * 3).backward()
RuntimeError: Backward pre hook returned an invalid number of grad_output, got 2, but expected 1

>>> m = nn.Linear(2, 1, bias=False)
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append((i, o)))
>>> m(torch.ones(1, 2)).backward()
>>> (log, m.weight.grad)
([((None,), (tensor([[1.]]),))], tensor([[1., 1.]]))

>>> m = nn.Linear(2, 1, bias=False)
>>> m.register_full_backward_hook(lambda m, i, o: (torch.ones(1),))
>>> m(torch.ones(1, 2)).backward()
RuntimeError: Backward hook for Modules where no input requires gradient should always return None or None for all gradients.

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: None)
>>> m(torch.ones(1, requires_grad=True))
tensor([1.], grad_fn=<BackwardHookFunctionBackward>)

>>> m = nn.Identity()
>>> log = []
>>> m.register_full_backward_hook(lambda m, i, o: log.append(1))
>>> y = m(torch.ones(1))
>>> (y, log)
(tensor([1.]), [])

>>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
>>> log = []
>>> for n, m in net.named_modules():
...     m.register_forward_pre_hook(lambda m, a, n=n: log.append('pre ' + n))
...     m.register_forward_hook(lambda m, a, o, n=n: log.append('post ' + n))
...     m.register_full_backward_pre_hook(lambda m, o, n=n: log.append('back pre ' + n))
...     m.register_full_backward_hook(lambda m, i, o, n=n: log.append('back ' + n))
...
>>> net(torch.ones(1, 2, requires_grad=True)).sum().backward()
>>> log
['pre ', 'pre 0', 'post 0', 'pre 1', 'post 1', 'post ', 'back pre ', 'back pre 1', 'back 1', 'back pre 0', 'back 0', 'back ']

>>> m = nn.Identity()
>>> m.register_full_backward_hook(lambda m, i, o: None)
>>> x = torch.ones(2, requires_grad=True)
>>> y = m(x).sum()
>>> y.backward(retain_graph=True)
>>> y.backward()
>>> x.grad
tensor([2., 2.])

>>> m = nn.Linear(2, 1)
>>> log = []
>>> m.register_state_dict_pre_hook(lambda m, p, k: log.append((p, k)))
>>> m.register_state_dict_post_hook(lambda m, d, p, l: d.pop(p + 'bias') and None)
>>> (list(nn.Sequential(m).state_dict()), log)
(['0.weight'], [('0.', False)])

>>> m = nn.Linear(2, 1)
>>> def rename(m, d, p, l, s, missing, unexpected, errors):
...     d[p + 'weight'] = d.pop(p + 'w')
...
>>> m.register_load_state_dict_pre_hook(rename)
>>> (nn.Sequential(m).load_state_dict({'0.w': torch.ones(1, 2), '0.bias': torch.ones(1)}), m.weight.tolist())
(<All keys matched successfully>, [[1.0, 1.0]])

>>> m = nn.Identity()
>>> log = []
>>> m.register_forward_hook(lambda m, a, o: log.append(1))
>>> n = copy.deepcopy(m)
>>> n(1)
>>> m._forward_hooks.clear()
>>> m(1)
>>> n(1)
>>> log
[1, 1]
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_hooks(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def keep(module: Any, args: Any, output: Any) -> None:
    """Do nothing; at the top of a module, so that it can be pickled."""


def test_handle_does_not_keep_the_module() -> None:
    layer = nn.ReLU()
    handle = layer.register_forward_hook(keep)
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None
    handle.remove()


def test_handle_pickles_with_its_module() -> None:
    layer = nn.ReLU()
    layer.handle = layer.register_forward_hook(keep)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert len(twin._forward_hooks) == 1
        twin.handle.remove()
        assert len(twin._forward_hooks) == 0
    assert len(layer._forward_hooks) == 1


def test_hook_that_removes_itself() -> None:
    layer, calls = nn.Identity(), []

    def once(module: Any, args: Any, output: Any) -> None:
        calls.append(1)
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda module, args, output: calls.append(2))
    layer(0)
    layer(0)
    assert calls == [1, 2, 2]


def test_always_called_hook_that_fails_only_warns() -> None:
    class Broken(nn.Module):
        def forward(self) -> None:
            raise ValueError("first")

    def fail(module: Any, args: Any, output: Any) -> None:
        raise RuntimeError("second")

    net = Broken()
    net.register_forward_hook(fail, always_call=True)
    with (
        pytest.warns(UserWarning, match="silenced as another error was raised in forward: second"),
        pytest.raises(ValueError, match="first"),
    ):
        net()


def test_gradients_are_those_without_hooks() -> None:
    def build() -> Any:
        minnet.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))

    plain, hooked = build(), build()
    seen: list[Any] = []
    for module in hooked.modules():
        module.register_full_backward_hook(lambda m, i, o: seen.append((i, o)))
    results = []
    for net in (plain, hooked):
        x = minnet.arange(12.0).reshape(3, 4).requires_grad_()
        net(x).sum().backward()
        results.append([x.grad.tolist(), *(p.grad.tolist() for p in net.parameters())])
    assert results[0] == results[1]
    assert len(seen) == 4
    assert seen[-1][0][0].tolist() == results[0][0]


def test_hook_that_returns_numbers() -> None:
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda m, i, o: (2.0,))
    x = minnet.ones(1, requires_grad=True)
    with pytest.raises(TypeError, match="Backward hook must return None or a tuple of tensors"):
        layer(x).sum().backward()
    assert x.grad is None


def test_without_gradients_nothing_is_recorded() -> None:
    layer = nn.Linear(2, 1)
    layer.register_full_backward_hook(keep)
    with minnet.no_grad():
        assert layer(minnet.ones(1, 2)).grad_fn is None


def test_inputs_without_gradient_warn_and_the_hook_is_called() -> None:
    layer, calls = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, i, o: calls.append((i, o[0].tolist())))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        layer(minnet.ones(1, 2)).sum().backward()
    assert calls == [((None,), [[1.0]])]


def test_output_that_is_no_tensor_warns() -> None:
    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"out": x}

    net = Named()
    net.register_full_backward_hook(keep)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple of Tensors"):
        net(minnet.ones(1, requires_grad=True))


def test_backward_hook_leaves_the_values_and_memory_alone() -> None:
    layer = nn.Identity()
    layer.register_full_backward_hook(keep)
    x = minnet.ones(3, requires_grad=True)
    assert layer(x).array is x.array
    loss = (layer(x) * layer(x)).sum()
    with minnet.no_grad():
        x.fill_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


class InPlace(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.mul_(2)


def test_a_change_in_place_that_would_escape_a_backward_hook_is_refused() -> None:
    x = minnet.ones(2, requires_grad=True)
    modules = [InPlace(), nn.Identity(), nn.ReLU(inplace=True)]
    for module in modules:
        module.register_full_backward_hook(keep)
    for module in (modules[0], modules[2]):
        with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
            module(x * 1)
    with pytest.raises(RuntimeError, match="is a view and is being modified inplace"):
        modules[1](x * 1)[0].mul_(2)
    h = x * 1
    y = modules[1](h)
    h.mul_(2)
    with pytest.raises(RuntimeError, match="its base was changed in place"):
        y.sum().backward()
    with minnet.no_grad():
        assert modules[0](x * 1).tolist() == [2, 2]


class Three(nn.Module):
    def forward(self, x: Any, y: Any) -> Any:
        return x * y, x.double(), y


def test_the_graph_does_not_keep_the_values_for_a_backward_hook() -> None:
    module, seen = Three(), []
    module.register_full_backward_hook(lambda m, inputs, outputs: seen.append((inputs, outputs)))
    x, y = minnet.ones(2, requires_grad=True), minnet.ones(2, dtype=minnet.int64)
    a, b, c = module(x * 1, y)
    array = weakref.ref(b.array)
    del b, c
    assert array() is None
    a.sum().backward()
    (inputs, outputs), *_ = seen
    assert [(g.dtype, g.tolist()) for g in inputs] == [
        (minnet.float32, [1, 1]),
        (minnet.int64, [0, 0]),
    ]
    assert [g if g is None else g.tolist() for g in outputs] == [[1, 1], None, None]
