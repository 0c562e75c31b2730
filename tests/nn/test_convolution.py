"""Convolutions and paddings: torch's values, gradients and messages; bits, and a naive twin."""

from __future__ import annotations

import itertools
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet import nn
from minnet.nn import functional as F

SESSIONS = """
>>> nn.Conv2d(3, 8, 3)
Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))

>>> nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding=(4, 2), dilation=2, groups=2, bias=False)
Conv2d(4, 6, kernel_size=(3, 5), stride=(2, 1), padding=(4, 2), dilation=(2, 2), groups=2, bias=False)

>>> nn.Conv1d(4, 6, 3, padding='same', padding_mode='circular')
Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=same, padding_mode=circular)

>>> nn.ConvTranspose2d(4, 6, 3, 2, 1, 1)
ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))

>>> (nn.Unfold((2, 3), padding=1), nn.Fold(4, 2))
(Unfold(kernel_size=(2, 3), dilation=1, padding=1, stride=1), Fold(output_size=4, kernel_size=2, dilation=1, padding=0, stride=1))

>>> layer = nn.Conv2d(4, 6, (2, 3), groups=2)
>>> [(name, tuple(p.shape)) for name, p in layer.named_parameters()]
[('weight', (6, 2, 2, 3)), ('bias', (6,))]

>>> layer = nn.ConvTranspose1d(4, 6, 3, groups=2, bias=False)
>>> (tuple(layer.weight.shape), layer.bias, list(layer.state_dict()))
((4, 3, 3), None, ['weight'])

>>> layer = nn.Conv2d(4, 6, 2, padding='same', dtype=torch.float64)
>>> (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding, layer.groups, layer.padding_mode, layer.transposed, layer.weight.dtype)
((2, 2), (1, 1), 'same', (1, 1), (0, 0), 1, 'zeros', False, torch.float64)

>>> x = torch.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
>>> w = torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]]])
>>> nn.functional.conv2d(x, w, torch.tensor([0.5]))
tensor([[[[-4.5000, -4.5000, -4.5000],
          [-4.5000, -4.5000, -4.5000],
          [-4.5000, -4.5000, -4.5000]]]], grad_fn=<ConvolutionBackward0>)

>>> x = torch.arange(5.0).reshape(1, 1, 5).requires_grad_()
>>> w = torch.tensor([[[1.0, 2.0, 3.0]]], requires_grad=True)
>>> y = nn.functional.conv1d(x, w, padding=1, stride=2)
>>> (y ** 2).sum().backward()
>>> (y, x.grad, w.grad)
(tensor([[[ 3., 14., 11.]]], grad_fn=<ConvolutionBackward0>), tensor([[[ 12.,  46.,  56., 106.,  44.]]]), tensor([[[ 94., 144.,  90.]]]))

>>> x = torch.arange(4.0).reshape(1, 1, 2, 2)
>>> w = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requires_grad=True)
>>> nn.functional.conv_transpose2d(x, w, stride=2, output_padding=(0, 1))
tensor([[[[ 0.,  0.,  1.,  2.,  0.],
          [ 0.,  0.,  3.,  4.,  0.],
          [ 2.,  4.,  3.,  6.,  0.],
          [ 6.,  8.,  9., 12.,  0.]]]], grad_fn=<ConvolutionBackward0>)

>>> x = torch.arange(9.0).reshape(1, 1, 3, 3)
>>> nn.functional.fold(nn.functional.unfold(x, 2), 3, 2)
tensor([[[[ 0.,  2.,  2.],
          [ 6., 16., 10.],
          [ 6., 14.,  8.]]]])

>>> x = torch.arange(4.0).reshape(1, 1, 4)
>>> [nn.functional.conv1d(x, torch.ones(1, 1, k), padding='same').tolist() for k in (2, 3, 4)]
[[[[1.0, 3.0, 5.0, 3.0]]], [[[1.0, 3.0, 6.0, 5.0]]], [[[3.0, 6.0, 6.0, 5.0]]]]

>>> x = torch.tensor([[[1.0, 2.0, 3.0]]])
>>> [nn.functional.pad(x, (2, 1), mode).tolist() for mode in ('constant', 'reflect', 'replicate', 'circular')]
[[[[0.0, 0.0, 1.0, 2.0, 3.0, 0.0]]], [[[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]], [[[1.0, 1.0, 1.0, 2.0, 3.0, 3.0]]], [[[2.0, 3.0, 1.0, 2.0, 3.0, 1.0]]]]

>>> x = torch.arange(6.0).reshape(1, 2, 3).requires_grad_()
>>> y = nn.functional.pad(x, (1, -1, 0, 1), value=7)
>>> y.sum().backward()
>>> (y, x.grad)
(tensor([[[7., 0., 1.],
         [7., 3., 4.],
         [7., 7., 7.]]], grad_fn=<ConstantPadNdBackward0>), tensor([[[1., 1., 0.],
         [1., 1., 0.]]]))

>>> nn.functional.pad(torch.arange(3), (-1, 1), value=2.5)
tensor([1, 2, 2])

>>> (nn.ZeroPad2d(1), nn.ConstantPad1d(2, 0.5), nn.ReflectionPad2d((1, 2, 3, 4)))
(ZeroPad2d((1, 1, 1, 1)), ConstantPad1d(padding=(2, 2), value=0.5), ReflectionPad2d((1, 2, 3, 4)))

>>> x = torch.ones(1, 2, 2)
>>> [layer(x).flatten().tolist() for layer in (nn.ZeroPad1d(1), nn.ConstantPad1d((1, 0), 3.0), nn.CircularPad1d((0, 1)))]
[[0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [3.0, 1.0, 1.0, 3.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]

>>> [tuple(nn.Conv2d(4, 6, 3, padding=1, padding_mode=m)(torch.ones(4, 5, 6)).shape) for m in ('zeros', 'reflect', 'replicate', 'circular')]
[(6, 5, 6), (6, 5, 6), (6, 5, 6), (6, 5, 6)]

>>> tuple(nn.ConvTranspose2d(4, 6, 3, 2)(torch.zeros(1, 4, 5, 5), output_size=(12, 11)).shape)
(1, 6, 12, 11)

>>> tuple(nn.Conv2d(4, 6, 3)(torch.zeros(0, 4, 5, 5)).shape)
(0, 6, 3, 3)

>>> nn.Conv2d(4, 6, 3)(torch.zeros(4, 5))
RuntimeError: Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [4, 5]

>>> nn.Conv2d(4, 6, 3)(torch.zeros(2, 3, 5, 5))
RuntimeError: Given groups=1, weight of size [6, 4, 3, 3], expected input[2, 3, 5, 5] to have 4 channels, but got 3 channels instead

>>> nn.Conv2d(4, 6, 3)(torch.zeros(2, 4, 2, 5))
RuntimeError: Calculated padded input size per channel: (2 x 5). Kernel size: (3 x 3). Kernel size can't be greater than actual input size

>>> nn.ConvTranspose2d(4, 6, 3)(torch.zeros(2, 3, 5, 5))
RuntimeError: Given transposed=1, weight of size [4, 6, 3, 3], expected input[2, 3, 5, 5] to have 4 channels, but got 3 channels instead

>>> nn.functional.conv2d(torch.zeros(2, 4, 5, 5), torch.zeros(6, 4, 3, 3), stride=(1, 1, 1))
RuntimeError: expected stride to be a single integer value or a list of 2 values to match the convolution dimensions, but got stride=[1, 1, 1]

>>> nn.functional.conv2d(torch.zeros(2, 4, 5, 5), torch.zeros(6, 4, 3, 3), padding='same', stride=2)
RuntimeError: padding='same' is not supported for strided convolutions

>>> nn.functional.fold(torch.zeros(1, 7, 9), (4, 4), 2)
RuntimeError: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=7 and kernel_size=(2, 2).

>>> nn.Conv2d(4, 6, 3, groups=0)
ValueError: groups must be a positive integer

>>> nn.Conv2d(4, 6, 3, 2, padding='same')
ValueError: padding='same' is not supported for strided convolutions

>>> nn.ConvTranspose2d(4, 6, 3, padding_mode='reflect')
ValueError: Only "zeros" padding mode is supported for ConvTranspose2d

>>> nn.functional.pad(torch.ones(1, 1, 3), (1,))
RuntimeError: Padding length must be divisible by 2

>>> nn.functional.pad(torch.ones(1, 1, 3), (1, 1), 'mirror')
NotImplementedError: Unrecognised padding mode mirror

>>> nn.functional.pad(torch.ones(1, 1, 3), (1, 1), 'reflect', 1.0)
RuntimeError: Padding mode "reflect" doesn't take in value argument
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_convolution(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def gradients(library: Any, name: str, arrays: list[np.ndarray], **options: Any) -> list[Any]:
    """Return a function's value, and the gradients of the sum of its squares."""
    xs = [library.tensor(a, requires_grad=True) for a in arrays]
    y = getattr(library.nn.functional, name)(*xs, **options)
    (y * y).sum().backward()
    return [y.detach().numpy(), *(x.grad.numpy() for x in xs)]


def same_as_torch(name: str, arrays: list[np.ndarray], **options: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (gradients(library, name, arrays, **options) for library in (minnet, torch))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


STRIDES, PADDINGS, DILATIONS = (1, (2, 3)), (0, (1, 2), "same", "valid"), (1, (2, 1))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dims", [1, 2])
def test_values_and_gradients_are_torchs(dims: int, groups: int) -> None:
    def of_dims(value: Any) -> Any:
        return value[:dims] if isinstance(value, tuple) else value

    for stride, padding, dilation in itertools.product(STRIDES, PADDINGS, DILATIONS):
        options = {"stride": of_dims(stride), "dilation": of_dims(dilation), "groups": groups}
        if padding != "same" or stride == 1:
            arrays = [normal(3, 4, *(9, 8)[:dims]), normal(6, 4 // groups, *(2, 3)[:dims])]
            same_as_torch(f"conv{dims}d", [*arrays, normal(6)], padding=of_dims(padding), **options)
        if not isinstance(padding, str):
            arrays = [normal(3, 4, *(5, 4)[:dims]), normal(4, 3, *(2, 3)[:dims])]
            same_as_torch(
                f"conv_transpose{dims}d",
                [*arrays, normal(3 * groups)],
                padding=of_dims(padding),
                output_padding=0 if stride == 1 else 1,
                **options,
            )


def test_unfold_fold_and_pad_are_torchs() -> None:
    for options in ({"kernel_size": 2}, {"kernel_size": (3, 2), "dilation": (1, 2), "stride": 2}):
        same_as_torch("unfold", [normal(2, 3, 7, 6)], padding=1, **options)
    same_as_torch("fold", [normal(2, 12, 12)], output_size=(7, 6), kernel_size=2, stride=(2, 1),
                  dilation=(1, 2))  # fmt: skip
    for mode, sides in itertools.product(
        ("constant", "reflect", "replicate", "circular"), ((1, 2), (3, 0, 2, 1), (-1, 2, 0, -2))
    ):
        x = normal(2, 5, 6) if len(sides) == 2 else normal(2, 3, 5, 6)
        same_as_torch("pad", [x], pad=sides, mode=mode)


LAYERS = {
    "Conv2d": lambda nn, **o: nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect", **o),
    "Conv2d of even size": lambda nn, **o: nn.Conv2d(4, 6, 2, padding="same", **o),
    "Conv1d": lambda nn, **o: nn.Conv1d(4, 6, 3, 2, 1, 2, 2, False, "circular", **o),
    "ConvTranspose1d": lambda nn, **o: nn.ConvTranspose1d(4, 6, 3, 2, bias=False, **o),
    "ConvTranspose2d": lambda nn, **o: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, **o),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_first_bits_and_outputs_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x = normal(2, 4, 8, *(7,) * ("2d" in name)).astype(np.float32)
    found = []
    for library, options in ((minnet, {"engine": "torch"}), (torch, {})):
        library.manual_seed(0, **options)
        layer = LAYERS[name](library.nn)
        state = {key: value.numpy() for key, value in layer.state_dict().items()}
        found.append((state, layer(library.tensor(x)).detach().numpy(), repr(layer)))
    (ours, y, text), (theirs, z, expected) = found
    assert text == expected and list(ours) == list(theirs)
    for key in ours:
        np.testing.assert_array_equal(ours[key], theirs[key])
    np.testing.assert_allclose(y, z, rtol=1e-5, atol=1e-5)


def test_default_range_is_one_over_the_root_of_the_fan() -> None:
    minnet.manual_seed(0)
    for layer, fan in ((nn.Conv2d(8, 16, 5, groups=2), 100), (nn.ConvTranspose1d(8, 16, 5), 80)):
        for parameter in layer.parameters():
            largest = parameter.detach().abs().max().item()
            assert 0.8 / fan**0.5 < largest <= np.float32(fan**-0.5)
    assert nn.init.fans(nn.Conv2d(8, 16, 5).weight) == (200, 400)


def naive(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Convolve (N, C, H, W) with (O, C, kh, kw): each element a sum, in float64."""
    n, _, height, width = x.shape
    o, _, kh, kw = w.shape
    out = np.zeros((n, o, height - kh + 1, width - kw + 1))
    for i, k, r, s in np.ndindex(*out.shape):
        patch = x[i, :, r : r + kh, s : s + kw].astype(np.float64)
        out[i, k, r, s] = (patch * w[k]).sum() + b[k]
    return out


def test_values_are_those_of_the_naive_twin() -> None:
    x, w, b = normal(3, 2, 6, 5), normal(4, 2, 3, 2), normal(4)
    found = F.conv2d(*map(minnet.tensor, (x, w, b))).numpy()
    np.testing.assert_allclose(found, naive(x, w, b), rtol=1e-12, atol=1e-12)


def bits(x: np.ndarray, w: np.ndarray) -> list[np.ndarray]:
    a, b = (minnet.tensor(v, requires_grad=True) for v in (x, w))
    y = F.conv2d(a, b, padding=1)
    (y * y).sum().backward()
    assert a.grad is not None and b.grad is not None
    return [y.detach().numpy(), a.grad.numpy(), b.grad.numpy()]


def test_bits_depend_neither_on_threads_nor_on_the_blocks_of_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Large enough for each product to be worth several threads.
    x, w = normal(3, 24, 26, 25).astype(np.float32), normal(48, 24, 3, 3).astype(np.float32)
    expected = bits(x, w)
    threads = minnet.get_num_threads()
    try:
        minnet.set_num_threads(1)
        for a, b in zip(bits(x, w), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    finally:
        minnet.set_num_threads(threads)
    for block in (1, 100_000, 1 << 30):
        monkeypatch.setattr(import_module("minnet.functional.convolution"), "BLOCK", block)
        for a, b in zip(bits(x, w), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_call_that_fails_names_the_numbers() -> None:
    x, w = minnet.zeros(2, 4, 5, 5), minnet.zeros(6, 4, 3, 3)
    for options, words in (
        ({"stride": 0}, "non-positive stride"),
        ({"padding": -1}, "negative padding"),
        ({"dilation": 0}, "non-positive dilation"),
        ({"groups": 0}, "non-positive groups"),
        ({"groups": 4}, "divisible by 4"),
        ({"padding": "full"}, "Invalid padding string"),
        ({"bias": minnet.zeros(5)}, "1-dimensional with 6 elements"),
        ({"bias": minnet.zeros(6).double()}, "bias type"),
    ):
        with pytest.raises(RuntimeError, match=words):
            F.conv2d(x, w, **options)
    with pytest.raises(RuntimeError, match=r"Double.*Float.*should be the same"):
        F.conv2d(x.double(), w)
    with pytest.raises(NotImplementedError, match=r"conv2d.*not implemented for 'Long'"):
        F.conv2d(x.long(), w.long())
    with pytest.raises(RuntimeError, match="output padding must be smaller"):
        F.conv_transpose2d(x, minnet.zeros(4, 3, 3, 3), stride=2, output_padding=2)
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        F.conv2d(1, w)
