"""What all optimizers share: groups, state, and torch's errors."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import minnet
from minnet import optim

OTHERS = [
    getattr(optim, name)
    for name in "RMSprop Adagrad Adadelta Adamax NAdam RAdam Rprop ASGD".split()
]
ALL = [optim.SGD, optim.Adam, optim.AdamW, *OTHERS]


def parameters(*shapes):
    return [minnet.nn.Parameter(minnet.ones(*shape)) for shape in shapes]


def test_groups_take_their_own_options_and_else_the_defaults():
    p, q, r = parameters((2,), (3,), (1,))
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": (r,), "momentum": 0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.9, 0.9, 0]
    assert [len(g["params"]) for g in optimizer.param_groups] == [1, 1, 1]
    assert optimizer.param_groups[1]["params"][0] is q
    for x in (p, q, r):
        x.grad = minnet.ones(x.shape)
    optimizer.step()
    for x, value in ((p, 0.9), (q, 0.5), (r, 0.9)):
        np.testing.assert_allclose(x.detach().numpy(), value, rtol=1e-6)
    assert set(optimizer.state) == {p, q}


def test_a_changed_learning_rate_counts_from_the_next_step():
    (p,) = parameters((1,))
    optimizer = optim.SGD([p], lr=1.0)
    optimizer.param_groups[0]["lr"] = 0.25
    p.grad = minnet.ones(1)
    optimizer.step()
    assert p.item() == 0.75


def test_zero_grad_drops_gradients_or_fills_them():
    p, q = parameters((2,), (2,))
    optimizer = optim.SGD([p, q])
    p.grad = minnet.ones(2)
    gradient = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is gradient and gradient.tolist() == [0, 0] and q.grad is None
    optimizer.zero_grad()
    assert p.grad is None and gradient.tolist() == [0, 0]


def test_a_closure_runs_with_gradients_on_and_its_loss_is_returned():
    (p,) = parameters((2,))
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minnet.no_grad():
        assert optimizer.step(closure).item() == 2
    assert p.tolist() == [0, 0]
    assert optimizer.step() is None


def test_it_prints_as_torchs():
    (p,) = parameters((2,))
    assert repr(optim.SGD([p], lr=0.1)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n)"
    )
    assert repr(optim.AdamW([{"params": [p]}], betas=(0.5, 0.9))) == (
        "AdamW (\nParameter Group 0\n    amsgrad: False\n    betas: (0.5, 0.9)\n"
        "    capturable: False\n    decoupled_weight_decay: True\n    differentiable: False\n"
        "    eps: 1e-08\n    foreach: None\n    fused: None\n    lr: 0.001\n    maximize: False\n"
        "    weight_decay: 0.01\n)"
    )


def train(optimizer, params, steps):
    for t in range(steps):
        for p in params:
            p.grad = minnet.tensor(np.cos(p.array + t))
        optimizer.step()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
        lambda p: optim.AdamW(p, lr=0.1),
        lambda p: optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
        *[lambda p, make=make: make(p, lr=0.1) for make in OTHERS],
    ],
)
def test_a_loaded_state_goes_on_as_if_nothing_had_happened(make):
    params = parameters((2, 3), (4,))
    optimizer = make(params)
    train(optimizer, params, 3)
    saved = optimizer.state_dict()
    assert list(saved) == ["state", "param_groups"] and list(saved["state"]) == [0, 1]
    assert saved["param_groups"][0]["params"] == [0, 1]
    others = copy.deepcopy(params)
    restored = make(others)
    restored.param_groups[0]["lr"] = 5.0
    restored.load_state_dict(saved)
    assert restored.param_groups[0]["lr"] == 0.1
    assert restored.param_groups[0]["params"][0] is others[0]
    train(optimizer, params, 3)
    train(restored, others, 3)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_array_equal(p.array, q.array)


def test_a_loaded_state_is_a_copy_in_the_parameters_dtype():
    (p,) = parameters((2,))
    optimizer = optim.Adam([p])
    train(optimizer, [p], 1)
    saved = optimizer.state_dict()
    (q,) = (minnet.nn.Parameter(minnet.ones(2, dtype=minnet.float64)),)
    other = optim.Adam([q])
    other.load_state_dict(saved)
    state = other.state[q]
    assert state["exp_avg"].dtype is minnet.float64 and state["step"].dtype is minnet.float32
    state["exp_avg"].fill_(7.0)
    assert saved["state"][0]["exp_avg"].tolist() != [7, 7]


def test_old_and_foreign_states_are_completed():
    (p,) = parameters((2,))
    adam = optim.Adam([p])
    train(adam, [p], 2)
    saved = adam.state_dict()
    saved["state"][0]["step"] = 2
    for name in ("fused", "decoupled_weight_decay"):
        del saved["param_groups"][0][name]
    (q,) = parameters((2,))
    adamw = optim.AdamW([q])
    adamw.load_state_dict(saved)
    assert adamw.param_groups[0]["decoupled_weight_decay"] is True
    train(adamw, [q], 1)
    assert adamw.state[q]["step"].item() == 3


def test_a_state_of_other_groups_is_an_error_and_changes_nothing():
    p, q = parameters((2,), (2,))
    optimizer = optim.SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(optim.SGD([{"params": [p]}, {"params": [q]}]).state_dict())
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        optimizer.load_state_dict(optim.SGD([p, q], lr=0.7).state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_optimizer_is_pickled_and_copied_with_its_parameters():
    (p,) = parameters((2,))
    optimizer = optim.Adam([p], lr=0.1)
    train(optimizer, [p], 2)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (q,) = other.param_groups[0]["params"]
        assert q is not p and other.state[q]["step"].item() == 2
        train(other, [q], 1)
    train(optimizer, [p], 1)
    np.testing.assert_array_equal(q.array, p.array)


def test_names_are_kept():
    p, q = parameters((2,), (2,))
    optimizer = optim.SGD([("a", p), ("b", q)])
    assert optimizer.param_groups[0]["param_names"] == ["a", "b"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("a", p), q])
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": parameters((1,))})
    assert len(optimizer.param_groups) == 1


def test_wrong_parameters_are_errors():
    (p,) = parameters((2,))
    with pytest.raises(TypeError, match=r"iterable of Tensors or dicts, but got torch.FloatTensor"):
        optim.SGD(p)
    with pytest.raises(ValueError, match="optimizer got an empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is int"):
        optim.SGD([1])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([p * 2])
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {p}}])
    with pytest.raises(TypeError, match="param_group must be a dict"):
        optim.SGD([p]).add_param_group([p])
    with pytest.raises(ValueError, match="appear in more than one parameter group"):
        optim.SGD([{"params": [p]}, {"params": [p]}])
    with pytest.warns(UserWarning, match="parameter group with duplicate parameters"):
        optim.SGD([p, p])
    optimizer = optim.SGD([p])
    group = {"params": [p]}
    with pytest.raises(ValueError):
        optimizer.add_param_group(group)
    assert list(group) == ["params"] and len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (optim.SGD, {"lr": -1}, "Invalid learning rate: -1"),
        (optim.SGD, {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        (optim.SGD, {"weight_decay": -2}, "Invalid weight_decay value: -2"),
        (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum"),
        (optim.Adam, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.Adam, {"eps": -1}, "Invalid epsilon value: -1"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        (optim.AdamW, {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1: -0.1"),
        (optim.AdamW, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (optim.Adam, {"lr": float("nan")}, "Invalid learning rate: nan"),
        (optim.RMSprop, {"alpha": -1}, "Invalid alpha value: -1"),
        (optim.RMSprop, {"momentum": -1}, "Invalid momentum value: -1"),
        (optim.Adagrad, {"lr_decay": -0.5}, "Invalid lr_decay value: -0.5"),
        (optim.Adagrad, {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value"),
        (optim.Adadelta, {"rho": 1.1}, "Invalid rho value: 1.1"),
        (optim.Adamax, {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
        (optim.NAdam, {"momentum_decay": -0.2}, "Invalid momentum_decay value: -0.2"),
        (optim.RAdam, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (optim.Rprop, {"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
        (optim.ASGD, {"lr": -1}, "Invalid learning rate: -1"),
    ],
)
def test_options_out_of_range_are_errors(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(parameters((1,)), **options)


@pytest.mark.parametrize("make", ALL)
def test_implementations_are_all_the_same_but_for_a_differentiable_one(make):
    accepted = inspect.signature(optim.Adam if make is optim.AdamW else make).parameters
    for name in {"foreach", "fused", "capturable"} & accepted.keys():
        (one,), (other,) = parameters((3,)), parameters((3,))
        a, b = make([one]), make([other], **{name: True})
        for p, optimizer in ((one, a), (other, b)):
            train(optimizer, [p], 3)
        np.testing.assert_array_equal(one.array, other.array)
    assert "foreach" in accepted and "differentiable" in accepted
    make(parameters((1,)), foreach=False, differentiable=False)
    with pytest.raises(NotImplementedError, match="differentiable=True is not supported"):
        make(parameters((1,)), differentiable=True)
    if "fused" in accepted:
        with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
            make(parameters((1,)), fused=True, foreach=True)


def test_a_tensor_may_be_the_learning_rate():
    (p,) = parameters((1,))
    optimizer = optim.Adam([p], lr=minnet.tensor(0.5))
    p.grad = minnet.ones(1)
    optimizer.step()
    np.testing.assert_allclose(p.item(), 0.5, rtol=1e-6)


def test_the_base_makes_no_step():
    (p,) = parameters((1,))
    with pytest.raises(NotImplementedError):
        optim.Optimizer([p], {}).step()


def snapshot(optimizer):
    """Return all that an optimizer holds, its tensors as bytes."""
    state = {
        id(p): {k: v.array.tobytes() if hasattr(v, "array") else v for k, v in values.items()}
        for p, values in optimizer.state.items()
    }
    groups = [{**g, "params": [*map(id, g["params"])]} for g in optimizer.param_groups]
    return copy.deepcopy((state, groups))


def change(state, path, value=None):
    """Return a copy of a state dict with one entry changed, or left out."""
    changed = copy.deepcopy(state)
    *inner, last = path
    target = changed
    for key in inner:
        target = target[key]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return changed


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize(
    ("path", "value", "error", "message"),
    [
        (("state", 1, "exp_avg"), minnet.zeros(4), ValueError,
         r"size mismatch for exp_avg of {}: the shape in the loaded state dict is \[4\], and the "
         r"optimizer needs \[3\]"),
        (("state", 1, "exp_avg_sq"), minnet.zeros(3, 1), ValueError, r"\[3, 1\], and .* \[3\]"),
        (("state", 1, "max_exp_avg_sq"), minnet.zeros(()), ValueError, r"is \[\], and .* \[3\]"),
        (("state", 1, "step"), minnet.zeros(2), ValueError, r"step of {}: .* \[2\], and .* \[\]"),
        (("state", 1, "exp_avg"), "x", TypeError, "as exp_avg of {}, no tensor but 'x'"),
        (("state", 1, "step"), {}, TypeError, "as step of {}, no tensor but {{}}"),
        (("state", 1, "step"), "x", TypeError, "as step of {}, no tensor but 'x'"),
        (("state", 1, "step"), None, ValueError, "no step of {}, but exp_avg, exp_avg_sq.*kind"),
        (("state", 1, "exp_avg_sq"), None, ValueError, "no exp_avg_sq of {}, but step, exp_avg"),
        (("state", 1), {"momentum_buffer": minnet.zeros(3)}, ValueError,
         "no step and no exp_avg and no exp_avg_sq of {}, but momentum_buffer: is it of another "
         "kind of optimizer than Adam?"),
        (("state", 1), [1], TypeError, "the state of {} should be a dict, but got <class 'list'>"),
        (("state",), None, ValueError, r"'state' and 'param_groups', got .* \['param_groups'"),
        (("param_groups",), None, ValueError, "'state' and 'param_groups', got the keys"),
    ],
    ids=str,
)  # fmt: skip
def test_a_state_that_does_not_fit_is_an_error_and_changes_nothing(
    path, value, error, message, names
):
    params = parameters((2, 2), (3,))
    optimizer = optim.Adam(zip("ab", params, strict=True) if names else params, amsgrad=True)
    train(optimizer, params, 2)
    before = snapshot(optimizer)
    changed = change(optimizer.state_dict(), path, value)
    for group in changed.get("param_groups", ()):
        group["lr"] = 77.0
    with pytest.raises(error, match=message.format("b" if names else "parameter 1")):
        optimizer.load_state_dict(changed)
    assert snapshot(optimizer) == before


def test_a_momentum_of_another_shape_is_an_error():
    (p,), (q,) = parameters((2,)), parameters((3,))
    one, other = optim.SGD([p], momentum=0.9), optim.SGD([q], momentum=0.9)
    train(one, [p], 1)
    before = snapshot(other)
    with pytest.raises(ValueError, match=r"size mismatch for momentum_buffer of parameter 0"):
        other.load_state_dict(one.state_dict())
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        other.load_state_dict([])
    assert snapshot(other) == before


OPTIONS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.1, "momentum": 0.5, "centered": True},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1},
    "Adadelta": {"lr": 0.1, "rho": 0.8},
    "Adamax": {"lr": 0.1},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.1},
    "Rprop": {"lr": 0.1},
    "ASGD": {"lr": 0.1, "t0": 2},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_states_go_to_torch_and_back(name):
    torch = pytest.importorskip("torch")
    ours = parameters((2, 3), (4,))
    theirs = [torch.nn.Parameter(torch.ones(*p.shape)) for p in ours]

    def steps(library, optimizer, params):
        for t in range(3):
            for p in params:
                p.grad = library.tensor(np.cos(p.detach().numpy() + t))
            optimizer.step()

    start = getattr(torch.optim, name)(theirs, **OPTIONS[name])
    steps(torch, start, theirs)
    optimizer = getattr(optim, name)(ours)
    optimizer.load_state_dict(start.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.1
    for p, q in zip(ours, theirs, strict=True):
        with minnet.no_grad():
            p.copy_(minnet.tensor(q.detach().numpy()))
    steps(minnet, optimizer, ours)

    def as_torchs(value):
        if isinstance(value, dict):
            return {k: as_torchs(v) for k, v in value.items()}
        if isinstance(value, minnet.Tensor):
            return torch.tensor(value.numpy())
        return value

    copies = [torch.nn.Parameter(torch.tensor(p.detach().numpy())) for p in ours]
    back = getattr(torch.optim, name)(copies)
    back.load_state_dict(as_torchs(optimizer.state_dict()))
    steps(torch, back, copies)
    steps(torch, start, theirs)
    steps(torch, start, theirs)
    for p, q in zip(copies, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [*ALL, optim.LBFGS])
def test_hooks_see_and_change_each_step(make):
    (p,) = parameters((1,))
    optimizer, seen = make([p]), []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append((o, *args)))
    given = {"closure": lambda: p.sum() * 0 + 3}
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o,), given))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(kwargs))
    assert optimizer.step(None).item() == 3
    assert seen == [(optimizer, optimizer, None), given]
    before.remove()
    optimizer.step()
    assert seen[2:] == [given]
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert "step" not in vars(other)
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple .* but got 3"):
        optimizer.step()


def test_hooks_see_and_change_what_is_saved_and_loaded():
    (p,) = parameters((1,))
    optimizer = optim.SGD([p], lr=1.0)
    calls = []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("before"))
    optimizer.register_state_dict_post_hook(lambda o, state: state.update(more=1))
    first = optimizer.register_state_dict_post_hook(lambda o, state: {**state, "other": 2}, True)
    state = optimizer.state_dict()
    assert calls == ["before"] and state["more"] == 1 and state["other"] == 2
    first.remove()
    assert "other" not in optimizer.state_dict()
    optimizer.register_load_state_dict_pre_hook(lambda o, state: state.update(param_groups=None))
    optimizer.register_load_state_dict_pre_hook(lambda o, s: {**s, "param_groups": groups})
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("after"))
    groups = [{"params": [0], "lr": 7.0}]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 7.0 and calls[-1] == "after"
    assert state["param_groups"][0]["lr"] == 1.0


def test_what_is_imported_later_is_listed_and_the_rest_named():
    assert {"RMSprop", "LBFGS", "lr_scheduler", "swa_utils", "SGD"} <= set(dir(optim))
    with pytest.raises(AttributeError, match="has no attribute 'Lion'"):
        optim.Lion  # noqa: B018
