"""Containers: order, slices, edits and printing, as torch has them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SESSIONS = """
>>> nn.Sequential()
Sequential()

>>> nn.Sequential(nn.ReLU())
Sequential(
  (0): ReLU()
)

>>> nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Flatten()))
Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): ReLU()
  (2): Sequential(
    (0): Flatten(start_dim=1, end_dim=-1)
  )
)

>>> nn.ModuleList()
ModuleList()

>>> nn.ModuleList([nn.ReLU()])
ModuleList(
  (0): ReLU()
)

>>> nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
ModuleList(
  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
)

>>> nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)])
ModuleList(
  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
  (2): ReLU()
  (3): Linear(in_features=2, out_features=2, bias=True)
)

>>> nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Linear(1, 1)) for _ in range(2)])
ModuleList(
  (0-1): 2 x Sequential(
    (0): ReLU()
    (1): Linear(in_features=1, out_features=1, bias=True)
  )
)

>>> nn.ModuleDict()
ModuleDict()

>>> nn.ModuleDict({'b': nn.ReLU(), 'a': nn.Linear(1, 1)})
ModuleDict(
  (b): ReLU()
  (a): Linear(in_features=1, out_features=1, bias=True)
)

>>> nn.Sequential(nn.ReLU)
TypeError: ReLU is not a Module subclass

>>> nn.Sequential([nn.ReLU()])
TypeError: list is not a Module subclass

>>> nn.Sequential(3)
TypeError: int is not a Module subclass

>>> nn.Sequential()[0]
IndexError: index 0 is out of range

>>> nn.Sequential(nn.ReLU())[1]
IndexError: index 1 is out of range

>>> nn.Sequential(nn.ReLU())[-2]
IndexError: index -2 is out of range

>>> nn.ModuleList(3)
TypeError: ModuleList.extend should be called with an iterable, but got int

>>> nn.ModuleList([3])
TypeError: int is not a Module subclass

>>> nn.ModuleList()[0]
IndexError: index 0 is out of range

>>> nn.ModuleList([nn.ReLU()])['0']
TypeError: 'str' object cannot be interpreted as an integer

>>> nn.ModuleDict(3)
TypeError: ModuleDict.update should be called with an iterable of key/value pairs, but got int

>>> nn.ModuleDict([(1,)])
ValueError: ModuleDict update sequence element #0 has length 1; 2 is required

>>> nn.ModuleDict([('a', nn.ReLU()), ('b', nn.Tanh())])
ModuleDict(
  (a): ReLU()
  (b): Tanh()
)

>>> nn.ModuleDict({'a.b': nn.ReLU()})
KeyError: 'module name can\\'t contain ".", got: a.b'

>>> nn.ModuleDict({'pop': nn.ReLU()})
KeyError: "attribute 'pop' already exists"

>>> nn.ModuleDict({'a': 3})
TypeError: int is not a Module subclass

>>> nn.ModuleDict()['a']
KeyError: 'a'

>>> nn.Sequential() + 3
ValueError: add operator supports only objects of Sequential class, but <class 'int'> is given.

>>> net = nn.Sequential()
>>> net += [nn.ReLU()]
ValueError: add operator supports only objects of Sequential class, but <class 'list'> is given.

>>> nn.Sequential() * 'a'
TypeError: unsupported operand type(s) for *: <class 'Sequential'> and <class 'str'>

>>> nn.Sequential() * 0
ValueError: Non-positive multiplication factor 0 for <class 'Sequential'>

>>> nn.ModuleList([nn.ReLU()])(torch.ones(1))
NotImplementedError: Module [ModuleList] is missing the required "forward" function

>>> nn.ModuleDict()(torch.ones(1))
NotImplementedError: Module [ModuleDict] is missing the required "forward" function

>>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
>>> (net[1:], net[-1], net[:2], len(net))
(Sequential(
  (1): ReLU()
  (2): Linear(in_features=3, out_features=1, bias=True)
), Linear(in_features=3, out_features=1, bias=True), Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): ReLU()
), 3)

>>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
>>> net[1] = nn.Tanh()
>>> net
Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): Tanh()
  (2): Linear(in_features=3, out_features=1, bias=True)
)

>>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
>>> del net[1]
>>> net
Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): Linear(in_features=3, out_features=1, bias=True)
)

>>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
>>> del net[:2]
>>> net
Sequential(
  (0): Linear(in_features=3, out_features=1, bias=True)
)

>>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
>>> (net.pop(0), net)
(Linear(in_features=2, out_features=3, bias=True), Sequential(
  (0): ReLU()
  (1): Linear(in_features=3, out_features=1, bias=True)
))

>>> net = nn.Sequential(nn.ReLU())
>>> (net.append(nn.Tanh()) is net, net.insert(0, nn.Sigmoid()) is net, net.extend([nn.Flatten()]) is net, net)
(True, True, True, Sequential(
  (0): Sigmoid()
  (1): ReLU()
  (2): Tanh()
  (3): Flatten(start_dim=1, end_dim=-1)
))

>>> net = nn.Sequential(nn.ReLU())
>>> net.insert(5, nn.Tanh())
IndexError: Index out of range: 5

>>> net = nn.Sequential(nn.ReLU(), nn.Tanh())
>>> net.insert(-1, nn.Sigmoid())
Sequential(
  (0): ReLU()
  (1): Sigmoid()
  (2): Tanh()
)

>>> nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
Sequential(
  (0): ReLU()
  (1): Tanh()
)

>>> net = nn.Sequential(nn.ReLU())
>>> net += nn.Sequential(nn.Tanh())
>>> net
Sequential(
  (0): ReLU()
  (1): Tanh()
)

>>> 2 * nn.Sequential(nn.ReLU(), nn.Tanh())
Sequential(
  (0): ReLU()
  (1): Tanh()
  (2): ReLU()
  (3): Tanh()
)

>>> net = nn.Sequential(nn.ReLU())
>>> net *= 3
>>> net
Sequential(
  (0): ReLU()
  (1): ReLU()
  (2): ReLU()
)

>>> net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
>>> (net[1:], net.b, net[0])
(Sequential(
  (b): Tanh()
), Tanh(), ReLU())

>>> net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.Sigmoid()))
>>> del net[0]
>>> net
Sequential(
  (0): Tanh()
  (1): Sigmoid()
)

>>> ms = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
>>> (ms[0], ms[-1], ms[1:], len(ms), [type(m).__name__ for m in ms])
(ReLU(), Sigmoid(), ModuleList(
  (0): Tanh()
  (1): Sigmoid()
), 3, ['ReLU', 'Tanh', 'Sigmoid'])

>>> ms = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
>>> del ms[0]
>>> ms
ModuleList(
  (0): Tanh()
  (1): Sigmoid()
)

>>> ms = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
>>> del ms[1:]
>>> ms
ModuleList(
  (0): ReLU()
)

>>> ms = nn.ModuleList([nn.ReLU(), nn.Tanh()])
>>> ms[-1] = nn.Sigmoid()
>>> ms.append(nn.Tanh()).extend([nn.ReLU()])
>>> ms.insert(1, nn.Flatten())
>>> ms
ModuleList(
  (0): ReLU()
  (1): Flatten(start_dim=1, end_dim=-1)
  (2): Sigmoid()
  (3): Tanh()
  (4): ReLU()
)

>>> ms = nn.ModuleList([nn.ReLU()])
>>> ms += [nn.Tanh()]
>>> (ms + [nn.Sigmoid()], ms.pop(0), ms)
(ModuleList(
  (0): ReLU()
  (1): Tanh()
  (2): Sigmoid()
), ReLU(), ModuleList(
  (0): Tanh()
))

>>> ms = nn.ModuleList([nn.ReLU()])
>>> ms.extend(3)
TypeError: ModuleList.extend should be called with an iterable, but got int

>>> d = nn.ModuleDict({'a': nn.ReLU()})
>>> d['b'] = nn.Tanh()
>>> ('a' in d, list(d), list(d.keys()), [type(v).__name__ for v in d.values()], len(d), d.pop('a'), d, d.clear(), d)
(True, ['a', 'b'], ['a', 'b'], ['ReLU', 'Tanh'], 2, ReLU(), ModuleDict(), None, ModuleDict())

>>> d = nn.ModuleDict()
>>> d.update({'z': nn.ReLU(), 'a': nn.Tanh()})
>>> d.update(nn.ModuleDict({'c': nn.ReLU()}))
>>> list(d.items())
[('z', ReLU()), ('a', Tanh()), ('c', ReLU())]

>>> nn.ParameterList([torch.ones(2), nn.Parameter(torch.ones(2, 3)), 3])
ParameterList(
    (0): Parameter containing: [torch.float32 of size 2]
    (1): Parameter containing: [torch.float32 of size 2x3]
    (2): Object of type: int
)

>>> nn.ParameterList()
ParameterList()

>>> p = nn.ParameterList([torch.ones(2)])
>>> p.append(torch.zeros(1))
>>> p += [nn.Parameter(torch.ones(3))]
>>> ([n for n, _ in p.named_parameters()], len(p), p[-1].tolist(), len(p[1:]), p[0].requires_grad)
(['0', '1', '2'], 3, [1.0, 1.0, 1.0], 2, True)

>>> nn.ParameterList([torch.ones(2)])[3]
IndexError: index 3 is out of range

>>> nn.ParameterList(3)
TypeError: ParameterList.extend should be called with an iterable, but got int

>>> nn.ParameterList()(1)
RuntimeError: ParameterList should not be called.

>>> p = nn.ParameterList([torch.ones(2)])
>>> p[0] = torch.zeros(3)
>>> (p[0].tolist(), type(p[0]).__name__)
([0.0, 0.0, 0.0], 'Parameter')

>>> nn.ParameterDict([('b', torch.ones(2)), ('a', 4)])
ParameterDict(
    (b): Parameter containing: [torch.FloatTensor of size 2]
    (a): Object of type: int
)

>>> d = nn.ParameterDict([('b', torch.ones(2)), ('a', torch.zeros(1))])
>>> (list(d), 'a' in d, len(d), d.get('z'), d.pop('b').tolist(), list(d.state_dict()), d.setdefault('q', torch.ones(1)).tolist(), d.popitem()[0], list(d.keys()))
(['b', 'a'], True, 2, None, [1.0, 1.0], ['a'], [1.0], 'q', ['a'])

>>> d = nn.ParameterDict([('b', torch.ones(2))])
>>> e = d | nn.ParameterDict([('c', torch.ones(1))])
>>> (list(e), list(d), e['b'] is d['b'], list(d.copy().values()), d.clear(), len(d))
(['b', 'c'], ['b'], True, [Parameter containing:
tensor([1., 1.], requires_grad=True)], None, 0)

>>> nn.ParameterDict()(1)
RuntimeError: ParameterDict should not be called.

>>> list(nn.ParameterDict({'b': torch.ones(1), 'a': torch.ones(1)}))
['a', 'b']
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_containers(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def test_sequential_is_a_chain() -> None:
    class Add(nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.n = n

        def forward(self, x: Any) -> Any:
            return [*x, self.n]

    assert nn.Sequential(Add(1), Add(2), nn.Sequential(Add(3)), Add(4))([]) == [1, 2, 3, 4]
    assert nn.Sequential()("unchanged") == "unchanged"


def test_slices_share_the_modules() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert net[:2][0] is net[0]
    assert list(net[::-1]) == [net[2], net[1], net[0]]
    layers = nn.ModuleList(net)
    assert layers[1:][0] is net[1]


def test_append_to_a_slice_loses_nothing() -> None:
    # The slice keeps the names "1" and "2"; the next free one is "3".
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))[1:]
    net.append(nn.Tanh())
    assert [type(m).__name__ for m in net] == ["ReLU", "Linear", "Tanh"]


def test_insert_in_a_chain_with_names_numbers_it() -> None:
    net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))
    net.insert(1, nn.Sigmoid())
    assert [(k, type(m).__name__) for k, m in net.named_children()] == [
        ("0", "ReLU"),
        ("1", "Sigmoid"),
        ("2", "Tanh"),
    ]


@pytest.mark.parametrize("container", [nn.Sequential, nn.ModuleList])
def test_edit_that_fails_changes_nothing(container: Any) -> None:
    net = container()
    net.extend([nn.ReLU(), nn.Tanh()])
    before = list(net)
    with pytest.raises(TypeError):
        net.extend([nn.Sigmoid(), "text"])
    with pytest.raises(TypeError):
        net.append("text")
    with pytest.raises(TypeError, match="module should be of type"):
        net.insert(0, "text")
    with pytest.raises(IndexError):
        net.insert(3, nn.Sigmoid())
    with pytest.raises(IndexError):
        del net[2]
    with pytest.raises(TypeError):
        net[0] = "text"
    assert list(net) == before
    assert list(dict(net.named_children())) == ["0", "1"]


def test_a_list_extended_by_itself() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    layers += layers
    assert [type(m).__name__ for m in layers] == ["ReLU", "Tanh", "ReLU", "Tanh"]


def test_dictionary_keeps_the_order_of_its_items() -> None:
    modules = nn.ModuleDict(OrderedDict(z=nn.ReLU(), a=nn.Tanh()))
    modules["m"] = nn.Sigmoid()
    assert list(modules) == ["z", "a", "m"]
    assert modules["a"] is modules.a
    del modules["a"]
    assert not hasattr(modules, "a")
    modules.clear()
    assert not hasattr(modules, "z")


def test_parameters_in_lists_and_dictionaries_are_registered() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.list = nn.ParameterList([minnet.zeros(2), minnet.ones(1)])
            self.dict = nn.ParameterDict({"a": minnet.zeros(3), "n": 5})

    net = Net()
    names = ["list.0", "list.1", "dict.a"]
    assert [name for name, _ in net.named_parameters()] == names
    assert list(net.state_dict()) == names
    assert net.dict["n"] == 5
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in net.parameters())


def test_parameter_dictionary_raises_what_a_dictionary_raises() -> None:
    parameters = nn.ParameterDict()
    for bad in (lambda: parameters["a"], lambda: parameters.pop("a"), parameters.popitem):
        with pytest.raises((KeyError, StopIteration)):
            bad()
    with pytest.raises(TypeError, match="name should be a string"):
        parameters[3] = minnet.ones(1)
    with pytest.raises(KeyError, match="already exists"):
        parameters["keys"] = minnet.ones(1)
    assert len(parameters) == 0


@pytest.mark.parametrize(
    "container", [nn.ModuleDict({"a": nn.ReLU()}), nn.ParameterDict({"a": minnet.ones(1)})]
)
@pytest.mark.parametrize("bad", ["a.b", "", "keys", 3])
def test_update_that_fails_changes_nothing(container: Any, bad: Any) -> None:
    good = container["a"]
    with pytest.raises((KeyError, TypeError)):
        container.update([("b", good), (bad, good)])
    assert list(container) == ["a"]
    assert not hasattr(container, "b")


def test_integer_tensors_are_no_parameters() -> None:
    for container in (nn.ParameterList(), nn.ParameterDict()):
        items = [minnet.ones(1), minnet.tensor([1])]
        with pytest.raises(RuntimeError, match="floating point"):
            if isinstance(container, nn.ParameterList):
                container.extend(items)
            else:
                container.update(zip("ab", items, strict=True))
        assert len(container) == 0
