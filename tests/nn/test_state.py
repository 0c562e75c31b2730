"""State: its extension points are called as torch calls them, and a failure changes nothing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn

SETUP = """
class Extra(nn.Module):
    def __init__(self, value=None):
        super().__init__()
        self.value = value
    def get_extra_state(self):
        return self.value
    def set_extra_state(self, state):
        self.value = state

class Noisy(nn.Module):
    _version = 3
    def __init__(self, log):
        super().__init__()
        self.log = log
        self.w = nn.Parameter(torch.zeros(2))
    def _save_to_state_dict(self, destination, prefix, keep_vars):
        self.log.append(('save', prefix, keep_vars))
        super()._save_to_state_dict(destination, prefix, keep_vars)
    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys,
                              unexpected_keys, error_msgs):
        self.log.append(('load', prefix, dict(local_metadata), strict, sorted(state_dict)))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys,
                                      unexpected_keys, error_msgs)
        self.log.append(('loaded', self.w.tolist()))
    def _apply(self, fn, *rest):
        self.log.append(('apply', rest))
        return super()._apply(fn, *rest)

log = []
def tell(name, result=None):
    def hook(*arguments):
        log.append((name, len(arguments)))
        return result
    return hook
"""

PROGRAMS = """
>>> list(nn.Sequential(Extra(1), nn.Linear(1, 1)).state_dict())
['0._extra_state', '1.weight', '1.bias']

>>> a, b = nn.Sequential(Extra({'n': 1})), nn.Sequential(Extra())
>>> (b.load_state_dict(a.state_dict()), b[0].value)
(<All keys matched successfully>, {'n': 1})

>>> nn.Sequential(Extra(1)).load_state_dict({})
RuntimeError: Error(s) in loading state_dict for Sequential:
        Missing key(s) in state_dict: "0._extra_state".

>>> nn.Sequential(nn.ReLU()).load_state_dict({'0._extra_state': 1})
RuntimeError: Error(s) in loading state_dict for Sequential:
        Unexpected key(s) in state_dict: "0._extra_state".

>>> nn.Sequential(nn.ReLU()).load_state_dict({'0._extra_state': 1}, strict=False)
_IncompatibleKeys(missing_keys=[], unexpected_keys=['0._extra_state'])

>>> m = nn.Sequential(nn.ReLU(), Noisy(log))
>>> s = m.state_dict(keep_vars=True)
>>> (log, dict(s._metadata))
([('save', '1.', True)], {'': {'version': 1}, '0': {'version': 1}, '1': {'version': 3}})

>>> m = nn.Sequential(nn.ReLU(), Noisy(log))
>>> s = nn.Sequential(nn.ReLU(), Noisy([])).state_dict()
>>> s['1.w'] = torch.ones(2)
>>> (m.load_state_dict(s), log)
(<All keys matched successfully>, [('load', '1.', {'version': 3}, True, ['1.w']), ('loaded', [1.0, 1.0])])

>>> m = Noisy(log)
>>> (m.load_state_dict({}, strict=False), m.load_state_dict({'w': torch.ones(2)}, assign=True), log)
(_IncompatibleKeys(missing_keys=['w'], unexpected_keys=[]), <All keys matched successfully>, [('load', '', {}, True, []), ('loaded', [0.0, 0.0]), ('load', '', {'assign_to_params_buffers': True}, True, ['w']), ('loaded', [1.0, 1.0])])

>>> m = nn.Sequential(nn.Sequential(Noisy(log)), nn.Linear(1, 1))
>>> (m.double()[0][0].w.dtype, log)
(torch.float64, [('apply', ())])

>>> m = Noisy(log)
>>> missing, unexpected, errors = [], [], []
>>> m._load_from_state_dict({'a.w': torch.ones(2), 'a.b': 1, 'c': 2}, 'a.', {}, True, missing, unexpected, errors)
>>> (m.w.tolist(), missing, unexpected, errors)
([1.0, 1.0], [], ['a.b'], [])

>>> m = nn.Linear(1, 1)
>>> h = [m._register_state_dict_hook(tell('private', {'k': 1})), m.register_state_dict_post_hook(tell('post')), m.register_state_dict_pre_hook(tell('pre'))]
>>> (m.state_dict(), log)
({'k': 1}, [('pre', 3), ('private', 4), ('post', 4)])

>>> m = nn.Linear(1, 1)
>>> h = m.register_state_dict_post_hook(tell('post', 1))
>>> m.state_dict()
RuntimeError: state_dict post-hook must return None

>>> m = nn.Sequential(nn.Linear(1, 1))
>>> h = [m[0]._register_load_state_dict_pre_hook(tell('bare')), m[0]._register_load_state_dict_pre_hook(tell('with'), with_module=True), m.register_load_state_dict_pre_hook(tell('public'))]
>>> h.append(m.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear()))
>>> h.append(m[0].register_load_state_dict_post_hook(lambda module, keys: log.append(list(keys.missing_keys))))
>>> (m.load_state_dict({'0.weight': torch.ones(1, 1)}), log)
(<All keys matched successfully>, [('public', 8), ('bare', 7), ('with', 8), ['0.bias']])

>>> class Grows(nn.Module):
...     def __init__(self):
...         super().__init__()
...         self.register_buffer('seen', torch.zeros(0))
...     def _load_from_state_dict(self, state_dict, prefix, *rest):
...         self.seen = self.seen.new_zeros(state_dict[prefix + 'seen'].shape)
...         super()._load_from_state_dict(state_dict, prefix, *rest)
>>> m = nn.Sequential(Grows())
>>> (m.load_state_dict({'0.seen': torch.ones(2)}), m[0].seen.tolist())
(<All keys matched successfully>, [1.0, 1.0])
"""  # noqa: E501


@minnet_and_torch(PROGRAMS, setup=SETUP)
def test_extension_points(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def test_no_extra_state_says_what_to_define() -> None:
    for call in (lambda: nn.ReLU().get_extra_state(), lambda: nn.ReLU().set_extra_state(1)):
        with pytest.raises(RuntimeError, match=r"ReLU has no extra state: define (get|set)_extra"):
            call()


class Follower(nn.Linear):
    """Writes what it likes while it is loaded, and refuses some extra states."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.register_buffer("own", minnet.zeros(1))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.own = self.weight.detach().sum()
        self.new = nn.Parameter(minnet.ones(1))
        self.bias.requires_grad_(False)

    def get_extra_state(self) -> Any:
        return "good"

    def set_extra_state(self, state: Any) -> None:
        if state != "good":
            raise KeyError(state)


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("1._extra_state", "bad", KeyError),
        ("1.bias", minnet.zeros(3), RuntimeError),
        ("1.weight", None, RuntimeError),
        ("odd", 1, RuntimeError),
    ],
)
def test_whatever_fails_leaves_all_as_it_was(
    assign: bool, key: str, value: Any, error: type[Exception]
) -> None:
    net = nn.Sequential(Follower(), Follower())
    state = net.state_dict()
    for name, p in net.named_parameters():
        state[name] = nn.Parameter(p.detach() + 1, requires_grad=False)
    state[key] = value
    x = minnet.ones(1, 2, requires_grad=True)
    loss = net(x).sum()
    members = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    before = copy.deepcopy(net.state_dict())
    notes = nn.init.provenance(net)
    with pytest.raises(error):
        net.load_state_dict(state, assign=assign)
    after = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    assert list(after) == list(members) and all(after[k] is t for k, t in members.items())
    for name, t in net.state_dict().items():
        assert t == before[name] if isinstance(t, str) else minnet.equal(t, before[name])
    assert all(p.requires_grad for p in net.parameters())
    assert not any(p.requires_grad for p in state.values() if isinstance(p, nn.Parameter))
    assert nn.init.provenance(net) == notes
    loss.backward()  # the values that it needs are there
    assert x.grad is not None


def test_a_conversion_that_fails_in_a_subclass_changes_nothing() -> None:
    class Last(nn.Linear):
        def _apply(self, fn: Any, recurse: bool = True) -> Any:
            super()._apply(fn)
            raise RuntimeError("no")

    net = nn.Sequential(nn.Linear(2, 2), Last(2, 2))
    net[1].weight.grad = grad = minnet.ones(2, 2)
    arrays = [p.array for p in net.parameters()]
    for convert in (net.double, lambda: net.type(minnet.float64)):
        with pytest.raises(RuntimeError, match="no"):
            convert()
        assert all(p.array is a for p, a in zip(net.parameters(), arrays, strict=True))
        assert net[1].weight.grad is grad


def test_without_recursion_only_the_module_itself_is_converted() -> None:
    net = nn.Sequential(nn.Linear(1, 1))
    net.register_buffer("b", minnet.zeros(1))
    net._apply(lambda t: t.double(), recurse=False)
    assert (net.b.dtype, net[0].weight.dtype) == (minnet.float64, minnet.float32)


class Hooked(nn.Module):
    """Registers its own methods."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._register_load_state_dict_pre_hook(self.before)
        self.register_state_dict_post_hook(self.after)

    def before(self, state_dict: Any, *rest: Any) -> None:
        self.seen.append("load")

    def after(self, module: Any, *rest: Any) -> None:
        assert module is self
        self.seen.append("save")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_the_hooks_of_a_copy_are_the_copys(copied: Any) -> None:
    module = Hooked()
    other = copied(module)
    other.load_state_dict(other.state_dict())
    assert (module.seen, other.seen) == ([], ["save", "load"])


def test_a_read_only_member_of_the_tree_stands_in_nobodys_way() -> None:
    frozen = np.zeros(1, np.float32)
    frozen.flags.writeable = False
    net = nn.Sequential(nn.Linear(1, 1))
    net.register_buffer("frozen", minnet.from_numpy(frozen), persistent=False)
    net.load_state_dict({"0.weight": minnet.ones(1, 1), "0.bias": minnet.ones(1)})
    with pytest.raises(RuntimeError, match="Missing"):
        net.load_state_dict({"0.weight": minnet.zeros(1, 1)})
    assert net[0].weight.item() == 1
