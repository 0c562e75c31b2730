"""Whoever stands before a module's call is seen, by a Sequential that computes layers together too.

Every way to change what a call does, times every place where a module can be; torch sees the same.
"""

from __future__ import annotations

import contextlib
import copy
import importlib

import pytest

import minnet
from minnet import nn

# Each place: the network, the module that is changed, and how the network is called.
PLACES = ["fused", "fused, last", "activation", "flatten", "dropout", "nested", "nested's layer",
          "list member", "dict member", "loss", "root", "alone"]  # fmt: skip


def place(library, name):
    """Return a function that runs the network, and the module to change."""
    nn = library.nn
    x = library.ones(4, 3, requires_grad=True)

    def sequential(index):
        net = nn.Sequential(
            nn.Linear(3, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(3, 3), nn.Tanh(),
            nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()), nn.Linear(3, 2),
        )  # fmt: skip
        return (lambda: net(x)), net[index] if index is not None else net

    class Members(nn.Module):
        def __init__(self, members):
            super().__init__()
            self.members = members

        def forward(self, x):
            for each in getattr(self.members, "values", self.members.__iter__)():
                x = each(x)
            return x

    if name == "list member":
        net = Members(nn.ModuleList([nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)]))
        return (lambda: net(x)), net.members[0]
    if name == "dict member":
        net = Members(nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.ReLU()}))
        return (lambda: net(x)), net.members["a"]
    if name == "loss":
        loss = nn.MSELoss()
        return (lambda: loss(x * 2, library.zeros(4, 3))), loss
    if name == "alone":
        layer = nn.Linear(3, 3)
        return (lambda: layer(x)), layer
    run, module = sequential(
        {"fused": 0, "fused, last": 7, "activation": 1, "flatten": 2, "dropout": 3, "nested": 6,
         "nested's layer": 6, "root": None}[name]
    )  # fmt: skip
    return run, module[0] if name == "nested's layer" else module


@contextlib.contextmanager
def assigned(owner, name, value):
    """Set an attribute for the block, and put back what was there."""
    own = name in vars(owner) or name == "__class__"
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def wrapper(function, seen):
    def wrapped(self, *args, **kwargs):
        seen(self)
        return function(self, *args, **kwargs)

    return wrapped


def call_of_module(library, module, seen):
    """`nn.Module.__call__ = wrapper`: what tracers and profilers do."""
    return assigned(library.nn.Module, "__call__", wrapper(library.nn.Module.__call__, seen))


def call_of_class(library, module, seen):
    return assigned(type(module), "__call__", wrapper(type(module).__call__, seen))


def forward_of_class(library, module, seen):
    return assigned(type(module), "forward", wrapper(type(module).forward, seen))


def forward_of_instance(library, module, seen):
    before = module.forward

    def forward(*args):
        seen(module)
        return before(*args)

    return assigned(module, "forward", forward)


def subclass_call(library, module, seen):
    cls = type(module)
    mine = type("Mine", (cls,), {"__call__": wrapper(cls.__call__, seen)})
    return assigned(module, "__class__", mine)


def subclass_forward(library, module, seen):
    cls = type(module)
    return assigned(
        module, "__class__", type("Mine", (cls,), {"forward": wrapper(cls.forward, seen)})
    )


def own(name):
    def register(library, module, seen):
        return getattr(module, name)(lambda module, *rest: seen(module))

    register.__name__ = name
    return register


def everywhere(name):
    def register(library, module, seen):
        hooks = importlib.import_module(f"{library.__name__}.nn.modules.module")
        return getattr(hooks, name)(lambda module, *rest: seen(module))

    register.__name__ = name
    return register


WAYS = [
    call_of_module, call_of_class, forward_of_class, forward_of_instance, subclass_call,
    subclass_forward,
    own("register_forward_pre_hook"), own("register_forward_hook"),
    own("register_full_backward_pre_hook"), own("register_full_backward_hook"),
    everywhere("register_module_forward_pre_hook"), everywhere("register_module_forward_hook"),
    everywhere("register_module_full_backward_pre_hook"),
    everywhere("register_module_full_backward_hook"),
]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("library", ["minnet", "torch"])
def test_every_way_is_seen_in_every_place(library, name, way):
    library = pytest.importorskip(library)
    library.manual_seed(0)
    run, module = place(library, name)
    calls = []
    with way(library, module, calls.append):
        run().sum().backward()
    assert calls.count(module) == 1
    run().sum().backward()
    assert calls.count(module) == 1  # and not after it has gone


@pytest.mark.parametrize(
    "way", [w for w in WAYS if "module" in w.__name__], ids=lambda w: w.__name__
)
def test_what_stands_before_all_modules_sees_the_calls_that_torchs_sees(way):
    torch = pytest.importorskip("torch")

    def names(library):
        run, _ = place(library, "root")
        calls = []
        with way(library, None, lambda module: calls.append(type(module).__name__)):
            run().sum().backward()
        return calls

    assert names(minnet) == names(torch)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_remains_once_it_has_gone_and_no_bit_changes(way):
    minnet.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    x = minnet.randn(4, 3)
    before = net(x)
    with way(minnet, net[0], lambda module: None):
        during = net(x)
    after = net(x)
    assert minnet.equal(before, during) and minnet.equal(before, after)
    if not way.__name__.startswith("register_f"):
        assert len(set(after.grad_fn.next_functions)) == len(set(before.grad_fn.next_functions))


def test_hooks_on_all_modules_come_first_and_may_replace():
    from minnet.nn.modules import module as hooks

    layer = nn.Identity()
    order = []
    layer.register_forward_pre_hook(lambda m, args: order.append("own before"))
    layer.register_forward_hook(lambda m, args, out: order.append("own after") or out + 1)
    handles = [
        hooks.register_module_forward_pre_hook(
            lambda m, args: order.append("before") or args[0] * 2
        ),
        hooks.register_module_forward_hook(
            lambda m, args, kwargs, out: order.append("after") or out * 10, with_kwargs=True
        ),
    ]
    try:
        assert layer(minnet.ones(1)).tolist() == [21.0]
    finally:
        for handle in handles:
            handle.remove()
    assert order == ["before", "own before", "after", "own after"]
    assert layer(minnet.ones(1)).tolist() == [2.0]


def test_an_always_called_hook_on_all_modules_hears_of_a_failure():
    from minnet.nn.modules.module import register_module_forward_hook

    heard = []
    with register_module_forward_hook(lambda m, args, out: heard.append(out), always_call=True):
        with pytest.raises(RuntimeError):
            nn.Sequential(nn.Linear(3, 2))(minnet.ones(4, 4))
    assert heard == [None, None]


def test_a_copy_of_a_patched_module_is_patched():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    net[0].__class__ = type("Mine", (nn.Linear,), {"__call__": lambda self, x: x})
    assert minnet.equal(copy.deepcopy(net)(minnet.ones(1, 3)), minnet.ones(1, 3))
