"""Tensors on the device: how they are made, move, print, are saved, and refuse to be mixed."""

import copy
import pickle

import numpy as np
import pytest

import minnet as torch
import minnet.nn as nn

GPU = torch.device("cuda:0")


def test_where_a_tensor_is():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
    assert x.device == GPU
    assert x.is_cuda
    assert x.get_device() == 0
    assert torch.zeros(1).get_device() == -1
    assert x.type() == "torch.cuda.FloatTensor"
    assert (x + 1).device == x[0].device == x.T.device == (x > 1).sum().device == GPU
    assert not x.cpu().is_cuda


MAKERS = {
    "tensor": lambda **o: torch.tensor([[1, 2], [3, 4]], **o),
    "as_tensor": lambda **o: torch.as_tensor(np.arange(3), **o),
    "zeros": lambda **o: torch.zeros(2, 3, **o),
    "ones": lambda **o: torch.ones(2, dtype=torch.int64, **o),
    "full": lambda **o: torch.full((2,), 3.5, **o),
    "eye": lambda **o: torch.eye(2, 3, **o),
    "arange": lambda **o: torch.arange(1, 9, 2, **o),
    "linspace": lambda **o: torch.linspace(0, 1, 5, **o),
    "randperm": lambda **o: torch.randperm(6, **o),
    "new_full": lambda **o: torch.zeros(1).new_full((2,), 7, **o),
}


@pytest.mark.parametrize("name", MAKERS)
def test_tensors_are_made_on_the_device(name):
    torch.manual_seed(0)
    expected = MAKERS[name]()
    torch.manual_seed(0)
    made = MAKERS[name](device="cuda")
    assert made.device == GPU
    assert made.dtype == expected.dtype
    assert torch.equal(made.cpu(), expected)
    assert torch.zeros_like(made).device == GPU
    assert made.new_ones(2).device == GPU
    assert torch.empty_like(made, device="cpu").device.type == "cpu"


def test_moves():
    x = torch.arange(3)
    there = x.to("cuda")
    assert there.to(GPU) is there
    assert there.cuda() is there
    assert x.cpu() is x
    assert x.to(there).device == GPU
    assert there.to("cpu", torch.float32).dtype == torch.float32
    assert there.to(torch.float32).device == GPU
    assert there.to(there.device, copy=True) is not there
    x[0] = 9
    assert there.tolist() == [0, 1, 2]  # a copy
    assert torch.tensor(there.detach().tolist()).tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="CUDA_VISIBLE_DEVICES=1"):
        x.to("cuda:1")


def test_a_move_hands_gradients_on():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.cuda() * 3
    assert y.grad_fn.next_functions[0][0].name() == "ToCopyBackward0"
    y.backward(torch.ones(2, device="cuda"))
    assert x.grad.device.type == "cpu"
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="different device"):
        x.grad = torch.ones(2, device="cuda")


def test_printing():
    x = torch.tensor([[1.0, 2.5], [3.0, 4.0]], device="cuda")
    assert repr(x) == ("tensor([[1.0000, 2.5000],\n        [3.0000, 4.0000]], device='cuda:0')")
    assert repr(x[0, 0].double()) == "tensor(1., device='cuda:0', dtype=torch.float64)"
    assert repr(torch.empty(0, 2, device="cuda")) == "tensor([], device='cuda:0', size=(0, 2))"
    y = x.requires_grad_() * 2
    assert repr(y[0]) == "tensor([2., 5.], device='cuda:0', grad_fn=<SelectBackward0>)"
    assert repr(nn.Parameter(x[0].detach())) == (
        "Parameter containing:\ntensor([1.0000, 2.5000], device='cuda:0', requires_grad=True)"
    )


def test_numbers_and_numpy():
    x = torch.tensor([1.5, 2.5], device="cuda")
    assert x[1].item() == 2.5
    assert float(x[0]) == 1.5
    assert x.tolist() == [1.5, 2.5]
    assert bool(x[0] > 1)
    assert f"{x[0]:.2f}" == "1.50"
    for read in (x.numpy, lambda: np.asarray(x), lambda: np.array([x, x])):
        with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
            read()
    assert x.numpy(force=True).tolist() == [1.5, 2.5]


def test_copies_across():
    x = torch.zeros(2, 2, device="cuda")
    x.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    host = torch.zeros(2, 2, dtype=torch.int64)
    host.copy_(x)
    assert host.tolist() == [[1, 2], [3, 4]]
    x[0] = torch.tensor([7.0, 8.0])
    x[1, 0] = 9
    x[1].mul_(2)
    assert x.tolist() == [[7, 8], [18, 8]]
    x.fill_(torch.tensor(3.0)).zero_()
    assert x.tolist() == [[0, 0], [0, 0]]
    assert copy.deepcopy(x).device == GPU
    assert pickle.loads(pickle.dumps(x)).device == GPU


def test_a_tensor_of_one_number_goes_with_both_devices():
    x = torch.ones(2, device="cuda")
    assert (x * torch.tensor(2.0)).tolist() == [2, 2]
    assert (torch.tensor(2.0) - x).device == GPU
    assert torch.where(x > 0, x, torch.tensor(0.0)).tolist() == [1, 1]


CPU = torch.ones(2, 2)
MIXED = {
    "add": lambda x: x + CPU,
    "radd": lambda x: CPU + x,
    "compare": lambda x: x > CPU,
    "where": lambda x: torch.where(CPU > 0, x, 0.0),
    "maximum": lambda x: torch.maximum(CPU, x),
    "in place": lambda x: x.add_(CPU),
    "in place on the cpu": lambda x: CPU.clone().mul_(x),
    "cat": lambda x: torch.cat([x, CPU]),
    "stack": lambda x: torch.stack([CPU, x]),
    "equal": lambda x: torch.equal(x, CPU),
    "isclose": lambda x: torch.isclose(CPU, x),
    "matmul": lambda x: x @ CPU,
    "rmatmul": lambda x: CPU @ x,
    "linear": lambda x: nn.functional.linear(CPU, x),
    "mse": lambda x: nn.functional.mse_loss(x, CPU),
    "cross entropy": lambda x: nn.functional.cross_entropy(x, torch.tensor([0, 1])),
    "nll": lambda x: nn.functional.nll_loss(CPU, torch.tensor([0, 1], device="cuda")),
    "bce": lambda x: nn.functional.binary_cross_entropy_with_logits(x, CPU),
    "backward": lambda x: (x.requires_grad_() * 2).backward(CPU),
}


@pytest.mark.parametrize("name", MIXED)
def test_devices_do_not_mix(name):
    x = torch.full((2, 2), 3.0, device="cuda")
    with pytest.raises(
        RuntimeError,
        match="Expected all tensors to be on the same device, but found at least two devices, "
        "cuda:0 and cpu!",
    ):
        MIXED[name](x)
    assert x.tolist() == [[3, 3], [3, 3]]
    assert CPU.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda x: x.sort(), "np.argsort"),
        (lambda x: x[x > 0], "size that depends on the data"),
        (lambda x: x.cumsum(0), "np.cumsum"),
        (lambda x: x.nonzero(), "np.argwhere"),
    ],
)
def test_what_the_device_cannot_do_is_said(use, name):
    with pytest.raises(
        NotImplementedError, match=r"move the tensor to the CPU with \.cpu\(\)"
    ) as e:
        use(torch.ones(2, device="cuda"))
    assert name in str(e.value)


def test_modules_and_their_state(tmp_path):
    pytest.importorskip("safetensors")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert model.to("cuda") is model
    assert all(p.device == GPU and p.requires_grad for p in model.parameters())
    state = model.state_dict()
    assert all(v.device == GPU for v in state.values())
    path = tmp_path / "weights.safetensors"
    torch.save(state, path)
    for where in (None, "cpu", "cuda"):
        loaded = torch.load(path, map_location=where)
        assert all(v.device.type == (where or "cpu") for v in loaded.values())
        assert all(torch.equal(loaded[k].cpu(), before[k]) for k in before)
        fresh = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)).cuda()
        fresh.load_state_dict(loaded)
        assert all(p.device == GPU for p in fresh.parameters())
        assert torch.equal(fresh[0].weight, model[0].weight)
    model.cpu()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_generator_of_either_device():
    g = torch.Generator(device="cuda")
    assert g.device == GPU
    assert torch.Generator().device == torch.device("cpu")
    g.manual_seed(5)
    a = torch.randperm(8, generator=g)
    assert torch.equal(a, torch.randperm(8, generator=torch.Generator(seed=5)))
    torch.manual_seed(1)
    torch.cuda.manual_seed_all(2)
    assert torch.initial_seed() == 2


def test_the_device_can_be_asked():
    assert torch.cuda.is_available()
    assert torch.cuda.why_not() is None
    assert torch.cuda.device_count() == 1
    assert torch.cuda.current_device() == 0
    assert torch.cuda.get_device_name() == torch.cuda.get_device_name("cuda:0")
    assert isinstance(torch.cuda.get_device_capability(), tuple)
    torch.cuda.synchronize()
    with pytest.raises(ValueError, match="Expected a cuda device"):
        torch.cuda.synchronize("cpu")
