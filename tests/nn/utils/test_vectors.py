"""Parameters as one vector; modules without initial values."""

import numpy as np
import pytest

import minnet
from minnet import nn
from minnet.nn import utils


def test_parameters_become_a_vector_and_come_back():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vector = utils.parameters_to_vector(net.parameters())
    expected = np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])
    np.testing.assert_array_equal(vector.detach().numpy(), expected)
    (vector * vector).sum().backward()
    np.testing.assert_allclose(net[0].weight.grad.numpy(), 2 * net[0].weight.detach().numpy())
    before = list(net.parameters())
    new = minnet.arange(11.0)
    utils.vector_to_parameters(new, net.parameters())
    assert net[0].weight.tolist() == [[0, 1, 2], [3, 4, 5]] and net[1].bias.tolist() == [10]
    assert all(p is q for p, q in zip(net.parameters(), before, strict=True))
    new[0] = 7.0
    assert net[0].weight[0, 0].item() == 7 and net[0].weight.is_leaf
    turned = nn.Parameter(minnet.arange(6.0).view(2, 3).t())
    assert utils.parameters_to_vector([turned]).tolist() == [0, 3, 1, 4, 2, 5]


def test_what_does_not_fit_is_an_error_and_changes_nothing():
    net = nn.Linear(3, 2)
    before = net.weight.tolist()
    with pytest.raises(TypeError, match=r"expected torch\.Tensor, but got: list"):
        utils.vector_to_parameters([1.0] * 8, net.parameters())
    with pytest.raises(RuntimeError, match=r"a vector of 8 elements .* got \[7\]"):
        utils.vector_to_parameters(minnet.ones(7), net.parameters())
    assert net.weight.tolist() == before


def test_skipped_initializations_draw_nothing():
    class Block(nn.Module):
        def __init__(self, n, device=None):
            super().__init__()
            self.inner = nn.Linear(n, n, device=device)

    minnet.manual_seed(3)
    expected = minnet.rand(2).tolist()
    minnet.manual_seed(3)
    kinds = (nn.Linear, (3, 2)), (nn.Conv2d, (3, 2, 2)), (nn.BatchNorm1d, (3,)), (Block, (2,))
    for cls, args in kinds:
        module = utils.skip_init(cls, *args)
        assert type(module) is cls
        shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (module, cls(*args))]
        assert shapes[0] == shapes[1]
        minnet.manual_seed(3)
        utils.skip_init(cls, *args)
    assert minnet.rand(2).tolist() == expected
    layer = utils.skip_init(nn.Linear, 3, 2, bias=False, dtype=minnet.float64)
    assert layer.weight.dtype is minnet.float64 and layer.bias is None
    layer.reset_parameters()
    assert abs(layer.weight.detach().numpy()).max() <= 3**-0.5
    with pytest.raises(RuntimeError, match="Expected a Module; got int"):
        utils.skip_init(int)
    with pytest.raises(RuntimeError, match="Module must support a 'device' arg"):
        utils.skip_init(nn.ReLU)
