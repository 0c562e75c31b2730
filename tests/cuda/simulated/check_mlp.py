"""A perceptron on the device has the CPU's bits."""

from itertools import pairwise

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.kernels import cpu, cuda
from minnet.kernels.cuda.array import from_host, to_host

NAMES = "relu", None, "tanh"
rng = np.random.default_rng(0)


def case(bias=True):
    """Return x, and W and the bias of three layers, and dy."""
    sizes = (5, 4, 6, 3)
    arrays = [rng.standard_normal((7, 5)).astype(np.float32)]
    for inputs, outputs in pairwise(sizes):
        arrays.append(rng.standard_normal((outputs, inputs)).astype(np.float32))
        arrays.append(rng.standard_normal(outputs).astype(np.float32) if bias else None)
    return arrays, rng.standard_normal((7, 3)).astype(np.float32)


def moved(arrays):
    return [None if array is None else from_host(array) for array in arrays]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("wanted", [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3], [0], [3]])
def test_bits(bias, wanted):
    if not bias:
        wanted = [position for position in wanted if position % 2 or position == 0]
    arrays, dy = case(bias)
    on_device = moved(arrays)
    y, kept = cpu.mlp(arrays, NAMES, True)
    on_y, on_kept = cuda.mlp(on_device, NAMES, True)
    np.testing.assert_array_equal(to_host(on_y), y, strict=True)
    inferred, _ = cuda.mlp(on_device, NAMES, False)
    np.testing.assert_array_equal(to_host(inferred), y, strict=True)
    expected = cpu.mlp_backward(dy, kept, wanted)
    found = cuda.mlp_backward(from_host(dy), on_kept, wanted)
    for position in range(7):
        if position in wanted:
            np.testing.assert_array_equal(to_host(found[position]), expected[position], strict=True)
        else:
            assert found[position] is None


def test_other_arrays_are_left_to_the_layers():
    arrays, _ = case()
    on_device = moved(arrays)
    for position in range(7):
        for other in (arrays[position], from_host(np.ones(2, np.float32)), None):
            if other is None and position % 2 == 0 and position:
                continue  # no bias
            changed = [*on_device[:position], other, *on_device[position + 1 :]]
            assert cuda.mlp(changed, NAMES, True) is None


def test_a_sequential_trains_to_the_cpus_bits():
    minnet.manual_seed(0)
    host = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.Sigmoid())
    device = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3), nn.Sigmoid()).cuda()
    device.load_state_dict(host.state_dict())
    x = minnet.randn(6, 5)
    for net, inputs in ((host, x), (device, x.cuda())):
        optimizer = minnet.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            output = net(inputs)
            assert output.grad_fn.name() == "SigmoidBackward0" and len(output.grad_fn.sends) == 4
            output.square().sum().backward()
            optimizer.step()
    for a, b in zip(host.parameters(), device.parameters(), strict=True):
        assert minnet.equal(a, b.cpu())


def test_mixed_devices_say_so():
    net = nn.Sequential(nn.Linear(5, 4), nn.ReLU()).cuda()
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        net(minnet.ones(2, 5))
