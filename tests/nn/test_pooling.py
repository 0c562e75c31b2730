"""Pooling and upsampling: torch's values, gradients, indices and messages."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from nn.outcome import check, minnet_and_torch

import minnet
from minnet.nn import functional as F

SESSIONS = """
>>> (nn.MaxPool2d(2), nn.MaxPool1d((3,), 1, ceil_mode=True))
(MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False), MaxPool1d(kernel_size=(3,), stride=1, padding=0, dilation=1, ceil_mode=True))

>>> (nn.AvgPool2d((2, 3)), nn.AvgPool1d(3, 2, 1))
(AvgPool2d(kernel_size=(2, 3), stride=(2, 3), padding=0), AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,)))

>>> (nn.AdaptiveAvgPool2d((None, 2)), nn.AdaptiveAvgPool1d(3), nn.AdaptiveMaxPool2d(1), nn.AdaptiveMaxPool1d(2))
(AdaptiveAvgPool2d(output_size=(None, 2)), AdaptiveAvgPool1d(output_size=3), AdaptiveMaxPool2d(output_size=1), AdaptiveMaxPool1d(output_size=2))

>>> (nn.Upsample(scale_factor=2), nn.Upsample((2, 3)))
(Upsample(scale_factor=2.0, mode='nearest'), Upsample(size=(2, 3), mode='nearest'))

>>> x = torch.tensor([[[1.0, 5.0, 5.0], [4.0, 5.0, 0.0], [7.0, 2.0, 3.0]]], requires_grad=True)
>>> y, at = nn.functional.max_pool2d(x, 2, stride=1, return_indices=True)
>>> y.sum().backward()
>>> (y, at, x.grad)
(tensor([[[5., 5.],
         [7., 5.]]], grad_fn=<MaxPool2DWithIndicesBackward0>), tensor([[[1, 1],
         [6, 4]]]), tensor([[[0., 2., 0.],
         [0., 1., 0.],
         [1., 0., 0.]]]))

>>> nn.functional.max_pool2d(torch.tensor([[[1.0, 5.0], [float('nan'), -float('inf')]]]), 2, 1, 1)
tensor([[[1., 5., 5.],
         [nan, nan, 5.],
         [nan, nan, -inf]]])

>>> nn.functional.max_pool2d(torch.arange(9).reshape(1, 3, 3), 2, ceil_mode=True)
tensor([[[4, 5],
         [7, 8]]])

>>> x = torch.arange(6.0).reshape(1, 1, 2, 3).requires_grad_()
>>> [nn.functional.avg_pool2d(x, 2, 1, 1, count_include_pad=c).tolist() for c in (True, False)]
[[[[[0.0, 0.25, 0.75, 0.5], [0.75, 2.0, 3.0, 1.75], [0.75, 1.75, 2.25, 1.25]]]], [[[[0.0, 0.5, 1.5, 2.0], [1.5, 2.0, 3.0, 3.5], [3.0, 3.5, 4.5, 5.0]]]]]

>>> x = torch.arange(5.0).reshape(1, 5).requires_grad_()
>>> y = nn.functional.avg_pool1d(x, 2, ceil_mode=True)
>>> y[0, 2].backward()
>>> (y, x.grad)
(tensor([[0.5000, 2.5000, 4.0000]], grad_fn=<SqueezeBackward1>), tensor([[0., 0., 0., 0., 1.]]))

>>> nn.functional.avg_pool2d(torch.arange(9.0, requires_grad=True).reshape(1, 3, 3), 2, divisor_override=3)
tensor([[[2.6667]]], grad_fn=<AvgPool2DBackward0>)

>>> x = torch.arange(10.0).reshape(1, 2, 5).requires_grad_()
>>> y = nn.functional.adaptive_avg_pool2d(x, (2, 3))
>>> y.sum().backward()
>>> (y, x.grad)
(tensor([[[0.5000, 2.0000, 3.5000],
         [5.5000, 7.0000, 8.5000]]], grad_fn=<AdaptiveAvgPool2DBackward0>), tensor([[[0.5000, 0.8333, 0.3333, 0.8333, 0.5000],
         [0.5000, 0.8333, 0.3333, 0.8333, 0.5000]]]))

>>> nn.functional.adaptive_avg_pool2d(torch.ones(2, 3, 4, 5, requires_grad=True), 1)[0, 0]
tensor([[1.]], grad_fn=<SelectBackward0>)

>>> nn.functional.adaptive_max_pool1d(torch.tensor([[3.0, 1.0, 2.0, 5.0]]), 3, return_indices=True)
(tensor([[3., 2., 5.]]), tensor([[0, 2, 3]]))

>>> x = torch.tensor([[[1.0, 2.0, 3.0]]], requires_grad=True)
>>> y = nn.functional.interpolate(x, scale_factor=1.7)
>>> y.sum().backward()
>>> (y, x.grad)
(tensor([[[1., 1., 2., 2., 3.]]], grad_fn=<UpsampleNearest1DBackward0>), tensor([[[2., 2., 1.]]]))

>>> nn.functional.interpolate(torch.arange(4.0).reshape(1, 1, 2, 2), size=(3, 5))
tensor([[[[0., 0., 0., 1., 1.],
          [0., 0., 0., 1., 1.],
          [2., 2., 2., 3., 3.]]]])

>>> [tuple(pool(torch.ones(2, 4, 7, 9)).shape) for pool in (nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((3, None)), nn.Upsample(scale_factor=1.5))]
[(2, 4, 4, 5), (2, 4, 3, 4), (2, 4, 3, 9), (2, 4, 10, 13)]

>>> nn.MaxPool1d(2, return_indices=True)(torch.tensor([[1.0, 2.0, 4.0, 3.0]]))
(tensor([[2., 4.]]), tensor([[1, 2]]))

>>> nn.functional.max_pool2d(torch.zeros(2, 4, 5, 5), 2, padding=2)
RuntimeError: pad should be at most half of effective kernel size, but got pad=2, kernel_size=2 and dilation=1

>>> nn.functional.avg_pool2d(torch.ones(1, 2, 2), 2, divisor_override=0)
RuntimeError: divisor must be not zero

>>> nn.functional.interpolate(torch.ones(1, 1, 2))
ValueError: either size or scale_factor should be defined

>>> nn.functional.interpolate(torch.ones(1, 1, 2), 2, 2)
ValueError: only one of size or scale_factor should be defined
"""  # noqa: E501


@minnet_and_torch(SESSIONS)
def test_pooling(library: str, program: str, expected: str) -> None:
    check(library, program, expected)


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


def tied(*shape: int) -> np.ndarray:
    """Return numbers some of which are equal."""
    return np.random.default_rng(0).integers(-4, 5, shape) / 4


@pytest.mark.parametrize("dims", [1, 2])
def test_values_and_gradients_are_torchs(dims: int) -> None:
    x = tied(2, 3, *(7, 6)[:dims])
    for kernel, stride, padding, ceil in itertools.product(
        (2, 3), (None, 1, 2), (0, 1), (False, True)
    ):
        options = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil}
        same_as_torch(f"max_pool{dims}d", [x], **options)
        same_as_torch(f"max_pool{dims}d", [x], dilation=2, **options)
        for count in (True, False):
            same_as_torch(f"avg_pool{dims}d", [x], count_include_pad=count, **options)
    for size in (1, 2, 3, 5, 9):
        same_as_torch(f"adaptive_avg_pool{dims}d", [x], output_size=size)
        same_as_torch(f"adaptive_max_pool{dims}d", [x], output_size=size)
    for options in ({"size": 9}, {"scale_factor": 1.7}, {"scale_factor": 0.6}):
        for again in (None, True) if "scale_factor" in options else (None,):
            same_as_torch("interpolate", [x], recompute_scale_factor=again, **options)


def test_indices_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    x = tied(2, 3, 7, 6)
    for name, options in (
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        ("max_pool2d", {"kernel_size": (2, 3), "dilation": 2}),
        ("adaptive_max_pool2d", {"output_size": (3, 4)}),
    ):
        ours, theirs = (
            getattr(library.nn.functional, name)(library.tensor(x), **options, return_indices=True)
            for library in (minnet, torch)
        )
        np.testing.assert_array_equal(ours[0].numpy(), theirs[0].numpy())
        np.testing.assert_array_equal(ours[1].numpy(), theirs[1].numpy())


def test_the_returned_indices_belong_to_the_user() -> None:
    x = minnet.tensor([[3.0, 1.0, 2.0, 5.0]], requires_grad=True)
    y, at = F.max_pool1d(x, 2, return_indices=True)
    at.fill_(1)
    y.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [[1.0, 0.0, 0.0, 1.0]]


def test_an_infinity_or_nan_stays_in_its_windows() -> None:
    x = minnet.ones(1, 4, 4)
    x[0, 0, 0], x[0, 3, 3] = float("nan"), float("inf")
    for pool in (F.avg_pool2d, F.max_pool2d):
        np.testing.assert_array_equal(pool(x, 2).numpy(), [[[np.nan, 1], [1, np.inf]]])


def test_a_call_that_fails_names_the_numbers() -> None:
    x = minnet.zeros(2, 4, 5, 5)
    for call, words in (
        (lambda: F.max_pool2d(x, 7), "Output size is too small"),
        (lambda: F.max_pool2d(x, 2, 0), "non-positive stride"),
        (lambda: F.max_pool2d(x[0, 0], 2), "input of size: .5, 5."),
        (lambda: F.max_pool2d(x[:, :, :2, :2], 2, 1, 1, 3), "padding alone"),
        (lambda: F.adaptive_avg_pool2d(x, -1), "negative output_size"),
        (lambda: F.adaptive_avg_pool2d(x, (1, 2, 3)), "must have 2 elements"),
        (lambda: F.adaptive_avg_pool2d(x[:, :, :0], 1), "non-zero size"),
        (lambda: F.avg_pool2d(x.long(), 2), "not implemented for 'Long'"),
        (lambda: F.interpolate(x, 2, mode="bilinear"), "for the mode: nearest"),
    ):
        with pytest.raises(RuntimeError, match=words):
            call()
