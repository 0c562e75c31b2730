"""Layers that change the shape alone."""

from __future__ import annotations

from nn.outcome import check, minnet_and_torch

SESSIONS = """
>>> nn.Flatten()
Flatten(start_dim=1, end_dim=-1)

>>> nn.Flatten(0, 1)
Flatten(start_dim=0, end_dim=1)

>>> nn.Unflatten(1, (2, 3))
Unflatten(dim=1, unflattened_size=(2, 3))

>>> nn.Unflatten(1, 3)
TypeError: unflattened_size must be a tuple of ints, but found type int

>>> nn.Unflatten(1, (2, 3.0))
TypeError: unflattened_size must be tuple of ints, but found element of type float at pos 1

>>> tuple(nn.Flatten()(torch.ones(2, 3, 4)).shape)
(2, 12)

>>> tuple(nn.Flatten(0)(torch.ones(2, 3, 4)).shape)
(24,)

>>> tuple(nn.Flatten(1, 2)(torch.ones(2, 3, 4, 5)).shape)
(2, 12, 5)

>>> tuple(nn.Flatten(0, -2)(torch.ones(2, 3, 4)).shape)
(6, 4)

>>> nn.Flatten(3)(torch.ones(2, 2))
IndexError: Dimension out of range (expected to be in range of [-2, 1], but got 3)

>>> tuple(nn.Flatten()(torch.ones(0, 3, 4)).shape)
(0, 12)

>>> tuple(nn.Flatten()(torch.ones(3, 0, 4)).shape)
(3, 0)

>>> nn.Flatten(2, 1)(torch.ones(2, 2, 2))
RuntimeError: flatten() has invalid args: start_dim cannot come after end_dim

>>> tuple(nn.Unflatten(1, (2, -1))(torch.ones(5, 6)).shape)
(5, 2, 3)

>>> x = torch.ones(2, 3, 4, requires_grad=True)
>>> nn.Flatten()(x).sum().backward()
>>> tuple(x.grad.shape)
(2, 3, 4)

>>> x = torch.ones(2, 3, 4)
>>> nn.Flatten()(x)[0, 0] = 7.0
>>> x[0, 0, 0].item()
7.0
"""


@minnet_and_torch(SESSIONS)
def test_shapes(library: str, program: str, expected: str) -> None:
    check(library, program, expected)
