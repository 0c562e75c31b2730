"""`Module`: registration, the tree, state, conversion and printing, as torch has them."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 2)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(2, 1, bias=False)
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("cache", torch.zeros(1), persistent=False)
    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))
net = Net()
"""

ERRORS = """
>>> nn.Module(1)
TypeError: Module.__init__() takes 1 positional argument but 2 were given

>>> nn.Module(a=1)
TypeError: Module.__init__() got an unexpected keyword argument 'a'

>>> nn.Linear(2, 2).typo
AttributeError: 'Linear' object has no attribute 'typo'

>>> del nn.Linear(2, 2).typo
AttributeError: 'Linear' object has no attribute 'typo'

>>> nn.Linear(2, 2).weight = torch.ones(2)
TypeError: cannot assign 'torch.FloatTensor' as parameter 'weight' (torch.nn.Parameter or None expected)

>>> layer = nn.Linear(2, 2)
>>> layer.weight = torch.ones(2, 2, dtype=torch.float64)
TypeError: cannot assign 'torch.DoubleTensor' as parameter 'weight' (torch.nn.Parameter or None expected)

>>> layer = nn.Linear(2, 2)
>>> layer.weight = 3
TypeError: cannot assign 'int' as parameter 'weight' (torch.nn.Parameter or None expected)

>>> layer = nn.Linear(2, 2)
>>> layer.weight = nn.ReLU()
>>> layer
TypeError: cannot assign 'ReLU' as parameter 'weight' (torch.nn.Parameter or None expected)

>>> net = nn.Sequential(nn.ReLU())
>>> setattr(net, '0', 3)
TypeError: cannot assign 'int' as child module '0' (torch.nn.Module or None expected)

>>> net = nn.Sequential(nn.ReLU())
>>> setattr(net, '0', None)
>>> net
Sequential(
  (0): None
)

>>> m = nn.Module()
>>> m.register_buffer('b', None)
>>> m.b = 3
TypeError: cannot assign 'int' as buffer 'b' (torch.nn.Buffer, torch.Tensor or None expected)

>>> m = nn.Module()
>>> m.register_buffer('b', None)
>>> m.b = torch.ones(1)
>>> list(m.state_dict())
['b']

>>> nn.Linear(2, 2).register_parameter('q', torch.ones(2))
TypeError: cannot assign 'torch.FloatTensor' object to parameter 'q' (torch.nn.Parameter or None required)

>>> nn.Linear(2, 2).register_parameter('q', 'text')
TypeError: cannot assign 'str' object to parameter 'q' (torch.nn.Parameter or None required)

>>> nn.Linear(2, 2).register_parameter('a.b', None)
KeyError: 'parameter name can\\'t contain "."'

>>> nn.Linear(2, 2).register_parameter('', None)
KeyError: 'parameter name can\\'t be empty string ""'

>>> nn.Linear(2, 2).register_parameter(3, None)
TypeError: parameter name should be a string. Got int

>>> nn.Linear(2, 2).register_parameter('forward', None)
KeyError: "attribute 'forward' already exists"

>>> nn.Linear(2, 2).register_buffer('q', [1])
TypeError: cannot assign 'list' object to buffer 'q' (torch Tensor or None required)

>>> nn.Linear(2, 2).register_buffer('a.b', None)
KeyError: 'buffer name can\\'t contain "."'

>>> nn.Linear(2, 2).register_buffer('', None)
KeyError: 'buffer name can\\'t be empty string ""'

>>> nn.Linear(2, 2).register_buffer(3, None)
TypeError: buffer name should be a string. Got int

>>> nn.Linear(2, 2).register_buffer('weight', None)
KeyError: "attribute 'weight' already exists"

>>> nn.Linear(2, 2).add_module('a', 3)
TypeError: int is not a Module subclass

>>> nn.Linear(2, 2).add_module('a', nn.ReLU)
TypeError: ReLU is not a Module subclass

>>> nn.Linear(2, 2).add_module('a.b', None)
KeyError: 'module name can\\'t contain ".", got: a.b'

>>> nn.Linear(2, 2).add_module('', None)
KeyError: 'module name can\\'t be empty string ""'

>>> nn.Linear(2, 2).add_module(3, nn.ReLU())
TypeError: module name should be a string. Got int

>>> nn.Linear(2, 2).add_module('weight', nn.ReLU())
KeyError: "attribute 'weight' already exists"

>>> nn.Linear(2, 2).register_module('in_features', None)
KeyError: "attribute 'in_features' already exists"

>>> nn.Linear(2, 2).train(1)
ValueError: training mode is expected to be boolean

>>> nn.Linear(2, 2).to(torch.int64)
TypeError: nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64

>>> nn.Module()(3)
NotImplementedError: Module [Module] is missing the required "forward" function

>>> class Net(nn.Module):
... 
...     def __init__(self):
...         self.a = nn.Linear(1, 1)
...
>>> Net()
AttributeError: cannot assign module before Module.__init__() call

>>> class Net(nn.Module):
... 
...     def __init__(self):
...         self.a = nn.Parameter(torch.ones(1))
...
>>> Net()
AttributeError: cannot assign parameters before Module.__init__() call

>>> class Net(nn.Module):
... 
...     def __init__(self):
...         self.register_buffer('a', None)
...
>>> Net()
AttributeError: cannot assign buffer before Module.__init__() call

>>> class Net(nn.Module):
... 
...     def __init__(self):
...         self.register_parameter('a', None)
...
>>> Net()
AttributeError: cannot assign parameter before Module.__init__() call

>>> class Net(nn.Module):
...     weight = None
...
>>> net = Net()
>>> net.weight = nn.Parameter(torch.ones(1))
KeyError: "attribute 'weight' already exists"

>>> nn.Linear(2, 2).get_submodule('a.b')
AttributeError: Linear has no attribute `a`

>>> nn.Linear(2, 2).get_submodule('weight')
AttributeError: `weight` is not an nn.Module

>>> nn.Linear(2, 2).get_parameter('a')
AttributeError: Linear has no attribute `a`

>>> nn.Linear(2, 2).get_parameter('in_features')
AttributeError: `in_features` is not an nn.Parameter

>>> nn.Linear(2, 2).get_buffer('weight')
AttributeError: `weight` is not a buffer

>>> nn.Linear(2, 2).get_buffer('a')
AttributeError: Linear has no attribute `a`

>>> nn.Linear(2, 2).set_submodule('', nn.ReLU())
ValueError: Cannot set the submodule without a target name!

>>> nn.Linear(2, 2).set_submodule('a', nn.ReLU(), strict=True)
AttributeError: Linear has no attribute `a`

>>> nn.Linear(2, 2).set_submodule('weight', nn.ReLU())
AttributeError: `weight` is not an nn.Module

>>> nn.Sequential(nn.ReLU())['0']
TypeError: 'str' object cannot be interpreted as an integer
"""  # noqa: E501

TREE = """
>>> net
Net(
  (fc1): Linear(in_features=3, out_features=2, bias=True)
  (act): ReLU()
  (fc2): Linear(in_features=2, out_features=1, bias=False)
)

>>> [n for n, _ in net.named_parameters()]
['fc1.weight', 'fc1.bias', 'fc2.weight']

>>> [n for n, _ in net.named_parameters(prefix='net')]
['net.fc1.weight', 'net.fc1.bias', 'net.fc2.weight']

>>> [n for n, _ in net.named_parameters(recurse=False)]
[]

>>> [n for n, _ in net.named_buffers()]
['mean', 'cache']

>>> [n for n, _ in net.named_buffers(prefix='p')]
['p.mean', 'p.cache']

>>> [n for n, _ in net.named_modules()]
['', 'fc1', 'act', 'fc2']

>>> [n for n, _ in net.named_modules(prefix='p')]
['p', 'p.fc1', 'p.act', 'p.fc2']

>>> [n for n, _ in net.named_children()]
['fc1', 'act', 'fc2']

>>> ([type(m).__name__ for m in net.modules()], [type(m).__name__ for m in net.children()])
(['Net', 'Linear', 'ReLU', 'Linear'], ['Linear', 'ReLU', 'Linear'])

>>> {k: tuple(v.shape) for k, v in net.state_dict().items()}
{'mean': (3,), 'fc1.weight': (2, 3), 'fc1.bias': (2,), 'fc2.weight': (1, 2)}

>>> list(net.state_dict(prefix='model.'))
['model.mean', 'model.fc1.weight', 'model.fc1.bias', 'model.fc2.weight']

>>> net.state_dict()._metadata
OrderedDict([('', {'version': 1}), ('fc1', {'version': 1}), ('act', {'version': 1}), ('fc2', {'version': 1})])

>>> (type(net.state_dict()).__name__, [type(v).__name__ for v in net.state_dict(keep_vars=True).values()], [type(v).__name__ for v in net.state_dict().values()])
('OrderedDict', ['Tensor', 'Parameter', 'Parameter', 'Parameter'], ['Tensor', 'Tensor', 'Tensor', 'Tensor'])

>>> d = {'x': 1}
>>> (list(net.state_dict(destination=d, prefix='n.')), d is net.state_dict(destination=d))
(['x', 'n.mean', 'n.fc1.weight', 'n.fc1.bias', 'n.fc2.weight'], True)

>>> order = []
>>> (net.apply(lambda m: order.append(type(m).__name__)) is net, order)
(True, ['Linear', 'ReLU', 'Linear', 'Net'])

>>> net.eval()
>>> a = [m.training for m in net.modules()]
>>> (net.train() is net, a, [m.training for m in net.modules()])
(True, [False, False, False, False], [True, True, True, True])

>>> (net.requires_grad_(False) is net, [p.requires_grad for p in net.parameters()])
(True, [False, False, False])

>>> (net.get_parameter('fc1.weight') is net.fc1.weight, net.get_submodule('') is net, net.get_buffer('mean') is net.mean)
(True, True, True)

>>> net.set_submodule('fc2', nn.Identity())
>>> net
Net(
  (fc1): Linear(in_features=3, out_features=2, bias=True)
  (act): ReLU()
  (fc2): Identity()
)

>>> net.fc1 = None
>>> (net, [n for n, _ in net.named_modules()], list(net.state_dict()))
(Net(
  (fc1): None
  (act): ReLU()
  (fc2): Linear(in_features=2, out_features=1, bias=False)
), ['', 'act', 'fc2'], ['mean', 'fc2.weight'])

>>> del net.fc1, net.mean
>>> (net, [n for n, _ in net.named_modules()], list(net.state_dict()))
(Net(
  (act): ReLU()
  (fc2): Linear(in_features=2, out_features=1, bias=False)
), ['', 'act', 'fc2'], ['fc2.weight'])

>>> net.fc1 = nn.Parameter(torch.ones(1))
>>> (net, list(net.state_dict()))
(Net(
  (act): ReLU()
  (fc2): Linear(in_features=2, out_features=1, bias=False)
), ['fc1', 'mean', 'fc2.weight'])

>>> net.mean = nn.ReLU()
>>> (net, list(net.state_dict()))
(Net(
  (fc1): Linear(in_features=3, out_features=2, bias=True)
  (act): ReLU()
  (fc2): Linear(in_features=2, out_features=1, bias=False)
  (mean): ReLU()
), ['fc1.weight', 'fc1.bias', 'fc2.weight'])

>>> net.cache = nn.Parameter(torch.ones(1))
>>> list(net.state_dict())
['cache', 'mean', 'fc1.weight', 'fc1.bias', 'fc2.weight']

>>> net.fc1.bias = None
>>> (net.fc1, list(net.state_dict()))
(Linear(in_features=3, out_features=2, bias=False), ['mean', 'fc1.weight', 'fc2.weight'])

>>> net.extra = 3
>>> net.extra = nn.ReLU()
>>> (net.extra, list(net._modules))
(ReLU(), ['fc1', 'act', 'fc2', 'extra'])

>>> (net.double().fc1.weight.dtype, net.mean.dtype, net.float().fc1.weight.dtype, net.to('cpu', torch.float64).mean.dtype)
(torch.float64, torch.float64, torch.float32, torch.float64)

>>> net.register_buffer('n', torch.tensor(3))
>>> (net.double().n.dtype, net.mean.dtype)
(torch.int64, torch.float64)

>>> p = net.fc1.weight
>>> net.double()
>>> (p is net.fc1.weight, p.dtype, p.is_leaf, p.requires_grad)
(True, torch.float64, True, True)

>>> net.type(torch.float64).fc2.weight.dtype
torch.float64

>>> net.to(torch.zeros(1, dtype=torch.float64)).mean.dtype
torch.float64

>>> ([n for n in ('fc1', 'mean', 'training', 'forward', 'cache') if n in dir(net)], [n for n in dir(nn.Sequential(nn.ReLU())) if n.isdigit()])
(['fc1', 'mean', 'training', 'forward', 'cache'], [])

>>> (hasattr(net, 'fc1'), hasattr(net, 'fc9'), hasattr(nn.Sequential(nn.ReLU()), '0'))
(True, False, True)

>>> a = nn.Linear(2, 2)
>>> net = nn.Sequential(a, nn.ReLU(), a)
>>> ([n for n, _ in net.named_modules()], [n for n, _ in net.named_parameters()], list(net.state_dict()), [n for n, _ in net.named_children()])
(['', '0', '1'], ['0.weight', '0.bias'], ['0.weight', '0.bias', '2.weight', '2.bias'], ['0', '1'])

>>> a = nn.Linear(2, 2)
>>> net = nn.Sequential(a, nn.ReLU(), a)
>>> ([n for n, _ in net.named_modules(remove_duplicate=False)], [n for n, _ in net.named_parameters(remove_duplicate=False)])
(['', '0', '1', '2'], ['0.weight', '0.bias', '2.weight', '2.bias'])

>>> a = nn.Linear(2, 2)
>>> b = nn.Linear(2, 2)
>>> b.weight = a.weight
>>> net = nn.Sequential(a, b)
>>> ([n for n, _ in net.named_parameters()], list(net.state_dict()))
(['0.weight', '0.bias', '1.bias'], ['0.weight', '0.bias', '1.weight', '1.bias'])

>>> a = nn.ReLU()
>>> net = nn.Sequential(nn.Sequential(a), nn.Sequential(a))
>>> seen = []
>>> net.apply(lambda m: seen.append(type(m).__name__))
>>> seen
['ReLU', 'Sequential', 'ReLU', 'Sequential', 'Sequential']

>>> net = nn.Sequential(OrderedDict(conv=nn.Linear(1, 1), act=nn.ReLU()))
>>> (net, net.act, list(net.state_dict()))
(Sequential(
  (conv): Linear(in_features=1, out_features=1, bias=True)
  (act): ReLU()
), ReLU(), ['conv.weight', 'conv.bias'])

>>> class Empty(nn.Module):
...     pass
...
>>> Empty()
Empty()

>>> class One(nn.Module):
... 
...     def extra_repr(self):
...         return 'a=1'
...
>>> One()
One(a=1)

>>> class Two(nn.Module):
... 
...     def extra_repr(self):
...         return 'a=1\\nb=2'
...
>>> Two()
Two(
  a=1
  b=2
)

>>> class Both(nn.Module):
... 
...     def __init__(self):
...         super().__init__()
...         self.inner = nn.Sequential(nn.ReLU())
... 
...     def extra_repr(self):
...         return 'a=1'
...
>>> Both()
Both(
  a=1
  (inner): Sequential(
    (0): ReLU()
  )
)

>>> class Legacy(nn.Module):
... 
...     def __init__(self):
...         super(Legacy, self).__init__()
...         self.a = nn.Identity()
...
>>> nn.ModuleList([Legacy(), Legacy(), nn.ReLU()])
ModuleList(
  (0-1): 2 x Legacy(
    (a): Identity()
  )
  (2): ReLU()
)

>>> m = nn.Module()
>>> m.a = torch.ones(2)
>>> (list(m.state_dict()), m.a.tolist())
([], [1.0, 1.0])

>>> m = nn.Module()
>>> m.register_parameter('p', None)
>>> m.p = nn.Parameter(torch.ones(2))
>>> ([n for n, _ in m.named_parameters()], m.register_buffer('b', None), list(m.state_dict()))
(['p'], None, ['p'])

>>> layer = nn.Linear(2, 1)
>>> x = torch.ones(1, 2)
>>> layer(x).sum().backward()
>>> layer.zero_grad()
>>> a = layer.weight.grad
>>> layer(x).sum().backward()
>>> layer.zero_grad(set_to_none=False)
>>> (a, layer.weight.grad.tolist())
(None, [[0.0, 0.0]])

>>> layer = nn.Linear(2, 1)
>>> layer(torch.ones(1, 2)).sum().backward()
>>> layer.double()
>>> (layer.weight.grad.dtype, layer.weight.grad.tolist())
(torch.float64, [[1.0, 1.0]])
"""  # noqa: E501

STATE = """
>>> net.load_state_dict(Net().state_dict())
<All keys matched successfully>

>>> net.load_state_dict(3)
TypeError: Expected state_dict to be dict-like, got <class 'int'>.

>>> net.load_state_dict({})
RuntimeError: Error(s) in loading state_dict for Net:
        Missing key(s) in state_dict: "mean", "fc1.weight", "fc1.bias", "fc2.weight".

>>> net.load_state_dict({}, strict=False)
_IncompatibleKeys(missing_keys=['mean', 'fc1.weight', 'fc1.bias', 'fc2.weight'], unexpected_keys=[])

>>> s = net.state_dict()
>>> s['fc3.weight'] = s.pop('fc1.bias')
>>> s['odd'] = 1
>>> s['mean.x'] = 1
>>> net.load_state_dict(s)
RuntimeError: Error(s) in loading state_dict for Net:
        Missing key(s) in state_dict: "fc1.bias".
        Unexpected key(s) in state_dict: "fc3.weight", "odd", "mean.x".

>>> s = net.state_dict()
>>> s['fc3.weight'] = s.pop('fc1.bias')
>>> net.load_state_dict(s, strict=False)
_IncompatibleKeys(missing_keys=['fc1.bias'], unexpected_keys=['fc3.weight'])

>>> s = net.state_dict()
>>> s['fc1.weight'] = torch.ones(5)
>>> net.load_state_dict(s)
RuntimeError: Error(s) in loading state_dict for Net:
        size mismatch for fc1.weight: copying a param with shape torch.Size([5]) from checkpoint, the shape in current model is torch.Size([2, 3]).

>>> s = net.state_dict()
>>> s['fc1.weight'] = torch.ones(5)
>>> net.load_state_dict(s, strict=False)
RuntimeError: Error(s) in loading state_dict for Net:
        size mismatch for fc1.weight: copying a param with shape torch.Size([5]) from checkpoint, the shape in current model is torch.Size([2, 3]).

>>> s = net.state_dict()
>>> s['fc1.weight'] = [1.0]
>>> s['mean'] = 3
>>> net.load_state_dict(s)
RuntimeError: Error(s) in loading state_dict for Net:
        While copying the parameter named "mean", expected torch.Tensor or Tensor-like object from checkpoint but received <class 'int'>
        While copying the parameter named "fc1.weight", expected torch.Tensor or Tensor-like object from checkpoint but received <class 'list'>

>>> s = net.state_dict()
>>> s['fc1.weight'] = torch.ones(5)
>>> del s['mean']
>>> s['odd'] = 1
>>> net.load_state_dict(s)
RuntimeError: Error(s) in loading state_dict for Net:
        Missing key(s) in state_dict: "mean".
        Unexpected key(s) in state_dict: "odd".
        size mismatch for fc1.weight: copying a param with shape torch.Size([5]) from checkpoint, the shape in current model is torch.Size([2, 3]).

>>> s = net.state_dict()
>>> s['cache'] = torch.ones(1)
>>> net.load_state_dict(s)
RuntimeError: Error(s) in loading state_dict for Net:
        Unexpected key(s) in state_dict: "cache".

>>> s = {k: torch.ones(*v.shape, dtype=torch.float64) for k, v in net.state_dict().items()}
>>> net.load_state_dict(s)
>>> (net.fc1.weight.dtype, net.mean.tolist(), net.fc1.weight.tolist())
(torch.float32, [1.0, 1.0, 1.0], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])

>>> s = {k: torch.ones(*v.shape, dtype=torch.float64) for k, v in net.state_dict().items()}
>>> net.load_state_dict(s, assign=True)
>>> (net.fc1.weight.dtype, type(net.fc1.weight).__name__, net.fc1.weight.requires_grad, net.mean.dtype)
(torch.float64, 'Parameter', True, torch.float64)

>>> net.fc1.weight.requires_grad_(False)
>>> s = {k: nn.Parameter(torch.ones(*v.shape)) for k, v in net.state_dict().items()}
>>> net.load_state_dict(s, assign=True)
>>> (net.fc1.weight is s['fc1.weight'], net.fc1.weight.requires_grad)
(True, False)

>>> p = net.fc1.weight
>>> net.load_state_dict(Net().state_dict())
>>> p is net.fc1.weight
True

>>> k = net.load_state_dict({}, strict=False)
>>> (k.missing_keys, k.unexpected_keys, len(k))
(['mean', 'fc1.weight', 'fc1.bias', 'fc2.weight'], [], 2)

>>> m = nn.Module()
>>> m.register_buffer('n', torch.tensor(1))
>>> (m.load_state_dict({'n': torch.tensor([5])}), m.n.item())
(<All keys matched successfully>, 5)

>>> s = net.state_dict()
>>> net.fc1.bias.data.fill_(7.0)
>>> (s['fc1.bias'].tolist(), s['fc1.bias'].requires_grad)
([7.0, 7.0], False)
"""  # noqa: E501


@minnet_and_torch(ERRORS)
def test_errors(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@minnet_and_torch(TREE, setup=NET)
def test_tree(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


@minnet_and_torch(STATE, setup=NET)
def test_state(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


class Net(nn.Module):
    """At the top of a module, so that it can be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(3, 2)
        self.fc2 = nn.Linear(2, 2)
        self.fc2.weight = self.fc1.bias  # tied
        self.register_buffer("mean", minnet.zeros(3))
        self.register_buffer("cache", None, persistent=False)
        self.note = "kept"


def values(module: nn.Module) -> dict[str, Any]:
    return {k: v.numpy().copy() for k, v in module.state_dict().items()}


def assert_same_values(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert list(a) == list(b)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


# Nothing is half-changed by a call that fails


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("fc2.bias"),
        lambda s: s.update(odd=minnet.ones(1)),
        lambda s: s.update({"fc2.bias": minnet.ones(7)}),
        lambda s: s.update({"fc2.bias": "text"}),
    ],
)
@pytest.mark.parametrize("assign", [False, True])
def test_load_that_fails_changes_nothing(change: Any, assign: bool) -> None:
    net = Net()
    before, members = values(net), dict(net.named_parameters())
    state = {k: minnet.full(v.shape, 9.0) for k, v in net.state_dict().items()}
    change(state)
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict for Net"):
        net.load_state_dict(state, assign=assign)
    assert_same_values(before, values(net))
    assert all(net.get_parameter(name) is p for name, p in members.items())


def test_load_into_memory_that_cannot_be_written() -> None:
    frozen = np.zeros(1, np.float32)
    frozen.flags.writeable = False
    layer = nn.Linear(2, 1)
    layer.bias.array = frozen
    before = layer.weight.tolist()
    state = {"weight": minnet.ones(1, 2), "bias": minnet.ones(1)}
    with pytest.raises(RuntimeError, match="bias: its memory is read-only; use assign=True"):
        layer.load_state_dict(state)
    assert layer.weight.tolist() == before
    layer.load_state_dict(state, assign=True)
    assert layer.bias.tolist() == [1.0]


def test_assign_of_integers_changes_nothing() -> None:
    layer = nn.Linear(2, 1)
    weight = layer.weight
    state = {"weight": minnet.ones(1, 2), "bias": minnet.tensor([1])}
    with pytest.raises(RuntimeError, match="floating point"):
        layer.load_state_dict(state, assign=True)
    assert layer.weight is weight


def test_load_leaves_the_given_state_as_it_was() -> None:
    layer = nn.Linear(2, 1)

    def rename(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        state["weight"] = state.pop("w")

    layer.register_load_state_dict_pre_hook(rename)
    state = {"w": minnet.ones(1, 2), "bias": minnet.zeros(1)}
    layer.load_state_dict(state)
    assert list(state) == ["w", "bias"]


def test_load_takes_numpy_arrays() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.ones(1, np.float16)})
    assert layer.weight.tolist() == [[1.0, 2.0]]
    assert layer.bias.tolist() == [1.0]
    assert {p.dtype for p in layer.parameters()} == {minnet.float32}
    with pytest.raises(RuntimeError, match="Tensor-like object from checkpoint"):
        layer.load_state_dict({"weight": np.array([["a", "b"]]), "bias": np.zeros(1)})


def test_load_copies_and_does_not_share() -> None:
    layer = nn.Linear(2, 1)
    given = {"weight": minnet.ones(1, 2), "bias": minnet.zeros(1)}
    layer.load_state_dict(given)
    given["weight"].fill_(5.0)
    assert layer.weight.tolist() == [[1.0, 1.0]]


def test_load_is_noticed_by_a_graph_that_needs_the_old_values() -> None:
    layer = nn.Linear(2, 1)
    x = minnet.ones(1, 2, requires_grad=True)
    loss = layer(x).sum()
    layer.load_state_dict({"weight": minnet.ones(1, 2), "bias": minnet.zeros(1)})
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_conversion_that_fails_changes_nothing() -> None:
    class Picky(minnet.Tensor):
        def to(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("no")

    net = nn.Sequential(nn.Linear(2, 2), nn.Module())
    picky = Picky()
    picky.array = np.zeros(1, np.float32)
    net[1].register_buffer("b", picky)
    with pytest.raises(RuntimeError, match="no"):
        net.double()
    assert {p.dtype for p in net.parameters()} == {minnet.float32}


def test_device_that_is_not_there() -> None:
    layer = nn.Linear(2, 1)
    for move in (layer.cuda, lambda: layer.to("cuda"), lambda: layer.to("cuda:1", minnet.float64)):
        with pytest.raises(RuntimeError, match="cuda"):
            move()
    assert layer.weight.dtype == minnet.float32
    assert layer.cpu() is layer
    assert layer.to(minnet.device("cpu")) is layer


@pytest.mark.parametrize("arguments", [(3.5,), ([],)])
def test_to_says_what_it_expects(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="to\\(\\) expects a device, a dtype, both, or a tensor"):
        nn.Linear(2, 1).to(*arguments)
    with pytest.raises(TypeError, match="foo"):
        nn.Linear(2, 1).to(foo=1)


def test_optimizer_sees_converted_parameters() -> None:
    layer = nn.Linear(2, 1)
    parameters = list(layer.parameters())
    layer.double()
    assert [p.dtype for p in parameters] == [minnet.float64, minnet.float64]


def test_tied_parameters_stay_tied() -> None:
    for net in (Net().double(), copy.deepcopy(Net()), pickle.loads(pickle.dumps(Net()))):
        assert net.fc2.weight is net.fc1.bias
        assert len(list(net.parameters())) == 3


# Attributes are found in __dict__, and the registries agree with it


def test_members_are_ordinary_attributes() -> None:
    # The speed of `self.fc1` rests on this: `__getattr__` is not asked.
    net = Net()
    for name in ("fc1", "fc2", "mean"):
        assert name in vars(net)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net, "fc1", nn.Identity()),
        lambda net: net._modules.__setitem__("fc1", nn.Identity()),
        lambda net: net._modules.update(fc1=nn.Identity()),
        lambda net: net._modules.__ior__({"fc1": nn.Identity()}),
        lambda net: setattr(net, "_modules", OrderedDict(fc1=nn.Identity())),
        lambda net: net.set_submodule("fc1", nn.Identity()),
        lambda net: net.add_module("fc1", nn.Identity()),
        lambda net: net.register_module("fc1", nn.Identity()),
    ],
)
def test_every_way_to_replace_a_child_is_seen_everywhere(change: Any) -> None:
    net = Net()
    change(net)
    assert isinstance(net.fc1, nn.Identity)
    assert dict(net.named_children())["fc1"] is net.fc1
    assert "fc1.weight" not in net.state_dict()


@pytest.mark.parametrize(
    "change",
    [
        lambda net: delattr(net, "fc1"),
        lambda net: net._modules.pop("fc1"),
        lambda net: [net._modules.popitem(), net._modules.popitem()],
        lambda net: net._modules.__delitem__("fc1"),
        lambda net: net._modules.clear(),
        lambda net: net.__init__(),
        lambda net: nn.Module.__init__(net),
    ],
)
def test_every_way_to_remove_a_child_is_seen_everywhere(change: Any) -> None:
    net = Net()
    old = net.fc1
    change(net)
    assert getattr(net, "fc1", None) is not old
    assert old not in list(net.modules())


def test_a_registry_assigned_to_itself_stays() -> None:
    net = Net()
    net._modules = net._modules
    assert list(net._modules) == ["fc1", "fc2"]
    assert net.fc1 is net._modules["fc1"]


def test_a_module_instance_hides_a_class_attribute() -> None:
    class Lazy(nn.Module):
        layer = None

    net = Lazy()
    net.layer = nn.ReLU()
    assert isinstance(net.layer, nn.ReLU)


def test_assignment_that_fails_keeps_the_old_member() -> None:
    net = Net()
    weight, fc1, mean = net.fc1.weight, net.fc1, net.mean
    for owner, name in ((net.fc1, "weight"), (net, "fc1"), (net, "mean")):
        with pytest.raises(TypeError, match=name):
            setattr(owner, name, "text")
    assert net.fc1.weight is weight
    assert net.fc1 is fc1
    assert net.mean is mean


@pytest.mark.parametrize("name", ["a.b", "", "forward"])
def test_parameter_under_a_bad_name_registers_nothing(name: str) -> None:
    net = Net()
    with pytest.raises(KeyError):
        setattr(net, name, nn.Parameter(minnet.ones(1)))
    assert len(list(net.parameters())) == 3
    assert name not in vars(net)


def test_members_before_init_say_so() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.add_module("a", None)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\)"):
        Early()


def test_wrapper_that_forwards_attributes() -> None:
    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

    net = Wrapper(nn.Linear(3, 2))
    assert net.in_features == 3
    assert net.weight is net.module.weight
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'typo'"):
        net.typo  # noqa: B018


# Copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_is_equal_and_independent(copied: Any) -> None:
    net = Net()
    net.fc1.register_forward_hook(print)
    net.fc1.weight.requires_grad_(False)
    net.eval()
    twin = copied(net)
    assert_same_values(values(net), values(twin))
    assert repr(twin) == repr(net)
    assert (twin.note, twin.training, twin.cache) == ("kept", False, None)
    assert [p.requires_grad for p in twin.parameters()] == [False, True, True]
    assert len(twin.fc1._forward_hooks) == 1
    assert "cache" in twin._non_persistent_buffers_set
    twin.fc1.weight.fill_(3.0)
    twin.extra = nn.ReLU()
    assert "extra" in dict(twin.named_children())
    assert twin.fc1 is dict(twin.named_children())["fc1"]
    assert not (net.fc1.weight == 3.0).any()
    assert not hasattr(net, "extra")


def test_shallow_copy_shares_parameters_but_not_the_registry() -> None:
    net = Net()
    twin = copy.copy(net)
    assert twin.fc1 is net.fc1
    twin.fc1 = nn.Identity()
    assert isinstance(net.fc1, nn.Linear)


def test_pickle_holds_each_member_once() -> None:
    state = Net().__getstate__()
    assert "fc1" not in state
    assert list(state["_modules"]) == ["fc1", "fc2"]
    assert pickle.dumps(Net()).count(b"in_features") == 1


def test_subclass_with_its_own_pickling() -> None:
    class Odd(Net):
        def __setstate__(self, state: dict[str, Any]) -> None:
            self.__dict__.update(state)

    net = Odd()
    twin = Odd.__new__(Odd)
    twin.__setstate__(net.__getstate__())
    assert twin.fc1 is net.fc1
    twin.fc1 = nn.Identity()
    assert isinstance(twin.fc1, nn.Identity)
    assert isinstance(net.fc1, nn.Linear)


# Calls


def test_call_passes_everything_through() -> None:
    class Echo(nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return args, kwargs

    assert Echo()(1, 2, a=3) == ((1, 2), {"a": 3})
    echo = Echo()
    echo.register_forward_hook(lambda module, args, output: None)
    assert echo(1, 2, a=3) == ((1, 2), {"a": 3})


def test_forward_can_be_replaced_on_an_instance() -> None:
    layer = nn.ReLU()
    layer.forward = lambda x: "replaced"
    assert layer(1) == "replaced"


def test_deep_nesting_prints_and_walks() -> None:
    net: nn.Module = nn.ReLU()
    for _ in range(100):
        net = nn.Sequential(net)
    assert repr(net).count("\n") == 200
    assert len(list(net.modules())) == 101
    assert [name for name, _ in net.named_modules()][-1] == ".".join(["0"] * 100)


def test_gradients_are_dropped_for_shared_parameters_too() -> None:
    net = Net()
    for parameter in net.parameters():
        parameter.grad = minnet.ones(*parameter.shape)
    net.zero_grad()
    assert [p.grad for p in net.parameters()] == [None, None, None]


def test_state_of_a_torch_model_loads() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    ours = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert repr(ours.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key].numpy(), value.numpy())
    back = {k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()}
    assert repr(theirs.load_state_dict(back)) == "<All keys matched successfully>"


def test_network_computes_what_torch_computes() -> None:
    torch = pytest.importorskip("torch")

    def build(nn: Any) -> Any:
        block = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
        return nn.Sequential(
            nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), block, block, nn.Linear(6, 3, bias=False)
        )

    ours, theirs = build(nn).double(), build(torch.nn).double()
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 3, 4))
    a, b = minnet.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    (ours(a) ** 2).sum().backward()
    (theirs(b) ** 2).sum().backward()
    np.testing.assert_allclose(ours(a).detach().numpy(), theirs(b).detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10)
    grads = dict(theirs.named_parameters())
    assert [name for name, _ in ours.named_parameters()] == list(grads)
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), grads[name].grad.numpy(), rtol=1e-10)
