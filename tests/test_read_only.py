"""Memory that is read-only stays as it is: each writer refuses, and nothing else has changed."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minnet
from minnet import nn, optim
from minnet.nn import functional as F

REFUSED = "unsupported operation: .*cannot be written to, since it is expanded or read-only"


def locked(tensor):
    """Return the tensor, whose memory may not be written to from now on."""
    tensor.array.flags.writeable = False
    return tensor


def values(*tensors):
    return [t.array.tobytes() for t in tensors]


def refused(write, *tensors, match=REFUSED):
    """Check that a write is refused and leaves these tensors as they were, and their versions."""
    before, versions = values(*tensors), [t._version for t in tensors]
    with pytest.raises(RuntimeError, match=match):
        write()
    assert values(*tensors) == before and [t._version for t in tensors] == versions


def first_that_fits(function, arguments):
    """Return the first arguments with which a function does not fail."""
    for given in arguments:
        try:
            function(*given)
        except Exception:
            continue
        return given
    return None


def square(dtype=minnet.float32):
    return minnet.tensor([[1, 0], [1, 1]]).to(dtype)


index = minnet.tensor([[0, 1], [1, 0]])
ARGUMENTS = [
    (), (0.5,), (square(),), (1,), (square(minnet.bool),), (0, 1), (0.1, 0.9), (2, 2),
    (square(minnet.bool), 0.5), (square(minnet.bool), square()), (square(), square()),
    (0, index, square()), (0, index[0], 0.5), (0, index[0], square()), (0, 1, 0.5),
    ((index[0], index[1]), minnet.tensor(1.0)), (index, square()), (0, index, square(), "mean"),
    (minnet.ones(2), minnet.ones(2)), ((square(), square()),), (0, index), (square(), 0),
    (minnet.ones(1, 2, 2), minnet.ones(1, 2, 2)), (0.0, 1.0, 2), (square(), square(), square()),
]  # fmt: skip
DTYPES = [minnet.float32, minnet.int64, minnet.bool]
# They change what is noted of a tensor, not its memory; or give it other memory.
HARMLESS = {"detach_", "requires_grad_", "resize_", "squeeze_", "unsqueeze_", "t_", "transpose_",
            "swapaxes_", "swapdims_", "share_memory_", "rename_", "as_strided_", "set_", "apply_",
            "map_", "resize_as_"}  # fmt: skip
IN_PLACE = [n for n in dir(minnet.Tensor) if n.endswith("_") and n[0] != "_" and n not in HARMLESS]


@pytest.mark.parametrize("name", IN_PLACE)
def test_every_method_in_place(name):
    tried = 0
    for dtype in DTYPES:
        fits = first_that_fits(
            lambda *given, dtype=dtype: getattr(square(dtype), name)(*given), ARGUMENTS
        )
        if fits is not None:
            x = locked(square(dtype))
            refused(lambda: getattr(x, name)(*fits), x)  # noqa: B023
            tried += 1
    if not tried:
        pytest.skip("needs arguments of its own")


def test_nearly_all_methods_in_place_were_tried():
    def can(name):
        calls = [lambda *given, d=d: getattr(square(d), name)(*given) for d in DTYPES]
        return any(first_that_fits(call, ARGUMENTS) is not None for call in calls)

    assert sum(map(can, IN_PLACE)) > 0.9 * len(IN_PLACE)


def with_parameter(module, parameter):
    for name in sorted(vars(module)):
        function = getattr(module, name)
        if callable(function) and not inspect.isclass(function) and name[0] != "_":
            try:
                found = inspect.signature(function).parameters
            except (TypeError, ValueError):
                continue
            if parameter in found:
                yield name


@pytest.mark.parametrize("name", list(with_parameter(minnet, "out")))
def test_every_out(name):
    function = getattr(minnet, name)
    fits = next(
        (
            (given, result)
            for given in [*ARGUMENTS[1:], (square(minnet.int64),), (3,), (square(), index)]
            for result in [first_that_fits(function, [given]) and function(*given)]
            if isinstance(result, minnet.Tensor)
        ),
        None,
    )
    if fits is None:
        pytest.skip("needs arguments of its own")
    given, result = fits
    out = locked(minnet.zeros_like(result))
    refused(lambda: function(*given, out=out), out)


@pytest.mark.parametrize("name", list(with_parameter(F, "inplace")))
def test_every_function_in_place(name):
    shape = (2, 2, 2) if name == "dropout1d" else (1, 2, 2, 2)
    x = locked(minnet.linspace(-2, 2, 8).reshape(shape))
    given = {"threshold": (0.5, 0.1)}.get(name, ())
    before = values(x)
    try:
        getattr(F, name)(x, *given, inplace=True)
    except RuntimeError as error:
        assert "read-only" in str(error)
    assert values(x) == before  # where nothing is refused, nothing was to be written


def test_other_writers():
    x = locked(minnet.ones(3))
    for write in (
        lambda: x.__setitem__(0, 2.0),
        lambda: x.__iadd__(1),
        lambda: x.data.add_(1),
        lambda: x.detach().zero_(),
        lambda: x[1:].zero_(),
        lambda: minnet.zeros_(x) if hasattr(minnet, "zeros_") else x.zero_(),
        lambda: nn.init.normal_(x),
        lambda: nn.Parameter(x).data.fill_(3),
    ):
        refused(write, x)
    weight = locked(nn.Parameter(minnet.ones(3, 2)))
    refused(lambda: F.embedding(minnet.tensor([0, 1]), weight, max_norm=0.1), weight)
    net = nn.Linear(2, 2)
    locked(net.bias)
    state = {name: minnet.zeros(t.shape) for name, t in net.state_dict().items()}
    refused(lambda: net.load_state_dict(state), *net.parameters(), match="read-only; use assign")


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
def test_running_statistics(name):
    norm = nn.BatchNorm1d(2)
    locked(getattr(norm, name))
    x = minnet.tensor([[1.0, 2.0], [3.0, 5.0]])
    refused(lambda: norm(x), *norm.buffers())
    assert norm.eval()(x).shape == (2, 2)


def test_a_gradient_that_is_read_only_is_replaced_or_refused():
    x = minnet.ones(2, requires_grad=True)
    x.grad = given = locked(minnet.ones(2))
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3] and given.tolist() == [1, 1]
    a, b = nn.Parameter(minnet.ones(2)), nn.Parameter(minnet.ones(2))
    a.grad, b.grad = minnet.ones(2), locked(minnet.ones(2))
    net = nn.ParameterList([a, b]) if hasattr(nn, "ParameterList") else nn.Module()
    net.a, net.b = a, b
    for owner in (net, optim.SGD([a, b], lr=0.1)):
        refused(
            lambda owner=owner: owner.zero_grad(set_to_none=False), a.grad, b.grad,
            match="a gradient cannot be written to",
        )  # fmt: skip


OPTIMIZERS = [
    name
    for name, cls in sorted(vars(optim).items())
    if inspect.isclass(cls) and issubclass(cls, optim.Optimizer) and cls is not optim.Optimizer
]


def stepping(name, number=2):
    options = {"momentum": 0.9} if name == "SGD" else {}
    params = [nn.Parameter(minnet.ones(2)) for _ in range(number)]
    groups = [{"params": params[:1]}, {"params": params[1:]}] if name != "LBFGS" else params
    return params, getattr(optim, name)(groups, lr=0.1, **options)


def step(optimizer, params):
    for p in params:
        p.grad = minnet.ones(2)
    if type(optimizer).__name__ == "LBFGS":
        return optimizer.step(lambda: sum((p * p).sum() for p in params))
    return optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name):
    params, optimizer = stepping(name)
    locked(params[1])
    refused(lambda: step(optimizer, params), *params, match="read-only")


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "LBFGS"])
def test_what_an_optimizer_keeps(name):
    params, optimizer = stepping(name)
    step(optimizer, params)
    kept = [v for v in optimizer.state[params[1]].values() if isinstance(v, minnet.Tensor)]
    for tensor in kept:
        tensor.array.flags.writeable = False
        everything = [v for state in optimizer.state.values() for v in state.values()]
        everything = [v for v in everything if isinstance(v, minnet.Tensor)]
        refused(lambda: step(optimizer, params), *params, *everything, match="read-only")
        tensor.array = tensor.array.copy()


# A write into such a map would end the process.
MAPPED = """
import sys, numpy as np, minnet
from minnet import nn, optim
np.zeros(100_000, np.float32).tofile(sys.argv[1])
mapped = minnet.from_numpy(np.memmap(sys.argv[1], np.float32, "r"))
p = nn.Parameter(mapped)
p.grad = minnet.ones(100_000)
for write in (optim.SGD([p], lr=0.1).step, optim.Adam([p]).step, p.data.zero_, p.data.normal_,
              lambda: nn.init.normal_(p), lambda: minnet.add(p.data, 1, out=mapped)):
    try:
        write()
    except RuntimeError as error:
        print("read-only" in str(error))
"""


def test_a_read_only_memory_map(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MAPPED, str(tmp_path / "map")], capture_output=True, text=True
    )
    assert (done.stdout.split(), done.returncode) == (["True"] * 6, 0), done.stderr


def test_what_is_unpickled_into_read_only_memory_is_copied():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    buffers = []
    pickled = pickle.dumps((net, minnet.ones(2)), 5, buffer_callback=buffers.append)
    assert buffers
    loaded, tensor = pickle.loads(pickled, buffers=[bytes(b) for b in buffers])
    tensor.add_(1)
    optimizer = optim.SGD(loaded.parameters(), lr=0.1)
    loaded(minnet.randn(4, 3)).square().sum().backward()
    optimizer.step()
    mapped = np.frombuffer(bytes(8), np.float32)
    rebuild, arguments, *_ = minnet.ones(2).__reduce__()
    rebuild(arguments[0], mapped, *arguments[2:]).add_(1)
    copy.deepcopy(minnet.from_numpy(mapped)).add_(1)


# What shares memory, and what copies


def test_what_shares_and_what_copies():
    x = minnet.arange(4.0)
    shares = [
        x.numpy(),
        np.asarray(x),
        np.from_dlpack(x),
        x.numpy(force=True),
        np.array(x, copy=None),
    ]
    copies = [np.array(x), np.array(x, np.float64), x.clone().numpy(), np.asarray(x, np.float64)]
    assert all(np.shares_memory(x.array, a) for a in shares)
    assert not any(np.shares_memory(x.array, a) for a in copies)
    with pytest.raises(ValueError, match="copy"):
        np.array(x, np.float64, copy=False)
    a = np.ones(3, np.float32)
    for tensor in (minnet.from_numpy(a), minnet.from_dlpack(a), minnet.as_tensor(a)):
        assert tensor.data_ptr() == a.ctypes.data
    assert minnet.tensor(a).data_ptr() != a.ctypes.data
    assert x[1:].data_ptr() == x.data_ptr() + 4 == x.detach()[1:].data_ptr()
    assert x[4:].data_ptr() == 0 == minnet.empty(0).data_ptr()
    assert not locked(minnet.ones(2)).numpy().flags.writeable


def test_numpy_of_what_requires_grad():
    x = minnet.ones(2, requires_grad=True)
    for y in (x, x * 2, x[:1]):
        with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\)"):
            y.numpy()
        with minnet.no_grad():
            assert np.shares_memory(y.numpy(), y.array)
        with minnet.inference_mode():
            assert np.asarray(y).shape == y.shape
        with pytest.raises(BufferError, match="require gradient"):
            np.from_dlpack(y)
