"""Normalization layers and functions: torch's numbers, states and errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn
from minnet.nn import functional as F

SESSIONS = """
>>> nn.BatchNorm1d(3)
BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)

>>> nn.InstanceNorm2d(3, momentum=None)
InstanceNorm2d(3, eps=1e-05, momentum=None, affine=False, bias=False, track_running_stats=False)

>>> nn.LayerNorm([3, 4], bias=False)
LayerNorm((3, 4), eps=1e-05, elementwise_affine=True, bias=False)

>>> nn.RMSNorm(3)
RMSNorm((3,), eps=None, elementwise_affine=True)

>>> nn.GroupNorm(2, 4)
GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)

>>> nn.GroupNorm(3, 4)
ValueError: num_channels (4) must be divisible by num_groups (3)

>>> list(nn.BatchNorm2d(3).state_dict())
['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']

>>> list(nn.BatchNorm1d(3, affine=False, track_running_stats=False).state_dict())
[]

>>> list(nn.LayerNorm(3).state_dict()), list(nn.RMSNorm(3).state_dict())
(['weight', 'bias'], ['weight'])

>>> layer = nn.BatchNorm1d(2)
>>> layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
tensor([[-1.0000, -1.0000],
        [ 1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)

>>> layer = nn.BatchNorm1d(2)
>>> y = layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
>>> layer.running_mean, layer.running_var, layer.num_batches_tracked
(tensor([0.2000, 2.0000]), tensor([ 1.1000, 20.9000]), tensor(1))

>>> layer = nn.BatchNorm1d(1, momentum=None)
>>> for x in (1.0, 2.0, 6.0):
...     y = layer(torch.tensor([[x], [x]]))
>>> layer.running_mean
tensor([3.])

>>> layer = nn.BatchNorm1d(1)
>>> y = layer(torch.tensor([[1.0], [3.0]]))
>>> layer.reset_running_stats()
>>> layer.running_mean, layer.running_var, layer.num_batches_tracked
(tensor([0.]), tensor([1.]), tensor(0))

>>> nn.BatchNorm1d(3)(torch.zeros(3))
ValueError: expected 2D or 3D input (got 1D input)

>>> nn.BatchNorm2d(3)(torch.zeros(2, 3))
ValueError: expected 4D input (got 2D input)

>>> nn.InstanceNorm2d(3)(torch.zeros(2, 3))
ValueError: expected 3D or 4D input (got 2D input)

>>> nn.BatchNorm1d(3)(torch.zeros(1, 3))
ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 3])

>>> nn.functional.group_norm(torch.zeros(1, 4), 4)
ValueError: Expected more than 1 value per channel when training, got input size [1, 4]

>>> nn.InstanceNorm1d(4, affine=True)(torch.zeros(2, 3, 5))
ValueError: expected input's size at dim=1 to match num_features (4), but got: 3.

>>> nn.functional.batch_norm(torch.zeros(2, 3), None, None)
RuntimeError: running_mean must be defined in evaluation mode

>>> nn.functional.instance_norm(torch.zeros(2, 3, 2), use_input_stats=False)
RuntimeError: Expected running_mean and running_var to be defined when use_input_stats is false

>>> nn.functional.batch_norm(torch.zeros(2, 3), torch.zeros(3), None, training=True)
ValueError: running_mean and running_var must either both be None or neither be None

>>> nn.functional.batch_norm(torch.zeros(2, 3), None, None, training=True, eps=0.0)
ValueError: batch_norm eps must be positive during training, but got 0.0

>>> nn.functional.layer_norm(torch.zeros(4, 3), 3)
TypeError: layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int

>>> nn.LayerNorm(4)(torch.zeros(4, 3))
RuntimeError: Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[4, 3]

>>> nn.functional.layer_norm(torch.zeros(4, 3), (3,), torch.zeros(2))
RuntimeError: Expected weight to be of same shape as normalized_shape, but got weight of shape [2] and normalized_shape = [3]

>>> nn.functional.group_norm(torch.zeros(4, 3), 2)
RuntimeError: Expected number of channels in input to be divisible by num_groups, but got input of shape [4, 3] and num_groups=2

>>> nn.functional.layer_norm(torch.zeros(2, 2), (2,), torch.ones(2, requires_grad=True)).grad_fn.name()
'NativeLayerNormBackward0'

>>> nn.GroupNorm(1, 2)(torch.zeros(0, 2)).shape
torch.Size([0, 2])
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_normalization(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "batch": (lambda nn: nn.BatchNorm1d(3), (6, 3)),
    "batch of lines": (lambda nn: nn.BatchNorm1d(3, momentum=0.3), (6, 3, 4)),
    "batch without affine": (lambda nn: nn.BatchNorm1d(3, affine=False), (6, 3)),
    "batch without bias": (lambda nn: nn.BatchNorm1d(3, bias=False), (6, 3)),
    "batch without statistics": (lambda nn: nn.BatchNorm1d(3, track_running_stats=False), (6, 3)),
    "batch, all averaged": (lambda nn: nn.BatchNorm2d(3, momentum=None), (2, 3, 4, 5)),
    "batch of volumes": (lambda nn: nn.BatchNorm3d(2), (2, 2, 3, 2, 2)),
    "instance": (lambda nn: nn.InstanceNorm1d(3), (2, 3, 5)),
    "instance alone": (lambda nn: nn.InstanceNorm2d(3, affine=True), (3, 4, 5)),
    "instance with statistics": (
        lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
        (2, 3, 4, 5),
    ),
    "group": (lambda nn: nn.GroupNorm(2, 4), (3, 4, 5)),
    "group of features": (lambda nn: nn.GroupNorm(2, 8, affine=False), (3, 8)),
    "layer": (lambda nn: nn.LayerNorm(5), (4, 5)),
    "layer of two dims": (lambda nn: nn.LayerNorm((3, 4), bias=False), (2, 3, 4)),
    "layer, whole": (lambda nn: nn.LayerNorm((3, 4), elementwise_affine=False), (3, 4)),
    "rms": (lambda nn: nn.RMSNorm(5), (4, 5)),
    "rms of two dims": (lambda nn: nn.RMSNorm((3, 4), 1e-3, False), (2, 3, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_gradients_and_states_are_torchs(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    build, shape = LAYERS[name]
    rng = np.random.default_rng(0)
    given = (rng.standard_normal((3, *shape)) * 2 + 3).astype(dtype)
    start = rng.uniform(0.5, 1.5, 60)

    def run(library: Any) -> list[np.ndarray]:
        layer = build(library.nn).to(getattr(library, dtype))
        found = []
        with library.no_grad():
            for p in layer.parameters():
                p.copy_(library.tensor(start[: p.numel()].reshape(tuple(p.shape))))
        for i, x in enumerate(given):
            x = library.tensor(x, requires_grad=True)
            y = layer.train(i < 2)(x)
            (y * y * y).sum().backward()
            found += [y, x.grad]
        found += [p.grad for p in layer.parameters()] + list(layer.state_dict().values())
        return [x.detach().numpy() for x in found]

    rtol = 1e-5 if dtype == "float32" else 1e-12
    for ours, theirs in zip(run(minnet), run(torch), strict=True):
        assert ours.dtype == theirs.dtype
        scale = np.abs(theirs).max(initial=1)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("name", [name for name in LAYERS if "batch" in name or "layer" in name])
def test_second_derivatives_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    build, shape = LAYERS[name]
    given = np.random.default_rng(0).standard_normal(shape)

    def run(library: Any) -> np.ndarray:
        x = library.tensor(given, requires_grad=True)
        y = build(library.nn).double()(x)
        (slope,) = library.autograd.grad((y**3).sum(), x, create_graph=True)
        return library.autograd.grad((slope**2).sum(), x)[0].numpy()

    np.testing.assert_allclose(run(minnet), run(torch), rtol=1e-8, atol=1e-8)


def test_known_answers() -> None:
    x = minnet.tensor([[1.0, -2.0], [3.0, 2.0], [8.0, 6.0]], requires_grad=True)
    y = nn.BatchNorm1d(2, eps=2.0)(x)
    # Variances 26/3 and 32/3: with eps 32/3 and 38/3.
    scale = np.sqrt([3 / 32, 3 / 38])
    np.testing.assert_allclose(
        y.detach().numpy(), [[-3, -4], [-1, 0], [4, 4]] * scale, rtol=1e-6, atol=1e-7
    )
    y.backward(minnet.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    standard = np.array([-3, -1, 4]) * scale[0]
    expected = (np.array([1, 0, 0]) - 1 / 3 - standard * standard[0] / 3) * scale[0]
    np.testing.assert_allclose(x.grad.numpy()[:, 0], expected, rtol=1e-5, atol=1e-7)
    assert x.grad.numpy()[:, 1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(
        nn.RMSNorm(2, 0.0)(minnet.tensor([3.0, 4.0])).detach().numpy(),
        np.array([3, 4]) / np.sqrt(12.5),
        rtol=1e-6,
    )


def test_evaluation_changes_nothing_and_uses_the_running_statistics() -> None:
    layer = nn.BatchNorm1d(2).eval()
    layer.running_mean.fill_(1.0)
    layer.running_var.fill_(4.0)
    layer.eps = 0.0
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    assert layer(minnet.tensor([[3.0, 1.0]])).tolist() == [[1.0, 0.0]]
    for name, value in layer.state_dict().items():
        assert minnet.equal(value, before[name])


def test_a_failed_call_leaves_the_statistics_alone() -> None:
    layer = nn.BatchNorm1d(2)
    for x in (minnet.zeros(4, 3), minnet.zeros(4, 2, dtype=minnet.float64), minnet.zeros(1, 2)):
        with pytest.raises((RuntimeError, ValueError)):
            layer(x)
    assert layer.num_batches_tracked.item() == 0
    assert layer.running_mean.tolist() == [0.0, 0.0]


def test_a_state_from_before_there_was_a_count_is_loaded() -> None:
    layer = nn.Sequential(nn.BatchNorm1d(2))
    layer(minnet.randn(4, 2))
    state = {k: v * 2 for k, v in layer.state_dict().items() if "num" not in k}
    assert str(layer.load_state_dict(state)) == "<All keys matched successfully>"
    assert layer[0].num_batches_tracked.item() == 1
    state = layer.state_dict()  # which says that it is a later one
    del state["0.num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r"Missing key.*num_batches_tracked"):
        layer.load_state_dict(state)


def test_a_layer_is_copied_pickled_and_converted() -> None:
    layer = nn.BatchNorm1d(2)
    layer(minnet.randn(4, 2))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        for name, value in layer.state_dict().items():
            assert minnet.equal(value, other.state_dict()[name])
    layer.double()
    assert layer.running_mean.dtype is minnet.float64
    assert layer.num_batches_tracked.dtype is minnet.int64


def test_changes_are_noticed() -> None:
    x = minnet.randn(4, 2, requires_grad=True)
    h = x * 1
    y = F.layer_norm(h, (2,))
    h.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        minnet.autograd.grad(y.sum(), x, create_graph=True)
    y = F.layer_norm(x, (2,))
    expected = minnet.autograd.grad((y * 1).sum(), x, retain_graph=True)[0]
    y.detach().zero_()  # it is no more than a result
    assert minnet.equal(minnet.autograd.grad(y.sum(), x)[0], expected)


def test_dtypes_must_agree() -> None:
    with pytest.raises(RuntimeError, match="mixed dtype"):
        nn.LayerNorm(2)(minnet.zeros(3, 2, dtype=minnet.float64))
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        F.layer_norm(minnet.zeros(3, 2, dtype=minnet.int64), (2,))


def test_other_channels_than_the_layers_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="does not match num_features"):
        nn.InstanceNorm1d(4)(minnet.randn(2, 3, 5))
